"""Pickles of plain values: written for the scripts that run later, read without trusting what lies there.

Plain values are None, bool, int, float, str, list, tuple, dict, datetime, timedelta and timezone. A pickle is a program
for a stack machine; before it is run, each of its instructions is held against a list, and its size, the containers it
makes and its use of the memo are bounded, so that a hostile file can neither run code nor exhaust memory or time. What
it made is looked at as well: a datetime of February the 255th is one of the things that pickle itself makes.
"""

from __future__ import annotations

import io
import math
import pickle
from datetime import datetime, timedelta, timezone
from typing import Any, Union

PROTOCOL = 4  # what Python 3.4 and newer can read
MOST_BYTES = 1_000_000
MOST_CONTAINERS = 100_000  # an empty list is one byte in the file and about seventy in memory
MOST_DEPTH = 100  # of containers within containers: much in Python goes as deep as a value does, and ends there
MOST_TEXT = 5_000_000  # characters, each text counted wherever it stands: in the file that may take two bytes

Plain = Union[None, bool, int, float, str, list, tuple, dict, datetime, timedelta, timezone]  # type: ignore[type-arg]

_TYPES = (type(None), bool, int, float, str, list, tuple, dict, datetime, timedelta, timezone)

_TEXTS = {"SHORT_BINUNICODE", "BINUNICODE"}
_ATOMS = {"SHORT_BINBYTES", "BINBYTES", "GLOBAL", "STACK_GLOBAL", "REDUCE"}
_CONTAINERS = {"EMPTY_LIST", "EMPTY_DICT", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"}
_LISTS = {"EMPTY_LIST", "APPEND", "APPENDS"}  # an instruction that fills a container leaves it on the stack
_DICTS = {"EMPTY_DICT", "SETITEM", "SETITEMS"}
_FILLS = {"APPEND": _LISTS, "APPENDS": _LISTS, "SETITEM": _DICTS, "SETITEMS": _DICTS}
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

    Runs the pickle on a stack of kinds (the length of a text, else the name of what made a value) in place of values.
    """
    import pickletools  # here, because a trigger writes pickles and reads none, and the import takes milliseconds

    opcodes = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes if opcode.name in _ALLOWED}
    source = io.BytesIO(written)
    stack: list[str | int] = []
    marks: list[int] = []
    memo: list[str | int] = []
    containers = fetched = 0
    position = frame_end = 0
    name = ""
    try:
        while name != "STOP":
            began = position
            opcode = opcodes[source.read(1)]
            name = opcode.name
            argument: Any = opcode.arg.reader(source) if opcode.arg else None
            position = source.tell()
            if began < frame_end < (position if name != "FRAME" else math.inf):
                raise NotPlainError("its frames do not fit its instructions")  # readers do not agree on such a one
            if name == "FRAME":
                frame_end = position + argument
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
                kind = memo[argument]
                stack.append(kind)
                if isinstance(kind, int):
                    fetched += kind
                    if fetched > MOST_TEXT:
                        raise NotPlainError(f"it holds more than {MOST_TEXT:,} characters")
                elif kind not in _ATOMS:  # the same container in many places grows without bounds
                    raise NotPlainError("it refers to a container twice")
            else:
                taken = len(opcode.stack_before)
                items: list[str | int] = []
                if pickletools.markobject in opcode.stack_before:
                    start = marks.pop()
                    items, taken = stack[start:], taken - 2
                    del stack[start:]
                if taken > len(stack) - (marks[-1] if marks else 0):
                    raise NotPlainError("it takes more than there is")
                under = stack[len(stack) - taken :]
                del stack[len(stack) - taken :]
                if name in _FILLS and under[0] not in _FILLS[name]:
                    raise NotPlainError("it fills what is no container")
                keys = items[::2] if name == "SETITEMS" else under[1:2] if name == "SETITEM" else []
                if any(isinstance(key, str) for key in keys):  # others can be made to collide
                    raise NotPlainError("it has a key that is no text")
                stack += [len(argument) if name in _TEXTS else name] * len(opcode.stack_after)
    except (KeyError, IndexError, ValueError, OverflowError) as fault:
        if isinstance(fault, NotPlainError):
            raise
        raise NotPlainError("it is cut off or holds more than plain values") from None
    if source.read(1):
        raise NotPlainError("something follows its end")


def _refuse_all_but_plain(value: object) -> None:
    """Bytes and classes are needed on the way to a datetime, but are no plain values themselves."""
    level, depth, containers, characters = [value], 0, 0, 0
    while level:
        inner: list[object] = []
        for item in level:
            if type(item) not in _TYPES or type(getattr(item, "tzinfo", None)) not in (type(None), timezone):
                raise NotPlainError(f"it holds a value of type {type(item).__name__}")
            if isinstance(item, str):
                characters += len(item)
                _refuse_half_characters(item)
            elif isinstance(item, datetime):
                _refuse_impossible(item)
            elif isinstance(item, dict):
                inner.extend(item)
                inner.extend(item.values())
            elif isinstance(item, (list, tuple)):
                inner.extend(item)
            containers += isinstance(item, (dict, list, tuple))
        level, depth = inner, depth + 1
        if depth > MOST_DEPTH and level:
            raise NotPlainError(f"it is nested more than {MOST_DEPTH} deep")
    if containers > MOST_CONTAINERS:
        raise NotPlainError(f"it holds more than {MOST_CONTAINERS:,} lists, tuples and dicts")
    if characters > MOST_TEXT:
        raise NotPlainError(f"it holds more than {MOST_TEXT:,} characters")


def _refuse_half_characters(text: str) -> None:
    """Half a pair of surrogates can be written neither into a URL nor into a file."""
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError:
        raise NotPlainError("it holds a text with half a character") from None


def _refuse_impossible(moment: datetime) -> None:
    """`datetime` believes the bytes in a pickle: the 255th of a month, or an hour 99, that fail only when used."""
    try:
        moment.replace(year=moment.year)  # made anew, and checked on the way
    except ValueError:
        raise NotPlainError("it holds a time that there is not") from None


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
    """Protocol 2, as Python 3 writes it, holds the ten bytes of a datetime as a text."""
    if encoding != "latin1" or len(text) != 10:
        raise NotPlainError("it encodes something that is no time")
    return text.encode("latin-1")


_CLASSES = {
    ("_codecs", "encode"): _latin1,
    ("datetime", "datetime"): datetime,
    ("datetime", "timedelta"): timedelta,
    ("datetime", "timezone"): timezone,
    ("pytz", "_UTC"): _pytz_utc,
}
