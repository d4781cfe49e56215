"""Nango: one integration with some connections, each with some syncs and variants.

Choices, where the vendor's pages leave one:
- A trigger queues a run for each entry that has none running or queued; it begins within 10 s, on a busy server within
  9 minutes; until then status shows the run before. One in fifty is dropped from the queue and never runs.
- `finishedAt` has milliseconds. A run that is cut is booked SUCCESS; up to 2 s later its next run is due at the moment
  of the cut, and it goes on within 25 s, within the hour, or (one in ten) never. A paused entry has no due time.
- A server that is older than 0.67.1 shows no latestExecutionStatus; PAUSED then hides success and failure, not
  RUNNING.
- A reset cancels a run that is RUNNING (STOPPED; `finishedAt` moves once more within 10 s, and one in ten ends ours,
  too, if it has begun by then) and queues another; it does nothing to a queued one.
- One connection in fifty is deleted during the timeline; its entries are gone. One entry in thirty is missing from
  status for up to 45 s of the first minute, and not later: a check that has not seen it before cannot wait for it. A
  stale status is up to 2 s old.
- One trigger in twelve has a key that may not read; its check has another key.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from nango_blueprints import check_sync_status, trigger_sync
from nango_blueprints.inputs import Selection
from nango_blueprints.syncs import Handoff
from nango_blueprints.verdict import Watch
from tests.simulation.world import Reply, Scenario, Vendor, View, World

# Where no client can know, and timelines are counted apart

# One began between the baseline and our trigger and is over when this is accepted, or one began after it and replaces
# the result of ours.
SCHEDULED = "scheduled run"
EARLIER = "run of an earlier unclear start"  # the same, of a run that the trigger before asked for without a response
# The response to a start was lost, and it was queued during every poll and over before the second.
NEVER_SHOWN = "a start that no poll showed"
CUT_UNSEEN = "cut without a due time"  # one of a paused entry looks like a success
# A run begins, or one that was cut before goes on, after NANGO_START_GRACE; or after a reset that cancelled another one
# later than its STOPPED is waited for (30 s).
LATE = "queued longer than the grace"
# One of several that are joined ends between the baseline and the trigger of the others, which runs it once more.
MIXED = "joined one ended before the start"
# A key that may not read triggers, and an entry is gone, or not shown yet, when a check begins.
MISSING = "missing without a baseline"
WITHIN = "an end within the request"  # without a baseline, a run that ends about then may be ours or the one before

KEY = "an-integration"
SECRETS = {"NANGO_SECRET_KEY": "00000000-0000-4000-8000-000000000000"}
FORBIDDEN = {"error": {"code": "forbidden", "message": "Insufficient scope. Required: environment:syncs:read"}}


@dataclass(eq=False)
class Run:
    """One run of an entry; `cut` are the seconds after which it is cut and continued, if it is."""

    seconds: float
    good: bool
    cut: float | None = None
    batch: object = None  # which trigger asked for it
    is_cut: bool = False  # and has not gone on yet
    begun: float | None = None
    ended: float | None = None
    abandoned: bool = False  # it was cut, and never continued


class Entry:
    """A sync, in a variant, of a connection."""

    def __init__(self, world: World, connection: str, name: str, variant: str) -> None:
        rng = world.rng
        self.connection, self.name, self.variant = connection, name, variant
        self.full_name = f"{name}::{variant}"
        self.id = f"{connection}/{name}/{variant}"
        self.paused = rng.random() < 0.1
        self.running: Run | None = None
        self.queued: Run | None = None
        self.latest: Run | None = None  # the one that began last
        self.finished: float | None = None if rng.random() < 0.15 else world.t - rng.uniform(1, 1e5)
        self.good = rng.random() < 0.7
        self.next_due = world.t + rng.uniform(1, 3600)
        self.due_at_cut: float | None = None  # a run was cut then, and its continuation has not begun
        self.gone = False
        self.missing: tuple[float, float] = (0.0, 0.0)
        if rng.random() < 0.03:
            begin = rng.uniform(0, 10)
            self.missing = begin, begin + rng.uniform(0, 45)
        self.target: Run | None = None
        self.others: list[tuple[float, Run]] = []  # when runs began that the current trigger did not ask for

    def hidden(self, t: float) -> bool:
        return self.missing[0] <= t < self.missing[1]


class Nango(Vendor):
    """One integration."""

    name = "nango"
    trigger = trigger_sync
    check = check_sync_status
    reported_within = 900.0
    stale_for = 2.0

    def __init__(self, world: World) -> None:
        super().__init__(world)
        rng = world.rng
        self.old = rng.random() < 0.15
        self.busy = rng.random() < 0.15
        self.down = rng.random() < 0.01
        self.narrow = rng.random() < 0.08
        names = [("contacts", "base"), ("deals", "base"), ("deals", "eu")][: rng.choice((1, 1, 2, 3))]
        self.entries = [
            Entry(world, f"connection-{number}", name, variant)
            for number in range(rng.choice((1, 1, 1, 2, 3)))
            for name, variant in names
        ]
        self.selected: list[Entry] = []
        self.accepted_at: float | None = None
        self.sent_at = 0.0
        self.responded_at: float | None = None  # when the response came, where there is no baseline
        self.baseline_at = self.polled_at = 0.0
        self.polled: dict[str, Run | None] = {}
        self.baseline: dict[str, Run | None] = {}
        self.unshown: list[Entry] = []  # triggered without a baseline, and not seen in this run
        self.plans = {entry.id: self._plan(rng) for entry in self.entries}
        self.delays = {
            entry.id: rng.uniform(0, 540) if self.busy and rng.random() < 0.5 else rng.uniform(0, 10)
            for entry in self.entries
        }
        for entry in self.entries:
            if rng.random() < 0.02:
                self.delays[entry.id] = rng.uniform(600, 3500)
            if rng.random() < 0.02:
                self.delays[entry.id] = -1.0
            if rng.random() < 0.2:
                self._begin(entry, Run(rng.choice((rng.uniform(0, 5), rng.uniform(0, 900))), good=True))
            if rng.random() < 0.1:
                self._schedule(entry, rng.choice((rng.uniform(0, 3), rng.uniform(0, 3000))))
        if rng.random() < 0.02:
            connection = rng.choice(self.entries).connection
            world.later(rng.choice((rng.uniform(0, 3), rng.uniform(0, 1000))), lambda: self._delete(connection))

    def _plan(self, rng: random.Random) -> Run:
        seconds = rng.choice((rng.uniform(0.5, 10), rng.uniform(1, 120), rng.uniform(60, 1500)))
        cut = seconds * rng.uniform(0.1, 0.9) if rng.random() < 0.1 and not self.old else None
        return Run(seconds, rng.random() < 0.65, cut=cut)

    def scenario(self, rng: random.Random) -> Scenario:
        policy = rng.choice(("wait", "join", "fail"))
        trigger = {**SECRETS, "NANGO_PROVIDER_CONFIG_KEY": KEY, "NANGO_IF_RUNNING": policy}
        if rng.random() < 0.6:
            trigger["NANGO_CONNECTION_ID"] = rng.choice(self.entries).connection
        if rng.random() < 0.4:
            entry = rng.choice(self.entries)
            trigger["NANGO_SYNCS"] = entry.full_name if entry.variant != "base" else entry.name
        senses = rng.random() < 0.12
        check = {**SECRETS, **({key: trigger[key] for key in trigger if key != "NANGO_IF_RUNNING"} if senses else {})}
        if policy != "join" and rng.random() < 0.2:
            trigger["NANGO_RESET"] = "TRUE"
        trigger.update(self.waiting(rng))
        check.update(self.waiting(rng))
        return None if senses else trigger_sync, trigger, check

    # What happens at Nango

    def _schedule(self, entry: Entry, seconds: float) -> None:
        rng = self.world.rng
        self.world.later(
            seconds,
            lambda: self._begin(entry, Run(rng.uniform(1, 300), rng.random() < 0.6)),
            provided=lambda: entry.running is None and entry.queued is None and not entry.gone,
        )

    def _delete(self, connection: str) -> None:
        self.world.note(f"[{connection} is deleted]")
        for entry in self.entries:
            entry.gone = entry.gone or entry.connection == connection

    def _enqueue(self, entry: Entry, run: Run, seconds: float) -> None:
        entry.queued = run
        self.world.note(f"[{entry.id}: queued for {seconds:.0f} s]")

        def is_due() -> bool:
            return entry.queued is run and not entry.gone

        def drop() -> None:
            entry.queued = None
            if run.begun is not None:  # it was cut
                run.abandoned, run.ended = True, self.world.t

        if seconds < 0:
            self.world.later(3600.0, drop)
        else:
            self.world.later(seconds, lambda: self._begin(entry, run), is_due)

    def _begin(self, entry: Entry, run: Run) -> None:
        entry.queued, entry.running, entry.latest, entry.due_at_cut, run.is_cut = None, run, run, None, False
        if run.begun is None:
            run.begun = self.world.t
            if run.batch is not self.accepted:
                entry.others.append((self.world.t, run))
        self.world.note(f"[{entry.id}: runs]")
        if run.cut is not None:
            run.seconds -= run.cut
            self.world.later(run.cut, lambda: self._cut(entry, run), provided=lambda: entry.running is run)
        else:
            self.world.later(run.seconds, lambda: self._end(entry, run), provided=lambda: entry.running is run)

    def _cut(self, entry: Entry, run: Run) -> None:
        rng, at = self.world.rng, self.world.t
        self.world.note(f"[{entry.id}: cut]")
        entry.running, run.is_cut, run.cut = None, True, None
        entry.finished, entry.good = at, True
        if entry.paused and run is entry.target:
            self.unknowable(CUT_UNSEEN)

        def show_due() -> None:
            if run.is_cut and entry.finished == at:
                entry.due_at_cut = at

        self.world.later(rng.uniform(0, 2), show_due)
        go_on = rng.choice((rng.uniform(2, 25), rng.uniform(2, 25), rng.uniform(25, 600), rng.uniform(600, 3500)))
        self._enqueue(entry, run, -1.0 if rng.random() < 0.1 else go_on)

    def _end(self, entry: Entry, run: Run) -> None:
        entry.running, run.ended = None, self.world.t
        entry.finished, entry.good = self.world.t, run.good
        entry.next_due = self._due(entry)
        self.world.note(f"[{entry.id}: {'success' if run.good else 'failure'}]")

    def _cancel(self, entry: Entry, old: Run) -> None:
        """A reset cancels a run; its abort is handled some seconds later."""
        rng = self.world.rng
        self.world.note(f"[{entry.id}: cancelled by the reset]")
        old.good = False
        self._end(entry, old)
        ends_ours = rng.random() < 0.1

        def abort() -> None:
            if entry.running is None and entry.latest is old:
                entry.finished = self.world.t
            elif entry.running is not None and entry.running is entry.target and ends_ours:
                entry.running.good = False
                self._end(entry, entry.running)

        self.world.later(rng.uniform(0, 10), abort)

    # What it shows

    def view(self, _path: str, params: Mapping[str, str]) -> View:
        if not self.may_read:
            return View((403, FORBIDDEN))
        t, connection = self.world.t, params.get("connection_id")
        chosen = self._chosen(connection, [] if params["syncs"] == "*" else params["syncs"].split(","))
        if connection and all(entry.gone for entry in self.entries if entry.connection == connection):
            unknown = {"error": {"code": "invalid_body", "message": "Connection not found"}}
            return View((400, unknown), lambda: setattr(self, "seen", {"not_found"}))
        running = {entry.id: entry.running for entry in chosen}
        seen = self._latest_truths(chosen) if self.sensing else {self._overall()} if self.selected else None
        if self.responded_at is not None and not chosen:  # without a baseline nobody knows what was there before a poll
            seen = {"not_found", "failed"}

        def shown() -> None:
            if any(entry.gone or entry.hidden(t) for entry in self.unshown):
                self.unknowable(MISSING)
            self.unshown = []
            if seen is not None:
                self.seen = seen
            else:
                self.polled_at, self.polled = t, running

        return View((200, {"syncs": [self._shown(entry) for entry in chosen if not entry.hidden(t)]}), shown)

    def _chosen(self, connection: str | None, names: list[str]) -> list[Entry]:
        def wanted(entry: Entry) -> bool:
            if entry.gone or (connection and entry.connection != connection):
                return False
            return not names or entry.full_name in names or (entry.variant == "base" and entry.name in names)

        return [entry for entry in self.entries if wanted(entry)]

    def _shown(self, entry: Entry) -> dict[str, Any]:
        running = entry.running is not None
        ran = running or entry.finished is not None
        status = "RUNNING" if running else "PAUSED" if entry.paused else "SUCCESS" if entry.good or not ran else "ERROR"
        shown = {
            "id": entry.id, "connection_id": entry.connection, "name": entry.name, "variant": entry.variant,
            "status": status, "frequency": "every 1h",
            "nextScheduledSyncAt": None if entry.paused else self._stamp(self._due(entry)),
        }  # fmt: skip
        if ran and not self.old:
            shown["latestExecutionStatus"] = "RUNNING" if running else "SUCCESS" if entry.good else "STOPPED"
        if not running and entry.finished is not None:
            shown["finishedAt"] = self._stamp(entry.finished)
        return shown

    def _due(self, entry: Entry) -> float:
        """Ahead, but for a run that was cut: its continuation is due at once."""
        if entry.due_at_cut is not None:
            return entry.due_at_cut
        due = entry.next_due
        while due <= self.world.t:
            due += 3600
        return due

    def _stamp(self, t: float) -> str:
        return self.world.stamp(t, 3)

    def handle(self, _method: str, _path: str, body: Any) -> Reply:
        world, connection = self.world, body.get("connection_id")
        made: list[Entry] = []
        chosen = self._chosen(connection, list(body["syncs"]))
        if connection and not chosen:
            return 404, {"error": {"code": "unknown_connection", "message": "Connection not found"}}
        self.accepted_at = world.t
        for entry in chosen if not self.down else []:
            if entry.running is not None and body.get("opts", {}).get("reset"):
                entry.others = [(t, run) for t, run in entry.others if run is not entry.running]
                self._cancel(entry, entry.running)
                if not 0 <= self.delays[entry.id] <= 25:
                    self.unknowable(LATE)
            if entry.running is None and entry.queued is None:
                run = replace(self.plans[entry.id], batch=self.accepted)
                if entry.target is not None and entry.target.batch is self.accepted:
                    self.unknowable(NEVER_SHOWN)
                entry.target = run
                made.append(entry)
                self._enqueue(entry, run, self.delays[entry.id])
            elif entry.queued is not None:
                entry.target = entry.queued
            else:
                entry.target = entry.target or entry.running
        if made and (not self.accepted or any(entry in self.accepted[0] for entry in made)):
            self.accepted.append(made)
        return 200, {"success": True}

    # What is true

    def begin_run(self, script: ModuleType) -> None:
        super().begin_run(script)
        self.posted = False
        self.may_read = not (self.narrow and script is trigger_sync)
        self.unshown = list(self.selected) if self.responded_at is not None else []
        if not self.selected:  # what a trigger before this one asked for is not this one's
            self.accepted_at = None
            for entry in self.entries:
                entry.target = None

    def sent(self, method: str) -> None:
        if method == "POST" and not self.posted and not self.selected:
            self.posted, self.sent_at = True, self.world.t
            self.baseline_at, self.baseline = (self.polled_at, self.polled) if self.may_read else (self.world.t, {})

    def saved_handoff(self, handoff: Any) -> None:
        by_id = {entry.id: entry for entry in self.entries}
        self.grace = float(handoff.start_grace + handoff.late)
        if self.accepted_at is not None and handoff.server_time is not None:  # a lost start counts from the read before
            early = self.world.server(self.accepted_at) - handoff.server_time
            self.grace -= max(0.0, early.total_seconds())
        if not handoff.has_baseline:
            self.selected = self._chosen(handoff.selection.connection_id, list(handoff.selection.syncs))
            self.responded_at = self.world.t
            since = self.accepted_at or 0.0
            if self.down and any(entry.running or (entry.finished or 0) >= since for entry in self.selected):
                self.unknowable(SCHEDULED)  # the one that was running at the request ends, and nothing else runs
        for entry_id, baseline in (handoff.watches or {}).items():
            entry = by_id[entry_id]
            self.selected.append(entry)
            if baseline.joined:
                if entry.target is not None and entry.target.batch is self.accepted:
                    self.unknowable(MIXED)
                entry.target = self.polled.get(entry_id) if handoff.joined else self.baseline.get(entry_id)
            elif entry.target is None and not handoff.joined:  # only runs of an earlier start may be seen
                latest = entry.queued or entry.latest
                if latest is not None and (latest.begun is None or latest.begun > self.baseline_at):
                    entry.target = latest
        if handoff.joined:
            self.baseline_at = self.polled_at
        elif self.accepted_at is None and not any(self.all_accepted):
            self.wrong.append("reported started, and nothing was accepted")
            if any(t > self.baseline_at for entry in self.selected for t, _ in entry.others):
                self.unknowable(SCHEDULED)
        self.seen = {self._overall()}

    def _overall(self) -> str:
        for entry in self.selected:
            responded, ended = self.responded_at, entry.finished
            if responded is not None and ended is not None and self.sent_at - 1 <= ended <= responded + 1:
                self.unknowable(WITHIN)
            for at, run in entry.others:
                if at > self.baseline_at and run is not entry.target:
                    self.unknowable(SCHEDULED if run.batch is None else EARLIER)
        return _worst({self._truth(entry) for entry in self.selected})

    def _truth(self, entry: Entry) -> str:
        run = entry.target
        if entry.gone:
            return "failed"
        begun = self.accepted_at if self.accepted_at is not None else self.baseline_at
        overdue = self.world.t - begun > self.grace - 3
        if run is None or self._dropped(entry):
            return "failed" if overdue else "running"
        if overdue and (run.begun is None or (entry.queued is run and run.begun < begun)):
            self.unknowable(LATE)
        if run.ended is None:
            return "running"
        if self.old and entry.paused:
            return "unknown"
        return "succeeded" if run.good and not run.abandoned else "failed"

    def _dropped(self, entry: Entry) -> bool:
        run = entry.target
        return run is None or (run.batch is not None and run.begun is None and self.delays[entry.id] < 0)

    def _latest_truths(self, chosen: list[Entry]) -> set[str]:
        """For a check without a handoff: what may be reported of the latest runs."""
        visible = [entry for entry in chosen if not entry.hidden(self.world.t)]
        if not visible:
            gone = {"failed"} if any(entry.gone for entry in self.entries) else set()  # those that were seen
            return {"not_found", "running", *self._aged(chosen), *gone}
        found = self._aged(chosen) | self._aged(visible)
        if len(visible) < len(chosen) or any(self.world.t - (entry.finished or -1e9) < 10 for entry in chosen):
            found.add("running")
        return found | ({"failed", "running"} if any(entry.gone for entry in self.entries) else set())

    def _aged(self, entries: list[Entry]) -> set[str]:
        """How the latest runs of the entries ended, if that is not too long ago."""
        words = set()
        for entry in entries:
            run = entry.latest
            if run is not None and run.abandoned:
                words.add("failed")
            elif entry.running is not None or entry.finished is None or (run is not None and run.is_cut):
                words.add("running")
            else:
                words.add("unknown" if self.old and entry.paused else "succeeded" if entry.good else "failed")
        oldest = min((entry.finished for entry in entries if entry.finished is not None), default=1e9)
        return self.truths_of_latest(oldest, _worst(words))

    def ended_at(self) -> float | None:
        ends = []
        for entry in self.selected:
            run = entry.target
            begun = self.accepted_at if self.accepted_at is not None else self.baseline_at
            if entry.gone or run is None or self._dropped(entry):
                ends.append(begun + self.grace)
            elif run.ended is None:
                return None
            else:
                ends.append(run.ended)
        return max(ends, default=None)

    def yesterdays(self) -> Handoff:
        watches = {entry.id: Watch(entry.id) for entry in self.entries}
        return Handoff(Selection(KEY), self.world.server(self.world.t - 86400), watches)


def _worst(words: set[str]) -> str:
    return next((word for word in ("running", "failed", "unknown") if word in words), "succeeded")
