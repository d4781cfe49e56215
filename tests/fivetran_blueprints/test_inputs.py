"""What Fivetran's inputs mean, and which are invalid."""

from __future__ import annotations

from typing import Any

import pytest

from fivetran_blueprints import check_sync_status, trigger_sync
from shared import inputs
from shared.errors import InvalidInputError, InvalidPollIntervalError
from tests.fivetran_blueprints.responses import ENVIRONMENT


def read(kind: Any, environment: dict[str, str]) -> Any:
    """The inputs; raises what is wrong with them."""
    given, problem = inputs.read(kind, environment)
    if problem is not None:
        raise problem
    return given


@pytest.mark.parametrize(
    ("given", "policy"),
    [
        ({}, "restart"),
        ({"FIVETRAN_IF_RUNNING": "Join"}, "join"),
        ({"FIVETRAN_FORCE": "true"}, "restart"),
        ({"FIVETRAN_FORCE": "FALSE"}, "join"),
        ({"FIVETRAN_FORCE": "FALSE", "FIVETRAN_IF_RUNNING": "join"}, "join"),
        ({"FIVETRAN_FORCE": "TRUE", "FIVETRAN_IF_RUNNING": "restart"}, "restart"),
        ({"FIVETRAN_FORCE": "None", "FIVETRAN_IF_RUNNING": "wait"}, "wait"),
        ({"FIVETRAN_FORCE": "", "FIVETRAN_IF_RUNNING": "fail"}, "fail"),
    ],
)
def test_the_older_force_is_another_word_for_restart_or_join(given: dict[str, str], policy: str) -> None:
    assert read(trigger_sync.Inputs, {**ENVIRONMENT, **given}).policy == policy


@pytest.mark.parametrize(
    "given",
    [
        {"FIVETRAN_FORCE": "TRUE", "FIVETRAN_IF_RUNNING": "join"},
        {"FIVETRAN_FORCE": "TRUE", "FIVETRAN_IF_RUNNING": "wait"},
        {"FIVETRAN_FORCE": "FALSE", "FIVETRAN_IF_RUNNING": "restart"},
        {"FIVETRAN_FORCE": "FALSE", "FIVETRAN_IF_RUNNING": "fail"},
    ],
)
def test_force_in_conflict_with_if_running_is_an_invalid_input(given: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError, match=r"FIVETRAN_FORCE.*FIVETRAN_IF_RUNNING"):
        read(trigger_sync.Inputs, {**ENVIRONMENT, **given})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FIVETRAN_API_KEY", ""),
        ("FIVETRAN_API_SECRET", "None"),
        ("FIVETRAN_CONNECTOR_ID", "../other"),
        ("FIVETRAN_CONNECTOR_ID", "a/b"),
        ("FIVETRAN_CONNECTOR_ID", "a b"),
        ("FIVETRAN_IF_RUNNING", "stop"),
        ("FIVETRAN_FORCE", "yes"),
        ("FIVETRAN_WAIT", "1"),
        ("FIVETRAN_WAIT_TIMEOUT", "0"),
        ("FIVETRAN_WAIT_TIMEOUT", "ten"),
        ("FIVETRAN_API_URL", "api.fivetran.com"),
    ],
)
def test_a_malformed_input_is_named(variable: str, value: str) -> None:
    with pytest.raises(InvalidInputError, match=variable) as caught:
        read(trigger_sync.Inputs, {**ENVIRONMENT, variable: value})
    assert caught.value.exit_code == 206


@pytest.mark.parametrize("value", ["0", "3601", "-1", "1.5", "often"])
def test_a_poll_interval_out_of_range_has_an_exit_code_of_its_own(value: str) -> None:
    with pytest.raises(InvalidPollIntervalError, match="FIVETRAN_POLL_INTERVAL") as caught:
        read(check_sync_status.Inputs, {**ENVIRONMENT, "FIVETRAN_POLL_INTERVAL": value})
    assert caught.value.exit_code == 205


def test_a_check_needs_no_connector_id() -> None:
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "FIVETRAN_CONNECTOR_ID"}
    assert read(check_sync_status.Inputs, environment).connector_id is None
    with pytest.raises(InvalidInputError, match="FIVETRAN_CONNECTOR_ID"):
        read(trigger_sync.Inputs, environment)
