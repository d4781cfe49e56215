"""Fivetran - Execute Sync: what goes over the wire, what is handed over and how each run ends."""

from __future__ import annotations

import base64
import pickletools
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Callable

import pytest
from shared.blueprint import Job

from fivetran_blueprints import check_sync_status, trigger_sync
from shared.errors import Interruption
from tests.fivetran_blueprints.answers import (
    ACCEPTED,
    DETAILS,
    ENVIRONMENT,
    HISTORY,
    ID,
    NOT_FOUND,
    START,
    at,
    connection,
)
from tests.support import NOW, FakeClock, make_job
from tests.wire import HTML, LOST, REFUSED, TIMED_OUT, Ending, Vendor, ending, files

PLAIN_FILES = {"force_sync.pickle", "connector_id.pickle", "execution_time.pickle", "sync.pickle"}
FORCE, NO_FORCE = {"force": True}, {"force": False}
RESTART_OR_NOT = [("restart", FORCE), ("join", NO_FORCE), ("wait", NO_FORCE), ("fail", NO_FORCE)]


@pytest.fixture
def job(tmp_path: Path, clock: FakeClock) -> Job:
    return make_job(tmp_path, "fivetran", clock)


def trigger(job: Job, **given: str) -> Ending:
    """Run the trigger with these inputs, named without FIVETRAN_."""
    return ending(trigger_sync, {**ENVIRONMENT, **{f"FIVETRAN_{name}": value for name, value in given.items()}}, job)


def check(tmp_path: Path, clock: FakeClock) -> Ending:
    """Run a check of what was handed over, in a process of its own."""
    return ending(check_sync_status, ENVIRONMENT, make_job(tmp_path, "fivetran", clock))


# What goes over the wire


def test_it_looks_first_and_then_starts_with_exactly_these_requests(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    assert trigger(job) == (0, "started")
    for sent in fivetran.sent:
        assert sent.headers["Authorization"] == "Basic " + base64.b64encode(b"the-key:the-secret").decode()
        assert sent.headers["Accept"] == "application/json;version=2"
        assert sent.headers["User-Agent"].startswith("sync-blueprints/")
    look, start = fivetran.sent
    assert start.headers["Content-Type"] == "application/json"
    assert (look.timeout, start.timeout) == ((10, 60), (10, 120))


@pytest.mark.parametrize("url", ["http://localhost:8080", "http://localhost:8080/", "http://localhost:8080/v1/"])
def test_another_base_url_is_asked_with_or_without_its_version(fivetran: Vendor, job: Job, url: str) -> None:
    fivetran.url = "http://localhost:8080"
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    assert trigger(job, API_URL=url) == (0, "started")


def test_the_message_names_the_connector_and_the_log_its_page(
    fivetran: Vendor, job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    with caplog.at_level("INFO"):
        assert ID in trigger(job).message
    assert f"https://fivetran.com/dashboard/connections/{ID}" in caplog.text


@pytest.mark.parametrize(("policy", "body"), RESTART_OR_NOT)
def test_only_restart_forces_an_idle_connection(fivetran: Vendor, job: Job, policy: str, body: dict[str, bool]) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=body)
    assert trigger(job, IF_RUNNING=policy) == (0, "started")


@pytest.mark.parametrize(("force", "body"), [("TRUE", FORCE), ("FALSE", NO_FORCE)])
def test_the_older_force_goes_over_the_wire_as_it_is(
    fivetran: Vendor, job: Job, force: str, body: dict[str, bool]
) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=body)
    assert trigger(job, FORCE=force) == (0, "started")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_redirect_is_never_followed(fivetran: Vendor, job: Job, tmp_path: Path, method: str) -> None:
    moved = {"Location": f"https://elsewhere.invalid{START}"}
    if method == "GET":
        fivetran.expect("GET", DETAILS, None, status=302, headers=moved)
    else:
        fivetran.expect("GET", DETAILS, connection())
        fivetran.expect("POST", START, None, status=307, headers=moved, body=FORCE)
    ended = trigger(job)
    assert ended == (201, "refused")
    assert "FIVETRAN_API_URL" in ended.message
    assert files(tmp_path) == {}


# What is handed over


def test_the_plain_files_are_handed_over(fivetran: Vendor, job: Job, tmp_path: Path) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    trigger(job)
    left = files(tmp_path)
    assert set(left) == PLAIN_FILES
    assert left["force_sync.pickle"] == [ID, NOW]
    assert (left["connector_id.pickle"], left["execution_time.pickle"]) == (ID, NOW)


def test_with_a_log_id_two_of_them_are_written_under_both_names(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    trigger(make_job(tmp_path, "fivetran", clock, log_id="log-7"))
    left = files(tmp_path)
    assert set(left) == PLAIN_FILES | {"log-7_sync.pickle", "log-7_force_sync.pickle"}
    assert left["log-7_sync.pickle"] == left["sync.pickle"]
    assert left["log-7_force_sync.pickle"] == left["force_sync.pickle"] == [ID, NOW]


def test_every_file_is_a_pickle_that_old_pythons_read(fivetran: Vendor, job: Job, tmp_path: Path) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    trigger(job)
    for path in tmp_path.glob("*/variables/*"):
        opcode, protocol, _ = next(iter(pickletools.genops(path.read_bytes())))
        assert (opcode.name, protocol) == ("PROTO", 4)


def test_a_checks_own_file_has_the_stamps_before_the_start(fivetran: Vendor, job: Job, tmp_path: Path) -> None:
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("06:00:00.123456"), failed_at=None))
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    trigger(job)
    handed = files(tmp_path)["sync.pickle"]
    assert handed["version"] == 1
    assert handed["connector_id"] == ID
    assert handed["succeeded_at"] == datetime(2026, 11, 22, 6, 0, 0, 123456, timezone.utc)
    assert handed["failed_at"] is None
    assert handed["joined"] is False


@pytest.mark.parametrize("offset", [-600, 0, 600])
def test_the_time_of_execution_is_the_servers_clock_when_it_accepted(
    fivetran: Vendor, tmp_path: Path, offset: float
) -> None:
    clock = fivetran.clock
    clock.offset = offset
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE, takes=30)
    trigger(make_job(tmp_path, "fivetran", clock))
    assert files(tmp_path)["execution_time.pickle"] == NOW + timedelta(seconds=30)


def test_the_local_time_is_taken_only_where_the_server_tells_none(fivetran: Vendor, job: Job, tmp_path: Path) -> None:
    fivetran.clock.offset = 600
    fivetran.expect("GET", DETAILS, connection(), date=False)
    fivetran.expect("POST", START, ACCEPTED, body=FORCE, date=False)
    trigger(job)
    assert files(tmp_path)["execution_time.pickle"] == NOW + timedelta(seconds=600)


def test_the_last_answer_is_kept_for_the_responses_folder(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    trigger(job)
    assert {name: answer.body for name, answer in job.responses.items()} == {f"sync_{ID}_response.json": ACCEPTED}


def test_a_folder_that_cannot_be_written_is_found_out_before_anything_is_sent(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    ended = trigger(make_job(tmp_path / "taken", "fivetran", clock))
    assert ended == (221, "artifact_error")
    assert "SHIPYARD_ARTIFACTS_DIRECTORY" in ended.message
    assert fivetran.sent == []


def test_an_older_hand_over_is_left_alone_by_a_refused_trigger(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    trigger(make_job(tmp_path, "fivetran", clock, log_id="1"))
    before = files(tmp_path)
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, {"code": "InvalidInput", "message": "no"}, status=400, body=FORCE)
    assert trigger(make_job(tmp_path, "fivetran", clock, log_id="2")) == (201, "refused")
    assert files(tmp_path) == before


def test_a_trigger_killed_while_it_starts_leaves_a_mark_that_stops_a_check(
    fivetran: Vendor, job: Job, tmp_path: Path, clock: FakeClock
) -> None:
    def killed() -> None:
        raise Interruption(15)

    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, killed, body=FORCE)
    with pytest.raises(Interruption):
        trigger(job)
    assert set(files(tmp_path)) == {"starting.pickle"}
    assert ID in job.goes_on
    ended = check(tmp_path, clock)
    assert ended == (221, "artifact_error")
    assert ID in ended.message


def test_the_next_trigger_clears_the_mark_of_a_killed_one(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, LOST, body=FORCE)
    fivetran.expect("GET", DETAILS, None, status=401)
    assert trigger(make_job(tmp_path, "fivetran", clock)) == (202, "unclear")
    assert set(files(tmp_path)) == {"starting.pickle"}
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    assert trigger(make_job(tmp_path, "fivetran", clock)) == (0, "started")
    assert set(files(tmp_path)) == PLAIN_FILES


def test_the_mark_of_a_killed_trigger_outlasts_a_refused_one(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    def killed() -> None:
        raise Interruption(15)

    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, killed, body=FORCE)
    with pytest.raises(Interruption):
        trigger(make_job(tmp_path, "fivetran", clock))
    left = files(tmp_path)
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, {"code": "InvalidInput", "message": "no"}, status=400, body=FORCE)
    assert trigger(make_job(tmp_path, "fivetran", clock)) == (201, "refused")
    assert files(tmp_path) == left
    assert check(tmp_path, clock) == (221, "artifact_error")
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    assert trigger(make_job(tmp_path, "fivetran", clock)) == (0, "started")
    assert set(files(tmp_path)) == PLAIN_FILES


# Connections that cannot run


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (connection(paused=True), ["paused", "Update Connector"]),
        (connection("paused"), ["paused", "Update Connector"]),
        (connection(setup_state="incomplete"), ["incomplete"]),
    ],
)
@pytest.mark.parametrize("policy", ["restart", "join", "wait", "fail"])
def test_a_connection_that_cannot_run_is_refused_before_the_start(
    fivetran: Vendor, job: Job, tmp_path: Path, state: dict[str, Any], words: list[str], policy: str
) -> None:
    fivetran.expect("GET", DETAILS, state)
    ended = trigger(job, IF_RUNNING=policy)
    assert ended == (201, "refused")
    assert all(word in ended.message for word in [ID, *words])
    assert files(tmp_path) == {}


def test_a_broken_connection_is_started_with_a_warning(
    fivetran: Vendor, job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    fivetran.expect("GET", DETAILS, connection(setup_state="broken"))
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    assert trigger(job) == (0, "started")
    assert any(record.levelname == "WARNING" and "broken" in record.message for record in caplog.records)


@pytest.mark.parametrize(("schedule", "told"), [("auto", True), ("manual", False)])
def test_an_automatic_schedule_is_told_of_once(
    fivetran: Vendor, job: Job, caplog: pytest.LogCaptureFixture, schedule: str, told: bool
) -> None:
    fivetran.expect("GET", DETAILS, connection(schedule_type=schedule))
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    with caplog.at_level("INFO"):
        trigger(job)
    assert sum("Update Connector" in record.message for record in caplog.records) == told


# A sync is running already


def test_restart_forces_and_notes_that_a_running_sync_is_interrupted(
    fivetran: Vendor, job: Job, tmp_path: Path
) -> None:
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    assert trigger(job) == (0, "started")
    assert files(tmp_path)["sync.pickle"]["interrupted"] is True


def test_join_starts_nothing_and_hands_over_the_running_sync(fivetran: Vendor, job: Job, tmp_path: Path) -> None:
    fivetran.expect("GET", DETAILS, connection("syncing"))
    ended = trigger(job, IF_RUNNING="join")
    assert ended == (0, "joined")
    assert ID in ended.message
    left = files(tmp_path)
    assert set(left) == PLAIN_FILES
    assert left["sync.pickle"]["joined"] is True
    assert left["force_sync.pickle"] == [ID, NOW]


def test_fail_ends_at_once_and_hands_nothing_over(fivetran: Vendor, job: Job, tmp_path: Path) -> None:
    fivetran.expect("GET", DETAILS, connection("syncing"))
    ended = trigger(job, IF_RUNNING="fail")
    assert ended == (203, "already_running")
    assert ID in ended.message
    assert "FIVETRAN_IF_RUNNING" in ended.message
    assert files(tmp_path) == {}


def test_wait_starts_once_the_running_sync_has_ended_and_holds_it_against_the_stamps_then(
    fivetran: Vendor, job: Job, tmp_path: Path
) -> None:
    fivetran.expect("GET", DETAILS, connection("syncing", at("06:00:00")))
    fivetran.expect("GET", DETAILS, connection("syncing", at("06:00:00")))
    fivetran.expect("GET", DETAILS, connection("scheduled", at("12:00:01")))
    fivetran.expect("POST", START, ACCEPTED, body=NO_FORCE)
    assert trigger(job, IF_RUNNING="wait") == (0, "started")
    handed = files(tmp_path)["sync.pickle"]
    assert (handed["succeeded_at"], handed["interrupted"]) == (NOW + timedelta(seconds=1), False)


def test_wait_gives_up_after_its_time_and_starts_nothing(fivetran: Vendor, job: Job, tmp_path: Path) -> None:
    fivetran.expect("GET", DETAILS, connection("syncing"), many=True)
    ended = trigger(job, IF_RUNNING="wait", WAIT_TIMEOUT="10")
    assert ended == (203, "already_running")
    assert ID in ended.message
    assert 600 <= fivetran.clock.elapsed < 660
    assert files(tmp_path) == {}


def test_a_connection_that_is_paused_while_its_turn_is_awaited_is_refused(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("GET", DETAILS, connection("paused", paused=True))
    assert trigger(job, IF_RUNNING="wait") == (201, "refused")


def test_reads_that_fail_while_its_turn_is_awaited_are_survived(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", DETAILS, connection("syncing"))
    for _ in range(7):  # more than one read tries
        fivetran.expect("GET", DETAILS, HTML, status=502)
    fivetran.expect("GET", DETAILS, connection("scheduled", at("12:00:01")))
    fivetran.expect("POST", START, ACCEPTED, body=NO_FORCE)
    assert trigger(job, IF_RUNNING="wait") == (0, "started")


def test_an_outage_while_its_turn_is_awaited_is_known_to_have_started_nothing(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("GET", DETAILS, HTML, status=502, many=True)
    assert trigger(job, IF_RUNNING="wait") == (202, "not_started")


CONFLICT = {"code": "Conflict", "message": "A sync is already in progress"}


def test_a_409_is_joined_under_join(fivetran: Vendor, job: Job, tmp_path: Path) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, CONFLICT, status=409, body=NO_FORCE)
    assert trigger(job, IF_RUNNING="join") == (0, "joined")
    assert set(files(tmp_path)) == PLAIN_FILES
    assert files(tmp_path)["sync.pickle"]["joined"] is True


def test_the_waiting_goes_on_after_a_409_under_wait(fivetran: Vendor, job: Job) -> None:
    for _ in range(2):
        fivetran.expect("GET", DETAILS, connection())
        fivetran.expect("POST", START, CONFLICT, status=409, body=NO_FORCE)
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=NO_FORCE)
    assert trigger(job, IF_RUNNING="wait") == (0, "started")


@pytest.mark.parametrize(("policy", "body"), [("fail", NO_FORCE), ("restart", FORCE)])
def test_a_409_is_a_running_sync_where_it_can_be_neither_joined_nor_waited_for(
    fivetran: Vendor, job: Job, tmp_path: Path, policy: str, body: dict[str, bool]
) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, CONFLICT, status=409, body=body)
    ended = trigger(job, IF_RUNNING=policy)
    assert ended == (203, "already_running")
    assert "A sync is already in progress" in ended.message
    assert files(tmp_path) == {}


@pytest.mark.parametrize("status", [401, 403])
def test_a_start_that_is_refused_once_its_turn_has_come_is_told_at_once(
    fivetran: Vendor, job: Job, tmp_path: Path, status: int
) -> None:
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("12:00:01")))
    fivetran.expect("POST", START, {"code": "Forbidden"}, status=status, body=NO_FORCE)
    assert trigger(job, IF_RUNNING="wait") == (200, "invalid_credentials")
    assert fivetran.starts("/sync") == [NO_FORCE]
    assert files(tmp_path) == {}


@pytest.mark.parametrize("seconds", ["50", "60"])
def test_a_retry_after_at_each_look_for_its_turn_outlasts_the_time_out_by_no_more_than_a_look(
    fivetran: Vendor, job: Job, seconds: str
) -> None:
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("GET", DETAILS, None, status=429, headers={"Retry-After": seconds}, takes=5, many=True)
    assert trigger(job, IF_RUNNING="wait", WAIT_TIMEOUT="1").code in (202, 203)
    assert fivetran.clock.elapsed < 66  # a look takes five seconds


# Errors of the first look: nothing was started


@pytest.mark.parametrize(
    ("status", "answer", "expected", "words"),
    [
        (401, {"code": "Unauthorized"}, (200, "invalid_credentials"), ["FIVETRAN_API_KEY", "base64"]),
        (401, HTML, (200, "invalid_credentials"), ["FIVETRAN_API_SECRET"]),
        (403, {"code": "Forbidden", "message": "No permission"}, (200, "invalid_credentials"), ["No permission"]),
        (404, NOT_FOUND, (204, "not_found"), [NOT_FOUND["message"]]),
        (404, {"code": "NotFound_Connector", "message": "gone"}, (204, "not_found"), ["NotFound_Connector", "gone"]),
        (404, {"code": "NotFound_Integration"}, (204, "not_found"), ["NotFound_Integration"]),
        (404, HTML, (202, "not_started"), ["404", "nothing was started"]),
        (404, None, (202, "not_started"), ["404", "nothing was started"]),
        (404, {"message": "no Route matched with those values"}, (202, "not_started"), ["nothing was started"]),
        (400, {"code": "InvalidInput", "message": "Bad id"}, (201, "refused"), ["InvalidInput", "Bad id"]),
        (405, None, (201, "refused"), ["405"]),
        (406, None, (201, "refused"), ["406"]),
        (415, None, (201, "refused"), ["415"]),
    ],
)
def test_what_the_first_look_is_refused_with_ends_the_trigger(
    fivetran: Vendor,
    job: Job,
    tmp_path: Path,
    status: int,
    answer: Any,
    expected: tuple[int, str],
    words: list[str],
) -> None:
    fivetran.expect("GET", DETAILS, answer, status=status)
    ended = trigger(job)
    assert ended == expected
    assert all(word in ended.message for word in words)
    assert files(tmp_path) == {}


def test_a_missing_permission_is_not_called_a_wrong_key(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", DETAILS, {"code": "Forbidden"}, status=403)
    message = trigger(job).message
    assert "wrong" not in message
    assert "permission" in message


@pytest.mark.parametrize(
    "answer",
    [
        "",
        HTML,
        '{"code": "Success", "data": {"id"',
        [],
        {"code": "Success"},
        {"code": "Success", "data": None},
        {"code": "Success", "data": {"status": {}}},
        {"code": "Strange", "data": connection()["data"]},
    ],
)
def test_a_first_look_that_makes_no_sense_starts_nothing(
    fivetran: Vendor, job: Job, tmp_path: Path, answer: Any
) -> None:
    fivetran.expect("GET", DETAILS, answer)
    ended = trigger(job)
    assert ended == (202, "not_started")
    assert "nothing was started" in ended.message
    assert files(tmp_path) == {}


@pytest.mark.parametrize(
    ("answer", "status"), [(HTML, 502), (None, 503), (TIMED_OUT, 0), (LOST, 0), (REFUSED, 0), (None, 429)]
)
def test_the_first_look_is_tried_five_times(fivetran: Vendor, job: Job, answer: Any, status: int) -> None:
    for _ in range(5):
        fivetran.expect("GET", DETAILS, answer, status=status)
    assert trigger(job) == (202, "not_started")
    pauses = fivetran.clock.sleeps
    assert all(0.7 * wanted <= pause <= 1.3 * wanted for wanted, pause in zip((1, 2, 4, 8), pauses))
    assert len(pauses) == 4


def test_a_first_look_that_answers_in_the_end_is_good_enough(fivetran: Vendor, job: Job) -> None:
    for answer in (LOST, TIMED_OUT, REFUSED):
        fivetran.expect("GET", DETAILS, answer)
    fivetran.expect("GET", DETAILS, None, status=429, headers={"Retry-After": "30"})
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    assert trigger(job) == (0, "started")
    assert fivetran.clock.sleeps[3] == 30


def test_a_long_retry_after_ends_the_trigger_at_once(fivetran: Vendor, job: Job) -> None:
    fivetran.expect(
        "GET", DETAILS, {"code": "TooManyRequests", "message": "x"}, status=429, headers={"Retry-After": "3600"}
    )
    ended = trigger(job)
    assert ended == (202, "not_started")
    assert "3600 s" in ended.message
    assert fivetran.clock.sleeps == []


# Errors of the start


@pytest.mark.parametrize(
    ("status", "answer", "expected", "words"),
    [
        (401, {"code": "Unauthorized"}, (200, "invalid_credentials"), ["FIVETRAN_API_KEY"]),
        (403, {"message": "Read only key"}, (200, "invalid_credentials"), ["Read only key"]),
        (404, NOT_FOUND, (204, "not_found"), [NOT_FOUND["message"]]),
        (404, HTML, (202, "not_started"), ["nothing was started"]),
        (400, {"code": "InvalidInput", "message": "Not now"}, (201, "refused"), ["Not now"]),
        (415, None, (201, "refused"), ["415"]),
    ],
)
def test_a_refused_start_is_never_repeated(
    fivetran: Vendor,
    job: Job,
    tmp_path: Path,
    status: int,
    answer: Any,
    expected: tuple[int, str],
    words: list[str],
) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, answer, status=status, body=FORCE)
    ended = trigger(job)
    assert ended == expected
    assert all(word in ended.message for word in words)
    assert len(fivetran.starts("/sync")) == 1
    assert files(tmp_path) == {}


@pytest.mark.parametrize(("answer", "status"), [(REFUSED, 0), (None, 429)])
def test_a_start_that_surely_was_not_accepted_is_repeated_as_it_is(
    fivetran: Vendor, job: Job, answer: Any, status: int
) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, answer, status=status, body=FORCE)
    fivetran.expect("POST", START, answer, status=status, body=FORCE)
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    assert trigger(job) == (0, "started")


@pytest.mark.parametrize(("answer", "status"), [(REFUSED, 0), (None, 429)])
def test_a_start_that_was_never_accepted_is_known_not_to_have_started(
    fivetran: Vendor, job: Job, tmp_path: Path, answer: Any, status: int
) -> None:
    fivetran.expect("GET", DETAILS, connection())
    for _ in range(5):
        fivetran.expect("POST", START, answer, status=status, body=FORCE)
    ended = trigger(job)
    assert ended == (202, "not_started")
    assert "nothing was started" in ended.message
    assert files(tmp_path) == {}


def test_a_start_that_is_put_off_for_long_by_a_429_ends_at_once(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, None, status=429, headers={"Retry-After": "3600"}, body=FORCE)
    ended = trigger(job)
    assert ended == (202, "not_started")
    assert "3600 s" in ended.message


# Starts whose answer was lost

LOST_STARTS = {
    "read time-out": (TIMED_OUT, 0),
    "connection lost": (LOST, 0),
    "500": ({"code": "ServerError"}, 500),
    "502 of a proxy": (HTML, 502),
    "504 without a body": (None, 504),
}
GARBAGE = {
    "HTML": (HTML, 200),
    "no body": (None, 200),
    "cut off": ('{"code": "Succ', 200),
    "another code": ({"code": "Strange"}, 200),
    "a list": ([], 201),
}
EITHER = {**LOST_STARTS, **GARBAGE}


@pytest.mark.parametrize(("answer", "status"), EITHER.values(), ids=EITHER)
@pytest.mark.parametrize(
    "now",
    [
        connection("syncing"),
        connection(succeeded_at=at("12:00:20")),
        connection(failed_at=at("12:00:20")),
        connection("rescheduled", rescheduled_for=at("12:30:00")),
    ],
    ids=["syncing", "it succeeded already", "it failed already", "put off"],
)
def test_a_lost_start_that_is_seen_to_run_was_started_and_is_not_sent_again(
    fivetran: Vendor, job: Job, tmp_path: Path, answer: Any, status: int, now: dict[str, Any]
) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, answer, status=status, body=FORCE)
    fivetran.expect("GET", DETAILS, now)
    assert trigger(job) == (0, "started")
    assert fivetran.starts("/sync") == [FORCE]
    assert set(files(tmp_path)) == PLAIN_FILES


def test_a_lost_start_that_shows_late_was_started(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, LOST, body=FORCE)
    fivetran.expect(
        "GET", DETAILS, lambda: connection("syncing" if fivetran.clock.elapsed > 2 else "scheduled"), many=True
    )
    assert trigger(job) == (0, "started")
    assert fivetran.starts("/sync") == [FORCE]


@pytest.mark.parametrize(("answer", "status"), LOST_STARTS.values(), ids=LOST_STARTS)
def test_a_lost_start_of_which_nothing_shows_is_sent_once_more_without_force(
    fivetran: Vendor, job: Job, answer: Any, status: int
) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, answer, status=status, body=FORCE)
    fivetran.expect("GET", DETAILS, connection(), many=True)
    fivetran.expect("POST", START, ACCEPTED, body=NO_FORCE)
    assert trigger(job) == (0, "started")
    assert fivetran.starts("/sync") == [FORCE, NO_FORCE]


@pytest.mark.parametrize(("answer", "status"), GARBAGE.values(), ids=GARBAGE)
def test_a_good_status_without_the_word_success_is_no_success(
    fivetran: Vendor, job: Job, tmp_path: Path, answer: Any, status: int
) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, answer, status=status, body=FORCE)
    fivetran.expect("GET", DETAILS, connection(), many=True)
    assert trigger(job) == (202, "unclear")
    assert fivetran.starts("/sync") == [FORCE]
    assert set(files(tmp_path)) == {"starting.pickle"}


def test_a_connection_that_was_put_off_before_proves_nothing_by_being_put_off_still(fivetran: Vendor, job: Job) -> None:
    put_off = connection("rescheduled", rescheduled_for=at("14:00:00"))
    fivetran.expect("GET", DETAILS, put_off)
    fivetran.expect("POST", START, LOST, body=FORCE)
    fivetran.expect("GET", DETAILS, put_off, many=True)
    fivetran.expect("POST", START, ACCEPTED, body=NO_FORCE)
    assert trigger(job) == (0, "started")
    assert fivetran.starts("/sync") == [FORCE, NO_FORCE]


def test_a_second_start_that_meets_a_running_sync_shows_that_the_first_was_accepted(
    fivetran: Vendor, job: Job, tmp_path: Path
) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, LOST, body=FORCE)
    fivetran.expect("GET", DETAILS, connection(), many=True)
    fivetran.expect("POST", START, CONFLICT, status=409, body=NO_FORCE)
    assert trigger(job) == (0, "started")
    assert len(fivetran.starts("/sync")) == 2
    assert files(tmp_path)["sync.pickle"]["succeeded_at"] == NOW.replace(hour=6, microsecond=123456)


def test_a_second_start_that_is_lost_too_but_seen_to_run_was_started(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, LOST, body=FORCE)
    fivetran.expect("GET", DETAILS, connection(), many=True)
    fivetran.expect("POST", START, TIMED_OUT, body=NO_FORCE)
    fivetran.expect("GET", DETAILS, connection("syncing"))
    assert trigger(job) == (0, "started")
    assert fivetran.starts("/sync") == [FORCE, NO_FORCE]


@pytest.mark.parametrize("second", [LOST, TIMED_OUT, HTML])
def test_after_two_lost_starts_it_is_unclear_and_no_third_is_sent(
    fivetran: Vendor, job: Job, tmp_path: Path, second: Any
) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, LOST, body=FORCE)
    fivetran.expect("GET", DETAILS, connection(), many=True)
    fivetran.expect("POST", START, second, status=502, body=NO_FORCE)
    fivetran.expect("GET", DETAILS, connection(), many=True)
    ended = trigger(job)
    assert ended == (202, "unclear")
    assert ID in ended.message
    assert fivetran.starts("/sync") == [FORCE, NO_FORCE]
    assert set(files(tmp_path)) == {"starting.pickle"}


def test_a_second_start_that_cannot_be_sent_leaves_the_first_one_unclear(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, LOST, body=FORCE)
    fivetran.expect("GET", DETAILS, connection(), many=True)
    fivetran.expect("POST", START, REFUSED, body=NO_FORCE, many=True)
    assert trigger(job) == (202, "unclear")


@pytest.mark.parametrize(
    ("answer", "status"), [(HTML, 502), (HTML, 200), (REFUSED, 0), (LOST, 0), (None, 401), (NOT_FOUND, 404)]
)
def test_a_lost_start_that_cannot_be_found_out_about_is_unclear_and_not_sent_again(
    fivetran: Vendor, job: Job, tmp_path: Path, clock: FakeClock, answer: Any, status: int
) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, LOST, body=FORCE)
    fivetran.expect("GET", DETAILS, answer, status=status, many=True)
    ended = trigger(job)
    assert ended == (202, "unclear")
    assert "before you trigger it again" in ended.message
    assert fivetran.starts("/sync") == [FORCE]
    assert check(tmp_path, clock) == (221, "artifact_error")


def test_over_a_running_sync_a_lost_start_proves_nothing_by_its_running_still(
    fivetran: Vendor, job: Job, tmp_path: Path
) -> None:
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("POST", START, LOST, body=FORCE)
    fivetran.expect("GET", DETAILS, connection("syncing"), many=True)
    assert trigger(job) == (202, "unclear")
    assert fivetran.starts("/sync") == [FORCE]
    assert set(files(tmp_path)) == {"starting.pickle"}


@pytest.mark.parametrize(
    "now",
    [
        connection("syncing", failed_at=at("12:00:01")),
        connection("syncing", succeeded_at=at("12:00:01")),
        connection("scheduled"),
    ],
    ids=["the cancel stamped it", "it ended just before", "it no longer runs"],
)
def test_over_a_running_sync_a_lost_start_shows_by_a_moved_stamp_or_another_state(
    fivetran: Vendor, job: Job, now: dict[str, Any]
) -> None:
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("POST", START, LOST, body=FORCE)
    fivetran.expect("GET", DETAILS, now)
    assert trigger(job) == (0, "started")
    assert fivetran.starts("/sync") == [FORCE]


MOVED = {"succeeded_at": at("12:00:01")}, {"failed_at": at("12:00:01")}


@pytest.mark.parametrize("moved", MOVED, ids=["it succeeded", "it failed"])
@pytest.mark.parametrize("state", ["scheduled", "syncing"])
def test_over_a_running_sync_a_start_that_is_lost_at_once_shows_by_a_moved_stamp_in_any_state(
    fivetran: Vendor, job: Job, tmp_path: Path, moved: dict[str, str], state: str
) -> None:
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("POST", START, LOST, body=FORCE)
    fivetran.expect("GET", DETAILS, connection(state, **moved))
    assert trigger(job) == (0, "started")
    assert fivetran.starts("/sync") == [FORCE]
    assert files(tmp_path)["sync.pickle"]["interrupted"] is True


@pytest.mark.parametrize("moved", [*MOVED, {}], ids=["it succeeded", "it failed", "no stamp"])
def test_over_a_running_sync_that_was_paused_meanwhile_a_lost_start_is_unclear(
    fivetran: Vendor, job: Job, moved: dict[str, str]
) -> None:
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("POST", START, LOST, body=FORCE)
    fivetran.expect("GET", DETAILS, connection("paused", paused=True, **moved), many=True)
    assert trigger(job) == (202, "unclear")
    assert fivetran.starts("/sync") == [FORCE]


@pytest.mark.parametrize("moved", [*MOVED, {}], ids=["it succeeded", "it failed", "no stamp"])
def test_over_a_running_sync_that_ended_while_the_answer_was_awaited_a_lost_start_is_unclear(
    fivetran: Vendor, job: Job, tmp_path: Path, moved: dict[str, str]
) -> None:
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("POST", START, TIMED_OUT, body=FORCE, takes=120)
    fivetran.expect("GET", DETAILS, connection("scheduled", **moved), many=True)
    ended = trigger(job)
    assert ended == (202, "unclear")
    assert ID in ended.message
    assert fivetran.starts("/sync") == [FORCE]
    assert set(files(tmp_path)) == {"starting.pickle"}


@pytest.mark.parametrize("moved", MOVED, ids=["it succeeded", "it failed"])
def test_over_a_running_sync_that_ended_a_lost_start_shows_by_one_that_runs_now(
    fivetran: Vendor, job: Job, tmp_path: Path, moved: dict[str, str]
) -> None:
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("POST", START, TIMED_OUT, body=FORCE, takes=120)
    fivetran.expect("GET", DETAILS, connection("syncing", **moved))
    assert trigger(job) == (0, "started")
    assert fivetran.starts("/sync") == [FORCE]
    handed = files(tmp_path)["sync.pickle"]
    assert (handed["interrupted"], handed["execution_time"]) == (True, NOW + timedelta(seconds=120))


def test_a_lost_start_without_force_is_found_out_about_in_the_same_way(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, TIMED_OUT, body=NO_FORCE)
    fivetran.expect("GET", DETAILS, connection("syncing"))
    assert trigger(job, IF_RUNNING="wait") == (0, "started")
    assert fivetran.starts("/sync") == [NO_FORCE]


# Waiting in the same run


def succeeded_then() -> dict[str, Any]:
    return connection(succeeded_at=at("12:04:00"))


def test_it_waits_until_the_sync_has_succeeded(fivetran: Vendor, job: Job, tmp_path: Path) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    for now in (connection(), connection("syncing"), connection("syncing"), succeeded_then()):
        fivetran.expect("GET", DETAILS, now)
    ended = trigger(job, WAIT="TRUE")
    assert ended == (0, "succeeded")
    assert "2026-11-22T12:04:00Z" in ended.message
    assert set(files(tmp_path)) == PLAIN_FILES


def test_a_first_look_after_its_own_start_comes_after_a_pause_and_may_fail(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    for _ in range(5):
        fivetran.expect("GET", DETAILS, HTML, status=503)
    fivetran.expect("GET", DETAILS, succeeded_then())
    assert trigger(job, WAIT="TRUE") == (0, "succeeded")
    assert fivetran.sent[2].at > 1


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (connection("paused", paused=True), (212, "cancelled")),
        (connection(failed_at=at("12:04:00")), (211, "failed")),
    ],
)
def test_it_hands_over_whatever_it_waited_for(
    fivetran: Vendor, job: Job, tmp_path: Path, last: dict[str, Any], expected: tuple[int, str]
) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("GET", DETAILS, last)
    if expected[0] == 211:
        fivetran.expect("GET", HISTORY, None, status=403, query={"limit": "10"})
    assert trigger(job, WAIT="TRUE") == expected
    assert set(files(tmp_path)) == PLAIN_FILES


def test_there_is_one_time_out_for_waiting_before_and_after_the_start(fivetran: Vendor, job: Job) -> None:
    fivetran.expect(
        "GET", DETAILS, lambda: connection("syncing" if fivetran.clock.elapsed < 400 else "scheduled"), many=True
    )
    fivetran.expect("POST", START, ACCEPTED, body=NO_FORCE)
    fivetran.expect("GET", DETAILS, connection("syncing"), many=True)
    ended = trigger(job, IF_RUNNING="wait", WAIT="TRUE", WAIT_TIMEOUT="10")
    assert ended == (210, "running")
    assert "10 min" in ended.message
    assert 600 <= fivetran.clock.elapsed < 660


def test_a_joined_sync_is_waited_for(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("GET", DETAILS, succeeded_then())
    assert trigger(job, IF_RUNNING="join", WAIT="TRUE") == (0, "succeeded")


def test_over_an_interrupted_sync_two_looks_have_to_agree(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    fivetran.expect("GET", DETAILS, connection("syncing", failed_at=at("12:00:02")))
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("12:00:30"), failed_at=at("12:00:02")))
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("12:00:30"), failed_at=at("12:00:02")))
    assert trigger(job, WAIT="TRUE") == (0, "succeeded")


@pytest.mark.parametrize("seconds", ["50", "60"])
@pytest.mark.parametrize("first", [True, False], ids=["from the first look on", "from the second on"])
def test_a_retry_after_at_each_look_outlasts_the_time_out_by_no_more_than_a_look(
    fivetran: Vendor, job: Job, seconds: str, first: bool
) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    if not first:
        fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("GET", DETAILS, None, status=429, headers={"Retry-After": seconds}, takes=5, many=True)
    assert trigger(job, WAIT="TRUE", WAIT_TIMEOUT="1").code in (210, 220)
    assert fivetran.clock.elapsed < 66  # a look takes five seconds


# Fivetran puts the sync off


def put_off_until(fivetran: Vendor, time: str, then: Callable[[], dict[str, Any]], **more: Any) -> Any:
    """A connection that is put off until it is started again."""

    def now() -> dict[str, Any]:
        if len(fivetran.starts("/sync")) > 1:
            return then()
        return connection("rescheduled", rescheduled_for=at(time), **more)

    return now


def test_on_a_manual_schedule_it_is_started_again_a_minute_after_its_time(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    fivetran.expect("GET", DETAILS, put_off_until(fivetran, "12:30:00", succeeded_then), many=True)
    fivetran.expect("POST", START, ACCEPTED, body=NO_FORCE)
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("12:33:00")), many=True)
    assert trigger(job, WAIT="TRUE") == (0, "succeeded")
    again = [sent for sent in fivetran.sent if sent.method == "POST"][1]
    assert 31 * 60 <= again.at < 33 * 60


@pytest.mark.parametrize("offset", [-900, 900])
def test_its_time_is_measured_on_the_servers_clock(fivetran: Vendor, tmp_path: Path, offset: float) -> None:
    fivetran.clock.offset = offset
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    fivetran.expect("GET", DETAILS, put_off_until(fivetran, "12:05:00", succeeded_then), many=True)
    fivetran.expect("POST", START, ACCEPTED, body=NO_FORCE)
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("12:08:00")), many=True)
    assert trigger(make_job(tmp_path, "fivetran", fivetran.clock), WAIT="TRUE") == (0, "succeeded")
    again = [sent for sent in fivetran.sent if sent.method == "POST"][1]
    assert 6 * 60 <= again.at < 7.5 * 60


def test_a_time_that_does_not_fit_ends_the_wait_naming_it(fivetran: Vendor, job: Job, tmp_path: Path) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    fivetran.expect("GET", DETAILS, connection("rescheduled", rescheduled_for=at("18:00:00")))
    ended = trigger(job, WAIT="TRUE")
    assert ended == (210, "running")
    assert "2026-11-22T18:00:00Z" in ended.message
    assert fivetran.clock.elapsed < 60
    assert set(files(tmp_path)) == PLAIN_FILES


def test_on_an_automatic_schedule_it_is_never_started_again(fivetran: Vendor, job: Job) -> None:
    def now() -> dict[str, Any]:
        if fivetran.clock.elapsed > 40 * 60:
            return connection(succeeded_at=at("12:40:00"), schedule_type="auto")
        return connection("rescheduled", rescheduled_for=at("12:30:00"), schedule_type="auto")

    fivetran.expect("GET", DETAILS, connection(schedule_type="auto"))
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    fivetran.expect("GET", DETAILS, now, many=True)
    assert trigger(job, WAIT="TRUE") == (0, "succeeded")


def test_without_waiting_nothing_is_started_again(fivetran: Vendor, job: Job, tmp_path: Path, clock: FakeClock) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    trigger(job)
    clock.sleep(3600)
    fivetran.expect("GET", DETAILS, connection("rescheduled", rescheduled_for=at("12:30:00")))
    ended = check(tmp_path, clock)
    assert ended == (210, "running")
    assert "2026-11-22T12:30:00Z" in ended.message


@pytest.mark.parametrize(
    ("answer", "status"),
    [(CONFLICT, 409), (LOST, 0), (HTML, 502), (HTML, 200)],
    ids=["it runs already", "lost", "502", "nonsense"],
)
def test_a_second_start_that_goes_wrong_does_not_end_the_wait(
    fivetran: Vendor, job: Job, answer: Any, status: int
) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    fivetran.expect("GET", DETAILS, put_off_until(fivetran, "12:05:00", succeeded_then), many=True)
    fivetran.expect("POST", START, answer, status=status, body=NO_FORCE)
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("12:08:00")), many=True)
    assert trigger(job, WAIT="TRUE") == (0, "succeeded")


def test_a_vendor_that_takes_no_second_start_just_now_does_not_end_the_wait(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    fivetran.expect("GET", DETAILS, put_off_until(fivetran, "12:05:00", succeeded_then), many=True)
    for _ in range(5):
        fivetran.expect("POST", START, None, status=429, body=NO_FORCE)
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("12:08:00")), many=True)
    assert trigger(job, WAIT="TRUE") == (0, "succeeded")


BEFORE = connection("rescheduled", rescheduled_for=at("11:00:00"))


def test_what_was_put_off_before_the_start_is_not_started_again_while_it_may_be_shown_still(
    fivetran: Vendor, job: Job
) -> None:
    def now() -> dict[str, Any]:
        elapsed = fivetran.clock.elapsed
        return BEFORE if elapsed < 55 else connection("syncing") if elapsed < 120 else succeeded_then()

    fivetran.expect("GET", DETAILS, BEFORE)
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    fivetran.expect("GET", DETAILS, now, many=True)
    assert trigger(job, WAIT="TRUE", POLL_INTERVAL="5") == (0, "succeeded")
    assert fivetran.starts("/sync") == [FORCE]


def test_what_was_put_off_before_the_start_and_still_is_after_a_minute_is_started_again(
    fivetran: Vendor, job: Job
) -> None:
    fivetran.expect("GET", DETAILS, BEFORE)
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    fivetran.expect("GET", DETAILS, BEFORE, many=True)
    fivetran.expect("POST", START, ACCEPTED, body=NO_FORCE)
    fivetran.expect("GET", DETAILS, succeeded_then())
    assert trigger(job, WAIT="TRUE") == (0, "succeeded")
    again = [sent for sent in fivetran.sent if sent.method == "POST"][1]
    assert 60 <= again.at < 90


def put_off_for(fivetran: Vendor, minutes: float) -> Callable[[], dict[str, Any]]:
    """A connection that is shown as put off until 12:05, whatever is started, and then has succeeded."""

    def now() -> dict[str, Any]:
        over = fivetran.clock.elapsed > minutes * 60
        return succeeded_then() if over else connection("rescheduled", rescheduled_for=at("12:05:00"))

    return now


@pytest.mark.parametrize(("answer", "status"), [(ACCEPTED, 200), (CONFLICT, 409)], ids=["accepted", "it runs already"])
def test_what_was_started_again_is_not_started_once_more_for_the_same_time(
    fivetran: Vendor, job: Job, answer: Any, status: int
) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    fivetran.expect("GET", DETAILS, put_off_for(fivetran, 40), many=True)
    fivetran.expect("POST", START, answer, status=status, body=NO_FORCE)
    fivetran.expect("GET", DETAILS, put_off_for(fivetran, 40), many=True)
    assert trigger(job, WAIT="TRUE") == (0, "succeeded")
    assert fivetran.starts("/sync") == [FORCE, NO_FORCE]


@pytest.mark.parametrize(("answer", "status"), [(LOST, 0), (TIMED_OUT, 0), (HTML, 502), (HTML, 200)])
def test_what_was_started_again_with_a_lost_answer_is_started_once_more_a_minute_later(
    fivetran: Vendor, job: Job, answer: Any, status: int
) -> None:
    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    fivetran.expect("GET", DETAILS, put_off_for(fivetran, 40), many=True)
    fivetran.expect("POST", START, answer, status=status, body=NO_FORCE)
    fivetran.expect("GET", DETAILS, put_off_for(fivetran, 40), many=True)
    fivetran.expect("POST", START, ACCEPTED, body=NO_FORCE)
    fivetran.expect("GET", DETAILS, put_off_for(fivetran, 40), many=True)
    assert trigger(job, WAIT="TRUE") == (0, "succeeded")
    assert fivetran.starts("/sync") == [FORCE, NO_FORCE, NO_FORCE]
    _, lost, again = [sent.at for sent in fivetran.sent if sent.method == "POST"]
    assert 60 <= again - lost < 120


def test_what_was_put_off_anew_is_started_again_for_each_time(fivetran: Vendor, job: Job) -> None:
    def now() -> dict[str, Any]:
        number = len(fivetran.starts("/sync"))
        if number > 2:
            return connection(succeeded_at=at("12:20:00"))
        return connection("rescheduled", rescheduled_for=at("12:05:00" if number == 1 else "12:15:00"))

    fivetran.expect("GET", DETAILS, connection())
    fivetran.expect("POST", START, ACCEPTED, body=FORCE)
    for _ in range(2):
        fivetran.expect("GET", DETAILS, now, many=True)
        fivetran.expect("POST", START, ACCEPTED, body=NO_FORCE)
    fivetran.expect("GET", DETAILS, now)
    assert trigger(job, WAIT="TRUE") == (0, "succeeded")
    assert fivetran.starts("/sync") == [FORCE, NO_FORCE, NO_FORCE]
