"""Fivetran's REST API, v1 (https://fivetran.com/docs/rest-api): endpoints, parsing, what its errors mean."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Callable

from fivetran_blueprints.inputs import Credentials
from fivetran_blueprints.verdict import Connection
from shared.context import Run
from shared.errors import (
    BlueprintError,
    InvalidCredentialsError,
    StartUnclearError,
    StatusCheckFailedError,
    SyncNotFoundError,
)
from shared.status import Result
from shared.timestamps import format_timestamp, parse_timestamp
from shared.transport import Response

log = logging.getLogger(__name__)

VERSION = {"Accept": "application/json;version=2"}  # anything else is a 406 or has other responses
MAX_HISTORY = timedelta(days=7)  # of one request
NEAR = timedelta(minutes=5)  # the history and the connection may differ by so much on when a sync ended


class MissingPermissionError(InvalidCredentialsError):
    """The key is valid but lacks a permission."""


class FivetranApi:
    """Every method may raise the errors of `shared.api.Api`."""

    def __init__(self, given: Credentials, run: Run, connector_id: str = "") -> None:
        self.http = run.api("Fivetran", given.api_url, (given.api_key, given.api_secret), self._refusal, VERSION)
        self._connector_id = connector_id  # empty for the credentials alone
        self._path = f"/v1/connections/{connector_id}"

    def details(self, keep_as: str = "") -> dict[str, Any]:
        """The `data` of the connection."""
        return self.data(self.http.get(self._path, keep_as=keep_as))

    def connection(self, keep_as: str = "") -> Connection:
        return parse_connection(self.details(keep_as), self.http.excerpt)

    def sync(self, *, force: bool, keep_as: str) -> Response:
        """Start a sync. Raises StartUnclearError, SyncNotStartedError, SyncAlreadyRunningError."""
        return self._success(self.http.start(f"{self._path}/sync", {"force": force}, keep_as=keep_as))

    def resync(self, scope: Mapping[str, Any] | None, *, keep_as: str) -> Response:
        """Start a resync of all tables, or of those in `scope`. Raises as `sync`."""
        return self._success(self.http.start(f"{self._path}/resync", scope and {"scope": scope}, keep_as=keep_as))

    def modify(self, changes: Mapping[str, object], *, once: bool, keep_as: str) -> Response:
        """Change fields of the connection; `once` because it starts a sync: then it is not repeated, as in `sync`."""
        send = self.http.start if once else self.http.change
        body = {"run_setup_tests": False, **changes}
        return self._success(send(self._path, body, method="PATCH", keep_as=keep_as))

    def check_credentials(self) -> Result:
        """Whether Fivetran accepts the key and secret. Raises InvalidCredentialsError, StatusCheckFailedError."""
        try:
            data = self.data(self.http.get("/v1/account/info"))
        except MissingPermissionError:
            return Result("valid", "Fivetran accepts the key and secret; the key cannot read the account")
        account = self.http.excerpt(data.get("account_name") or data.get("account_id") or "without a name")
        return Result("valid", f"Fivetran accepts the key and secret of account {account}", {"account": account})

    def past_sync(self, since: datetime | None, ended_at: datetime) -> tuple[str | None, str]:
        """The id of the sync that ended at `ended_at` and did not start before `since`, and why it ended so.

        They only help the report, and are empty where the account has no history of syncs.
        """
        until = ended_at + NEAR
        start = max(filter(None, (since, until - MAX_HISTORY + NEAR)))
        params = {"start_time": f"{format_timestamp(start)}", "end_time": f"{format_timestamp(until)}", "limit": "1000"}
        try:
            response = self.http.get(f"{self._path}/sync-history", params, tries=1)
            found = []
            for item in response.body["data"]["items"]:
                begun, end = parse_timestamp(item["start"]), parse_timestamp(item["end"])
                is_older = since is not None and begun is not None and begun < since
                if end is not None and abs(end - ended_at) < NEAR and not is_older:
                    found.append((abs(end - ended_at), item["sync_id"], item.get("reason")))
        except (BlueprintError, KeyError, TypeError) as error:
            log.debug("no history of syncs: %s", self.http.excerpt(error))
            return None, ""
        _, sync_id, reason = min(found, key=lambda one: one[0], default=(None, None, None))
        is_safe = isinstance(sync_id, str) and sync_id == self.http.excerpt(sync_id)
        return sync_id if is_safe else None, self.http.excerpt(reason) if isinstance(reason, str) else ""

    def data(self, response: Response) -> dict[str, Any]:
        """The `data` of a response whose code is Success. Raises StatusCheckFailedError for any other."""
        body = self.http.json_object(response)
        if body.get("code") != "Success" or not isinstance(body.get("data"), dict):
            raise self.http.unexpected(response, "the code Success and its data")
        data: dict[str, Any] = body["data"]
        if self._connector_id and data.get("id") not in (None, self._connector_id):
            raise self.http.unexpected(response, "the requested connection")
        return data

    def _success(self, response: Response) -> Response:
        if not isinstance(response.body, dict) or response.body.get("code") != "Success":
            described = self.http.describe(response)
            raise StartUnclearError(f"Fivetran's response lacks the code Success ({described})", response.status)
        return response

    def _refusal(self, response: Response, described: str) -> BlueprintError | None:
        """What Fivetran's statuses and codes mean beyond the usual."""
        code = response.body.get("code") if isinstance(response.body, dict) else None
        if response.status == 401:
            return InvalidCredentialsError(
                f"FIVETRAN_API_KEY or FIVETRAN_API_SECRET is wrong ({described}). Copy both again from Fivetran > "
                "Account settings; use the key itself, not the Base64-encoded API key that Fivetran's own CLI takes"
            )
        if response.status == 403 and isinstance(code, str):  # and not the page or the JSON of a proxy
            return MissingPermissionError(
                f"FIVETRAN_API_KEY is valid but lacks a permission for this ({described}). Give its user or role the "
                "permission in Fivetran"
            )
        if response.status == 404 and self._connector_id and str(code).startswith("NotFound"):
            return SyncNotFoundError(
                f"Fivetran does not know this connection, or FIVETRAN_API_KEY cannot see it ({described}). Check "
                "FIVETRAN_CONNECTOR_ID"
            )
        if response.status == 404:
            return StatusCheckFailedError(
                f"Fivetran responded with {described}, which does not say that the connection is unknown: the "
                "endpoint is gone, or there is an outage",
                status=404,
            )
        return None


def parse_connection(data: Mapping[str, Any], excerpt: Callable[[str], str] = str) -> Connection:
    """The `data` of GET /connections/{id}. Raises StatusCheckFailedError naming what is missing or odd."""
    try:
        status = data["status"]
        for source, key, kind in ((status, "sync_state", str), (status, "setup_state", str), (data, "paused", bool)):
            if not isinstance(source[key], kind) or source[key] == "":
                raise ValueError(f"a usable {key}")
        problems = [
            excerpt(f"{item.get('code')}: {item.get('message')}")
            for item in [*(status.get("tasks") or []), *(status.get("warnings") or [])][:5]
            if isinstance(item, dict)
        ]
        return Connection(
            succeeded_at=_stamp(data, "succeeded_at"),
            failed_at=_stamp(data, "failed_at"),
            sync_state=status["sync_state"],
            setup_state=status["setup_state"],
            paused=data["paused"],
            schedule_type=str(data.get("schedule_type")),
            rescheduled_for=parse_timestamp(status.get("rescheduled_for")),
            is_historical_sync=status.get("is_historical_sync") is True,
            problems=tuple(problems),
        )
    except (KeyError, TypeError, ValueError) as missing:
        raise StatusCheckFailedError(f"unexpected response from Fivetran (expected {missing})") from missing


def dashboard(connector_id: str) -> str:
    return f"https://fivetran.com/dashboard/connections/{connector_id}"


def _stamp(data: Mapping[str, Any], key: str) -> datetime | None:
    stamp = parse_timestamp(data[key])
    if stamp is None and data[key] is not None:
        raise ValueError(f"a time in {key}")
    return stamp
