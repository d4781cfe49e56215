"""Fivetran with FIVETRAN_WAIT: a trigger and a check that wait until the sync has ended."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endings import FAILED, RUNNING, SUCCEEDED
from tests.fivetran_blueprints.responses import Fivetran, at, connection

SYNCING = connection("syncing")

# A trigger that waits


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


# A check that waits


def test_a_check_polls_at_once_and_stale_reads_change_nothing(fivetran: Fivetran) -> None:
    fivetran.triggered(connection(succeeded_at=at("11:50:00")))
    fivetran.shows(connection(), SYNCING, connection(succeeded_at=at("11:59:00")), SYNCING)
    fivetran.ends("12:04:00")
    assert fivetran.check(WAIT="TRUE") == SUCCEEDED
    assert fivetran.sent[0].at == 0


# A sensor


@pytest.mark.parametrize(
    ("old", "young", "ended_at", "expected"),
    [
        (connection(succeeded_at=at("11:00:00")), connection(succeeded_at=at("12:04:00")), "12:04:00", SUCCEEDED),
        (connection(failed_at=at("11:00:00")), connection(failed_at=at("12:00:01")), "12:00:01", FAILED),
    ],
)
def test_a_sensor_waits_until_the_latest_sync_is_young(
    fivetran: Fivetran, old: Any, young: Any, ended_at: str, expected: tuple[int, str]
) -> None:
    fivetran.ends("11:00:00", old, since=None)
    fivetran.shows(SYNCING)
    fivetran.ends(ended_at, young, since=None)
    assert fivetran.check(WAIT="TRUE", MAX_AGE="10") == expected


def test_a_sensor_times_out_without_a_young_sync(fivetran: Fivetran) -> None:
    fivetran.shows(connection(succeeded_at=None, failed_at=None), many=True)
    ended = fivetran.check(WAIT="TRUE", MAX_AGE="10", WAIT_TIMEOUT="5")
    assert ended == RUNNING
    assert "still running" not in ended.message
