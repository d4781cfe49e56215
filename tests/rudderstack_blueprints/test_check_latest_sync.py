"""RudderStack - Check Sync Status without a handoff: the latest sync, found in few requests."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.endings import NOT_FOUND, RUNNING, SUCCEEDED, UNREACHABLE
from tests.rudderstack_blueprints.responses import (
    CONNECTION,
    OF_SOURCE,
    SOURCE,
    SOURCE_STATUS,
    SYNCS,
    ZERO,
    RudderStack,
    a_run,
    sync,
    syncs,
)
from tests.support import NOW
from tests.wire import HTML

HOUR, DAY, MONTH = timedelta(hours=1), timedelta(days=1), timedelta(days=30)
EARLY, LATE = sync("failed", "early", "11:05:00"), sync("succeeded", "late", "11:30:00")


def stamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def expect_list(rudderstack: RudderStack, window: timedelta | None, *items: Any, page: int = 1, **paging: Any) -> None:
    """The read of the syncs in a window before the start of the tests."""
    since = {} if window is None else {"started_after": stamp(NOW - window)}
    at_page = {"page": f"{page}"} if page > 1 else {}
    rudderstack.expect("GET", SYNCS, syncs(*items, **paging), query={**since, **at_page})


def test_the_latest_run_of_a_source_is_checked(rudderstack: RudderStack) -> None:
    rudderstack.expect("GET", SOURCE_STATUS, a_run("finished", finished="12:01:00"))
    words = f"the latest sync of source {SOURCE} succeeded at 2026-11-22T12:01:00Z"
    assert rudderstack.check(of=OF_SOURCE) == (*SUCCEEDED, words)


@pytest.mark.parametrize("latest", [{}, {"status": "", "startedAt": ZERO, "finishedAt": ZERO}])
def test_a_source_that_never_ran_is_incomplete(rudderstack: RudderStack, latest: Any) -> None:
    rudderstack.expect("GET", SOURCE_STATUS, latest)
    assert rudderstack.check(of=OF_SOURCE) == (*RUNNING, f"source {SOURCE} has never run")


def test_a_running_sync_of_a_connection_decides(rudderstack: RudderStack) -> None:
    rudderstack.shows_running(sync("running", "now", "11:59:00"))
    assert rudderstack.check() == (*RUNNING, f"sync now of connection {CONNECTION} is running")
    assert rudderstack.run.report.sync_id == "now"


def test_a_queued_sync_that_shows_no_start_is_the_latest(rudderstack: RudderStack) -> None:
    rudderstack.shows_running()
    expect_list(rudderstack, HOUR, LATE, {"id": "next", "status": "queued"})
    assert rudderstack.check() == RUNNING


@pytest.mark.parametrize("windows", [[HOUR], [HOUR, DAY], [HOUR, DAY, MONTH], [HOUR, DAY, MONTH, None]])
@pytest.mark.parametrize(("offset", "order"), [(-86400.0, (EARLY, LATE)), (7200.0, (LATE, EARLY))])
def test_else_the_window_before_the_servers_time_is_widened_and_the_sync_that_started_last_decides(
    rudderstack: RudderStack, windows: list[timedelta | None], offset: float, order: Any
) -> None:
    rudderstack.clock.offset = offset
    rudderstack.shows_running()
    for window in windows[:-1]:
        expect_list(rudderstack, window)
    expect_list(rudderstack, windows[-1], *order)
    assert rudderstack.check() == (*SUCCEEDED, "sync late of")


def test_a_connection_that_never_ran_is_incomplete(rudderstack: RudderStack) -> None:
    rudderstack.shows_running()
    for window in (HOUR, DAY, MONTH, None):
        expect_list(rudderstack, window)
    ended = rudderstack.check()
    assert ended == RUNNING
    assert ended.message == f"connection {CONNECTION} has never run"


def test_without_the_servers_clock_there_is_no_window(rudderstack: RudderStack) -> None:
    rudderstack.expect_running(syncs(), date=False)
    rudderstack.expect("GET", SYNCS, syncs(EARLY, LATE), date=False)
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
    for page, items in enumerate(pages, 1):
        expect_list(rudderstack, HOUR, *items, page=page, next="2" if more or page < len(pages) else "")
    assert rudderstack.check() == (*SUCCEEDED, "sync late of")


def test_a_hundred_pages_are_enough(rudderstack: RudderStack) -> None:
    rudderstack.shows_running()
    for page in range(1, 101):
        expect_list(rudderstack, HOUR, sync("succeeded", f"sync-{page}"), page=page, next="more")
    assert rudderstack.check() == UNREACHABLE


@pytest.mark.parametrize(
    "response",
    [
        {},
        {"syncs": None},
        {"syncs": {}},
        {"syncs": ["s"]},
        {"syncs": [{"status": "succeeded"}]},
        {"syncs": [{"id": 5, "status": "succeeded"}]},
        {"syncs": [{"id": "..", "status": "succeeded"}]},
        {"syncs": [{"id": "x-the-token", "status": "succeeded"}]},
        {"syncs": [{"id": "s", "status": ["succeeded"]}]},
        {"syncs": [], "paging": ["next"]},
        [],
        HTML,
    ],
)
def test_what_is_not_a_list_of_syncs_is_an_unexpected_response(rudderstack: RudderStack, response: Any) -> None:
    rudderstack.expect_running(response)
    ended = rudderstack.check()
    assert ended == UNREACHABLE
    assert "the-token" not in ended.message


@pytest.mark.parametrize(
    ("response", "status", "expected"), [(HTML, 404, NOT_FOUND), ({"error": "boom"}, 500, UNREACHABLE)]
)
def test_an_unknown_connection_is_not_found_and_a_500_is_a_server_error(
    rudderstack: RudderStack, response: Any, status: int, expected: tuple[int, str]
) -> None:
    rudderstack.expect_running(response, status=status, many=True)
    assert rudderstack.check() == (*expected, "RUDDERSTACK_SOURCE_ID" if status == 404 else "boom")
