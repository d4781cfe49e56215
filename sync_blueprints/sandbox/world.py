"""What the three vendors of the sandbox share: ids that behave, runs in time, and faults on the wire."""

from __future__ import annotations

import json
import math
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.message import Message
from typing import Any, Protocol
from urllib.parse import unquote
from uuid import uuid4

# Behaviour -> (seconds where the id names none, what it does). python -m sync_blueprints sandbox prints it.
BEHAVIOURS: dict[str, tuple[float, str]] = {
    "succeeds": (2, "a start runs N seconds and succeeds"),
    "fails": (2, "a start runs N seconds and fails"),
    "refuses_rows": (2, "RudderStack: succeeds with 3 refused rows; the others: succeeds"),
    "running": (5, "already running when first seen, succeeds N seconds later; a later start runs 1 s"),
    "cancelled": (2, "RudderStack and Nango: stopped after N seconds; Fivetran: becomes paused while it runs"),
    "paused": (2, "Fivetran: paused before; Nango: runs once and stays PAUSED; RudderStack: succeeds"),
    "incomplete": (2, "Fivetran: setup_state incomplete; the others: succeeds"),
    "broken": (2, "Fivetran: setup_state broken until a forced sync succeeds; the others: succeeds"),
    "rescheduled": (2, "Fivetran, manual: after 1 s put off by N seconds, a POST after that succeeds in 1 s"),
    "odd_word": (2, "after N seconds a status word that nobody knows"),
    "never_run": (1, "has never run; a start runs 1 s and succeeds"),
    "lazy": (3, "a start shows the previous run for N seconds, then runs 1 s and succeeds"),
    "unknown": (0, "not found, in the vendor's own words"),
    **{f"answers_{word}": (0.0, "every call is answered so") for word in ("401", "403", "500", "503")},
    "answers_404": (0, "every call is answered so; Fivetran: without a NotFound code"),
    "answers_409": (0, "starts only; reads show something running for ever"),
    "answers_429": (1, "every call is answered so, with Retry-After N"),
    "answers_html": (0, "every call is answered 200 with a page"),
    "answers_empty": (0, "every call is answered 200 without a body"),
    "answers_garbage": (0, "every call is answered 200 with JSON that is cut off"),
    "answers_redirect": (0, "every call is answered 302 to another path"),
    "loses_answer": (2, "the first start is accepted, then the connection is closed without an answer"),
    "loses_request": (2, "at the first start the connection is closed and nothing is accepted"),
    "start_500_accepted": (2, "the first start is accepted and answered 500"),
    "start_500": (2, "the first start is not accepted and answered 500"),
    "flaky": (2, "the first two reads are answered 503"),
    "flaky_start_429": (2, "the first start is answered 429 with Retry-After 1"),
}
ODD_WORD = "hibernating"
HOUR, DAY = 3600.0, 86400.0

_WORDS = "|".join(BEHAVIOURS).replace("_", "[_-]")
_ID = re.compile(rf"({_WORDS})(?:[_-]in[_-](\d+(?:p\d+)?))?(?:[_-]x.*)?")


class Clock(Protocol):
    def time(self) -> float: ...
    def monotonic(self) -> float: ...


@dataclass
class Request:
    """One call as it arrived, and the status that it was answered with (None: closed without an answer)."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Message
    body: str
    status: int | None = None
    client: tuple[str, int] | None = None  # the other end of the connection

    def json(self) -> Any:
        """The body's JSON, None without one; raises ValueError."""
        return json.loads(self.body) if self.body else None


@dataclass
class Answer:
    status: int
    body: Any = None  # None: no body, str: sent as it is, anything else: sent as JSON
    headers: dict[str, str] = field(default_factory=dict)


class RefusedError(Exception):
    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


LOST = Answer(0)  # the connection is closed instead
Refuse = Callable[[int], Answer]  # a vendor's form of an error


@dataclass
class Run:
    """One sync; begins and ends are moments of the monotonic clock, outcome holds once the end has passed."""

    id: str
    begins: float
    ends: float
    outcome: str

    def is_running(self, now: float) -> bool:
        return self.begins <= now < self.ends


@dataclass
class Item:
    """Whatever a vendor syncs: a connection, a source, one sync of a Nango connection."""

    id: str
    behaviour: str
    seconds: float
    runs: list[Run]
    settings: dict[str, Any] = field(default_factory=dict)

    def seen(self, now: float) -> list[Run]:
        """The runs that show; an accepted start of a lazy one does not at first."""
        return [run for run in self.runs if run.begins <= now]

    def ended(self, now: float, *outcomes: str) -> list[Run]:
        return [run for run in self.runs if run.ends <= now and run.outcome in outcomes]

    def is_busy(self, now: float) -> bool:
        return any(now < run.ends for run in self.runs)

    def interrupt(self, now: float, outcome: str) -> None:
        self.runs = self.seen(now)
        for run in self.runs:
            if run.is_running(now):
                run.ends, run.outcome = now, outcome


def instant(text: str) -> datetime:
    """A date-time as a vendor reads it from a query: UTC where no offset is given; raises ValueError."""
    read = datetime.fromisoformat(text.replace("Z", "+00:00").replace(" ", "+"))
    return read if read.tzinfo else read.replace(tzinfo=timezone.utc)


def read_id(text: str) -> tuple[str, float]:
    """The behaviour that an id asks for, and its seconds."""
    found = _ID.fullmatch(text)
    behaviour = found[1].replace("-", "_") if found else "unknown"
    named = found[2] if found else None
    return behaviour, float(named.replace("p", ".")) if named else BEHAVIOURS[behaviour][0]


@dataclass
class World:
    """Everything the vendors remember. What shows is worked out from the clock at each call: there are no timers."""

    clock: Clock = time
    items: dict[tuple[str, ...], Item] = field(default_factory=dict)
    starts: list[tuple[str, str]] = field(default_factory=list)
    counts: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.born = self.clock.monotonic()
        self._to_wall = self.clock.time() - self.born

    def now(self) -> float:
        return self.clock.monotonic()

    def wall(self, moment: float) -> float:
        return self._to_wall + moment

    def stamp(self, moment: float, digits: int = 3) -> str:
        """A moment as UTC ISO time; cut like a vendor does, so never later than the moment."""
        wall = datetime.fromtimestamp(self.wall(moment), timezone.utc)
        fraction = f".{wall.microsecond:06}"[: digits + 1] if digits else ""
        return f"{wall:%Y-%m-%dT%H:%M:%S}{fraction}Z"

    def find(self, vendor: str, item_id: str, *more: str) -> Item | None:
        behaviour, seconds = read_id(item_id)
        if behaviour == "unknown":
            return None
        key = (vendor, item_id, *more)
        if key not in self.items:
            now = self.now()
            runs = [Run(uuid4().hex[:20], self.born - HOUR - 60, self.born - HOUR, "succeeded")]
            if behaviour == "never_run":
                runs.clear()
            elif behaviour in ("running", "answers_409"):
                ends = now + seconds if behaviour == "running" else math.inf
                runs.append(Run(uuid4().hex[:20], now - 60, ends, "succeeded"))
            self.items[key] = Item(item_id, behaviour, seconds, runs)
        return self.items[key]

    def begin(self, vendor: str, item: Item) -> Run:
        begins = self.now() + (item.seconds if item.behaviour == "lazy" else 0)
        lasts = 1 if item.behaviour in ("lazy", "running", "never_run") else item.seconds
        outcomes = {"fails": "failed", "cancelled": "cancelled", "odd_word": ODD_WORD}
        run = Run(uuid4().hex[:20], begins, begins + lasts, outcomes.get(item.behaviour, "succeeded"))
        item.runs.append(run)
        self.starts.append((vendor, item.id))
        return run

    def is_first(self, *key: str, upto: int = 1) -> bool:
        self.counts[key] += 1
        return self.counts[key] <= upto


def route(routes: dict[str, dict[str, Any]], request: Request, refuse: Refuse) -> tuple[Any, list[str]]:
    """The function that a path and method lead to, and the parts of the path it wants."""
    for pattern, methods in routes.items():
        found = re.fullmatch(pattern, request.path)
        if found and request.method not in methods:
            raise RefusedError(refuse(405))
        if found:
            return methods[request.method], [unquote(part) for part in found.groups()]
    raise RefusedError(refuse(404))


def misbehave(
    world: World, key: tuple[str, ...], request: Request, act: Callable[[], Answer], refuse: Refuse, *, starts: bool
) -> Answer:
    """Call act, unless the id (the last part of key) asks for a fault before it, after it, or instead of it."""
    behaviour, seconds = read_id(key[-1])
    word = behaviour.removeprefix("answers_")
    if behaviour.startswith("answers_") and (behaviour != "answers_409" or starts):
        instead = {
            "html": Answer(200, "<html><body>Welcome</body></html>"),
            "empty": Answer(200),
            "garbage": Answer(200, '{"code": "Success", "data": {"id": "', {"Content-Type": "application/json"}),
            "redirect": Answer(302, headers={"Location": "/elsewhere"}),
        }
        answer = instead.get(word) or refuse(int(word))
        if word == "429":
            answer.headers["Retry-After"] = f"{seconds:.0f}"
        return answer
    if behaviour == "flaky" and request.method == "GET" and world.is_first(*key, "reads", upto=2):
        return refuse(503)
    first = starts and world.is_first(*key, "starts")
    if first and behaviour == "loses_request":
        return LOST
    if first and behaviour == "start_500":
        return refuse(500)
    if first and behaviour == "flaky_start_429":
        answer = refuse(429)
        answer.headers["Retry-After"] = "1"
        return answer
    answer = act()
    if first and behaviour == "loses_answer":
        return LOST
    return refuse(500) if first and behaviour == "start_500_accepted" else answer
