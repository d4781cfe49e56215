"""What the text of one input may be: functions that turn it into a value, or raise InputError."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from shared import strict_json
from shared.timestamps import parse_timestamp

PREDEFINED_GROUP = "CREDENTIAL_PREDEFINED_GROUP_NOT_IN_LIBRARY_BLUEPRINT"
IDENTIFIER = "[A-Za-z0-9_-]+"
MAX_IDENTIFIER = 255
MAX_INTEGER = 999_999_999


class InputError(ValueError):
    """What is wrong with one value, as the end of a sentence that begins with the variable's name."""


def password(text: str) -> str:
    """A secret, which is not shown. The error names what it looks like instead."""
    if text[:1] == text[-1:] and text[:1] in ("'", '"') and len(text) > 1:
        raise InputError("is in quotes; set it without them")
    if re.fullmatch(r"\$\(.*\)|\$\{.*\}|\{\{.*\}\}|\$[A-Z]+(_[A-Z0-9]+)+", text):
        raise InputError("looks like an unresolved placeholder; set the secret itself")
    if re.match(r"(bearer|basic)\s", text, re.IGNORECASE):
        raise InputError(f"starts with {text.split()[0].title()!r}; set the token or key alone, without that word")
    if not _is_plain(text):
        raise InputError(
            "contains characters that are not allowed in a key (line breaks, control or non-ASCII characters)"
        )
    return text


def identifier(text: str, pattern: str, in_url: str) -> str:
    """An id; `in_url` finds it in the URL of a dashboard, to propose it."""
    if len(text) > MAX_IDENTIFIER:
        raise InputError(f"is {len(text)} characters long; the maximum is {MAX_IDENTIFIER}")
    if not re.fullmatch(pattern, text):
        found = re.search(in_url, text)
        hint = f"; did you mean {found[1]}?" if found and fits(found[1], pattern) else ""
        raise InputError(f"is {shown(text)}; an ID may contain only {pattern.strip('+')}{hint}")
    return text


def integer(text: str, unit: str, min: int, max: int) -> int:  # noqa: A002
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", text) or not min <= int(text) <= max:
        limits = f"{min} or more" if max == MAX_INTEGER else f"from {min} to {max}"
        raise InputError(f"is {shown(text)}; must be a whole number of {unit}, {limits}")
    return int(text)


def timestamp(text: str) -> datetime:
    """ISO 8601, in UTC without an offset; the seconds, or all of the time (then midnight), may be missing."""
    full = f"{text}T00:00:00" if len(text) == 10 else re.sub(r"^(.{10}[Tt ]\d\d:\d\d)(?!:)", r"\1:00", text)
    found = parse_timestamp(full)
    if found is None:
        raise InputError(f"is {shown(text)}; must be an ISO 8601 date such as 2026-11-28 or 2026-11-28T06:00:00Z")
    return found


def url(text: str, cut: str) -> str:
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid or any(sign in text for sign in "@?# ") or not _is_plain(text):
        raise InputError("is not a valid URL; expected https://host[:port][/path] without credentials or a query")
    return text.rstrip("/").removesuffix(cut).rstrip("/")


def json_object(text: str) -> dict[str, Any]:
    try:
        parsed = strict_json.parse(text)
    except ValueError as problem:
        raise InputError(f"is not valid JSON: {problem}") from None
    if not isinstance(parsed, dict):
        raise InputError("is not a JSON object ({…})")
    return parsed


def fits(text: str, pattern: str = IDENTIFIER) -> bool:
    """Whether a text may be part of URLs and file names as an id of that pattern."""
    return len(text) <= MAX_IDENTIFIER and re.fullmatch(pattern, text) is not None


def shown(text: str) -> str:
    """A value in a message: quoted, in ASCII. A long one is not cut, lest half of a misplaced secret is shown."""
    return ascii(text) if len(text) <= 60 else f"a value of {len(text)} characters"


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()
