"""The command, as a process of its own in another folder."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from pathlib import Path

import pytest

from shared import VERSION
from sync_blueprints import demo
from sync_blueprints.__main__ import COMMANDS
from sync_blueprints.catalog import REPOSITORY, find, load
from sync_blueprints.fleet_file import read
from sync_blueprints.sandbox import APIS, Sandbox
from tests import processes
from tests.processes import Ended

COMMAND = str(REPOSITORY / "sync_blueprints" / "__main__.py")
TRIGGER = "fivetran_blueprints/trigger_sync.py"

pytestmark = pytest.mark.sockets


def run(folder: Path, *arguments: str, **variables: str) -> Ended:
    """In a folder where everything that could be imported by mistake would end the process."""
    for name in ("json", "yaml", "requests", "shared", "sync_blueprints", "fivetran_blueprints"):
        (folder / f"{name}.py").write_text("raise SystemExit('imported from the working directory')", encoding="utf-8")
    return processes.run([COMMAND, *arguments], variables, folder)


@pytest.mark.parametrize("arguments", [[TRIGGER], ["run", "Fivetran - Execute Sync"]], ids=["script", "run"])
def test_it_runs_from_any_folder_with_the_exit_code_of_what_it_runs(
    tmp_path: Path, sandbox: Sandbox, arguments: list[str]
) -> None:
    given = {**sandbox.environment, "SHIPYARD_ARTIFACTS_DIRECTORY": str(tmp_path / "artifacts")}
    started = run(tmp_path, *arguments, **given, FIVETRAN_CONNECTOR_ID="succeeds_in_0")
    assert started.exit_code == 0, started.stderr
    assert '"outcome": "started"' in started.stdout
    assert run(tmp_path, *arguments, **given).exit_code == 206


def test_help_fits_a_screen_and_names_every_command(tmp_path: Path) -> None:
    done = run(tmp_path, "--help", COLUMNS="80")
    assert (done.exit_code, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) <= 24
    for command in COMMANDS:
        assert f"\n  {command} " in done.stdout


def test_the_version_is_the_one_that_a_run_reports(tmp_path: Path) -> None:
    assert run(tmp_path, "--version").stdout == f"sync-blueprints {VERSION}\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "trigger_sync.py"),
        (["fivetran_blueprints/no_such.py"], "no_such.py"),
        (["fivetran_blueprints"], "'fivetran_blueprints'"),
        (["lst"], "did you mean list?"),
        (["fivetran-execute-sync"], 'run "Fivetran - Execute Sync"'),
        (["json.py"], "there is no script 'json.py'"),
        ([os.__file__], f"there is no script '{os.__file__}'"),  # but not one of ours
        *(([*command, "x"], "there is no blueprint 'x'") for command in (["run"], ["show"], ["explain", "204"])),
        (["explain", "1000"], "unknown exit code 1000"),
        (["run"], "expected the names of blueprints or scripts, or --fleet FILE"),
        (["run", "x.py", "--retry-wait", "5"], "'5' is not a valid duration"),
        (["run", "x.py", "--retry-count", "-1"], "'-1' is not a number of retries"),
        (["run", "--fleet", "json.py"], "json.py:1: the file: expected a mapping"),
        (["run", "--fleet", "nango.yaml", TRIGGER], "expected the names of blueprints or scripts, or --fleet FILE"),
    ],
)
def test_what_is_not_there_is_a_message_and_2(tmp_path: Path, arguments: list[str], says: str) -> None:
    done = run(tmp_path, *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_list_names_every_blueprint(tmp_path: Path) -> None:
    done = run(tmp_path, "list")
    assert [line.split("  ")[0] for line in done.stdout.splitlines()] == [one.name for one in load()]
    assert len(run(tmp_path, "list", "nango").stdout.splitlines()) == 3
    assert run(tmp_path, "list", "airbyte").exit_code == 1


def test_show_has_the_inputs_the_retries_and_the_exit_codes(tmp_path: Path) -> None:
    blueprint = find("Fivetran - Execute Sync")
    done = run(tmp_path, "show", blueprint.name)
    assert done.exit_code == 0, done.stderr
    for one in blueprint.inputs:
        assert f"\n  {one.reference} " in done.stdout
    assert "1 retry" in done.stdout
    for code in blueprint.exit_codes:
        assert f"\n  {code} " in done.stdout


@pytest.mark.parametrize("code", [0, 126, 137, 143, 204, 210])
def test_explain_says_what_a_code_means_and_what_to_do(tmp_path: Path, code: int) -> None:
    for name in ([], ["nango-trigger-sync"]):
        said = run(tmp_path, "explain", str(code), *name).stdout
        assert said.startswith(f"Exit code {code}\nmeaning: ")
        assert "\nwhat to do: " in said
        assert "{" not in said


def in_a_window(folder: Path, *arguments: str, **variables: str) -> str:
    """What the command writes to a terminal of 80 columns."""
    parent, child = os.openpty()
    with processes.start([COMMAND, *arguments], {"TERM": "xterm", "COLUMNS": "80", **variables}, folder, stdout=child):
        os.close(child)
        text = b""
        with contextlib.suppress(OSError):  # EIO at the end
            while more := os.read(parent, 4096):
                text += more
    os.close(parent)
    return text.decode()


def test_colors_and_widths_are_those_of_the_window(tmp_path: Path) -> None:
    shown = in_a_window(tmp_path, "show", "fivetran-exec")
    assert "\x1b[1mFivetran - Execute Sync\x1b[0m" in shown
    for variables in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        plain = in_a_window(tmp_path, "show", "fivetran-exec", **variables)
        assert "\x1b" not in plain
        assert max(map(len, plain.splitlines())) <= 80
    for command in ("list", "--help"):
        assert max(map(len, in_a_window(tmp_path, command, COLUMNS="60").splitlines())) <= 60


def test_the_shell_completes_commands_and_names(tmp_path: Path) -> None:
    pytest.importorskip("argcomplete")

    def completed(line: str) -> list[str]:
        out = tmp_path / "out"
        variables = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9"}
        run(tmp_path, **variables, _ARGCOMPLETE_STDOUT_FILENAME=str(out), _ARGCOMPLETE_IFS="\n")
        return out.read_text().split("\n")

    assert "explain" in completed("sync-blueprints e")
    assert {"airflow", "argo"} <= set(completed("sync-blueprints export a"))
    assert completed("sync-blueprints list fiv") == ["Fivetran "]  # whatever the case
    assert {one.name for one in load()} <= {name.replace("\\", "") for name in completed("sync-blueprints run ")}


@pytest.mark.parametrize("arguments", [["list"], ["--version"], ["export", "--help"]])
def test_a_package_that_is_not_installed_is_one_sentence(arguments: list[str]) -> None:
    done = processes.run(["-S", COMMAND, *arguments], {})  # -S: without site-packages
    message = "sync-blueprints: No module named 'yaml'; pip install -r requirements-tools.txt\n"
    assert done == (1, "", message)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "expected"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_counts_before_the_script_handles_it(tmp_path: Path, number: signal.Signals, expected: int) -> None:
    process = processes.start([COMMAND, TRIGGER], {"PYTHONVERBOSE": "1"}, tmp_path)  # tells of each import
    for line in process.stderr:
        if "import 'runpy'" in line:
            break
    process.send_signal(number)
    assert processes.finish(process).exit_code == expected


def test_every_blueprint_that_the_sandbox_knows_is_in_the_demo() -> None:
    fleets = [read(REPOSITORY / "examples" / scene.file) for scene in demo.SCENES]
    shown = {vessel.blueprint.name for fleet in fleets for vessel in fleet.vessels if vessel.blueprint}
    assert shown == {blueprint.name for blueprint in load() if blueprint.vendor in APIS}


@pytest.mark.slow
def test_the_demo_ends_with_0_in_under_a_minute_and_tells_one_line_a_step() -> None:
    started = time.monotonic()
    ended = processes.command("demo")
    assert (ended.exit_code, ended.stderr) == (0, ""), ended.stdout
    assert time.monotonic() - started < 60
    lines = ended.stdout.splitlines()
    assert max(map(len, lines)) <= 105
    steps = [line for line in lines if line.startswith("  ") and "exit code" not in line]
    assert len(steps) == sum(len(read(REPOSITORY / "examples" / scene.file).vessels) for scene in demo.SCENES)
    place = next(line for line in lines if "exit code" in line).index("exit code") + len("exit code")
    assert all(line[place - 4 : place].strip() in ("0", "211", "-") for line in steps), "aligned"
    failing = ended.stdout.partition("when the load fails")[2].partition("\n\n")[0]
    endings = [("0", "started"), ("211", "failed"), ("0", "succeeded"), ("-", "skipped"), ("0", "reported")]
    assert re.findall(r" (\d+|-)  (\w+)", failing) == endings
