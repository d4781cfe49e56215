"""python -m sync_blueprints docs: the pages in docs/ that are made from the catalog, the errors and the hand-written parts."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from sync_blueprints import catalog_page
from sync_blueprints.docs import pages


def main(argv: Sequence[str]) -> int:
    """The command; returns 1 if a page is stale with --check, 2 for a wrong command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sync_blueprints docs", description="Write the pages in docs/ anew."
    )
    parser.add_argument("--check", action="store_true", help="write nothing, and exit with 1 if a page would change")
    check = parser.parse_args(argv).check
    stale = []
    for name, text in {**pages.pages(), "index.html": catalog_page.render()}.items():
        path = pages.DOCS / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not check:
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(text.encode())
    for name in stale:
        print(f"docs/{name} {'is stale: run python -m sync_blueprints docs' if check else 'was written'}")
    return int(check and bool(stale))
