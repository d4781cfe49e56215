"""Runs one script, or a command of tools, from any folder: what the container image and the GitHub Action start.

usage: FILE | run NAME... | sandbox

  fivetran_blueprints/trigger_sync.py    run this script once; its inputs are environment variables
  run "Fivetran - Execute Sync" ...      run blueprints one after the other, with their guardrails; see run --help
  sandbox --host 0.0.0.0                 imitate the vendors' APIs; see sandbox --help
"""

from __future__ import annotations

import os
import signal
import sys

# The first process of a container gets no signal that it does not handle. Until a script has its own handlers, SIGTERM
# would be lost and `docker stop` would take ten seconds; nothing has been started at a vendor by then.
for number in (signal.SIGINT, signal.SIGTERM):
    if signal.getsignal(number) != signal.SIG_IGN:
        signal.signal(number, lambda number, _frame: os._exit(128 + number))

from pathlib import Path  # noqa: E402 - after what must come first

REPOSITORY = Path(__file__).resolve().parents[1]
COMMANDS = ("run", "sandbox", "github_action")


def main(arguments: list[str]) -> int:
    """The exit code: the script's or the command's own; 2 for a wrong command line, and for none at all."""
    what = arguments[0] if arguments else ""
    if what in ("", "-h", "--help"):
        print(__doc__, file=sys.stdout if what else sys.stderr)
        return 0 if what else 2  # a job whose arguments were forgotten must not look like one that succeeded
    if what in COMMANDS:
        sys.path[0] = str(REPOSITORY)
        import importlib

        exit_code: int = importlib.import_module("sync_blueprints." + {"run": "fleet_run"}.get(what, what)).main(arguments[1:])
        return exit_code
    path = REPOSITORY / what
    if path.suffix != ".py" or not path.is_file():
        hint = f'; a blueprint\'s name comes after run: run "{what}"' if " - " in what else ""
        print(f"there is no script and no command {what!r}{hint}; --help shows what there is", file=sys.stderr)
        return 2
    import runpy

    sys.argv = [str(path), *arguments[1:]]
    sys.path[0] = str(path.parent)
    runpy.run_path(str(path), run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
