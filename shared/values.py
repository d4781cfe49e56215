"""Checks for the text of an input, or an id read from a file."""

from __future__ import annotations

import re
from typing import Any

from shared import strict_json

IDENTIFIER = "[A-Za-z0-9_-]+"
MAX_IDENTIFIER = 255


class InputError(ValueError):
    """What is wrong with one value: the rest of a sentence that begins with the variable's name."""


def fits(text: str, pattern: str = IDENTIFIER) -> bool:
    """Whether a text is an id of that pattern, and so safe in URLs and file names."""
    return len(text) <= MAX_IDENTIFIER and re.fullmatch(pattern, text) is not None


def json_object(text: str) -> dict[str, Any]:
    """A JSON object. Raises InputError."""
    try:
        parsed = strict_json.parse(text)
    except ValueError as problem:
        raise InputError(f"is not valid JSON: {problem}") from None
    if not isinstance(parsed, dict):
        raise InputError("is not a JSON object ({…})")
    return parsed


def shown(text: str) -> str:
    """A value as messages quote it, in ASCII. A long one is left out: cut, it could show half of a misplaced secret."""
    return ascii(text) if len(text) <= 60 else f"a value of {len(text)} characters"
