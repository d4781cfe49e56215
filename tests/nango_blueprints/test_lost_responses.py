"""Nango - Trigger Sync, when the response to its request is lost or unclear: nothing is started twice or forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endings import FAILED, RUNNING, STARTED, SUCCEEDED, UNCLEAR
from tests.nango_blueprints.responses import NEW, ONLY_THE_KEY, Nango, entry, never, running
from tests.wire import HTML, LOST, TIMED_OUT

RESET = {"reset": True}
RESETS = [({"RESET": "TRUE"}, RESET), ({"RESET": "TRUE", "EMPTY_CACHE": "TRUE"}, {**RESET, "emptyCache": True})]


def test_a_failure_from_before_the_request_that_shows_late_is_not_its_doing(nango: Nango) -> None:
    nango.clock.sleep(60)
    nango.expect_trigger(response=LOST)
    nango.shows(entry("STOPPED", "12:00:30"), many=True)
    nango.expect_start()
    assert nango.trigger() == STARTED
    assert len(nango.starts()) == 2


def test_a_success_while_a_lost_request_waited_for_its_turn_is_not_its_doing(nango: Nango) -> None:
    nango.expect_trigger(status=429, headers={"Retry-After": "60"})
    nango.expect_start(response=TIMED_OUT)
    nango.shows(entry("SUCCESS", "12:00:30"), many=True)
    assert nango.trigger() == UNCLEAR
    assert len(nango.starts()) == 2


def test_the_run_of_a_lost_request_is_found_however_long_a_second_one_waits(nango: Nango) -> None:
    nango.expect_trigger(response=LOST)
    nango.shows(entry(), many=True)
    nango.expect_start(status=429, headers={"Retry-After": "40"})
    nango.expect_start(response=LOST)
    nango.shows(entry("SUCCESS", "12:00:25"))
    assert nango.trigger() == STARTED


def test_a_run_that_a_slow_lost_request_started_is_found_by_a_server_without_a_clock(nango: Nango) -> None:
    nango.shows(entry(), date=False)
    nango.expect_start(response=TIMED_OUT, takes=120)
    nango.shows(entry("SUCCESS", "12:00:20"), date=False)
    assert nango.trigger() == STARTED


OTHER = entry(connection="conn-b")
OF_ALL: dict[str, tuple[list[Any], list[Any], bool]] = {
    "a sync added since is running": ([entry()], [entry(), running(name="added")], False),
    "a sync added since has ended": ([entry()], [entry(), entry(name="added")], False),
    "a sync added since never ran": ([entry()], [entry(), never(name="added")], True),
    "what was joined goes on": ([running(), OTHER], [running(), OTHER], True),
}


@pytest.mark.parametrize(("before", "now", "again"), OF_ALL.values(), ids=OF_ALL)
def test_a_lost_request_for_all_is_sent_again_unless_what_shows_may_be_its_doing(
    nango_all: Nango, before: list[Any], now: list[Any], again: bool
) -> None:
    nango_all.expect_trigger(*before, response=LOST)
    nango_all.shows(*now, many=True)
    if again:
        nango_all.expect_start()
    assert nango_all.trigger(IF_RUNNING="join") == (STARTED if again else UNCLEAR)
    assert len(nango_all.starts()) == 1 + again


@pytest.mark.parametrize("odd", [{"success": False}, {"success": "true"}])
def test_a_good_status_without_success_is_no_success(nango: Nango, odd: dict[str, Any]) -> None:
    nango.expect_trigger(response=odd)
    nango.shows(entry(), many=True)
    assert nango.trigger() == UNCLEAR
    assert len(nango.starts()) == 1


@pytest.mark.parametrize(("given", "opts"), RESETS, ids=["reset", "with an empty cache"])
def test_a_lost_reset_of_which_nothing_shows_is_unclear_and_never_sent_again(
    nango: Nango, given: dict[str, str], opts: dict[str, bool]
) -> None:
    nango.expect_trigger(response=LOST, opts=opts)
    nango.shows(entry(), many=True)
    assert nango.trigger(**given) == UNCLEAR
    assert len(nango.starts()) == 1


@pytest.mark.parametrize("now", [running(), entry("SUCCESS", NEW), entry("STOPPED", NEW)])
@pytest.mark.parametrize(("given", "opts"), [({}, None), *RESETS], ids=["no reset", "reset", "with an empty cache"])
def test_a_lost_request_that_shows_by_a_run_or_a_new_end_was_accepted(
    nango: Nango, now: Any, given: Any, opts: Any
) -> None:
    nango.expect_trigger(response=LOST, opts=opts)
    nango.polls(entry(), now)
    assert nango.trigger(**given) == STARTED
    assert len(nango.starts()) == 1
    assert nango.files["sync.pickle"]["reset"] is ("RESET" in given)


def test_a_reset_that_arrives_after_its_time_out_cancels_a_run_that_is_not_its_own(nango: Nango) -> None:
    nango.expect_trigger(response=TIMED_OUT, opts=RESET, takes=120)
    nango.shows(entry("STOPPED", "12:01:58"))
    assert nango.trigger(RESET="TRUE") == STARTED
    assert nango.files["sync.pickle"]["late"] == 120
    nango.shows(entry("STOPPED", "12:01:58"))
    assert nango.check() == RUNNING
    nango.clock.sleep(31)
    nango.shows(entry("STOPPED", "12:01:58"))
    assert nango.check() == FAILED


# Stories in which the simulation once found a wrong end


JOIN_OR_RESET = [({"IF_RUNNING": "join"}, None), ({"RESET": "TRUE"}, RESET)]


def is_unclear(nango: Nango, *before: Any, opts: Any, **given: str) -> None:
    """A trigger whose request Nango accepts, of which neither its response nor a later poll tells."""
    nango.expect_trigger(*before, response=LOST, opts=opts)
    for _ in range(5):
        nango.responds(HTML)
    assert nango.trigger(**given) == UNCLEAR


@pytest.mark.parametrize(("given", "opts"), JOIN_OR_RESET, ids=["7027478", "100780718"])
def test_what_only_an_earlier_unclear_trigger_ran_is_not_seen_to_start(
    nango_all: Nango, given: dict[str, str], opts: Any
) -> None:
    """One of two runs of the first trigger was over before the second one read; the second request never arrived.

    The model took the run that was over for one of the second trigger.
    """
    is_unclear(nango_all, entry(connection="a"), entry(connection="b"), opts=opts, **given)
    over = entry("SUCCESS", "12:00:02", connection="a")
    nango_all.expect_trigger(over, entry(connection="b"), response=HTML, status=502, opts=opts)
    nango_all.shows(over, running(connection="b"))
    assert nango_all.trigger(**given) == STARTED
    nango_all.clock.elapsed += 800
    nango_all.shows(over, entry("SUCCESS", "12:01:00", connection="b"))
    assert nango_all.check(of=ONLY_THE_KEY) == (*FAILED, "a/lab-ctl (not seen to start within")


@pytest.mark.parametrize(("given", "opts"), JOIN_OR_RESET, ids=["31058629", "100860780"])
def test_a_run_of_an_earlier_unclear_trigger_within_the_next_request_looks_like_its_own(
    nango: Nango, given: dict[str, str], opts: Any
) -> None:
    """No client can know: the request took two minutes, and was accepted after that run rather than before it."""
    is_unclear(nango, opts=opts, **given)
    at_start = nango.clock.elapsed
    nango.expect_trigger(opts=opts, takes=115)
    assert nango.trigger(**given) == STARTED
    assert nango.clock.elapsed - at_start >= 115
    nango.shows(entry("SUCCESS", "12:01:30"))
    assert nango.check(of=ONLY_THE_KEY) == SUCCEEDED


def test_a_run_that_no_poll_showed_is_told_once_and_no_third_request_is_sent(nango: Nango) -> None:
    """Seed 100982987, no client can know: queued during every poll, it was over when the second request arrived."""
    nango.expect_trigger(entry("STOPPED"), response=LOST)
    nango.shows(entry("STOPPED"), many=True)
    nango.expect_start(takes=87)
    assert nango.trigger() == STARTED
    assert len(nango.starts()) == 2
    nango.clock.elapsed += 600
    nango.shows(entry("STOPPED", "12:04:50"))
    assert nango.check(of=ONLY_THE_KEY) == FAILED
