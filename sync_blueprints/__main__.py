"""The command `sync-blueprints`, also `python -m sync_blueprints` and what the image starts."""

from __future__ import annotations

import os
import signal
import sys

if __name__ == "__main__" and not __package__:  # called by its path, from any folder
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - early


def _end_at_once(number: int, _frame: object) -> None:
    os._exit(128 + number)


COMMANDS = {  # name: (module and function, from argv to the exit code; what it does)
    "list": ("lookup:list_blueprints", "list the blueprints"),
    "show": ("lookup:show", "show a blueprint: its inputs, retries, and exit codes"),
    "explain": ("lookup:explain", "explain what an exit code means and what to do about it"),
    "run": ("run_command:main", "run blueprints, or a fleet of them, with retries and time limits"),
    "demo": ("demo:main", "run every trigger and check against the sandbox"),
    "sandbox": ("sandbox:main", "simulate the vendors' APIs on this machine"),
    "export": ("export:main", "write the file that runs blueprints in your orchestrator"),
    "bundle": ("bundle:main", "make one zip file per vendor, to upload to the platform"),
    "docs": ("docs:main", "write the pages in docs/"),
}
HIDDEN = {"github_action": "github_action:main"}  # what action.yml starts


def main(argv: list[str] | None = None) -> int:
    """The exit code: the command's or the script's own; 2 for a wrong command line, and for none at all."""
    # The first process of a container gets no signal that it does not handle. Until a script or a command has handlers
    # of its own, SIGTERM would be lost and `docker stop` take ten seconds; nothing is running at a vendor by then.
    for number in (getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end_at_once)
    arguments = sys.argv[1:] if argv is None else argv
    if arguments and arguments[0].endswith(".py"):
        return _run_script(arguments[0], arguments[1:])
    import pkgutil

    from sync_blueprints.root import ROOT

    sys.path.insert(0, str(ROOT))  # for `shared`
    try:
        if "_ARGCOMPLETE" in os.environ:
            pkgutil.resolve_name("sync_blueprints.completion:complete")()
        name = _command(arguments)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        function = HIDDEN.get(name) or COMMANDS[name][0]
        exit_code: int = pkgutil.resolve_name(f"sync_blueprints.{function}")(arguments[1:])
    except KeyboardInterrupt:
        return 130
    except ModuleNotFoundError as error:
        print(f"sync-blueprints: {error}; pip install -r requirements-tools.txt", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `sync-blueprints list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return exit_code


def _command(arguments: list[str]) -> str:
    """The command that is named; prints help or the version, and exits, where that is what is wanted."""
    name = arguments[0] if arguments else ""
    if name in COMMANDS or name in HIDDEN:
        return name
    if name == "--version":
        from sync_blueprints.catalog import version

        print(f"sync-blueprints {version()}")
    elif name in ("-h", "--help"):
        print(_help())
    else:  # a job whose arguments were forgotten must not look like one that succeeded
        unknown = f"sync-blueprints: unknown command {name!r}; {_hint(name)}" if name else _help()
        print(unknown, file=sys.stderr)
        sys.exit(2)
    sys.exit(0)


def _help() -> str:
    import shutil

    from sync_blueprints.terminal import paragraphs, table

    width = shutil.get_terminal_size().columns
    commands = "\n".join(table([(name, what) for name, (_, what) in COMMANDS.items()], width, "  "))
    script = (
        "With a script such as fivetran_blueprints/trigger_sync.py, runs it once; inputs are environment variables."
    )
    return f"""\
usage: sync-blueprints COMMAND …
       sync-blueprints VENDOR_blueprints/SCRIPT.py
       sync-blueprints --help | --version

{paragraphs("Trigger and check data syncs in RudderStack, Fivetran, and Nango.", width)}

commands (each has its own --help):
{commands}

{paragraphs(script, width)}"""


def _hint(name: str) -> str:
    from sync_blueprints.catalog import CatalogError, find, nearest

    try:
        return f'to run a blueprint: sync-blueprints run "{find(name).name}"'
    except CatalogError:
        near = nearest(name, COMMANDS)
        return f"did you mean {near}?" if near else "see --help"


def _run_script(name: str, arguments: list[str]) -> int:
    """Run a script in this process, which ends with its exit code."""
    from sync_blueprints.root import ROOT

    path = ROOT / name.replace("\\", "/")
    if ROOT not in path.resolve().parents or not path.is_file():
        print(f"sync-blueprints: there is no script {name!r}; see sync-blueprints list", file=sys.stderr)
        return 2
    import runpy

    sys.argv = [str(path), *arguments]
    sys.path[0] = str(path.parent)
    runpy.run_path(str(path), run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main())
