"""run(): a blueprint as a child process, from Python."""

from __future__ import annotations

import logging
import os
import pickle
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock, call

import pytest

import sync_blueprints
from sync_blueprints import BlueprintFailed, Result, run, runner
from sync_blueprints.sandbox import Sandbox
from tests.processes import start, wait_until

TRIGGER, CHECK = "Fivetran - Execute Sync", "Fivetran - Check Sync Status"
SLOW = {"FIVETRAN_CONNECTOR_ID": "succeeds_in_60", "FIVETRAN_WAIT": True, "FIVETRAN_POLL_INTERVAL": 1}

pytestmark = pytest.mark.sockets


@pytest.fixture
def secrets(sandbox: Sandbox) -> dict[str, str]:
    return {name: value for name, value in sandbox.environment.items() if name.startswith("FIVETRAN_")}


def failure(name: str, inputs: Any = None, **options: Any) -> BlueprintFailed:
    with pytest.raises(BlueprintFailed) as caught:
        run(name, inputs or {}, **options)
    return caught.value


def test_a_trigger_hands_its_sync_to_the_check_in_the_same_folder(secrets: dict[str, str], tmp_path: Path) -> None:
    started = run(TRIGGER, {"FIVETRAN_CONNECTOR_ID": "succeeds_in_0"}, secrets=secrets, artifacts=tmp_path)
    assert (started.exit_code, started.outcome, started.id) == (0, "started", "succeeds_in_0")
    ended = run(CHECK, {"FIVETRAN_WAIT": True}, secrets=secrets, artifacts=str(tmp_path))
    assert (ended.outcome, ended.retryable) == ("succeeded", False)
    assert ended.details["blueprint"] == CHECK
    assert ended.seconds > 0


def test_any_other_exit_code_is_logged_and_raised_with_its_result_and_survives_pickling(
    secrets: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    raised = failure(TRIGGER, {"FIVETRAN_CONNECTOR_ID": "missing"}, secrets=secrets, log=logging.getLogger("mine"))
    assert [(one.name, one.levelno) for one in caplog.records][-1] == ("mine", logging.ERROR)
    assert "not_found (exit code 204): " in caplog.messages[-1]
    assert not [line for line in caplog.messages if line.startswith("20")], "no stamps"
    for failed in (raised, pickle.loads(pickle.dumps(raised))):  # noqa: S301 - our own
        assert (failed.exit_code, failed.outcome, failed.retryable) == (204, "not_found", False)
        assert isinstance(failed.result, Result)
        assert str(failed) == str(raised)
        assert str(failed).startswith("Fivetran - Execute Sync: not_found (exit code 204): ")


@pytest.mark.parametrize(
    ("name", "inputs", "error", "message"),
    [
        ("Fivetran - Excute Sync", {}, ValueError, "did you mean 'Fivetran - Execute Sync'"),
        (TRIGGER, {"FIVETRAN_IF_RUNING": "join"}, ValueError, "did you mean FIVETRAN_IF_RUNNING"),
        (TRIGGER, {"fivetran_connector_id": "x"}, ValueError, "did you mean FIVETRAN_CONNECTOR_ID"),
        (TRIGGER, {"PATH": "/"}, ValueError, "has no input PATH"),
        (TRIGGER, {"FIVETRAN_CONNECTOR_ID": ["a"]}, TypeError, "FIVETRAN_CONNECTOR_ID must be text"),
    ],
)
def test_a_name_that_does_not_exist_or_a_value_that_cannot_be_sent_is_refused(
    name: str, inputs: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(name, inputs)


@pytest.fixture
def replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """The name of a blueprint whose script this code is put in place of."""

    def replace(code: str) -> str:
        path = tmp_path / "fivetran_blueprints" / "trigger_sync.py"
        path.parent.mkdir()
        path.write_text(code, encoding="utf-8")
        monkeypatch.setattr("sync_blueprints.catalog.ROOT", tmp_path)
        return TRIGGER

    return replace


def test_the_script_gets_what_it_is_given_and_nothing_else(
    replaced: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = replaced("import json, os\nprint(json.dumps(dict(os.environ)))")
    for variable in ("AWS_SECRET_ACCESS_KEY", "FIVETRAN_API_KEY", "SHIPYARD_LOG_ID", "LOG_LEVEL", "HOME"):
        monkeypatch.setenv(variable, "not-for-it")
    inherited = {"https_proxy", "NO_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR"}
    for variable in inherited:
        monkeypatch.setenv(variable, "for-it")
    given: dict[str, Any] = {"FIVETRAN_WAIT": True, "FIVETRAN_WAIT_TIMEOUT": 5, "FIVETRAN_POLL_INTERVAL": None}
    secrets = {"FIVETRAN_API_KEY_FILE": "key"}
    got = run(name, {**given, "SHIPYARD_LOG_ID": "own"}, secrets=secrets, artifacts=tmp_path).details
    assert "not-for-it" not in got.values()
    assert {name for name, value in got.items() if value == "for-it"} == inherited
    assert {name: value for name, value in got.items() if name.startswith(("FIVETRAN", "SHIPYARD"))} == {
        "FIVETRAN_WAIT": "TRUE",
        "FIVETRAN_WAIT_TIMEOUT": "5",
        "FIVETRAN_API_KEY_FILE": "key",
        "SHIPYARD_LOG_ID": "own",
        "SHIPYARD_ARTIFACTS_DIRECTORY": str(tmp_path),
    }


@pytest.mark.slow
def test_an_exception_in_the_caller_ends_the_script_and_its_last_words_are_heard(secrets: dict[str, str]) -> None:
    lines: list[str] = []

    def log(_: int, line: str) -> None:
        lines.append(line)
        if "running" in line and not any("interrupted" in one for one in lines):
            raise RuntimeError("out of time")

    with pytest.raises(RuntimeError, match="out of time"):
        run(TRIGGER, SLOW, secrets=secrets, log=log)
    assert lines[-1].startswith("interrupted (exit code 143): ")


@pytest.mark.slow
def test_at_the_time_limit_the_scripts_own_exit_code_counts(secrets: dict[str, str]) -> None:
    log = Mock()
    failed = failure(TRIGGER, SLOW, secrets=secrets, log=log, time_limit=3)
    assert (failed.exit_code, failed.outcome, failed.retryable) == (143, "interrupted", False)
    assert "the time limit was reached" in str(log.mock_calls)


IGNORES_SIGTERM = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)"
UP = call(logging.WARNING, "up")
SLEEPS = "import sys, time\nprint('up', file=sys.stderr, flush=True)\ntime.sleep(60)"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "time_limit", "expected", "message"),
    [
        pytest.param("import sys\nsys.exit('it broke')", None, (1, "error", False), "it broke", id="its last line"),
        pytest.param("import os\nos.kill(os.getpid(), 9)", None, (137, "interrupted", False), "", id="killed"),
        pytest.param(IGNORES_SIGTERM, 1, (137, "interrupted", False), "", id="ignores SIGTERM"),
        pytest.param(SLEEPS, None, (143, "interrupted", False), "", id="stopped by the caller"),
    ],
)
def test_a_script_without_a_result_is_described_by_how_it_ended(
    code: str, time_limit: float | None, expected: object, message: str, replaced: Any, monkeypatch: Any
) -> None:
    log = Mock()
    monkeypatch.setattr("sync_blueprints.process.TERM_GRACE", 0.5)
    failed = failure(replaced(code), log=log, time_limit=time_limit, stopped=lambda: UP in log.mock_calls)
    assert (failed.exit_code, failed.outcome, failed.retryable) == expected
    assert message in str(failed)


def test_the_lifeline_reaches_its_end_when_the_caller_is_killed(replaced: Callable[[str], str], tmp_path: Path) -> None:
    code = "import os, pathlib, sys\nprint('up', file=sys.stderr, flush=True)\n"
    code += "os.read(int(os.environ['SYNC_BLUEPRINTS_LIFELINE_FD']), 1)\npathlib.Path('ended').touch()"
    name = replaced(code)
    caller = (
        "import pathlib, sync_blueprints.catalog\nsync_blueprints.catalog.ROOT = pathlib.Path.cwd()\n"
        f"sync_blueprints.run({name!r}, {{}}, log=lambda level, line: print(line, flush=True))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(sync_blueprints.__file__).parents[1])}
    with start(["-c", caller], environment, tmp_path) as process:
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGKILL)
    wait_until(lambda: (tmp_path / "ended").exists(), 10)


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
