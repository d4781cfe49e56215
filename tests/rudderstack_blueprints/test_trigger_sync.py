"""RudderStack - Trigger Sync: what goes over the wire, what is saved for the next step and how each run ends."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rudderstack_blueprints import trigger_sync
from shared.context import Run
from tests.rudderstack_blueprints.responses import (
    CONNECTION,
    CONNECTION_PATH,
    CONNECTION_START,
    LAST_RUN,
    OF_CONNECTION,
    OF_SOURCE,
    RUN_STATUS,
    RUNNING_ONES,
    SOURCE,
    SOURCE_PATH,
    SOURCE_START,
    SOURCE_STATUS,
    STARTED_RUN,
    STARTED_SYNC,
    SYNC,
    SYNCS,
    a_run,
    expect_read,
    expect_start,
    sync,
    syncs,
)
from tests.support import NOW
from tests.wire import HTML, LOST, REFUSED, TIMED_OUT, Ending, Vendor, ending, files


def trigger(run: Run, of: dict[str, str], **given: str) -> Ending:
    """Run the trigger with these inputs, named without RUDDERSTACK_."""
    return ending(trigger_sync, {**of, **{f"RUDDERSTACK_{name}": value for name, value in given.items()}}, run)


# What goes over the wire


@pytest.mark.parametrize(("given", "word"), [({}, "incremental"), ({"SYNC_TYPE": "full"}, "full")])
def test_a_connection_is_read_and_then_started_by_exactly_this_request(
    rudderstack: Vendor, run: Run, given: dict[str, str], word: str
) -> None:
    expect_read(rudderstack, OF_CONNECTION)
    rudderstack.expect("POST", CONNECTION_START, STARTED_SYNC, body={"syncType": word})
    ended = trigger(run, OF_CONNECTION, **given)
    assert ended == (0, "started")
    assert ended.message == f"started sync sync-1 of connection {CONNECTION}; the handoff is saved for the next step"
    sent = rudderstack.sent[-1]
    assert sent.headers["Authorization"] == "Bearer the-token"
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.headers["User-Agent"].startswith("sync-blueprints/")
    assert sent.timeout == (10, 120)


@pytest.mark.parametrize("last", [LAST_RUN, {}, a_run("failed", "11:00:00"), {"status": ""}])
def test_a_source_is_read_and_then_started_without_a_body(rudderstack: Vendor, run: Run, last: Any) -> None:
    rudderstack.expect("GET", SOURCE_STATUS, last)
    expect_start(rudderstack, OF_SOURCE)
    ended = trigger(run, OF_SOURCE)
    assert ended == (0, "started")
    assert ended.message == f"started sync run-1 of source {SOURCE}; the handoff is saved for the next step"
    assert rudderstack.sent[-1].headers.get("Content-Length") in (None, "0")
    assert rudderstack.sent[-1].headers["Content-Type"] == "application/json"


def test_a_profiles_source_is_started_with_its_parameters(rudderstack: Vendor, run: Run) -> None:
    parameters = ["--begin_time 2026-01-01T00:00:00Z", "--rebase_incremental"]
    expect_read(rudderstack, OF_SOURCE)
    rudderstack.expect("POST", SOURCE_START, STARTED_RUN, body={"parameters": parameters})
    assert trigger(run, OF_SOURCE, PARAMETERS="\n".join(parameters)) == (0, "started")


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"REGION": "US"}, "https://api.rudderstack.com"),
        ({"REGION": "eu"}, "https://api.eu.rudderstack.com"),
        ({"REGION": "None"}, "https://api.rudderstack.com"),
        ({"REGION": "EU", "API_URL": "http://localhost:8080"}, "http://localhost:8080"),
        ({"API_URL": "http://localhost:8080/v2/"}, "http://localhost:8080"),
    ],
)
def test_the_region_or_another_base_url_is_used(rudderstack: Vendor, run: Run, given: dict[str, str], url: str) -> None:
    rudderstack.url = url
    expect_read(rudderstack, OF_CONNECTION)
    expect_start(rudderstack, OF_CONNECTION)
    assert trigger(run, OF_CONNECTION, **given) == (0, "started")


# The settings of a connection, best effort


@pytest.mark.parametrize("running", [[], [sync("running")]])
def test_a_disabled_connection_is_refused_before_anything_is_sent(
    rudderstack: Vendor, run: Run, tmp_path: Path, running: list[Any]
) -> None:
    expect_read(rudderstack, OF_CONNECTION, *running, settings={"id": CONNECTION, "enabled": False})
    ended = trigger(run, OF_CONNECTION)
    assert ended == (201, "refused")
    assert "enable it in RudderStack" in ended.message
    assert set(files(tmp_path)) == {"starting.pickle"}


@pytest.mark.parametrize(
    ("schedule", "noted"),
    [
        ({"type": "basic", "everyMinutes": 60}, True),
        ({"type": "cron"}, True),
        ({"type": "manual"}, False),
        ({"type": None}, False),
        ("basic", False),
        (None, False),
    ],
)
def test_a_schedule_gets_a_log_line(
    rudderstack: Vendor, run: Run, caplog: pytest.LogCaptureFixture, schedule: Any, noted: bool
) -> None:
    expect_read(rudderstack, OF_CONNECTION, settings={"enabled": True, "schedule": schedule})
    expect_start(rudderstack, OF_CONNECTION)
    with caplog.at_level("INFO"):
        assert trigger(run, OF_CONNECTION) == (0, "started")
    assert ("schedule" in caplog.text) is noted


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (HTML, 502),
        (None, 401),
        (None, 403),
        (None, 404),
        (LOST, 0),
        (TIMED_OUT, 0),
        ([], 200),
        (HTML, 200),
        (None, 302),
    ],
)
def test_settings_that_cannot_be_read_change_nothing(rudderstack: Vendor, run: Run, response: Any, status: int) -> None:
    rudderstack.expect("GET", SYNCS, syncs(), query=RUNNING_ONES)
    rudderstack.expect("GET", CONNECTION_PATH, response, status=status)
    expect_start(rudderstack, OF_CONNECTION)
    assert trigger(run, OF_CONNECTION) == (0, "started")


# What is saved for the next step


def test_a_connections_handoff_is_saved(rudderstack: Vendor, run: Run, tmp_path: Path) -> None:
    expect_read(rudderstack, OF_CONNECTION)
    expect_start(rudderstack, OF_CONNECTION, STARTED_SYNC, takes=5)
    trigger(run, OF_CONNECTION)
    saved = files(tmp_path)
    assert set(saved) == {"connection_id.pickle", "sync_id.pickle", "sync.pickle"}
    assert (saved["connection_id.pickle"], saved["sync_id.pickle"]) == (CONNECTION, "sync-1")
    handoff = saved["sync.pickle"]
    assert (handoff["version"], handoff["connection_id"], handoff["sync_id"]) == (1, CONNECTION, "sync-1")
    assert (handoff["source_id"], handoff["joined"]) == (None, False)
    assert handoff["server_time"] == NOW + timedelta(seconds=5)


def test_a_sources_handoff_is_saved(rudderstack: Vendor, run: Run, tmp_path: Path) -> None:
    expect_read(rudderstack, OF_SOURCE)
    expect_start(rudderstack, OF_SOURCE)
    trigger(run, OF_SOURCE)
    saved = files(tmp_path)
    assert set(saved) == {"source_id.pickle", "sync_id.pickle", "sync.pickle"}
    assert (saved["source_id.pickle"], saved["sync_id.pickle"]) == (SOURCE, "run-1")
    assert (saved["sync.pickle"]["source_id"], saved["sync.pickle"]["sync_id"]) == (SOURCE, "run-1")
    assert saved["sync.pickle"]["connection_id"] is None


@pytest.mark.parametrize("name", ["the-token", "rows"])
def test_neither_the_token_nor_fail_on_failed_rows_is_saved(
    rudderstack: Vendor, run: Run, tmp_path: Path, name: str
) -> None:
    expect_read(rudderstack, OF_CONNECTION)
    expect_start(rudderstack, OF_CONNECTION)
    trigger(run, OF_CONNECTION, FAIL_ON_FAILED_ROWS="TRUE")
    assert not [path for path in tmp_path.rglob("*.pickle") if name.encode() in path.read_bytes()]


# Errors of the read: nothing is sent

UNKNOWN_CONNECTION = f"does not know connection {CONNECTION}"


@pytest.mark.parametrize(
    ("status", "response", "expected", "words"),
    [
        (401, None, (200, "invalid_credentials"), ["RUDDERSTACK_ACCESS_TOKEN", "RUDDERSTACK_REGION"]),
        (403, {"message": "not in your plan"}, (200, "invalid_credentials"), ["not in your plan"]),
        (404, HTML, (204, "not_found"), [UNKNOWN_CONNECTION, "set it as RUDDERSTACK_SOURCE_ID"]),
        (404, None, (204, "not_found"), [UNKNOWN_CONNECTION, "RUDDERSTACK_ACCESS_TOKEN"]),
        (400, {"error": "bad"}, (201, "refused"), ["bad"]),
        (308, None, (201, "refused"), ["RUDDERSTACK_API_URL"]),
        (409, None, (202, "not_started"), ["nothing was started"]),
        (502, HTML, (202, "not_started"), ["nothing was started"]),
        (200, HTML, (202, "not_started"), ["nothing was started"]),
        (200, {"syncs": {}}, (202, "not_started"), ["nothing was started"]),
    ],
)
def test_a_read_that_fails_starts_nothing(
    rudderstack: Vendor,
    run: Run,
    tmp_path: Path,
    status: int,
    response: Any,
    expected: tuple[int, str],
    words: list[str],
) -> None:
    rudderstack.expect("GET", SYNCS, response, status=status, query=RUNNING_ONES, many=True)
    ended = trigger(run, OF_CONNECTION)
    assert ended == expected
    assert all(word in ended.message for word in words)
    assert rudderstack.starts("/start") == []
    assert files(tmp_path)["starting.pickle"]["state"] == "ended"


def test_an_unknown_source_is_told_with_a_hint_at_the_other_kind(rudderstack: Vendor, run: Run) -> None:
    rudderstack.expect("GET", SOURCE_STATUS, {"message": "nothing here"}, status=404)
    ended = trigger(run, OF_SOURCE)
    assert ended == (204, "not_found")
    hint = "if that is the id of a Reverse ETL connection, set it as RUDDERSTACK_CONNECTION_ID"
    assert all(word in ended.message for word in (SOURCE, "nothing here", hint))


# A 500 of a source: a server error or an unknown id?


@pytest.mark.parametrize(("response", "status"), [(None, 404), ({"error": "bad id"}, 400), (None, 405)])
@pytest.mark.parametrize("at_the", ["read", "start"])
def test_a_500_is_an_unknown_source_if_it_cannot_be_read_either(
    rudderstack: Vendor, run: Run, tmp_path: Path, response: Any, status: int, at_the: str
) -> None:
    if at_the == "read":
        rudderstack.expect("GET", SOURCE_STATUS, {"error": "boom"}, status=500, many=True)
    else:
        expect_read(rudderstack, OF_SOURCE)
        expect_start(rudderstack, OF_SOURCE, {"error": "boom"}, status=500)
    rudderstack.expect("GET", SOURCE_PATH, response, status=status)
    ended = trigger(run, OF_SOURCE)
    assert ended == (204, "not_found")
    assert f"does not know source {SOURCE}" in ended.message
    assert files(tmp_path)["starting.pickle"]["state"] == "ended"


@pytest.mark.parametrize("other_calls", [200, 401, 403, 404])
def test_500s_while_other_calls_succeed_are_an_unknown_source(rudderstack: Vendor, run: Run, other_calls: int) -> None:
    rudderstack.expect("GET", SOURCE_STATUS, {"error": "boom"}, status=500, many=True)
    for _ in range(5):
        rudderstack.expect("GET", SOURCE_PATH, {"error": "boom"}, status=500)
    rudderstack.expect("GET", "/v2/workspace", {"workspace": {}}, status=other_calls)
    ended = trigger(run, OF_SOURCE)
    assert ended == (204, "not_found")
    assert "but not to other requests" in ended.message
    assert rudderstack.starts("/start") == []


def test_500s_in_an_outage_are_no_proof_of_an_unknown_source(rudderstack: Vendor, run: Run) -> None:
    rudderstack.expect("GET", SOURCE_STATUS, {"error": "boom"}, status=500, many=True)
    rudderstack.expect("GET", SOURCE_PATH, {"error": "boom"}, status=500, many=True)
    rudderstack.expect("GET", "/v2/workspace", {"error": "boom"}, status=500)
    ended = trigger(run, OF_SOURCE)
    assert ended == (202, "not_started")
    assert "boom" in ended.message


@pytest.mark.parametrize(
    ("response", "status"), [({"id": SOURCE}, 200), (None, 401), (None, 403), (HTML, 503), (LOST, 0)]
)
def test_a_500_is_a_server_error_if_the_source_can_be_read_or_that_cannot_be_told(
    rudderstack: Vendor, run: Run, response: Any, status: int
) -> None:
    rudderstack.expect("GET", SOURCE_STATUS, {"error": "boom"}, status=500, many=True)
    rudderstack.expect("GET", SOURCE_PATH, response, status=status, many=True)
    assert trigger(run, OF_SOURCE) == (202, "not_started")


def test_a_start_that_gets_a_500_from_a_known_source_may_have_been_accepted(rudderstack: Vendor, run: Run) -> None:
    expect_read(rudderstack, OF_SOURCE)
    expect_start(rudderstack, OF_SOURCE, {"error": "boom"}, status=500)
    rudderstack.expect("GET", SOURCE_PATH, {"id": SOURCE})
    rudderstack.expect("GET", SOURCE_STATUS, a_run("running", "12:00:01"))
    assert trigger(run, OF_SOURCE) == (0, "started")
    assert len(rudderstack.starts("/start")) == 1


# Errors of the trigger request


@pytest.mark.parametrize(
    ("status", "response", "expected", "words"),
    [
        (401, {"error": "invalid token"}, (200, "invalid_credentials"), ["invalid token"]),
        (403, {"message": "not in your plan"}, (200, "invalid_credentials"), ["not in your plan"]),
        (
            400,
            {"error": "bad", "code": "E1", "details": {"field": "syncType"}},
            (201, "refused"),
            ["bad", "E1", "syncType"],
        ),
        (422, {"message": "odd", "details": ["a", "b"]}, (201, "refused"), ["odd"]),
        (404, None, (204, "not_found"), [UNKNOWN_CONNECTION, "RUDDERSTACK_SOURCE_ID"]),
        (308, None, (201, "refused"), ["RUDDERSTACK_API_URL"]),
    ],
)
def test_a_refused_trigger_request_is_never_repeated(
    rudderstack: Vendor,
    run: Run,
    tmp_path: Path,
    status: int,
    response: Any,
    expected: tuple[int, str],
    words: list[str],
) -> None:
    expect_read(rudderstack, OF_CONNECTION)
    headers = {"Location": "https://elsewhere.invalid/"} if status == 308 else {}
    expect_start(rudderstack, OF_CONNECTION, response, status=status, headers=headers)
    ended = trigger(run, OF_CONNECTION)
    assert ended == expected
    assert all(word in ended.message for word in words)
    assert set(files(tmp_path)) == {"starting.pickle"}
    assert files(tmp_path)["starting.pickle"]["state"] == "ended"


@pytest.mark.parametrize(("response", "status"), [(REFUSED, 0), (None, 429)])
@pytest.mark.parametrize("times", [4, 5])
def test_a_request_that_surely_was_not_accepted_is_repeated_up_to_five_times(
    rudderstack: Vendor, run: Run, response: Any, status: int, times: int
) -> None:
    expect_read(rudderstack, OF_CONNECTION)
    for _ in range(times):
        expect_start(rudderstack, OF_CONNECTION, response, status=status)
    if times < 5:
        expect_start(rudderstack, OF_CONNECTION)
    ended = trigger(run, OF_CONNECTION)
    assert ended == ((0, "started") if times < 5 else (202, "not_started"))
    assert times < 5 or "(5 tries); nothing was started" in ended.message


# Waiting in the same run


def test_it_waits_until_the_sync_has_succeeded(rudderstack: Vendor, run: Run) -> None:
    expect_read(rudderstack, OF_CONNECTION)
    expect_start(rudderstack, OF_CONNECTION)
    for word in ("running", "running", "succeeded"):
        rudderstack.expect("GET", SYNC, sync(word))
    ended = trigger(run, OF_CONNECTION, WAIT="TRUE")
    assert ended == (0, "succeeded")
    assert ended.message.startswith(f"sync sync-1 of connection {CONNECTION} succeeded at 2026-11-22T12:09:00Z")
    assert run.report.sync_id == "sync-1"
    assert run.report.details["rows"] == {"total": 90, "succeeded": 90, "failed": 0, "changed": 90}


def test_the_first_poll_after_its_own_start_comes_after_a_pause_and_may_fail(rudderstack: Vendor, run: Run) -> None:
    expect_read(rudderstack, OF_CONNECTION)
    expect_start(rudderstack, OF_CONNECTION)
    for _ in range(5):
        rudderstack.expect("GET", SYNC, HTML, status=503)
    rudderstack.expect("GET", SYNC, sync("succeeded"))
    assert trigger(run, OF_CONNECTION, WAIT="TRUE") == (0, "succeeded")
    assert rudderstack.sent[3].at > 1


@pytest.mark.parametrize("of", [OF_SOURCE, OF_CONNECTION], ids=["source", "connection"])
def test_a_sync_that_is_not_visible_at_once_is_polled_again(rudderstack: Vendor, run: Run, of: dict[str, str]) -> None:
    expect_read(rudderstack, of)
    expect_start(rudderstack, of)
    path, good = (RUN_STATUS, a_run("finished")) if of is OF_SOURCE else (SYNC, sync("succeeded"))
    for _ in range(4):
        rudderstack.expect("GET", path, None, status=404)
    rudderstack.expect("GET", path, good)
    assert trigger(run, of, WAIT="TRUE") == (0, "succeeded")


def test_it_waits_for_a_run_by_its_id(rudderstack: Vendor, run: Run) -> None:
    expect_read(rudderstack, OF_SOURCE)
    expect_start(rudderstack, OF_SOURCE)
    rudderstack.expect("GET", RUN_STATUS, a_run("running"))
    rudderstack.expect("GET", RUN_STATUS, a_run("finished", finished="12:00:05"))
    assert trigger(run, OF_SOURCE, WAIT="TRUE") == (0, "succeeded")


@pytest.mark.parametrize(
    ("word", "expected"),
    [("failed", (211, "failed")), ("aborted", (212, "cancelled")), ("resting", (213, "unknown"))],
)
def test_the_handoff_is_saved_whatever_it_waited_for(
    rudderstack: Vendor, run: Run, tmp_path: Path, word: str, expected: tuple[int, str]
) -> None:
    expect_read(rudderstack, OF_CONNECTION)
    expect_start(rudderstack, OF_CONNECTION)
    rudderstack.expect("GET", SYNC, sync(word, error="no such table"))
    ended = trigger(run, OF_CONNECTION, WAIT="TRUE")
    assert ended == expected
    assert ended.message.count("no such table") == 1
    assert files(tmp_path)["sync_id.pickle"] == "sync-1"


@pytest.mark.parametrize(("wanted", "expected"), [("TRUE", (211, "failed")), ("FALSE", (0, "succeeded"))])
def test_rejected_rows_fail_the_wait_only_if_so_wished(
    rudderstack: Vendor, run: Run, wanted: str, expected: tuple[int, str]
) -> None:
    metrics = {"succeeded": {"total": 88}, "failed": {"total": 2}, "changed": {"total": 90}, "total": 90}
    expect_read(rudderstack, OF_CONNECTION)
    expect_start(rudderstack, OF_CONNECTION)
    rudderstack.expect("GET", SYNC, sync("succeeded", metrics=metrics))
    ended = trigger(run, OF_CONNECTION, WAIT="TRUE", FAIL_ON_FAILED_ROWS=wanted)
    assert ended == expected
    assert "rejected 2 rows" in ended.message


@pytest.mark.parametrize("seconds", ["50", "60"])
@pytest.mark.parametrize("first", [True, False], ids=["from the first poll on", "from the second on"])
def test_a_retry_after_at_each_poll_outlasts_the_time_out_by_no_more_than_a_poll(
    rudderstack: Vendor, run: Run, seconds: str, first: bool
) -> None:
    expect_read(rudderstack, OF_CONNECTION)
    expect_start(rudderstack, OF_CONNECTION)
    if not first:
        rudderstack.expect("GET", SYNC, sync("running"))
    rudderstack.expect("GET", SYNC, None, status=429, headers={"Retry-After": seconds}, takes=5, many=True)
    assert trigger(run, OF_CONNECTION, WAIT="TRUE", WAIT_TIMEOUT="1").code in (210, 220)
    assert rudderstack.clock.elapsed < 66  # a poll takes five seconds
