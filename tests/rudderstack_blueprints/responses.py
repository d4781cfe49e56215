"""RudderStack's responses and the environments of the tests."""

from __future__ import annotations

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

    def lists(self, *pages: list[Any], query: Any = None, more: bool = False, **response: Any) -> None:
        """The next reads of a connection's syncs, page by page; behind the last one are `more`, or none."""
        for number, found in enumerate(pages, 1):
            paging = {"next": "more" if more or number < len(pages) else ""}
            at_page = {"page": f"{number}"} if number > 1 else {}
            self.expect("GET", SYNCS, syncs(*found, **paging), query={**(query or {}), **at_page}, **response)

    def shows(self, *runs: Any, **more: Any) -> None:
        """The next reads of the latest run of a source; the response to a single one may be in `more`."""
        self.reads(SOURCE_STATUS, *runs, **more)

    def expect_conflict(self) -> None:
        """A trigger request that RudderStack refuses because a sync is running."""
        self.expect_start(RUNNING_ALREADY, status=409)

    def expect_stop(self, response: Any = None, status: int = 204, **more: Any) -> None:
        """The request to stop the running sync."""
        self.expect("POST", CONNECTION_STOP, response, status=status, **more)

    def expect_read(self, *running: dict[str, Any], settings: Any = None, date: bool = True, **more: Any) -> None:
        """The read before a start; of a connection, its settings too, which are shown only if given."""
        if self.of is OF_SOURCE:
            self.shows(*(running or [LAST_RUN]))
        else:
            self.shows_running(*running, date=date)
            self.expect("GET", CONNECTION_PATH, settings, **{"status": 200 if settings else 404, "date": date, **more})

    def expect_probe(self, response: Any = None, **more: Any) -> None:
        """The next reads of the source itself, which show whether there is one."""
        self.expect("GET", SOURCE_PATH, response, many=True, **more)

    def expect_other_call(self, status: int = 200) -> None:
        """A read that has nothing to do with the source, which shows whether RudderStack responds to others."""
        self.expect("GET", WORKSPACE, workspace(), status=status)

    def expect_start(self, response: Any = ..., **more: Any) -> None:
        """The trigger request, which is accepted unless `response` says otherwise."""
        path, accepted, body = CONNECTION_START, STARTED_SYNC, INCREMENTAL
        if self.of is OF_SOURCE:
            path, accepted, body = SOURCE_START, STARTED_RUN, None
        self.expect("POST", path, accepted if response is ... else response, **{"body": body, **more})

    def expect_trigger(self, response: Any = ..., **more: Any) -> None:
        """The read before a trigger request, and that request."""
        self.expect_read()
        self.expect_start(response, **more)

    def list(self, **given: str) -> Ending:
        return self.execute("list_syncs", given)

    def triggered(self, response: Any = ...) -> None:
        """Run a trigger before."""
        self.expect_trigger(response)
        assert self.trigger() == STARTED
        self.sent.clear()
