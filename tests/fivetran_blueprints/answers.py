"""Fivetran's answers and the environment of the tests."""

from __future__ import annotations

from typing import Any

ID = "speak_inexpensive"
ENVIRONMENT = {"FIVETRAN_API_KEY": "the-key", "FIVETRAN_API_SECRET": "the-secret", "FIVETRAN_CONNECTOR_ID": ID}
DETAILS = f"/v1/connections/{ID}"
START = f"/v1/connections/{ID}/sync"
HISTORY = f"/v1/connections/{ID}/sync-history"
ACCEPTED = {"code": "Success", "message": "Sync has been successfully triggered"}
NOT_FOUND = {"code": "NotFound_Connection", "message": "Cannot find connection with id 'speak_inexpensive'"}


def at(time: str) -> str:
    """A stamp of the day of the tests; they begin at 12:00:00."""
    return f"2026-11-22T{time}Z"


def connection(
    sync_state: str = "scheduled",
    succeeded_at: str | None = at("06:00:00.123456"),
    failed_at: str | None = at("05:00:00"),
    **more: Any,
) -> dict[str, Any]:
    """The answer of GET /v1/connections/{id}; `more` goes into `data` or its `status`, wherever the key is."""
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
