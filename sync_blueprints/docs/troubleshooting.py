"""Messages that people search for, what happened and what to do: the files in troubleshooting/, read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from sync_blueprints.catalog import Blueprint
from sync_blueprints.docs.exit_codes import SUCCESSES, kind_of

FOLDER = Path(__file__).with_name("troubleshooting")


@dataclass(frozen=True)
class Trouble:
    """A message, or a part of one; `…` in it stands for what differs from run to run."""

    message: str
    codes: tuple[int, ...]  # none for a log line
    cause: str
    cure: str
    kinds: tuple[str, ...]  # of blueprints that can show it


def load(name: str) -> list[Trouble]:
    """The messages of a vendor alone, or of `all`."""
    return [
        Trouble(
            message=raw["message"].format(),
            codes=tuple(raw["codes"]),
            cause=raw["cause"],
            cure=raw["cure"],
            kinds=tuple(raw.get("kinds", SUCCESSES)),
        )
        for raw in yaml.safe_load((FOLDER / f"{name.lower()}.yaml").read_text(encoding="utf-8"))
    ]


def of(blueprint: Blueprint) -> list[Trouble]:
    """What concerns one blueprint: its own codes only, and its vendor's name in place of {vendor} and {VENDOR}."""
    names = {
        "vendor": blueprint.vendor,
        "VENDOR": blueprint.vendor.upper(),
        "page": f"{blueprint.vendor.lower()}-authorization.md",
    }
    return [
        replace(
            one,
            codes=tuple(code for code in one.codes if code in blueprint.exit_codes),
            cause=one.cause.format(**names),
            cure=one.cure.format(**names),
        )
        for one in [*load("all"), *load(blueprint.vendor)]
        if kind_of(blueprint) in one.kinds
    ]
