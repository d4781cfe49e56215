"""RudderStack - Check Sync Status: which sync is checked, and how each run ends."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endings import ARTIFACT_ERROR, CANCELLED, FAILED, NOT_FOUND, RUNNING, STARTED, SUCCEEDED, UNREACHABLE
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
    WORKSPACE,
    RudderStack,
    a_run,
    sync,
    workspace,
)

REJECTED_ROWS = {"succeeded": {"total": 88}, "failed": {"total": 2}, "changed": {"total": 90}, "total": 90}


# A sync that a trigger started


OURS = {SYNC: f"sync sync-1 of connection {CONNECTION} ", RUN_STATUS: f"sync run-1 of source {SOURCE} "}


@pytest.mark.parametrize(
    ("path", "response", "expected"),
    [
        (SYNC, sync("stopped"), CANCELLED),
        (SYNC, {"status": "succeeded"}, SUCCEEDED),
        (SYNC, sync("succeeded", "another"), UNREACHABLE),
        (SYNC, sync("succeeded") | {"status": 5}, UNREACHABLE),
        (RUN_STATUS, a_run("canceled"), CANCELLED),
        (RUN_STATUS, {}, RUNNING),
        (RUN_STATUS, {"status": 5}, UNREACHABLE),
    ],
)
def test_what_was_started_is_polled_by_its_id(
    rudderstack: RudderStack, path: str, response: Any, expected: tuple[int, str]
) -> None:
    of = OF_CONNECTION if path is SYNC else OF_SOURCE
    rudderstack.triggered(of)
    rudderstack.polls(path, response)
    ended = rudderstack.check(of=of)
    assert ended == expected
    assert OURS[path] in ended.message or expected == UNREACHABLE


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
    rudderstack.polls(f"/v2/sources/{CONNECTION}/status", a_run("finished"))
    assert rudderstack.check(of={**TOKEN, "RUDDERSTACK_SOURCE_ID": CONNECTION}) == SUCCEEDED  # the same id
    (warning,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert "ignoring sync.pickle" in warning
    assert "source_id" in warning
    assert "None" not in warning


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (a_run("finished", "11:00:00", "11:05:00"), RUNNING),
        (a_run("finished", "12:00:01", "12:01:00"), SUCCEEDED),
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


@pytest.mark.parametrize(("wanted", "expected"), [("TRUE", FAILED), ("false", SUCCEEDED), ("None", SUCCEEDED)])
def test_the_result_has_the_rows_and_the_times_and_rejected_rows_are_a_failure_only_if_so_wished(
    rudderstack: RudderStack, wanted: str, expected: tuple[int, str]
) -> None:
    rudderstack.triggered()
    rudderstack.polls(SYNC, sync("succeeded", metrics=REJECTED_ROWS))
    assert rudderstack.check(of=TOKEN, FAIL_ON_FAILED_ROWS=wanted) == (*expected, "rejected 2 rows")
    report = rudderstack.run.report
    assert (report.id, report.sync_id, report.url) == (CONNECTION, "sync-1", None)
    assert report.details == {
        "rows": {"total": 90, "succeeded": 88, "failed": 2, "changed": 90},
        "started_at": "2026-11-22T12:00:01Z",
        "finished_at": "2026-11-22T12:09:00Z",
    }


# Errors of a poll


@pytest.mark.parametrize(
    ("has_handoff", "status", "expected"),
    [
        (True, 404, (*NOT_FOUND, SOURCE)),
        (True, 500, UNREACHABLE),  # a run of it was started: an outage, not an unknown id
        (False, 500, (*NOT_FOUND, SOURCE)),  # other calls succeed: it is this source
    ],
)
def test_a_500_of_a_source_is_a_server_error_only_if_the_source_can_be_read_or_a_run_of_it_was_started(
    rudderstack: RudderStack, has_handoff: bool, status: int, expected: Any
) -> None:
    boom: dict[str, Any] = {"response": {"error": "boom"}, "status": 500}
    if has_handoff:
        rudderstack.triggered(OF_SOURCE)
        rudderstack.clock.sleep(100)
    rudderstack.polls(RUN_STATUS if has_handoff else SOURCE_STATUS, **boom, many=True)
    rudderstack.polls(SOURCE_PATH, **{**boom, "status": status}, many=True)
    if not has_handoff:
        rudderstack.polls(WORKSPACE, workspace())
    assert rudderstack.check(of=OF_SOURCE) == expected
