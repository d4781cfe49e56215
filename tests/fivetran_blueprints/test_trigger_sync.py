"""Fivetran - Execute Sync: what goes over the wire, what is saved and how each run ends."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.endings import ALREADY_RUNNING, BAD_REQUEST, INVALID_INPUT, JOINED, RUNNING, STARTED, SUCCEEDED
from tests.fivetran_blueprints.responses import CONFLICT, ID, PAGE, PLAIN_FILES, SINCE, Fivetran, at, connection
from tests.support import NOW


def test_another_base_url_may_have_the_version(fivetran: Fivetran) -> None:
    fivetran.url = "http://localhost:8080"
    fivetran.expect_trigger()
    assert fivetran.trigger(API_URL="http://localhost:8080/v1/") == STARTED


def test_the_message_names_the_connector_and_the_log_its_page(
    fivetran: Fivetran, caplog: pytest.LogCaptureFixture
) -> None:
    fivetran.expect_trigger()
    with caplog.at_level("INFO"):
        assert fivetran.trigger() == (*STARTED, ID)
    assert PAGE in caplog.text
    assert (fivetran.run.report.id, fivetran.run.report.url) == (ID, PAGE)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"CONNECTION_ID": "another"}, ["CONNECTOR_ID", "CONNECTION_ID"]),
        ({"CONNECTOR_ID": "../other", "API_SECRET": "None"}, ["CONNECTOR_ID", "API_SECRET"]),
        ({"FORCE": "TRUE", "IF_RUNNING": "join"}, ["FORCE", "IF_RUNNING"]),
        ({"FORCE": "FALSE", "IF_RUNNING": "restart"}, ["FORCE", "IF_RUNNING"]),
        ({"FORCE": "FALSE", "IF_RUNNING": "fail"}, ["FORCE", "IF_RUNNING"]),
    ],
)
def test_problems_of_inputs_are_named_before_anything_is_sent(
    fivetran: Fivetran, given: dict[str, str], named: list[str]
) -> None:
    assert fivetran.trigger(**given) == (*INVALID_INPUT, *[f"FIVETRAN_{name}" for name in named])


# What is saved


def test_the_files_of_other_programs_are_saved_too_and_two_under_the_log_id(fivetran: Fivetran) -> None:
    fivetran.triggered(connection(failed_at=None), log_id="log-7")
    found = fivetran.files
    assert set(found) == PLAIN_FILES | {"log-7_sync.pickle", "log-7_force_sync.pickle"}
    assert (found["connector_id.pickle"], found["execution_time.pickle"]) == (ID, NOW)
    assert found["log-7_force_sync.pickle"] == found["force_sync.pickle"] == [ID, NOW]
    handoff = found["sync.pickle"]
    assert found["log-7_sync.pickle"] == handoff
    del handoff["attempt"]
    assert handoff == {
        "version": 1,
        "connector_id": ID,
        "execution_time": NOW,
        "succeeded_at": datetime(2026, 11, 22, 6, 0, 0, 123456, timezone.utc),
        "failed_at": None,
        "earliest_end": NOW - timedelta(seconds=2),
        "joined": False,
        "interrupted": False,
        "historical": False,
        "sync_id": None,
    }


@pytest.mark.parametrize(
    ("takes", "ended", "expected"),
    [(3, "12:00:00", SUCCEEDED), (30, "12:00:00", SUCCEEDED), (2, "11:59:59", RUNNING)],
)
def test_an_end_from_before_the_response_is_that_of_another_sync_only_if_that_was_quick(
    fivetran: Fivetran, takes: float, ended: str, expected: tuple[int, str]
) -> None:
    fivetran.expect_trigger(takes=takes)
    assert fivetran.trigger() == STARTED
    fivetran.shows(connection(succeeded_at=at(ended)))
    if expected is SUCCEEDED:
        fivetran.expect_history(SINCE, ended)
    assert fivetran.check() == expected


@pytest.mark.parametrize(("date", "seconds"), [(True, 30), (False, 30 + 600)])
def test_the_time_of_execution_is_the_servers_when_it_accepted_and_only_without_one_the_local_one(
    fivetran: Fivetran, date: bool, seconds: float
) -> None:
    fivetran.clock.offset = 600
    fivetran.shows(connection(), date=date)
    fivetran.expect_start(date=date, takes=30)
    fivetran.trigger()
    assert fivetran.files["execution_time.pickle"] == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (connection(paused=True), ["paused", "Update Connector"]),
        (connection("paused"), ["paused", "Update Connector"]),
        (connection("syncing", paused=True), ["paused", "Update Connector"]),
        (connection(setup_state="incomplete"), ["incomplete"]),
    ],
)
@pytest.mark.parametrize("start", [Fivetran.trigger, Fivetran.resync])
def test_a_connection_that_cannot_run_is_refused_before_the_request(
    fivetran: Fivetran, start: Any, state: Any, words: list[str]
) -> None:
    fivetran.shows(state)
    assert start(fivetran) == (*BAD_REQUEST, ID, *words)
    assert fivetran.saved == {}


# What FIVETRAN_IF_RUNNING means for a sync that shows and for a 409

HISTORICAL = connection("syncing", is_historical_sync=True)


@pytest.mark.parametrize(
    ("given", "force"),
    [
        ({}, True),
        ({"IF_RUNNING": "join"}, False),
        ({"IF_RUNNING": "wait"}, False),
        ({"IF_RUNNING": "fail"}, False),
        ({"FORCE": "TRUE"}, True),
        ({"FORCE": "FALSE"}, False),
    ],
)
def test_only_restart_forces_an_idle_connection(fivetran: Fivetran, given: dict[str, str], force: bool) -> None:
    fivetran.expect_trigger(force=force)
    assert fivetran.trigger(**given) == STARTED
    assert fivetran.files["sync.pickle"]["interrupted"] is False


@pytest.mark.parametrize(
    ("before", "given", "ended", "warns"),
    [
        (HISTORICAL, {}, STARTED, True),
        (HISTORICAL, {"FORCE": "TRUE"}, STARTED, True),
        (HISTORICAL, {"FORCE": "FALSE"}, JOINED, False),
        (connection(is_historical_sync=True), {}, STARTED, False),
        (connection("syncing"), {}, STARTED, False),
    ],
    ids=["restart", "force", "join", "it is due and does not run", "an incremental sync runs"],
)
def test_a_running_sync_is_noted_as_interrupted_and_a_historical_one_named_in_a_warning(
    fivetran: Fivetran, caplog: pytest.LogCaptureFixture, before: Any, given: Any, ended: Any, warns: bool
) -> None:
    fivetran.shows(before)
    if ended is STARTED:
        fivetran.expect_start()
    assert fivetran.trigger(**given) == ended
    is_running = before["data"]["status"]["sync_state"] == "syncing"
    assert fivetran.files["sync.pickle"]["interrupted"] is (is_running and ended is STARTED)
    assert fivetran.files["force_sync.pickle"] == [ID, NOW]
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert any("historical" in warning and ID in warning for warning in warnings) is warns


def test_a_409_of_a_forced_request_is_a_sync_that_fivetran_does_not_stop(fivetran: Fivetran) -> None:
    fivetran.expect_trigger(CONFLICT, status=409, many=True)
    assert fivetran.trigger() == (*ALREADY_RUNNING, ID, "A sync is already in progress")
    assert fivetran.forces == [True, True]
    assert fivetran.files["starting.pickle"]["state"] == "ended"


def test_a_sync_that_only_a_409_reports_is_interrupted_by_the_next_forced_request(fivetran: Fivetran) -> None:
    fivetran.expect_trigger(CONFLICT, status=409)
    fivetran.expect_start()
    assert fivetran.trigger() == STARTED
    assert fivetran.files["sync.pickle"]["interrupted"] is True


@pytest.mark.parametrize("policy", ["join", "wait"])
def test_an_end_that_a_409_made_wait_for_is_not_that_of_the_sync_started_then(fivetran: Fivetran, policy: str) -> None:
    fivetran.expect_trigger(CONFLICT, status=409, force=False)
    fivetran.expect_trigger(before=connection(succeeded_at=at("12:00:01")), force=False)
    assert fivetran.trigger(IF_RUNNING=policy) == STARTED
    assert fivetran.files["sync.pickle"]["succeeded_at"] == NOW + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("odd", "notes"),
    [
        ({"schedule_type": "manual"}, []),
        ({"schedule_type": "auto", "setup_state": "broken"}, [("WARNING", "broken"), ("INFO", "Update Connector")]),
    ],
)
def test_what_is_odd_about_a_connection_is_logged_once_however_long_its_turn_is_awaited(
    fivetran: Fivetran, caplog: pytest.LogCaptureFixture, odd: dict[str, str], notes: list[tuple[str, str]]
) -> None:
    fivetran.shows(*[connection("syncing", **odd)] * 3)
    fivetran.expect_trigger(before=connection(succeeded_at=at("12:00:01"), **odd), force=False)
    with caplog.at_level("INFO"):
        assert fivetran.trigger(IF_RUNNING="wait") == STARTED
    logged = [record for record in caplog.records if "setup" in record.message or "schedule" in record.message]
    assert [record.levelname for record in logged] == [level for level, _ in notes]
    assert all(words in record.message for record, (_, words) in zip(logged, notes))


def test_a_connection_that_is_paused_while_its_turn_is_awaited_is_refused(fivetran: Fivetran) -> None:
    fivetran.shows(connection("syncing"), connection("paused", paused=True))
    assert fivetran.trigger(IF_RUNNING="wait") == BAD_REQUEST
