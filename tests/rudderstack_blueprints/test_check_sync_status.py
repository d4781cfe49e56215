"""RudderStack - Check Sync Status: which sync is checked, and how each run ends."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endings import (
    ARTIFACT_ERROR,
    CANCELLED,
    FAILED,
    NOT_FOUND,
    RUNNING,
    STARTED,
    SUCCEEDED,
    UNKNOWN,
    UNREACHABLE,
)
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
    RudderStack,
    a_run,
    sync,
)

REJECTED_ROWS = {"succeeded": {"total": 88}, "failed": {"total": 2}, "changed": {"total": 90}, "total": 90}


# A sync that a trigger started


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (sync("succeeded"), SUCCEEDED),
        (sync("stopped"), CANCELLED),
        ({"id": "sync-1"}, UNKNOWN),
        ({"status": "succeeded"}, SUCCEEDED),
        (sync("succeeded", "another"), UNREACHABLE),
        (sync("succeeded") | {"status": 5}, UNREACHABLE),
    ],
)
def test_a_sync_of_a_connection_is_polled_by_its_id(rudderstack: RudderStack, response: Any, expected: Any) -> None:
    rudderstack.triggered()
    rudderstack.polls(SYNC, response)
    ended = rudderstack.check()
    assert ended == expected
    assert f"sync sync-1 of connection {CONNECTION} " in ended.message or expected == UNREACHABLE


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (a_run("finished", finished="12:01:00"), SUCCEEDED),
        (a_run("canceled"), CANCELLED),
        (a_run("resting"), UNKNOWN),
        ({}, RUNNING),
        ({"started_at": "2026-11-22T12:00:00Z", "finished_at": "2026-11-22T12:01:00Z"}, SUCCEEDED),
        ({"status": 5}, UNREACHABLE),
    ],
)
def test_a_run_of_a_source_is_polled_by_its_id(rudderstack: RudderStack, response: Any, expected: Any) -> None:
    rudderstack.triggered(OF_SOURCE)
    rudderstack.polls(RUN_STATUS, response)
    ended = rudderstack.check(of=OF_SOURCE)
    assert ended == expected
    assert f"sync run-1 of source {SOURCE} " in ended.message or expected == UNREACHABLE


def test_an_id_of_a_sync_is_quoted_in_the_url(rudderstack: RudderStack) -> None:
    rudderstack.triggered(sync_id="a/../b?c")
    rudderstack.polls(f"{SYNCS}/a%2F..%2Fb%3Fc", sync("succeeded", "a/../b?c"))
    assert rudderstack.check() == SUCCEEDED


@pytest.mark.parametrize(
    ("of", "path", "words"),
    [
        (OF_SOURCE, RUN_STATUS, f"does not know run run-1 of source {SOURCE}"),
        (OF_CONNECTION, SYNC, f"does not know sync sync-1 of connection {CONNECTION}"),
    ],
    ids=["source", "connection"],
)
def test_a_sync_that_is_unknown_is_named(rudderstack: RudderStack, of: dict[str, str], path: str, words: str) -> None:
    rudderstack.triggered(of)
    rudderstack.clock.sleep(61)
    rudderstack.polls(path, None, status=404)
    assert rudderstack.check(of=of) == (*NOT_FOUND, words)


def test_of_two_upstream_triggers_the_inputs_choose(rudderstack: RudderStack) -> None:
    rudderstack.triggered(log_id="5")
    rudderstack.triggered(OF_SOURCE, log_id="6")
    rudderstack.polls(SYNC, sync("succeeded"))
    assert rudderstack.check("5", "6", of=OF_CONNECTION) == SUCCEEDED
    rudderstack.polls(RUN_STATUS, a_run("failed"))
    assert rudderstack.check("5", "6", of=OF_SOURCE) == FAILED


def test_a_handoff_of_the_other_kind_is_ignored_with_a_warning(
    rudderstack: RudderStack, caplog: pytest.LogCaptureFixture
) -> None:
    rudderstack.triggered()
    rudderstack.polls(SOURCE_STATUS, a_run("finished"))
    assert rudderstack.check(of=OF_SOURCE) == SUCCEEDED
    (warning,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert "ignoring sync.pickle" in warning
    assert SOURCE in warning
    assert "None" not in warning


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (a_run("finished", "11:00:00", "11:05:00"), RUNNING),
        (a_run("running", "12:00:01"), RUNNING),
        (a_run("finished", "12:00:01", "12:01:00"), SUCCEEDED),
        (a_run("finished", "12:30:00", "12:40:00"), UNKNOWN),
    ],
)
def test_a_run_without_an_id_is_told_from_others_by_its_start(
    rudderstack: RudderStack, run: dict[str, Any], expected: tuple[int, str]
) -> None:
    rudderstack.expect_trigger(OF_SOURCE, status=204)
    rudderstack.polls(SOURCE_STATUS, a_run("running", "12:00:01"))
    assert rudderstack.trigger(OF_SOURCE) == STARTED
    rudderstack.polls(SOURCE_STATUS, run)
    assert rudderstack.check(of=OF_SOURCE) == expected


# The files of other programs


def test_the_ids_of_another_program_are_checked(rudderstack: RudderStack) -> None:
    rudderstack.put(source_id=SOURCE, sync_id="run-1")
    rudderstack.polls(RUN_STATUS, a_run("finished"))
    assert rudderstack.check(of=TOKEN) == SUCCEEDED


@pytest.mark.parametrize("max_age", ["", "5"], ids=["", "a max age is ignored"])
def test_a_source_id_of_another_program_means_its_latest_run(rudderstack: RudderStack, max_age: str) -> None:
    rudderstack.put(source_id=SOURCE)
    rudderstack.polls(SOURCE_STATUS, a_run("failed", "11:00:00", "11:05:00", error="no such table"))
    assert rudderstack.check(of=TOKEN, MAX_AGE=max_age) == FAILED


@pytest.mark.parametrize(
    "files",
    [
        {"source_id": "../x"},
        {"source_id": 5},
        *({"connection_id": CONNECTION, "sync_id": odd} for odd in (["s"], "..")),
    ],
)
def test_what_is_not_a_handoff_of_theirs_ends_the_check(rudderstack: RudderStack, files: dict[str, Any]) -> None:
    rudderstack.put(**files)
    assert rudderstack.check(of=TOKEN) == ARTIFACT_ERROR
    assert rudderstack.sent == []


# What is reported


def test_the_result_has_the_rows_and_the_times(rudderstack: RudderStack) -> None:
    rudderstack.triggered()
    rudderstack.polls(SYNC, sync("succeeded", metrics=REJECTED_ROWS))
    assert rudderstack.check(of=TOKEN) == (*SUCCEEDED, "rejected 2 rows")
    report = rudderstack.run.report
    assert (report.id, report.sync_id, report.url) == (CONNECTION, "sync-1", None)
    assert report.details == {
        "rows": {"total": 90, "succeeded": 88, "failed": 2, "changed": 90},
        "started_at": "2026-11-22T12:00:01Z",
        "finished_at": "2026-11-22T12:09:00Z",
    }


@pytest.mark.parametrize(("wanted", "expected"), [("TRUE", FAILED), ("false", SUCCEEDED), ("None", SUCCEEDED)])
def test_rejected_rows_are_a_failure_only_if_so_wished(rudderstack: RudderStack, wanted: str, expected: Any) -> None:
    rudderstack.triggered()
    rudderstack.polls(SYNC, sync("succeeded", metrics=REJECTED_ROWS))
    assert rudderstack.check(FAIL_ON_FAILED_ROWS=wanted) == expected


# Errors of a poll


@pytest.mark.parametrize(
    ("response", "status", "expected"),
    [
        ({"id": SOURCE}, 200, UNREACHABLE),
        (None, 401, UNREACHABLE),
        (None, 404, NOT_FOUND),
        ({"error": "boom"}, 500, NOT_FOUND),
        (None, 400, NOT_FOUND),
    ],
)
@pytest.mark.parametrize("has_handoff", [True, False])
def test_a_500_of_a_source_is_a_server_error_only_if_the_source_can_be_read(
    rudderstack: RudderStack, response: Any, status: int, expected: tuple[int, str], has_handoff: bool
) -> None:
    if has_handoff:
        rudderstack.triggered(OF_SOURCE)
        rudderstack.clock.sleep(100)
    rudderstack.expect("GET", RUN_STATUS if has_handoff else SOURCE_STATUS, {"error": "boom"}, status=500, many=True)
    rudderstack.polls(SOURCE_PATH, response, status=status, many=status == 500)
    if status == 500 and not has_handoff:  # other calls succeed: it is this source
        rudderstack.expect("GET", "/v2/workspace", {"workspace": {}})
    ended = rudderstack.check(of=OF_SOURCE)
    if has_handoff and status == 500:  # a run of it was started: an outage, not an unknown id
        expected = UNREACHABLE
    assert ended == expected
    assert SOURCE in ended.message or expected == UNREACHABLE
