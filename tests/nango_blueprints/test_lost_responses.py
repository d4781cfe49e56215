"""Nango - Trigger Sync, when the response to its request is lost or unclear: nothing is started twice or forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endings import FAILED, RUNNING, STARTED, UNCLEAR
from tests.nango_blueprints.responses import (
    BODY,
    BODY_ALL,
    NAME,
    NEW,
    OF_INTEGRATION,
    QUERY_ALL,
    Nango,
    entry,
    never,
    running,
)
from tests.wire import LOST, TIMED_OUT

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


@pytest.mark.parametrize("added", [running(name="added"), entry(name="added")])
def test_a_run_of_a_sync_added_since_may_be_the_doing_of_a_lost_request_which_is_not_sent_again(
    nango: Nango, added: dict[str, Any]
) -> None:
    nango.expect_trigger(query=QUERY_ALL, response=LOST, body=BODY_ALL)
    nango.shows(entry(), added, query=QUERY_ALL, many=True)
    assert nango.trigger(OF_INTEGRATION) == UNCLEAR
    assert nango.starts() == [BODY_ALL]


def test_a_sync_added_since_that_never_ran_says_nothing_about_a_lost_request(nango: Nango) -> None:
    nango.expect_trigger(query=QUERY_ALL, response=LOST, body=BODY_ALL)
    nango.shows(entry(), never(name="added"), query=QUERY_ALL, many=True)
    nango.expect_start(body=BODY_ALL)
    assert nango.trigger(OF_INTEGRATION) == STARTED


@pytest.mark.parametrize("odd", [{"success": False}, {"success": "true"}])
def test_a_good_status_without_success_is_no_success(nango: Nango, odd: dict[str, Any]) -> None:
    nango.expect_trigger(response=odd)
    nango.shows(entry(), many=True)
    assert nango.trigger() == UNCLEAR
    assert nango.starts() == [BODY]


def test_what_was_joined_says_nothing_about_a_lost_request_by_its_running(nango: Nango) -> None:
    query, body = {**QUERY_ALL, "syncs": NAME}, {**BODY_ALL, "syncs": [NAME]}
    found = running(), entry(connection="conn-b")
    nango.expect_trigger(*found, query=query, response=LOST, body=body)
    nango.shows(*found, query=query, many=True)
    nango.expect_start(body=body)
    assert nango.trigger({**OF_INTEGRATION, "NANGO_SYNCS": NAME}, IF_RUNNING="join") == STARTED
    assert len(nango.starts()) == 2


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
