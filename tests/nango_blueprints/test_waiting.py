"""Nango's trigger and check with NANGO_WAIT: which polls they make, what they survive, and how they end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nango_blueprints import check_sync_status, trigger_sync
from tests.nango_blueprints.responses import (
    ACCEPTED,
    BODY,
    BODY_ALL,
    ENVIRONMENT,
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
    recorded,
    running,
)
from tests.support import FakeClock, make_run
from tests.wire import HTML, LOST, Ending, Vendor, ending, files

SUCCEEDED, FAILED, RUNNING, UNKNOWN = (0, "succeeded"), (211, "failed"), (210, "running"), (213, "unknown")
UNREACHABLE = (220, "unreachable")
NEW = "12:00:05"
A, B = "conn-a", "conn-b"
RESET_BODY = {**BODY, "opts": {"reset": True}}


def trigger(tmp_path: Path, clock: FakeClock, of: dict[str, str] = ENVIRONMENT, **given: str) -> Ending:
    """Run the trigger with these inputs, named without NANGO_, and wait."""
    given = {**of, "NANGO_WAIT": "TRUE", **{f"NANGO_{name}": value for name, value in given.items()}}
    return ending(trigger_sync, given, make_run(tmp_path, "nango", clock))


def check(tmp_path: Path, clock: FakeClock, of: dict[str, str] = ENVIRONMENT, **given: str) -> Ending:
    """Run the check with these inputs, named without NANGO_, and wait."""
    given = {**of, "NANGO_WAIT": "TRUE", **{f"NANGO_{name}": value for name, value in given.items()}}
    return ending(check_sync_status, given, make_run(tmp_path, "nango", clock))


def triggered(nango: Vendor, tmp_path: Path, *before: dict[str, Any], all_connections: bool = False) -> None:
    """Run a trigger that does not wait, in the same artifacts folder; `before` are the entries before it."""
    of, query, body = (OF_INTEGRATION, QUERY_ALL, BODY_ALL) if all_connections else (ENVIRONMENT, QUERY, BODY)
    nango.expect("GET", STATUS, entries(*(before or [entry()])), query=query)
    nango.expect("POST", TRIGGER, ACCEPTED, body=body)
    assert trigger(tmp_path, nango.clock, of, WAIT="FALSE") == (0, "started")
    nango.sent.clear()


# The trigger


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (entry("SUCCESS", NEW), SUCCEEDED),
        (entry("STOPPED", NEW), FAILED),
        (entry("HALTED", NEW), UNKNOWN),
    ],
)
def test_it_waits_until_the_run_has_ended(
    nango: Vendor, tmp_path: Path, clock: FakeClock, last: dict[str, Any], expected: tuple[int, str]
) -> None:
    nango.expect("GET", STATUS, entries(entry("STOPPED")), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    for now in (entry("STOPPED"), running(), last):
        nango.expect("GET", STATUS, entries(now), query=QUERY)
    ended = trigger(tmp_path, clock)
    assert ended == expected
    assert NAME in ended.message
    assert set(files(tmp_path)) == {"sync.pickle"}


def test_the_first_poll_after_its_own_request_comes_after_a_pause_and_may_fail(
    nango: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    for _ in range(5):
        nango.expect("GET", STATUS, HTML, status=503, query=QUERY)
    nango.expect("GET", STATUS, entries(entry("SUCCESS", NEW)), query=QUERY)
    assert trigger(tmp_path, clock) == SUCCEEDED
    assert nango.sent[2].at > 4


def test_real_runs_are_waited_for(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    nango.expect("GET", STATUS, recorded("sequence 1")[1], query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    for number in (1, 2, 3):
        nango.expect("GET", STATUS, recorded(f"sequence {number}")[1], query=QUERY)
    assert trigger(tmp_path, clock) == SUCCEEDED


def test_a_run_that_never_shows_is_a_failure_once_the_start_grace_is_over(
    nango: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY, many=True)
    ended = trigger(tmp_path, clock, START_GRACE="120")
    assert ended == FAILED
    assert "not seen to start within 120 s" in ended.message
    assert 120 < clock.elapsed < 200


def test_there_is_one_time_out_for_waiting_before_and_after_the_request(
    nango: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    nango.expect("GET", STATUS, lambda: entries(running() if clock.elapsed < 400 else entry()), query=QUERY, many=True)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    nango.expect("GET", STATUS, entries(running()), query=QUERY, many=True)
    ended = trigger(tmp_path, clock, WAIT_TIMEOUT="10")
    assert ended == RUNNING
    assert "timed out after 10 min" in ended.message
    assert 600 <= clock.elapsed < 661


@pytest.mark.parametrize(
    ("stopped_at", "ended"),
    [
        ([(1, "12:00:01")], entry("SUCCESS", "12:00:20")),
        ([(1, "12:00:01"), (8, "12:00:10")], entry("SUCCESS", "12:00:20")),
        ([(1, "12:00:01")], entry("STOPPED", "12:00:25")),
    ],
)
def test_a_run_that_its_reset_cancels_is_not_taken_for_its_own(
    nango: Vendor, tmp_path: Path, clock: FakeClock, stopped_at: list[tuple[float, str]], ended: dict[str, Any]
) -> None:
    def now() -> dict[str, Any]:
        if clock.elapsed < 12:
            shown = [time for since, time in stopped_at if since <= clock.elapsed]
            return entries(entry("STOPPED", shown[-1]) if shown else running())
        return entries(running() if clock.elapsed < 25 else ended)

    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=RESET_BODY)
    nango.expect("GET", STATUS, now, query=QUERY, many=True)
    assert trigger(tmp_path, clock, RESET="TRUE") == (SUCCEEDED if "SUCCESS" in ended.values() else FAILED)
    assert clock.elapsed >= 25


def test_a_reset_whose_run_was_stopped_as_well_has_failed_after_half_a_minute(
    nango: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=RESET_BODY)
    nango.expect("GET", STATUS, entries(entry("STOPPED", "12:00:01")), query=QUERY, many=True)
    assert trigger(tmp_path, clock, RESET="TRUE") == FAILED
    assert 30 <= clock.elapsed < 40


# The check


def test_it_waits_until_all_have_ended(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(nango, tmp_path, entry(), entry(connection=B), all_connections=True)
    clock.sleep(20)
    for now in (
        [entry(), running(connection=B)],
        [entry("STOPPED", NEW), running(connection=B)],
        [entry("STOPPED", NEW), entry("SUCCESS", NEW, connection=B)],
    ):
        nango.expect("GET", STATUS, entries(*now), query=QUERY_ALL)
    ended = check(tmp_path, clock, OF_INTEGRATION)
    assert ended == FAILED
    assert f"{A}/{NAME}" in ended.message


@pytest.mark.parametrize(
    ("of", "query", "least", "given"),
    [
        (ENVIRONMENT, QUERY, 5, {}),
        (OF_INTEGRATION, QUERY_ALL, 10, {}),
        (OF_INTEGRATION, QUERY_ALL, 1, {"POLL_INTERVAL": "1"}),
    ],
)
def test_polls_are_five_seconds_apart_and_ten_with_all_connections_unless_told_otherwise(
    nango: Vendor,
    tmp_path: Path,
    clock: FakeClock,
    of: dict[str, str],
    query: dict[str, str],
    least: float,
    given: dict[str, str],
) -> None:
    for now in (running(), running(), entry()):
        nango.expect("GET", STATUS, entries(now), query=query)
    assert check(tmp_path, clock, of, **given) == SUCCEEDED
    polls = [sent.at for sent in nango.sent]
    assert all(0.9 * least <= after - before <= 1.1 * least for before, after in zip(polls, polls[1:]))


def test_it_times_out_and_says_that_the_sync_is_still_running(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    nango.expect("GET", STATUS, entries(running()), query=QUERY, many=True)
    ended = check(tmp_path, clock, WAIT_TIMEOUT="30")
    assert ended == RUNNING
    assert "timed out after 30 min" in ended.message
    assert "(running)" in ended.message
    assert 1800 <= clock.elapsed < 1861


def test_an_outage_of_a_quarter_of_an_hour_is_survived(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(nango, tmp_path)
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    later = entries(entry("SUCCESS", NEW))
    nango.expect("GET", STATUS, lambda: LOST if clock.elapsed < 800 else later, query=QUERY, many=True)
    assert check(tmp_path, clock) == SUCCEEDED


def test_a_longer_outage_ends_the_wait(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(nango, tmp_path)
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    nango.expect("GET", STATUS, HTML, status=502, query=QUERY, many=True)
    assert check(tmp_path, clock) == UNREACHABLE
    assert 900 <= clock.elapsed < 1100


@pytest.mark.parametrize("label", ["status deleted connection", "stat: unknown integration"])
def test_a_connection_that_is_not_found_for_a_moment_is_survived(
    nango: Vendor, tmp_path: Path, clock: FakeClock, label: str
) -> None:
    triggered(nango, tmp_path)
    status, body = recorded(label)
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    nango.expect("GET", STATUS, body, status=status, query=QUERY)
    nango.expect("GET", STATUS, entries(entry("SUCCESS", NEW)), query=QUERY, many=True)
    assert check(tmp_path, clock) == SUCCEEDED


def test_an_entry_that_one_poll_lacks_is_waited_for(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(nango, tmp_path, entry(), entry(connection=B), all_connections=True)
    clock.sleep(3600)
    nango.expect("GET", STATUS, entries(running(), running(connection=B)), query=QUERY_ALL)
    nango.expect("GET", STATUS, entries(running()), query=QUERY_ALL)
    done = entries(entry("SUCCESS", NEW), entry("SUCCESS", NEW, connection=B))
    nango.expect("GET", STATUS, done, query=QUERY_ALL)
    assert check(tmp_path, clock, OF_INTEGRATION) == SUCCEEDED


def test_an_entry_that_is_missing_for_a_minute_has_failed(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(nango, tmp_path, entry(), entry(connection=B), all_connections=True)
    nango.expect("GET", STATUS, entries(running(), running(connection=B)), query=QUERY_ALL)
    nango.expect("GET", STATUS, entries(entry("SUCCESS", NEW)), query=QUERY_ALL, many=True)
    ended = check(tmp_path, clock, OF_INTEGRATION)
    assert ended == FAILED
    assert f"{B}/{NAME} (not found any more)" in ended.message
    assert 60 < clock.elapsed < 90


@pytest.mark.parametrize("of", [ENVIRONMENT, {"NANGO_SECRET_KEY": KEY}], ids=["with the id", "with the handoff alone"])
@pytest.mark.parametrize(("queued", "expected"), [(40, SUCCEEDED), (3000, SUCCEEDED), (99_999, FAILED)])
def test_a_run_that_nango_cut_is_waited_for_while_its_continuation_is_queued(
    nango: Vendor, tmp_path: Path, clock: FakeClock, of: dict[str, str], queued: float, expected: tuple[int, str]
) -> None:
    def now() -> dict[str, Any]:
        if clock.elapsed < queued:
            return entries(entry("SUCCESS", "12:00:00", nextScheduledSyncAt=at("12:00:01")))
        return entries(running() if clock.elapsed < queued + 100 else entry("SUCCESS", "12:59:59"))

    triggered(nango, tmp_path)
    nango.expect("GET", STATUS, now, query=QUERY, many=True)
    ended = check(tmp_path, clock, of)
    assert ended == expected
    assert clock.elapsed > min(queued, 3600)
    assert expected is SUCCEEDED or "cut by Nango and never continued" in ended.message


def test_a_young_success_is_polled_again_after_two_seconds(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(nango, tmp_path)
    clock.sleep(720)
    nango.expect("GET", STATUS, entries(entry("SUCCESS", "12:11:59")), query=QUERY)
    nango.expect("GET", STATUS, entries(entry("SUCCESS", "12:11:59", nextScheduledSyncAt=at("12:11:59"))), query=QUERY)
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    nango.expect("GET", STATUS, entries(entry("STOPPED", "12:12:07")), query=QUERY)
    assert check(tmp_path, clock) == FAILED
    assert nango.sent[1].at - nango.sent[0].at == 2


@pytest.mark.parametrize("seconds", ["50", "60"])
def test_a_retry_after_at_each_poll_outlasts_the_time_out_by_no_more_than_a_poll(
    nango: Vendor, tmp_path: Path, clock: FakeClock, seconds: str
) -> None:
    triggered(nango, tmp_path)
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    nango.expect("GET", STATUS, {}, status=429, headers={"Retry-After": seconds}, query=QUERY, takes=5, many=True)
    assert check(tmp_path, clock, WAIT_TIMEOUT="1").code in (210, 220)
    assert clock.elapsed < 66  # a poll takes five seconds


# A sensor for connections on a schedule of their own


def test_a_sensor_waits_until_the_oldest_of_the_latest_runs_is_young(
    nango: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    def now() -> dict[str, Any]:
        first = entry("SUCCESS", "12:20:00" if clock.elapsed > 1200 else "06:00:00")
        second = entry("SUCCESS", "12:40:00" if clock.elapsed > 2400 else "11:30:00", connection=B)
        return entries(first, second)

    nango.expect("GET", STATUS, now, query=QUERY_ALL, many=True)
    assert check(tmp_path, clock, OF_INTEGRATION, MAX_AGE="60") == SUCCEEDED
    assert 1200 < clock.elapsed < 1300


def test_a_sensor_waits_past_a_failure_that_is_old(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    nango.expect("GET", STATUS, entries(entry("STOPPED", "06:00:00")), query=QUERY)
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    nango.expect("GET", STATUS, lambda: entries(entry("SUCCESS", "12:00:01")), query=QUERY, many=True)
    assert check(tmp_path, clock, MAX_AGE="60") == SUCCEEDED


def test_a_connection_that_is_added_while_the_latest_runs_are_waited_for_is_waited_for_as_well(
    nango: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    nango.expect("GET", STATUS, entries(running()), query=QUERY_ALL)
    nango.expect("GET", STATUS, entries(entry(), running(connection=B)), query=QUERY_ALL)
    nango.expect("GET", STATUS, entries(entry(), entry(connection=B)), query=QUERY_ALL)
    ended = check(tmp_path, clock, OF_INTEGRATION)
    assert ended == SUCCEEDED
    assert "all 2 syncs" in ended.message
