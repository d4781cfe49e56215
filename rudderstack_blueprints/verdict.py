"""How RudderStack's syncs end: what it shows of them, and the rules that judge it.

A Reverse ETL connection has syncs, which can be listed; a source has runs, of which the latest can be polled. All times
are the server's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple, Optional

from shared.status import SyncStatus, Verdict

CLOCK_MARGIN = timedelta(seconds=1)  # a Date header has whole seconds
NEVER_RAN = Verdict(SyncStatus.RUNNING, "has never run")
_DISTANT_PAST, _DISTANT_FUTURE = (datetime(year, 1, 1, tzinfo=timezone.utc) for year in (1, 9999))
_STATUSES = {
    **dict.fromkeys(("running", "processing", "pending", "queued"), SyncStatus.RUNNING),
    **dict.fromkeys(("stopped", "cancelled", "canceled", "aborted"), SyncStatus.CANCELLED),
    "failed": SyncStatus.FAILED,
}


class Sync(NamedTuple):
    """A sync of a Reverse ETL connection."""

    id: str
    word: Optional[str]  # the status as it came
    started_at: Optional[datetime] = None
    finished_at: Optional[datetime] = None  # shown on a running sync, too
    error: Optional[str] = None
    rows: Mapping[str, int] = {}  # total, succeeded, failed, changed, as far as they are shown
    raw: Mapping[str, Any] = {}  # all of it, as it came

    @property
    def status(self) -> SyncStatus:
        word = (self.word or "").lower()
        return SyncStatus.SUCCEEDED if word == "succeeded" else _STATUSES.get(word, SyncStatus.UNKNOWN)

    @property
    def details(self) -> dict[str, object]:
        return {"rows": dict(self.rows), **_times(self.status, self.started_at, self.finished_at)}


class SourceRun(NamedTuple):
    """A run of a source."""

    word: Optional[str] = None  # the status as it came
    started_at: Optional[datetime] = None
    finished_at: Optional[datetime] = None
    error: Optional[str] = None  # empty for an empty one, such as []
    job_run_id: Optional[str] = None

    @property
    def status(self) -> SyncStatus:
        """By its word; without one its end decides."""
        if not self.word:
            return SyncStatus.RUNNING if self.finished_at is None else self._finished
        word = self.word.lower()
        return self._finished if word == "finished" else _STATUSES.get(word, SyncStatus.UNKNOWN)

    @property
    def never_ran(self) -> bool:
        return not self.word and self.started_at is None and self.finished_at is None

    @property
    def _finished(self) -> SyncStatus:
        """A finished run with an error is a failure, and with an empty error it is neither."""
        if self.error is None:
            return SyncStatus.SUCCEEDED
        return SyncStatus.FAILED if self.error else SyncStatus.UNKNOWN


def judge_sync(sync: Sync, *, fail_on_failed_rows: bool) -> Verdict:
    """What a Reverse ETL sync's status means, and the rows that the destination rejected."""
    status = sync.status
    message = _message(status, sync.word, sync.error, sync.finished_at)
    if sync.rows and status is not SyncStatus.RUNNING:
        message += f" (rows: {', '.join(f'{count} {kind}' for kind, count in sync.rows.items())})"
    rejected = sync.rows.get("failed")
    if status is SyncStatus.SUCCEEDED and rejected:
        message += f"; the destination rejected {rejected} {'row' if rejected == 1 else 'rows'}"
        if fail_on_failed_rows:
            status = SyncStatus.FAILED
            message += ", which counts as a failure because RUDDERSTACK_FAIL_ON_FAILED_ROWS is TRUE"
    return Verdict(status, message, sync.details, ended_at=sync.finished_at or sync.started_at)


def judge_run(run: SourceRun) -> Verdict:
    """What a source's run shows."""
    word = run.word or "finished"
    if run.status is SyncStatus.UNKNOWN and run.error == "":
        word += ", with an empty error"
    message = _message(run.status, word, run.error, run.finished_at)
    details = _times(run.status, run.started_at, run.finished_at)
    return Verdict(run.status, message, details, ended_at=run.finished_at or run.started_at)


def judge_run_by_start(run: SourceRun, started_at: datetime | None) -> tuple[Verdict, datetime | None]:
    """The verdict on the run that started at `started_at`, by the latest run of its source; and what to know next time.

    As long as its start is not shown, it is taken to be the latest one.
    """
    verdict = judge_run(run)
    if started_at is None or run.started_at is None or run.started_at == started_at:
        return verdict, started_at or run.started_at
    if run.started_at < started_at:
        return Verdict(SyncStatus.RUNNING, "is not shown yet, only the run before it", verdict.details), started_at
    message = "cannot be checked any more: another run has started since, and RudderStack shows only the latest"
    return Verdict(SyncStatus.UNKNOWN, message, verdict.details), started_at


def sync_started_since(syncs: Iterable[Sync], at: datetime) -> Sync | None:
    """After a lost response: of the syncs that were not there before, the one that started first after `at`."""
    dated = [(sync.started_at, sync) for sync in syncs if sync.started_at and sync.started_at >= at - CLOCK_MARGIN]
    return min(dated, key=lambda pair: (pair[0] < at, pair[0]))[1] if dated else None


def is_new_run(run: SourceRun, before: SourceRun, at: datetime | None) -> bool | None:
    """After a lost response: whether a source's latest run is not the one `before`; None if that is not known.

    One that started before `at` was not shown yet when the state was read, and is somebody else's.
    """
    if run.never_ran:
        return False
    if run.started_at is not None:
        return run.started_at != before.started_at and (at is None or run.started_at >= at - CLOCK_MARGIN)
    if run.status is SyncStatus.RUNNING:  # and nothing ran before
        return True
    return None if None in (run.job_run_id, before.job_run_id) else run.job_run_id != before.job_run_id


def newest_first(syncs: Iterable[Sync]) -> list[Sync]:
    """By their start; one that is running or queued without a start is the newest."""
    return sorted(syncs, key=_recency, reverse=True)


def are_newest_first(syncs: Sequence[Sync]) -> bool:
    """Whether they came in that order, as far as they show it."""
    starts = [sync.started_at or _DISTANT_FUTURE for sync in syncs]
    return len(set(starts)) > 1 and starts == sorted(starts, reverse=True) and _DISTANT_FUTURE not in starts


def _recency(sync: Sync) -> datetime:
    return sync.started_at or (_DISTANT_FUTURE if sync.status is SyncStatus.RUNNING else _DISTANT_PAST)


def _message(status: SyncStatus, word: str | None, error: str | None, finished_at: datetime | None) -> str:
    reason = f": {error}" if error else ""
    at = f" at {_shown(finished_at)}" if finished_at else ""
    if status is SyncStatus.UNKNOWN:
        return f"has the unknown status {word!r}{reason}" if word else f"has no status{reason}"
    return {
        SyncStatus.RUNNING: "is running",
        SyncStatus.SUCCEEDED: f"succeeded{at}",
        SyncStatus.FAILED: f"failed{at}{reason or ', and RudderStack reports no reason'}",
        SyncStatus.CANCELLED: f"was cancelled{at} (status {word}){reason}",
    }[status]


def _times(status: SyncStatus, started_at: datetime | None, finished_at: datetime | None) -> dict[str, object]:
    ended = status is not SyncStatus.RUNNING
    return {"started_at": _shown(started_at), "finished_at": _shown(finished_at if ended else None)}


def _shown(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
