"""run(): a blueprint as a child process, from Python."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import sync_blueprints
from sync_blueprints import BlueprintFailed, Result, run, runner
from sync_blueprints.sandbox import Sandbox

TRIGGER, CHECK = "Fivetran - Execute Sync", "Fivetran - Check Sync Status"
SLOW = {"FIVETRAN_CONNECTOR_ID": "succeeds_in_60", "FIVETRAN_WAIT": True, "FIVETRAN_POLL_INTERVAL": 1}

pytestmark = pytest.mark.sockets


class Lines:
    """A log that keeps what it is given."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str]] = []

    def __call__(self, level: int, line: str) -> None:
        self.lines.append((level, line))

    @property
    def text(self) -> str:
        return "\n".join(line for _, line in self.lines)


@pytest.fixture(scope="module")
def secrets() -> Iterator[dict[str, str]]:
    with Sandbox() as sandbox:
        yield {name: value for name, value in sandbox.environment.items() if name.startswith("FIVETRAN_")}


@pytest.fixture
def log() -> Lines:
    return Lines()


def test_a_trigger_hands_its_sync_to_the_check_in_the_same_folder(secrets: dict[str, str], tmp_path: Path) -> None:
    started = run(TRIGGER, {"FIVETRAN_CONNECTOR_ID": "succeeds_in_0"}, secrets=secrets, artifacts=tmp_path)
    assert (started.exit_code, started.outcome, started.id) == (0, "started", "succeeds_in_0")
    ended = run(CHECK, {"FIVETRAN_WAIT": True}, secrets=secrets, artifacts=str(tmp_path))
    assert (ended.outcome, ended.retryable) == ("succeeded", False)
    assert ended.details["blueprint"] == CHECK
    assert ended.seconds > 0


def test_any_other_exit_code_is_raised_with_its_result_and_survives_pickling(secrets: dict[str, str]) -> None:
    with pytest.raises(BlueprintFailed, match=r"^Fivetran - Execute Sync: not_found \(exit code 204\): .+") as caught:
        run(TRIGGER, {"FIVETRAN_CONNECTOR_ID": "missing"}, secrets=secrets)
    for failed in (caught.value, pickle.loads(pickle.dumps(caught.value))):  # noqa: S301 - our own
        assert (failed.exit_code, failed.outcome, failed.retryable) == (204, "not_found", False)
        assert isinstance(failed.result, Result)
        assert str(failed) == str(caught.value)


def test_log_lines_come_at_their_level_without_stamps_and_secrets(secrets: dict[str, str], log: Lines) -> None:
    inputs = {"FIVETRAN_CONNECTOR_ID": "succeeds_in_0", "LOG_LEVEL": "DEBUG"}
    run(TRIGGER, inputs, secrets=secrets, log=log)
    assert {level for level, _ in log.lines} >= {logging.INFO}
    assert log.lines[-1][1].startswith("started (exit code 0): ")
    assert not any(line.startswith("20") for _, line in log.lines)
    assert secrets["FIVETRAN_API_SECRET"] not in log.text


def test_a_logger_does_as_well(secrets: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(BlueprintFailed):
        run(TRIGGER, {"FIVETRAN_CONNECTOR_ID": "missing"}, secrets=secrets, log=logging.getLogger("mine"))
    assert [(one.name, one.levelno) for one in caplog.records][-1] == ("mine", logging.ERROR)


@pytest.mark.parametrize(
    ("name", "inputs", "message"),
    [
        ("Fivetran - Excute Sync", {}, "did you mean 'Fivetran - Execute Sync'"),
        (TRIGGER, {"FIVETRAN_IF_RUNING": "join"}, "did you mean FIVETRAN_IF_RUNNING"),
        (TRIGGER, {"fivetran_connector_id": "x"}, "did you mean FIVETRAN_CONNECTOR_ID"),
        (TRIGGER, {"PATH": "/"}, "has no input PATH"),
    ],
)
def test_names_that_do_not_exist_are_refused(name: str, inputs: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(name, inputs)


def test_a_value_that_cannot_be_sent_is_refused() -> None:
    with pytest.raises(TypeError, match="FIVETRAN_CONNECTOR_ID must be text"):
        run(TRIGGER, {"FIVETRAN_CONNECTOR_ID": ["a"]})  # type: ignore[dict-item]


def script(folder: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A script of one's own in place of the trigger."""
    path = folder / "fivetran_blueprints" / "trigger_sync.py"
    path.parent.mkdir()
    path.write_text(code, encoding="utf-8")
    monkeypatch.setattr("sync_blueprints.catalog.ROOT", folder)
    return TRIGGER


def test_the_script_gets_what_it_is_given_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Lines
) -> None:
    name = script(
        tmp_path, "import os, sys\nfor one in sorted(os.environ.items()): print(*one, file=sys.stderr)", monkeypatch
    )
    for variable in ("AWS_SECRET_ACCESS_KEY", "FIVETRAN_API_KEY", "SHIPYARD_LOG_ID", "LOG_LEVEL", "HOME"):
        monkeypatch.setenv(variable, "not-for-it")
    for variable in ("https_proxy", "NO_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR"):
        monkeypatch.setenv(variable, "for-it")
    given = {
        "FIVETRAN_WAIT": True,
        "FIVETRAN_WAIT_TIMEOUT": 5,
        "FIVETRAN_POLL_INTERVAL": None,
        "SHIPYARD_LOG_ID": "mine",
    }
    run(name, given, secrets={"FIVETRAN_API_KEY_FILE": "key"}, artifacts=tmp_path, log=log)
    got = dict(line.split(" ", 1) for _, line in log.lines)
    assert "not-for-it" not in got.values()
    assert {name for name, value in got.items() if value == "for-it"} == {
        *("https_proxy", "NO_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR")
    }
    assert {name: value for name, value in got.items() if name.startswith(("FIVETRAN", "SHIPYARD"))} == {
        "FIVETRAN_WAIT": "TRUE",
        "FIVETRAN_WAIT_TIMEOUT": "5",
        "FIVETRAN_API_KEY_FILE": "key",
        "SHIPYARD_LOG_ID": "mine",
        "SHIPYARD_ARTIFACTS_DIRECTORY": str(tmp_path),
    }


@pytest.mark.slow
def test_an_exception_in_the_caller_ends_the_script_and_its_last_words_are_heard(secrets: dict[str, str]) -> None:
    class OutOfTimeError(Exception):
        pass

    lines: list[str] = []

    def log(_: int, line: str) -> None:
        lines.append(line)
        if "running" in line and not any("interrupted" in one for one in lines):
            raise OutOfTimeError

    with pytest.raises(OutOfTimeError):
        run(TRIGGER, SLOW, secrets=secrets, log=log)
    assert lines[-1].startswith("interrupted (exit code 143): ")


@pytest.mark.slow
def test_at_the_time_limit_the_scripts_own_exit_code_counts(secrets: dict[str, str], log: Lines) -> None:
    with pytest.raises(BlueprintFailed) as caught:
        run(TRIGGER, SLOW, secrets=secrets, log=log, time_limit=3)
    assert (caught.value.exit_code, caught.value.outcome, caught.value.retryable) == (143, "interrupted", False)
    assert "the time limit was reached" in log.text


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_a_killed_script_is_137_and_not_retryable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = script(tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", monkeypatch)
    with pytest.raises(BlueprintFailed) as caught:
        run(name, {})
    assert (caught.value.exit_code, caught.value.outcome, caught.value.retryable) == (137, "interrupted", False)


@pytest.mark.slow
def test_a_script_that_ignores_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync_blueprints.process.TERM_GRACE", 0.5)
    code = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)"
    with pytest.raises(BlueprintFailed) as caught:
        run(script(tmp_path, code, monkeypatch), {}, time_limit=1)
    assert caught.value.exit_code == 137


@pytest.mark.slow
def test_a_caller_that_stops_a_script_gets_its_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import sys, time\nprint('up', file=sys.stderr, flush=True)\ntime.sleep(60)"
    lines: list[str] = []
    with pytest.raises(BlueprintFailed) as caught:
        run(
            script(tmp_path, code, monkeypatch), {}, log=lambda _, line: lines.append(line), stopped=lambda: bool(lines)
        )
    assert (caught.value.exit_code, caught.value.outcome) == (143, "interrupted")


def test_a_script_without_a_result_is_described_by_its_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = script(tmp_path, "import sys\nsys.exit('requests is not installed')", monkeypatch)
    with pytest.raises(BlueprintFailed, match="requests is not installed") as caught:
        run(name, {})
    assert (caught.value.exit_code, caught.value.outcome) == (1, "error")


@pytest.mark.skipif(os.name != "posix", reason="Windows has no lifeline")
def test_the_lifeline_reaches_its_end_when_the_caller_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "fivetran_blueprints"
    folder.mkdir()
    code = "import os, pathlib, sys\nprint('up', file=sys.stderr, flush=True)\n"
    code += "os.read(int(os.environ['SYNC_BLUEPRINTS_LIFELINE_FD']), 1)\npathlib.Path('ended').touch()"
    (folder / "trigger_sync.py").write_text(code, encoding="utf-8")
    caller = (
        "import pathlib, sync_blueprints.catalog\nsync_blueprints.catalog.ROOT = pathlib.Path.cwd()\n"
        f"sync_blueprints.run({TRIGGER!r}, {{}}, log=lambda level, line: print(line, flush=True))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(sync_blueprints.__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", caller], cwd=tmp_path, env=environment, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGKILL)
    until = time.monotonic() + 10
    while not (tmp_path / "ended").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert (tmp_path / "ended").exists()


@pytest.mark.parametrize(
    ("raw", "level", "text"),
    [
        (b"2026-11-28 10:00:00,123 DEBUG x\n", logging.DEBUG, "x"),
        (b"2026-11-28 10:00:00,123 ERROR a b", logging.ERROR, "a b"),
        (b"succeeded (exit code 0): fine\n", logging.INFO, "succeeded (exit code 0): fine"),
        (b"running (exit code 210): not yet\n", logging.WARNING, "running (exit code 210): not yet"),
        (b"failed (exit code 211): no\n", logging.ERROR, "failed (exit code 211): no"),
        (b"Traceback \xff\r\n", logging.WARNING, "Traceback \ufffd"),
    ],
)
def test_a_log_line_has_a_level(raw: bytes, level: int, text: str) -> None:
    assert runner.parse_log_line(raw) == (level, text)
