"""Fivetran - Check Sync Status: what one poll says, with a handoff and without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fivetran_blueprints import check_sync_status
from tests.fivetran_blueprints.responses import (
    CANCELLED,
    DETAILS,
    ENVIRONMENT,
    FAILED,
    HISTORY,
    ID,
    NOT_FOUND,
    RUNNING,
    SUCCEEDED,
    at,
    check,
    connection,
    expect_history,
    trigger,
    triggered,
)
from tests.support import FakeClock, make_run
from tests.wire import HTML, LOST, REFUSED, TIMED_OUT, Vendor, ending

SINCE = "11:59:58"  # the trigger at 12:00:00, less two seconds


def expect_end(fivetran: Vendor, since: str | None, ended_at: str, now: dict[str, Any], polls: int = 1) -> None:
    """A poll that shows an end, and the history, which this account does not have."""
    for _ in range(polls):
        fivetran.expect("GET", DETAILS, now)
    expect_history(fivetran, since, ended_at)


# With a handoff


@pytest.mark.parametrize(
    ("now", "expected", "words"),
    [
        (connection(), RUNNING, ["not started yet"]),
        (connection("syncing"), RUNNING, ["running"]),
        (connection("syncing", is_historical_sync=True), RUNNING, ["running as a historical sync"]),
        (connection("hibernating"), RUNNING, ["hibernating"]),
        (connection("rescheduled", rescheduled_for=at("13:00:00")), RUNNING, ["2026-11-22T13:00:00Z", "triggered"]),
        (
            connection("rescheduled", rescheduled_for=at("13:00:00"), schedule_type="auto"),
            RUNNING,
            ["2026-11-22T13:00:00Z"],
        ),
        (connection("paused", paused=True), CANCELLED, ["paused", "unpause"]),
        (connection("scheduled", paused=True), CANCELLED, ["paused"]),
        (connection("paused"), CANCELLED, ["paused"]),
    ],
)
def test_a_sync_without_a_new_stamp_has_not_ended(
    fivetran: Vendor,
    tmp_path: Path,
    clock: FakeClock,
    now: dict[str, Any],
    expected: tuple[int, str],
    words: list[str],
) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, now)
    ended = check(tmp_path, clock)
    assert ended == expected
    assert all(word in ended.message for word in [ID, *words])


@pytest.mark.parametrize(
    ("stamps", "ended_at", "expected"),
    [
        ((at("12:05:00.5"), at("05:00:00")), "12:05:00", SUCCEEDED),
        ((at("12:05:00"), None), "12:05:00", SUCCEEDED),
        ((at("12:09:00"), at("12:05:00")), "12:09:00", SUCCEEDED),
        ((at("12:05:00"), at("12:09:00")), "12:09:00", FAILED),
        ((at("06:00:00.123456"), at("12:05:00")), "12:05:00", FAILED),
        ((at("12:05:00"), at("12:05:00")), "12:05:00", FAILED),
        (("2026-11-22T14:05:00+02:00", at("05:00:00")), "12:05:00", SUCCEEDED),
    ],
    ids=["success", "never failed", "retried", "a later failure", "failure", "a tie", "another offset"],
)
def test_the_later_of_the_new_stamps_decides(
    fivetran: Vendor,
    tmp_path: Path,
    clock: FakeClock,
    stamps: tuple[str, str | None],
    ended_at: str,
    expected: tuple[int, str],
) -> None:
    triggered(fivetran, tmp_path)
    expect_end(fivetran, SINCE, ended_at, connection("scheduled", *stamps))
    ended = check(tmp_path, clock)
    assert ended == expected
    assert f"2026-11-22T{ended_at}Z" in ended.message


@pytest.mark.parametrize(("succeeded", "failed", "expected"), [(True, False, SUCCEEDED), (False, True, FAILED)])
def test_the_very_first_sync_is_judged_too(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, succeeded: bool, failed: bool, expected: tuple[int, str]
) -> None:
    triggered(fivetran, tmp_path, connection(succeeded_at=None, failed_at=None))
    fivetran.expect("GET", DETAILS, connection(succeeded_at=None, failed_at=None))
    assert check(tmp_path, clock) == RUNNING
    end = at("12:05:00")
    now = connection(succeeded_at=end if succeeded else None, failed_at=end if failed else None)
    expect_end(fivetran, SINCE, "12:05:00", now)
    assert check(tmp_path, clock) == expected


@pytest.mark.parametrize("offset", [-600, 0, 600])
@pytest.mark.parametrize("has_ended", [True, False])
def test_the_local_clock_decides_nothing(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, offset: float, has_ended: bool
) -> None:
    clock.offset = offset
    triggered(fivetran, tmp_path)
    if has_ended:
        expect_end(fivetran, SINCE, "12:00:04", connection(succeeded_at=at("12:00:04")))
    else:
        fivetran.expect("GET", DETAILS, connection())
    assert check(tmp_path, clock) == (SUCCEEDED if has_ended else RUNNING)


@pytest.mark.parametrize(
    "late",
    [
        connection(succeeded_at=at("11:59:57")),
        connection(failed_at=at("11:59:57.9")),
        connection(succeeded_at=at("11:30:00"), failed_at=at("11:59:00")),
    ],
)
def test_a_stamp_from_before_the_trigger_that_a_stale_read_hid_is_another_syncs(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, late: dict[str, Any]
) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, late)
    assert check(tmp_path, clock) == RUNNING


def test_a_stale_read_does_not_hide_the_end_for_good(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path, connection(succeeded_at=at("11:59:59")))
    for stale in (connection(succeeded_at=at("11:59:59")), connection(succeeded_at=at("06:00:00"))):
        fivetran.expect("GET", DETAILS, stale)
        assert check(tmp_path, clock) == RUNNING
    expect_end(fivetran, SINCE, "12:05:00", connection(succeeded_at=at("12:05:00")))
    assert check(tmp_path, clock) == SUCCEEDED


def test_it_needs_no_connector_id_and_reports_the_one_of_the_handoff(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(fivetran, tmp_path)
    expect_end(fivetran, SINCE, "12:05:00", connection(succeeded_at=at("12:05:00")))
    run = make_run(tmp_path, "fivetran", clock)
    assert ending(check_sync_status, {**ENVIRONMENT, "FIVETRAN_CONNECTOR_ID": ""}, run) == SUCCEEDED
    assert (run.report.id, run.report.url) == (ID, f"https://fivetran.com/dashboard/connections/{ID}")


@pytest.mark.parametrize(("seconds", "noted"), [(3000, False), (7300, True)])
def test_it_says_how_old_a_handoff_is_that_is_over_an_hour_old(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture, seconds: float, noted: bool
) -> None:
    triggered(fivetran, tmp_path)
    clock.elapsed += seconds
    fivetran.expect("GET", DETAILS, connection("syncing"))
    with caplog.at_level("INFO"):
        check(tmp_path, clock)
    assert ("2 h 1 min ago" in caplog.text) is noted


# Over an interrupted sync


def test_a_new_stamp_is_believed_when_two_polls_of_the_same_run_agree(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(fivetran, tmp_path, connection("syncing"))
    now = connection(succeeded_at=at("12:05:00"), failed_at=at("12:00:02"))
    expect_end(fivetran, SINCE, "12:05:00", now, polls=2)
    assert check(tmp_path, clock) == SUCCEEDED
    assert clock.sleeps == [2]


@pytest.mark.parametrize(
    "polls",
    [
        [connection(failed_at=at("12:00:02")), connection("syncing", failed_at=at("12:00:03"))],
        [connection("syncing", failed_at=at("12:00:02"))],
        [connection("syncing", succeeded_at=at("12:00:02"))],
        [connection(failed_at=at("12:00:00.9"))],
        [connection("syncing")],
    ],
    ids=["its stamps still move", "the cancel stamped it", "it completed just before", "within the Date", "no stamp"],
)
def test_what_the_interrupted_sync_left_is_not_taken_for_the_triggered_one(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, polls: list[dict[str, Any]]
) -> None:
    triggered(fivetran, tmp_path, connection("syncing"))
    for now in polls:
        fivetran.expect("GET", DETAILS, now)
    assert check(tmp_path, clock) == RUNNING


def test_what_a_poll_learned_is_not_stored(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path, connection("syncing"))
    handoff = tmp_path / "fivetran-blueprints" / "variables" / "sync.pickle"
    before = handoff.read_bytes()
    fivetran.expect("GET", DETAILS, connection("syncing", failed_at=at("12:00:02")))
    check(tmp_path, clock)
    assert handoff.read_bytes() == before


def test_a_joined_sync_ends_with_its_own_stamp(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    fivetran.expect("GET", DETAILS, connection("syncing"))
    assert trigger(make_run(tmp_path, "fivetran", clock), IF_RUNNING="join") == (0, "joined")
    fivetran.expect("GET", DETAILS, connection("syncing"))
    assert check(tmp_path, clock) == RUNNING
    expect_end(fivetran, None, "12:00:01", connection(succeeded_at=at("12:00:01")))
    assert check(tmp_path, clock) == SUCCEEDED


# Without a handoff


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (connection(), SUCCEEDED),
        (connection(failed_at=None), SUCCEEDED),
        (connection(succeeded_at=None, failed_at=at("06:00:00")), FAILED),
        (connection(failed_at=at("06:00:00.123456")), FAILED),
        (connection("paused", paused=True), SUCCEEDED),
    ],
    ids=["success", "never failed", "failure", "a tie", "paused since"],
)
def test_the_latest_sync_decides(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, now: dict[str, Any], expected: tuple[int, str]
) -> None:
    expect_end(fivetran, None, "06:00:00", now)
    ended = check(tmp_path, clock)
    assert ended == expected
    assert "2026-11-22T06:00:00Z" in ended.message


@pytest.mark.parametrize(
    ("now", "expected", "words"),
    [
        (connection(succeeded_at=None, failed_at=None), RUNNING, "never"),
        (connection("syncing"), RUNNING, "running"),
        (connection("syncing", succeeded_at=None, failed_at=None), RUNNING, "running"),
        (connection("rescheduled", rescheduled_for=at("13:00:00")), RUNNING, "2026-11-22T13:00:00Z"),
        (connection("hibernating"), RUNNING, "hibernating"),
        (connection(is_historical_sync=True), RUNNING, "historical"),
        (connection(is_historical_sync=True, failed_at=at("11:00:00")), RUNNING, "failed at 2026-11-22T11:00:00Z"),
        (connection("syncing", is_historical_sync=True), RUNNING, "historical"),
        (connection("paused", paused=True, is_historical_sync=True), CANCELLED, "paused"),
        (connection("scheduled", paused=True, is_historical_sync=True), CANCELLED, "paused"),
    ],
)
def test_a_latest_sync_that_runs_is_due_or_never_ran_has_not_ended(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, now: dict[str, Any], expected: tuple[int, str], words: str
) -> None:
    fivetran.expect("GET", DETAILS, now)
    ended = check(tmp_path, clock)
    assert ended == expected
    assert words in ended.message


def test_a_historical_sync_that_is_due_after_a_success_names_no_failure(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    fivetran.expect("GET", DETAILS, connection(is_historical_sync=True))
    assert "failed" not in check(tmp_path, clock).message


@pytest.mark.parametrize("given", [{"CONNECTOR_ID": ""}, {"CONNECTOR_ID": "", "MAX_AGE": "5", "WAIT": "TRUE"}])
def test_with_neither_an_id_nor_a_handoff_nothing_is_sent(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, given: dict[str, str]
) -> None:
    ended = check(tmp_path, clock, **given)
    assert ended == (206, "invalid_input")
    assert "FIVETRAN_CONNECTOR_ID" in ended.message
    assert fivetran.sent == []


def test_the_connection_id_is_another_name_of_the_connector_id(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    expect_end(fivetran, None, "06:00:00", connection())
    assert check(tmp_path, clock, CONNECTOR_ID="", CONNECTION_ID=ID) == SUCCEEDED


# The maximum age


@pytest.mark.parametrize("offset", [-7200.0, 0.0, 7200.0])
@pytest.mark.parametrize(("minutes", "expected"), [("361", SUCCEEDED), ("359", RUNNING)])
def test_an_age_is_measured_on_the_servers_clock(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, offset: float, minutes: str, expected: tuple[int, str]
) -> None:
    clock.offset = offset
    expect_end(fivetran, None, "06:00:00", connection())
    ended = check(tmp_path, clock, MAX_AGE=minutes)
    assert ended == expected
    assert f"2026-11-22T06:00:00Z{', more than 359 min ago' if expected == RUNNING else ''}" in ended.message


def test_an_old_failure_counts_as_not_there_yet(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    expect_end(fivetran, None, "11:00:00", connection(failed_at=at("11:00:00")))
    assert check(tmp_path, clock, MAX_AGE="10") == RUNNING


def test_an_age_is_ignored_with_a_handoff(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path)
    clock.elapsed += 7200
    expect_end(fivetran, SINCE, "12:05:00", connection(succeeded_at=at("12:05:00")))
    assert check(tmp_path, clock, MAX_AGE="1") == SUCCEEDED


# What is reported


def test_the_last_response_of_the_connection_is_kept_and_not_the_history(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    expect_end(fivetran, None, "06:00:00", connection())
    run = make_run(tmp_path, "fivetran", clock)
    ending(check_sync_status, ENVIRONMENT, run)
    kept = {name: response.body for name, response in run.kept.items()}
    assert kept == {f"connector_{ID}_response.json": connection()}


def test_the_result_has_the_states_and_the_stamps(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    now = connection("syncing", at("06:00:00.5"), None, is_historical_sync=True)
    fivetran.expect("GET", DETAILS, now)
    run = make_run(tmp_path, "fivetran", clock)
    assert ending(check_sync_status, ENVIRONMENT, run) == RUNNING
    assert run.report.details == {
        "sync_state": "syncing",
        "setup_state": "connected",
        "succeeded_at": at("06:00:00"),
        "failed_at": None,
        "rescheduled_for": None,
        "is_historical_sync": True,
    }


# Errors of a poll


@pytest.mark.parametrize(
    ("status", "response", "expected", "words"),
    [
        (401, {"code": "Unauthorized"}, (200, "invalid_credentials"), ["FIVETRAN_API_KEY", "Base64"]),
        (403, {"message": "No permission"}, (200, "invalid_credentials"), ["No permission"]),
        (404, NOT_FOUND, (204, "not_found"), [NOT_FOUND["message"]]),
        (404, HTML, (220, "unreachable"), ["404"]),
        (404, {"code": None}, (220, "unreachable"), ["404"]),
        (409, {"code": "Conflict"}, (220, "unreachable"), ["409"]),
        (400, {"message": "Bad"}, (201, "refused"), ["Bad"]),
        (200, HTML, (220, "unreachable"), []),
        (200, None, (220, "unreachable"), []),
        (200, '{"code": "Success", "data": {"id', (220, "unreachable"), []),
        (200, {"code": "Success", "data": {}}, (220, "unreachable"), []),
        (200, {"code": "Strange", "message": "Odd"}, (220, "unreachable"), ["Odd"]),
        (200, connection(id="another_one"), (220, "unreachable"), []),
    ],
)
def test_what_a_poll_is_refused_with_ends_the_check(
    fivetran: Vendor,
    tmp_path: Path,
    clock: FakeClock,
    status: int,
    response: Any,
    expected: tuple[int, str],
    words: list[str],
) -> None:
    fivetran.expect("GET", DETAILS, response, status=status)
    ended = check(tmp_path, clock)
    assert ended == expected
    assert all(word in ended.message for word in words)


@pytest.mark.parametrize(("response", "status"), [(HTML, 503), (LOST, 0), (TIMED_OUT, 0), (REFUSED, 0), (None, 429)])
def test_a_poll_is_tried_five_times(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, response: Any, status: int
) -> None:
    for _ in range(5):
        fivetran.expect("GET", DETAILS, response, status=status)
    assert check(tmp_path, clock) == (220, "unreachable")


def test_a_long_retry_after_ends_the_check_at_once_naming_it(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    fivetran.expect("GET", DETAILS, None, status=429, headers={"Retry-After": "3600"})
    ended = check(tmp_path, clock)
    assert ended == (220, "unreachable")
    assert "1 h" in ended.message
    assert clock.elapsed == 0


@pytest.mark.parametrize(
    ("seconds", "polls", "expected"), [(0, 3, RUNNING), (50, 3, RUNNING), (57, 2, (204, "not_found"))]
)
def test_a_connection_is_not_visible_yet_for_a_minute_after_the_trigger(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, seconds: float, polls: int, expected: tuple[int, str]
) -> None:
    triggered(fivetran, tmp_path)
    clock.elapsed = seconds + 1
    for _ in range(polls):
        fivetran.expect("GET", DETAILS, NOT_FOUND, status=404)
    ended = check(tmp_path, clock)
    assert ended == expected
    assert expected != RUNNING or "not visible yet" in ended.message
    assert clock.sleeps == [2] * (2 if expected == RUNNING else polls - 1)


def test_a_connection_that_shows_at_the_second_poll_is_judged(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, NOT_FOUND, status=404)
    expect_end(fivetran, SINCE, "12:00:01", connection(succeeded_at=at("12:00:01")))
    assert check(tmp_path, clock) == SUCCEEDED


def test_a_404_is_final_after_a_minute_and_without_a_handoff_at_once(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    fivetran.expect("GET", DETAILS, NOT_FOUND, status=404)
    assert check(tmp_path, clock) == (204, "not_found")
    triggered(fivetran, tmp_path)
    clock.elapsed += 61
    fivetran.expect("GET", DETAILS, NOT_FOUND, status=404)
    assert check(tmp_path, clock) == (204, "not_found")
    assert fivetran.sent[-1].path != HISTORY
