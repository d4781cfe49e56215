"""Every bad ending, each a class that carries its exit code; the first line of a docstring is its row in the README."""

from __future__ import annotations


class BlueprintError(Exception):
    """A run that did not reach what it was started for. `str(error)` is the message a person reads."""

    exit_code: int
    outcome: str  # the word in the result's JSON
    again: str  # would trying again help?


class InvalidCredentialsError(BlueprintError):
    """The vendor refuses the credentials or what they may do (401, 403). `status` tells which of the two."""

    exit_code, outcome, again = 200, "invalid_credentials", "no"

    def __init__(self, message: str, status: int = 401) -> None:
        super().__init__(message)
        self.status = status


class BadRequestError(BlueprintError):
    """The vendor refuses the request, or the sync cannot run as it is set up (paused, incomplete)."""

    exit_code, outcome, again = 201, "refused", "no"


class SyncNotStartedError(BlueprintError):
    """The trigger could not reach the vendor (429, 5xx, time-out); the message says whether a sync may have started."""

    exit_code, outcome, again = 202, "not_started", "yes"


class StartUnclearError(SyncNotStartedError):
    """As above, and it is not known whether the start was accepted.

    `status` is the HTTP status of the answer, None if there was none.
    """

    outcome = "unclear"

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class SyncAlreadyRunningError(BlueprintError):
    """A sync is already running, and `…_IF_RUNNING` or the vendor does not let this one start."""

    exit_code, outcome, again = 203, "already_running", "no"


class SyncNotFoundError(BlueprintError):
    """The id is unknown to the vendor, or not visible to these credentials."""

    exit_code, outcome, again = 204, "not_found", "no"


class InvalidInputError(BlueprintError):
    """An input is missing, malformed or at odds with another; or a check has no id at all."""

    exit_code, outcome, again = 206, "invalid_input", "no"


class InvalidPollIntervalError(InvalidInputError):
    """The poll interval is not a number of seconds from 1 to 3600 (and nothing else is wrong)."""

    exit_code = 205


class SyncIncompleteError(BlueprintError):
    """The sync is still running or queued, or waiting for it timed out.

    `look_again_in` are the seconds until the next look makes sense, None if there is nothing to say about it.
    """

    exit_code, outcome, again = 210, "running", "check: yes"

    def __init__(self, message: str, look_again_in: float | None = None) -> None:
        super().__init__(message)
        self.look_again_in = look_again_in


class SyncFailedError(BlueprintError):
    """The vendor says that the sync failed; its own words are shown."""

    exit_code, outcome, again = 211, "failed", "no"


class SyncCancelledError(BlueprintError):
    """The sync ended without a result: cancelled, stopped or paused."""

    exit_code, outcome, again = 212, "cancelled", "no"


class UnknownStatusError(BlueprintError):
    """The vendor uses a status word that this version does not know; it is shown as it came."""

    exit_code, outcome, again = 213, "unknown", "no"


class StatusCheckFailedError(BlueprintError):
    """The vendor could not be reached (or answered 429, 5xx or nonsense), so the status is not known.

    `retry_after` is the pause in seconds that the vendor asked for, if it is too long to be kept by one read;
    `status` the HTTP status of the last answer, None if there was none.
    """

    exit_code, outcome, again = 220, "unreachable", "yes"

    def __init__(self, message: str, retry_after: float | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status


class ArtifactError(BlueprintError):
    """The artifacts folder cannot be written, or what lies in it cannot be read."""

    exit_code, outcome, again = 221, "artifact_error", "no"


class UnexpectedError(BlueprintError):
    """A fault of these scripts; the log has a traceback."""

    exit_code, outcome, again = 249, "error", "no"


class Interruption(BaseException):
    """SIGINT (exit code 130) or SIGTERM (143); no `Exception`, so that nothing takes it for a passing fault."""

    outcome = "interrupted"

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.exit_code = 128 + signal_number
