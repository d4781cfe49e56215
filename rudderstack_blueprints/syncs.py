"""RudderStack's syncs: starting them, following them, and the handoff."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Callable

from rudderstack_blueprints.api import SYNC_ID, RudderStackApi, label, utc
from rudderstack_blueprints.inputs import Target, Waiting
from rudderstack_blueprints.verdict import DATE_PRECISION, Sync, is_new_run, judge, judge_latest_run, sync_started_since
from shared.context import Run
from shared.errors import BadRequestError, InvalidInputError, StartUnclearError, SyncAlreadyRunningError
from shared.files import response_file
from shared.handoff import identifier, moment
from shared.pickles import Plain
from shared.polling import Pace
from shared.record import Record
from shared.starting import wait_until_idle
from shared.status import SyncStatus, Verdict

log = logging.getLogger(__name__)


class Handoff(Record):
    """A sync that was started (or joined). `is_source` says what kind of id `id` is.

    `sync_id` is the syncId or runId. A source's run without one is distinguished from others by `run_started_at` and
    `job_run_id`, as far as they are shown.
    """

    id: str
    is_source: bool
    sync_id: str | None = None
    server_time: datetime | None = None
    run_started_at: datetime | None = None
    joined: bool = False
    is_latest: bool = False
    job_run_id: str = ""

    @property
    def label(self) -> str:
        return label(self.id, is_source=self.is_source)

    @classmethod
    def latest(cls, given: Target) -> Handoff:
        """For a check on its own: the latest sync. Raises InvalidInputError without an id."""
        if given.subject is None:
            raise InvalidInputError(
                "neither RUDDERSTACK_SOURCE_ID nor RUDDERSTACK_CONNECTION_ID is set, and no trigger before this check "
                "left a handoff: set one, or run the trigger first with the same artifacts folder"
            )
        return cls(given.subject, is_source=given.source_id is not None, is_latest=True)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Handoff:
        """From `sync.pickle`. Raises KeyError, TypeError or ValueError."""
        sync_id = plain["sync_id"]
        return cls(
            identifier(plain["source_id"] or plain["connection_id"]),
            is_source=plain["source_id"] is not None,
            sync_id=None if sync_id is None else identifier(sync_id, SYNC_ID),
            server_time=moment(plain["server_time"]),
            run_started_at=moment(plain["run_started_at"]),
            joined=bool(plain["joined"]),
            job_run_id=str(plain.get("job_run_id") or ""),  # not in those of older versions
        )

    @classmethod
    def from_other_files(cls, file: Callable[[str], Any]) -> Sequence[Handoff]:
        """From the files of other programs; where they name both kinds, nobody knows whose the sync id is."""
        ids = {name: file(name) for name in ("source_id.pickle", "connection_id.pickle")}
        found = [cls(identifier(value), name == "source_id.pickle") for name, value in ids.items() if value is not None]
        sync_id = file("sync_id.pickle") if len(found) == 1 else None
        return found if sync_id is None else [found[0]._replace(sync_id=identifier(sync_id, SYNC_ID))]

    def plain(self) -> dict[str, Plain]:
        return {
            "source_id": self.id if self.is_source else None,
            "connection_id": None if self.is_source else self.id,
            "sync_id": self.sync_id,
            "server_time": self.server_time,
            "run_started_at": self.run_started_at,
            "joined": self.joined,
            "job_run_id": self.job_run_id,
        }

    def other_files(self) -> dict[str, Plain]:
        name = "source_id.pickle" if self.is_source else "connection_id.pickle"
        return {name: self.id, "sync_id.pickle": self.sync_id}

    def is_exactly(self, given: Any) -> bool:
        return given.subject == self.id and (given.source_id is not None) == self.is_source


class Before(Record):
    """What is there before a start, and the server's clock then."""

    at: datetime | None
    syncs: Sequence[Sync] = ()  # a connection's running ones, newest first
    latest: Sync = Sync()  # a source's latest run

    @property
    def running(self) -> bool:
        return bool(self.syncs) or (self.latest.status is SyncStatus.RUNNING and not self.latest.never_ran)


class RudderStackSyncs:
    """Starts syncs of one source or connection and polls them. Methods may raise the errors of `shared.api.Api`."""

    vendor = "RudderStack"
    min_interval = 2.0  # seconds

    def __init__(self, given: Waiting, run: Run, target: Handoff, body: object = None) -> None:
        """`body` is that of the trigger request."""
        self.label = target.label
        self.api = RudderStackApi(given, run, target.id, is_source=target.is_source)
        self.now = self.api.http.now
        if given.wait or given.starts:
            self.api.http.deadline = run.deadline(given)
        self._given = given
        self._run = run
        self._target = target._replace(is_latest=False)
        self._body = body
        self._keep_as = response_file("sync", target.id)
        self._settings_read = False
        self._seen: set[str] = set()  # ids of syncs that were there before the start
        self._stopped: set[str] | None = None  # ids of the syncs that were asked to stop, None before the first request
        self._undated = False  # a sync that shows no time of its start may be the one of a lost response

    def read(self) -> Before:
        """What is there before a start. Raises SyncNotFoundError, BadRequestError if it is disabled."""
        if self._target.is_source:
            latest = self.api.run(None, self._keep_as, known=False)
            return Before(self.now(), latest=latest)
        running = self.api.running(self._keep_as)
        state = Before(self.now(), running)
        self._seen |= {sync.id for sync in running}
        if not self._settings_read:
            self._settings_read = True
            self._check_settings()
        return state

    def join(self, state: Before) -> Handoff:
        sync_id = state.syncs[0].id if state.syncs else None
        found = self.draft(state)._replace(sync_id=sync_id, joined=True)
        return found._replace(run_started_at=state.latest.started_at, job_run_id=state.latest.id)

    def restart(self, state: Before, pace: Pace) -> Before:
        """Stop what runs, once, and wait until it has stopped."""
        if self._target.is_source:
            raise SyncAlreadyRunningError(
                f"a run of {self.label} is already running, and RudderStack cannot stop the runs of a source; set "
                "RUDDERSTACK_IF_RUNNING to join or wait"
            )
        running = {sync.id for sync in state.syncs}
        if self._stopped is None or running - self._stopped:
            log.info("stopping the running sync of %s", self.label)
            stopping = f"the running sync of {self.label} was asked to stop, and nothing new was started"
            self._run.report.still_running = stopping
            self.api.stop()
            self._stopped = running | (self._stopped or set())
        return wait_until_idle(self, pace, "it was asked to stop but has not stopped in time: check it in RudderStack")

    def draft(self, state: Before) -> Handoff:
        return self._target._replace(server_time=state.at)

    def send(self, state: Before, *, again: bool) -> Handoff:
        del again
        sync_id = self.api.start(self._body, self._keep_as)
        return self.draft(state)._replace(sync_id=sync_id, server_time=self.now())

    def may_send_again(self, state: Before) -> bool:
        del state
        return not self._undated

    def find_started(self, state: Before) -> Handoff | None:
        sent_at = self.api.http.start_sent_at
        if self._target.is_source:
            latest = self.api.run(None, self._keep_as, known=True)
            is_new = is_new_run(latest, state.latest, sent_at)
            self._undated |= is_new is None
            found = self._target._replace(server_time=self.now())
            return found._replace(run_started_at=latest.started_at, job_run_id=latest.id) if is_new else None
        if state.at is None or sent_at is None:
            raise StartUnclearError("RudderStack sends no Date header, by which the triggered sync could be identified")
        since = {"started_after": utc(state.at.replace(microsecond=0) - DATE_PRECISION)}
        new = [sync for sync in self.api.syncs(since, self._keep_as) if sync.id not in self._seen]
        self._undated |= any(sync.started_at is None for sync in new)
        ours = sync_started_since(new, sent_at)
        return ours and self._target._replace(server_time=self.now(), sync_id=ours.id)  # it shows now

    def poll(self, handoff: Handoff) -> tuple[Verdict, Handoff]:
        keep_as, report = response_file("sync_run", handoff.id), self._run.report
        report.sync_id = sync_id = handoff.sync_id
        sync: Sync | None
        if handoff.is_source:
            sync = self.api.run(sync_id, keep_as, known=not handoff.is_latest)
        elif sync_id:
            sync = self.api.sync(sync_id, keep_as)
        else:
            sync = self.api.latest(keep_as)
            report.sync_id = sync_id = sync and sync.id
        if sync is None or (handoff.is_latest and sync.never_ran):
            return Verdict(SyncStatus.RUNNING, f"{handoff.label} has never run"), handoff
        if sync_id or handoff.is_latest:
            verdict = judge(sync, fail_on_failed_rows=self._given.fail_on_failed_rows)
        else:
            ours = Sync(handoff.job_run_id, started_at=handoff.run_started_at)
            verdict, ours = judge_latest_run(sync, ours, handoff.server_time, self.now())
            handoff = handoff._replace(run_started_at=ours.started_at, job_run_id=ours.id)
        which = f"sync {sync_id}" if sync_id else "the latest sync" if handoff.is_latest else "the sync"
        return verdict._replace(message=f"{which} of {handoff.label} {verdict.message}"), handoff

    def _check_settings(self) -> None:
        """Refuse a disabled connection and note a schedule, where RudderStack shows them."""
        settings = self.api.settings()
        if settings.get("enabled") is False:
            raise BadRequestError(f"{self.label} is disabled, so it cannot be synced; enable it in RudderStack")
        schedule = settings.get("schedule")
        kind = schedule.get("type") if isinstance(schedule, dict) else None
        if isinstance(kind, str) and kind.lower() != "manual":
            log.info("%s also runs on its own schedule (%s)", self.label, kind)
