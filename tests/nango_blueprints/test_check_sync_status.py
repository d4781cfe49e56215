"""Nango - Check Sync Status: how each check ends that polls once (or briefly), and what it reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nango_blueprints import check_sync_status, trigger_sync
from tests.nango_blueprints.responses import (
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
from tests.support import FakeClock, make_run
from tests.wire import HTML, Ending, Vendor, ending

SUCCEEDED, FAILED, RUNNING, UNKNOWN = (0, "succeeded"), (211, "failed"), (210, "running"), (213, "unknown")
NOT_FOUND, UNREACHABLE, INVALID = (204, "not_found"), (220, "unreachable"), (200, "invalid_credentials")
ONLY_THE_KEY = {"NANGO_SECRET_KEY": KEY}
NEW = "12:00:05"
A, B, C = "conn-a", "conn-b", "conn-c"


def check(tmp_path: Path, clock: FakeClock, of: dict[str, str] = ENVIRONMENT, **given: str) -> Ending:
    """Run the check with these inputs, named without NANGO_."""
    given = {**of, **{f"NANGO_{name}": value for name, value in given.items()}}
    return ending(check_sync_status, given, make_run(tmp_path, "nango", clock))


def reported(tmp_path: Path, clock: FakeClock, of: dict[str, str] = ENVIRONMENT, **given: str) -> dict[str, Any]:
    """What a check reports of the syncs."""
    run = make_run(tmp_path, "nango", clock)
    ending(check_sync_status, {**of, **{f"NANGO_{name}": value for name, value in given.items()}}, run)
    assert run.report.id == INTEGRATION
    return run.report.details


def triggered(
    nango: Vendor, tmp_path: Path, *before: Any, after: float = 60, all_connections: bool = False, **given: str
) -> None:
    """Run a trigger in the same artifacts folder, `after` seconds ago; `before` are the entries before it."""
    of, query, body = (OF_INTEGRATION, QUERY_ALL, BODY_ALL) if all_connections else (ENVIRONMENT, QUERY, BODY)
    opts = {"opts": {"reset": True}} if "RESET" in given else {}
    nango.expect("GET", STATUS, entries(*(before or [entry()])), query=query)
    nango.expect("POST", TRIGGER, ACCEPTED, body={**body, **opts})
    given = {**of, **{f"NANGO_{name}": value for name, value in given.items()}}
    assert ending(trigger_sync, given, make_run(tmp_path, "nango", nango.clock)) == (0, "started")
    nango.sent.clear()
    nango.clock.sleep(after)


# What a trigger started


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (entry(), RUNNING),
        (running(), RUNNING),
        (entry("SUCCESS", NEW), SUCCEEDED),
        (entry("STOPPED", NEW), FAILED),
        (entry("HALTED", NEW), UNKNOWN),
        (entry(None, NEW, status="ERROR"), FAILED),
        (entry(None, NEW, status="SUCCESS"), SUCCEEDED),
        (entry(None, NEW, status="PAUSED"), UNKNOWN),
        (entry("SUCCESS", NEW, status="PAUSED"), SUCCEEDED),
    ],
)
@pytest.mark.parametrize("of", [ENVIRONMENT, ONLY_THE_KEY], ids=["the same inputs", "the key alone"])
def test_it_is_compared_with_the_end_before_the_trigger(
    nango: Vendor, tmp_path: Path, clock: FakeClock, now: dict[str, Any], expected: tuple[int, str], of: dict[str, str]
) -> None:
    triggered(nango, tmp_path)
    nango.expect("GET", STATUS, entries(now), query=QUERY)
    ended = check(tmp_path, clock, of)
    assert ended == expected
    assert all(word in ended.message for word in (INTEGRATION, CONNECTION, NAME))


def test_an_unknown_status_is_shown_as_it_came(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(nango, tmp_path)
    nango.expect("GET", STATUS, entries(entry("HALTED", NEW)), query=QUERY)
    assert f"{CONNECTION}/{NAME} (HALTED)" in check(tmp_path, clock).message


def test_a_joined_run_ends_with_any_end(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    joining = {**ENVIRONMENT, "NANGO_IF_RUNNING": "join"}
    assert ending(trigger_sync, joining, make_run(tmp_path, "nango", clock)) == (0, "joined")
    nango.expect("GET", STATUS, entries(entry("SUCCESS", "06:00:00.123")), query=QUERY)
    assert check(tmp_path, clock) == SUCCEEDED


@pytest.mark.parametrize(
    ("after", "polls", "expected"),
    [
        (30, [entries()], RUNNING),
        (600, [entries(), entries()], FAILED),
        (600, [entries(), entries(running())], RUNNING),
        (600, [entries(), entries(entry("SUCCESS", NEW))], SUCCEEDED),
    ],
)
def test_an_entry_that_is_missing_is_gone_after_a_minute_and_a_second_poll(
    nango: Vendor, tmp_path: Path, clock: FakeClock, after: float, polls: list[Any], expected: tuple[int, str]
) -> None:
    triggered(nango, tmp_path, after=after)
    for now in polls:
        nango.expect("GET", STATUS, now, query=QUERY)
    ended = check(tmp_path, clock)
    assert ended == expected
    assert ("not found any more" in ended.message) is (expected == FAILED)


@pytest.mark.parametrize(
    ("seconds", "before", "now", "expected"),
    [
        (590, entry(), entry(), RUNNING),
        (610, entry(), entry(), FAILED),
        (610, never(), never(), FAILED),
        (610, entry(), running(), RUNNING),
        (610, entry(), entry("SUCCESS", NEW), SUCCEEDED),
    ],
)
def test_what_is_not_seen_to_start_for_ten_minutes_has_failed(
    nango: Vendor,
    tmp_path: Path,
    clock: FakeClock,
    seconds: float,
    before: dict[str, Any],
    now: dict[str, Any],
    expected: tuple[int, str],
) -> None:
    triggered(nango, tmp_path, before, after=seconds)
    nango.expect("GET", STATUS, entries(now), query=QUERY)
    ended = check(tmp_path, clock)
    assert ended == expected
    assert ("not seen to start within 600 s; it may still be queued" in ended.message) is (expected == FAILED)


@pytest.mark.parametrize(
    ("of_the_trigger", "of_the_check", "expected"),
    [
        ({}, {}, RUNNING),
        ({"START_GRACE": "60"}, {}, FAILED),
        ({}, {"START_GRACE": "60"}, FAILED),
        ({"START_GRACE": "60"}, {"START_GRACE": "900"}, RUNNING),
        ({"START_GRACE": "60"}, {"START_GRACE": "600"}, FAILED),  # an orchestrator fills in the default, unasked
    ],
)
def test_the_start_grace_is_the_triggers_unless_the_check_has_its_own(
    nango: Vendor,
    tmp_path: Path,
    clock: FakeClock,
    of_the_trigger: dict[str, str],
    of_the_check: dict[str, str],
    expected: tuple[int, str],
) -> None:
    triggered(nango, tmp_path, after=300, **of_the_trigger)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    assert check(tmp_path, clock, **of_the_check) == expected


@pytest.mark.parametrize("offset", [-3600, 3600])
def test_the_start_grace_is_measured_on_the_servers_clock(
    nango: Vendor, tmp_path: Path, clock: FakeClock, offset: float
) -> None:
    triggered(nango, tmp_path)
    clock.offset = offset
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    assert check(tmp_path, clock) == RUNNING


@pytest.mark.parametrize("seconds", [20, 40, 3000])
def test_a_run_that_nango_cut_goes_on(nango: Vendor, tmp_path: Path, clock: FakeClock, seconds: float) -> None:
    triggered(nango, tmp_path, after=seconds)
    cut = entry("SUCCESS", "12:00:00.500", nextScheduledSyncAt=at("12:00:00.100"))
    nango.expect("GET", STATUS, entries(cut), query=QUERY)
    ended = check(tmp_path, clock)
    assert ended == RUNNING
    assert "cut by Nango, to be continued" in ended.message


@pytest.mark.parametrize(("later", "expected"), [({}, SUCCEEDED), ({"nextScheduledSyncAt": at("12:00:58")}, RUNNING)])
def test_a_young_success_is_polled_once_more_although_nobody_waits(
    nango: Vendor, tmp_path: Path, clock: FakeClock, later: dict[str, Any], expected: tuple[int, str]
) -> None:
    triggered(nango, tmp_path)
    nango.expect("GET", STATUS, entries(entry("SUCCESS", "12:00:58")), query=QUERY)
    nango.expect("GET", STATUS, entries(entry("SUCCESS", "12:00:58", **later)), query=QUERY)
    assert check(tmp_path, clock) == expected
    assert clock.sleeps[-1] == 2


@pytest.mark.parametrize(("after", "expected"), [(20, RUNNING), (40, FAILED)])
def test_after_a_reset_a_failure_counts_only_after_half_a_minute(
    nango: Vendor, tmp_path: Path, clock: FakeClock, after: float, expected: tuple[int, str]
) -> None:
    triggered(nango, tmp_path, after=after, RESET="TRUE")
    nango.expect("GET", STATUS, entries(entry("STOPPED", "12:00:10")), query=QUERY)
    assert check(tmp_path, clock) == expected


# All connections


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ([entry("SUCCESS", NEW), entry("SUCCESS", NEW, connection=B)], SUCCEEDED),
        ([entry("STOPPED", NEW), entry("SUCCESS", NEW, connection=B)], FAILED),
        ([entry("STOPPED", NEW), running(connection=B)], RUNNING),
        ([entry("STOPPED", NEW), entry(connection=B)], RUNNING),
        ([entry("SUCCESS", NEW), entry("HALTED", NEW, connection=B)], UNKNOWN),
    ],
)
def test_all_connections_are_judged_by_one_poll(
    nango: Vendor, tmp_path: Path, clock: FakeClock, now: list[Any], expected: tuple[int, str]
) -> None:
    triggered(nango, tmp_path, entry(), entry(connection=B), all_connections=True)
    nango.expect("GET", STATUS, entries(*now), query=QUERY_ALL)
    assert check(tmp_path, clock, OF_INTEGRATION) == expected


def test_an_entry_that_was_added_since_the_trigger_is_left_out_with_a_note(
    nango: Vendor, tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    triggered(nango, tmp_path, entry(), all_connections=True)
    now = entries(entry("SUCCESS", NEW), entry("STOPPED", NEW, connection=C))
    nango.expect("GET", STATUS, now, query=QUERY_ALL)
    with caplog.at_level("INFO"):
        assert check(tmp_path, clock, OF_INTEGRATION) == SUCCEEDED
    assert "1 sync was added since the trigger and left out" in caplog.messages


def test_the_first_few_that_failed_are_named_with_their_connections(
    nango: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    connections = [f"c{number}" for number in range(300)]
    triggered(nango, tmp_path, *(entry(connection=one) for one in connections), all_connections=True)
    now = entries(*(entry("STOPPED", NEW, connection=one) for one in connections))
    nango.expect("GET", STATUS, now, query=QUERY_ALL)
    ended = check(tmp_path, clock, OF_INTEGRATION)
    assert ended == FAILED
    assert all(word in ended.message for word in ("300 of 300", f"c0/{NAME}", "and 295 more"))
    assert len(ended.message) < 1000


# Without a handoff


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (entry(), SUCCEEDED),
        (entry("STOPPED"), FAILED),
        (running(), RUNNING),
        (never(), RUNNING),
        (entry("HALTED"), UNKNOWN),
        (entry(None, status="ERROR"), FAILED),
        (entry("SUCCESS", "11:30:00", nextScheduledSyncAt=at("11:30:00")), RUNNING),
        (entry("SUCCESS", "10:30:00", nextScheduledSyncAt=at("10:30:00")), FAILED),
    ],
)
def test_the_latest_run_decides(
    nango: Vendor, tmp_path: Path, clock: FakeClock, now: dict[str, Any], expected: tuple[int, str]
) -> None:
    nango.expect("GET", STATUS, entries(now), query=QUERY)
    assert check(tmp_path, clock) == expected


def test_one_that_never_ran_makes_all_incomplete(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    nango.expect("GET", STATUS, entries(entry("STOPPED"), never(connection=B)), query=QUERY_ALL)
    ended = check(tmp_path, clock, OF_INTEGRATION)
    assert ended == RUNNING
    assert f"{B}/{NAME} (never run)" in ended.message


@pytest.mark.parametrize(
    ("age", "expected"), [("60", RUNNING), ("119", RUNNING), ("121", SUCCEEDED), ("1440", SUCCEEDED)]
)
@pytest.mark.parametrize("offset", [0, 100_000])
def test_the_oldest_entry_is_the_age_of_all_by_the_servers_clock(
    nango: Vendor, tmp_path: Path, clock: FakeClock, age: str, expected: tuple[int, str], offset: float
) -> None:
    clock.offset = offset
    found = entries(entry("SUCCESS", "11:59:00"), entry("SUCCESS", "10:00:00", connection=B))
    nango.expect("GET", STATUS, found, query=QUERY_ALL)
    ended = check(tmp_path, clock, OF_INTEGRATION, MAX_AGE=age)
    assert ended == expected
    assert expected is SUCCEEDED or "10:00:00" in ended.message


def test_an_age_is_ignored_with_a_handoff(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(nango, tmp_path, after=7200)
    nango.expect("GET", STATUS, entries(entry("SUCCESS", NEW)), query=QUERY)
    assert check(tmp_path, clock, MAX_AGE="60") == SUCCEEDED


def test_names_with_variants_are_asked_for(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    found = entries(entry(name="a"), entry(name="b", variant="eu"))
    nango.expect("GET", STATUS, found, query={**QUERY, "syncs": "a,b::eu"})
    assert check(tmp_path, clock, SYNCS="a, b::eu") == SUCCEEDED


@pytest.mark.parametrize(("found", "missing"), [([], "lab-ctl"), ([entry()], "nope")])
def test_a_name_that_is_not_there_is_not_found(
    nango: Vendor, tmp_path: Path, clock: FakeClock, found: list[Any], missing: str
) -> None:
    nango.expect("GET", STATUS, entries(*found), query={**QUERY, "syncs": "lab-ctl,nope"})
    ended = check(tmp_path, clock, SYNCS="lab-ctl,nope")
    assert ended == NOT_FOUND
    assert missing in ended.message


def test_with_neither_an_integration_nor_a_handoff_nothing_is_asked(
    nango: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    ended = check(tmp_path, clock, ONLY_THE_KEY)
    assert ended == (206, "invalid_input")
    assert "NANGO_PROVIDER_CONFIG_KEY" in ended.message
    assert nango.sent == []


def test_an_old_server_needs_a_connection(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    old = {key: value for key, value in entry().items() if key != "connection_id"}
    nango.expect("GET", STATUS, entries(old), query=QUERY_ALL)
    assert check(tmp_path, clock, OF_INTEGRATION) == (201, "refused")
    nango.expect("GET", STATUS, entries(old), query=QUERY)
    assert check(tmp_path, clock) == SUCCEEDED


# What is reported


def test_the_result_has_counts_rows_and_the_last_end(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(nango, tmp_path, entry(), entry(connection=B), entry(connection=C), all_connections=True)
    now = entries(entry("SUCCESS", "12:00:07"), entry("STOPPED", NEW, connection=B), entry(connection=C))
    nango.expect("GET", STATUS, now, query=QUERY_ALL)
    assert reported(tmp_path, clock, ONLY_THE_KEY) == {
        "connection_id": None,
        "syncs": 3,
        "succeeded": 1,
        "failed": 1,
        "running": 1,
        "unknown": 0,
        "named": [f"{C}/{NAME}"],
        "rows": {"added": 2, "updated": 4, "deleted": 0},
        "finished_at": at("12:00:07"),
    }


@pytest.mark.parametrize("now", [entry(), running(), entry("STOPPED", "11:59:00")])
def test_what_has_not_begun_has_no_rows_and_no_end(
    nango: Vendor, tmp_path: Path, clock: FakeClock, now: dict[str, Any]
) -> None:
    triggered(nango, tmp_path)
    nango.expect("GET", STATUS, entries(now), query=QUERY)
    details = reported(tmp_path, clock)
    assert (details["rows"], details["finished_at"]) == ({}, None)


def test_after_waiting_the_result_is_that_of_the_last_poll(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(nango, tmp_path, entry(), entry(connection=B), all_connections=True)
    ended = entry("STOPPED", NEW, connection=B)
    for now in ([running(), running(connection=B)], [running(), ended], [entry("SUCCESS", "12:00:09"), ended]):
        nango.expect("GET", STATUS, entries(*now), query=QUERY_ALL)
    details = reported(tmp_path, clock, OF_INTEGRATION, WAIT="TRUE")
    assert (details["running"], details["succeeded"], details["failed"]) == (0, 1, 1)
    assert details["named"] == [f"{B}/{NAME}"]
    assert details["finished_at"] == at("12:00:09")


def test_the_last_response_is_kept(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    run = make_run(tmp_path, "nango", clock)
    ending(check_sync_status, ENVIRONMENT, run)
    kept = {name: response.body for name, response in run.kept.items()}
    assert kept == {f"status_{INTEGRATION}_response.json": entries(entry())}


# Errors of a poll, as a real server words them


@pytest.mark.parametrize(
    ("label", "expected", "words"),
    [
        ("auth: none on status", INVALID, ["NANGO_SECRET_KEY"]),
        ("auth: unknown key on status", INVALID, ["NANGO_SECRET_KEY"]),
        ("auth: execute-only key on status", INVALID, ["environment:syncs:read"]),
        ("stat: unknown connection", NOT_FOUND, ["NANGO_CONNECTION_ID"]),
        ("stat: unknown integration", NOT_FOUND, ["NANGO_PROVIDER_CONFIG_KEY"]),
        ("stat: bad pck chars", (201, "refused"), ["invalid_query_params"]),
        ("double slash", (201, "refused"), ["NANGO_API_URL"]),
    ],
)
def test_what_a_poll_is_refused_with_ends_the_check(
    nango: Vendor, tmp_path: Path, clock: FakeClock, label: str, expected: tuple[int, str], words: list[str]
) -> None:
    status, body = recorded(label)
    nango.expect("GET", STATUS, body, status=status, query=QUERY)
    ended = check(tmp_path, clock)
    assert ended == expected
    assert all(word in ended.message for word in words)


@pytest.mark.parametrize(("after", "polls", "expected"), [(30, 3, RUNNING), (70, 1, NOT_FOUND)])
def test_a_connection_that_is_not_found_is_pending_for_a_minute_after_the_trigger(
    nango: Vendor, tmp_path: Path, clock: FakeClock, after: float, polls: int, expected: tuple[int, str]
) -> None:
    triggered(nango, tmp_path, after=after)
    status, body = recorded("status deleted connection")
    for _ in range(polls):
        nango.expect("GET", STATUS, body, status=status, query=QUERY)
    assert check(tmp_path, clock) == expected


@pytest.mark.parametrize("with_handoff", [True, False])
@pytest.mark.parametrize("response", [HTML, None, [], {}, {"syncs": None}, {"syncs": {}}, {"syncs": [{"id": "e"}]}])
def test_an_unexpected_response_is_never_a_verdict(
    nango: Vendor, tmp_path: Path, clock: FakeClock, response: Any, with_handoff: bool
) -> None:
    if with_handoff:
        triggered(nango, tmp_path)
    nango.expect("GET", STATUS, response, query=QUERY)
    assert check(tmp_path, clock) == UNREACHABLE
