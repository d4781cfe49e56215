"""The list of exit codes: one code answers one question, would trying again help?"""

from __future__ import annotations

import inspect
import signal

import pytest

from shared import errors

# exit code, class, outcome word, would trying again help?
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


def classes() -> set[type[errors.BlueprintError]]:
    return {
        one
        for _, one in inspect.getmembers(errors, inspect.isclass)
        if issubclass(one, errors.BlueprintError) and one is not errors.BlueprintError
    }


@pytest.mark.parametrize(("exit_code", "kind", "outcome", "again"), ENDINGS)
def test_an_ending_has_its_exit_code_and_its_word(
    exit_code: int, kind: type[errors.BlueprintError], outcome: str, again: str
) -> None:
    assert (kind.exit_code, kind.outcome, kind.again) == (exit_code, outcome, again)


def test_there_is_no_ending_beside_those_of_the_list() -> None:
    assert classes() == {kind for _, kind, _, _ in ENDINGS}


def test_an_exit_code_stands_for_one_answer_to_whether_trying_again_helps() -> None:
    answers: dict[int, set[str]] = {}
    for one in classes():
        answers.setdefault(one.exit_code, set()).add(one.again)
    assert [code for code, words in answers.items() if len(words) > 1] == []


@pytest.mark.parametrize("kind", sorted(classes(), key=lambda one: one.__name__))
def test_every_ending_can_be_raised_with_a_message_alone(kind: type[errors.BlueprintError]) -> None:
    assert str(kind("what happened")) == "what happened"


@pytest.mark.parametrize("kind", sorted(classes(), key=lambda one: one.__name__))
def test_every_ending_says_in_one_line_when_it_happens(kind: type[errors.BlueprintError]) -> None:
    assert (inspect.getdoc(kind) or "").splitlines()[0].endswith(".")


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_ends_with_the_code_of_its_signal(number: int, exit_code: int) -> None:
    assert errors.Interruption(number).exit_code == exit_code


def test_an_interruption_is_not_taken_for_a_passing_fault() -> None:
    assert not issubclass(errors.Interruption, Exception)
