"""The texts of the page are those of `sync-blueprints export`, byte for byte."""

from __future__ import annotations

import random
import shlex
from collections.abc import Mapping
from typing import Any

import pytest

from sync_blueprints import export
from sync_blueprints.catalog import load
from sync_blueprints.catalog_page.snippets import RETRIES, SCHEDULES, Selection, selections
from tests.sync_blueprints.catalog_page.conftest import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SELECTIONS = {one.id: one for one in selections(load())}
HOSTILE = [
    *("it's", 'say "x"', "a\\b\\", "\\'\"", "${{ secrets.X }}", "$${{", "$(touch x)", "`touch x`", "$HOME", "%s"),
    *("{x}", "{name}", "$&", "a\nb", "a\r\n\tb", "--rm", "- a: b", "# x", "a: b", "yes", "null", "~", "2:00", "1e3"),
    *("\x1b[31m", "\x7f", "\x85x", "x\u2028x", "x\ufeffx", "\ufffe", "ä😀", "</script>", "<!--", "]]>"),
    *("!!python/object", "&a *a", "| x", "> x", "%YAML", "---\nx", '"""', "'''", "x" * 10_000, "\ue000name\ue001"),
]
# Chooses, fills in, and returns the text, the command and the values as the fields have them.
FILL_IN = """
choose(a); chooseOrchestrator(b);
for (const [name, value] of Object.entries(c.options)) option(name).value = value;
for (const field of fields()) field.value = c.inputs[field.name] ?? "";
const values = fields().map((field) => [field.name, field.value.trim()]).filter(([, value]) => value);
return [render(), command(), Object.fromEntries(values)];
"""
each_orchestrator = pytest.mark.parametrize("orchestrator", export.ORCHESTRATORS)


def filled_in(page: Page, selection: str, orchestrator: str, inputs: Mapping[str, str], **options: str) -> Any:
    given = {"options": {"name": "a-name", "image": "an/image:1", "schedule": "", "retries": "", **options}}
    return page.script(FILL_IN, selection, orchestrator, {**given, "inputs": inputs})


def exported(selection: Selection, name: str, values: Mapping[str, str], retries: str = "", schedule: str = "") -> str:
    """What the command prints for these values and options."""
    orchestrator = export.ORCHESTRATORS[name]
    rails = {"retry_count": int(retries)} if retries and "retry_count" in orchestrator.guardrails else {}
    if name == "dagster":  # an asset waits by itself, so that it needs no check
        selection = Selection(selection.blueprints[:1])
    steps = []
    for place, one in enumerate(selection.blueprints):
        inputs = {name: values[name] for name in selection.inputs(place) if name in values}
        steps.append(export.Step(one.with_guardrails(**rails), inputs))
    return orchestrator(steps, export.Options("a-name", "an/image:1", schedule=schedule or None))


@each_orchestrator
def test_the_page_makes_the_texts_of_export_whatever_is_set(page: Page, orchestrator: str) -> None:
    chance = random.Random(orchestrator)
    schedules = ["", "", *(SCHEDULES if orchestrator == "cron" else ("4,5 3 * * mon-fri", "0 2 * * *"))]
    for selection in SELECTIONS.values():
        every = {
            one.reference: one.options[0] if one.options else "TRUE" if one.type == "Boolean" else "7"
            for blueprint in selection.blueprints
            for one in blueprint.inputs
        }
        for share in (0, 0.2, 0.5, 0.8, 1):
            inputs = {name: value for name, value in every.items() if chance.random() < share}
            options = {"schedule": chance.choice(schedules), "retries": chance.choice(["", "", *RETRIES])}
            text, _, values = filled_in(page, selection.id, orchestrator, inputs, **options)
            assert text == exported(selection, orchestrator, values, **options), (selection.id, values, options)


@each_orchestrator
def test_the_page_writes_hostile_values_as_export_does(page: Page, orchestrator: str) -> None:
    selection = SELECTIONS["fivetran-update-connector"]
    for value in HOSTILE:
        inputs = {"FIVETRAN_CUSTOM_UPDATE": value, "FIVETRAN_CONNECTOR_ID": value}
        text, _, values = filled_in(page, selection.id, orchestrator, inputs)
        assert text == exported(selection, orchestrator, values), value


@each_orchestrator
@pytest.mark.parametrize("selection", ["nango-trigger-sync-and-check", "rudderstack-check-sync-status"])
def test_the_command_that_the_page_shows_prints_its_text(
    page: Page, selection: str, orchestrator: str, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    inputs = {"NANGO_PROVIDER_CONFIG_KEY": "salesforce", "NANGO_WAIT": "TRUE", "RUDDERSTACK_WAIT_TIMEOUT": "20"}
    text, command, _ = filled_in(page, selection, orchestrator, inputs, schedule="0 2 * * *", retries="3")
    assert export.main(shlex.split(command.replace("\\\n", ""))[2:]) == 0
    assert capsysbinary.readouterr().out.decode() == text


def test_a_schedule_that_the_page_cannot_translate_is_left_to_the_command(page: Page) -> None:
    page.open("#blueprint=fivetran-execute-sync&as=cron&schedule=4+3+*+*+*")
    page.fill_in(FIVETRAN_CONNECTOR_ID="x")
    assert page.text("#text").startswith("# This schedule needs the command below")


def test_a_value_that_an_orchestrator_cannot_take_is_refused(page: Page) -> None:
    page.open("#blueprint=fivetran-update-connector&as=argo")
    page.fill_in(FIVETRAN_CONNECTOR_ID="x", FIVETRAN_CUSTOM_UPDATE='{"a": "{{ x }}"}')
    page.driver.find_element("id", "copy").click()
    assert "{{ cannot be written" in page.script(
        "return document.querySelector('form:not([hidden]) .error:not([hidden])').textContent"
    )
