"""What several orchestrators' tests share, and what is asked of Dagster's assets and of Prefect's tasks alike."""

from __future__ import annotations

import os
import signal
import sys
import sysconfig
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sync_blueprints.catalog import REPOSITORY
from sync_blueprints.sandbox import Sandbox
from tests.processes import finish, start, wait_until

TRIGGER, CHECK = "Fivetran - Execute Sync", "Fivetran - Check Sync Status"
SECRETS = ("FIVETRAN_API_KEY", "FIVETRAN_API_SECRET")
# For a CI's steps: pip finds the requirements installed, among the packages of the tests' own Python.
WITHOUT_INDEX = {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "PIP_NO_INDEX": "1",
    "PYTHONPATH": sysconfig.get_path("purelib"),
}


def unique(behavior: str) -> str:
    """An ID of the sandbox that no other test uses."""
    return f"{behavior}_x{uuid.uuid4().hex[:8]}"


def assert_no_script_is_left(sandbox: Sandbox) -> None:
    """Of those that waited for a sync that runs on."""
    assert sandbox.starts
    asked = len(sandbox.requests)
    time.sleep(3)  # it would have polled again
    assert len(sandbox.requests) == asked


class Integration:
    """The questions; a subclass runs a trigger that waits, and says how the example is run and ended."""

    example: str
    arguments: Sequence[str]  # of Python, in the folder of example.py
    ended_by: signal.Signals
    last_words = ""

    @pytest.fixture
    def sandbox(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
        """A sandbox of its own, with the credentials for its Fivetran in the environment."""
        with Sandbox() as one:
            for name in SECRETS:
                monkeypatch.setenv(name, one.environment[name])
            yield one

    def failed(self, sandbox: Sandbox, connector: str, **options: Any) -> tuple[int, str]:
        """Run it where it fails: the number of attempts, and the error."""
        raise NotImplementedError

    def environment(self, folder: Path) -> dict[str, str]:
        """What the example needs besides the secrets."""
        raise NotImplementedError

    def test_a_run_that_is_ended_leaves_no_script_behind(self, sandbox: Sandbox, tmp_path: Path) -> None:
        text = (REPOSITORY / "examples/orchestrators" / self.example).read_text(encoding="utf-8")
        own = '"FIVETRAN_WAIT": True, "FIVETRAN_POLL_INTERVAL": 1'
        inputs = f'"succeeds_in_600", "FIVETRAN_API_URL": "{sandbox.url}", {own},'
        (tmp_path / "example.py").write_text(text.replace('"speak_inexpensive",', inputs), encoding="utf-8")
        environment = {**os.environ, **self.environment(tmp_path), "PYTHONPATH": str(REPOSITORY)}
        process = start(self.arguments, environment, tmp_path)
        try:
            wait_until(lambda: len(sandbox.requests) >= 4)  # it takes its time to start
        finally:
            process.send_signal(self.ended_by)
            ended = finish(process)
        assert self.last_words in ended.stdout + ended.stderr
        time.sleep(1)
        assert_no_script_is_left(sandbox)

    @pytest.mark.parametrize(
        ("connector", "attempts", "message"),
        [("fails_in_0", 1, "failed (exit code 211)"), ("answers_429_in_90", 2, "not_started (exit code 202)")],
    )
    def test_a_failure_is_retried_as_the_guardrails_say_if_a_retry_may_help(
        self, sandbox: Sandbox, connector: str, attempts: int, message: str
    ) -> None:
        count, error = self.failed(sandbox, connector)
        assert (count, message in error) == (attempts, True), error

    def test_the_time_limit_ends_the_wait_and_is_not_retried(self, sandbox: Sandbox) -> None:
        attempts, error = self.failed(sandbox, "succeeds_in_600", time_limit=2)
        assert (attempts, "interrupted (exit code 143)" in error) == (1, True), error
        assert len(sandbox.starts) == 1

    def test_a_missing_secret_is_named_and_not_retried(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("FIVETRAN_API_SECRET")
        attempts, error = self.failed(sandbox, "succeeds")
        assert (attempts, "FIVETRAN_API_SECRET is required but not set" in error) == (1, True), error
        assert not sandbox.requests

    @pytest.mark.parametrize(
        ("inputs", "message"),
        [
            ({"FIVETRAN_POUSED": "TRUE"}, "has no input FIVETRAN_POUSED"),
            ({"FIVETRAN_API_KEY": "open"}, "FIVETRAN_API_KEY is a secret"),
        ],
    )
    def test_a_wrong_input_or_an_open_secret_cannot_be_declared(
        self, sandbox: Sandbox, inputs: dict[str, str], message: str
    ) -> None:
        with pytest.raises(ValueError, match=message):
            self.failed(sandbox, "succeeds", inputs=inputs)
