"""What a sync can be, in words that all vendors share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
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

    Without an offset it is taken as UTC. Digits beyond microseconds are cut.
    """
    found = _INSTANT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    *whole, fraction, sign, hours, minutes = found.groups()
    try:
        year, month, day, hour, minute, second = map(int, whole)
        micro = int((fraction or "")[:6].ljust(6, "0"))
        local = datetime(year, month, day, hour, minute, second, micro, timezone.utc)
        offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        return local + offset if sign == "-" else local - offset
    except (ValueError, OverflowError):
        return None


_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):?([0-9]{2}))?"
)


def show(moment: datetime | None) -> str | None:
    """An instant for messages and results: ISO 8601 in UTC, to the second."""
    return None if moment is None else moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
