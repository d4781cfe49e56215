"""What the simulated vendors share: virtual time, a wire that fails, and an orchestrator that runs the real scripts.

Choices: a request reaches the vendor within its read time-out or never; `Date` is the server's clock when the answer
leaves it, in whole seconds; the local wall clock and the server's are up to an hour off; answers take 20 ms to 1 s to
come back (Date is that much older), and what is slow is the server, before or after it has done what was asked.
"""

from __future__ import annotations

import heapq
import logging
import random
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType
from typing import Any, Callable

from shared import inputs
from shared.artifacts import Artifacts
from shared.blueprint import Job
from shared.errors import ArtifactError, BlueprintError, StartUnclearError
from shared.http import NOT_JSON, Answer, Auth, Clock, WireError
from shared.masking import Mask

EPOCH = 1_790_000_000.0  # the true time, in seconds since 1970, when a timeline begins
_BEGINNING = datetime.fromtimestamp(EPOCH, timezone.utc)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ON_DISK = 400  # one timeline in so many hands over by the real files
_MASK = Mask()

Reply = tuple[int, object]


class World:
    """Virtual time, in seconds; it passes when somebody sleeps or a request is under way. Also the clients' clock."""

    def __init__(self, rng: random.Random, *, trace: bool = False) -> None:
        self.rng = rng
        self.t = 0.0
        self.trace = trace
        self.lines: list[str] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
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
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass, and happen what is due."""
        until = self.t + seconds
        while self._events and self._events[0][0] <= until:
            self.t, _, event = heapq.heappop(self._events)
            event()
        self.t = until

    def later(self, seconds: float, event: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (self.t + max(0.0, seconds), self._count, event))

    def server(self, t: float | None = None) -> datetime:
        """The server's clock."""
        return _BEGINNING + timedelta(seconds=(self.t if t is None else t) + self.server_offset)

    def local(self) -> datetime:
        """The local clock."""
        return _BEGINNING + timedelta(seconds=self.t + self.local_offset)

    def date(self) -> str:
        now = self.server()
        return f"{_DAYS[now.weekday()]}, {now.day:02} {_MONTHS[now.month - 1]} {now.year} {now:%H:%M:%S} GMT"

    def note(self, line: str) -> None:
        if self.trace:
            self.lines.append(f"{self.t:10.3f} s  {line}")


def stamp(moment: datetime, digits: int) -> str:
    """An instant as vendors write it, with 0, 3 or 6 digits of a fraction; what does not fit is cut."""
    text = f"{moment:%Y-%m-%dT%H:%M:%S.%f}"
    return text[: 19 if digits == 0 else 20 + digits] + "Z"


class Faults:
    """What may go wrong on the wire: within some stretches of time, with some probability."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.anywhere = 0.0
        self._stretches: list[tuple[float, float, float]] = []
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

    def now(self, t: float) -> bool:
        p = self.anywhere
        for begin, end, other in self._stretches:
            if begin <= t <= end:
                p = max(p, other)
        return p > 0 and self._rng.random() < p


NO_FAULTS = ""
_READ_FAULTS = ("refused", "lost", "unanswered", "hung", "429", "5xx", "garbled", "slow", "slow")
_START_FAULTS = (
    "refused", "lost", "unanswered", "unanswered", "hung", "hung", "429", "5xx", "5xx after all", "garbled", "slow",
    "slow after all", "401",
)  # fmt: skip


class SimulatedWire:
    """The wire to a simulated vendor; `Job` takes `connect` of a Timeline in the place of `shared.http.Wire`."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def send(
        self, method: str, path: str, params: Mapping[str, str] | None, body: object, read_timeout: float
    ) -> Answer:
        timeline = self._timeline
        world, rng, vendor = timeline.world, timeline.wire_rng, timeline.vendor
        sent = world.monotonic()
        fault = NO_FAULTS
        if timeline.faults.now(world.t):
            fault = rng.choice(_START_FAULTS if method == "POST" else _READ_FAULTS)
            if fault == "401" and not vendor.may_answer_401:
                fault = "5xx"
        if fault:
            timeline.faulted = world.t
        world.note(f"  -> {method} {path} {dict(params or {})} {body if body is not None else ''} {fault and f'[{fault}]'}")
        if fault == "refused":
            world.advance(rng.choice((0.01, 10.0)))
            raise WireError("connection refused", sent=False)
        world.advance(rng.uniform(0.02, 0.3))
        headers: dict[str, str] = {}
        text = ""
        if fault in ("lost", "429", "5xx", "401"):
            if fault == "lost":
                world.advance(rng.choice((0.0, read_timeout)))
                raise WireError("connection reset before the request was read", sent=True)
            status = {"429": 429, "401": 401}.get(fault) or rng.choice((500, 502, 503, 504))
            reply: object = NOT_JSON if status != 429 else {"code": "TooManyRequests", "message": "slow down"}
            pause = rng.choice(("", "", "0", "1", "20", "60", "600")) if fault in ("429", "5xx") else ""
            if pause:
                headers["Retry-After"] = pause
            text = "<html>"
        else:
            if fault == "slow":
                world.advance(rng.uniform(1, read_timeout - 2))
            status, reply = vendor.handle(method, path, params or {}, body)
            if fault in ("unanswered", "hung"):
                world.advance(read_timeout if fault == "hung" else rng.uniform(0, 2))
                raise WireError("no answer", sent=True)
            if fault == "slow after all":
                world.advance(rng.uniform(1, read_timeout - 2))
            if fault == "5xx after all":
                world.advance(rng.choice((0.1, 5.0, 30.0)))
                status, reply, text = rng.choice((500, 502, 504)), NOT_JSON, "<html>"
            if fault == "garbled":
                reply = NOT_JSON
        headers["Date"] = world.date()
        world.advance(rng.choice((0.02, 0.05, 0.2)) if rng.random() < 0.98 else 1.0)
        world.note(f"  <- {status} {reply}")
        return Answer(status, reply, text, headers, sent, world.monotonic())


class MemoryArtifacts:
    """As `shared.artifacts.Artifacts`, without the files: what is handed over still goes through plain values."""

    def __init__(self) -> None:
        self._handover: dict[str, Any] | None = None
        self._starting = False

    def prepare(self) -> None:
        pass

    @contextmanager
    def starting(self, draft: Any) -> Iterator[None]:
        draft.as_dict()
        self._starting = True
        try:
            yield
        except StartUnclearError:
            raise
        except BlueprintError:
            self._starting = False
            raise

    def save(self, handover: Any) -> None:
        self._handover, self._starting = handover.as_dict(), False

    def find(self, kind: Any, given: Any) -> Any:
        del given
        if self._starting:
            raise ArtifactError("the trigger was killed half-way")
        return None if self._handover is None else kind.from_dict(self._handover)


@dataclass
class Ending:
    """How one run of a script ended."""

    code: int
    word: str
    message: str


@dataclass
class Outcome:
    """What came of one timeline. `kind` names the class of those in which no client can know; "" is all the others."""

    seed: int
    truth: str = ""
    verdict: str = ""
    starts: int = 0  # accepted by the vendor in one run of a script, at most
    kind: str = ""
    wrong: list[str] = field(default_factory=list)
    double: bool = False
    missed: bool = False
    unclear: bool = False
    lines: list[str] = field(default_factory=list)

    @property
    def fault(self) -> str:
        """What is wrong with the client here, in words; "" for nothing, or nothing that it could know."""
        if self.kind:
            return ""
        double = ["started twice"] if self.double else []
        return "; ".join([*self.wrong, *double, *(["never told how it ended"] if self.missed else [])])


class Vendor:
    """A simulated vendor; each has one connection (or integration) that the scripts are about."""

    may_answer_401 = False

    def __init__(self, world: World) -> None:
        self.world = world
        self.accepted: list[Any] = []  # the syncs that starts of this run of a script made
        self.kind = ""  # the class of this timeline, if no client can know

    def begin_run(self) -> None:
        """A script begins."""
        self.accepted = []

    def handle(self, method: str, path: str, params: Mapping[str, str], body: Any) -> Reply:
        """One request and its answer."""
        raise NotImplementedError

    def unknowable(self, kind: str) -> None:
        if not self.kind:
            self.kind = kind
            self.world.note(f"[no client can know: {kind}]")


class Timeline:
    """One world with one vendor, the wire to it, and the runs of scripts in it."""

    def __init__(self, world: World, vendor: Vendor, *, faulty: bool = True) -> None:
        self.world, self.vendor = world, vendor
        self.wire_rng = random.Random(world.rng.getrandbits(48))
        self.faults = Faults(self.wire_rng)
        if not faulty:
            self.faults = _Faultless(self.wire_rng)
        self.faulted = -1e9  # when the wire last failed

    def connect(self, url: str, auth: Auth, headers: Mapping[str, str], clock: Clock) -> SimulatedWire:
        """With the signature of `shared.http.Wire`."""
        del url, auth, headers, clock
        return SimulatedWire(self)

    def run(self, script: ModuleType, environment: Mapping[str, str], artifacts: Any) -> Ending:
        """One run of a script, as an orchestrator sees its end."""
        world = self.world
        world.note(f"{script.__name__} {dict(environment)}")
        self.vendor.begin_run()
        job = Job(artifacts, _MASK, world, self.connect)
        try:
            given = inputs.read(script.Inputs, environment)
            job.id = given.subject
            result = script.main(given, job)
            ending = Ending(0, result.outcome, result.message)
        except BlueprintError as error:
            ending = Ending(error.exit_code, error.outcome, str(error))
        except Exception as error:  # noqa: BLE001  # a crash is a wrong end of the timeline, not of the simulation
            ending = Ending(249, "crashed", f"{type(error).__name__}: {error}")
        world.note(f"{script.__name__} ends with {ending.code} {ending.word}: {ending.message}")
        return ending


class _Faultless(Faults):
    def now(self, t: float) -> bool:
        del t
        return False


@contextmanager
def handing_over(seed: int, vendor: str) -> Iterator[Any]:
    """Artifacts: in memory, for some timelines on disk."""
    if seed % _ON_DISK:
        yield MemoryArtifacts()
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Artifacts(Path(folder), vendor, None, (), _MASK)


@contextmanager
def quiet() -> Iterator[None]:
    """No logging, as a million timelines would fill a disk."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
