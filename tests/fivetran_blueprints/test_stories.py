"""Stories in which the simulation once found a wrong end of a Fivetran sync, with the seed that told them."""

from __future__ import annotations

from typing import Any

from tests.endings import FAILED, RUNNING, STARTED, SUCCEEDED
from tests.fivetran_blueprints.responses import FORCE, HISTORY, Fivetran, at, connection
from tests.wire import TIMED_OUT

IDLE, SYNCING = connection(), connection("syncing")
WEEK = {"start_time": "2026-11-15T12:09:46Z", "end_time": at("12:04:46"), "limit": "1000"}


def test_a_sync_that_ended_in_the_second_of_a_slow_response_is_told_after_an_hour(fivetran: Fivetran) -> None:
    """Seed 100135859: until then its stamp may be that of the sync that it interrupted."""
    fivetran.shows(SYNCING)
    fivetran.expect_start(takes=45)
    assert fivetran.trigger() == STARTED
    over = connection(succeeded_at=at("12:00:45.741"))
    fivetran.shows(over)
    assert fivetran.check() == RUNNING
    fivetran.clock.elapsed += 3600
    fivetran.shows(connection("rescheduled", succeeded_at=at("12:00:45.741")))
    assert fivetran.check() == RUNNING
    fivetran.clock.elapsed += 60
    fivetran.shows(over, many=True)
    fivetran.expect_history("11:59:58", "12:00:45")
    assert fivetran.check() == SUCCEEDED


def test_a_sync_that_ended_in_the_second_in_which_it_was_found_is_told_after_an_hour(fivetran: Fivetran) -> None:
    """Seed 100600310: a gateway gave up, the backend went on, and the stamp has no fraction of a second."""
    fivetran.shows(SYNCING)
    fivetran.expect_start(None, status=504, body=FORCE, takes=6)
    fivetran.shows(connection("syncing", failed_at=at("12:00:00.387")))
    assert fivetran.trigger() == STARTED
    over = connection(succeeded_at=at("12:00:06"), failed_at=at("12:00:00.387"))
    fivetran.shows(over)
    assert fivetran.check() == RUNNING
    fivetran.clock.elapsed += 3660
    fivetran.shows(over, many=True)
    fivetran.expect_history("12:00:04", "12:00:06")
    assert fivetran.check() == SUCCEEDED


def test_a_stale_poll_does_not_confirm_the_end_of_the_sync_that_was_stopped_for_that_of_the_new_one(
    fivetran: Fivetran,
) -> None:
    """The new one begins a second after the other has ended, and a replica shows it ten seconds later."""
    stopped = connection(succeeded_at=at("12:00:03"))

    def shown() -> dict[str, Any]:
        if fivetran.clock.elapsed < 14:
            return stopped
        if fivetran.clock.elapsed < 300:
            return connection("syncing", succeeded_at=at("12:00:03"))
        return connection(succeeded_at=at("12:00:03"), failed_at=at("12:04:00"))

    fivetran.expect_trigger(before=SYNCING)
    fivetran.shows(shown, many=True)
    fivetran.expect_history("11:59:58", "12:04:00")
    assert fivetran.trigger(WAIT="TRUE") == FAILED


def test_a_slow_request_for_the_history_makes_the_latest_sync_no_older(fivetran: Fivetran) -> None:
    """Seed 700007549: a failure of 14 seconds ago was older than a minute once the history had timed out."""
    fivetran.shows(connection(failed_at=at("11:59:46")))
    fivetran.expect("GET", HISTORY, TIMED_OUT, query=WEEK, takes=60)
    assert fivetran.check(MAX_AGE="1") == FAILED
