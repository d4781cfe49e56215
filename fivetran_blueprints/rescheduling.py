"""What Fivetran rescheduled on a manual schedule does not run unless it is triggered again."""

from __future__ import annotations

import logging
import math
from datetime import datetime
from typing import Callable

from fivetran_blueprints.verdict import Connection
from shared.context import Run
from shared.errors import SyncAlreadyRunningError, SyncNotStartedError
from shared.status import SyncStatus, Verdict

log = logging.getLogger(__name__)

MARGIN = 60  # seconds after the time that Fivetran names
STALE_FOR = 60  # seconds in which a connection may go on showing the state before a start


class Rescheduling:
    """While waiting: triggers again what was rescheduled, once its time has come, until that is accepted.

    Nothing is interrupted by it or started twice: with force false Fivetran runs it only if none is running.
    """

    def __init__(self, run: Run, deadline: float, request: Callable[[], object], now: Callable[[], datetime]) -> None:
        """`request` triggers with force false; `now` is the server's clock; `deadline` is when waiting ends."""
        self._clock = run.clock
        self._deadline = deadline
        self._request = request
        self._now = now
        self._begun = run.clock.monotonic()
        self._before: datetime | None = None
        self._done: datetime | None = None  # what was rescheduled for this time was triggered again
        self._not_before = -math.inf  # the instant from which on that may be tried once more

    def remember(self, before: Connection) -> None:
        """What the connection showed before the start, and may go on showing for a while."""
        self._before = before.rescheduled_for

    def handle(self, verdict: Verdict, shown: Connection) -> Verdict:
        """The verdict, which asks for a poll beyond the deadline where the time that Fivetran names comes too late."""
        due = shown.rescheduled_for
        if verdict.status is not SyncStatus.RUNNING or not shown.needs_another_trigger or due is None:
            return verdict
        clock = self._clock.monotonic()
        if due == self._before and clock - self._begun < STALE_FOR:
            return verdict
        seconds = (due - self._now()).total_seconds() + MARGIN
        if clock + seconds > self._deadline:
            return verdict._replace(
                message=f"{verdict.message}; that is later than this run may wait", poll_again_in=seconds
            )
        if seconds <= 0 and clock >= self._not_before and due != self._done:
            self._not_before = clock + MARGIN
            self._trigger_again(due)
        return verdict

    def _trigger_again(self, due: datetime) -> None:
        try:
            self._request()
            self._done = due
        except SyncAlreadyRunningError:
            self._done = due
        except SyncNotStartedError as error:
            log.warning("triggering the rescheduled sync again: %s; will retry", error)
