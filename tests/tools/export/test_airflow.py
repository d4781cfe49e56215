"""What stands in DAG files, read without Airflow."""

from __future__ import annotations

import ast
from datetime import timedelta
from typing import Any

import pytest

from tests.exporting import exported
from tools.catalogue import Blueprint, find, load
from tools.export import ENGINES, Options, Step

TRIGGER, CHECK = find("Fivetran - Execute Sync"), find("Fivetran - Check Sync Status")


def tasks(text: str) -> list[dict[str, Any]]:
    """The arguments of each Blueprint(...) in a DAG file."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return [
        {argument.arg: _value(argument.value) for argument in call.keywords}
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "Blueprint"
    ]


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Call):
        return timedelta(**{argument.arg: ast.literal_eval(argument.value) for argument in node.keywords})
    return ast.literal_eval(node)


@pytest.mark.parametrize("blueprint", load(), ids=lambda blueprint: blueprint.name)
def test_the_guardrails_are_the_catalogues(blueprint: Blueprint) -> None:
    (task,) = tasks(ENGINES["airflow"]([Step(blueprint, {})], Options()))
    rails = blueprint.guardrails
    assert task["script"] == blueprint.file_to_run
    assert task["retries"] == rails.retry_count
    assert task["retry_delay"] == timedelta(seconds=rails.retry_wait)
    assert task["execution_timeout"] == timedelta(seconds=rails.runtime_cutoff)
    assert task["fail_at_once"] == {code for code in range(1, 256) if not rails.try_again_on(code)}


def test_a_check_is_told_which_trigger_hands_over_to_it() -> None:
    names = [find("Nango - Trigger Sync"), TRIGGER, CHECK, find("Nango - Check Sync Status")]
    given = ["--input", "FIVETRAN_CONNECTOR_ID=abc", "--input", "NANGO_PROVIDER_CONFIG_KEY=hubspot"]
    found = tasks(exported("airflow", *(one.name for one in names), *given))
    assert [one.get("handed_over_by") for one in found] == [
        None,
        None,
        ["fivetran_execute_sync"],
        ["nango_trigger_sync"],
    ]


def test_a_trigger_that_waits_is_not_run_again_once_its_sync_may_have_begun() -> None:
    wait = ("--input", "FIVETRAN_CONNECTOR_ID=abc", "--input", "FIVETRAN_WAIT=TRUE")
    (task,) = tasks(exported("airflow", TRIGGER.name, *wait))
    assert {137, 143, 210, 220} < task["fail_at_once"]
    assert 202 not in task["fail_at_once"]


def test_a_value_is_the_same_in_python_whatever_it_holds() -> None:
    value = "{{ var.value.secret }} \"quoted\" 'x' \\ \n 𝄞 \x7f"
    (task,) = tasks(
        ENGINES["airflow"]([Step(find("RudderStack - Trigger Sync"), {"RUDDERSTACK_PARAMETERS": value})], Options())
    )
    assert task["inputs"] == {"RUDDERSTACK_PARAMETERS": value}
