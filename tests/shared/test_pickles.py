"""Pickles of plain values: what is written can be read, and nothing that lies there is run."""

from __future__ import annotations

import datetime as dt
import decimal
import os
import pickle
import subprocess
from collections import OrderedDict
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from shared import pickles
from shared.handoff import identifier, moment
from shared.pickles import NotPlainError

UTC = dt.timezone.utc
MOMENT = dt.datetime(2026, 11, 22, 12, 30, 15, 123_456, UTC)

PLAIN: list[Any] = [
    *(None, True, False, 0, -1, 2**31, -(2**200), 1.5, "", "déjà vu 🚀", "x" * 70_000),
    *([], {}, (), [1, [2, [3]]], (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), {"a": {"b": [None, True, 1.5, "c"]}}),
    dt.datetime(2026, 11, 22, 12),
    dt.datetime(2026, 11, 22, tzinfo=dt.timezone(dt.timedelta(hours=-5, minutes=-30))),
    *(dt.timedelta(days=1, seconds=2, microseconds=3), UTC, dt.timezone(dt.timedelta(hours=1))),
    *(["connector", MOMENT], {"a": MOMENT, "b": MOMENT, "c": "same", "d": "same"}, list(range(3000))),
]


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: repr(value)[:40])
def test_a_plain_value_is_read_as_it_was_written(value: Any) -> None:
    read = pickles.load(pickles.dump(value))
    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("value", PLAIN, ids=lambda value: repr(value)[:40])
def test_what_other_programs_write_is_read(value: Any, protocol: int) -> None:
    assert pickles.load(pickle.dumps(value, protocol)) == value


def test_pickles_are_written_in_protocol_4() -> None:
    assert pickles.dump({"a": 1})[:2] == b"\x80\x04"


def test_a_pickle_is_read_by_pickle_itself() -> None:
    assert pickle.loads(pickles.dump(["connector", MOMENT])) == ["connector", MOMENT]  # noqa: S301


def test_the_utc_of_pytz_is_read_as_utc_without_pytz() -> None:
    written = b"\x80\x04cdatetime\ndatetime\nC\n\x07\xea\x0b\x16\x0c\x00\x00\x00\x00\x00cpytz\n_UTC\n)R\x86R."
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
        (os.system, ["touch {}"]),
        (eval, ["open({!r}, 'w')"]),
        (open, ["{}", "w"]),
        (subprocess.Popen, ["{}"]),
        (getattr, [str, "upper"]),
        (__import__, ["os"]),
    ],
    ids=["system", "eval", "open", "Popen", "getattr", "import"],
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


@pytest.mark.parametrize(
    "value",
    [
        *(b"bytes", {1, 2}, frozenset({1}), 1j, decimal.Decimal("1.5"), dt.date(2026, 11, 22), Path("x"), len, dict),
        *(dt.datetime, object(), range(3), OrderedDict(a=1), Word.A),
    ],
    ids=repr,
)
def test_a_value_of_another_type_is_refused(value: Any) -> None:
    with pytest.raises(NotPlainError):
        pickles.load(pickle.dumps({"a": [value]}, 4))


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


REFUSED = {
    "empty": b"",
    "one byte": b"\x80",
    "no end": b"\x80\x04N",
    "no pickle at all": b"not a pickle",
    "JSON": b'{"version": 1}',
    "HTML": b"<html></html>",
    "zeros": b"\x00" * 1000,
    "an empty stack": b"\x80\x04.",
    "a protocol to come": b"\x80\xffN.",
    "a class of the same module": b"\x80\x04" + text("datetime") + text("sys") + b"\x93.",
    "an attribute of a class": b"\x80\x04" + text("datetime") + text("datetime.now") + b"\x93)R.",
    "a global of Python 2": b"\x80\x02c__builtin__\neval\n(X\x03\x00\x00\x001+1tR.",
    "an instance": b"(ios\nsystem\n.",
    "an object": b"(cos\nsystem\nX\x02\x00\x00\x00lso.",
    "a persistent id": b"Pos.system\n.",
    "an extension": b"\x80\x04\x82\x01.",
    "a list of itself": b"\x80\x04]\x94h\x00a.",
    "tuples doubled again and again": b"\x80\x04)\x94" + b"".join(b"h%ch%c\x86\x94" % (n, n) for n in range(60)) + b".",
    "longer than four megabytes": b"\x80\x04](" + b"N" * 4_000_000 + b"e.",
    "lists nested 101 deep": b"\x80\x04" + b"]" * 102 + b"a" * 101 + b".",
    "a datetime in the 13th month": b"\x80\x04cdatetime\ndatetime\nM\xea\x07K\x0dK\x01\x87R.",
    "a function of its own": b"\x80\x04cshared.pickles\nload\n)R.",
}


@pytest.mark.parametrize("written", REFUSED.values(), ids=REFUSED)
def test_what_is_not_a_pickle_of_plain_values_is_refused(written: bytes) -> None:
    with pytest.raises(NotPlainError, match=r"^(?!None$).+"):  # and says why
        pickles.load(written)


def test_a_pickle_that_is_cut_off_anywhere_is_refused() -> None:
    written = pickles.dump({"version": 1, "id": "x", "at": MOMENT, "list": [1, 2.5, None]})
    for length in range(len(written)):
        with pytest.raises(NotPlainError):
            pickles.load(written[:length])


def test_a_value_too_long_to_be_read_is_not_written() -> None:
    with pytest.raises(NotPlainError):
        pickles.dump(["x" * (pickles.MAX_BYTES + 1)])


def test_a_refusal_does_not_show_what_lies_there() -> None:
    with pytest.raises(NotPlainError) as caught:
        pickles.load(b"\x80\x04c" + b"\x1b[31m" * 100 + b"\nname\n.")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


# Values out of a handoff


@pytest.mark.parametrize("value", [None, MOMENT])
def test_a_time_out_of_a_file_is_taken_as_it_is(value: object) -> None:
    assert moment(value) == value


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
