"""A vendor's API over one transport: what is retried, and which status is which error.

Reads are retried. A request that starts a sync is repeated only if it was definitely not delivered or got a 429.
"""

from __future__ import annotations

import json
import logging
import math
import random
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Optional

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
from shared.redaction import MAX_EXCERPT, Redactor
from shared.timestamps import format_duration, parse_http_date
from shared.transport import NOT_JSON, Clock, Response, Sender, TransportError

log = logging.getLogger(__name__)

READ_TIMEOUT = 60  # seconds
CHANGE_TIMEOUT = 120  # seconds, for a request that starts or changes something: vendors have been seen to take long
TRIES = 5
BACK_OFF = (1, 2, 4, 8)  # seconds between the tries
MAX_RETRY_AFTER = 60  # seconds that one request waits because the vendor asks for it

Refusal = Callable[[Response, str], Optional[BlueprintError]]


class Api:
    """A vendor's API; `refusal(response, described)` is the error for a status with a meaning of its own."""

    def __init__(
        self,
        vendor: str,
        sender: Sender,
        clock: Clock,
        redactor: Redactor,
        kept: dict[str, Response],
        refusal: Refusal = lambda _response, _described: None,
    ) -> None:
        """`kept` is where the last response goes under the name that a call gives as `keep_as`."""
        self.vendor = vendor
        self.deadline = math.inf  # the instant of the clock after which nothing is retried
        self.start_sent_at: datetime | None = None  # the server's time at the first request that may have been accepted
        self._may_have_started = False
        self._sender = sender
        self._clock = clock
        self._redactor = redactor
        self._kept = kept
        self._refusal = refusal
        self._offset: tuple[datetime, float] | None = None  # a Date header, and when it came

    def get(
        self, path: str, params: Mapping[str, str] | None = None, *, keep_as: str = "", tries: int = TRIES
    ) -> Response:
        """A read, tried up to `tries` times. Raises StatusCheckFailedError, or what the status means."""
        try:
            return self._retried("GET", path, params, keep_as=keep_as, tries=tries)
        except SyncAlreadyRunningError as error:  # only a trigger request can meet a running sync
            raise StatusCheckFailedError(f"{error}, an unexpected response", status=409) from error

    def change(self, path: str, body: object = None, *, method: str = "POST", keep_as: str = "") -> Response:
        """A request that is safe to repeat. Raises as `get`, and SyncAlreadyRunningError for a 409."""
        return self._retried(method, path, body=body, keep_as=keep_as)

    def start(self, path: str, body: object = None, *, method: str = "POST", keep_as: str = "") -> Response:
        """A request that starts a sync, repeated only where it was definitely not accepted.

        Raises StartUnclearError where it may have been accepted, SyncNotStartedError where it definitely was not and a
        retry may help, or what the status means.
        """
        try:
            return self._retried(method, path, body=body, keep_as=keep_as, starts=True)
        except StartUnclearError:
            self._may_have_started = True
            raise

    def now(self) -> datetime | None:
        """The server's time now (its last Date header plus the time since), up to a second early; None if unknown."""
        if self._offset is None:
            return None
        date, received = self._offset
        return date + timedelta(seconds=self._clock.monotonic() - received)

    def best_now(self) -> datetime:
        """The server's time, or the local clock's if the server sends none."""
        return self.now() or datetime.fromtimestamp(self._clock.time(), timezone.utc)

    def unexpected(self, response: Response, missing: str) -> StatusCheckFailedError:
        """The error for a response with a good status that lacks what is needed (`missing`)."""
        return StatusCheckFailedError(
            f"unexpected response from {self.vendor} (expected {missing}): {self.describe(response)}",
            status=response.status,
        )

    def json_object(self, response: Response) -> dict[str, Any]:
        """The body as a JSON object. Raises StatusCheckFailedError if it is anything else."""
        if not isinstance(response.body, dict):
            raise self.unexpected(response, "a JSON object")
        return response.body

    def describe(self, response: Response) -> str:
        """The status and the error message in the body, whatever its shape, redacted and fit for a sentence."""
        return (
            f"{response.status}: {self._redactor.excerpt(_error_text(response, self._redactor), 300) or 'no message'}"
        )

    def excerpt(self, text: object) -> str:
        """A text of the vendor's, redacted and fit for a sentence."""
        return self._redactor.excerpt(text)

    def _retried(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        body: object = None,
        keep_as: str,
        tries: int = TRIES,
        starts: bool = False,
    ) -> Response:
        timeout = READ_TIMEOUT if method == "GET" else CHANGE_TIMEOUT
        for attempt in range(1, tries + 1):
            status, pause = None, None
            if starts and not self._may_have_started:
                self.start_sent_at = self.now()
            try:
                response = self._sender.send(method, path, params, body, timeout)
            except TransportError as error:
                problem = self._redactor(str(error))
                if starts and error.maybe_delivered:
                    message = f"{self.vendor} did not respond to the trigger request: {problem}"
                    raise StartUnclearError(message, timed_out=error.timed_out) from error
            else:
                self._note(response, keep_as)
                is_temporary = response.status == 408 or response.status >= 500
                if response.status != 429 and (starts or not is_temporary):
                    return self._checked(response, starts=starts)
                problem, pause, status = self.describe(response), retry_after(response), response.status
            what = "responded with" if status else "could not be reached:"
            ending = f"{what} {problem}; gave up after {attempt} {'try' if attempt == 1 else 'tries'}"
            if pause is not None and pause > MAX_RETRY_AFTER:
                ending = f"responded with {problem} and asks to wait {format_duration(pause)}"
                break
            if attempt == tries or not self._back_off(attempt, pause, problem):
                break
        message = f"{self.vendor} {ending}"
        raise SyncNotStartedError(message) if starts else StatusCheckFailedError(message, status, pause)

    def _note(self, response: Response, keep_as: str) -> None:
        if keep_as:
            self._kept[keep_as] = response
        if response.date is not None:
            self._offset = (response.date, response.received)

    def _back_off(self, attempt: int, pause: float | None, problem: str) -> bool:
        """Sleep before the next try. False if there is none before the deadline."""
        seconds = BACK_OFF[attempt - 1] * random.uniform(0.8, 1.2) if pause is None else max(pause, 1)
        if self._clock.monotonic() + seconds > self.deadline:
            return False
        log.info("%s: %s; will retry in %.0f s", self.vendor, problem, seconds)
        self._clock.sleep(seconds)
        return True

    def _checked(self, response: Response, *, starts: bool) -> Response:
        """`response` if its status is fine. Raises what its status means otherwise.

        What became of a trigger request is open after a 408, 5xx or 1xx.
        """
        if response.ok:
            return response
        described = self.describe(response)
        if starts and (response.status == 408 or not 200 <= response.status < 500):
            gateway = response.status in (408, 504) or 520 <= response.status < 530
            raise StartUnclearError(f"{self.vendor} responded with {described}", response.status, timed_out=gateway)
        error = self._refusal(response, described)
        if error is not None:
            raise error
        if 300 <= response.status < 400:
            raise BadRequestError(
                f"{self.vendor} responded with {response.status}, a redirect, and redirects are not followed: "
                f"check {self.vendor.upper()}_API_URL"
            )
        if response.status in (401, 403):
            blame = "the credentials are wrong"
            if response.status == 403:
                blame = "the credentials lack a permission, or a proxy refused the request"
            raise InvalidCredentialsError(f"{self.vendor} responded with {described} ({blame})")
        if response.status == 404:
            raise SyncNotFoundError(f"{self.vendor} responded with {described}")
        if response.status == 409:
            raise SyncAlreadyRunningError(f"{self.vendor} responded with {described}")
        if response.status >= 400:
            raise BadRequestError(f"{self.vendor} refused the request ({described})")
        raise StatusCheckFailedError(f"unexpected response from {self.vendor}: {described}", status=response.status)


def retry_after(response: Response) -> float | None:
    """The pause in seconds that a Retry-After header asks for, None without a usable one (RFC 9110, 10.2.3)."""
    text = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    until = parse_http_date(text)
    if until is None or response.date is None:
        return None
    return max(0.0, (until - response.date).total_seconds())


def _error_text(response: Response, redactor: Redactor) -> str:
    """The message in an error's body: the vendors' JSON shapes, or the text without its HTML tags."""
    if not isinstance(response.body, dict):
        text = response.text if response.body is NOT_JSON else json.dumps(response.body)
        return re.sub(r"<[^>]{0,1000}>", " ", redactor(text)[:MAX_EXCERPT])
    body = redactor.tree(response.body)
    inner = body["error"] if isinstance(body.get("error"), dict) else body
    parts = [inner.get(key) for key in ("code", "message", "error", "details")]
    errors = inner.get("errors")
    if isinstance(errors, list):
        parts += [item.get("message") for item in errors[:5] if isinstance(item, dict)]
    texts = [part if isinstance(part, str) else json.dumps(part) for part in parts if part]
    return " - ".join(dict.fromkeys(texts))
