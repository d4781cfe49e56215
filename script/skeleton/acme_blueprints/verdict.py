"""How Acme's runs end: what it shows of them, and the rules that judge it. All times are the server's."""

from __future__ import annotations

from datetime import datetime

from shared.record import Record
from shared.status import SyncStatus, Verdict

NEVER_RAN = Verdict(SyncStatus.RUNNING, "has never run")
_STATUSES = {
    "queued": SyncStatus.RUNNING,
    "running": SyncStatus.RUNNING,
    "succeeded": SyncStatus.SUCCEEDED,
    "failed": SyncStatus.FAILED,
    "cancelled": SyncStatus.CANCELLED,
}


class JobRun(Record):
    """A run of a job."""

    id: str
    word: str  # the status as it came
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str = ""

    @property
    def status(self) -> SyncStatus:
        return _STATUSES.get(self.word, SyncStatus.UNKNOWN)


def judge(run: JobRun) -> Verdict:
    """What a run's status says."""
    at = f" at {run.finished_at:%Y-%m-%dT%H:%M:%SZ}" if run.finished_at else ""
    message = {
        SyncStatus.RUNNING: "is running",
        SyncStatus.SUCCEEDED: f"succeeded{at}",
        SyncStatus.FAILED: f"failed{at}: {run.error or 'Acme reports no reason'}",
        SyncStatus.CANCELLED: f"was cancelled{at}",
        SyncStatus.UNKNOWN: f"has the unknown status {run.word!r}",
    }[run.status]
    return Verdict(run.status, message, ended_at=run.finished_at)
