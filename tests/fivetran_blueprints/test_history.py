"""Fivetran - Check Sync Status: what the history of syncs and the connection add to the report of an end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fivetran_blueprints.responses import (
    ACCEPTED,
    FAILED,
    ID,
    NOT_FOUND,
    SINCE,
    SUCCEEDED,
    Fivetran,
    at,
    connection,
    history,
    past,
)
from tests.support import NOW
from tests.wire import HTML, LOST, TIMED_OUT

PAGE = f"https://fivetran.com/dashboard/connections/{ID}"
FAILED_NOW = connection(failed_at=at("12:05:00"))
SUCCEEDED_NOW = connection(succeeded_at=at("12:05:00"))


def test_a_failure_has_the_reason_and_the_id_of_the_history(fivetran: Fivetran) -> None:
    fivetran.triggered()
    fivetran.shows(FAILED_NOW)
    response = history(
        past("COMPLETED", "12:03:00", "12:04:00", "a success", "no"),
        past("FAILURE", "05:00:00", "06:00:00", "an older one", "an older reason"),
        past("FAILURE", "12:04:00", "12:04:58", "ours", "the warehouse is full"),
        past("INCOMPLETE", "12:05:30", None, "a later one"),
    )
    fivetran.expect_history(SINCE, "12:05:00", response)
    ended = fivetran.check()
    assert ended == (*FAILED, "the warehouse is full", PAGE)
    assert "an older reason" not in ended.message
    assert fivetran.run.report.sync_id == "ours"
    assert fivetran.run.report.details["reason"] == "the warehouse is full"


def test_a_success_has_the_id_of_the_history_and_no_reason(fivetran: Fivetran) -> None:
    fivetran.triggered()
    fivetran.shows(SUCCEEDED_NOW)
    fivetran.expect_history(SINCE, "12:05:00", history(past("COMPLETED", "12:00:01", "12:05:00", "ours", "odd")))
    ended = fivetran.check()
    assert ended == SUCCEEDED
    assert fivetran.run.report.sync_id == "ours"
    assert "odd" not in ended.message
    assert "reason" not in fivetran.run.report.details


@pytest.mark.parametrize("reverse", [False, True])
def test_the_id_is_that_of_a_sync_that_started_after_the_trigger_and_not_of_the_one_it_interrupted(
    fivetran: Fivetran, reverse: bool
) -> None:
    fivetran.triggered(connection("syncing"))
    for _ in range(2):
        fivetran.shows(connection(succeeded_at=at("12:00:30"), failed_at=at("12:00:02")))
    items = [past("CANCELED", "11:00:00", "12:00:02", "theirs"), past("COMPLETED", "12:00:02", "12:00:30", "ours")]
    fivetran.expect_history(SINCE, "12:00:30", history(*(reversed(items) if reverse else items)))
    fivetran.check()
    assert fivetran.run.report.sync_id == "ours"


def test_the_interrupted_sync_alone_is_not_reported(fivetran: Fivetran) -> None:
    fivetran.triggered(connection("syncing"))
    fivetran.shows(*[connection(failed_at=at("12:00:30"))] * 2)
    response = history(past("CANCELED", "11:00:00", "12:00:02", "theirs", "it was canceled"))
    fivetran.expect_history(SINCE, "12:00:30", response)
    ended = fivetran.check()
    assert ended == FAILED
    assert fivetran.run.report.sync_id is None
    assert "it was canceled" not in ended.message


def test_a_sync_that_started_while_the_response_was_awaited_is_reported(fivetran: Fivetran) -> None:
    fivetran.expect_trigger(ACCEPTED, takes=60)
    fivetran.trigger()
    fivetran.shows(connection(succeeded_at=at("12:05:00")))
    fivetran.expect_history(SINCE, "12:05:00", history(past("COMPLETED", "12:00:03", "12:05:00", "ours")))
    fivetran.check()
    assert fivetran.run.report.sync_id == "ours"


def test_a_sync_that_failed_before_it_started_is_reported(fivetran: Fivetran) -> None:
    fivetran.triggered()
    fivetran.shows(FAILED_NOW)
    fivetran.expect_history(SINCE, "12:05:00", history(past("FAILURE", None, "12:05:00", "ours", "no warehouse")))
    ended = fivetran.check()
    assert "no warehouse" in ended.message
    assert fivetran.run.report.sync_id == "ours"


def test_a_joined_sync_started_before_the_trigger(fivetran: Fivetran) -> None:
    fivetran.shows(connection("syncing"))
    assert fivetran.trigger(IF_RUNNING="join") == (0, "joined")
    fivetran.shows(SUCCEEDED_NOW)
    response = history(past("COMPLETED", "11:00:00", "12:05:00", "joined"), past("INCOMPLETE", "12:05:01", None))
    fivetran.expect_history(None, "12:05:00", response)
    fivetran.check()
    assert fivetran.run.report.sync_id == "joined"


def test_without_a_handoff_a_sync_of_up_to_a_week_is_reported(fivetran: Fivetran) -> None:
    fivetran.shows(FAILED_NOW)
    response = history(past("FAILURE", "06:00:00", "12:05:00", "the latest", "out of memory"))
    fivetran.expect_history(None, "12:05:00", response)
    assert fivetran.check() == (*FAILED, "out of memory")
    assert fivetran.run.report.sync_id == "the latest"


def test_the_history_of_an_older_trigger_covers_no_more_than_a_week(fivetran: Fivetran) -> None:
    fivetran.put(force_sync=[ID, NOW.replace(day=1)])
    fivetran.shows(SUCCEEDED_NOW)
    fivetran.expect_history(None, "12:05:00", history())
    assert fivetran.check() == SUCCEEDED


USELESS: list[tuple[Any, int]] = [
    (None, 400),
    (None, 401),
    (None, 403),
    (NOT_FOUND, 404),
    (HTML, 404),
    (None, 409),
    (HTML, 500),
    (None, 302),
    (None, 429),
    (LOST, 0),
    (TIMED_OUT, 0),
    (HTML, 200),
    ([], 200),
    ({"code": "Success"}, 200),
    ({"code": "Success", "data": {"items": None}}, 200),
    (history("odd"), 200),
    (history(), 200),
    (history(past("FAILURE", "12:00:01", None, "x", "x")), 200),
    (history({"status": "FAILURE"}), 200),
    (history(past("FAILURE", "12:00:01", "12:05:00", None, None)), 200),
    (history(past("FAILURE", "12:00:01", "12:05:00", 5, ["x"])), 200),
    (history(past("FAILURE", "12:00:01", "12:05:00", "x-the-secret-x", "")), 200),
    (history(past("FAILURE", "11:00:00", "11:30:00", "x", "x")), 200),
]


@pytest.mark.parametrize(("response", "status"), USELESS)
def test_a_history_that_is_of_no_help_changes_nothing_and_is_asked_for_once(
    fivetran: Fivetran, response: Any, status: int
) -> None:
    fivetran.triggered()
    fivetran.shows(FAILED_NOW)
    fivetran.expect_history(SINCE, "12:05:00", response, status)
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
    fivetran.shows(now)
    fivetran.expect_history(SINCE, "12:05:00")
    ended = fivetran.check()
    assert all(words in ended.message for words in ("reconnect", "Reconnect the account", "Too many columns", "broken"))
    assert "Reconnect the account" in str(fivetran.run.report.details["reason"])
    assert "the-secret" not in ended.message


def test_a_reason_that_a_task_repeats_is_given_once(fivetran: Fivetran) -> None:
    fivetran.triggered()
    task = {"code": "full", "message": "the warehouse is full"}
    fivetran.shows(connection(failed_at=at("12:05:00"), tasks=[task]))
    response = history(past("FAILURE", "12:00:01", "12:05:00", "ours", "the warehouse is full"))
    fivetran.expect_history(SINCE, "12:05:00", response)
    assert fivetran.check().message.count("the warehouse is full") == 1
