"""Fivetran's responses and the environment of the tests."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

from fivetran_blueprints import check_sync_status, trigger_sync
from tests.support import FakeClock, make_run
from tests.wire import HTML, LOST, TIMED_OUT, Ending, Vendor, ending, files

ID = "speak_inexpensive"
ENVIRONMENT = {"FIVETRAN_API_KEY": "the-key", "FIVETRAN_API_SECRET": "the-secret", "FIVETRAN_CONNECTOR_ID": ID}
DETAILS = f"/v1/connections/{ID}"
START = f"/v1/connections/{ID}/sync"
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


def at(time: str) -> str:
    """A stamp of the day of the tests; they begin at 12:00:00."""
    return f"2026-11-22T{time}Z"


def trigger(run: Any, **given: str) -> Ending:
    """Run the trigger with these inputs, named without FIVETRAN_."""
    return run_script(trigger_sync, run, given)


def run_script(script: ModuleType, run: Any, given: Mapping[str, str]) -> Ending:
    """Run a script with these inputs beside ENVIRONMENT, named without FIVETRAN_."""
    return ending(script, {**ENVIRONMENT, **{f"FIVETRAN_{name}": value for name, value in given.items()}}, run)


def check(folder: Path, clock: FakeClock, *upstream: str, **given: str) -> Ending:
    """Run the check of a later step with these inputs, named without FIVETRAN_."""
    return run_script(check_sync_status, make_run(folder, "fivetran", clock, upstream=upstream), given)


def triggered(fivetran: Vendor, folder: Path, before: dict[str, Any] | None = None, log_id: str | None = None) -> None:
    """Run a trigger in the same artifacts folder; Fivetran accepts it at the clock's time."""
    fivetran.expect("GET", DETAILS, before or connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    assert trigger(make_run(folder, "fivetran", fivetran.clock, log_id=log_id)) == (0, "started")
    fivetran.sent.clear()


def saved(folder: Path) -> dict[str, Any]:
    """What was saved for later steps, without the pending start."""
    return {name: value for name, value in files(folder).items() if not name.endswith("starting.pickle")}


def put(folder: Path, **variables: Any) -> None:
    """Files that another program or an older version left, by name without `.pickle`; bytes are written as they are."""
    variables_folder = folder / "fivetran-blueprints" / "variables"
    variables_folder.mkdir(parents=True, exist_ok=True)
    for name, value in variables.items():
        written = value if isinstance(value, bytes) else pickle.dumps(value, protocol=4)
        (variables_folder / f"{name}.pickle").write_bytes(written)


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


def expect_history(
    fivetran: Vendor, since: str | None, ended_at: str, response: Any = None, status: int | None = None
) -> None:
    """The request for the history until a few minutes after the end; without `response` a 403.

    `since` is two seconds before the trigger, or None for (a little less than) the seven days that it may cover.
    """
    until = datetime.fromisoformat(f"2026-11-22T{ended_at}") + timedelta(minutes=5)
    start_time = at(since) if since else f"{until - timedelta(days=7, minutes=-5):%Y-%m-%dT%H:%M:%SZ}"
    window = {"start_time": start_time, "end_time": f"{until:%Y-%m-%dT%H:%M:%SZ}", "limit": "1000"}
    status = status if status is not None else 403 if response is None else 200
    fivetran.expect("GET", HISTORY, response, status=status, query=window)


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
