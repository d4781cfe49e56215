"""Fivetran - Execute Sync: the four policies of FIVETRAN_IF_RUNNING, for a sync that shows and for a 409."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.errors import Interruption
from tests.fivetran_blueprints.responses import (
    ACCEPTED,
    CONFLICT,
    FORCE,
    ID,
    NO_FORCE,
    PLAIN_FILES,
    RUNNING,
    START,
    Fivetran,
    at,
    connection,
    killed,
)
from tests.support import NOW
from tests.wire import HTML

HISTORICAL = connection("syncing", is_historical_sync=True)


def expect_conflict(fivetran: Fivetran, body: dict[str, bool]) -> None:
    fivetran.expect("POST", START, CONFLICT, status=409, body=body)


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
def test_only_restart_forces_an_idle_connection(
    fivetran: Fivetran, given: dict[str, str], body: dict[str, bool]
) -> None:
    fivetran.shows(connection())
    fivetran.expect("POST", START, ACCEPTED, body=body)
    assert fivetran.trigger(**given) == (0, "started")
    assert fivetran.files()["sync.pickle"]["interrupted"] is False


def test_a_force_that_conflicts_with_the_policy_sends_nothing(fivetran: Fivetran) -> None:
    ended = fivetran.trigger(FORCE="TRUE", IF_RUNNING="join")
    assert ended == (206, "invalid_input")
    assert all(f"FIVETRAN_{name}" in ended.message for name in ("FORCE", "IF_RUNNING"))
    assert fivetran.sent == []


# restart


@pytest.mark.parametrize("given", [{}, {"FORCE": "TRUE"}])
def test_restart_forces_and_notes_that_a_running_sync_is_interrupted(fivetran: Fivetran, given: dict[str, str]) -> None:
    fivetran.expect_trigger(before=connection("syncing"))
    assert fivetran.trigger(**given) == (0, "started")
    assert fivetran.files()["sync.pickle"]["interrupted"] is True


@pytest.mark.parametrize(
    ("before", "given", "warned"),
    [
        (HISTORICAL, {}, True),
        (HISTORICAL, {"FORCE": "TRUE"}, True),
        (HISTORICAL, {"IF_RUNNING": "join"}, False),
        (connection(is_historical_sync=True), {}, False),
        (connection("syncing"), {}, False),
    ],
    ids=["restart", "force", "join", "it is due and does not run", "an incremental sync runs"],
)
def test_a_running_historical_sync_that_is_about_to_be_stopped_is_named_in_a_warning(
    fivetran: Fivetran, caplog: pytest.LogCaptureFixture, before: dict[str, Any], given: dict[str, str], warned: bool
) -> None:
    fivetran.shows(before)
    joins = given.get("IF_RUNNING") == "join"
    if not joins:
        fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    assert fivetran.trigger(**given) == (0, "joined" if joins else "started")
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert any("historical" in warning and ID in warning for warning in warnings) is warned


def test_a_409_of_a_forced_request_is_a_sync_that_fivetran_does_not_stop(fivetran: Fivetran) -> None:
    fivetran.shows(connection())
    expect_conflict(fivetran, FORCE)
    for _ in range(200):
        fivetran.expect("POST", START, CONFLICT, status=409, body=FORCE)
        fivetran.shows(connection("syncing"))
    ended = fivetran.trigger()
    fivetran.steps.clear()
    assert ended == (203, "already_running")
    assert all(words in ended.message for words in (ID, "A sync is already in progress"))
    assert fivetran.clock.elapsed < 370
    assert fivetran.saved() == {}
    assert fivetran.files()["starting.pickle"]["state"] == "ended"


def test_a_sync_that_only_a_409_reports_is_interrupted_by_the_next_forced_request(fivetran: Fivetran) -> None:
    fivetran.shows(connection())
    expect_conflict(fivetran, FORCE)
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    assert fivetran.trigger() == (0, "started")
    assert fivetran.files()["sync.pickle"]["interrupted"] is True
    stopped_at = f"12:00:{fivetran.clock.elapsed:02.0f}"
    fivetran.shows(connection("syncing", failed_at=at(stopped_at)))
    assert fivetran.check() == RUNNING


# join


@pytest.mark.parametrize("given", [{"IF_RUNNING": "join"}, {"FORCE": "FALSE"}])
def test_join_starts_nothing_and_saves_the_running_sync(fivetran: Fivetran, given: dict[str, str]) -> None:
    fivetran.shows(connection("syncing"))
    assert fivetran.trigger(**given) == (0, "joined", ID)
    found = fivetran.files()
    assert set(found) == PLAIN_FILES
    assert found["sync.pickle"]["joined"] is True
    assert found["force_sync.pickle"] == [ID, NOW]


@pytest.mark.parametrize("polls", [0, 2], ids=["it shows at once", "it shows late"])
def test_a_409_under_join_is_joined_as_soon_as_it_shows(fivetran: Fivetran, polls: int) -> None:
    fivetran.shows(connection())
    expect_conflict(fivetran, NO_FORCE)
    for _ in range(polls):
        fivetran.shows(connection())
        expect_conflict(fivetran, NO_FORCE)
    fivetran.shows(connection("syncing"))
    assert fivetran.trigger(IF_RUNNING="join") == (0, "joined")
    assert set(fivetran.files()) == PLAIN_FILES
    assert fivetran.files()["sync.pickle"]["joined"] is True


def test_a_409_under_join_whose_sync_is_over_by_then_is_followed_by_a_start(fivetran: Fivetran) -> None:
    fivetran.shows(connection())
    expect_conflict(fivetran, NO_FORCE)
    fivetran.expect_trigger(before=connection(succeeded_at=at("12:00:01")), body=NO_FORCE)
    assert fivetran.trigger(IF_RUNNING="join") == (0, "started")
    assert fivetran.files()["sync.pickle"]["succeeded_at"] == NOW + timedelta(seconds=1)


def test_a_409_under_join_that_never_shows_is_exit_203(fivetran: Fivetran) -> None:
    for _ in range(100):
        fivetran.shows(connection())
        expect_conflict(fivetran, NO_FORCE)
    ended = fivetran.trigger(IF_RUNNING="join")
    fivetran.steps.clear()
    assert ended == (203, "already_running")
    assert "A sync is already in progress" in ended.message
    assert fivetran.clock.elapsed < 120
    assert fivetran.saved() == {}


# fail


@pytest.mark.parametrize("shows", [True, False], ids=["it shows", "a 409 says so"])
def test_fail_ends_at_once_and_saves_nothing(fivetran: Fivetran, shows: bool) -> None:
    fivetran.shows(connection("syncing" if shows else "scheduled"))
    if not shows:
        expect_conflict(fivetran, NO_FORCE)
    ended = fivetran.trigger(IF_RUNNING="fail")
    assert ended == (203, "already_running", "FIVETRAN_IF_RUNNING is fail", ID)
    assert shows or "A sync is already in progress" in ended.message
    assert fivetran.clock.elapsed == 0
    assert fivetran.saved() == {}
    assert fivetran.check() == (221, "artifact_error")


# wait


def test_wait_starts_once_the_running_sync_has_ended_and_compares_with_the_stamps_then(fivetran: Fivetran) -> None:
    for state in ("syncing", "syncing"):
        fivetran.shows(connection(state, at("06:00:00")))
    fivetran.expect_trigger(before=connection("scheduled", at("12:00:01")), body=NO_FORCE)
    assert fivetran.trigger(IF_RUNNING="wait") == (0, "started")
    handoff = fivetran.files()["sync.pickle"]
    assert (handoff["succeeded_at"], handoff["interrupted"]) == (NOW + timedelta(seconds=1), False)


def test_wait_stops_no_historical_sync(fivetran: Fivetran, caplog: pytest.LogCaptureFixture) -> None:
    fivetran.shows(HISTORICAL)
    fivetran.expect_trigger(before=connection(succeeded_at=at("12:00:01")), body=NO_FORCE)
    assert fivetran.trigger(IF_RUNNING="wait") == (0, "started")
    assert "stopped" not in caplog.text


def test_wait_times_out_and_starts_nothing(fivetran: Fivetran) -> None:
    fivetran.shows(connection("syncing"), many=True)
    assert fivetran.trigger(IF_RUNNING="wait", WAIT_TIMEOUT="10") == (
        203,
        "already_running",
        ID,
        "FIVETRAN_WAIT_TIMEOUT",
        "nothing was started",
    )
    assert 600 <= fivetran.clock.elapsed < 660
    assert fivetran.saved() == {}


def test_a_409_under_wait_is_waited_for(fivetran: Fivetran) -> None:
    for _ in range(2):
        fivetran.shows(connection())
        expect_conflict(fivetran, NO_FORCE)
    fivetran.expect_trigger(body=NO_FORCE)
    assert fivetran.trigger(IF_RUNNING="wait") == (0, "started")
    assert fivetran.clock.elapsed > 0


def test_a_409_under_wait_that_never_ends_is_exit_203(fivetran: Fivetran) -> None:
    for _ in range(100):
        fivetran.shows(connection())
        expect_conflict(fivetran, NO_FORCE)
    ended = fivetran.trigger(IF_RUNNING="wait", WAIT_TIMEOUT="5")
    fivetran.steps.clear()
    assert ended == (203, "already_running")
    assert "A sync is already in progress" in ended.message
    assert 300 <= fivetran.clock.elapsed < 370
    assert fivetran.saved() == {}


def test_a_connection_that_is_paused_while_its_turn_is_awaited_is_refused(fivetran: Fivetran) -> None:
    fivetran.shows(connection("syncing"))
    fivetran.shows(connection("paused", paused=True))
    assert fivetran.trigger(IF_RUNNING="wait") == (201, "refused")


def test_reads_that_fail_while_its_turn_is_awaited_are_survived(fivetran: Fivetran) -> None:
    fivetran.shows(connection("syncing"))
    for _ in range(7):  # more than one read tries
        fivetran.shows(HTML, status=502)
    fivetran.expect_trigger(before=connection("scheduled", at("12:00:01")), body=NO_FORCE)
    assert fivetran.trigger(IF_RUNNING="wait") == (0, "started")


def test_an_outage_while_its_turn_is_awaited_is_known_to_have_started_nothing(fivetran: Fivetran) -> None:
    fivetran.shows(connection("syncing"))
    fivetran.shows(HTML, status=502, many=True)
    assert fivetran.trigger(IF_RUNNING="wait") == (202, "not_started", "nothing was started")
    assert 900 <= fivetran.clock.elapsed < 1100


@pytest.mark.parametrize("status", [401, 403])
def test_a_request_that_is_refused_once_its_turn_has_come_ends_it_at_once(fivetran: Fivetran, status: int) -> None:
    for _ in range(2):
        fivetran.shows(connection("syncing"))
    fivetran.shows(connection(succeeded_at=at("12:00:01")))
    fivetran.expect("POST", START, {"code": "Forbidden"}, status=status, body=NO_FORCE)
    assert fivetran.trigger(IF_RUNNING="wait") == (200, "invalid_credentials")
    assert fivetran.saved() == {}


@pytest.mark.parametrize("seconds", ["50", "60"])
def test_a_retry_after_at_each_poll_for_its_turn_outlasts_the_time_out_by_no_more_than_a_poll(
    fivetran: Fivetran, seconds: str
) -> None:
    fivetran.shows(connection("syncing"))
    fivetran.shows(None, status=429, headers={"Retry-After": seconds}, takes=5, many=True)
    assert fivetran.trigger(IF_RUNNING="wait", WAIT_TIMEOUT="1").code in (202, 203)
    assert fivetran.clock.elapsed < 66  # a poll takes five seconds


def test_a_trigger_killed_while_it_waits_for_its_turn_started_nothing(fivetran: Fivetran) -> None:
    fivetran.shows(connection("syncing"))
    fivetran.shows(killed)
    with pytest.raises(Interruption):
        fivetran.trigger(IF_RUNNING="wait")
    assert fivetran.files()["starting.pickle"]["state"] == "reading"
    assert "nothing was started" in fivetran.run.report.still_running
    assert fivetran.check() == (221, "artifact_error", "before it started anything")
