"""Nango - Trigger Sync, when the response to its request is lost or unclear: nothing is started twice or forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from tests.nango_blueprints.responses import (
    ARTIFACT_ERROR,
    BODY,
    BODY_ALL,
    INTEGRATION,
    NAME,
    NEW,
    OF_INTEGRATION,
    QUERY_ALL,
    STARTED,
    UNCLEAR,
    Nango,
    entries,
    entry,
    never,
    running,
)
from tests.wire import HTML, LOST, TIMED_OUT

LOST_CONNECTION = {
    "connection lost": (LOST, 0),
    "500": ({"error": {"code": "generic_error_support", "message": "An error occurred"}}, 500),
    "502 of a proxy": (HTML, 502),
}
TIME_OUT = {"read timeout": (TIMED_OUT, 0), "408": (HTML, 408), "504": (HTML, 504), "524": (HTML, 524)}
NO_SUCCESS = {
    "HTML": (HTML, 200),
    "no body": (None, 200),
    "no success": ({"success": False}, 200),
    "another word": ({"success": "true"}, 200),
    "nothing": ({}, 200),
    "a list": ([], 200),
}
LOST_ONES = {**LOST_CONNECTION, **TIME_OUT, **NO_SUCCESS}
RESETS = [
    ({"RESET": "TRUE"}, {**BODY, "opts": {"reset": True}}),
    ({"RESET": "TRUE", "EMPTY_CACHE": "TRUE"}, {**BODY, "opts": {"reset": True, "emptyCache": True}}),
]


@pytest.mark.parametrize(("response", "status"), LOST_ONES.values(), ids=LOST_ONES)
@pytest.mark.parametrize("now", [running(), entry("SUCCESS", NEW), entry("STOPPED", NEW)])
def test_a_lost_request_that_shows_was_accepted_and_is_not_sent_again(
    nango: Nango, response: Any, status: int, now: dict[str, Any]
) -> None:
    nango.expect_trigger(response=response, status=status)
    nango.shows(now)
    assert nango.trigger() == STARTED
    assert nango.starts() == [BODY]
    assert set(nango.saved) == {"sync.pickle"}


@pytest.mark.parametrize(("response", "shows_after"), [(LOST, 10), (TIMED_OUT, 80)])
def test_a_lost_request_that_shows_late_was_accepted(nango: Nango, response: Any, shows_after: float) -> None:
    def now() -> dict[str, Any]:
        return entries(running() if nango.clock.elapsed > shows_after else entry())

    nango.expect_trigger(response=response)
    nango.responds(now, many=True)
    assert nango.trigger() == STARTED
    assert nango.starts() == [BODY]


def test_a_failure_from_before_the_request_that_shows_late_is_not_its_doing(nango: Nango) -> None:
    nango.clock.sleep(60)
    nango.expect_trigger(response=LOST)
    nango.shows(entry("STOPPED", "12:00:30"), many=True)
    nango.expect_start()
    assert nango.trigger() == STARTED
    assert len(nango.starts()) == 2


@pytest.mark.parametrize(("response", "status"), LOST_CONNECTION.values(), ids=LOST_CONNECTION)
@pytest.mark.parametrize("now", [entry(), never()])
def test_a_lost_request_of_which_nothing_shows_is_sent_once_more(
    nango: Nango, response: Any, status: int, now: dict[str, Any]
) -> None:
    nango.expect_trigger(now, response=response, status=status)
    nango.shows(now, many=True)
    nango.expect_start()
    assert nango.trigger() == STARTED
    assert nango.starts() == [BODY, BODY]


@pytest.mark.parametrize(
    ("response", "status", "least"),
    [*((*one, 90) for one in TIME_OUT.values()), *((*one, 15) for one in NO_SUCCESS.values())],
)
def test_after_a_time_out_or_a_good_status_without_success_nothing_is_sent_again(
    nango: Nango, response: Any, status: int, least: float
) -> None:
    nango.expect_trigger(response=response, status=status)
    nango.shows(entry(), many=True)
    assert nango.trigger() == (*UNCLEAR, INTEGRATION)
    assert nango.clock.elapsed == least
    assert nango.starts() == [BODY]
    assert nango.saved["starting.pickle"]["state"] == "sent"
    assert nango.check(of=OF_INTEGRATION) == ARTIFACT_ERROR


def test_what_was_joined_says_nothing_about_a_lost_request_by_its_running(nango: Nango) -> None:
    query, body = {**QUERY_ALL, "syncs": NAME}, {**BODY_ALL, "syncs": [NAME]}
    found = running(), entry(connection="conn-b")
    nango.expect_trigger(*found, query=query, response=LOST, body=body)
    nango.shows(*found, query=query, many=True)
    nango.expect_start(body=body)
    assert nango.trigger({**OF_INTEGRATION, "NANGO_SYNCS": NAME}, IF_RUNNING="join") == STARTED
    assert len(nango.starts()) == 2


@pytest.mark.parametrize(("response", "status"), LOST_ONES.values(), ids=LOST_ONES)
@pytest.mark.parametrize(("given", "body"), RESETS, ids=["reset", "with an empty cache"])
def test_a_lost_reset_of_which_nothing_shows_is_unclear_and_never_sent_again(
    nango: Nango, response: Any, status: int, given: dict[str, str], body: dict[str, Any]
) -> None:
    nango.expect_trigger(response=response, status=status, body=body)
    nango.shows(entry(), many=True)
    assert nango.trigger(**given) == UNCLEAR
    assert nango.starts() == [body]
    assert set(nango.saved) == {"starting.pickle"}


@pytest.mark.parametrize("now", [running(), entry("SUCCESS", NEW), entry("STOPPED", NEW)])
@pytest.mark.parametrize(("given", "body"), RESETS, ids=["reset", "with an empty cache"])
def test_a_lost_reset_that_shows_was_accepted(
    nango: Nango, now: dict[str, Any], given: dict[str, str], body: dict[str, Any]
) -> None:
    nango.expect_trigger(response=LOST, body=body)
    nango.polls(entry(), now)
    assert nango.trigger(**given) == STARTED
    assert nango.starts() == [body]
    assert nango.saved["sync.pickle"]["reset"] is True
