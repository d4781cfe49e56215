"""Fivetran's syncs: starting and following them."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from fivetran_blueprints.api import FivetranApi, dashboard
from fivetran_blueprints.handoff import Handoff
from fivetran_blueprints.inputs import Credentials
from fivetran_blueprints.verdict import CLOCK_MARGIN, SHOWN_AFTER, Baseline, Connection, judge, judge_latest
from shared.context import Run
from shared.errors import (
    BadRequestError,
    StartUnclearError,
    StatusCheckFailedError,
    SyncAlreadyRunningError,
    SyncNotStartedError,
)
from shared.files import response_file
from shared.polling import Pace
from shared.record import Record
from shared.status import SyncStatus, Verdict
from shared.timestamps import format_timestamp
from shared.transport import Response

log = logging.getLogger(__name__)

QUICK = 5  # seconds; a running sync rarely ends on its own this soon
STALE_FOR = 60  # seconds in which a connection may go on showing the state before a trigger request
RESUME_MARGIN = 60  # seconds after the time that Fivetran rescheduled a sync for


class Before(Record):
    """A connection before a start, and the server's clock then."""

    connection: Connection
    at: datetime
    restarting: bool = False  # a running sync, that shows or that a 409 reported, is stopped by the next request

    @property
    def running(self) -> bool:
        return self.connection.syncing


class FivetranSyncs:
    """Starts syncs of one connection and polls them. Every method may raise the errors of `shared.api.Api`."""

    vendor = "Fivetran"
    min_interval = 2.0  # seconds

    def __init__(
        self,
        given: Credentials,
        run: Run,
        connector_id: str,
        *,
        force: bool = False,
        historical: bool = False,
        scope: Mapping[str, Any] | None = None,
        deadline: float | None = None,
    ) -> None:
        """`force` stops a running sync to start a new one; `historical` resyncs all tables, or those in `scope`.

        `deadline` is when waiting ends, None without.
        """
        self.api = FivetranApi(given, run, connector_id)
        self.connector_id = connector_id
        self._run = run
        self._force = force
        self._historical = historical
        self._scope = scope
        self._keep_as = response_file("resync" if historical else "sync", connector_id)
        self._settings_noted = False
        self._was_paused = False  # since the trigger request
        self._sent = -math.inf  # the instant of the clock at which the last trigger request was sent
        self._due_before: datetime | None = None  # what was rescheduled before that may go on showing for a while
        self._due_since: tuple[datetime | None, float] = None, 0.0  # what is rescheduled, and when that was first seen
        self._resumed_for: datetime | None = None  # what was rescheduled for this time was triggered again
        self._polled_at: datetime | None = None
        self._deadline = deadline
        if deadline is not None:
            self.api.http.deadline = deadline
        run.report.url = dashboard(connector_id)

    @property
    def label(self) -> str:
        return f"{self.connector_id} ({dashboard(self.connector_id)})"

    def now(self) -> datetime | None:
        return self._polled_at or self.api.http.now()  # a slow request for the history makes no sync older

    def read(self) -> Before:
        """The connection before a start. Raises BadRequestError if it cannot run."""
        connection = self.api.connection(self._keep_as)
        if connection.is_paused:
            raise BadRequestError(
                f"{self.connector_id} is paused, and paused connections do not sync. Unpause it (Fivetran - Update "
                "Connector with FIVETRAN_PAUSED=FALSE), then trigger it again"
            )
        if connection.setup_state == "incomplete":
            raise BadRequestError(f"the setup of {self.connector_id} is incomplete. Finish it: {self._run.report.url}")
        if not self._settings_noted:
            self._settings_noted = True
            self._note_settings(connection)
        self._due_before = connection.rescheduled_for
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

    def draft(self, state: Before, accepted_at: datetime | None = None, took: float = 0.0) -> Handoff:
        """With the server's time of the response, after which alone a sync can end that it started."""
        at = accepted_at or state.at
        earliest_end = at - CLOCK_MARGIN
        if took > CLOCK_MARGIN.total_seconds():  # a short sync may have ended before the response came
            earliest_end -= timedelta(seconds=took)
        interrupted = self._force and (state.running or state.restarting)
        baseline = Baseline(*state.connection.stamps, at, earliest_end, interrupted, self._historical)
        return Handoff(self.connector_id, baseline)

    def send(self, state: Before, *, again: bool) -> Handoff:
        self._sent = self._run.clock.monotonic()
        response = self.request(force=self._force and not again)
        return self.draft(state, response.date or self.api.http.best_now(), response.received - response.sent)

    def request(self, *, force: bool) -> Response:
        """The request that starts a sync. Without force a sync goes on with a resync that was rescheduled."""
        if self._historical and force:
            return self.api.resync(self._scope, keep_as=self._keep_as)
        return self.api.sync(force=force, keep_as=self._keep_as)

    def may_send_again(self, state: Before) -> bool:
        """Not a resync, which would begin again; nor after a pause, which ends without a trace what was started."""
        return not (state.running or self._historical or self._was_paused)

    def find_started(self, state: Before) -> Handoff | None:
        before = state.connection
        now = self.api.connection(self._keep_as)
        self._was_paused |= now.is_paused
        if now.is_older_than(before):
            return None
        moved = before.is_older_than(now)
        if not before.syncing:
            ended = now.has_ended_since(before, state.at)
            due_before = (before.sync_state, before.rescheduled_for)
            rescheduled = now.sync_state == "rescheduled" and (now.sync_state, now.rescheduled_for) != due_before
            due = now.is_historical_sync and not before.is_historical_sync
            return self.draft(state) if now.syncing or ended or rescheduled or due else None
        at_once = self._run.clock.monotonic() - self._sent < QUICK
        if (moved and now.syncing) or (at_once and not now.is_paused and (moved or not now.syncing)):
            return self.draft(state, self.api.http.best_now())  # what ended up to now is the interrupted sync
        if at_once:  # it may end by itself, and then a later poll takes its end for the request's doing
            raise StartUnclearError("a sync was running before and still is")
        return None

    def poll(self, handoff: Handoff) -> tuple[Verdict, Handoff]:
        self._polled_at = None
        now = self.api.connection(response_file("connector", self.connector_id))
        self._polled_at = self.api.http.now()
        if handoff.baseline is None:
            verdict = judge_latest(now)
        else:
            verdict, baseline = judge(handoff.baseline, now, self.now())
            handoff = handoff._replace(baseline=baseline)
        verdict = verdict._replace(details=_details(now), message=f"sync of {self.connector_id} {verdict.message}")
        if verdict.status is SyncStatus.RUNNING and now.needs_another_trigger and not handoff.is_latest:
            verdict = self._resumed(verdict, now.rescheduled_for)
        return self._with_history(handoff, verdict, now), handoff

    def _note_settings(self, connection: Connection) -> None:
        """Log what may make a sync fail, or start another one."""
        if connection.setup_state == "broken":
            log.warning("the setup of %s is broken, so a sync may fail", self.label)
        if connection.schedule_type == "auto":
            why = "Fivetran may start syncs by itself; Update Connector can make it manual"
            log.info("%s has an automatic schedule: %s", self.connector_id, why)

    def _resumed(self, verdict: Verdict, due: datetime | None) -> Verdict:
        """While waiting: triggers again what was rescheduled for `due`, once that is over.

        The verdict asks for a poll beyond the deadline where `due` is too late. Nothing is interrupted: with force
        false Fivetran runs it only if none is running. A request that may still be at work is not sent again.
        """
        clock = self._run.clock.monotonic()
        may_be_stale = due == self._due_before and clock - self._sent < STALE_FOR
        if self._deadline is None or due is None or due == self._resumed_for or may_be_stale:
            return verdict
        if self._due_since[0] != due:
            self._due_since = due, clock
        seconds = (due - self.api.http.best_now()).total_seconds() + RESUME_MARGIN
        if clock + seconds > self._deadline:
            too_late = f"{verdict.message}; that is later than this run can wait"
            return verdict._replace(message=too_late, poll_again_in=seconds)
        if seconds > 0:
            return verdict
        may_have_run_since = clock - self._due_since[1] < SHOWN_AFTER
        if may_have_run_since and clock + SHOWN_AFTER < self._deadline:
            return verdict._replace(poll_again_in=SHOWN_AFTER)
        self._sent, self._due_before = clock, due
        try:
            self.request(force=False)
        except SyncNotStartedError as error:
            log.warning("triggering the rescheduled sync again: %s", error)
            if error.may_send_again:
                return verdict
        except (BadRequestError, StatusCheckFailedError, SyncAlreadyRunningError) as error:
            log.warning("triggering the rescheduled sync again: %s; the next poll shows what happens", error)
        self._resumed_for = due
        return verdict

    def _with_history(self, handoff: Handoff, verdict: Verdict, now: Connection) -> Verdict:
        """The verdict on a sync that has ended, with its id and reason where the account has a history of syncs."""
        if verdict.ended_at is None:
            return verdict
        sync_id, reason = self.api.past_sync(handoff.earliest_start, verdict.ended_at)
        self._run.report.sync_id = sync_id
        if verdict.status is not SyncStatus.FAILED:
            return verdict
        setup = "" if now.setup_state == "connected" else f"the setup_state is {now.setup_state}"
        problems = [problem for problem in now.problems if not reason or reason not in problem]
        parts = (verdict.message, reason, *problems, setup, f"see {self._run.report.url}")
        details = {**verdict.details, "reason": reason or "; ".join(problems)}
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
