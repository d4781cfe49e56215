"""Fivetran: one connection, its stamps and its state.

Choices, where the vendor's pages leave one:
- A start that is accepted is queued for 0 to 10 minutes (mostly seconds), and `sync_state` stays what it was.
- Force over a running sync: mostly it stops at once, and may stamp failed_at with that very moment (or it completes
  there and stamps succeeded_at); or it goes on `syncing` for up to a minute, then ends with either stamp, and ours
  begins at most 1.4 s later. A longer gap after such a late end is the class "late cancel, then a queue".
- Force false while one is running or queued starts nothing: 200 or 409, by connection.
- A sync takes 5 s or more. A failed one may be retried by Fivetran, up to twice. What it put off goes on by itself on
  an automatic schedule; on a manual one it waits for another start, which goes on with that sync rather than being a
  second.
- Pausing ends a running or queued sync without a stamp; un-pausing does not bring it back. A start while paused is a
  400.
- Stamps have 0, 3 or 6 digits of a fraction, cut.

Where no client can know (counted apart):
- "a start that no look showed": its answer was lost, it was queued during every look, and it ran and ended while the
  second start (force false) was on its way.
- "foreign sync": one that somebody else or the schedule began from shortly before the snapshot on; there is no id of a
  sync, and its stamps look like ours.
- "lost start over a running sync": the answer is lost, and the running sync ends by itself about then: the same to see
  as a start that stopped it.
- "ended before the answer": ours, forced over a running one, had ended before the answer to its start came (or, if
  that was lost, before the look after it).
- "late cancel, then a queue": the stamp of the interrupted sync looks like the end of ours, which has not begun yet.
- "late cancel, then paused or put off": the same, and ours ends without a stamp.
- "a sync that the snapshot did not show": one was queued then, somebody's or that of an earlier unclear start, and a
  start with force stops it (with a stamp) or one without is swallowed by it.
- "paused and un-paused": between two looks, so that nothing shows that ours ended.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Optional

from fivetran_blueprints import check_sync_status, trigger_sync
from fivetran_blueprints.syncs import Handoff
from fivetran_blueprints.verdict import Baseline
from shared.timestamps import parse_timestamp
from tests.simulation.world import Outcome, Peer, Reply, Timeline, Vendor, World, compare, play, stamp

FOREIGN = "foreign sync"
LOST = "lost start over a running sync"
BEFORE_THE_ANSWER = "ended before the answer"
NEVER_SHOWN = "a start that no look showed"
LATE_QUEUE = "late cancel, then a queue"
LATE_OTHER = "late cancel, then paused or put off"
UNPAUSED = "paused and un-paused"
UNSEEN = "a sync that the snapshot did not show"

_SECRETS = {"FIVETRAN_API_KEY": "a-made-up-key", "FIVETRAN_API_SECRET": "a-made-up-secret"}
_ID = "an_id"


class Sync:
    """A sync with its retries and delays. `parts` are what is still to come: (seconds, how it ends)."""

    def __init__(self, name: str, parts: list[tuple[float, str]], *, foreign: bool) -> None:
        self.name = name
        self.parts = parts
        self.foreign = foreign
        self.late = False  # it followed one that was stopped late
        self.truths = {"running"}  # what may be told of it now
        self.begun: float | None = None
        self.ended: float | None = None
        self.stamped: float | None = None


class Fivetran(Vendor):
    """One connection."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        rng = world.rng
        self.manual = rng.random() < 0.65
        self.frequency = rng.choice((300.0, 900.0, 3600.0, 21600.0))
        self.setup = rng.choice(("connected",) * 18 + ("broken", "incomplete"))
        self.paused = rng.random() < 0.01
        self.running: Sync | None = None
        self.stopping = False  # the running one was told to stop, and `queued` comes after it
        self.queued: Sync | None = None
        self.put_off: Sync | None = None
        self.put_off_until: datetime | None = None
        self.shown = "scheduled"  # sync_state
        self.latest: Sync | None = None
        self.answers_409 = rng.random() < 0.5
        self.stamps: dict[str, str | None] = {"succeeded_at": None, "failed_at": None}
        if rng.random() < 0.85:
            for key in self.stamps:
                if rng.random() < 0.8:
                    self.stamps[key] = self._now_stamp(-rng.choice((rng.uniform(0, 120), rng.uniform(120, 1e6))))
        # What will happen, drawn at once, so that it does not depend on what a client does.
        self.queue = rng.choice((0.0, rng.uniform(0, 3), rng.uniform(0, 20), rng.uniform(0, 60), rng.uniform(0, 600)))
        self.stop_after = rng.choice((0.0, 0.0, rng.uniform(0, 5), rng.uniform(0, 60)))
        self.stop_stamps = rng.choice((None, "failed_at", "failed_at", "succeeded_at"))
        self.gap = rng.uniform(0, 1.4) if rng.random() < 0.97 else rng.uniform(2, 60)
        self.parts = self._plan(rng)
        self.unpause_after = rng.choice((None, None, rng.uniform(10, 3000)))
        self.witness: Sync | None = None  # the latest one that a client was told is running
        self.target: Sync | None = None
        self.snapshot: float = 0.0  # when the latest snapshot before the start that counts was taken
        self.seen_truths: set[str] = {"running"}
        self.foreign_times: list[float] = []
        self.ours: list[Sync] = []
        mood = rng.random()
        if mood < 0.4:
            seconds = rng.choice((rng.uniform(0, 3), rng.uniform(0, 60), rng.uniform(60, 3600)))
            self._begin(Sync("the one before", [(seconds, rng.choice(("success", "failure")))], foreign=True))
            self.foreign_times.clear()  # it is to be seen from the first look on
        elif mood < 0.45:
            self._enqueue(
                Sync("one that is queued", [(rng.uniform(5, 60), "success")], foreign=True), rng.uniform(0, 30)
            )
        elif mood < 0.5:
            self._put_off(Sync("one put off", [(60.0, "success")], foreign=True), rng.uniform(30, 3000))
        if not self.manual:
            world.later(rng.uniform(0, self.frequency), self._scheduled)
        if rng.random() < 0.02:
            world.later(rng.choice((rng.uniform(0, 5), rng.uniform(0, 3000))), self._somebody_starts)

    def _plan(self, rng: random.Random) -> list[tuple[float, str]]:
        def seconds() -> float:
            return rng.choice(
                (rng.uniform(5, 30), rng.uniform(5, 600), rng.uniform(5, 1200))
                + ((7200 * rng.random(),) if rng.random() < 0.3 else ())
            )

        parts: list[tuple[float, str]] = []
        while rng.random() < 0.15 and len(parts) < 2:
            parts.append((seconds(), "put off"))
        while rng.random() < 0.2 and len(parts) < 3:
            parts.append((seconds(), "retried"))
        parts.append((seconds(), rng.choice(("success", "success", "success", "failure", "failure"))))
        if rng.random() < 0.12:
            parts.insert(rng.randrange(len(parts)), (seconds(), "paused"))
        return parts

    def _now_stamp(self, ago: float = 0.0) -> str:
        return stamp(self.world.server(self.world.t + ago), self.world.rng.choice((0, 3, 3, 6)))

    # What happens at Fivetran

    def _enqueue(self, sync: Sync, seconds: float) -> None:
        self.queued = sync
        self.world.note(f"[{sync.name} is queued]")

        def begin() -> None:
            if self.queued is sync and self.running is None:
                self._begin(sync)

        self.world.later(seconds, begin)

    def _begin(self, sync: Sync) -> None:
        self.queued, self.running, self.put_off, self.put_off_until = None, sync, None, None
        self.shown = "syncing"
        self.latest = sync
        sync.begun = self.world.t if sync.begun is None else sync.begun
        if sync.foreign:
            self.foreign_times.append(self.world.t)
        self.world.note(f"[{sync.name} runs]")
        seconds, how = sync.parts.pop(0)

        def end() -> None:
            if self.running is sync and not (self.stopping and how != "success"):
                self._end(sync, how)

        self.world.later(seconds, end)

    def _end(self, sync: Sync, how: str) -> None:
        world, rng = self.world, self.world.rng
        world.note(f"[{sync.name}: {how}]")
        self.running = None
        if sync.foreign:
            self.foreign_times.append(world.t)
        if how == "put off":
            self._put_off(sync, rng.choice((rng.uniform(5, 120), rng.uniform(60, 3600))))
            return
        if how == "paused":
            self._pause(sync)
            return
        failed = how in ("failure", "retried")
        self._stamp(sync, "failed_at" if failed else "succeeded_at")
        sync.truths = {"failed" if failed else "succeeded"}
        self.shown = "scheduled"
        if how == "retried":
            gap = rng.choice((0.0, rng.uniform(0, 60), rng.uniform(60, 600)))
            self._enqueue(sync, gap)
        else:
            sync.ended = world.t
        self._successor()

    def _stamp(self, sync: Sync, key: str) -> None:
        self.stamps[key] = self._now_stamp()
        sync.stamped = self.world.t

    def _successor(self) -> None:
        """After a sync that was told to stop: ours."""
        if self.stopping and self.queued is not None:
            self.stopping = False
            self.queued.late = self.stop_after > 0
            if self.gap > 1.4 and self.stop_after > 0:
                self.unknowable(LATE_QUEUE)
            self._enqueue(self.queued, self.gap if self.stop_after > 0 else self.queue)

    def _put_off(self, sync: Sync, seconds: float) -> None:
        self.shown, self.put_off = "rescheduled", sync
        self.put_off_until = self.world.server() + timedelta(seconds=seconds)
        if self._after_late_cancel(sync):
            self.unknowable(LATE_OTHER)
        if not self.manual:

            def go_on() -> None:
                if self.put_off is sync and self.running is None and not self.paused:
                    self._begin(sync)

            self.world.later(seconds + self.world.rng.uniform(0, 30), go_on)

    def _after_late_cancel(self, sync: Sync) -> bool:
        return sync.late

    def _pause(self, sync: Sync | None) -> None:
        self.paused, self.shown, self.queued = True, "paused", None
        if sync is not None:
            sync.truths = {"cancelled", *(sync.truths - {"running"})}
            sync.ended = self.world.t
            if self._after_late_cancel(sync):
                self.unknowable(LATE_OTHER)
        if self.unpause_after is not None:

            def unpause() -> None:
                self.paused, self.shown = False, "scheduled"
                self.world.note("[un-paused]")
                if self.target is sync:
                    self.unpaused = True

            self.world.later(self.unpause_after, unpause)

    unpaused = False

    def _scheduled(self) -> None:
        self.world.later(self.frequency, self._scheduled)
        self._somebody_starts()

    def _somebody_starts(self) -> None:
        if self.running is None and self.queued is None and self.put_off is None and not self.paused:
            rng = self.world.rng
            self._begin(
                Sync("a foreign one", [(rng.uniform(5, 600), rng.choice(("success", "failure")))], foreign=True)
            )

    # What it answers

    def handle(self, method: str, path: str, params: Mapping[str, str], body: Any) -> Reply:
        del params
        if path.endswith("/sync-history"):
            return 403, {"code": "Forbidden"}
        if method == "POST":
            return self._start(bool(body["force"]))
        if self.running is not None:
            self.witness = self.running
        self.looked, self.looked_unseen = self.world.t, self.queued is not None
        if self.target is not None:
            self._remember()
        data = {
            "id": _ID, "paused": self.paused, "schedule_type": "manual" if self.manual else "auto", **self.stamps,
            "status": {
                "setup_state": self.setup, "sync_state": self.shown,
                "rescheduled_for": None if self.put_off_until is None else stamp(self.put_off_until, 3),
            },
        }  # fmt: skip
        return 200, {"code": "Success", "data": data}

    unseen = looked_unseen = posted = False
    looked = 0.0
    swallowed: Sync | None = None

    def begin_run(self) -> None:
        super().begin_run()
        self.posted, self.swallowed = False, None

    def sent(self, method: str) -> None:
        """The look before a start is its snapshot, unless this is that start once more."""
        if method == "POST" and self.target is None and not self.posted:
            self.posted, self.snapshot, self.unseen = True, self.looked, self.looked_unseen

    def _remember(self) -> None:
        sync = self.target
        self.seen_truths = set() if sync is None else set(sync.truths)

    def _start(self, force: bool) -> Reply:
        world = self.world
        if self.paused:
            return 400, {"code": "InvalidInput", "message": "the connection is paused"}
        if not force and (self.running is not None or self.queued is not None):
            self.witness = self.running or self.queued
            if self.answers_409:
                self.posted = False
                return 409, {"code": "Conflict", "message": "a sync is running"}
            self.swallowed = self.witness
            return 200, {"code": "Success", "message": "nothing to do"}
        if self.put_off is not None and not self.put_off.foreign:
            if self.queued is None and self.running is None:
                world.note("[the sync that was put off goes on]")
                self._enqueue(self.put_off, self.queue)
            return 200, {"code": "Success", "message": "Sync has been successfully triggered."}
        before = self.accepted[-1] if self.accepted else None
        if before is not None and not force and before.begun is not None and before.begun > self.looked:
            self.unknowable(NEVER_SHOWN)
        sync = Sync(f"ours {len(self.ours) + 1}" if self.ours else "ours", list(self.parts), foreign=False)
        world.note(f"[{sync.name} is accepted]")
        self.accepted.append(sync)
        self.ours.append(sync)
        self.put_off = None
        if self.queued is not None:
            if self.queued.foreign:
                self.foreign_times.append(world.t)
            self.queued.ended = world.t
        if self.running is None:
            self._enqueue(sync, self.queue)
            return 200, {"code": "Success", "message": "Sync has been successfully triggered."}
        old, self.queued, self.stopping = self.running, sync, True
        old_seen = self.witness is old

        def stop() -> None:
            if self.running is not old:
                return
            world.note(f"[{old.name} is stopped, {self.stop_stamps}]")
            self.running, self.shown = None, "scheduled"
            old.truths, old.ended = {"cancelled"}, world.t
            if old.foreign and not old_seen:
                self.foreign_times.append(world.t)
            if self.stop_stamps is not None:
                self._stamp(old, self.stop_stamps)
                old.truths |= {"failed"} if self.stop_stamps == "failed_at" else {"succeeded"}
            self._successor()

        if self.stop_after == 0:
            stop()
        else:
            world.later(self.stop_after, stop)
        return 200, {"code": "Success", "message": "Sync has been successfully triggered."}

    # What is true

    def saved_handoff(self, handoff: Any) -> None:
        if handoff.joined:
            self.target = self.witness
            if self.target is None:
                self.wrong.append("told joined, and nothing was running")
        elif self.accepted:
            self.target = self.accepted[-1]
        elif handoff.baseline.interrupted:
            self.target = self.ours[-1] if self.ours else self.witness
            self.unknowable(LOST)
        elif self.swallowed is not None:
            self.target = self.swallowed
            if self.target.foreign:
                self.unknowable(UNSEEN if self.unseen else FOREIGN)
        elif self.ours:
            self.target = self.ours[-1]
            self.unknowable(UNSEEN)
        else:
            self.target = Sync("nothing", [], foreign=False)
            self.target.truths = {"nothing"}
            self.wrong.append("told started, and nothing was")
            self._foreign_since()
        if self.unseen:
            self.unknowable(UNSEEN)
        target = self.target
        if target is not None and handoff.baseline.interrupted and target.stamped is not None:
            at = self.world.server(target.stamped)
            if at < handoff.baseline.accepted_at + timedelta(seconds=1):
                self.unknowable(BEFORE_THE_ANSWER)
        if target is not None:
            self.seen_truths = set(target.truths)

    def truths(self) -> set[str]:
        self._foreign_since()
        if self.unpaused:
            self.unknowable(UNPAUSED)
        return self.seen_truths

    def _foreign_since(self) -> None:
        if any(t >= self.snapshot for t in self.foreign_times if self._is_foreign(t)):
            self.unknowable(FOREIGN)

    def _is_foreign(self, t: float) -> bool:
        """Whether what a foreign sync did then was not that of the one joined, or of the one seen and stopped."""
        target = self.target
        if target is None or not target.foreign:
            return True
        return t not in (target.begun, target.ended)

    def ended_at(self) -> float | None:
        return None if self.target is None else self.target.ended


def timeline(seed: int, *, rng: random.Random | None = None, trace: bool = False, faulty: bool = True) -> Timeline:
    world = World(rng or random.Random(seed), trace=trace)
    return Timeline(world, Fivetran(world), faulty=faulty)


def simulate(seed: int, *, rng: random.Random | None = None, trace: bool = False) -> Outcome:
    """One timeline through the real scripts."""
    line = timeline(seed, rng=rng, trace=trace)
    rng = line.world.rng
    random.seed(rng.getrandbits(32))  # the clients' jitter
    trigger = {**_SECRETS, "FIVETRAN_CONNECTOR_ID": _ID}
    if rng.random() < 0.15:
        trigger["FIVETRAN_FORCE"] = rng.choice(("TRUE", "FALSE"))
    else:
        trigger["FIVETRAN_IF_RUNNING"] = rng.choice(("restart", "restart", "restart", "join", "wait", "fail"))
    check = {**_SECRETS}
    if rng.random() < 0.5:
        check["FIVETRAN_CONNECTOR_ID"] = _ID
    for environment in (trigger, check):
        if rng.random() < 0.4:
            environment["FIVETRAN_WAIT"] = "TRUE"
        environment["FIVETRAN_WAIT_TIMEOUT"] = rng.choice(("1", "10", "60", "230"))
        environment["FIVETRAN_POLL_INTERVAL"] = rng.choice(("20", "60", "300", "900"))
    pauses = (rng.choice((300.0, 300.0, rng.uniform(1, 900))) for _ in range(24))
    return play(seed, line, "fivetran", (trigger_sync, check_sync_status), trigger, check, pauses)


Stamps = tuple[Optional[datetime], Optional[datetime]]
_NEVER = datetime(1, 1, 1, tzinfo=timezone.utc)


def _shipyard_old(now: Stamps, before: Stamps, executed: datetime) -> str:
    """Any stamp after the local time of execution."""
    del before
    return _first_failed(now, (executed, executed))


def _first_failed(now: Stamps, before: Stamps, executed: datetime = _NEVER) -> str:
    """Each stamp against its own in the snapshot, a failure first: Shipyard new, Prefect."""
    del executed
    if (now[1] or _NEVER) > (before[1] or _NEVER):
        return "failed"
    return "succeeded" if (now[0] or _NEVER) > (before[0] or _NEVER) else ""


def _airflow(now: Stamps, before: Stamps, executed: datetime) -> str:
    """Each stamp against the later one of the snapshot, a success first; without any stamp it crashes."""
    del executed
    if before == (None, None):
        return "crash"
    latest = max(stamp or _NEVER for stamp in before)
    if (now[0] or _NEVER) > latest:
        return "succeeded"
    return "failed" if (now[1] or _NEVER) > latest else ""


def _later_decides(now: Stamps, before: Stamps, executed: datetime) -> str:
    """The later stamp, if it is later than those of the snapshot: Dagster, Kestra."""
    del executed
    if max(stamp or _NEVER for stamp in now) <= max(stamp or _NEVER for stamp in before):
        return ""
    return "succeeded" if (now[0] or _NEVER) > (now[1] or _NEVER) else "failed"


# Name -> (rule, whether it starts again what was put off, whether it ever times out)
_PEERS: dict[str, tuple[Callable[[Stamps, Stamps, datetime], str], bool, bool]] = {
    "Shipyard old": (_shipyard_old, False, False),
    "Shipyard new": (_first_failed, False, False),
    "Airflow 2.4": (_airflow, True, False),
    "Dagster": (_later_decides, True, False),
    "Prefect": (_first_failed, False, False),
    "Kestra": (_later_decides, False, True),
}


def peers(seed: int) -> dict[str, str]:
    """How our client and the rules of others fare in one timeline (start with force, look every minute), on a wire that
    never fails."""

    def ours() -> Outcome:
        line = timeline(seed, faulty=False)
        trigger = {**_SECRETS, "FIVETRAN_CONNECTOR_ID": _ID, "FIVETRAN_WAIT": "TRUE"}
        check = {**_SECRETS, "FIVETRAN_WAIT": "TRUE"}
        return play(seed, line, "fivetran", (trigger_sync, check_sync_status), trigger, check, [300.0] * 3)

    def rule_of(name: str) -> Callable[[Peer], None]:
        rule, starts_again, times_out = _PEERS[name]

        def run(peer: Peer) -> None:
            path = f"/v1/connections/{_ID}"
            first = peer.read(path)["data"]
            if first["paused"] or first["status"]["setup_state"] == "incomplete":
                peer.end("refused")
            executed = peer.world.local()
            answer = peer.start(f"{path}/sync", {"force": True})
            if answer is None or not answer.ok or answer.date is None:
                peer.end("refused")
                return
            syncing = first["status"]["sync_state"] == "syncing"
            peer.took(Handoff(_ID, Baseline(None, None, answer.date, interrupted=syncing)))
            while peer.pause(60):
                now = peer.read(path)["data"]
                word = rule(_stamps(now), _stamps(first), executed)
                if word == "crash":
                    peer.end("crash")
                if word:
                    peer.tell(word)
                if starts_again and now["status"]["sync_state"] == "rescheduled":
                    peer.start(f"{path}/sync", {"force": True})
                if times_out and peer.world.t > 6 * 3600:
                    peer.end("timed out")

        return run

    return compare(ours, {name: rule_of(name) for name in _PEERS}, lambda: timeline(seed, faulty=False))


def _stamps(data: Mapping[str, Any]) -> Stamps:
    return parse_timestamp(data["succeeded_at"]), parse_timestamp(data["failed_at"])
