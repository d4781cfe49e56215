"""Fivetran - Execute Sync: the four policies of FIVETRAN_IF_RUNNING, for a sync that shows and for a 409."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.endings import ALREADY_RUNNING, BAD_REQUEST, JOINED, STARTED
from tests.fivetran_blueprints.responses import CONFLICT, FORCE, ID, NO_FORCE, PLAIN_FILES, Fivetran, at, connection
from tests.support import NOW

HISTORICAL = connection("syncing", is_historical_sync=True)


# Nothing is running


@pytest.mark.parametrize(
    ("given", "body"),
    [
        ({}, FORCE),
        ({"IF_RUNNING": "restart"}, FORCE),
        ({"IF_RUNNING": "join"}, NO_FORCE),
        ({"IF_RUNNING": "wait"}, NO_FORCE),
        ({"IF_RUNNING": "fail"}, NO_FORCE),
        ({"FORCE": "TRUE"}, FORCE),
        ({"FORCE": "FALSE"}, NO_FORCE),
        ({"FORCE": "true", "IF_RUNNING": "RESTART"}, FORCE),
        ({"FORCE": "", "IF_RUNNING": "wait"}, NO_FORCE),
    ],
)
def test_only_restart_forces_an_idle_connection(fivetran: Fivetran, given: Any, body: dict[str, bool]) -> None:
    fivetran.expect_trigger(body=body)
    assert fivetran.trigger(**given) == STARTED
    assert fivetran.files["sync.pickle"]["interrupted"] is False


# restart


@pytest.mark.parametrize(
    ("before", "given", "interrupts", "warns"),
    [
        (HISTORICAL, {}, True, True),
        (HISTORICAL, {"FORCE": "TRUE"}, True, True),
        (HISTORICAL, {"IF_RUNNING": "join"}, False, False),
        (connection(is_historical_sync=True), {}, False, False),
        (connection("syncing"), {}, True, False),
    ],
    ids=["restart", "force", "join", "it is due and does not run", "an incremental sync runs"],
)
def test_a_running_sync_is_noted_as_interrupted_and_a_historical_one_named_in_a_warning(
    fivetran: Fivetran, caplog: pytest.LogCaptureFixture, before: Any, given: Any, interrupts: bool, warns: bool
) -> None:
    fivetran.shows(before)
    joins = given.get("IF_RUNNING") == "join"
    if not joins:
        fivetran.expect_start()
    assert fivetran.trigger(**given) == (JOINED if joins else STARTED)
    assert fivetran.files["sync.pickle"]["interrupted"] is interrupts
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert any("historical" in warning and ID in warning for warning in warnings) is warns


def test_a_409_of_a_forced_request_is_a_sync_that_fivetran_does_not_stop(fivetran: Fivetran) -> None:
    fivetran.expect_trigger(CONFLICT, status=409, many=True)
    assert fivetran.trigger() == (*ALREADY_RUNNING, ID, "A sync is already in progress")
    assert fivetran.starts("/sync") == [FORCE] * 2
    assert fivetran.saved == {}
    assert fivetran.files["starting.pickle"]["state"] == "ended"


def test_a_sync_that_only_a_409_reports_is_interrupted_by_the_next_forced_request(fivetran: Fivetran) -> None:
    fivetran.expect_trigger(CONFLICT, status=409)
    fivetran.expect_start()
    assert fivetran.trigger() == STARTED
    assert fivetran.files["sync.pickle"]["interrupted"] is True


@pytest.mark.parametrize("policy", ["join", "wait"])
def test_an_end_that_a_409_made_wait_for_is_not_that_of_the_sync_started_then(fivetran: Fivetran, policy: str) -> None:
    fivetran.expect_trigger(CONFLICT, status=409, body=NO_FORCE)
    fivetran.expect_trigger(before=connection(succeeded_at=at("12:00:01")), body=NO_FORCE)
    assert fivetran.trigger(IF_RUNNING=policy) == STARTED
    assert fivetran.files["sync.pickle"]["succeeded_at"] == NOW + timedelta(seconds=1)


# join


@pytest.mark.parametrize("given", [{"IF_RUNNING": "join"}, {"FORCE": "FALSE"}])
def test_join_starts_nothing_and_saves_the_running_sync(fivetran: Fivetran, given: dict[str, str]) -> None:
    fivetran.shows(connection("syncing"))
    assert fivetran.trigger(**given) == (*JOINED, ID)
    found = fivetran.files
    assert set(found) == PLAIN_FILES
    assert found["sync.pickle"]["joined"] is True
    assert found["force_sync.pickle"] == [ID, NOW]


# wait


def test_wait_starts_once_the_running_sync_has_ended_and_compares_with_the_stamps_then(
    fivetran: Fivetran, caplog: pytest.LogCaptureFixture
) -> None:
    fivetran.shows(HISTORICAL, HISTORICAL)
    fivetran.expect_trigger(before=connection(succeeded_at=at("12:00:01")), body=NO_FORCE)
    assert fivetran.trigger(IF_RUNNING="wait") == STARTED
    handoff = fivetran.files["sync.pickle"]
    assert (handoff["succeeded_at"], handoff["interrupted"]) == (NOW + timedelta(seconds=1), False)
    assert "stopped" not in caplog.text


def test_what_is_odd_about_a_connection_is_logged_once_however_long_its_turn_is_awaited(
    fivetran: Fivetran, caplog: pytest.LogCaptureFixture
) -> None:
    odd = {"schedule_type": "auto", "setup_state": "broken"}
    fivetran.shows(*[connection("syncing", **odd)] * 3)
    fivetran.expect_trigger(before=connection(succeeded_at=at("12:00:01"), **odd), body=NO_FORCE)
    with caplog.at_level("INFO"):
        assert fivetran.trigger(IF_RUNNING="wait") == STARTED
    assert [caplog.text.count(part) for part in ("automatic schedule", "setup of")] == [1, 1]


def test_a_connection_that_is_paused_while_its_turn_is_awaited_is_refused(fivetran: Fivetran) -> None:
    fivetran.shows(connection("syncing"), connection("paused", paused=True))
    assert fivetran.trigger(IF_RUNNING="wait") == BAD_REQUEST
