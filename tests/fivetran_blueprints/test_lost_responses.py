"""Fivetran - Execute Sync: trigger requests whose response was lost, late or useless."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.endings import STARTED, SUCCEEDED, UNCLEAR
from tests.fivetran_blueprints.responses import PLAIN_FILES, Fivetran, at, connection
from tests.support import NOW
from tests.wire import LOST, TIMED_OUT

IDLE, SYNCING = connection(), connection("syncing")
RESCHEDULED = connection("rescheduled", rescheduled_for=at("14:00:00"))


def is_started(fivetran: Fivetran, *, again: bool = False) -> None:
    """The trigger sends its request, or sends it again without force, and finds that a sync was started."""
    assert fivetran.trigger() == STARTED
    assert fivetran.forces == ([True, False] if again else [True])
    assert set(fivetran.files) == PLAIN_FILES


def is_unclear(fivetran: Fivetran) -> None:
    """The trigger sends its request and cannot find out what became of it."""
    assert fivetran.trigger() == UNCLEAR
    assert fivetran.forces == [True]


@pytest.mark.parametrize(
    "now",
    [
        SYNCING,
        connection(succeeded_at=at("12:00:00.5")),
        connection(failed_at=at("12:00:01")),
        connection("rescheduled", rescheduled_for=at("12:30:00")),
    ],
    ids=["syncing", "it succeeded already", "it failed already", "rescheduled"],
)
@pytest.mark.parametrize("before", [IDLE, RESCHEDULED])
def test_a_lost_request_was_accepted_if_a_sync_is_running_has_ended_or_was_rescheduled(
    fivetran: Fivetran, before: dict[str, Any], now: dict[str, Any]
) -> None:
    fivetran.expect_trigger(LOST, before)
    fivetran.shows(now)
    is_started(fivetran)


def test_a_good_status_with_another_code_than_success_is_no_success(fivetran: Fivetran) -> None:
    fivetran.expect_trigger({"code": "Strange"})
    fivetran.shows(IDLE, many=True)
    is_unclear(fivetran)


LATE_FAILURE = {"failed_at": at("11:59:59")}
NOTHING_NEW: dict[str, tuple[Any, Any]] = {
    "nothing": (IDLE, IDLE),
    "it was rescheduled before": (RESCHEDULED, RESCHEDULED),
    "an older success shows late": (IDLE, connection(succeeded_at=at("11:58:00"))),
    "an older failure shows late": (IDLE, connection(failed_at=at("11:59:30"))),
    "a stale poll shows the sync before it running": (connection(**LATE_FAILURE), SYNCING),
    "a stale poll shows one end less": (
        connection(succeeded_at=at("11:59:50"), **LATE_FAILURE),
        connection(**LATE_FAILURE),
    ),
    "an end shows with more digits": (
        connection(succeeded_at=at("11:59:59")),
        connection(succeeded_at=at("11:59:59.900")),
    ),
}


@pytest.mark.parametrize(("before", "now"), NOTHING_NEW.values(), ids=NOTHING_NEW)
def test_a_lost_request_of_which_nothing_new_shows_is_sent_once_more_without_force(
    fivetran: Fivetran, before: Any, now: Any
) -> None:
    fivetran.expect_trigger(LOST, before)
    fivetran.shows(now, many=True)
    fivetran.expect_start(force=False)
    is_started(fivetran, again=True)
    assert fivetran.files["execution_time.pickle"] == NOW + timedelta(seconds=15)


def test_a_sync_that_was_found_is_the_one_that_is_checked(fivetran: Fivetran) -> None:
    fivetran.expect_trigger(LOST, takes=3)
    fivetran.shows(connection(succeeded_at=at("12:00:02")))
    assert fivetran.trigger() == STARTED
    fivetran.shows(connection(succeeded_at=at("12:00:02")))
    fivetran.expect_history("11:59:58", "12:00:02")
    assert fivetran.check() == SUCCEEDED


def test_over_a_running_sync_a_stale_poll_from_before_it_proves_nothing(fivetran: Fivetran) -> None:
    fivetran.expect_trigger(LOST, connection("syncing", failed_at=at("11:59:50")))
    fivetran.shows(IDLE, many=True)
    is_unclear(fivetran)


def test_a_lost_request_is_not_sent_again_after_a_pause_which_may_have_ended_what_it_started(
    fivetran: Fivetran,
) -> None:
    fivetran.expect_trigger(LOST, IDLE)
    fivetran.shows(connection("paused", paused=True), *[IDLE] * 4)
    is_unclear(fivetran)


MOVED = {"succeeded_at": at("12:00:01")}, {"failed_at": at("12:00:01")}
OVER_A_RUNNING_SYNC: dict[str, tuple[Any, float, Any, bool]] = {
    "it runs still": (LOST, 0, SYNCING, False),
    "it runs still half a minute later": (LOST, 30, SYNCING, False),
    "it ended just before": (LOST, 0, connection("syncing", **MOVED[0]), True),
    "the cancel stamped it": (LOST, 0, connection("syncing", **MOVED[1]), True),
    "stopped, and the new one has not begun": (LOST, 0, connection(**MOVED[1]), True),
    "another state": (LOST, 0, IDLE, True),
    "paused": (LOST, 0, connection("paused"), False),
    "it ended and was paused": (LOST, 0, connection("paused", **MOVED[0]), False),
    "gone after two minutes": (TIMED_OUT, 120, IDLE, False),
    "it ended within two minutes": (TIMED_OUT, 120, connection(**MOVED[0]), False),
    "it ended, and one is running": (TIMED_OUT, 120, connection("syncing", **MOVED[1]), True),
}


@pytest.mark.parametrize(("response", "takes", "now", "shows"), OVER_A_RUNNING_SYNC.values(), ids=OVER_A_RUNNING_SYNC)
def test_over_a_running_sync_a_lost_request_shows_only_by_what_that_cannot_have_done_by_itself(
    fivetran: Fivetran, response: Any, takes: float, now: Any, shows: bool
) -> None:
    fivetran.expect_trigger(response, SYNCING, takes=takes)
    fivetran.shows(now, many=takes > 0)  # after a quick response a later poll might take its end for the request's
    if not shows:
        is_unclear(fivetran)
        return
    is_started(fivetran)
    handoff = fivetran.files["sync.pickle"]
    assert (handoff["interrupted"], handoff["execution_time"]) == (True, NOW + timedelta(seconds=takes))
