"""RudderStack - Trigger Sync: the four policies of RUDDERSTACK_IF_RUNNING, for a sync that shows and for a 409."""

from __future__ import annotations

import pytest

from shared.errors import Interruption
from tests.endings import ALREADY_RUNNING, BAD_REQUEST, JOINED, NOT_STARTED, STARTED, SUCCEEDED, UNKNOWN
from tests.rudderstack_blueprints.responses import (
    CONNECTION,
    CONNECTION_STOP,
    LAST_RUN,
    OF_CONNECTION,
    OF_SOURCE,
    SOURCE,
    SOURCE_STATUS,
    RudderStack,
    a_run,
    sync,
)
from tests.wire import HTML, killed

OLD = sync("running", "old", "11:50:00")
OLD_RUN = a_run("running", "11:50:00")


# restart


def stopped(rudderstack: RudderStack, status: int = 204) -> None:
    """A running sync that shows, and the stop of it."""
    rudderstack.expect_read(OF_CONNECTION, OLD)
    rudderstack.expect("POST", CONNECTION_STOP, None, status=status)


@pytest.mark.parametrize(
    "status", [204, 400, 404, 409], ids=["accepted", "it has just ended", "there is none", "the same as a 409"]
)
def test_restart_stops_waits_until_nothing_runs_and_starts(rudderstack: RudderStack, status: int) -> None:
    stopped(rudderstack, status)
    rudderstack.shows_running(OLD)
    rudderstack.shows_running()
    rudderstack.expect_start(OF_CONNECTION, {"syncId": "new"})
    assert rudderstack.trigger() == STARTED
    assert rudderstack.saved["sync_id.pickle"] == "new"
    assert "still running" in rudderstack.run.report.still_running
    assert "stop" not in rudderstack.run.report.still_running


def test_restart_stops_a_sync_that_only_a_409_reports(rudderstack: RudderStack) -> None:
    rudderstack.expect_read()
    rudderstack.expect_conflict()
    rudderstack.expect("POST", CONNECTION_STOP, None, status=204)
    rudderstack.shows_running(OLD)
    rudderstack.shows_running()
    rudderstack.expect_start()
    assert rudderstack.trigger() == STARTED


def test_a_drain_that_still_refuses_a_start_is_waited_for_without_another_stop(rudderstack: RudderStack) -> None:
    stopped(rudderstack)
    for _ in range(2):
        rudderstack.shows_running()
        rudderstack.expect_conflict()
    rudderstack.shows_running()
    rudderstack.expect_start()
    assert rudderstack.trigger() == STARTED


@pytest.mark.parametrize("drains", [False, True], ids=["it shows", "it does not show and refuses a start"])
def test_a_stop_that_takes_no_effect_in_five_minutes_is_given_up(rudderstack: RudderStack, drains: bool) -> None:
    stopped(rudderstack)
    if drains:
        for _ in range(200):
            rudderstack.shows_running()
            rudderstack.expect_conflict()
    else:
        rudderstack.shows_running(OLD, many=True)
    assert rudderstack.trigger() == (*ALREADY_RUNNING, CONNECTION, "asked to stop")
    rudderstack.steps.clear()
    assert 300 <= rudderstack.clock.elapsed < 370
    assert rudderstack.saved == {}


def test_a_word_that_a_stopped_sync_ends_with_is_not_waited_for(rudderstack: RudderStack) -> None:
    stopped(rudderstack)
    rudderstack.shows_running(sync("halted", "old"))
    rudderstack.expect_start()
    assert rudderstack.trigger() == STARTED


def test_an_outage_during_the_stop_is_known_to_have_started_nothing(rudderstack: RudderStack) -> None:
    rudderstack.expect_read(OF_CONNECTION, OLD)
    rudderstack.expect("POST", CONNECTION_STOP, HTML, status=502, many=True)
    assert rudderstack.trigger() == NOT_STARTED


@pytest.mark.parametrize("at_the", ["stop", "poll"])
def test_a_trigger_killed_after_the_stop_says_so(rudderstack: RudderStack, at_the: str) -> None:
    rudderstack.expect_read(OF_CONNECTION, OLD)
    rudderstack.expect("POST", CONNECTION_STOP, killed if at_the == "stop" else None, status=204)
    if at_the == "poll":
        rudderstack.shows_running(OLD)
        rudderstack.expect_running(killed)
    with pytest.raises(Interruption):
        rudderstack.trigger()
    left = rudderstack.run.report.still_running
    assert all(words in left for words in (CONNECTION, "asked to stop", "nothing new was started"))
    assert rudderstack.saved == {}


def test_a_restart_that_is_refused_still_says_that_a_sync_was_stopped(rudderstack: RudderStack) -> None:
    stopped(rudderstack)
    rudderstack.shows_running()
    rudderstack.expect_start(status=400)
    assert rudderstack.trigger() == BAD_REQUEST
    assert "asked to stop" in rudderstack.run.report.still_running


@pytest.mark.parametrize("shows", [True, False], ids=["it shows", "a 409 says so"])
def test_a_run_of_a_source_cannot_be_stopped(rudderstack: RudderStack, shows: bool) -> None:
    rudderstack.expect_read(OF_SOURCE, *([OLD_RUN] if shows else []))
    if not shows:
        rudderstack.expect_conflict(OF_SOURCE)
    assert rudderstack.trigger(OF_SOURCE) == (*ALREADY_RUNNING, SOURCE, "RUDDERSTACK_IF_RUNNING to join or wait")
    assert rudderstack.saved == {}


# join


def test_join_saves_the_running_sync_of_a_connection_that_started_last(rudderstack: RudderStack) -> None:
    rudderstack.expect_read(OF_CONNECTION, OLD, sync("running", "theirs", "11:59:00"))
    words = f"joined sync theirs of connection {CONNECTION}, which was already running; "
    assert rudderstack.trigger(IF_RUNNING="join") == (*JOINED, words)
    assert rudderstack.saved["sync_id.pickle"] == "theirs"
    assert rudderstack.saved["sync.pickle"]["joined"] is True
    assert rudderstack.run.report.sync_id == "theirs"


def test_join_saves_the_running_run_of_a_source_and_waits_for_it(rudderstack: RudderStack) -> None:
    rudderstack.expect_read(OF_SOURCE, OLD_RUN)
    rudderstack.polls(SOURCE_STATUS, LAST_RUN, OLD_RUN, a_run("finished", "11:50:00", "12:01:00"))
    assert rudderstack.trigger(OF_SOURCE, IF_RUNNING="join", WAIT="TRUE") == SUCCEEDED
    assert set(rudderstack.saved) == {"source_id.pickle", "sync.pickle"}
    assert rudderstack.saved["source_id.pickle"] == SOURCE


def test_a_joined_run_that_shows_its_start_late_is_not_taken_for_the_next_one(rudderstack: RudderStack) -> None:
    pending, other = {"status": "pending"}, a_run("finished", "12:00:09", "12:00:10")
    rudderstack.polls(SOURCE_STATUS, pending, pending, a_run("running", "12:00:03"), other)
    assert rudderstack.trigger(OF_SOURCE, IF_RUNNING="join", WAIT="TRUE") == UNKNOWN
