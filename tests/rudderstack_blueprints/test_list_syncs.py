"""RudderStack - List Syncs: the filters, the pages, the table and the result."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endings import BAD_REQUEST, INVALID, LISTED, NOT_FOUND, UNREACHABLE
from tests.rudderstack_blueprints.responses import CONNECTION, SYNCS, ZERO, RudderStack, at, sync, syncs
from tests.wire import HTML

FILE = f"syncs_{CONNECTION}_response.json"


def minutes(*started: int) -> list[dict[str, Any]]:
    """Syncs that started so many minutes after 11:00."""
    return [sync("succeeded", f"s{minute}", f"11:{minute:02}:00") for minute in started]


def ids(rudderstack: RudderStack) -> list[str]:
    """Of the syncs in responses/."""
    return [one["id"] for one in rudderstack.run.kept[FILE].body]


@pytest.mark.parametrize(
    ("given", "query"),
    [
        ({}, {}),
        ({"STATUS": "Failed"}, {"status": "failed"}),
        ({"STARTED_AFTER": "2026-11-20"}, {"started_after": "2026-11-20T00:00:00Z"}),
        ({"STARTED_BEFORE": "2026-11-20T06:30:00+01:00"}, {"started_before": "2026-11-20T05:30:00Z"}),
        ({"STARTED_AFTER": "2026-11-20T06:30:00.25Z"}, {"started_after": "2026-11-20T06:30:00.250000Z"}),
        (
            {"STARTED_AFTER": "2026-11-20 06:30", "STARTED_BEFORE": "2026-11-21"},
            {"started_after": "2026-11-20T06:30:00Z", "started_before": "2026-11-21T00:00:00Z"},
        ),
    ],
)
def test_the_filters_go_to_the_vendor(rudderstack: RudderStack, given: dict[str, str], query: dict[str, str]) -> None:
    rudderstack.lists(minutes(1), query=query)
    assert rudderstack.list(**given) == (*LISTED, f"listed 1 sync of connection {CONNECTION}")


def test_the_result_has_the_count_and_the_first_twenty_and_the_file_has_all(rudderstack: RudderStack) -> None:
    rudderstack.lists(minutes(*range(10, 20)), minutes(*range(20, 40)))
    assert rudderstack.list() == LISTED
    details = rudderstack.run.report.details
    assert details["count"] == 30
    assert [one["id"] for one in details["syncs"]] == [f"s{minute}" for minute in range(39, 19, -1)]
    assert ids(rudderstack) == [f"s{minute}" for minute in range(39, 9, -1)]
    assert rudderstack.run.kept[FILE].body[0] == minutes(39)[0]  # word for word
    assert (rudderstack.run.report.id, rudderstack.run.report.sync_id, rudderstack.files) == (CONNECTION, None, {})


def test_a_sync_is_shown_with_its_times_rows_and_error(rudderstack: RudderStack) -> None:
    rudderstack.lists([sync("failed", "a", error="no such table"), sync("running", "b", "11:00:00")])
    rudderstack.list()
    failed, running = rudderstack.run.report.details["syncs"]
    assert failed == {
        "id": "a",
        "status": "failed",
        "rows": {"total": 90, "succeeded": 90, "failed": 0, "changed": 90},
        "started_at": at("12:00:01"),
        "finished_at": at("12:09:00"),
        "error": "no such table",
    }
    assert (running["finished_at"], running["error"]) == (None, None)


def test_the_table_is_aligned(rudderstack: RudderStack, caplog: pytest.LogCaptureFixture) -> None:
    first = sync("succeeded", "a-long-id", "12:00:00", metrics={"total": 1200, "failed": {"total": 3}})
    undated = {"id": "c", "status": None, "startedAt": ZERO}
    rudderstack.lists([first, sync("running", "b", "11:00:00"), undated])
    with caplog.at_level("INFO"):
        rudderstack.list()
    assert [record.message for record in caplog.records] == [
        "id         status     started               duration  rows",
        "a-long-id  succeeded  2026-11-22T12:00:00Z  9 min     1200 (3 failed)",
        "b          running    2026-11-22T11:00:00Z  -         90",
        "c          -          -                     -         -",
    ]


@pytest.mark.parametrize("response", [syncs(), {"syncs": []}, {"syncs": [], "paging": None}])
def test_none_found_is_fine(rudderstack: RudderStack, response: Any) -> None:
    rudderstack.expect("GET", SYNCS, response)
    assert rudderstack.list() == (*LISTED, f"listed 0 syncs of connection {CONNECTION}")
    assert rudderstack.run.report.details == {"count": 0, "syncs": []}
    assert rudderstack.run.kept[FILE].body == []


@pytest.mark.parametrize(("limit", "pages"), [("1", 1), ("2", 1), ("3", 2), ("4", 2)])
def test_where_the_first_page_is_newest_first_no_more_pages_are_read_than_needed(
    rudderstack: RudderStack, limit: str, pages: int
) -> None:
    rudderstack.lists(*[minutes(50, 40), minutes(30, 20)][:pages], more=True)
    assert rudderstack.list(LIMIT=limit) == LISTED
    assert ids(rudderstack) == ["s50", "s40", "s30", "s20"][: int(limit)]
    assert rudderstack.run.report.details["count"] == int(limit)


@pytest.mark.parametrize("first", [(20, 30), (30,), (30, 30)], ids=["oldest first", "one sync", "no order"])
def test_else_all_pages_are_read_and_the_newest_are_kept(rudderstack: RudderStack, first: tuple[int, ...]) -> None:
    undated = {**minutes(10)[0], "startedAt": None}
    rudderstack.lists([*minutes(*first), undated], minutes(10, 50))
    assert rudderstack.list(LIMIT="1") == LISTED
    assert ids(rudderstack) == ["s50"]


def test_after_a_hundred_pages_it_says_that_older_ones_may_be_left_out(rudderstack: RudderStack) -> None:
    found = [sync("succeeded", f"sync-{page}", f"{page // 60:02}:{page % 60:02}:00") for page in range(1, 101)]
    rudderstack.lists(*([one] for one in found), more=True)
    assert rudderstack.list(LIMIT="7") == (*LISTED, "left out")
    assert ids(rudderstack) == [f"sync-{page}" for page in range(100, 93, -1)]


def test_if_the_hundredth_page_has_the_last_one_that_is_wanted_nothing_is_left_out(rudderstack: RudderStack) -> None:
    found = [sync("succeeded", f"sync-{page}", f"{page // 60:02}:{page % 60:02}:00") for page in range(100, 0, -1)]
    rudderstack.lists(*([one] for one in found), more=True)
    ended = rudderstack.list(LIMIT="100")
    assert ended == (*LISTED, "listed 100 syncs")
    assert "left out" not in ended.message


@pytest.mark.parametrize(
    ("response", "status", "expected"),
    [
        (None, 401, INVALID),
        ({"error": "bad status"}, 400, BAD_REQUEST),
        (None, 404, NOT_FOUND),
        (HTML, 502, UNREACHABLE),
        (HTML, 200, UNREACHABLE),
        ({"syncs": [{"id": "a-the-token"}]}, 200, UNREACHABLE),
    ],
)
@pytest.mark.parametrize("page", [1, 2])
def test_a_page_that_cannot_be_read_ends_it(
    rudderstack: RudderStack, response: Any, status: int, expected: tuple[int, str], page: int
) -> None:
    if page == 2:
        rudderstack.lists(minutes(1), more=True)
    query = {"page": "2"} if page == 2 else {}
    rudderstack.expect("GET", SYNCS, response, status=status, query=query, many=True)
    ended = rudderstack.list()
    assert ended == expected
    assert "the-token" not in ended.message
    assert rudderstack.run.report.details == {}


def test_an_unknown_connection_is_not_found_with_a_hint_at_sources(rudderstack: RudderStack) -> None:
    rudderstack.expect("GET", SYNCS, None, status=404)
    ended = rudderstack.list()
    assert ended == (*NOT_FOUND, CONNECTION, "a source has no list of syncs")
    assert "RUDDERSTACK_SOURCE_ID" not in ended.message, "it reads no such input"
