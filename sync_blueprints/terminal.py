"""What is shown to people: colors, tables that fit the window, text that cannot steer a terminal."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Sequence
from typing import TextIO

MIN_LAST = 20  # characters of a table's last column, however narrow the window


class Paint:
    """Colors, where the stream is a terminal that shows them and NO_COLOR is not set."""

    def __init__(self, stream: TextIO) -> None:
        self.wanted = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def bold(self, text: str) -> str:
        return self._in(1, text)

    def red(self, text: str) -> str:
        return self._in(31, text)

    def green(self, text: str) -> str:
        return self._in(32, text)

    def yellow(self, text: str) -> str:
        return self._in(33, text)

    def _in(self, code: int, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.wanted else text


def width_of(stream: TextIO) -> int:
    """How many characters a line may have: those of the window, or very many where there is none."""
    return shutil.get_terminal_size().columns if stream.isatty() else 10_000


def table(rows: Sequence[Sequence[str]], width: int, indent: str = "") -> list[str]:
    """The rows as aligned lines; the last column is wrapped at the window's width."""
    columns = len(rows[0])
    widths = [max(len(row[column]) for row in rows) for column in range(columns - 1)]
    before = len(indent) + sum(widths) + 2 * (columns - 1)
    lines = []
    for row in rows:
        cells = [cell.ljust(size) for cell, size in zip(row, widths)]
        last = textwrap.wrap(row[-1], max(width - before, MIN_LAST)) or [""]
        lines.append((indent + "  ".join([*cells, last[0]])).rstrip())
        lines += [" " * before + more for more in last[1:]]
    return lines


def paragraphs(text: str, width: int) -> str:
    """Text whose paragraphs are wrapped, at most at 100 characters."""
    parts = [" ".join(part.split()) for part in text.split("\n\n")]
    return "\n\n".join(textwrap.fill(part, min(width, 100)) for part in parts if part)


def printable(text: str) -> str:
    """The text with everything escaped that is no printable character."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def duration(seconds: float) -> str:
    """As people say it: 45 s, 5 min, 4 h, 1 h 30 min."""
    if seconds < 60:
        return f"{seconds:g} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    parts = [f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes)
    rest = seconds % 60 if seconds < 600 and seconds % 60 else 0
    return f"{int(seconds // 60)} min {rest:g} s" if rest else " ".join(parts)
