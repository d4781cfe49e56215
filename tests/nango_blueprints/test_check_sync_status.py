"""Nango - Check Sync Status: which runs are judged, and how each check ends."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from nango_blueprints import check_sync_status, trigger_sync
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
from tests.support import FakeClock, make_run
from tests.wire import HTML, LOST, REFUSED, TIMED_OUT, Ending, Vendor, ending

SUCCEEDED, FAILED, RUNNING, UNKNOWN = (0, "succeeded"), (211, "failed"), (210, "running"), (213, "unknown")
NOT_FOUND, UNREACHABLE, INVALID = (204, "not_found"), (220, "unreachable"), (200, "invalid_credentials")
ONLY_THE_KEY = {"NANGO_SECRET_KEY": KEY}
NEW = "12:00:05"


def check(tmp_path: Path, clock: FakeClock, *upstream: str, of: dict[str, str] = ENVIRONMENT, **given: str) -> Ending:
    """Run the check with these inputs, named without NANGO_."""
    given = {**of, **{f"NANGO_{name}": value for name, value in given.items()}}
    return ending(check_sync_status, given, make_run(tmp_path, "nango", clock, upstream=upstream))


def triggered(nango: Vendor, tmp_path: Path, *before: Any, log_id: str | None = None, **given: str) -> None:
    """Run a trigger of one sync in the same artifacts folder; `before` are the entries before it."""
    answer = before[0] if before and isinstance(before[0], str) else entries(*(before or [entry()]))
    nango.expect("GET", STATUS, answer, query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    given = {**ENVIRONMENT, **{f"NANGO_{name}": value for name, value in given.items()}}
    assert ending(trigger_sync, given, make_run(tmp_path, "nango", nango.clock, log_id=log_id)) == (0, "started")
    nango.sent.clear()


def triggered_all(nango: Vendor, tmp_path: Path, *before: Any) -> None:
    """Run a trigger of all syncs of all connections."""
    nango.expect("GET", STATUS, entries(*before), query=QUERY_ALL)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY_ALL)
    assert ending(trigger_sync, OF_INTEGRATION, make_run(tmp_path, "nango", nango.clock)) == (0, "started")
    nango.sent.clear()


# Runs that a trigger handed over


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
def test_it_is_judged_against_the_end_before_the_trigger(
    nango: Vendor, tmp_path: Path, clock: FakeClock, now: dict[str, Any], expected: tuple[int, str]
) -> None:
    triggered(nango, tmp_path)
    nango.expect("GET", STATUS, entries(now), query=QUERY)
    ended = check(tmp_path, clock)
    assert ended == expected
    assert all(word in ended.message for word in (INTEGRATION, CONNECTION, NAME))


def test_real_runs_are_told_from_the_ones_before(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    for baseline, looks in ((1, [(1, RUNNING), (2, RUNNING), (3, SUCCEEDED)]), (3, [(4, RUNNING), (5, FAILED)])):
        triggered(nango, tmp_path, recorded(f"sequence {baseline}")[1])
        for number, expected in looks:
            nango.expect("GET", STATUS, recorded(f"sequence {number}")[1], query=QUERY)
            assert check(tmp_path, clock) == expected


def test_the_key_alone_is_enough_after_a_trigger(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(nango, tmp_path)
    nango.expect("GET", STATUS, entries(entry("SUCCESS", NEW)), query=QUERY)
    assert check(tmp_path, clock, of=ONLY_THE_KEY) == SUCCEEDED


def test_a_joined_run_ends_with_any_end(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    joining = {**ENVIRONMENT, "NANGO_IF_RUNNING": "join"}
    assert ending(trigger_sync, joining, make_run(tmp_path, "nango", clock)) == (0, "joined")
    nango.expect("GET", STATUS, entries(entry("SUCCESS", "06:00:00.123")), query=QUERY)
    assert check(tmp_path, clock) == SUCCEEDED


def test_an_entry_that_is_gone_has_failed(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(nango, tmp_path)
    nango.expect("GET", STATUS, entries(), query=QUERY)
    ended = check(tmp_path, clock)
    assert ended == FAILED
    assert "not found" in ended.message


@pytest.mark.parametrize(
    ("seconds", "now", "expected"),
    [
        (590, entry(), RUNNING),
        (610, entry(), FAILED),
        (610, never(), FAILED),
        (610, running(), RUNNING),
        (610, entry("SUCCESS", NEW), SUCCEEDED),
    ],
)
def test_what_is_unseen_for_ten_minutes_was_never_started(
    nango: Vendor, tmp_path: Path, clock: FakeClock, seconds: float, now: dict[str, Any], expected: tuple[int, str]
) -> None:
    triggered(nango, tmp_path, never() if "finishedAt" not in now and "RUNNING" not in now.values() else entry())
    clock.sleep(seconds)
    nango.expect("GET", STATUS, entries(now), query=QUERY)
    ended = check(tmp_path, clock)
    assert ended == expected
    assert ("never started" in ended.message) is (expected == FAILED)


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
def test_the_grace_is_the_triggers_unless_the_check_has_its_own(
    nango: Vendor,
    tmp_path: Path,
    clock: FakeClock,
    of_the_trigger: dict[str, str],
    of_the_check: dict[str, str],
    expected: tuple[int, str],
) -> None:
    triggered(nango, tmp_path, **of_the_trigger)
    clock.sleep(300)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    assert check(tmp_path, clock, **of_the_check) == expected


@pytest.mark.parametrize("offset", [-3600, 3600])
def test_the_grace_is_measured_on_the_servers_clock(
    nango: Vendor, tmp_path: Path, clock: FakeClock, offset: float
) -> None:
    triggered(nango, tmp_path)
    clock.offset = offset
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    assert check(tmp_path, clock) == RUNNING


@pytest.mark.parametrize(("seconds", "expected"), [(20, RUNNING), (40, SUCCEEDED)])
def test_a_run_that_nango_cut_goes_on_for_half_a_minute(
    nango: Vendor, tmp_path: Path, clock: FakeClock, seconds: float, expected: tuple[int, str]
) -> None:
    triggered(nango, tmp_path)
    clock.sleep(seconds)
    cut = entry("SUCCESS", "12:00:00.500", nextScheduledSyncAt=at("12:00:00.100"))
    nango.expect("GET", STATUS, entries(cut), query=QUERY)
    assert check(tmp_path, clock) == expected


def test_a_handoff_of_another_integration_is_passed_over_with_a_warning(
    nango: Vendor, tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    triggered(nango, tmp_path)
    nango.expect("GET", STATUS, entries(entry()), query={**QUERY, "provider_config_key": "another"})
    assert check(tmp_path, clock, PROVIDER_CONFIG_KEY="another") == SUCCEEDED
    assert any(record.levelname == "WARNING" and INTEGRATION in record.message for record in caplog.records)


def test_a_handoff_of_another_connection_is_passed_over(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(nango, tmp_path)
    nango.expect("GET", STATUS, entries(entry(connection="conn-b")), query={**QUERY, "connection_id": "conn-b"})
    assert check(tmp_path, clock, CONNECTION_ID="conn-b") == SUCCEEDED


def test_what_was_triggered_is_judged_although_other_syncs_are_named(
    nango: Vendor, tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    triggered(nango, tmp_path)
    nango.expect("GET", STATUS, entries(entry("SUCCESS", NEW)), query=QUERY)
    with caplog.at_level("INFO"):
        assert check(tmp_path, clock, SYNCS="another") == SUCCEEDED
    assert "NANGO_SYNCS" in caplog.text


def test_the_trigger_of_an_upstream_log_id_comes_first(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(nango, tmp_path, entry("SUCCESS", "06:00:00"), log_id="5")
    triggered(nango, tmp_path, entry("SUCCESS", NEW), log_id="6")
    nango.expect("GET", STATUS, entries(entry("SUCCESS", NEW)), query=QUERY)
    assert check(tmp_path, clock, "5") == SUCCEEDED
    nango.expect("GET", STATUS, entries(entry("SUCCESS", NEW)), query=QUERY)
    assert check(tmp_path, clock, "6") == RUNNING


def test_a_handoff_that_cannot_be_read_ends_the_check_even_with_an_id(
    nango: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(nango, tmp_path)
    (tmp_path / "nango-blueprints" / "variables" / "sync.pickle").write_bytes(b"nonsense")
    ended = check(tmp_path, clock)
    assert ended == (221, "artifact_error")
    assert "sync.pickle" in ended.message
    assert nango.sent == []


@pytest.mark.parametrize(
    "odd",
    [
        {"ids": []},
        {"ids": [1.5]},
        {"ids": [True]},
        {"ids": ["a", "b"]},
        {"finished_at": [[]]},
        {"labels": [5]},
        {"labels": ["a", "b"]},
        {"start_grace": "600"},
        {"start_grace": -1},
        {"start_grace": 10**9},
        {"syncs": ["a/b"]},
    ],
    ids=str,
)
def test_a_handoff_that_no_trigger_writes_ends_the_check(
    nango: Vendor, tmp_path: Path, clock: FakeClock, odd: dict[str, Any]
) -> None:
    triggered(nango, tmp_path)
    path = tmp_path / "nango-blueprints" / "variables" / "sync.pickle"
    handed = pickle.loads(path.read_bytes())  # noqa: S301
    path.write_bytes(pickle.dumps({**handed, **odd}, protocol=4))
    ended = check(tmp_path, clock)
    assert ended == (221, "artifact_error")
    assert "sync.pickle" in ended.message
    assert nango.sent == []


# All connections

A, B, C = "conn-a", "conn-b", "conn-c"


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ([entry("SUCCESS", NEW), entry("SUCCESS", NEW, connection=B)], SUCCEEDED),
        ([entry("STOPPED", NEW), entry("SUCCESS", NEW, connection=B)], FAILED),
        ([entry("STOPPED", NEW), running(connection=B)], RUNNING),
        ([entry("STOPPED", NEW), entry(connection=B)], RUNNING),
        ([entry("SUCCESS", NEW)], FAILED),
        ([entry("SUCCESS", NEW), entry("HALTED", NEW, connection=B)], UNKNOWN),
    ],
)
def test_all_connections_are_judged_by_one_look(
    nango: Vendor, tmp_path: Path, clock: FakeClock, now: list[Any], expected: tuple[int, str]
) -> None:
    triggered_all(nango, tmp_path, entry(), entry(connection=B))
    nango.expect("GET", STATUS, entries(*now), query=QUERY_ALL)
    assert check(tmp_path, clock, of=OF_INTEGRATION) == expected


def test_an_entry_made_since_the_trigger_is_left_out_with_a_note(
    nango: Vendor, tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    triggered_all(nango, tmp_path, entry())
    now = entries(entry("SUCCESS", NEW), entry("STOPPED", NEW, connection=C))
    nango.expect("GET", STATUS, now, query=QUERY_ALL)
    with caplog.at_level("INFO"):
        assert check(tmp_path, clock, of=OF_INTEGRATION) == SUCCEEDED
    assert any("left out" in record.message for record in caplog.records)


def test_the_first_few_that_failed_are_named_with_their_connections(
    nango: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    connections = [f"c{number}" for number in range(300)]
    triggered_all(nango, tmp_path, *(entry(connection=connection) for connection in connections))
    now = entries(*(entry("STOPPED", NEW, connection=connection) for connection in connections))
    nango.expect("GET", STATUS, now, query=QUERY_ALL)
    ended = check(tmp_path, clock, of=OF_INTEGRATION)
    assert ended == FAILED
    assert "300" in ended.message
    assert f"c0/{NAME}" in ended.message
    assert "and 295 more" in ended.message
    assert len(ended.message) < 1000


def test_a_check_of_one_connection_takes_no_handoff_of_all(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered_all(nango, tmp_path, entry(), entry(connection=B))
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    assert check(tmp_path, clock) == SUCCEEDED


# On its own


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (entry(), SUCCEEDED),
        (entry("STOPPED"), FAILED),
        (running(), RUNNING),
        (never(), RUNNING),
        (entry("HALTED"), UNKNOWN),
        (entry(None, status="ERROR"), FAILED),
    ],
)
def test_with_no_handoff_the_latest_run_is_judged(
    nango: Vendor, tmp_path: Path, clock: FakeClock, now: dict[str, Any], expected: tuple[int, str]
) -> None:
    nango.expect("GET", STATUS, entries(now), query=QUERY)
    assert check(tmp_path, clock) == expected


def test_with_no_handoff_one_that_never_ran_makes_all_incomplete(
    nango: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    nango.expect("GET", STATUS, entries(entry("STOPPED"), never(connection=B)), query=QUERY_ALL)
    assert check(tmp_path, clock, of=OF_INTEGRATION) == RUNNING


def test_names_with_variants_are_asked_for(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    found = entries(entry(name="a"), entry(name="b", variant="eu"))
    nango.expect("GET", STATUS, found, query={**QUERY, "syncs": "a,b::eu"})
    assert check(tmp_path, clock, SYNCS="a, b::eu") == SUCCEEDED


@pytest.mark.parametrize(("found", "missing"), [([], "lab-ctl"), ([entry()], "nope")])
def test_a_name_that_is_not_there_is_told(
    nango: Vendor, tmp_path: Path, clock: FakeClock, found: list[Any], missing: str
) -> None:
    nango.expect("GET", STATUS, entries(*found), query={**QUERY, "syncs": "lab-ctl,nope"})
    ended = check(tmp_path, clock, SYNCS="lab-ctl,nope")
    assert ended == NOT_FOUND
    assert missing in ended.message


def test_with_neither_an_integration_nor_a_handoff_nothing_is_asked(
    nango: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    ended = check(tmp_path, clock, of=ONLY_THE_KEY)
    assert ended == (206, "invalid_input")
    assert "NANGO_PROVIDER_CONFIG_KEY" in ended.message
    assert nango.sent == []


# What is told


def test_the_result_tells_the_counts_and_the_records(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    nango.expect("GET", STATUS, entries(entry(), entry(connection=B)), query=QUERY_ALL)
    run = make_run(tmp_path, "nango", clock)
    ending(check_sync_status, OF_INTEGRATION, run)
    assert run.report.id == INTEGRATION
    assert (run.report.details["syncs"], run.report.details["succeeded"]) == (2, 2)
    assert run.report.details["rows"] == {"added": 2, "updated": 4, "deleted": 0}


@pytest.mark.parametrize("odd", ["none", ["LabItem"], {"LabItem": 3}, {"LabItem": {"added": "3"}}], ids=str)
def test_records_of_another_shape_are_not_told(nango: Vendor, tmp_path: Path, clock: FakeClock, odd: object) -> None:
    nango.expect("GET", STATUS, entries(entry(latestResult=odd)), query=QUERY)
    run = make_run(tmp_path, "nango", clock)
    assert ending(check_sync_status, ENVIRONMENT, run) == SUCCEEDED
    assert run.report.details["rows"] == {}


def test_the_result_tells_when_the_last_of_the_syncs_ended(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered_all(nango, tmp_path, entry(), entry(connection=B))
    now = entries(entry("SUCCESS", "12:00:07"), entry("SUCCESS", NEW, connection=B))
    nango.expect("GET", STATUS, now, query=QUERY_ALL)
    run = make_run(tmp_path, "nango", clock)
    assert ending(check_sync_status, OF_INTEGRATION, run) == SUCCEEDED
    assert run.report.details["finished_at"] == at("12:00:07")


def test_what_never_ended_has_no_time_of_its_end(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    nango.expect("GET", STATUS, entries(never()), query=QUERY)
    run = make_run(tmp_path, "nango", clock)
    assert ending(check_sync_status, ENVIRONMENT, run) == RUNNING
    assert run.report.details["finished_at"] is None


@pytest.mark.parametrize(("last", "expected"), [("SUCCESS", SUCCEEDED), ("STOPPED", FAILED)])
def test_after_waiting_the_result_tells_of_the_last_look_alone(
    nango: Vendor, tmp_path: Path, clock: FakeClock, last: str, expected: tuple[int, str]
) -> None:
    triggered_all(nango, tmp_path, entry(), entry(connection=B))
    ended = entry(last, NEW, connection=B)
    for now in ([running(), running(connection=B)], [running(), ended], [entry("SUCCESS", "12:00:09"), ended]):
        nango.expect("GET", STATUS, entries(*now), query=QUERY_ALL)
    run = make_run(tmp_path, "nango", clock)
    assert ending(check_sync_status, {**OF_INTEGRATION, "NANGO_WAIT": "TRUE"}, run) == expected
    assert "running" not in run.report.details
    counts = {word: run.report.details.get(word, 0) for word in ("succeeded", "failed")}
    assert counts == ({"succeeded": 2, "failed": 0} if last == "SUCCESS" else {"succeeded": 1, "failed": 1})
    assert run.report.details.get("named") == (None if last == "SUCCESS" else [f"{B}/{NAME}"])
    assert run.report.details["finished_at"] == at("12:00:09")


def test_the_last_answer_is_kept_for_the_responses_folder(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    run = make_run(tmp_path, "nango", clock)
    ending(check_sync_status, ENVIRONMENT, run)
    kept = {name: answer.body for name, answer in run.kept.items()}
    assert kept == {f"status_{INTEGRATION}_response.json": entries(entry())}


# Errors of a look, as a real server words them


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
def test_what_a_look_is_refused_with_ends_the_check(
    nango: Vendor, tmp_path: Path, clock: FakeClock, label: str, expected: tuple[int, str], words: list[str]
) -> None:
    status, body = recorded(label)
    nango.expect("GET", STATUS, body, status=status, query=QUERY)
    ended = check(tmp_path, clock)
    assert ended == expected
    assert all(word in ended.message for word in words)


def test_a_connection_that_was_deleted_since_the_trigger_is_not_found(
    nango: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(nango, tmp_path)
    status, body = recorded("status deleted connection")
    nango.expect("GET", STATUS, body, status=status, query=QUERY)
    assert check(tmp_path, clock) == NOT_FOUND


@pytest.mark.parametrize("handed_over", [True, False])
@pytest.mark.parametrize("answer", [HTML, None, [], {}, {"syncs": None}, {"syncs": {}}, {"syncs": [{"id": "e"}]}])
def test_a_look_that_makes_no_sense_is_never_a_verdict(
    nango: Vendor, tmp_path: Path, clock: FakeClock, answer: Any, handed_over: bool
) -> None:
    if handed_over:
        triggered(nango, tmp_path)
    nango.expect("GET", STATUS, answer, query=QUERY)
    assert check(tmp_path, clock) == UNREACHABLE


@pytest.mark.parametrize(("answer", "status"), [(HTML, 502), (TIMED_OUT, 0), (LOST, 0), (REFUSED, 0), (None, 429)])
def test_a_look_is_tried_five_times(nango: Vendor, tmp_path: Path, clock: FakeClock, answer: Any, status: int) -> None:
    for _ in range(5):
        nango.expect("GET", STATUS, answer, status=status, query=QUERY)
    assert check(tmp_path, clock) == UNREACHABLE
