"""The texts that the page makes: those of `python -m sync_blueprints export`, for each blueprint and engine."""

from __future__ import annotations

import ast
import json
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from sync_blueprints.catalog import Blueprint, find, load
from sync_blueprints.export import ENGINES, Options, Step
from tests.sync_blueprints.catalog_page.conftest import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# fmt: off
HOSTILE = [
    "it's", 'say "x"', "a\\b\\", "\\'\"", "${{ secrets.X }}", "$${{", "$(touch x)", "`touch x`", "$HOME",
    "%s", "{x}",
    "{{ x }}", "{{workflow.name}}", "{% x %}", "{name}", "{value}", "$&", "a\nb", "\n", "a\r\n\tb", "--rm",
    "- a: b", "# x",
    "a: b", "yes", "null", "~", "2:00", "1e3", "\x00", "\x1b[31m", "\x7f", "\x85", "\u2028", "\u00a0",
    "\ufeff", "\ufffe",
    "ä😀", "</script>", "<!--", "]]>", "!!python/object", "&a *a", "| x", "> x", "%YAML", "---\n", '"""',
    "'''", "x" * 10_000,
]
# fmt: on
RENDER = "const one = blueprints.find(({ name }) => name === a); return c.map((given) => render(one, b, given))"
each_engine = pytest.mark.parametrize("engine", ENGINES)


def texts(page: Page, blueprint: Blueprint, engine: str, inputs: list[dict[str, str]]) -> list[str]:
    made: list[str] = page.script(RENDER, blueprint.name, engine, inputs)
    return made


def by_export(blueprint: Blueprint, engine: str, given: Mapping[str, str]) -> str:
    return ENGINES[engine]([Step(blueprint, given)], Options())


def not_refused(engine: str, given: Mapping[str, str]) -> bool:
    return not ENGINES[engine].refused or not any(ENGINES[engine].refused in value for value in given.values())


@each_engine
def test_the_page_makes_the_texts_of_export_for_every_blueprint(page: Page, engine: str) -> None:
    for blueprint in load():
        every = {one.reference: one.default or "x" for one in blueprint.inputs if one.type != "Password"}
        yes = {one.reference: "True" for one in blueprint.inputs if one.type == "Boolean"}
        inputs: list[dict[str, str]] = [{}, every, {**every, **yes}]
        inputs += [{name: value} for values in (every, yes) for name, value in values.items()]
        assert texts(page, blueprint, engine, inputs) == [by_export(blueprint, engine, one) for one in inputs]


@each_engine
def test_the_page_writes_hostile_values_as_export_does(page: Page, engine: str) -> None:
    blueprint = find("Fivetran - Update Connector")
    inputs = [{"FIVETRAN_CUSTOM_UPDATE": value, "FIVETRAN_CONNECTOR_ID": value} for value in HOSTILE]
    inputs = [one for one in inputs if not_refused(engine, one)]
    assert texts(page, blueprint, engine, inputs) == [by_export(blueprint, engine, one) for one in inputs]


@each_engine
def test_no_text_holds_more_of_a_secret_than_its_name(page: Page, engine: str) -> None:
    for blueprint in load():
        secrets = {one.reference: "canary-of-a-secret" for one in blueprint.inputs if one.type == "Password"}
        page.open(f"#{blueprint.name}")
        given = page.script("return read(blueprints.find(({ name }) => name === a), b).given", blueprint.name, secrets)
        assert given == {}
        text = texts(page, blueprint, engine, [given])[0]
        assert all(name in text for name in secrets)


def parsed(engine: str, text: str) -> Any:
    return ast.parse(text) if engine == "airflow" else list(yaml.safe_load_all(text))


@pytest.mark.parametrize("engine", [one for one in ENGINES if one != "docker"])
def test_every_text_can_be_parsed(page: Page, engine: str) -> None:
    for blueprint in load():
        given = {one.reference: 'a "b" \\ ü: # \n\u2028${{ x }}' for one in blueprint.inputs if one.type != "Password"}
        for text in texts(page, blueprint, engine, [{}, given] if not_refused(engine, given) else [{}]):
            assert parsed(engine, text)


def test_a_fleet_has_the_inputs_and_guardrails_that_were_asked_for(page: Page) -> None:
    blueprint = find("RudderStack - Trigger Sync")
    given = {"RUDDERSTACK_SOURCE_ID": "a", "RUDDERSTACK_PARAMETERS": "--end_time 2:00\n--rebase_incremental"}
    vessel = yaml.safe_load(texts(page, blueprint, "platform", [given])[0])["vessels"][blueprint.name]
    assert vessel["source"] == {"blueprint": blueprint.name, "inputs": given, "type": "BLUEPRINT"}
    rails = blueprint.guardrails
    assert vessel["guardrails"]["retry_count"] == rails.retry_count
    excluded = [int(code) for code in vessel["guardrails"]["exclude_exit_code_ranges"]]
    assert excluded == [first for first, _ in rails.exclude_exit_code_ranges]


def test_a_docker_line_hands_every_value_over_as_it_is(page: Page) -> None:
    values = [value for value in HOSTILE if "\0" not in value]
    blueprint = find("Fivetran - Update Connector")
    for text, value in zip(
        texts(page, blueprint, "docker", [{"FIVETRAN_CUSTOM_UPDATE": value} for value in values]), values
    ):
        line = f'docker() {{ for one in "$@"; do printf \'%s\\0\' "$one"; done; }}\n{text}'
        done = subprocess.run(["/bin/sh", "-euc", line], capture_output=True, check=True)
        arguments = done.stdout.decode().split("\0")
        assert f"FIVETRAN_CUSTOM_UPDATE={value}" in arguments
        assert arguments[arguments.index("FIVETRAN_API_KEY") - 1] == "-e"  # by its name alone


def test_a_text_that_no_engine_can_write_is_refused_with_the_name_of_the_input(page: Page) -> None:
    page.script("blueprints.forEach(({ templates }) => { templates[a].refused = '{{' })", engine := next(iter(ENGINES)))
    page.script("choose('fivetran-update-connector'); chooseEngine(a)", engine)
    page.fill_in(FIVETRAN_CONNECTOR_ID="x", FIVETRAN_CUSTOM_UPDATE=json.dumps({"a": "{{ x }}"}))
    assert "FIVETRAN_CUSTOM_UPDATE holds {{" in page.text("#faults")
