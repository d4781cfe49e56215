"""How RudderStack's syncs end: what it shows of them, and the rules that judge it.

A Reverse ETL connection has syncs, which can be listed; a source has runs, of which the latest can be polled. All times
are the server's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from shared.record import Record
from shared.status import SyncStatus, Verdict
from shared.timestamps import format_timestamp

DATE_PRECISION = timedelta(seconds=1)  # a Date header has whole seconds
SHOWN_WITHIN = timedelta(seconds=60)  # as the latest run of its source
_DISTANT_PAST, _DISTANT_FUTURE = (datetime(year, 1, 1, tzinfo=timezone.utc) for year in (1, 9999))
_STATUSES = {
    **dict.fromkeys(("running", "processing", "pending", "queued"), SyncStatus.RUNNING),
    **dict.fromkeys(("stopped", "cancelled", "canceled", "aborted"), SyncStatus.CANCELLED),
    "succeeded": SyncStatus.SUCCEEDED,
    "failed": SyncStatus.FAILED,
}


class Sync(Record):
    """A sync of a Reverse ETL connection, or a run of a source."""

    id: str = ""  # of a run its jobRunId, if that is shown
    word: str | None = None  # the status as it came
    started_at: datetime | None = None
    finished_at: datetime | None = None  # shown on a running sync, too
    error: str | None = None  # empty for an empty one, such as []
    rows: Mapping[str, int] = {}  # total, succeeded, failed, changed, as far as they are shown
    raw: Mapping[str, Any] = {}  # all of it, as it came
    is_run: bool = False

    @property
    def status(self) -> SyncStatus:
        """By its word; of a run without one its end decides, and its error how it ended."""
        word = (self.word or "").lower()
        if not self.is_run:
            return _STATUSES.get(word, SyncStatus.UNKNOWN)
        if not word and self.finished_at is None:
            return SyncStatus.RUNNING
        if word in ("", "finished") and self.error != "":
            return SyncStatus.FAILED if self.error else SyncStatus.SUCCEEDED
        return SyncStatus.UNKNOWN if word == "succeeded" else _STATUSES.get(word, SyncStatus.UNKNOWN)

    @property
    def never_ran(self) -> bool:
        return self.is_run and not self.word and self.started_at is None and self.finished_at is None

    @property
    def ended_at(self) -> datetime | None:
        return None if self.status is SyncStatus.RUNNING else self.finished_at

    @property
    def details(self) -> dict[str, object]:
        times: dict[str, object] = {
            "started_at": format_timestamp(self.started_at),
            "finished_at": format_timestamp(self.ended_at),
        }
        return times if self.is_run else {"rows": dict(self.rows), **times}


def judge(sync: Sync, *, fail_on_failed_rows: bool = False) -> Verdict:
    """What a sync's status means, and the rows that the destination rejected."""
    status, message = sync.status, _message(sync)
    if sync.rows and status is not SyncStatus.RUNNING:
        message += f" (rows: {', '.join(f'{count} {kind}' for kind, count in sync.rows.items())})"
    rejected = sync.rows.get("failed")
    if status is SyncStatus.SUCCEEDED and rejected:
        message += f"; the destination rejected {rejected} {'row' if rejected == 1 else 'rows'}"
        if fail_on_failed_rows:
            status = SyncStatus.FAILED
            message += ", which counts as a failure because RUDDERSTACK_FAIL_ON_FAILED_ROWS is TRUE"
    return Verdict(status, message, sync.details, ended_at=sync.finished_at or sync.started_at)


def judge_latest_run(run: Sync, ours: Sync, at: datetime | None, now: datetime | None) -> tuple[Verdict, Sync]:
    """The verdict on `ours` (only its id and start count), by `run`, the latest of its source; and what is known of it.

    It was accepted at `at`: until SHOWN_WITHIN after that, or after its start, the run before it may still be shown. A
    run that shows no time is taken for ours unless its id is another.
    """
    verdict = judge(run)
    may_be_behind = not (at and now) or now - max(at, ours.started_at or at) < SHOWN_WITHIN
    shown_at = run.started_at or run.ended_at  # one may end without a start, in the queue
    if shown_at is None:
        is_before, fits_by_time = may_be_behind, True
    elif ours.started_at is None:  # it had not ended at that time
        is_before = may_be_behind and at is not None and (run.ended_at or shown_at) <= at + DATE_PRECISION
        fits_by_time = not is_before
    else:
        is_before, fits_by_time = shown_at < ours.started_at, run.started_at == ours.started_at
    is_ours = run.id == ours.id if run.id and ours.id else fits_by_time
    if is_ours:
        return verdict, Sync(ours.id or run.id, started_at=ours.started_at or run.started_at)
    if is_before:
        return Verdict(SyncStatus.RUNNING, "is not shown yet, only the run before it", verdict.details), ours
    message = "cannot be checked any more: another run has started since, and RudderStack shows only the latest"
    return Verdict(SyncStatus.UNKNOWN, message, verdict.details), ours


def sync_started_since(syncs: Iterable[Sync], at: datetime) -> Sync | None:
    """After a lost response: of the syncs that were not there before, the one that started first after `at`."""
    dated = [(sync.started_at, sync) for sync in syncs if sync.started_at and sync.started_at >= at - DATE_PRECISION]
    return min(dated, key=lambda pair: (pair[0] < at, pair[0]))[1] if dated else None


def is_new_run(run: Sync, before: Sync, at: datetime | None) -> bool | None:
    """After a lost response: whether a source's latest run is not the one `before`; None if that is not known.

    One that started before `at` was not shown yet when the state was read, and is somebody else's. Starts are shown in
    whole seconds, so that two runs may have the same.
    """
    if run.never_ran:
        return False
    if run.started_at is None and run.status is SyncStatus.RUNNING:  # and nothing ran before
        return True
    if run.started_at is not None and run.started_at != before.started_at:
        return at is None or run.started_at >= at - DATE_PRECISION
    if run.started_at is not None and run == before:
        return False
    return run.id != before.id if run.id and before.id else None


def newest_first(syncs: Iterable[Sync]) -> list[Sync]:
    """By their start; one that is running or queued without a start is the newest."""
    return sorted(syncs, key=_recency, reverse=True)


def are_newest_first(syncs: Sequence[Sync]) -> bool:
    """Whether all show their start, not all the same, and came in that order."""
    starts = [sync.started_at for sync in syncs if sync.started_at]
    return len(starts) == len(syncs) and len(set(starts)) > 1 and starts == sorted(starts, reverse=True)


def _recency(sync: Sync) -> datetime:
    return sync.started_at or (_DISTANT_FUTURE if sync.status is SyncStatus.RUNNING else _DISTANT_PAST)


def _message(sync: Sync) -> str:
    status, word = sync.status, sync.word or ("finished" if sync.is_run else "")
    reason = f": {sync.error}" if sync.error else ""
    at = f" at {format_timestamp(sync.finished_at)}" if sync.finished_at else ""
    if status is SyncStatus.UNKNOWN:
        word += ", with an empty error" if sync.is_run and sync.error == "" else ""
        return f"has the unknown status {word!r}{reason}" if word else f"has no status{reason}"
    return {
        SyncStatus.RUNNING: "is running",
        SyncStatus.SUCCEEDED: f"succeeded{at}",
        SyncStatus.FAILED: f"failed{at}{reason or ', and RudderStack reports no reason'}",
        SyncStatus.CANCELLED: f"was cancelled{at} (status {word}){reason}",
    }[status]
