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
    SINCE,
    START,
    SUCCEEDED,
    Fivetran,
    at,
    connection,
    killed,
)
from tests.wire import HTML, LOST, TIMED_OUT

SYNCING = connection("syncing")
DONE = connection(succeeded_at=at("12:04:00"))


# A trigger that waits


def test_it_waits_until_the_sync_has_succeeded(fivetran: Fivetran) -> None:
    fivetran.expect_trigger()
    fivetran.shows(connection(), SYNCING, SYNCING)
    fivetran.ends("12:04:00")
    assert fivetran.trigger(WAIT="TRUE") == (*SUCCEEDED, "2026-11-22T12:04:00Z")
    assert set(fivetran.files()) == PLAIN_FILES


def test_the_first_poll_after_its_own_request_comes_after_a_pause_and_may_fail(fivetran: Fivetran) -> None:
    fivetran.expect_trigger()
    fivetran.shows(*[HTML] * 5, status=503)
    fivetran.ends("12:04:00")
    assert fivetran.trigger(WAIT="TRUE") == SUCCEEDED
    assert fivetran.sent[2].at > 1


@pytest.mark.parametrize(
    ("last", "expected"),
    [(connection("paused", paused=True), CANCELLED), (connection(failed_at=at("12:04:00")), FAILED)],
)
def test_the_handoff_is_saved_whatever_it_waited_for(
    fivetran: Fivetran, last: dict[str, Any], expected: tuple[int, str]
) -> None:
    fivetran.expect_trigger()
    fivetran.shows(SYNCING)
    fivetran.shows(last)
    if expected == FAILED:
        fivetran.expect_history(SINCE, "12:04:00")
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
    for _ in range(2):
        fivetran.shows(SYNCING)
    fivetran.shows(DONE)
    fivetran.expect_history(None, "12:04:00")
    assert fivetran.trigger(IF_RUNNING="join", WAIT="TRUE") == SUCCEEDED


def test_over_an_interrupted_sync_two_polls_have_to_agree(fivetran: Fivetran) -> None:
    fivetran.expect_trigger(before=SYNCING)
    done = connection(succeeded_at=at("12:00:30"), failed_at=at("12:00:02"))
    fivetran.shows(connection("syncing", failed_at=at("12:00:02")), done, done)
    fivetran.expect_history(SINCE, "12:00:30")
    assert fivetran.trigger(WAIT="TRUE") == SUCCEEDED


def test_an_interrupted_sync_that_ends_late_is_not_taken_for_the_new_one(fivetran: Fivetran) -> None:
    fivetran.expect_trigger(before=SYNCING)
    late = connection("syncing", failed_at=at("12:00:40"))
    fivetran.shows(connection(), late, late)
    done = connection(succeeded_at=at("12:02:00"), failed_at=at("12:00:40"))
    for _ in range(2):
        fivetran.shows(done)
    fivetran.expect_history(SINCE, "12:02:00")
    assert fivetran.trigger(WAIT="TRUE") == SUCCEEDED


@pytest.mark.parametrize("seconds", ["50", "60"])
@pytest.mark.parametrize("first", [True, False], ids=["from the first poll on", "from the second on"])
def test_a_retry_after_at_each_poll_outlasts_the_time_out_by_no_more_than_a_poll(
    fivetran: Fivetran, seconds: str, first: bool
) -> None:
    fivetran.expect_trigger()
    if not first:
        fivetran.shows(SYNCING)
    fivetran.shows(None, status=429, headers={"Retry-After": seconds}, takes=5, many=True)
    assert fivetran.trigger(WAIT="TRUE", WAIT_TIMEOUT="1").code in (210, 220)
    assert fivetran.clock.elapsed < 66  # a poll takes five seconds


# A check that waits


def test_a_check_polls_at_once_and_until_the_sync_has_ended(fivetran: Fivetran) -> None:
    fivetran.triggered()
    fivetran.shows(connection(), SYNCING)
    fivetran.ends("12:04:00")
    assert fivetran.check(WAIT="TRUE") == SUCCEEDED
    assert fivetran.sent[0].at == 0


def test_it_times_out_and_says_that_the_sync_is_still_running(fivetran: Fivetran) -> None:
    fivetran.triggered()
    fivetran.shows(SYNCING, many=True)
    assert fivetran.check(WAIT="TRUE", WAIT_TIMEOUT="30") == (
        *RUNNING,
        "timed out after 30 min",
        "still running in Fivetran",
    )
    assert 1800 <= fivetran.clock.elapsed < 1861


@pytest.mark.parametrize(("given", "max_pause"), [({}, 60), ({"POLL_INTERVAL": "20"}, 20), ({"POLL_INTERVAL": "1"}, 1)])
def test_polls_follow_the_work(fivetran: Fivetran, given: dict[str, str], max_pause: float) -> None:
    fivetran.triggered()
    fivetran.shows(SYNCING, many=True)
    fivetran.check(WAIT="TRUE", WAIT_TIMEOUT="120" if max_pause > 1 else "5", **given)
    polls = [sent.at for sent in fivetran.sent]
    for before, after in zip(polls, polls[1:-1]):
        pause = min(max(min(before / 5, 15), before / 40, 2), max_pause)
        assert 0.89 * pause <= after - before <= 1.11 * pause


def test_an_outage_of_a_quarter_of_an_hour_is_survived(fivetran: Fivetran) -> None:
    fivetran.triggered()
    fivetran.shows(SYNCING)
    fivetran.shows(lambda: LOST if fivetran.clock.elapsed < 800 else SYNCING, many=True)
    assert fivetran.check(WAIT="TRUE", WAIT_TIMEOUT="30") == RUNNING


def test_a_longer_outage_ends_the_wait(fivetran: Fivetran) -> None:
    fivetran.triggered()
    fivetran.shows(SYNCING)
    fivetran.shows(HTML, status=502, many=True)
    assert fivetran.check(WAIT="TRUE") == (220, "unreachable")
    assert 900 <= fivetran.clock.elapsed < 1100


def test_an_outage_before_the_first_good_response_ends_the_wait_at_once(fivetran: Fivetran) -> None:
    fivetran.shows(*[HTML] * 5, status=502)
    assert fivetran.check(WAIT="TRUE") == (220, "unreachable")


@pytest.mark.parametrize(("refusals", "expected"), [(3, SUCCEEDED), (4, (220, "unreachable"))])
@pytest.mark.parametrize("status", [401, 403])
def test_three_refusals_in_a_row_are_survived_after_a_good_response(
    fivetran: Fivetran, status: int, refusals: int, expected: tuple[int, str]
) -> None:
    fivetran.triggered()
    fivetran.shows(SYNCING)
    for _ in range(refusals):
        fivetran.shows(None, status=status)
    if expected == SUCCEEDED:
        fivetran.ends("12:04:00")
    assert fivetran.check(WAIT="TRUE") == expected


def test_a_refusal_of_the_first_poll_is_final(fivetran: Fivetran) -> None:
    fivetran.triggered()
    fivetran.shows(None, status=401)
    assert fivetran.check(WAIT="TRUE") == (200, "invalid_credentials")


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


def test_a_404_that_is_no_word_on_the_connection_is_not_found_out_at_once(fivetran: Fivetran) -> None:
    fivetran.shows(HTML, status=404)
    assert fivetran.check(WAIT="TRUE") == (220, "unreachable")
    fivetran.shows(NOT_FOUND, status=404)
    assert fivetran.check(WAIT="TRUE") == (204, "not_found")


@pytest.mark.parametrize(("minutes", "expected"), [("230", SUCCEEDED), ("30", (220, "unreachable"))])
def test_a_long_retry_after_is_honored_while_it_fits_the_wait(
    fivetran: Fivetran, minutes: str, expected: tuple[int, str]
) -> None:
    fivetran.triggered()
    fivetran.shows(SYNCING)
    fivetran.shows(None, status=429, headers={"Retry-After": "3600"})
    if expected == SUCCEEDED:
        fivetran.ends("12:04:00")
    ended = fivetran.check(WAIT="TRUE", WAIT_TIMEOUT=minutes)
    assert ended == expected
    if expected == SUCCEEDED:
        assert fivetran.sent[2].at - fivetran.sent[1].at > 3599.9
    else:
        assert "1 h" in ended.message


def test_stale_reads_while_it_waits_change_nothing(fivetran: Fivetran) -> None:
    fivetran.triggered(connection(succeeded_at=at("11:50:00")))
    fivetran.shows(SYNCING, connection(succeeded_at=at("06:00:00")), connection(succeeded_at=at("11:59:00")), SYNCING)
    fivetran.ends("12:04:00")
    assert fivetran.check(WAIT="TRUE") == SUCCEEDED


# A sensor


def test_a_sensor_waits_until_the_latest_sync_is_young(fivetran: Fivetran) -> None:
    old = connection(succeeded_at=at("11:00:00"))
    fivetran.shows(old)
    fivetran.expect_history(None, "11:00:00")
    fivetran.shows(connection("syncing", at("11:00:00")))
    fivetran.shows(DONE)
    fivetran.expect_history(None, "12:04:00")
    assert fivetran.check(WAIT="TRUE", MAX_AGE="10") == SUCCEEDED


def test_a_sensor_waits_past_a_failure_that_is_old_and_reports_one_that_is_young(fivetran: Fivetran) -> None:
    fivetran.shows(connection(failed_at=at("11:00:00")))
    fivetran.expect_history(None, "11:00:00")
    fivetran.shows(connection(failed_at=at("12:00:01")))
    fivetran.expect_history(None, "12:00:01")
    assert fivetran.check(WAIT="TRUE", MAX_AGE="10") == FAILED


def test_a_sensor_times_out_without_a_young_sync(fivetran: Fivetran) -> None:
    never = connection(succeeded_at=None, failed_at=None)
    fivetran.shows(never, many=True)
    ended = fivetran.check(WAIT="TRUE", MAX_AGE="10", WAIT_TIMEOUT="5")
    assert ended == RUNNING
    assert "still running" not in ended.message
