"""RudderStack - Trigger Sync: trigger requests whose response was lost, late or useless."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endings import FAILED, NOT_FOUND, RUNNING, STARTED, SUCCEEDED, UNCLEAR, UNKNOWN
from tests.rudderstack_blueprints.responses import CONNECTION, LAST_RUN, SYNC, ZERO, RudderStack, a_run, at, sync
from tests.wire import HTML, LOST, TIMED_OUT

NO_ID = {
    "an empty id": "",
    "an id of another kind": 5,
    "an id that no URL can hold": "\ud800",
    "an id that is a step up": "..",
    "an id that is too long": "x" * 256,
    "an id with a line end": "a\nb",
    "an id that holds the token": "x-The-Token-x",
}
SINCE = {"started_after": at("11:59:59")}  # the server's time of the read, less a second
OLD = sync("succeeded", "old", "11:59:59")
OURS = sync("running", "ours", "12:00:01")


def expect_search(rudderstack: RudderStack, *found: dict[str, Any], **more: Any) -> None:
    """A search for the sync that a lost request started."""
    rudderstack.lists(list(found), query=SINCE, **more)


# Connections


@pytest.mark.parametrize("word", ["running", "succeeded", "failed"])
def test_whatever_the_filter_lets_through_a_sync_that_was_not_there_before_is_ours(
    rudderstack: RudderStack, word: str
) -> None:
    rudderstack.expect_trigger(response=LOST)
    older = [sync("succeeded", f"old-{hour}", f"{hour}:00:00") for hour in (10, 11)]
    expect_search(rudderstack, older[0], sync(word, "ours", "12:00:00"), older[1])
    assert rudderstack.trigger() == STARTED
    assert len(rudderstack.starts()) == 1
    assert rudderstack.files["sync_id.pickle"] == "ours"


def test_a_sync_that_was_stopped_for_ours_is_not_ours(rudderstack: RudderStack) -> None:
    just_started = sync("running", "theirs", "12:00:00")
    rudderstack.expect_read(just_started)
    rudderstack.expect_stop()
    rudderstack.shows_running(takes=0.5)
    rudderstack.expect_start(LOST)
    theirs, ours = sync("stopped", "theirs", "12:00:02"), sync("running", "ours", "12:00:03")
    rudderstack.lists([theirs, ours], query={"started_after": at("12:00:01")})
    assert rudderstack.trigger() == STARTED
    assert rudderstack.files["sync_id.pickle"] == "ours"


def test_a_sync_that_started_before_a_refused_request_was_repeated_is_not_ours(rudderstack: RudderStack) -> None:
    rudderstack.expect_read()
    rudderstack.expect_start(response=None, status=429, headers={"Retry-After": "30"})
    rudderstack.expect_start(response=LOST)
    theirs, ours = sync("succeeded", "theirs", "12:00:10"), sync("running", "ours", "12:00:30")
    expect_search(rudderstack, theirs, ours)
    assert rudderstack.trigger() == STARTED
    assert rudderstack.files["sync_id.pickle"] == "ours"


@pytest.mark.parametrize("sync_id", NO_ID.values(), ids=NO_ID)
def test_a_good_status_without_a_usable_id_of_which_nothing_shows_is_unclear(
    rudderstack: RudderStack, sync_id: Any
) -> None:
    rudderstack.expect_trigger({"syncId": sync_id, "runId": "run-1"})
    expect_search(rudderstack, many=True)
    ended = rudderstack.trigger()
    assert ended == UNCLEAR
    assert "the-token" not in ended.message.lower()
    assert len(rudderstack.starts()) == 1


def test_a_lost_request_to_a_server_that_shows_no_time_is_unclear_and_not_sent_again(rudderstack: RudderStack) -> None:
    rudderstack.expect_read(date=False)
    rudderstack.expect_start(HTML, status=502, date=False)
    assert rudderstack.trigger() == UNCLEAR
    assert len(rudderstack.starts()) == 1


UNDATED = {
    "no start": {"id": "new", "status": "running"},
    "null": {"id": "new", "status": "pending", "startedAt": None},
    "an empty start": {"id": "new", "status": "queued", "startedAt": ""},
    "Go's zero time": {"id": "new", "status": "running", "startedAt": ZERO},
    "no time at all": {"id": "new", "status": "succeeded", "startedAt": "just now"},
}


@pytest.mark.parametrize("undated", UNDATED.values(), ids=UNDATED)
@pytest.mark.parametrize("before", [0, 2])
def test_a_lost_request_beside_a_sync_without_the_time_of_its_start_is_unclear_and_not_sent_again(
    rudderstack: RudderStack, undated: dict[str, Any], before: int
) -> None:
    rudderstack.expect_trigger(response=LOST)
    for _ in range(before):
        expect_search(rudderstack)
    expect_search(rudderstack, undated, many=True)
    assert rudderstack.trigger() == (*UNCLEAR, CONNECTION)
    assert len(rudderstack.starts()) == 1


def test_a_sync_that_shows_its_start_late_is_ours(rudderstack: RudderStack) -> None:
    rudderstack.expect_trigger(response=LOST)
    expect_search(rudderstack, UNDATED["no start"])
    expect_search(rudderstack, {**UNDATED["no start"], "startedAt": at("12:00:03")})
    assert rudderstack.trigger() == STARTED
    assert rudderstack.run.report.sync_id == "new"


# Sources


@pytest.mark.parametrize(
    "latest",
    [
        a_run("finished", "12:00:01", "12:00:02"),
        {"started_at": at("12:00:01.25"), "finished_at": ZERO},
        {"status": "running", "startedAt": ZERO},
    ],
)
def test_a_latest_run_that_is_not_the_one_before_is_ours(source: RudderStack, latest: dict[str, Any]) -> None:
    source.expect_trigger(LOST)
    source.shows(latest)
    assert source.trigger() == STARTED
    assert len(source.starts()) == 1
    assert set(source.files) == {"source_id.pickle", "sync.pickle"}
    assert source.files["sync.pickle"]["sync_id"] is None


def test_a_lost_request_of_a_source_whose_runs_show_no_start_is_not_sent_again(source: RudderStack) -> None:
    source.shows({"status": "finished"})
    source.expect_start(LOST)
    source.shows({"status": "finished"}, many=True)
    assert source.trigger() == UNCLEAR
    assert len(source.starts()) == 1


@pytest.mark.parametrize(("after", "expected"), [(50, RUNNING), (61, NOT_FOUND)])
def test_a_sync_found_after_a_lost_response_may_be_invisible_for_a_minute_from_then_on(
    rudderstack: RudderStack, after: float, expected: tuple[int, str]
) -> None:
    rudderstack.expect_trigger(TIMED_OUT)
    expect_search(rudderstack, sync("running"), takes=58)
    assert rudderstack.trigger() == STARTED
    rudderstack.clock.elapsed += after
    rudderstack.expect("GET", SYNC, None, status=404, many=True)
    assert rudderstack.check() == expected


QUEUED = {"status": "pending", "startedAt": ZERO}
OUR_RUN = a_run("running", "12:00:01")


@pytest.mark.parametrize(
    "shown",
    [
        [OUR_RUN, LAST_RUN, OUR_RUN, a_run("finished", "12:00:01", "12:00:30")],
        [QUEUED, a_run("running", "12:00:00"), a_run("finished", "12:00:00", "12:00:03")],
    ],
    ids=["the run before shows again", "it began just before it was found"],
)
def test_a_run_found_after_a_lost_response_is_waited_for(source: RudderStack, shown: list[Any]) -> None:
    source.expect_trigger(LOST)
    source.shows(*shown)
    assert source.trigger(WAIT="TRUE") == SUCCEEDED
    assert source.clock.elapsed < 15


@pytest.mark.parametrize(
    ("found", "polls", "expected"),
    [
        (QUEUED, [LAST_RUN, a_run("failed", "12:00:03", "12:00:04")], [RUNNING, FAILED]),
        (OUR_RUN, [a_run("failed", "12:00:03", "12:00:04")], [UNKNOWN]),
        ({**OUR_RUN, "jobRunId": "ours"}, [a_run("failed", "12:00:01", "12:00:02", jobRunId="ours")], [FAILED]),
        ({**OUR_RUN, "jobRunId": "ours"}, [a_run("failed", "12:00:01", "12:00:02", jobRunId="theirs")], [UNKNOWN]),
    ],
    ids=["not the run before it starts", "another start", "its id", "another id in the same second"],
)
def test_a_check_tells_the_run_that_was_found_by_its_start_and_its_job_run_id(
    source: RudderStack, found: Any, polls: list[Any], expected: list[Any]
) -> None:
    source.expect_trigger(LOST)
    source.shows(found, *polls)
    assert source.trigger() == STARTED
    assert [source.check() for _ in polls] == expected
