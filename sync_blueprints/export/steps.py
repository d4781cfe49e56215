"""What an export is given, and what the exports share: guardrails, names, quoting, comments."""

from __future__ import annotations

import functools
import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable

import jinja2

from sync_blueprints.catalog import CUT_SHORT, Blueprint, Guardrails, format_duration, guardrails_for, load, version
from sync_blueprints.templates import environment

# Characters that JSON leaves as they are and YAML 1.1 rejects or takes for a line break.
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


class ExportError(Exception):
    """What was asked for cannot be exported; the message says what to do."""


@dataclass(frozen=True)
class Step:
    """A blueprint and its inputs except Passwords, which the text refers to where the orchestrator keeps secrets."""

    blueprint: Blueprint
    inputs: Mapping[str, str]
    title: str = ""  # a name of its own in the text, which the Orchestrator gives it

    @property
    def variable(self) -> str:
        return slug(self.title).replace("-", "_")

    @property
    def guardrails(self) -> Guardrails:
        """Those of the blueprint with these inputs."""
        return guardrails_for(self.blueprint, self.inputs)

    @property
    def changed(self) -> dict[str, str]:
        """The guardrails that are not the catalog's, as options of `sync-blueprints run` and inputs of the Action."""
        own = self.blueprint.guardrails
        usual = next(one.guardrails for one in load() if one.name == self.blueprint.name)
        texts = {
            "retry_count": str(own.retry_count),
            "retry_wait": format_duration(own.retry_wait),
            "runtime_cutoff": format_duration(own.runtime_cutoff),
        }
        return {name: text for name, text in texts.items() if getattr(own, name) != getattr(usual, name)}

    @property
    def final_codes(self) -> list[int]:
        """The exit codes after which it is not retried: sorted, each once."""
        return [code for code in range(1, 256) if not self.guardrails.try_again_on(code)]

    @property
    def waits_after_starting(self) -> bool:
        """Whether it is a trigger that waits until its sync has ended: a retry could stop that sync."""
        return set(CUT_SHORT) <= set(self.final_codes)


@dataclass(frozen=True)
class Options:
    """What a user may choose besides blueprints and inputs; an export takes those that it names in its Orchestrator."""

    name: str | None = None  # of the whole; by default made from the first blueprint's
    image: str = f"sync-blueprints:{version()}"
    namespace: str | None = None
    schedule: str | None = None  # five fields of cron
    openshift: bool = False  # no fixed user IDs
    secret_files: bool = False  # secrets as mounted files


@dataclass(frozen=True)
class Orchestrator:
    """How steps are written for one orchestrator: a file in templates/, and what only Python can work out for it.

    In a value each of `escapes` is replaced, one after the other; it is then quoted as `quoting` says: "json" as a JSON
    string in which the characters of _NOT_IN_YAML are \\u escapes, too; "shell" in single quotes.
    """

    label: str  # on the catalog page
    template: str
    options: tuple[str, ...] = ()  # the Options that it takes
    guardrails: tuple[str, ...] = ("retry_count", "retry_wait", "runtime_cutoff")  # those that it can say
    quoting: str = "json"
    escapes: tuple[tuple[str, str], ...] = ()
    refused: tuple[str, ...] = ()  # texts that no value may contain, because there is no way to write them
    defaults: Callable[[Blueprint], Mapping[str, str]] = lambda _: {}  # inputs that it sets where the user does not
    values: Callable[[Sequence[Step], Options], Mapping[str, Any]] = lambda _steps, _options: {}  # for the template

    def __call__(self, steps: Sequence[Step], options: Options) -> str:
        """The text, the same for the same arguments. Raises ExportError."""
        titles = numbered([step.blueprint.name for step in steps], " ")
        steps = [
            replace(in_order(step, self.defaults(step.blueprint)), title=title) for step, title in zip(steps, titles)
        ]
        values = {
            "steps": steps,
            "options": options,
            "name": name_of(steps, options),
            "secrets": sorted({secret for step in steps for secret in step.blueprint.secrets}),
            "escapes": self.escapes,
            **self.values(steps, options),
        }
        return _templates().get_template(self.template).render(values)


def in_order(step: Step, others: Mapping[str, str] | None = None) -> Step:
    """The step with its inputs, and those of `others` that it lacks, as far as the catalog has them, in its order."""
    inputs = {**(others or {}), **step.inputs}
    names = [one.reference for one in step.blueprint.inputs]
    return replace(step, inputs={name: inputs[name] for name in names if name in inputs})


def handed_over_by(place: int, blueprints: Sequence[Blueprint]) -> int | None:
    """The place of the trigger whose sync a check is to check; None if there is none."""
    check = blueprints[place]
    own = [one for one in range(place) if blueprints[one].vendor == check.vendor and blueprints[one].starts]
    return own[-1] if own and check.kind == "check" else None


def in_json(value: str, escapes: Sequence[tuple[str, str]] = ()) -> str:
    """A value as a double-quoted string that YAML, JSON and Python read alike."""
    for what, by in escapes:
        value = value.replace(what, by)
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def in_shell(value: str) -> str:
    """A value in the single quotes of a POSIX shell."""
    return "'" + value.replace("'", "'\\''") + "'"


def slug(name: str) -> str:
    """A name in lowercase letters, digits, and hyphens."""
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")


def name_of(steps: Sequence[Step], options: Options) -> str:
    return options.name or slug(steps[0].blueprint.name)


def checked_name(name: str, pattern: str, what: str) -> str:
    """The name, if it matches. Raises ExportError, with `what` as the end of the sentence."""
    if not re.fullmatch(pattern, name):
        raise ExportError(f"{name!r} cannot be {what}")
    return name


def numbered(names: Sequence[str], before: str) -> list[str]:
    """The names, each that is repeated with its number."""
    return [
        name if name not in names[:place] else f"{name}{before}{names[: place + 1].count(name)}"
        for place, name in enumerate(names)
    ]


def listed(names: Sequence[str]) -> str:
    """Names in a sentence."""
    if len(names) > 2:
        return f"{', '.join(names[:-1])}, and {names[-1]}"
    return " and ".join(names)


def _comment(text: str) -> str:
    """Lines of a comment in YAML, shell or Python: each paragraph is filled, an indented line stays as it is."""
    parts = re.findall("^ .+|(?:^[^ \n].*\n?)+", text, re.MULTILINE)
    lines = [
        line
        for part in parts
        for line in ([part] if part[0] == " " else textwrap.wrap(part, 108, break_on_hyphens=False))
    ]
    return "".join(f"# {line}\n" for line in lines)


def _timedelta(seconds: float) -> str:
    """The call in Python, in the largest unit that needs no fraction."""
    units = (("hours", 3600), ("minutes", 60), ("seconds", 1))
    unit, length = next((unit, length) for unit, length in units if length == 1 or (seconds and seconds % length == 0))
    return f"timedelta({unit}={int(seconds) // length})"


@functools.cache
def _templates() -> jinja2.Environment:
    filters: dict[str, Callable[..., Any]] = {
        "comment": _comment,
        "duration": format_duration,
        "inset": lambda text, width: text.strip("\n").replace("\n", "\n" + " " * width),
        "json": in_json,
        "listed": listed,
        "shell": in_shell,
        "slug": slug,
        "timedelta": _timedelta,
    }
    return environment(Path(__file__).parent / "templates", filters)
