"""sync-blueprints explain: what an exit code means, and what to do about it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from sync_blueprints import terminal
from sync_blueprints.catalog import CatalogError, find, load
from sync_blueprints.docs import exit_codes
from sync_blueprints.docs.exit_codes import ExitCode


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
        lines = list(_lines(known[given.code], given.name))
    except CatalogError as error:
        parser.exit(2, f"sync-blueprints explain: {error}\n")
    print(terminal.Paint(sys.stdout).bold(f"Exit code {given.code}"))
    for label, text in lines:
        print("\n".join(terminal.table([(label, text)], min(terminal.width_of(sys.stdout), 100))))
    return 0


def _lines(one: ExitCode, name: str | None) -> Iterator[tuple[str, str]]:
    if name is not None:
        blueprint = find(name)
        meaning, what_to_do = exit_codes.of(one, blueprint)
        retry = exit_codes.again(one, exit_codes.kind_of(blueprint))
        own = blueprint.exit_codes
        never = "" if one.code in own or one.code in exit_codes.others() else f"{blueprint.name} never exits with it. "
        yield from _three(never + meaning, what_to_do, retry)
        return
    names = {"vendor": "the vendor", "VENDOR": "<VENDOR>"}
    yield from _three(one.meaning.format(**names), one.what_to_do.format(**names), one.retry)
    kinds = {exit_codes.kind_of(blueprint) for blueprint in load()}
    for kind, text in one.by_kind.items():
        if kind in kinds:
            yield f"{kind}:".ljust(12), text.format(**names)


def _three(meaning: str, what_to_do: str, retry: str) -> Iterator[tuple[str, str]]:
    yield "meaning:".ljust(12), _sentence(meaning)
    yield "what to do:".ljust(12), _sentence(what_to_do)
    if retry:
        yield "retry:".ljust(12), retry


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text[:1].upper() + text[1:]
