"""RudderStack - Check Sync Status: which sync is checked, and how each run ends."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from rudderstack_blueprints import check_sync_status, trigger_sync
from tests.rudderstack_blueprints.responses import (
    CONNECTION,
    OF_CONNECTION,
    OF_SOURCE,
    RUN_STATUS,
    SOURCE,
    SOURCE_PATH,
    SOURCE_STATUS,
    SYNC,
    SYNCS,
    TOKEN,
    a_run,
    expect_read,
    expect_start,
    sync,
)
from tests.support import FakeClock, make_run
from tests.wire import HTML, LOST, Ending, Vendor, ending

SUCCEEDED, FAILED, RUNNING = (0, "succeeded"), (211, "failed"), (210, "running")
CANCELLED, UNKNOWN, UNREACHABLE = (212, "cancelled"), (213, "unknown"), (220, "unreachable")
REJECTED_ROWS = {"succeeded": {"total": 88}, "failed": {"total": 2}, "changed": {"total": 90}, "total": 90}


def check(tmp_path: Path, clock: FakeClock, given: dict[str, str], *upstream: str, **more: str) -> Ending:
    """Run the check with these inputs, `more` of them named without RUDDERSTACK_."""
    given = {**given, **{f"RUDDERSTACK_{name}": value for name, value in more.items()}}
    return ending(check_sync_status, given, make_run(tmp_path, "rudderstack", clock, upstream=upstream))


def triggered(
    rudderstack: Vendor, tmp_path: Path, of: dict[str, str], sync_id: str | None = None, log_id: str | None = None
) -> None:
    """Run a trigger in the same artifacts folder."""
    expect_read(rudderstack, of)
    expect_start(rudderstack, of, {"runId": sync_id, "syncId": sync_id} if sync_id else None)
    run = make_run(tmp_path, "rudderstack", rudderstack.clock, log_id=log_id)
    assert ending(trigger_sync, of, run) == (0, "started")
    rudderstack.sent.clear()


def saved(tmp_path: Path, **variables: Any) -> None:
    """Files of other programs, by name without `.pickle`."""
    folder = tmp_path / "rudderstack-blueprints" / "variables"
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in variables.items():
        (folder / f"{name}.pickle").write_bytes(value if isinstance(value, bytes) else pickle.dumps(value, protocol=4))


# A sync that a trigger started


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (sync("running"), RUNNING),
        (sync("queued"), RUNNING),
        (sync("succeeded"), SUCCEEDED),
        (sync("failed", error="no such table"), FAILED),
        (sync("stopped"), CANCELLED),
        (sync("resting"), UNKNOWN),
        ({"id": "sync-1"}, UNKNOWN),
        ({"status": "succeeded"}, SUCCEEDED),
        (sync("succeeded", "another"), UNREACHABLE),
        (sync("succeeded") | {"status": 5}, UNREACHABLE),
        ([], UNREACHABLE),
        (HTML, UNREACHABLE),
    ],
)
def test_a_sync_of_a_connection_is_polled_by_its_id(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock, response: Any, expected: tuple[int, str]
) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION)
    rudderstack.expect("GET", SYNC, response)
    ended = check(tmp_path, clock, OF_CONNECTION)
    assert ended == expected
    assert f"sync sync-1 of connection {CONNECTION} " in ended.message or expected == UNREACHABLE


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (a_run("running"), RUNNING),
        (a_run("finished", finished="12:01:00"), SUCCEEDED),
        (a_run("finished", finished="12:01:00", error="no such table"), FAILED),
        (a_run("failed", error="no such table"), FAILED),
        (a_run("canceled"), CANCELLED),
        (a_run("resting"), UNKNOWN),
        (a_run(None), RUNNING),
        ({}, RUNNING),
        (a_run(None, finished="12:01:00"), SUCCEEDED),
        ({"started_at": "2026-11-22T12:00:00Z", "finished_at": "2026-11-22T12:01:00Z"}, SUCCEEDED),
        ({"status": 5}, UNREACHABLE),
        ([], UNREACHABLE),
        (None, UNREACHABLE),
        ('{"status": "fin', UNREACHABLE),
    ],
)
def test_a_run_of_a_source_is_polled_by_its_id(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock, response: Any, expected: tuple[int, str]
) -> None:
    triggered(rudderstack, tmp_path, OF_SOURCE)
    rudderstack.expect("GET", RUN_STATUS, response)
    ended = check(tmp_path, clock, OF_SOURCE)
    assert ended == expected
    assert f"sync run-1 of source {SOURCE} " in ended.message or expected == UNREACHABLE


@pytest.mark.parametrize("of", [OF_SOURCE, OF_CONNECTION], ids=["source", "connection"])
def test_it_needs_no_id(rudderstack: Vendor, tmp_path: Path, clock: FakeClock, of: dict[str, str]) -> None:
    triggered(rudderstack, tmp_path, of)
    path, response = (RUN_STATUS, a_run("finished")) if of is OF_SOURCE else (SYNC, sync("succeeded"))
    rudderstack.expect("GET", path, response)
    assert check(tmp_path, clock, TOKEN) == SUCCEEDED


def test_an_id_of_a_sync_is_quoted_in_the_url(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION, sync_id="a/../b?c")
    rudderstack.expect("GET", f"{SYNCS}/a%2F..%2Fb%3Fc", sync("succeeded", "a/../b?c"))
    assert check(tmp_path, clock, OF_CONNECTION) == SUCCEEDED


@pytest.mark.parametrize(("after", "expected"), [(0, RUNNING), (30, RUNNING), (61, (204, "not_found"))])
@pytest.mark.parametrize("of", [OF_SOURCE, OF_CONNECTION], ids=["source", "connection"])
def test_a_sync_is_not_not_found_for_a_minute_after_its_start(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock, of: dict[str, str], after: int, expected: tuple[int, str]
) -> None:
    triggered(rudderstack, tmp_path, of)
    clock.sleep(after)
    rudderstack.expect("GET", RUN_STATUS if of is OF_SOURCE else SYNC, None, status=404, many=True)
    ended = check(tmp_path, clock, of)
    assert ended == expected
    assert len(rudderstack.sent) == (3 if expected == RUNNING else 1)
    assert "does not know" in ended.message


def test_a_sync_that_becomes_visible_is_checked(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION)
    for _ in range(2):
        rudderstack.expect("GET", SYNC, None, status=404)
    rudderstack.expect("GET", SYNC, sync("succeeded"))
    assert check(tmp_path, clock, OF_CONNECTION) == SUCCEEDED


def test_of_two_upstream_triggers_the_inputs_choose(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION, log_id="5")
    triggered(rudderstack, tmp_path, OF_SOURCE, log_id="6")
    rudderstack.expect("GET", SYNC, sync("succeeded"))
    assert check(tmp_path, clock, OF_CONNECTION, "5", "6") == SUCCEEDED
    rudderstack.expect("GET", RUN_STATUS, a_run("failed"))
    assert check(tmp_path, clock, OF_SOURCE, "5", "6") == FAILED


def test_a_handoff_of_the_other_kind_is_ignored_with_a_warning(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION)
    rudderstack.expect("GET", SOURCE_STATUS, a_run("finished"))
    assert check(tmp_path, clock, OF_SOURCE) == SUCCEEDED
    (warning,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert "ignoring sync.pickle" in warning
    assert SOURCE in warning
    assert "None" not in warning


def test_a_trigger_that_started_nothing_is_not_followed_by_an_older_success(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(rudderstack, tmp_path, OF_SOURCE)
    rudderstack.expect("GET", SOURCE_STATUS, None, status=404)
    assert ending(trigger_sync, OF_SOURCE, make_run(tmp_path, "rudderstack", clock)) == (204, "not_found")
    rudderstack.sent.clear()
    for given in (TOKEN, OF_SOURCE):
        ended = check(tmp_path, clock, given)
        assert ended == (221, "artifact_error")
        assert "204 (not_found)" in ended.message
    assert rudderstack.sent == []


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (a_run("finished", "11:00:00", "11:05:00"), RUNNING),
        (a_run("running", "12:00:01"), RUNNING),
        (a_run("finished", "12:00:01", "12:01:00"), SUCCEEDED),
        (a_run("finished", "12:00:01", "12:01:00", error="no such table"), FAILED),
        (a_run("finished", "12:30:00", "12:40:00"), UNKNOWN),
    ],
)
def test_a_run_without_an_id_is_told_from_others_by_its_start(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock, run: dict[str, Any], expected: tuple[int, str]
) -> None:
    expect_read(rudderstack, OF_SOURCE)
    expect_start(rudderstack, OF_SOURCE, status=204)
    rudderstack.expect("GET", SOURCE_STATUS, a_run("running", "12:00:01"))
    assert ending(trigger_sync, OF_SOURCE, make_run(tmp_path, "rudderstack", clock)) == (0, "started")
    rudderstack.expect("GET", SOURCE_STATUS, run)
    assert check(tmp_path, clock, OF_SOURCE) == expected


def test_a_handoff_that_cannot_be_read_ends_the_check_even_with_an_id(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION)
    saved(tmp_path, sync=b"\x80\x04")
    ended = check(tmp_path, clock, OF_CONNECTION)
    assert ended == (221, "artifact_error")
    assert "sync.pickle" in ended.message
    assert rudderstack.sent == []


# The files of other programs


def test_the_ids_of_another_program_are_checked(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    saved(tmp_path, source_id=SOURCE, sync_id="run-1")
    rudderstack.expect("GET", RUN_STATUS, a_run("finished"))
    assert check(tmp_path, clock, TOKEN) == SUCCEEDED


@pytest.mark.parametrize("max_age", ["", "5"], ids=["", "a max age is ignored"])
def test_a_source_id_of_another_program_means_its_latest_run(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock, max_age: str
) -> None:
    saved(tmp_path, source_id=SOURCE)
    rudderstack.expect("GET", SOURCE_STATUS, a_run("failed", "11:00:00", "11:05:00", error="no such table"))
    assert check(tmp_path, clock, TOKEN, MAX_AGE=max_age) == FAILED


@pytest.mark.parametrize(
    "files",
    [
        {"source_id": "../x"},
        {"source_id": 5},
        {"connection_id": CONNECTION, "sync_id": ["s"]},
        {"connection_id": CONNECTION, "sync_id": ".."},
    ],
)
def test_what_is_not_a_handoff_of_theirs_ends_the_check(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock, files: dict[str, Any]
) -> None:
    saved(tmp_path, **files)
    assert check(tmp_path, clock, TOKEN) == (221, "artifact_error")
    assert rudderstack.sent == []


# What is reported


def test_the_result_has_the_rows_and_the_times(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION)
    rudderstack.expect("GET", SYNC, sync("succeeded", metrics=REJECTED_ROWS))
    run = make_run(tmp_path, "rudderstack", clock)
    ended = ending(check_sync_status, TOKEN, run)
    assert "rejected 2 rows" in ended.message
    assert (run.report.id, run.report.sync_id, run.report.url) == (CONNECTION, "sync-1", None)
    assert run.report.details == {
        "rows": {"total": 90, "succeeded": 88, "failed": 2, "changed": 90},
        "started_at": "2026-11-22T12:00:01Z",
        "finished_at": "2026-11-22T12:09:00Z",
    }


@pytest.mark.parametrize(("wanted", "expected"), [("TRUE", FAILED), ("false", SUCCEEDED), ("None", SUCCEEDED)])
def test_rejected_rows_are_a_failure_only_if_so_wished(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock, wanted: str, expected: tuple[int, str]
) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION)
    rudderstack.expect("GET", SYNC, sync("succeeded", metrics=REJECTED_ROWS))
    assert check(tmp_path, clock, OF_CONNECTION, FAIL_ON_FAILED_ROWS=wanted) == expected


def test_the_last_response_is_kept(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    rudderstack.expect("GET", SOURCE_STATUS, a_run("finished"))
    run = make_run(tmp_path, "rudderstack", clock)
    ending(check_sync_status, OF_SOURCE, run)
    kept = {name: response.body for name, response in run.kept.items()}
    assert kept == {f"sync_run_{SOURCE}_response.json": a_run("finished")}


# Errors of a poll


@pytest.mark.parametrize(
    ("status", "response", "expected", "words"),
    [
        (401, None, (200, "invalid_credentials"), ["RUDDERSTACK_ACCESS_TOKEN"]),
        (403, {"message": "not in your plan"}, (200, "invalid_credentials"), ["not in your plan"]),
        (404, HTML, (204, "not_found"), [SOURCE, "RUDDERSTACK_CONNECTION_ID"]),
        (400, {"error": "bad"}, (201, "refused"), ["bad"]),
        (302, None, (201, "refused"), ["RUDDERSTACK_API_URL"]),
    ],
)
def test_a_refused_poll_ends_the_check(
    rudderstack: Vendor,
    tmp_path: Path,
    clock: FakeClock,
    status: int,
    response: Any,
    expected: tuple[int, str],
    words: list[str],
) -> None:
    rudderstack.expect("GET", SOURCE_STATUS, response, status=status)
    ended = check(tmp_path, clock, OF_SOURCE)
    assert ended == expected
    assert all(word in ended.message for word in words)


@pytest.mark.parametrize(
    ("response", "status", "expected"),
    [
        ({"id": SOURCE}, 200, UNREACHABLE),
        (None, 401, UNREACHABLE),
        (None, 404, (204, "not_found")),
        ({"error": "boom"}, 500, (204, "not_found")),
        (None, 400, (204, "not_found")),
    ],
)
@pytest.mark.parametrize("has_handoff", [True, False])
def test_a_500_of_a_source_is_a_server_error_only_if_the_source_can_be_read(
    rudderstack: Vendor,
    tmp_path: Path,
    clock: FakeClock,
    response: Any,
    status: int,
    expected: tuple[int, str],
    has_handoff: bool,
) -> None:
    if has_handoff:
        triggered(rudderstack, tmp_path, OF_SOURCE)
        clock.sleep(100)
    rudderstack.expect("GET", RUN_STATUS if has_handoff else SOURCE_STATUS, {"error": "boom"}, status=500, many=True)
    rudderstack.expect("GET", SOURCE_PATH, response, status=status, many=status == 500)
    if status == 500 and not has_handoff:  # other calls succeed: it is this source
        rudderstack.expect("GET", "/v2/workspace", {"workspace": {}})
    ended = check(tmp_path, clock, OF_SOURCE)
    if has_handoff and status == 500:  # a run of it was started: an outage, not an unknown id
        expected = UNREACHABLE
    assert ended == expected
    assert SOURCE in ended.message or expected == UNREACHABLE


# Waiting


def test_it_waits_until_the_sync_has_ended(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION)
    for word in ("running", "queued", "succeeded"):
        rudderstack.expect("GET", SYNC, sync(word))
    assert check(tmp_path, clock, OF_CONNECTION, WAIT="TRUE") == SUCCEEDED


def test_an_unknown_status_is_never_waited_on(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION)
    rudderstack.expect("GET", SYNC, sync("running"))
    rudderstack.expect("GET", SYNC, sync("resting"))
    ended = check(tmp_path, clock, OF_CONNECTION, WAIT="TRUE")
    assert ended == UNKNOWN
    assert "resting" in ended.message


def test_it_times_out_and_says_that_the_sync_is_still_running(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    rudderstack.expect("GET", SOURCE_STATUS, a_run("running"), many=True)
    ended = check(tmp_path, clock, OF_SOURCE, WAIT="TRUE", WAIT_TIMEOUT="30")
    assert ended == RUNNING
    assert "timed out after 30 min" in ended.message
    assert "the latest sync of source 2aSourceOfTests is running" in ended.message
    assert 1800 <= clock.elapsed < 1861


def test_a_404_after_a_good_poll_is_survived(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION)
    clock.sleep(100)
    rudderstack.expect("GET", SYNC, sync("running"))
    rudderstack.expect("GET", SYNC, None, status=404)
    rudderstack.expect("GET", SYNC, sync("succeeded"))
    assert check(tmp_path, clock, OF_CONNECTION, WAIT="TRUE") == SUCCEEDED


def test_three_refusals_in_a_row_are_survived_after_a_good_response(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION)
    for _ in range(2):
        rudderstack.expect("GET", SYNC, sync("running"))
        for _ in range(3):
            rudderstack.expect("GET", SYNC, None, status=401)
    rudderstack.expect("GET", SYNC, sync("succeeded"))
    assert check(tmp_path, clock, OF_CONNECTION, WAIT="TRUE") == SUCCEEDED


def test_a_refusal_of_the_first_poll_is_final(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION)
    rudderstack.expect("GET", SYNC, None, status=401)
    assert check(tmp_path, clock, OF_CONNECTION, WAIT="TRUE") == (200, "invalid_credentials")


@pytest.mark.parametrize(("until", "expected"), [(800, SUCCEEDED), (9999, UNREACHABLE)])
def test_an_outage_of_a_quarter_of_an_hour_is_survived_and_a_longer_one_is_not(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock, until: int, expected: tuple[int, str]
) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION)
    rudderstack.expect("GET", SYNC, sync("running"))
    rudderstack.expect("GET", SYNC, lambda: LOST if clock.elapsed < until else sync("succeeded"), many=True)
    assert check(tmp_path, clock, OF_CONNECTION, WAIT="TRUE") == expected
    assert clock.elapsed < 1100
