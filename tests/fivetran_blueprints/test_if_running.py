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
    START,
    Fivetran,
    at,
    connection,
    killed,
)
from tests.support import NOW
from tests.wire import HTML

HISTORICAL = connection("syncing", is_historical_sync=True)


def expect_conflicts(fivetran: Fivetran, times: int = 1, before: Any = None) -> None:
    """Reads that show nothing running, each with a request without force that meets a running sync."""
    for _ in range(times):
        fivetran.expect_trigger(CONFLICT, before, NO_FORCE, status=409)


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
    assert fivetran.trigger(**given) == (0, "started")
    assert fivetran.files()["sync.pickle"]["interrupted"] is False


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
    fivetran.expect_trigger(CONFLICT, status=409, many=True)
    assert fivetran.trigger() == (203, "already_running", ID, "A sync is already in progress")
    assert fivetran.starts("/sync") == [FORCE] * 2
    assert fivetran.saved() == {}
    assert fivetran.files()["starting.pickle"]["state"] == "ended"


def test_a_sync_that_only_a_409_reports_is_interrupted_by_the_next_forced_request(fivetran: Fivetran) -> None:
    fivetran.expect_trigger(CONFLICT, status=409)
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    assert fivetran.trigger() == (0, "started")
    assert fivetran.files()["sync.pickle"]["interrupted"] is True


# join


@pytest.mark.parametrize("given", [{"IF_RUNNING": "join"}, {"FORCE": "FALSE"}])
def test_join_starts_nothing_and_saves_the_running_sync(fivetran: Fivetran, given: dict[str, str]) -> None:
    fivetran.shows(connection("syncing"))
    assert fivetran.trigger(**given) == (0, "joined", ID)
    found = fivetran.files()
    assert set(found) == PLAIN_FILES
    assert found["sync.pickle"]["joined"] is True
    assert found["force_sync.pickle"] == [ID, NOW]


@pytest.mark.parametrize("conflicts", [1, 3], ids=["it shows at once", "it shows late"])
def test_a_409_under_join_is_joined_as_soon_as_it_shows(fivetran: Fivetran, conflicts: int) -> None:
    expect_conflicts(fivetran, conflicts)
    fivetran.shows(connection("syncing"))
    assert fivetran.trigger(IF_RUNNING="join") == (0, "joined")
    assert set(fivetran.files()) == PLAIN_FILES
    assert fivetran.files()["sync.pickle"]["joined"] is True


@pytest.mark.parametrize("policy", ["join", "wait"])
def test_a_409_whose_sync_is_over_by_then_is_followed_by_a_start(fivetran: Fivetran, policy: str) -> None:
    expect_conflicts(fivetran, 2)
    fivetran.expect_trigger(before=connection(succeeded_at=at("12:00:01")), body=NO_FORCE)
    assert fivetran.trigger(IF_RUNNING=policy) == (0, "started")
    assert fivetran.files()["sync.pickle"]["succeeded_at"] == NOW + timedelta(seconds=1)


@pytest.mark.parametrize(("policy", "seconds"), [("join", 60), ("wait", 300)])
def test_a_409_whose_sync_neither_shows_nor_ends_is_exit_203(fivetran: Fivetran, policy: str, seconds: int) -> None:
    expect_conflicts(fivetran, 100)
    ended = fivetran.trigger(IF_RUNNING=policy, WAIT_TIMEOUT="5")
    fivetran.steps.clear()
    assert ended == (203, "already_running", "A sync is already in progress")
    assert seconds <= fivetran.clock.elapsed < seconds + 70
    assert fivetran.saved() == {}


# fail


@pytest.mark.parametrize("shows", [True, False], ids=["it shows", "a 409 says so"])
def test_fail_ends_at_once_and_saves_nothing(fivetran: Fivetran, shows: bool) -> None:
    fivetran.shows(connection("syncing" if shows else "scheduled"))
    if not shows:
        fivetran.expect("POST", START, CONFLICT, status=409, body=NO_FORCE)
    ended = fivetran.trigger(IF_RUNNING="fail")
    assert ended == (203, "already_running", "FIVETRAN_IF_RUNNING is fail", ID)
    assert shows or "A sync is already in progress" in ended.message
    assert fivetran.clock.elapsed == 0
    assert fivetran.saved() == {}
    assert fivetran.check() == (221, "artifact_error")


# wait


def test_wait_starts_once_the_running_sync_has_ended_and_compares_with_the_stamps_then(
    fivetran: Fivetran, caplog: pytest.LogCaptureFixture
) -> None:
    fivetran.shows(HISTORICAL, HISTORICAL)
    fivetran.shows(*[HTML] * 7, status=502)  # more than one read tries
    fivetran.expect_trigger(before=connection(succeeded_at=at("12:00:01")), body=NO_FORCE)
    assert fivetran.trigger(IF_RUNNING="wait") == (0, "started")
    handoff = fivetran.files()["sync.pickle"]
    assert (handoff["succeeded_at"], handoff["interrupted"]) == (NOW + timedelta(seconds=1), False)
    assert "stopped" not in caplog.text


def test_wait_times_out_and_starts_nothing(fivetran: Fivetran) -> None:
    fivetran.shows(connection("syncing"), many=True)
    ended = fivetran.trigger(IF_RUNNING="wait", WAIT_TIMEOUT="10")
    assert ended == (203, "already_running", ID, "FIVETRAN_WAIT_TIMEOUT", "nothing was started")
    assert 600 <= fivetran.clock.elapsed < 660
    assert fivetran.saved() == {}


def test_a_connection_that_is_paused_while_its_turn_is_awaited_is_refused(fivetran: Fivetran) -> None:
    fivetran.shows(connection("syncing"), connection("paused", paused=True))
    assert fivetran.trigger(IF_RUNNING="wait") == (201, "refused")


def test_an_outage_while_its_turn_is_awaited_is_known_to_have_started_nothing(fivetran: Fivetran) -> None:
    fivetran.shows(connection("syncing"))
    fivetran.shows(HTML, status=502, many=True)
    assert fivetran.trigger(IF_RUNNING="wait") == (202, "not_started", "nothing was started")
    assert 900 <= fivetran.clock.elapsed < 1100


def test_a_request_that_is_refused_once_its_turn_has_come_ends_it_at_once(fivetran: Fivetran) -> None:
    fivetran.shows(connection("syncing"))
    fivetran.expect_trigger({"code": "Forbidden"}, body=NO_FORCE, status=403)
    assert fivetran.trigger(IF_RUNNING="wait") == (200, "invalid_credentials")
    assert fivetran.saved() == {}


def test_a_trigger_killed_while_it_waits_for_its_turn_started_nothing(fivetran: Fivetran) -> None:
    fivetran.shows(connection("syncing"))
    fivetran.shows(killed)
    with pytest.raises(Interruption):
        fivetran.trigger(IF_RUNNING="wait")
    assert fivetran.files()["starting.pickle"]["state"] == "reading"
    assert "nothing was started" in fivetran.run.report.still_running
    assert fivetran.check() == (221, "artifact_error", "before it started anything")
