"""How Nango's syncs end: what /sync/status shows, and the rules that judge it.

Nango gives no id of a run. A run has ended once the `finishedAt` of its entry is another than before the trigger; until
then the entry shows the run before. All times are the server's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from shared.record import Record
from shared.status import SyncStatus, Verdict

DATE_PRECISION = timedelta(seconds=1)  # a Date header has whole seconds
CLOCK_MARGIN = timedelta(seconds=10)  # an earlier end, shown late, is that of an older run
RESET_WITHIN = timedelta(seconds=30)  # in which a reset's own run begins, and the run that it cancels may show
CUT_MARGIN = timedelta(seconds=10)  # between the end of a run that was cut and the due time of its continuation
CONTINUED_WITHIN = timedelta(hours=1)  # what is queued for longer Nango drops
SETTLED_AFTER = timedelta(seconds=5)  # of a success: its due time is written after its end
VISIBLE_WITHIN = timedelta(seconds=60)  # in which an entry that was there may be missing
CONFIRM_IN = 2.0  # seconds
SHOWN = 5  # entries named in a message

# `status`, a mix of run and schedule, is all that servers before 0.67.1 have.
_EXECUTIONS = {"SUCCESS": SyncStatus.SUCCEEDED, "STOPPED": SyncStatus.FAILED}
_STATUSES = {"SUCCESS": SyncStatus.SUCCEEDED, "ERROR": SyncStatus.FAILED}


class Entry(Record):
    """One entry of /sync/status: a sync, in a variant, of a connection; it shows the latest run."""

    label: str  # conn-a/contacts, or conn-a/contacts::variant
    sync: str  # contacts, or contacts::variant
    execution: str | None  # latestExecutionStatus
    status: str | None
    finished_at: datetime | None
    due_at: datetime | None = None  # nextScheduledSyncAt
    rows: Mapping[str, int] = {}  # {"added": 1, …}, of all models

    @property
    def running(self) -> bool:
        return (self.execution or self.status) == "RUNNING"

    @property
    def outcome(self) -> SyncStatus:
        """How the latest run ended."""
        if self.execution is not None:
            return _EXECUTIONS.get(self.execution, SyncStatus.UNKNOWN)
        return _STATUSES.get(self.status or "", SyncStatus.UNKNOWN)


class Watch(Record):
    """One entry before the trigger (or when it was joined), and what the polls of this run have shown of it since."""

    label: str
    finished_at: datetime | None = None  # the end of the run before
    joined: bool = False  # it was running, so that any end is its own
    later_than: datetime | None = None  # without a baseline: only a later end is its own
    seen: bool = False
    seen_running: bool = False
    settling: datetime | None = None  # the end of a success that is polled once more
    missing_since: datetime | None = None


class Start(Record):
    """A trigger request that Nango accepted.

    It was sent at `at`, which is None where the latest runs are judged, whoever started them.
    """

    at: datetime | None = None
    grace: timedelta = timedelta()  # how long the run may stay unseen
    reset: bool = False
    late: timedelta = timedelta()  # by how much later it may have been accepted
    gap: timedelta = timedelta()  # between the read before it and the request, because of 429s


class EntryVerdict(Record):
    """What one poll shows of one entry; a run that is not seen yet counts as running.

    `entry` is there if the end that it shows is the one that is judged. `confirm`: another poll will decide.
    """

    label: str
    status: SyncStatus
    why: str
    entry: Entry | None = None
    confirm: bool = False


def judge(entry: Entry | None, watch: Watch, start: Start, now: datetime) -> tuple[EntryVerdict, Watch]:
    """Whether the run of an entry has ended, and what to compare the next poll with."""
    if entry is None:
        return _judge_missing(watch, start, now)
    watch = watch._replace(seen=True, seen_running=watch.seen_running or entry.running, missing_since=None)
    if entry.running:
        return EntryVerdict(entry.label, SyncStatus.RUNNING, "running"), watch
    if shows_older_run(entry, watch, start) or _may_be_cancelled_by_reset(entry, watch, start, now):
        return _judge_unseen(entry.label, start, now), watch
    if entry.outcome is not SyncStatus.SUCCEEDED:
        return _ended(entry), watch
    assert entry.finished_at is not None  # noqa: S101 - for mypy
    if _is_cut(entry, now):
        if now - entry.finished_at > CONTINUED_WITHIN:
            return EntryVerdict(entry.label, SyncStatus.FAILED, "cut by Nango and never continued", entry), watch
        return EntryVerdict(entry.label, SyncStatus.RUNNING, "cut by Nango, to be continued"), watch
    if now - entry.finished_at < SETTLED_AFTER and watch.settling != entry.finished_at:
        settling = EntryVerdict(entry.label, SyncStatus.RUNNING, "its end is not confirmed yet", confirm=True)
        return settling, watch._replace(settling=entry.finished_at)
    return _ended(entry), watch


def shows_older_run(entry: Entry, watch: Watch, start: Start) -> bool:
    """Whether the end that the entry shows, if any, is that of a run before the trigger."""
    if entry.finished_at is None:
        return True
    if watch.joined:
        return False
    if entry.finished_at == watch.finished_at:
        return True
    if watch.later_than is not None and entry.finished_at <= watch.later_than:
        return True
    if start.at is None or entry.finished_at >= start.at - CLOCK_MARGIN:
        return False
    return entry.outcome is SyncStatus.FAILED or entry.finished_at > start.at - start.gap - CLOCK_MARGIN


def shows_start(entry: Entry, watch: Watch, start: Start) -> bool:
    """After a lost response: whether the entry shows that the request was accepted."""
    return not watch.joined and (entry.running or not shows_older_run(entry, watch, start))


def _may_be_cancelled_by_reset(entry: Entry, watch: Watch, start: Start, now: datetime) -> bool:
    """A reset cancels a run that began just before it; that run's end shows, and may move, until ours begins.

    What a poll showed running may be that run, too, if the response was lost.
    """
    if not start.reset or start.at is None or (watch.seen_running and not start.late):
        return False
    return entry.outcome is SyncStatus.FAILED and now < start.at + start.late + RESET_WITHIN


def _is_cut(entry: Entry, now: datetime) -> bool:
    """Nango Cloud cuts a long run: it books a success whose continuation is due at once, and queued up to an hour."""
    if entry.due_at is None or entry.finished_at is None or entry.due_at > now + DATE_PRECISION:
        return False
    return abs(entry.due_at - entry.finished_at) <= CUT_MARGIN


def _judge_unseen(label: str, start: Start, now: datetime) -> EntryVerdict:
    if start.at is None:
        return EntryVerdict(label, SyncStatus.RUNNING, "never run")
    if now - start.at <= start.grace + start.late:
        return EntryVerdict(label, SyncStatus.RUNNING, "not started yet")
    seconds = round(start.grace.total_seconds())
    why = f"not seen to start within {seconds} s; it may still be queued (Nango drops it after an hour)"
    return EntryVerdict(label, SyncStatus.FAILED, why)


def _judge_missing(watch: Watch, start: Start, now: datetime) -> tuple[EntryVerdict, Watch]:
    """An entry that was there is pending for a minute; and one poll alone never shows that it is gone."""
    since = watch.missing_since or now
    last_seen = since if watch.seen or start.at is None else start.at + start.late
    overdue = now - last_seen > VISIBLE_WITHIN
    if overdue and watch.missing_since is not None:
        return EntryVerdict(watch.label, SyncStatus.FAILED, "not found any more"), watch
    missing = EntryVerdict(watch.label, SyncStatus.RUNNING, "missing from Nango's response", confirm=overdue)
    return missing, watch._replace(missing_since=since)


def _ended(entry: Entry) -> EntryVerdict:
    word = entry.execution or entry.status or "no status"
    why = "STOPPED: failed, cancelled or timed out" if word == "STOPPED" and entry.execution else word
    return EntryVerdict(entry.label, entry.outcome, why, entry)


def overall(label: str, verdicts: Iterable[EntryVerdict]) -> Verdict:
    """One verdict on all entries of `label`: an end only once nothing is running or pending any more.

    The rows and the time are those of the entries alone whose end is judged, else they are those of the run before.
    """
    judged = list(verdicts)
    by_status = {status: [one for one in judged if one.status is status] for status in SyncStatus}
    worst_first = (SyncStatus.RUNNING, SyncStatus.FAILED, SyncStatus.UNKNOWN)
    status = next((one for one in worst_first if by_status[one]), SyncStatus.SUCCEEDED)
    those = by_status[status]
    ended = [one.entry for one in judged if one.entry is not None]
    ends = [entry.finished_at for entry in ended if entry.finished_at is not None]
    last = max(ends, default=None)
    rows: Counter[str] = Counter()
    for entry in ended:
        rows.update(entry.rows)
    details = {
        "syncs": len(judged),
        **{one.value: len(by_status[one]) for one in (SyncStatus.SUCCEEDED, *worst_first)},
        "named": [] if status is SyncStatus.SUCCEEDED else [one.label for one in those[:SHOWN]],
        "rows": dict(rows),
        "finished_at": last and iso(last),
    }
    confirm = status is SyncStatus.RUNNING and all(one.confirm for one in those)
    return Verdict(
        status,
        _message(label, status, those, len(judged), last),
        details,
        poll_again_in=CONFIRM_IN if confirm else None,
        ended_at=min(ends, default=None),
    )


def _message(label: str, status: SyncStatus, those: list[EntryVerdict], total: int, last: datetime | None) -> str:
    if status is SyncStatus.SUCCEEDED:
        at = f"at {last:%Y-%m-%dT%H:%M:%SZ}"
        return (
            f"sync of {label} succeeded {at}"
            if total == 1
            else f"all {total} syncs of {label} succeeded, the last {at}"
        )
    has = "has" if len(those) == 1 else "have"
    what = {SyncStatus.RUNNING: f"{has} not ended yet", SyncStatus.FAILED: "failed"}
    named = ", ".join(f"{one.label} ({one.why})" for one in those[:SHOWN])
    more = f" and {len(those) - SHOWN} more" if len(those) > SHOWN else ""
    count = "sync" if total == 1 else f"{len(those)} of {total} syncs"
    return f"{count} of {label} {what.get(status, f'{has} an unknown status')}: {named}{more}"


def iso(moment: datetime) -> str:
    """A time in UTC as Nango writes it."""
    precision = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")
