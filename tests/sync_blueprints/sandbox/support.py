"""How each vendor of the sandbox is asked the same things."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

Call = Callable[..., requests.Response]


# Paths of (start, body of the start, read) for each vendor, by id.
VENDORS: dict[str, Callable[[str], tuple[str, Any, str]]] = {
    "retl": lambda one: (
        f"/v2/retl-connections/{one}/start",
        {"syncType": "incremental"},
        f"/v2/retl-connections/{one}/syncs",
    ),
    "source": lambda one: (f"/v2/sources/{one}/start", None, f"/v2/sources/{one}/status"),
    "fivetran": lambda one: (f"/v1/connections/{one}/sync", {"force": True}, f"/v1/connections/{one}"),
    "nango": lambda one: (
        "/sync/trigger",
        {"provider_config_key": "sandbox", "connection_id": one, "syncs": ["orders"]},
        f"/sync/status?provider_config_key=sandbox&connection_id={one}&syncs=orders",
    ),
}
every_vendor = pytest.mark.parametrize("vendor", VENDORS)


def word(vendor: str, response: requests.Response) -> str:
    """The status of the latest sync in the response to a read."""
    body = response.json()
    if vendor == "retl":
        return str(max(body["syncs"], key=lambda sync: sync["startedAt"])["status"])
    if vendor == "source":
        return "failed" if body.get("error") else str(body["status"])
    if vendor == "nango":
        return str(body["syncs"][0].get("latestExecutionStatus"))
    data = body["data"]
    if data["status"]["sync_state"] != "scheduled":
        return str(data["status"]["sync_state"])
    return "succeeded" if (data["succeeded_at"] or "") > (data["failed_at"] or "") else "failed"


RETL = {"running": "running", "good": "succeeded", "bad": "failed", "cancelled": "stopped", "odd": "hibernating"}
WORDS = {  # of each vendor for a sync that is running, good, bad, cancelled or odd
    "retl": RETL,
    "source": {**RETL, "good": "finished"},
    "fivetran": {**RETL, "running": "syncing", "cancelled": "paused"},
    "nango": {"running": "RUNNING", "good": "SUCCESS", "bad": "STOPPED", "cancelled": "STOPPED", "odd": "HIBERNATING"},
}
