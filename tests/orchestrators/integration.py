"""What is asked of Dagster's assets and of Prefect's tasks alike."""

from __future__ import annotations

from typing import Any

import pytest

from sync_blueprints.sandbox import Sandbox


class Integration:
    """The questions; a subclass runs a trigger that waits."""

    def failed(self, sandbox: Sandbox, connector: str, **options: Any) -> tuple[int, str]:
        """Run it where it fails: the number of attempts, and the error."""
        raise NotImplementedError

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

    def test_a_missing_secret_is_named_and_nothing_is_retried(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
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
