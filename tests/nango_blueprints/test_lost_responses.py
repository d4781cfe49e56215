"""Nango - Trigger Sync, when the response to its request is lost or unclear: nothing is started twice or forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endings import FAILED, RUNNING, STARTED, SUCCEEDED, UNCLEAR
from tests.nango_blueprints.responses import (
    BODY,
    BODY_ALL,
    NEW,
    OF_INTEGRATION,
    ONLY_THE_KEY,
    QUERY,
    QUERY_ALL,
    RESET_BODY,
    Nango,
    entry,
    never,
    running,
)
from tests.wire import HTML, LOST, TIMED_OUT

RESETS = [
    ({"RESET": "TRUE"}, {**BODY, "opts": {"reset": True}}),
    ({"RESET": "TRUE", "EMPTY_CACHE": "TRUE"}, {**BODY, "opts": {"reset": True, "emptyCache": True}}),
]


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
    nango: Nango, before: list[Any], now: list[Any], again: bool
) -> None:
    nango.expect_trigger(*before, query=QUERY_ALL, response=LOST, body=BODY_ALL)
    nango.shows(*now, query=QUERY_ALL, many=True)
    if again:
        nango.expect_start(body=BODY_ALL)
    assert nango.trigger(OF_INTEGRATION, IF_RUNNING="join") == (STARTED if again else UNCLEAR)
    assert len(nango.starts()) == 1 + again


@pytest.mark.parametrize("odd", [{"success": False}, {"success": "true"}])
def test_a_good_status_without_success_is_no_success(nango: Nango, odd: dict[str, Any]) -> None:
    nango.expect_trigger(response=odd)
    nango.shows(entry(), many=True)
    assert nango.trigger() == UNCLEAR
    assert nango.starts() == [BODY]


@pytest.mark.parametrize(("given", "body"), RESETS, ids=["reset", "with an empty cache"])
def test_a_lost_reset_of_which_nothing_shows_is_unclear_and_never_sent_again(
    nango: Nango, given: dict[str, str], body: dict[str, Any]
) -> None:
    nango.expect_trigger(response=LOST, body=body)
    nango.shows(entry(), many=True)
    assert nango.trigger(**given) == UNCLEAR
    assert nango.starts() == [body]
    assert set(nango.files) == {"starting.pickle"}


@pytest.mark.parametrize("now", [running(), entry("SUCCESS", NEW), entry("STOPPED", NEW)])
@pytest.mark.parametrize(("given", "body"), [({}, BODY), *RESETS], ids=["no reset", "reset", "with an empty cache"])
def test_a_lost_request_that_shows_by_a_run_or_a_new_end_was_accepted(
    nango: Nango, now: Any, given: Any, body: Any
) -> None:
    nango.expect_trigger(response=LOST, body=body)
    nango.polls(entry(), now)
    assert nango.trigger(**given) == STARTED
    assert nango.starts() == [body]
    assert nango.files["sync.pickle"]["reset"] is ("RESET" in given)


def test_a_reset_that_arrives_after_its_time_out_cancels_a_run_that_is_not_its_own(nango: Nango) -> None:
    nango.expect_trigger(response=TIMED_OUT, body={**BODY, "opts": {"reset": True}}, takes=120)
    nango.shows(entry("STOPPED", "12:01:58"))
    assert nango.trigger(RESET="TRUE") == STARTED
    assert nango.files["sync.pickle"]["late"] == 120
    nango.shows(entry("STOPPED", "12:01:58"))
    assert nango.check() == RUNNING
    nango.clock.sleep(31)
    nango.shows(entry("STOPPED", "12:01:58"))
    assert nango.check() == FAILED


# Stories in which the simulation once found a wrong end


def expect_unclear(nango: Nango, *before: Any, query: dict[str, str], body: dict[str, Any]) -> None:
    """A trigger request that Nango accepted, of which neither its response nor a later poll tells."""
    nango.expect_trigger(*before, query=query, response=LOST, body=body)
    for _ in range(5):
        nango.responds(HTML, query=query)


@pytest.mark.parametrize(
    ("given", "first_body", "status"),
    [({"IF_RUNNING": "join"}, BODY_ALL, 503), ({"RESET": "TRUE"}, {**BODY_ALL, "opts": {"reset": True}}, 502)],
    ids=["7027478", "100780718"],
)
def test_what_only_an_earlier_unclear_trigger_ran_is_not_seen_to_start(
    nango: Nango, given: dict[str, str], first_body: dict[str, Any], status: int
) -> None:
    """One of two runs of the first trigger was over before the second one read; the second request never arrived.

    The model took the run that was over for one of the second trigger.
    """
    expect_unclear(nango, entry(connection="a"), entry(connection="b"), query=QUERY_ALL, body=first_body)
    assert nango.trigger(OF_INTEGRATION, **given) == UNCLEAR
    over = entry("SUCCESS", "12:00:02", connection="a")
    nango.expect_trigger(over, entry(connection="b"), query=QUERY_ALL, response=HTML, status=status, body=first_body)
    nango.shows(over, running(connection="b"), query=QUERY_ALL)
    assert nango.trigger(OF_INTEGRATION, **given) == STARTED
    nango.clock.elapsed += 800
    nango.shows(over, entry("SUCCESS", "12:01:00", connection="b"), query=QUERY_ALL)
    assert nango.check(of=ONLY_THE_KEY) == (*FAILED, "a/lab-ctl (not seen to start within")


@pytest.mark.parametrize(
    ("given", "body"),
    [({"IF_RUNNING": "join"}, BODY), ({"RESET": "TRUE"}, RESET_BODY)],
    ids=["31058629", "100860780"],
)
def test_a_run_of_an_earlier_unclear_trigger_within_the_next_request_looks_like_its_own(
    nango: Nango, given: dict[str, str], body: dict[str, Any]
) -> None:
    """No client can know: the request took two minutes, and was accepted after that run rather than before it."""
    expect_unclear(nango, query=QUERY, body=body)
    assert nango.trigger(**given) == UNCLEAR
    at_start = nango.clock.elapsed
    nango.expect_trigger(body=body, takes=115)
    assert nango.trigger(**given) == STARTED
    assert nango.clock.elapsed - at_start >= 115
    nango.shows(entry("SUCCESS", "12:01:30"))
    assert nango.check(of=ONLY_THE_KEY) == SUCCEEDED
    assert nango.starts() == [body, body]


def test_a_run_that_no_poll_showed_is_told_once_and_no_third_request_is_sent(nango: Nango) -> None:
    """Seed 100982987, no client can know: queued during every poll, it was over when the second request arrived."""
    nango.expect_trigger(entry("STOPPED"), response=LOST)
    nango.shows(entry("STOPPED"), many=True)
    nango.expect_start(takes=87)
    assert nango.trigger() == STARTED
    assert nango.starts() == [BODY, BODY]
    nango.clock.elapsed += 600
    nango.shows(entry("STOPPED", "12:04:50"))
    assert nango.check(of=ONLY_THE_KEY) == FAILED
