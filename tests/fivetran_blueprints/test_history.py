"""Fivetran - Check Sync Status: what the history of syncs and the connection add to the report of an end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endings import FAILED, JOINED, STARTED, SUCCEEDED
from tests.fivetran_blueprints.responses import ID, PAGE, UNKNOWN_ID, Fivetran, at, connection, history, past
from tests.support import NOW
from tests.wire import HTML, LOST, TIMED_OUT

FAILED_NOW, SUCCEEDED_NOW = connection(failed_at=at("12:05:00")), connection(succeeded_at=at("12:05:00"))
CANCELED = past("CANCELED", "11:00:00", "12:00:02", "theirs", "it was canceled")
OTHERS = [
    past("COMPLETED", "12:03:00", "12:04:00", "a success", "another reason"),
    past("FAILURE", "05:00:00", "06:00:00", "an older one", "another reason"),
    past("INCOMPLETE", "12:05:30", None, "a later one"),
]
FULL = "the warehouse is full"


@pytest.mark.parametrize(
    ("now", "items", "reason"),
    [
        pytest.param(FAILED_NOW, [*OTHERS, past("FAILURE", "12:04:00", "12:04:58", "ours", FULL)], FULL, id="failed"),
        pytest.param(FAILED_NOW, [past("FAILURE", None, "12:05:00", "ours", FULL)], FULL, id="before it started"),
        pytest.param(SUCCEEDED_NOW, [past("COMPLETED", "12:00:01", "12:05:00", "ours", "odd")], None, id="succeeded"),
    ],
)
def test_a_failure_has_the_reason_of_the_history_and_any_end_its_id(
    fivetran: Fivetran, now: Any, items: list[Any], reason: str | None
) -> None:
    fivetran.expect_trigger(takes=60)  # it may start while the response is awaited
    assert fivetran.trigger() == STARTED
    fivetran.ends("12:05:00", now, response=history(*items))
    ended = fivetran.check()
    assert ended == ((*FAILED, reason, PAGE) if reason else SUCCEEDED)
    assert not any(words in ended.message for words in ("another reason", "odd"))
    assert fivetran.run.report.sync_id == "ours"
    assert fivetran.run.report.details.get("reason") == reason


@pytest.mark.parametrize(
    ("now", "items", "sync_id"),
    [
        (SUCCEEDED_NOW, [CANCELED, past("COMPLETED", "12:00:02", "12:05:00", "ours")], "ours"),
        (SUCCEEDED_NOW, [past("COMPLETED", "12:00:02", "12:05:00", "ours"), CANCELED], "ours"),
        (FAILED_NOW, [CANCELED], None),
    ],
)
def test_the_sync_that_the_trigger_interrupted_is_not_reported(
    fivetran: Fivetran, now: Any, items: list[Any], sync_id: str | None
) -> None:
    fivetran.triggered(connection("syncing"))
    fivetran.ends("12:05:00", now, polls=2, response=history(*items))
    assert "it was canceled" not in fivetran.check().message
    assert fivetran.run.report.sync_id == sync_id


def test_a_joined_sync_started_before_the_trigger(fivetran: Fivetran) -> None:
    fivetran.shows(connection("syncing"))
    assert fivetran.trigger(IF_RUNNING="join") == JOINED
    response = history(past("COMPLETED", "11:00:00", "12:05:00", "joined"), past("INCOMPLETE", "12:05:01", None))
    fivetran.ends("12:05:00", since=None, response=response)
    assert fivetran.check() == SUCCEEDED
    assert fivetran.run.report.sync_id == "joined"


@pytest.mark.parametrize("others", [{}, {"force_sync": [ID, NOW.replace(day=1)]}], ids=["no handoff", "an older one"])
def test_a_sync_of_up_to_a_week_is_reported(fivetran: Fivetran, others: dict[str, Any]) -> None:
    fivetran.put(**others)
    response = history(past("FAILURE", "06:00:00", "12:05:00", "the latest", "out of memory"))
    fivetran.ends("12:05:00", FAILED_NOW, since=None, response=response)
    assert fivetran.check() == (*FAILED, "out of memory")
    assert fivetran.run.report.sync_id == "the latest"


USELESS: list[tuple[Any, int]] = [
    (None, 400),
    (None, 401),
    (UNKNOWN_ID, 404),
    (HTML, 500),
    (None, 429),
    (LOST, 0),
    (TIMED_OUT, 0),
    (HTML, 200),
    ([], 200),
    ({"code": "Success", "data": {"items": None}}, 200),
    (history("odd"), 200),
    (history(), 200),
    (history(past("FAILURE", "12:00:01", None, "x", "x")), 200),
    (history({"status": "FAILURE"}), 200),
    (history(past("FAILURE", "12:00:01", "12:05:00", 5, ["x"])), 200),
    (history(past("FAILURE", "12:00:01", "12:05:00", "x-the-secret-x", "")), 200),
    (history(past("FAILURE", "11:00:00", "11:30:00", "x", "x")), 200),
]


@pytest.mark.parametrize(("response", "status"), USELESS)
def test_a_history_that_is_of_no_help_changes_nothing_and_is_asked_for_once(
    fivetran: Fivetran, response: Any, status: int
) -> None:
    fivetran.triggered()
    fivetran.ends("12:05:00", FAILED_NOW, response=response, status=status)
    ended = fivetran.check()
    assert ended == FAILED
    assert ended.message.endswith(f"failed at 2026-11-22T12:05:00Z; see {PAGE}")
    assert fivetran.run.report.sync_id is None
    assert fivetran.clock.elapsed == 0


def test_a_failure_has_the_tasks_the_warnings_and_the_setup(fivetran: Fivetran) -> None:
    fivetran.triggered()
    now = connection(
        failed_at=at("12:05:00"),
        setup_state="broken",
        tasks=[{"code": "reconnect", "message": "Reconnect the account, not with the-secret", "details": None}],
        warnings=[{"code": "many_columns", "message": "Too many columns", "details": None}],
    )
    fivetran.ends("12:05:00", now)
    ended = fivetran.check()
    assert ended == (*FAILED, "reconnect", "Reconnect the account", "Too many columns", "broken")
    assert "Reconnect the account" in str(fivetran.run.report.details["reason"])
    assert "the-secret" not in ended.message


def test_a_reason_that_a_task_repeats_is_given_once(fivetran: Fivetran) -> None:
    fivetran.triggered()
    task = {"code": "full", "message": "the warehouse is full"}
    response = history(past("FAILURE", "12:00:01", "12:05:00", "ours", "the warehouse is full"))
    fivetran.ends("12:05:00", connection(failed_at=at("12:05:00"), tasks=[task]), response=response)
    assert fivetran.check().message.count("the warehouse is full") == 1
