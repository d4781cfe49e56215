"""JSON over one HTTP session: time-outs, what may be repeated, and what an answer's status means.

`Wire` sends one request and says what came of it; `Api` adds the rules: reads are repeated, a start is repeated only if
it was surely not accepted, and a status becomes an error of `shared.errors`.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import random
import re
import signal
import threading
import traceback
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

gc.disable()  # what an import makes stays: looking for garbage in between takes up to a tenth of a short run
import requests
from requests.exceptions import InvalidHeader, InvalidSchema, InvalidURL
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    MaxRetryError,
    NewConnectionError,
)

gc.freeze()  # nor is it looked through at the end
gc.enable()

from shared import VERSION, strict_json
from shared.errors import (
    BadRequestError,
    BlueprintError,
    InvalidCredentialsError,
    StartUnclearError,
    StatusCheckFailedError,
    SyncAlreadyRunningError,
    SyncNotFoundError,
    SyncNotStartedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from shared.blueprint import Job
    from shared.masking import Mask
    from shared.protocols import Auth, Clock, Sender

log = logging.getLogger(__name__)

CONNECT_TIMEOUT = 10  # seconds
READ_TIMEOUT = 60  # seconds
TRIES = 5
BACK_OFF = (1, 2, 4, 8)  # seconds between the tries
LONGEST_RETRY_AFTER = 60  # seconds that one read or start waits because the vendor says so
MOST_BYTES = 64 * 1024 * 1024
CHUNK = 64 * 1024
_HANDSHAKE = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER", "HANDSHAKE_FAILURE", "UNSUPPORTED_PROTOCOL")


class Answer(NamedTuple):
    """What the vendor answered. `body` is the parsed JSON, or NOT_JSON and then `text` is all of it.

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
        """The server's clock when it answered (the Date header, whole seconds), None where it does not tell."""
        return http_date(self.headers.get("Date", ""))

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


class _NotJson:
    def __repr__(self) -> str:
        return "NOT_JSON"


NOT_JSON = _NotJson()


class WireError(Exception):
    """No answer, or only a part of one. `sent` is False if the vendor surely never saw the request."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """No redirect is ever followed, nor its Location parsed or its body read on the way."""


def bearer(token: str) -> Auth:
    """Authorization by a token. It is no header of the session's, which ~/.netrc would replace."""

    def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    return authorize


class Wire:
    """One keep-alive session to one host, with the credentials given and no others, following no redirect."""

    def __init__(
        self,
        url: str,
        auth: Auth,
        headers: Mapping[str, str],
        clock: Clock,
        connect_timeout: float = CONNECT_TIMEOUT,
    ) -> None:
        self._url = url
        self._connect_timeout = connect_timeout
        self._clock = clock
        self._session = _Session()
        self._session.auth = auth  # set, so that requests never looks into ~/.netrc
        self._session.headers.update({"User-Agent": f"sync-blueprints/{VERSION}", "Accept": "application/json"})
        self._session.headers.update(headers)
        host = urlsplit(url).hostname or ""
        if urlsplit(url).scheme == "http" and not _is_loopback(host):
            log.warning("the credentials go to %s over plain http, which anybody on the way can read; use https", host)

    def send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: object,
        read_timeout: float,
        files: Mapping[str, tuple[str, bytes]] | None = None,
    ) -> Answer:
        """One request. Raises WireError; never looks at the status. `body` None means none, else it is sent as JSON.

        `files`: the parts of a form in place of the JSON, each a file's name and content.
        """
        sent = self._clock.monotonic()
        timeout = (self._connect_timeout, read_timeout)
        try:
            with _deadline(self._connect_timeout + read_timeout):
                response = self._session.request(
                    method, self._url + path, params=params, json=body, files=files, timeout=timeout, stream=True
                )
                with response:
                    text = _text(response)
        except (requests.RequestException, HTTPError, OSError, ValueError, TypeError) as error:
            # requests has a TypeError for a proxy without a host, such as http://user@
            raise WireError(_reason(error, read_timeout), sent=_may_have_been_sent(error)) from error
        body = parse_json(text)
        return Answer(
            status=response.status_code,
            body=body,
            text=text if body is NOT_JSON else "",
            headers=response.headers,
            sent=sent,
            received=self._clock.monotonic(),
        )


class Api:
    """A vendor's API, by the rules above. `refusal` says what a status that is not good means to that vendor."""

    def __init__(
        self,
        vendor: str,
        wire: Sender,
        job: Job,
        refusal: Callable[[Answer], BlueprintError | None] = lambda _: None,
    ) -> None:
        self._vendor = vendor
        self._wire = wire
        self._job = job
        self._refusal = refusal
        self.record_as = ""  # the file in responses/ that keeps the last answer
        self.start_sent = 0.0  # the instant of the monotonic clock at which the last start was sent
        self._clock_offset: tuple[datetime, float] | None = None

    def get(self, path: str, params: Mapping[str, str] | None = None, *, tries: int = TRIES) -> Answer:
        """A read, tried up to `tries` times. Raises StatusCheckFailedError, or what the status means."""
        try:
            return self._repeated("GET", path, params, None, READ_TIMEOUT, tries)
        except SyncAlreadyRunningError as error:  # only a start can meet a running sync
            raise StatusCheckFailedError(f"{error}, which makes no sense", status=409) from error

    def change(
        self, path: str, body: object = None, *, method: str = "POST", read_timeout: float = READ_TIMEOUT
    ) -> Answer:
        """A request that may be sent twice without harm; raises as `get`."""
        return self._repeated(method, path, None, body, read_timeout, TRIES)

    def start(
        self, path: str, body: object = None, *, method: str = "POST", read_timeout: float = READ_TIMEOUT
    ) -> Answer:
        """A request that starts a sync: repeated only where it was surely not accepted (connection refused, 429).

        Raises StartUnclearError where it may have been accepted, SyncNotStartedError where it surely was not and trying
        again may help, or what the status means.
        """
        for attempt in range(TRIES):
            self.start_sent = self._job.clock.monotonic()
            try:
                answer = self._send(method, path, None, body, read_timeout)
            except WireError as error:
                if error.sent:
                    raise StartUnclearError(f"{self._vendor} gave no answer to the start: {error}") from error
                problem, pause = str(error), None
            else:
                if answer.status != 429:
                    if not 200 <= answer.status < 500:  # also an interim status (1xx), whose answer may yet come
                        raise StartUnclearError(f"{self._vendor} answered {self.words(answer)}", answer.status)
                    return self._checked(answer)
                problem, pause = self.words(answer), retry_after(answer)
                if pause is not None and pause > LONGEST_RETRY_AFTER:
                    raise SyncNotStartedError(
                        f"{self._vendor} accepts no start now ({problem}) and asks to come back in {pause:.0f} s; "
                        "nothing was started"
                    )
            if not self._back_off(attempt, TRIES, pause, problem):
                break
        raise SyncNotStartedError(
            f"{self._vendor} could not be reached: {problem} ({attempt + 1} tries); nothing was started"
        )

    def now(self) -> datetime | None:
        """The server's time now (its last Date header plus the time since), a second early at most; None if unknown."""
        if self._clock_offset is None:
            return None
        date, received = self._clock_offset
        return datetime.fromtimestamp(date.timestamp() + self._job.clock.monotonic() - received, timezone.utc)

    def nonsense(self, answer: Answer, missing: str) -> StatusCheckFailedError:
        """The error for an answer whose status is good and that lacks what is needed (`missing`, in words)."""
        return StatusCheckFailedError(
            f"{self._vendor} answered without {missing}, which makes no sense: {self.words(answer)}",
            status=answer.status,
        )

    def json_object(self, answer: Answer) -> dict[str, Any]:
        """The answer's body as a JSON object. Raises StatusCheckFailedError if it is anything else."""
        if not isinstance(answer.body, dict):
            raise self.nonsense(answer, "a JSON object")
        return answer.body

    def words(self, answer: Answer) -> str:
        """The status and what the vendor says in the body, whatever its shape, fit for a message."""
        return f"{answer.status}: {self._job.mask.words(_said(answer, self._job.mask), 300) or 'no further words'}"

    def _repeated(
        self, method: str, path: str, params: Mapping[str, str] | None, body: object, read_timeout: float, tries: int
    ) -> Answer:
        status = None
        for attempt in range(tries):
            try:
                answer = self._send(method, path, params, body, read_timeout)
            except WireError as error:
                problem, pause, status = str(error), None, None
            else:
                if answer.status != 429 and answer.status < 500:
                    return self._checked(answer)
                problem, pause, status = self.words(answer), retry_after(answer), answer.status
                if pause is not None and pause > LONGEST_RETRY_AFTER:
                    raise StatusCheckFailedError(
                        f"{self._vendor} answered {problem} and asks to come back in {pause:.0f} s", pause, status
                    )
            if not self._back_off(attempt, tries, pause, problem):
                break
        plural = "tries" if attempt else "try"
        raise StatusCheckFailedError(
            f"{self._vendor} could not be reached: {problem} ({attempt + 1} {plural})", retry_after=pause, status=status
        )

    def _send(
        self, method: str, path: str, params: Mapping[str, str] | None, body: object, read_timeout: float
    ) -> Answer:
        answer = self._wire.send(method, path, params, body, read_timeout)
        if self.record_as:
            self._job.responses[self.record_as] = answer
        if answer.date is not None:
            self._clock_offset = (answer.date, answer.received)
        self._job.scarce_until = answer.received + seconds_to_reset(answer)
        return answer

    def _back_off(self, attempt: int, tries: int, pause: float | None, problem: str) -> bool:
        """Sleep before the next try. False if there is none, or none before the run's deadline."""
        if attempt == tries - 1:
            return False
        seconds = BACK_OFF[attempt] * random.uniform(0.8, 1.2) if pause is None else max(pause, 1)
        if self._job.clock.monotonic() + seconds > self._job.deadline:
            return False
        log.info("%s: %s; trying again in %.0f s", self._vendor, problem, seconds)
        self._job.clock.sleep(seconds)
        return True

    def _checked(self, answer: Answer) -> Answer:
        """`answer` if its status is good. Raises what its status means otherwise."""
        if answer.good:
            return answer
        said = self.words(answer)
        error = self._refusal(answer)
        if error is not None:
            raise error
        if 300 <= answer.status < 400:
            raise BadRequestError(
                f"{self._vendor} answered {answer.status}, a redirect, and none is followed: "
                f"check {self._vendor.upper()}_API_URL"
            )
        if answer.status in (401, 403):
            blame = "the credentials are wrong" if answer.status == 401 else "the credentials lack a permission"
            raise InvalidCredentialsError(f"{self._vendor} answered {said} ({blame})", answer.status)
        if answer.status == 404:
            raise SyncNotFoundError(f"{self._vendor} answered {said}")
        if answer.status == 409:
            raise SyncAlreadyRunningError(f"{self._vendor} answered {said}")
        if 400 <= answer.status < 500:
            raise BadRequestError(f"{self._vendor} refused the request with {said}")
        raise StatusCheckFailedError(f"{self._vendor} answered {said}, which makes no sense", status=answer.status)


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or (host.startswith("127.") and host.replace(".", "").isdigit())


def http_date(text: str) -> datetime | None:
    """The instant in an HTTP date (RFC 9110, always UTC), None if it is none."""
    try:
        parsed = parsedate_to_datetime(text)
        found = parsed.replace(tzinfo=timezone.utc) if parsed.tzinfo is None else parsed.astimezone(timezone.utc)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return found if 1970 <= found.year < 9999 else None  # the second after the last one cannot be told


def retry_after(answer: Answer) -> float | None:
    """The pause in seconds that a Retry-After header asks for, None without one that makes sense (RFC 9110, 10.2.3)."""
    text = answer.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    until = http_date(text)
    if until is None or answer.date is None:
        return None
    return max(0.0, (until - answer.date).total_seconds())


def seconds_to_reset(answer: Answer) -> float:
    """Seconds until a rate limit of which less than a tenth is left begins anew; 0 if more is left or nothing is told.

    From X-RateLimit-Limit, -Remaining and -Reset (seconds since 1970), as Nango sends them with each answer.
    """
    told = [answer.headers.get(f"X-RateLimit-{word}", "") for word in ("Limit", "Remaining", "Reset")]
    if answer.date is None or not all(re.fullmatch("[0-9]{1,12}", text) for text in told):
        return 0.0
    limit, left, reset = map(int, told)
    return max(0.0, reset + 1 - answer.date.timestamp()) if left * 10 < limit else 0.0


def parse_json(text: str) -> Any:
    """The JSON in `text`, or NOT_JSON; a body that is cut off, nested without end or was not UTF-8 is none."""
    try:
        return strict_json.parse(text)
    except (ValueError, RecursionError):
        return NOT_JSON


def _text(response: requests.Response) -> str:
    """The body; bytes that are no UTF-8 become surrogates, which no text has."""
    content = bytearray()  # and no list of parts, which would leave the memory full of holes
    for chunk in response.iter_content(CHUNK):
        content += chunk
        if len(content) > MOST_BYTES:
            raise requests.exceptions.ContentDecodingError(f"the answer is longer than {MOST_BYTES >> 20} MB")
    return content.decode("utf-8", "surrogateescape")


@contextlib.contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block after `seconds`: a server that drips a byte now and then runs into no other.

    Only where the system has SIGALRM, in the main thread: elsewhere the time-outs of each single read have to do.
    """
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_signal: int, _frame: object) -> None:
        raise TimeoutError(f"the whole answer took longer than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and those inside it: requests wraps urllib3's, which wraps the system's."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield error
        inner = [part for part in (*error.args, getattr(error, "reason", None)) if isinstance(part, BaseException)]
        error = inner[0] if inner else None


def _has_no_connection(error: BaseException) -> bool:
    """Whether requests failed while it looked for a connection to send over, as at a proxy without a host."""
    names = [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)]
    return isinstance(error, TypeError) and any(name.startswith("get_connection") for name in names)


def _may_have_been_sent(error: BaseException) -> bool:
    """False only where no connection (or no trusted one) was made, so that the vendor cannot have seen the request.

    urllib3's ProxyError alone does not tell: it also wraps the loss of a connection after the request was sent.
    """
    never_sent = (InvalidURL, InvalidHeader, InvalidSchema, LocationValueError)
    if isinstance(error, never_sent) or "CA certificate bundle" in str(error) or _has_no_connection(error):
        return False
    chain = list(_chain(error))
    if any(isinstance(part, (NewConnectionError, ConnectTimeoutError)) for part in chain):
        return False
    return not any(sign in str(chain[-1]) for sign in (*_HANDSHAKE, "Tunnel connection failed"))


def _reason(error: BaseException, read_timeout: float) -> str:
    """What went wrong on the wire, in words without the URL's query."""
    chain = list(_chain(error))
    if any("CERTIFICATE_VERIFY_FAILED" in str(part) for part in chain):
        return "its TLS certificate is not trusted (set REQUESTS_CA_BUNDLE if a proxy of yours signs certificates)"
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return f"no connection within {CONNECT_TIMEOUT} s"
    if isinstance(error, requests.exceptions.ReadTimeout):
        return f"no answer within {read_timeout:.0f} s"
    last = next((part for part in reversed(chain) if not isinstance(part, MaxRetryError)), error)
    text = str(last).split(": ", 1)[-1] if isinstance(last, NewConnectionError) else str(last)
    return text or type(last).__name__


def _said(answer: Answer, mask: Mask) -> str:
    """The words in an error's body: the vendors' JSON shapes, or the text without its HTML tags. Hidden before cut."""
    if not isinstance(answer.body, dict):
        text = answer.text if answer.body is NOT_JSON else json.dumps(answer.body)
        return re.sub(r"<[^>]{0,1000}>", " ", mask.start(text, 20_000))
    body = mask.tree(answer.body)
    inner = body["error"] if isinstance(body.get("error"), dict) else body
    parts = [inner.get("code"), inner.get("message"), inner.get("error"), inner.get("details")]
    errors = inner.get("errors")
    if isinstance(errors, list):
        parts += [item.get("message") for item in errors[:5] if isinstance(item, dict)]
    words = [part if isinstance(part, str) else json.dumps(part) for part in parts if part]
    return " - ".join(dict.fromkeys(words))
