"""The poll loop: how it pauses, what it survives, and how it ends. No test waits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Union

import pytest

from shared import errors
from shared.context import Run
from shared.polling import Pace, Pending, follow, next_interval, poll_until
from shared.status import SyncStatus, Verdict
from tests.shared.acme import Sync, given
from tests.shared.running import in_turn
from tests.support import NOW, FakeClock

MINUTE, HOUR = 60, 3600
RUNNING = Pending("it is running")
UNREACHABLE = errors.StatusCheckFailedError("Acme responded with 503")
UNAUTHORIZED = errors.InvalidCredentialsError("Acme responded with 401")
NOT_FOUND = errors.SyncNotFoundError("Acme responded with 404")

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
def test_the_interval_follows_the_time_waited_so_far(
    elapsed: float, least: float, most: float, expected: float
) -> None:
    assert next_interval(elapsed, least, most) == expected


@pytest.mark.parametrize(("least", "most"), [(2, 60), (10, 60), (5, 3), (2, 3600), (2, 1)])
def test_the_intervals_are_within_a_tenth_of_the_rule_with_jitter(clock: FakeClock, least: float, most: float) -> None:
    times, poll = timed(clock, in_turn(RUNNING))
    poll_until(poll, pace_of(clock, least=least, most=most))
    ratios = set()
    for before, after in zip(times, times[1:-1]):
        ratios.add(round((after - before) / next_interval(before, least, most), 6))
    assert 0.9 <= min(ratios) < max(ratios) <= 1.1
    assert len(ratios) > 10


def test_the_first_poll_is_taken_at_once_unless_the_vendor_has_just_been_asked(clock: FakeClock) -> None:
    assert poll_until(in_turn("done"), pace_of(clock)) == "done"
    assert clock.elapsed == 0
    assert poll_until(in_turn("done"), pace_of(clock, least=2), seen=True) == "done"
    assert 1.8 <= clock.elapsed <= 2.2


def test_a_poll_may_say_when_to_poll_again(clock: FakeClock) -> None:
    poll_until(in_turn(Pending("settling", 2), "done"), pace_of(clock, least=30))
    assert clock.elapsed == 2


def test_a_poll_that_is_worth_it_only_after_the_deadline_is_not_waited_for(clock: FakeClock) -> None:
    rescheduled = Pending("rescheduled for tomorrow", 24 * HOUR)
    assert poll_until(in_turn(rescheduled), pace_of(clock, HOUR)) == rescheduled
    assert clock.elapsed == 0


# The deadline


@pytest.mark.parametrize("seconds", [1, 61, HOUR, 4 * HOUR])
@pytest.mark.parametrize("offset", [0, -1e6, 1e6])
def test_polling_ends_at_the_deadline_with_a_last_poll_whatever_the_local_clock_shows(
    seconds: float, offset: float
) -> None:
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
    ("news", "outcome"),
    [
        # a first poll that fails
        ((UNREACHABLE, "done"), UNREACHABLE),
        ((UNAUTHORIZED, "done"), UNAUTHORIZED),
        ((NOT_FOUND, "done"), NOT_FOUND),
        # and one after a good one
        ((RUNNING, UNREACHABLE, "done"), "done"),
        ((RUNNING, NOT_FOUND, "done"), "done"),
        ((RUNNING, errors.BadRequestError("418"), "done"), "done"),
        ((RUNNING, *[UNAUTHORIZED] * 3, "done"), "done"),
        ((RUNNING, *[UNAUTHORIZED] * 3, RUNNING, *[UNAUTHORIZED] * 3, "done"), "done"),
        ((RUNNING, *[UNAUTHORIZED] * 4, "done"), "4 polls in a row were refused"),
        ((RUNNING, UNREACHABLE), "503; polls have failed for 15 min"),
        ((RUNNING, NOT_FOUND), "404; polls have failed for 15 min"),
        ((RUNNING, errors.StatusCheckFailedError("busy", retry_after=120)), "busy; polls have failed for"),
        # what is no failure of a poll
        ((RUNNING, errors.SyncFailedError("x"), "done"), errors.SyncFailedError("x")),
        ((RUNNING, errors.ArtifactError("x"), "done"), errors.ArtifactError("x")),
        ((RUNNING, ValueError("a bug"), "done"), ValueError("a bug")),
    ],
    ids=lambda one: str(one)[-60:],
)
def test_failed_polls_are_survived_once_the_vendor_has_responded(
    clock: FakeClock, news: tuple[News, ...], outcome: Any
) -> None:
    try:
        found: Any = poll_until(in_turn(*news), pace_of(clock))
    except Exception as error:  # noqa: BLE001
        found = error
    if isinstance(outcome, Exception):
        assert (type(found), str(found)) == (type(outcome), str(outcome))
    elif outcome == "done":
        assert found == "done"
    else:
        assert type(found) is errors.StatusCheckFailedError
        assert outcome in str(found)
        assert clock.elapsed <= 18 * MINUTE


@pytest.mark.parametrize("failure", [UNREACHABLE, UNAUTHORIZED, NOT_FOUND])
def test_a_first_poll_that_fails_is_survived_after_a_start_of_this_run(
    clock: FakeClock, failure: errors.BlueprintError
) -> None:
    assert poll_until(in_turn(*[failure] * 3, "done"), pace_of(clock), seen=True) == "done"


def test_a_good_poll_in_between_makes_the_15_minutes_begin_anew(clock: FakeClock) -> None:
    def poll() -> Any:
        if clock.elapsed > 2 * HOUR:
            return "done"
        if clock.elapsed % (14 * MINUTE) > 2 * MINUTE:
            raise UNREACHABLE
        return RUNNING

    assert poll_until(poll, pace_of(clock)) == "done"


def test_an_error_that_is_final_is_not_survived(clock: FakeClock) -> None:
    poll = in_turn(RUNNING, errors.BadRequestError("paused"), "done")
    with pytest.raises(errors.BadRequestError, match="paused"):
        poll_until(poll, pace_of(clock), final=(errors.BadRequestError,))


@pytest.mark.parametrize("seconds", [61, 600, 3000])
def test_a_long_retry_after_is_honored(clock: FakeClock, seconds: float) -> None:
    times, poll = timed(clock, in_turn(RUNNING, errors.StatusCheckFailedError("busy", retry_after=seconds), "done"))
    assert poll_until(poll, pace_of(clock, HOUR)) == "done"
    assert times[2] - times[1] == pytest.approx(seconds)


def test_polls_are_given_up_once_they_have_failed_for_15_minutes(clock: FakeClock) -> None:
    busy = errors.StatusCheckFailedError("busy", retry_after=450)
    with pytest.raises(errors.StatusCheckFailedError, match="busy; polls have failed for 15 min"):
        poll_until(in_turn(Pending("settling", 2), busy), pace_of(clock))
    assert clock.elapsed == 2 + 15 * MINUTE


def test_a_retry_after_longer_than_the_time_left_ends_the_wait_at_once(clock: FakeClock) -> None:
    busy = errors.StatusCheckFailedError("busy, come back in 1 h", retry_after=3600)
    with pytest.raises(errors.StatusCheckFailedError, match="come back in 1 h"):
        poll_until(in_turn(RUNNING, busy), pace_of(clock, 3599))
    assert clock.elapsed < 5


# What is logged


class Heard(logging.Handler):
    """The seconds at which something was logged, and what."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock = clock
        self.lines: list[tuple[float, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((self.clock.elapsed, record.getMessage()))

    @property
    def longest_silence(self) -> float:
        times = [0.0, *(at for at, _ in self.lines), self.clock.elapsed]
        return max(after - before for before, after in zip(times, times[1:]))


@pytest.fixture
def heard(clock: FakeClock) -> Iterator[Heard]:
    handler, logger = Heard(clock), logging.getLogger("shared")
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


def test_each_change_is_logged_once_and_each_failure(clock: FakeClock, heard: Heard) -> None:
    queued = Pending("it is queued")
    poll_until(in_turn(queued, queued, RUNNING, RUNNING, UNREACHABLE, UNAUTHORIZED, RUNNING, "done"), pace_of(clock))
    assert [text for _, text in heard.lines] == [
        "it is queued",
        "it is running",
        "Acme responded with 503; will retry",
        "Acme responded with 401; will retry",
    ]


@pytest.mark.parametrize("most", [7, 60, 299, 300, 301, 3600])
def test_a_line_is_logged_at_least_every_five_minutes(clock: FakeClock, heard: Heard, most: float) -> None:
    busy = errors.StatusCheckFailedError("busy", retry_after=3000)
    poll_until(in_turn(RUNNING, RUNNING, busy, RUNNING), pace_of(clock, least=most, most=most))
    assert heard.longest_silence <= 300 + 1e-6
    assert "it is running (5 min so far)" in [text for _, text in heard.lines]


# A check and a trigger that waits


class Syncs:
    """A vendor's syncs as far as polling needs them. `now` is the server's clock, or None."""

    vendor = "Acme"
    min_interval = 2.0

    def __init__(self, clock: FakeClock, *news: News, tells_time: bool = True) -> None:
        self.clock = clock
        self.tells_time = tells_time
        self.polled, self._poll = timed(clock, in_turn(*news))
        self.handoffs: list[Sync] = []

    def poll(self, handoff: Sync) -> tuple[Verdict, Sync]:
        self.handoffs.append(handoff)
        return self._poll(), handoff._replace(sync_id=f"{handoff.sync_id}+")

    def now(self) -> datetime | None:
        return NOW + timedelta(seconds=self.clock.elapsed) if self.tells_time else None


def verdict(status: SyncStatus, **more: Any) -> Verdict:
    return Verdict(status, f"it is {status.value}", **more)


R, S, F, C = (
    verdict(one) for one in (SyncStatus.RUNNING, SyncStatus.SUCCEEDED, SyncStatus.FAILED, SyncStatus.CANCELLED)
)
OLD = Sync(server_time=NOW - timedelta(hours=1))
BRIEF = R._replace(poll_again_in=2.0, briefly=True)


@pytest.mark.parametrize(
    ("news", "handoff", "status", "polled"),
    [
        ((R, S), OLD, SyncStatus.RUNNING, [0]),
        ((S,), OLD, SyncStatus.SUCCEEDED, [0]),
        # where a vendor's rule asks for a second poll
        ((BRIEF, S), OLD, SyncStatus.SUCCEEDED, [0, 2]),
        ((BRIEF, F), OLD, SyncStatus.FAILED, [0, 2]),
        ((BRIEF,), OLD, SyncStatus.RUNNING, [0, 2, 4]),
        ((BRIEF._replace(poll_again_in=3.0), S), OLD, SyncStatus.SUCCEEDED, [0, 3]),
        ((R._replace(poll_again_in=2.0), S), OLD, SyncStatus.RUNNING, [0]),
        # what the vendor has just confirmed may be invisible
        ((NOT_FOUND, S), Sync(), SyncStatus.SUCCEEDED, [0, 2]),
        ((NOT_FOUND, NOT_FOUND, R), Sync(), SyncStatus.RUNNING, [0, 2, 4]),
        ((NOT_FOUND,), Sync(), SyncStatus.RUNNING, [0, 2, 4]),
        ((NOT_FOUND,), Sync(server_time=NOW - timedelta(seconds=59)), NOT_FOUND, [0, 2]),
        ((NOT_FOUND, S), OLD, NOT_FOUND, [0]),
        ((NOT_FOUND, S), Sync(server_time=None), NOT_FOUND, [0]),
    ],
)
def test_a_check_that_does_not_wait_polls_once_or_a_few_times_briefly(
    run: Run, clock: FakeClock, news: tuple[News, ...], handoff: Sync, status: object, polled: list[float]
) -> None:
    syncs = Syncs(clock, *news)
    try:
        found: object = follow(syncs, handoff, given(wait=False), run).status
    except errors.SyncNotFoundError as error:
        found = error
    assert (found, syncs.polled) == (status, polled)


def test_each_poll_gets_the_handoff_that_the_one_before_left(run: Run, clock: FakeClock) -> None:
    syncs = Syncs(clock, R, R, S)
    follow(syncs, OLD, given(wait=True), run)
    assert [one.sync_id for one in syncs.handoffs] == ["run_7", "run_7+", "run_7++"]


@pytest.mark.parametrize(("known", "expected"), [(None, "source_1"), ("given", "given")])
def test_what_the_vendor_reports_is_kept_for_the_result(
    run: Run, clock: FakeClock, known: str | None, expected: str
) -> None:
    run.report.id = known
    news = (R._replace(details={"rows": 1}), R._replace(details={"rows": 2, "at": "x"}), S)
    follow(Syncs(clock, *news), OLD, given(wait=True), run)
    assert (run.report.id, run.report.details) == (expected, {"rows": 2, "at": "x"})
    assert run.report.still_running == "the sync of source source_1 may still be running in Acme"


def test_the_end_of_the_time_says_how_long_it_was_and_that_the_sync_is_still_running(
    run: Run, clock: FakeClock
) -> None:
    found = follow(Syncs(clock, R), OLD, given(wait=True, wait_timeout=7), run)
    assert found.status is SyncStatus.RUNNING
    assert found.message == "timed out after 7 min (it is running); the sync is still running in Acme"
    assert clock.elapsed == pytest.approx(7 * MINUTE)


def test_the_timeout_is_counted_from_the_start_of_the_process(run: Run, clock: FakeClock) -> None:
    clock.sleep(6 * MINUTE)  # waiting for another sync, before this one was started
    follow(Syncs(clock, R), OLD, given(wait=True, wait_timeout=7), run)
    assert clock.elapsed == pytest.approx(7 * MINUTE)


def test_after_a_start_of_this_run_no_poll_need_succeed(run: Run, clock: FakeClock) -> None:
    run.report.started = True
    assert follow(Syncs(clock, UNREACHABLE, S), OLD, given(wait=True), run) == S
    found = follow(Syncs(clock, UNREACHABLE), OLD, given(wait=True, wait_timeout=7), run)
    assert found.message == "timed out after 7 min (no poll has succeeded); the sync may still be running in Acme"


def test_the_poll_interval_is_the_maximum_between_two_polls(run: Run, clock: FakeClock) -> None:
    syncs = Syncs(clock, R)
    syncs.min_interval = 10
    follow(syncs, OLD, given(wait=True, wait_timeout=30, poll_interval=3), run)
    assert max(after - before for before, after in zip(syncs.polled, syncs.polled[1:])) <= 3.3 + 1e-6


def test_a_sync_that_becomes_visible_within_a_minute_is_waited_for(
    run: Run, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert follow(Syncs(clock, *[NOT_FOUND] * 29, S), Sync(), given(wait=True), run) == S
    assert clock.elapsed == 58
    assert caplog.messages == ["Acme responded with 404; not visible yet, will retry"] * 29


def test_a_sync_that_does_not_become_visible_within_a_minute_is_not_found(run: Run, clock: FakeClock) -> None:
    with pytest.raises(errors.SyncNotFoundError):
        follow(Syncs(clock, NOT_FOUND), Sync(), given(wait=True), run)
    assert clock.elapsed == 60


@pytest.mark.parametrize(
    ("pause", "message", "elapsed"),
    [
        (24 * HOUR, "rescheduled", 0),
        (419, "rescheduled", 419),
        (420, "timed out after 7 min (rescheduled); the sync is still running in Acme", 420),
    ],
)
def test_a_sync_that_is_rescheduled_beyond_the_time_left_is_running(
    run: Run, clock: FakeClock, pause: float, message: str, elapsed: float
) -> None:
    rescheduled = R._replace(message="rescheduled", poll_again_in=pause)
    found = follow(Syncs(clock, rescheduled), OLD, given(wait=True, wait_timeout=7), run)
    assert (found.status, found.message, clock.elapsed) == (SyncStatus.RUNNING, message, elapsed)


# A check as a sensor

LATEST = Sync(server_time=None, is_latest=True)


def ended(status: SyncStatus, minutes: float | None) -> Verdict:
    return verdict(status, details={"rows": 1}, ended_at=minutes and NOW - timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("latest", "handoff", "tells_time", "status", "message"),
    [
        (ended(SyncStatus.SUCCEEDED, 60), LATEST, True, SyncStatus.SUCCEEDED, "it is succeeded"),
        (
            ended(SyncStatus.SUCCEEDED, 61),
            LATEST,
            True,
            SyncStatus.RUNNING,
            "T10:59:00Z, more than 60 min ago",
        ),
        (ended(SyncStatus.FAILED, 61), LATEST, True, SyncStatus.RUNNING, "no newer one yet"),
        (ended(SyncStatus.FAILED, 59), LATEST, True, SyncStatus.FAILED, "it is failed"),
        (ended(SyncStatus.RUNNING, 61), LATEST, True, SyncStatus.RUNNING, "it is running"),
        (ended(SyncStatus.SUCCEEDED, None), LATEST, True, SyncStatus.RUNNING, "it is not known how long ago"),
        (ended(SyncStatus.SUCCEEDED, 5), LATEST, False, SyncStatus.RUNNING, "it is not known how long ago"),
        (ended(SyncStatus.CANCELLED, None), LATEST, True, SyncStatus.CANCELLED, "it is cancelled"),
        (ended(SyncStatus.SUCCEEDED, 61), OLD, True, SyncStatus.SUCCEEDED, "it is succeeded"),
    ],
)
def test_a_latest_sync_that_ended_too_long_ago_counts_as_not_there_yet(
    run: Run,
    clock: FakeClock,
    latest: Verdict,
    handoff: Sync,
    tells_time: bool,
    status: SyncStatus,
    message: str,
) -> None:
    found = follow(Syncs(clock, latest, tells_time=tells_time), handoff, given(wait=False), run, max_age=60)
    assert (found.status, found.details) == (status, {"rows": 1})
    assert message in found.message


def test_a_sensor_that_times_out_does_not_claim_that_a_sync_is_running(run: Run, clock: FakeClock) -> None:
    found = follow(Syncs(clock, ended(SyncStatus.SUCCEEDED, 61)), LATEST, given(wait=True, wait_timeout=7), run, 60)
    assert found.status is SyncStatus.RUNNING
    assert found.message.startswith("timed out after 7 min (the latest sync ended at 2026-11-22T10:59:00Z")
    assert found.message.endswith("no newer one yet)")


def test_a_sensor_that_waits_goes_on_until_a_sync_is_new_enough(run: Run, clock: FakeClock) -> None:
    old, new = ended(SyncStatus.SUCCEEDED, 61), verdict(SyncStatus.SUCCEEDED, ended_at=NOW + timedelta(minutes=1))
    assert follow(Syncs(clock, old, old, R, new), LATEST, given(wait=True), run, max_age=60) == new
