"""A local server that speaks the APIs of RudderStack, Fivetran and Nango: python -m sync_blueprints sandbox.

The text of an id decides what it does: one of the words of BEHAVIOURS, then perhaps "_in_N" with N seconds (0p5 is
half a second), then perhaps "_x" and anything, to make an id of one's own: fails, succeeds_in_0, lazy_in_5_xfirst.
RudderStack's connections and sources, Fivetran's connectors and Nango's connections understand the same words.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import socket
import sys
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from sync_blueprints.sandbox import fivetran, nango, rudderstack
from sync_blueprints.sandbox.world import BEHAVIOURS, LOST, Answer, Clock, RefusedError, Request, World

__all__ = ["BEHAVIOURS", "Clock", "Request", "Sandbox", "World", "main"]


class Sandbox:
    """The server; `with Sandbox() as sandbox:` runs it in a thread on a free port."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, clock: Clock = time) -> None:
        self.world = World(clock)
        self.starts = self.world.starts  # (vendor, id) of each sync that a call really began
        self.requests: list[Request] = []
        self._lock = threading.Lock()
        self._server = _Server((host, port), self)
        self._thread: threading.Thread | None = None
        self.url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{self._server.server_port}"  # noqa: S104
        self.environment = {
            "RUDDERSTACK_API_URL": self.url,
            **rudderstack.VARIABLES,
            "FIVETRAN_API_URL": self.url,
            **fivetran.VARIABLES,
            "NANGO_API_URL": self.url,
            **nango.VARIABLES,
        }

    def __enter__(self) -> Sandbox:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,), name="sandbox")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._thread:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()

    def answer(self, request: Request) -> Answer:
        vendor = {"/v2": rudderstack, "/v1": fivetran}.get(request.path[:3], nango)
        with self._lock:  # one call at a time, so that each sees the whole effect of those before it
            try:
                answer: Answer = vendor.answer(request, self.world)
            except RefusedError as refused:
                answer = refused.answer
            request.status = answer.status or None
            self.requests.append(request)
        return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that server_close waits for them
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.connections: set[Any] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        for connection in list(self.connections):  # kept alive: their threads wait for a next call
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that went away is no fault
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave in one packet
    disable_nagle_algorithm = True
    server: _Server

    def answer(self) -> None:
        sandbox = self.server.sandbox
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode(errors="replace")
        path, _, query = self.requestline.split(" ")[1].partition("?")  # self.path has lost a double slash
        request = Request(self.command, path, parse_qs(query, keep_blank_values=True), self.headers, body)
        request.client = self.client_address
        answer = sandbox.answer(request)
        if answer is LOST:
            self.close_connection = True
            return
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body, separators=(",", ":"))
        content = b"" if answer.body is None else text.encode()
        kind = "text/html; charset=utf-8" if isinstance(answer.body, str) else "application/json; charset=utf-8"
        self.send_response(answer.status)
        for name, value in {"Content-Type": kind, **answer.headers}.items():
            if name != "Content-Type" or content:
                self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer  # noqa: N815 - as http.server wants

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(self.server.sandbox.world.clock.time() if timestamp is None else timestamp, usegmt=True)

    def log_message(self, *_: object) -> None:
        pass


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m sync_blueprints sandbox", description="Imitate the vendors' APIs.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8642, help="0 picks a free one (default: 8642)")
    given = parser.parse_args(argv)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    sandbox = Sandbox(given.host, given.port)
    for name, value in sandbox.environment.items():
        print(f"export {name}={value}")
    for line in (__doc__ or "").splitlines()[1:]:
        print(f"# {line}".rstrip())
    print("# A Nango integration is one of: " + ", ".join(nango.INTEGRATIONS) + "; its syncs: orders (also orders::eu)")
    print("# and customers. N is shown in brackets where an id names none.")
    for behaviour, (seconds, meaning) in BEHAVIOURS.items():
        print(f"#   {behaviour:<20} {meaning}" + (f" [{seconds:g}]" if seconds else ""))
    sys.stdout.flush()
    with sandbox:
        stop.wait()
    return 0
