"""Nango's responses, made up and recorded, and the environment of the tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.endings import STARTED
from tests.wire import Scripts

INTEGRATION, CONNECTION, NAME = "lab-int", "conn-a", "lab-ctl"
KEY = "00000000-0000-4000-8000-000000000000"
ONLY_THE_KEY = {"NANGO_SECRET_KEY": KEY}
OF_INTEGRATION = {**ONLY_THE_KEY, "NANGO_PROVIDER_CONFIG_KEY": INTEGRATION}
ENVIRONMENT = {**OF_INTEGRATION, "NANGO_CONNECTION_ID": CONNECTION, "NANGO_SYNCS": NAME}

STATUS, TRIGGER = "/sync/status", "/sync/trigger"
QUERY = {"provider_config_key": INTEGRATION, "syncs": NAME, "connection_id": CONNECTION}
BODY = {"provider_config_key": INTEGRATION, "syncs": [NAME], "connection_id": CONNECTION}
ACCEPTED = {"success": True}
NEW = "12:00:05"  # an end after a trigger at 12:00:00


def at(time: str) -> str:
    """A time of the day of the tests, which begin at 12:00:00, as Nango writes it."""
    return f"2026-11-22T{time if '.' in time else time + '.000'}Z"


def entry(
    execution: str | None = "SUCCESS",
    finished: str | None = "06:00:00.123",
    *,
    name: str = NAME,
    connection: str = CONNECTION,
    variant: str = "base",
    **more: Any,
) -> dict[str, Any]:
    """One entry of /sync/status; its id says what it is of. None leaves a key out."""
    words = {"RUNNING": "RUNNING", "SUCCESS": "SUCCESS", "STOPPED": "ERROR", None: "SUCCESS"}
    found = {
        "id": f"id of {connection}/{name}::{variant}",
        "connection_id": connection,
        "type": "INITIAL",
        "finishedAt": None if finished is None else at(finished),
        "nextScheduledSyncAt": "2026-11-23T02:47:49.077Z",
        "name": name,
        "variant": variant,
        "status": words.get(execution, execution),
        "frequency": "every day",
        "latestResult": {"LabItem": {"added": 1, "updated": 2, "deleted": 0}},
        "latestExecutionStatus": execution,
        "recordCount": {"LabItem": 3},
        "checkpoint": None,
        **more,
    }
    return {key: value for key, value in found.items() if value is not None or key == "checkpoint"}


def running(**more: Any) -> dict[str, Any]:
    """An entry that is running: without an end."""
    return entry("RUNNING", None, **more)


def never(**more: Any) -> dict[str, Any]:
    """An entry that never ran."""
    return entry(None, None, latestResult=None, **more)


def entries(*found: dict[str, Any]) -> dict[str, Any]:
    return {"syncs": list(found)}


def forbidden(scope: str) -> dict[str, Any]:
    """The body of a 403 for a key that lacks a scope."""
    return {"error": {"code": "forbidden", "message": f"Insufficient scope. Required: {scope}"}}


@lru_cache
def _recorded() -> dict[str, dict[str, Any]]:
    path = Path(__file__).resolve().parents[1] / "recorded" / "nango.jsonl"
    return {one["label"]: one for one in map(json.loads, path.read_text(encoding="utf-8").splitlines())}


def replay(label: str) -> dict[str, Any]:
    """A real server's response, as arguments of `Nango.responds` and `Nango.expect_start`."""
    status, body = recorded(label)
    return {"response": body, "status": status}


def recorded(label: str) -> tuple[int, str]:
    """Status and body of a real server's response."""
    found = [one for name, one in _recorded().items() if name == label or name.startswith(f"{label}:")]
    assert len(found) == 1, label
    return found[0]["status"], found[0]["body"]


@dataclass
class Nango(Scripts):
    """What is expected of Nango's scripts, and the scripts themselves.

    `of` are the key, and the inputs that say which syncs are meant.
    """

    name = "nango"
    home = "https://api.nango.dev"
    credentials = ONLY_THE_KEY
    of = ENVIRONMENT
    query = QUERY
    body = BODY
    start_path = TRIGGER

    def selects(self, connection: str | None, syncs: str | None) -> None:
        """From now on the inputs name these, and so do the requests; None means all."""
        named = {} if connection is None else {"connection_id": connection}
        self.of = OF_INTEGRATION | {f"NANGO_{name.upper()}": value for name, value in named.items()}
        self.of |= {"NANGO_SYNCS": syncs} if syncs else {}
        self.query = {"provider_config_key": INTEGRATION, "syncs": syncs or "*", **named}
        self.body = {**self.query, "syncs": syncs.split(",") if syncs else []}

    def shows(self, *found: Any, **more: Any) -> None:
        """The next read of the status, and the entries that it shows."""
        self.responds(entries(*found), **more)

    def polls(self, *seen: Any) -> None:
        """One read after the other; each shows an entry or a list of entries."""
        for found in seen:
            self.shows(*(found if isinstance(found, list) else [found]))

    def responds(self, response: Any, query: Mapping[str, str] | None = None, **more: Any) -> None:
        """The next read of the status, and any response."""
        self.expect("GET", STATUS, response, query=self.query if query is None else query, **more)

    def expect_start(self, response: Any = ACCEPTED, *, opts: Any = None, **more: Any) -> None:
        """A trigger request, which is accepted unless `response` says otherwise."""
        body = {**self.body, "opts": opts} if opts else self.body
        self.expect("POST", TRIGGER, response, **{"body": body, **more})

    def expect_trigger(self, *before: Any, **more: Any) -> None:
        """The read before a trigger request, and that request."""
        self.shows(*(before or [entry()]))
        self.expect_start(**more)

    def triggered(self, *before: Any, after: float = 60, **given: str) -> None:
        """Run a trigger `after` seconds before now; `before` are the entries before it."""
        self.expect_trigger(*before)
        assert self.trigger(**given) == STARTED
        self.sent.clear()
        self.clock.sleep(after)
