"""What the vendors of the sandbox share: things that are synced, runs in time, and errors on the wire."""

from __future__ import annotations

import json
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.message import Message
from typing import Any, Protocol
from urllib.parse import unquote
from uuid import NAMESPACE_URL, uuid5

from sync_blueprints.sandbox.behaviors import ODD_WORD, UNKNOWN, read_id

HOUR, DAY = 3600.0, 86400.0
RUNS_A_SECOND = ("never_run", "failed_before", "history", "historical", "running", "lazy", "cut")
INSTEAD: dict[str, tuple[int, Any, dict[str, str]]] = {  # status, body and headers of every response to `answers_…`
    "html": (200, "<html><body>Welcome</body></html>", {}),
    "empty": (200, None, {}),
    "garbage": (200, '{"code": "Success", "data": {"id": "', {"Content-Type": "application/json"}),
    "redirect": (302, None, {"Location": "/elsewhere"}),
}


class Clock(Protocol):
    def time(self) -> float: ...
    def monotonic(self) -> float: ...


@dataclass
class Request:
    """One request as it arrived, and the status of its response (None: closed without one)."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Message
    body: str
    client: tuple[str, int] | None = None  # the other end of the connection
    status: int | None = None

    def json(self) -> Any:
        """The body's JSON, None without one; raises ValueError."""
        return json.loads(self.body) if self.body else None

    def parsed(self, refuse: Refuse) -> Any:
        """The same, but raises RefusedError."""
        try:
            return self.json()
        except ValueError as wrong:
            raise RefusedError(refuse(400, f"invalid JSON: {wrong}")) from None


@dataclass
class Response:
    status: int
    body: Any = None  # None: no body, str: sent as it is, anything else: sent as JSON
    headers: dict[str, str] = field(default_factory=dict)


class RefusedError(Exception):
    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


LOST = Response(0)  # the connection is closed instead
Refuse = Callable[..., Response]  # a vendor's form of an error: by status, and with a message
Routes = Mapping[str, Mapping[str, Callable[..., Response]]]  # by pattern of the path, then by method


@dataclass
class Run:
    """One sync; its moments are the monotonic clock's, and the outcome holds once the end has passed."""

    id: str
    accepted: float
    begins: float
    ends: float
    outcome: str
    historical: bool = False

    def is_running(self, now: float) -> bool:
        return self.begins <= now < self.ends


@dataclass
class Item:
    """Whatever a vendor syncs: a connection, a source, one sync of a Nango connection."""

    id: str
    behavior: str
    number: float
    runs: list[Run] = field(default_factory=list)
    changes: list[tuple[float, dict[str, Any]]] = field(default_factory=list)  # of settings, since when

    def settings(self, now: float = math.inf) -> dict[str, Any]:
        return {name: value for since, changed in self.changes if since <= now for name, value in changed.items()}

    def seen(self, now: float) -> list[Run]:
        """The runs that show; one that was accepted but has not begun does not."""
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


@dataclass
class World:
    """Everything the vendors remember. What shows is worked out from the clock at each request; there are no timers."""

    clock: Clock = time
    items: dict[tuple[str, ...], Item] = field(default_factory=dict)
    starts: list[tuple[str, str]] = field(default_factory=list)
    counts: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.born = self.clock.monotonic()
        self._to_wall = self.clock.time() - self.born

    def now(self) -> float:
        return self.clock.monotonic()

    def shown(self, item: Item) -> float:
        """The moment that reads of this item show."""
        return self.now() - (item.number if item.behavior == "stale" else 0)

    def wall(self, moment: float) -> float:
        return self._to_wall + moment

    def stamp(self, moment: float, digits: int = 3) -> str:
        """A moment as UTC ISO time; cut like a vendor does, so never later than the moment."""
        wall = datetime.fromtimestamp(self.wall(moment), timezone.utc)
        fraction = f".{wall.microsecond:06}"[: digits + 1] if digits else ""
        return f"{wall:%Y-%m-%dT%H:%M:%S}{fraction}Z"

    def find(self, vendor: str, item_id: str, *more: str, missing: Response) -> Item:
        """The item of that id, made when it is first asked for. Raises RefusedError with `missing` for no such id."""
        behavior, number = read_id(item_id)
        if behavior == UNKNOWN:
            raise RefusedError(missing)
        key = (vendor, item_id, *more)
        if key not in self.items:
            item = self.items[key] = Item(item_id, behavior, number)
            for begins, ends, outcome in _past(item, self.now(), self.born):
                self.add(item, begins, ends, outcome, historical=behavior == "historical" and ends > self.now())
        return self.items[key]

    def add(self, item: Item, begins: float, ends: float, outcome: str, *, historical: bool = False) -> Run:
        self.counts["runs", item.id] += 1
        run_id = uuid5(NAMESPACE_URL, f"{item.id}/{self.counts['runs', item.id]}").hex[:20]
        run = Run(run_id, min(begins, self.now()), begins, ends, outcome, historical)
        item.runs.append(run)
        return run

    def begin(self, vendor: str, item: Item, *, historical: bool = False) -> Run:
        """A run that was asked for now."""
        begins = self.now() + (item.number if item.behavior == "lazy" else 0)
        ends = begins + (1 if item.behavior in RUNS_A_SECOND else item.number)
        outcomes = {"fails": "failed", "cancelled": "cancelled", "odd_word": ODD_WORD}
        self.starts.append((vendor, item.id))
        return self.add(item, begins, ends, outcomes.get(item.behavior, "succeeded"), historical=historical)

    def is_first(self, *key: str, upto: int = 1) -> bool:
        self.counts[key] += 1
        return self.counts[key] <= upto


def _past(item: Item, now: float, born: float) -> list[tuple[float, float, str]]:
    """Begin, end and outcome of the runs that are there when the item is first seen."""
    number = item.number
    if item.behavior == "history":
        begun = [(now - hours * HOUR, "succeeded" if hours % 4 else "failed") for hours in range(int(number), 0, -1)]
        return [(begins, begins + 300, outcome) for begins, outcome in begun]
    hour_ago = (born - HOUR - 60, born - HOUR, "succeeded")
    known = {
        "never_run": [],
        "failed_before": [(now - number - 60, now - number, "failed")],
        "running": [hour_ago, (now - 60, now + number, "succeeded")],
        "answers_409": [hour_ago, (now - 60, math.inf, "succeeded")],
        "historical": [hour_ago, (now + number, now + 2 * number, "succeeded")],
    }
    return known.get(item.behavior, [hour_ago])


def instant(text: str) -> datetime:
    """A date-time as a vendor reads it from a query: UTC where no offset is given; raises ValueError."""
    read = datetime.fromisoformat(text.replace("Z", "+00:00").replace(" ", "+"))
    return read if read.tzinfo else read.replace(tzinfo=timezone.utc)


def route(routes: Routes, request: Request, refuse: Refuse) -> tuple[Callable[..., Response], list[str]]:
    """The function that a path and method lead to, and the parts of the path it wants."""
    for pattern, methods in routes.items():
        found = re.fullmatch(pattern, request.path)
        if found and request.method not in methods:
            raise RefusedError(refuse(405))
        if found:
            return methods[request.method], [unquote(part) for part in found.groups()]
    raise RefusedError(refuse(404))


def misbehave(
    world: World, key: tuple[str, ...], request: Request, act: Callable[[], Response], refuse: Refuse, *, starts: bool
) -> Response:
    """Call act, unless the id (the last part of key) asks for an error before it, after it, or instead of it."""
    behavior, number = read_id(key[-1])
    if behavior.startswith("answers_") and (behavior != "answers_409" or starts):
        word = behavior[len("answers_") :]
        if word in INSTEAD:
            return Response(*INSTEAD[word])
        return _too_many(number, refuse) if word == "429" else refuse(int(word))
    if behavior == "flaky" and request.method == "GET" and world.is_first(*key, "reads", upto=2):
        return refuse(503)
    first = starts and world.is_first(*key, "starts")
    if first and behavior == "loses_request":
        return LOST
    if first and behavior == "start_500":
        return refuse(500)
    if first and behavior == "flaky_start_429":
        return _too_many(1, refuse)
    response = act()
    if first and behavior == "loses_answer":
        return LOST
    return refuse(500) if first and behavior == "start_500_accepted" else response


def _too_many(seconds: float, refuse: Refuse) -> Response:
    response = refuse(429)
    response.headers["Retry-After"] = str(int(seconds))
    return response
