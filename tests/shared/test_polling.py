"""The poll loop: how it pauses, what it survives, and how it ends. No test waits."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Union

import pytest

from shared import errors
from shared.context import Run
from shared.polling import Pace, Pending, next_interval, poll_until
from shared.status import SyncStatus, Verdict
from shared.timestamps import format_duration
from tests.shared.acme import Sync, Syncs, in_turn
from tests.support import NOW, FakeClock

MINUTE, HOUR = 60, 3600
RUNNING = Pending("it is running")
UNREACHABLE = errors.StatusCheckFailedError("Acme responded with 503")
BUSY = errors.StatusCheckFailedError("busy", retry_after=450)
UNAUTHORIZED = errors.InvalidCredentialsError("Acme responded with 401")
NOT_FOUND = errors.SyncNotFoundError("Acme responded with 404")
OLD = Sync(server_time=NOW - timedelta(hours=1))
LATEST = Sync(server_time=None, is_latest=True)

News = Union[object, BaseException]


def timed(clock: FakeClock, poll: Callable[[], Any]) -> tuple[list[float], Callable[[], Any]]:
    """The seconds at which a poll is taken, and the poll."""
    times: list[float] = []

    def timing() -> Any:
        times.append(clock.elapsed)
        return poll()

    return times, timing


def pace_of(clock: FakeClock, seconds: float = 4 * HOUR, least: float = 2, most: float = 60) -> Pace:
    return Pace(clock, clock.monotonic() + seconds, least, most)


# The intervals


@pytest.mark.parametrize(
    ("elapsed", "least", "most", "expected"),
    [
        *[(0, 2, 60, 2), (5, 2, 60, 2), (15, 2, 60, 3), (50, 2, 60, 10), (75, 2, 60, 15), (300, 2, 60, 15)],
        *[(600, 2, 60, 15), (800, 2, 60, 20), (1200, 2, 60, 30), (2400, 2, 60, 60), (10_000, 2, 60, 60)],
        *[(10_000, 2, 3600, 250), (4 * HOUR, 2, 3600, 360), (0, 10, 60, 10), (300, 10, 60, 15)],
        *[(0, 5, 3, 3), (600, 2, 1, 1)],
    ],
)
def test_the_interval_follows_the_time_waited(elapsed: float, least: float, most: float, expected: float) -> None:
    assert next_interval(elapsed, least, most) == expected


@pytest.mark.parametrize(("least", "most"), [(2, 60), (10, 60), (5, 3), (2, 3600), (2, 1)])
def test_the_intervals_are_within_a_tenth_of_the_rule_with_jitter(clock: FakeClock, least: float, most: float) -> None:
    times, poll = timed(clock, in_turn(RUNNING))
    poll_until(poll, pace_of(clock, least=least, most=most))
    gaps = [(before, after - before) for before, after in zip(times, times[1:-1])]
    ratios = {round(gap / next_interval(elapsed, least, most), 6) for elapsed, gap in gaps}
    assert 0.9 <= min(ratios) < max(ratios) <= 1.1
    assert len(ratios) > 10


# The deadline


@pytest.mark.parametrize("seconds", [1, 61, HOUR, 4 * HOUR])
@pytest.mark.parametrize("offset", [0, -1e6, 1e6])
def test_polling_ends_with_a_last_poll_at_the_deadline_whatever_the_clock_shows(seconds: float, offset: float) -> None:
    clock = FakeClock(offset)
    times, poll = timed(clock, in_turn(RUNNING))
    assert poll_until(poll, pace_of(clock, seconds)) == RUNNING
    assert times[-1] == clock.elapsed == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("news", "expected"),
    [
        ((RUNNING, "done"), "done"),
        ((RUNNING, UNREACHABLE), Pending("it is running", failure=UNREACHABLE)),
        ((RUNNING, UNREACHABLE, RUNNING), RUNNING),
    ],
)
def test_what_the_last_poll_shows_counts(clock: FakeClock, news: tuple[News, ...], expected: object) -> None:
    assert poll_until(in_turn(*news), pace_of(clock, 100, least=40, most=40)) == expected


# What is survived


@pytest.mark.parametrize(
    "news",
    [(RUNNING, *[UNAUTHORIZED] * 3, RUNNING, *[UNAUTHORIZED] * 3), (RUNNING, BUSY, BUSY, RUNNING, BUSY, BUSY)],
    ids=["refused", "busy"],
)
def test_failed_polls_are_survived_once_one_was_good(clock: FakeClock, news: tuple[News, ...]) -> None:
    assert poll_until(in_turn(*news, "done"), pace_of(clock)) == "done"


@pytest.mark.parametrize(
    ("news", "kind", "message"),
    [
        ((RUNNING, *[UNAUTHORIZED] * 4), errors.StatusCheckFailedError, "4 polls in a row were refused"),
        ((RUNNING, NOT_FOUND), errors.StatusCheckFailedError, "404; polls have failed for 15 min"),
        # to the second, without jitter
        ((Pending("settling", 2), BUSY), errors.StatusCheckFailedError, "busy; polls have failed for 15 min"),
        # what is no failure of a poll
        *(((RUNNING, kind("x")), kind, "x") for kind in (errors.SyncFailedError, errors.ArtifactError, ValueError)),
    ],
    ids=lambda one: str(one)[-60:],
)
def test_what_a_wait_does_not_survive(
    clock: FakeClock, news: tuple[News, ...], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        poll_until(in_turn(*news), pace_of(clock))
    assert clock.elapsed <= 18 * MINUTE


@pytest.mark.parametrize("seconds", [61, 600, 3000])
def test_a_long_retry_after_is_honored(clock: FakeClock, seconds: float) -> None:
    times, poll = timed(clock, in_turn(RUNNING, errors.StatusCheckFailedError("busy", retry_after=seconds), "done"))
    assert poll_until(poll, pace_of(clock, HOUR)) == "done"
    assert times[2] - times[1] == pytest.approx(seconds)


def test_a_retry_after_longer_than_the_time_left_ends_the_wait_at_once(clock: FakeClock) -> None:
    busy = errors.StatusCheckFailedError("busy, come back in 1 h", retry_after=3600)
    with pytest.raises(errors.StatusCheckFailedError, match="come back in 1 h"):
        poll_until(in_turn(RUNNING, busy), pace_of(clock, 3599))
    assert clock.elapsed < 5


# What is logged


def test_each_change_is_logged_once_and_each_failure(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    queued = Pending("it is queued")
    poll_until(in_turn(queued, queued, RUNNING, RUNNING, UNREACHABLE, UNAUTHORIZED, RUNNING, "done"), pace_of(clock))
    failures = [f"{error}; will retry" for error in (UNREACHABLE, UNAUTHORIZED)]
    assert caplog.messages == ["it is queued", "it is running", *failures]


@pytest.mark.parametrize("most", [7, 60, 299, 300, 301, 3600])
def test_a_line_is_logged_every_five_minutes(clock: FakeClock, caplog: pytest.LogCaptureFixture, most: float) -> None:
    caplog.set_level(logging.INFO)
    busy = errors.StatusCheckFailedError("busy", retry_after=3000)
    poll_until(in_turn(RUNNING, RUNNING, busy, RUNNING), pace_of(clock, least=most, most=most))
    beats = [f"it is running ({format_duration(seconds)} so far)" for seconds in range(300, 4 * HOUR + 1, 300)]
    assert [message for message in caplog.messages if message.endswith("so far)")] == beats


@pytest.mark.parametrize("sleeps", [[0.17, 700], [299.9999, 0.1, 400]])
def test_a_heartbeat_is_logged_once_however_its_time_is_rounded(
    clock: FakeClock, caplog: pytest.LogCaptureFixture, sleeps: list[float]
) -> None:
    caplog.set_level(logging.INFO)
    clock.sleep(0.1)
    pace = pace_of(clock)
    for seconds in sleeps:
        pace.sleep(seconds, "it is running")
    assert caplog.messages == ["it is running (5 min so far)", "it is running (10 min so far)"]


# A check and a trigger that waits


def verdict(status: str, **more: Any) -> Verdict:
    return Verdict(SyncStatus(status), f"it is {status}", **more)


R, S, F = (verdict(status) for status in ("running", "succeeded", "failed"))
BRIEF = R._replace(poll_again_in=2.0)


@pytest.mark.parametrize(
    ("news", "handoff", "found", "polled"),
    [
        ((R, S), OLD, R, [0]),
        ((S,), OLD, S, [0]),
        # where a vendor's rule asks for a second poll
        ((BRIEF, S), OLD, S, [0, 2]),
        ((BRIEF, F), OLD, F, [0, 2]),
        ((BRIEF,), OLD, R, [0, 2, 4]),
        ((BRIEF._replace(poll_again_in=3.0), S), OLD, S, [0, 3]),
        # what the vendor has just confirmed may be invisible
        ((NOT_FOUND, S), Sync(), S, [0, 2]),
        ((NOT_FOUND, S), Sync(server_time=None), NOT_FOUND, [0]),
    ],
)
def test_a_check_that_does_not_wait_polls_once_or_a_few_times_briefly(
    run: Run, news: tuple[News, ...], handoff: Sync, found: Any, polled: list[float]
) -> None:
    syncs = Syncs(run, *news)
    if found is NOT_FOUND:
        with pytest.raises(errors.SyncNotFoundError):
            syncs.follow(handoff, wait=False)
    else:
        assert syncs.follow(handoff, wait=False).status is found.status
    assert syncs.polled_at == polled


def test_each_poll_gets_the_handoff_that_the_one_before_left(run: Run) -> None:
    syncs = Syncs(run, R, R, S)
    syncs.follow(OLD)
    assert [one.sync_id for one in syncs.handoffs] == ["run_7", "run_7+", "run_7++"]


@pytest.mark.parametrize(("known", "expected"), [(None, "source_1"), ("given", "given")])
def test_what_the_vendor_reports_is_kept_for_the_result(run: Run, known: str | None, expected: str) -> None:
    run.report.id = known
    Syncs(run, R._replace(details={"rows": 1}), R._replace(details={"rows": 2, "at": "x"}), S).follow(OLD)
    assert (run.report.id, run.report.details) == (expected, {"rows": 2, "at": "x"})
    assert run.report.still_running == "the sync of source source_1 may still be running in Acme"


def test_after_a_start_of_this_run_no_poll_need_succeed(run: Run) -> None:
    run.report.started = True
    for failure in (UNREACHABLE, UNAUTHORIZED, NOT_FOUND):
        assert Syncs(run, *[failure] * 3, S).follow(OLD) == S


@pytest.mark.parametrize(("before", "last"), [((), "no poll has succeeded"), ((R,), R.message)])
def test_after_a_last_poll_that_failed_the_sync_may_have_ended(run: Run, before: tuple[News, ...], last: str) -> None:
    run.report.started = True
    found = Syncs(run, *before, UNREACHABLE).follow(OLD, wait_timeout=7)
    assert found.message == f"timed out after 7 min ({last}); the sync may still be running in Acme"


@pytest.mark.parametrize(
    ("pause", "message", "elapsed"),
    [
        (24 * HOUR, "rescheduled", 0),
        (419, "rescheduled", 419),
        (420, "timed out after 7 min (rescheduled); the sync is still running in Acme", 420),
    ],
)
def test_a_sync_rescheduled_beyond_the_time_is_running(run: Run, pause: float, message: str, elapsed: float) -> None:
    found = Syncs(run, R._replace(message="rescheduled", poll_again_in=pause)).follow(OLD, wait_timeout=7)
    assert (found.status, found.message, run.clock.elapsed) == (SyncStatus.RUNNING, message, elapsed)


# A check as a sensor


def ended(status: str, minutes: float | None) -> Verdict:
    return verdict(status, details={"rows": 1}, ended_at=minutes and NOW - timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("latest", "status", "message"),
    [
        (ended("succeeded", 61), "running", "T10:59:00Z, more than 60 min ago; no newer one yet"),
        (ended("running", 61), "running", "it is running"),
        (ended("succeeded", None), "running", "it is not known how long ago"),
        (ended("cancelled", None), "cancelled", "it is cancelled"),
    ],
)
def test_a_latest_sync_that_is_too_old_is_not_there_yet(run: Run, latest: Verdict, status: str, message: str) -> None:
    found = Syncs(run, latest).follow(LATEST, max_age=60, wait=False)
    assert (found.status.value, found.details) == (status, {"rows": 1})
    assert found.message.endswith(message)


def test_a_sync_counts_however_old_where_it_is_handed_over_and_not_where_no_server_tells_the_time(run: Run) -> None:
    syncs = Syncs(run, ended("succeeded", 61))
    assert syncs.follow(OLD, max_age=60, wait=False).status is SyncStatus.SUCCEEDED
    syncs.tells_time = False
    found = syncs.follow(LATEST, max_age=60, wait=False)
    assert found == R._replace(message="it is succeeded, but it is not known how long ago", details={"rows": 1})


def test_a_sensor_that_times_out_does_not_claim_that_a_sync_is_running(run: Run) -> None:
    found = Syncs(run, ended("succeeded", 61)).follow(LATEST, max_age=60, wait_timeout=7)
    assert found.status is SyncStatus.RUNNING
    assert found.message.startswith("timed out after 7 min (the latest sync ended at 2026-11-22T10:59:00Z")
    assert found.message.endswith("no newer one yet)")
