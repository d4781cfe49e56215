"""sync-blueprints show: one blueprint, with its inputs, retries and exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from sync_blueprints import terminal
from sync_blueprints.catalog import Blueprint, CatalogError, Input, find
from sync_blueprints.docs import exit_codes
from sync_blueprints.terminal import paint


def main(argv: Sequence[str]) -> int:
    """The command; returns 0, or 2 for a name that does not exist."""
    parser = argparse.ArgumentParser(prog="sync-blueprints show", description="Show a blueprint.")
    parser.add_argument("name", help="its name, a unique prefix of it, or its script")
    parser.add_argument("--long", action="store_true", help="describe each input in full")
    given = parser.parse_args(argv)
    try:
        blueprint = find(given.name)
    except CatalogError as error:
        parser.exit(2, f"sync-blueprints show: {error}\n")
    for line in _page(blueprint, min(terminal.width_of(sys.stdout), 120), given.long):
        print(line)
    return 0


def _page(blueprint: Blueprint, width: int, long: bool) -> Iterator[str]:
    yield paint(blueprint.name, "bold")
    yield blueprint.script
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
    codes = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in rails.exclude_exit_code_ranges)
    yield f"no retry after exit code {codes}"
    yield f"{terminal.duration(rails.runtime_cutoff)} per attempt"
