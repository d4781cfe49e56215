"""What an exit code means and what to do about it: exit_codes.yaml beside this file."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from sync_blueprints.catalog import STARTING, Blueprint

FILE = Path(__file__).with_name("exit_codes.yaml")
SUCCESSES = {  # the outcomes of exit code 0, by kind of blueprint
    "trigger": ("started", "joined", "succeeded"),
    "check": ("succeeded",),
    "update": ("updated",),
    "list": ("listed",),
    "credentials": ("valid",),
}
ONLY_WITH_WAIT = (210, 211, 212, 213, 220)  # exit codes of a trigger that reports how a sync ended


@dataclass(frozen=True)
class ExitCode:
    """`meaning` and `what_to_do` are for people, and may contain {vendor} and {VENDOR}; `of` fills in the names."""

    code: int
    outcomes: tuple[str, ...]
    meaning: str
    what_to_do: str
    retry: str  # would a retry help? "yes", "no", "check: yes", or "" where the question makes no sense
    by_kind: Mapping[str, str]  # what to do where it differs, by kind of blueprint


@functools.cache
def load(section: str = "exit_codes") -> dict[int, ExitCode]:
    """The codes that a blueprint exits with."""
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))[section]
    return {
        code: ExitCode(
            code,
            tuple(words.get("outcomes", ())),
            words["meaning"],
            words["what_to_do"],
            words.get("retry", ""),
            {kind: words[kind] for kind in SUCCESSES if kind in words},
        )
        for code, words in raw.items()
    }


def others() -> dict[int, ExitCode]:
    """Codes of Python, the shell, the system and `sync-blueprints run`."""
    return load("others")


def kind_of(blueprint: Blueprint) -> str:
    """A word of SUCCESSES: a resync is a trigger, too."""
    return "trigger" if blueprint.kind in STARTING else blueprint.kind


def outcomes(one: ExitCode, blueprint: Blueprint) -> tuple[str, ...]:
    """The words that this blueprint reports with the code; a resync joins no running sync."""
    if one.code:
        return one.outcomes
    words = SUCCESSES[kind_of(blueprint)]
    return tuple(word for word in words if word != "joined" or blueprint.kind != "resync")


def again(one: ExitCode, kind: str) -> str:
    """Whether a retry helps that kind of blueprint; it does not once a trigger has started a sync."""
    if kind == "trigger" and one.code in ONLY_WITH_WAIT:
        return "no"
    return {"check: yes": "yes" if kind == "check" else "no"}.get(one.retry, one.retry)


def of(one: ExitCode, blueprint: Blueprint) -> tuple[str, str]:
    """What a code means that this blueprint exited with, and what to do about it."""
    names = {"vendor": blueprint.vendor, "VENDOR": blueprint.vendor.upper()}
    what_to_do = one.by_kind.get(kind_of(blueprint), one.what_to_do)
    return one.meaning.format(**names), what_to_do.format(**names)


def general(text: str) -> str:
    """A text about an exit code that is about no vendor in particular."""
    text = text.strip().format(vendor="the vendor", VENDOR="<VENDOR>")
    return text[0].upper() + text[1:]
