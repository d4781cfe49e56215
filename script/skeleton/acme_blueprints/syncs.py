"""Acme's runs: starting them, following them, and the handoff."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Callable

from acme_blueprints.api import AcmeApi
from acme_blueprints.inputs import Waiting
from acme_blueprints.verdict import NEVER_RAN, JobRun, judge
from shared.context import Run
from shared.errors import InvalidInputError
from shared.files import response_file
from shared.handoff import identifier, moment
from shared.pickles import Plain
from shared.polling import Pace
from shared.record import Record
from shared.starting import wait_until_idle
from shared.status import SyncStatus, Verdict

log = logging.getLogger(__name__)


class Handoff(Record):
    """A run that was started (or joined). Without a `sync_id` the latest run is judged."""

    id: str
    sync_id: str | None = None
    server_time: datetime | None = None
    joined: bool = False

    @property
    def label(self) -> str:
        return f"job {self.id}"

    @property
    def is_latest(self) -> bool:
        return self.sync_id is None

    @classmethod
    def latest(cls, given: Waiting) -> Handoff:
        """For a check on its own: the latest run. Raises InvalidInputError without an id."""
        if given.job_id is None:
            raise InvalidInputError("ACME_JOB_ID is not set, and no trigger before this check left a handoff: set it")
        return cls(given.job_id)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Handoff:
        """From `sync.pickle`. Raises KeyError, TypeError or ValueError."""
        joined = bool(plain["joined"])
        return cls(identifier(plain["job_id"]), identifier(plain["sync_id"]), moment(plain["server_time"]), joined)

    @classmethod
    def from_other_files(cls, file: Callable[[str], Any]) -> Sequence[Handoff]:
        """No other program leaves a handoff of Acme's runs."""
        del file
        return []

    def plain(self) -> dict[str, Plain]:
        ids = {"job_id": self.id, "sync_id": self.sync_id}
        return {**ids, "server_time": self.server_time, "joined": self.joined}

    def other_files(self) -> dict[str, Plain]:
        return {}

    def is_exactly(self, given: Any) -> bool:
        return bool(given.job_id == self.id)


class Before(Record):
    """The latest run before a start."""

    latest: JobRun | None

    @property
    def running(self) -> bool:
        return self.latest is not None and self.latest.status is SyncStatus.RUNNING


class AcmeSyncs:
    """Starts runs of one job and polls them. Every method may raise the errors of `shared.api.Api`."""

    vendor = "Acme"
    min_interval = 2.0  # seconds

    def __init__(self, given: Waiting, run: Run, job_id: str) -> None:
        self.label = f"job {job_id}"
        self._api = AcmeApi(given, run)
        if given.wait or given.starts:
            self._api.http.deadline = run.deadline(given)
        self._run = run
        self._job_id = job_id
        self._keep_as = response_file("sync", job_id)

    def now(self) -> datetime | None:
        return self._api.http.now()

    def read(self) -> Before:
        return Before(self._api.latest(self._job_id, self._keep_as))

    def join(self, state: Before) -> Handoff:
        return self._handoff(state.latest.id if state.latest else None)._replace(joined=True)

    def restart(self, state: Before, pace: Pace) -> Before:
        """Cancel what runs, and wait until it has ended."""
        if state.latest and state.running:
            log.info("cancelling run %s of %s", state.latest.id, self.label)
            self._api.cancel(self._job_id, state.latest.id)
        return wait_until_idle(self, pace, "it was cancelled and has not ended in time: check it in Acme")

    def draft(self, state: Before) -> Handoff:
        del state
        return self._handoff(None)

    def send(self, state: Before, *, again: bool) -> Handoff:
        del state, again
        return self._handoff(self._api.start(self._job_id, self._keep_as))

    def may_send_again(self, state: Before) -> bool:
        del state
        return True

    def find_started(self, state: Before) -> Handoff | None:
        latest = self._api.latest(self._job_id, self._keep_as)
        is_new = latest is not None and (state.latest is None or latest.id != state.latest.id)
        return self._handoff(latest.id) if latest and is_new else None

    def poll(self, handoff: Handoff) -> tuple[Verdict, Handoff]:
        keep_as = response_file("sync_run", self._job_id)
        if handoff.sync_id is None:
            run = self._api.latest(self._job_id, keep_as)
        else:
            run = self._api.run(self._job_id, handoff.sync_id, keep_as)
        self._run.report.sync_id = run and run.id
        verdict = judge(run) if run else NEVER_RAN
        which = f"run {run.id} of {self.label}" if run else self.label
        return verdict._replace(message=f"{which} {verdict.message}"), handoff

    def _handoff(self, run_id: str | None) -> Handoff:
        return Handoff(self._job_id, run_id, self.now())
