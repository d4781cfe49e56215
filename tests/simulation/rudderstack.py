"""RudderStack: one Reverse ETL connection or one source, and its syncs.

Choices, where the vendor's pages leave one:
- A start that is accepted makes a sync at once; its `startedAt` is that moment (0, 3 or 6 digits), for some sources
  Go's zero time until it begins some seconds later. While it is not ended a start is a 409.
- A list of syncs has them in any order, 1 to 10 a page; a new one appears in it at once, or for some connections up to
  10 s later. `finishedAt` is filled while it runs. `/status` of a source may show the run before for up to 10 s. A sync
  asked for by its id is a 404 for up to 45 s at one in ten.
- One connection in fifty is disabled, and shows it.
- Stop: 204, or a 400 if nothing runs; the sync ends up to 7 minutes later, with any word.
- A start with a 2xx may lack its id (older sources: 201 or 204 without a body).
- One sync in fifty ends with a word that nobody knows.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Callable

from rudderstack_blueprints import check_sync_status, trigger_sync
from rudderstack_blueprints.syncs import Handoff
from shared.timestamps import parse_timestamp
from tests.simulation.world import Reply, Scenario, Vendor, View, World

# Where no client can know, and timelines are counted apart

# The response to a start is lost, or comes without an id, and somebody else's sync began within 3 s before it or until
# the search for it; it cannot be distinguished from ours.
FOREIGN = "foreign start"
ANOTHER = "another run since"  # a run without an id, while only the latest run is shown, and that is another now
NEVER_SHOWN = "a start that no poll showed"  # its response was lost, and it was not visible yet to the polls
NO_START = "run without a start"  # one that shows no time of its start cannot be distinguished from the next one

SECRETS = {"RUDDERSTACK_ACCESS_TOKEN": "a-made-up-token"}
ID = "an_id"
_CANCELLED = ("stopped", "cancelled", "canceled", "aborted")


@dataclass(eq=False)
class Sync:
    """A sync (or run). `word` is how it ends, `rows` how many its destination refused."""

    seconds: float
    word: str
    rows: int
    error: str
    foreign: bool
    name: str = ""
    started: float = 0.0
    shown_from: float = 0.0
    ended: float | None = None

    def truth(self, fail_on_failed_rows: bool) -> str:
        """The outcome word of its state now."""
        if self.ended is None:
            return "running"
        if self.word in _CANCELLED:
            return "cancelled"
        if self.word not in ("failed", "succeeded", "finished"):
            return "unknown"
        if self.word == "failed" or self.error or (self.rows and fail_on_failed_rows):
            return "failed"
        return "succeeded"


class RudderStack(Vendor):
    """One connection or source."""

    name = "rudderstack"
    trigger = trigger_sync
    check = check_sync_status
    target: Sync | None
    may_answer_401 = True

    def __init__(self, world: World) -> None:
        super().__init__(world)
        rng = world.rng
        self.is_source = rng.random() < 0.45
        self.good_word = "finished" if self.is_source else "succeeded"
        self.running_word = rng.choice(("running", "running", "running", "processing", "pending", "queued"))
        self.wordless = self.is_source and rng.random() < 0.15
        self.snake = rng.random() < 0.3
        self.zero = self.is_source and rng.random() < 0.1
        self.lag = rng.uniform(0, 10) if rng.random() < (0.4 if self.is_source else 0.15) else 0.0
        self.hidden = rng.uniform(0, 45) if rng.random() < 0.1 else 0.0  # seconds of 404 for a new sync's id
        self.disabled = not self.is_source and rng.random() < 0.02
        self.without_id = rng.random() < (0.15 if self.is_source else 0.02)
        self.per_page = rng.choice((1, 3, 10))
        self.digits = rng.choice((0, 3, 6))
        self.fail_on_failed_rows = rng.random() < 0.3
        self.stop_after = rng.choice((0.0, rng.uniform(0, 20), rng.uniform(0, 60), rng.uniform(0, 420)))
        self.stop_word = rng.choice((*_CANCELLED, "failed", self.good_word, "draining"))
        self.plans = [self._plan(rng, foreign=False) for _ in range(3)]
        self.syncs: list[Sync] = []
        self.running: Sync | None = None
        self.witness: Sync | None = None
        self.by_id = False
        self.posted_at = self.polled_at = 0.0
        self.polled: list[Sync] = []  # what the last poll could show
        self._history(rng)
        if rng.random() < 0.3:
            frequency = rng.choice((300.0, 1800.0, 7200.0))
            world.later(rng.uniform(0, frequency), lambda: world.every(frequency, self._somebody_starts))
        if rng.random() < 0.05:
            world.later(rng.choice((rng.uniform(0, 3), rng.uniform(0, 30))), self._somebody_starts)

    def _plan(self, rng: random.Random, *, foreign: bool = True) -> Sync:
        seconds = rng.choice((rng.uniform(1, 15), rng.uniform(5, 300), rng.uniform(60, 1200)))
        if rng.random() < 0.05:
            seconds = rng.uniform(1200, 12000)
        word = rng.choice((self.good_word,) * 5 + ("failed", "failed", "cancelled"))
        if rng.random() < 0.02:
            word = "evaporated"
        error = "it broke" if word == "failed" or (self.is_source and rng.random() < 0.15) else ""
        if self.wordless:
            word = self.good_word
        rows = rng.choice((0, 0, 0, 7)) if not self.is_source and word == self.good_word else 0
        return Sync(seconds, word, rows, error, foreign)

    def scenario(self, rng: random.Random) -> Scenario:
        subject = {"RUDDERSTACK_SOURCE_ID" if self.is_source else "RUDDERSTACK_CONNECTION_ID": ID}
        policy = rng.choice(("restart", "restart", "restart", "join", "join", "wait", "wait", "fail"))
        trigger = {**SECRETS, **subject, "RUDDERSTACK_IF_RUNNING": policy}
        senses = rng.random() < 0.12
        check = {**SECRETS, **(subject if senses or rng.random() < 0.5 else {})}
        for environment in (trigger, check):
            if self.fail_on_failed_rows:
                environment["RUDDERSTACK_FAIL_ON_FAILED_ROWS"] = "TRUE"
            environment.update(self.waiting(rng))
        return None if senses else trigger_sync, trigger, check

    # What happens at RudderStack

    def _history(self, rng: random.Random) -> None:
        """What ran before, one after the other, and perhaps what runs now."""
        ran_for = rng.choice((0.0, rng.uniform(0, 5), rng.uniform(0, 5000))) if rng.random() < 0.4 else None
        until = self.world.t - (ran_for or 0.0)
        for _ in range(rng.choice((0, 1, 1, 4))):
            sync = self._plan(rng)
            sync.ended = until - rng.choice((rng.uniform(0, 3), rng.uniform(3, 1e5)))
            until = sync.started = sync.shown_from = sync.ended - rng.choice((1.5, rng.uniform(2, 1000)))
            self.syncs.insert(0, sync)
        if ran_for is not None:
            sync = self._plan(rng)
            sync.seconds = rng.choice((rng.uniform(0, 3), rng.uniform(0, 60), rng.uniform(60, 3600)))
            self._begin(sync)
            sync.started -= ran_for
            sync.shown_from = sync.started

    def _begin(self, sync: Sync) -> None:
        sync.started, sync.shown_from = self.world.t, self.world.t + self.lag
        self.syncs.append(sync)
        self.running = sync
        sync.name = f"{'foreign' if sync.foreign else 'ours'} {len(self.syncs)}"
        self.world.note(f"[{sync.name} runs]")
        self.world.later(sync.seconds, lambda: self._end(sync, sync.word))

    def _end(self, sync: Sync, word: str) -> None:
        if self.running is sync:
            self.world.note(f"[{sync.name}: {word} {sync.error}]")
            self.running, sync.word, sync.ended = None, word, self.world.t

    def _somebody_starts(self) -> None:
        if self.running is None:
            rng = self.world.rng
            sync = self._plan(rng)
            sync.seconds = min(sync.seconds, 900.0)
            self._begin(sync)

    # What it shows

    def begin_run(self, script: ModuleType) -> None:
        super().begin_run(script)
        self.first_post: float | None = None

    def sent(self, method: str) -> None:
        if method == "POST" and self.target is None:
            self.posted_at = self.world.t if self.first_post is None else self.first_post
            self.first_post = self.posted_at

    def handle(self, _method: str, path: str, _body: Any) -> Reply:
        return self._stop() if path.endswith("/stop") else self._start()

    def view(self, path: str, params: Mapping[str, str]) -> View:
        if path == f"/v2/sources/{ID}":
            return View((200, {"id": ID}))
        if path == f"/v2/retl-connections/{ID}":
            return View((200, {"enabled": False}) if self.disabled else (404, None))
        if path == "/v2/workspace":
            return View((200, {"workspace": {"id": "w"}}))
        visible = [sync for sync in self.syncs if sync.shown_from <= self.world.t]
        if path.endswith("/syncs"):
            return View(self._list(visible, params), self._shown(visible, None, begins="status" in params))
        if path == f"/v2/sources/{ID}/status":
            if not visible:
                never = {"startedAt": "0001-01-01T00:00:00Z", "finishedAt": None}
                return View((200, never), self._shown([], None))
            return View((200, self._run(visible[-1])), self._shown(visible, visible[-1]))
        asked = path[: -len("/status")] if self.is_source else path
        number = int(asked.rsplit("-", 1)[1])
        if number >= len(self.syncs) or self.world.t < self.syncs[number].started + self.hidden:
            return View((404, {"message": "not found"}))
        sync = self.syncs[number]
        return View((200, self._run(sync) if self.is_source else self._sync(sync)), self._shown(visible, sync))

    def _shown(self, visible: list[Sync], one: Sync | None, *, begins: bool = True) -> Callable[[], None]:
        """For a View; `one` is a sync that it shows alone, and it `begins` a poll that may have several reads."""
        running, target = self.running, self.target
        latest = self._latest_truths(visible) if self.sensing else set()
        truth = target.truth(self.fail_on_failed_rows) if target else ""
        at, ended = self.world.t, visible[-1].ended if visible else None

        def shown() -> None:
            self.polled_at, self.polled = at, visible
            self.witness = running or self.witness
            if self.sensing:
                aged = self.aged(ended)  # a stale read is ten seconds old
                self.seen = latest | aged | (set() if begins else self.seen)
            elif target is not None and one is not None:
                self.seen = {truth}
                if one is not target and not self.by_id and self.syncs.index(one) > self.syncs.index(target):
                    self.unknowable(ANOTHER)
                    self.seen.add("unknown")

        return shown

    def _latest_truths(self, visible: list[Sync]) -> set[str]:
        """For a check without a handoff: what may be reported of the latest sync."""
        if not visible or visible[-1].ended is None:
            return {"running"}
        return self.truths_of_latest(visible[-1].ended, visible[-1].truth(self.fail_on_failed_rows))

    def _sync(self, sync: Sync) -> dict[str, Any]:
        running = sync.ended is None
        return {
            "id": self._id(sync), "status": self.running_word if running else sync.word,
            "startedAt": self._stamp(sync.started), "finishedAt": self._stamp(sync.ended or self.world.t),
            "error": None if running else sync.error or None,
            "metrics": {"succeeded": {"total": 3}, "failed": {"total": sync.rows}, "changed": {"total": 3}, "total": 3},
        }  # fmt: skip

    def _run(self, sync: Sync) -> dict[str, Any]:
        running = sync.ended is None
        begun = not self.zero or self.world.t > sync.started + 8 or not running
        run = {
            "status": self.running_word if running else sync.word, "error": "" if running else sync.error,
            "started_at" if self.snake else "startedAt": self._stamp(sync.started) if begun else "0001-01-01T00:00:00Z",
            "finished_at" if self.snake else "finishedAt":
                "0001-01-01T00:00:00Z" if sync.ended is None else self._stamp(sync.ended),
        }  # fmt: skip
        if self.wordless:
            del run["status"]
        return run

    def _stamp(self, t: float) -> str:
        return self.world.stamp(t, self.digits)

    def _id(self, sync: Sync) -> str:
        return f"sync-{self.syncs.index(sync)}"

    def _list(self, visible: list[Sync], params: Mapping[str, str]) -> Reply:
        some = [sync for sync in visible if "status" not in params or sync.ended is None]
        after = parse_timestamp(params.get("started_after"))
        if after is not None:
            some = [sync for sync in some if self.world.server(sync.started) > after]
        some = sorted(some, key=lambda sync: hash((sync.started, self.per_page)))
        page, size = int(params.get("page", "1")), self.per_page
        paging: dict[str, Any] = {"total": len(some)}
        if page * size < len(some):
            paging["next"] = f"/v2/retl-connections/{ID}/syncs?page={page + 1}"
        return 200, {"syncs": [self._sync(sync) for sync in some[(page - 1) * size : page * size]], "paging": paging}

    def _start(self) -> Reply:
        if self.disabled:
            return 400, {"message": "the connection is disabled"}
        if self.running is not None:
            self.witness = self.running
            return 409, {"message": "a sync is running"}
        before = self.accepted[-1] if self.accepted else None
        if before is not None and before.started < self.polled_at and before not in self.polled:
            self.unknowable(NEVER_SHOWN)
        sync = replace(self.plans[min(len(self.accepted), 2)])
        self._begin(sync)
        self.accepted.append(sync)
        if self.without_id:
            return (self.world.rng.choice((201, 204)), None) if self.is_source else (200, {})
        return 200, {"runId" if self.is_source else "syncId": self._id(sync)}

    def _stop(self) -> Reply:
        sync = self.running
        if sync is None:
            return (400, {"message": "nothing runs"}) if self.per_page == 1 else (204, None)

        def stop() -> None:
            if self.running is sync:
                sync.error = "" if self.stop_word != "failed" else "stopped"
                self._end(sync, self.stop_word)

        self.world.later(self.stop_after, stop)
        return 204, None

    # What is true

    def saved_handoff(self, handoff: Any) -> None:
        self.by_id = handoff.sync_id is not None
        if self.by_id:
            self.target = self.syncs[int(handoff.sync_id.rsplit("-", 1)[1])]
        elif handoff.run_started_at is None:
            self.target = self.witness if handoff.joined else self.syncs[-1]
            self.unknowable(NO_START)
        else:
            started = [
                sync for sync in self.syncs if parse_timestamp(self._stamp(sync.started)) == handoff.run_started_at
            ]
            self.target = started[-1] if started else None
            if len(started) > 1:
                self.unknowable(FOREIGN)
        target = self.target
        if not handoff.joined and (target is None or target.foreign):
            self.wrong.append("reported started, and it was not this run's doing")
            if any(sync.foreign and sync.started >= self.posted_at - 3 for sync in self.syncs):
                self.unknowable(FOREIGN)
        if target is not None:
            self.seen = {target.truth(self.fail_on_failed_rows)}

    def yesterdays(self) -> Handoff:
        return Handoff(ID, self.is_source, "sync-999", self.world.server(self.world.t - 86400))
