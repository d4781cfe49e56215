"""Fivetran's responses and the environment of the tests."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

from fivetran_blueprints import check_credentials, check_sync_status, resync_connector, trigger_sync, update_connector
from shared.errors import Interruption
from shared.redaction import Redactor
from tests.support import make_run
from tests.wire import HTML, LOST, TIMED_OUT, Ending, Vendor, ending, files

ID = "speak_inexpensive"
ENVIRONMENT = {"FIVETRAN_API_KEY": "the-key", "FIVETRAN_API_SECRET": "the-secret", "FIVETRAN_CONNECTOR_ID": ID}
DETAILS = f"/v1/connections/{ID}"
START = f"/v1/connections/{ID}/sync"
SINCE = "11:59:58"  # a trigger at 12:00:00, less two seconds
HISTORY = f"/v1/connections/{ID}/sync-history"
ACCEPTED = {"code": "Success", "message": "Sync has been successfully triggered"}
CONFLICT = {"code": "Conflict", "message": "A sync is already in progress"}
FORCE, NO_FORCE = {"force": True}, {"force": False}
SUCCEEDED, FAILED, RUNNING, CANCELLED = (0, "succeeded"), (211, "failed"), (210, "running"), (212, "cancelled")
PLAIN_FILES = {"force_sync.pickle", "connector_id.pickle", "execution_time.pickle", "sync.pickle"}
LOST_ONES: dict[str, tuple[Any, int]] = {
    "connection lost": (LOST, 0),
    "500": ({"code": "ServerError"}, 500),
    "502 of a proxy": (HTML, 502),
    "503 without a body": (None, 503),
}
TIMED_OUT_ONES: dict[str, tuple[Any, int]] = {
    "read time-out": (TIMED_OUT, 0),
    "408": (None, 408),
    "504 without a body": (None, 504),
    "522 of a proxy": (HTML, 522),
    "524": ({"code": "Timeout"}, 524),
}
LOST_OR_LATE = {**LOST_ONES, **TIMED_OUT_ONES}
GARBAGE: dict[str, tuple[Any, int]] = {
    "HTML": (HTML, 200),
    "no body": (None, 200),
    "204": (None, 204),
    "cut off": ('{"code": "Succ', 200),
    "another code": ({"code": "Strange"}, 200),
    "no code": ({"message": "Sync has been successfully triggered"}, 200),
    "a list": ([], 201),
}
NOT_FOUND = {"code": "NotFound_Connection", "message": "Cannot find connection with id 'speak_inexpensive'"}


def killed() -> None:
    """A response during which the script is killed."""
    raise Interruption(15)


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
        "update_state": "on_schedule",
        "is_historical_sync": False,
        "rescheduled_for": None,
        "tasks": [],
        "warnings": [],
    }
    data = {
        "id": ID,
        "service": "google_sheets",
        "schema": "google_sheets.tests",
        "group_id": "projected_sickness",
        "paused": False,
        "schedule_type": "manual",
        "sync_frequency": 360,
        "created_at": "2024-01-01T00:00:00Z",
        "succeeded_at": succeeded_at,
        "failed_at": failed_at,
    }
    data.update({key: value for key, value in more.items() if key not in status})
    status.update({key: value for key, value in more.items() if key in status})
    return {"code": "Success", "data": {**data, "status": status}}


@dataclass
class Fivetran(Vendor):
    """What is expected of the scripts, and the scripts themselves, with their artifacts in `folder`."""

    folder: Path = Path()
    run: Any = None  # that of the last script

    def shows(self, *responses: Any, **more: Any) -> None:
        """The next reads of the connection."""
        for response in responses:
            self.expect("GET", DETAILS, response, **more)

    def expect_trigger(self, response: Any = ACCEPTED, before: Any = None, body: Any = FORCE, **more: Any) -> None:
        """The read of a trigger and its request, which is accepted unless `response` says otherwise."""
        self.shows(before or connection())
        self.expect("POST", START, response, body=body, **more)

    def expect_update(self, fields: Mapping[str, Any], response: Any = ..., before: Any = None, **more: Any) -> None:
        """An update, whose response shows `fields`; before one that starts a sync the connection is read."""
        if fields.get("is_historical_sync") is True:
            self.shows(before or connection())
        response = connection(**fields) if response is ... else response
        self.expect("PATCH", DETAILS, response, body={"run_setup_tests": False, **fields}, **more)

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

    def execute(self, script: ModuleType, given: Mapping[str, str], **settings: Any) -> Ending:
        """Run a script with these inputs beside ENVIRONMENT, named without FIVETRAN_."""
        redactor = Redactor(pairs=["the-key", "the-secret"])
        self.run = make_run(self.folder, "fivetran", self.clock, redactor=redactor, **settings)
        return ending(script, {**ENVIRONMENT, **{f"FIVETRAN_{name}": value for name, value in given.items()}}, self.run)

    def trigger(self, log_id: str | None = None, **given: str) -> Ending:
        return self.execute(trigger_sync, given, log_id=log_id)

    def resync(self, **given: str) -> Ending:
        return self.execute(resync_connector, given)

    def update(self, **given: str) -> Ending:
        return self.execute(update_connector, given)

    def check(self, *upstream: str, **given: str) -> Ending:
        """Run the check of a later step."""
        return self.execute(check_sync_status, given, upstream=upstream)

    def verify(self, **given: str) -> Ending:
        return self.execute(check_credentials, {"CONNECTOR_ID": "", **given})

    def triggered(self, before: Any = None, log_id: str | None = None) -> None:
        """Run a trigger before; Fivetran accepts it at the clock's time."""
        self.expect_trigger(before=before)
        assert self.trigger(log_id) == (0, "started")
        self.sent.clear()

    def files(self) -> dict[str, Any]:
        """What was saved for later steps, by file name."""
        return files(self.folder)

    def saved(self) -> dict[str, Any]:
        """The same without the pending start."""
        return {name: value for name, value in self.files().items() if not name.endswith("starting.pickle")}

    def put(self, **variables: Any) -> None:
        """Files of another program or an older version, by name without `.pickle`; bytes are written as they are."""
        variables_folder = self.folder / "fivetran-blueprints" / "variables"
        variables_folder.mkdir(parents=True, exist_ok=True)
        for name, value in variables.items():
            written = value if isinstance(value, bytes) else pickle.dumps(value, protocol=4)
            (variables_folder / f"{name}.pickle").write_bytes(written)
