"""Fivetran - Check Sync Status: what one poll says, with a handoff and without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fivetran_blueprints.responses import (
    CANCELLED,
    FAILED,
    HISTORY,
    ID,
    NOT_FOUND,
    RUNNING,
    SINCE,
    SUCCEEDED,
    Fivetran,
    at,
    connection,
)
from tests.wire import HTML, LOST, REFUSED, TIMED_OUT

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
    fivetran: Fivetran, now: dict[str, Any], expected: tuple[int, str], words: list[str]
) -> None:
    fivetran.triggered()
    fivetran.shows(now)
    ended = fivetran.check()
    assert ended == (*expected, ID, *words)


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
    fivetran: Fivetran, stamps: tuple[str, str | None], ended_at: str, expected: tuple[int, str]
) -> None:
    fivetran.triggered()
    fivetran.ends(ended_at, since=SINCE, now=connection("scheduled", *stamps))
    assert fivetran.check() == (*expected, f"2026-11-22T{ended_at}Z")


@pytest.mark.parametrize(("succeeded", "failed", "expected"), [(True, False, SUCCEEDED), (False, True, FAILED)])
def test_the_very_first_sync_is_judged_too(
    fivetran: Fivetran, succeeded: bool, failed: bool, expected: tuple[int, str]
) -> None:
    fivetran.triggered(connection(succeeded_at=None, failed_at=None))
    fivetran.shows(connection(succeeded_at=None, failed_at=None))
    assert fivetran.check() == RUNNING
    end = at("12:05:00")
    now = connection(succeeded_at=end if succeeded else None, failed_at=end if failed else None)
    fivetran.ends("12:05:00", since=SINCE, now=now)
    assert fivetran.check() == expected


@pytest.mark.parametrize("offset", [-600, 0, 600])
@pytest.mark.parametrize("has_ended", [True, False])
def test_the_local_clock_decides_nothing(fivetran: Fivetran, offset: float, has_ended: bool) -> None:
    fivetran.clock.offset = offset
    fivetran.triggered()
    if has_ended:
        fivetran.ends("12:00:04", since=SINCE, now=connection(succeeded_at=at("12:00:04")))
    else:
        fivetran.shows(connection())
    assert fivetran.check() == (SUCCEEDED if has_ended else RUNNING)


@pytest.mark.parametrize(
    "late",
    [
        connection(succeeded_at=at("11:59:57")),
        connection(failed_at=at("11:59:57.9")),
        connection(succeeded_at=at("11:30:00"), failed_at=at("11:59:00")),
    ],
)
def test_a_stamp_from_before_the_trigger_that_a_stale_read_hid_is_another_syncs(
    fivetran: Fivetran, late: dict[str, Any]
) -> None:
    fivetran.triggered()
    fivetran.shows(late)
    assert fivetran.check() == RUNNING


def test_a_stale_read_does_not_hide_the_end_for_good(fivetran: Fivetran) -> None:
    fivetran.triggered(connection(succeeded_at=at("11:59:59")))
    for stale in (connection(succeeded_at=at("11:59:59")), connection(succeeded_at=at("06:00:00"))):
        fivetran.shows(stale)
        assert fivetran.check() == RUNNING
    fivetran.ends("12:05:00", since=SINCE, now=connection(succeeded_at=at("12:05:00")))
    assert fivetran.check() == SUCCEEDED


def test_it_needs_no_connector_id_and_reports_the_one_of_the_handoff(fivetran: Fivetran) -> None:
    fivetran.triggered()
    fivetran.ends("12:05:00", since=SINCE, now=connection(succeeded_at=at("12:05:00")))
    assert fivetran.check(CONNECTOR_ID="") == SUCCEEDED
    assert (fivetran.run.report.id, fivetran.run.report.url) == (ID, f"https://fivetran.com/dashboard/connections/{ID}")


@pytest.mark.parametrize(("seconds", "noted"), [(3000, False), (7300, True)])
def test_it_says_how_old_a_handoff_is_that_is_over_an_hour_old(
    fivetran: Fivetran, caplog: pytest.LogCaptureFixture, seconds: float, noted: bool
) -> None:
    fivetran.triggered()
    fivetran.clock.elapsed += seconds
    fivetran.shows(connection("syncing"))
    with caplog.at_level("INFO"):
        fivetran.check()
    assert ("2 h 1 min ago" in caplog.text) is noted


# Over an interrupted sync


def test_a_new_stamp_is_believed_when_two_polls_of_the_same_run_agree(fivetran: Fivetran) -> None:
    fivetran.triggered(connection("syncing"))
    now = connection(succeeded_at=at("12:05:00"), failed_at=at("12:00:02"))
    fivetran.ends("12:05:00", since=SINCE, now=now, polls=2)
    assert fivetran.check() == SUCCEEDED
    assert fivetran.clock.sleeps == [2]


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
    fivetran: Fivetran, polls: list[dict[str, Any]]
) -> None:
    fivetran.triggered(connection("syncing"))
    for now in polls:
        fivetran.shows(now)
    assert fivetran.check() == RUNNING


def test_what_a_poll_learned_is_not_stored(fivetran: Fivetran, tmp_path: Path) -> None:
    fivetran.triggered(connection("syncing"))
    handoff = tmp_path / "fivetran-blueprints" / "variables" / "sync.pickle"
    before = handoff.read_bytes()
    fivetran.shows(connection("syncing", failed_at=at("12:00:02")))
    fivetran.check()
    assert handoff.read_bytes() == before


def test_a_joined_sync_ends_with_its_own_stamp(fivetran: Fivetran) -> None:
    fivetran.shows(connection("syncing"))
    assert fivetran.trigger(IF_RUNNING="join") == (0, "joined")
    fivetran.shows(connection("syncing"))
    assert fivetran.check() == RUNNING
    fivetran.ends("12:00:01", since=None, now=connection(succeeded_at=at("12:00:01")))
    assert fivetran.check() == SUCCEEDED


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
def test_the_latest_sync_decides(fivetran: Fivetran, now: dict[str, Any], expected: tuple[int, str]) -> None:
    fivetran.ends("06:00:00", since=None, now=now)
    assert fivetran.check() == (*expected, "2026-11-22T06:00:00Z")


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
    fivetran: Fivetran, now: dict[str, Any], expected: tuple[int, str], words: str
) -> None:
    fivetran.shows(now)
    assert fivetran.check() == (*expected, words)


def test_a_historical_sync_that_is_due_after_a_success_names_no_failure(fivetran: Fivetran) -> None:
    fivetran.shows(connection(is_historical_sync=True))
    assert "failed" not in fivetran.check().message


@pytest.mark.parametrize("given", [{"CONNECTOR_ID": ""}, {"CONNECTOR_ID": "", "MAX_AGE": "5", "WAIT": "TRUE"}])
def test_with_neither_an_id_nor_a_handoff_nothing_is_sent(fivetran: Fivetran, given: dict[str, str]) -> None:
    assert fivetran.check(**given) == (206, "invalid_input", "FIVETRAN_CONNECTOR_ID")
    assert fivetran.sent == []


def test_the_connection_id_is_another_name_of_the_connector_id(fivetran: Fivetran) -> None:
    fivetran.ends("06:00:00", since=None, now=connection())
    assert fivetran.check(CONNECTOR_ID="", CONNECTION_ID=ID) == SUCCEEDED


# The maximum age


@pytest.mark.parametrize("offset", [-7200.0, 0.0, 7200.0])
@pytest.mark.parametrize(("minutes", "expected"), [("361", SUCCEEDED), ("359", RUNNING)])
def test_an_age_is_measured_on_the_servers_clock(
    fivetran: Fivetran, offset: float, minutes: str, expected: tuple[int, str]
) -> None:
    fivetran.clock.offset = offset
    fivetran.ends("06:00:00", since=None, now=connection())
    assert fivetran.check(MAX_AGE=minutes) == (
        *expected,
        f"2026-11-22T06:00:00Z{', more than 359 min ago' if expected == RUNNING else ''}",
    )


def test_an_old_failure_counts_as_not_there_yet(fivetran: Fivetran) -> None:
    fivetran.ends("11:00:00", since=None, now=connection(failed_at=at("11:00:00")))
    assert fivetran.check(MAX_AGE="10") == RUNNING


def test_an_age_is_ignored_with_a_handoff(fivetran: Fivetran) -> None:
    fivetran.triggered()
    fivetran.clock.elapsed += 7200
    fivetran.ends("12:05:00", since=SINCE, now=connection(succeeded_at=at("12:05:00")))
    assert fivetran.check(MAX_AGE="1") == SUCCEEDED


# What is reported


def test_the_last_response_of_the_connection_is_kept_and_not_the_history(fivetran: Fivetran) -> None:
    fivetran.ends("06:00:00", since=None, now=connection())
    fivetran.check()
    kept = {name: response.body for name, response in fivetran.run.kept.items()}
    assert kept == {f"connector_{ID}_response.json": connection()}


def test_the_result_has_the_states_and_the_stamps(fivetran: Fivetran) -> None:
    now = connection("syncing", at("06:00:00.5"), None, is_historical_sync=True)
    fivetran.shows(now)
    assert fivetran.check() == RUNNING
    assert fivetran.run.report.details == {
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
    fivetran: Fivetran, status: int, response: Any, expected: tuple[int, str], words: list[str]
) -> None:
    fivetran.shows(response, status=status)
    assert fivetran.check() == (*expected, *words)


@pytest.mark.parametrize(("response", "status"), [(HTML, 503), (LOST, 0), (TIMED_OUT, 0), (REFUSED, 0), (None, 429)])
def test_a_poll_is_tried_five_times(fivetran: Fivetran, response: Any, status: int) -> None:
    fivetran.shows(*[response] * 5, status=status)
    assert fivetran.check() == (220, "unreachable")


def test_a_long_retry_after_ends_the_check_at_once_naming_it(fivetran: Fivetran) -> None:
    fivetran.shows(None, status=429, headers={"Retry-After": "3600"})
    assert fivetran.check() == (220, "unreachable", "1 h")
    assert fivetran.clock.elapsed == 0


@pytest.mark.parametrize(
    ("seconds", "polls", "expected"), [(0, 3, RUNNING), (50, 3, RUNNING), (57, 2, (204, "not_found"))]
)
def test_a_connection_is_not_visible_yet_for_a_minute_after_the_trigger(
    fivetran: Fivetran, seconds: float, polls: int, expected: tuple[int, str]
) -> None:
    fivetran.triggered()
    fivetran.clock.elapsed = seconds + 1
    for _ in range(polls):
        fivetran.shows(NOT_FOUND, status=404)
    ended = fivetran.check()
    assert ended == expected
    assert expected != RUNNING or "not visible yet" in ended.message
    assert fivetran.clock.sleeps == [2] * (2 if expected == RUNNING else polls - 1)


def test_a_connection_that_shows_at_the_second_poll_is_judged(fivetran: Fivetran) -> None:
    fivetran.triggered()
    fivetran.shows(NOT_FOUND, status=404)
    fivetran.ends("12:00:01", since=SINCE, now=connection(succeeded_at=at("12:00:01")))
    assert fivetran.check() == SUCCEEDED


def test_a_404_is_final_after_a_minute_and_without_a_handoff_at_once(fivetran: Fivetran) -> None:
    fivetran.shows(NOT_FOUND, status=404)
    assert fivetran.check() == (204, "not_found")
    fivetran.triggered()
    fivetran.clock.elapsed += 61
    fivetran.shows(NOT_FOUND, status=404)
    assert fivetran.check() == (204, "not_found")
    assert fivetran.sent[-1].path != HISTORY
