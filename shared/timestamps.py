"""Timestamps and durations: parsed, formatted, and as people say them."""

from __future__ import annotations

from datetime import datetime, timezone
from email.utils import parsedate_to_datetime


def parse_timestamp(text: object) -> datetime | None:
    """An ISO 8601 date and time with any number of fraction digits, as UTC; None for anything else.

    Without an offset it is taken as UTC. Digits beyond microseconds are cut. (Python 3.9 reads neither `Z` nor these.)
    """
    if not isinstance(text, str) or len(text) < 19 or not text.isascii() or text[10] not in "Tt ":
        return None
    if "W" in text:  # a week, which only newer versions of Python know
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
        found = datetime.fromisoformat(f"{text[:10]}T{text[11:19]}.{fraction[:6]:0<6}{offset}").astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
    return found if datetime.min.year < found.year < datetime.max.year else None  # arithmetic beyond that overflows


def format_timestamp(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC, to the second, for messages and results."""
    return None if moment is None else moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_http_date(text: str) -> datetime | None:
    """The time in an HTTP date (RFC 9110, always UTC), None if it is not one."""
    try:
        parsed = parsedate_to_datetime(text)
        found = parsed.replace(tzinfo=timezone.utc) if parsed.tzinfo is None else parsed.astimezone(timezone.utc)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return found if 1970 <= found.year < 9999 else None  # arithmetic beyond that overflows


def format_duration(seconds: float) -> str:
    """Seconds as people say them: `45 s`, `4 min 30 s`, `5 min`, `2 h 3 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        rest = 0
    parts = [f"{number} {unit}" for number, unit in ((hours, "h"), (minutes, "min"), (rest, "s")) if number]
    return " ".join(parts) or "0 s"
