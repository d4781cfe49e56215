"""Fivetran - Check Sync Status, and a trigger that waits: what polls say, with a handoff and without one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endings import CANCELLED, FAILED, JOINED, RUNNING, SUCCEEDED
from tests.fivetran_blueprints.responses import ID, SINCE, Fivetran, at, connection

SYNCING = connection("syncing")


# With a handoff


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (connection("hibernating"), (*RUNNING, "hibernating")),
        (connection("rescheduled", rescheduled_for=at("13:00:00")), (*RUNNING, "2026-11-22T13:00:00Z", "triggered")),
        (connection("scheduled", paused=True), (*CANCELLED, "paused", "unpause")),
    ],
)
def test_a_sync_without_a_new_stamp_has_not_ended(fivetran: Fivetran, now: Any, expected: tuple[Any, ...]) -> None:
    fivetran.triggered()
    fivetran.shows(now)
    assert fivetran.check() == (*expected, ID)


@pytest.mark.parametrize(
    ("succeeded_at", "failed_at", "ended_at", "expected"),
    [
        ("12:05:00.5", "05:00:00", "12:05:00", SUCCEEDED),
        ("12:05:00", "12:09:00", "12:09:00", FAILED),
        ("11:59:57", "05:00:00", "", RUNNING),  # another sync's, that a stale read hid
        ("11:30:00", "11:59:57.9", "", RUNNING),
    ],
)
@pytest.mark.parametrize("before", [connection(), connection(succeeded_at=None, failed_at=None)])
def test_the_later_of_the_stamps_since_the_trigger_decides(
    fivetran: Fivetran, before: Any, succeeded_at: str, failed_at: str, ended_at: str, expected: tuple[int, str]
) -> None:
    fivetran.triggered(before)
    fivetran.shows(before)
    assert fivetran.check() == RUNNING
    fivetran.shows(connection("scheduled", at(succeeded_at), at(failed_at)))
    if ended_at:
        fivetran.expect_history(SINCE, ended_at)
    assert fivetran.check() == (*expected, ended_at)


# Over an interrupted sync


def test_a_new_stamp_is_believed_when_two_polls_of_the_same_run_agree(fivetran: Fivetran) -> None:
    fivetran.triggered(connection("syncing"))
    fivetran.ends("12:05:00", connection(succeeded_at=at("12:05:00"), failed_at=at("12:00:02")), polls=2)
    assert fivetran.check() == SUCCEEDED
    assert fivetran.clock.sleeps == [2]


@pytest.mark.parametrize(
    "polls",
    [
        [connection(failed_at=at("12:00:02")), connection("syncing", failed_at=at("12:00:03"))],
        [connection("syncing", failed_at=at("12:00:02"))],
        [connection("syncing", succeeded_at=at("12:00:02"))],
        [connection(failed_at=at("12:00:00.9"))],
    ],
    ids=["its stamps still move", "the cancel stamped it", "it completed just before", "within the Date"],
)
def test_what_the_interrupted_sync_left_is_not_taken_for_the_triggered_one(fivetran: Fivetran, polls: Any) -> None:
    fivetran.triggered(connection("syncing"))
    before = fivetran.files
    fivetran.shows(*polls)
    assert fivetran.check() == RUNNING
    assert fivetran.files == before, "what a poll learned is not stored"


def test_a_joined_sync_ends_with_its_own_stamp(fivetran: Fivetran) -> None:
    fivetran.shows(connection("syncing"))
    assert fivetran.trigger(IF_RUNNING="join") == JOINED
    fivetran.shows(connection("syncing"))
    assert fivetran.check() == RUNNING
    fivetran.ends("12:00:01", since=None)
    assert fivetran.check() == SUCCEEDED


# Without a handoff


def test_the_connection_id_is_another_name_of_the_connector_id(fivetran: Fivetran) -> None:
    fivetran.ends("06:00:00", connection(), since=None)
    assert fivetran.check(CONNECTOR_ID="", CONNECTION_ID=ID) == (*SUCCEEDED, "2026-11-22T06:00:00Z")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (connection(succeeded_at=None, failed_at=None), (*RUNNING, "never")),
        (connection(is_historical_sync=True, failed_at=at("11:00:00")), (*RUNNING, "failed at 2026-11-22T11:00:00Z")),
        (connection("paused", paused=True, is_historical_sync=True), (*CANCELLED, "paused")),
    ],
)
def test_a_latest_sync_that_is_due_or_never_ran_has_not_ended(fivetran: Fivetran, now: Any, expected: Any) -> None:
    fivetran.shows(now)
    assert fivetran.check() == expected


# What is reported


def test_the_result_has_the_states_and_the_stamps(fivetran: Fivetran) -> None:
    fivetran.shows(connection("syncing", at("06:00:00.5"), None, is_historical_sync=True))
    assert fivetran.check() == RUNNING
    assert fivetran.run.report.details == {
        "sync_state": "syncing",
        "setup_state": "connected",
        "succeeded_at": at("06:00:00"),
        "failed_at": None,
        "rescheduled_for": None,
        "is_historical_sync": True,
    }


# Waiting


def test_a_joined_sync_is_waited_for(fivetran: Fivetran) -> None:
    fivetran.shows(SYNCING, SYNCING)
    fivetran.ends("12:04:00", since=None)
    assert fivetran.trigger(IF_RUNNING="join", WAIT="TRUE") == SUCCEEDED


@pytest.mark.parametrize(
    ("polls", "stopped"),
    [
        ([connection("syncing", failed_at=at("12:00:02"))], "12:00:02"),
        ([connection(), *[connection("syncing", failed_at=at("12:00:40"))] * 2], "12:00:40"),
    ],
    ids=["stopped at once", "stopped late"],
)
def test_an_interrupted_sync_is_not_taken_for_the_new_one_of_which_two_polls_have_to_agree(
    fivetran: Fivetran, polls: list[Any], stopped: str
) -> None:
    fivetran.expect_trigger(before=SYNCING)
    fivetran.shows(*polls)
    fivetran.ends("12:02:00", connection(succeeded_at=at("12:02:00"), failed_at=at(stopped)), polls=2)
    assert fivetran.trigger(WAIT="TRUE") == SUCCEEDED


def test_a_check_polls_at_once_and_stale_reads_change_nothing(fivetran: Fivetran) -> None:
    fivetran.triggered(connection(succeeded_at=at("11:50:00")))
    fivetran.shows(connection(), SYNCING, connection(succeeded_at=at("11:59:00")), SYNCING)
    fivetran.ends("12:04:00")
    assert fivetran.check(WAIT="TRUE") == SUCCEEDED
    assert fivetran.sent[0].at == 0
