"""Fivetran - Check Sync Status: what the history of syncs and the connection add to the report of an end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endings import FAILED, JOINED, STARTED, SUCCEEDED
from tests.fivetran_blueprints.responses import ID, UNKNOWN_ID, Fivetran, at, connection, history, past
from tests.support import NOW
from tests.wire import HTML, LOST, TIMED_OUT

PAGE = f"https://fivetran.com/dashboard/connections/{ID}"
FAILED_NOW = connection(failed_at=at("12:05:00"))


def test_a_failure_has_the_reason_and_the_id_of_the_history(fivetran: Fivetran) -> None:
    fivetran.triggered()
    response = history(
        past("COMPLETED", "12:03:00", "12:04:00", "a success", "no"),
        past("FAILURE", "05:00:00", "06:00:00", "an older one", "an older reason"),
        past("FAILURE", "12:04:00", "12:04:58", "ours", "the warehouse is full"),
        past("INCOMPLETE", "12:05:30", None, "a later one"),
    )
    fivetran.ends("12:05:00", FAILED_NOW, response=response)
    ended = fivetran.check()
    assert ended == (*FAILED, "the warehouse is full", PAGE)
    assert "an older reason" not in ended.message
    assert fivetran.run.report.sync_id == "ours"
    assert fivetran.run.report.details["reason"] == "the warehouse is full"


def test_a_success_has_the_id_of_the_history_and_no_reason(fivetran: Fivetran) -> None:
    fivetran.triggered()
    fivetran.ends("12:05:00", response=history(past("COMPLETED", "12:00:01", "12:05:00", "ours", "odd")))
    ended = fivetran.check()
    assert ended == SUCCEEDED
    assert "odd" not in ended.message
    assert fivetran.run.report.sync_id == "ours"
    assert "reason" not in fivetran.run.report.details


@pytest.mark.parametrize("order", [1, -1])
def test_the_id_is_that_of_a_sync_that_started_after_the_trigger_and_not_of_the_one_it_interrupted(
    fivetran: Fivetran, order: int
) -> None:
    fivetran.triggered(connection("syncing"))
    now = connection(succeeded_at=at("12:00:30"), failed_at=at("12:00:02"))
    items = [past("CANCELED", "11:00:00", "12:00:02", "theirs"), past("COMPLETED", "12:00:02", "12:00:30", "ours")]
    fivetran.ends("12:00:30", now, polls=2, response=history(*items[::order]))
    assert fivetran.check() == SUCCEEDED
    assert fivetran.run.report.sync_id == "ours"


def test_the_interrupted_sync_alone_is_not_reported(fivetran: Fivetran) -> None:
    fivetran.triggered(connection("syncing"))
    response = history(past("CANCELED", "11:00:00", "12:00:02", "theirs", "it was canceled"))
    fivetran.ends("12:00:30", connection(failed_at=at("12:00:30")), polls=2, response=response)
    ended = fivetran.check()
    assert ended == FAILED
    assert "it was canceled" not in ended.message
    assert fivetran.run.report.sync_id is None


def test_a_sync_that_started_while_the_response_was_awaited_is_reported(fivetran: Fivetran) -> None:
    fivetran.expect_trigger(takes=60)
    assert fivetran.trigger() == STARTED
    fivetran.ends("12:05:00", response=history(past("COMPLETED", "12:00:03", "12:05:00", "ours")))
    assert fivetran.check() == SUCCEEDED
    assert fivetran.run.report.sync_id == "ours"


def test_a_sync_that_failed_before_it_started_is_reported(fivetran: Fivetran) -> None:
    fivetran.triggered()
    fivetran.ends("12:05:00", FAILED_NOW, response=history(past("FAILURE", None, "12:05:00", "ours", "no warehouse")))
    assert fivetran.check() == (*FAILED, "no warehouse")
    assert fivetran.run.report.sync_id == "ours"


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
    (HTML, 404),
    (None, 409),
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
