"""A local server that speaks the APIs of RudderStack, Fivetran, and Nango; the IDs it is given choose what happens.

`behaviors.py` has the table of ids, `world.py` the runs in time, a module for each vendor its API.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from sync_blueprints.sandbox import fivetran, nango, rudderstack
from sync_blueprints.sandbox.behaviors import BEHAVIORS, EXAMPLES, INTRODUCTION
from sync_blueprints.sandbox.world import LOST, Clock, RefusedError, Request, Response, World
from sync_blueprints.terminal import paragraphs, table

__all__ = ["APIS", "BEHAVIORS", "EXAMPLES", "Request", "Response", "Sandbox", "World", "main", "vendor_of"]


class Api(NamedTuple):
    """What the sandbox knows of a vendor's API."""

    module: Any  # it responds as the vendor does
    path: str  # what the paths of its requests begin with
    id_variable: str
    more: Mapping[str, str] = {}  # what its scripts need besides


APIS: Mapping[str, Api] = {
    "RudderStack": Api(rudderstack, "/v2", "RUDDERSTACK_CONNECTION_ID"),
    "Fivetran": Api(fivetran, "/v1", "FIVETRAN_CONNECTOR_ID"),
    "Nango": Api(nango, "", "NANGO_CONNECTION_ID", {"NANGO_PROVIDER_CONFIG_KEY": "sandbox"}),  # all other paths
}
CREDENTIALS = (  # further ones, each with a limit of its own
    (rudderstack.VIEWER_TOKEN, "RudderStack: may read, but not start or stop"),
    (fivetran.NARROW_KEY, "Fivetran: may not read the account, nor the history of syncs"),
    (nango.READ_ONLY_KEY, "Nango: scope environment:syncs:read alone"),
    (nango.EXECUTE_ONLY_KEY, "Nango: scope environment:syncs:execute alone"),
)


class Sandbox(ThreadingHTTPServer):
    """The server; `with Sandbox() as sandbox:` runs it in a thread on a free port."""

    daemon_threads = False  # so that server_close waits for them
    request_queue_size = 128

    def __init__(self, host: str = "127.0.0.1", port: int = 0, clock: Clock = time) -> None:
        super().__init__((host, port), _Handler)
        self.world = World(clock)
        self.starts = self.world.starts  # (vendor, id) of each sync that a request really began
        self.requests: list[Request] = []
        self.connections: set[Any] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{self.server_port}"  # noqa: S104
        self.environment: dict[str, str] = {}
        for name, api in APIS.items():
            self.environment.update({f"{name.upper()}_API_URL": self.url, **api.module.VARIABLES})

    def __enter__(self) -> Sandbox:
        self._thread = threading.Thread(target=self.serve_forever, args=(0.005,), name="sandbox")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._thread:
            self.shutdown()
            self._thread.join()
            self._thread = None
        for connection in list(self.connections):  # kept alive: their threads wait for a next request
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def respond(self, request: Request) -> Response:
        module = APIS[vendor_of(request.path)].module
        with self._lock:  # one at a time, so that each sees the whole effect of those before it
            try:
                response: Response = module.respond(request, self.world)
            except RefusedError as refused:
                response = refused.response
            request.status = response.status or None
            self.requests.append(request)
        return response

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that went away is no error
            super().handle_error(request, client_address)


def vendor_of(path: str) -> str:
    """Whose request this is: that with the longest beginning of its path."""
    known = [name for name, api in APIS.items() if path.startswith(api.path)]
    return max(known, key=lambda name: len(APIS[name].path))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave in one packet
    disable_nagle_algorithm = True
    server: Sandbox

    def respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode(errors="replace")
        path, _, query = self.requestline.split(" ")[1].partition("?")  # self.path has lost a double slash
        given = parse_qs(query, keep_blank_values=True)
        response = self.server.respond(Request(self.command, path, given, self.headers, body, self.client_address))
        if response is LOST:
            self.close_connection = True
            return
        text = response.body if isinstance(response.body, str) else json.dumps(response.body, separators=(",", ":"))
        content = b"" if response.body is None else text.encode()
        kind = "text/html; charset=utf-8" if isinstance(response.body, str) else "application/json; charset=utf-8"
        self.send_response(response.status)
        for name, value in {"Content-Type": kind, **response.headers}.items():
            if name != "Content-Type" or content:
                self.send_header(name, value)
        if response.status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = respond  # noqa: N815 - as http.server wants

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(self.server.world.clock.time() if timestamp is None else timestamp, usegmt=True)

    def log_message(self, *_: object) -> None:
        pass


def listing(width: int) -> str:
    """The ids, an id for each exit code, and the credentials: what --list prints."""
    ids = [(name, f"{one.number:g}" if one.number else "", one.meaning) for name, one in BEHAVIORS.items()]
    examples = [(str(one.exit_code), one.id, one.command) for one in EXAMPLES]
    integrations = [(name, ", ".join(known) or "none") for name, known in nango.INTEGRATIONS.items()]
    tables = (
        table([("ID", "N", "what happens"), *ids], width),
        table([("exit code", "ID", "script and inputs"), *examples], width),
        table([("token, key, or secret key", "what is special about it"), *CREDENTIALS], width),
        table([("Nango integration", "its connections"), *integrations], width),
    )
    syncs = "Syncs: orders, orders::eu, and customers. sandbox-old is a server whose status names no connections."
    parts = [paragraphs(INTRODUCTION, width), *("\n".join(lines) for lines in tables)]
    return "\n\n".join(parts) + f"\n{paragraphs(syncs, width)}"


def _port(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; expected a number from 0 to 65535")
    return int(text)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="sync-blueprints sandbox",
        description="Simulate the APIs of RudderStack, Fivetran, and Nango on this machine, until Ctrl-C. "
        "Prints `export` lines that point the scripts to it.",
        epilog="IDs and what they do, with one for each exit code: sync-blueprints sandbox --list",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=_port, default=8642, metavar="N", help="0 picks a free port (default: 8642)")
    parser.add_argument("--list", action="store_true", help="print the IDs and what they do, then exit")
    given = parser.parse_args(argv)
    if given.list:
        print(listing(min(shutil.get_terminal_size((100, 24)).columns, 110)))
        return 0
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        sandbox = Sandbox(given.host, given.port)
    except OSError as error:
        where = f"{given.host}:{given.port}"
        print(f"sandbox: cannot listen on {where}: {error.strerror}; try another --port", file=sys.stderr)
        return 1
    for name, value in sandbox.environment.items():
        print(f"export {name}={value}")
    print("# IDs and what they do: sync-blueprints sandbox --list. Stop with Ctrl-C.", flush=True)
    with sandbox:
        stop.wait()
    return 0
