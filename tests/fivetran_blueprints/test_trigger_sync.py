"""Fivetran - Execute Sync: what goes over the wire, what is saved and how each run ends."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from shared.errors import Interruption
from tests.fivetran_blueprints.responses import (
    ACCEPTED,
    FORCE,
    ID,
    NO_FORCE,
    NOT_FOUND,
    PLAIN_FILES,
    START,
    Fivetran,
    connection,
    killed,
)
from tests.support import NOW
from tests.wire import HTML, LOST, REFUSED, TIMED_OUT

# What goes over the wire


def test_it_reads_first_and_then_sends_exactly_this(fivetran: Fivetran) -> None:
    fivetran.expect_trigger()
    assert fivetran.trigger() == (0, "started")
    for sent in fivetran.sent:
        assert sent.headers["Authorization"] == "Basic " + base64.b64encode(b"the-key:the-secret").decode()
        assert sent.headers["Accept"] == "application/json;version=2"
        assert sent.headers["User-Agent"].startswith("sync-blueprints/")
    read, start = fivetran.sent
    assert read.headers["Cache-Control"] == "no-cache"
    assert start.headers["Content-Type"] == "application/json"
    assert (read.timeout, start.timeout) == ((10, 60), (10, 120))


@pytest.mark.parametrize("url", ["http://localhost:8080", "http://localhost:8080/v1/"])
def test_another_base_url_is_used_with_or_without_its_version(fivetran: Fivetran, url: str) -> None:
    fivetran.url = "http://localhost:8080"
    fivetran.expect_trigger()
    assert fivetran.trigger(API_URL=url) == (0, "started")


def test_the_message_names_the_connector_and_the_log_its_page(
    fivetran: Fivetran, caplog: pytest.LogCaptureFixture
) -> None:
    page = f"https://fivetran.com/dashboard/connections/{ID}"
    fivetran.expect_trigger()
    with caplog.at_level("INFO"):
        assert fivetran.trigger() == (0, "started", ID)
    assert page in caplog.text
    assert (fivetran.run.report.id, fivetran.run.report.url) == (ID, page)
    assert {name: kept.body for name, kept in fivetran.run.kept.items()} == {f"sync_{ID}_response.json": ACCEPTED}


@pytest.mark.parametrize("given", [{"CONNECTOR_ID": "", "CONNECTION_ID": ID}, {"CONNECTION_ID": ID}])
def test_the_connection_id_is_another_name_of_the_connector_id(fivetran: Fivetran, given: dict[str, str]) -> None:
    fivetran.expect_trigger()
    assert fivetran.trigger(**given) == (0, "started")
    assert fivetran.saved()["connector_id.pickle"] == ID


@pytest.mark.parametrize(
    ("given", "code", "named"),
    [
        ({"CONNECTION_ID": "another"}, 206, ["CONNECTOR_ID", "CONNECTION_ID"]),
        ({"CONNECTOR_ID": ""}, 206, ["CONNECTOR_ID"]),
        ({"CONNECTOR_ID": "../other", "API_SECRET": "None"}, 206, ["CONNECTOR_ID", "API_SECRET"]),
        ({"IF_RUNNING": "stop", "WAIT": "1", "WAIT_TIMEOUT": "0"}, 206, ["IF_RUNNING", "WAIT", "WAIT_TIMEOUT"]),
        ({"POLL_INTERVAL": "3601"}, 205, ["POLL_INTERVAL"]),
        ({"FORCE": "TRUE", "IF_RUNNING": "join"}, 206, ["FORCE", "IF_RUNNING"]),
        ({"FORCE": "FALSE", "IF_RUNNING": "restart"}, 206, ["FORCE", "IF_RUNNING"]),
        ({"FORCE": "FALSE", "IF_RUNNING": "fail"}, 206, ["FORCE", "IF_RUNNING"]),
    ],
)
def test_problems_of_inputs_are_named_before_anything_is_sent(
    fivetran: Fivetran, given: dict[str, str], code: int, named: list[str]
) -> None:
    assert fivetran.trigger(**given) == (code, "invalid_input", *[f"FIVETRAN_{name}" for name in named])
    assert fivetran.saved() == {}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_redirect_is_never_followed(fivetran: Fivetran, method: str) -> None:
    moved = {"Location": f"https://elsewhere.invalid{START}"}
    if method == "GET":
        fivetran.shows(None, status=302, headers=moved)
    else:
        fivetran.shows(connection())
        fivetran.expect("POST", START, None, status=307, headers=moved, body=FORCE)
    assert fivetran.trigger() == (201, "refused", "FIVETRAN_API_URL")
    assert fivetran.saved() == {}


# What is saved


def test_the_files_of_other_programs_are_saved_too_and_two_under_the_log_id(fivetran: Fivetran) -> None:
    fivetran.triggered(connection(failed_at=None), log_id="log-7")
    found = fivetran.files()
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


@pytest.mark.parametrize("offset", [-600, 600])
def test_the_time_of_execution_is_the_servers_clock_when_it_accepted(fivetran: Fivetran, offset: float) -> None:
    fivetran.clock.offset = offset
    fivetran.expect_trigger(takes=30)
    fivetran.trigger()
    assert fivetran.files()["execution_time.pickle"] == NOW + timedelta(seconds=30)


def test_the_local_time_is_taken_only_where_the_server_shows_none(fivetran: Fivetran) -> None:
    fivetran.clock.offset = 600
    fivetran.shows(connection(), date=False)
    fivetran.expect("POST", START, ACCEPTED, body=FORCE, date=False)
    fivetran.trigger()
    assert fivetran.files()["execution_time.pickle"] == NOW + timedelta(seconds=600)


def test_a_trigger_that_is_killed_while_it_starts_stops_a_check(fivetran: Fivetran) -> None:
    fivetran.expect_trigger(killed)
    with pytest.raises(Interruption):
        fivetran.trigger()
    assert fivetran.files().keys() == {"starting.pickle"}
    assert fivetran.files()["starting.pickle"]["state"] == "sent"
    assert ID in fivetran.run.report.still_running
    assert fivetran.check() == (221, "artifact_error", "a sync may be running")


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
    assert start(fivetran) == (201, "refused", ID, *words)
    assert fivetran.saved() == {}


def test_a_broken_connection_is_triggered_with_a_warning(fivetran: Fivetran, caplog: pytest.LogCaptureFixture) -> None:
    fivetran.expect_trigger(before=connection(setup_state="broken"))
    assert fivetran.trigger() == (0, "started")
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


# Errors of the first read: nothing was started


@pytest.mark.parametrize(
    ("status", "response", "expected"),
    [
        (401, {"code": "Unauthorized"}, (200, "invalid_credentials", "FIVETRAN_API_KEY", "Base64")),
        (403, {"code": "Forbidden", "message": "No right"}, (200, "invalid_credentials", "No right", "permission")),
        (404, NOT_FOUND, (204, "not_found", NOT_FOUND["message"], "FIVETRAN_CONNECTOR_ID")),
        (404, HTML, (202, "not_started", "404", "nothing was started")),
        (404, {"message": "no Route matched with those values"}, (202, "not_started", "nothing was started")),
        (400, {"code": "InvalidInput", "message": "Bad id"}, (201, "refused", "InvalidInput", "Bad id")),
    ],
)
def test_what_the_first_read_is_refused_with_ends_the_trigger(
    fivetran: Fivetran, status: int, response: Any, expected: tuple[Any, ...]
) -> None:
    fivetran.shows(response, status=status)
    ended = fivetran.trigger()
    assert ended == expected
    assert status != 403 or "wrong" not in ended.message
    assert fivetran.saved() == {}
    assert fivetran.files()["starting.pickle"]["state"] == "ended"


@pytest.mark.parametrize(
    "response",
    [
        "",
        HTML,
        '{"code": "Success", "data": {"id"',
        [],
        {"code": "Success", "data": None},
        connection(id="another_one"),
        {"code": "Success", "data": {**connection()["data"], "status": {}}},
        {"code": "Strange", "data": connection()["data"]},
    ],
)
def test_a_first_read_with_an_unexpected_response_starts_nothing(fivetran: Fivetran, response: Any) -> None:
    fivetran.shows(response)
    assert fivetran.trigger() == (202, "not_started", "nothing was started")
    assert fivetran.saved() == {}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("succeeded_at", "yesterday"),
        ("failed_at", 1795348800),
        ("sync_state", None),
        ("sync_state", ""),
        ("setup_state", 1),
        ("paused", "false"),
    ],
)
def test_a_first_read_with_an_odd_value_starts_nothing(fivetran: Fivetran, key: str, value: Any) -> None:
    fivetran.shows(connection(**{key: value}))
    assert fivetran.trigger() == (202, "not_started", "nothing was started", key)


@pytest.mark.parametrize(("response", "status"), [(HTML, 502), (TIMED_OUT, 0), (None, 429)])
def test_the_first_read_is_tried_five_times(fivetran: Fivetran, response: Any, status: int) -> None:
    fivetran.shows(*[response] * 5, status=status)
    assert fivetran.trigger() == (202, "not_started", "nothing was started")
    assert len(fivetran.clock.sleeps) == 4


def test_a_first_read_that_succeeds_in_the_end_is_good_enough(fivetran: Fivetran) -> None:
    fivetran.shows(LOST, TIMED_OUT, REFUSED)
    fivetran.expect_trigger()
    assert fivetran.trigger() == (0, "started")


# Errors of the trigger request


@pytest.mark.parametrize(
    ("status", "response", "expected"),
    [
        (401, {"code": "Unauthorized"}, (200, "invalid_credentials", "FIVETRAN_API_KEY")),
        (403, {"message": "Read only key"}, (200, "invalid_credentials", "Read only key")),
        (404, NOT_FOUND, (204, "not_found", NOT_FOUND["message"])),
        (404, HTML, (202, "not_started", "nothing was started")),
        (400, {"code": "InvalidInput", "message": "Not now"}, (201, "refused", "Not now")),
    ],
)
def test_a_refused_request_is_never_repeated_and_leaves_older_handoffs_alone(
    fivetran: Fivetran, status: int, response: Any, expected: tuple[Any, ...]
) -> None:
    fivetran.triggered(log_id="1")
    before = fivetran.saved()
    fivetran.expect_trigger(response, status=status)
    assert fivetran.trigger(log_id="2") == expected
    assert fivetran.starts("/sync") == [FORCE]
    assert fivetran.saved() == before
    assert fivetran.files()["2_starting.pickle"]["state"] == "ended"


@pytest.mark.parametrize("policy", ["restart", "wait"])
@pytest.mark.parametrize(("response", "status"), [(REFUSED, 0), (None, 429)])
def test_a_request_that_surely_was_not_accepted_is_repeated_as_it_is(
    fivetran: Fivetran, response: Any, status: int, policy: str
) -> None:
    body = FORCE if policy == "restart" else NO_FORCE
    fivetran.shows(connection())
    for _ in range(2):
        fivetran.expect("POST", START, response, status=status, body=body)
    fivetran.expect("POST", START, ACCEPTED, body=body)
    assert fivetran.trigger(IF_RUNNING=policy) == (0, "started")


@pytest.mark.parametrize(("response", "status"), [(REFUSED, 0), (None, 429)])
def test_a_request_that_was_never_accepted_started_nothing(fivetran: Fivetran, response: Any, status: int) -> None:
    fivetran.expect_trigger(response, status=status, many=True)
    assert fivetran.trigger() == (202, "not_started", "nothing was started")
    assert fivetran.starts("/sync") == [FORCE] * 5
    assert fivetran.saved() == {}


def test_a_long_retry_after_ends_the_trigger_at_once(fivetran: Fivetran) -> None:
    fivetran.expect_trigger(None, status=429, headers={"Retry-After": "3600"})
    assert fivetran.trigger() == (202, "not_started", "1 h")
    assert fivetran.clock.sleeps == []
