"""Fivetran - Check Sync Status: what the history of syncs and the connection add to the report of an end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fivetran_blueprints import check_sync_status
from shared.context import Run
from shared.redaction import Redactor
from tests.fivetran_blueprints.responses import (
    ACCEPTED,
    DETAILS,
    ENVIRONMENT,
    FAILED,
    FORCE,
    ID,
    NOT_FOUND,
    START,
    SUCCEEDED,
    at,
    check,
    connection,
    expect_history,
    history,
    past,
    put,
    trigger,
    triggered,
)
from tests.support import NOW, FakeClock, make_run
from tests.wire import HTML, LOST, TIMED_OUT, Ending, Vendor, ending

SINCE = "11:59:58"  # the trigger at 12:00:00, less two seconds
PAGE = f"https://fivetran.com/dashboard/connections/{ID}"
FAILED_NOW = connection(failed_at=at("12:05:00"))
SUCCEEDED_NOW = connection(succeeded_at=at("12:05:00"))


def checked(folder: Path, clock: FakeClock) -> tuple[Ending, Run]:
    run = make_run(folder, "fivetran", clock, redactor=Redactor(pairs=["the-key", "the-secret"]))
    return ending(check_sync_status, ENVIRONMENT, run), run


def test_a_failure_has_the_reason_and_the_id_of_the_history(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, FAILED_NOW)
    response = history(
        past("COMPLETED", "12:03:00", "12:04:00", "a success", "no"),
        past("FAILURE", "05:00:00", "06:00:00", "an older one", "an older reason"),
        past("FAILURE", "12:04:00", "12:04:58", "ours", "the warehouse is full"),
        past("INCOMPLETE", "12:05:30", None, "a later one"),
    )
    expect_history(fivetran, SINCE, "12:05:00", response)
    ended, run = checked(tmp_path, clock)
    assert ended == FAILED
    assert all(words in ended.message for words in ("the warehouse is full", PAGE))
    assert "an older reason" not in ended.message
    assert run.report.sync_id == "ours"
    assert run.report.details["reason"] == "the warehouse is full"


def test_a_success_has_the_id_of_the_history_and_no_reason(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, SUCCEEDED_NOW)
    expect_history(fivetran, SINCE, "12:05:00", history(past("COMPLETED", "12:00:01", "12:05:00", "ours", "odd")))
    ended, run = checked(tmp_path, clock)
    assert ended == SUCCEEDED
    assert run.report.sync_id == "ours"
    assert "odd" not in ended.message
    assert "reason" not in run.report.details


@pytest.mark.parametrize("reverse", [False, True])
def test_the_id_is_that_of_a_sync_that_started_after_the_trigger_and_not_of_the_one_it_interrupted(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, reverse: bool
) -> None:
    triggered(fivetran, tmp_path, connection("syncing"))
    for _ in range(2):
        fivetran.expect("GET", DETAILS, connection(succeeded_at=at("12:00:30"), failed_at=at("12:00:02")))
    items = [past("CANCELED", "11:00:00", "12:00:02", "theirs"), past("COMPLETED", "12:00:02", "12:00:30", "ours")]
    expect_history(fivetran, SINCE, "12:00:30", history(*(reversed(items) if reverse else items)))
    assert checked(tmp_path, clock)[1].report.sync_id == "ours"


def test_the_interrupted_sync_alone_is_not_reported(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path, connection("syncing"))
    for _ in range(2):
        fivetran.expect("GET", DETAILS, connection(failed_at=at("12:00:30")))
    response = history(past("CANCELED", "11:00:00", "12:00:02", "theirs", "it was canceled"))
    expect_history(fivetran, SINCE, "12:00:30", response)
    ended, run = checked(tmp_path, clock)
    assert ended == FAILED
    assert run.report.sync_id is None
    assert "it was canceled" not in ended.message


def test_a_sync_that_started_while_the_response_was_awaited_is_reported(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, run: Run
) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE, takes=60)
    trigger(run)
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("12:05:00")))
    expect_history(fivetran, SINCE, "12:05:00", history(past("COMPLETED", "12:00:03", "12:05:00", "ours")))
    assert checked(tmp_path, clock)[1].report.sync_id == "ours"


def test_a_sync_that_failed_before_it_started_is_reported(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, FAILED_NOW)
    expect_history(fivetran, SINCE, "12:05:00", history(past("FAILURE", None, "12:05:00", "ours", "no warehouse")))
    ended, run = checked(tmp_path, clock)
    assert "no warehouse" in ended.message
    assert run.report.sync_id == "ours"


def test_a_joined_sync_started_before_the_trigger(fivetran: Vendor, tmp_path: Path, clock: FakeClock, run: Run) -> None:
    fivetran.expect("GET", DETAILS, connection("syncing"))
    assert trigger(run, IF_RUNNING="join") == (0, "joined")
    fivetran.expect("GET", DETAILS, SUCCEEDED_NOW)
    response = history(past("COMPLETED", "11:00:00", "12:05:00", "joined"), past("INCOMPLETE", "12:05:01", None))
    expect_history(fivetran, None, "12:05:00", response)
    assert checked(tmp_path, clock)[1].report.sync_id == "joined"


def test_without_a_handoff_a_sync_of_up_to_a_week_is_reported(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    fivetran.expect("GET", DETAILS, FAILED_NOW)
    response = history(past("FAILURE", "06:00:00", "12:05:00", "the latest", "out of memory"))
    expect_history(fivetran, None, "12:05:00", response)
    ended, run = checked(tmp_path, clock)
    assert ended == FAILED
    assert "out of memory" in ended.message
    assert run.report.sync_id == "the latest"


def test_the_history_of_an_older_trigger_covers_no_more_than_a_week(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    put(tmp_path, force_sync=[ID, NOW.replace(day=1)])
    fivetran.expect("GET", DETAILS, SUCCEEDED_NOW)
    expect_history(fivetran, None, "12:05:00", history())
    assert check(tmp_path, clock) == SUCCEEDED


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
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, response: Any, status: int
) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, FAILED_NOW)
    expect_history(fivetran, SINCE, "12:05:00", response, status)
    ended, run = checked(tmp_path, clock)
    assert ended == FAILED
    assert ended.message.endswith(f"failed at 2026-11-22T12:05:00Z; see {PAGE}")
    assert run.report.sync_id is None
    assert clock.elapsed == 0


def test_a_failure_has_the_tasks_the_warnings_and_the_setup(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path)
    now = connection(
        failed_at=at("12:05:00"),
        setup_state="broken",
        tasks=[{"code": "reconnect", "message": "Reconnect the account, not with the-secret", "details": None}],
        warnings=[{"code": "many_columns", "message": "Too many columns", "details": None}],
    )
    fivetran.expect("GET", DETAILS, now)
    expect_history(fivetran, SINCE, "12:05:00")
    ended, run = checked(tmp_path, clock)
    assert all(words in ended.message for words in ("reconnect", "Reconnect the account", "Too many columns", "broken"))
    assert "Reconnect the account" in str(run.report.details["reason"])
    assert "the-secret" not in ended.message


def test_a_reason_that_a_task_repeats_is_given_once(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path)
    task = {"code": "full", "message": "the warehouse is full"}
    fivetran.expect("GET", DETAILS, connection(failed_at=at("12:05:00"), tasks=[task]))
    response = history(past("FAILURE", "12:00:01", "12:05:00", "ours", "the warehouse is full"))
    expect_history(fivetran, SINCE, "12:05:00", response)
    assert checked(tmp_path, clock)[0].message.count("the warehouse is full") == 1
