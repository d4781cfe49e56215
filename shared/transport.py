"""One HTTP request over one session: a Response, or a TransportError that says whether it may have been delivered."""

from __future__ import annotations

import gc
import logging
import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Callable, Protocol, Union
from urllib.parse import urlsplit

gc.disable()  # what is imported stays: collecting garbage meanwhile takes up to a tenth of a short run
try:
    import requests
except ImportError as error:
    raise SystemExit(
        f"the Python package requests is not installed ({error}): pip install -r requirements.txt"
    ) from None
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError, ReadTimeoutError

from shared.connection import WatchedAdapter
from shared.record import Record

gc.freeze()  # nor does it have to be collected at the end
gc.enable()

from shared import VERSION, strict_json
from shared.timestamps import parse_http_date

log = logging.getLogger(__name__)

CONNECT_TIMEOUT = 10  # seconds
MAX_BYTES = 64 * 1024 * 1024
CHUNK = 64 * 1024

Auth = Union[tuple[str, str], Callable[[requests.PreparedRequest], requests.PreparedRequest]]


class Clock(Protocol):
    """What the module `time` offers, in seconds; `time()` is asked only where a server does not send the time."""

    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...
    def time(self) -> float: ...


class Response(Record):
    """`body` is the parsed JSON; for anything else it is NOT_JSON, and `text` has the whole body.

    `sent` and `received` are seconds of the monotonic clock.
    """

    status: int
    body: Any
    text: str = ""
    headers: Mapping[str, str] = {}
    sent: float = 0.0
    received: float = 0.0

    @property
    def date(self) -> datetime | None:
        """The server's clock when it responded (the Date header, whole seconds), None without one."""
        return parse_http_date(self.headers.get("Date", ""))

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


NOT_JSON = object()


class TransportError(Exception):
    """No response, or only a part of one.

    `maybe_delivered` is False if the request was definitely not written to a connection; `timed_out` says that no
    response came in time, so that the request may still be at work.
    """

    def __init__(self, reason: str, *, maybe_delivered: bool, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.maybe_delivered = maybe_delivered
        self.timed_out = timed_out


class Sender(Protocol):
    """Sends one request; Transport is the one that uses the network."""

    def send(
        self, method: str, path: str, params: Mapping[str, str] | None, body: object, read_timeout: float
    ) -> Response: ...


Connect = Callable[[str, Auth, Mapping[str, str], Clock], Sender]


def bearer(token: str) -> Auth:
    """Authorization by a token; as a header of the session it would be replaced by ~/.netrc."""

    def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    return authorize


class Transport:
    """One keep-alive session to one host, with the credentials given and no others, following no redirect."""

    def __init__(
        self, url: str, auth: Auth, headers: Mapping[str, str], clock: Clock, connect_timeout: float = CONNECT_TIMEOUT
    ) -> None:
        self._url = url
        self._connect_timeout = connect_timeout
        self._clock = clock
        self._adapter = WatchedAdapter()
        self._session = _Session()
        self._session.auth = auth  # set, so that requests never reads ~/.netrc
        self._session.headers.update({"User-Agent": f"sync-blueprints/{VERSION}", "Accept": "application/json"})
        self._session.headers.update(headers)
        self._session.mount("https://", self._adapter)
        self._session.mount("http://", self._adapter)
        host = urlsplit(url).hostname or ""
        is_loopback = host in ("localhost", "::1") or (host.startswith("127.") and host.replace(".", "").isdigit())
        if urlsplit(url).scheme == "http" and not is_loopback:
            log.warning(
                "the credentials are sent to %s over plain http, where others on the network can read them; use https",
                host,
            )

    def send(
        self, method: str, path: str, params: Mapping[str, str] | None, body: object, read_timeout: float
    ) -> Response:
        """One request. Raises TransportError; never judges the status. `body` None means none, else it goes as JSON."""
        sent = self._clock.monotonic()
        headers = {"Cache-Control": "no-cache"} if method == "GET" else {"Content-Type": "application/json"}
        timeout = (self._connect_timeout, read_timeout)
        try:
            with self._adapter.limited(sum(timeout)):
                with self._session.request(
                    method, self._url + path, params=params, json=body, headers=headers, timeout=timeout, stream=True
                ) as response:
                    text = _text(response)
                if self._adapter.expired:  # a body whose end is the end of the connection was cut
                    raise TimeoutError
        except (OSError, HTTPError, ValueError, TypeError) as error:
            # requests raises a TypeError for a proxy without a host, such as http://user@
            raise self._failure(error, read_timeout) from error
        try:
            parsed, text = strict_json.parse(text), ""
        except ValueError:
            parsed = NOT_JSON
        return Response(response.status_code, parsed, text, response.headers, sent, self._clock.monotonic())

    def _failure(self, error: Exception, read_timeout: float) -> TransportError:
        chain = list(_chain(error))
        if self._adapter.attempted:
            maybe_delivered = self._adapter.written
        else:  # by the kind of error: the request is invalid, the CA bundle is missing, or nobody listens
            is_invalid = isinstance(error, (ValueError, TypeError)) or type(error) is OSError
            not_connected = any(isinstance(part, (NewConnectionError, ConnectTimeoutError)) for part in chain)
            maybe_delivered = not (is_invalid or not_connected)
        timed_out = self._adapter.expired or any(
            isinstance(part, (requests.ReadTimeout, ReadTimeoutError)) for part in chain
        )
        reason = _reason(error, chain)
        if timed_out and maybe_delivered:
            reason = f"no response within {read_timeout:.0f} s"
            if self._adapter.expired:
                reason = f"no complete response within {read_timeout + self._connect_timeout:.0f} s"
        return TransportError(reason + _proxy_note(self._url), maybe_delivered=maybe_delivered, timed_out=timed_out)


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """No redirect is ever followed, nor its Location parsed or its body read on the way."""


def _text(response: requests.Response) -> str:
    """The body; invalid UTF-8 becomes lone surrogates. Raises ContentDecodingError beyond MAX_BYTES."""
    content = bytearray()
    for chunk in response.iter_content(CHUNK):
        content += chunk
        if len(content) > MAX_BYTES:
            raise requests.exceptions.ContentDecodingError(f"the response is longer than {MAX_BYTES >> 20} MB")
    return content.decode("utf-8", "surrogateescape")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and those inside it: requests wraps urllib3's, which wraps the system's."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield error
        inner = [part for part in (*error.args, getattr(error, "reason", None)) if isinstance(part, BaseException)]
        error = inner[0] if inner else None


def _reason(error: Exception, chain: list[BaseException]) -> str:
    """What went wrong, without the URL's query."""
    if any("CERTIFICATE_VERIFY_FAILED" in str(part) for part in chain):
        return "its TLS certificate is not trusted (if your proxy issues its own certificates, set REQUESTS_CA_BUNDLE)"
    if isinstance(error, requests.exceptions.Timeout):
        return f"no connection within {CONNECT_TIMEOUT} s"
    last = next((part for part in reversed(chain) if not isinstance(part, MaxRetryError)), error)
    text = str(last).split(": ", 1)[-1] if isinstance(last, NewConnectionError) else str(last)
    if re.search("CA certificate bundle|X509|PEM", text):
        return f"{text} (check the file that REQUESTS_CA_BUNDLE names)"
    return text or type(last).__name__


def _proxy_note(url: str) -> str:
    """Which proxy a request goes through and which variable names it, for the message of an error."""
    proxy = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))
    if not proxy:
        return ""
    names = (f"{urlsplit(url).scheme}_proxy", "all_proxy")
    set_by = next((one for name in names for one in (name, name.upper()) if os.environ.get(one) == proxy), "the system")
    shown = re.sub("^([^/]*//)?.*@", r"\1", proxy)
    return f" (through the proxy {shown!a}, set by {set_by})"
