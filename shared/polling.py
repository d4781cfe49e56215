"""Polling once, a few times, or until a deadline; the loops run over verdicts, on a clock that is passed in."""

from __future__ import annotations

import logging
import random
from datetime import datetime, timedelta
from typing import Any, Callable, Protocol, TypeVar

from shared.context import Run
from shared.errors import (
    BadRequestError,
    BlueprintError,
    InvalidCredentialsError,
    StatusCheckFailedError,
    SyncNotFoundError,
)
from shared.handoff import H
from shared.inputs import Inputs
from shared.record import Record
from shared.status import SyncStatus, Verdict
from shared.timestamps import format_duration, format_timestamp
from shared.transport import Clock

log = logging.getLogger(__name__)

HEARTBEAT = 300  # seconds; a wait logs a line at least this often
MAX_FAILING = 900  # seconds of failed polls in a row
MAX_REFUSED = 3  # polls in a row that get a 401 or 403
VISIBLE_WITHIN = timedelta(seconds=60)  # what a vendor has just confirmed may be "not found" for this long
NO_POLL = "no poll has succeeded"
BRIEF_PAUSE = 2.0  # seconds between the polls of a check that does not wait

T = TypeVar("T")
S = TypeVar("S", bound="State")


class State(Protocol):
    """What a vendor shows before a start."""

    @property
    def running(self) -> bool: ...


class Syncs(Protocol[S, H]):
    """What starting and polling need of a vendor.

    `label` names what is synced, in messages. `min_interval` is seconds between two polls. `now` is the server's clock,
    None as long as it is unknown. `poll` is what the vendor shows now, and the handoff with what the next poll must
    know.
    """

    vendor: str
    min_interval: float

    @property
    def label(self) -> str: ...
    def now(self) -> datetime | None: ...
    def poll(self, handoff: H) -> tuple[Verdict, H]: ...

    # Before a start; raises SyncNotFoundError, and BadRequestError for what cannot run.
    def read(self) -> S: ...
    # The handoff of the running sync; the state once it is out of the way, or SyncAlreadyRunningError if it stays.
    def join(self, state: S) -> H: ...
    def restart(self, state: S, pace: Pace) -> S: ...

    # The handoff as far as it is known before the request, and the one request that starts. `again` is after a lost one
    # that nothing shows to have been accepted, if a second one is harmless should it have been accepted after all.
    def draft(self, state: S) -> H: ...
    def send(self, state: S, *, again: bool) -> H: ...
    def may_send_again(self, state: S) -> bool: ...
    # After a lost response: the sync that the request started, None if nothing shows one; raises StartUnclearError if
    # no later poll can show it.
    def find_started(self, state: S) -> H | None: ...


class Pending(Record):
    """A poll whose result is not final. `failure` is the error of the last poll, if that failed."""

    message: str
    poll_again_in: float | None = None
    failure: BlueprintError | None = None


class Pace:
    """How long to wait between two polls, and until when."""

    def __init__(self, clock: Clock, deadline: float, min_interval: float, max_interval: float) -> None:
        """`deadline` is an instant of the monotonic clock; `max_interval`, the user's, wins over `min_interval`."""
        self.clock = clock
        self._deadline = deadline
        self._min = min_interval
        self._max = max_interval
        self._begun = clock.monotonic()

    @property
    def left(self) -> float:
        """Seconds until the deadline, 0 once it is over."""
        return max(0.0, self._deadline - self.clock.monotonic())

    def interval(self) -> float:
        """Seconds until the next poll; the longer the wait, the longer they get."""
        return next_interval(self._elapsed, self._min, self._max) * random.uniform(0.9, 1.1)

    def sleep(self, seconds: float, message: str) -> None:
        """Sleep, at most until the deadline, with a log line every five minutes of the whole wait."""
        until = min(self.clock.monotonic() + seconds, self._deadline)
        while self.clock.monotonic() < until:
            left = until - self.clock.monotonic()
            to_heartbeat = HEARTBEAT - self._elapsed % HEARTBEAT
            if to_heartbeat < 0.001:  # what is left of one that has just been logged
                to_heartbeat += HEARTBEAT
            self.clock.sleep(min(left, to_heartbeat))
            if to_heartbeat < left + 0.001:
                log.info("%s (%s so far)", message or "still waiting", format_duration(self._elapsed))

    @property
    def _elapsed(self) -> float:
        return self.clock.monotonic() - self._begun


def next_interval(elapsed: float, min_interval: float, max_interval: float) -> float:
    """Seconds to wait after `elapsed` seconds of waiting: a fifth of it up to 15, from ten minutes on a fortieth."""
    return min(max(min(elapsed / 5, 15.0), elapsed / 40, min_interval), max_interval)


def follow(syncs: Syncs[Any, H], handoff: H, given: Inputs, run: Run) -> Verdict:
    """Poll a sync once or, with `given.wait`, until it has ended or time is up; then the verdict is "still running".

    With `given.max_age`, in minutes, a latest sync that ended longer ago does not count. Raises the errors of
    `shared.api.Api.get`.
    """
    current = handoff
    run.report.id = run.report.id or handoff.id
    run.report.still_running = f"the sync of {handoff.label} may still be running in {syncs.vendor}"

    def poll() -> Verdict:
        nonlocal current
        verdict, current = syncs.poll(current)
        run.report.details.update(verdict.details)
        return _unless_old(verdict, syncs.now(), given.max_age if handoff.is_latest else None)

    def is_young() -> bool:
        now, started_at = syncs.now(), handoff.server_time
        return now is not None and started_at is not None and now - started_at < VISIBLE_WITHIN

    if not given.wait:
        return _poll_briefly(poll, is_young, run.clock)

    def ended() -> Verdict | Pending:
        verdict = poll()
        return Pending(verdict.message, verdict.poll_again_in) if verdict.status is SyncStatus.RUNNING else verdict

    pace = Pace(run.clock, run.deadline(given), syncs.min_interval, given.poll_interval)
    found = poll_until(ended, pace, seen=run.report.started, is_young=is_young)
    if isinstance(found, Verdict):
        return found
    if found.poll_again_in is not None and pace.left > 0:  # the next poll would come too late to wait for
        return Verdict(SyncStatus.RUNNING, found.message)
    after = f"timed out after {given.wait_timeout} min ({found.message})"
    if handoff.is_latest:  # there may be no sync at all
        return Verdict(SyncStatus.RUNNING, after)
    stands = "may still be running" if found.failure or found.message == NO_POLL else "is still running"
    return Verdict(SyncStatus.RUNNING, f"{after}; the sync {stands} in {syncs.vendor}")


def poll_until(
    poll: Callable[[], T | Pending],
    pace: Pace,
    *,
    seen: bool = False,
    is_young: Callable[[], bool] = lambda: False,
    final: tuple[type[BlueprintError], ...] = (),
) -> T | Pending:
    """What `poll` returns once it is not Pending; the last Pending when the time is over.

    `seen` says that the vendor has responded before in this run: then polling starts with a pause, and failed polls are
    survived from the first one. `is_young` says whether what is polled may still be invisible. Raises the errors in
    `final` at once, and StatusCheckFailedError if polls fail for too long.
    """
    survival = _Survival(pace, is_young, seen=seen)
    last = Pending(NO_POLL)
    if seen:
        pace.sleep(pace.interval(), "")
    while True:
        try:
            found = poll()
        except final:
            raise
        except BlueprintError as error:
            pause = survival.pause_after(error)
        else:
            if not isinstance(found, Pending):
                return found
            survival.succeeded()
            if found.message != last.message:
                log.info("%s", found.message)
            last, pause = found, found.poll_again_in
            if pause is not None and pause > pace.left:
                return last
        if pace.left <= 0:
            return last._replace(failure=survival.failure)
        pace.sleep(pace.interval() if pause is None else pause, last.message)


class _Survival:
    """Which failed polls a wait survives, and for how long."""

    def __init__(self, pace: Pace, is_young: Callable[[], bool], *, seen: bool) -> None:
        self._pace = pace
        self._is_young = is_young
        self._seen = seen
        self._refused = 0
        self._failing_since: float | None = None
        self.failure: StatusCheckFailedError | None = None  # of the last poll, if it failed

    def succeeded(self) -> None:
        self._seen, self._refused, self._failing_since, self.failure = True, 0, None, None

    def pause_after(self, error: BlueprintError) -> float | None:
        """Seconds to wait before the next poll, None for the usual interval. Raises the error if it is not survived."""
        if isinstance(error, SyncNotFoundError) and self._is_young():
            log.info("%s; not visible yet, will retry", error)
            return BRIEF_PAUSE
        if not self._seen:
            raise error
        if isinstance(error, InvalidCredentialsError):
            self._refused += 1
            if self._refused > MAX_REFUSED:
                raise StatusCheckFailedError(f"{error}; {self._refused} polls in a row were refused") from error
            log.warning("%s; will retry", error)
            return None
        if isinstance(error, (BadRequestError, SyncNotFoundError)):  # something in between refuses it
            error = StatusCheckFailedError(str(error))
        if not isinstance(error, StatusCheckFailedError):
            raise error
        self.failure = error
        now = self._pace.clock.monotonic()
        self._failing_since = now if self._failing_since is None else self._failing_since
        if now - self._failing_since >= MAX_FAILING:
            failing = format_duration(now - self._failing_since)
            raise StatusCheckFailedError(f"{error}; polls have failed for {failing}") from error
        pause = error.retry_after
        if pause is not None and pause > self._pace.left:
            raise error
        log.warning("%s; will retry", error)
        return None if pause is None else max(pause, self._pace.interval())


def _poll_briefly(poll: Callable[[], Verdict], is_young: Callable[[], bool], clock: Clock) -> Verdict:
    """One poll, and a few more where a vendor's rule asks for one or a confirmed sync is not visible yet."""
    for is_last in (False, False, True):
        try:
            verdict = poll()
        except SyncNotFoundError as error:
            if not is_young():
                raise
            verdict = Verdict(SyncStatus.RUNNING, f"not visible yet ({error})", poll_again_in=BRIEF_PAUSE)
        if is_last or verdict.poll_again_in is None:
            break
        clock.sleep(verdict.poll_again_in)
    return verdict


def _unless_old(verdict: Verdict, now: datetime | None, max_age: int | None) -> Verdict:
    """The verdict on a latest sync, unless that ended too long ago: then a newer one is waited for."""
    if max_age is None or verdict.status is SyncStatus.RUNNING:
        return verdict
    if now is None or verdict.ended_at is None:
        if verdict.status is not SyncStatus.SUCCEEDED:
            return verdict
        return Verdict(SyncStatus.RUNNING, f"{verdict.message}, but it is not known how long ago", verdict.details)
    if now - verdict.ended_at <= timedelta(minutes=max_age):
        return verdict
    ended = f"the latest sync ended at {format_timestamp(verdict.ended_at)}, more than {max_age} min ago"
    return Verdict(SyncStatus.RUNNING, f"{ended}; no newer one yet", verdict.details)
