"""RudderStack - Trigger Sync: what goes over the wire, what is handed over and how each run ends."""

from __future__ import annotations

import pickle
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from shared.blueprint import Job

from rudderstack_blueprints import check_sync_status, trigger_sync
from shared.errors import Interruption
from tests.rudderstack_blueprints.answers import (
    CONNECTION,
    CONNECTION_START,
    CONNECTION_STOP,
    INCREMENTAL,
    OF_CONNECTION,
    OF_SOURCE,
    RUN_STATUS,
    RUNNING_ALREADY,
    SOURCE,
    SOURCE_PATH,
    SOURCE_START,
    SOURCE_STATUS,
    SYNC,
    SYNCS,
    a_run,
    at,
    sync,
    syncs,
)
from tests.support import NOW, FakeClock, make_job
from tests.wire import HTML, LOST, REFUSED, TIMED_OUT, Ending, Vendor, ending, files

RUNNING_ONES = {"status": "running"}
STARTED_SYNC, STARTED_RUN = {"syncId": "sync-1"}, {"runId": "run-1"}


@pytest.fixture
def job(tmp_path: Path, clock: FakeClock) -> Job:
    return make_job(tmp_path, "rudderstack", clock)


def trigger(job: Job, of: dict[str, str], **given: str) -> Ending:
    """Run the trigger with these inputs, named without RUDDERSTACK_."""
    return ending(trigger_sync, {**of, **{f"RUDDERSTACK_{name}": value for name, value in given.items()}}, job)


# What goes over the wire


@pytest.mark.parametrize(("given", "word"), [({}, "incremental"), ({"SYNC_TYPE": "full"}, "full")])
def test_a_connection_is_started_by_exactly_this_request(
    rudderstack: Vendor, job: Job, given: dict[str, str], word: str
) -> None:
    rudderstack.expect("POST", CONNECTION_START, STARTED_SYNC, body={"syncType": word})
    ended = trigger(job, OF_CONNECTION, **given)
    assert ended == (0, "started")
    assert CONNECTION in ended.message
    assert "sync-1" in ended.message
    (sent,) = rudderstack.sent
    assert sent.headers["Authorization"] == "Bearer the-token"
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.headers["User-Agent"].startswith("sync-blueprints/")
    assert sent.timeout == (10, 60)


def test_a_source_is_started_without_a_body(rudderstack: Vendor, job: Job) -> None:
    rudderstack.expect("POST", SOURCE_START, STARTED_RUN)
    ended = trigger(job, OF_SOURCE)
    assert ended == (0, "started")
    assert SOURCE in ended.message
    assert "run-1" in ended.message
    assert rudderstack.sent[0].headers.get("Content-Length") in (None, "0")


def test_a_profiles_source_is_started_with_its_parameters(rudderstack: Vendor, job: Job) -> None:
    parameters = ["--begin_time 2026-01-01T00:00:00Z", "--rebase_incremental"]
    rudderstack.expect("POST", SOURCE_START, STARTED_RUN, body={"parameters": parameters})
    assert trigger(job, OF_SOURCE, PARAMETERS="\n".join(parameters)) == (0, "started")


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"REGION": "US"}, "https://api.rudderstack.com"),
        ({"REGION": "eu"}, "https://api.eu.rudderstack.com"),
        ({"REGION": "None"}, "https://api.rudderstack.com"),
        ({"REGION": "EU", "API_URL": "http://localhost:8080"}, "http://localhost:8080"),
        ({"API_URL": "http://localhost:8080/"}, "http://localhost:8080"),
        ({"API_URL": "http://localhost:8080/v2"}, "http://localhost:8080"),
        ({"API_URL": "http://localhost:8080/v2/"}, "http://localhost:8080"),
    ],
)
def test_the_region_or_another_base_url_is_asked(
    rudderstack: Vendor, job: Job, given: dict[str, str], url: str
) -> None:
    rudderstack.url = url
    rudderstack.expect("POST", CONNECTION_START, STARTED_SYNC, body=INCREMENTAL)
    assert trigger(job, OF_CONNECTION, **given) == (0, "started")


def test_a_redirect_is_never_followed(rudderstack: Vendor, job: Job) -> None:
    moved = {"Location": "https://elsewhere.invalid/"}
    rudderstack.expect("POST", CONNECTION_START, None, status=308, headers=moved, body=INCREMENTAL)
    ended = trigger(job, OF_CONNECTION)
    assert ended == (201, "refused")
    assert "RUDDERSTACK_API_URL" in ended.message


# What is handed over


def test_a_connections_files_are_handed_over(rudderstack: Vendor, job: Job, tmp_path: Path) -> None:
    rudderstack.expect("POST", CONNECTION_START, STARTED_SYNC, body=INCREMENTAL, takes=5)
    trigger(job, OF_CONNECTION)
    left = files(tmp_path)
    assert set(left) == {"connection_id.pickle", "sync_id.pickle", "sync.pickle"}
    assert (left["connection_id.pickle"], left["sync_id.pickle"]) == (CONNECTION, "sync-1")
    handed = left["sync.pickle"]
    assert (handed["version"], handed["connection_id"], handed["sync_id"]) == (1, CONNECTION, "sync-1")
    assert (handed["source_id"], handed["joined"]) == (None, False)
    assert handed["server_time"] == NOW + timedelta(seconds=5)


def test_a_sources_files_are_handed_over(rudderstack: Vendor, job: Job, tmp_path: Path) -> None:
    rudderstack.expect("POST", SOURCE_START, STARTED_RUN)
    trigger(job, OF_SOURCE)
    left = files(tmp_path)
    assert set(left) == {"source_id.pickle", "sync_id.pickle", "sync.pickle"}
    assert (left["source_id.pickle"], left["sync_id.pickle"]) == (SOURCE, "run-1")
    assert (left["sync.pickle"]["source_id"], left["sync.pickle"]["sync_id"]) == (SOURCE, "run-1")
    assert left["sync.pickle"]["connection_id"] is None


def test_with_a_log_id_its_own_file_is_written_under_both_names(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    rudderstack.expect("POST", SOURCE_START, STARTED_RUN)
    trigger(make_job(tmp_path, "rudderstack", clock, log_id="log-7"), OF_SOURCE)
    left = files(tmp_path)
    assert set(left) == {"source_id.pickle", "sync_id.pickle", "sync.pickle", "log-7_sync.pickle"}
    assert left["log-7_sync.pickle"] == left["sync.pickle"]


def test_the_last_answer_is_kept_for_the_responses_folder(rudderstack: Vendor, job: Job) -> None:
    rudderstack.expect("POST", SOURCE_START, STARTED_RUN)
    trigger(job, OF_SOURCE)
    assert {name: answer.body for name, answer in job.responses.items()} == {
        f"sync_{SOURCE}_response.json": STARTED_RUN
    }


def test_the_token_is_handed_over_to_nobody(rudderstack: Vendor, job: Job, tmp_path: Path) -> None:
    rudderstack.expect("POST", SOURCE_START, STARTED_RUN)
    trigger(job, OF_SOURCE)
    assert not [path for path in tmp_path.rglob("*.pickle") if b"the-token" in path.read_bytes()]


def test_fail_on_failed_rows_is_not_handed_over(rudderstack: Vendor, job: Job, tmp_path: Path) -> None:
    rudderstack.expect("POST", CONNECTION_START, STARTED_SYNC, body=INCREMENTAL)
    trigger(job, OF_CONNECTION, FAIL_ON_FAILED_ROWS="TRUE")
    assert not [key for key in files(tmp_path)["sync.pickle"] if "rows" in key]


def test_a_folder_that_cannot_be_written_is_found_out_before_anything_is_sent(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    assert trigger(make_job(tmp_path / "taken", "rudderstack", clock), OF_SOURCE) == (221, "artifact_error")
    assert rudderstack.sent == []


def test_a_trigger_killed_while_it_starts_leaves_a_mark_that_stops_a_check(
    rudderstack: Vendor, job: Job, tmp_path: Path, clock: FakeClock
) -> None:
    def killed() -> None:
        raise Interruption(15)

    rudderstack.expect("POST", CONNECTION_START, killed, body=INCREMENTAL)
    with pytest.raises(Interruption):
        trigger(job, OF_CONNECTION)
    assert set(files(tmp_path)) == {"starting.pickle"}
    assert CONNECTION in job.goes_on
    checked = ending(check_sync_status, OF_CONNECTION, make_job(tmp_path, "rudderstack", clock))
    assert checked == (221, "artifact_error")


# A sync is running already


def stopped(rudderstack: Vendor) -> None:
    """The answers up to the stop of a running sync."""
    rudderstack.expect("POST", CONNECTION_START, RUNNING_ALREADY, status=409, body=INCREMENTAL)
    rudderstack.expect("POST", CONNECTION_STOP, None, status=204)


def test_restart_stops_waits_until_nothing_runs_and_starts(rudderstack: Vendor, job: Job, tmp_path: Path) -> None:
    stopped(rudderstack)
    rudderstack.expect("GET", SYNCS, syncs(sync("running", "old")), query=RUNNING_ONES)
    rudderstack.expect("GET", SYNCS, syncs(sync("running", "old")), query=RUNNING_ONES)
    rudderstack.expect("GET", SYNCS, syncs(), query=RUNNING_ONES)
    rudderstack.expect("POST", CONNECTION_START, {"syncId": "new"}, body=INCREMENTAL)
    assert trigger(job, OF_CONNECTION) == (0, "started")
    assert files(tmp_path)["sync_id.pickle"] == "new"


def test_the_stop_has_no_body(rudderstack: Vendor, job: Job) -> None:
    stopped(rudderstack)
    rudderstack.expect("GET", SYNCS, syncs(), query=RUNNING_ONES)
    rudderstack.expect("POST", CONNECTION_START, STARTED_SYNC, body=INCREMENTAL)
    trigger(job, OF_CONNECTION)
    assert rudderstack.sent[1].body is None


def test_a_drain_that_still_refuses_a_start_is_waited_for(rudderstack: Vendor, job: Job) -> None:
    stopped(rudderstack)
    for _ in range(2):
        rudderstack.expect("GET", SYNCS, syncs(), query=RUNNING_ONES)
        rudderstack.expect("POST", CONNECTION_START, RUNNING_ALREADY, status=409, body=INCREMENTAL)
    rudderstack.expect("GET", SYNCS, syncs(), query=RUNNING_ONES)
    rudderstack.expect("POST", CONNECTION_START, STARTED_SYNC, body=INCREMENTAL)
    assert trigger(job, OF_CONNECTION) == (0, "started")


def test_a_stop_that_takes_no_effect_in_five_minutes_is_given_up(rudderstack: Vendor, job: Job, tmp_path: Path) -> None:
    stopped(rudderstack)
    rudderstack.expect("GET", SYNCS, syncs(sync("running", "old")), query=RUNNING_ONES, many=True)
    ended = trigger(job, OF_CONNECTION)
    assert ended == (203, "already_running")
    assert CONNECTION in ended.message
    assert 300 <= rudderstack.clock.elapsed < 370
    assert files(tmp_path) == {}


def test_the_wait_for_a_stop_ends_with_the_time_of_the_run(rudderstack: Vendor, job: Job) -> None:
    stopped(rudderstack)
    rudderstack.expect("GET", SYNCS, syncs(sync("running", "old")), query=RUNNING_ONES, many=True)
    assert trigger(job, OF_CONNECTION, WAIT_TIMEOUT="1") == (203, "already_running")
    assert 60 <= rudderstack.clock.elapsed < 120


@pytest.mark.parametrize("status", [400, 409])
def test_a_stop_that_is_refused_because_the_sync_has_just_ended_does_not_matter(
    rudderstack: Vendor, job: Job, status: int
) -> None:
    rudderstack.expect("POST", CONNECTION_START, RUNNING_ALREADY, status=409, body=INCREMENTAL)
    rudderstack.expect("POST", CONNECTION_STOP, {"error": "no sync is running"}, status=status)
    rudderstack.expect("GET", SYNCS, syncs(), query=RUNNING_ONES)
    rudderstack.expect("POST", CONNECTION_START, STARTED_SYNC, body=INCREMENTAL)
    assert trigger(job, OF_CONNECTION) == (0, "started")


def test_a_word_that_a_stopped_sync_ends_with_is_not_waited_for(rudderstack: Vendor, job: Job) -> None:
    stopped(rudderstack)
    rudderstack.expect("GET", SYNCS, syncs(sync("halted", "old")), query=RUNNING_ONES)
    rudderstack.expect("POST", CONNECTION_START, STARTED_SYNC, body=INCREMENTAL)
    assert trigger(job, OF_CONNECTION) == (0, "started")


def test_an_outage_during_the_stop_is_known_to_have_started_nothing(rudderstack: Vendor, job: Job) -> None:
    rudderstack.expect("POST", CONNECTION_START, RUNNING_ALREADY, status=409, body=INCREMENTAL)
    rudderstack.expect("POST", CONNECTION_STOP, HTML, status=502, many=True)
    assert trigger(job, OF_CONNECTION) == (202, "not_started")


@pytest.mark.parametrize("answer", [LOST, TIMED_OUT, HTML])
@pytest.mark.parametrize("seen", [0, 1, 5], ids=["from the first look on", "from the second on", "later"])
def test_an_outage_until_a_stop_takes_effect_is_known_to_have_started_nothing(
    rudderstack: Vendor, job: Job, tmp_path: Path, answer: Any, seen: int
) -> None:
    stopped(rudderstack)
    for _ in range(seen):
        rudderstack.expect("GET", SYNCS, syncs(sync("running", "old")), query=RUNNING_ONES)
    rudderstack.expect("GET", SYNCS, answer, status=502, query=RUNNING_ONES, many=True)
    ended = trigger(job, OF_CONNECTION)
    assert ended == (202, "not_started")
    assert "nothing was started" in ended.message
    assert rudderstack.starts("/start") == [INCREMENTAL]
    assert files(tmp_path) == {}


@pytest.mark.parametrize("drains", [False, True], ids=["it runs", "it is not shown and refuses a start"])
def test_a_stop_that_takes_no_effect_says_that_the_sync_was_told_to_stop(
    rudderstack: Vendor, job: Job, drains: bool
) -> None:
    stopped(rudderstack)
    if drains:
        for _ in range(200):
            rudderstack.expect("GET", SYNCS, syncs(), query=RUNNING_ONES)
            rudderstack.expect("POST", CONNECTION_START, RUNNING_ALREADY, status=409, body=INCREMENTAL)
    else:
        rudderstack.expect("GET", SYNCS, syncs(sync("running", "old")), query=RUNNING_ONES, many=True)
    ended = trigger(job, OF_CONNECTION)
    rudderstack.steps.clear()
    assert ended == (203, "already_running")
    assert "told to stop" in ended.message
    assert 300 <= rudderstack.clock.elapsed < 370


@pytest.mark.parametrize("at_the", ["stop", "look"])
def test_a_trigger_killed_after_the_stop_tells_of_it(
    rudderstack: Vendor, job: Job, tmp_path: Path, at_the: str
) -> None:
    def killed() -> None:
        raise Interruption(15)

    rudderstack.expect("POST", CONNECTION_START, RUNNING_ALREADY, status=409, body=INCREMENTAL)
    rudderstack.expect("POST", CONNECTION_STOP, killed if at_the == "stop" else None, status=204)
    if at_the == "look":
        rudderstack.expect("GET", SYNCS, syncs(sync("running", "old")), query=RUNNING_ONES)
        rudderstack.expect("GET", SYNCS, killed, query=RUNNING_ONES)
    with pytest.raises(Interruption):
        trigger(job, OF_CONNECTION)
    assert CONNECTION in job.goes_on
    assert "told to stop" in job.goes_on
    assert "nothing new was started" in job.goes_on
    assert files(tmp_path) == {}


def test_a_restart_that_is_refused_still_tells_of_the_stop(rudderstack: Vendor, job: Job) -> None:
    stopped(rudderstack)
    rudderstack.expect("GET", SYNCS, syncs(), query=RUNNING_ONES)
    rudderstack.expect("POST", CONNECTION_START, None, status=400, body=INCREMENTAL)
    assert trigger(job, OF_CONNECTION) == (201, "refused")
    assert "told to stop" in job.goes_on


def test_after_a_restart_the_new_sync_goes_on(rudderstack: Vendor, job: Job) -> None:
    stopped(rudderstack)
    rudderstack.expect("GET", SYNCS, syncs(), query=RUNNING_ONES)
    rudderstack.expect("POST", CONNECTION_START, {"syncId": "new"}, body=INCREMENTAL)
    assert trigger(job, OF_CONNECTION) == (0, "started")
    assert "goes on" in job.goes_on
    assert "stop" not in job.goes_on


def test_a_source_cannot_be_stopped(rudderstack: Vendor, job: Job, tmp_path: Path) -> None:
    rudderstack.expect("POST", SOURCE_START, RUNNING_ALREADY, status=409)
    ended = trigger(job, OF_SOURCE, IF_RUNNING="restart")
    assert ended == (203, "already_running")
    assert SOURCE in ended.message
    assert "RUDDERSTACK_IF_RUNNING" in ended.message
    assert files(tmp_path) == {}


@pytest.mark.parametrize(
    ("of", "start", "body"), [(OF_SOURCE, SOURCE_START, None), (OF_CONNECTION, CONNECTION_START, INCREMENTAL)]
)
def test_fail_ends_at_once_and_hands_nothing_over(
    rudderstack: Vendor, job: Job, tmp_path: Path, of: dict[str, str], start: str, body: Any
) -> None:
    rudderstack.expect("POST", start, HTML, status=409, body=body)
    ended = trigger(job, of, IF_RUNNING="fail")
    assert ended == (203, "already_running")
    assert "RUDDERSTACK_IF_RUNNING" in ended.message
    assert files(tmp_path) == {}


def test_join_hands_over_the_running_sync_of_a_connection(rudderstack: Vendor, job: Job, tmp_path: Path) -> None:
    rudderstack.expect("POST", CONNECTION_START, RUNNING_ALREADY, status=409, body=INCREMENTAL)
    rudderstack.expect("GET", SYNCS, syncs(sync("running", "theirs")), query=RUNNING_ONES)
    ended = trigger(job, OF_CONNECTION, IF_RUNNING="join")
    assert ended == (0, "joined")
    assert "theirs" in ended.message
    left = files(tmp_path)
    assert left["sync_id.pickle"] == "theirs"
    assert left["sync.pickle"]["joined"] is True
    assert job.sync_id == "theirs"


def test_join_takes_the_sync_that_began_last(rudderstack: Vendor, job: Job, tmp_path: Path) -> None:
    rudderstack.expect("POST", CONNECTION_START, RUNNING_ALREADY, status=409, body=INCREMENTAL)
    both = syncs(sync("running", "later", "11:59:00"), sync("running", "earlier", "11:00:00"))
    rudderstack.expect("GET", SYNCS, both, query=RUNNING_ONES)
    trigger(job, OF_CONNECTION, IF_RUNNING="join")
    assert files(tmp_path)["sync_id.pickle"] == "later"


def test_join_hands_over_the_running_run_of_a_source(rudderstack: Vendor, job: Job, tmp_path: Path) -> None:
    rudderstack.expect("POST", SOURCE_START, RUNNING_ALREADY, status=409)
    rudderstack.expect("GET", SOURCE_STATUS, a_run("running", "11:50:00"))
    assert trigger(job, OF_SOURCE, IF_RUNNING="join") == (0, "joined")
    left = files(tmp_path)
    assert left["source_id.pickle"] == SOURCE
    assert "sync_id.pickle" not in left
    assert left["sync.pickle"]["joined"] is True


def test_join_starts_after_all_if_the_running_sync_has_just_ended(rudderstack: Vendor, job: Job) -> None:
    rudderstack.expect("POST", CONNECTION_START, RUNNING_ALREADY, status=409, body=INCREMENTAL)
    rudderstack.expect("GET", SYNCS, syncs(), query=RUNNING_ONES)
    rudderstack.expect("POST", CONNECTION_START, STARTED_SYNC, body=INCREMENTAL)
    assert trigger(job, OF_CONNECTION, IF_RUNNING="join") == (0, "started")


@pytest.mark.parametrize("of", [OF_SOURCE, OF_CONNECTION], ids=["source", "connection"])
def test_join_gives_up_after_a_minute_of_409s_beside_which_no_sync_shows(
    rudderstack: Vendor, job: Job, tmp_path: Path, of: dict[str, str]
) -> None:
    start, body = (SOURCE_START, None) if of is OF_SOURCE else (CONNECTION_START, INCREMENTAL)
    rudderstack.expect("POST", start, RUNNING_ALREADY, status=409, body=body)
    for _ in range(100):
        if of is OF_SOURCE:
            rudderstack.expect("GET", SOURCE_STATUS, a_run("finished", "11:00:00", "11:05:00"))
        else:
            rudderstack.expect("GET", SYNCS, syncs(), query=RUNNING_ONES)
        rudderstack.expect("POST", start, RUNNING_ALREADY, status=409, body=body)
    ended = trigger(job, of, IF_RUNNING="join")
    rudderstack.steps.clear()
    assert ended == (203, "already_running")
    assert 60 <= rudderstack.clock.elapsed < 70
    assert files(tmp_path) == {}


def test_join_takes_a_sync_that_shows_late(rudderstack: Vendor, job: Job, tmp_path: Path) -> None:
    rudderstack.expect("POST", CONNECTION_START, RUNNING_ALREADY, status=409, body=INCREMENTAL)
    for _ in range(5):
        rudderstack.expect("GET", SYNCS, syncs(), query=RUNNING_ONES)
        rudderstack.expect("POST", CONNECTION_START, RUNNING_ALREADY, status=409, body=INCREMENTAL)
    rudderstack.expect("GET", SYNCS, syncs(sync("running", "theirs")), query=RUNNING_ONES)
    assert trigger(job, OF_CONNECTION, IF_RUNNING="join") == (0, "joined")
    assert files(tmp_path)["sync_id.pickle"] == "theirs"


def test_wait_starts_once_the_running_sync_of_a_connection_has_ended(rudderstack: Vendor, job: Job) -> None:
    rudderstack.expect("POST", CONNECTION_START, RUNNING_ALREADY, status=409, body=INCREMENTAL)
    for _ in range(20):
        rudderstack.expect("GET", SYNCS, syncs(sync("running", "old")), query=RUNNING_ONES)
    rudderstack.expect("GET", SYNCS, syncs(), query=RUNNING_ONES)
    rudderstack.expect("POST", CONNECTION_START, {"syncId": "new"}, body=INCREMENTAL)
    ended = trigger(job, OF_CONNECTION, IF_RUNNING="wait")
    assert ended == (0, "started")
    assert "new" in ended.message


def test_wait_starts_once_the_running_run_of_a_source_has_ended(rudderstack: Vendor, job: Job) -> None:
    rudderstack.expect("POST", SOURCE_START, RUNNING_ALREADY, status=409)
    rudderstack.expect("GET", SOURCE_STATUS, a_run("running", "11:50:00"))
    rudderstack.expect("GET", SOURCE_STATUS, a_run("finished", "11:50:00", "12:00:02"))
    rudderstack.expect("POST", SOURCE_START, RUNNING_ALREADY, status=409)
    rudderstack.expect("GET", SOURCE_STATUS, a_run("finished", "11:50:00", "12:00:02"))
    rudderstack.expect("POST", SOURCE_START, STARTED_RUN)
    assert trigger(job, OF_SOURCE, IF_RUNNING="wait") == (0, "started")


@pytest.mark.parametrize("timeout", ["10", "60"])
def test_wait_gives_up_after_its_time_and_starts_nothing(
    rudderstack: Vendor, job: Job, tmp_path: Path, timeout: str
) -> None:
    rudderstack.expect("POST", CONNECTION_START, RUNNING_ALREADY, status=409, body=INCREMENTAL)
    rudderstack.expect("GET", SYNCS, syncs(sync("running", "old")), query=RUNNING_ONES, many=True)
    assert trigger(job, OF_CONNECTION, IF_RUNNING="wait", WAIT_TIMEOUT=timeout) == (203, "already_running")
    assert int(timeout) * 60 <= rudderstack.clock.elapsed < int(timeout) * 60 + 61
    assert files(tmp_path) == {}


def test_reads_that_fail_while_its_turn_is_awaited_are_survived(rudderstack: Vendor, job: Job) -> None:
    rudderstack.expect("POST", CONNECTION_START, RUNNING_ALREADY, status=409, body=INCREMENTAL)
    for _ in range(7):
        rudderstack.expect("GET", SYNCS, LOST, query=RUNNING_ONES)
    rudderstack.expect("GET", SYNCS, syncs(), query=RUNNING_ONES)
    rudderstack.expect("POST", CONNECTION_START, STARTED_SYNC, body=INCREMENTAL)
    assert trigger(job, OF_CONNECTION, IF_RUNNING="wait") == (0, "started")


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("policy", ["wait", "restart"])
def test_a_start_that_is_refused_once_its_turn_has_come_is_told_at_once(
    rudderstack: Vendor, job: Job, tmp_path: Path, status: int, policy: str
) -> None:
    rudderstack.expect("POST", CONNECTION_START, RUNNING_ALREADY, status=409, body=INCREMENTAL)
    if policy == "restart":
        rudderstack.expect("POST", CONNECTION_STOP, None, status=204)
    rudderstack.expect("GET", SYNCS, syncs(sync("running", "old")), query=RUNNING_ONES)
    rudderstack.expect("GET", SYNCS, syncs(), query=RUNNING_ONES)
    rudderstack.expect("POST", CONNECTION_START, None, status=status, body=INCREMENTAL)
    assert trigger(job, OF_CONNECTION, IF_RUNNING=policy) == (200, "invalid_credentials")
    assert rudderstack.starts("/start") == [INCREMENTAL, INCREMENTAL]  # the 409, and the one that is refused
    assert files(tmp_path) == {}


def test_wait_goes_on_after_another_409_of_a_connection(rudderstack: Vendor, job: Job) -> None:
    rudderstack.expect("POST", CONNECTION_START, RUNNING_ALREADY, status=409, body=INCREMENTAL)
    for _ in range(2):
        rudderstack.expect("GET", SYNCS, syncs(), query=RUNNING_ONES)
        rudderstack.expect("POST", CONNECTION_START, RUNNING_ALREADY, status=409, body=INCREMENTAL)
    rudderstack.expect("GET", SYNCS, syncs(), query=RUNNING_ONES)
    rudderstack.expect("POST", CONNECTION_START, STARTED_SYNC, body=INCREMENTAL)
    assert trigger(job, OF_CONNECTION, IF_RUNNING="wait") == (0, "started")


@pytest.mark.parametrize("seconds", ["50", "60"])
def test_a_retry_after_at_each_look_for_its_turn_outlasts_the_time_out_by_no_more_than_a_look(
    rudderstack: Vendor, job: Job, seconds: str
) -> None:
    rudderstack.expect("POST", CONNECTION_START, RUNNING_ALREADY, status=409, body=INCREMENTAL)
    rudderstack.expect("GET", SYNCS, syncs(sync("running", "old")), query=RUNNING_ONES)
    rudderstack.expect(
        "GET", SYNCS, None, status=429, headers={"Retry-After": seconds}, query=RUNNING_ONES, takes=5, many=True
    )
    assert trigger(job, OF_CONNECTION, IF_RUNNING="wait", WAIT_TIMEOUT="1").code in (202, 203)
    assert rudderstack.clock.elapsed < 66  # a look takes five seconds


# Errors of the start


@pytest.mark.parametrize(
    ("status", "answer", "expected", "words"),
    [
        (401, None, (200, "invalid_credentials"), ["RUDDERSTACK_ACCESS_TOKEN"]),
        (401, {"error": "invalid token"}, (200, "invalid_credentials"), ["invalid token"]),
        (403, {"message": "not in your plan"}, (200, "invalid_credentials"), ["not in your plan"]),
        (
            400,
            {"error": "bad", "code": "E1", "details": {"field": "syncType"}},
            (201, "refused"),
            ["bad", "E1", "syncType"],
        ),
        (422, {"message": "odd", "details": ["a", "b"]}, (201, "refused"), ["odd"]),
        (404, HTML, (204, "not_found"), [CONNECTION, "if it is a source, give its id as RUDDERSTACK_SOURCE_ID"]),
        (404, None, (204, "not_found"), [CONNECTION, "RUDDERSTACK_SOURCE_ID"]),
    ],
)
def test_a_refused_start_is_never_repeated(
    rudderstack: Vendor,
    job: Job,
    tmp_path: Path,
    status: int,
    answer: Any,
    expected: tuple[int, str],
    words: list[str],
) -> None:
    rudderstack.expect("POST", CONNECTION_START, answer, status=status, body=INCREMENTAL)
    ended = trigger(job, OF_CONNECTION)
    assert ended == expected
    assert all(word in ended.message for word in words)
    assert files(tmp_path) == {}


def test_an_unknown_source_is_told_with_a_hint_at_the_other_kind(rudderstack: Vendor, job: Job) -> None:
    rudderstack.expect("POST", SOURCE_START, {"message": "nothing here"}, status=404)
    ended = trigger(job, OF_SOURCE)
    assert ended == (204, "not_found")
    hint = "if it is a Reverse ETL connection, give its id as RUDDERSTACK_CONNECTION_ID"
    assert all(word in ended.message for word in (SOURCE, "nothing here", hint))


@pytest.mark.parametrize(("answer", "status"), [(REFUSED, 0), (None, 429)])
def test_a_start_that_surely_was_not_accepted_is_repeated_as_it_is(
    rudderstack: Vendor, job: Job, answer: Any, status: int
) -> None:
    for _ in range(4):
        rudderstack.expect("POST", CONNECTION_START, answer, status=status, body=INCREMENTAL)
    rudderstack.expect("POST", CONNECTION_START, STARTED_SYNC, body=INCREMENTAL)
    assert trigger(job, OF_CONNECTION) == (0, "started")


@pytest.mark.parametrize(("answer", "status"), [(REFUSED, 0), (None, 429)])
def test_a_start_that_was_never_accepted_is_known_not_to_have_started(
    rudderstack: Vendor, job: Job, tmp_path: Path, answer: Any, status: int
) -> None:
    for _ in range(5):
        rudderstack.expect("POST", CONNECTION_START, answer, status=status, body=INCREMENTAL)
    ended = trigger(job, OF_CONNECTION)
    assert ended == (202, "not_started")
    assert "(5 tries); nothing was started" in ended.message
    assert files(tmp_path) == {}


def test_a_start_that_is_put_off_for_long_by_a_429_ends_at_once(rudderstack: Vendor, job: Job) -> None:
    rudderstack.expect("POST", CONNECTION_START, None, status=429, headers={"Retry-After": "3600"}, body=INCREMENTAL)
    ended = trigger(job, OF_CONNECTION)
    assert ended == (202, "not_started")
    assert "3600 s" in ended.message


# A 500 of a source: the vendor's fault or an unknown id?


@pytest.mark.parametrize(
    ("answer", "status"), [(None, 404), ({"error": "boom"}, 500), ({"error": "bad id"}, 400), (None, 405)]
)
def test_a_500_is_an_unknown_source_if_it_cannot_be_read_either(
    rudderstack: Vendor, job: Job, tmp_path: Path, answer: Any, status: int
) -> None:
    rudderstack.expect("POST", SOURCE_START, {"error": "boom"}, status=500)
    rudderstack.expect("GET", SOURCE_PATH, answer, status=status, many=status == 500)
    if status == 500:  # other calls are answered: it is this source
        for _ in range(2):
            rudderstack.expect("GET", "/v2/workspace", {"workspace": {}})
            rudderstack.expect("GET", SOURCE_PATH, answer, status=status, many=True)
        rudderstack.steps.pop()
    ended = trigger(job, OF_SOURCE)
    assert ended == (204, "not_found")
    assert SOURCE in ended.message
    assert files(tmp_path) == {}


def test_two_500s_in_an_outage_are_no_proof_of_an_unknown_source(rudderstack: Vendor, job: Job) -> None:
    rudderstack.expect("POST", SOURCE_START, {"error": "boom"}, status=500)
    rudderstack.expect("GET", SOURCE_PATH, {"error": "boom"}, status=500, many=True)
    rudderstack.expect("GET", "/v2/workspace", {"error": "boom"}, status=500)
    rudderstack.expect("GET", SOURCE_STATUS, a_run("running", "12:00:01"))
    assert trigger(job, OF_SOURCE) == (0, "started")
    assert [sent.path for sent in rudderstack.sent].count(SOURCE_PATH) == 3


@pytest.mark.parametrize("status", [401, 403, 404])
def test_other_calls_that_are_refused_are_answered_too(rudderstack: Vendor, job: Job, status: int) -> None:
    rudderstack.expect("POST", SOURCE_START, {"error": "boom"}, status=500)
    for _ in range(2):
        rudderstack.expect("GET", SOURCE_PATH, {"error": "boom"}, status=500, many=True)
        rudderstack.expect("GET", "/v2/workspace", None, status=status)
    ended = trigger(job, OF_SOURCE)
    assert ended == (204, "not_found")
    assert "answers other calls" in ended.message


@pytest.mark.parametrize("status", [401, 403])
def test_a_source_that_may_not_be_read_is_not_taken_for_an_unknown_one(
    rudderstack: Vendor, job: Job, status: int
) -> None:
    rudderstack.expect("POST", SOURCE_START, {"error": "boom"}, status=500)
    rudderstack.expect("GET", SOURCE_PATH, None, status=status)
    rudderstack.expect("GET", SOURCE_STATUS, a_run("running", "12:00:01"))
    assert trigger(job, OF_SOURCE) == (0, "started")


def test_a_500_is_a_lost_start_if_the_source_can_be_read(rudderstack: Vendor, job: Job) -> None:
    rudderstack.expect("POST", SOURCE_START, {"error": "boom"}, status=500)
    rudderstack.expect("GET", SOURCE_PATH, {"id": SOURCE})
    rudderstack.expect("GET", SOURCE_STATUS, a_run("running", "12:00:01"))
    assert trigger(job, OF_SOURCE) == (0, "started")
    assert len(rudderstack.starts("/start")) == 1


@pytest.mark.parametrize("status", [502, 503, 504])
def test_another_5xx_of_a_source_is_not_probed(rudderstack: Vendor, job: Job, status: int) -> None:
    rudderstack.expect("POST", SOURCE_START, HTML, status=status)
    rudderstack.expect("GET", SOURCE_STATUS, a_run("running", "12:00:01"))
    assert trigger(job, OF_SOURCE) == (0, "started")


# Starts whose answer was lost

LOST_STARTS = {
    "read time-out": (TIMED_OUT, 0),
    "connection lost": (LOST, 0),
    "500": ({"error": "boom"}, 500),
    "502 of a proxy": (HTML, 502),
    "504 without a body": (None, 504),
}
GARBAGE = {
    "HTML": (HTML, 200),
    "no body": (None, 200),
    "204": (None, 204),
    "cut off": ('{"syncId": "sync', 200),
    "no id": ({"message": "ok"}, 200),
    "an empty id": ({"syncId": "", "runId": ""}, 200),
    "an id of another kind": ({"syncId": 5, "runId": None}, 201),
    "a list": ([], 201),
    "an id that no URL can hold": ({"syncId": "\ud800", "runId": "\ud800"}, 200),
    "an id that is a step up": ({"syncId": "..", "runId": ".."}, 200),
    "an id longer than a hand-over may have": ({"syncId": "x" * 201, "runId": "x" * 201}, 200),
}
EITHER = {**LOST_STARTS, **GARBAGE}
OLD = sync("succeeded", "old", "11:00:00")


@pytest.mark.parametrize(("answer", "status"), EITHER.values(), ids=EITHER)
@pytest.mark.parametrize("word", ["running", "succeeded", "failed"])
def test_a_lost_start_of_a_connection_that_began_since_is_ours_and_is_not_sent_again(
    rudderstack: Vendor, job: Job, tmp_path: Path, answer: Any, status: int, word: str
) -> None:
    rudderstack.expect("POST", CONNECTION_START, answer, status=status, body=INCREMENTAL)
    rudderstack.expect("GET", SYNCS, syncs(OLD, sync(word, "ours", "12:00:00")))
    assert trigger(job, OF_CONNECTION) == (0, "started")
    assert rudderstack.starts("/start") == [INCREMENTAL]
    left = files(tmp_path)
    assert left["sync_id.pickle"] == "ours"
    assert NOW - timedelta(seconds=10) <= left["sync.pickle"]["server_time"] <= NOW + timedelta(seconds=10)
    assert "starting.pickle" not in left


@pytest.mark.parametrize("offset", [-600, 600])
def test_what_began_since_is_told_by_the_servers_clock(rudderstack: Vendor, tmp_path: Path, offset: float) -> None:
    clock = rudderstack.clock
    clock.offset = offset
    clock.sleep(3600)  # the server says 13:00:00
    rudderstack.expect("POST", CONNECTION_START, TIMED_OUT, body=INCREMENTAL, takes=60)
    before, ours = sync("succeeded", "before", "12:59:00"), sync("running", "ours", "13:00:01")
    rudderstack.expect("GET", SYNCS, syncs(ours, before))
    assert trigger(make_job(tmp_path, "rudderstack", clock), OF_CONNECTION) == (0, "started")
    assert files(tmp_path)["sync_id.pickle"] == "ours"


def test_a_lost_start_is_looked_for_on_every_page(rudderstack: Vendor, job: Job, tmp_path: Path) -> None:
    rudderstack.expect("POST", CONNECTION_START, LOST, body=INCREMENTAL)
    rudderstack.expect("GET", SYNCS, syncs(OLD, next="/retl-connections/x/syncs?page=2"))
    rudderstack.expect("GET", SYNCS, syncs(sync("running", "ours")), query={"page": "2"})
    assert trigger(job, OF_CONNECTION) == (0, "started")
    assert files(tmp_path)["sync_id.pickle"] == "ours"


def test_a_lost_start_that_shows_late_was_started(rudderstack: Vendor, job: Job) -> None:
    rudderstack.expect("POST", CONNECTION_START, LOST, body=INCREMENTAL)
    rudderstack.expect(
        "GET",
        SYNCS,
        lambda: syncs(OLD, *([sync("running")] if rudderstack.clock.elapsed > 2 else [])),
        many=True,
    )
    assert trigger(job, OF_CONNECTION) == (0, "started")
    assert rudderstack.starts("/start") == [INCREMENTAL]


@pytest.mark.parametrize(("answer", "status"), LOST_STARTS.values(), ids=LOST_STARTS)
@pytest.mark.parametrize("there", [[], [OLD]], ids=["it never ran", "older syncs"])
def test_a_lost_start_of_a_connection_of_which_nothing_shows_is_sent_once_more(
    rudderstack: Vendor, job: Job, answer: Any, status: int, there: list[Any]
) -> None:
    rudderstack.expect("POST", CONNECTION_START, answer, status=status, body=INCREMENTAL)
    rudderstack.expect("GET", SYNCS, syncs(*there), many=True)
    rudderstack.expect("POST", CONNECTION_START, STARTED_SYNC, body=INCREMENTAL)
    assert trigger(job, OF_CONNECTION) == (0, "started")
    assert rudderstack.starts("/start") == [INCREMENTAL, INCREMENTAL]


@pytest.mark.parametrize(("answer", "status"), GARBAGE.values(), ids=GARBAGE)
def test_a_good_status_without_an_id_of_which_nothing_shows_is_unclear(
    rudderstack: Vendor, job: Job, tmp_path: Path, answer: Any, status: int
) -> None:
    rudderstack.expect("POST", CONNECTION_START, answer, status=status, body=INCREMENTAL)
    rudderstack.expect("GET", SYNCS, syncs(OLD), many=True)
    ended = trigger(job, OF_CONNECTION)
    assert ended == (202, "unclear")
    assert CONNECTION in ended.message
    assert rudderstack.starts("/start") == [INCREMENTAL]
    assert set(files(tmp_path)) == {"starting.pickle"}


def test_a_second_start_that_is_lost_too_but_seen_to_run_was_started(rudderstack: Vendor, job: Job) -> None:
    rudderstack.expect("POST", CONNECTION_START, LOST, body=INCREMENTAL)
    rudderstack.expect("GET", SYNCS, syncs(), many=True)
    rudderstack.expect("POST", CONNECTION_START, LOST, body=INCREMENTAL)
    rudderstack.expect("GET", SYNCS, lambda: syncs(sync("running", started="12:00:16")))
    assert trigger(job, OF_CONNECTION) == (0, "started")
    assert len(rudderstack.starts("/start")) == 2


def test_a_second_start_that_meets_a_running_sync_shows_that_the_first_was_accepted(
    rudderstack: Vendor, job: Job, tmp_path: Path
) -> None:
    rudderstack.expect("POST", CONNECTION_START, LOST, body=INCREMENTAL)
    rudderstack.expect("GET", SYNCS, syncs(), many=True)
    rudderstack.expect("POST", CONNECTION_START, RUNNING_ALREADY, status=409, body=INCREMENTAL)
    rudderstack.expect("GET", SYNCS, syncs(sync("running", "ours", "12:00:01")))
    assert trigger(job, OF_CONNECTION) == (0, "started")
    assert files(tmp_path)["sync_id.pickle"] == "ours"


def test_after_two_lost_starts_it_is_unclear_and_no_third_is_sent(
    rudderstack: Vendor, job: Job, tmp_path: Path
) -> None:
    rudderstack.expect("POST", CONNECTION_START, LOST, body=INCREMENTAL)
    rudderstack.expect("GET", SYNCS, syncs(OLD), many=True)
    rudderstack.expect("POST", CONNECTION_START, HTML, status=502, body=INCREMENTAL)
    rudderstack.expect("GET", SYNCS, syncs(OLD), many=True)
    assert trigger(job, OF_CONNECTION) == (202, "unclear")
    assert len(rudderstack.starts("/start")) == 2
    assert set(files(tmp_path)) == {"starting.pickle"}


@pytest.mark.parametrize(("answer", "status"), [(HTML, 502), (HTML, 200), ({"syncs": None}, 200), (None, 401)])
def test_a_lost_start_that_cannot_be_found_out_about_is_unclear_and_not_sent_again(
    rudderstack: Vendor, job: Job, tmp_path: Path, clock: FakeClock, answer: Any, status: int
) -> None:
    rudderstack.expect("POST", CONNECTION_START, LOST, body=INCREMENTAL)
    rudderstack.expect("GET", SYNCS, answer, status=status, many=True)
    assert trigger(job, OF_CONNECTION) == (202, "unclear")
    assert rudderstack.starts("/start") == [INCREMENTAL]
    checked = ending(check_sync_status, OF_CONNECTION, make_job(tmp_path, "rudderstack", clock))
    assert checked == (221, "artifact_error")


def test_a_lost_start_at_a_server_that_tells_no_time_is_unclear_and_not_sent_again(
    rudderstack: Vendor, job: Job
) -> None:
    rudderstack.expect("POST", CONNECTION_START, HTML, status=502, body=INCREMENTAL, date=False)
    rudderstack.expect("GET", SYNCS, syncs(sync("running")), date=False)
    assert trigger(job, OF_CONNECTION) == (202, "unclear")
    assert len(rudderstack.starts("/start")) == 1


def test_an_unclear_full_sync_is_sent_twice_at_most(rudderstack: Vendor, job: Job) -> None:
    full = {"syncType": "full"}
    rudderstack.expect("POST", CONNECTION_START, LOST, body=full)
    rudderstack.expect("GET", SYNCS, syncs(OLD), many=True)
    rudderstack.expect("POST", CONNECTION_START, LOST, body=full)
    rudderstack.expect("GET", SYNCS, syncs(OLD), many=True)
    assert trigger(job, OF_CONNECTION, SYNC_TYPE="full") == (202, "unclear")
    assert rudderstack.starts("/start") == [full, full]


FULL = {"syncType": "full"}
TIMELESS = {
    "no start": {"id": "new", "status": "running"},
    "null": {"id": "new", "status": "pending", "startedAt": None},
    "an empty start": {"id": "new", "status": "queued", "startedAt": ""},
    "Go's zero time": {"id": "new", "status": "running", "startedAt": "0001-01-01T00:00:00Z"},
    "no time at all": {"id": "new", "status": "succeeded", "startedAt": "just now"},
}


@pytest.mark.parametrize(("answer", "status"), LOST_STARTS.values(), ids=LOST_STARTS)
@pytest.mark.parametrize("timeless", TIMELESS.values(), ids=TIMELESS)
def test_a_lost_start_beside_a_sync_without_the_time_of_its_start_is_unclear_and_not_sent_again(
    rudderstack: Vendor, job: Job, tmp_path: Path, answer: Any, status: int, timeless: dict[str, Any]
) -> None:
    rudderstack.expect("POST", CONNECTION_START, answer, status=status, body=FULL)
    rudderstack.expect("GET", SYNCS, syncs(OLD, timeless), many=True)
    ended = trigger(job, OF_CONNECTION, SYNC_TYPE="full")
    assert ended == (202, "unclear")
    assert CONNECTION in ended.message
    assert rudderstack.starts("/start") == [FULL]
    assert set(files(tmp_path)) == {"starting.pickle"}


def test_a_sync_that_gets_the_time_of_its_start_late_keeps_a_lost_start_from_being_sent_again(
    rudderstack: Vendor, job: Job
) -> None:
    rudderstack.expect("POST", CONNECTION_START, LOST, body=FULL)
    rudderstack.expect("GET", SYNCS, syncs(OLD))
    rudderstack.expect("GET", SYNCS, lambda: syncs(OLD, TIMELESS["no start"]), many=True)
    assert trigger(job, OF_CONNECTION, SYNC_TYPE="full") == (202, "unclear")
    assert rudderstack.starts("/start") == [FULL]


@pytest.mark.parametrize(("answer", "status"), GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize(
    "run",
    [
        a_run("running", "12:00:00"),
        a_run("finished", "12:00:01", "12:00:02"),
        {"started_at": at("12:00:01.25"), "finished_at": "0001-01-01T00:00:00Z"},
    ],
)
def test_a_lost_start_of_a_source_whose_latest_run_began_since_is_ours(
    rudderstack: Vendor, job: Job, tmp_path: Path, answer: Any, status: int, run: dict[str, Any]
) -> None:
    rudderstack.expect("POST", SOURCE_START, answer, status=status)
    rudderstack.expect("GET", SOURCE_STATUS, run)
    assert trigger(job, OF_SOURCE) == (0, "started")
    assert len(rudderstack.starts("/start")) == 1
    left = files(tmp_path)
    assert set(left) == {"source_id.pickle", "sync.pickle"}
    assert left["sync.pickle"]["sync_id"] is None


def test_a_sync_id_of_an_earlier_trigger_is_not_left_beside_a_run_without_one(
    rudderstack: Vendor, job: Job, tmp_path: Path
) -> None:
    folder = tmp_path / "rudderstack-blueprints" / "variables"
    folder.mkdir(parents=True)
    (folder / "sync_id.pickle").write_bytes(pickle.dumps("of an earlier one"))
    rudderstack.expect("POST", SOURCE_START, None, status=204)
    rudderstack.expect("GET", SOURCE_STATUS, a_run("running"))
    assert trigger(job, OF_SOURCE) == (0, "started")
    assert "sync_id.pickle" not in files(tmp_path)


@pytest.mark.parametrize("answer", [LOST, TIMED_OUT])
@pytest.mark.parametrize("run", [a_run("finished", "11:00:00", "11:05:00"), {}, a_run("running", "11:00:00")])
def test_a_lost_start_of_a_source_of_which_nothing_shows_is_sent_once_more(
    rudderstack: Vendor, job: Job, answer: Any, run: dict[str, Any]
) -> None:
    rudderstack.expect("POST", SOURCE_START, answer)
    rudderstack.expect("GET", SOURCE_STATUS, run, many=True)
    rudderstack.expect("POST", SOURCE_START, STARTED_RUN)
    assert trigger(job, OF_SOURCE) == (0, "started")
    assert len(rudderstack.starts("/start")) == 2


@pytest.mark.parametrize(
    "run",
    [
        {"startedAt": "0001-01-01T00:00:00Z", "finishedAt": "0001-01-01T00:00:00Z"},
        {"status": "", "startedAt": "0001-01-01T00:00:00Z", "finishedAt": "0001-01-01T00:00:00Z", "jobId": ""},
        {"status": None, "started_at": None, "finished_at": None},
    ],
    ids=["no status", "an empty status", "nothing"],
)
def test_a_lost_start_of_a_source_that_has_never_run_is_sent_once_more(
    rudderstack: Vendor, job: Job, run: dict[str, Any]
) -> None:
    rudderstack.expect("POST", SOURCE_START, LOST)
    rudderstack.expect("GET", SOURCE_STATUS, run, many=True)
    rudderstack.expect("POST", SOURCE_START, STARTED_RUN)
    assert trigger(job, OF_SOURCE) == (0, "started")
    assert len(rudderstack.starts("/start")) == 2


def test_a_good_status_of_a_source_without_an_id_of_which_nothing_shows_is_unclear(
    rudderstack: Vendor, job: Job
) -> None:
    rudderstack.expect("POST", SOURCE_START, None, status=204)
    rudderstack.expect("GET", SOURCE_STATUS, a_run("finished", "11:00:00", "11:05:00"), many=True)
    assert trigger(job, OF_SOURCE) == (202, "unclear")
    assert len(rudderstack.starts("/start")) == 1


@pytest.mark.parametrize("odd", ["..", ".", "", "x" * 201, "\ud800", "sync\n1", 7, ["sync-1"]], ids=ascii)
def test_an_id_that_can_be_no_part_of_a_url_is_none(rudderstack: Vendor, job: Job, odd: object) -> None:
    rudderstack.expect("POST", SOURCE_START, {"runId": odd})
    rudderstack.expect("GET", SOURCE_STATUS, a_run("running"), many=True)
    assert trigger(job, OF_SOURCE) == (0, "started")
    assert job.sync_id is None


# Waiting in the same run


def test_it_waits_until_the_sync_has_succeeded(rudderstack: Vendor, job: Job) -> None:
    rudderstack.expect("POST", CONNECTION_START, STARTED_SYNC, body=INCREMENTAL)
    for word in ("running", "running", "succeeded"):
        rudderstack.expect("GET", SYNC, sync(word))
    ended = trigger(job, OF_CONNECTION, WAIT="TRUE")
    assert ended == (0, "succeeded")
    assert job.sync_id == "sync-1"
    assert job.facts["rows"] == {"total": 90, "succeeded": 90, "failed": 0, "changed": 90}


def test_a_first_look_after_its_own_start_comes_after_a_pause_and_may_fail(rudderstack: Vendor, job: Job) -> None:
    rudderstack.expect("POST", CONNECTION_START, STARTED_SYNC, body=INCREMENTAL)
    for _ in range(5):
        rudderstack.expect("GET", SYNC, HTML, status=503)
    rudderstack.expect("GET", SYNC, sync("succeeded"))
    assert trigger(job, OF_CONNECTION, WAIT="TRUE") == (0, "succeeded")
    assert rudderstack.sent[1].at > 1


def test_it_waits_for_a_run_by_its_id(rudderstack: Vendor, job: Job) -> None:
    rudderstack.expect("POST", SOURCE_START, STARTED_RUN)
    rudderstack.expect("GET", RUN_STATUS, a_run("running"))
    rudderstack.expect("GET", RUN_STATUS, a_run("finished", finished="12:00:05"))
    assert trigger(job, OF_SOURCE, WAIT="TRUE") == (0, "succeeded")


@pytest.mark.parametrize(
    ("word", "expected"),
    [("failed", (211, "failed")), ("aborted", (212, "cancelled")), ("resting", (213, "unknown"))],
)
def test_it_hands_over_whatever_it_waited_for(
    rudderstack: Vendor, job: Job, tmp_path: Path, word: str, expected: tuple[int, str]
) -> None:
    rudderstack.expect("POST", CONNECTION_START, STARTED_SYNC, body=INCREMENTAL)
    rudderstack.expect("GET", SYNC, sync(word, error="no such table"))
    ended = trigger(job, OF_CONNECTION, WAIT="TRUE")
    assert ended == expected
    assert "no such table" in ended.message
    assert files(tmp_path)["sync_id.pickle"] == "sync-1"


@pytest.mark.parametrize(("wanted", "expected"), [("TRUE", (211, "failed")), ("FALSE", (0, "succeeded"))])
def test_refused_rows_fail_the_wait_only_if_so_wished(
    rudderstack: Vendor, job: Job, wanted: str, expected: tuple[int, str]
) -> None:
    metrics = {"succeeded": {"total": 88}, "failed": {"total": 2}, "changed": {"total": 90}, "total": 90}
    rudderstack.expect("POST", CONNECTION_START, STARTED_SYNC, body=INCREMENTAL)
    rudderstack.expect("GET", SYNC, sync("succeeded", metrics=metrics))
    ended = trigger(job, OF_CONNECTION, WAIT="TRUE", FAIL_ON_FAILED_ROWS=wanted)
    assert ended == expected
    assert "refused 2 rows" in ended.message


def test_there_is_one_time_out_for_waiting_before_and_after_the_start(rudderstack: Vendor, job: Job) -> None:
    rudderstack.expect("POST", CONNECTION_START, RUNNING_ALREADY, status=409, body=INCREMENTAL)
    rudderstack.expect(
        "GET",
        SYNCS,
        lambda: syncs(*([sync("running", "old")] if rudderstack.clock.elapsed < 400 else [])),
        query=RUNNING_ONES,
        many=True,
    )
    rudderstack.expect("POST", CONNECTION_START, STARTED_SYNC, body=INCREMENTAL)
    rudderstack.expect("GET", SYNC, sync("running"), many=True)
    assert trigger(job, OF_CONNECTION, IF_RUNNING="wait", WAIT="TRUE", WAIT_TIMEOUT="10") == (210, "running")
    assert 600 <= rudderstack.clock.elapsed < 660


def test_a_joined_run_of_a_source_is_waited_for(rudderstack: Vendor, job: Job) -> None:
    rudderstack.expect("POST", SOURCE_START, RUNNING_ALREADY, status=409)
    rudderstack.expect("GET", SOURCE_STATUS, a_run("running", "11:50:00"))
    rudderstack.expect("GET", SOURCE_STATUS, a_run("running", "11:50:00"))
    rudderstack.expect("GET", SOURCE_STATUS, a_run("finished", "11:50:00", "12:01:00"))
    assert trigger(job, OF_SOURCE, IF_RUNNING="join", WAIT="TRUE") == (0, "succeeded")


@pytest.mark.parametrize("seconds", ["50", "60"])
@pytest.mark.parametrize("first", [True, False], ids=["from the first look on", "from the second on"])
def test_a_retry_after_at_each_look_outlasts_the_time_out_by_no_more_than_a_look(
    rudderstack: Vendor, job: Job, seconds: str, first: bool
) -> None:
    rudderstack.expect("POST", CONNECTION_START, STARTED_SYNC, body=INCREMENTAL)
    if not first:
        rudderstack.expect("GET", SYNC, sync("running"))
    rudderstack.expect("GET", SYNC, None, status=429, headers={"Retry-After": seconds}, takes=5, many=True)
    assert trigger(job, OF_CONNECTION, WAIT="TRUE", WAIT_TIMEOUT="1").code in (210, 220)
    assert rudderstack.clock.elapsed < 66  # a look takes five seconds
