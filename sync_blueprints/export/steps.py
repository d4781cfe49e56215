"""What an exporter is given, and what the engines' texts have in common: quoting, names, durations."""

from __future__ import annotations

import functools
import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Callable

from sync_blueprints.catalog import Blueprint, Guardrails, find

SECRET = "Password"  # noqa: S105 - the catalog's type of an input that is a secret
ARTIFACTS = "SHIPYARD_ARTIFACTS_DIRECTORY"

# Interrupted, killed, terminated, vendor not reached while waiting, a fault of the script.
_BROKEN_OFF = (130, 137, 143, 220, 249)

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_CRON = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("weekday", 0, 6, _DAYS),
)

# Characters that JSON leaves as they are and YAML 1.1 refuses or takes for a line break.
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


class ExportError(Exception):
    """What was asked for cannot be exported; the message says what to do."""


@dataclass(frozen=True)
class Step:
    """A blueprint and its inputs but for the Passwords: an engine refers to these where it keeps its secrets."""

    blueprint: Blueprint
    inputs: Mapping[str, str]

    @property
    def secrets(self) -> list[str]:
        return [given.reference for given in self.blueprint.inputs if given.type == SECRET]


@dataclass(frozen=True)
class Options:
    """What a user may choose beside blueprints and inputs; an engine takes what it has a use for."""

    name: str | None = None  # of the whole; by default made from the first blueprint's
    image: str = "sync-blueprints:latest"
    namespace: str | None = None
    schedule: str | None = None  # five fields of cron
    folder: str = "/opt/sync-blueprints"  # where the project lies on an Airflow worker


@dataclass(frozen=True)
class Engine:
    """How steps are written for one engine.

    A value has each of `escapes` replaced, one after the other, and is then quoted as `quoting` says: "json" as a JSON
    string in which the characters of _NOT_IN_YAML are \\u escapes, too; "shell" in single quotes.
    """

    render: Callable[[Sequence[Step], Options], str]  # pure; the same text for the same arguments
    options: tuple[str, ...] = ()  # the Options that it takes
    quoting: str = "json"
    escapes: tuple[tuple[str, str], ...] = ()
    refused: str = ""  # a text that no value may hold, because the engine knows no way to write it
    defaults: Callable[[Blueprint], Mapping[str, str]] = lambda _: {}  # inputs that it gives where the user does not

    def __call__(self, steps: Sequence[Step], options: Options) -> str:
        return self.render(
            [replace(step, inputs={**self.defaults(step.blueprint), **step.inputs}) for step in steps], options
        )


def changed(step: Step) -> dict[str, str]:
    """The guardrails that are not the catalog's, as `python -m sync_blueprints run` and the action call them."""
    rails, own = _in_the_catalog(step.blueprint.name), step.blueprint.guardrails
    texts = {
        "retry-count": (str(rails.retry_count), str(own.retry_count)),
        "retry-wait": (duration(rails.retry_wait), duration(own.retry_wait)),
        "runtime-cutoff": (duration(rails.runtime_cutoff), duration(own.runtime_cutoff)),
    }
    return {name: asked for name, (usual, asked) in texts.items() if asked != usual}


@functools.cache
def _in_the_catalog(name: str) -> Guardrails:
    return find(name).guardrails


def is_trigger(blueprint: Blueprint) -> bool:
    return blueprint.file_to_run.endswith("/trigger_sync.py")


def is_check(blueprint: Blueprint) -> bool:
    return blueprint.file_to_run.endswith("/check_sync_status.py")


def in_json(value: str, escapes: Sequence[tuple[str, str]] = ()) -> str:
    """A value as a double-quoted string that YAML, JSON and Python read alike."""
    for what, by in escapes:
        value = value.replace(what, by)
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def in_shell(value: str) -> str:
    """A value in the single quotes of a POSIX shell."""
    return "'" + value.replace("'", "'\\''") + "'"


def slug(name: str) -> str:
    """A name in small letters, digits and hyphens."""
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")


def name_of(steps: Sequence[Step], options: Options) -> str:
    return options.name or slug(steps[0].blueprint.name)


def titles(steps: Sequence[Step]) -> list[str]:
    """A name of its own for each step: the blueprint's, numbered where it comes again."""
    names = [step.blueprint.name for step in steps]
    return [
        name if name not in names[:place] else f"{name} {names[: place + 1].count(name)}"
        for place, name in enumerate(names)
    ]


def duration(seconds: float, *, hours: bool = False) -> str:
    """Seconds as the platform writes them: 0s, 5m0s, 4h0m0s; with `hours` 0h10m0s, too."""
    whole, minutes, rest = int(seconds) // 3600, int(seconds) // 60 % 60, int(seconds) % 60
    return f"{whole}h{minutes}m{rest}s" if whole or hours else f"{minutes}m{rest}s" if minutes else f"{rest}s"


def ranges(rails: Guardrails) -> list[str]:
    """The excluded exit codes as the platform writes them: `200`, or `200-206`."""
    return [str(first) if first == last else f"{first}-{last}" for first, last in rails.exclude_exit_code_ranges]


def final_codes(step: Step) -> list[int]:
    """The exit codes after which a step is not tried again: sorted, each once.

    They are the catalog's, and for a trigger that waits also those of a wait that broke off: its sync runs, and
    another attempt would stop it and start a second one.
    """
    excluded = step.blueprint.guardrails.exclude_exit_code_ranges
    codes = {code for first, last in excluded for code in range(first, last + 1)}
    return sorted(codes | (set(_BROKEN_OFF) if waits_after_starting(step) else set()))


def waits_after_starting(step: Step) -> bool:
    """Whether it is a trigger that stays until its sync has ended."""
    wait = f"{step.blueprint.vendor.upper()}_WAIT"
    return is_trigger(step.blueprint) and step.inputs.get(wait, "").strip().upper() == "TRUE"


def handed_over_by(place: int, blueprints: Sequence[Blueprint]) -> int | None:
    """The place of the trigger whose sync a check is to judge; None where it has to find out by itself."""
    if not is_check(blueprints[place]):
        return None
    own = [one for one in range(place) if blueprints[one].vendor == blueprints[place].vendor]
    triggers = [one for one in own if is_trigger(blueprints[one])]
    return triggers[-1] if triggers else None


def check_schedule(schedule: str) -> None:
    """Raises ExportError unless it is what Kubernetes, Argo and Airflow all take: five fields of cron."""
    fields = schedule.split()
    if len(fields) != len(_CRON):
        raise ExportError(f"{schedule!r} is no schedule; it has five fields, as in '0 2 * * *': every day at 2:00 UTC")
    for text, (unit, first, last, names) in zip(fields, _CRON):
        for part in text.split(","):
            found = re.fullmatch(r"(\*|(\w+)(?:-(\w+))?)(?:/([1-9]\d?))?", part.lower(), re.ASCII)
            ends = [end for end in (found[2], found[3]) if end] if found else [""]
            numbers = [first + names.index(end) if end in names else int(end) if end.isdigit() else -1 for end in ends]
            if any(not first <= number <= last for number in numbers) or numbers != sorted(numbers):
                raise ExportError(f"{part!r} is no {unit} of a schedule; those are numbers from {first} to {last}")


def comment(*paragraphs: str, indent: str = "") -> list[str]:
    """Lines of a comment in YAML, shell or Python, each paragraph filled by itself; an indented one stays as it is."""
    return [
        f"{indent}# {line}"
        for paragraph in paragraphs
        for line in ([paragraph] if paragraph[0] == " " else textwrap.wrap(paragraph, 108, break_on_hyphens=False))
    ]


def listed(names: Sequence[str]) -> str:
    """Names in a sentence."""
    return " and ".join(([", ".join(names[:-1])] if names[:-1] else []) + list(names[-1:]))
