"""sync-blueprints list: the blueprints, by vendor."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sync_blueprints import terminal
from sync_blueprints.catalog import load


def main(argv: Sequence[str]) -> int:
    """The command; returns 0."""
    parser = argparse.ArgumentParser(prog="sync-blueprints list", description="List the blueprints.")
    parser.add_argument("vendor", nargs="?", default="", help="only blueprints of this vendor, or with this prefix")
    wanted = parser.parse_args(argv).vendor.casefold()
    rows = [(one.name, one.script, one.synopsis) for one in load() if one.name.casefold().startswith(wanted)]
    if not rows:
        parser.exit(1, f"sync-blueprints list: no blueprint's name begins with {wanted!r}\n")
    width = terminal.width_of(sys.stdout)
    if width < 100:  # too narrow for three columns
        rows = [(name, synopsis, "") for name, _, synopsis in rows]
    print("\n".join(terminal.table([row if row[-1] else row[:-1] for row in rows], width)))
    return 0
