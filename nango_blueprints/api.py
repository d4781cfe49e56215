"""Nango's API (https://nango.dev/docs/reference/api): endpoints, parsing, what its errors mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Callable

from nango_blueprints.inputs import Credentials, Selection, plain_name
from nango_blueprints.verdict import Entry
from shared.context import Run
from shared.errors import (
    BadRequestError,
    BlueprintError,
    InvalidCredentialsError,
    StatusCheckFailedError,
    SyncAlreadyRunningError,
    SyncNotFoundError,
)
from shared.status import Result
from shared.timestamps import parse_timestamp
from shared.transport import Response, bearer

STATUS, TRIGGER = "/sync/status", "/sync/trigger"
READ_SCOPE, EXECUTE_SCOPE = "environment:syncs:read", "environment:syncs:execute"
NOT_FOUND = ("unknown_connection", "no_syncs_found", "unknown_provider_config")
CHECK = (
    "Check NANGO_PROVIDER_CONFIG_KEY, NANGO_CONNECTION_ID, NANGO_SYNCS, and that NANGO_SECRET_KEY belongs to their "
    "environment"
)
GOOD_FOR = {  # by the scopes of a key: whether it may execute, whether it may read
    (True, True): "Nango - Trigger Sync and Nango - Check Sync Status",
    (True, False): (
        f"Nango - Trigger Sync without NANGO_WAIT; {READ_SCOPE} is missing, which Nango - Check Sync Status needs"
    ),
    (False, True): f"Nango - Check Sync Status; {EXECUTE_SCOPE} is missing, which Nango - Trigger Sync needs",
}


class MissingScopeError(InvalidCredentialsError):
    """The key is valid but lacks a scope."""


class InvalidRequestError(BadRequestError):
    """Nango accepts the key, and refuses the body or the query."""


class NangoApi:
    """Every method may raise the errors of `shared.api.Api`."""

    def __init__(self, given: Credentials, run: Run) -> None:
        self.http = run.api("Nango", given.api_url, bearer(given.secret_key), refusal)
        self._redactor = run.redactor

    def entries(self, selection: Selection, keep_as: str = "") -> dict[str, Entry]:
        """What /sync/status shows of the selected syncs, by id. A name that Nango does not know is just missing."""
        body, found = self._status(selection, keep_as)
        if selection.connection_id is None and not all(one.get("connection_id") for one in body["syncs"]):
            raise BadRequestError(
                "this Nango server is too old: it does not say which connection a sync belongs to. Update it, or set "
                "NANGO_CONNECTION_ID"
            )
        return found

    def trigger(self, selection: Selection, options: Mapping[str, bool], keep_as: str) -> None:
        """Start the selected syncs. Raises StartUnclearError, SyncNotStartedError."""
        body = {**selection.body, "opts": dict(options)} if options else selection.body
        response = self.http.start(TRIGGER, body, keep_as=keep_as)
        if self.http.json_object(response).get("success") is not True:
            raise self.http.unexpected(response, "success")

    def check_credentials(self, integration: str | None) -> Result:
        """Which scopes the key has. Raises InvalidCredentialsError, SyncNotFoundError, StatusCheckFailedError."""
        may_execute = self._is_allowed(lambda: self.http.change(TRIGGER, {}))  # without a body that starts anything
        may_read = self._is_allowed(lambda: self.http.get(STATUS))
        if not may_execute and not may_read:
            raise InvalidCredentialsError(
                f"NANGO_SECRET_KEY has neither the scope {EXECUTE_SCOPE} nor {READ_SCOPE}. Use an API key of the "
                "environment with both; an account API key has neither"
            )
        if integration is not None and may_read and not self._status(Selection(integration))[1]:
            raise SyncNotFoundError(
                f"Nango accepts the key, but {integration} has no syncs in the key's environment. Check "
                "NANGO_PROVIDER_CONFIG_KEY, and that NANGO_SECRET_KEY belongs to its environment"
            )
        message = f"Nango accepts the key, which is good for {GOOD_FOR[may_execute, may_read]}"
        return Result("valid", message, {"may_execute": may_execute, "may_read": may_read})

    def _status(self, selection: Selection, keep_as: str = "") -> tuple[dict[str, Any], dict[str, Entry]]:
        response = self.http.get(STATUS, selection.query, keep_as=keep_as)
        body = self.http.json_object(response)
        try:
            found = parse_entries(body, selection.connection_id)
        except (KeyError, TypeError, ValueError, AttributeError) as missing:
            raise self.http.unexpected(response, f"usable syncs ({missing})") from missing
        ids = "\n".join(found)
        if self._redactor(ids) != ids:  # they go into the handoff
            raise self.http.unexpected(response, "syncs whose IDs hold no credential")
        return body, found

    def _is_allowed(self, probe: Callable[[], Response]) -> bool:
        """Whether the key has the scope for `probe`, a request that Nango refuses anyway, because it names nothing."""
        try:
            response = probe()
        except MissingScopeError:
            return False
        except InvalidRequestError:
            return True
        except SyncAlreadyRunningError as error:  # the request names no sync that could run
            raise StatusCheckFailedError(f"{error}, an unexpected response", status=409) from error
        raise self.http.unexpected(response, "a refusal of a request that names no integration")


def require_all(selection: Selection, found: Mapping[str, Entry]) -> None:
    """Raise SyncNotFoundError unless every name of the selection is there, and at least one entry."""
    there = {entry.sync for entry in found.values()}
    missing = [name for name in selection.syncs if name not in there]
    if missing or not there:
        raise SyncNotFoundError(f"Nango has no {', '.join(missing) or 'syncs'} in {selection.label}. {CHECK}")


def refusal(response: Response, described: str) -> BlueprintError | None:
    """What Nango's statuses and codes mean beyond the usual."""
    body = response.body if isinstance(response.body, dict) else {}
    error = body["error"] if isinstance(body.get("error"), dict) else {}
    code = error.get("code")
    if response.status == 401:
        return InvalidCredentialsError(
            f"NANGO_SECRET_KEY is wrong ({described}). Copy it again from Nango > Environment settings > API keys; it "
            "belongs to one environment of one server"
        )
    if response.status == 403 and code:
        return MissingScopeError(
            f"NANGO_SECRET_KEY lacks a scope ({described}). Give the key that scope in Nango > Environment settings > "
            "API keys"
        )
    if response.status == 404 and not error:
        return BadRequestError(f"there is no such path ({described}). Check NANGO_API_URL")
    if code in NOT_FOUND or error.get("message") == "Connection not found":
        return SyncNotFoundError(f"Nango does not know what was requested ({described}). {CHECK}")
    if response.status == 400 and code:
        return InvalidRequestError(f"Nango refused the request ({described})")
    return None


def parse_entries(body: Mapping[str, Any], connection_id: str | None = None) -> dict[str, Entry]:
    """The entries of a status by id; `connection_id` is that of those that name none (servers before 2025).

    Raises KeyError, TypeError, ValueError or AttributeError for what is not a status.
    """
    found: dict[str, Entry] = {}
    if not isinstance(body["syncs"], list):
        raise TypeError("syncs is not a list")
    for item in body["syncs"]:
        key, sync = _text(item["id"]), plain_name(f"{_text(item['name'])}::{item.get('variant') or 'base'}")
        execution, status = item.get("latestExecutionStatus"), item.get("status")
        if key in found or execution is status is None:
            raise ValueError("each once and with its status")
        found[key] = Entry(
            label=f"{item.get('connection_id') or connection_id or 'an unnamed connection'}/{sync}",
            sync=sync,
            execution=None if execution is None else _text(execution),
            status=None if status is None else _text(status),
            finished_at=time_of(item.get("finishedAt")),
            due_at=time_of(item.get("nextScheduledSyncAt")),
            rows=_rows(item.get("latestResult")),
        )
    return found


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("not a text")
    value.encode()  # raises for half of a character, which no file could hold
    return value


def time_of(value: object) -> datetime | None:
    """A time in Nango's form, or None. Raises ValueError."""
    found = parse_timestamp(value)
    if found is None and value is not None:
        raise ValueError("not a time")
    return found


def _rows(results: object) -> dict[str, int]:
    """`latestResult` without its models: what was done, and to how many records."""
    rows: Counter[str] = Counter()
    for result in results.values() if isinstance(results, dict) else ():
        if isinstance(result, dict):
            rows.update({what: count for what, count in result.items() if type(count) is int})
    return dict(rows)
