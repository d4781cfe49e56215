"""Fleets: vessels and how they are connected, and how a fleet is read from the platform's YAML."""

from __future__ import annotations

import difflib
import graphlib
import importlib
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, TypeVar

import yaml

from shared.inputs import InputError, Specification, given_text, specifications
from shared.masking import printable
from sync_blueprints.catalog import Blueprint, CatalogError, Guardrails, find, load, parse_duration, parse_exit_codes

CONDITIONS = ("SUCCESS", "ERRORED", "COMPLETED")
HIDDEN = "SHIPYARD_HIDDEN"  # what the platform shows in place of a password
MOST_BYTES = 1_000_000
MOST_FAULTS = 20  # of one file that are told at once
MOST_RETRIES = 24
LONGEST_WAIT, LONGEST_CUTOFF, STEP = 3600, 4 * 3600, 300  # seconds, as the platform has it
LONGEST_NAME = 200
LONGEST_VALUE = 100_000  # Linux takes 128 KiB in one environment variable
PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "timestamp")}
NULL = "tag:yaml.org,2002:null"
SOURCES = {  # type -> the keys that it must have, and those that it may have
    "BLUEPRINT": (("type", "blueprint"), ("inputs", "environment", "packages", "system_packages")),
    "CODE": (
        ("type", "language", "file_to_run"),
        ("version", "git", "environment", "packages", "system_packages"),
    ),
}


T = TypeVar("T")


class FleetError(Exception):
    """A fleet's file is not as it should be; the message has a line for each fault, with the file's line."""


@dataclass(frozen=True)
class Vessel:
    """One step of a fleet: a script and its guardrails; `variables` go before the environment's, None removes one."""

    name: str
    path: Path
    guardrails: Guardrails
    variables: Mapping[str, str | None] = field(default_factory=dict)
    is_blueprint: bool = False


@dataclass(frozen=True)
class Connection:
    """Which vessel has to end how (one of CONDITIONS) before which other one runs; both by their place in the fleet."""

    upstream: int
    downstream: int
    condition: str

    def is_met(self, exit_code: int) -> bool:
        return self.condition == "COMPLETED" or (self.condition == "SUCCESS") == (exit_code == 0)


@dataclass(frozen=True)
class Fleet:
    """Vessels and connections without a cycle; `notes` say what of its file has no effect or another one here."""

    name: str
    vessels: tuple[Vessel, ...]
    connections: tuple[Connection, ...]
    notes: tuple[str, ...] = ()


def vessel_of(name_or_path: str) -> Vessel:
    """A blueprint with its guardrails, or any other script with none. Raises CatalogError."""
    try:
        blueprint = find(name_or_path)
    except CatalogError:
        path = Path(name_or_path)
        if not path.is_file():
            raise
        return Vessel(path.name, path.resolve(), Guardrails())
    return Vessel(blueprint.name, blueprint.path, blueprint.guardrails, is_blueprint=True)


def chain(vessels: Sequence[Vessel]) -> Fleet:
    """Each vessel runs if the one before it succeeded."""
    name = "\n".join(vessel.name for vessel in vessels)
    return Fleet(
        name, tuple(vessels), tuple(Connection(place - 1, place, "SUCCESS") for place in range(1, len(vessels)))
    )


def read(path: Path) -> Fleet:
    """The fleet in a YAML file of the platform's form. Raises FleetError naming all faults that can be told at once."""
    reader = _Reader(path)
    fleet = reader.fleet(reader.root())
    if reader.faults:
        raise FleetError(reader.told())
    return fleet


class _Reader:
    """Makes a fleet of the nodes of one file, and collects what is wrong with them.

    The nodes and not their values are read, because they know their lines, and the text as it was written: the
    platform passes every value on as text.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.faults: list[tuple[int, str]] = []
        self.notes: dict[str, None] = {}  # in order, each once
        self.blueprints = {blueprint.name: blueprint for blueprint in load()}

    def told(self) -> str:
        return "\n".join(f"{printable(str(self.path))}:{line}: {fault}" for line, fault in sorted(self.faults))

    def fault(self, node: yaml.Node | int, fault: str) -> None:
        """Note a fault at a node, or in a line. Raises FleetError once there are too many."""
        self.faults.append((node if isinstance(node, int) else node.start_mark.line + 1, fault))
        if len(self.faults) == MOST_FAULTS:
            raise FleetError(f"{self.told()}\nand perhaps more: only the first {MOST_FAULTS} faults found are told")

    def root(self) -> yaml.Node:
        try:
            with self.path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        except (OSError, ValueError) as fault:
            why = fault.strerror if isinstance(fault, OSError) else fault
            raise FleetError(f"{printable(str(self.path))} cannot be read: {why}") from fault
        try:
            if len(content) > MOST_BYTES:
                line = content.count(b"\n") + 1
                self.fault(line, f"the file is larger than {MOST_BYTES // 1000} kB, which is too much for a fleet")
                raise FleetError(self.told())
            text = content.decode("utf-8-sig")
            loader = yaml.SafeLoader(text)
            root = loader.get_single_node()
        except UnicodeDecodeError as fault:
            self.fault(content.count(b"\n", 0, fault.start) + 1, "this is no UTF-8 text; save the file as UTF-8")
        except yaml.reader.ReaderError as fault:
            line = text.count("\n", 0, fault.position) + 1
            self.fault(line, f"the character {chr(fault.character)!a} cannot stand in YAML")
        except yaml.MarkedYAMLError as fault:
            mark = fault.problem_mark or fault.context_mark
            why = " ".join(part for part in (fault.context, fault.problem) if part)
            why = re.sub("'[^'<][^']{2,}'", "'...'", why)  # a password that begins with * or ! might be quoted there
            cure = "indent by spaces, never by tabs" if "'\\t'" in why else "look at the indentation and the quotes"
            self.fault(mark.line + 1 if mark else 1, f"this is no YAML: {why}; {cure}")
        except RecursionError:
            self.fault(loader.line + 1, "lists or mappings are nested too deeply for a fleet")
        except (ValueError, OverflowError) as fault:  # PyYAML lets those of "\\UFFFFFFFF" and the like through
            self.fault(loader.line + 1, f"this is no YAML: {fault}")
        else:
            if root is not None:
                return root
            self.fault(1, "the file is empty; a fleet has at least name: and vessels:")
        raise FleetError(self.told())

    def fleet(self, node: yaml.Node) -> Fleet:
        parts = self.section(node, "a fleet", ("name", "vessels"), ("connections", "triggers", "_id", "notifications"))
        for key in ("triggers", "notifications"):
            if key in parts:
                self.note(f"{key} are the platform's: they have no effect here")
        name = self.name(parts["name"], "the fleet's name") if "name" in parts else ""
        entries = list(self.entries(parts["vessels"], "vessels")) if "vessels" in parts else []
        if "vessels" in parts and not parts["vessels"].value:
            self.fault(parts["vessels"], "vessels has none; write at least one vessel, as NAME: {source: ...}")
        vessels = [self.vessel(self.name(key, "a vessel's name"), value) for key, value in entries]
        connections = self.connections(parts.get("connections"), [vessel.name for vessel in vessels])
        return Fleet(name, tuple(vessels), connections, tuple(self.notes))

    def vessel(self, name: str, node: yaml.Node) -> Vessel:
        what = f"vessel {_shown(name)}"
        parts = self.section(node, what, ("source",), ("guardrails", "_id", "notifications"))
        if "notifications" in parts:
            self.note("notifications are the platform's: they have no effect here")
        vessel = self.source(Vessel(name, Path(), Guardrails()), parts["source"], what) if "source" in parts else None
        if vessel is None:
            return Vessel(name, Path(), Guardrails())
        rails = self.guardrails(parts.get("guardrails"), f"{what}, guardrails", vessel.guardrails)
        return replace(vessel, guardrails=rails)

    def source(self, vessel: Vessel, node: yaml.Node, what: str) -> Vessel | None:
        """The vessel with what its source says; None if that cannot be told."""
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        kinds = [value for key, value in pairs if key.value == "type"]
        kind = self.choice(kinds[0], f"{what}, type", SOURCES) if kinds else None
        if not kinds:
            self.fault(node, f"{what}, source: there is no type; write type: BLUEPRINT or type: CODE")
        if kind is None:
            return None
        parts = self.section(node, f"{what}, source of type {kind}", *SOURCES[kind])
        if "packages" in parts or "system_packages" in parts:
            self.note("packages are not installed here: what this Python has is used")
        variables = self.environment(parts.get("environment"), f"{what}, environment")
        if kind == "CODE":
            return replace(vessel, path=self.code(parts, what), variables=variables)
        if "blueprint" not in parts:
            return None
        name = self.choice(parts["blueprint"], f"{what}, blueprint", self.blueprints)
        if name is None:
            return None
        blueprint = self.blueprints[name]
        variables.update(self.inputs(parts.get("inputs"), what, blueprint))
        return Vessel(vessel.name, blueprint.path, blueprint.guardrails, variables, is_blueprint=True)

    def code(self, parts: Mapping[str, yaml.Node], what: str) -> Path:
        if "language" in parts:
            self.choice(parts["language"], f"{what}, language", ("PYTHON",))
        if "git" in parts:
            self.section(parts["git"], f"{what}, git", (), ("repository", "checkout_point", "clone_location"))
            self.note("git: nothing is cloned here, the files beside the fleet's file are used as they are")
        own = "{}.{}".format(*sys.version_info)
        version = self.text(parts["version"], f"{what}, version") if "version" in parts else None
        if version is not None and not re.fullmatch(r"3\.[0-9]{1,2}", version):
            self.fault(
                parts["version"], f'{what}, version: {_shown(version)} is no version of Python; write e.g. "3.9"'
            )
        elif version is not None and version != own:
            self.note(f"version: everything runs with this Python, {own}")
        if "file_to_run" not in parts:
            return Path()
        file = self.text(parts["file_to_run"], f"{what}, file_to_run")
        path = self.path.resolve().parent / (file or "")
        if file is not None and not path.is_file():
            self.fault(
                parts["file_to_run"],
                f"{what}, file_to_run: there is no file {_shown(file)} in the folder of the fleet's file",
            )
        return path

    def inputs(self, node: yaml.Node | None, what: str, blueprint: Blueprint) -> dict[str, str | None]:
        """The variables that a blueprint's inputs set, checked as its script does it."""
        specs = _specifications(blueprint)
        variables: dict[str, str | None] = {}
        for key_node, value in self.entries(node, f"{what}, inputs"):
            key = self.choice(key_node, f"{what}, inputs of {blueprint.name}", specs)
            if key is None:
                continue
            text = self.value(value, f"{what}, {key}")
            given = given_text({key: text or ""}, key)
            if specs[key].type == "Password":
                if given in (None, HIDDEN):
                    continue  # secrets come from the environment
                self.note(f"{key} stands in the file: anyone who can read the file has it; better set the variable")
            try:
                if given is not None:
                    specs[key].parse(given)
            except InputError as fault:
                self.fault(value, f"{what}, {key} {fault}")
            variables[key] = text
        return variables

    def environment(self, node: yaml.Node | None, what: str) -> dict[str, str | None]:
        """The variables of a list of {name, value}."""
        variables: dict[str, str | None] = {}
        for item in self.items(node, what, "{name: NAME, value: text}"):
            parts = self.section(item, what, ("name",), ("value",))
            name = (self.text(parts["name"], f"{what}, name") if "name" in parts else None) or ""
            if "name" in parts and not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name):
                self.fault(
                    parts["name"], f"{what}: {_shown(name)} is no name of a variable; write letters, digits and _"
                )
            elif name in variables:
                self.fault(item, f"{what}: {name} is there twice")
            variables[name] = self.value(parts["value"], f"{what}, {name}") if "value" in parts else None
        return variables

    def guardrails(self, node: yaml.Node | None, what: str, default: Guardrails) -> Guardrails:
        """The default ones with what is given in their place."""
        parts = self.section(node, what, (), tuple(vars(default))) if node is not None else {}
        given: dict[str, Any] = {}
        for key, value in parts.items():
            where = f"{what}, {key}"
            if key == "exclude_exit_code_ranges":
                ranges = [self.parsed(item, where, parse_exit_codes) for item in self.items(value, where, '"200-206"')]
                given[key] = tuple(one for one in ranges if one is not None)
                continue
            parsed = self.parsed(value, where, _RAILS[key])
            if parsed is not None:
                given[key] = parsed
            if parsed is not None and key != "retry_count" and parsed % STEP:
                self.note(f"{key}: the platform has steps of 5 minutes only; here it holds as it is written")
        return replace(default, **given)

    def parsed(self, node: yaml.Node, what: str, parse: Callable[[str], T]) -> T | None:
        """What `parse` makes of the text; None, and a fault, if that raises CatalogError."""
        text = self.text(node, what)
        try:
            return None if text is None else parse(text[:LONGEST_NAME])
        except CatalogError as fault:
            self.fault(node, f"{what}: {fault}")
            return None

    def connections(self, node: yaml.Node | None, names: Sequence[str]) -> tuple[Connection, ...]:
        places = {name: place for place, name in enumerate(names)}
        found: dict[tuple[str, str], tuple[yaml.Node, Connection]] = {}
        for key, targets in self.entries(node, "connections"):
            upstream = self.choice(key, "connections, vessel", places)
            for target, value in self.entries(targets, "connections of a vessel"):
                downstream = self.choice(target, "connections, vessel", places)
                condition = self.choice(value, "connections, condition", CONDITIONS)
                if upstream is not None and downstream is not None and condition is not None:
                    connection = Connection(places[upstream], places[downstream], condition)
                    found[upstream, downstream] = target, connection
        upstreams: dict[str, list[str]] = {}
        for upstream, downstream in found:
            upstreams.setdefault(downstream, []).append(upstream)
        try:
            graphlib.TopologicalSorter(upstreams).prepare()
        except graphlib.CycleError as error:
            cycle: list[str] = error.args[1]
            way = " -> ".join(map(_shown, cycle))
            self.fault(found[cycle[0], cycle[1]][0], f"connections go in a circle: {way}; none of them could start")
        return tuple(connection for _, connection in found.values())

    def section(
        self, node: yaml.Node, what: str, required: Sequence[str] = (), optional: Sequence[str] = ()
    ) -> dict[str, yaml.Node]:
        """The given entries of a mapping whose keys are known; one that is null is not given."""
        known = (*required, *optional)
        found = {}
        for key_node, value in self.entries(node, what):
            key = self.choice(key_node, f"{what}, key", known)
            if key is not None and value.tag != NULL:
                found[key] = value
        for key in required:
            if key not in found and (isinstance(node, yaml.MappingNode) or node.tag == NULL):
                self.fault(node, f"{what}: {key} is missing")
        return found

    def entries(self, node: yaml.Node | None, what: str) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        """Keys and values of a mapping; of one that is not given, none."""
        if node is None or node.tag == NULL:
            return
        if not isinstance(node, yaml.MappingNode):
            self.fault(node, f"{what}: NAME: VALUE pairs are expected here, not {_kind(node)}")
            return
        seen: set[str] = set()
        for key, value in node.value:
            text = self.text(key, f"{what}, key")
            if text in seen:
                self.fault(key, f"{what}: {_shown(text)} is there twice")
            elif text is not None:
                seen.add(text)
                yield key, value

    def items(self, node: yaml.Node | None, what: str, example: str) -> list[yaml.Node]:
        """The items of a list; of one that is not given, none."""
        if node is not None and not isinstance(node, yaml.SequenceNode):
            self.fault(node, f"{what}: a list is expected here, not {_kind(node)}; write - {example}")
            return []
        return node.value if node is not None else []

    def choice(self, node: yaml.Node, what: str, options: Iterable[str]) -> str | None:
        """The text if it is one of the options, else None."""
        text = self.text(node, what)
        if text is None or text in (known := list(options)):
            return text
        by_lower = {one.lower(): one for one in known}
        near = [by_lower[one] for one in difflib.get_close_matches(text.lower()[:LONGEST_NAME], by_lower, 1)]
        hint = f"did you mean {near[0]}?" if near else f"it may be {', '.join(map(_shown, known[:40]))}"
        self.fault(node, f"{what}: {_shown(text)} is not known here; {hint}")
        return None

    def name(self, node: yaml.Node, what: str) -> str:
        text = self.text(node, what)
        if text is not None and (not text.isprintable() or len(text) > LONGEST_NAME):
            rule = f"at most {LONGEST_NAME} printable characters, without line breaks"
            self.fault(node, f"{what}: {_shown(text)} is not right; write {rule}")
        return text or ""

    def value(self, node: yaml.Node, what: str) -> str | None:
        """The text of a variable, None for null."""
        return None if node.tag == NULL else self.text(node, what, may_be_empty=True)

    def text(self, node: yaml.Node, what: str, *, may_be_empty: bool = False) -> str | None:
        """A plain value as it was written; None, and a fault, if there is none that a variable could hold."""
        if not isinstance(node, yaml.ScalarNode) or node.tag not in PLAIN:
            self.fault(node, f"{what}: a text is expected here, not {_kind(node)}")
            return None
        text: str = node.value
        try:
            fine = "\0" not in text and len(os.fsencode(text)) <= LONGEST_VALUE
        except UnicodeEncodeError:
            fine = False
        if not fine:
            self.fault(node, f"{what}: this text is too long for a variable, or has characters that none can hold")
        elif not text.strip() and not may_be_empty:
            self.fault(node, f"{what}: a text is expected here, not an empty one")
        else:
            return text
        return None

    def note(self, note: str) -> None:
        self.notes[note] = None


def _specifications(blueprint: Blueprint) -> dict[str, Specification]:
    """The inputs of a blueprint as its script declares them, by variable."""
    module = importlib.import_module(blueprint.file_to_run[: -len(".py")].replace("/", "."))
    return {spec.variable: spec for spec in specifications(module.Inputs).values()}


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if node.tag in PLAIN:
        return "a text"
    return "nothing (null)" if node.tag == NULL else "something with a YAML tag or a merge key"


def _shown(text: str) -> str:
    """A text in a message: nothing in it steers a terminal, and a long one is cut."""
    return f"'{printable(text[:LONGEST_NAME])}'" + "..." * (len(text) > LONGEST_NAME)


def _retries(text: str) -> int:
    if not re.fullmatch("[0-9]{1,2}", text) or int(text) > MOST_RETRIES:
        raise CatalogError(f"{_shown(text)} is not right; write a whole number from 0 to {MOST_RETRIES}")
    return int(text)


def _wait(text: str) -> float:
    seconds = parse_duration(text)
    if seconds > LONGEST_WAIT:
        raise CatalogError(f"{_shown(text)} is too long; write a duration from 0s to 1h")
    return seconds


def _cutoff(text: str) -> float:
    seconds = parse_duration(text)
    if not 0 < seconds <= LONGEST_CUTOFF:
        raise CatalogError(f"{_shown(text)} is not right; write a duration from 1s to 4h")
    return seconds


_RAILS: Mapping[str, Callable[[str], float]] = {"retry_count": _retries, "retry_wait": _wait, "runtime_cutoff": _cutoff}
