"""Fivetran's syncs: starting them in three ways, following them, and the handoff."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Callable, NamedTuple, Optional

from fivetran_blueprints.api import FivetranApi, dashboard
from fivetran_blueprints.inputs import Credentials
from fivetran_blueprints.rescheduling import Rescheduling
from fivetran_blueprints.verdict import Baseline, Connection, judge, judge_latest
from shared.context import Run
from shared.errors import (
    BadRequestError,
    InvalidInputError,
    StartUnclearError,
    SyncAlreadyRunningError,
)
from shared.files import response_file
from shared.handoff import identifier, moment
from shared.pickles import Plain
from shared.polling import Pace
from shared.status import SyncStatus, Verdict
from shared.timestamps import format_timestamp
from shared.transport import Response

log = logging.getLogger(__name__)

CLOCK_MARGIN = timedelta(seconds=2)  # between two servers of the vendor's
QUICK = 5  # seconds in which a response is quick, and in which a running sync hardly ends by itself


class Handoff(NamedTuple):
    """A sync that was started (or joined). Without a baseline the latest sync is judged."""

    connector_id: str
    baseline: Optional[Baseline] = None
    joined: bool = False
    sync_id: Optional[str] = None  # Fivetran returns none

    @property
    def id(self) -> str:
        return self.connector_id

    @property
    def label(self) -> str:
        return self.connector_id

    @property
    def server_time(self) -> datetime | None:
        return self.baseline and self.baseline.accepted_at

    @property
    def is_latest(self) -> bool:
        return self.baseline is None

    @property
    def earliest_start(self) -> datetime | None:
        """The sync cannot have started before; None where that is not known."""
        if self.baseline is None or self.joined:
            return None
        return self.baseline.earliest_end or self.baseline.accepted_at - CLOCK_MARGIN

    @classmethod
    def latest(cls, connector_id: str | None) -> Handoff:
        """For a check on its own: the latest sync. Raises InvalidInputError without an id."""
        if connector_id is None:
            raise InvalidInputError(
                "FIVETRAN_CONNECTOR_ID is not set, and no trigger before this check left a handoff: set it, or run the "
                "trigger first with the same artifacts folder"
            )
        return cls(connector_id)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Handoff:
        """From `sync.pickle`. Raises KeyError, TypeError or ValueError."""
        accepted_at = moment(plain["execution_time"])
        if accepted_at is None:
            raise TypeError("no time of execution")
        baseline = Baseline(
            moment(plain["succeeded_at"]),
            moment(plain["failed_at"]),
            accepted_at,
            moment(plain.get("earliest_end")),  # since 0.2
            interrupted=bool(plain["interrupted"]),
            historical=plain.get("historical") is True,
        )
        return cls(identifier(plain["connector_id"]), baseline, joined=bool(plain["joined"]))

    @classmethod
    def from_other_files(cls, file: Callable[[str], Any]) -> Sequence[Handoff]:
        """From the files of other programs: any stamp later than the time of execution is that of the sync."""
        pair = file("force_sync.pickle")
        if pair is None:
            pair = file("connector_id.pickle"), file("execution_time.pickle")
            if None in pair:
                return []
        connector_id, executed = pair
        at = moment(executed)
        if at is None:
            raise TypeError("no time of execution")
        return [cls(identifier(connector_id), Baseline(at, at, at))]

    def plain(self) -> dict[str, Plain]:
        baseline = self.baseline
        return {
            "connector_id": self.connector_id,
            "execution_time": baseline and baseline.accepted_at,
            "succeeded_at": baseline and baseline.succeeded_at,
            "failed_at": baseline and baseline.failed_at,
            "earliest_end": baseline and baseline.earliest_end,
            "interrupted": bool(baseline and baseline.interrupted),
            "historical": bool(baseline and baseline.historical),
            "joined": self.joined,
            "sync_id": self.sync_id,
        }

    def other_files(self) -> dict[str, Plain]:
        return {
            "force_sync.pickle": [self.connector_id, self.server_time],
            "connector_id.pickle": self.connector_id,
            "execution_time.pickle": self.server_time,
        }

    def is_exactly(self, given: Any) -> bool:
        return bool(given.connector_id == self.connector_id)


class Before(NamedTuple):
    """A connection before a start, and the server's clock then."""

    connection: Connection
    at: datetime
    restarting: bool = False  # a running sync, that shows or that a 409 reported, is stopped by the next request

    @property
    def running(self) -> bool:
        return self.connection.syncing

    @property
    def earliest_end(self) -> datetime:
        """Of a sync that is started from now on."""
        return self.at - CLOCK_MARGIN


class FivetranSyncs:
    """Starts syncs of one connection and polls them. Every method may raise the errors of `shared.api.Api`."""

    vendor = "Fivetran"
    min_interval = 2.0  # seconds
    historical = False  # whether a historical sync is started

    def __init__(
        self, given: Credentials, run: Run, connector_id: str, *, force: bool = False, deadline: float | None = None
    ) -> None:
        """`force` stops a running sync to start a new one; `deadline` is when waiting ends, None without."""
        self.api = FivetranApi(given, run)
        self.connector_id = connector_id
        self._run = run
        self._force = force
        self._sent = -math.inf  # the instant of the clock at which the last trigger request was sent
        self._rescheduling = None
        self._polled_at: datetime | None = None
        if deadline is not None:
            self.api.http.deadline = deadline
            self._rescheduling = Rescheduling(run, deadline, lambda: self.request(force=False), self.api.http.best_now)
        self._keep_as = response_file("sync", connector_id)
        run.report.url = dashboard(connector_id)

    @property
    def label(self) -> str:
        return f"{self.connector_id} ({dashboard(self.connector_id)})"

    def now(self) -> datetime | None:
        return self._polled_at or self.api.http.now()  # a slow request for the history makes no sync older

    def read(self) -> Before:
        """The connection before a start. Raises BadRequestError if it cannot run."""
        connection = self.api.connection(self.connector_id, keep_as=self._keep_as)
        if connection.is_paused:
            raise BadRequestError(
                f"{self.connector_id} is paused, and paused connections do not sync. Unpause it (Fivetran - Update "
                "Connector with FIVETRAN_PAUSED=FALSE), then trigger it again"
            )
        if connection.setup_state == "incomplete":
            raise BadRequestError(f"the setup of {self.connector_id} is incomplete. Finish it: {self._run.report.url}")
        if connection.setup_state == "broken":
            log.warning("the setup of %s is broken, so a sync may fail", self.label)
        if connection.schedule_type == "auto":
            why = "Fivetran may start syncs of its own; Update Connector can make it manual"
            log.info("%s has an automatic schedule: %s", self.connector_id, why)
        if self._rescheduling:
            self._rescheduling.remember(connection)
        return Before(connection, self.api.http.best_now())

    def join(self, state: Before) -> Handoff:
        connection = state.connection
        return Handoff(self.connector_id, Baseline(*connection.stamps, accepted_at=state.at), joined=True)

    def restart(self, state: Before, pace: Pace) -> Before:
        """The trigger request itself stops a running sync."""
        del pace
        if state.restarting:
            raise SyncAlreadyRunningError(f"a sync of {self.connector_id} is running, and Fivetran does not stop it")
        self.warn_of_stopping(state.connection)
        return state._replace(restarting=True)

    def warn_of_stopping(self, running: Connection) -> None:
        if running.is_historical_sync:
            log.warning("a historical sync of %s is running, possibly for days, and will be stopped", self.connector_id)

    def draft(self, state: Before) -> Handoff:
        interrupted = self._force and (state.running or state.restarting)
        stamps = state.connection.stamps
        return Handoff(self.connector_id, Baseline(*stamps, state.at, state.earliest_end, interrupted, self.historical))

    def send(self, state: Before, *, again: bool) -> Handoff:
        self._sent = self._run.clock.monotonic()
        response = self.request(force=self._force and not again)
        return self._accepted(self.draft(state), response)

    def request(self, *, force: bool) -> Response:
        """The request that starts a sync."""
        return self.api.sync(self.connector_id, force=force, keep_as=self._keep_as)

    def may_send_again(self, state: Before) -> bool:
        return not state.running

    def find_started(self, state: Before) -> Handoff | None:
        draft, before = self.draft(state), state.connection
        now = self.api.connection(self.connector_id, keep_as=self._keep_as)
        moved = now.stamps != before.stamps
        if not before.syncing:
            ended = now.has_ended_since(before, state.earliest_end)
            rescheduled = now.sync_state == "rescheduled" != before.sync_state
            due = now.is_historical_sync and not before.is_historical_sync
            return draft if now.syncing or ended or rescheduled or due else None
        at_once = self._run.clock.monotonic() - self._sent < QUICK
        if (moved and now.syncing) or (at_once and not now.is_paused and (moved or not now.syncing)):
            return self._accepted(draft, None)  # what ended up to now is the interrupted sync
        if at_once:  # it may end by itself, and then a later poll takes its end for the request's doing
            raise StartUnclearError("a sync was running before and still is")
        return None

    def poll(self, handoff: Handoff) -> tuple[Verdict, Handoff]:
        self._polled_at = None
        now = self.api.connection(self.connector_id, keep_as=response_file("connector", self.connector_id))
        self._polled_at = self.api.http.now()
        if handoff.baseline is None:
            verdict = judge_latest(now)
        else:
            verdict, baseline = judge(handoff.baseline, now, self.now())
            handoff = handoff._replace(baseline=baseline)
        verdict = verdict._replace(details=_details(now), message=f"sync of {self.connector_id} {verdict.message}")
        if self._rescheduling and not handoff.is_latest:
            verdict = self._rescheduling.handle(verdict, now)
        return self._with_history(handoff, verdict, now), handoff

    def _accepted(self, draft: Handoff, response: Response | None) -> Handoff:
        """The handoff with the server's time of the response, after which alone a sync can end that it started."""
        assert draft.baseline is not None  # noqa: S101 - for mypy
        accepted_at = (response and response.date) or self.api.http.best_now()
        took = response.received - response.sent if response else 0.0
        earliest = accepted_at - CLOCK_MARGIN - timedelta(seconds=took if took > QUICK else 0)
        return draft._replace(baseline=draft.baseline._replace(accepted_at=accepted_at, earliest_end=earliest))

    def _with_history(self, handoff: Handoff, verdict: Verdict, now: Connection) -> Verdict:
        """The verdict on a sync that has ended, with its id and reason where the account has a history of syncs."""
        if verdict.ended_at is None:
            return verdict
        past = self.api.past_sync(self.connector_id, handoff.earliest_start, verdict.ended_at)
        self._run.report.sync_id = past.id
        if verdict.status is not SyncStatus.FAILED:
            return verdict
        setup = "" if now.setup_state == "connected" else f"the setup_state is {now.setup_state}"
        problems = [problem for problem in now.problems if not past.reason or past.reason not in problem]
        parts = (verdict.message, past.reason, *problems, setup, f"see {self._run.report.url}")
        details = {**verdict.details, "reason": past.reason or "; ".join(problems)}
        return verdict._replace(message="; ".join(filter(None, parts)), details=details)


def _details(now: Connection) -> dict[str, object]:
    return {
        "sync_state": now.sync_state,
        "setup_state": now.setup_state,
        "succeeded_at": format_timestamp(now.succeeded_at),
        "failed_at": format_timestamp(now.failed_at),
        "rescheduled_for": format_timestamp(now.rescheduled_for),
        "is_historical_sync": now.is_historical_sync,
    }
