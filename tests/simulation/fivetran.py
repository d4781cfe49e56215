"""Fivetran: one connection, its stamps and its state.

Choices, where the vendor's pages leave one:
- A start that is accepted is queued for 0 to 10 minutes (mostly seconds), and `sync_state` stays what it was.
- Force over a running sync: mostly it stops at once, and may stamp failed_at with that very moment (or it completes
  there and stamps succeeded_at); or it goes on `syncing` for up to a minute, then ends with either stamp, and ours
  begins at most 1.4 s later. A longer gap after such a late end is the class "late cancel, then a queue".
- Force false while one is running or queued starts nothing: 200 or 409, by connection.
- A sync takes 5 s or more. A failed one may be retried by Fivetran, up to twice. What it rescheduled goes on by itself
  on an automatic schedule; on a manual one it waits for another start, which goes on with that sync rather than being
  a second.
- Pausing ends a running or queued sync without a stamp; unpausing does not bring it back. A start while paused is a
  400; a historical sync that is asked for then is only flagged, and begins after the unpausing.
- A resync, and an update with a historical sync, start one as a start with force does; its flag shows up to 5 s later
  and until it has ended (or succeeded). A resync over a running sync is a 409 on one connection in five.
- One connection in ten is a 404 for up to 45 s after a start was accepted.
- Stamps have 0, 3 or 6 digits of a fraction, cut.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

from fivetran_blueprints import check_sync_status, resync_connector, trigger_sync, update_connector
from fivetran_blueprints.handoff import Handoff
from fivetran_blueprints.verdict import Baseline
from tests.simulation.world import Reply, Scenario, Vendor, View, World, stamp

# Where no client can know, and timelines are counted apart

FOREIGN = "foreign sync"  # somebody or the schedule began one from shortly before the snapshot on; its stamps fit, too
LOST = "lost start over a running sync"  # which ends by itself about then, as if a start had stopped it
# The response to a start was lost, it was queued during every poll, and it ran and ended while the second start (force
# false) was on its way.
NEVER_SHOWN = "a start that no poll showed"
# The stamp of the interrupted sync looks like the end of ours, which has not begun yet.
LATE_QUEUE = "late cancel, then a queue"
# The same, and ours ends without a stamp; or it ended so soon that it may not have begun yet when a pause comes.
LATE_OTHER = "late cancel, then paused or rescheduled"
# One was queued then, somebody's or that of an earlier unclear start, and a start with force stops it (with a stamp) or
# one without is swallowed by it.
UNSEEN = "a sync that the snapshot did not show"
UNPAUSED = "paused and unpaused"  # between two polls
CUT = "cut by a pause"  # without a handoff: the latest sync has no stamp

SECRETS = {"FIVETRAN_API_KEY": "a-made-up-key", "FIVETRAN_API_SECRET": "a-made-up-secret"}
ID = "an_id"


@dataclass(eq=False)
class Sync:
    """A sync with its retries and delays. `parts` are what is still to come: (seconds, how it ends)."""

    name: str
    parts: list[tuple[float, str]]
    foreign: bool = True
    historical: bool = False
    unpaused: bool = False  # a pause ended it, and is over
    late: bool = False  # it followed one that was stopped late
    truths: set[str] = field(default_factory=lambda: {"running"})  # what may be reported of it now
    begun: float | None = None
    ended: float | None = None
    stamped: float | None = None


class Fivetran(Vendor):
    """One connection."""

    name = "fivetran"
    trigger = trigger_sync
    check = check_sync_status
    target: Sync | None

    def __init__(self, world: World) -> None:
        super().__init__(world)
        rng = world.rng
        self.manual = rng.random() < 0.65
        frequency = rng.choice((300.0, 900.0, 3600.0, 21600.0))
        self.setup = rng.choice(("connected",) * 18 + ("broken", "incomplete"))
        self.paused = rng.random() < 0.01
        self.running: Sync | None = None
        self.stopping = False  # the running one was asked to stop, and `queued` comes after it
        self.queued: Sync | None = None
        self.rescheduled: Sync | None = None
        self.rescheduled_until: datetime | None = None
        self.responds_409 = rng.random() < 0.5
        self.stamps: dict[str, str | None] = {"succeeded_at": None, "failed_at": None}
        self.latest_end: tuple[float, str] | None = None  # when the latest sync ended, and how
        if rng.random() < 0.85:
            for key in self.stamps:
                if rng.random() < 0.8:
                    ago = rng.choice((rng.uniform(2, 120), rng.uniform(120, 1e6)))
                    ago += 10.0 if self.latest_end and abs(ago + self.latest_end[0]) < 5 else 0.0  # no sync is shorter
                    self.stamps[key] = self._now_stamp(-ago)
                    end = (-ago, "succeeded" if key == "succeeded_at" else "failed")
                    self.latest_end = end if self.latest_end is None else max(end, self.latest_end)
        # What will happen, drawn at once, so that it does not depend on what a client does.
        self.queue = rng.choice((0.0, rng.uniform(0, 3), rng.uniform(0, 20), rng.uniform(0, 60), rng.uniform(0, 600)))
        self.stop_after = rng.choice((0.0, 0.0, rng.uniform(0, 5), rng.uniform(0, 60)))
        self.stop_stamps = rng.choice((None, "failed_at", "failed_at", "succeeded_at"))
        self.gap = rng.uniform(0, 1.4) if rng.random() < 0.97 else rng.uniform(2, 60)
        self.parts = self._plan(rng)
        self.unpause_after = rng.choice((None, None, rng.uniform(10, 3000)))
        self.witness: Sync | None = None  # the latest one that a client has seen running
        self.snapshot: float = 0.0  # when the latest snapshot before the start that counts was taken
        self.foreign_times: list[float] = []
        self.ours: list[Sync] = []
        self.flagged_from: float | None = None  # from when on a historical sync is shown as due or running
        self.hidden = rng.uniform(0, 45) if rng.random() < 0.1 else 0.0  # seconds of 404 after a start
        self.hidden_until = -1.0
        self.resyncs_at_any_time, self.stays_due = rng.random() < 0.8, rng.random() < 0.5
        self.handoff: Any = None
        mood = 1.0 if self.paused else rng.random()
        self.shown = "paused" if self.paused else "scheduled"  # sync_state
        if mood < 0.4:
            seconds = rng.choice((rng.uniform(0, 3), rng.uniform(0, 60), rng.uniform(60, 3600)))
            self._begin(Sync("the one before", [(seconds, rng.choice(("success", "failure")))]))
            self.foreign_times.clear()  # it is to be seen from the first poll on
        elif mood < 0.45:
            self._enqueue(Sync("one that is queued", [(rng.uniform(5, 60), "success")]), rng.uniform(0, 30))
        elif mood < 0.47:
            self.flagged_from = self.world.t
            sync = Sync("a historical one", [(rng.uniform(5, 3600), "success")], historical=True)
            self._enqueue(sync, rng.uniform(0, 600))
        elif mood < 0.5:
            self._reschedule(Sync("one rescheduled", [(60.0, "success")]), rng.uniform(30, 3000))
        if not self.manual:
            world.later(rng.uniform(0, frequency), lambda: world.every(frequency, self._somebody_starts))
        if rng.random() < 0.02:
            world.later(rng.choice((rng.uniform(0, 5), rng.uniform(0, 3000))), self._somebody_starts)
        if rng.random() < 0.02:
            world.later(rng.choice((rng.uniform(0, 5), rng.uniform(0, 3000))), self._pause)

    def _plan(self, rng: random.Random) -> list[tuple[float, str]]:
        def seconds() -> float:
            longest = rng.choice((30, 600, 1200, 7200) if rng.random() < 0.3 else (30, 600, 1200))
            return rng.uniform(5, longest)

        parts: list[tuple[float, str]] = []
        while rng.random() < 0.15 and len(parts) < 2:
            parts.append((seconds(), "rescheduled"))
        while rng.random() < 0.2 and len(parts) < 3:
            parts.append((seconds(), "retried"))
        parts.append((seconds(), rng.choice(("success", "success", "success", "failure", "failure"))))
        if rng.random() < 0.12:
            parts.insert(rng.randrange(len(parts)), (seconds(), "paused"))
        return parts

    def _now_stamp(self, ago: float = 0.0) -> str:
        return self.world.stamp(self.world.t + ago, self.world.rng.choice((0, 3, 3, 6)))

    def scenario(self, rng: random.Random) -> Scenario:
        trigger, check = ({**SECRETS, "FIVETRAN_CONNECTOR_ID": ID, **self.waiting(rng)} for _ in range(2))
        mood = rng.random()
        if mood < 0.12:
            return None, trigger, check
        if rng.random() < 0.5:
            del check["FIVETRAN_CONNECTOR_ID"]
        if mood < 0.22:
            return resync_connector, trigger, check
        if mood < 0.32:
            return update_connector, {**trigger, "FIVETRAN_HISTORICAL_SYNC": "TRUE"}, check
        if mood < 0.45:
            trigger["FIVETRAN_FORCE"] = rng.choice(("TRUE", "FALSE"))
        else:
            trigger["FIVETRAN_IF_RUNNING"] = rng.choice(("restart", "restart", "restart", "join", "wait", "fail"))
        return trigger_sync, trigger, check

    # What happens at Fivetran

    def _enqueue(self, sync: Sync, seconds: float) -> None:
        self.queued = sync
        self.world.note(f"[{sync.name} is queued]")
        self.world.later(
            seconds, lambda: self._begin(sync), provided=lambda: self.queued is sync and self.running is None
        )

    def _begin(self, sync: Sync) -> None:
        self.queued, self.running, self.rescheduled, self.rescheduled_until = None, sync, None, None
        self.shown = "syncing"
        sync.begun = self.world.t if sync.begun is None else sync.begun
        if sync.foreign:
            self.foreign_times.append(self.world.t)
        self.world.note(f"[{sync.name} runs]")
        seconds, how = sync.parts.pop(0)
        self.world.later(seconds, lambda: self._end(sync, how), provided=lambda: self.running is sync)

    def _end(self, sync: Sync, how: str) -> None:
        world, rng = self.world, self.world.rng
        if self.stopping and how != "success":
            return
        world.note(f"[{sync.name}: {how}]")
        self.running = None
        if sync.foreign:
            self.foreign_times.append(world.t)
        if how == "rescheduled":
            return self._reschedule(sync, rng.choice((rng.uniform(5, 120), rng.uniform(60, 3600))))
        if how == "paused":
            return self._pause(sync)
        failed = how in ("failure", "retried")
        if sync.historical and not (failed and self.stays_due):
            self.flagged_from = None
        self._stamp(sync, "failed_at" if failed else "succeeded_at")
        sync.truths = {"failed" if failed else "succeeded"}
        self.shown = "scheduled"
        if how == "retried":
            self._enqueue(sync, rng.choice((0.0, rng.uniform(0, 60), rng.uniform(60, 600))))
        else:
            sync.ended = world.t
        self._successor()

    def _stamp(self, sync: Sync, key: str) -> None:
        self.stamps[key] = self._now_stamp()
        sync.stamped = self.world.t
        self.latest_end = self.world.t, "succeeded" if key == "succeeded_at" else "failed"

    def _successor(self) -> None:
        """After a sync that was asked to stop: ours."""
        if self.stopping and self.queued is not None:
            self.stopping = False
            self.queued.late = self.stop_after > 0
            if self.gap > 1.4 and self.stop_after > 0:
                self.unknowable(LATE_QUEUE)
            self._enqueue(self.queued, self.gap if self.stop_after > 0 else self.queue)

    def _reschedule(self, sync: Sync, seconds: float) -> None:
        self.shown, self.rescheduled = "rescheduled", sync
        self.rescheduled_until = self.world.server() + timedelta(seconds=seconds)
        if sync.late:
            self.unknowable(LATE_OTHER)
        if not self.manual:
            self.world.later(
                seconds + self.world.rng.uniform(0, 30),
                lambda: self._begin(sync),
                provided=lambda: self.rescheduled is sync and self.running is None and not self.paused,
            )

    def _pause(self, ended: Sync | None = None) -> None:
        """What runs or is queued ends without a stamp, or has just `ended` so."""
        victims = [sync for sync in (ended, self.running, self.queued, self.rescheduled) if sync is not None]
        self.paused, self.shown, self.stopping = True, "paused", False
        self.queued = self.running = self.rescheduled = None
        self.world.note("[paused]")
        for sync in victims:
            sync.truths = {"cancelled", *(sync.truths - {"running"})}
            sync.ended = self.world.t
            self.latest_end = self.world.t, CUT
            if sync.late:
                self.unknowable(LATE_OTHER)
        if self._ended_early:
            self.unknowable(LATE_OTHER)
        if self.unpause_after is not None:

            def unpause() -> None:
                self.paused, self.shown = False, "scheduled"
                self.world.note("[unpaused]")
                for sync in victims:
                    sync.unpaused = True
                if self.flagged_from is not None:
                    self._enqueue(Sync("the one that was due", [(60.0, "success")], historical=True), 5.0)

            self.world.later(self.unpause_after, unpause)

    def _somebody_starts(self) -> None:
        if self.running is None and self.queued is None and self.rescheduled is None and not self.paused:
            part = self.world.rng.uniform(5, 600), self.world.rng.choice(("success", "failure"))
            self._begin(Sync("a foreign one", [part]))

    # What it shows

    def view(self, path: str, _: Mapping[str, str]) -> View:
        t = self.world.t
        if path.endswith("/sync-history"):
            return View((403, {"code": "Forbidden"}))
        if t < self.hidden_until:
            return View((404, {"code": "NotFound_Connection", "message": "Cannot find connection"}))
        running, queued, target, latest_end = self.running, self.queued is not None, self.target, self.latest_end
        truths = self._latest_truths() if self.sensing else set(target.truths) if target else None

        def shown() -> None:
            self.witness = running or self.witness
            self.polled, self.polled_unseen = t, queued
            if truths is not None:
                self.seen = truths | self.aged(latest_end and latest_end[0])  # a stale read is ten seconds old

        flagged = self.flagged_from is not None and self.flagged_from <= t
        data = {
            "id": ID, "paused": self.paused, "schedule_type": "manual" if self.manual else "auto", **self.stamps,
            "status": {
                "setup_state": self.setup, "sync_state": self.shown, "is_historical_sync": flagged,
                "rescheduled_for": None if self.rescheduled_until is None else stamp(self.rescheduled_until, 3),
            },
        }  # fmt: skip
        return View((200, {"code": "Success", "data": data}), shown)

    def _latest_truths(self) -> set[str]:
        """For a check without a handoff: what may be reported of the latest sync."""
        if self.running is not None or self.rescheduled is not None:
            return {"running"}
        if self.flagged_from is not None:
            return {"cancelled" if self.paused else "running"}
        if self.latest_end is None:
            return {"running"}
        if self.latest_end[1] == CUT:
            self.unknowable(CUT)
        return self.truths_of_latest(*self.latest_end)

    def handle(self, method: str, path: str, body: Any) -> Reply:
        if method == "PATCH" and self.paused:
            self.flagged_from = self.world.t
            return 200, {"code": "Success", "data": self.view("", {}).reply[1]["data"]}  # type: ignore[index]
        if path.endswith("/resync") and self.running is not None and not self.resyncs_at_any_time:
            return 409, {"code": "Conflict", "message": "a sync is running that cannot be completed"}
        historical = not path.endswith("/sync")
        return self._start(force=historical or bool(body["force"]), historical=historical)

    unseen = polled_unseen = posted = False
    polled_before_request = 0.0
    polled = 0.0
    swallowed: Sync | None = None

    def begin_run(self, script: ModuleType) -> None:
        super().begin_run(script)
        self.posted, self.swallowed = False, None

    def sent(self, method: str) -> None:
        """The poll before a start is its snapshot, unless this is that start once more."""
        self.polled_before_request = self.polled if method != "GET" else self.polled_before_request
        if method != "GET" and self.target is None and not self.posted:
            self.posted, self.snapshot, self.unseen = True, self.polled, self.polled_unseen

    def _start(self, *, force: bool, historical: bool) -> Reply:
        world = self.world
        good = {"code": "Success", "message": "Sync has been successfully triggered.", "data": {"id": ID}}
        if self.paused:
            return 400, {"code": "InvalidInput", "message": "the connection is paused"}
        if not force and (self.running is not None or self.queued is not None):
            self.witness = self.running or self.queued
            if self.responds_409:
                self.posted = False
                return 409, {"code": "Conflict", "message": "a sync is running"}
            self.swallowed = self.witness
            return 200, {"code": "Success", "message": "nothing to do"}
        if self.rescheduled is not None and not self.rescheduled.foreign and not historical:
            if self.queued is None and self.running is None:
                world.note("[the rescheduled sync goes on]")
                self._enqueue(self.rescheduled, self.queue)
            return 200, good
        before = self.accepted[-1] if self.accepted else None
        if before is not None and not force and (before.begun or 0) > self.polled_before_request:
            self.unknowable(NEVER_SHOWN)
        historical = historical or self.flagged_from is not None
        name = f"ours {len(self.ours) + 1}" if self.ours else "ours"
        sync = Sync(name, list(self.parts), foreign=False, historical=historical)
        if historical:
            self.flagged_from = world.t + world.rng.choice((0.0, world.rng.uniform(0, 5)))
        world.note(f"[{sync.name} is accepted]")
        self.accepted.append(sync)
        self.hidden_until = world.t + self.hidden
        self.ours.append(sync)
        self.rescheduled = None
        if self.queued is not None:
            if self.queued.foreign:
                self.foreign_times.append(world.t)
            self.queued.ended = world.t
        if self.running is None:
            self._enqueue(sync, self.queue)
            return 200, good
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
        return 200, good

    # What is true

    def saved_handoff(self, handoff: Any) -> None:
        if handoff.joined:
            self.target = self.witness
            if self.target is None:
                self.wrong.append("reported joined, and nothing was running")
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
            self.target = Sync("nothing", [], foreign=False, truths={"nothing"})
            self.wrong.append("reported started, and nothing was")
            self._foreign_since()
        if self.unseen:
            self.unknowable(UNSEEN)
        self.handoff = handoff
        if self.target is not None:
            self.seen = set(self.target.truths)

    def truths(self) -> set[str]:
        if not self.sensing:
            self._foreign_since()
        if self.target is not None and self.target.unpaused:
            self.unknowable(UNPAUSED)
        return self.seen

    @property
    def reported_within(self) -> float:  # type: ignore[override]
        """An hour more where ours may not have begun yet, as far as its end shows."""
        return 4500.0 if self._ended_early else 600.0

    @property
    def _ended_early(self) -> bool:
        """Whether ours ended so early that it may be the end of the one that was stopped."""
        stamped = self.target.stamped if self.target else None
        baseline = self.handoff and self.handoff.baseline
        early = timedelta(seconds=60 if self.flagged_from is not None else 1)
        if stamped is None or not baseline or not baseline.interrupted:
            return False
        return bool(self.world.server(stamped) < baseline.accepted_at + early)

    def yesterdays(self) -> Handoff:
        before = self.world.server(self.world.t - 2e6)
        return Handoff(ID, Baseline(None, None, before, before))

    def _foreign_since(self) -> None:
        if any(t >= self.snapshot for t in self.foreign_times if self._is_foreign(t)):
            self.unknowable(FOREIGN)

    def _is_foreign(self, t: float) -> bool:
        """Whether what a foreign sync did then was not that of the one joined, or of the one seen and stopped."""
        target = self.target
        if target is None or not target.foreign:
            return True
        return t not in (target.begun, target.ended)
