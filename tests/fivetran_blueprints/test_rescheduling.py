"""Fivetran with FIVETRAN_WAIT: a sync that Fivetran rescheduled is triggered again once its time has come."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Callable

import pytest

from shared.context import Run
from tests.fivetran_blueprints.responses import (
    ACCEPTED,
    CONFLICT,
    DETAILS,
    FORCE,
    ID,
    NO_FORCE,
    PLAIN_FILES,
    RUNNING,
    START,
    SUCCEEDED,
    at,
    check,
    connection,
    expect_history,
    put,
    trigger,
    triggered,
)
from tests.support import NOW, FakeClock, make_run
from tests.wire import HTML, LOST, TIMED_OUT, Vendor, files

SINCE = "11:59:58"  # the trigger at 12:00:00, less two seconds
AGAIN: dict[str, tuple[Any, int]] = {
    "lost": (LOST, 0),
    "time-out": (TIMED_OUT, 0),
    "502": (HTML, 502),
    "504": (HTML, 504),
    "unexpected": (HTML, 200),
}


def rescheduled(time: str = "12:05:00", **more: Any) -> dict[str, Any]:
    return connection("rescheduled", rescheduled_for=at(time), **more)


def done(time: str, **more: Any) -> dict[str, Any]:
    return connection(succeeded_at=at(time), **more)


def expect_start(fivetran: Vendor, before: Any = None) -> None:
    fivetran.expect("GET", DETAILS, before or connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)


def expect_again(fivetran: Vendor, now: Any, response: Any = ACCEPTED, status: int = 200) -> None:
    """Polls that show `now`, and a request without force."""
    fivetran.expect("GET", DETAILS, now, many=True)
    fivetran.expect("POST", START, response, status=status, body=NO_FORCE)


def expect_end(fivetran: Vendor, time: str, since: str | None = SINCE) -> None:
    fivetran.expect("GET", DETAILS, done(time))
    expect_history(fivetran, since, time)


def until(fivetran: Vendor, minutes: float, before: dict[str, Any], after: dict[str, Any]) -> Callable[[], Any]:
    return lambda: before if fivetran.clock.elapsed < minutes * 60 else after


def requests_at(fivetran: Vendor) -> list[float]:
    return [sent.at for sent in fivetran.sent if sent.method == "POST"]


def test_on_a_manual_schedule_it_is_triggered_again_a_minute_after_its_time(fivetran: Vendor, run: Run) -> None:
    expect_start(fivetran)
    expect_again(fivetran, rescheduled("12:30:00"))
    expect_end(fivetran, "12:33:00")
    assert trigger(run, WAIT="TRUE") == SUCCEEDED
    assert 31 * 60 <= requests_at(fivetran)[1] < 33 * 60


@pytest.mark.parametrize("offset", [-900, 900])
def test_its_time_is_measured_on_the_servers_clock(fivetran: Vendor, run: Run, offset: float) -> None:
    fivetran.clock.offset = offset
    expect_start(fivetran)
    expect_again(fivetran, rescheduled())
    expect_end(fivetran, "12:08:00")
    assert trigger(run, WAIT="TRUE") == SUCCEEDED
    assert 6 * 60 <= requests_at(fivetran)[1] < 7.5 * 60


@pytest.mark.parametrize("starts", [True, False], ids=["trigger", "check"])
def test_a_time_that_does_not_fit_ends_the_wait_naming_it(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, starts: bool
) -> None:
    expect_start(fivetran) if starts else triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, rescheduled("18:00:00"), many=True)
    run = make_run(tmp_path, "fivetran", clock)
    ended = trigger(run, WAIT="TRUE") if starts else check(tmp_path, clock, WAIT="TRUE")
    assert ended == RUNNING
    assert "2026-11-22T18:00:00Z" in ended.message
    assert clock.elapsed < 90
    assert set(files(tmp_path)) == PLAIN_FILES


def test_on_an_automatic_schedule_it_is_never_triggered_again(fivetran: Vendor, run: Run) -> None:
    expect_start(fivetran, connection(schedule_type="auto"))
    before = rescheduled("12:30:00", schedule_type="auto")
    fivetran.expect("GET", DETAILS, until(fivetran, 40, before, done("12:40:00", schedule_type="auto")), many=True)
    expect_history(fivetran, SINCE, "12:40:00")
    assert trigger(run, WAIT="TRUE") == SUCCEEDED
    assert fivetran.starts("/sync") == [FORCE]


def test_without_waiting_it_is_not_triggered_again(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path)
    clock.elapsed += 3600
    fivetran.expect("GET", DETAILS, rescheduled("12:30:00"))
    ended = check(tmp_path, clock)
    assert ended == RUNNING
    assert all(words in ended.message for words in ("2026-11-22T12:30:00Z", "manual", "triggered again"))


def test_a_check_triggers_a_sync_of_its_handoff_again(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    put(tmp_path, force_sync=[ID, NOW - timedelta(minutes=5)])
    expect_again(fivetran, rescheduled("12:03:00"))
    expect_end(fivetran, "12:10:00", "11:54:58")
    assert check(tmp_path, clock, WAIT="TRUE") == SUCCEEDED


def test_a_check_without_a_handoff_triggers_nothing(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    fivetran.expect("GET", DETAILS, rescheduled("12:01:00"), many=True)
    assert check(tmp_path, clock, WAIT="TRUE", WAIT_TIMEOUT="10") == RUNNING
    assert fivetran.starts("/sync") == []


@pytest.mark.parametrize(("response", "status"), [*AGAIN.values(), (CONFLICT, 409)], ids=[*AGAIN, "it is running"])
def test_another_request_that_goes_wrong_does_not_end_the_wait(
    fivetran: Vendor, run: Run, response: Any, status: int
) -> None:
    expect_start(fivetran)
    expect_again(fivetran, rescheduled(), response, status)
    expect_end(fivetran, "12:08:00")
    assert trigger(run, WAIT="TRUE") == SUCCEEDED


def test_a_vendor_that_accepts_no_other_request_just_now_does_not_end_the_wait(fivetran: Vendor, run: Run) -> None:
    expect_start(fivetran)
    fivetran.expect("GET", DETAILS, rescheduled(), many=True)
    for _ in range(5):
        fivetran.expect("POST", START, None, status=429, body=NO_FORCE)
    expect_end(fivetran, "12:08:00")
    assert trigger(run, WAIT="TRUE") == SUCCEEDED


@pytest.mark.parametrize("status", [401, 403, 404])
def test_another_request_that_is_refused_is_not_sent_every_two_seconds(fivetran: Vendor, run: Run, status: int) -> None:
    expect_start(fivetran)
    expect_again(fivetran, rescheduled(), {"code": "NotFound_X" if status == 404 else "Forbidden"}, status)
    fivetran.expect("GET", DETAILS, done("12:08:00"))
    expect_history(fivetran, SINCE, "12:08:00")
    assert trigger(run, WAIT="TRUE") == SUCCEEDED
    assert fivetran.starts("/sync") == [FORCE, NO_FORCE]


BEFORE = rescheduled("11:00:00")


def test_what_was_rescheduled_before_the_start_is_not_triggered_again_while_a_read_may_be_stale(
    fivetran: Vendor, run: Run
) -> None:
    expect_start(fivetran, BEFORE)
    later = until(fivetran, 2, connection("syncing"), done("12:04:00"))
    fivetran.expect("GET", DETAILS, lambda: BEFORE if fivetran.clock.elapsed < 55 else later(), many=True)
    expect_history(fivetran, SINCE, "12:04:00")
    assert trigger(run, WAIT="TRUE", POLL_INTERVAL="5") == SUCCEEDED
    assert fivetran.starts("/sync") == [FORCE]


def test_what_was_rescheduled_before_the_start_and_still_is_after_a_minute_is_triggered_again(
    fivetran: Vendor, run: Run
) -> None:
    expect_start(fivetran, BEFORE)
    expect_again(fivetran, BEFORE)
    expect_end(fivetran, "12:04:00")
    assert trigger(run, WAIT="TRUE") == SUCCEEDED
    assert 60 <= requests_at(fivetran)[1] < 90


@pytest.mark.parametrize(("response", "status"), [(ACCEPTED, 200), (CONFLICT, 409)], ids=["accepted", "it is running"])
def test_what_was_triggered_again_is_not_triggered_once_more_for_the_same_time(
    fivetran: Vendor, run: Run, response: Any, status: int
) -> None:
    expect_start(fivetran)
    expect_again(fivetran, rescheduled(), response, status)
    fivetran.expect("GET", DETAILS, until(fivetran, 40, rescheduled(), done("12:40:00")), many=True)
    expect_history(fivetran, SINCE, "12:40:00")
    assert trigger(run, WAIT="TRUE") == SUCCEEDED
    assert fivetran.starts("/sync") == [FORCE, NO_FORCE]


@pytest.mark.parametrize(("response", "status"), AGAIN.values(), ids=AGAIN)
def test_what_was_triggered_again_with_a_lost_response_is_triggered_once_more_a_minute_later(
    fivetran: Vendor, run: Run, response: Any, status: int
) -> None:
    expect_start(fivetran)
    expect_again(fivetran, rescheduled(), response, status)
    expect_again(fivetran, rescheduled())
    fivetran.expect("GET", DETAILS, until(fivetran, 40, rescheduled(), done("12:40:00")), many=True)
    expect_history(fivetran, SINCE, "12:40:00")
    assert trigger(run, WAIT="TRUE") == SUCCEEDED
    assert fivetran.starts("/sync") == [FORCE, NO_FORCE, NO_FORCE]
    _, lost, again = requests_at(fivetran)
    assert 60 <= again - lost < 120


def test_what_is_rescheduled_anew_is_triggered_again_for_each_time(fivetran: Vendor, run: Run) -> None:
    expect_start(fivetran)
    expect_again(fivetran, rescheduled("12:05:00"))
    expect_again(fivetran, rescheduled("12:15:00"))
    expect_end(fivetran, "12:20:00")
    assert trigger(run, WAIT="TRUE") == SUCCEEDED
    assert fivetran.starts("/sync") == [FORCE, NO_FORCE, NO_FORCE]
