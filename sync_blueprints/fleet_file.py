"""Reads a fleet from a YAML file in the platform's form, which fleet.schema.json beside this file describes."""

from __future__ import annotations

import functools
import graphlib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable

import fastjsonschema
import yaml

from sync_blueprints.catalog import CatalogError, Guardrails, find, guardrails_given, nearest
from sync_blueprints.fleet import Connection, Fleet, Vessel
from sync_blueprints.terminal import printable

SCHEMA = Path(__file__).with_name("fleet.schema.json")
HIDDEN = "SHIPYARD_HIDDEN"  # what the platform shows in place of a password
NULL, MERGE = "tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"
TAGS = [f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "timestamp")]
NOTES = {  # what has no effect here, or another one
    "triggers": "triggers only have an effect on the platform",
    "notifications": "notifications only have an effect on the platform",
    "packages": "packages are not installed; this Python's are used",
    "system_packages": "packages are not installed; this Python's are used",
    "version": "version: everything runs with this Python",
    "git": "git: nothing is cloned; the files next to the fleet's file are used",
}


class FleetError(Exception):
    """A fleet's file is not as it should be; the message begins with the file and the line."""


class _ProblemError(Exception):
    """What is wrong at a path in the document."""

    def __init__(self, path: Sequence[object], message: str) -> None:
        super().__init__(message)
        self.path = path


def read(path: Path) -> Fleet:
    """The fleet in a file. Raises FleetError."""
    name = printable(str(path))
    root: yaml.Node | None = None
    try:
        loader = _Texts(path.read_text(encoding="utf-8-sig"))
        root = loader.get_single_node()
        raw = loader.construct_document(root) if root is not None else None
        return _fleet(raw, path)
    except _ProblemError as problem:
        raise FleetError(f"{name}:{_line(root, problem.path)}: {printable(str(problem))}") from problem
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        why = " ".join(part for part in (error.context, error.problem) if part)
        why = re.sub("'[^'<][^']{2,}'", "'...'", why)  # a password that begins with * or ! might be quoted there
        raise FleetError(f"{name}:{mark.line + 1 if mark else 1}: not valid YAML: {printable(why)}") from error
    except (OSError, ValueError, OverflowError, RecursionError, yaml.YAMLError) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise FleetError(f"{name}:1: cannot be read: {printable(why)}") from error


class _Texts(yaml.SafeLoader):
    """Takes every value but null as text, as the platform passes it on, and no key twice."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as PyYAML has it
        first: [(tag, pattern) for tag, pattern in resolvers if tag in (NULL, MERGE)]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    yaml_constructors = {  # noqa: RUF012 - likewise
        **yaml.SafeLoader.yaml_constructors,
        **dict.fromkeys(TAGS, yaml.SafeLoader.construct_yaml_str),  # also where a tag asks for something else
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != MERGE:
                if key.value in seen:
                    raise yaml.MarkedYAMLError(problem=f"duplicate key {key.value}", problem_mark=key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _line(root: yaml.Node | None, path: Sequence[object]) -> int:
    """The line where the value at this path begins, or the last thing on the way there."""
    line = 1
    node = root
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(part)]
        elif isinstance(node, yaml.SequenceNode) and str(part).isdigit():
            found = [(one, one) for one in node.value[int(str(part)) :][:1]]
        else:
            break
        if not found:
            break
        key, node = found[0]
        line = key.start_mark.line + 1
    return line


def _fleet(raw: Any, path: Path) -> Fleet:
    try:
        _validator()(raw)
    except fastjsonschema.JsonSchemaValueException as error:
        raise _ProblemError(error.path[1:], _words(error)) from error
    notes = dict.fromkeys(NOTES[key] for key in _keys(raw) if key in NOTES)
    vessels = [_vessel(str(name), entry, path.resolve().parent, notes) for name, entry in raw["vessels"].items()]
    names = [one.name for one in vessels]
    fleet = Fleet(str(raw["name"]), tuple(vessels), _connections(raw, names), tuple(notes))
    try:
        fleet.order()
    except graphlib.CycleError as error:
        cycle = [names[place] for place in error.args[1]]
        message = f"connections form a cycle: {' -> '.join(cycle)}; none of them can start"
        raise _ProblemError(("connections", *cycle[:2]), message) from error
    return fleet


@functools.cache
def _validator() -> Callable[[Any], Any]:
    compiled: Callable[[Any], Any] = fastjsonschema.compile(json.loads(SCHEMA.read_text(encoding="utf-8")))
    return compiled


def _words(error: fastjsonschema.JsonSchemaValueException) -> str:
    """What is wrong; never the value itself, which may be a secret."""
    where = ", ".join(error.path[1:]) or "the file"
    if error.rule == "additionalProperties":
        known = list(error.definition["properties"])
        (unknown, *_) = [str(key) for key in error.value if key not in known]
        return f"{where}: {unknown!r} is not a known key; {_hint(unknown, known)}"
    if error.rule == "required":
        missing = [key for key in error.definition["required"] if key not in error.value]
        return f"{where}: {', '.join(missing)} is missing"
    return f"{where}: expected {error.definition.get('description', 'something else')}"


def _hint(unknown: object, known: Collection[str]) -> str:
    near = nearest(str(unknown), known)
    return f"did you mean {near}?" if near else f"expected {', '.join(known)}"


def _keys(raw: Any) -> list[str]:
    """The keys of the fleet, of its vessels and of their sources that have a value."""
    entries = [raw, *raw["vessels"].values(), *(vessel["source"] for vessel in raw["vessels"].values())]
    return [key for entry in entries for key, value in entry.items() if value is not None]


def _vessel(name: str, raw: Any, folder: Path, notes: dict[str, None]) -> Vessel:
    where = ("vessels", name, "source")
    source = raw["source"]
    variables = {one["name"]: one.get("value") for one in source.get("environment") or ()}
    if source["type"] == "CODE":
        path = folder / source["file_to_run"]
        if not path.is_file():
            raise _ProblemError((*where, "file_to_run"), f"there is no file {source['file_to_run']!r} next to this one")
        return Vessel(name, path, _guardrails(raw, name, Guardrails()), variables)
    try:
        blueprint = find(source["blueprint"])
    except CatalogError as error:
        raise _ProblemError((*where, "blueprint"), str(error)) from error
    types = {one.reference: one.type for one in blueprint.inputs}
    for key, value in (source.get("inputs") or {}).items():
        if key not in types:
            raise _ProblemError((*where, "inputs", key), f"{blueprint.name} has no input {key!r}; {_hint(key, types)}")
        is_secret = types[key] == "Password"
        if is_secret and (value or "").strip() in ("", "None", HIDDEN):
            continue  # the environment has it
        if is_secret:
            notes[f"{key} is in the file, so anyone who can read the file has it; set the variable instead"] = None
        variables[key] = value
    return Vessel(name, blueprint.path, _guardrails(raw, name, blueprint.guardrails), variables, blueprint)


def _guardrails(raw: Any, vessel: str, default: Guardrails) -> Guardrails:
    """The default ones with what is given in their place."""
    try:
        return replace(default, **guardrails_given(raw.get("guardrails") or {}))
    except CatalogError as error:  # of what the schema lets through
        raise _ProblemError(("vessels", vessel, "guardrails", "exclude_exit_code_ranges"), str(error)) from error


def _connections(raw: Any, names: Sequence[str]) -> tuple[Connection, ...]:
    places = {name: place for place, name in enumerate(names)}
    found = []
    for upstream, targets in (raw.get("connections") or {}).items():
        for downstream, condition in (targets or {}).items():
            for name in (upstream, downstream):
                if name not in places:
                    where = ("connections", upstream, *([downstream] if name == downstream else []))
                    raise _ProblemError(where, f"there is no vessel {name!r}; {_hint(name, names)}")
            found.append(Connection(places[upstream], places[downstream], condition))
    return tuple(found)
