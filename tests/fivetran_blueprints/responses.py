"""Fivetran's responses and the environment of the tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.endings import STARTED
from tests.wire import Ending, Scripts

ID = "speak_inexpensive"
KEYS = {"FIVETRAN_API_KEY": "the-key", "FIVETRAN_API_SECRET": "the-secret"}
DETAILS = f"/v1/connections/{ID}"
START, RESYNC, HISTORY = f"{DETAILS}/sync", f"{DETAILS}/resync", f"{DETAILS}/sync-history"
PAGE = f"https://fivetran.com/dashboard/connections/{ID}"
ACCOUNT = "/v1/account/info"
INFO = {"code": "Success", "data": {"account_id": "a_1", "account_name": "Acme <East>", "user_id": None}}
SINCE = "11:59:58"  # a trigger at 12:00:00, less two seconds
ACCEPTED = {"code": "Success", "message": "Sync has been successfully triggered"}
CONFLICT = {"code": "Conflict", "message": "A sync is already in progress"}
UNKNOWN_ID = {"code": "NotFound_Connection", "message": "Cannot find connection with id 'speak_inexpensive'"}
PLAIN_FILES = {"force_sync.pickle", "connector_id.pickle", "execution_time.pickle", "sync.pickle"}


def at(time: str) -> str:
    """A stamp of the day of the tests; they begin at 12:00:00."""
    return f"2026-11-22T{time}Z"


def past(status: str, start: str | None, end: str | None, sync_id: Any = "s-1", reason: Any = None) -> dict[str, Any]:
    """One sync of the history."""
    return {
        "sync_id": sync_id,
        "status": status,
        "start": start and at(start),
        "end": end and at(end),
        "reason": reason,
    }


def history(*items: Any) -> dict[str, Any]:
    return {"code": "Success", "data": {"items": list(items)}}


def connection(
    sync_state: str = "scheduled",
    succeeded_at: str | None = at("06:00:00.123456"),
    failed_at: str | None = at("05:00:00"),
    **more: Any,
) -> dict[str, Any]:
    """The response of GET /v1/connections/{id}; `more` goes into `data` or its `status`, wherever the key is."""
    status = {
        "setup_state": "connected",
        "sync_state": sync_state,
        "is_historical_sync": False,
        "rescheduled_for": None,
        "tasks": [],
        "warnings": [],
    }
    data = {
        "id": ID,
        "paused": False,
        "schedule_type": "manual",
        "sync_frequency": 360,
        "succeeded_at": succeeded_at,
        "failed_at": failed_at,
    }
    data.update({key: value for key, value in more.items() if key not in status})
    status.update({key: value for key, value in more.items() if key in status})
    return {"code": "Success", "data": {**data, "status": status}}


@dataclass
class Fivetran(Scripts):
    """What is expected of Fivetran's scripts, and the scripts themselves."""

    name = "fivetran"
    home = "https://api.fivetran.com"
    credentials = KEYS
    of = {**KEYS, "FIVETRAN_CONNECTOR_ID": ID}  # noqa: RUF012
    start_path = "/sync"

    def shows(self, *responses: Any, **more: Any) -> None:
        """The next reads of the connection; the response to a single one may be in `more`."""
        self.reads(DETAILS, *responses, **more)

    def expect_start(self, response: Any = ACCEPTED, *, force: bool = True, **more: Any) -> None:
        """A trigger request, which is accepted unless `response` says otherwise."""
        self.expect("POST", START, response, body={"force": force}, **more)

    def expect_trigger(self, response: Any = ACCEPTED, before: Any = None, **more: Any) -> None:
        """The read of a trigger and its request."""
        self.shows(before or connection())
        self.expect_start(response, **more)

    def expect_resync(self, response: Any = ACCEPTED, before: Any = None, **more: Any) -> None:
        """The read before a resync and its request."""
        self.shows(before or connection())
        self.expect("POST", RESYNC, response, **more)

    def expect_update(self, fields: Mapping[str, Any], response: Any = ..., before: Any = None, **more: Any) -> None:
        """An update, whose response shows `fields`; before one that starts a sync the connection is read."""
        if fields.get("is_historical_sync") is True:
            self.shows(before or connection())
        response = connection(**fields) if response is ... else response
        self.expect("PATCH", DETAILS, response, body={"run_setup_tests": False, **fields}, **more)

    @property
    def forces(self) -> list[bool]:
        """Of the trigger requests that came."""
        return [body["force"] for body in self.starts()]

    @property
    def updates(self) -> list[Any]:
        """The bodies of the updates that came."""
        return [sent.body for sent in self.sent if sent.method == "PATCH"]

    def ends(
        self, time: str, now: Any = None, since: str | None = SINCE, polls: int = 1, response: Any = None, **more: Any
    ) -> None:
        """Polls that show an end, by default a success, and the history; without `response` the account has none."""
        self.shows(*[now or connection(succeeded_at=at(time))] * polls)
        self.expect_history(since, time, response, **more)

    def expect_history(self, since: str | None, ended_at: str, response: Any = None, status: int | None = None) -> None:
        """The request for the history until a few minutes after the end; without `response` a 403.

        `since` is two seconds before the trigger, or None for (a little less than) the seven days that it may cover.
        """
        until = datetime.fromisoformat(f"2026-11-22T{ended_at}") + timedelta(minutes=5)
        start_time = at(since) if since else f"{until - timedelta(days=7, minutes=-5):%Y-%m-%dT%H:%M:%SZ}"
        window = {"start_time": start_time, "end_time": f"{until:%Y-%m-%dT%H:%M:%SZ}", "limit": "1000"}
        status = status if status is not None else 403 if response is None else 200
        self.expect("GET", HISTORY, response, status=status, query=window)

    def resync(self, **given: str) -> Ending:
        return self.execute("resync_connector", given)

    def update(self, **given: str) -> Ending:
        return self.execute("update_connector", given)

    def triggered(self, before: Any = None, log_id: str | None = None) -> None:
        """Run a trigger before; Fivetran accepts it at the clock's time."""
        self.expect_trigger(before=before)
        assert self.trigger(log_id=log_id) == STARTED
        self.sent.clear()
