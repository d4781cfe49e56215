"""sync-blueprints list, show and explain: what the catalog and the table of exit codes know."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from sync_blueprints import exit_codes, terminal
from sync_blueprints.catalog import Blueprint, CatalogError, Input, find, load
from sync_blueprints.exit_codes import ExitCode, general
from sync_blueprints.terminal import paint


def list_blueprints(argv: Sequence[str]) -> int:
    """The command list: the blueprints, by vendor; returns 0, or 1 if there is none."""
    parser = argparse.ArgumentParser(prog="sync-blueprints list", description="List the blueprints.")
    parser.add_argument("vendor", nargs="?", default="", help="only blueprints of this vendor, or with this prefix")
    wanted = parser.parse_args(argv).vendor.casefold()
    rows = [(one.name, one.file_to_run, one.synopsis) for one in load() if one.name.casefold().startswith(wanted)]
    if not rows:
        parser.exit(1, f"sync-blueprints list: no blueprint's name begins with {wanted!r}\n")
    width = terminal.width_of(sys.stdout)
    if width < 100:  # too narrow for three columns
        rows = [(name, synopsis, "") for name, _, synopsis in rows]
    print("\n".join(terminal.table([row if row[-1] else row[:-1] for row in rows], width)))
    return 0


def show(argv: Sequence[str]) -> int:
    """The command show: one blueprint, with its inputs, retries and exit codes; returns 0, or 2 for an unknown name."""
    parser = argparse.ArgumentParser(prog="sync-blueprints show", description="Show a blueprint.")
    parser.add_argument("name", help="its name, a unique prefix of it, or its script")
    parser.add_argument("--long", action="store_true", help="describe each input in full")
    given = parser.parse_args(argv)
    print("\n".join(_page(_found(parser, given.name), min(terminal.width_of(sys.stdout), 120), given.long)))
    return 0


def explain(argv: Sequence[str]) -> int:
    """The command explain: what an exit code means and what to do; returns 0, or 2 for an unknown code or name."""
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
    rows = _explained(known[given.code], None if given.name is None else _found(parser, given.name))
    print(paint(f"Exit code {given.code}", "bold"))
    for label, text in rows:
        cells = (f"{label}:".ljust(12), " ".join(text.split()))
        print("\n".join(terminal.table([cells], min(terminal.width_of(sys.stdout), 100))))
    return 0


def _found(parser: argparse.ArgumentParser, name: str) -> Blueprint:
    """The blueprint of that name; without one, the command ends."""
    try:
        return find(name)
    except CatalogError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")


def _page(blueprint: Blueprint, width: int, long: bool) -> Iterator[str]:
    yield paint(blueprint.name, "bold")
    yield blueprint.file_to_run
    yield ""
    yield terminal.paragraphs(blueprint.description, width)
    yield ""
    yield paint("Inputs", "bold") + " (environment variables)"
    described = [one.description if long else _first_sentence(one.description) for one in blueprint.inputs]
    rows = [(one.reference, f"{_needs(one)}. {text}") for one, text in zip(blueprint.inputs, described)]
    yield from terminal.table(rows, width, "  ")
    yield ""
    yield paint("Retries and time limit", "bold")
    yield from terminal.table([("", line) for line in _rails(blueprint)], width)
    yield ""
    yield paint("Exit codes", "bold") + " (what to do: sync-blueprints explain CODE)"
    known = exit_codes.load()
    meanings = [(str(code), exit_codes.of(known[code], blueprint)[0]) for code in blueprint.exit_codes if code in known]
    yield from terminal.table(meanings, width, "  ")


def _needs(one: Input) -> str:
    kind = ", ".join(one.options) if one.options else one.type
    if one.required:
        return f"{kind}; required"
    return f"{kind}; default {one.default}" if one.default is not None else kind


def _first_sentence(text: str) -> str:
    return " ".join(text.split()).split(". ")[0].rstrip(".") + "."


def _rails(blueprint: Blueprint) -> Iterator[str]:
    rails = blueprint.guardrails
    wait = f", {terminal.duration(rails.retry_wait)} apart" if rails.retry_wait else ", immediately"
    yield f"{rails.retry_count} {'retry' if rails.retry_count == 1 else 'retries'}{wait}"
    yield f"no retry after exit code {', '.join(rails.ranges)}"
    yield f"{terminal.duration(rails.runtime_cutoff)} per attempt"


def _explained(one: ExitCode, blueprint: Blueprint | None) -> list[tuple[str, str]]:
    if blueprint is None:
        kinds = {exit_codes.kind_of(blueprint) for blueprint in load()}
        meaning, what_to_do, retry = one.meaning, one.what_to_do, one.retry
        special = [(kind, general(text)) for kind, text in one.by_kind.items() if kind in kinds]
    else:
        meaning, what_to_do = exit_codes.of(one, blueprint)
        retry, special = exit_codes.again(one, exit_codes.kind_of(blueprint)), []
        if one.code not in blueprint.exit_codes and one.code not in exit_codes.others():
            meaning = f"{blueprint.name} never exits with this code. {meaning}"
    rows = [("meaning", general(meaning)), ("what to do", general(what_to_do)), *([("retry", retry)] if retry else [])]
    return [*rows, *special]
