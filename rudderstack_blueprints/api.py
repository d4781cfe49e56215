"""RudderStack's API, v2 (https://www.rudderstack.com/docs/api/): endpoints, parsing, what its errors mean."""

from __future__ import annotations

import contextlib
import json
import logging
import math
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, TypeVar
from urllib.parse import quote

from rudderstack_blueprints.inputs import Credentials, Target
from rudderstack_blueprints.verdict import Sync, are_newest_first, newest_first
from shared.context import Run
from shared.errors import (
    BadRequestError,
    BlueprintError,
    InvalidCredentialsError,
    StartUnclearError,
    StatusCheckFailedError,
    SyncAlreadyRunningError,
    SyncNotFoundError,
)
from shared.status import SyncStatus
from shared.timestamps import parse_timestamp
from shared.transport import Response, bearer
from shared.values import fits

log = logging.getLogger(__name__)

API_URLS = {"US": "https://api.rudderstack.com", "EU": "https://api.eu.rudderstack.com"}
SYNC_ID = r"(?!\.\.?\Z)[ -~]+"  # `.` and `..` would name another thing in a URL
MAX_PAGES = 100
ENOUGH = 10  # so many syncs are unlikely to be newest first by chance
WINDOWS = (timedelta(hours=1), timedelta(days=1), timedelta(days=30))  # in which to search for the latest sync

T = TypeVar("T")


class RudderStackApi:
    """The API as far as it is about one connection or source. Methods may raise the errors of `shared.api.Api`."""

    def __init__(self, given: Credentials, run: Run, subject: str | None = None, *, is_source: bool = False) -> None:
        url = given.api_url or API_URLS[given.region]
        self.http = run.api("RudderStack", url, bearer(given.access_token), refusal)
        self.label = label(subject, is_source=is_source)
        self._redactor = run.redactor
        self._is_source = is_source
        self._may_be_either = isinstance(given, Target)
        self._path = f"/v2/{'sources' if is_source else 'retl-connections'}/{subject}"

    def workspace(self) -> dict[str, Any]:
        """The workspace of the token, empty where only its sources show that the token is valid."""
        try:
            response = self.http.get("/v2/workspace")
        except SyncNotFoundError:  # not offered to every kind of token
            try:
                self.http.json_object(self.http.get("/v2/sources"))
            except SyncNotFoundError as error:
                raise BadRequestError(f"{error}; there is no such path, check RUDDERSTACK_API_URL") from error
            return {}
        workspace = self.http.json_object(response).get("workspace")
        if not isinstance(workspace, dict):
            raise self.http.unexpected(response, "a workspace")
        return workspace

    def settings(self) -> dict[str, Any]:
        """A connection's settings, which are undocumented: empty if they cannot be read."""
        with contextlib.suppress(BlueprintError):
            return self.http.json_object(self.http.get(self._path, tries=1))
        return {}

    def start(self, body: object, keep_as: str) -> str:
        """Start a sync; its id. Raises StartUnclearError, SyncNotStartedError, SyncAlreadyRunningError."""
        with self._named():
            try:
                response = self.http.start(f"{self._path}/start", body, keep_as=keep_as)
            except StartUnclearError as lost:
                if self._is_source and lost.status == 500:
                    self._probe(known=True)  # its latest run has just been read
                raise
        key = "runId" if self._is_source else "syncId"
        sync_id = self.http.json_object(response).get(key)
        if not self._is_sync_id(sync_id):
            raise self.http.unexpected(response, f"a usable {key}")
        return str(sync_id)

    def stop(self) -> None:
        """Ask for the running sync to be stopped: it goes on for a while, and what is in flight is still delivered."""
        try:
            self.http.change(f"{self._path}/stop")
        except (BadRequestError, SyncAlreadyRunningError, SyncNotFoundError) as error:
            log.info("the stop was refused, perhaps because the sync has just ended: %s", error)

    def sync(self, sync_id: str, keep_as: str) -> Sync:
        with self._named(f"sync {sync_id} of "):
            response = self.http.get(f"{self._path}/syncs/{quote(sync_id, safe='')}", keep_as=keep_as)
        body = {"id": sync_id, **self.http.json_object(response)}
        if body["id"] != sync_id:
            raise self.http.unexpected(response, "the requested sync")
        return self._parsed(parse_sync, body, response)

    def running(self, keep_as: str) -> list[Sync]:
        found = self.syncs({"status": "running"}, keep_as)
        return [sync for sync in found if sync.status is SyncStatus.RUNNING]  # whatever the filter lets through

    def latest(self, keep_as: str) -> Sync | None:
        """The running sync of a connection, or else the one that started last; None if it has never run."""
        found = self.running(keep_as)
        now = self.http.now()
        searches = [{"started_after": utc(now - window)} for window in WINDOWS] if now else []
        for params in (*searches, {}):
            found = found or self.syncs(params, keep_as, ENOUGH)
        return found[0] if found else None

    def syncs(self, params: Mapping[str, str], keep_as: str, enough: float = math.inf) -> list[Sync]:
        """A connection's syncs, newest first; as `listing`, but all of them or none."""
        syncs, is_complete = self.listing(params, keep_as, enough)
        if not is_complete:
            raise StatusCheckFailedError(f"RudderStack shows more than {MAX_PAGES} pages of syncs of {self.label}")
        return syncs

    def listing(self, params: Mapping[str, str], keep_as: str, enough: float) -> tuple[list[Sync], bool]:
        """The newest `enough` syncs at least, newest first; those after them only if they do not come in that order.

        The second value is False where older ones were left out because there are too many.
        """
        found: dict[str, Sync] = {}
        repeated = 0
        for page in range(1, MAX_PAGES + 1):
            with self._named():
                query = {**params, "page": str(page)} if page > 1 else params
                response = self.http.get(f"{self._path}/syncs", query, keep_as=keep_as)
            new, more = self._parsed(self._page, self.http.json_object(response), response)
            repeated += new.keys() <= found.keys()  # once where a new sync moves a page's syncs to the next one
            found.update(new)
            has_enough = len(found) >= enough and are_newest_first(list(found.values()))
            if has_enough or not more or repeated == 2:
                return newest_first(found.values()), True
        return newest_first(found.values()), False

    def run(self, run_id: str | None, keep_as: str, *, known: bool) -> Sync:
        """A run of a source, or its latest one; `known` says that the source certainly exists."""
        of_run = f"/runs/{quote(run_id, safe='')}" if run_id else ""
        with self._named(f"run {run_id} of " if run_id else ""):
            try:
                response = self.http.get(f"{self._path}{of_run}/status", keep_as=keep_as)
            except StatusCheckFailedError as error:
                if error.status == 500:
                    self._probe(known=known)
                raise
        run = self._parsed(parse_run, self.http.json_object(response), response)
        return run if self._is_sync_id(run.id) else run._replace(id="")

    def _probe(self, *, known: bool) -> None:
        """After a 500, which RudderStack also sends for an unknown source. Raises SyncNotFoundError if it is one: if
        RudderStack says so, or responds with 500 here, too, while other calls succeed.
        """
        try:
            self.http.get(self._path)
        except BadRequestError as error:
            raise SyncNotFoundError(str(error)) from error
        except InvalidCredentialsError as error:
            log.info("it is not known whether %s exists: %s", self.label, error)
        except StatusCheckFailedError as error:
            if not known and error.status == 500 and self._serves_other_calls():
                unknown = f"RudderStack responds with 500 for {self.label}, but not to other requests"
                raise SyncNotFoundError(unknown) from error

    def _serves_other_calls(self) -> bool:
        try:
            self.http.get("/v2/workspace", tries=1)
        except BlueprintError as error:
            return not isinstance(error, StatusCheckFailedError)  # a refusal is a response, too
        return True

    def _page(self, body: Mapping[str, Any]) -> tuple[dict[str, Sync], bool]:
        if not isinstance(body["syncs"], list):
            raise TypeError("a list of syncs")
        syncs = [parse_sync(item) for item in body["syncs"]]
        if not all(self._is_sync_id(sync.id) for sync in syncs):
            raise ValueError("syncs with usable ids")
        return {sync.id: sync for sync in syncs}, bool((body.get("paging") or {}).get("next"))

    def _parsed(self, parse: Callable[[dict[str, Any]], T], body: dict[str, Any], response: Response) -> T:
        try:
            return parse(body)
        except (KeyError, TypeError, ValueError, AttributeError) as missing:
            raise self.http.unexpected(response, str(missing)) from missing

    def _is_sync_id(self, value: object) -> bool:
        """Whether it may be part of a URL, and of messages: it holds no secret."""
        return isinstance(value, str) and fits(value, SYNC_ID) and self._redactor(value) == value

    @contextlib.contextmanager
    def _named(self, what: str = "") -> Iterator[None]:
        """A 404 within means that there is no such thing."""
        try:
            yield
        except SyncNotFoundError as error:
            other = "a Reverse ETL connection" if self._is_source else "a source"
            variable = f"RUDDERSTACK_{'CONNECTION' if self._is_source else 'SOURCE'}_ID"
            hint = f"; if that is the id of {other}, set it as {variable}"
            if what:
                hint = ""
            elif not self._may_be_either:
                hint = "; a source has no list of syncs"
            unknown = f"RudderStack does not know {what}{self.label}, or RUDDERSTACK_ACCESS_TOKEN cannot see it"
            raise SyncNotFoundError(f"{error}: {unknown}{hint}") from error


def refusal(response: Response, described: str) -> BlueprintError | None:
    """What RudderStack's statuses mean beyond the usual."""
    if response.status == 401:
        return InvalidCredentialsError(
            f"RUDDERSTACK_ACCESS_TOKEN is wrong, or belongs to the other RUDDERSTACK_REGION ({described}). Copy the "
            "token again, or create one in RudderStack > Settings > Access Management"
        )
    if response.status == 403:
        return InvalidCredentialsError(
            f"RUDDERSTACK_ACCESS_TOKEN lacks a permission for this, or the plan does not include it ({described}). "
            "Reverse ETL needs the permission Edit; Profiles needs Edit and the Enterprise plan"
        )
    return None


def parse_sync(data: Mapping[str, Any]) -> Sync:
    """One of a connection's syncs. Raises KeyError, TypeError or ValueError naming what is missing or odd."""
    metrics = data["metrics"] if isinstance(data.get("metrics"), dict) else {}
    rows = {}
    for kind in ("total", "succeeded", "failed", "changed"):
        count = metrics.get(kind)
        count = count.get("total") if isinstance(count, dict) else count
        if type(count) is int:
            rows[kind] = count
    return Sync(data["id"], *_state(data), rows, data)


def parse_run(data: Mapping[str, Any]) -> Sync:
    """A run of a source. Raises ValueError if its status is not a string."""
    job_run_id = data.get("jobRunId") or data.get("job_run_id")
    return Sync(job_run_id if isinstance(job_run_id, str) else "", *_state(data), is_run=True)


def _state(data: Mapping[str, Any]) -> tuple[str | None, datetime | None, datetime | None, str | None]:
    """The word, the start and the end in either spelling (Go's zero time is none), and the error.

    An error is None if there is none, and empty if it is there but empty, such as [].
    """
    word, error = data.get("status"), data.get("error")
    if not isinstance(word, (str, type(None))):
        raise ValueError("a status that is a text")
    started, finished = (
        parse_timestamp(data.get(f"{key}At") or data.get(f"{key}_at")) for key in ("started", "finished")
    )
    reason = (error if isinstance(error, str) else json.dumps(error)) if error else ""
    return word or None, started, finished, None if error in (None, "") else reason


def label(subject: str | None, *, is_source: bool) -> str:
    return f"{'source' if is_source else 'connection'} {subject}"


def utc(moment: datetime) -> str:
    """As RudderStack's filters take it."""
    return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
