"""RudderStack - Trigger Sync: what goes over the wire, what is saved for the next step and how each run ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.errors import Interruption
from tests.endings import ALREADY_RUNNING, BAD_REQUEST, INVALID, JOINED, NOT_FOUND, NOT_STARTED, STARTED, SUCCEEDED
from tests.rudderstack_blueprints.responses import CONNECTION, OF_SOURCE, SOURCE, RudderStack, a_run, sync
from tests.support import NOW
from tests.wire import HTML, LOST, killed


@pytest.mark.parametrize("last", [{}, a_run("failed", "11:00:00"), {"status": ""}])
def test_a_source_is_read_and_then_started_without_a_body(source: RudderStack, last: Any) -> None:
    source.shows(last)
    source.expect_start()
    assert source.trigger() == STARTED
    assert source.sent[-1].headers.get("Content-Length") in (None, "0")


@pytest.mark.parametrize(("given", "notes"), [({}, False), ({"SYNC_TYPE": "full"}, True)])
def test_a_sync_type_that_is_set_for_a_source_is_noted(
    source: RudderStack, caplog: pytest.LogCaptureFixture, given: dict[str, str], notes: bool
) -> None:
    source.expect_trigger()
    with caplog.at_level("INFO"):
        assert source.trigger(**given) == STARTED
    assert ("is ignored for a source" in caplog.text) is notes


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"REGION": "US"}, "https://api.rudderstack.com"),
        ({"REGION": "eu"}, "https://api.eu.rudderstack.com"),
        ({"REGION": "EU", "API_URL": "http://localhost:8080"}, "http://localhost:8080"),
        ({"API_URL": "http://localhost:8080/v2/"}, "http://localhost:8080"),
    ],
)
def test_the_region_or_another_base_url_is_used(rudderstack: RudderStack, given: dict[str, str], url: str) -> None:
    rudderstack.url = url
    rudderstack.expect_trigger()
    assert rudderstack.trigger(**given) == STARTED


# The settings of a connection, best effort


@pytest.mark.parametrize("running", [[], [sync("running")]])
def test_a_disabled_connection_is_refused_before_anything_is_sent(rudderstack: RudderStack, running: list[Any]) -> None:
    rudderstack.expect_read(*running, settings={"id": CONNECTION, "enabled": False})
    assert rudderstack.trigger() == (*BAD_REQUEST, "enable it in RudderStack")
    assert set(rudderstack.files) == {"starting.pickle"}


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
    rudderstack: RudderStack, caplog: pytest.LogCaptureFixture, schedule: Any, noted: bool
) -> None:
    rudderstack.expect_read(settings={"enabled": True, "schedule": schedule})
    rudderstack.expect_start()
    with caplog.at_level("INFO"):
        assert rudderstack.trigger() == STARTED
    assert ("schedule" in caplog.text) is noted


@pytest.mark.parametrize(("response", "status"), [(None, 302), (None, 403), (None, 404), (LOST, 0), ([], 200)])
def test_settings_that_cannot_be_read_change_nothing(rudderstack: RudderStack, response: Any, status: int) -> None:
    rudderstack.expect_read(settings=response, status=status)
    rudderstack.expect_start()
    assert rudderstack.trigger() == STARTED


@pytest.mark.parametrize(
    ("of", "source", "connection", "sync_id"),
    [(OF_SOURCE, SOURCE, None, "run-1"), (RudderStack.of, None, CONNECTION, "sync-1")],
    ids=["source", "connection"],
)
def test_the_handoff_is_saved(
    rudderstack: RudderStack, of: dict[str, str], source: str | None, connection: str | None, sync_id: str
) -> None:
    rudderstack.of = of
    rudderstack.expect_trigger(takes=5)
    label = f"source {source}" if source else f"connection {connection}"
    words = f"started sync {sync_id} of {label}; the handoff is saved for the next step"
    assert rudderstack.trigger(FAIL_ON_FAILED_ROWS="TRUE") == (*STARTED, words)
    saved = rudderstack.files
    assert {**saved.pop("sync.pickle"), "attempt": ""} == {
        "version": 1,
        "attempt": "",
        "source_id": source,
        "connection_id": connection,
        "sync_id": sync_id,
        "server_time": NOW + timedelta(seconds=5),
        "run_started_at": None,
        "job_run_id": "",
        "joined": False,
    }
    assert saved == {
        f"{'source' if source else 'connection'}_id.pickle": source or connection,
        "sync_id.pickle": sync_id,
    }


# A 500 of a source: a server error or an unknown id?

BOOM: dict[str, Any] = {"response": {"error": "boom"}, "status": 500}
NO_SUCH_SOURCE = (*NOT_FOUND, f"does not know source {SOURCE}")


@pytest.mark.parametrize(
    ("probe", "other_calls", "expected"),
    [
        *((probe, 0, NO_SUCH_SOURCE) for probe in ((None, 404), ({"error": "bad id"}, 400), (None, 405))),
        *(((None, 500), status, (*NOT_FOUND, "but not to other requests")) for status in (200, 401, 403, 404)),
        ((None, 500), 500, (*NOT_STARTED, "boom")),  # an outage is no proof
        *(
            (probe, 0, NOT_STARTED)
            for probe in (({"id": SOURCE}, 200), (None, 401), (None, 403), (HTML, 503), (LOST, 0))
        ),
    ],
)
def test_a_500_at_the_read_is_an_unknown_source_if_that_cannot_be_read_either_while_other_calls_succeed(
    source: RudderStack, probe: tuple[Any, int], other_calls: int, expected: tuple[Any, ...]
) -> None:
    source.shows(**BOOM, many=True)
    source.expect_probe(probe[0], status=probe[1])
    if other_calls:
        source.expect_other_call(other_calls)
    assert source.trigger() == expected
    assert source.starts() == []
    assert source.files["starting.pickle"]["state"] == "ended"


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        ({"status": 404}, NO_SUCH_SOURCE),
        ({"response": {"id": SOURCE}}, STARTED),
        (BOOM, STARTED),
    ],
    ids=["unknown", "there", "an outage"],
)
def test_a_start_that_gets_a_500_may_have_been_accepted_unless_the_source_is_unknown(
    source: RudderStack, probe: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    source.expect_trigger(**BOOM)
    source.expect_probe(**probe)
    if expected is STARTED:
        source.shows(a_run("running", "12:00:01"))
    assert source.trigger() == expected
    assert len(source.starts()) == 1


# Refusals

NO_SUCH_CONNECTION = f"does not know connection {CONNECTION}"
ACTS: dict[str, tuple[Any, Any]] = {
    "read of a trigger": (RudderStack.expect_running, RudderStack.trigger),
    "trigger request": (RudderStack.expect_trigger, RudderStack.trigger),
    "poll of a check": (RudderStack.expect_running, RudderStack.check),
}


@pytest.mark.parametrize(("expect", "script"), ACTS.values(), ids=ACTS)
@pytest.mark.parametrize(
    ("status", "response", "expected", "words"),
    [
        (401, {"error": "invalid token"}, INVALID, ["invalid token", "RUDDERSTACK_ACCESS_TOKEN", "RUDDERSTACK_REGION"]),
        (403, {"message": "not in your plan"}, INVALID, ["not in your plan"]),
        (404, HTML, NOT_FOUND, [NO_SUCH_CONNECTION, "set it as RUDDERSTACK_SOURCE_ID"]),
        (404, None, NOT_FOUND, [NO_SUCH_CONNECTION, "RUDDERSTACK_ACCESS_TOKEN"]),
        (400, {"error": "bad", "code": "E1", "details": {"field": "syncType"}}, BAD_REQUEST, ["bad", "E1", "syncType"]),
        (422, {"message": "odd", "details": ["a", "b"]}, BAD_REQUEST, ["odd"]),
    ],
)
def test_a_refused_request_ends_the_script_and_is_never_repeated(
    rudderstack: RudderStack, expect: Any, script: Any, status: int, response: Any, expected: Any, words: list[str]
) -> None:
    expect(rudderstack, response=response, status=status)
    assert script(rudderstack) == (*expected, *words)
    assert rudderstack.saved == {}


def test_an_unknown_source_is_told_with_a_hint_at_the_other_kind(source: RudderStack) -> None:
    source.shows({"message": "nothing here"}, status=404)
    hint = "if that is the id of a Reverse ETL connection, set it as RUDDERSTACK_CONNECTION_ID"
    assert source.trigger() == (*NOT_FOUND, SOURCE, "nothing here", hint)


# While another sync is running

OLD = sync("running", "old", "11:50:00")
OLD_RUN = a_run("running", "11:50:00")


def stopped(rudderstack: RudderStack, status: int = 204) -> None:
    """A running sync that shows, and the stop of it."""
    rudderstack.expect_read(OLD)
    rudderstack.expect_stop(status=status)


CONFLICT = "a 409"
STOPPED: dict[str, tuple[int, list[Any]]] = {
    "accepted": (204, [[OLD], []]),
    "it has just ended": (400, [[OLD], []]),
    "there is none": (404, [[OLD], []]),
    "the same as a 409": (409, [[OLD], []]),
    "it does not show and refuses a start": (204, [[], CONFLICT, [], CONFLICT, []]),
    "it shows the word that it ended with": (204, [[sync("halted", "old")]]),
}


@pytest.mark.parametrize(("status", "then"), STOPPED.values(), ids=STOPPED)
def test_restart_stops_once_waits_until_nothing_runs_and_starts(
    rudderstack: RudderStack, status: int, then: list[Any]
) -> None:
    stopped(rudderstack, status)
    for shown in then:
        rudderstack.expect_conflict() if shown is CONFLICT else rudderstack.shows_running(*shown)
    rudderstack.expect_start({"syncId": "new"})
    assert rudderstack.trigger() == STARTED
    assert rudderstack.saved["sync_id.pickle"] == "new"
    assert "still running" in rudderstack.run.report.still_running
    assert "stop" not in rudderstack.run.report.still_running


def test_restart_stops_a_sync_that_only_a_409_reports(rudderstack: RudderStack) -> None:
    rudderstack.expect_read()
    rudderstack.expect_conflict()
    rudderstack.expect_stop()
    rudderstack.shows_running(OLD)
    rudderstack.shows_running()
    rudderstack.expect_start()
    assert rudderstack.trigger() == STARTED


@pytest.mark.parametrize("drains", [False, True], ids=["it shows", "it does not show and refuses a start"])
def test_a_stop_that_takes_no_effect_in_five_minutes_is_given_up(rudderstack: RudderStack, drains: bool) -> None:
    stopped(rudderstack)
    if drains:
        for _ in range(200):
            rudderstack.shows_running()
            rudderstack.expect_conflict()
    else:
        rudderstack.shows_running(OLD, many=True)
    assert rudderstack.trigger() == (*ALREADY_RUNNING, CONNECTION, "asked to stop")
    rudderstack.steps.clear()
    assert 300 <= rudderstack.clock.elapsed < 370
    assert rudderstack.saved == {}


def test_an_outage_during_the_stop_is_known_to_have_started_nothing(rudderstack: RudderStack) -> None:
    rudderstack.expect_read(OLD)
    rudderstack.expect_stop(HTML, status=502, many=True)
    assert rudderstack.trigger() == NOT_STARTED


@pytest.mark.parametrize("at_the", ["stop", "poll"])
def test_a_trigger_killed_after_the_stop_says_so(rudderstack: RudderStack, at_the: str) -> None:
    rudderstack.expect_read(OLD)
    rudderstack.expect_stop(killed if at_the == "stop" else None)
    if at_the == "poll":
        rudderstack.shows_running(OLD)
        rudderstack.expect_running(killed)
    with pytest.raises(Interruption):
        rudderstack.trigger()
    left = rudderstack.run.report.still_running
    assert all(words in left for words in (CONNECTION, "asked to stop", "nothing new was started"))
    assert rudderstack.saved == {}


def test_a_restart_that_is_refused_still_says_that_a_sync_was_stopped(rudderstack: RudderStack) -> None:
    stopped(rudderstack)
    rudderstack.shows_running()
    rudderstack.expect_start(status=400)
    assert rudderstack.trigger() == BAD_REQUEST
    assert "asked to stop" in rudderstack.run.report.still_running


@pytest.mark.parametrize("shows", [True, False], ids=["it shows", "a 409 says so"])
def test_a_run_of_a_source_cannot_be_stopped(source: RudderStack, shows: bool) -> None:
    source.expect_read(*([OLD_RUN] if shows else []))
    if not shows:
        source.expect_conflict()
    assert source.trigger() == (*ALREADY_RUNNING, SOURCE, "RUDDERSTACK_IF_RUNNING to join or wait")
    assert source.saved == {}


def test_join_saves_the_running_sync_of_a_connection_that_started_last(rudderstack: RudderStack) -> None:
    rudderstack.expect_read(OLD, sync("running", "theirs", "11:59:00"))
    words = f"joined sync theirs of connection {CONNECTION}, which was already running; "
    assert rudderstack.trigger(IF_RUNNING="join") == (*JOINED, words)
    assert rudderstack.saved["sync_id.pickle"] == "theirs"
    assert rudderstack.saved["sync.pickle"]["joined"] is True
    assert rudderstack.run.report.sync_id == "theirs"


def test_join_saves_the_running_run_of_a_source_and_waits_for_it(source: RudderStack) -> None:
    source.expect_read(OLD_RUN)
    source.shows(a_run("finished", "11:00:00", "11:05:00"), OLD_RUN, a_run("finished", "11:50:00", "12:01:00"))
    assert source.trigger(IF_RUNNING="join", WAIT="TRUE") == SUCCEEDED
    assert set(source.saved) == {"source_id.pickle", "sync.pickle"}
    assert source.saved["source_id.pickle"] == SOURCE


def test_a_joined_run_that_shows_its_start_late_is_not_taken_for_the_next_one(source: RudderStack) -> None:
    pending, other = {"status": "pending"}, a_run("finished", "12:00:09", "12:00:10")
    source.shows(pending, pending, a_run("running", "12:00:03"), other)
    assert source.trigger(IF_RUNNING="join", WAIT="TRUE").outcome == "unknown"
