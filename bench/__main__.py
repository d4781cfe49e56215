"""All measurements, one after the other: python -m bench [--only startup,waiting] [--pairs 25] [--write].

`--write` puts the table between its marks in docs/performance.md (waiting has some), and draws the plots.
"""

from __future__ import annotations

import argparse
import re
import shutil
import time
from collections.abc import Callable

from bench import many, scale, startup, waiting
from bench.processes import ROOT

PAGE = ROOT / "docs" / "performance.md"


def marked(page: str, part: str) -> str | None:
    """What stands between the marks of a part, None where the page has none of it."""
    found = re.search(_marks(part), page, re.DOTALL)
    return found[2] if found else None


def put(page: str, part: str, text: str) -> str:
    """The page with `text` between the marks of a part."""
    return re.sub(_marks(part), lambda found: f"{found[1]}{text}{found[3]}", page, flags=re.DOTALL)


def _marks(part: str) -> str:
    return rf"(<!-- {re.escape(part)} -->\n)(.*?)(<!-- end -->)"


def main() -> None:
    """Print all tables, or some."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--only", metavar="PART,…", help="startup, instructions (needs valgrind), waiting, many, scale")
    parser.add_argument("--pairs", type=int, default=15, help="counted runs of each (default 15)")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md, draw the plots")
    given = parser.parse_args()
    parts: dict[str, Callable[[], str]] = {
        "startup": lambda: startup.report(given.pairs),
        "instructions": startup.counts,
        "waiting": waiting.report,
        "many": many.report,
        "scale": lambda: scale.report(picture=PAGE.with_name("scale.svg") if given.write else None),
    }
    if not shutil.which("valgrind"):
        del parts["instructions"]
    chosen = given.only.split(",") if given.only else list(parts)
    if unknown := set(chosen) - set(parts):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    for part in chosen:
        began = time.monotonic()
        text = parts[part]()
        print(f"## {part} ({time.monotonic() - began:.0f} s)\n\n{text}", flush=True)
        if given.write:
            PAGE.write_text(put(PAGE.read_text(encoding="utf-8"), part, text), encoding="utf-8")
            if part == "waiting":
                waiting.plot(PAGE.with_name("waiting.svg"))


if __name__ == "__main__":
    main()
