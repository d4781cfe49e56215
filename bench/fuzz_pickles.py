"""Throws made-up pickles at the reader: python bench/fuzz_pickles.py --count 200000 --seed 1

Half of them are valid pickles (plain and other values, protocols 0 to 5) that were damaged; the other half are
programs for pickle's stack machine, written instruction by instruction, with now and then one that is hostile. Each
must come out as a plain value, the one that Python's own reader in pure Python makes of it, or as NotPlainError. No
other exception, nothing imported, opened or called (an audit hook listens), no input that takes seconds, and little
memory.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import datetime as dt
import decimal
import io
import pickle
import pickletools
import random
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from shared import pickles
from shared.pickles import NotPlainError

UTC = dt.timezone.utc
MOMENT = dt.datetime(2026, 11, 22, 12, 30, 15, 123_456, UTC)
MOST_SECONDS = 5  # of CPU for one input
MOST_MEGABYTES = 64


class _Own:
    def __init__(self) -> None:
        self.x = 1


VALUES: list[Any] = [
    {"version": 1, "attempt": "0123456789abcdef", "connector_id": "x_y", "execution_time": MOMENT, "joined": False},
    {"version": 1, "entries": [("id", "connection", "name", "base", None, True)] * 1, "syncs": ["a", "b"]},
    ["connector", MOMENT],
    [None, True, False, 0, 255, 65_536, -1, 2**40, -(2**200), 1.5, "", "text", "déjà vu 🚀"],
    [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [], {}, {"a": {"b": []}}],
    [dt.timedelta(1, 2, 3), UTC, dt.timezone(dt.timedelta(hours=-5, minutes=-30)), MOMENT.replace(tzinfo=None)],
    ["same text"] * 3,
    "x" * 400,
    list(range(300)),
    {str(n): n for n in range(50)},
    [b"bytes", bytearray(b"more"), {1, 2}, frozenset({3}), 1j],
    [decimal.Decimal("1.5"), collections.OrderedDict(a=1), dt.date(2026, 11, 22), dt.time(1), range(3), _Own, _Own()],
]
NAMES = (
    *("os system", "builtins eval", "builtins exec", "builtins getattr", "builtins print", "subprocess Popen"),
    *("datetime datetime", "datetime timedelta", "datetime timezone", "datetime sys", "datetime datetime.now"),
    *("pytz _UTC", "_codecs encode", "shared.pickles load", "copyreg _reconstructor", "collections OrderedDict"),
)
NUMBERS = (0, 1, 2, 127, 128, 255, 256, 65_535, 2**31 - 1, 2**31, 2**32 - 1, 2**60, 2**63 - 1, 2**64 - 1)


class Outcome(NamedTuple):
    """What became of one input; `fault` says what must not be."""

    plain: bool
    seconds: float
    fault: str = ""


def inputs(count: int, seed: int) -> Iterator[bytes]:
    """`count` made-up pickles, always the same for a seed."""
    chance = random.Random(seed)
    valid = [pickle.dumps(value, protocol) for value in VALUES for protocol in range(6)]
    for _ in range(count):
        if chance.random() < 0.5:
            yield _damaged(chance, valid)
        else:
            yield _program(chance)


def _damaged(chance: random.Random, valid: list[bytes]) -> bytes:
    written = bytearray(chance.choice(valid))
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3, 8))):
        at = chance.randrange(len(written) + 1)
        end = min(len(written), at + chance.choice((1, 1, 2, 4, 16, 64)))
        kind = chance.randrange(8)
        if kind == 0:
            written[at:end] = b""
        elif kind == 1:
            written[at:at] = written[at:end]
        elif kind == 2:
            written[at : at + 1] = bytes([chance.randrange(256)])
        elif kind == 3:
            written[at:at] = _instruction(chance, chance.choice(pickletools.opcodes))
        elif kind == 4:
            written[at : at + 4] = struct.pack("<I", chance.choice(NUMBERS) & 0xFFFFFFFF)
        elif kind == 5:
            written[at:] = chance.choice(valid)[chance.randrange(20) :]
        elif kind == 6:
            del written[at:]
        elif at < len(written):
            written[at] ^= 1 << chance.randrange(8)
    return bytes(written)


def _program(chance: random.Random) -> bytes:
    protocol = chance.choice((b"", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x04", b"\x80\x05", b"\x80\xff"))
    frame = b"\x95" + struct.pack("<Q", chance.choice((*NUMBERS, 10, 100))) if chance.random() < 0.1 else b""
    hostile = chance.choice((0.0, 0.0, 0.02, 0.2))
    body = b"".join(_value(chance, chance.randrange(5), hostile) for _ in range(chance.choice((1, 1, 1, 2))))
    return protocol + frame + body + chance.choice((b".", b".", b".", b".", b"", b".N.", b"0."))


def _value(chance: random.Random, depth: int, hostile: float) -> bytes:
    """Instructions that push one value, or should."""
    if chance.random() < hostile:
        return _instruction(chance, chance.choice(pickletools.opcodes))
    if depth <= 0:
        return _atom(chance)
    inner = [_value(chance, depth - 1, hostile) for _ in range(chance.randrange(4))]
    keys = [_text(chance) if chance.random() < 0.95 else _atom(chance) for _ in inner]
    pairs = [key + value for key, value in zip(keys, inner)]
    memo = chance.choice((b"", b"", b"\x94", b"q" + bytes([chance.randrange(4)])))
    made = (
        b"]" + memo + b"(" + b"".join(inner) + b"e",
        b"]" + memo + b"".join(value + b"a" for value in inner),
        b"}" + memo + b"(" + b"".join(pairs) + b"u",
        b"}" + memo + b"".join(pair + b"s" for pair in pairs),
        b"(" + b"".join(inner) + b"t" + memo,
        b"".join((inner * 3)[:2]).ljust(2, b"N") + b"\x86" + memo,
        _call(chance, inner),
    )
    return chance.choice(made)


def _call(chance: random.Random, arguments: list[bytes]) -> bytes:
    module, name = chance.choice(NAMES).encode().split()
    state = bytes(chance.choice((0, 1, 7, 11, 22, 59, 255)) for _ in range(10))
    usual = [b"C\x0a" + state, b"K" + bytes([chance.randrange(256)])]
    given = chance.choice((arguments, usual[:1], usual, usual[1:], [*usual[:1], *arguments]))
    found = b"c" + module + b"\n" + name + b"\n"
    if chance.random() < 0.5:
        found = b"\x8c" + bytes([len(module)]) + module + b"\x8c" + bytes([len(name)]) + name + b"\x93"
    return found + b"(" + b"".join(given) + b"t" + chance.choice((b"R", b"R", b"R", b"\x81", b"}\x92"))


def _text(chance: random.Random) -> bytes:
    content = chance.choice(("", "a", "version", "é", "🚀", "x" * 255, "datetime")).encode()
    content = b"\xed\xa0\x80" if chance.random() < 0.01 else content[:255]
    return chance.choice((b"\x8c" + bytes([len(content)]), b"X" + struct.pack("<I", len(content)))) + content


def _atom(chance: random.Random) -> bytes:
    number = chance.choice(NUMBERS)
    atoms = (
        *(b"N", b"\x88", b"\x89", b")", b"]", b"}", b"h\x00", b"h\x01", b"j\x00\x00\x00\x00"),
        b"K" + bytes([number & 255]),
        b"M" + struct.pack("<H", number & 65_535),
        b"J" + struct.pack("<I", number & 0xFFFFFFFF),
        b"\x8a\x09" + number.to_bytes(9, "little"),
        b"G" + struct.pack(">d", chance.choice((0.0, -1.5, float("nan"), float("inf"), 1e308))),
        b"C" + bytes([number & 7]) + b"\x01" * (number & 7),
    )
    return _text(chance) if chance.random() < 0.3 else chance.choice(atoms)


def _instruction(chance: random.Random, opcode: pickletools.OpcodeInfo) -> bytes:
    """One instruction of pickle, needed here or not, with an argument of its form, perhaps lying about its length."""
    number = chance.choice(NUMBERS)
    kind = opcode.arg.name if opcode.arg else ""
    name = chance.choice(NAMES)
    content = b"x" * (number & 31)
    size = len(content) if chance.random() < 0.8 else number
    argument = {
        "": b"",
        "uint1": bytes([number & 255]),
        "uint2": struct.pack("<H", number & 0xFFFF),
        "int4": struct.pack("<I", number & 0xFFFFFFFF),
        "uint4": struct.pack("<I", number & 0xFFFFFFFF),
        "uint8": struct.pack("<Q", number),
        "float8": struct.pack(">d", float(number)),
        "stringnl_noescape_pair": name.replace(" ", "\n").encode() + b"\n",
    }.get(kind)
    if argument is None:
        width = kind[-1] if kind[-1] in "148" else ""
        head = size & (2 ** (8 * int(width)) - 1) if width else 0
        argument = head.to_bytes(int(width), "little") + content if width else b"%d\n" % number
        argument = chance.choice((argument, b"'x'\n", b"1.5\n", b"9" * 500 + b"\n")) if not width else argument
    return opcode.code.encode("latin-1") + argument


class _Reference(pickle._Unpickler):
    """Python's own reader in pure Python, with the few classes that plain values need."""

    def find_class(self, module: str, name: str) -> Any:
        return {
            "datetime datetime": dt.datetime,
            "datetime timedelta": dt.timedelta,
            "datetime timezone": dt.timezone,
            "pytz _UTC": lambda: UTC,
            "_codecs encode": lambda text, encoding: text.encode(encoding),
        }[f"{module} {name}"]


class Alarm:
    """An audit hook, which cannot be removed: it notes what happens while it is armed."""

    def __init__(self) -> None:
        self.armed = False
        self.heard: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.armed:
            self.heard.append(f"{event} {arguments!r}"[:200])


def judge(written: bytes, alarm: Alarm) -> Outcome:
    """Read `written` and hold what comes of it against what is promised."""
    alarm.heard.clear()
    begun = time.process_time()
    fault, value, plain = "", None, False
    alarm.armed = True
    try:
        value = pickles.load(written)
        plain = True
    except NotPlainError as refusal:
        text = str(refusal)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is a fault to be shown with its input
        fault = f"{type(error).__name__}: {error}"
    finally:
        alarm.armed = False
    seconds = time.process_time() - begun
    if alarm.heard:
        fault = f"something was done: {alarm.heard}"
    elif seconds > MOST_SECONDS:
        fault = f"it took {seconds:.1f} s"
    elif plain:
        fault = _difference(written, value)
    elif not fault and (not text.isprintable() or len(text) > 300):
        fault = f"a refusal not fit to be shown: {text!r}"
    return Outcome(plain, seconds, fault)


def _difference(written: bytes, value: Any) -> str:
    """How a value differs from what Python's own reader makes of it, or from a plain one; empty if it does not."""
    try:
        expected = _Reference(io.BytesIO(written)).load()
        pickles.dump(value)
    except Exception as error:  # noqa: BLE001 - as above
        return f"read as {value!r}, and yet {type(error).__name__}: {error}"
    return "" if repr(value) == repr(expected) else f"{value!r} instead of {expected!r}"


def _megabytes() -> float:
    """The most memory that this process ever had, 0 where the system does not tell."""
    with contextlib.suppress(ImportError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return 0.0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(argv)
    alarm = Alarm()
    for value in VALUES:  # what is imported on the way is not the inputs' doing
        judge(pickle.dumps(value, 4), alarm)
    before, begun = _megabytes(), time.monotonic()
    plain, slowest, faults = 0, 0.0, 0
    for number, written in enumerate(inputs(given.count, given.seed)):
        outcome = judge(written, alarm)
        plain += outcome.plain
        slowest = max(slowest, outcome.seconds)
        if outcome.fault:
            faults += 1
            print(f"input {number} ({written[:200]!r}): {outcome.fault}")
    grown = _megabytes() - before
    print(
        f"{given.count:,} inputs of seed {given.seed} in {time.monotonic() - begun:.0f} s: {plain:,} plain, "
        f"{given.count - plain:,} refused, {faults} faults; the slowest took {slowest * 1000:.1f} ms, "
        f"memory grew by {grown:.1f} MB"
    )
    return 1 if faults or grown > MOST_MEGABYTES else 0


if __name__ == "__main__":
    sys.exit(main())
