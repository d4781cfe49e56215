"""blueprints.schema.json, by which editors complete and check the catalog, held against it and against the loader."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from shared import VERSION
from sync_blueprints import publish
from sync_blueprints.catalog import CATALOG, REPOSITORY, Blueprint, CatalogError, Guardrails, Input, load

SCHEMA = json.loads((REPOSITORY / "blueprints.schema.json").read_text(encoding="utf-8"))
RAW = yaml.safe_load(CATALOG.read_text(encoding="utf-8"))
SOME = {**RAW, "blueprints": RAW["blueprints"][:2]}  # enough to break, and quicker
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
GONE = object()
PARTS = {  # a part of the catalog, and where it stands
    Blueprint: ("blueprint", "blueprints/0"),
    Input: ("input", "blueprints/0/inputs/3"),
    Guardrails: ("guardrails", "blueprints/0/guardrails"),
}


def at(place: str) -> Any:
    """What the catalog has at a place such as blueprints/0/name."""
    inside: Any = SOME
    for step in place.split("/"):
        inside = inside[int(step) if step.isdigit() else step]
    return inside


def changed(place: str, value: object) -> Any:
    """The catalog with another value at a place, or with the key GONE."""
    raw = copy.deepcopy(SOME)
    *steps, last = [int(step) if step.isdigit() else step for step in place.split("/")]
    inside = raw
    for step in steps:
        inside = inside[step]
    if value is GONE:
        del inside[last]
    else:
        inside[last] = value
    return raw


def faults(raw: object) -> set[str]:
    """Where the schema finds fault."""
    return {"/".join(map(str, error.absolute_path)) for error in VALIDATOR.iter_errors(raw)}


def input_of(kind: str) -> str:
    """The place of the first input of this type."""
    return next(
        f"blueprints/{number}/inputs/{place}"
        for number, blueprint in enumerate(SOME["blueprints"])
        for place, one in enumerate(blueprint["inputs"])
        if one["type"] == kind
    )


SELECT, INTEGER, BOOLEAN, PASSWORD, TEXT = map(input_of, ("Select", "Integer", "Boolean", "Password", "Alphanumeric"))
RAILS = "blueprints/0/guardrails"


def test_the_catalog_is_as_the_schema_says() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    VALIDATOR.validate(RAW)


def test_the_catalog_tells_editors_its_schema() -> None:
    first = CATALOG.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=blueprints.schema.json"


def test_the_version_of_the_catalog_is_that_of_the_code() -> None:
    assert RAW["version"] == VERSION


def properties(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, one in schema.get("properties", {}).items():
        yield f"{path}/{name}", one
        yield from properties(one, f"{path}/{name}")


@pytest.mark.parametrize("part", ["", *(name for name, _ in PARTS.values())])
def test_an_editor_can_say_what_every_key_is(part: str) -> None:
    schema = SCHEMA["definitions"][part] if part else SCHEMA
    listed = dict(properties(schema))
    assert listed
    for name, one in listed.items():
        text = one.get("description") or SCHEMA["definitions"][name.strip("/")]["description"]
        assert text.endswith("."), name


@pytest.mark.parametrize("kind", PARTS, ids=lambda kind: kind.__name__)
def test_the_schema_has_the_keys_that_the_catalog_is_read_with(kind: type) -> None:
    schema = SCHEMA["definitions"][PARTS[kind][0]]
    assert set(schema["properties"]) == {field.name for field in fields(kind)}
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("kind", "key"),
    [pytest.param(kind, field.name, id=f"{kind.__name__}: {field.name}") for kind in PARTS for field in fields(kind)],
)
def test_a_key_is_missed_by_the_schema_where_the_loader_misses_it(tmp_path: Path, kind: type, key: str) -> None:
    name, place = PARTS[kind]
    if kind is Input:
        place = TEXT  # in a Select, options and default have to be there, which the loader does not know
    raw = changed(f"{place}/{key}", GONE) if key in at(place) else SOME
    file = tmp_path / "blueprints.yaml"
    file.write_text(yaml.safe_dump(raw), encoding="utf-8")
    try:
        load(file)
        refused = False
    except CatalogError:
        refused = True
    assert refused == bool(faults(raw))
    assert refused == (key in SCHEMA["definitions"][name]["required"])


@pytest.mark.parametrize(
    ("place", "value", "fault"),
    [
        ("version", 1.0, "version"),
        ("version", "1.0", "version"),
        ("blueprint", [], ""),
        ("blueprints", [], "blueprints"),
        ("blueprints/1", at("blueprints/0"), "blueprints"),
        ("blueprints/0/colour", "red", "blueprints/0"),
        ("blueprints/0/name", "Trigger Sync", "blueprints/0/name"),
        ("blueprints/0/name", "Nango - Trigger Sync", "blueprints/0/name"),
        ("blueprints/0/vendor", "Airbyte", "blueprints/0/vendor"),
        ("blueprints/0/synopsis", "Starts a sync", "blueprints/0/synopsis"),
        ("blueprints/0/description", 5, "blueprints/0/description"),
        ("blueprints/0/file_to_run", "../trigger_sync.py", "blueprints/0/file_to_run"),
        ("blueprints/0/file_to_run", "nango_blueprints/trigger_sync.py", "blueprints/0/file_to_run"),
        ("blueprints/0/inputs", [], "blueprints/0/inputs"),
        ("blueprints/0/exit_codes", [0, 200, 200], "blueprints/0/exit_codes"),
        ("blueprints/0/exit_codes", [200], "blueprints/0/exit_codes"),
        ("blueprints/0/exit_codes/1", 256, "blueprints/0/exit_codes/1"),
        ("blueprints/0/exit_codes/1", "200", "blueprints/0/exit_codes/1"),
        ("blueprints/0/files_written/0", "/etc/passwd", "blueprints/0/files_written/0"),
        ("blueprints/0/files_written/0", "nango-blueprints/variables/sync.pickle", "blueprints/0/files_written/0"),
        (f"{RAILS}/retry_count", 25, f"{RAILS}/retry_count"),
        (f"{RAILS}/retry_count", -1, f"{RAILS}/retry_count"),
        (f"{RAILS}/retry_count", "1", f"{RAILS}/retry_count"),
        (f"{RAILS}/retry_count", True, f"{RAILS}/retry_count"),
        (f"{RAILS}/retries", 1, RAILS),
        (f"{RAILS}/exclude_exit_code_ranges", "200", f"{RAILS}/exclude_exit_code_ranges"),
        (f"{RAILS}/exclude_exit_code_ranges", ["200", "200"], f"{RAILS}/exclude_exit_code_ranges"),
        *(
            (f"{RAILS}/exclude_exit_code_ranges/0", value, f"{RAILS}/exclude_exit_code_ranges/0")
            for value in (200, "0", "256", "200-256", "2000", "200,201", "200-", "")
        ),
        (f"{TEXT}/reference", "SOURCE_ID", f"{TEXT}/reference"),
        (f"{TEXT}/reference", "NANGO_SOURCE_ID", f"{TEXT}/reference"),
        (f"{TEXT}/reference", "rudderstack_source_id", f"{TEXT}/reference"),
        (f"{TEXT}/type", "String", f"{TEXT}/type"),
        (f"{TEXT}/required", "yes", f"{TEXT}/required"),
        (f"{TEXT}/default", 5, f"{TEXT}/default"),
        (f"{TEXT}/default", "", f"{TEXT}/default"),
        (f"{TEXT}/options", ["a"], TEXT),
        (f"{TEXT}/placeholder", "an id", TEXT),
        (f"{TEXT}/display_name", " Source ID", f"{TEXT}/display_name"),
        (f"{SELECT}/options", GONE, SELECT),
        (f"{SELECT}/options", [], f"{SELECT}/options"),
        (f"{SELECT}/options", ["a", "a"], f"{SELECT}/options"),
        (f"{SELECT}/options", [True, False], f"{SELECT}/options/0"),
        (f"{SELECT}/default", GONE, SELECT),
        (f"{SELECT}/default", None, f"{SELECT}/default"),
        (f"{SELECT}/multiline", True, SELECT),
        (f"{INTEGER}/default", 230, f"{INTEGER}/default"),
        (f"{INTEGER}/default", "4h", f"{INTEGER}/default"),
        (f"{INTEGER}/required", True, f"{INTEGER}/default"),
        (f"{BOOLEAN}/default", False, f"{BOOLEAN}/default"),
        (f"{BOOLEAN}/default", "no", f"{BOOLEAN}/default"),
        (f"{PASSWORD}/default", "secret", f"{PASSWORD}/default"),
    ],
)
def test_a_broken_catalog_is_refused_where_it_is_broken(place: str, value: object, fault: str) -> None:
    assert fault in faults(changed(place, value))


@pytest.mark.parametrize("text", ["0s", "0m0s", "0h0m0s", "5m", "5m0s", "0h55m0s", "60m", "1h", "1h0m", "1h0m0s"])
def test_a_retry_wait_is_a_step_of_the_platform(text: str) -> None:
    assert not faults(changed(f"{RAILS}/retry_wait", text))


@pytest.mark.parametrize("text", ["", "5", "1m", "4m0s", "5m1s", "65m", "1h5m", "1h0m1s", "2h", "300", 0, "5 m", "-5m"])
def test_a_retry_wait_that_the_platform_does_not_have_is_refused(text: object) -> None:
    assert faults(changed(f"{RAILS}/retry_wait", text)) == {f"{RAILS}/retry_wait"}


@pytest.mark.parametrize("text", ["4h0m0s", "4h", "3h59m59s", "0h10m0s", "10m", "59m59s", "30s", "1h1s"])
def test_a_runtime_cutoff_is_at_most_four_hours(text: str) -> None:
    assert not faults(changed(f"{RAILS}/runtime_cutoff", text))


@pytest.mark.parametrize("text", ["", "0s", "0h0m0s", "4h0m1s", "4h1m", "5h", "241m", "4", "14400", 14400, "4 hours"])
def test_a_runtime_cutoff_of_nothing_or_of_more_than_four_hours_is_refused(text: object) -> None:
    assert faults(changed(f"{RAILS}/runtime_cutoff", text)) == {f"{RAILS}/runtime_cutoff"}


def test_the_types_are_those_that_can_be_published() -> None:
    assert set(SCHEMA["definitions"]["input"]["properties"]["type"]["enum"]) == set(publish.TYPES)
