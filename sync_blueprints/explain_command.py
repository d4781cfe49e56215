"""sync-blueprints explain: what an exit code means, and what to do about it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sync_blueprints import terminal
from sync_blueprints.catalog import CatalogError, find, load
from sync_blueprints.docs import exit_codes
from sync_blueprints.docs.exit_codes import ExitCode, general


def main(argv: Sequence[str]) -> int:
    """The command; returns 0, or 2 for a code or a name that does not exist."""
    parser = argparse.ArgumentParser(
        prog="sync-blueprints explain", description="Explain what an exit code means and what to do about it."
    )
    parser.add_argument("code", type=int, help="such as 204")
    parser.add_argument("name", nargs="?", help="the blueprint that exited with it, for a more specific explanation")
    given = parser.parse_args(argv)
    known = {**exit_codes.others(), **exit_codes.load()}
    if given.code not in known:
        codes = ", ".join(map(str, sorted(known)))
        parser.exit(2, f"sync-blueprints explain: unknown exit code {given.code}; known codes: {codes}\n")
    try:
        rows = _rows(known[given.code], given.name)
    except CatalogError as error:
        parser.exit(2, f"sync-blueprints explain: {error}\n")
    print(terminal.paint(f"Exit code {given.code}", "bold"))
    for label, text in rows:
        cells = (f"{label}:".ljust(12), " ".join(text.split()))
        print("\n".join(terminal.table([cells], min(terminal.width_of(sys.stdout), 100))))
    return 0


def _rows(one: ExitCode, name: str | None) -> list[tuple[str, str]]:
    if name is None:
        kinds = {exit_codes.kind_of(blueprint) for blueprint in load()}
        meaning, what_to_do, retry = one.meaning, one.what_to_do, one.retry
        special = [(kind, general(text)) for kind, text in one.by_kind.items() if kind in kinds]
    else:
        blueprint = find(name)
        meaning, what_to_do = exit_codes.of(one, blueprint)
        retry, special = exit_codes.again(one, exit_codes.kind_of(blueprint)), []
        if one.code not in blueprint.exit_codes and one.code not in exit_codes.others():
            meaning = f"{blueprint.name} never exits with it. {meaning}"
    rows = [("meaning", general(meaning)), ("what to do", general(what_to_do)), *([("retry", retry)] if retry else [])]
    return [*rows, *special]
