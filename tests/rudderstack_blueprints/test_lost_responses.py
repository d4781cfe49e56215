"""RudderStack - Trigger Sync: trigger requests whose response was lost, late or useless."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from rudderstack_blueprints import check_sync_status, trigger_sync
from shared.context import Run
from shared.redaction import Redactor
from tests.rudderstack_blueprints.responses import (
    CONNECTION,
    CONNECTION_STOP,
    INCREMENTAL,
    LAST_RUN,
    OF_CONNECTION,
    OF_SOURCE,
    RUNNING_ALREADY,
    RUNNING_ONES,
    SOURCE_PATH,
    SOURCE_STATUS,
    SYNCS,
    ZERO,
    a_run,
    at,
    expect_read,
    expect_start,
    sync,
    syncs,
)
from tests.support import FakeClock, make_run
from tests.wire import HTML, LOST, TIMED_OUT, Ending, Vendor, ending, files

LOST_ONES: dict[str, tuple[Any, int]] = {
    "connection lost": (LOST, 0),
    "500": ({"error": "boom"}, 500),
    "502 of a proxy": (HTML, 502),
    "503": (None, 503),
}
TIMED_OUT_ONES: dict[str, tuple[Any, int]] = {
    "read timeout": (TIMED_OUT, 0),
    "408": (None, 408),
    "504": (None, 504),
    "522": (HTML, 522),
}
GARBAGE: dict[str, tuple[Any, int]] = {
    "HTML": (HTML, 200),
    "no body": (None, 200),
    "204": (None, 204),
    "cut off": ('{"syncId": "sync', 200),
    "no id": ({"message": "ok"}, 200),
    "an empty id": ({"syncId": "", "runId": ""}, 200),
    "an id of another kind": ({"syncId": 5, "runId": None}, 201),
    "a list": ([], 201),
    "an id that no URL can hold": ({"syncId": "\ud800", "runId": "\ud800"}, 200),
    "an id that is a step up": ({"syncId": "..", "runId": ".."}, 200),
    "an id that is too long": ({"syncId": "x" * 256, "runId": "x" * 256}, 200),
    "an id with a line end": ({"syncId": "a\nb", "runId": "a\nb"}, 200),
    "an id that holds the token": ({"syncId": "x-the-token-x", "runId": "x-The-Token-x"}, 200),
}
SINCE = {"started_after": at("11:59:59")}  # the server's time of the read, less a second
OLD = sync("succeeded", "old", "11:59:59")
OURS = sync("running", "ours", "12:00:01")


@pytest.fixture
def run(tmp_path: Path, clock: FakeClock) -> Run:
    """A run that knows its secret."""
    return make_run(tmp_path, "rudderstack", clock, redactor=Redactor(pairs=["the-token"]))


def trigger(run: Run, of: dict[str, str], **given: str) -> Ending:
    """Run the trigger with these inputs, named without RUDDERSTACK_."""
    return ending(trigger_sync, {**of, **{f"RUDDERSTACK_{name}": value for name, value in given.items()}}, run)


def expect_search(vendor: Vendor, *found: dict[str, Any], many: bool = False) -> None:
    vendor.expect("GET", SYNCS, syncs(*found), query=SINCE, many=many)


def expect_lost(vendor: Vendor, of: dict[str, str], response: Any, status: int) -> None:
    """The read, and a trigger request that ends so; a 500 of a source is probed."""
    expect_read(vendor, of)
    expect_start(vendor, of, response, status=status)
    if of is OF_SOURCE and status == 500:
        vendor.expect("GET", SOURCE_PATH, {})


# Connections


@pytest.mark.parametrize(
    ("response", "status"),
    {**LOST_ONES, **TIMED_OUT_ONES, **GARBAGE}.values(),
    ids=[*LOST_ONES, *TIMED_OUT_ONES, *GARBAGE],
)
@pytest.mark.parametrize("word", ["running", "succeeded", "failed"])
def test_a_sync_that_was_not_there_before_is_ours_and_the_request_is_not_sent_again(
    rudderstack: Vendor, run: Run, tmp_path: Path, response: Any, status: int, word: str
) -> None:
    expect_lost(rudderstack, OF_CONNECTION, response, status)
    expect_search(rudderstack, sync(word, "ours", "12:00:00"))
    ended = trigger(run, OF_CONNECTION)
    assert ended == (0, "started")
    assert "the-token" not in ended.message
    assert rudderstack.starts("/start") == [INCREMENTAL]
    assert set(files(tmp_path)) == {"connection_id.pickle", "sync_id.pickle", "sync.pickle"}
    assert files(tmp_path)["sync_id.pickle"] == "ours"


def test_the_syncs_before_the_read_are_not_ours_even_if_the_filter_lets_them_through(
    rudderstack: Vendor, run: Run, tmp_path: Path
) -> None:
    expect_lost(rudderstack, OF_CONNECTION, LOST, 0)
    older = [sync("succeeded", f"old-{hour}", f"{hour}:00:00") for hour in (10, 11)]
    expect_search(rudderstack, older[0], OURS, older[1])
    trigger(run, OF_CONNECTION)
    assert files(tmp_path)["sync_id.pickle"] == "ours"


def test_a_sync_that_was_stopped_for_ours_is_not_ours(rudderstack: Vendor, run: Run, tmp_path: Path) -> None:
    just_started = sync("running", "theirs", "12:00:00")
    expect_read(rudderstack, OF_CONNECTION, just_started)
    rudderstack.expect("POST", CONNECTION_STOP, None, status=204)
    rudderstack.expect("GET", SYNCS, syncs(), query=RUNNING_ONES, takes=0.5)
    expect_start(rudderstack, OF_CONNECTION, LOST)
    rudderstack.expect(
        "GET",
        SYNCS,
        lambda: syncs(
            {**just_started, "status": "stopped", "startedAt": at("12:00:02")}, OURS | {"startedAt": at("12:00:03")}
        ),
        query={"started_after": at("12:00:01")},
    )
    assert trigger(run, OF_CONNECTION) == (0, "started")
    assert files(tmp_path)["sync_id.pickle"] == "ours"


def test_a_sync_that_shows_late_is_ours(rudderstack: Vendor, run: Run) -> None:
    expect_lost(rudderstack, OF_CONNECTION, LOST, 0)
    rudderstack.expect(
        "GET", SYNCS, lambda: syncs(*([OURS] if rudderstack.clock.elapsed > 2 else [])), query=SINCE, many=True
    )
    assert trigger(run, OF_CONNECTION) == (0, "started")
    assert rudderstack.starts("/start") == [INCREMENTAL]


@pytest.mark.parametrize(("response", "status"), LOST_ONES.values(), ids=LOST_ONES)
def test_a_request_of_which_nothing_shows_is_sent_once_more(
    rudderstack: Vendor, run: Run, response: Any, status: int
) -> None:
    expect_lost(rudderstack, OF_CONNECTION, response, status)
    expect_search(rudderstack, many=True)
    expect_start(rudderstack, OF_CONNECTION)
    assert trigger(run, OF_CONNECTION) == (0, "started")
    assert rudderstack.starts("/start") == [INCREMENTAL, INCREMENTAL]
    assert 15 <= rudderstack.clock.elapsed < 20


@pytest.mark.parametrize("of", [OF_SOURCE, OF_CONNECTION], ids=["source", "connection"])
@pytest.mark.parametrize(("response", "status"), TIMED_OUT_ONES.values(), ids=TIMED_OUT_ONES)
def test_a_request_that_may_still_be_at_work_is_not_sent_again(
    rudderstack: Vendor, run: Run, tmp_path: Path, of: dict[str, str], response: Any, status: int
) -> None:
    expect_lost(rudderstack, of, response, status)
    if of is OF_SOURCE:
        rudderstack.expect("GET", SOURCE_STATUS, LAST_RUN, many=True)
    else:
        expect_search(rudderstack, many=True)
    assert trigger(run, of) == (202, "unclear")
    assert len(rudderstack.starts("/start")) == 1
    assert 90 <= rudderstack.clock.elapsed < 100
    assert set(files(tmp_path)) == {"starting.pickle"}


@pytest.mark.parametrize("of", [OF_SOURCE, OF_CONNECTION], ids=["source", "connection"])
def test_a_slow_request_whose_sync_shows_after_80_seconds_was_started(
    rudderstack: Vendor, run: Run, of: dict[str, str]
) -> None:
    expect_lost(rudderstack, of, TIMED_OUT, 0)
    late = 80
    if of is OF_SOURCE:
        rudderstack.expect(
            "GET",
            SOURCE_STATUS,
            lambda: a_run("running", "12:01:20") if rudderstack.clock.elapsed > late else LAST_RUN,
            many=True,
        )
    else:
        rudderstack.expect(
            "GET", SYNCS, lambda: syncs(*([OURS] if rudderstack.clock.elapsed > late else [])), query=SINCE, many=True
        )
    assert trigger(run, of) == (0, "started")
    assert len(rudderstack.starts("/start")) == 1


@pytest.mark.parametrize("of", [OF_SOURCE, OF_CONNECTION], ids=["source", "connection"])
@pytest.mark.parametrize(("response", "status"), GARBAGE.values(), ids=GARBAGE)
def test_a_good_status_without_an_id_of_which_nothing_shows_is_unclear(
    rudderstack: Vendor, run: Run, tmp_path: Path, of: dict[str, str], response: Any, status: int
) -> None:
    expect_lost(rudderstack, of, response, status)
    if of is OF_SOURCE:
        rudderstack.expect("GET", SOURCE_STATUS, LAST_RUN, many=True)
    else:
        expect_search(rudderstack, many=True)
    ended = trigger(run, of)
    assert ended == (202, "unclear")
    assert run.report.id is not None
    assert run.report.id in ended.message
    assert "the-token" not in ended.message.lower()
    assert len(rudderstack.starts("/start")) == 1
    assert set(files(tmp_path)) == {"starting.pickle"}


def test_a_second_request_that_is_lost_too_but_shows_was_accepted(rudderstack: Vendor, run: Run) -> None:
    expect_lost(rudderstack, OF_CONNECTION, LOST, 0)
    expect_search(rudderstack, many=True)
    expect_start(rudderstack, OF_CONNECTION, LOST)
    expect_search(rudderstack, sync("running", started="12:00:16"))
    assert trigger(run, OF_CONNECTION) == (0, "started")
    assert len(rudderstack.starts("/start")) == 2


def test_a_second_request_that_meets_a_running_sync_shows_that_the_first_was_accepted(
    rudderstack: Vendor, run: Run, tmp_path: Path
) -> None:
    expect_lost(rudderstack, OF_CONNECTION, LOST, 0)
    expect_search(rudderstack, many=True)
    expect_start(rudderstack, OF_CONNECTION, RUNNING_ALREADY, status=409)
    expect_search(rudderstack, OURS)
    assert trigger(run, OF_CONNECTION) == (0, "started")
    assert files(tmp_path)["sync_id.pickle"] == "ours"


def test_after_two_lost_requests_it_is_unclear_and_no_third_is_sent(
    rudderstack: Vendor, run: Run, tmp_path: Path
) -> None:
    full = {"syncType": "full"}
    expect_read(rudderstack, OF_CONNECTION)
    for response in (LOST, HTML):
        rudderstack.expect("POST", f"{SYNCS[:-6]}/start", response, status=502, body=full)
        expect_search(rudderstack, many=True)
    assert trigger(run, OF_CONNECTION, SYNC_TYPE="full") == (202, "unclear")
    assert rudderstack.starts("/start") == [full, full]
    assert set(files(tmp_path)) == {"starting.pickle"}


@pytest.mark.parametrize(("response", "status"), [(HTML, 502), (HTML, 200), ({"syncs": None}, 200), (None, 401)])
def test_a_lost_request_that_cannot_be_found_out_about_is_unclear_and_not_sent_again(
    rudderstack: Vendor, run: Run, tmp_path: Path, clock: FakeClock, response: Any, status: int
) -> None:
    expect_lost(rudderstack, OF_CONNECTION, LOST, 0)
    rudderstack.expect("GET", SYNCS, response, status=status, query=SINCE, many=True)
    ended = trigger(run, OF_CONNECTION)
    assert ended == (202, "unclear")
    assert CONNECTION in ended.message
    assert rudderstack.starts("/start") == [INCREMENTAL]
    checked = ending(check_sync_status, OF_CONNECTION, make_run(tmp_path, "rudderstack", clock))
    assert checked == (221, "artifact_error")


def test_a_lost_request_to_a_server_that_shows_no_time_is_unclear_and_not_sent_again(
    rudderstack: Vendor, run: Run
) -> None:
    rudderstack.expect("GET", SYNCS, syncs(), query=RUNNING_ONES, date=False)
    rudderstack.expect("GET", f"{SYNCS[:-6]}", None, status=404, date=False)
    expect_start(rudderstack, OF_CONNECTION, HTML, status=502, date=False)
    assert trigger(run, OF_CONNECTION) == (202, "unclear")
    assert len(rudderstack.starts("/start")) == 1


@pytest.mark.parametrize("offset", [-86400.0, 7200.0])
def test_a_local_clock_that_is_off_changes_nothing(rudderstack: Vendor, run: Run, offset: float) -> None:
    rudderstack.clock.offset = offset
    expect_lost(rudderstack, OF_CONNECTION, LOST, 0)
    expect_search(rudderstack, OURS)
    assert trigger(run, OF_CONNECTION) == (0, "started")


UNDATED = {
    "no start": {"id": "new", "status": "running"},
    "null": {"id": "new", "status": "pending", "startedAt": None},
    "an empty start": {"id": "new", "status": "queued", "startedAt": ""},
    "Go's zero time": {"id": "new", "status": "running", "startedAt": ZERO},
    "no time at all": {"id": "new", "status": "succeeded", "startedAt": "just now"},
}


@pytest.mark.parametrize("undated", UNDATED.values(), ids=UNDATED)
@pytest.mark.parametrize("from_second", [0, 3])
def test_a_lost_request_beside_a_sync_without_the_time_of_its_start_is_unclear_and_not_sent_again(
    rudderstack: Vendor, run: Run, tmp_path: Path, undated: dict[str, Any], from_second: int
) -> None:
    expect_lost(rudderstack, OF_CONNECTION, LOST, 0)
    rudderstack.expect(
        "GET",
        SYNCS,
        lambda: syncs(*([undated] if rudderstack.clock.elapsed >= from_second else [])),
        query=SINCE,
        many=True,
    )
    ended = trigger(run, OF_CONNECTION)
    assert ended == (202, "unclear")
    assert CONNECTION in ended.message
    assert rudderstack.starts("/start") == [INCREMENTAL]
    assert set(files(tmp_path)) == {"starting.pickle"}


def test_a_sync_that_shows_its_start_late_is_ours(rudderstack: Vendor, run: Run) -> None:
    expect_lost(rudderstack, OF_CONNECTION, LOST, 0)
    expect_search(rudderstack, UNDATED["no start"])
    expect_search(rudderstack, {**UNDATED["no start"], "startedAt": at("12:00:03")})
    assert trigger(run, OF_CONNECTION) == (0, "started")
    assert run.report.sync_id == "new"


# Sources


@pytest.mark.parametrize(
    ("response", "status"),
    {**LOST_ONES, **TIMED_OUT_ONES, **GARBAGE}.values(),
    ids=[*LOST_ONES, *TIMED_OUT_ONES, *GARBAGE],
)
@pytest.mark.parametrize(
    "latest",
    [
        a_run("running", "12:00:00"),
        a_run("finished", "12:00:01", "12:00:02"),
        {"started_at": at("12:00:01.25"), "finished_at": ZERO},
        {"status": "running", "startedAt": ZERO},
    ],
)
def test_a_latest_run_that_is_not_the_one_before_is_ours(
    rudderstack: Vendor, run: Run, tmp_path: Path, response: Any, status: int, latest: dict[str, Any]
) -> None:
    expect_lost(rudderstack, OF_SOURCE, response, status)
    rudderstack.expect("GET", SOURCE_STATUS, latest)
    assert trigger(run, OF_SOURCE) == (0, "started")
    assert len(rudderstack.starts("/start")) == 1
    assert set(files(tmp_path)) == {"source_id.pickle", "sync.pickle"}
    assert files(tmp_path)["sync.pickle"]["sync_id"] is None


def test_a_sync_id_of_an_earlier_trigger_is_not_left_beside_a_run_without_one(
    rudderstack: Vendor, run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "rudderstack-blueprints" / "variables"
    folder.mkdir(parents=True)
    (folder / "sync_id.pickle").write_bytes(pickle.dumps("of an earlier one"))
    expect_lost(rudderstack, OF_SOURCE, None, 204)
    rudderstack.expect("GET", SOURCE_STATUS, a_run("running"))
    assert trigger(run, OF_SOURCE) == (0, "started")
    assert "sync_id.pickle" not in files(tmp_path)


@pytest.mark.parametrize(
    ("before", "latest"),
    [
        (LAST_RUN, LAST_RUN),
        ({}, {}),
        ({"startedAt": ZERO, "finishedAt": ZERO}, {"status": "", "startedAt": ZERO, "finishedAt": ZERO, "jobId": ""}),
        (LAST_RUN, a_run("running", "11:58:00")),  # somebody else's, that was not shown yet
    ],
)
def test_a_lost_request_of_a_source_of_which_nothing_shows_is_sent_once_more(
    rudderstack: Vendor, run: Run, before: dict[str, Any], latest: dict[str, Any]
) -> None:
    rudderstack.expect("GET", SOURCE_STATUS, before)
    expect_start(rudderstack, OF_SOURCE, LOST)
    rudderstack.expect("GET", SOURCE_STATUS, latest, many=True)
    expect_start(rudderstack, OF_SOURCE)
    assert trigger(run, OF_SOURCE) == (0, "started")
    assert len(rudderstack.starts("/start")) == 2


def test_a_lost_request_of_a_source_whose_runs_show_no_start_is_not_sent_again(rudderstack: Vendor, run: Run) -> None:
    rudderstack.expect("GET", SOURCE_STATUS, {"status": "finished"})
    expect_start(rudderstack, OF_SOURCE, LOST)
    rudderstack.expect("GET", SOURCE_STATUS, {"status": "finished"}, many=True)
    assert trigger(run, OF_SOURCE) == (202, "unclear")
    assert len(rudderstack.starts("/start")) == 1


def test_a_run_found_after_a_lost_response_is_waited_for(rudderstack: Vendor, run: Run) -> None:
    expect_lost(rudderstack, OF_SOURCE, LOST, 0)
    for latest in (
        a_run("running", "12:00:01"),
        LAST_RUN,  # a read that is behind
        a_run("running", "12:00:01"),
        a_run("finished", "12:00:01", "12:00:30"),
    ):
        rudderstack.expect("GET", SOURCE_STATUS, latest)
    assert trigger(run, OF_SOURCE, WAIT="TRUE") == (0, "succeeded")
