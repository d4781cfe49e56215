"""The texts of `sync-blueprints export` as templates that a page can fill in by itself, byte for byte.

Each export is rendered once for every combination of choices that changes more than a value (a variant), with marks in
place of the values. The variants of one export are then merged: a line says in which variants it is there.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sync_blueprints import export
from sync_blueprints.catalog import Blueprint
from sync_blueprints.export.steps import handed_over_by, slug

RETRIES = ("0", "1", "2", "3", "5", "10", "24")
SCHEDULES = ("*/15 * * * *", "0 * * * *", "0 2 * * *", "0 6 * * 1-5", "0 6 * * 1")
ANY_SCHEDULE = "1 2 3 4 5"
NAME = "zq-name"
IMAGE = "zq.image"
OPEN, CLOSE = "\ue000", "\ue001"  # around what is to be filled in
_VALUE = re.compile(r"""(["'])zq([0-9])([A-Z_]+)qz\1""")


@dataclass(frozen=True)
class Selection:
    """What a page offers: one blueprint, or a trigger with its check."""

    blueprints: tuple[Blueprint, ...]

    @property
    def id(self) -> str:
        first = slug(self.blueprints[0].name)
        return first if len(self.blueprints) == 1 else f"{first}-and-check"

    @property
    def name(self) -> str:
        """What the exported file is called at first."""
        first = self.blueprints[0]
        if len(self.blueprints) == 1:
            return self.id
        return f"{first.vendor.lower()}-{'sync' if first.kind == 'trigger' else first.kind}"

    @property
    def wait(self) -> str | None:
        """The input that changes the guardrails, if there is a trigger."""
        return f"{self.blueprints[0].prefix}WAIT" if self.blueprints[0].starts else None

    def inputs(self, place: int) -> list[str]:
        """The inputs that a user sets in this step: no secrets, and none that the handoff has."""
        blueprint = self.blueprints[place]
        handed = handed_over_by(place, self.blueprints) is not None
        return [
            one.reference
            for one in blueprint.inputs
            if one.reference not in blueprint.secrets and not (handed and export.is_handed_over(one))
        ]


@dataclass
class Texts:
    """All templates; lines, sets of variants and lists of keys are kept once and referred to by number."""

    lines: dict[str, int] = field(default_factory=dict)
    sets: dict[str, int] = field(default_factory=dict)
    keys: dict[tuple[str, ...], int] = field(default_factory=dict)

    def template(self, orchestrator: str, selection: Selection) -> dict[str, object]:
        """Of a trigger with its check where the export takes both; else of the trigger, which then waits by itself."""
        try:
            variants = dict(_variants(orchestrator, selection))
        except export.ExportError:
            selection = Selection(selection.blueprints[:1])
            variants = dict(_variants(orchestrator, selection))
        merged = _merged(list(variants.values()))
        return {
            "keys": _number(self.keys, tuple(variants)),
            "lines": [
                [
                    _number(self.sets, "".join("01"[place in there] for place in range(len(variants)))),
                    _number(self.lines, line),
                ]
                for line, there in merged
            ],
            "defaults": [dict(export.ORCHESTRATORS[orchestrator].defaults(one)) for one in selection.blueprints],
        }


def selections(blueprints: Sequence[Blueprint]) -> list[Selection]:
    """Each blueprint, and in front of it, if it is a trigger, the trigger with its check."""
    checks = {one.vendor: one for one in blueprints if one.kind == "check"}
    pairs = {one.name: Selection((one, checks[one.vendor])) for one in blueprints if one.starts}
    return [*pairs.values(), *(Selection((one,)) for one in blueprints)]


def _variants(name: str, selection: Selection) -> Iterator[tuple[str, str]]:
    """The key of each variant (schedule, retries, which steps have inputs) and its text with marks."""
    orchestrator = export.ORCHESTRATORS[name]
    schedules = ["", *(SCHEDULES if name == "cron" else ["any"])] if "schedule" in orchestrator.options else [""]
    counts = ["", *(RETRIES if "retry_count" in orchestrator.guardrails else [])]
    fillings = ["".join(one) for one in itertools.product("01", repeat=len(selection.blueprints))]
    for schedule, retries, filling in itertools.product(
        schedules, counts, [*fillings, *("w" if selection.wait else "")]
    ):
        options = {"name": NAME, "image": IMAGE, "schedule": {"": None, "any": ANY_SCHEDULE}.get(schedule, schedule)}
        changed = {"retry_count": int(retries)} if retries else {}
        steps = [
            export.Step(one.with_guardrails(**changed), _marks(selection, place, filling))
            for place, one in enumerate(selection.blueprints)
        ]
        given = export.Options(**{one: options[one] for one in orchestrator.options if options.get(one)})
        yield f"{schedule}|{retries}|{filling}", _marked(orchestrator(steps, given))


def _marks(selection: Selection, place: int, filling: str) -> Mapping[str, str]:
    """A mark for each input of a step, or no input at all; in the filling `w` the trigger waits."""
    if filling != "w" and filling[place] == "0":
        return {}
    marks = {name: f"zq{place}{name}qz" for name in selection.inputs(place)}
    return {**marks, selection.wait: "TRUE"} if filling == "w" and selection.wait else marks


def _marked(text: str) -> str:
    """The text with its marks in the form that the page knows."""
    text = _VALUE.sub(rf"{OPEN}\2:\3{CLOSE}", text)
    for mark, name in ((NAME, "name"), (NAME.replace("-", "_"), "name_"), (IMAGE, "image"), (ANY_SCHEDULE, "schedule")):
        text = text.replace(mark, f"{OPEN}{name}{CLOSE}")
    if "zq" in text:
        raise ValueError(f"a value is not quoted as its export says: {text[text.index('zq') - 40 :][:90]!r}")
    return text


def _merged(texts: Sequence[str]) -> list[tuple[str, set[int]]]:
    """The lines of all texts in one order, each with the texts that have it."""
    merged: list[tuple[str, set[int]]] = []
    places: dict[str, list[int]] = {}
    for number, text in enumerate(texts):
        places.setdefault(text, []).append(number)
    for text, numbers in places.items():
        lines = _units(text)
        matcher = difflib.SequenceMatcher(None, [line for line, _ in merged], lines, autojunk=False)
        found: list[tuple[str, set[int]]] = []
        for kind, first, last, start, end in matcher.get_opcodes():
            found += [(line, there | set(numbers) if kind == "equal" else there) for line, there in merged[first:last]]
            found += [(line, set(numbers)) for line in lines[start:end] if kind != "equal"]
        merged = found
    return merged


def _units(text: str) -> list[str]:
    """The lines of a text; a line with a value has the line with the input's name, if that is the one before it."""
    units: list[str] = []
    for line in text.splitlines(keepends=True):
        found = re.search(f"{OPEN}[0-9]:([A-Z_]+){CLOSE}", line)
        if found and units and line.count(found[1]) == 1 and found[1] in re.findall("[A-Z_]+", units[-1]):
            line = units.pop() + line
        units.append(line)
    return units


def _number(known: dict[Any, int], one: object) -> int:
    return known.setdefault(one, len(known))
