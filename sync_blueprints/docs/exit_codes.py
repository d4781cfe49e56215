"""What a person does about an exit code: the words of shared/errors.py, and exit_codes.yaml beside this file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from shared import errors
from shared.errors import BlueprintError
from sync_blueprints.catalog import Blueprint

FILE = Path(__file__).with_name("exit_codes.yaml")
KINDS = {  # what a blueprint does, by the name of its script
    "trigger_sync": "trigger",
    "check_sync_status": "check",
    "update_connector": "update",
    "check_credentials": "credentials",
}
SUCCESSES = {  # the outcome words of exit code 0
    "trigger": ("started", "joined", "succeeded"),
    "check": ("succeeded",),
    "update": ("updated",),
    "credentials": ("valid",),
}
INTERRUPTED = (130, 143)  # SIGINT and SIGTERM
CLASSES: list[type[BlueprintError]] = [
    one for one in vars(errors).values() if isinstance(one, type) and hasattr(one, "again")
]


@dataclass(frozen=True)
class ExitCode:
    """`meaning` and `what_to_do` are for people, and may hold {vendor} and {VENDOR}; `of` puts the names in."""

    code: int
    outcomes: tuple[str, ...]  # the words in the result's JSON; those of 0 are in SUCCESSES
    meaning: str
    what_to_do: str
    retry: str  # would trying again help? "yes", "no", "check: yes", "" or a sentence
    by_kind: Mapping[str, str]  # what to do where it differs, by a word of KINDS


def load() -> dict[int, ExitCode]:
    """The codes that a blueprint ends with."""
    return _read("exit_codes")


def others() -> dict[int, ExitCode]:
    """Codes that Python or the machine ends a run with."""
    return _read("others")


def kind_of(blueprint: Blueprint) -> str:
    return KINDS[blueprint.path.stem]


def again(one: ExitCode, kind: str) -> str:
    """Whether trying again helps that kind of blueprint."""
    return {"check: yes": "yes" if kind == "check" else "no"}.get(one.retry, one.retry)


def of(one: ExitCode, blueprint: Blueprint) -> tuple[str, str]:
    """What a code means that this blueprint ended with, and what to do about it."""
    names = {"vendor": blueprint.vendor, "VENDOR": blueprint.vendor.upper()}
    words = one.by_kind.get(kind_of(blueprint), one.what_to_do)
    return one.meaning.format(**names), words.format(**names)


def docstring(kind: type[BlueprintError]) -> str:
    """The words of an error for people: the first line of its docstring, or its first sentence if more follows."""
    return (kind.__doc__ or "").splitlines()[0].split(". ")[0].rstrip(".") + "."


def _read(section: str) -> dict[int, ExitCode]:
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))[section]
    found = {}
    for code, words in raw.items():
        classes = [one for one in CLASSES if one.exit_code == code]
        interrupted = [errors.Interruption.outcome] if code in INTERRUPTED else []
        found[code] = ExitCode(
            code,
            tuple(dict.fromkeys([one.outcome for one in classes] + interrupted)),
            docstring(classes[0]) if classes else words["meaning"],
            words["what_to_do"],
            classes[0].again if classes else words.get("retry", ""),
            {kind: words[kind] for kind in KINDS.values() if kind in words},
        )
    return found
