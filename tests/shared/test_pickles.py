"""Pickles of plain values: what is written can be read, and nothing that lies there is run."""

from __future__ import annotations

import contextlib
import datetime as dt
import decimal
import os
import pickle
import pickletools
import struct
import subprocess
import tracemalloc
from collections import OrderedDict
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import pickles
from shared.handoff import identifier, moment
from shared.pickles import NotPlainError

UTC = dt.timezone.utc
MOMENT = dt.datetime(2026, 11, 22, 12, 30, 15, 123_456, UTC)

PLAIN: list[Any] = [
    *(None, True, False, 0, -1, 2**31, 2**63, -(2**200), 1.5),
    *("", "text", "déjà vu 🚀", "x" * 70_000),
    *([], {}, (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [1, [2, [3]]], {"a": {"b": [None, True, 1.5, "c"]}}),
    *(list(range(3000)), [str(number) for number in range(300)] * 2, {"a": MOMENT, "b": MOMENT, "c": "x", "d": "x"}),
    *(MOMENT, dt.datetime(2026, 11, 22, 12), MOMENT.astimezone(dt.timezone(dt.timedelta(hours=-5, minutes=-30)))),
    *(dt.timedelta(days=1, seconds=2, microseconds=3), UTC, dt.timezone(dt.timedelta(hours=1)), ["connector", MOMENT]),
]
PROTOCOLS = (3, 4, 5)  # those of other programs


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: repr(value)[:40])
def test_a_plain_value_is_read_as_it_was_written_here_or_by_another_program(value: Any) -> None:
    for written in (pickles.dump(value), *(pickle.dumps(value, protocol) for protocol in PROTOCOLS)):
        read = pickles.load(written)
        assert (type(read), read) == (type(value), value)


def test_the_utc_of_pytz_is_read_as_utc_without_pytz() -> None:
    # datetime(2026, 11, 22, 12, tzinfo=pytz.UTC), as protocol 2 has it
    written = b"\x80\x02cdatetime\ndatetime\nC\n\x07\xea\x0b\x16\x0c\x00\x00\x00\x00\x00cpytz\n_UTC\n)R\x86R."
    read = pickles.load(written)
    assert (read, read.utcoffset()) == (dt.datetime(2026, 11, 22, 12, tzinfo=UTC), dt.timedelta(0))


class Command:
    """Unpickles as a call."""

    def __init__(self, function: Any, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        *((os.system, ["touch {}"]), (os.mkdir, ["{}"]), (open, ["{}", "w"]), (subprocess.Popen, ["{}"])),
        *((eval, ["open({!r}, 'w')"]), (exec, ["open({!r}, 'w')"]), (getattr, [str, "upper"]), (__import__, ["os"])),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_pickle_that_calls_something_is_refused_and_calls_nothing(
    function: Any, arguments: list[Any], protocol: int, tmp_path: Path
) -> None:
    mark = tmp_path / "called"
    filled = [one.format(mark) if isinstance(one, str) else one for one in arguments]
    with pytest.raises(NotPlainError):
        pickles.load(pickle.dumps({"a": Command(function, *filled)}, protocol))
    assert not mark.exists()


class Word(str, Enum):
    A = "a"


class Number(IntEnum):
    ONE = 1


class Zone(dt.tzinfo):
    def utcoffset(self, _: object) -> dt.timedelta:
        return dt.timedelta(0)


@pytest.mark.parametrize(
    "value",
    [
        *(b"bytes", bytearray(b"bytes"), {1, 2}, frozenset({1}), 1j, decimal.Decimal("1.5"), range(3), Ellipsis),
        *(dt.date(2026, 11, 22), dt.time(12), Path("x"), len, dict, object()),
        *(OrderedDict(a=1), Word.A, Number.ONE, MOMENT.replace(tzinfo=Zone())),  # of kindred types
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_of_another_type_is_refused_on_both_sides(value: Any) -> None:
    with pytest.raises(NotPlainError):
        pickles.dump([value])
    with pytest.raises(NotPlainError):
        pickles.load(pickle.dumps([value], 4))


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


def long_text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def state(*numbers: int) -> bytes:
    """A datetime as pickle makes it of ten bytes, which it hardly looks at."""
    return b"\x80\x04cdatetime\ndatetime\nC\x0a" + bytes(numbers) + b"\x85R."


HOSTILE = {
    "empty": b"",
    "an empty stack": b"\x80\x04.",
    "two values": b"\x80\x04N.N.",
    "a class itself": b"\x80\x04" + text("datetime") + text("datetime") + b"\x93.",
    "a class by its dotted name": b"\x80\x04" + text("datetime") + text("datetime.__class__") + b"\x93.",
    "a text with a length of 2**60": b"\x80\x04\x8d" + struct.pack("<Q", 2**60) + b".",
    "a frame of 2**64-1": b"\x80\x04\x95" + b"\xff" * 8 + b"N.",
    "a memo of 64 million": b"\x80\x04Nr\xff\xff\xff\x03.",
    "a list of itself": b"\x80\x04]\x94h\x00a.",
    "one list in many places": b"\x80\x04](]\x94(" + b"N" * 1000 + b"e" + b"h\x00" * 3000 + b"e.",
    "lists by the hundred thousand": b"\x80\x04](" + b"]" * 200_000 + b"e.",
    "longer than four megabytes": b"\x80\x04" + long_text("x" * 4_000_000) + b".",
    "an unhashable key": b"\x80\x04}]Ns.",
    "an append to a number": b"\x80\x04K\x01Na.",
    "a datetime in the 13th month": b"\x80\x04cdatetime\ndatetime\nM\xea\x07K\x0dK\x01\x87R.",
    "half a character": b"\x80\x04X\x01\x00\x00\x00\xc3.",
    "dicts nested a hundred thousand deep": b"\x80\x04" + b"}\x8c\x01a" * 99_999 + b"}" + b"s" * 99_999 + b".",
    "a frame that ends within an instruction": b"\x80\x04\x95" + struct.pack("<Q", 2) + b"M\x01\x00.",
    "lists nested 101 deep": b"\x80\x04" + b"]" * 102 + b"a" * 101 + b".",
    "a text encoded again and again": b"\x80\x04"
    + long_text("x" * 900_000)
    + b"q\x00"
    + long_text("latin1")
    + b"q\x01c_codecs\nencode\nq\x02]("
    + b"h\x02h\x00h\x01\x86R" * 10_000
    + b"e.",
    "the 30th of February": state(7, 234, 2, 30, 0, 0, 0, 0, 0, 0),
    "the year 65535": state(255, 255, 12, 31, 0, 0, 0, 0, 0, 0),
    "a text with half a character": b"\x80\x04X\x03\x00\x00\x00\xed\xa0\x80.",
    "a key with half a character": b"\x80\x04}X\x03\x00\x00\x00\xed\xa0\x80Ns.",
}


@pytest.mark.parametrize("written", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_pickle_is_refused_and_takes_little_memory(written: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(NotPlainError, match=r"^(?!None$).+"):  # and says why
            pickles.load(written)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64_000_000


def test_a_pickle_that_is_cut_off_anywhere_is_refused() -> None:
    written = pickles.dump({"version": 1, "id": "x", "at": MOMENT, "list": [1, 2.5, None]})
    for length in range(len(written)):
        with pytest.raises(NotPlainError):
            pickles.load(written[:length])


def test_a_pickle_with_any_byte_changed_is_plain_or_refused() -> None:
    written = pickles.dump({"version": 1, "id": "x", "at": MOMENT})
    for position in range(len(written)):
        for byte in range(position % 8, 256, 8):
            with contextlib.suppress(NotPlainError):
                pickles.dump(pickles.load(written[:position] + bytes([byte]) + written[position + 1 :]))


@pytest.mark.parametrize(
    "value",
    [["x" * (pickles.MAX_BYTES + 1)], list(range(10**6, 10**6 + 900_000)), [[]] * (pickles.MAX_VALUES + 1)],
    ids=["text", "list", "values"],
)
def test_a_value_too_long_to_be_read_is_not_written(value: Any) -> None:
    with pytest.raises(NotPlainError):
        pickles.dump(value)


def test_a_refusal_does_not_show_what_lies_there() -> None:
    with pytest.raises(NotPlainError) as caught:
        pickles.load(b"\x80\x04c" + b"\x1b[31m" * 100 + b"\nname\n.")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def trees() -> st.SearchStrategy[Any]:
    zones = st.none() | st.just(UTC) | st.timedeltas(-dt.timedelta(hours=23), dt.timedelta(hours=23)).map(dt.timezone)
    numbers = st.integers(-(2**2000), 2**2000) | st.floats(allow_nan=False)
    moments = st.datetimes(timezones=zones).map(lambda one: one.replace(fold=0))  # protocol 3 does not keep it
    times = moments | st.timedeltas() | zones
    atoms = st.booleans() | numbers | st.text(max_size=400) | times
    return st.recursive(
        atoms,
        lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )


@given(trees(), st.integers(3, 5))
def test_whatever_is_plain_comes_back_as_it_was(value: Any, protocol: int) -> None:
    for written in (pickles.dump(value), pickle.dumps(value, protocol)):
        assert repr(pickles.load(written)) == repr(value)


def argument_of(opcode: pickletools.OpcodeInfo) -> bytes:
    """As short as its kind allows."""
    if opcode.arg is None:
        return b""
    if opcode.arg.n == pickletools.UP_TO_NEWLINE:
        return b"''\n" if opcode.name == "STRING" else b"1\n1\n"
    return b"\0" * max(opcode.arg.n, 8)


def test_every_instruction_that_no_plain_value_needs_is_refused() -> None:
    written = [pickle.dumps(value, protocol) for value in PLAIN for protocol in PROTOCOLS]
    needed = {opcode.name for one in written for opcode, _, _ in pickletools.genops(one)} | {"BINBYTES"}
    unneeded = [opcode for opcode in pickletools.opcodes if opcode.name not in needed]
    assert len(unneeded) > 30
    for opcode in unneeded:
        with pytest.raises(NotPlainError, match=rf"more than plain values \({opcode.name}\)"):
            pickles.load(opcode.code.encode("latin-1") + argument_of(opcode) + b".")


# Values out of a handoff


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("2026-11-22", "a time without its time zone"),
        (dt.datetime(2026, 11, 22), "a time without its time zone"),
        (dt.datetime.max.replace(tzinfo=UTC), "a time out of range"),
        (dt.datetime.min.replace(tzinfo=UTC), "a time out of range"),
    ],
)
def test_a_time_out_of_a_file_has_its_zone_and_can_be_calculated_with(value: object, why: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{why}$"):
        moment(value)


@pytest.mark.parametrize("value", ["", "..", "a/b", "a b", "x" * 256, 7, None, ["a"], "é"])
def test_an_id_out_of_a_file_has_only_the_characters_of_an_id(value: object) -> None:
    why = "an id has characters that are not allowed" if isinstance(value, str) else "an id is not a string"
    with pytest.raises((TypeError, ValueError), match=f"^{why}$"):
        identifier(value)


def test_an_id_of_another_pattern_has_the_characters_of_that_pattern() -> None:
    assert identifier("a b", "[a-z ]+") == "a b"
