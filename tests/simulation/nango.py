"""Nango: one integration with some connections, each with some syncs and variants.

Choices, where the vendor's pages leave one:
- A trigger queues a run for each entry that has none running or queued; it begins within 10 s, on a busy server within
  9 minutes; until then status shows the run before. One in fifty is dropped from the queue and never runs.
- `finishedAt` has milliseconds. A run that is cut is booked SUCCESS with its next run due, and goes on within 25 s.
- A server that is older than 0.67.1 tells no latestExecutionStatus; PAUSED then hides success and failure, not
  RUNNING.
- A reset cancels a run that is RUNNING (STOPPED) and queues another; it does nothing to a queued one.
- One connection in fifty is deleted during the timeline; its entries are gone.

Where no client can know (counted apart):
- "scheduled run": one that began between the baseline and our trigger swallows it, one after ours replaces its result.
- "one that was cut goes on over ours": a run that Nango cut goes on while ours is queued or running, and replaces its
  result.
- "queued longer than the grace": the run begins after NANGO_START_GRACE.
- "joined one ended before the start": of several entries some run and are joined; one of them ends between the
  baseline and the trigger of the others, which runs it once more.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, cast

from nango_blueprints import check_sync_status, trigger_sync
from nango_blueprints.api import parse_entries
from nango_blueprints.inputs import Selection
from nango_blueprints.syncs import Handoff
from nango_blueprints.verdict import Watch
from tests.simulation.world import Outcome, Peer, Reply, Timeline, Vendor, World, compare, play, stamp

SCHEDULED = "scheduled run"
CONTINUED = "one that was cut goes on over ours"
LATE = "queued longer than the grace"
MIXED = "joined one ended before the start"

_KEY = "an-integration"
_SECRETS = {"NANGO_SECRET_KEY": "00000000-0000-4000-8000-000000000000"}


class Run:
    """One run of an entry; `cut` are the seconds after which it is cut and continued, if it is."""

    def __init__(self, seconds: float, good: bool, *, foreign: bool, cut: float | None = None) -> None:
        self.seconds, self.good, self.foreign, self.cut = seconds, good, foreign, cut
        self.state = "queued"  # running, cut, ended, dropped
        self.ended: float | None = None
        self.cancelled = False


class Entry:
    """A sync, in a variant, of a connection."""

    def __init__(self, world: World, connection: str, name: str, variant: str) -> None:
        rng = world.rng
        self.connection, self.name, self.variant = connection, name, variant
        self.id = f"{connection}/{name}/{variant}"
        self.paused = rng.random() < 0.1
        self.running: Run | None = None
        self.queued: Run | None = None
        self.finished: float | None = None if rng.random() < 0.15 else world.t - rng.uniform(1, 1e5)
        self.good = rng.random() < 0.7
        self.next_due = world.t + rng.uniform(1, 3600)
        self.gone = False
        self.is_cut = False  # a run was cut, and its continuation has not begun
        self.target: Run | None = None
        self.foreign_since: float | None = None


class Nango(Vendor):
    """One integration."""

    told_within = 900.0

    def __init__(self, world: World) -> None:
        super().__init__(world)
        rng = world.rng
        self.old = rng.random() < 0.15
        self.busy = rng.random() < 0.15
        self.down = rng.random() < 0.01
        names = [("contacts", "base"), ("deals", "base"), ("deals", "eu")][: rng.choice((1, 1, 2, 3))]
        self.entries = [
            Entry(world, f"connection-{number}", name, variant)
            for number in range(rng.choice((1, 1, 1, 2, 3)))
            for name, variant in names
        ]
        self.selected: list[Entry] = []
        self.accepted_at: float | None = None
        self.reset = False
        self.seen: set[str] = {"running"}
        self.baseline_at = 0.0
        self.looked_at = 0.0
        self.looked: dict[str, Run | None] = {}
        self.posted = False
        self.baseline: dict[str, Run | None] = {}
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
                self._begin(entry, Run(rng.choice((rng.uniform(0, 5), rng.uniform(0, 900))), True, foreign=True))
            if rng.random() < 0.1:
                world.later(rng.choice((rng.uniform(0, 3), rng.uniform(0, 3000))), self._schedule(entry))
        if rng.random() < 0.02:
            connection = rng.choice(self.entries).connection
            world.later(rng.choice((rng.uniform(0, 3), rng.uniform(0, 1000))), lambda: self._delete(connection))

    def _plan(self, rng: random.Random) -> Run:
        seconds = rng.choice((rng.uniform(0.5, 10), rng.uniform(1, 120), rng.uniform(60, 1500)))
        cut = seconds * rng.uniform(0.1, 0.9) if rng.random() < 0.08 and not self.old else None
        return Run(seconds, rng.random() < 0.65, foreign=False, cut=cut)

    # What happens at Nango

    def _schedule(self, entry: Entry) -> Any:
        def begin() -> None:
            if entry.running is None and entry.queued is None and not entry.gone:
                rng = self.world.rng
                self._begin(entry, Run(rng.uniform(1, 300), rng.random() < 0.6, foreign=True))

        return begin

    def _delete(self, connection: str) -> None:
        self.world.note(f"[{connection} is deleted]")
        for entry in self.entries:
            if entry.connection == connection:
                entry.gone = True

    def _enqueue(self, entry: Entry, run: Run, seconds: float) -> None:
        entry.queued = run
        self.world.note(f"[{entry.id}: queued for {seconds:.0f} s]")

        def begin() -> None:
            if entry.queued is run:
                entry.queued = None
                if not entry.gone:
                    self._begin(entry, run)

        def drop() -> None:
            entry.queued = None
            run.state = "dropped"

        self.world.later(3600.0 if seconds < 0 else seconds, drop if seconds < 0 else begin)

    def _begin(self, entry: Entry, run: Run) -> None:
        entry.running, run.state, entry.is_cut = run, "running", False
        if run.foreign:
            entry.foreign_since = self.world.t
        self.world.note(f"[{entry.id}: runs]")

        def end() -> None:
            if entry.running is run:
                self._end(entry, run)

        def cut() -> None:
            if entry.running is run:
                entry.running, run.state = None, "cut"
                entry.finished, entry.good, entry.next_due = self.world.t, True, self.world.t - 1
                run.cut, entry.is_cut = None, True
                self.world.note(f"[{entry.id}: cut]")
                self.world.later(self.world.rng.uniform(0.5, 25), go_on)

        def go_on() -> None:
            if not entry.gone and run.state == "cut":
                if entry.running is not None or entry.queued is not None:
                    self.unknowable(CONTINUED)
                self._begin(entry, run)

        if run.cut is not None:
            run.seconds -= run.cut
            self.world.later(run.cut, cut)
        else:
            self.world.later(run.seconds, end)

    def _end(self, entry: Entry, run: Run) -> None:
        entry.running, run.state, run.ended = None, "ended", self.world.t
        entry.finished, entry.good = self.world.t, run.good
        if entry.next_due <= self.world.t:
            entry.next_due = self.world.t + 3600
        self.world.note(f"[{entry.id}: {'success' if run.good else 'failure'}]")

    # What it answers

    def handle(self, method: str, path: str, params: Mapping[str, str], body: Any) -> Reply:
        del path
        if method == "POST":
            return self._trigger(body)
        chosen = self._chosen(params.get("connection_id"), [] if params["syncs"] == "*" else params["syncs"].split(","))
        connection = params.get("connection_id")
        if connection and all(entry.gone for entry in self.entries if entry.connection == connection):
            self.seen = {"not_found"}
            return 400, {"error": {"code": "invalid_body", "message": "Connection not found"}}
        if self.selected:
            self.seen = self._truths()
        else:
            self.looked_at, self.looked = self.world.t, {entry.id: entry.running for entry in chosen}
        return 200, {"syncs": [self._shown(entry) for entry in chosen]}

    def _chosen(self, connection: str | None, names: list[str]) -> list[Entry]:
        def wanted(entry: Entry) -> bool:
            if entry.gone or (connection and entry.connection != connection):
                return False
            full = f"{entry.name}::{entry.variant}"
            return not names or full in names or (entry.variant == "base" and entry.name in names)

        return [entry for entry in self.entries if wanted(entry)]

    def _shown(self, entry: Entry) -> dict[str, Any]:
        running = entry.running is not None
        ran = running or entry.finished is not None
        latest = "RUNNING" if running else "SUCCESS" if entry.good else "STOPPED"
        status = "RUNNING" if running else "PAUSED" if entry.paused else "SUCCESS" if entry.good or not ran else "ERROR"
        shown = {
            "id": entry.id, "connection_id": entry.connection, "name": entry.name, "variant": entry.variant,
            "status": status, "nextScheduledSyncAt": self._stamp(self._due(entry)), "frequency": "every 1h",
        }  # fmt: skip
        if ran and not self.old:
            shown["latestExecutionStatus"] = latest
        if not running and entry.finished is not None:
            shown["finishedAt"] = self._stamp(entry.finished)
        return shown

    def _due(self, entry: Entry) -> float:
        """Ahead, but for a run that was cut: its continuation is due at once."""
        due = entry.next_due
        while due <= self.world.t and not entry.is_cut:
            due += 3600
        return due

    def _stamp(self, t: float) -> str:
        return stamp(self.world.server(t), 3)

    def _trigger(self, body: Mapping[str, Any]) -> Reply:
        world = self.world
        made: list[Entry] = []
        connection = body.get("connection_id")
        chosen = self._chosen(connection, list(body["syncs"]))
        if connection and not chosen:
            return 404, {"error": {"code": "unknown_connection", "message": "Connection not found"}}
        self.accepted_at = world.t
        reset = bool(body.get("opts", {}).get("reset"))
        for entry in chosen if not self.down else []:
            if entry.running is not None and reset:
                world.note(f"[{entry.id}: cancelled by the reset]")
                entry.foreign_since = world.t
                entry.running.cancelled, entry.running.good = True, False
                self._end(entry, entry.running)
            if entry.running is None and entry.queued is None:
                plan = self.plans[entry.id]
                run = Run(plan.seconds, plan.good, foreign=False, cut=plan.cut)
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

    def sent(self, method: str) -> None:
        if method == "POST" and not self.posted and not self.selected:
            self.posted, self.baseline_at, self.baseline = True, self.looked_at, self.looked

    def begin_run(self) -> None:
        super().begin_run()
        self.posted = False

    def saved_handoff(self, handoff: Any) -> None:
        by_id = {entry.id: entry for entry in self.entries}
        self.grace = float(handoff.start_grace)
        if self.accepted_at is not None and handoff.server_time is not None:  # a lost start counts from the read before
            early = self.world.server(self.accepted_at) - handoff.server_time
            self.grace -= max(0.0, early.total_seconds())
        for entry_id, baseline in handoff.watches.items():
            entry = by_id[entry_id]
            self.selected.append(entry)
            if baseline.joined:
                joined = self.looked.get(entry_id) if handoff.joined else self.baseline.get(entry_id)
                if entry.target is not None and not entry.target.foreign:
                    self.unknowable(MIXED)
                entry.target = joined
        if handoff.joined:
            self.baseline_at = self.looked_at
        elif self.accepted_at is None:
            self.wrong.append("told started, and nothing was accepted")
            self._scheduled_since()
        self.seen = self._truths()

    def _scheduled_since(self) -> None:
        for entry in self.selected:
            since = entry.foreign_since
            if since is not None and since > self.baseline_at:
                self.unknowable(SCHEDULED)

    def _truths(self) -> set[str]:
        self._scheduled_since()
        words = {self._truth(entry) for entry in self.selected}
        for word in ("running", "failed", "unknown"):
            if word in words:
                return {word}
        return {"succeeded"}

    def _truth(self, entry: Entry) -> str:
        run = entry.target
        if entry.gone:
            return "failed"
        begun = self.accepted_at if self.accepted_at is not None else self.baseline_at
        overdue = self.world.t - begun > self.grace - 3
        if run is None or self._dropped(entry):
            return "failed" if overdue else "running"
        if run.state == "queued" and overdue:
            self.unknowable(LATE)
        if run.ended is None:
            return "running"
        if self.old and entry.paused:
            return "unknown"
        return "succeeded" if run.good else "failed"

    def _dropped(self, entry: Entry) -> bool:
        run = entry.target
        return run is None or (not run.foreign and (run.state == "dropped" or self.delays[entry.id] < 0))

    def truths(self) -> set[str]:
        return self.seen

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


def timeline(seed: int, *, rng: random.Random | None = None, trace: bool = False, faulty: bool = True) -> Timeline:
    """The world of one seed: the same vendor and wire for whoever plays in it."""
    world = World(rng or random.Random(seed), trace=trace)
    return Timeline(world, Nango(world), faulty=faulty)


def simulate(seed: int, *, rng: random.Random | None = None, trace: bool = False) -> Outcome:
    """One timeline through the real scripts."""
    line = timeline(seed, rng=rng, trace=trace)
    vendor = cast(Nango, line.vendor)
    rng = line.world.rng
    random.seed(rng.getrandbits(32))  # the clients' jitter
    trigger = {**_SECRETS, "NANGO_PROVIDER_CONFIG_KEY": _KEY, "NANGO_IF_RUNNING": rng.choice(("wait", "join", "fail"))}
    if rng.random() < 0.6:
        trigger["NANGO_CONNECTION_ID"] = rng.choice(vendor.entries).connection
    if rng.random() < 0.4:
        entry = rng.choice(vendor.entries)
        trigger["NANGO_SYNCS"] = f"{entry.name}::{entry.variant}" if entry.variant != "base" else entry.name
    if trigger["NANGO_IF_RUNNING"] != "join" and rng.random() < 0.2:
        trigger["NANGO_RESET"] = "TRUE"
    check = dict(_SECRETS)
    for environment in (trigger, check):
        if rng.random() < 0.4:
            environment["NANGO_WAIT"] = "TRUE"
        environment["NANGO_WAIT_TIMEOUT"] = rng.choice(("1", "10", "60", "230"))
        environment["NANGO_POLL_INTERVAL"] = rng.choice(("20", "60", "300", "900"))
    pauses = (rng.choice((300.0, 300.0, rng.uniform(1, 900))) for _ in range(24))
    return play(seed, line, "nango", (trigger_sync, check_sync_status), trigger, check, pauses)


def peers(seed: int) -> dict[str, str]:
    """How our client and "not RUNNING means done" fare in one timeline, on a wire that never fails."""

    def ours() -> Outcome:
        line = timeline(seed, faulty=False)
        environment = {**_SECRETS, "NANGO_PROVIDER_CONFIG_KEY": _KEY, "NANGO_WAIT": "TRUE"}
        return play(seed, line, "nango", (trigger_sync, check_sync_status), environment, dict(_SECRETS), [300.0] * 3)

    def not_running_means_done(peer: Peer) -> None:
        query = {"provider_config_key": _KEY, "syncs": "*"}
        before = peer.read("/sync/status", query)["syncs"]
        while any(entry["status"] == "RUNNING" for entry in before):
            peer.pause(60)
            before = peer.read("/sync/status", query)["syncs"]
        peer.start("/sync/trigger", {"provider_config_key": _KEY, "syncs": []})
        entries = parse_entries({"syncs": before}).items()
        watches = {key: Watch(entry.label, entry.finished_at, joined=entry.running) for key, entry in entries}
        peer.took(Handoff(Selection(_KEY), None, watches))
        while peer.pause(10):
            now = peer.read("/sync/status", query)["syncs"]
            if all(entry["status"] != "RUNNING" for entry in now):
                peer.tell("succeeded" if all(entry["status"] != "ERROR" for entry in now) else "failed")

    rules = {"not RUNNING means done": not_running_means_done}
    return compare(ours, rules, lambda: timeline(seed, faulty=False))
