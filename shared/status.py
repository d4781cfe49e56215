"""The states of a sync, in terms that all vendors share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum

from shared.errors import BlueprintError, SyncCancelledError, SyncFailedError, SyncIncompleteError, UnknownStatusError
from shared.record import Record


class SyncStatus(Enum):
    """Where a sync stands; the value is the outcome word of a run that ends with it."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class Result(Record):
    """A good ending: its outcome word, a message for a person, and what the vendor reports, as plain JSON values."""

    outcome: str
    message: str
    details: Mapping[str, object] = {}


class Verdict(Record):
    """What one poll showed. `details` is what the vendor reports of the sync, as plain JSON values.

    `poll_again_in` asks for the next poll after so many seconds, because a vendor's rule needs it. `ended_at` is when
    the sync ended, by the server's clock (or when it started, where no end is shown).
    """

    status: SyncStatus
    message: str
    details: Mapping[str, object] = {}
    poll_again_in: float | None = None
    ended_at: datetime | None = None

    def result(self) -> Result:
        """A success as a Result. Raises the error of any other status."""
        if self.status is SyncStatus.SUCCEEDED:
            return Result("succeeded", self.message)
        raise _ERRORS[self.status](self.message)


_ERRORS: dict[SyncStatus, type[BlueprintError]] = {
    SyncStatus.RUNNING: SyncIncompleteError,
    SyncStatus.FAILED: SyncFailedError,
    SyncStatus.CANCELLED: SyncCancelledError,
    SyncStatus.UNKNOWN: UnknownStatusError,
}
