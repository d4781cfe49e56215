"""Fivetran's responses: what is read of a connection, and what is never taken for one."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from fivetran_blueprints.api import parse_connection
from fivetran_blueprints.verdict import Connection
from shared.errors import StatusCheckFailedError
from tests.fivetran_blueprints.responses import connection


def stamp(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-22T{text}").replace(tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T12:05:00Z", "12:05:00"),
        ("2026-11-22T12:05:00.5Z", "12:05:00.500"),
        ("2026-11-22T12:05:00.123Z", "12:05:00.123"),
        ("2026-11-22T12:05:00.123456Z", "12:05:00.123456"),
        ("2026-11-22T12:05:00.123456789Z", "12:05:00.123456"),
        ("2026-11-22T14:05:00+02:00", "12:05:00"),
        (None, None),
    ],
)
def test_stamps_are_read_with_any_number_of_digits(text: str | None, expected: str | None) -> None:
    read = parse_connection(connection(succeeded_at=text, failed_at=text)["data"])
    assert read.stamps == (expected and stamp(expected),) * 2


def test_everything_that_a_verdict_needs_is_read() -> None:
    response = connection(
        "rescheduled",
        "2026-11-22T06:00:00Z",
        None,
        setup_state="broken",
        paused=True,
        schedule_type="auto",
        rescheduled_for="2026-11-22T12:30:00Z",
        tasks=[{"code": "reconnect", "message": "Reconnect it", "details": None}],
        warnings=[{"code": "slow", "message": "It is slow", "details": None}],
    )
    assert parse_connection(response["data"]) == Connection(
        stamp("06:00:00"),
        None,
        "rescheduled",
        setup_state="broken",
        paused=True,
        schedule_type="auto",
        rescheduled_for=stamp("12:30:00"),
        problems=("reconnect: Reconnect it", "slow: It is slow"),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"succeeded_at": "yesterday"},
        {"failed_at": 1795348800},
        {"sync_state": None},
        {"sync_state": ""},
        {"setup_state": 1},
        {"paused": None},
        {"paused": "false"},
    ],
)
def test_a_response_with_odd_values_is_never_taken_for_a_connection(change: dict[str, Any]) -> None:
    with pytest.raises(StatusCheckFailedError, match=next(iter(change))):
        parse_connection(connection(**change)["data"])


@pytest.mark.parametrize("key", ["succeeded_at", "failed_at", "paused", "status"])
def test_a_response_that_lacks_a_key_is_never_taken_for_a_connection(key: str) -> None:
    data = connection()["data"]
    del data[key]
    with pytest.raises(StatusCheckFailedError, match=key):
        parse_connection(data)
