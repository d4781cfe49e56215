"""One wait loop, on a clock that is passed in."""

from __future__ import annotations

import logging
import math
import random
from typing import TYPE_CHECKING, TypeVar

from shared.errors import (
    BadRequestError,
    BlueprintError,
    InvalidCredentialsError,
    StatusCheckFailedError,
    SyncIncompleteError,
)
from shared.status import Result, Verdict, result_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.blueprint import Job
    from shared.protocols import Waiting

log = logging.getLogger(__name__)

HEARTBEAT = 300  # seconds: a log line at least so often
FAILING_AT_MOST = 900  # seconds of failed looks in a row
REFUSED_AT_MOST = 3  # looks in a row that are answered 401 or 403

T = TypeVar("T")


def follow(
    look: Callable[[], Verdict], given: Waiting, job: Job, *, least: float, vendor: str, just_started: bool = False
) -> Result:
    """Look at a sync once, or until it has ended if so wished. Raises the error of any end but a success.

    `least` is the shortest pause in seconds. `just_started` says that this run has started the sync.
    """

    def gave_up(last: str) -> SyncIncompleteError:
        return SyncIncompleteError(
            f"gave up waiting after {given.wait_timeout} min ({last}); the sync goes on at {vendor}"
        )

    proven = just_started

    def waited_for() -> Result:
        nonlocal proven
        try:
            verdict = look()
        except BadRequestError as error:
            if not proven:
                raise
            # The sync runs, and was seen before: what refuses or redirects this look is a passing fault on the way.
            raise StatusCheckFailedError(str(error)) from error
        proven = True
        return result_of(verdict)

    if given.wait:
        return Wait.of(job, given, least).until(waited_for, gave_up, proven=just_started, pause_first=just_started)
    verdict = look()
    if verdict.confirm_in is not None:
        job.clock.sleep(verdict.confirm_in)
        verdict = look()
    return result_of(verdict)


class Wait:
    """Looks again and again, more rarely the longer it takes."""

    def __init__(self, job: Job, deadline: float, least: float, most: float) -> None:
        """`deadline` is an instant of the monotonic clock; `least` and `most` are the shortest and the longest pause.

        All are seconds. `most`, the user's poll interval, wins over `least`.
        """
        self.job = job
        self.clock = job.clock
        self.deadline = deadline
        self.least = least
        self.most = most
        self.begun = self.clock.monotonic()
        self.failure: StatusCheckFailedError | None = None  # of the last look, if it failed

    @classmethod
    def of(cls, job: Job, given: Waiting, least: float, *, within: float = math.inf) -> Wait:
        """A wait of at most `within` seconds, and no longer than the run may wait; nothing is tried again after it."""
        job.deadline = min(job.began + given.wait_timeout * 60, job.clock.monotonic() + within)
        return cls(job, job.deadline, least, given.poll_interval)

    @property
    def left(self) -> float:
        """Seconds until the deadline, 0 once it is over."""
        return max(0.0, self.deadline - self.clock.monotonic())

    def until(
        self,
        look: Callable[[], T],
        gave_up: Callable[[str], BlueprintError],
        *,
        proven: bool = False,
        pause_first: bool = False,
    ) -> T:
        """What `look` returns once it no longer raises SyncIncompleteError.

        `proven` says that the vendor has answered well before, so that failing looks are survived from the first one.
        Raises `gave_up(message)` at the deadline, StatusCheckFailedError if looks fail for too long, and whatever else
        a look raises.
        """
        failing_since: float | None = None
        refused = 0
        last = ""
        pause = self._pause() if pause_first else None
        while True:
            if pause is not None:
                self._sleep(pause, last)
            pause = None
            self.failure = None
            try:
                return look()
            except SyncIncompleteError as news:
                proven, failing_since, refused = True, None, 0
                if str(news) != last:
                    log.info("%s", news)
                    last = str(news)
                pause = news.look_again_in
                if pause is not None and pause > self.left:
                    raise
            except InvalidCredentialsError as error:
                refused += 1
                if not proven:
                    raise
                if refused > REFUSED_AT_MOST:
                    raise StatusCheckFailedError(f"{error}; {refused} looks in a row were refused") from error
                log.warning("%s; looking again", error)
            except StatusCheckFailedError as error:
                if not proven:
                    raise
                self.failure = error
                pause, failing_since = self._survived(error, failing_since)
            if self.left <= 0:
                raise gave_up(last or "nothing was seen of it")
            pause = self._pause() if pause is None else pause

    def _survived(self, error: StatusCheckFailedError, failing_since: float | None) -> tuple[float, float]:
        """The pause after a failed look and since when looks fail. Raises the error after too long."""
        now = self.clock.monotonic()
        failing_since = now if failing_since is None else failing_since
        if now - failing_since >= FAILING_AT_MOST:
            raise StatusCheckFailedError(f"{error}; looks have failed for {duration(now - failing_since)}") from error
        if error.retry_after is not None and error.retry_after > self.left:
            raise error
        log.warning("%s; looking again", error)
        usual = self._pause()
        return usual if error.retry_after is None else max(error.retry_after, usual), failing_since

    @property
    def _elapsed(self) -> float:
        return self.clock.monotonic() - self.begun

    def _pause(self) -> float:
        pause = pause_before_next_look(self._elapsed, self.least, self.most) * random.uniform(0.9, 1.1)
        scarce_for = (self.job.scarce_until - self.clock.monotonic()) * random.uniform(1, 1.1)  # not all at once
        return max(pause, min(scarce_for, self.most))

    def _sleep(self, seconds: float, last: str) -> None:
        """Sleep, at most until the deadline, with a log line every five minutes of the whole wait."""
        until = min(self.clock.monotonic() + seconds, self.deadline)
        while True:
            now = self.clock.monotonic()
            if now >= until:
                return
            to_heartbeat = HEARTBEAT - self._elapsed % HEARTBEAT
            if to_heartbeat < 0.001:  # what is left of a heartbeat that has just been logged
                to_heartbeat += HEARTBEAT
            self.clock.sleep(min(until - now, to_heartbeat))
            if to_heartbeat <= until - now:
                log.info("%s (%s so far)", last or "still waiting", duration(self._elapsed))


def pause_before_next_look(elapsed: float, least: float, most: float) -> float:
    """Seconds to wait after `elapsed` seconds of waiting: a fifth of it up to 15, from ten minutes on a fortieth."""
    return min(max(min(elapsed / 5, 15.0), elapsed / 40, least), most)


def duration(seconds: float) -> str:
    """Seconds in words: `4 min 30 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return " ".join(
        f"{number} {unit}" for number, unit in ((hours, "h"), (minutes, "min"), (rest, "s")) if number or unit == "s"
    )
