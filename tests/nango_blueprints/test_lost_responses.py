"""Nango - Trigger Sync, when the response to its request is lost or unclear: nothing is started twice or forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nango_blueprints import check_sync_status, trigger_sync
from shared.context import Run
from tests.nango_blueprints.responses import (
    ACCEPTED,
    BODY,
    BODY_ALL,
    ENVIRONMENT,
    INTEGRATION,
    NAME,
    OF_INTEGRATION,
    QUERY,
    QUERY_ALL,
    STATUS,
    TRIGGER,
    entries,
    entry,
    never,
    running,
)
from tests.support import FakeClock, make_run
from tests.wire import HTML, LOST, REFUSED, TIMED_OUT, Ending, Vendor, ending, files

NEW = "12:00:05"
LIMITED = {"error": {"code": "too_many_request", "message": "Rate limit exceeded"}}
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
UNCLEAR = {**LOST_CONNECTION, **TIME_OUT, **NO_SUCCESS}
RESETS = [
    ({"RESET": "TRUE"}, {**BODY, "opts": {"reset": True}}),
    ({"RESET": "TRUE", "EMPTY_CACHE": "TRUE"}, {**BODY, "opts": {"reset": True, "emptyCache": True}}),
]


@pytest.fixture
def run(tmp_path: Path, clock: FakeClock) -> Run:
    return make_run(tmp_path, "nango", clock)


def trigger(run: Run, of: dict[str, str] = ENVIRONMENT, **given: str) -> Ending:
    """Run the trigger with these inputs, named without NANGO_."""
    return ending(trigger_sync, {**of, **{f"NANGO_{name}": value for name, value in given.items()}}, run)


@pytest.mark.parametrize(("response", "status"), UNCLEAR.values(), ids=UNCLEAR)
@pytest.mark.parametrize("now", [running(), entry("SUCCESS", NEW), entry("STOPPED", NEW)])
def test_a_lost_request_that_shows_was_accepted_and_is_not_sent_again(
    nango: Vendor, run: Run, tmp_path: Path, response: Any, status: int, now: dict[str, Any]
) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, response, status=status, body=BODY)
    nango.expect("GET", STATUS, entries(now), query=QUERY)
    assert trigger(run) == (0, "started")
    assert nango.starts(TRIGGER) == [BODY]
    assert set(files(tmp_path)) == {"sync.pickle"}


@pytest.mark.parametrize(("response", "shows_after"), [(LOST, 10), (TIMED_OUT, 80)])
def test_a_lost_request_that_shows_late_was_accepted(
    nango: Vendor, run: Run, response: Any, shows_after: float
) -> None:
    def now() -> dict[str, Any]:
        return entries(running() if nango.clock.elapsed > shows_after else entry())

    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, response, body=BODY)
    nango.expect("GET", STATUS, now, query=QUERY, many=True)
    assert trigger(run) == (0, "started")
    assert nango.starts(TRIGGER) == [BODY]


def test_a_failure_from_before_the_request_that_shows_late_is_not_its_doing(nango: Vendor, run: Run) -> None:
    nango.clock.sleep(60)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, LOST, body=BODY)
    nango.expect("GET", STATUS, entries(entry("STOPPED", "12:00:30")), query=QUERY, many=True)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    assert trigger(run) == (0, "started")
    assert len(nango.starts(TRIGGER)) == 2


@pytest.mark.parametrize(("response", "status"), LOST_CONNECTION.values(), ids=LOST_CONNECTION)
@pytest.mark.parametrize("now", [entry(), never()])
def test_a_lost_request_of_which_nothing_shows_is_sent_once_more(
    nango: Vendor, run: Run, response: Any, status: int, now: dict[str, Any]
) -> None:
    nango.expect("GET", STATUS, entries(now), query=QUERY)
    nango.expect("POST", TRIGGER, response, status=status, body=BODY)
    nango.expect("GET", STATUS, entries(now), query=QUERY, many=True)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    assert trigger(run) == (0, "started")
    assert nango.starts(TRIGGER) == [BODY, BODY]


@pytest.mark.parametrize(
    ("response", "status", "least"),
    [*((*one, 90) for one in TIME_OUT.values()), *((*one, 15) for one in NO_SUCCESS.values())],
)
def test_after_a_time_out_or_a_good_status_without_success_nothing_is_sent_again(
    nango: Vendor, run: Run, tmp_path: Path, clock: FakeClock, response: Any, status: int, least: float
) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, response, status=status, body=BODY)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY, many=True)
    ended = trigger(run)
    assert ended == (202, "unclear")
    assert INTEGRATION in ended.message
    assert clock.elapsed == least
    assert nango.starts(TRIGGER) == [BODY]
    assert files(tmp_path)["starting.pickle"]["state"] == "sent"
    checked = ending(check_sync_status, OF_INTEGRATION, make_run(tmp_path, "nango", clock))
    assert checked == (221, "artifact_error")


def test_after_two_lost_requests_it_is_unclear_and_no_third_is_sent(nango: Vendor, run: Run, tmp_path: Path) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, LOST, body=BODY)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY, many=True)
    nango.expect("POST", TRIGGER, TIMED_OUT, body=BODY)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY, many=True)
    assert trigger(run) == (202, "unclear")
    assert nango.starts(TRIGGER) == [BODY, BODY]
    assert set(files(tmp_path)) == {"starting.pickle"}


@pytest.mark.parametrize(("response", "status"), [(HTML, 502), (HTML, 200), ({"syncs": {}}, 200), (None, 401)])
def test_a_lost_request_that_cannot_be_found_out_about_is_unclear_and_not_sent_again(
    nango: Vendor, run: Run, response: Any, status: int
) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, LOST, body=BODY)
    nango.expect("GET", STATUS, response, status=status, query=QUERY, many=True)
    assert trigger(run) == (202, "unclear")
    assert nango.starts(TRIGGER) == [BODY]


def test_what_was_joined_says_nothing_about_a_lost_request_by_its_running(nango: Vendor, run: Run) -> None:
    query, body = {**QUERY_ALL, "syncs": NAME}, {**BODY_ALL, "syncs": [NAME]}
    found = entries(running(), entry(connection="conn-b"))
    nango.expect("GET", STATUS, found, query=query)
    nango.expect("POST", TRIGGER, LOST, body=body)
    nango.expect("GET", STATUS, found, query=query, many=True)
    nango.expect("POST", TRIGGER, ACCEPTED, body=body)
    assert trigger(run, {**OF_INTEGRATION, "NANGO_SYNCS": NAME}, IF_RUNNING="join") == (0, "started")
    assert len(nango.starts(TRIGGER)) == 2


@pytest.mark.parametrize(("response", "status"), UNCLEAR.values(), ids=UNCLEAR)
@pytest.mark.parametrize(("given", "body"), RESETS, ids=["reset", "with an empty cache"])
def test_a_lost_reset_of_which_nothing_shows_is_unclear_and_never_sent_again(
    nango: Vendor, run: Run, tmp_path: Path, response: Any, status: int, given: dict[str, str], body: dict[str, Any]
) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, response, status=status, body=body)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY, many=True)
    ended = trigger(run, **given)
    assert ended == (202, "unclear")
    assert nango.starts(TRIGGER) == [body]
    assert set(files(tmp_path)) == {"starting.pickle"}


@pytest.mark.parametrize("now", [running(), entry("SUCCESS", NEW), entry("STOPPED", NEW)])
@pytest.mark.parametrize(("given", "body"), RESETS, ids=["reset", "with an empty cache"])
def test_a_lost_reset_that_shows_was_accepted(
    nango: Vendor, run: Run, tmp_path: Path, now: dict[str, Any], given: dict[str, str], body: dict[str, Any]
) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, LOST, body=body)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("GET", STATUS, entries(now), query=QUERY)
    assert trigger(run, **given) == (0, "started")
    assert nango.starts(TRIGGER) == [body]
    assert files(tmp_path)["sync.pickle"]["reset"] is True


def test_a_reset_that_surely_was_not_accepted_is_repeated_as_it_is(nango: Vendor, run: Run) -> None:
    given, body = RESETS[0]
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    for response, status in ((REFUSED, 0), (LIMITED, 429)):
        nango.expect("POST", TRIGGER, response, status=status, body=body)
    nango.expect("POST", TRIGGER, ACCEPTED, body=body)
    assert trigger(run, **given) == (0, "started")
