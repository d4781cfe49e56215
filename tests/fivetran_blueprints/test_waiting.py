"""Fivetran with FIVETRAN_WAIT: a trigger and a check that wait until the sync has ended."""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import Interruption
from tests.fivetran_blueprints.responses import (
    ACCEPTED,
    CANCELLED,
    FAILED,
    ID,
    NO_FORCE,
    NOT_FOUND,
    PLAIN_FILES,
    RUNNING,
    START,
    SUCCEEDED,
    Fivetran,
    at,
    connection,
    killed,
)
from tests.wire import HTML, TIMED_OUT

SYNCING = connection("syncing")

# A trigger that waits


def test_it_waits_until_the_sync_has_succeeded(fivetran: Fivetran) -> None:
    fivetran.expect_trigger()
    fivetran.shows(*[HTML] * 5, status=503)  # the first poll comes after a pause and may fail
    fivetran.shows(connection(), SYNCING, SYNCING)
    fivetran.ends("12:04:00")
    assert fivetran.trigger(WAIT="TRUE") == (*SUCCEEDED, "2026-11-22T12:04:00Z")
    assert fivetran.sent[2].at > 1
    assert set(fivetran.files()) == PLAIN_FILES


@pytest.mark.parametrize(
    ("last", "expected"),
    [(connection("paused", paused=True), CANCELLED), (connection(failed_at=at("12:04:00")), FAILED)],
)
def test_the_handoff_is_saved_whatever_it_waited_for(fivetran: Fivetran, last: Any, expected: tuple[int, str]) -> None:
    fivetran.expect_trigger()
    fivetran.shows(SYNCING, last)
    if expected == FAILED:
        fivetran.expect_history("11:59:58", "12:04:00")
    assert fivetran.trigger(WAIT="TRUE") == expected
    assert set(fivetran.files()) == PLAIN_FILES


def test_the_handoff_is_saved_before_it_waits(fivetran: Fivetran) -> None:
    fivetran.expect_trigger()
    fivetran.shows(killed)
    with pytest.raises(Interruption):
        fivetran.trigger(WAIT="TRUE")
    assert set(fivetran.files()) == PLAIN_FILES
    assert ID in fivetran.run.report.still_running


def test_there_is_one_time_out_for_waiting_before_and_after_the_request(fivetran: Fivetran) -> None:
    fivetran.shows(lambda: SYNCING if fivetran.clock.elapsed < 400 else connection(), many=True)
    fivetran.expect("POST", START, ACCEPTED, body=NO_FORCE)
    fivetran.shows(SYNCING, many=True)
    assert fivetran.trigger(IF_RUNNING="wait", WAIT="TRUE", WAIT_TIMEOUT="10") == (*RUNNING, "10 min")
    assert 600 <= fivetran.clock.elapsed < 660


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


@pytest.mark.parametrize("first", [True, False], ids=["from the first poll on", "from the second on"])
def test_a_retry_after_at_each_poll_outlasts_the_time_out_by_no_more_than_a_poll(
    fivetran: Fivetran, first: bool
) -> None:
    fivetran.expect_trigger()
    if not first:
        fivetran.shows(SYNCING)
    fivetran.shows(None, status=429, headers={"Retry-After": "50"}, takes=5, many=True)
    assert fivetran.trigger(WAIT="TRUE", WAIT_TIMEOUT="1").code in (210, 220)
    assert fivetran.clock.elapsed < 66  # a poll takes five seconds


# A check that waits


def test_a_check_polls_at_once_and_stale_reads_change_nothing(fivetran: Fivetran) -> None:
    fivetran.triggered(connection(succeeded_at=at("11:50:00")))
    fivetran.shows(connection(), SYNCING, connection(succeeded_at=at("11:59:00")), SYNCING)
    fivetran.ends("12:04:00")
    assert fivetran.check(WAIT="TRUE") == SUCCEEDED
    assert fivetran.sent[0].at == 0


def test_it_times_out_and_says_that_the_sync_is_still_running(fivetran: Fivetran) -> None:
    fivetran.triggered()
    fivetran.shows(SYNCING, many=True)
    ended = fivetran.check(WAIT="TRUE", WAIT_TIMEOUT="30", POLL_INTERVAL="20")
    assert ended == (*RUNNING, "timed out after 30 min", "still running in Fivetran")
    assert 1800 <= fivetran.clock.elapsed < 1821
    polls = [sent.at for sent in fivetran.sent]
    for before, after in zip(polls, polls[1:-1]):
        pause = min(max(min(before / 5, 15), before / 40, 2), 20)
        assert 0.89 * pause <= after - before <= 1.11 * pause


@pytest.mark.parametrize(
    ("response", "status"), [(NOT_FOUND, 404), (HTML, 404), ({"code": "InvalidInput"}, 400), (TIMED_OUT, 0), ({}, 200)]
)
def test_any_failed_poll_is_survived_after_a_good_one(fivetran: Fivetran, response: Any, status: int) -> None:
    fivetran.triggered()
    fivetran.clock.elapsed += 100
    fivetran.shows(SYNCING)
    fivetran.shows(*[response] * 6, status=status)
    fivetran.ends("12:04:00")
    assert fivetran.check(WAIT="TRUE") == SUCCEEDED


@pytest.mark.parametrize(("refusals", "expected"), [(3, SUCCEEDED), (4, (220, "unreachable"))])
@pytest.mark.parametrize("status", [401, 403])
def test_three_refusals_in_a_row_are_survived_after_a_good_response(
    fivetran: Fivetran, status: int, refusals: int, expected: tuple[int, str]
) -> None:
    fivetran.triggered()
    fivetran.shows(SYNCING)
    fivetran.shows(*[None] * refusals, status=status)
    if expected == SUCCEEDED:
        fivetran.ends("12:04:00")
    assert fivetran.check(WAIT="TRUE") == expected


def test_an_outage_of_over_a_quarter_of_an_hour_ends_the_wait(fivetran: Fivetran) -> None:
    fivetran.triggered()
    fivetran.shows(SYNCING)
    fivetran.shows(HTML, status=502, many=True)
    assert fivetran.check(WAIT="TRUE") == (220, "unreachable")
    assert 900 <= fivetran.clock.elapsed < 1100


@pytest.mark.parametrize(
    ("response", "status", "expected"),
    [
        (None, 401, (200, "invalid_credentials")),
        (HTML, 404, (220, "unreachable")),
        (NOT_FOUND, 404, (204, "not_found")),
        (HTML, 502, (220, "unreachable")),
    ],
)
def test_a_first_poll_that_fails_is_final(fivetran: Fivetran, response: Any, status: int, expected: Any) -> None:
    fivetran.shows(response, status=status, many=True)
    assert fivetran.check(WAIT="TRUE") == expected


def test_a_connection_that_is_not_found_is_polled_again_for_a_minute_after_the_trigger(fivetran: Fivetran) -> None:
    fivetran.triggered()
    fivetran.shows(*[NOT_FOUND] * 10, status=404)
    fivetran.ends("12:04:00")
    assert fivetran.check(WAIT="TRUE") == SUCCEEDED
    assert [sent.at for sent in fivetran.sent[:10]] == [2.0 * number for number in range(10)]


def test_a_connection_that_is_not_found_for_over_a_minute_was_never_visible(fivetran: Fivetran) -> None:
    fivetran.triggered()
    fivetran.shows(NOT_FOUND, status=404, many=True)
    assert fivetran.check(WAIT="TRUE") == (204, "not_found")
    assert 59 <= fivetran.clock.elapsed <= 62


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
