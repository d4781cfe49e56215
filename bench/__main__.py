"""All measurements, one after the other: python -m bench [--only startup,waiting] [--pairs 25] [--write].

`--write` puts each table between its marks in docs/performance.md, and draws the plots; a table whose mark names a
Python (startup 3.9) is written by that Python only.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import time
from collections.abc import Callable

from bench import scale, startup, waiting
from bench.processes import ROOT

PAGE = ROOT / "docs" / "performance.md"
VERSION = ".".join(map(str, sys.version_info[:2]))


def marked(page: str, part: str) -> str | None:
    """What stands between the marks of a part, None where the page has none of it."""
    found = re.search(_marks(part), page, re.DOTALL)
    return found[2] if found else None


def put(page: str, part: str, text: str) -> str:
    """The page with `text` between the marks of a part."""
    return re.sub(_marks(part), lambda found: f"{found[1]}{text}{found[3]}", page, flags=re.DOTALL)


def _marks(part: str) -> str:
    return rf"(<!-- {re.escape(part)} -->\n)(.*?)(<!-- end -->)"


def _mark(part: str) -> str | None:
    """The mark under which the page keeps what this Python prints."""
    page = PAGE.read_text(encoding="utf-8")
    return next((one for one in (f"{part} {VERSION}", part) if marked(page, one) is not None), None)


def _write(part: str, text: str) -> None:
    mark = _mark(part)
    if mark is None:
        (ROOT / "bench" / f"{part}-{VERSION}.md").write_text(text, encoding="utf-8")
    else:
        PAGE.write_text(put(PAGE.read_text(encoding="utf-8"), mark, text), encoding="utf-8")


def main() -> None:
    """Print all tables, or some."""
    pictures = ROOT / "docs"
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").partition(":")[0])
    parser.add_argument(
        "--only",
        metavar="PART,…",
        help="startup, instructions (needs valgrind), waiting, scale",
    )
    parser.add_argument("--pairs", type=int, default=15, help="counted runs of each (default 15)")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md, draw the plots")
    given = parser.parse_args()
    parts: dict[str, Callable[[], str]] = {
        "startup": lambda: startup.report(given.pairs),
        "instructions": startup.counts,
        "waiting": waiting.report,
        "scale": lambda: scale.report(picture=pictures / "scale.svg" if given.write else None),
    }
    if not shutil.which("valgrind"):
        del parts["instructions"]
    chosen = given.only.split(",") if given.only else list(parts)
    if unknown := set(chosen) - set(parts):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    homeless = [part for part in chosen if _mark(part) is None]
    if given.write and homeless:
        parser.error(f"{PAGE.name} keeps no {', '.join(homeless)} of Python {VERSION}; choose others with --only")
    for part in chosen:
        began = time.monotonic()
        text = parts[part]()
        print(f"## {part} ({time.monotonic() - began:.0f} s)\n\n{text}", flush=True)
        if given.write:
            _write(part, text)
            if part == "waiting":
                waiting.plot(pictures / "waiting.svg")


if __name__ == "__main__":
    main()
