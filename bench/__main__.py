"""All measurements, one after the other: python -m bench [--only startup,waiting] [--pairs 25] [--write].

`--write` puts the tables of `waiting` into docs/performance.md, and draws the plots.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Callable

from bench import many, scale, startup, waiting
from bench.processes import ROOT

PAGE = ROOT / "docs" / "performance.md"


def shown(page: str) -> str:
    """The tables of `waiting` as the page has them."""
    return page.partition("<!-- waiting -->\n")[2].partition("<!-- end -->")[0]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--only", metavar="PART,…", help="startup, instructions (needs valgrind), waiting, many, scale")
    parser.add_argument("--pairs", type=int, default=15, help="counted runs of each (default 15)")
    parser.add_argument("--write", action="store_true", help="put tables into docs/performance.md, draw the plots")
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
        if given.write and part == "waiting":
            page = PAGE.read_text(encoding="utf-8")
            PAGE.write_text(page.replace(shown(page), text), encoding="utf-8")
            waiting.plot(PAGE.with_name("waiting.svg"))


if __name__ == "__main__":
    main()
