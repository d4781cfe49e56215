"""Every bad ending: each class carries its exit code, and the first line of its docstring is its row in the docs."""

from __future__ import annotations

from collections.abc import Sequence


class BlueprintError(Exception):
    """A run that did not do what it was asked to do. `str(error)` is the message that a person reads.

    `status` is the HTTP status of the response, None if there was none.
    """

    exit_code: int
    outcome: str  # the word in the result's JSON
    retryable = "no"  # would a retry help? "no", "yes" or "check: yes"

    def __init__(self, message: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class InvalidCredentialsError(BlueprintError):
    """The vendor refuses the credentials or what they may do (401, 403)."""

    exit_code, outcome = 200, "invalid_credentials"


class BadRequestError(BlueprintError):
    """The vendor refuses the request, or the sync cannot run as it is set up (paused, incomplete)."""

    exit_code, outcome = 201, "refused"


class SyncNotStartedError(BlueprintError):
    """The trigger could not reach the vendor (429, 5xx, timeout); the message says whether a sync may have started."""

    exit_code, outcome, retryable = 202, "not_started", "yes"
    may_send_again = True


class StartUnclearError(SyncNotStartedError):
    """As above, and it is not known whether the vendor accepted it; `timed_out` says that no response came in time."""

    outcome = "unclear"

    def __init__(self, message: str, status: int | None = None, *, timed_out: bool = False) -> None:
        super().__init__(message, status)
        self.timed_out = timed_out
        has_good_status = status is not None and status < 300
        self.may_send_again = not (timed_out or has_good_status)  # else the request may still be at work


class SyncAlreadyRunningError(BlueprintError):
    """A sync is already running, and `…_IF_RUNNING` or the vendor does not let this one start."""

    exit_code, outcome = 203, "already_running"


class SyncNotFoundError(BlueprintError):
    """The id is unknown to the vendor, or not visible to these credentials."""

    exit_code, outcome = 204, "not_found"


class InvalidInputError(BlueprintError):
    """An input is missing, malformed or conflicts with another; or a check has neither an id nor a handoff."""

    exit_code, outcome = 206, "invalid_input"

    def __init__(self, message: str, problems: Sequence[str] = ()) -> None:
        """`problems` are the parts of the message, where it has several."""
        super().__init__(message)
        self.problems = problems


class InvalidPollIntervalError(InvalidInputError):
    """The poll interval is not a number of seconds from 1 to 3600 (and nothing else is wrong)."""

    exit_code = 205


class SyncIncompleteError(BlueprintError):
    """The sync is still running or queued, waiting for it timed out, or its latest success is too old."""

    exit_code, outcome, retryable = 210, "running", "check: yes"


class SyncFailedError(BlueprintError):
    """The vendor reports that the sync failed; its own message is shown."""

    exit_code, outcome = 211, "failed"


class SyncCancelledError(BlueprintError):
    """The sync ended without a result: cancelled, stopped or paused."""

    exit_code, outcome = 212, "cancelled"


class UnknownStatusError(BlueprintError):
    """The vendor uses a status that this version does not know; it is shown as it came."""

    exit_code, outcome = 213, "unknown"


class StatusCheckFailedError(BlueprintError):
    """The vendor could not be reached (or its response was a 429, a 5xx, or unexpected), so the status is not known.

    `retry_after` is the pause in seconds that the last response asked for, None if it asked for none.
    """

    exit_code, outcome, retryable = 220, "unreachable", "yes"

    def __init__(self, message: str, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, status)
        self.retry_after = retry_after


class ArtifactError(BlueprintError):
    """The artifacts folder cannot be written or what is in it cannot be read, or the last trigger did not finish."""

    exit_code, outcome = 221, "artifact_error"


class UnexpectedError(BlueprintError):
    """A bug in these scripts; the log has a traceback."""

    exit_code, outcome = 249, "error"


class Interruption(BaseException):
    """SIGHUP (exit code 129), SIGINT (130) or SIGTERM (143); not an `Exception`, so that nothing swallows it."""

    outcome = "interrupted"

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.exit_code = 128 + signal_number
