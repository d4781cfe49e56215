"""What the simulated vendors share: virtual time, and a wire that fails in the ways that wires and gateways do.

Choices: `Date` is the server's clock when the response leaves it, in whole seconds; the local wall clock and the
server's are up to an hour off; responses take 20 ms to 1 s to come back (Date is that much older), and what is slow is
the server, before or after it has done what was asked. A request may reach the vendor up to five minutes after its
time-out, or after the 504 of a gateway. A read may be stale: it shows what a replica has seen up to 10 s ago.
"""

from __future__ import annotations

import heapq
import logging
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from types import ModuleType
from typing import Any, Callable, Generic, NamedTuple, Optional, TypeVar

from shared.context import Run
from shared.errors import BlueprintError
from shared.redaction import Redactor
from shared.report import Report
from shared.transport import NOT_JSON, Response, TransportError
from tests.support import run_main

EPOCH = 1_790_000_000.0  # the true time, in seconds since 1970, when a timeline begins
_BEGINNING = datetime.fromtimestamp(EPOCH, timezone.utc)
REDACTOR = Redactor()

Reply = tuple[int, object]
Inputs = dict[str, str]
Scenario = tuple[Optional[ModuleType], Inputs, Inputs]


class World:
    """Virtual time, in seconds; it passes when somebody sleeps or a request is under way. Also the clients' clock."""

    def __init__(self, rng: random.Random, *, trace: bool = False) -> None:
        self.rng = rng
        self.t = 0.0
        self.trace = trace
        self.lines: list[str] = []
        self._events: list[tuple[float, int, Callable[[], None], Callable[[], bool]]] = []
        self._count = 0
        same = rng.random() < 0.2
        self.server_offset = 0.0 if same else rng.uniform(-3600, 3600)
        self.local_offset = 0.0 if same else rng.uniform(-3600, 3600)

    def monotonic(self) -> float:
        return 1000.0 + self.t

    def time(self) -> float:
        return EPOCH + self.t + self.local_offset

    def sleep(self, seconds: float, /) -> None:
        if seconds < 0:
            raise ValueError(f"sleep({seconds})")
        self.advance(max(seconds, 1e-3))  # as no real clock stands still

    def advance(self, seconds: float) -> None:
        """Let time pass, and happen what is due."""
        until = self.t + seconds
        while self._events and self._events[0][0] <= until:
            self.t, _, event, provided = heapq.heappop(self._events)
            if provided():
                event()
        self.t = until

    def later(self, seconds: float, event: Callable[[], None], provided: Callable[[], bool] = lambda: True) -> None:
        """Have the event happen after so many seconds, `provided` that this holds then."""
        self._count += 1
        heapq.heappush(self._events, (self.t + max(0.0, seconds), self._count, event, provided))

    def every(self, seconds: float, event: Callable[[], None]) -> None:
        """Have the event happen now, and again and again."""
        self.later(seconds, lambda: self.every(seconds, event))
        event()

    def server(self, t: float | None = None) -> datetime:
        """The server's clock."""
        return _BEGINNING + timedelta(seconds=(self.t if t is None else t) + self.server_offset)

    def stamp(self, t: float, digits: int) -> str:
        """An instant as vendors write it, by the server's clock."""
        return stamp(self.server(t), digits)

    def note(self, line: str) -> None:
        if self.trace:
            self.lines.append(f"{self.t:10.3f} s  {line}")


def stamp(moment: datetime, digits: int) -> str:
    """An instant as vendors write it, with 0, 3 or 6 digits of a fraction; what does not fit is cut."""
    unit = {0: "seconds", 3: "milliseconds", 6: "microseconds"}[digits]
    return f"{moment.replace(tzinfo=None).isoformat('T', unit)}Z"


class Faults:
    """What may go wrong on the wire: within some stretches of time, with some probability."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.anywhere = 0.0
        self._stretches: list[tuple[float, float, float]] = []
        self.stale = rng.choice((0.0, 0.0, 0.0, 0.0, 0.05, 0.5))
        mood = rng.random()
        if mood < 0.5:
            return
        if mood < 0.8:
            self.anywhere = rng.choice((0.02, 0.1, 0.3))
        if mood > 0.7:
            for _ in range(rng.randint(1, 3)):
                begin = rng.choice((0.0, rng.uniform(0, 60), rng.uniform(0, 1800)))
                end = begin + rng.choice((1.0, 10.0, 60.0, 600.0))
                self._stretches.append((begin, end, rng.choice((0.5, 0.9, 1.0))))

    def of(self, method: str, t: float) -> str:
        """What goes wrong with a request that is sent now; "" for nothing."""
        p = self.anywhere
        for begin, end, other in self._stretches:
            if begin <= t <= end:
                p = max(p, other)
        if p > 0 and self._rng.random() < p:
            return self._rng.choice(_READ_FAULTS if method == "GET" else _START_FAULTS)
        return "stale" if method == "GET" and self.stale and self._rng.random() < self.stale else ""


_READ_FAULTS = ("refused", "lost", "unanswered", "hung", "429", "5xx", "garbled", "slow", "slow", "stale")
_START_FAULTS = (
    "refused", "lost", "unanswered", "unanswered", "hung", "hung", "429", "5xx", "5xx after all", "garbled", "slow",
    "slow after all", "401", "outlives its time-out", "504 and goes on",
)  # fmt: skip


class SimulatedResponse(Response):
    """A Response that need not read its Date header."""

    served: datetime | None = None

    @property
    def date(self) -> datetime | None:
        return self.served


class View(NamedTuple):
    """What a read shows at one moment. `shown` tells the model that a client has seen it."""

    reply: Reply
    shown: Callable[[], None] = lambda: None


class SimulatedWire:
    """The wire to a simulated vendor, in place of `shared.transport.Transport`."""

    def __init__(self, world: World, vendor: Vendor, *, faulty: bool) -> None:
        self._world, self._vendor, self._faulty = world, vendor, faulty
        self._rng = random.Random(world.rng.getrandbits(48))
        self._faults = Faults(self._rng)
        self._views: dict[tuple[str, tuple[tuple[str, str], ...]], tuple[float, View]] = {}
        self.faulted = -1e9  # when it last failed

    def send(
        self, method: str, path: str, params: Mapping[str, str] | None, body: object, read_timeout: float
    ) -> Response:
        world, rng = self._world, self._rng
        sent = world.monotonic()
        fault = self._faults.of(method, world.t) if self._faulty else ""
        if fault == "401" and not self._vendor.may_answer_401:
            fault = "5xx"
        if fault:
            self.faulted = world.t
        if world.trace:
            asked = [method, path, *(str(dict(one)) for one in (params, body) if isinstance(one, Mapping))]
            world.note(f"  -> {' '.join(asked)}{fault and f' [{fault}]'}")
        self._vendor.sent(method)
        if fault == "refused":
            world.advance(rng.choice((0.01, 10.0)))
            raise TransportError("connection refused", maybe_delivered=False)
        world.advance(rng.uniform(0.02, 0.3))
        headers: dict[str, str] = {}
        if fault in ("lost", "429", "5xx", "401"):
            reply = self._not_delivered(fault, read_timeout, headers)
        elif fault in ("outlives its time-out", "504 and goes on"):
            reply = self._arrives_late(fault, method, path, body, read_timeout)
        else:
            reply = self._delivered(fault, method, path, params or {}, body, read_timeout)
        served = world.server().replace(microsecond=0)
        world.advance(rng.choice((0.02, 0.05, 0.2)) if rng.random() < 0.98 else 1.0)
        if world.trace:
            world.note(f"  <- {reply[0]} {reply[1]}")
        text = "<html>" if reply[1] is NOT_JSON else ""
        return SimulatedResponse(reply[0], reply[1], text, headers, sent, world.monotonic(), served)

    def _not_delivered(self, fault: str, read_timeout: float, headers: dict[str, str]) -> Reply:
        world, rng = self._world, self._rng
        if fault == "lost":
            hangs = rng.random() < 0.5
            world.advance(read_timeout if hangs else 0.0)
            raise TransportError("the request was lost", maybe_delivered=True, timed_out=hangs)
        pause = rng.choice(("", "", "0", "1", "20", "60", "600")) if fault in ("429", "5xx") else ""
        if pause:
            headers["Retry-After"] = pause
        if fault == "429":
            return 429, {"code": "TooManyRequests", "message": "slow down"}
        return 401 if fault == "401" else rng.choice((500, 502, 503, 504)), NOT_JSON

    def _arrives_late(self, fault: str, method: str, path: str, body: object, read_timeout: float) -> Reply:
        """A request of which nothing comes back, and which the vendor handles after that."""
        world, rng, vendor = self._world, self._rng, self._vendor
        times_out = fault == "outlives its time-out"
        wait = read_timeout if times_out else rng.choice((1.0, 30.0, 60.0))
        accepted = vendor.accepted
        after = wait + rng.choice((rng.uniform(0, 10), rng.uniform(0, 60), rng.uniform(0, 300)))
        world.later(after, lambda: vendor.arrive(accepted, method, path, body))
        world.advance(wait)
        if times_out:
            raise TransportError("no response in time", maybe_delivered=True, timed_out=True)
        return 504, NOT_JSON

    def _delivered(
        self, fault: str, method: str, path: str, params: Mapping[str, str], body: object, read_timeout: float
    ) -> Reply:
        world, rng = self._world, self._rng
        if fault == "slow":
            world.advance(rng.uniform(1, read_timeout - 2))
        status, reply = self._read(path, params, fault) if method == "GET" else self._changed(method, path, body)
        if fault in ("unanswered", "hung"):
            world.advance(read_timeout if fault == "hung" else rng.uniform(0, 2))
            raise TransportError("no response", maybe_delivered=True, timed_out=fault == "hung")
        if fault == "slow after all":
            world.advance(rng.uniform(1, read_timeout - 2))
        if fault == "5xx after all":
            world.advance(rng.choice((0.1, 5.0, 30.0)))
            return rng.choice((500, 502, 504)), NOT_JSON
        return status, NOT_JSON if fault == "garbled" and status < 300 else reply

    def _read(self, path: str, params: Mapping[str, str], fault: str) -> Reply:
        t, key = self._world.t, (path, tuple(params.items()))
        at, view = self._views.get(key, (0.0, None))
        if fault != "stale" or view is None or t - at > self._vendor.stale_for:
            view = self._vendor.view(path, params)
            self._views[key] = t, view
        if fault not in ("unanswered", "hung") and not (fault == "garbled" and view.reply[0] < 300):
            view.shown()
        return view.reply

    def _changed(self, method: str, path: str, body: object) -> Reply:
        for read, params in self._views if self._faults.stale or self._faults.anywhere else ():
            self._views[read, params] = self._world.t, self._vendor.view(read, dict(params))
        return self._vendor.handle(method, path, body)


class Vendor:
    """A simulated vendor; each has one connection (or integration) that the scripts are about."""

    name: str  # with which its scripts' variables begin
    trigger: ModuleType
    check: ModuleType
    may_answer_401 = False
    stale_for = 10.0  # seconds that a read may lag behind
    reported_within = 600.0  # seconds after an end in which a check must report it, if nothing fails
    sensing = False  # the script is a check without a handoff
    max_age: int | None = None  # minutes, of such a check
    paused = False  # nothing runs now

    def __init__(self, world: World) -> None:
        self.world = world
        self.accepted: list[Any] = []  # the syncs that starts of this run of a script made
        self.all_accepted = [self.accepted]
        self.target: Any = None  # the sync that the handoff is about
        self.seen = {"running"}  # what may be reported of it, as last shown
        self.kind = ""  # the class of this timeline, if no client can know
        self.wrong: list[str] = []
        self.arrived_late = False  # a request had an effect after its run had ended
        self.in_run = False

    def scenario(self, rng: random.Random) -> Scenario:
        """The script that triggers (None: a check comes without a handoff), its inputs, and those of the check."""
        raise NotImplementedError

    def waiting(self, rng: random.Random) -> Inputs:
        """The inputs about waiting of one script."""
        prefix = self.name.upper()
        wait = {f"{prefix}_WAIT": "TRUE"} if rng.random() < 0.4 else {}
        timeout, interval = rng.choice(("1", "10", "60", "120")), rng.choice(("20", "60", "300", "900"))
        return {**wait, f"{prefix}_WAIT_TIMEOUT": timeout, f"{prefix}_POLL_INTERVAL": interval}

    def begin_run(self, _script: ModuleType) -> None:
        """A script begins."""
        self.in_run = True
        self.accepted = []
        self.all_accepted.append(self.accepted)

    def aged(self, ended: float | None) -> set[str]:
        """The word for what ended then, if it may be older than the maximum age by now."""
        aged = self.max_age is not None and ended is not None and self.world.t - ended > self.max_age * 60 - 3
        return {"running"} if aged else set()

    def truths_of_latest(self, ended: float, word: str) -> set[str]:
        """What a check without a handoff may report of the latest sync, which ended then with that word."""
        return self.aged(ended) | (set() if self.aged(ended + 6) else {word})

    def sent(self, method: str) -> None:
        """A request is sent, and may get lost."""

    def arrive(self, accepted: list[Any], method: str, path: str, body: Any) -> None:
        """A request arrives whose client has given it up; it belongs to the run whose starts are `accepted`."""
        self.world.note(f"[{method} {path} arrives late]")
        current, self.accepted = self.accepted, accepted
        self.handle(method, path, body)
        self.accepted = current
        self.arrived_late = self.arrived_late or current is not accepted or not self.in_run

    def saved_handoff(self, handoff: Any) -> None:
        """A trigger says that it has started or joined a sync: note which, or what is wrong with that."""
        raise NotImplementedError

    def truths(self) -> set[str]:
        """The outcome words that are true of the sync in the handoff (or, sensing, of the latest), as last shown."""
        return self.seen

    def ended_at(self) -> float | None:
        """When the sync in the handoff ended for good, None if it has not."""
        return None if self.target is None else self.target.ended

    def view(self, path: str, params: Mapping[str, str]) -> View:
        """What a read shows now; it changes nothing."""
        raise NotImplementedError

    def handle(self, method: str, path: str, body: Any) -> Reply:
        """One request that changes something, and its response."""
        raise NotImplementedError

    def yesterdays(self) -> Any:
        """The handoff of an older sync that succeeded."""
        raise NotImplementedError

    def unknowable(self, kind: str) -> None:
        if not self.kind:
            self.kind = kind
            self.world.note(f"[no client can know: {kind}]")


class Ending(NamedTuple):
    """How one run of a script ended."""

    code: int
    word: str
    message: str


V = TypeVar("V", bound=Vendor)


class Timeline(Generic[V]):
    """The world of one seed with one vendor, the same whoever plays in it, and the runs of scripts in it."""

    def __init__(self, kind: type[V], seed: int, *, trace: bool = False, faulty: bool = True) -> None:
        self.seed = seed
        self.world = World(random.Random(seed), trace=trace)
        self.vendor = kind(self.world)
        self.wire = SimulatedWire(self.world, self.vendor, faulty=faulty)

    def run(self, script: ModuleType, environment: Mapping[str, str], artifacts: Any) -> Ending:
        """One run of a script, as an orchestrator sees its end."""
        world = self.world
        if world.trace:
            world.note(f"{script.__name__} {dict(environment)}")
        self.vendor.begin_run(script)
        run = Run(artifacts, REDACTOR, world, lambda *_: self.wire, Report(), {}, world.monotonic())
        try:
            result = run_main(script, environment, run)
            ending = Ending(0, result.outcome, result.message)
        except BlueprintError as error:
            ending = Ending(error.exit_code, error.outcome, str(error))
        except Exception as error:  # noqa: BLE001  # a crash is a wrong end of the timeline, not of the simulation
            ending = Ending(249, "crashed", f"{type(error).__name__}: {error}")
        artifacts.end_start(ending.code, ending.word)
        self.vendor.in_run = False
        world.note(f"{script.__name__} ends with {ending.code} {ending.word}: {ending.message}")
        return ending


@contextmanager
def quiet() -> Iterator[None]:
    """No logging, as a million timelines would fill a disk."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
