"""blueprints.schema.json, by which editors complete and check the catalog, agrees with it and with its loader."""

from __future__ import annotations

import copy
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from shared import VERSION
from sync_blueprints.catalog import CATALOG, REPOSITORY, Blueprint, Guardrails, Input, load

GONE = object()
RAILS = "blueprints/0/guardrails"
PARTS = {
    Blueprint: ("blueprint", "blueprints/0"),
    Input: ("input", "blueprints/0/inputs/1"),
    Guardrails: ("guardrails", RAILS),
}


@pytest.fixture(scope="module")
def schema() -> Any:
    return json.loads((REPOSITORY / "blueprints.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def raw() -> Any:
    return yaml.safe_load(CATALOG.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def some(raw: Any) -> Any:
    """Enough of the catalog to break, and quicker."""
    return {**raw, "blueprints": raw["blueprints"][:2]}


def changed(raw: Any, place: str, value: object) -> Any:
    """The catalog with another value at a place such as blueprints/0/name, or without it (GONE)."""
    raw = copy.deepcopy(raw)
    *steps, last = [int(step) if step.isdigit() else step for step in place.split("/")]
    inside = raw
    for step in steps:
        inside = inside[step]
    if value is GONE:
        inside.pop(last, None)
    else:
        inside[last] = value
    return raw


def problems(schema: Any, raw: object) -> set[str]:
    """The places that the schema refuses."""
    return {"/".join(map(str, one.absolute_path)) for one in jsonschema.Draft7Validator(schema).iter_errors(raw)}


def input_of(raw: Any, kind: str) -> str:
    """The place of the first input of this type."""
    return next(
        f"blueprints/{number}/inputs/{place}"
        for number, blueprint in enumerate(raw["blueprints"])
        for place, one in enumerate(blueprint["inputs"])
        if one["type"] == kind
    )


def test_the_catalog_is_as_the_schema_says(schema: Any, raw: Any) -> None:
    jsonschema.Draft7Validator.check_schema(schema)
    assert not problems(schema, raw)
    first = CATALOG.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=blueprints.schema.json"
    assert raw["version"] == VERSION


@pytest.mark.parametrize("kind", PARTS, ids=lambda kind: kind.__name__)
def test_the_schema_describes_the_keys_that_the_catalog_is_read_with(schema: Any, kind: type) -> None:
    part = schema["definitions"][PARTS[kind][0]]
    assert set(part["properties"]) == {field.name for field in fields(kind)}
    assert part["additionalProperties"] is False
    for name, one in part["properties"].items():
        assert (one.get("description") or schema["definitions"][name]["description"]).endswith(".")


@pytest.mark.parametrize(
    ("kind", "key"),
    [pytest.param(kind, field.name, id=f"{kind.__name__}: {field.name}") for kind in PARTS for field in fields(kind)],
)
def test_the_schema_requires_a_key_where_the_loader_does(
    schema: Any, some: Any, tmp_path: Path, kind: type, key: str
) -> None:
    name, place = PARTS[kind]
    without = changed(some, f"{place}/{key}", GONE)
    file = tmp_path / "blueprints.yaml"
    file.write_text(yaml.safe_dump(without), encoding="utf-8")
    try:
        load(file)
        refused = False
    except (KeyError, TypeError):
        refused = True
    assert refused == bool(problems(schema, without)) == (key in schema["definitions"][name]["required"])


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        ("version", "1.0", "version"),
        ("blueprints", [], "blueprints"),
        ("blueprints/0/color", "red", "blueprints/0"),
        ("blueprints/0/name", "Trigger Sync", "blueprints/0/name"),
        ("blueprints/0/vendor", "airbyte", "blueprints/0/vendor"),
        ("blueprints/0/synopsis", "Triggers a sync", "blueprints/0/synopsis"),
        ("blueprints/0/file_to_run", "../trigger_sync.py", "blueprints/0/file_to_run"),
        ("blueprints/0/exit_codes", [200], "blueprints/0/exit_codes"),
        ("blueprints/0/exit_codes/1", 256, "blueprints/0/exit_codes/1"),
        ("blueprints/0/files_written/0", "/etc/passwd", "blueprints/0/files_written/0"),
        (f"{RAILS}/retry_count", 25, f"{RAILS}/retry_count"),
        (f"{RAILS}/retry_count", True, f"{RAILS}/retry_count"),
        *(
            (f"{RAILS}/exclude_exit_code_ranges/0", value, f"{RAILS}/exclude_exit_code_ranges/0")
            for value in (200, "0", "256", "200-256", "200,201", "200-", "")
        ),
        *((f"{RAILS}/retry_wait", value, f"{RAILS}/retry_wait") for value in ("", "1m", "65m", "1h5m", "2h", 0, "5 m")),
        *((f"{RAILS}/runtime_cutoff", value, f"{RAILS}/runtime_cutoff") for value in ("", "0s", "4h1m", "241m", 14400)),
        ("Alphanumeric/reference", "nango_source_id", "Alphanumeric/reference"),
        ("Alphanumeric/type", "String", "Alphanumeric/type"),
        ("Alphanumeric/default", 5, "Alphanumeric/default"),
        ("Alphanumeric/options", ["a"], "Alphanumeric"),
        ("Select/options", GONE, "Select"),
        ("Select/options", [True, False], "Select/options/0"),
        ("Select/multiline", True, "Select"),
        ("Integer/default", 230, "Integer/default"),
        ("Integer/required", True, "Integer/default"),
        ("Boolean/default", False, "Boolean/default"),
        ("Password/default", "secret", "Password/default"),
    ],
)
def test_a_broken_catalog_is_refused_where_it_is_broken(
    schema: Any, some: Any, place: str, value: object, problem: str
) -> None:
    kind = place.partition("/")[0]
    if kind.istitle():
        place, problem = (text.replace(kind, input_of(some, kind), 1) for text in (place, problem))
    assert problem in problems(schema, changed(some, place, value))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("retry_wait", value) for value in ("0s", "0h0m0s", "5m", "5m0s", "0h55m0s", "60m", "1h0m0s")),
        *(("runtime_cutoff", value) for value in ("4h0m0s", "4h", "3h59m59s", "0h10m0s", "30s", "1h1s")),
    ],
)
def test_a_duration_of_the_platform_is_accepted(schema: Any, some: Any, key: str, value: str) -> None:
    assert not problems(schema, changed(some, f"{RAILS}/{key}", value))
