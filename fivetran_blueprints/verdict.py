"""How Fivetran's syncs end: what a connection shows, and the rules that judge it.

There is no id of a sync. A connection shows when it last succeeded and last failed; a sync has ended once one of these
stamps is new. All times are the server's.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Optional

from shared.record import Record
from shared.status import SyncStatus, Verdict

Stamps = tuple[Optional[datetime], Optional[datetime]]

CLOCK_MARGIN = timedelta(seconds=2)  # how far the clocks of two of Fivetran's servers may differ
CONFIRM_IN = 2.0  # seconds
STOPPED_WITHIN = timedelta(seconds=60)  # in which Fivetran stops a running sync
STOPPED_SURELY = timedelta(minutes=5)  # after which a success is no longer that of a sync that was stopped
DATE_PRECISION = timedelta(seconds=1)  # a Date header has whole seconds
SHOWN_AFTER = 12.0  # seconds; a poll may show what was there ten seconds ago
SURELY_BEGUN = timedelta(hours=1)  # after the start, which Fivetran may queue


class Connection(Record):
    """What GET /connections/{id} shows, as far as a verdict needs it."""

    succeeded_at: datetime | None
    failed_at: datetime | None  # never cleared by a later success
    sync_state: str  # scheduled, syncing, paused or rescheduled; others may come
    setup_state: str = "connected"
    paused: bool = False
    schedule_type: str = "manual"
    rescheduled_for: datetime | None = None
    is_historical_sync: bool = False  # one is due or running
    problems: tuple[str, ...] = ()  # tasks and warnings, in Fivetran's words

    @property
    def syncing(self) -> bool:
        return self.sync_state == "syncing"

    @property
    def is_paused(self) -> bool:
        return self.paused or self.sync_state == "paused"

    @property
    def needs_another_trigger(self) -> bool:
        """Fivetran rescheduled the sync, and on a manual schedule nothing runs unless it is triggered again."""
        return self.sync_state == "rescheduled" and self.schedule_type == "manual"

    @property
    def stamps(self) -> Stamps:
        return self.succeeded_at, self.failed_at

    @property
    def latest_end(self) -> datetime | None:
        return max((stamp for stamp in self.stamps if stamp is not None), default=None)

    def is_older_than(self, before: Connection) -> bool:
        """Whether this is a stale poll, which lacks an end that `before` showed already."""
        return any(_is_later(then, stamp) for stamp, then in zip(self.stamps, before.stamps))

    def has_ended_since(self, before: Connection, at: datetime) -> bool:
        """Whether a sync ended after `at`, when `before` was shown; an earlier end only shows late."""
        new = [stamp for stamp, then in zip(self.stamps, before.stamps) if _is_later(stamp, then)]
        return any(stamp and stamp >= at - CLOCK_MARGIN for stamp in new)


class Baseline(Record):
    """What was there when a sync was started (or joined): what a later poll is compared with."""

    succeeded_at: datetime | None
    failed_at: datetime | None
    accepted_at: datetime  # Date of the response to the trigger request
    earliest_end: datetime | None = None  # an earlier stamp, shown late, is that of another sync
    interrupted: bool = False  # a running sync was stopped to start this one
    historical: bool = False  # what was started is a historical sync
    seen: Stamps | None = None  # the stamps of the poll before, while they may still settle


def judge(baseline: Baseline, now: Connection, at: datetime | None = None) -> tuple[Verdict, Baseline]:
    """Whether the sync that was started has ended, and what to compare the next poll with; `at` is the server's now."""
    joined = baseline.earliest_end is None and not now.syncing
    succeeded = _new(now.succeeded_at, baseline.succeeded_at, joined=joined)
    failed = _new(now.failed_at, baseline.failed_at, joined=joined)
    new = [stamp for stamp in (succeeded, failed) if stamp is not None]
    if not new:
        return _not_ended(now), baseline
    latest = max(new)
    earliest = baseline.earliest_end
    if earliest and now.syncing:  # it goes on, so that it was not over before the response
        earliest = max(earliest, baseline.accepted_at - CLOCK_MARGIN)
    shows_late = earliest is not None and latest < earliest
    if shows_late or _is_of_stopped_sync(baseline, now, latest):
        moved = baseline._replace(succeeded_at=now.succeeded_at, failed_at=now.failed_at, seen=None)
        return _not_ended(now), moved
    if _may_be_of_sync_before(baseline, now, latest, at):
        return _not_ended(now), baseline
    if baseline.historical and now.is_historical_sync and failed != latest:
        return _not_ended(now), baseline  # only a failure may leave a historical sync due
    settles_in = _settles_in(latest, at)
    if baseline.interrupted and (baseline.seen != now.stamps or settles_in):
        pause = max(CONFIRM_IN, settles_in)
        settling = Verdict(SyncStatus.RUNNING, "is about to end", poll_again_in=pause)
        return settling, baseline._replace(seen=now.stamps)
    return _ended(latest, has_failed=failed == latest), baseline  # a tie is a failure


def judge_latest(now: Connection) -> Verdict:
    """How the latest sync ended, whoever started it; one that runs, is due or never ran is incomplete."""
    latest = now.latest_end
    if now.is_historical_sync and not now.syncing and now.sync_state != "rescheduled":
        if now.is_paused:
            message = "is due as a historical sync, but the connection is paused; unpause it"
            return Verdict(SyncStatus.CANCELLED, message)
        failure = f" (the latest sync failed at {_shown(latest)})" if latest and now.failed_at == latest else ""
        return Verdict(SyncStatus.RUNNING, f"is due as a historical sync and has not started yet{failure}")
    if latest is None and not now.syncing:
        return Verdict(SyncStatus.RUNNING, "has never completed")
    if latest is None or now.sync_state not in ("scheduled", "paused"):
        return _not_ended(now)
    return _ended(latest, has_failed=now.failed_at == latest)


def _is_of_stopped_sync(baseline: Baseline, now: Connection, latest: datetime) -> bool:
    """Whether the latest end is that of the sync that was stopped, because the new one has begun and has not ended.

    A late success is that of the new one, though, if the next one is running already.
    """
    if not baseline.interrupted:
        return False
    if now.syncing:
        return now.failed_at == latest or latest < baseline.accepted_at + STOPPED_SURELY
    return now.sync_state == "rescheduled" and latest < baseline.accepted_at + STOPPED_WITHIN


def _may_be_of_sync_before(baseline: Baseline, now: Connection, latest: datetime, at: datetime | None) -> bool:
    """Whether the latest end may be that of the sync that was stopped, and the new one is to come."""
    if not baseline.interrupted:
        return False
    is_due = baseline.historical and now.is_historical_sync
    if latest >= baseline.accepted_at + (STOPPED_WITHIN if is_due else DATE_PRECISION):
        return False
    idle = now.sync_state == "scheduled" and not now.is_paused  # then the new one has ended before the response came
    return not idle or at is None or at - baseline.accepted_at <= SURELY_BEGUN


def _settles_in(latest: datetime, at: datetime | None) -> float:
    """Seconds until a poll is sure to show what came after an end; 0 if it does by now, or if the clocks disagree."""
    age = (at - latest).total_seconds() if at else math.inf
    return SHOWN_AFTER - age if -CONFIRM_IN < age < SHOWN_AFTER else 0.0


def _is_later(stamp: datetime | None, before: datetime | None) -> bool:
    """Whether it is the end of a later sync, and not the same one with more digits or fewer."""
    return stamp is not None and (before is None or stamp - before >= DATE_PRECISION)


def _new(stamp: datetime | None, before: datetime | None, *, joined: bool) -> datetime | None:
    """The stamp, if it is another than before; one of the same second may look older because it has fewer digits."""
    if stamp is None or before is None or stamp > before:
        return stamp
    same_second = stamp != before and stamp.replace(microsecond=0) == before.replace(microsecond=0)
    return stamp if joined and same_second else None


def _ended(ended_at: datetime, *, has_failed: bool) -> Verdict:
    status = SyncStatus.FAILED if has_failed else SyncStatus.SUCCEEDED
    return Verdict(status, f"{status.value} at {_shown(ended_at)}", ended_at=ended_at)


def _not_ended(now: Connection) -> Verdict:
    if now.is_paused:
        message = "was cancelled: the connection was paused before it ended; unpause it and trigger it again"
        return Verdict(SyncStatus.CANCELLED, message)
    if now.sync_state == "rescheduled":
        message = f"is rescheduled for {_shown(now.rescheduled_for)}"
        if now.needs_another_trigger:
            message += "; the schedule is manual, so it has to be triggered again then"
        return Verdict(SyncStatus.RUNNING, message)
    running = "is running as a historical sync" if now.is_historical_sync else "is running"
    messages = {"syncing": running, "scheduled": "has not started yet"}
    return Verdict(SyncStatus.RUNNING, messages.get(now.sync_state, f"is in the unknown state {now.sync_state!r}"))


def _shown(stamp: datetime | None) -> str:
    return "an unknown time" if stamp is None else f"{stamp:%Y-%m-%dT%H:%M:%SZ}"
