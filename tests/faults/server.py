"""A vendor of the sandbox behind raw sockets, which answers one call (or all from one on) in a way that is wrong."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import struct
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.message import Message
from email.utils import format_datetime
from types import ModuleType
from typing import Any, Callable, Union
from urllib.parse import parse_qs

from sync_blueprints.sandbox import fivetran, nango, rudderstack
from sync_blueprints.sandbox.world import RefusedError, Request, World

VENDORS: dict[str, ModuleType] = {"rudderstack": rudderstack, "fivetran": fivetran, "nango": nango}
EPOCH = 1_795_348_800.0  # when the clock stands at 0: 2026-11-22 12:00:00 UTC
STUCK = 20  # real seconds after which a client that should have given up counts as hanging


class Clock:
    """Passes only when somebody sleeps, or when a request runs into its timeout."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.on_sleep: Callable[[], None] = lambda: None

    def monotonic(self) -> float:
        return 1000.0 + self.elapsed

    def time(self) -> float:
        return EPOCH + self.elapsed

    def sleep(self, seconds: float, /) -> None:
        self.elapsed += seconds
        self.on_sleep()

    def date(self, later: float = 0.0) -> str:
        return format_datetime(datetime.fromtimestamp(self.time() + later, timezone.utc), usegmt=True)


@dataclass(frozen=True)
class Reply:
    """The vendor's own, right answer, which a fault spoils."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    clock: Clock
    elsewhere: str  # the URL of a server that nothing may be sent to

    def head(self, status: object = None, **headers: str | None) -> bytes:
        """Status line and headers; a name in `headers` has _ for -, and None leaves it out."""
        lines = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        first = f"HTTP/1.1 {self.status if status is None else status} Whatever"
        return "\r\n".join([first, *(f"{name}: {value}" for name, value in lines.items() if value is not None)]).encode(
            "latin-1"
        )

    def whole(self, status: object = None, body: bytes | None = None, **headers: str | None) -> bytes:
        content = self.body if body is None else body
        length = None if self.status == 204 and body is None else str(len(content))
        return self.head(status, **{"Content_Length": length, **headers}) + b"\r\n\r\n" + content


# Bytes to send, seconds to wait, one of close, reset and hang, or bytes to flood the client with until it gives up.
Move = Union[bytes, float, str, tuple[str, bytes]]
Says = Callable[[Reply], list[Move]]


class Line:
    """One connection, on which anything can be said."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.open = True
        self.stuck = False  # the client has not given up

    def say(self, moves: Iterable[Move]) -> None:
        """One after the other; a client that is gone hears nothing of it."""
        with contextlib.suppress(OSError, ValueError):  # the latter where the server was closed meanwhile
            for move in moves:
                if isinstance(move, bytes):
                    self._connection.sendall(move)
                elif isinstance(move, float):
                    time.sleep(move)
                elif isinstance(move, tuple):
                    self._flood(move[1])
                else:
                    {"close": self.close, "reset": self._reset, "hang": self._hang}[move]()

    def close(self) -> None:
        """Say goodbye properly: what was sent still arrives."""
        self.open = False
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)
        self._connection.close()

    def _reset(self) -> None:
        """An RST; what was sent just before may be lost with it, as it is with real ones."""
        self.open = False
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.close()

    def _hang(self) -> None:
        self._until_gone(lambda: None, 0.05)

    def _flood(self, content: bytes) -> None:
        self._until_gone(lambda: self._connection.sendall(content), 0)

    def _until_gone(self, act: Callable[[], None], pause: float) -> None:
        give_up = time.monotonic() + STUCK
        with contextlib.suppress(OSError):
            self._connection.settimeout(STUCK)
            while time.monotonic() < give_up:
                act()
                gone, _, _ = select.select([self._connection], [], [], pause)
                if gone and not self._connection.recv(1):
                    break
            else:
                self.stuck = True
        self.close()


@dataclass(frozen=True)
class Fault:
    """What is said instead of the reply. `acts`: the vendor has done what was asked nevertheless.

    `tells`: what arrives is a right and whole answer after all, however odd. `slow`: it runs into a timeout.
    """

    name: str
    kind: str
    says: Says
    acts: bool = True
    tells: bool = False
    slow: bool = False
    heavy: bool = False  # megabytes


@dataclass(frozen=True)
class Plan:
    """Which calls go wrong: number `call` (from 1), or all from it on."""

    call: int
    fault: Fault
    lasting: bool = False

    def meets(self, number: int) -> bool:
        return number == self.call or (self.lasting and number > self.call)


@dataclass
class Exchange:
    """A call as it arrived, what the vendor would have answered, and what was wrong with the answer."""

    method: str
    path: str
    reply: Reply
    fault: Fault | None
    began: int  # how many syncs it started

    @property
    def told(self) -> bool:
        return self.fault is None or self.fault.tells


class FaultServer:
    """`with FaultServer("nango", clock) as server:` a vendor on a free port, faultless until `plan` is set."""

    def __init__(self, vendor: str, clock: Clock) -> None:
        self.world = World(clock)
        self.exchanges: list[Exchange] = []
        self.stuck = 0  # calls that the client has waited on for ever
        self.strangers = 0  # connections to the server that nothing may be sent to
        self.clock = clock
        self._vendor = VENDORS[vendor]
        self.credentials: dict[str, str] = dict(self._vendor.VARIABLES)
        self._plan: Plan | None = None
        self._arrived = 0
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None
        self._port = 0
        self._listen()
        self._elsewhere = socket.create_server(("127.0.0.1", 0))
        self.elsewhere = f"http://127.0.0.1:{self._elsewhere.getsockname()[1]}/stolen"
        self._spawn(self._watch_elsewhere)
        self.url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> FaultServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_listening()
        _end(self._elsewhere)
        for connection in list(self._connections):
            _end(connection)
        for thread in self._threads:
            thread.join(STUCK)

    def begin(self, plan: Plan | None) -> None:
        """Count calls from here on, and let those of the plan go wrong."""
        self._plan, self._arrived, self.exchanges = plan, 0, []
        if plan and plan.fault.kind == "refused":
            self.clock.on_sleep = self._reopen
            if plan.call == 1:
                self._refuse()

    @property
    def starts(self) -> int:
        """How many syncs were really started since `begin`."""
        return sum(one.began for one in self.exchanges)

    def _refuse(self) -> None:
        self._stop_listening()
        for connection in list(self._connections):
            _end(connection)

    def _reopen(self) -> None:
        if self._listener is None and self._plan and not self._plan.lasting:
            self._plan = None
            self._listen()

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self._port), backlog=64)
        self._port = self._listener.getsockname()[1]
        listener = self._listener
        self._spawn(lambda: self._accept(listener))

    def _stop_listening(self) -> None:
        if self._listener is not None:
            _end(self._listener)
            self._listener = None

    def _spawn(self, act: Callable[[], None]) -> None:
        thread = threading.Thread(target=act, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _watch_elsewhere(self) -> None:
        while True:
            try:
                self._elsewhere.accept()[0].close()
            except OSError:
                return
            self.strangers += 1

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._connections.add(connection)
            self._spawn(lambda connection=connection: self._serve(connection))  # type: ignore[misc]

    def _serve(self, connection: socket.socket) -> None:
        line = Line(connection)
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while line.open:
                request = _read(connection)
                if request is None:
                    break
                self._answer(line, request)
        self._connections.discard(connection)
        connection.close()

    def _answer(self, line: Line, request: Request) -> None:
        with self._lock:
            self._arrived += 1
            number, plan = self._arrived, self._plan
            fault = plan.fault if plan and plan.meets(number) and plan.fault.kind != "refused" else None
            before = len(self.world.starts)
            reply = self._reply(request) if fault is None or fault.acts else self._nothing_done()
            began = len(self.world.starts) - before
            self.exchanges.append(Exchange(request.method, request.path, reply, fault, began))
        line.say([reply.whole()] if fault is None else fault.says(reply))
        self.stuck += line.stuck
        if plan and plan.fault.kind == "refused" and number == plan.call - 1:
            self._refuse()

    def _reply(self, request: Request) -> Reply:
        try:
            response = self._vendor.respond(request, self.world)
        except RefusedError as refused:
            response = refused.response
        text = response.body if isinstance(response.body, str) else json.dumps(response.body)
        body = b"" if response.body is None else text.encode()
        kind = "text/html" if isinstance(response.body, str) else "application/json"
        headers = {"Date": self.clock.date(), "Content-Type": kind, **response.headers}
        return Reply(response.status, headers, body, self.clock, self.elsewhere)

    def _nothing_done(self) -> Reply:
        return Reply(200, {"Date": self.clock.date()}, b"{}", self.clock, self.elsewhere)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


def _read(connection: socket.socket) -> Request | None:
    """The next request, None if there is none."""
    content = b""
    while b"\r\n\r\n" not in content:
        more = connection.recv(65536)
        if not more:
            return None
        content += more
    head, _, body = content.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = Message()
    for one in lines:
        name, _, value = one.partition(":")
        headers[name] = value.strip()
    while len(body) < int(headers.get("Content-Length") or 0):
        more = connection.recv(65536)
        if not more:
            return None
        body += more
    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    return Request(method, path, parse_qs(query, keep_blank_values=True), headers, body.decode())


def parsed(reply: Reply) -> Any:
    """The JSON of a reply, None if it has none."""
    try:
        return json.loads(reply.body)
    except ValueError:
        return None
