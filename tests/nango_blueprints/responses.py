"""Nango's responses, made up and recorded, and the environment of the tests."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

INTEGRATION, CONNECTION, NAME = "lab-int", "conn-a", "lab-ctl"
KEY = "00000000-0000-4000-8000-000000000000"
OF_INTEGRATION = {"NANGO_SECRET_KEY": KEY, "NANGO_PROVIDER_CONFIG_KEY": INTEGRATION}
ENVIRONMENT = {**OF_INTEGRATION, "NANGO_CONNECTION_ID": CONNECTION, "NANGO_SYNCS": NAME}

STATUS, TRIGGER = "/sync/status", "/sync/trigger"
QUERY = {"provider_config_key": INTEGRATION, "syncs": NAME, "connection_id": CONNECTION}
QUERY_ALL = {"provider_config_key": INTEGRATION, "syncs": "*"}
BODY = {"provider_config_key": INTEGRATION, "syncs": [NAME], "connection_id": CONNECTION}
BODY_ALL = {"provider_config_key": INTEGRATION, "syncs": []}
ACCEPTED = {"success": True}


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


def recorded(label: str) -> tuple[int, str]:
    """Status and body of a real server's response."""
    found = [one for name, one in _recorded().items() if name == label or name.startswith(f"{label}:")]
    assert len(found) == 1, label
    return found[0]["status"], found[0]["body"]
