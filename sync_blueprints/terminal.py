"""What is shown to people: colors, tables that fit the window, text that cannot steer a terminal."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import TextIO

COLORS = {"bold": 1, "red": 31, "green": 32, "yellow": 33}
MIN_LAST = 20  # characters of a table's last column, however narrow the window


def paint(text: str, color: str) -> str:
    """The text for stdout, colored if that is a terminal that shows colors and NO_COLOR is not set."""
    wanted = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return f"\x1b[{COLORS[color]}m{text}\x1b[0m" if wanted else text


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
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{number:g} {unit}" for number, unit in parts if number) or "0 s"
