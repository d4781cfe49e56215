"""Fivetran - Execute Sync: what goes over the wire, what is saved and how each run ends."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.endings import BAD_REQUEST, INVALID_INPUT, RUNNING, STARTED, SUCCEEDED
from tests.fivetran_blueprints.responses import ID, PLAIN_FILES, Fivetran, at, connection
from tests.support import NOW

# What goes over the wire


def test_another_base_url_may_have_the_version(fivetran: Fivetran) -> None:
    fivetran.url = "http://localhost:8080"
    fivetran.expect_trigger()
    assert fivetran.trigger(API_URL="http://localhost:8080/v1/") == STARTED


def test_the_message_names_the_connector_and_the_log_its_page(
    fivetran: Fivetran, caplog: pytest.LogCaptureFixture
) -> None:
    page = f"https://fivetran.com/dashboard/connections/{ID}"
    fivetran.expect_trigger()
    with caplog.at_level("INFO"):
        assert fivetran.trigger() == (*STARTED, ID)
    assert page in caplog.text
    assert (fivetran.run.report.id, fivetran.run.report.url) == (ID, page)


@pytest.mark.parametrize("given", [{"CONNECTOR_ID": "", "CONNECTION_ID": ID}, {"CONNECTION_ID": ID}])
def test_the_connection_id_is_another_name_of_the_connector_id(fivetran: Fivetran, given: dict[str, str]) -> None:
    fivetran.expect_trigger()
    assert fivetran.trigger(**given) == STARTED
    assert fivetran.saved["connector_id.pickle"] == ID


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
    assert fivetran.saved == {}


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


@pytest.mark.parametrize("takes", [3, 30])
def test_a_sync_that_ended_before_the_response_came_is_told(fivetran: Fivetran, takes: float) -> None:
    fivetran.expect_trigger(takes=takes)
    assert fivetran.trigger() == STARTED
    fivetran.ends("12:00:00")
    assert fivetran.check() == SUCCEEDED


def test_an_end_from_before_a_quick_response_is_that_of_another_sync(fivetran: Fivetran) -> None:
    fivetran.expect_trigger(takes=2)
    assert fivetran.trigger() == STARTED
    fivetran.shows(connection(succeeded_at=at("11:59:59")))
    assert fivetran.check() == RUNNING


@pytest.mark.parametrize(("date", "seconds"), [(True, 30), (False, 30 + 600)])
def test_the_time_of_execution_is_the_servers_when_it_accepted_and_only_without_one_the_local_one(
    fivetran: Fivetran, date: bool, seconds: float
) -> None:
    fivetran.clock.offset = 600
    fivetran.shows(connection(), date=date)
    fivetran.expect_start(date=date, takes=30)
    fivetran.trigger()
    assert fivetran.files["execution_time.pickle"] == NOW + timedelta(seconds=seconds)


# Connections that cannot run


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


def test_a_broken_connection_is_triggered_with_a_warning(fivetran: Fivetran, caplog: pytest.LogCaptureFixture) -> None:
    fivetran.expect_trigger(before=connection(setup_state="broken"))
    assert fivetran.trigger() == STARTED
    assert any(record.levelname == "WARNING" and "broken" in record.message for record in caplog.records)


@pytest.mark.parametrize(("schedule", "noted"), [("auto", True), ("manual", False)])
def test_an_automatic_schedule_is_noted_once(
    fivetran: Fivetran, caplog: pytest.LogCaptureFixture, schedule: str, noted: bool
) -> None:
    fivetran.expect_trigger(before=connection(schedule_type=schedule))
    with caplog.at_level("INFO"):
        fivetran.trigger()
    notes = [message for message in caplog.messages if "schedule" in message]
    assert len(notes) == noted
    assert all("Update Connector" in note for note in notes)
