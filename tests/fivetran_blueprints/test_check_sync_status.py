"""Fivetran - Check Sync Status: what polls say, with a handoff and without one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endings import FAILED, JOINED, RUNNING, SUCCEEDED
from tests.fivetran_blueprints.responses import ID, SINCE, Fivetran, at, connection

# With a handoff


@pytest.mark.parametrize(
    ("succeeded_at", "failed_at", "ended_at", "expected"),
    [
        ("12:05:00.5", "05:00:00", "12:05:00", SUCCEEDED),
        ("12:05:00", "12:09:00", "12:09:00", FAILED),
        ("11:59:57", "05:00:00", "", RUNNING),  # another sync's, that a stale read hid
        ("11:30:00", "11:59:57.9", "", RUNNING),
    ],
)
def test_the_later_of_the_stamps_since_the_trigger_decides(
    fivetran: Fivetran, succeeded_at: str, failed_at: str, ended_at: str, expected: tuple[int, str]
) -> None:
    fivetran.triggered(connection(succeeded_at=None, failed_at=None))
    fivetran.shows(connection("scheduled", at(succeeded_at), at(failed_at)))
    if ended_at:
        fivetran.expect_history(SINCE, ended_at)
    assert fivetran.check() == (*expected, ID, ended_at)


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
    ],
    ids=["its stamps still move", "the cancel stamped it"],
)
def test_what_the_interrupted_sync_left_is_not_taken_for_the_triggered_one(fivetran: Fivetran, polls: Any) -> None:
    fivetran.triggered(connection("syncing"))
    before = fivetran.files
    fivetran.shows(*polls)
    assert fivetran.check() == RUNNING
    assert fivetran.files == before, "what a poll learned is not stored"


def test_a_joined_sync_ends_with_its_own_stamp(fivetran: Fivetran) -> None:
    fivetran.shows(*[connection("syncing")] * 3)
    assert fivetran.trigger(IF_RUNNING="join") == JOINED
    assert fivetran.check() == RUNNING
    fivetran.ends("12:00:01", since=None)
    assert fivetran.trigger(IF_RUNNING="join", WAIT="TRUE") == SUCCEEDED


# Without a handoff


def test_the_connection_id_is_another_name_of_the_connector_id(fivetran: Fivetran) -> None:
    fivetran.ends("06:00:00", connection(), since=None)
    assert fivetran.check(CONNECTOR_ID="", CONNECTION_ID=ID) == (*SUCCEEDED, "2026-11-22T06:00:00Z")


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
