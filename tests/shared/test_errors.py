"""The list of exit codes: one code answers one question, would a retry help?"""

from __future__ import annotations

import inspect
import signal

import pytest

from shared import errors

# exit code, class, outcome word, would a retry help?
ENDINGS = [
    (200, errors.InvalidCredentialsError, "invalid_credentials", "no"),
    (201, errors.BadRequestError, "refused", "no"),
    (202, errors.SyncNotStartedError, "not_started", "yes"),
    (202, errors.StartUnclearError, "unclear", "yes"),
    (203, errors.SyncAlreadyRunningError, "already_running", "no"),
    (204, errors.SyncNotFoundError, "not_found", "no"),
    (205, errors.InvalidPollIntervalError, "invalid_input", "no"),
    (206, errors.InvalidInputError, "invalid_input", "no"),
    (210, errors.SyncIncompleteError, "running", "check: yes"),
    (211, errors.SyncFailedError, "failed", "no"),
    (212, errors.SyncCancelledError, "cancelled", "no"),
    (213, errors.UnknownStatusError, "unknown", "no"),
    (220, errors.StatusCheckFailedError, "unreachable", "yes"),
    (221, errors.ArtifactError, "artifact_error", "no"),
    (249, errors.UnexpectedError, "error", "no"),
]


@pytest.mark.parametrize(("exit_code", "kind", "outcome", "retryable"), ENDINGS)
def test_an_error_has_its_exit_code_its_outcome_and_one_line_for_the_docs(
    exit_code: int, kind: type[errors.BlueprintError], outcome: str, retryable: str
) -> None:
    assert (kind.exit_code, kind.outcome, kind.retryable) == (exit_code, outcome, retryable)
    assert str(kind("what happened")) == "what happened"
    assert (inspect.getdoc(kind) or "").splitlines()[0].endswith(".")


def test_the_list_of_errors_is_complete() -> None:
    classes = {one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, errors.BlueprintError)}
    assert classes - {errors.BlueprintError} == {kind for _, kind, _, _ in ENDINGS}


@pytest.mark.parametrize(("number", "exit_code"), [(1, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_ends_with_the_code_of_its_signal_and_is_not_survived(number: int, exit_code: int) -> None:
    assert errors.Interruption(number).exit_code == exit_code
    assert not issubclass(errors.Interruption, Exception)
