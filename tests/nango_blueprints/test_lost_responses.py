"""Nango - Trigger Sync: what goes over the wire, what is handed over and how each run ends."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from nango_blueprints import check_sync_status, trigger_sync
from nango_blueprints.client import packed
from shared.context import Run
from shared.errors import Interruption
from tests.nango_blueprints.answers import (
    ACCEPTED,
    BODY,
    BODY_ALL,
    CONNECTION,
    ENVIRONMENT,
    INTEGRATION,
    KEY,
    NAME,
    OF_INTEGRATION,
    QUERY,
    QUERY_ALL,
    STATUS,
    TRIGGER,
    at,
    entries,
    entry,
    never,
    recorded,
    running,
)
from tests.support import NOW, FakeClock, make_run
from tests.wire import HTML, LOST, REFUSED, TIMED_OUT, Ending, Vendor, ending, files

NEW = "12:00:05"


@pytest.fixture
def run(tmp_path: Path, clock: FakeClock) -> Run:
    return make_run(tmp_path, "nango", clock)


def trigger(run: Run, of: dict[str, str] = ENVIRONMENT, **given: str) -> Ending:
    """Run the trigger with these inputs, named without NANGO_."""
    return ending(trigger_sync, {**of, **{f"NANGO_{name}": value for name, value in given.items()}}, run)


# Starts whose answer was lost

LOST_STARTS = {
    "read time-out": (TIMED_OUT, 0),
    "connection lost": (LOST, 0),
    "500": ({"error": {"code": "generic_error_support", "message": "An error occurred"}}, 500),
    "502 of a proxy": (HTML, 502),
}
GARBAGE = {
    "HTML": (HTML, 200),
    "no body": (None, 200),
    "no success": ({"success": False}, 200),
    "another word": ({"success": "true"}, 200),
    "nothing": ({}, 200),
    "a list": ([], 200),
}
EITHER = {**LOST_STARTS, **GARBAGE}


@pytest.mark.parametrize(("answer", "status"), EITHER.values(), ids=EITHER)
@pytest.mark.parametrize("now", [running(), entry("SUCCESS", NEW), entry("STOPPED", NEW)])
def test_a_lost_start_that_is_seen_was_started_and_is_not_sent_again(
    nango: Vendor, run: Run, tmp_path: Path, answer: Any, status: int, now: dict[str, Any]
) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, answer, status=status, body=BODY)
    nango.expect("GET", STATUS, entries(now), query=QUERY)
    assert trigger(run) == (0, "started")
    assert nango.starts(TRIGGER) == [BODY]
    assert set(files(tmp_path)) == {"sync.pickle"}


def test_a_lost_start_that_shows_late_was_started(nango: Vendor, run: Run) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, LOST, body=BODY)
    nango.expect(
        "GET", STATUS, lambda: entries(running() if nango.clock.elapsed > 10 else entry()), query=QUERY, many=True
    )
    assert trigger(run) == (0, "started")
    assert nango.starts(TRIGGER) == [BODY]


@pytest.mark.parametrize(("answer", "status"), LOST_STARTS.values(), ids=LOST_STARTS)
@pytest.mark.parametrize("now", [entry(), never()])
def test_a_lost_start_of_which_nothing_shows_is_sent_once_more(
    nango: Vendor, run: Run, answer: Any, status: int, now: dict[str, Any]
) -> None:
    nango.expect("GET", STATUS, entries(now), query=QUERY)
    nango.expect("POST", TRIGGER, answer, status=status, body=BODY)
    nango.expect("GET", STATUS, entries(now), query=QUERY, many=True)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    assert trigger(run) == (0, "started")
    assert nango.starts(TRIGGER) == [BODY, BODY]


@pytest.mark.parametrize(("answer", "status"), GARBAGE.values(), ids=GARBAGE)
def test_a_good_status_without_success_is_no_success(
    nango: Vendor, run: Run, tmp_path: Path, answer: Any, status: int
) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, answer, status=status, body=BODY)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY, many=True)
    assert trigger(run) == (202, "unclear")
    assert len(nango.starts(TRIGGER)) == 1
    assert set(files(tmp_path)) == {"starting.pickle"}


def test_after_two_lost_starts_it_is_unclear_and_no_third_is_sent(nango: Vendor, run: Run, tmp_path: Path) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, LOST, body=BODY)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY, many=True)
    nango.expect("POST", TRIGGER, TIMED_OUT, body=BODY)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY, many=True)
    ended = trigger(run)
    assert ended == (202, "unclear")
    assert INTEGRATION in ended.message
    assert nango.starts(TRIGGER) == [BODY, BODY]
    assert set(files(tmp_path)) == {"starting.pickle"}


@pytest.mark.parametrize(("answer", "status"), [(HTML, 502), (HTML, 200), ({"syncs": {}}, 200), (None, 401)])
def test_a_lost_start_that_cannot_be_found_out_about_is_unclear_and_not_sent_again(
    nango: Vendor, run: Run, answer: Any, status: int
) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, LOST, body=BODY)
    nango.expect("GET", STATUS, answer, status=status, query=QUERY, many=True)
    assert trigger(run) == (202, "unclear")
    assert nango.starts(TRIGGER) == [BODY]


def test_what_was_joined_proves_nothing_about_a_lost_start_by_its_running(nango: Vendor, run: Run) -> None:
    query, body = {**QUERY_ALL, "syncs": NAME}, {**BODY_ALL, "syncs": [NAME]}
    found = entries(running(), entry(connection="conn-b"))
    nango.expect("GET", STATUS, found, query=query)
    nango.expect("POST", TRIGGER, LOST, body=body)
    nango.expect("GET", STATUS, found, query=query, many=True)
    nango.expect("POST", TRIGGER, ACCEPTED, body=body)
    assert trigger(run, {**OF_INTEGRATION, "NANGO_SYNCS": NAME}, IF_RUNNING="join") == (0, "started")
    assert len(nango.starts(TRIGGER)) == 2


RESETS = [
    ({"RESET": "TRUE"}, {**BODY, "opts": {"reset": True}}),
    ({"RESET": "TRUE", "EMPTY_CACHE": "TRUE"}, {**BODY, "opts": {"reset": True, "emptyCache": True}}),
]


@pytest.mark.parametrize(("answer", "status"), EITHER.values(), ids=EITHER)
@pytest.mark.parametrize(("given", "body"), RESETS, ids=["reset", "with an empty cache"])
def test_a_lost_reset_of_which_nothing_shows_is_unclear_and_never_sent_again(
    nango: Vendor, run: Run, tmp_path: Path, answer: Any, status: int, given: dict[str, str], body: dict[str, Any]
) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, answer, status=status, body=body)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY, many=True)
    ended = trigger(run, **given)
    assert ended == (202, "unclear")
    assert INTEGRATION in ended.message
    assert nango.starts(TRIGGER) == [body]
    assert set(files(tmp_path)) == {"starting.pickle"}


@pytest.mark.parametrize("now", [running(), entry("SUCCESS", NEW), entry("STOPPED", NEW)])
@pytest.mark.parametrize(("given", "body"), RESETS, ids=["reset", "with an empty cache"])
def test_a_lost_reset_that_is_seen_was_started(
    nango: Vendor, run: Run, tmp_path: Path, now: dict[str, Any], given: dict[str, str], body: dict[str, Any]
) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, LOST, body=body)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("GET", STATUS, entries(now), query=QUERY)
    assert trigger(run, **given) == (0, "started")
    assert nango.starts(TRIGGER) == [body]
    assert set(files(tmp_path)) == {"sync.pickle"}


def test_a_reset_that_surely_was_not_accepted_is_repeated_as_it_is(nango: Vendor, run: Run) -> None:
    given, body = RESETS[0]
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    for answer, status in ((REFUSED, 0), (LIMITED, 429)):
        nango.expect("POST", TRIGGER, answer, status=status, body=body)
    nango.expect("POST", TRIGGER, ACCEPTED, body=body)
    assert trigger(run, **given) == (0, "started")
