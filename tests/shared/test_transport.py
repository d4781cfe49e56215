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
from typing import Any, Callable, NamedTuple
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
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
Behavior = Callable[[socket.socket], None]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's proxies and certificates."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


class Peer:
    """A server that treats each connection as it is told, and remembers what it heard first from each."""

    def __init__(self, *behaviors: Behavior) -> None:
        self._behaviors = list(behaviors)
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
                    self._behaviors[0](connection)
                self._behaviors = self._behaviors[1:] or self._behaviors


def read_request(connection: socket.socket) -> bytes:
    """A whole HTTP request, or what comes first of anything else."""
    content = connection.recv(65536)
    while content[:1].isalpha() and b"\r\n\r\n" not in content:
        content += connection.recv(65536)
    found = re.search(rb"(?i)content-length: ([0-9]+)", content)
    while found and len(content.partition(b"\r\n\r\n")[2]) < int(found[1]):
        content += connection.recv(65536)
    return content


def says(*parts: bytes, every: float = 0.0) -> Behavior:
    """Reads a request, sends the parts, with a pause before each but the first, and closes the connection."""

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        for number, part in enumerate(parts):
            time.sleep(every if number else 0)
            connection.sendall(part)

    return behave


def says_and_hangs(*parts: bytes) -> Behavior:
    def behave(connection: socket.socket) -> None:
        says(*parts)(connection)
        connection.recv(1)  # until the client gives up

    return behave


def resets(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


HANGS = says_and_hangs()


def connected_to(peer: Peer, **more: Any) -> Transport:
    return Transport(f"http://127.0.0.1:{peer.port}", bearer(TOKEN), {}, FakeClock(), **more)


def send(transport: Transport, *, method: str = "POST", body: object = None, read_timeout: float = 0.3) -> Response:
    return transport.send(method, "/x", {"a": "b c"}, body, read_timeout)


def failure(url: str) -> TransportError:
    with pytest.raises(TransportError) as caught:
        send(Transport(url, bearer(TOKEN), {}, FakeClock(), connect_timeout=0.3))
    assert TOKEN not in str(caught.value)
    assert "a=b" not in str(caught.value)  # nor the rest of the query
    return caught.value


def facts(error: TransportError) -> tuple[bool, bool]:
    return error.maybe_delivered, error.timed_out


# Whether the request may have been delivered

NOT_DELIVERED, LOST, TIMED_OUT = (False, False), (True, False), (True, True)


@pytest.mark.parametrize(
    ("behavior", "expected", "reason"),
    [
        (resets, LOST, "(?i)reset"),
        (says(), LOST, "(?i)closed"),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"), LOST, "(?i)incomplete|broken"),
        (says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}"), LOST, "(?i)incomplete|prematurely"),
        (says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"), LOST, "decompress"),
        (says(b"nonsense\r\n\r\n"), LOST, "nonsense"),
        (says(b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 200), LOST, "headers"),
        (says(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 99_999), LOST, "(?i)header line"),
        (HANGS, TIMED_OUT, "no response within 1 s"),
        (says_and_hangs(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"), TIMED_OUT, "no response within 1 s"),
        (says(b"HTTP/1.1 200 OK\r\n", *[b"X"] * 200, every=0.1), TIMED_OUT, "no complete response within 1 s"),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", *[b" "] * 200, every=0.1), TIMED_OUT, "complete"),
        (says(b"HTTP/1.1 200 OK\r\n\r\n{}", *[b" "] * 200, every=0.1), TIMED_OUT, "complete"),
    ],
    ids=[
        *("reset", "closed", "body cut off", "chunk cut off", "no gzip", "no HTTP"),
        *("endless headers", "an endless header", "no response", "body that stops", "header byte by byte"),
        *("body byte by byte", "body without length byte by byte"),
    ],
)
def test_a_request_whose_response_is_lost_may_have_been_delivered(
    behavior: Behavior, expected: tuple[bool, bool], reason: str
) -> None:
    with Peer(behavior) as peer:
        begun = time.monotonic()
        with pytest.raises(TransportError, match=reason) as caught:
            send(connected_to(peer, connect_timeout=0.3), read_timeout=1)
        assert time.monotonic() - begun < 15  # what comes byte by byte, for 20 seconds, is cut
    assert facts(caught.value) == expected


def test_a_request_that_is_cut_off_while_its_body_is_sent_may_have_been_delivered() -> None:
    with Peer(resets) as peer, pytest.raises(TransportError) as caught:
        send(connected_to(peer), body=["x" * 99] * 99_999, read_timeout=5)
    assert facts(caught.value) == LOST


@pytest.mark.parametrize(
    ("behavior", "reason"),
    [
        (resets, "(?i)reset|EOF|closed"),
        (says(), "(?i)EOF|closed|reset"),
        (says(b"\x15\x03\x03\x00\x02\x02\x28"), "(?i)alert|handshake"),
        (says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "(?i)wrong.version|record"),
        (HANGS, "no connection within"),
    ],
    ids=["reset", "closed", "alert", "plain HTTP", "no handshake"],
)
def test_a_request_is_surely_not_delivered_where_tls_is_not_agreed_on(behavior: Behavior, reason: str) -> None:
    with Peer(behavior) as peer:
        error = failure(f"https://127.0.0.1:{peer.port}")
    assert error.maybe_delivered is False
    assert re.search(reason, str(error)), str(error)


class Authority(NamedTuple):
    ca: trustme.CA
    file: str

    def server(self, name: str = "localhost", then: Behavior = says(OK)) -> Behavior:  # noqa: B008
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(name).configure_cert(context)

        def behave(connection: socket.socket) -> None:
            with context.wrap_socket(connection, server_side=True) as secure:
                then(secure)

        return behave


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    made = trustme.CA()
    made.cert_pem.write_to_path(str(file))
    return Authority(made, str(file))


def test_a_certificate_of_an_authority_that_the_environment_names_is_trusted(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority.file)
    with Peer(authority.server()) as peer:
        transport = Transport(f"https://localhost:{peer.port}", bearer(TOKEN), {}, FakeClock())
        assert send(transport, read_timeout=5).body == {}


@pytest.mark.parametrize(("name", "trusted"), [("localhost", False), ("other.test", True)])
def test_a_request_is_not_delivered_to_a_server_whose_certificate_is_not_trusted(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, name: str, trusted: bool
) -> None:
    if trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority.file)
    with Peer(authority.server(name)) as peer:
        error = failure(f"https://localhost:{peer.port}")
    assert facts(error) == NOT_DELIVERED
    assert "certificate is not trusted" in str(error)
    assert "REQUESTS_CA_BUNDLE" in str(error)


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
        error = failure(f"https://127.0.0.1:{peer.port}")
    assert facts(error) == NOT_DELIVERED
    assert "REQUESTS_CA_BUNDLE" in str(error)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1", "refused"),
        ("https://127.0.0.1:1", "refused"),
        ("https://vendor.invalid", "vendor.invalid"),
    ],
)
def test_a_request_is_not_delivered_where_nobody_listens(url: str, reason: str) -> None:
    error = failure(url)
    assert facts(error) == NOT_DELIVERED
    assert str(error).startswith("Failed to ")
    assert reason in str(error)


@pytest.mark.parametrize(
    ("behavior", "reason"),
    [
        (says(), "(?i)closed|EOF|reset"),
        (resets, "(?i)reset|EOF|closed"),
        (says(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), "407 Proxy Authentication Required"),
        (says(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"), "502 Bad Gateway"),
        (HANGS, "no connection within"),
        (says(b"HTTP/1.1 200 OK\r\n\r\n"), "(?i)EOF|closed|reset"),
    ],
    ids=["closed", "reset", "407", "502", "no response", "closed in the tunnel"],
)
def test_a_request_is_not_delivered_where_the_proxy_makes_no_tunnel_and_the_proxy_is_named(
    behavior: Behavior, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Peer(behavior) as peer:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:pass-word@127.0.0.1:{peer.port}")
        error = failure("https://vendor.invalid")
    assert error.maybe_delivered is False
    assert peer.heard[0].startswith(b"CONNECT vendor.invalid:443")
    assert re.search(reason, str(error)), str(error)
    assert f"through the proxy 'http://127.0.0.1:{peer.port}', set by HTTPS_PROXY" in str(error)
    assert "pass-word" not in str(error)


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
    error = failure(url)
    assert facts(error) == NOT_DELIVERED
    assert f"(through the proxy '{shown}', set by {variable})" in str(error)


def test_a_response_lost_by_a_proxy_may_have_been_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    with Peer(says()) as peer:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{peer.port}")
        error = failure("http://vendor.invalid")
    assert facts(error) == LOST
    assert "set by HTTP_PROXY" in str(error)


def test_a_host_that_needs_no_proxy_is_asked_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Peer(says(OK)) as peer:
        assert send(connected_to(peer)).status == 200


def kept_alive(then: Behavior) -> Behavior:
    """Responds to one request, and keeps the connection for whatever comes then."""

    def behave(connection: socket.socket) -> None:
        says(OK)(connection)
        then(connection)

    return behave


def test_a_kept_connection_that_is_closed_meanwhile_is_opened_anew() -> None:
    with Peer(says(OK)) as peer:
        transport = connected_to(peer)
        for _ in range(3):
            assert send(transport).status == 200
            time.sleep(0.05)
    assert len(peer.heard) == 3


def test_a_request_over_a_kept_connection_that_is_closed_and_cannot_be_opened_anew_is_not_delivered() -> None:
    with Peer(says(OK)) as peer:
        transport = connected_to(peer)
        send(transport)
    with pytest.raises(TransportError) as caught:
        send(transport)
    assert facts(caught.value) == NOT_DELIVERED


def test_a_request_over_a_kept_connection_that_is_reset_once_it_came_may_have_been_delivered() -> None:
    with Peer(kept_alive(resets)) as peer:
        transport = connected_to(peer)
        send(transport)
        with pytest.raises(TransportError) as caught:
            send(transport)
    assert facts(caught.value) == LOST
    assert len(peer.heard) == 1


def test_what_became_of_an_earlier_request_says_nothing_about_the_next() -> None:
    with Peer(says()) as peer:
        transport = connected_to(peer)
        with pytest.raises(TransportError):
            send(transport)
    with pytest.raises(TransportError) as caught:
        send(transport)
    assert facts(caught.value) == NOT_DELIVERED


def test_a_request_that_cannot_be_made_is_not_delivered_whatever_became_of_an_earlier_one() -> None:
    with Peer(says(OK)) as peer:
        transport = connected_to(peer)
        send(transport)
        with pytest.raises(TransportError) as caught:
            send(transport, body={"a": float("nan")})
    assert facts(caught.value) == NOT_DELIVERED


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
    error: Exception, expected: tuple[bool, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise error

    monkeypatch.setattr("requests.adapters.HTTPAdapter.send", fail)
    assert facts(failure("http://127.0.0.1:9")) == expected


# What goes out


def sent(peer: Peer) -> tuple[str, dict[str, str], bytes]:
    """The first request: its first line, its headers by lower-case names, its body."""
    head, _, body = peer.heard[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}, body


@pytest.mark.parametrize(
    ("method", "body", "more"),
    [("GET", None, {"cache-control": "no-cache"}), ("POST", None, {"content-type": "application/json"})],
)
def test_a_request_says_which_program_sends_it_and_what_it_takes(
    method: str, body: object, more: dict[str, str]
) -> None:
    with Peer(says(OK)) as peer:
        send(connected_to(peer), method=method, body=body)
    first, headers, content = sent(peer)
    assert first == f"{method} /x?a=b+c HTTP/1.1"
    assert headers["user-agent"] == f"sync-blueprints/{VERSION}"
    assert headers["accept"] == "application/json"
    assert headers.items() >= more.items()
    assert content == b""


def test_a_body_is_sent_as_json_and_the_headers_of_a_vendor_win() -> None:
    with Peer(says(OK)) as peer:
        url, headers = f"http://127.0.0.1:{peer.port}", {"Accept": "application/json;version=2"}
        send(Transport(url, bearer(TOKEN), headers, FakeClock()), body={"force": True})
    _, headers, _ = sent(peer)
    assert (headers["accept"], headers["content-type"]) == ("application/json;version=2", "application/json")
    assert headers["content-length"] == str(len(json.dumps({"force": True})))


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
    with Peer(says(OK)) as peer:
        send(Transport(f"http://127.0.0.1:{peer.port}", auth, {}, FakeClock()))
    assert sent(peer)[1]["authorization"] == expected


@pytest.mark.parametrize("target", ["/y", "https://other.test/x", "//", "http://[bad", None])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(status: int, target: str | None) -> None:
    location = f"Location: {target}\r\n" if target else ""
    redirect = f"HTTP/1.1 {status} Moved\r\n{location}Content-Length: 0\r\n\r\n".encode()
    with Peer(says(redirect)) as peer:
        assert send(connected_to(peer)).status == status
    assert len(peer.heard) == 1


@pytest.mark.parametrize(
    ("url", "warns"),
    [
        ("http://api.acme.test", True),
        ("HTTP://api.acme.test", True),
        ("http://10.0.0.1:8080", True),
        ("http://127.0.0.1.evil.test", True),
        ("http://[::2]", True),
        ("https://api.acme.test", False),
        ("http://localhost:8080", False),
        ("http://127.1.2.3", False),
        ("http://[::1]:8080", False),
    ],
)
def test_plain_http_to_another_machine_gets_one_warning(
    url: str, warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    Transport(url, bearer(TOKEN), {}, FakeClock())
    assert [record.levelname for record in caplog.records] == ["WARNING"] * warns
    assert all(f"sent to {urlsplit(url).hostname} over plain http" in message for message in caplog.messages)


# What comes back


def raw_response(content: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(content)}", "", ""]
    return "\r\n".join(lines).encode() + content


def test_a_response_is_what_the_vendor_says() -> None:
    with Peer(says(raw_response(b'{"a": 1}', f"Date: {FakeClock().date()}", "X-Own: y", status="418 Teapot"))) as peer:
        response = send(connected_to(peer))
    assert (response.status, response.ok, response.body, response.text) == (418, False, {"a": 1}, "")
    assert (response.date, response.headers["x-own"]) == (NOW, "y")
    assert response.sent == response.received == FakeClock().monotonic()


@pytest.mark.parametrize("content", [b"<html>", b"", b'{"a": 1', b"NaN", b'"\xff"'])
def test_the_text_of_a_response_that_is_not_json_is_kept(content: bytes) -> None:
    with Peer(says(raw_response(content))) as peer:
        response = send(connected_to(peer))
    assert (response.body, response.text) == (NOT_JSON, content.decode("utf-8", "surrogateescape"))


def test_a_response_of_more_than_64_mb_is_not_read() -> None:
    bomb = gzip.compress(b'"' + b" " * (80 << 20) + b'"', 1)
    with Peer(says(raw_response(bomb, "Content-Encoding: gzip"))) as peer, pytest.raises(TransportError, match="64 MB"):
        send(connected_to(peer), read_timeout=30)
