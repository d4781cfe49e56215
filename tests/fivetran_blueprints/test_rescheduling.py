"""Fivetran with FIVETRAN_WAIT: a sync that Fivetran rescheduled is triggered again once its time has come."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Callable

import pytest

from tests.endings import CANCELLED, RUNNING, SUCCEEDED
from tests.fivetran_blueprints.responses import CONFLICT, ID, PLAIN_FILES, SINCE, Fivetran, at, connection
from tests.support import NOW
from tests.wire import HTML, LOST, TIMED_OUT

AGAIN: dict[str, dict[str, Any]] = {
    "lost": {"response": LOST},
    "401": {"response": {"code": "Unauthorized"}, "status": 401},
    "404": {"response": {"code": "NotFound_X"}, "status": 404},
}
ONCE: dict[str, dict[str, Any]] = {
    "accepted": {},
    "it is running": {"response": CONFLICT, "status": 409},
    "unexpected": {"response": HTML},
    "400": {"response": {"code": "InvalidInput"}, "status": 400},
    "404 without a code": {"response": HTML, "status": 404},
    "it may still be at work": {"response": TIMED_OUT},
}


def rescheduled(time: str = "12:05:00", **more: Any) -> dict[str, Any]:
    return connection("rescheduled", rescheduled_for=at(time), **more)


def done(time: str, **more: Any) -> dict[str, Any]:
    return connection(succeeded_at=at(time), **more)


def expect_again(fivetran: Fivetran, now: Any, **request: Any) -> None:
    """Polls that show `now`, and a request without force."""
    fivetran.shows(now, many=True)
    fivetran.expect_start(force=False, **request)


def until(fivetran: Fivetran, minutes: float, before: dict[str, Any], after: dict[str, Any]) -> Callable[[], Any]:
    return lambda: before if fivetran.clock.elapsed < minutes * 60 else after


def requests_at(fivetran: Fivetran) -> list[float]:
    return [sent.at for sent in fivetran.sent if sent.method == "POST"]


@pytest.mark.parametrize("offset", [-900, 0, 900])
def test_on_a_manual_schedule_it_is_triggered_again_a_minute_after_its_time_by_the_servers_clock(
    fivetran: Fivetran, offset: float
) -> None:
    fivetran.clock.offset = offset
    fivetran.expect_trigger()
    expect_again(fivetran, rescheduled("12:30:00"))
    fivetran.ends("12:33:00")
    assert fivetran.trigger(WAIT="TRUE") == SUCCEEDED
    assert 31 * 60 <= requests_at(fivetran)[1] < 33 * 60


@pytest.mark.parametrize("starts", [True, False], ids=["trigger", "check"])
def test_a_time_that_does_not_fit_ends_the_wait_naming_it(fivetran: Fivetran, starts: bool) -> None:
    fivetran.expect_trigger() if starts else fivetran.triggered()
    fivetran.shows(rescheduled("18:00:00"), many=True)
    ended = fivetran.trigger(WAIT="TRUE") if starts else fivetran.check(WAIT="TRUE")
    assert ended == (*RUNNING, "2026-11-22T18:00:00Z")
    assert fivetran.clock.elapsed < 30
    assert set(fivetran.files) == PLAIN_FILES


def test_on_an_automatic_schedule_it_is_never_triggered_again(fivetran: Fivetran) -> None:
    fivetran.expect_trigger(before=connection(schedule_type="auto"))
    before = rescheduled("12:30:00", schedule_type="auto")
    fivetran.shows(until(fivetran, 40, before, done("12:40:00", schedule_type="auto")), many=True)
    fivetran.expect_history(SINCE, "12:40:00")
    assert fivetran.trigger(WAIT="TRUE") == SUCCEEDED
    assert fivetran.forces == [True]


def test_without_waiting_it_is_not_triggered_again(fivetran: Fivetran) -> None:
    fivetran.triggered()
    fivetran.clock.elapsed += 3600
    fivetran.shows(rescheduled("12:30:00"))
    assert fivetran.check() == (*RUNNING, "2026-11-22T12:30:00Z", "manual", "triggered again")


def test_a_check_whose_first_poll_is_stale_triggers_nothing_again_that_has_run_since(fivetran: Fivetran) -> None:
    fivetran.put(force_sync=[ID, NOW - timedelta(minutes=5)])
    fivetran.shows(rescheduled("11:58:00"))
    fivetran.ends("11:59:59", since="11:54:58")
    assert fivetran.check(WAIT="TRUE") == SUCCEEDED
    assert fivetran.forces == []


def test_a_check_triggers_at_once_again_what_was_due_if_there_is_no_time_for_a_second_poll(fivetran: Fivetran) -> None:
    fivetran.put(force_sync=[ID, NOW - timedelta(minutes=5)])
    fivetran.shows(connection("syncing"), takes=45)
    expect_again(fivetran, rescheduled("11:58:00"))
    fivetran.shows(connection("syncing"), many=True)
    assert fivetran.check(WAIT="TRUE", WAIT_TIMEOUT="1") == RUNNING


def test_a_check_without_a_handoff_triggers_nothing(fivetran: Fivetran) -> None:
    fivetran.shows(rescheduled("12:01:00"), many=True)
    assert fivetran.check(WAIT="TRUE", WAIT_TIMEOUT="10") == RUNNING
    assert fivetran.forces == []


def test_a_vendor_that_accepts_no_other_request_just_now_does_not_end_the_wait(fivetran: Fivetran) -> None:
    fivetran.expect_trigger()
    fivetran.shows(rescheduled(), many=True)
    for _ in range(5):
        fivetran.expect_start(None, status=429, force=False)
    fivetran.ends("12:08:00")
    assert fivetran.trigger(WAIT="TRUE") == SUCCEEDED


def test_a_pause_between_a_poll_and_the_request_cancels_it(fivetran: Fivetran) -> None:
    """Seed 30098790: the refusal of that request ended the wait as if the inputs were wrong."""
    fivetran.expect_trigger()
    expect_again(fivetran, rescheduled(), response={"code": "InvalidInput", "message": "it is paused"}, status=400)
    fivetran.shows(connection("paused", paused=True), many=True)
    assert fivetran.trigger(WAIT="TRUE") == CANCELLED


BEFORE = rescheduled("11:00:00")


@pytest.mark.parametrize("policy", ["restart", "wait"])
def test_what_was_rescheduled_before_the_start_is_not_triggered_again_while_a_read_may_be_stale(
    fivetran: Fivetran, policy: str
) -> None:
    if policy == "wait":
        fivetran.shows(lambda: connection("syncing") if fivetran.clock.elapsed < 120 else BEFORE, many=True)
        fivetran.expect_start(force=False)
    else:
        fivetran.expect_trigger(before=BEFORE)

    def shown() -> Any:
        since = fivetran.clock.elapsed - requests_at(fivetran)[0]
        return BEFORE if since < 55 else connection("syncing") if since < 120 else connection("paused", paused=True)

    fivetran.shows(shown, many=True)
    assert fivetran.trigger(IF_RUNNING=policy, WAIT="TRUE", POLL_INTERVAL="5") == CANCELLED
    assert len(requests_at(fivetran)) == 1


def test_what_was_rescheduled_before_the_start_and_still_is_after_a_minute_is_triggered_again(
    fivetran: Fivetran,
) -> None:
    fivetran.expect_trigger(before=BEFORE)
    expect_again(fivetran, BEFORE)
    fivetran.ends("12:04:00")
    assert fivetran.trigger(WAIT="TRUE") == SUCCEEDED
    assert 60 <= requests_at(fivetran)[1] < 90


@pytest.mark.parametrize(
    ("first", "again"),
    [*((one, False) for one in ONCE.values()), *((one, True) for one in AGAIN.values())],
    ids=[*ONCE, *AGAIN],
)
def test_what_was_triggered_again_is_triggered_once_more_only_after_a_minute_and_a_lost_response_or_a_refusal(
    fivetran: Fivetran, first: dict[str, Any], again: bool
) -> None:
    fivetran.expect_trigger()
    expect_again(fivetran, rescheduled(), **first)
    if again:
        expect_again(fivetran, rescheduled())
    fivetran.shows(until(fivetran, 40, rescheduled(), done("12:40:00")), many=True)
    fivetran.expect_history(SINCE, "12:40:00")
    assert fivetran.trigger(WAIT="TRUE") == SUCCEEDED
    assert fivetran.forces == ([True, False, False] if again else [True, False])
    _, one, *other = requests_at(fivetran)
    assert all(60 <= at_last - one < 120 for at_last in other)


def test_what_is_rescheduled_anew_is_triggered_again_for_each_time(fivetran: Fivetran) -> None:
    fivetran.expect_trigger()
    expect_again(fivetran, rescheduled("12:05:00"))
    expect_again(fivetran, rescheduled("12:15:00"))
    fivetran.ends("12:20:00")
    assert fivetran.trigger(WAIT="TRUE") == SUCCEEDED
    assert fivetran.forces == [True, False, False]
