"""A vendor of the sandbox over raw sockets, whose response to one request, or to all from one on, is wrong."""

from __future__ import annotations

import contextlib
import itertools
import json
import select
import socket
import struct
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, Callable, Union
from urllib.parse import parse_qs

from sync_blueprints.sandbox import APIS
from sync_blueprints.sandbox.world import RefusedError, Request, World
from tests.support import FakeClock

VENDORS = {name.lower(): api.module for name, api in APIS.items()}
STUCK = 20  # real seconds after which a client that should have given up counts as hanging


class Clock(FakeClock):
    """Passes only when somebody sleeps, or when a request runs into its timeout."""

    def __init__(self) -> None:
        super().__init__()
        self.on_sleep: Callable[[], None] = lambda: None

    def sleep(self, seconds: float, /) -> None:
        super().sleep(seconds)
        self.on_sleep()


@dataclass(frozen=True)
class Reply:
    """The vendor's own, right response, which a fault spoils."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    clock: Clock
    elsewhere: str  # the URL of a server that nothing may be sent to

    def head(self, status: object = None, **headers: str | None) -> bytes:
        """Status line and headers; a name in `headers` has _ for -, and None leaves it out."""
        merged = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        lines = [f"{name}: {value}" for name, value in merged.items() if value is not None]
        first = f"HTTP/1.1 {self.status if status is None else status} Whatever"
        return "\r\n".join([first, *lines]).encode("latin-1")

    def whole(self, status: object = None, body: bytes | None = None, **headers: str | None) -> bytes:
        content = self.body if body is None else body
        length = None if self.status == 204 and body is None else str(len(content))
        return self.head(status, **{"Content_Length": length, **headers}) + b"\r\n\r\n" + content

    @property
    def json(self) -> Any:
        """The JSON of the body, None if it has none."""
        with contextlib.suppress(ValueError):
            return json.loads(self.body)


# Bytes to send, seconds to wait, one of close, reset and hang, or bytes to drip or to flood until the client gives up.
Move = Union[bytes, float, str, tuple[str, bytes]]
Sends = Callable[[Reply], list[Move]]


@dataclass(frozen=True)
class Fault:
    """What is sent instead of the reply. `acts`: the vendor has done what was asked nevertheless.

    `usable`: what arrives is a right and whole response after all, however odd. `slow`: it runs into a timeout.
    """

    name: str
    kind: str
    sends: Sends
    acts: bool = True
    usable: bool = False
    slow: bool = False
    heavy: bool = False  # megabytes


@dataclass(frozen=True)
class Plan:
    """Which requests get a wrong response: number `call` (from 1), or all from it on."""

    call: int
    fault: Fault
    lasting: bool = False

    def meets(self, number: int) -> bool:
        return number == self.call or (self.lasting and number > self.call)


@dataclass
class Exchange:
    """The vendor's own response to a request, and what was wrong with the one that was sent."""

    reply: Reply
    fault: Fault | None
    began: int  # how many syncs it started


class FaultServer:
    """`with FaultServer("nango", clock) as server:` a vendor on a free port, faultless until `begin` has a plan."""

    def __init__(self, vendor: str, clock: Clock) -> None:
        self.clock = clock
        self.world = World(clock)
        self.exchanges: list[Exchange] = []
        self.stuck = 0  # requests that the client has waited on forever
        self._vendor = VENDORS[vendor]
        self.credentials: dict[str, str] = dict(self._vendor.VARIABLES)
        self._plan: Plan | None = None
        self._lock = threading.Lock()
        self._elsewhere = socket.create_server(("127.0.0.1", 0))
        self.elsewhere = f"http://127.0.0.1:{self._elsewhere.getsockname()[1]}/stolen"
        self._server: _Server | None = _Server(0, self)
        self._port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> FaultServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._refuse()
        self._elsewhere.close()

    def begin(self, plan: Plan | None) -> None:
        """Count requests from here on; the responses to those of the plan are wrong."""
        self._plan, self.exchanges = plan, []
        if plan and plan.fault.kind == "refused":
            self.clock.on_sleep = self._reopen
            if plan.call == 1:
                self._refuse()

    @property
    def starts(self) -> int:
        """How many syncs were really started since `begin`."""
        return sum(one.began for one in self.exchanges)

    @property
    def called_elsewhere(self) -> bool:
        """Whether anything has connected to the server that nothing may be sent to."""
        return bool(select.select([self._elsewhere], [], [], 0)[0])

    def _refuse(self, but: socket.socket | None = None) -> None:
        if self._server is not None:
            self._server.end(but)
            self._server = None

    def _reopen(self) -> None:
        if self._server is None and self._plan and not self._plan.lasting:
            self._plan = None
            self._server = _Server(self._port, self)

    def respond(self, request: Request, connection: socket.socket) -> list[Move]:
        """What is sent to a request that came over this connection."""
        with self._lock:
            number, plan = len(self.exchanges) + 1, self._plan
            refuses = plan is not None and plan.fault.kind == "refused"
            fault = plan.fault if plan and not refuses and plan.meets(number) else None
            before = len(self.world.starts)
            nothing_done = Reply(200, {"Date": self.clock.date()}, b"{}", self.clock, self.elsewhere)
            reply = self._reply(request) if fault is None or fault.acts else nothing_done
            self.exchanges.append(Exchange(reply, fault, len(self.world.starts) - before))
        if plan and refuses and number == plan.call - 1:
            self._refuse(but=connection)
            return [reply.whole(), "close"]
        return [reply.whole()] if fault is None else fault.sends(reply)

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


class _Server(ThreadingTCPServer):
    """Listens from the beginning to `end`."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, port: int, vendor: FaultServer) -> None:
        self.vendor = vendor
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.005,), daemon=True).start()

    def end(self, but: socket.socket | None) -> None:
        """Stop listening, and end all connections but one."""
        self.shutdown()
        self.server_close()
        for connection in self.connections - {but}:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def finish_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        with contextlib.suppress(OSError):  # a client that is gone
            super().finish_request(request, client_address)
        self.connections.discard(request)


class _Handler(BaseHTTPRequestHandler):
    """One connection, over which anything can be sent."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        path, _, query = self.path.partition("?")
        request = Request(self.command, path, parse_qs(query, keep_blank_values=True), self.headers, body)
        self._send(self.server.vendor.respond(request, self.connection))

    do_GET = do_POST = do_PATCH = respond  # noqa: N815 - as http.server wants

    def log_message(self, *_: object) -> None:
        pass

    def _send(self, moves: Iterable[Move]) -> None:
        """One after the other; a client that is gone receives nothing of it."""
        for move in moves:
            if isinstance(move, bytes):
                self.connection.sendall(move)
            elif isinstance(move, float):
                time.sleep(move)
            elif isinstance(move, tuple):
                self._pour(*move)
            elif move == "reset":
                self._reset()
            elif move == "hang":
                self._until_gone(lambda: None, 0.05)
            else:  # close, in good order: what was sent still arrives
                self.close_connection = True

    def _reset(self) -> None:
        """An RST; what was sent just before may be lost with it, as it is with real ones."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _pour(self, how: str, content: bytes) -> None:
        drops = itertools.cycle(content)
        if how == "drip":
            self._until_gone(lambda: self.connection.sendall(bytes([next(drops)])), 0.02)
        else:
            self._until_gone(lambda: self.connection.sendall(content), 0)

    def _until_gone(self, act: Callable[[], None], pause: float) -> None:
        self.close_connection = True
        self.connection.settimeout(STUCK)
        give_up = time.monotonic() + STUCK
        while time.monotonic() < give_up:
            act()
            gone, _, _ = select.select([self.connection], [], [], pause)
            if gone and not self.connection.recv(1):
                return
        self.server.vendor.stuck += 1
