"""RudderStack's responses and the environments of the tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.endings import STARTED
from tests.wire import Ending, Scripts

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
WORKSPACE = "/v2/workspace"

INCREMENTAL = {"syncType": "incremental"}
RUNNING_ALREADY = {"error": "a sync is already running"}
RUNNING_ONES = {"status": "running"}
STARTED_SYNC, STARTED_RUN = {"syncId": "sync-1"}, {"runId": "run-1"}
ZERO = "0001-01-01T00:00:00Z"  # Go's way to say "not yet"


def at(time: str) -> str:
    """A time of the day of the tests; they begin at 12:00:00."""
    return f"2026-11-22T{time}Z"


def workspace(region: Any = "US", **more: Any) -> dict[str, Any]:
    return {"workspace": {"id": "w_1", "name": "Acme <East>", "region": region, "status": "ACTIVE", **more}}


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


@dataclass
class RudderStack(Scripts):
    """What is expected of RudderStack's scripts, and the scripts themselves.

    `of` is the environment of a connection, a source, or neither.
    """

    name = "rudderstack"
    home = "https://api.rudderstack.com"
    credentials = TOKEN
    of = OF_CONNECTION
    start_path = "/start"

    def expect_running(self, response: Any = None, **more: Any) -> None:
        """The next read of a connection's running syncs, and any response."""
        self.expect("GET", SYNCS, response, query=RUNNING_ONES, **more)

    def shows_running(self, *running: dict[str, Any], **more: Any) -> None:
        """The next read of a connection's running syncs."""
        self.expect_running(syncs(*running), **more)

    def expect_conflict(self, of: Mapping[str, str] = OF_CONNECTION) -> None:
        """A trigger request that RudderStack refuses because a sync is running."""
        self.expect_start(of, RUNNING_ALREADY, status=409)

    def expect_read(
        self, of: Mapping[str, str] = OF_CONNECTION, *running: dict[str, Any], settings: Any = None
    ) -> None:
        """The read before a start; of a connection, its settings too, which are shown only if given."""
        if of is OF_SOURCE:
            self.expect("GET", SOURCE_STATUS, running[0] if running else LAST_RUN)
        else:
            self.shows_running(*running)
            self.expect("GET", CONNECTION_PATH, settings, status=200 if settings else 404)

    def expect_start(self, of: Mapping[str, str] = OF_CONNECTION, response: Any = ..., **more: Any) -> None:
        """The trigger request, which is accepted unless `response` says otherwise."""
        path, accepted, body = CONNECTION_START, STARTED_SYNC, INCREMENTAL
        if of is OF_SOURCE:
            path, accepted, body = SOURCE_START, STARTED_RUN, None
        self.expect("POST", path, accepted if response is ... else response, **{"body": body, **more})

    def expect_trigger(self, of: Mapping[str, str] = OF_CONNECTION, response: Any = ..., **more: Any) -> None:
        """The read before a trigger request, and that request."""
        self.expect_read(of)
        self.expect_start(of, response, **more)

    def list(self, **given: str) -> Ending:
        return self.execute("list_syncs", given)

    def triggered(
        self, of: Mapping[str, str] = OF_CONNECTION, sync_id: str | None = None, log_id: str | None = None
    ) -> None:
        """Run a trigger before."""
        self.expect_trigger(of, {"runId": sync_id, "syncId": sync_id} if sync_id else ...)
        assert self.trigger(of, log_id) == STARTED
        self.sent.clear()
