"""What a sync can be, in words that all vendors share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from enum import Enum
from typing import NamedTuple

from shared.errors import BlueprintError, SyncCancelledError, SyncFailedError, SyncIncompleteError, UnknownStatusError


class SyncStatus(Enum):
    """Where a sync stands; the value is the outcome word of a run that ends with it."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class Verdict(NamedTuple):
    """What one look found. `facts` are what the vendor tells of the sync, as plain JSON values.

    `confirm_in` asks for another look after so many seconds, because a vendor's rule believes only what stays.
    """

    status: SyncStatus
    message: str
    facts: Mapping[str, object] = {}
    confirm_in: float | None = None


_ERRORS: dict[SyncStatus, type[BlueprintError]] = {
    SyncStatus.FAILED: SyncFailedError,
    SyncStatus.CANCELLED: SyncCancelledError,
    SyncStatus.UNKNOWN: UnknownStatusError,
}


class Result(NamedTuple):
    """A good ending: its outcome word, and a message for a person."""

    outcome: str
    message: str


def result_of(verdict: Verdict) -> Result:
    """A success as a Result. Raises the error of any other status."""
    if verdict.status is SyncStatus.SUCCEEDED:
        return Result("succeeded", verdict.message)
    if verdict.status is SyncStatus.RUNNING:
        raise SyncIncompleteError(verdict.message, verdict.confirm_in)
    raise _ERRORS[verdict.status](verdict.message)


def instant(text: object) -> datetime | None:
    """An ISO 8601 date and time with any number of fraction digits, as UTC; None for anything else.

    Without an offset it is taken as UTC. Digits beyond microseconds are cut. (Python 3.9 reads neither `Z` nor these.)
    """
    if not isinstance(text, str) or len(text) < 19 or not text.isascii() or text[10] not in "Tt ":
        return None
    rest = text[19:]
    fraction = ""
    if rest.startswith("."):
        zone = rest[1:].lstrip("0123456789")
        fraction, rest = rest[1 : len(rest) - len(zone)], zone
        if not fraction:
            return None
    offset = "+00:00" if rest in ("", "Z", "z") else f"{rest[:3]}:{rest[-2:]}"
    if len(offset) != 6 or rest not in ("", "Z", "z", offset, offset.replace(":", "")):
        return None
    try:
        return datetime.fromisoformat(f"{text[:10]}T{text[11:19]}.{fraction[:6]:0<6}{offset}").astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def show(moment: datetime | None) -> str | None:
    """An instant for messages and results: ISO 8601 in UTC, to the second."""
    return None if moment is None else moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
