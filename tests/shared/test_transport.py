"""One request over real sockets: what goes out, what comes back, and whether the vendor may have got it."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import re
import socket
import ssl
import struct
import threading
import time
from pathlib import Path
from typing import Any, Callable
from urllib.parse import urlsplit

import pytest
import requests
import trustme
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from shared import VERSION
from shared.transport import NOT_JSON, Response, Transport, TransportError, bearer
from tests.support import NOW, FakeClock

pytestmark = pytest.mark.sockets

TOKEN = "tok-0123456789abcdef"
HEAD = b"HTTP/1.1 200 OK\r\n"
OK = HEAD + b"Content-Length: 2\r\n\r\n{}"
SLOWLY = [b" "] * 200
Behavior = Callable[[socket.socket], None]
Fate = tuple[bool, bool]  # whether a request may have been delivered, and whether it has timed out


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's proxies and certificates."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


class Peer:
    """A server that treats each connection as it is told, and remembers what it heard first from each."""

    def __init__(self, behavior: Behavior) -> None:
        self._behavior = behavior
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.heard: list[bytes] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Peer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        self._thread.join()

    def _serve(self) -> None:
        with self._listener:
            while not self._over.is_set():
                connection, _ = self._listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(5)
                    self.heard += [connection.recv(65536, socket.MSG_PEEK)][: not self._over.is_set()]
                    self._behavior(connection)


def read_request(connection: socket.socket) -> bytes:
    """A whole HTTP request, or what comes first of anything else."""
    content = connection.recv(65536)
    while content[:1].isalpha() and b"\r\n\r\n" not in content:
        content += connection.recv(65536)
    found = re.search(rb"(?i)content-length: ([0-9]+)", content)
    while found and len(content.partition(b"\r\n\r\n")[2]) < int(found[1]):
        content += connection.recv(65536)
    return content


def says(*parts: bytes, every: float = 0.0, hangs: bool = False) -> Behavior:
    """Reads a request, sends the parts, a pause before each but the first, and closes the connection, or hangs."""

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        for number, part in enumerate(parts):
            time.sleep(every if number else 0)
            connection.sendall(part)
        if hangs:
            connection.recv(1)  # until the client gives up

    return behave


def resets(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


HANGS = says(hangs=True)


def connected_to(url: str, auth: Any = None, connect_timeout: float = 0.3, **headers: str) -> Transport:
    return Transport(url, auth or bearer(TOKEN), headers, FakeClock(), connect_timeout)


def connected_to_peer(peer: Peer, **more: Any) -> Transport:
    return connected_to(f"http://127.0.0.1:{peer.port}", **{"connect_timeout": 10, **more})


def send(transport: Transport, *, method: str = "POST", body: object = None, read_timeout: float = 0.3) -> Response:
    return transport.send(method, "/x", {"a": "b c"}, body, read_timeout)


def exchange(response: bytes = OK, auth: Any = None, own: Any = None, **request: Any) -> tuple[Response, Peer]:
    """A request to a peer that gives this response, over a connection of its own."""
    with Peer(says(response)) as peer:
        return send(connected_to_peer(peer, auth=auth, **(own or {})), **request), peer


def failure(transport: Transport, **more: Any) -> tuple[Fate, str]:
    """What became of a request that fails, and the message."""
    with pytest.raises(TransportError) as caught:
        send(transport, **more)
    message = str(caught.value)
    assert TOKEN not in message
    assert "a=b" not in message  # nor the rest of the query
    return (caught.value.maybe_delivered, caught.value.timed_out), message


# Whether the request may have been delivered

NOT_DELIVERED, LOST, TIMED_OUT = (False, False), (True, False), (True, True)


CUT_OFF = {
    "reset": (resets, LOST, "(?i)reset"),
    "closed": (says(), LOST, "(?i)closed"),
    "body cut off": (says(HEAD + b"Content-Length: 9\r\n\r\n{}"), LOST, "(?i)incomplete|broken"),
    "chunk cut off": (says(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}"), LOST, "(?i)incomplete|prematurely"),
    "no gzip": (says(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"), LOST, "decompress"),
    "no HTTP": (says(b"nonsense\r\n\r\n"), LOST, "nonsense"),
    "endless headers": (says(HEAD, *[b"X: y\r\n"] * 200), LOST, "headers"),
    "an endless header": (says(HEAD + b"X: " + b"y" * 99_999), LOST, "(?i)header line"),
    "no response": (HANGS, TIMED_OUT, "no response within 1 s"),
    "body that stops": (says(HEAD + b"Content-Length: 9\r\n\r\n{}", hangs=True), TIMED_OUT, "no response within 1 s"),
    "header byte by byte": (says(HEAD, *[b"X"] * 200, every=0.1), TIMED_OUT, "no complete response within 1 s"),
    "body byte by byte": (says(HEAD + b"Content-Length: 99\r\n\r\n", *SLOWLY, every=0.1), TIMED_OUT, "complete"),
    "body without length byte by byte": (says(HEAD + b"\r\n{}", *SLOWLY, every=0.1), TIMED_OUT, "complete"),
}


@pytest.mark.parametrize(("behavior", "expected", "reason"), CUT_OFF.values(), ids=CUT_OFF)
def test_a_request_may_be_delivered_if_its_response_is_lost(behavior: Behavior, expected: Fate, reason: str) -> None:
    with Peer(behavior) as peer:
        begun = time.monotonic()
        found, message = failure(connected_to_peer(peer, connect_timeout=0.3), read_timeout=1)
        assert time.monotonic() - begun < 15  # what comes byte by byte, for 20 seconds, is cut
    assert found == expected
    assert re.search(reason, message), message


def test_a_request_that_is_cut_off_while_its_body_is_sent_may_have_been_delivered() -> None:
    with Peer(resets) as peer:
        assert failure(connected_to_peer(peer), body=["x" * 99] * 99_999, read_timeout=5)[0] == LOST


NO_TLS = {
    "closed": (says(), "(?i)EOF|closed|reset"),
    "alert": (says(b"\x15\x03\x03\x00\x02\x02\x28"), "(?i)alert|handshake"),
    "plain HTTP": (says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "(?i)wrong.version|record"),
    "no handshake": (HANGS, "no connection within"),
}


@pytest.mark.parametrize(("behavior", "reason"), NO_TLS.values(), ids=NO_TLS)
def test_a_request_is_surely_not_delivered_where_tls_is_not_agreed_on(behavior: Behavior, reason: str) -> None:
    with Peer(behavior) as peer:
        (maybe_delivered, _), message = failure(connected_to(f"https://127.0.0.1:{peer.port}"))
    assert maybe_delivered is False
    assert re.search(reason, message), message


@pytest.mark.parametrize(("name", "trusted"), [("localhost", True), ("localhost", False), ("other.test", True)])
def test_a_request_is_delivered_only_to_a_server_whose_certificate_is_trusted(
    name: str, trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    if trusted:
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))

    def responds_in_tls(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            says(OK)(secure)

    with Peer(responds_in_tls) as peer:
        transport = connected_to(f"https://localhost:{peer.port}", connect_timeout=5)
        if trusted and name == "localhost":
            assert send(transport, read_timeout=5).body == {}
            return
        found, message = failure(transport)
    assert found == NOT_DELIVERED
    assert "certificate is not trusted" in message
    assert "REQUESTS_CA_BUNDLE" in message


BROKEN = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("content", ["", "nonsense", BROKEN, None], ids=["empty", "nonsense", "broken", "missing"])
def test_a_request_is_not_delivered_with_a_ca_bundle_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with Peer(HANGS) as peer:
        found, message = failure(connected_to(f"https://127.0.0.1:{peer.port}"))
    assert found == NOT_DELIVERED
    assert "REQUESTS_CA_BUNDLE" in message


@pytest.mark.parametrize(
    ("url", "reason"),
    [("http://127.0.0.1:1", "refused"), ("https://127.0.0.1:1", "refused"), ("https://vendor.invalid", "r.invalid")],
)
def test_a_request_is_not_delivered_where_nobody_listens(url: str, reason: str) -> None:
    found, message = failure(connected_to(url))
    assert found == NOT_DELIVERED
    assert message.startswith("Failed to ")
    assert reason in message


NO_TUNNEL = {
    "closed": (says(), "(?i)closed|EOF|reset"),
    "407": (says(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), "407 Proxy Authentication Required"),
    "no response": (HANGS, "no connection within"),
    "closed in the tunnel": (says(HEAD + b"\r\n"), "(?i)EOF|closed|reset"),
}


@pytest.mark.parametrize(("behavior", "reason"), NO_TUNNEL.values(), ids=NO_TUNNEL)
def test_a_request_is_not_delivered_where_the_proxy_makes_no_tunnel_and_the_proxy_is_named(
    behavior: Behavior, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Peer(behavior) as peer:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:pass-word@127.0.0.1:{peer.port}")
        (maybe_delivered, _), message = failure(connected_to("https://vendor.invalid"))
    assert maybe_delivered is False
    assert peer.heard[0].startswith(b"CONNECT vendor.invalid:443")
    assert re.search(reason, message), message
    assert f"through the proxy 'http://127.0.0.1:{peer.port}', set by HTTPS_PROXY" in message
    assert "pass-word" not in message


@pytest.mark.parametrize("url", ["https://vendor.invalid", "http://vendor.invalid"])
@pytest.mark.parametrize(
    ("proxy", "shown"),
    [
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("127.0.0.1:1", "127.0.0.1:1"),
        ("http://user:pass-word@127.0.0.1:no-port", "http://127.0.0.1:no-port"),
        ("http://user:pass-word@[::1", "http://[::1"),
        ("http://user:pass-word@", "http://"),
        ("user:pass-word@:1", ":1"),
        ("http://user:pass@word@127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://user:p4ss/w0rd#x@127.0.0.1:1", "http://127.0.0.1:1"),
        ("ftp://127.0.0.1:1", "ftp://127.0.0.1:1"),
    ],
)
@pytest.mark.parametrize("variable", ["https_proxy", "ALL_PROXY"])
def test_a_request_is_not_delivered_through_a_proxy_that_is_down_or_malformed(
    url: str, proxy: str, shown: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable == "https_proxy":
        variable = f"{url.partition(':')[0]}_proxy"
    monkeypatch.setenv(variable, proxy)
    found, message = failure(connected_to(url))
    assert found == NOT_DELIVERED
    assert f"(through the proxy '{shown}', set by {variable})" in message


def test_a_response_lost_by_a_proxy_may_have_been_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    with Peer(says()) as peer:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{peer.port}")
        found, message = failure(connected_to("http://vendor.invalid"))
    assert found == LOST
    assert "set by HTTP_PROXY" in message


def test_a_host_that_needs_no_proxy_is_asked_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert exchange()[0].status == 200


def test_a_kept_connection_that_is_closed_meanwhile_is_opened_anew() -> None:
    with Peer(says(OK)) as peer:
        transport = connected_to_peer(peer)
        for _ in range(3):
            assert send(transport).status == 200
            time.sleep(0.05)
    assert len(peer.heard) == 3


@pytest.mark.parametrize("earlier", [says(OK), says()], ids=["a response", "a lost response"])
@pytest.mark.parametrize("body", [None, {"a": object()}], ids=["nobody listens any more", "it cannot be made"])
def test_a_request_that_is_not_sent_is_not_delivered_whatever_became_of_an_earlier_one(
    earlier: Behavior, body: object
) -> None:
    with Peer(earlier) as peer, contextlib.suppress(TransportError):
        transport = connected_to_peer(peer)
        send(transport)
    assert failure(transport, body=body)[0] == NOT_DELIVERED


def test_a_request_over_a_kept_connection_that_is_reset_once_it_came_may_have_been_delivered() -> None:
    def responds_once(connection: socket.socket) -> None:
        says(OK)(connection)
        resets(connection)

    with Peer(responds_once) as peer:
        transport = connected_to_peer(peer)
        send(transport)
        assert failure(transport)[0] == LOST
    assert len(peer.heard) == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (requests.exceptions.ChunkedEncodingError("cut"), LOST),
        (ProtocolError("cut"), LOST),
        (ConnectionResetError(104, "reset"), LOST),
        (ReadTimeoutError(None, "/", "late"), TIMED_OUT),  # type: ignore[arg-type]
        (requests.exceptions.InvalidHeader("odd"), NOT_DELIVERED),
    ],
)
def test_where_no_connection_tells_what_became_of_a_request_only_an_invalid_one_was_surely_not_delivered(
    error: Exception, expected: Fate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise error

    monkeypatch.setattr("requests.adapters.HTTPAdapter.send", fail)
    assert failure(connected_to("http://127.0.0.1:9"))[0] == expected


# What goes out


def sent(peer: Peer) -> tuple[str, dict[str, str], bytes]:
    """The first request: its first line, its headers by lower-case names, its body."""
    head, _, body = peer.heard[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}, body


@pytest.mark.parametrize(
    ("method", "body", "own", "expected"),
    [
        ("GET", None, {}, {"accept": "application/json", "cache-control": "no-cache"}),
        ("POST", None, {}, {"accept": "application/json", "content-type": "application/json"}),
        ("POST", {"force": True}, {"Accept": "application/json;version=2"}, {"accept": "application/json;version=2"}),
    ],
)
def test_a_request_says_which_program_sends_it_and_what_it_takes_and_the_headers_of_a_vendor_win(
    method: str, body: object, own: dict[str, str], expected: dict[str, str]
) -> None:
    first, headers, content = sent(exchange(own=own, method=method, body=body)[1])
    assert first == f"{method} /x?a=b+c HTTP/1.1"
    assert headers["user-agent"] == f"sync-blueprints/{VERSION}"
    assert headers.items() >= expected.items()
    if body is None:
        assert content == b""
    else:
        assert (headers["content-type"], headers["content-length"]) == ("application/json", str(len(json.dumps(body))))


@pytest.mark.parametrize(
    ("auth", "expected"),
    [(bearer(TOKEN), f"Bearer {TOKEN}"), (("key", "secret"), "Basic " + base64.b64encode(b"key:secret").decode())],
    ids=["bearer", "basic"],
)
@pytest.mark.parametrize("variable", ["HOME", "NETRC"])
def test_netrc_does_not_replace_the_credentials(
    auth: Any, expected: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv(variable, str(tmp_path / ".netrc" if variable == "NETRC" else tmp_path))
    assert sent(exchange(auth=auth)[1])[1]["authorization"] == expected


@pytest.mark.parametrize("target", ["/y", "https://other.test/x", "//", "http://[bad", None])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(status: int, target: str | None) -> None:
    location = f"Location: {target}\r\n" if target else ""
    redirect = f"HTTP/1.1 {status} Moved\r\n{location}Content-Length: 0\r\n\r\n".encode()
    response, peer = exchange(redirect)
    assert (response.status, len(peer.heard)) == (status, 1)


@pytest.mark.parametrize(
    ("url", "warns"),
    [
        *((url, True) for url in ("http://api.acme.test", "HTTP://api.acme.test", "http://10.0.0.1:8080")),
        *((url, True) for url in ("http://127.0.0.1.evil.test", "http://[::2]")),
        *((url, False) for url in ("https://api.acme.test", "http://localhost:8080", "http://127.1.2.3")),
        ("http://[::1]:8080", False),
    ],
)
def test_plain_http_to_another_machine_gets_a_warning(url: str, warns: bool, caplog: pytest.LogCaptureFixture) -> None:
    connected_to(url)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * warns
    assert all(f"sent to {urlsplit(url).hostname} over plain http" in message for message in caplog.messages)


# What comes back


def raw_response(content: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(content)}", "", ""]
    return "\r\n".join(lines).encode() + content


def test_a_response_is_what_the_vendor_says() -> None:
    teapot = raw_response(b'{"a": 1}', f"Date: {FakeClock().date()}", "X-Own: y", status="418 Teapot")
    response, _ = exchange(teapot)
    assert (response.status, response.ok, response.body, response.text) == (418, False, {"a": 1}, "")
    assert (response.date, response.headers["x-own"]) == (NOW, "y")
    assert response.sent == response.received == FakeClock().monotonic()


@pytest.mark.parametrize("content", [b"<html>", b"", b'{"a": 1', b"NaN", b'"\xff"'])
def test_the_text_of_a_response_that_is_not_json_is_kept(content: bytes) -> None:
    response, _ = exchange(raw_response(content))
    assert (response.body, response.text) == (NOT_JSON, content.decode("utf-8", "surrogateescape"))


def test_a_response_of_more_than_64_mb_is_not_read() -> None:
    bomb = gzip.compress(b'"' + b" " * (80 << 20) + b'"', 1)
    with pytest.raises(TransportError, match="64 MB"):
        exchange(raw_response(bomb, "Content-Encoding: gzip"), read_timeout=30)
