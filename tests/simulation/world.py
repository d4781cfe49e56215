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
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType
from typing import Any, Callable

from shared import inputs
from shared.context import Run
from shared.errors import ArtifactError, BlueprintError
from shared.handoff import Artifacts
from shared.redaction import Redactor
from shared.report import Report
from shared.transport import NOT_JSON, Auth, Clock, Response, TransportError

EPOCH = 1_790_000_000.0  # the true time, in seconds since 1970, when a timeline begins
_BEGINNING = datetime.fromtimestamp(EPOCH, timezone.utc)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ON_DISK = 400  # one timeline in so many hands over by the real files
_REDACTOR = Redactor()

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
        self.advance(max(seconds, 1e-3))  # as no real clock stands still

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
    """The wire to a simulated vendor; a Run takes `connect` of a Timeline in place of `shared.transport.Transport`."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def send(
        self, method: str, path: str, params: Mapping[str, str] | None, body: object, read_timeout: float
    ) -> Response:
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
        if world.trace:
            asked = [method, path, *(str(dict(one)) for one in (params, body) if isinstance(one, Mapping))]
            world.note(f"  -> {' '.join(asked)}{fault and f' [{fault}]'}")
        vendor.sent(method)
        if fault == "refused":
            world.advance(rng.choice((0.01, 10.0)))
            raise TransportError("connection refused", maybe_delivered=False)
        world.advance(rng.uniform(0.02, 0.3))
        headers: dict[str, str] = {}
        text = ""
        if fault in ("lost", "429", "5xx", "401"):
            if fault == "lost":
                hangs = rng.random() < 0.5
                world.advance(read_timeout if hangs else 0.0)
                raise TransportError("the request was lost", maybe_delivered=True, timed_out=hangs)
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
                raise TransportError("no response", maybe_delivered=True, timed_out=fault == "hung")
            if fault == "slow after all":
                world.advance(rng.uniform(1, read_timeout - 2))
            if fault == "5xx after all":
                world.advance(rng.choice((0.1, 5.0, 30.0)))
                status, reply, text = rng.choice((500, 502, 504)), NOT_JSON, "<html>"
            if fault == "garbled" and status < 300:
                reply = NOT_JSON
        headers["Date"] = world.date()
        world.advance(rng.choice((0.02, 0.05, 0.2)) if rng.random() < 0.98 else 1.0)
        if world.trace:
            world.note(f"  <- {status} {reply}")
        return Response(status, reply, text, headers, sent, world.monotonic())


class SimulatedArtifacts:
    """As `shared.handoff.Artifacts`, without the files (but a handoff still goes through plain values), or with the
    real ones behind it. Tells the vendor when a handoff is saved."""

    def __init__(self, vendor: Vendor, real: Artifacts | None) -> None:
        self._vendor, self._real = vendor, real
        self._handoff: dict[str, Any] | None = None
        self._state = ""
        self.saved = False

    def begin_start(self, target: Mapping[str, Any]) -> None:
        self._state = "reading"
        if self._real:
            self._real.begin_start(target)

    def sending(self, draft: Any) -> None:
        draft.plain()
        self._state = "sent"
        if self._real:
            self._real.sending(draft)

    def not_sent(self) -> None:
        self._state = "reading"
        if self._real:
            self._real.not_sent()

    def end_start(self, exit_code: int, outcome: str) -> None:
        if self._state == "reading":
            self._state = "ended" if exit_code else ""
        if self._real:
            self._real.end_start(exit_code, outcome)

    def save(self, handoff: Any) -> None:
        self.saved = True
        self._vendor.saved_handoff(handoff)
        if self._real:
            self._real.save(handoff)
        self._handoff, self._state = handoff.plain(), ""

    def find(self, kind: Any, given: Any) -> Any:
        if self._real:
            return self._real.find(kind, given)
        if self._state:
            raise ArtifactError("the trigger before this check did not finish")
        return None if self._handoff is None else kind.from_plain(self._handoff)


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
    told_within = 600.0  # seconds after an end in which a check must tell of it, if nothing fails

    def __init__(self, world: World) -> None:
        self.world = world
        self.accepted: list[Any] = []  # the syncs that starts of this run of a script made
        self.kind = ""  # the class of this timeline, if no client can know
        self.wrong: list[str] = []

    def begin_run(self) -> None:
        """A script begins."""
        self.accepted = []

    def sent(self, method: str) -> None:
        """A request is sent, and may get lost."""

    def saved_handoff(self, handoff: Any) -> None:
        """A trigger says that it has started or joined a sync: note which, or what is wrong with that."""
        raise NotImplementedError

    def truths(self) -> set[str]:
        """The outcome words that are true of the sync handed over, as of the last look at it."""
        raise NotImplementedError

    def ended_at(self) -> float | None:
        """When the sync handed over ended for good, None if it has not."""
        raise NotImplementedError

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
        """With the signature of `shared.transport.Transport`."""
        del url, auth, headers, clock
        return SimulatedWire(self)

    def run(self, script: ModuleType, environment: Mapping[str, str], artifacts: Any) -> Ending:
        """One run of a script, as an orchestrator sees its end."""
        world = self.world
        if world.trace:
            world.note(f"{script.__name__} {dict(environment)}")
        self.vendor.begin_run()
        run = Run(artifacts, _REDACTOR, world, self.connect, Report(), {}, world.monotonic())
        given, problem = inputs.read(script.Inputs, environment)
        try:
            if given.starts:
                artifacts.begin_start(given.target)
            if problem:
                raise problem
            result = script.main(given, run)
            ending = Ending(0, result.outcome, result.message)
        except BlueprintError as error:
            ending = Ending(error.exit_code, error.outcome, str(error))
        except Exception as error:  # noqa: BLE001  # a crash is a wrong end of the timeline, not of the simulation
            ending = Ending(249, "crashed", f"{type(error).__name__}: {error}")
        if given.starts:
            artifacts.end_start(ending.code, ending.word)
        world.note(f"{script.__name__} ends with {ending.code} {ending.word}: {ending.message}")
        return ending


class _Faultless(Faults):
    def now(self, t: float) -> bool:
        del t
        return False


def play(
    seed: int, timeline: Timeline, name: str, scripts: tuple[ModuleType, ModuleType], trigger: dict[str, str],
    check: dict[str, str], pauses: Iterable[float],
) -> Outcome:  # fmt: skip
    """A trigger, once more if it could not start, then checks until one tells how the sync ended."""
    world, vendor = timeline.world, timeline.vendor
    outcome = Outcome(seed)
    again = world.rng.random() < 0.7
    check_unclear = world.rng.random() < 0.2
    with tempfile.TemporaryDirectory() if seed % _ON_DISK == 0 else nullcontext() as folder:
        real = Artifacts(Path(folder), name, _REDACTOR, world) if folder else None
        artifacts = SimulatedArtifacts(vendor, real)
        for _ in range(1 + again):
            ending = timeline.run(scripts[0], trigger, artifacts)
            _judge_start(outcome, vendor, artifacts, ending)
            if ending.code != 202:
                break
        looks_on = ending.word in ("started", "joined", "running", "unreachable") and artifacts.saved
        for pause in pauses if looks_on or (ending.word == "unclear" and check_unclear) else []:
            world.advance(pause)
            ending = timeline.run(scripts[1], check, artifacts)
            _judge_end(outcome, vendor, ending, saved_handoff=artifacts.saved)
            if ending.code not in (210, 220):
                break
    outcome.verdict = ending.word
    if artifacts.saved:
        outcome.truth = "/".join(sorted(vendor.truths()))
        ended = vendor.ended_at()
        quiet_for = world.t - max(timeline.faulted, -1e9 if ended is None else ended)
        outcome.missed = ending.code == 210 and ended is not None and quiet_for > vendor.told_within
    else:
        outcome.truth = "started" if vendor.accepted else "not started"
    outcome.wrong += vendor.wrong
    outcome.kind = vendor.kind
    outcome.lines = world.lines
    return outcome


def _judge_start(outcome: Outcome, vendor: Vendor, artifacts: SimulatedArtifacts, ending: Ending) -> None:
    outcome.starts = max(outcome.starts, len(vendor.accepted))
    outcome.double = outcome.double or len(vendor.accepted) > 1
    if artifacts.saved:
        _judge_end(outcome, vendor, ending, saved_handoff=True)
    elif ending.word == "unclear":
        outcome.unclear = True
    elif ending.code in (0, 206, 221, 249):
        outcome.wrong.append(f"{ending.word} out of a trigger: {ending.message}")
    elif vendor.accepted:
        outcome.wrong.append(f"told {ending.word} and had started a sync")


def _judge_end(outcome: Outcome, vendor: Vendor, ending: Ending, *, saved_handoff: bool) -> None:
    outcome.double = outcome.double or len(vendor.accepted) > 1
    if not saved_handoff:
        if ending.code != 221:
            outcome.wrong.append(f"a check told {ending.word} after a start that was unclear")
    elif ending.word in ("succeeded", "failed", "cancelled", "unknown", "not_found"):
        if ending.word not in vendor.truths():
            outcome.wrong.append(f"told {ending.word}, and it was {'/'.join(sorted(vendor.truths()))}")
    elif ending.word not in ("started", "joined", "running", "unreachable", "invalid_credentials"):
        outcome.wrong.append(f"{ending.word} out of a check: {ending.message}")


@contextmanager
def quiet() -> Iterator[None]:
    """No logging, as a million timelines would fill a disk."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


class ToldError(Exception):
    """Ends the run of a peer: it has told how the sync ended, or never will."""


class Peer:
    """What the rules of another client need; its reads are repeated until they are answered."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline, self.world, self.vendor = timeline, timeline.world, timeline.vendor
        self._wire = SimulatedWire(timeline)
        self._taken = False
        self._pauses_since_end = 0
        self.vendor.begin_run()

    def read(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """The body of a good answer; None where the vendor refuses."""
        while True:
            try:
                answer = self._wire.send("GET", path, query, None, 60)
            except TransportError:
                continue
            if answer.ok and answer.body is not NOT_JSON:
                return answer.body
            if answer.status < 429 and not answer.ok:
                self.end("refused")
            self.world.advance(5)

    def start(self, path: str, body: object) -> Response | None:
        """None if no answer came."""
        try:
            return self._wire.send("POST", path, None, body, 60)
        except TransportError:
            return None

    def took(self, handoff: Any) -> None:
        self._taken = True
        self.vendor.saved_handoff(handoff)

    def pause(self, seconds: float) -> bool:
        """Wait for the next look. Ends the run if the sync ended 20 looks ago, or after 12 h."""
        self.world.advance(seconds)
        if self._taken and self.vendor.ended_at() is not None:
            self._pauses_since_end += 1
        if self._pauses_since_end > 20 + self.vendor.told_within / seconds or self.world.t > 43200:
            self.end("missed" if self._pauses_since_end else "still running")
        return True

    def tell(self, word: str) -> None:
        """Say how the sync ended."""
        self.end("right" if word in self.vendor.truths() else "wrong")

    def end(self, how: str) -> None:
        raise ToldError(how)


def compare(
    ours: Callable[[], Outcome], rules: Mapping[str, Callable[[Peer], None]], world: Callable[[], Timeline]
) -> dict[str, str]:
    """For each client `right`, `wrong`, `missed`, `crash`, `double`, `unknowable` or what else came of its run."""
    outcome = ours()
    told = "wrong" if outcome.wrong else "double" if outcome.double else "missed" if outcome.missed else ""
    usual = "right" if outcome.verdict in ("succeeded", "failed", "cancelled") else outcome.verdict.replace("_", " ")
    found = {"ours": "unknowable" if outcome.kind else told or usual}
    for name, rule in rules.items():
        peer = Peer(world())
        try:
            rule(peer)
            how = "no verdict"
        except ToldError as end:
            how = str(end)
        double = len(peer.vendor.accepted) > 1
        found[name] = "unknowable" if peer.vendor.kind else "double" if double and how != "wrong" else how
    return found
