"""JSON as RFC 8259 has it: no NaN, no infinity, no key twice, nothing that takes a run's time or stack."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any, Callable

MOST_DEPTH = 100  # of nested lists and objects
MOST_DIGITS = 400  # of a whole number: int() takes quadratic time
LARGE = 100_000  # characters from which on memory matters more than time
SHORT = 20  # characters
SMALL = 4  # members
MOST_KNOWN = 1_000
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def parse(text: str) -> Any:
    """The value in `text`. Raises ValueError, also if a part of it was no UTF-8 (and is a lone surrogate now)."""
    if _depth(text.encode()) > MOST_DEPTH:
        raise ValueError(f"it is nested more than {MOST_DEPTH} deep")
    return json.loads(
        text.removeprefix("\ufeff"),
        object_pairs_hook=_sharing() if len(text) > LARGE else _object,
        parse_constant=_refuse,
        parse_int=_whole,
        parse_float=_finite,
    )


def _sharing() -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    """A hook that keeps short texts and small objects of counts but once: in a long list they are mostly the same."""
    known: dict[object, Any] = {}

    def kept(key: object, value: Any) -> Any:
        return known.setdefault(key, value) if len(known) < MOST_KNOWN else known.get(key, value)

    def share(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = _object(pairs)
        for key, value in found.items():
            if isinstance(value, str) and len(value) <= SHORT:
                found[key] = kept(value, value)
        if len(found) <= SMALL and all(
            type(value) is int for value in found.values()
        ):  # True is no count, and equals 1
            found = kept(tuple(found.items()), found)
        return found

    return share


def _depth(content: bytes) -> int:
    """How deep brackets are nested, at most; those within texts count, too, which are hardly ever so many."""
    brackets = content.translate(None, delete=_ALL_BUT_BRACKETS)
    return max(itertools.accumulate(1 if one in b"[{" else -1 for one in brackets), default=0)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):  # nobody knows which of its values is meant
        raise ValueError("an object has the same key twice")
    return found


def _refuse(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"it has a number of more than {MOST_DIGITS} digits")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("it has a number beyond all bounds")
    return number
