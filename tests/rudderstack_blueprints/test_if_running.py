"""RudderStack - Trigger Sync: the four policies of RUDDERSTACK_IF_RUNNING, for a sync that shows and for a 409."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rudderstack_blueprints import trigger_sync
from shared.context import Run
from shared.errors import Interruption
from tests.rudderstack_blueprints.responses import (
    CONNECTION,
    CONNECTION_STOP,
    INCREMENTAL,
    LAST_RUN,
    OF_CONNECTION,
    OF_SOURCE,
    RUNNING_ALREADY,
    RUNNING_ONES,
    SOURCE,
    SOURCE_STATUS,
    SYNC,
    SYNCS,
    a_run,
    expect_read,
    expect_start,
    sync,
    syncs,
)
from tests.wire import HTML, LOST, TIMED_OUT, Ending, Vendor, ending, files

OLD = sync("running", "old", "11:50:00")
OLD_RUN = a_run("running", "11:50:00")


def trigger(run: Run, of: dict[str, str], policy: str = "restart", **given: str) -> Ending:
    """Run the trigger with these inputs, named without RUDDERSTACK_."""
    given = {"IF_RUNNING": policy, **given}
    return ending(trigger_sync, {**of, **{f"RUDDERSTACK_{name}": value for name, value in given.items()}}, run)


def saved(tmp_path: Path) -> dict[str, Any]:
    """What was saved, without the pending start."""
    return {name: value for name, value in files(tmp_path).items() if "starting" not in name}


def expect_poll(vendor: Vendor, *running: dict[str, Any], many: bool = False) -> None:
    vendor.expect("GET", SYNCS, syncs(*running), query=RUNNING_ONES, many=many)


def expect_conflict(vendor: Vendor, of: dict[str, str]) -> None:
    expect_start(vendor, of, RUNNING_ALREADY, status=409)


# fail


@pytest.mark.parametrize("of", [OF_SOURCE, OF_CONNECTION], ids=["source", "connection"])
@pytest.mark.parametrize("shows", [True, False], ids=["it shows", "a 409 says so"])
def test_fail_ends_at_once_and_saves_nothing(
    rudderstack: Vendor, run: Run, tmp_path: Path, of: dict[str, str], shows: bool
) -> None:
    expect_read(rudderstack, of, *([OLD_RUN if of is OF_SOURCE else OLD] if shows else []))
    if not shows:
        expect_conflict(rudderstack, of)
    ended = trigger(run, of, "fail")
    assert ended == (203, "already_running")
    assert "RUDDERSTACK_IF_RUNNING is fail" in ended.message
    assert run.report.id is not None
    assert run.report.id in ended.message
    assert saved(tmp_path) == {}
    assert files(tmp_path)["starting.pickle"]["state"] == "ended"


# restart


def stopped(rudderstack: Vendor, status: int = 204) -> None:
    """A running sync that shows, and the stop of it."""
    expect_read(rudderstack, OF_CONNECTION, OLD)
    rudderstack.expect("POST", CONNECTION_STOP, None, status=status)


@pytest.mark.parametrize(
    "status", [204, 400, 404, 409], ids=["accepted", "it has just ended", "there is none", "the same as a 409"]
)
def test_restart_stops_waits_until_nothing_runs_and_starts(
    rudderstack: Vendor, run: Run, tmp_path: Path, status: int
) -> None:
    stopped(rudderstack, status)
    expect_poll(rudderstack, OLD)
    expect_poll(rudderstack)
    expect_start(rudderstack, OF_CONNECTION, {"syncId": "new"})
    assert trigger(run, OF_CONNECTION) == (0, "started")
    assert saved(tmp_path)["sync_id.pickle"] == "new"
    assert "still running" in run.report.still_running
    assert "stop" not in run.report.still_running


def test_restart_stops_a_sync_that_only_a_409_reports(rudderstack: Vendor, run: Run) -> None:
    expect_read(rudderstack, OF_CONNECTION)
    expect_conflict(rudderstack, OF_CONNECTION)
    rudderstack.expect("POST", CONNECTION_STOP, None, status=204)
    expect_poll(rudderstack, OLD)
    expect_poll(rudderstack)
    expect_start(rudderstack, OF_CONNECTION)
    assert trigger(run, OF_CONNECTION) == (0, "started")


def test_a_drain_that_still_refuses_a_start_is_waited_for_without_another_stop(rudderstack: Vendor, run: Run) -> None:
    stopped(rudderstack)
    for _ in range(2):
        expect_poll(rudderstack)
        expect_conflict(rudderstack, OF_CONNECTION)
    expect_poll(rudderstack)
    expect_start(rudderstack, OF_CONNECTION)
    assert trigger(run, OF_CONNECTION) == (0, "started")


@pytest.mark.parametrize("drains", [False, True], ids=["it shows", "it does not show and refuses a start"])
def test_a_stop_that_takes_no_effect_in_five_minutes_is_given_up(
    rudderstack: Vendor, run: Run, tmp_path: Path, drains: bool
) -> None:
    stopped(rudderstack)
    if drains:
        for _ in range(200):
            expect_poll(rudderstack)
            expect_conflict(rudderstack, OF_CONNECTION)
    else:
        expect_poll(rudderstack, OLD, many=True)
    ended = trigger(run, OF_CONNECTION)
    rudderstack.steps.clear()
    assert ended == (203, "already_running")
    assert CONNECTION in ended.message
    assert "asked to stop" in ended.message
    assert 300 <= rudderstack.clock.elapsed < 370
    assert saved(tmp_path) == {}


def test_the_wait_for_a_stop_ends_with_the_time_of_the_run(rudderstack: Vendor, run: Run) -> None:
    stopped(rudderstack)
    expect_poll(rudderstack, OLD, many=True)
    assert trigger(run, OF_CONNECTION, WAIT_TIMEOUT="1") == (203, "already_running")
    assert 60 <= rudderstack.clock.elapsed < 120


def test_a_word_that_a_stopped_sync_ends_with_is_not_waited_for(rudderstack: Vendor, run: Run) -> None:
    stopped(rudderstack)
    expect_poll(rudderstack, sync("halted", "old"))
    expect_start(rudderstack, OF_CONNECTION)
    assert trigger(run, OF_CONNECTION) == (0, "started")


def test_an_outage_during_the_stop_is_known_to_have_started_nothing(rudderstack: Vendor, run: Run) -> None:
    expect_read(rudderstack, OF_CONNECTION, OLD)
    rudderstack.expect("POST", CONNECTION_STOP, HTML, status=502, many=True)
    assert trigger(run, OF_CONNECTION) == (202, "not_started")


@pytest.mark.parametrize("response", [LOST, TIMED_OUT, HTML])
@pytest.mark.parametrize("polls", [0, 1, 5])
def test_an_outage_until_a_stop_takes_effect_is_known_to_have_started_nothing(
    rudderstack: Vendor, run: Run, tmp_path: Path, response: Any, polls: int
) -> None:
    stopped(rudderstack)
    for _ in range(polls):
        expect_poll(rudderstack, OLD)
    rudderstack.expect("GET", SYNCS, response, status=502, query=RUNNING_ONES, many=True)
    ended = trigger(run, OF_CONNECTION)
    assert ended == (202, "not_started")
    assert "nothing was started" in ended.message
    assert rudderstack.starts("/start") == []
    assert saved(tmp_path) == {}


@pytest.mark.parametrize("at_the", ["stop", "poll"])
def test_a_trigger_killed_after_the_stop_says_so(rudderstack: Vendor, run: Run, tmp_path: Path, at_the: str) -> None:
    def killed() -> None:
        raise Interruption(15)

    expect_read(rudderstack, OF_CONNECTION, OLD)
    rudderstack.expect("POST", CONNECTION_STOP, killed if at_the == "stop" else None, status=204)
    if at_the == "poll":
        expect_poll(rudderstack, OLD)
        rudderstack.expect("GET", SYNCS, killed, query=RUNNING_ONES)
    with pytest.raises(Interruption):
        trigger(run, OF_CONNECTION)
    assert all(words in run.report.still_running for words in (CONNECTION, "asked to stop", "nothing new was started"))
    assert saved(tmp_path) == {}


def test_a_restart_that_is_refused_still_says_that_a_sync_was_stopped(rudderstack: Vendor, run: Run) -> None:
    stopped(rudderstack)
    expect_poll(rudderstack)
    expect_start(rudderstack, OF_CONNECTION, status=400)
    assert trigger(run, OF_CONNECTION) == (201, "refused")
    assert "asked to stop" in run.report.still_running


@pytest.mark.parametrize("shows", [True, False], ids=["it shows", "a 409 says so"])
def test_a_run_of_a_source_cannot_be_stopped(rudderstack: Vendor, run: Run, tmp_path: Path, shows: bool) -> None:
    expect_read(rudderstack, OF_SOURCE, *([OLD_RUN] if shows else []))
    if not shows:
        expect_conflict(rudderstack, OF_SOURCE)
    ended = trigger(run, OF_SOURCE)
    assert ended == (203, "already_running")
    assert all(words in ended.message for words in (SOURCE, "RUDDERSTACK_IF_RUNNING to join or wait"))
    assert saved(tmp_path) == {}


# join


def test_join_saves_the_running_sync_of_a_connection(rudderstack: Vendor, run: Run, tmp_path: Path) -> None:
    expect_read(rudderstack, OF_CONNECTION, sync("running", "theirs"))
    ended = trigger(run, OF_CONNECTION, "join")
    assert ended == (0, "joined")
    assert ended.message.startswith(f"joined sync theirs of connection {CONNECTION}, which was already running; ")
    assert saved(tmp_path)["sync_id.pickle"] == "theirs"
    assert saved(tmp_path)["sync.pickle"]["joined"] is True
    assert run.report.sync_id == "theirs"


def test_join_takes_the_sync_that_started_last(rudderstack: Vendor, run: Run, tmp_path: Path) -> None:
    earlier, later = sync("running", "earlier", "11:00:00"), sync("running", "later", "11:59:00")
    expect_read(rudderstack, OF_CONNECTION, earlier, later)
    trigger(run, OF_CONNECTION, "join")
    assert saved(tmp_path)["sync_id.pickle"] == "later"


def test_join_saves_the_running_run_of_a_source(rudderstack: Vendor, run: Run, tmp_path: Path) -> None:
    expect_read(rudderstack, OF_SOURCE, OLD_RUN)
    assert trigger(run, OF_SOURCE, "join") == (0, "joined")
    assert set(saved(tmp_path)) == {"source_id.pickle", "sync.pickle"}
    assert saved(tmp_path)["source_id.pickle"] == SOURCE
    assert saved(tmp_path)["sync.pickle"]["joined"] is True


def test_join_starts_after_all_if_the_running_sync_has_just_ended(rudderstack: Vendor, run: Run) -> None:
    expect_read(rudderstack, OF_CONNECTION)
    expect_conflict(rudderstack, OF_CONNECTION)
    expect_poll(rudderstack)
    expect_start(rudderstack, OF_CONNECTION)
    assert trigger(run, OF_CONNECTION, "join") == (0, "started")


def test_join_takes_a_sync_that_shows_late(rudderstack: Vendor, run: Run, tmp_path: Path) -> None:
    expect_read(rudderstack, OF_CONNECTION)
    expect_conflict(rudderstack, OF_CONNECTION)
    for _ in range(5):
        expect_poll(rudderstack)
        expect_conflict(rudderstack, OF_CONNECTION)
    expect_poll(rudderstack, sync("running", "theirs"))
    assert trigger(run, OF_CONNECTION, "join") == (0, "joined")
    assert saved(tmp_path)["sync_id.pickle"] == "theirs"


@pytest.mark.parametrize("of", [OF_SOURCE, OF_CONNECTION], ids=["source", "connection"])
def test_join_gives_up_after_a_minute_of_409s_beside_which_no_sync_shows(
    rudderstack: Vendor, run: Run, tmp_path: Path, of: dict[str, str]
) -> None:
    expect_read(rudderstack, of)
    expect_conflict(rudderstack, of)
    for _ in range(100):
        if of is OF_SOURCE:
            rudderstack.expect("GET", SOURCE_STATUS, LAST_RUN)
        else:
            expect_poll(rudderstack)
        expect_conflict(rudderstack, of)
    ended = trigger(run, of, "join")
    rudderstack.steps.clear()
    assert ended == (203, "already_running")
    assert 60 <= rudderstack.clock.elapsed < 70
    assert saved(tmp_path) == {}


def test_a_joined_run_of_a_source_is_waited_for(rudderstack: Vendor, run: Run) -> None:
    expect_read(rudderstack, OF_SOURCE, OLD_RUN)
    rudderstack.expect("GET", SOURCE_STATUS, OLD_RUN)
    rudderstack.expect("GET", SOURCE_STATUS, a_run("finished", "11:50:00", "12:01:00"))
    assert trigger(run, OF_SOURCE, "join", WAIT="TRUE") == (0, "succeeded")


def test_a_joined_run_that_shows_its_start_late_is_not_taken_for_the_next_one(rudderstack: Vendor, run: Run) -> None:
    rudderstack.expect("GET", SOURCE_STATUS, {"status": "pending"})
    rudderstack.expect("GET", SOURCE_STATUS, {"status": "pending"})
    rudderstack.expect("GET", SOURCE_STATUS, a_run("running", "12:00:03"))
    rudderstack.expect("GET", SOURCE_STATUS, a_run("finished", "12:00:09", "12:00:10"))
    assert trigger(run, OF_SOURCE, "join", WAIT="TRUE") == (213, "unknown")


# wait


def test_wait_starts_once_the_running_sync_of_a_connection_has_ended(rudderstack: Vendor, run: Run) -> None:
    expect_read(rudderstack, OF_CONNECTION, OLD)
    for _ in range(20):
        expect_poll(rudderstack, OLD)
    expect_poll(rudderstack)
    expect_start(rudderstack, OF_CONNECTION, {"syncId": "new"})
    ended = trigger(run, OF_CONNECTION, "wait")
    assert ended == (0, "started")
    assert "new" in ended.message


def test_wait_starts_once_the_running_run_of_a_source_has_ended(rudderstack: Vendor, run: Run) -> None:
    expect_read(rudderstack, OF_SOURCE, OLD_RUN)
    rudderstack.expect("GET", SOURCE_STATUS, OLD_RUN)
    rudderstack.expect("GET", SOURCE_STATUS, a_run("finished", "11:50:00", "12:00:02"))
    expect_conflict(rudderstack, OF_SOURCE)
    rudderstack.expect("GET", SOURCE_STATUS, a_run("finished", "11:50:00", "12:00:02"))
    expect_start(rudderstack, OF_SOURCE)
    assert trigger(run, OF_SOURCE, "wait") == (0, "started")


@pytest.mark.parametrize("timeout", ["10", "60"])
def test_wait_gives_up_after_its_time_and_starts_nothing(
    rudderstack: Vendor, run: Run, tmp_path: Path, timeout: str
) -> None:
    expect_read(rudderstack, OF_CONNECTION, OLD)
    expect_poll(rudderstack, OLD, many=True)
    ended = trigger(run, OF_CONNECTION, "wait", WAIT_TIMEOUT=timeout)
    assert ended == (203, "already_running")
    assert "RUDDERSTACK_WAIT_TIMEOUT" in ended.message
    assert int(timeout) * 60 <= rudderstack.clock.elapsed < int(timeout) * 60 + 61
    assert saved(tmp_path) == {}


def test_reads_that_fail_while_its_turn_is_awaited_are_survived(rudderstack: Vendor, run: Run) -> None:
    expect_read(rudderstack, OF_CONNECTION, OLD)
    for _ in range(7):
        rudderstack.expect("GET", SYNCS, LOST, query=RUNNING_ONES)
    expect_poll(rudderstack)
    expect_start(rudderstack, OF_CONNECTION)
    assert trigger(run, OF_CONNECTION, "wait") == (0, "started")


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("policy", ["wait", "restart"])
def test_a_start_that_is_refused_once_its_turn_has_come_is_told_at_once(
    rudderstack: Vendor, run: Run, tmp_path: Path, status: int, policy: str
) -> None:
    expect_read(rudderstack, OF_CONNECTION, OLD)
    if policy == "restart":
        rudderstack.expect("POST", CONNECTION_STOP, None, status=204)
    expect_poll(rudderstack, OLD)
    expect_poll(rudderstack)
    expect_start(rudderstack, OF_CONNECTION, status=status)
    assert trigger(run, OF_CONNECTION, policy) == (200, "invalid_credentials")
    assert rudderstack.starts("/start") == [INCREMENTAL]
    assert saved(tmp_path) == {}


def test_wait_goes_on_after_another_409_of_a_connection(rudderstack: Vendor, run: Run) -> None:
    expect_read(rudderstack, OF_CONNECTION)
    for _ in range(3):
        expect_conflict(rudderstack, OF_CONNECTION)
        expect_poll(rudderstack)
    expect_start(rudderstack, OF_CONNECTION)
    assert trigger(run, OF_CONNECTION, "wait") == (0, "started")


@pytest.mark.parametrize("seconds", ["50", "60"])
def test_a_retry_after_at_each_poll_for_its_turn_outlasts_the_time_out_by_no_more_than_a_poll(
    rudderstack: Vendor, run: Run, seconds: str
) -> None:
    expect_read(rudderstack, OF_CONNECTION, OLD)
    expect_poll(rudderstack, OLD)
    rudderstack.expect(
        "GET", SYNCS, None, status=429, headers={"Retry-After": seconds}, query=RUNNING_ONES, takes=5, many=True
    )
    assert trigger(run, OF_CONNECTION, "wait", WAIT_TIMEOUT="1").code in (202, 203)
    assert rudderstack.clock.elapsed < 66  # a poll takes five seconds


def test_there_is_one_time_out_for_waiting_before_and_after_the_start(rudderstack: Vendor, run: Run) -> None:
    expect_read(rudderstack, OF_CONNECTION, OLD)
    rudderstack.expect(
        "GET",
        SYNCS,
        lambda: syncs(*([OLD] if rudderstack.clock.elapsed < 400 else [])),
        query=RUNNING_ONES,
        many=True,
    )
    expect_start(rudderstack, OF_CONNECTION)
    rudderstack.expect("GET", SYNC, sync("running"), many=True)
    assert trigger(run, OF_CONNECTION, "wait", WAIT="TRUE", WAIT_TIMEOUT="10") == (210, "running")
    assert 600 <= rudderstack.clock.elapsed < 660
