"""What an export is given, and what the exports share: guardrails, names, quoting, comments, templates."""

from __future__ import annotations

import functools
import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from sync_blueprints.catalog import CUT_SHORT, STARTING, Blueprint, Guardrails, find, guardrails_for, version

if TYPE_CHECKING:
    import jinja2

SECRET = "Password"  # noqa: S105 - the catalog's type of an input that is a secret
ARTIFACTS = "SHIPYARD_ARTIFACTS_DIRECTORY"
WAIT_MARGIN = 10  # minutes between the end of a check's wait and the end of its attempt

# Characters that JSON leaves as they are and YAML 1.1 rejects or takes for a line break.
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


class ExportError(Exception):
    """What was asked for cannot be exported; the message says what to do."""


@dataclass(frozen=True)
class Step:
    """A blueprint and its inputs except Passwords, which the text refers to where the orchestrator keeps secrets."""

    blueprint: Blueprint
    inputs: Mapping[str, str]

    @property
    def secrets(self) -> list[str]:
        return [given.reference for given in self.blueprint.inputs if given.type == SECRET]

    @property
    def guardrails(self) -> Guardrails:
        """Those of the blueprint with these inputs."""
        return guardrails_for(self.blueprint, self.inputs)


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
    """How steps are written for one orchestrator.

    In a value each of `escapes` is replaced, one after the other; it is then quoted as `quoting` says: "json" as a JSON
    string in which the characters of _NOT_IN_YAML are \\u escapes, too; "shell" in single quotes.
    """

    render: Callable[[Sequence[Step], Options], str]  # pure; the same text for the same arguments
    options: tuple[str, ...] = ()  # the Options that it takes
    guardrails: tuple[str, ...] = ("retry_count", "retry_wait", "runtime_cutoff")  # those that it can say
    quoting: str = "json"
    escapes: tuple[tuple[str, str], ...] = ()
    refused: tuple[str, ...] = ()  # texts that no value may contain, because there is no way to write them
    defaults: Callable[[Blueprint], Mapping[str, str]] = lambda _: {}  # inputs that it sets where the user does not

    def __call__(self, steps: Sequence[Step], options: Options) -> str:
        return self.render([in_order(step, self.defaults(step.blueprint)) for step in steps], options)


def in_order(step: Step, others: Mapping[str, str] | None = None) -> Step:
    """The step with its inputs, and those of `others` that it lacks, in the order of the catalog."""
    inputs = {**(others or {}), **step.inputs}
    names = [one.reference for one in step.blueprint.inputs]
    return replace(step, inputs={name: inputs[name] for name in names if name in inputs})


def waiting_check(blueprint: Blueprint) -> Mapping[str, str]:
    """Inputs that make a check wait by itself, for orchestrators whose retries cannot do the waiting."""
    if not is_check(blueprint):
        return {}
    minutes = max(1, int(blueprint.guardrails.runtime_cutoff) // 60 - WAIT_MARGIN)
    return {f"{blueprint.prefix}WAIT": "TRUE", f"{blueprint.prefix}WAIT_TIMEOUT": str(minutes)}


def changed(step: Step) -> dict[str, str]:
    """The guardrails that are not the catalog's, as options of `sync-blueprints run` and inputs of the Action."""
    usual, own = _in_the_catalog(step.blueprint.name), step.blueprint.guardrails
    texts = {
        "retry-count": (str(usual.retry_count), str(own.retry_count)),
        "retry-wait": (duration(usual.retry_wait), duration(own.retry_wait)),
        "runtime-cutoff": (duration(usual.runtime_cutoff), duration(own.runtime_cutoff)),
    }
    return {name: asked for name, (before, asked) in texts.items() if asked != before}


@functools.cache
def _in_the_catalog(name: str) -> Guardrails:
    return find(name).guardrails


def is_trigger(blueprint: Blueprint) -> bool:
    """Whether it starts a sync and saves a handoff for a check."""
    return blueprint.kind in STARTING


def is_check(blueprint: Blueprint) -> bool:
    return blueprint.kind == "check"


def final_codes(step: Step) -> list[int]:
    """The exit codes after which a step is not retried: sorted, each once."""
    return sorted({code for first, last in step.guardrails.exclude_exit_code_ranges for code in range(first, last + 1)})


def waits_after_starting(step: Step) -> bool:
    """Whether it is a trigger that waits until its sync has ended: a retry could stop that sync."""
    return set(CUT_SHORT) <= set(final_codes(step))


def handed_over_by(place: int, blueprints: Sequence[Blueprint]) -> int | None:
    """The place of the trigger whose sync a check is to check; None if there is none."""
    if not is_check(blueprints[place]):
        return None
    own = [one for one in range(place) if blueprints[one].vendor == blueprints[place].vendor]
    triggers = [one for one in own if is_trigger(blueprints[one])]
    return triggers[-1] if triggers else None


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


def titles(steps: Sequence[Step]) -> list[str]:
    """A name of its own for each step: the blueprint's, numbered where it is repeated."""
    names = [step.blueprint.name for step in steps]
    return [
        name if name not in names[:place] else f"{name} {names[: place + 1].count(name)}"
        for place, name in enumerate(names)
    ]


def duration(seconds: float, *, hours: bool = False) -> str:
    """Seconds as the platform writes them: 0s, 5m0s, 4h0m0s; with `hours` 0h10m0s, too."""
    whole, minutes, rest = int(seconds) // 3600, int(seconds) // 60 % 60, int(seconds) % 60
    return f"{whole}h{minutes}m{rest}s" if whole or hours else f"{minutes}m{rest}s" if minutes else f"{rest}s"


def comment(*paragraphs: str, indent: str = "") -> list[str]:
    """Lines of a comment in YAML, shell or Python, each paragraph filled; an indented one stays as it is."""
    return [
        f"{indent}# {line}"
        for paragraph in paragraphs
        for line in ([paragraph] if paragraph[0] == " " else textwrap.wrap(paragraph, 108, break_on_hyphens=False))
    ]


def listed(names: Sequence[str]) -> str:
    """Names in a sentence."""
    return " and ".join(([", ".join(names[:-1])] if names[:-1] else []) + list(names[-1:]))


def fill(template: str, **values: object) -> str:
    """The file of this name in templates/, filled in."""
    return _environment().get_template(template).render(**values)


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(  # noqa: S701 - none of it is HTML
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(json=in_json, shell=in_shell, listed=listed, duration=duration, final_codes=final_codes)
    environment.filters["comment"] = lambda paragraphs: "\n".join(comment(*paragraphs))
    environment.filters["inset"] = lambda text, width: text.strip("\n").replace("\n", "\n" + " " * width)
    environment.tests["trigger"] = is_trigger
    environment.tests["waiting_trigger"] = waits_after_starting
    return environment
