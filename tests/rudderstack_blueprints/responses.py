"""RudderStack's responses and the environments of the tests."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from rudderstack_blueprints import check_credentials, check_sync_status, list_syncs, trigger_sync
from shared.redaction import Redactor
from tests.support import make_run
from tests.wire import Ending, Vendor, ending, files

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
SUCCEEDED, FAILED, RUNNING = (0, "succeeded"), (211, "failed"), (210, "running")
CANCELLED, UNKNOWN, UNREACHABLE = (212, "cancelled"), (213, "unknown"), (220, "unreachable")
STARTED, NOT_STARTED, UNCLEAR = (0, "started"), (202, "not_started"), (202, "unclear")
INVALID, BAD_REQUEST, ALREADY_RUNNING = (200, "invalid_credentials"), (201, "refused"), (203, "already_running")
NOT_FOUND, ARTIFACT_ERROR = (204, "not_found"), (221, "artifact_error")
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


@dataclass
class RudderStack(Vendor):
    """What is expected of the scripts, and the scripts themselves, with their artifacts in `folder`.

    Inputs are named without RUDDERSTACK_; `of` is the environment of a connection, a source, or neither.
    """

    folder: Path = Path()
    run: Any = None  # that of the last script

    def polls(self, path: str, *seen: Any, **more: Any) -> None:
        """One read of `path` after the other."""
        for response in seen:
            self.expect("GET", path, response, **more)

    def shows_running(self, *running: dict[str, Any], **more: Any) -> None:
        """The next read of a connection's running syncs."""
        self.expect("GET", SYNCS, syncs(*running), query=RUNNING_ONES, **more)

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

    def expect_start(self, of: Mapping[str, str] = OF_CONNECTION, response: Any = None, **more: Any) -> None:
        """The trigger request; it is accepted unless `response` or a status is given."""
        path, accepted, body = CONNECTION_START, STARTED_SYNC, INCREMENTAL
        if of is OF_SOURCE:
            path, accepted, body = SOURCE_START, STARTED_RUN, None
        self.expect("POST", path, response if response or more else accepted, **{"body": body, **more})

    def expect_trigger(self, of: Mapping[str, str] = OF_CONNECTION, response: Any = None, **more: Any) -> None:
        """The read before a trigger request, and that request."""
        self.expect_read(of)
        self.expect_start(of, response, **more)

    def execute(self, script: ModuleType, of: Mapping[str, str], given: Mapping[str, str], **settings: Any) -> Ending:
        redactor = Redactor(pairs=["the-token"])
        self.run = make_run(self.folder, "rudderstack", self.clock, redactor=redactor, **settings)
        return ending(script, {**of, **{f"RUDDERSTACK_{name}": value for name, value in given.items()}}, self.run)

    def trigger(
        self, of: Mapping[str, str] = OF_CONNECTION, policy: str = "", log_id: str | None = None, **given: str
    ) -> Ending:
        return self.execute(trigger_sync, of, {"IF_RUNNING": policy, **given}, log_id=log_id)

    def check(self, of: Mapping[str, str] = OF_CONNECTION, *upstream: str, **given: str) -> Ending:
        """Run the check of a later step."""
        return self.execute(check_sync_status, of, given, upstream=upstream)

    def list(self, **given: str) -> Ending:
        return self.execute(list_syncs, OF_CONNECTION, given)

    def verify(self, **given: str) -> Ending:
        return self.execute(check_credentials, TOKEN, given)

    def triggered(
        self, of: Mapping[str, str] = OF_CONNECTION, sync_id: str | None = None, log_id: str | None = None
    ) -> None:
        """Run a trigger before."""
        self.expect_trigger(of, {"runId": sync_id, "syncId": sync_id} if sync_id else None)
        assert self.trigger(of, log_id=log_id) == STARTED
        self.sent.clear()

    def starts(self, ending: str = "/start") -> Any:
        return super().starts(ending)

    def files(self) -> dict[str, Any]:
        """What was saved for later steps, by file name."""
        return files(self.folder)

    def saved(self) -> dict[str, Any]:
        """The same without the pending start."""
        return {name: value for name, value in self.files().items() if "starting" not in name}

    def put(self, **variables: Any) -> None:
        """Files of other programs, by name without `.pickle`; bytes are written as they are."""
        folder = self.folder / "rudderstack-blueprints" / "variables"
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in variables.items():
            written = value if isinstance(value, bytes) else pickle.dumps(value, protocol=4)
            (folder / f"{name}.pickle").write_bytes(written)
