"""RudderStack's API, v2 (https://www.rudderstack.com/docs/api/): endpoints, parsing, what its errors mean."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, NamedTuple, Protocol, TypeVar
from urllib.parse import quote

from rudderstack_blueprints.inputs import Credentials
from rudderstack_blueprints.parsing import Excerpt, parse_run, parse_sync
from rudderstack_blueprints.verdict import SourceRun, Sync, are_newest_first, newest_first
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
from shared.inputs import fits
from shared.status import SyncStatus
from shared.transport import Response, bearer

log = logging.getLogger(__name__)

API_URLS = {"US": "https://api.rudderstack.com", "EU": "https://api.eu.rudderstack.com"}
MAX_PAGES = 100
ENOUGH = 10  # syncs that come newest first are hardly so by chance
WINDOWS = (timedelta(hours=1), timedelta(days=1), timedelta(days=30))  # in which to search for the latest sync


T = TypeVar("T")


class Target(Protocol):
    """What is synced."""

    @property
    def id(self) -> str: ...

    @property
    def is_source(self) -> bool: ...

    @property
    def label(self) -> str: ...


class Listing(NamedTuple):
    """Syncs of a connection, newest first; not complete where older ones were left out because there are too many."""

    syncs: list[Sync]
    is_complete: bool


class RudderStackApi:
    """Every method may raise the errors of `shared.api.Api`."""

    def __init__(self, given: Credentials, run: Run) -> None:
        url = given.api_url or API_URLS[given.region]
        self.http = run.api("RudderStack", url, bearer(given.access_token), refusal)
        self._redactor = run.redactor

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

    def settings(self, target: Target) -> dict[str, Any]:
        """A connection's settings, which are undocumented: empty if they cannot be read."""
        try:
            body = self.http.get(_path(target), tries=1).body
        except BlueprintError as error:
            log.debug("the settings of %s could not be read: %s", target.label, error)
            return {}
        return body if isinstance(body, dict) else {}

    def start(self, target: Target, body: object, keep_as: str) -> str:
        """Start a sync; its id. Raises StartUnclearError, SyncNotStartedError, SyncAlreadyRunningError."""
        key = "runId" if target.is_source else "syncId"
        with _named(target):
            try:
                response = self.http.start(f"{_path(target)}/start", body, keep_as=keep_as)
            except StartUnclearError as lost:
                if target.is_source and lost.status == 500:
                    self._probe(target)
                raise
        sync_id = response.body.get(key) if isinstance(response.body, dict) else None
        if not self._is_sync_id(sync_id):
            raise StartUnclearError(
                f"unexpected response from RudderStack to the trigger request, without a usable {key}: "
                f"{self.http.describe(response)}",
                response.status,
            )
        return str(sync_id)

    def stop(self, target: Target) -> None:
        """Ask for the running sync to be stopped: it goes on for a while, and what is in flight is still delivered."""
        try:
            self.http.change(f"{_path(target)}/stop")
        except (BadRequestError, SyncAlreadyRunningError, SyncNotFoundError) as error:
            log.info("the stop was refused, perhaps because the sync has just ended: %s", error)

    def sync(self, target: Target, sync_id: str, keep_as: str) -> Sync:
        with _named(target, f"sync {sync_id} of "):
            response = self.http.get(f"{_path(target)}/syncs/{quote(sync_id, safe='')}", keep_as=keep_as)
        body = {"id": sync_id, **self.http.json_object(response)}
        if body["id"] != sync_id:
            raise self.http.unexpected(response, "the requested sync")
        return self._parsed(parse_sync, body, response)

    def running(self, target: Target, keep_as: str) -> list[Sync]:
        return [
            sync
            for sync in self.syncs(target, {"status": "running"}, keep_as)
            if sync.status is SyncStatus.RUNNING  # whatever the filter lets through
        ]

    def latest(self, target: Target, keep_as: str) -> Sync | None:
        """The running sync of a connection, or else the one that started last; None if it has never run."""
        found = self.running(target, keep_as)
        now = self.http.now()
        for window in (*WINDOWS, None) if now else (None,):
            if not found:
                params = {"started_after": utc(now - window)} if now and window else {}
                found = self.syncs(target, params, keep_as, ENOUGH)
        return found[0] if found else None

    def syncs(self, target: Target, params: Mapping[str, str], keep_as: str, enough: float = math.inf) -> list[Sync]:
        """A connection's syncs, newest first; as `listing`, but all of them or none."""
        listing = self.listing(target, params, keep_as, enough)
        if not listing.is_complete:
            raise StatusCheckFailedError(f"RudderStack shows more than {MAX_PAGES} pages of syncs of {target.label}")
        return listing.syncs

    def listing(self, target: Target, params: Mapping[str, str], keep_as: str, enough: float) -> Listing:
        """The newest `enough` syncs at least; those that come after them only if their order is not newest first."""
        found: dict[str, Sync] = {}
        more, page = True, 0
        while more and page < MAX_PAGES and not (len(found) >= enough and are_newest_first(list(found.values()))):
            page += 1
            with _named(target):
                query = {**params, "page": str(page)} if page > 1 else params
                response = self.http.get(f"{_path(target)}/syncs", query, keep_as=keep_as)
            new, more = self._parsed(self._page, self.http.json_object(response), response)
            more = more and not new.keys() <= found.keys()
            found.update(new)
        return Listing(newest_first(found.values()), is_complete=not more or page < MAX_PAGES)

    def run(self, target: Target, run_id: str | None, keep_as: str, *, known: bool) -> SourceRun:
        """A run of a source, or its latest one; `known` says that the source surely exists."""
        what = f"run {run_id} of " if run_id else ""
        of_run = f"/runs/{quote(run_id, safe='')}" if run_id else ""
        with _named(target, what):
            try:
                response = self.http.get(f"{_path(target)}{of_run}/status", keep_as=keep_as)
            except StatusCheckFailedError as error:
                if error.status == 500:
                    self._probe(target, known=known)
                raise
        return self._parsed(parse_run, self.http.json_object(response), response)

    def _probe(self, target: Target, *, known: bool = False) -> None:
        """After a 500, which RudderStack also sends for an unknown source. Raises SyncNotFoundError if it is one.

        Without any other sign it is one if this, too, is a 500, twice, while other calls succeed.
        """
        for _ in range(2):
            try:
                self.http.get(_path(target), tries=3)
                return
            except BadRequestError as error:
                raise SyncNotFoundError(str(error)) from error
            except (StatusCheckFailedError, InvalidCredentialsError) as error:
                if known or error.status != 500 or not self._serves_other_calls():
                    log.info("it is not known whether %s exists: %s", target.label, error)
                    return
        raise SyncNotFoundError(f"RudderStack responds with 500 for {target.label}, but not to other requests")

    def _serves_other_calls(self) -> bool:
        try:
            self.http.get("/v2/workspace", tries=1)
        except StatusCheckFailedError:
            return False
        except BlueprintError:  # a response, too
            return True
        return True

    def _page(self, body: Mapping[str, Any], excerpt: Excerpt) -> tuple[dict[str, Sync], bool]:
        if not isinstance(body["syncs"], list):
            raise TypeError("a list of syncs")
        syncs = [parse_sync(item, excerpt) for item in body["syncs"]]
        if not all(self._is_sync_id(sync.id) for sync in syncs):
            raise ValueError("syncs with usable ids")
        return {sync.id: sync for sync in syncs}, bool((body.get("paging") or {}).get("next"))

    def _parsed(self, parse: Callable[[dict[str, Any], Excerpt], T], body: dict[str, Any], response: Response) -> T:
        try:
            return parse(body, self.http.excerpt)
        except (KeyError, TypeError, ValueError, AttributeError) as missing:
            raise self.http.unexpected(response, str(missing)) from missing

    def _is_sync_id(self, value: object) -> bool:
        """Whether it may be part of a URL, encoded (`.` and `..` would name another thing there), and of messages."""
        if not isinstance(value, str) or not fits(value, "[ -~]+") or value in (".", ".."):
            return False
        return self._redactor(value) == value


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
            "Reverse ETL needs the permission Edit; Profiles needs Edit and the Enterprise plan",
            status=403,
        )
    return None


def utc(moment: datetime) -> str:
    """As RudderStack's filters take it."""
    return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def _path(target: Target) -> str:
    return f"/v2/sources/{target.id}" if target.is_source else f"/v2/retl-connections/{target.id}"


@contextlib.contextmanager
def _named(target: Target, what: str = "") -> Iterator[None]:
    """A 404 within means that there is no such thing."""
    try:
        yield
    except SyncNotFoundError as error:
        kind, variable = ("a source", "SOURCE") if not target.is_source else ("a Reverse ETL connection", "CONNECTION")
        hint = "" if what else f"; if that is the id of {kind}, set it as RUDDERSTACK_{variable}_ID"
        raise SyncNotFoundError(
            f"{error}: RudderStack does not know {what}{target.label}, or RUDDERSTACK_ACCESS_TOKEN cannot see it{hint}"
        ) from error
