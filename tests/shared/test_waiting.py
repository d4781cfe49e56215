"""The wait loop: how it pauses, what it survives, and how it ends. No test waits."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable

import pytest
from shared.blueprint import Job
from shared.waiting import Wait, duration, follow, pause_before_next_look

from shared import errors
from shared.status import SyncStatus, Verdict
from tests.support import FakeClock, make_job

MINUTE, HOUR = 60, 3600
RUNNING = errors.SyncIncompleteError("it is running")
UNREACHABLE = errors.StatusCheckFailedError("Acme answered 503")
REFUSED = errors.InvalidCredentialsError("Acme answered 401")


def gave_up(last: str) -> errors.SyncIncompleteError:
    return errors.SyncIncompleteError(f"gave up ({last})")


def wait_of(clock: FakeClock, seconds: float = 4 * HOUR, *, least: float = 2, most: float = 60) -> Wait:
    return Wait(make_job(Path("unused"), "acme", clock), clock.monotonic() + seconds, least, most)


def in_turn(*news: object) -> Callable[[], Any]:
    """A look that raises or returns one of `news` after the other, and the last of them from then on."""
    left = list(news)

    def look() -> object:
        one = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(one, BaseException):
            raise one
        return one

    return look


def looks_at(clock: FakeClock, news: Callable[[], Any]) -> tuple[list[float], Callable[[], Any]]:
    """The seconds at which a look is taken, and the look."""
    times: list[float] = []

    def look() -> Any:
        times.append(clock.elapsed)
        return news()

    return times, look


# The pauses


@pytest.mark.parametrize(
    ("elapsed", "least", "most", "expected"),
    [
        (0, 2, 60, 2),
        (5, 2, 60, 2),
        (15, 2, 60, 3),
        (50, 2, 60, 10),
        (75, 2, 60, 15),
        (300, 2, 60, 15),
        (600, 2, 60, 15),
        (800, 2, 60, 20),
        (1200, 2, 60, 30),
        (2400, 2, 60, 60),
        (10_000, 2, 60, 60),
        (10_000, 2, 3600, 250),
        (4 * HOUR, 2, 3600, 360),
        (0, 10, 60, 10),
        (300, 10, 60, 15),
        (0, 5, 3, 3),
        (600, 2, 1, 1),
    ],
)
def test_the_pause_follows_the_time_waited_so_far(elapsed: float, least: float, most: float, expected: float) -> None:
    assert pause_before_next_look(elapsed, least, most) == expected


@pytest.mark.parametrize(
    ("scarce_for", "most", "earliest", "latest"),
    [(40, 60, 40, 44), (300, 60, 60, 60), (1, 60, 1.8, 2.2), (-5, 60, 1.8, 2.2), (40, 1, 1, 1.1)],
)
def test_where_few_requests_are_left_the_next_look_comes_after_the_reset(
    clock: FakeClock, scarce_for: float, most: float, earliest: float, latest: float
) -> None:
    wait = wait_of(clock, most=most)
    wait.job.scarce_until = clock.monotonic() + scarce_for
    times, look = looks_at(clock, in_turn(RUNNING, errors.SyncFailedError("over")))
    with pytest.raises(errors.SyncFailedError):
        wait.until(look, gave_up)
    assert earliest <= times[1] <= latest


@pytest.mark.parametrize(("least", "most"), [(2, 60), (10, 60), (5, 3), (2, 3600), (2, 1)])
def test_the_pauses_of_a_wait_are_within_a_tenth_of_the_rule(clock: FakeClock, least: float, most: float) -> None:
    times, look = looks_at(clock, in_turn(RUNNING))
    with pytest.raises(errors.SyncIncompleteError):
        wait_of(clock, least=least, most=most).until(look, gave_up)
    for before, after in zip(times, times[1:-1]):
        rule = min(max(min(before / 5, 15), before / 40, least), most)
        assert 0.9 * rule - 1e-6 <= after - before <= 1.1 * rule + 1e-6


def test_the_pauses_have_jitter(clock: FakeClock) -> None:
    times, look = looks_at(clock, in_turn(RUNNING))
    with pytest.raises(errors.SyncIncompleteError):
        wait_of(clock, most=10).until(look, gave_up)
    assert len({round(after - before, 6) for before, after in zip(times[20:40], times[21:40])}) > 10


def test_the_first_look_is_taken_at_once(clock: FakeClock) -> None:
    assert wait_of(clock).until(in_turn("done"), gave_up) == "done"
    assert clock.sleeps == []


def test_a_sync_just_started_is_given_a_pause_first(clock: FakeClock) -> None:
    wait_of(clock, least=2).until(in_turn("done"), gave_up, pause_first=True)
    assert 1.8 <= clock.elapsed <= 2.2


def test_a_wait_ends_with_the_first_look_that_is_no_longer_incomplete(clock: FakeClock) -> None:
    assert wait_of(clock).until(in_turn(RUNNING, RUNNING, "done"), gave_up) == "done"


@pytest.mark.parametrize(
    "ending",
    [
        errors.SyncFailedError("x"),
        errors.SyncCancelledError("x"),
        errors.UnknownStatusError("x"),
        errors.SyncNotFoundError("x"),
        errors.BadRequestError("x"),
        ValueError("a fault of ours"),
    ],
    ids=lambda ending: type(ending).__name__,
)
def test_any_other_news_ends_the_wait_at_once(clock: FakeClock, ending: Exception) -> None:
    times, look = looks_at(clock, in_turn(RUNNING, ending, "done"))
    with pytest.raises(type(ending)):
        wait_of(clock).until(look, gave_up)
    assert len(times) == 2


def test_a_look_may_say_when_to_look_again(clock: FakeClock) -> None:
    settling = errors.SyncIncompleteError("settling", look_again_in=2)
    wait_of(clock, least=30).until(in_turn(settling, "done"), gave_up)
    assert clock.elapsed == 2


def test_a_look_that_makes_sense_only_after_the_deadline_ends_the_wait_at_once(clock: FakeClock) -> None:
    put_off = errors.SyncIncompleteError("put off until tomorrow", look_again_in=24 * HOUR)
    with pytest.raises(errors.SyncIncompleteError, match="put off until tomorrow"):
        wait_of(clock, HOUR).until(in_turn(put_off), gave_up)
    assert clock.elapsed == 0


# The deadline


@pytest.mark.parametrize("seconds", [1, 61, HOUR, 4 * HOUR])
def test_a_wait_ends_at_its_deadline_after_a_last_look(clock: FakeClock, seconds: float) -> None:
    times, look = looks_at(clock, in_turn(RUNNING))
    with pytest.raises(errors.SyncIncompleteError, match=r"gave up \(it is running\)"):
        wait_of(clock, seconds).until(look, gave_up)
    assert clock.elapsed == pytest.approx(seconds)
    assert times[-1] == pytest.approx(seconds)


def test_a_success_at_the_deadline_counts(clock: FakeClock) -> None:
    wait = wait_of(clock, 100, most=3600, least=3600)
    assert wait.until(in_turn(RUNNING, "done"), gave_up) == "done"
    assert clock.elapsed == pytest.approx(100)


def test_a_wait_whose_deadline_is_over_looks_once(clock: FakeClock) -> None:
    times, look = looks_at(clock, in_turn(RUNNING))
    with pytest.raises(errors.SyncIncompleteError, match="gave up"):
        wait_of(clock, -5).until(look, gave_up)
    assert (len(times), clock.sleeps) == (1, [])


@pytest.mark.parametrize("offset", [-1e6, 1e6])
def test_the_local_wall_clock_decides_nothing(offset: float) -> None:
    clock = FakeClock(offset)
    with pytest.raises(errors.SyncIncompleteError, match="gave up"):
        wait_of(clock, HOUR).until(in_turn(RUNNING), gave_up)
    assert clock.elapsed == pytest.approx(HOUR)


def test_looks_that_fail_at_the_deadline_end_the_wait_by_it(clock: FakeClock) -> None:
    with pytest.raises(errors.SyncIncompleteError, match=r"gave up \(it is running\)"):
        wait_of(clock, 60).until(in_turn(RUNNING, UNREACHABLE), gave_up)


# What is survived


@pytest.mark.parametrize("fault", [UNREACHABLE, REFUSED], ids=["unreachable", "refused"])
def test_a_first_look_that_fails_ends_the_wait_at_once(clock: FakeClock, fault: errors.BlueprintError) -> None:
    with pytest.raises(type(fault)):
        wait_of(clock).until(in_turn(fault, "done"), gave_up)
    assert clock.sleeps == []


@pytest.mark.parametrize("fault", [UNREACHABLE, REFUSED], ids=["unreachable", "refused"])
def test_a_first_look_that_fails_is_survived_after_a_start_of_ones_own(
    clock: FakeClock, fault: errors.BlueprintError
) -> None:
    assert wait_of(clock).until(in_turn(fault, "done"), gave_up, proven=True) == "done"


def failing_for(clock: FakeClock, seconds: float, fault: Exception) -> Callable[[], Any]:
    """Running, then failing from the second look on for `seconds`, then done."""
    begun: list[float] = []

    def look() -> str:
        begun.append(clock.elapsed)
        if len(begun) == 1:
            raise RUNNING
        if clock.elapsed - begun[1] < seconds:
            raise fault
        return "done"

    return look


@pytest.mark.parametrize("minutes", [1, 5, 14])
def test_failing_looks_are_survived_for_15_minutes(clock: FakeClock, minutes: float) -> None:
    assert wait_of(clock).until(failing_for(clock, minutes * MINUTE, UNREACHABLE), gave_up) == "done"


def test_looks_that_fail_for_more_than_15_minutes_in_a_row_end_the_wait(clock: FakeClock) -> None:
    times, look = looks_at(clock, failing_for(clock, HOUR, UNREACHABLE))
    with pytest.raises(errors.StatusCheckFailedError, match="503") as caught:
        wait_of(clock).until(look, gave_up)
    assert caught.value.exit_code == 220
    assert 15 * MINUTE <= times[-1] - times[1] <= 17 * MINUTE


def test_a_good_look_in_between_makes_the_15_minutes_begin_anew(clock: FakeClock) -> None:
    def look() -> Any:
        if clock.elapsed > 2 * HOUR:
            return "done"
        raise UNREACHABLE if clock.elapsed % (14 * MINUTE) > 2 * MINUTE else RUNNING

    assert wait_of(clock).until(look, gave_up) == "done"


def test_refused_credentials_are_survived_three_times_in_a_row(clock: FakeClock) -> None:
    assert wait_of(clock).until(in_turn(RUNNING, REFUSED, REFUSED, REFUSED, "done"), gave_up) == "done"


def test_credentials_refused_more_often_in_a_row_end_the_wait(clock: FakeClock) -> None:
    times, look = looks_at(clock, in_turn(RUNNING, REFUSED))
    with pytest.raises(errors.StatusCheckFailedError, match="401") as caught:
        wait_of(clock).until(look, gave_up)
    assert (caught.value.exit_code, len(times)) == (220, 5)


def test_a_good_look_in_between_makes_the_refusals_count_anew(clock: FakeClock) -> None:
    looks = [RUNNING, REFUSED, REFUSED, REFUSED] * 5
    assert wait_of(clock).until(in_turn(*looks, "done"), gave_up) == "done"


@pytest.mark.parametrize("seconds", [61, 600, 3000])
def test_a_long_retry_after_is_kept_while_waiting(clock: FakeClock, seconds: float) -> None:
    busy = errors.StatusCheckFailedError("busy", retry_after=seconds)
    times, look = looks_at(clock, in_turn(RUNNING, busy, "done"))
    assert wait_of(clock, HOUR).until(look, gave_up) == "done"
    assert times[2] - times[1] == pytest.approx(seconds)


def test_a_retry_after_longer_than_the_time_left_ends_the_wait_at_once(clock: FakeClock) -> None:
    busy = errors.StatusCheckFailedError("busy, come back in 3600 s", retry_after=3600)
    with pytest.raises(errors.StatusCheckFailedError, match="3600 s"):
        wait_of(clock, 3599).until(in_turn(RUNNING, busy), gave_up)
    assert clock.elapsed < 5


def test_looks_that_only_ever_hear_a_long_retry_after_fail_for_15_minutes_at_most(clock: FakeClock) -> None:
    busy = errors.StatusCheckFailedError("busy", retry_after=120)
    with pytest.raises(errors.StatusCheckFailedError):
        wait_of(clock).until(in_turn(RUNNING, busy), gave_up)
    assert clock.elapsed <= 18 * MINUTE


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


def test_a_change_is_logged_once(clock: FakeClock, heard: Heard) -> None:
    queued, running = errors.SyncIncompleteError("it is queued"), errors.SyncIncompleteError("it runs")
    wait_of(clock).until(in_turn(queued, queued, running, running, running, "done"), gave_up)
    assert [text for _, text in heard.lines] == ["it is queued", "it runs"]


@pytest.mark.parametrize("most", [7, 60, 299, 300, 301, 3600])
def test_a_line_is_logged_at_least_every_five_minutes(clock: FakeClock, heard: Heard, most: float) -> None:
    with pytest.raises(errors.SyncIncompleteError):
        wait_of(clock, least=most, most=most).until(in_turn(RUNNING), gave_up)
    assert heard.longest_silence <= 300 + 1e-6


def test_a_heartbeat_tells_what_is_waited_for_and_since_when(clock: FakeClock, heard: Heard) -> None:
    with pytest.raises(errors.SyncIncompleteError):
        wait_of(clock, 11 * MINUTE).until(in_turn(RUNNING), gave_up)
    beats = [text for _, text in heard.lines[1:]]
    assert len(beats) == 2
    assert "it is running" in beats[0]
    assert "5 min" in beats[0]
    assert "10 min" in beats[1]


def test_a_long_retry_after_is_no_silence(clock: FakeClock, heard: Heard) -> None:
    busy = errors.StatusCheckFailedError("busy", retry_after=3000)
    wait_of(clock, HOUR).until(in_turn(RUNNING, busy, "done"), gave_up)
    assert heard.longest_silence <= 300 + 1e-6


def test_a_failed_look_is_logged(clock: FakeClock, heard: Heard) -> None:
    wait_of(clock).until(in_turn(RUNNING, UNREACHABLE, REFUSED, "done"), gave_up)
    assert any("503" in text for _, text in heard.lines)
    assert any("401" in text for _, text in heard.lines)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.6, "1 min 0 s"), (270, "4 min 30 s"), (3600, "1 h 0 s"), (3661, "1 h 1 min 1 s")],
)
def test_a_duration_is_told_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


# One look, or all of them


@pytest.fixture
def job(tmp_path: Path, clock: FakeClock) -> Job:
    return make_job(tmp_path, "acme", clock)


def waiting(*, wait: bool = True, timeout: int = 230, interval: int = 60) -> Any:
    return SimpleNamespace(wait=wait, wait_timeout=timeout, poll_interval=interval)


def verdicts(*statuses: SyncStatus, confirm_in: float | None = None) -> Iterable[Verdict]:
    return [
        Verdict(status, status.value, confirm_in=confirm_in if status is SyncStatus.RUNNING else None)
        for status in statuses
    ]


R, S, F = SyncStatus.RUNNING, SyncStatus.SUCCEEDED, SyncStatus.FAILED


def test_without_waiting_one_look_is_taken(job: Job, clock: FakeClock) -> None:
    times, look = looks_at(clock, in_turn(*verdicts(R, S)))
    with pytest.raises(errors.SyncIncompleteError):
        follow(look, waiting(wait=False), job, least=2, vendor="Acme")
    assert (len(times), clock.sleeps) == (1, [])


@pytest.mark.parametrize("second", [S, F])
def test_without_waiting_a_second_look_is_taken_where_the_vendors_rule_asks_for_it(
    job: Job, clock: FakeClock, second: SyncStatus
) -> None:
    look = in_turn(*verdicts(R, second, confirm_in=2))
    try:
        outcome = follow(look, waiting(wait=False), job, least=2, vendor="Acme").outcome
    except errors.BlueprintError as error:
        outcome = error.outcome
    assert (outcome, clock.sleeps) == (second.value, [2])


def test_waiting_ends_with_the_outcome(job: Job) -> None:
    result = follow(in_turn(*verdicts(R, R, S)), waiting(), job, least=2, vendor="Acme")
    assert result.outcome == "succeeded"


def test_waiting_raises_a_failure(job: Job) -> None:
    with pytest.raises(errors.SyncFailedError):
        follow(in_turn(*verdicts(R, R, F)), waiting(), job, least=2, vendor="Acme")


def test_giving_up_says_for_how_long_and_that_the_sync_goes_on(job: Job, clock: FakeClock) -> None:
    with pytest.raises(errors.SyncIncompleteError, match=r"7 min.*goes on at Acme"):
        follow(in_turn(*verdicts(R)), waiting(timeout=7), job, least=2, vendor="Acme")
    assert clock.elapsed == pytest.approx(7 * MINUTE)


def test_the_timeout_is_counted_from_the_start_of_the_process(job: Job, clock: FakeClock) -> None:
    clock.sleep(6 * MINUTE)  # waiting for another sync, before this one was started
    with pytest.raises(errors.SyncIncompleteError):
        follow(in_turn(*verdicts(R)), waiting(timeout=7), job, least=2, vendor="Acme")
    assert clock.elapsed == pytest.approx(7 * MINUTE)


def test_the_poll_interval_is_the_longest_time_between_two_looks(job: Job, clock: FakeClock) -> None:
    times, look = looks_at(clock, in_turn(*verdicts(R)))
    with pytest.raises(errors.SyncIncompleteError):
        follow(look, waiting(interval=3), job, least=10, vendor="Acme")
    assert max(after - before for before, after in zip(times, times[1:])) <= 3.3 + 1e-6


@pytest.mark.parametrize("just_started", [True, False])
def test_a_look_that_is_refused_while_waiting_is_survived_for_the_sync_was_not_refused(
    job: Job, just_started: bool
) -> None:
    refused = errors.BadRequestError("Acme refused the request with 418")
    looks = in_turn(*([] if just_started else verdicts(R)), refused, *verdicts(S))
    assert follow(looks, waiting(), job, least=2, vendor="Acme", just_started=just_started).outcome == "succeeded"
    with pytest.raises(errors.StatusCheckFailedError, match="418"):
        follow(in_turn(*verdicts(R), refused), waiting(), job, least=2, vendor="Acme", just_started=just_started)


def test_a_check_whose_first_look_is_refused_ends_at_once(job: Job, clock: FakeClock) -> None:
    with pytest.raises(errors.BadRequestError):
        follow(in_turn(errors.BadRequestError("418")), waiting(), job, least=2, vendor="Acme")
    assert clock.sleeps == []


def test_after_a_start_of_ones_own_failing_looks_are_survived_from_the_first_on(job: Job) -> None:
    looks = in_turn(UNREACHABLE, *verdicts(S))
    assert follow(looks, waiting(), job, least=2, vendor="Acme", just_started=True).outcome == "succeeded"
