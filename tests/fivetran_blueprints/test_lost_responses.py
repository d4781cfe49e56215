"""Fivetran - Execute Sync: trigger requests whose response was lost, late or useless."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.fivetran_blueprints.responses import (
    ACCEPTED,
    CONFLICT,
    FORCE,
    GARBAGE,
    ID,
    LOST_ONES,
    NO_FORCE,
    NOT_FOUND,
    PLAIN_FILES,
    RUNNING,
    START,
    SUCCEEDED,
    TIMED_OUT_ONES,
    Fivetran,
    at,
    connection,
)
from tests.support import NOW
from tests.wire import HTML, LOST, REFUSED, TIMED_OUT

ALL = {**LOST_ONES, **TIMED_OUT_ONES, **GARBAGE}
IDLE, SYNCING = connection(), connection("syncing")


def is_started(fivetran: Fivetran, *bodies: Any, **given: str) -> None:
    """The trigger sends requests with these bodies and finds that a sync was started."""
    assert fivetran.trigger(**given) == (0, "started")
    assert fivetran.starts("/sync") == list(bodies)
    assert set(fivetran.files()) == PLAIN_FILES


def is_unclear(fivetran: Fivetran, *bodies: Any) -> None:
    """The trigger sends requests with these bodies and cannot find out, which stops a check."""
    ended = fivetran.trigger()
    assert ended == (202, "unclear", ID, "before you trigger it again")
    assert "nothing was started" not in ended.message
    assert fivetran.starts("/sync") == list(bodies)
    assert fivetran.files().keys() == {"starting.pickle"}
    assert fivetran.files()["starting.pickle"]["state"] == "sent"


# Nothing ran before


@pytest.mark.parametrize(("response", "status"), ALL.values(), ids=ALL)
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
def test_a_lost_request_that_shows_was_accepted_and_is_not_sent_again(
    fivetran: Fivetran, response: Any, status: int, now: dict[str, Any]
) -> None:
    fivetran.expect_trigger(response, status=status)
    fivetran.shows(now)
    is_started(fivetran, FORCE)


@pytest.mark.parametrize(
    ("response", "shows_after"), [(LOST, 2), (LOST, 14), (TIMED_OUT, 2), (TIMED_OUT, 80), ({"code": "Strange"}, 14)]
)
def test_a_lost_request_that_shows_late_was_accepted(fivetran: Fivetran, response: Any, shows_after: float) -> None:
    fivetran.expect_trigger(response, status=200)
    fivetran.shows(lambda: SYNCING if fivetran.clock.elapsed > shows_after else IDLE, many=True)
    is_started(fivetran, FORCE)


@pytest.mark.parametrize(("response", "status"), LOST_ONES.values(), ids=LOST_ONES)
def test_a_lost_request_of_which_nothing_shows_is_sent_once_more_without_force(
    fivetran: Fivetran, response: Any, status: int
) -> None:
    fivetran.expect_trigger(response, status=status)
    fivetran.shows(IDLE, many=True)
    fivetran.expect("POST", START, ACCEPTED, body=NO_FORCE)
    is_started(fivetran, FORCE, NO_FORCE)
    assert [round(sent.at) for sent in fivetran.sent if sent.method == "GET"] == [0, 0, 1, 3, 7, 15]
    assert fivetran.files()["execution_time.pickle"] == NOW + timedelta(seconds=15)


@pytest.mark.parametrize(("response", "status"), TIMED_OUT_ONES.values(), ids=TIMED_OUT_ONES)
def test_a_request_that_may_still_be_at_work_is_never_sent_again(
    fivetran: Fivetran, response: Any, status: int
) -> None:
    fivetran.expect_trigger(response, status=status)
    fivetran.shows(IDLE, many=True)
    is_unclear(fivetran, FORCE)
    assert 90 <= fivetran.clock.elapsed < 100


@pytest.mark.parametrize(("response", "status"), GARBAGE.values(), ids=GARBAGE)
def test_a_good_status_without_the_code_success_is_no_success_and_nothing_is_sent_again(
    fivetran: Fivetran, response: Any, status: int
) -> None:
    fivetran.expect_trigger(response, status=status)
    fivetran.shows(IDLE, many=True)
    is_unclear(fivetran, FORCE)
    assert 15 <= fivetran.clock.elapsed < 20
    assert fivetran.check() == (221, "artifact_error")


RESCHEDULED = connection("rescheduled", rescheduled_for=at("14:00:00"))


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (RESCHEDULED, RESCHEDULED),
        (IDLE, connection(succeeded_at=at("11:58:00"))),
        (IDLE, connection(failed_at=at("11:59:30"))),
    ],
    ids=["it was rescheduled before", "an older success shows late", "an older failure shows late"],
)
def test_what_came_before_the_request_is_not_its_doing(fivetran: Fivetran, before: Any, now: Any) -> None:
    fivetran.expect_trigger(LOST, before)
    fivetran.shows(now, many=True)
    fivetran.expect("POST", START, ACCEPTED, body=NO_FORCE)
    is_started(fivetran, FORCE, NO_FORCE)


def test_a_sync_that_was_found_is_the_one_that_is_checked(fivetran: Fivetran) -> None:
    fivetran.expect_trigger(LOST, takes=3)
    fivetran.shows(connection(succeeded_at=at("12:00:02")))
    assert fivetran.trigger() == (0, "started")
    fivetran.shows(connection(succeeded_at=at("12:00:02")))
    fivetran.expect_history("11:59:58", "12:00:02")
    assert fivetran.check() == SUCCEEDED


@pytest.mark.parametrize("offset", [-86400.0, 7200.0])
def test_a_local_clock_that_is_off_changes_nothing(fivetran: Fivetran, offset: float) -> None:
    fivetran.clock.offset = offset
    fivetran.expect_trigger(LOST)
    fivetran.shows(SYNCING)
    assert fivetran.trigger() == (0, "started")
    fivetran.shows(connection(succeeded_at=at("06:00:00.123456")))
    assert fivetran.check() == RUNNING


# The second request


@pytest.mark.parametrize(
    ("second", "status"), [(TIMED_OUT, 0), (CONFLICT, 409)], ids=["lost too", "it meets the first"]
)
def test_a_second_request_after_which_a_sync_shows_was_accepted_or_not_needed(
    fivetran: Fivetran, second: Any, status: int
) -> None:
    fivetran.expect_trigger(LOST)
    fivetran.shows(IDLE, many=True)
    fivetran.expect("POST", START, second, status=status, body=NO_FORCE)
    fivetran.shows(SYNCING)
    is_started(fivetran, FORCE, NO_FORCE)
    assert fivetran.files()["sync.pickle"]["succeeded_at"] == NOW.replace(hour=6, microsecond=123456)


@pytest.mark.parametrize(
    ("second", "status"),
    [(LOST, 0), (TIMED_OUT, 0), (HTML, 502), (HTML, 504), (HTML, 200), (CONFLICT, 409), (NOT_FOUND, 404), (None, 401)],
)
def test_after_two_requests_without_a_trace_it_is_unclear_and_no_third_is_sent(
    fivetran: Fivetran, second: Any, status: int
) -> None:
    fivetran.expect_trigger(LOST)
    fivetran.shows(IDLE, many=True)
    fivetran.expect("POST", START, second, status=status, body=NO_FORCE)
    if status not in (401, 404):
        fivetran.shows(IDLE, many=True)
    is_unclear(fivetran, FORCE, NO_FORCE)


def test_a_second_request_that_cannot_be_sent_leaves_the_first_one_unclear(fivetran: Fivetran) -> None:
    fivetran.expect_trigger(LOST)
    fivetran.shows(IDLE, many=True)
    fivetran.expect("POST", START, REFUSED, body=NO_FORCE, many=True)
    assert fivetran.trigger() == (202, "unclear")


@pytest.mark.parametrize(
    ("response", "status"),
    [(HTML, 502), (HTML, 200), (REFUSED, 0), (LOST, 0), (None, 401), (NOT_FOUND, 404), (connection(id="other"), 200)],
)
def test_a_lost_request_that_cannot_be_found_out_about_is_unclear_and_not_sent_again(
    fivetran: Fivetran, response: Any, status: int
) -> None:
    fivetran.expect_trigger(LOST)
    fivetran.shows(response, status=status, many=True)
    is_unclear(fivetran, FORCE)
    assert fivetran.check() == (221, "artifact_error")


# A sync was running before


@pytest.mark.parametrize(("response", "status"), ALL.values(), ids=ALL)
@pytest.mark.parametrize("takes", [0, 30])
def test_over_a_running_sync_a_lost_request_proves_nothing_by_its_running_still(
    fivetran: Fivetran, response: Any, status: int, takes: float
) -> None:
    fivetran.expect_trigger(response, SYNCING, status=status, takes=takes)
    fivetran.shows(SYNCING, many=takes > 0)  # after a quick response a later poll might take its end for the request's
    is_unclear(fivetran, FORCE)


MOVED = {"succeeded_at": at("12:00:01")}, {"failed_at": at("12:00:01")}


@pytest.mark.parametrize(
    "now",
    [
        connection("syncing", failed_at=at("12:00:01")),
        connection("syncing", succeeded_at=at("12:00:01")),
        connection("scheduled", failed_at=at("12:00:01")),
        connection("scheduled"),
    ],
    ids=["the cancel stamped it", "it ended just before", "stopped, and the new one has not begun", "another state"],
)
def test_over_a_running_sync_a_lost_request_shows_by_a_moved_stamp_or_another_state(
    fivetran: Fivetran, now: dict[str, Any]
) -> None:
    fivetran.expect_trigger(LOST, SYNCING)
    fivetran.shows(now)
    is_started(fivetran, FORCE)
    assert fivetran.files()["sync.pickle"]["interrupted"] is True


def test_what_the_interrupted_sync_left_is_not_taken_for_the_sync_of_a_lost_request(fivetran: Fivetran) -> None:
    stopped = connection("syncing", failed_at=at("12:00:01"))
    fivetran.expect_trigger(LOST, SYNCING, takes=1)
    fivetran.shows(stopped, stopped)
    assert fivetran.trigger() == (0, "started")
    assert fivetran.check() == RUNNING


@pytest.mark.parametrize("moved", [*MOVED, {}], ids=["it succeeded", "it failed", "no stamp"])
@pytest.mark.parametrize(
    ("response", "takes", "state"),
    [(LOST, 0, "paused"), (TIMED_OUT, 120, "scheduled")],
    ids=["it was paused meanwhile", "it may have ended by itself"],
)
def test_over_a_running_sync_that_is_gone_for_another_reason_a_lost_request_is_unclear(
    fivetran: Fivetran, response: Any, takes: float, state: str, moved: dict[str, str]
) -> None:
    fivetran.expect_trigger(response, SYNCING, takes=takes)
    fivetran.shows(connection(state, **moved), many=True)
    is_unclear(fivetran, FORCE)


@pytest.mark.parametrize("moved", MOVED, ids=["it succeeded", "it failed"])
def test_over_a_sync_that_ended_a_slow_request_shows_by_one_that_is_running_now(fivetran: Fivetran, moved: Any) -> None:
    fivetran.expect_trigger(TIMED_OUT, SYNCING, takes=120)
    fivetran.shows(connection("syncing", **moved))
    is_started(fivetran, FORCE)
    handoff = fivetran.files()["sync.pickle"]
    assert (handoff["interrupted"], handoff["execution_time"]) == (True, NOW + timedelta(seconds=120))


@pytest.mark.parametrize("policy", ["wait", "join", "fail"])
def test_a_lost_request_without_force_is_found_out_about_in_the_same_way(fivetran: Fivetran, policy: str) -> None:
    if policy == "wait":
        fivetran.shows(SYNCING)
    fivetran.expect_trigger(TIMED_OUT, body=NO_FORCE)
    fivetran.shows(SYNCING)
    is_started(fivetran, NO_FORCE, IF_RUNNING=policy)
