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


# Waiting in the same run


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (entry("SUCCESS", NEW), (0, "succeeded")),
        (entry("STOPPED", NEW), (211, "failed")),
        (entry("HALTED", NEW), (213, "unknown")),
    ],
)
def test_it_waits_until_the_run_has_ended(
    nango: Vendor, run: Run, tmp_path: Path, last: dict[str, Any], expected: tuple[int, str]
) -> None:
    nango.expect("GET", STATUS, entries(entry("STOPPED")), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    for now in (entry("STOPPED"), running(), last):
        nango.expect("GET", STATUS, entries(now), query=QUERY)
    ended = trigger(run, WAIT="TRUE")
    assert ended == expected
    assert NAME in ended.message
    assert set(files(tmp_path)) == {"sync.pickle"}


def test_a_first_look_after_its_own_start_comes_after_a_pause_and_may_fail(nango: Vendor, run: Run) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    for _ in range(5):
        nango.expect("GET", STATUS, HTML, status=503, query=QUERY)
    nango.expect("GET", STATUS, entries(entry("SUCCESS", NEW)), query=QUERY)
    assert trigger(run, WAIT="TRUE") == (0, "succeeded")
    assert nango.sent[2].at > 4


def test_real_runs_are_waited_for(nango: Vendor, run: Run) -> None:
    nango.expect("GET", STATUS, recorded("sequence 1")[1], query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    for number in (1, 2, 3):
        nango.expect("GET", STATUS, recorded(f"sequence {number}")[1], query=QUERY)
    assert trigger(run, WAIT="TRUE") == (0, "succeeded")


def test_a_run_that_never_shows_is_a_failure_once_the_grace_is_over(nango: Vendor, run: Run) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY, many=True)
    ended = trigger(run, WAIT="TRUE", START_GRACE="120")
    assert ended == (211, "failed")
    assert "never started" in ended.message
    assert 120 < nango.clock.elapsed < 200


def test_there_is_one_time_out_for_waiting_before_and_after_the_start(nango: Vendor, run: Run) -> None:
    nango.expect(
        "GET", STATUS, lambda: entries(running() if nango.clock.elapsed < 400 else entry()), query=QUERY, many=True
    )
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    nango.expect("GET", STATUS, entries(running()), query=QUERY, many=True)
    assert trigger(run, WAIT="TRUE", WAIT_TIMEOUT="10") == (210, "running")
    assert 600 <= nango.clock.elapsed < 661


@pytest.mark.parametrize(
    ("of", "query", "body", "least"), [(ENVIRONMENT, QUERY, BODY, 5), (OF_INTEGRATION, QUERY_ALL, BODY_ALL, 10)]
)
def test_looks_are_five_seconds_apart_and_ten_with_all_connections(
    nango: Vendor, run: Run, of: dict[str, str], query: dict[str, str], body: dict[str, Any], least: int
) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=query)
    nango.expect("POST", TRIGGER, ACCEPTED, body=body)
    for now in (running(), running(), entry("SUCCESS", NEW)):
        nango.expect("GET", STATUS, entries(now), query=query)
    assert trigger(run, of, WAIT="TRUE") == (0, "succeeded")
    looks = [sent.at for sent in nango.sent[1:]]
    assert all(0.9 * least <= after - before <= 1.1 * least for before, after in zip(looks, looks[1:]))


def test_the_poll_interval_wins_over_the_least_pause(nango: Vendor, run: Run) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY_ALL)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY_ALL)
    for now in (running(), running(), entry("SUCCESS", NEW)):
        nango.expect("GET", STATUS, entries(now), query=QUERY_ALL)
    assert trigger(run, OF_INTEGRATION, WAIT="TRUE", POLL_INTERVAL="1") == (0, "succeeded")
    assert max(nango.clock.sleeps) <= 1.1
