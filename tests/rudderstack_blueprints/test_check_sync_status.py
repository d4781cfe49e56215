"""RudderStack - Check Sync Status: which sync is checked, and how each run ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.endings import ARTIFACT_ERROR, CANCELLED, FAILED, NOT_FOUND, RUNNING, SUCCEEDED, UNREACHABLE
from tests.rudderstack_blueprints.responses import (
    CONNECTION,
    OF_CONNECTION,
    OF_SOURCE,
    RUN_STATUS,
    SOURCE,
    SOURCE_STATUS,
    SYNC,
    SYNCS,
    TOKEN,
    ZERO,
    RudderStack,
    a_run,
    sync,
)
from tests.support import NOW
from tests.wire import HTML

REJECTED_ROWS = {"succeeded": {"total": 88}, "failed": {"total": 2}, "changed": {"total": 90}, "total": 90}


# A sync that a trigger started

OURS = {SYNC: f"sync sync-1 of connection {CONNECTION}", RUN_STATUS: f"run-1 of source {SOURCE}"}
UNKNOWN_HERE = (*NOT_FOUND, "RudderStack does not know ")


@pytest.mark.parametrize(
    ("path", "response", "expected"),
    [
        (SYNC, {"status": "succeeded"}, SUCCEEDED),
        (SYNC, None, UNKNOWN_HERE),
        (SYNC, sync("succeeded", "another"), UNREACHABLE),
        (SYNC, sync("succeeded") | {"status": 5}, UNREACHABLE),
        (RUN_STATUS, a_run("canceled"), CANCELLED),
        (RUN_STATUS, {}, RUNNING),
        (RUN_STATUS, None, UNKNOWN_HERE),
        (RUN_STATUS, {"status": 5}, UNREACHABLE),
    ],
)
def test_what_was_started_is_polled_by_its_id(
    rudderstack: RudderStack, path: str, response: Any, expected: tuple[Any, ...]
) -> None:
    rudderstack.of = OF_CONNECTION if path is SYNC else OF_SOURCE
    rudderstack.triggered()
    rudderstack.clock.sleep(61)
    rudderstack.reads(path, response, status=404 if response is None else 200)
    assert rudderstack.check() == (*expected, *([] if expected is UNREACHABLE else [OURS[path]]))


def test_an_id_of_a_sync_is_quoted_in_the_url(rudderstack: RudderStack) -> None:
    rudderstack.triggered({"syncId": "a/../b?c"})
    rudderstack.reads(f"{SYNCS}/a%2F..%2Fb%3Fc", sync("succeeded", "a/../b?c"))
    assert rudderstack.check() == SUCCEEDED


def test_a_handoff_of_the_other_kind_is_ignored_with_a_warning(
    rudderstack: RudderStack, caplog: pytest.LogCaptureFixture
) -> None:
    rudderstack.triggered()
    rudderstack.reads(f"/v2/sources/{CONNECTION}/status", a_run("finished"))
    assert rudderstack.check(of={**TOKEN, "RUDDERSTACK_SOURCE_ID": CONNECTION}) == SUCCEEDED  # the same id
    (warning,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert "ignoring sync.pickle" in warning
    assert "source_id" in warning
    assert "None" not in warning


@pytest.mark.parametrize("max_age", ["", "5"], ids=["", "a max age is ignored"])
@pytest.mark.parametrize(("sync_id", "path"), [(None, SOURCE_STATUS), ("run-1", RUN_STATUS)], ids=["latest run", "run"])
def test_the_ids_of_another_program_are_checked(
    rudderstack: RudderStack, max_age: str, sync_id: str | None, path: str
) -> None:
    rudderstack.put(source_id=SOURCE, **({"sync_id": sync_id} if sync_id else {}))
    rudderstack.reads(path, a_run("failed", "11:00:00", "11:05:00", error="no such table"))
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


@pytest.mark.parametrize(("wanted", "expected"), [("TRUE", FAILED), ("false", SUCCEEDED), ("None", SUCCEEDED)])
def test_the_result_has_the_rows_and_the_times_and_rejected_rows_are_a_failure_only_if_so_wished(
    rudderstack: RudderStack, wanted: str, expected: tuple[int, str]
) -> None:
    rudderstack.triggered()
    rudderstack.reads(SYNC, sync("succeeded", metrics=REJECTED_ROWS))
    assert rudderstack.check(of=TOKEN, FAIL_ON_FAILED_ROWS=wanted) == (*expected, "rejected 2 rows")
    report = rudderstack.run.report
    assert (report.id, report.sync_id, report.url) == (CONNECTION, "sync-1", None)
    assert report.details == {
        "rows": {"total": 90, "succeeded": 88, "failed": 2, "changed": 90},
        "started_at": "2026-11-22T12:00:01Z",
        "finished_at": "2026-11-22T12:09:00Z",
    }


@pytest.mark.parametrize("has_handoff", [True, False])
def test_a_500_of_a_source_that_cannot_be_read_either_is_an_outage_only_if_a_run_of_it_was_started(
    source: RudderStack, has_handoff: bool
) -> None:
    boom: dict[str, Any] = {"response": {"error": "boom"}, "status": 500}
    if has_handoff:
        source.triggered()
        source.clock.sleep(100)
    source.reads(RUN_STATUS if has_handoff else SOURCE_STATUS, **boom, many=True)
    source.expect_probe(**boom)
    if not has_handoff:
        source.expect_other_call()
    assert source.check() == (UNREACHABLE if has_handoff else (*NOT_FOUND, SOURCE))


# Without a handoff: the latest sync, found in few requests

HOUR, DAY, MONTH = timedelta(hours=1), timedelta(days=1), timedelta(days=30)
EARLY, LATE = sync("failed", "early", "11:05:00"), sync("succeeded", "late", "11:30:00")


def since(window: timedelta | None) -> dict[str, str]:
    """The query for the syncs in a window before the start of the tests."""
    return {} if window is None else {"started_after": f"{NOW - window:%Y-%m-%dT%H:%M:%SZ}"}


def test_the_latest_run_of_a_source_is_checked(source: RudderStack) -> None:
    source.shows(a_run("finished", finished="12:01:00"))
    words = f"the latest sync of source {SOURCE} succeeded at 2026-11-22T12:01:00Z"
    assert source.check() == (*SUCCEEDED, words)


@pytest.mark.parametrize("latest", [{}, {"status": "", "startedAt": ZERO, "finishedAt": ZERO}])
def test_a_source_that_never_ran_is_incomplete(source: RudderStack, latest: Any) -> None:
    source.shows(latest)
    assert source.check() == (*RUNNING, f"source {SOURCE} has never run")


def test_a_running_sync_of_a_connection_decides(rudderstack: RudderStack) -> None:
    rudderstack.shows_running(sync("running", "now", "11:59:00"))
    assert rudderstack.check() == (*RUNNING, f"sync now of connection {CONNECTION} is running")
    assert rudderstack.run.report.sync_id == "now"


@pytest.mark.parametrize("windows", [[HOUR], [HOUR, DAY], [HOUR, DAY, MONTH], [HOUR, DAY, MONTH, None]])
@pytest.mark.parametrize(("offset", "order"), [(-86400.0, (EARLY, LATE)), (7200.0, (LATE, EARLY))])
def test_else_the_window_before_the_servers_time_is_widened_and_the_sync_that_started_last_decides(
    rudderstack: RudderStack, windows: list[timedelta | None], offset: float, order: Any
) -> None:
    rudderstack.clock.offset = offset
    rudderstack.shows_running()
    for window in windows:
        rudderstack.lists(order if window is windows[-1] else [], query=since(window))
    assert rudderstack.check() == (*SUCCEEDED, "sync late of")


def test_a_connection_that_never_ran_is_incomplete(rudderstack: RudderStack) -> None:
    rudderstack.shows_running()
    for window in (HOUR, DAY, MONTH, None):
        rudderstack.lists([], query=since(window))
    ended = rudderstack.check()
    assert ended == RUNNING
    assert ended.message == f"connection {CONNECTION} has never run"


def test_without_the_servers_clock_there_is_no_window(rudderstack: RudderStack) -> None:
    rudderstack.shows_running(date=False)
    rudderstack.lists([EARLY, LATE], date=False)
    assert rudderstack.check() == SUCCEEDED


MIDDLE = sync("failed", "middle", "11:20:00")
OLDER = [sync("failed", f"{hour}", f"{hour:02}:00:00") for hour in range(11, 0, -1)]
PAGES: dict[str, tuple[list[list[dict[str, Any]]], bool]] = {
    "to the last one": ([[EARLY], [MIDDLE], [LATE]], False),
    "not to the last one if they come newest first": ([[LATE, *OLDER]], True),
    "also if a few come newest first by chance": ([[MIDDLE, EARLY], [LATE]], False),
    "until they repeat themselves": ([[EARLY, LATE]] * 3, True),
    "also if a sync that has just begun moves one to the next page": ([[EARLY], [EARLY], [LATE]], False),
}


@pytest.mark.parametrize(("pages", "more"), PAGES.values(), ids=PAGES)
def test_the_pages_of_a_window_are_read(rudderstack: RudderStack, pages: list[Any], more: bool) -> None:
    """Seed 20490816: with a new sync in front, the second page repeats the first."""
    rudderstack.shows_running()
    rudderstack.lists(*pages, query=since(HOUR), more=more)
    assert rudderstack.check() == (*SUCCEEDED, "sync late of")


def test_a_hundred_pages_are_enough(rudderstack: RudderStack) -> None:
    rudderstack.shows_running()
    rudderstack.lists(*([sync("succeeded", f"sync-{page}")] for page in range(100)), query=since(HOUR), more=True)
    assert rudderstack.check() == UNREACHABLE


@pytest.mark.parametrize(
    "response",
    [
        {},
        {"syncs": {}},
        {"syncs": ["s"]},
        {"syncs": [{"status": "succeeded"}]},
        {"syncs": [{"id": 5, "status": "succeeded"}]},
        {"syncs": [{"id": "..", "status": "succeeded"}]},
        {"syncs": [{"id": "x-the-token", "status": "succeeded"}]},
        {"syncs": [{"id": "s", "status": ["succeeded"]}]},
        {"syncs": [], "paging": ["next"]},
        HTML,
    ],
)
def test_what_is_not_a_list_of_syncs_is_an_unexpected_response(rudderstack: RudderStack, response: Any) -> None:
    rudderstack.expect_running(response)
    ended = rudderstack.check()
    assert ended == UNREACHABLE
    assert "the-token" not in ended.message


def test_a_500_of_a_connection_is_a_server_error(rudderstack: RudderStack) -> None:
    rudderstack.expect_running({"error": "boom"}, status=500, many=True)
    assert rudderstack.check() == (*UNREACHABLE, "boom")
