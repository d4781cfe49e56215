"""Pickles of plain values: written for the scripts that run later, read without running anything in them.

Plain values are None, bool, int, float, str, list, tuple, dict, datetime, timedelta and timezone. The artifacts folder
may hold files of other programs, half files and files of other versions.
"""

from __future__ import annotations

import io
import pickle
from datetime import datetime, timedelta, timezone
from typing import Any, Union

PROTOCOL = 4  # what Python 3.4 and newer can read
MAX_BYTES = 4_000_000
MAX_VALUES = 2_000_000  # each counted wherever it stands
MAX_DEPTH = 100  # of lists and dicts inside one another

Plain = Union[None, bool, int, float, str, list, tuple, dict, datetime, timedelta, timezone]  # type: ignore[type-arg]

_TYPES = (type(None), bool, int, float, str, list, tuple, dict, datetime, timedelta, timezone)
_CALLED = {
    ("datetime", "datetime"): datetime,
    ("datetime", "timedelta"): timedelta,
    ("datetime", "timezone"): timezone,
    ("pytz", "_UTC"): lambda: timezone.utc,  # older scripts pickled `pytz.UTC`; pytz need not be installed
}


class NotPlainError(ValueError):
    """The bytes are not a pickle of plain values."""


def dump(value: Plain) -> bytes:
    """`value` as a pickle. Raises NotPlainError if it is too long for `load`."""
    return _within_limits(pickle.dumps(value, protocol=PROTOCOL))


def load(written: bytes) -> Any:
    """The plain value in `written`. Raises NotPlainError for anything else; nothing in it is run."""
    try:
        value = _PlainUnpickler(io.BytesIO(_within_limits(written))).load()
    except NotPlainError:
        raise
    except Exception as error:  # noqa: BLE001  # a broken pickle may raise anything
        raise NotPlainError(f"it is cut off or damaged ({type(error).__name__})") from None
    _refuse_all_but_plain(value)
    return value


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _CALLED:
            raise NotPlainError(f"it refers to {module[:50]!a}.{name[:50]!a}")
        return _CALLED[module, name]


def _within_limits(written: bytes) -> bytes:
    if len(written) > MAX_BYTES:
        raise NotPlainError(f"it is longer than {MAX_BYTES:,} bytes")
    return written


def _refuse_all_but_plain(value: object) -> None:
    """Level by level: types, depth and count."""
    level, depth, count = [value], 0, 0
    while level:
        inner: list[object] = []
        for item in level:
            if type(item) not in _TYPES:
                raise NotPlainError(f"it contains a value of type {type(item).__name__}")
            if isinstance(item, dict):
                inner += [*item, *item.values()]
            elif isinstance(item, (list, tuple)):
                inner += item
            if count + len(inner) > MAX_VALUES or depth == MAX_DEPTH:  # one list may be in many places, or in itself
                raise NotPlainError(f"it contains more than {MAX_VALUES:,} values or is nested too deep")
        level, depth, count = inner, depth + 1, count + len(inner)
