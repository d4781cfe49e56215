"""Pickles of plain values: written for the scripts that run later, read without trusting what lies there.

Plain values are None, bool, int, float, str, list, tuple, dict, datetime, timedelta and timezone. A pickle is a program
for a stack machine; before it is run, each of its instructions is held against a list, and its size, the containers it
makes and its use of the memo are bounded, so that a hostile file can neither run code nor exhaust memory or time.
"""

from __future__ import annotations

import io
import pickle
from datetime import datetime, timedelta, timezone
from typing import Any, Union

PROTOCOL = 4  # what Python 3.4 and newer can read
MOST_BYTES = 1_000_000
MOST_CONTAINERS = 100_000  # an empty list is one byte in the file and about seventy in memory

Plain = Union[None, bool, int, float, str, list, tuple, dict, datetime, timedelta, timezone]  # type: ignore[type-arg]

_TYPES = (type(None), bool, int, float, str, list, tuple, dict, datetime, timedelta, timezone)

_TEXTS = {"SHORT_BINUNICODE", "BINUNICODE"}
_ATOMS = {"SHORT_BINBYTES", "BINBYTES", "GLOBAL", "STACK_GLOBAL", "REDUCE"}
_CONTAINERS = {"EMPTY_LIST", "EMPTY_DICT", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"}
_MEMO_WRITES = {"MEMOIZE", "BINPUT", "LONG_BINPUT"}
_MEMO_READS = {"BINGET", "LONG_BINGET"}
_REST = {
    *("PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1"),
    *("BINFLOAT", "EMPTY_TUPLE", "APPEND", "APPENDS", "SETITEM", "SETITEMS"),
}
_ALLOWED = _TEXTS | _ATOMS | _CONTAINERS | _MEMO_WRITES | _MEMO_READS | _REST


class NotPlainError(ValueError):
    """The bytes are not a pickle of plain values."""


def dump(value: Plain) -> bytes:
    """`value` as a pickle. Raises NotPlainError if `load` would refuse it for its types or its size.

    No list, tuple or dict may stand in `value` twice: `load` refuses that, too.
    """
    _refuse_all_but_plain(value)
    written = pickle.dumps(value, protocol=PROTOCOL)
    _refuse_long(written)
    return written


def load(written: bytes) -> Any:
    """The plain value in `written`. Raises NotPlainError for anything else; nothing in it is run."""
    _refuse_long(written)
    _inspect(written)
    try:
        value = _PlainUnpickler(io.BytesIO(written)).load()
    except NotPlainError:
        raise
    except Exception as fault:  # noqa: BLE001  # a broken pickle may raise anything
        raise NotPlainError(f"it cannot be unpickled ({type(fault).__name__})") from None
    _refuse_all_but_plain(value)
    return value


def _refuse_long(written: bytes) -> None:
    if len(written) > MOST_BYTES:
        raise NotPlainError(f"it is longer than {MOST_BYTES:,} bytes")


def _inspect(written: bytes) -> None:
    """Raise NotPlainError unless every instruction is allowed, every key is a text, and nothing trails.

    Runs the pickle on a stack of kinds (the name of what made a value) in place of values.
    """
    import pickletools  # here, because a trigger writes pickles and reads none, and the import takes milliseconds

    opcodes = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes if opcode.name in _ALLOWED}
    source = io.BytesIO(written)
    stack: list[str] = []
    marks: list[int] = []
    memo: list[str] = []
    containers = 0
    name = ""
    try:
        while name != "STOP":
            opcode = opcodes[source.read(1)]
            name = opcode.name
            argument = opcode.arg.reader(source) if opcode.arg else None
            containers += name in _CONTAINERS
            if containers > MOST_CONTAINERS:
                raise NotPlainError(f"it holds more than {MOST_CONTAINERS:,} lists, tuples and dicts")
            if name == "MARK":
                marks.append(len(stack))
            elif name in _MEMO_WRITES:
                entry = len(memo) if argument is None else int(argument)
                memo[entry : entry + 1] = [stack[-1]]
                if entry >= len(memo):
                    raise NotPlainError("its memo has gaps")
            elif name in _MEMO_READS:
                stack.append(memo[int(argument or 0)])
                if stack[-1] not in _TEXTS | _ATOMS:  # the same container in many places grows without bounds
                    raise NotPlainError("it refers to a container twice")
            else:
                taken = len(opcode.stack_before)
                items: list[str] = []
                if pickletools.markobject in opcode.stack_before:
                    start = marks.pop()
                    items, taken = stack[start:], taken - 2
                    del stack[start:]
                if taken > len(stack) - (marks[-1] if marks else 0):
                    raise NotPlainError("it takes more than there is")
                under = stack[len(stack) - taken :]
                del stack[len(stack) - taken :]
                keys = items[::2] if name == "SETITEMS" else under[1:2] if name == "SETITEM" else []
                if not _TEXTS.issuperset(keys):  # others can be made to collide
                    raise NotPlainError("it has a key that is no text")
                stack += [name] * len(opcode.stack_after)
    except (KeyError, IndexError, ValueError, OverflowError) as fault:
        if isinstance(fault, NotPlainError):
            raise
        raise NotPlainError("it is cut off or holds more than plain values") from None
    if source.read(1):
        raise NotPlainError("something follows its end")


def _refuse_all_but_plain(value: object) -> None:
    """Bytes and classes are needed on the way to a datetime, but are no plain values themselves."""
    unseen = [value]
    while unseen:
        item = unseen.pop()
        if isinstance(item, dict):
            unseen.extend(item)
            unseen.extend(item.values())
        elif isinstance(item, (list, tuple)):
            unseen.extend(item)
        if type(item) not in _TYPES or type(getattr(item, "tzinfo", None)) not in (type(None), timezone):
            raise NotPlainError(f"it holds a value of type {type(item).__name__}")


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found = _CLASSES.get((module, name))
        if found is None:
            raise NotPlainError(f"it names {module[:50]!a}.{name[:50]!a}")
        return found


def _pytz_utc() -> timezone:
    """Older scripts pickled `pytz.UTC`, which unpickles as a call of `pytz._UTC`; pytz need not be installed."""
    return timezone.utc


def _latin1(text: str, encoding: str) -> bytes:
    """Protocol 2, as Python 3 writes it, holds the bytes of a datetime as a text."""
    if encoding != "latin1":
        raise NotPlainError(f"it names the encoding {encoding!a}")
    return text.encode("latin-1")


_CLASSES = {
    ("_codecs", "encode"): _latin1,
    ("datetime", "datetime"): datetime,
    ("datetime", "timedelta"): timedelta,
    ("datetime", "timezone"): timezone,
    ("pytz", "_UTC"): _pytz_utc,
}
