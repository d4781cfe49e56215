"""What the container image and the GitHub Action start, as a process of its own in another folder."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sync_blueprints.catalog import REPOSITORY
from sync_blueprints.sandbox import Sandbox

COMMAND = [sys.executable, str(REPOSITORY / "script" / "entrypoint.py")]
TRIGGER = "fivetran_blueprints/trigger_sync.py"

pytestmark = pytest.mark.sockets


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """In a folder where everything that could be imported by mistake would end the process."""
    for name in ("json", "yaml", "requests", "shared", "sync_blueprints", "fivetran_blueprints"):
        (folder / f"{name}.py").write_text("raise SystemExit('imported from the working directory')", encoding="utf-8")
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=variables, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("arguments", [[TRIGGER], ["run", "Fivetran - Execute Sync"]], ids=["script", "run"])
def test_it_runs_from_any_folder_with_the_exit_code_of_what_it_runs(tmp_path: Path, arguments: list[str]) -> None:
    given = {"SHIPYARD_ARTIFACTS_DIRECTORY": str(tmp_path / "artifacts")}
    with Sandbox() as sandbox:
        started = run(tmp_path, *arguments, **sandbox.environment, **given, FIVETRAN_CONNECTOR_ID="succeeds_in_0")
        assert started.returncode == 0, started.stderr
        assert '"outcome": "started"' in started.stdout
        assert run(tmp_path, *arguments, **sandbox.environment, **given).returncode == 206


@pytest.mark.parametrize("arguments", [[], [""]])
def test_without_arguments_there_is_help_and_no_success(tmp_path: Path, arguments: list[str]) -> None:
    done = run(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert TRIGGER in done.stderr


def test_help_is_a_success(tmp_path: Path) -> None:
    done = run(tmp_path, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert TRIGGER in done.stdout


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("fivetran_blueprints/no_such.py", "no_such.py"),
        ("fivetran_blueprints", "'fivetran_blueprints'"),
        ("LICENSE", "'LICENSE'"),
        ("Fivetran - Execute Sync", 'run "Fivetran - Execute Sync"'),
        ("json.py", "'json.py'"),
    ],
)
def test_what_is_not_there_is_a_message_and_2(tmp_path: Path, what: str, says: str) -> None:
    done = run(tmp_path, what)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
@pytest.mark.parametrize(("number", "expected"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_counts_before_the_script_has_its_own_handlers(
    tmp_path: Path, number: signal.Signals, expected: int
) -> None:
    # Where the tests themselves run in the background, SIGINT is ignored, and would stay so.
    as_usual = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(
        [*COMMAND, TRIGGER],
        cwd=tmp_path,
        env={"PYTHONVERBOSE": "1"},  # tells of each import
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=as_usual,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if b"import 'runpy'" in line:
            break
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == expected
