"""RudderStack's responses and the environments of the tests."""

from __future__ import annotations

from typing import Any

from tests.wire import Vendor

SOURCE, CONNECTION = "2aSourceOfTests", "2bConnectionOfTests"
TOKEN = {"RUDDERSTACK_ACCESS_TOKEN": "the-token"}
OF_SOURCE = {**TOKEN, "RUDDERSTACK_SOURCE_ID": SOURCE}
OF_CONNECTION = {**TOKEN, "RUDDERSTACK_CONNECTION_ID": CONNECTION}

SOURCE_PATH = f"/v2/sources/{SOURCE}"
SOURCE_START = f"{SOURCE_PATH}/start"
SOURCE_STATUS = f"{SOURCE_PATH}/status"
RUN_STATUS = f"{SOURCE_PATH}/runs/run-1/status"
CONNECTION_PATH = f"/v2/retl-connections/{CONNECTION}"
CONNECTION_START = f"{CONNECTION_PATH}/start"
CONNECTION_STOP = f"{CONNECTION_PATH}/stop"
SYNCS = f"{CONNECTION_PATH}/syncs"
SYNC = f"{SYNCS}/sync-1"

INCREMENTAL = {"syncType": "incremental"}
RUNNING_ALREADY = {"error": "a sync is already running"}
RUNNING_ONES = {"status": "running"}
STARTED_SYNC, STARTED_RUN = {"syncId": "sync-1"}, {"runId": "run-1"}
ZERO = "0001-01-01T00:00:00Z"  # Go's way to say "not yet"


def at(time: str) -> str:
    """A time of the day of the tests; they begin at 12:00:00."""
    return f"2026-11-22T{time}Z"


def sync(status: str, sync_id: str = "sync-1", started: str = "12:00:01", **more: Any) -> dict[str, Any]:
    """A sync of a Reverse ETL connection."""
    metrics = {"succeeded": {"total": 90}, "failed": {"total": 0}, "changed": {"total": 90}, "total": 90}
    ended = at("12:09:00")  # is shown filled on a running sync, too
    return {"id": sync_id, "status": status, "startedAt": at(started), "finishedAt": ended, "metrics": metrics, **more}


def syncs(*items: dict[str, Any], **paging: Any) -> dict[str, Any]:
    """One page of a connection's syncs."""
    return {"syncs": list(items), "paging": {"total": len(items), **paging}}


def a_run(status: str | None, started: str = "12:00:01", finished: str | None = None, **more: Any) -> dict[str, Any]:
    """A run of a source; without an end it has Go's zero time."""
    ended = ZERO if finished is None else at(finished)
    word = {} if status is None else {"status": status}
    return {**word, "startedAt": at(started), "finishedAt": ended, "jobId": "job-1", **more}


LAST_RUN = a_run("finished", "11:00:00", "11:05:00")


def expect_read(vendor: Vendor, of: dict[str, str], *running: dict[str, Any], settings: Any = None) -> None:
    """The read before a start; of a connection, its settings too, which are shown only if given."""
    if of is OF_SOURCE:
        vendor.expect("GET", SOURCE_STATUS, running[0] if running else LAST_RUN)
    else:
        vendor.expect("GET", SYNCS, syncs(*running), query=RUNNING_ONES)
        vendor.expect("GET", CONNECTION_PATH, settings, status=200 if settings else 404)


def expect_start(vendor: Vendor, of: dict[str, str], response: Any = None, **more: Any) -> None:
    """The trigger request; it is accepted unless `response` or a status is given."""
    if of is OF_SOURCE:
        vendor.expect("POST", SOURCE_START, response if response or more else STARTED_RUN, **more)
    else:
        vendor.expect(
            "POST", CONNECTION_START, response if response or more else STARTED_SYNC, body=INCREMENTAL, **more
        )
