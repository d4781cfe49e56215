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
WAIT, CUTOFF = f"{RAILS}/retry_wait", f"{RAILS}/runtime_cutoff"
DURATIONS = {
    WAIT: ["0s", "0h0m0s", "5m", "5m0s", "0h55m0s", "60m", "1h0m0s"],
    CUTOFF: ["4h0m0s", "4h", "3h59m59s", "0h10m0s", "30s", "1h1s"],
}
TYPES = ("Alphanumeric", "Boolean", "Integer", "Password", "Select")
ALPHANUMERIC, BOOLEAN, INTEGER, PASSWORD, SELECT = (f"blueprints/0/inputs/{index}" for index in range(5))
PARTS = {
    Blueprint: ("blueprint", "blueprints/0"),
    Input: ("input", ALPHANUMERIC),
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
    """Enough of the catalog to break, and quicker: its first blueprint, with an input of each of the TYPES."""
    first = raw["blueprints"][0]
    inputs = {one["type"]: one for one in first["inputs"]}
    return {**raw, "blueprints": [{**first, "inputs": [inputs[kind] for kind in TYPES]}]}


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


def test_the_catalog_is_as_the_schema_says(schema: Any, raw: Any) -> None:
    jsonschema.Draft7Validator.check_schema(schema)
    assert not problems(schema, raw)
    first = CATALOG.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=blueprints.schema.json"
    assert raw["version"] == VERSION


@pytest.mark.parametrize("kind", PARTS, ids=lambda kind: kind.__name__)
def test_the_schema_describes_the_keys_that_the_loader_reads_and_requires_those_that_it_requires(
    schema: Any, some: Any, kind: type, tmp_path: Path
) -> None:
    name, place = PARTS[kind]
    part = schema["definitions"][name]
    assert set(part["properties"]) == {field.name for field in fields(kind)}
    assert part["additionalProperties"] is False
    for key, one in part["properties"].items():
        assert (one.get("description") or schema["definitions"][key]["description"]).endswith(".")
        without = changed(some, f"{place}/{key}", GONE)
        file = tmp_path / f"{key}.yaml"  # another one each time: the loader keeps what it has read
        file.write_text(json.dumps(without), encoding="utf-8")  # which is YAML, too
        try:
            load(file)
            refused = False
        except (KeyError, TypeError):
            refused = True
        assert refused == bool(problems(schema, without)) == (key in part["required"]), key


@pytest.mark.parametrize(
    ("place", "values"),
    [
        ("version", ["1.0"]),
        ("blueprints", [[]]),
        ("blueprints/0/name", ["Trigger Sync"]),
        ("blueprints/0/vendor", ["airbyte"]),
        ("blueprints/0/synopsis", ["Triggers a sync"]),
        ("blueprints/0/file_to_run", ["../trigger_sync.py"]),
        ("blueprints/0/exit_codes", [[200]]),
        ("blueprints/0/exit_codes/1", [256]),
        ("blueprints/0/files_written/0", ["/etc/passwd"]),
        (f"{RAILS}/retry_count", [25, True]),
        (f"{RAILS}/exclude_exit_code_ranges/0", [200, "0", "256", "200-256", "200,201", "200-", ""]),
        (WAIT, ["", "1m", "65m", "1h5m", "2h", 0, "5 m"]),
        (CUTOFF, ["", "0s", "4h1m", "241m", 14400]),
        (f"{ALPHANUMERIC}/reference", ["nango_source_id"]),
        (f"{ALPHANUMERIC}/type", ["String"]),
        (f"{ALPHANUMERIC}/default", [5]),
        (f"{SELECT}/options/0", [True]),
        (f"{INTEGER}/default", [230]),
        (f"{BOOLEAN}/default", [False]),
        (f"{PASSWORD}/default", ["secret"]),
        ("blueprints/0/color", ["red"]),
        (f"{ALPHANUMERIC}/options", [["a"]]),
        (f"{SELECT}/options", [GONE]),
        (f"{SELECT}/multiline", [True]),
    ],
)
def test_a_wrong_value_or_key_is_refused_where_it_stands_and_a_right_duration_is_not(
    schema: Any, some: Any, place: str, values: list[object]
) -> None:
    for value in values:
        assert {place, place.rpartition("/")[0]} & problems(schema, changed(some, place, value)), value
    for value in DURATIONS.get(place, ()):
        assert not problems(schema, changed(some, place, value)), value
