"""Pickles of plain values: written for the scripts that run later, read without running anything in them.

Plain values are None, bool, int, float, str, list, tuple, dict, datetime, timedelta and timezone. The artifacts folder
may hold files of other programs, half files and files of other versions; what is not a pickle of plain values is
refused by its opcodes before it is loaded.
"""

from __future__ import annotations

import io
import pickle
from datetime import datetime, timedelta, timezone
from typing import Any, Union

PROTOCOL = 4  # what Python 3.4 and newer can read
MAX_BYTES = 4_000_000
MAX_CONTAINERS = 200_000  # an empty list is one byte in the file and seventy in memory
MAX_VALUES = 2_000_000  # each counted wherever it stands
MAX_DEPTH = 100  # of lists and dicts inside one another

Plain = Union[None, bool, int, float, str, list, tuple, dict, datetime, timedelta, timezone]  # type: ignore[type-arg]

_TYPES = (type(None), bool, int, float, str, list, tuple, dict, datetime, timedelta, timezone)
_CONTAINERS = {"EMPTY_LIST", "EMPTY_DICT", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"}
_MEMO = {"MEMOIZE", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"}
_OTHERS = {
    *("PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1"),
    *("BINFLOAT", "SHORT_BINUNICODE", "BINUNICODE", "SHORT_BINBYTES", "BINBYTES", "GLOBAL", "STACK_GLOBAL", "REDUCE"),
    *("APPEND", "APPENDS", "SETITEM", "SETITEMS"),
}
_ALLOWED = _CONTAINERS | _MEMO | _OTHERS


class NotPlainError(ValueError):
    """The bytes are not a pickle of plain values."""


def dump(value: Plain) -> bytes:
    """`value` as a pickle. Raises NotPlainError if `load` would refuse it for its types or its size."""
    _refuse_all_but_plain(value)
    written = pickle.dumps(value, protocol=PROTOCOL)
    _refuse_long(written)
    return written


def load(written: bytes) -> Any:
    """The plain value in `written`. Raises NotPlainError for anything else; nothing in it is run."""
    _refuse_long(written)
    _refuse_unknown_opcodes(written)
    try:
        value = _PlainUnpickler(io.BytesIO(written)).load()
    except NotPlainError:
        raise
    except Exception as error:  # noqa: BLE001  # a broken pickle may raise anything
        raise NotPlainError(f"it cannot be unpickled ({type(error).__name__})") from None
    _refuse_all_but_plain(value)
    return value


def _refuse_long(written: bytes) -> None:
    if len(written) > MAX_BYTES:
        raise NotPlainError(f"it is longer than {MAX_BYTES:,} bytes")


def _refuse_unknown_opcodes(written: bytes) -> None:
    import pickletools  # here, because a trigger writes pickles and reads none, and the import takes milliseconds

    containers = memoized = end = 0
    try:
        for opcode, argument, position in pickletools.genops(written):
            if opcode.name not in _ALLOWED:
                raise NotPlainError(f"it contains more than plain values ({opcode.name})")
            containers += opcode.name in _CONTAINERS
            memoized += opcode.name in _MEMO
            if containers > MAX_CONTAINERS:
                raise NotPlainError(f"it contains more than {MAX_CONTAINERS:,} lists, tuples and dicts")
            if "PUT" in opcode.name and int(argument or 0) > memoized:  # a memo with gaps takes memory for them
                raise NotPlainError("its memo has gaps")
            end = (position or 0) + 1
    except NotPlainError:
        raise
    except Exception as error:  # whatever a damaged file makes of the opcodes
        raise NotPlainError("it is cut off or damaged") from error
    if end != len(written):
        raise NotPlainError("it has trailing data")


def _refuse_all_but_plain(value: object) -> None:
    """What was loaded (or is to be dumped) once more, level by level: types, depth and count."""
    level, depth, count = [value], 0, 0
    while level:
        inner: list[object] = []
        for item in level:
            if type(item) not in _TYPES or type(getattr(item, "tzinfo", None)) not in (type(None), timezone):
                raise NotPlainError(f"it contains a value of type {type(item).__name__}")
            if isinstance(item, (str, datetime)):
                _refuse_impossible(item)
            elif isinstance(item, dict):
                inner.extend(item)
                inner.extend(item.values())
            elif isinstance(item, (list, tuple)):
                inner.extend(item)
            if count + len(inner) > MAX_VALUES:  # one list in many places grows without bounds
                raise NotPlainError(f"it contains more than {MAX_VALUES:,} values")
        level, depth, count = inner, depth + 1, count + len(inner)
        if depth > MAX_DEPTH and level:
            raise NotPlainError(f"it is nested more than {MAX_DEPTH} deep")


def _refuse_impossible(value: str | datetime) -> None:
    """Refuse lone surrogates, and dates such as February the 255th: unpickling checks neither."""
    try:
        if isinstance(value, str):
            value.encode()
        else:
            value.replace(year=value.year)
    except (UnicodeEncodeError, ValueError, OverflowError):
        raise NotPlainError("it contains a text or a date that does not exist") from None


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found = _CLASSES.get((module, name))
        if found is None:
            raise NotPlainError(f"it refers to {module[:50]!a}.{name[:50]!a}")
        return found


def _pytz_utc() -> timezone:
    """Older scripts pickled `pytz.UTC`, which unpickles as a call of `pytz._UTC`; pytz need not be installed."""
    return timezone.utc


def _latin1(text: str, encoding: str) -> bytes:
    """Protocol 2, as Python 3 writes it, holds the ten bytes of a datetime as a text."""
    if encoding != "latin1" or len(text) != 10:
        raise NotPlainError("it encodes something that is not a time")
    return text.encode("latin-1")


_CLASSES = {
    ("_codecs", "encode"): _latin1,
    ("datetime", "datetime"): datetime,
    ("datetime", "timedelta"): timedelta,
    ("datetime", "timezone"): timezone,
    ("pytz", "_UTC"): _pytz_utc,
}
