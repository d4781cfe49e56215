"""Fivetran - Update Connector: what goes over the wire, what is held against the answer and how each run ends."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from shared.blueprint import Job

from fivetran_blueprints import update_connector
from shared.errors import Interruption
from sync_blueprints.catalog import find
from tests.fivetran_blueprints.answers import DETAILS, ENVIRONMENT, ID, NOT_FOUND, at, connection
from tests.support import FakeClock, make_job
from tests.wire import HTML, LOST, REFUSED, TIMED_OUT, Ending, Vendor, ending, files

EXIT_CODES = find("Fivetran - Update Connector").exit_codes
PAUSE = {"run_setup_tests": False, "paused": True}
HISTORICAL = {"run_setup_tests": False, "is_historical_sync": True}
TRIES = 5


@pytest.fixture
def job(tmp_path: Path, clock: FakeClock) -> Job:
    return make_job(tmp_path, "fivetran", clock)


def update(job: Job, **given: str) -> Ending:
    """Run the update with these inputs, named without FIVETRAN_."""
    inputs = {f"FIVETRAN_{name}": value for name, value in given.items()}
    return ending(update_connector, {**ENVIRONMENT, **inputs}, job)


def changed(**fields: Any) -> dict[str, Any]:
    """Fivetran's answer to a PATCH that took: the connection with these fields."""
    return {**connection(**fields), "message": "Connection has been updated"}


def may_look_first(fivetran: Vendor, now: dict[str, Any]) -> None:
    """A look before the PATCH is allowed, and not asked for."""
    fivetran.expect("GET", DETAILS, now, many=True)
    fivetran.steps[-1].times = 1


def patches(fivetran: Vendor) -> list[Any]:
    return [sent.body for sent in fivetran.sent if sent.method == "PATCH"]


# What goes over the wire


def test_it_sends_one_patch_with_exactly_this(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("PATCH", DETAILS, changed(paused=True), body=PAUSE)
    assert update(job, PAUSED="TRUE") == (0, "updated")
    (sent,) = fivetran.sent
    assert sent.headers["Authorization"] == "Basic " + base64.b64encode(b"the-key:the-secret").decode()
    assert sent.headers["Accept"] == "application/json;version=2"
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.headers["User-Agent"].startswith("sync-blueprints/")


@pytest.mark.parametrize("given", [{"PAUSED": "TRUE"}, {"HISTORICAL_SYNC": "TRUE"}])
def test_it_waits_longer_than_a_patch_takes_that_stops_a_running_sync(
    fivetran: Vendor, job: Job, given: dict[str, str]
) -> None:
    may_look_first(fivetran, connection("syncing"))
    body = PAUSE if "PAUSED" in given else HISTORICAL
    answer = changed(paused=True) if "PAUSED" in given else changed(sync_state="syncing", is_historical_sync=True)
    fivetran.expect("PATCH", DETAILS, answer, body=body, takes=60)
    assert update(job, **given) == (0, "updated")
    connect, read = fivetran.sent[-1].timeout
    assert connect == 10
    assert read > 60


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"SCHEDULE_TYPE": "manual"}, {"schedule_type": "manual"}),
        ({"SCHEDULE_TYPE": "auto"}, {"schedule_type": "auto"}),
        ({"SCHEDULE_TYPE": "MANUAL"}, {"schedule_type": "manual"}),
        ({"PAUSED": "TRUE"}, {"paused": True}),
        ({"PAUSED": "FALSE"}, {"paused": False}),
        ({"PAUSED": " true "}, {"paused": True}),
        ({"SCHEDULE_TYPE": "auto", "PAUSED": "FALSE"}, {"schedule_type": "auto", "paused": False}),
        ({"CUSTOM_UPDATE": '{"sync_frequency": 60}'}, {"sync_frequency": 60}),
        (
            {"CUSTOM_UPDATE": '{"sync_frequency": 1440, "daily_sync_time": "03:00"}'},
            {"sync_frequency": 1440, "daily_sync_time": "03:00"},
        ),
        (
            {"PAUSED": "FALSE", "CUSTOM_UPDATE": '\n{"sync_frequency": 60}\n'},
            {"paused": False, "sync_frequency": 60},
        ),
        (
            {"SCHEDULE_TYPE": "manual", "CUSTOM_UPDATE": '{"schedule_type": "manual"}'},
            {"schedule_type": "manual"},
        ),
    ],
)
def test_only_what_was_given_is_sent(
    fivetran: Vendor, job: Job, given: dict[str, str], fields: dict[str, object]
) -> None:
    fivetran.expect("PATCH", DETAILS, changed(**fields), body={"run_setup_tests": False, **fields})
    assert update(job, **given) == (0, "updated")


@pytest.mark.parametrize("nothing", ["None", "none", "NONE", "", "  "])
def test_no_change_really_changes_nothing(fivetran: Vendor, job: Job, nothing: str) -> None:
    fivetran.expect("PATCH", DETAILS, changed(paused=True), body=PAUSE)
    assert update(job, PAUSED="TRUE", SCHEDULE_TYPE=nothing, HISTORICAL_SYNC=nothing) == (0, "updated")


@pytest.mark.parametrize("custom", ["", "None"])
def test_no_custom_update_sends_none(fivetran: Vendor, job: Job, custom: str) -> None:
    fivetran.expect("PATCH", DETAILS, changed(paused=True), body=PAUSE)
    assert update(job, PAUSED="TRUE", CUSTOM_UPDATE=custom) == (0, "updated")


def test_a_historical_sync_is_asked_for_by_the_name_that_fivetran_knows(fivetran: Vendor, job: Job) -> None:
    may_look_first(fivetran, connection())
    fivetran.expect("PATCH", DETAILS, changed(sync_state="syncing", is_historical_sync=True), body=HISTORICAL)
    assert update(job, HISTORICAL_SYNC="true") == (0, "updated")


@pytest.mark.parametrize("wanted", [True, False])
def test_setup_tests_run_only_if_the_custom_update_says_so(fivetran: Vendor, job: Job, wanted: bool) -> None:
    custom = {"run_setup_tests": wanted, "sync_frequency": 60}
    fivetran.expect("PATCH", DETAILS, changed(sync_frequency=60), body=custom)
    assert update(job, CUSTOM_UPDATE=json.dumps(custom)) == (0, "updated")


def test_a_paused_connector_stays_paused(fivetran: Vendor, job: Job) -> None:
    body = {"run_setup_tests": False, "schedule_type": "auto"}
    fivetran.expect("PATCH", DETAILS, changed(sync_state="paused", paused=True, schedule_type="auto"), body=body)
    assert update(job, SCHEDULE_TYPE="auto", PAUSED="None") == (0, "updated")


@pytest.mark.parametrize("url", ["http://localhost:8080", "http://localhost:8080/", "http://localhost:8080/v1/"])
def test_another_base_url_is_asked_with_or_without_its_version(fivetran: Vendor, job: Job, url: str) -> None:
    fivetran.url = "http://localhost:8080"
    fivetran.expect("PATCH", DETAILS, changed(paused=True), body=PAUSE)
    assert update(job, PAUSED="TRUE", API_URL=url) == (0, "updated")


def test_the_message_names_the_connector_and_what_was_changed(fivetran: Vendor, job: Job) -> None:
    body = {"run_setup_tests": False, "paused": False, "schedule_type": "manual"}
    fivetran.expect("PATCH", DETAILS, changed(paused=False, schedule_type="manual"), body=body)
    message = update(job, PAUSED="FALSE", SCHEDULE_TYPE="manual").message
    assert message == f"{ID} was updated: paused, schedule_type"
    assert job.id == ID


# What is written


def test_the_answer_is_kept_and_nothing_is_handed_over(fivetran: Vendor, job: Job, tmp_path: Path) -> None:
    fivetran.expect("PATCH", DETAILS, changed(paused=True), body=PAUSE)
    update(job, PAUSED="TRUE")
    kept = {name: answer.body for name, answer in job.responses.items()}
    assert kept == {f"update_{ID}_response.json": changed(paused=True)}
    assert files(tmp_path) == {}


def test_the_answer_is_kept_also_when_the_update_is_refused(fivetran: Vendor, job: Job) -> None:
    answer = {"code": "InvalidInput", "message": "no"}
    fivetran.expect("PATCH", DETAILS, answer, status=400, body=PAUSE)
    update(job, PAUSED="TRUE")
    assert {name: kept.body for name, kept in job.responses.items()} == {f"update_{ID}_response.json": answer}


# Inputs

NOTHING: list[dict[str, str]] = [
    {},
    {"SCHEDULE_TYPE": "None", "PAUSED": "None", "HISTORICAL_SYNC": "None", "CUSTOM_UPDATE": "None"},
    {"SCHEDULE_TYPE": "", "PAUSED": " ", "HISTORICAL_SYNC": "none", "CUSTOM_UPDATE": ""},
    {"CUSTOM_UPDATE": "{}"},
    {"CUSTOM_UPDATE": '{"run_setup_tests": true}'},
]


@pytest.mark.parametrize("given", NOTHING)
def test_nothing_to_change_is_an_invalid_input(fivetran: Vendor, job: Job, given: dict[str, str]) -> None:
    ended = update(job, **given)
    assert ended == (206, "invalid_input")
    for name in ("SCHEDULE_TYPE", "PAUSED", "HISTORICAL_SYNC", "CUSTOM_UPDATE"):
        assert f"FIVETRAN_{name}" in ended.message
    assert fivetran.sent == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CONNECTOR_ID", ""),
        ("CONNECTOR_ID", "../users"),
        ("CONNECTOR_ID", "a b"),
        ("CONNECTOR_ID", "x" * 300),
        ("API_KEY", ""),
        ("API_SECRET", "None"),
        ("API_SECRET", "CREDENTIAL_PREDEFINED_GROUP_NOT_IN_LIBRARY_BLUEPRINT"),
        ("SCHEDULE_TYPE", "weekly"),
        ("SCHEDULE_TYPE", "TRUE"),
        ("PAUSED", "yes"),
        ("PAUSED", "1"),
        ("HISTORICAL_SYNC", "FALSE"),
        ("HISTORICAL_SYNC", "perhaps"),
        ("API_URL", "ftp://api.fivetran.com"),
        ("API_URL", "https://key:secret@api.fivetran.com"),
        ("CUSTOM_UPDATE", "sync_frequency=60"),
        ("CUSTOM_UPDATE", '{"sync_frequency": 60'),
        ("CUSTOM_UPDATE", "[]"),
        ("CUSTOM_UPDATE", '["paused"]'),
        ("CUSTOM_UPDATE", "60"),
        ("CUSTOM_UPDATE", '"paused"'),
        ("CUSTOM_UPDATE", "null"),
        ("CUSTOM_UPDATE", "true"),
        ("CUSTOM_UPDATE", '{"sync_frequency": NaN}'),
        ("CUSTOM_UPDATE", '{"a":' * 5000 + "1" + "}" * 5000),
    ],
)
def test_a_fault_of_an_input_is_told_before_anything_is_sent(
    fivetran: Vendor, job: Job, variable: str, value: str
) -> None:
    ended = update(job, **{"PAUSED": "TRUE", variable: value})
    assert ended == (206, "invalid_input")
    assert f"FIVETRAN_{variable}" in ended.message
    assert fivetran.sent == []


def test_a_custom_update_that_cannot_be_read_is_not_called_nothing_to_change(fivetran: Vendor, job: Job) -> None:
    ended = update(job, CUSTOM_UPDATE="{")
    assert ended == (206, "invalid_input")
    assert "nothing" not in ended.message
    assert fivetran.sent == []


def test_all_faults_are_told_together_without_a_secret(fivetran: Vendor, job: Job) -> None:
    faults = {
        "API_SECRET": "sesame-\u00e9",
        "CONNECTOR_ID": "a/b",
        "SCHEDULE_TYPE": "weekly",
        "PAUSED": "yes",
        "HISTORICAL_SYNC": "no",
        "CUSTOM_UPDATE": "[",
        "API_URL": "nowhere",
    }
    ended = update(job, **faults)
    assert ended == (206, "invalid_input")
    assert all(f"FIVETRAN_{name}" in ended.message for name in faults)
    assert "sesame" not in ended.message
    assert fivetran.sent == []


@pytest.mark.parametrize(
    ("given", "custom", "key"),
    [
        ({"PAUSED": "FALSE"}, {"paused": True}, "paused"),
        ({"PAUSED": "TRUE"}, {"paused": None}, "paused"),
        ({"PAUSED": "TRUE"}, {"paused": "TRUE!"}, "paused"),
        ({"SCHEDULE_TYPE": "manual"}, {"schedule_type": "auto", "sync_frequency": 60}, "schedule_type"),
        ({"HISTORICAL_SYNC": "TRUE"}, {"is_historical_sync": False}, "is_historical_sync"),
    ],
)
def test_a_custom_update_that_contradicts_another_input_is_refused(
    fivetran: Vendor, job: Job, given: dict[str, str], custom: dict[str, object], key: str
) -> None:
    ended = update(job, **given, CUSTOM_UPDATE=json.dumps(custom))
    assert ended == (206, "invalid_input")
    assert "FIVETRAN_CUSTOM_UPDATE" in ended.message
    assert key in ended.message
    assert fivetran.sent == []


# What was asked for and what Fivetran shows


@pytest.mark.parametrize(
    ("given", "body", "shown", "key"),
    [
        ({"PAUSED": "TRUE"}, {"paused": True}, {"paused": False}, "paused"),
        ({"PAUSED": "FALSE"}, {"paused": False}, {"paused": True}, "paused"),
        ({"SCHEDULE_TYPE": "manual"}, {"schedule_type": "manual"}, {"schedule_type": "auto"}, "schedule_type"),
        (
            {"HISTORICAL_SYNC": "TRUE"},
            {"is_historical_sync": True},
            {"is_historical_sync": False},
            "is_historical_sync",
        ),
        (
            {"CUSTOM_UPDATE": '{"sync_frequency": 60}'},
            {"sync_frequency": 60},
            {"sync_frequency": 360},
            "sync_frequency",
        ),
        (
            {"CUSTOM_UPDATE": '{"daily_sync_time": "03:00"}'},
            {"daily_sync_time": "03:00"},
            {"daily_sync_time": None},
            "daily_sync_time",
        ),
        (
            {"CUSTOM_UPDATE": '{"config": {"host": "new", "port": 1}}'},
            {"config": {"host": "new", "port": 1}},
            {"config": {"host": "old", "port": 1, "user": "me"}},
            "config",
        ),
    ],
)
def test_a_field_that_did_not_take_is_refused_naming_it(
    fivetran: Vendor, job: Job, given: dict[str, str], body: dict[str, Any], shown: dict[str, Any], key: str
) -> None:
    if key == "is_historical_sync":
        may_look_first(fivetran, connection())
    fivetran.expect("PATCH", DETAILS, changed(**shown), body={"run_setup_tests": False, **body})
    ended = update(job, **given)
    assert ended == (201, "refused")
    assert key in ended.message
    assert ID in ended.message
    assert len(patches(fivetran)) == 1


def test_of_several_fields_only_those_that_did_not_take_are_named(fivetran: Vendor, job: Job) -> None:
    body = {"run_setup_tests": False, "paused": False, "schedule_type": "manual", "sync_frequency": 60}
    fivetran.expect("PATCH", DETAILS, changed(paused=False, schedule_type="auto", sync_frequency=360), body=body)
    ended = update(job, PAUSED="FALSE", SCHEDULE_TYPE="manual", CUSTOM_UPDATE='{"sync_frequency": 60}')
    assert ended == (201, "refused")
    assert "schedule_type, sync_frequency" in ended.message
    assert "paused" not in ended.message


@pytest.mark.parametrize(
    ("custom", "shown"),
    [
        ({"config": {"host": "new"}}, {"config": {"host": "new", "user": "me"}}),
        ({"config": {"host": "new", "password": "pass-word"}}, {"config": {"host": "new", "password": "******"}}),
        ({"config": {"host": "new", "password": "pass-word"}}, {"config": {"host": "new"}}),
        ({"sync_frequency": "60"}, {"sync_frequency": 60}),
    ],
)
def test_what_fivetran_adds_or_hides_or_spells_in_its_own_way_took_all_the_same(
    fivetran: Vendor, job: Job, custom: dict[str, Any], shown: dict[str, Any]
) -> None:
    fivetran.expect("PATCH", DETAILS, changed(**shown), body={"run_setup_tests": False, **custom})
    ended = update(job, CUSTOM_UPDATE=json.dumps(custom))
    assert ended == (0, "updated")
    assert "pass-word" not in ended.message
    assert ("does not show config" in ended.message) == ("***" in str(shown))


@pytest.mark.parametrize(
    ("given", "body", "without"),
    [
        ({"PAUSED": "TRUE"}, {"paused": True}, "paused"),
        ({"PAUSED": "FALSE"}, {"paused": False}, "paused"),
        ({"SCHEDULE_TYPE": "manual"}, {"schedule_type": "manual"}, "schedule_type"),
    ],
)
def test_an_answer_without_a_field_that_every_connection_has_confirms_nothing(
    fivetran: Vendor, job: Job, given: dict[str, str], body: dict[str, Any], without: str
) -> None:
    answer = changed(**body)
    del answer["data"][without]
    fivetran.expect("PATCH", DETAILS, answer, body={"run_setup_tests": False, **body}, many=True)
    assert update(job, **given) == (220, "unreachable")


@pytest.mark.parametrize("shown", [None, "", "x", "true", [], {}, 1])
def test_a_historical_sync_that_is_shown_in_no_sensible_way_is_looked_for_and_not_called_refused(
    fivetran: Vendor, job: Job, shown: Any
) -> None:
    may_look_first(fivetran, connection())
    fivetran.expect("PATCH", DETAILS, changed(is_historical_sync=shown), body=HISTORICAL)
    fivetran.expect("GET", DETAILS, connection("syncing", is_historical_sync=True), many=True)
    assert update(job, HISTORICAL_SYNC="TRUE") == (0, "updated")


def test_an_answer_without_a_status_does_not_confirm_a_historical_sync(fivetran: Vendor, job: Job) -> None:
    answer = changed()
    del answer["data"]["status"]
    may_look_first(fivetran, connection())
    fivetran.expect("PATCH", DETAILS, answer, body=HISTORICAL)
    may_look_first(fivetran, connection())
    assert update(job, HISTORICAL_SYNC="TRUE") == (220, "unreachable")


def test_the_answer_of_another_connection_confirms_nothing(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("PATCH", DETAILS, changed(id="somebody_elses", paused=True), body=PAUSE, many=True)
    assert update(job, PAUSED="TRUE") == (220, "unreachable")


# Errors


@pytest.mark.parametrize("given", [{"PAUSED": "TRUE"}, {"HISTORICAL_SYNC": "TRUE"}], ids=["change", "start"])
@pytest.mark.parametrize(
    ("status", "answer", "expected", "words"),
    [
        (401, {"code": "Unauthorized"}, (200, "invalid_credentials"), ["FIVETRAN_API_KEY", "base64"]),
        (403, {"message": "Read only key"}, (200, "invalid_credentials"), ["Read only key", "permission"]),
        (404, NOT_FOUND, (204, "not_found"), [NOT_FOUND["message"]]),
        (404, HTML, (220, "unreachable"), ["404"]),
        (400, {"code": "InvalidInput", "message": "Not so"}, (201, "refused"), ["Not so"]),
        (405, None, (201, "refused"), ["405"]),
        (415, None, (201, "refused"), ["415"]),
        (302, None, (201, "refused"), ["FIVETRAN_API_URL"]),
    ],
)
def test_a_refused_update_is_never_repeated(
    fivetran: Vendor,
    job: Job,
    given: dict[str, str],
    status: int,
    answer: Any,
    expected: tuple[int, str],
    words: list[str],
) -> None:
    may_look_first(fivetran, connection())
    body = PAUSE if "PAUSED" in given else HISTORICAL
    headers = {"Location": f"https://elsewhere.invalid{DETAILS}"}
    fivetran.expect("PATCH", DETAILS, answer, status=status, body=body, headers=headers)
    ended = update(job, **given)
    assert ended == expected
    assert all(word in ended.message for word in words)
    assert len(patches(fivetran)) == 1


@pytest.mark.parametrize("given", [{"PAUSED": "TRUE"}, {"HISTORICAL_SYNC": "TRUE"}], ids=["change", "start"])
def test_a_conflict_ends_with_an_exit_code_that_the_catalog_knows(
    fivetran: Vendor, job: Job, given: dict[str, str]
) -> None:
    may_look_first(fivetran, connection("syncing"))
    body = PAUSE if "PAUSED" in given else HISTORICAL
    fivetran.expect("PATCH", DETAILS, {"code": "Conflict", "message": "busy now"}, status=409, body=body)
    ended = update(job, **given)
    assert ended.code in EXIT_CODES
    assert ended.code != 0
    assert "busy now" in ended.message


@pytest.mark.parametrize("given", [{"PAUSED": "TRUE"}, {"HISTORICAL_SYNC": "TRUE"}], ids=["change", "start"])
@pytest.mark.parametrize(("answer", "status"), [(REFUSED, 0), (None, 429)])
def test_what_surely_was_not_accepted_is_sent_again(
    fivetran: Vendor, job: Job, given: dict[str, str], answer: Any, status: int
) -> None:
    body = PAUSE if "PAUSED" in given else HISTORICAL
    took = changed(paused=True) if "PAUSED" in given else changed(sync_state="syncing", is_historical_sync=True)
    may_look_first(fivetran, connection())
    for _ in range(TRIES - 1):
        fivetran.expect("PATCH", DETAILS, answer, status=status, body=body)
    fivetran.expect("PATCH", DETAILS, took, body=body)
    assert update(job, **given) == (0, "updated")


@pytest.mark.parametrize("given", [{"PAUSED": "TRUE"}, {"HISTORICAL_SYNC": "TRUE"}], ids=["change", "start"])
@pytest.mark.parametrize(("answer", "status"), [(REFUSED, 0), (None, 429)])
def test_a_vendor_that_cannot_be_reached_is_exit_220(
    fivetran: Vendor, job: Job, given: dict[str, str], answer: Any, status: int
) -> None:
    body = PAUSE if "PAUSED" in given else HISTORICAL
    may_look_first(fivetran, connection())
    for _ in range(TRIES):
        fivetran.expect("PATCH", DETAILS, answer, status=status, body=body)
    assert update(job, **given) == (220, "unreachable")


@pytest.mark.parametrize("given", [{"PAUSED": "TRUE"}, {"HISTORICAL_SYNC": "TRUE"}], ids=["change", "start"])
def test_a_long_retry_after_ends_the_update_at_once(fivetran: Vendor, job: Job, given: dict[str, str]) -> None:
    may_look_first(fivetran, connection())
    body = PAUSE if "PAUSED" in given else HISTORICAL
    fivetran.expect("PATCH", DETAILS, None, status=429, headers={"Retry-After": "3600"}, body=body)
    ended = update(job, **given)
    assert ended == (220, "unreachable")
    assert "3600 s" in ended.message
    assert fivetran.clock.sleeps == []


LOST_ANSWERS = {
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
    "another code": ({"code": "Strange", "data": {}}, 200),
    "no data": ({"code": "Success"}, 200),
    "data that is no object": ({"code": "Success", "data": []}, 200),
    "a list": ([], 200),
}


@pytest.mark.parametrize(("answer", "status"), LOST_ANSWERS.values(), ids=LOST_ANSWERS)
def test_a_change_that_starts_nothing_may_be_sent_twice(fivetran: Vendor, job: Job, answer: Any, status: int) -> None:
    fivetran.expect("PATCH", DETAILS, answer, status=status, body=PAUSE)
    fivetran.expect("PATCH", DETAILS, changed(paused=True), body=PAUSE)
    assert update(job, PAUSED="TRUE") == (0, "updated")


@pytest.mark.parametrize(("answer", "status"), LOST_ANSWERS.values(), ids=LOST_ANSWERS)
def test_a_change_whose_answer_never_comes_is_exit_220(fivetran: Vendor, job: Job, answer: Any, status: int) -> None:
    for _ in range(TRIES):
        fivetran.expect("PATCH", DETAILS, answer, status=status, body=PAUSE)
    assert update(job, PAUSED="TRUE") == (220, "unreachable")


@pytest.mark.parametrize(("answer", "status"), GARBAGE.values(), ids=GARBAGE)
def test_a_good_status_with_nonsense_is_no_success(fivetran: Vendor, job: Job, answer: Any, status: int) -> None:
    fivetran.expect("PATCH", DETAILS, answer, status=status, body=PAUSE)
    assert update(job, PAUSED="TRUE") == (220, "unreachable")


# A historical sync whose answer was lost: it starts something

EITHER = {**LOST_ANSWERS, **GARBAGE}
SYNCING = connection("syncing", is_historical_sync=True)
BY_CUSTOM = {"CUSTOM_UPDATE": '{"is_historical_sync": true}'}


@pytest.mark.parametrize("given", [{"HISTORICAL_SYNC": "TRUE"}, BY_CUSTOM], ids=["input", "custom"])
@pytest.mark.parametrize(("answer", "status"), EITHER.values(), ids=EITHER)
def test_a_lost_historical_sync_that_is_seen_to_run_was_started_and_is_not_sent_again(
    fivetran: Vendor, job: Job, given: dict[str, str], answer: Any, status: int
) -> None:
    may_look_first(fivetran, connection())
    fivetran.expect("PATCH", DETAILS, answer, status=status, body=HISTORICAL)
    fivetran.expect("GET", DETAILS, SYNCING, many=True)
    assert update(job, **given) == (0, "updated")
    assert patches(fivetran) == [HISTORICAL]


def test_a_lost_historical_sync_that_shows_late_was_started(fivetran: Vendor, job: Job) -> None:
    may_look_first(fivetran, connection())
    fivetran.expect("PATCH", DETAILS, LOST, body=HISTORICAL)
    fivetran.expect("GET", DETAILS, lambda: SYNCING if fivetran.clock.elapsed > 2 else connection(), many=True)
    assert update(job, HISTORICAL_SYNC="TRUE") == (0, "updated")
    assert patches(fivetran) == [HISTORICAL]


@pytest.mark.parametrize(("answer", "status"), LOST_ANSWERS.values(), ids=LOST_ANSWERS)
def test_a_lost_historical_sync_of_which_nothing_shows_is_no_success_and_not_sent_blindly_again(
    fivetran: Vendor, job: Job, answer: Any, status: int
) -> None:
    may_look_first(fivetran, connection())
    fivetran.expect("PATCH", DETAILS, answer, status=status, body=HISTORICAL)
    fivetran.expect("GET", DETAILS, connection(), many=True)
    ended = update(job, HISTORICAL_SYNC="TRUE")
    assert ended == (220, "unreachable")
    assert ID in ended.message
    assert patches(fivetran) == [HISTORICAL]


@pytest.mark.parametrize("answer", [LOST, TIMED_OUT])
def test_over_a_historical_sync_a_lost_one_proves_nothing_by_its_running_still(
    fivetran: Vendor, job: Job, answer: Any
) -> None:
    may_look_first(fivetran, SYNCING)
    fivetran.expect("PATCH", DETAILS, answer, body=HISTORICAL)
    fivetran.expect("GET", DETAILS, SYNCING, many=True)
    assert update(job, HISTORICAL_SYNC="TRUE") == (220, "unreachable")
    assert patches(fivetran) == [HISTORICAL]


@pytest.mark.parametrize(
    ("answer", "status"), [(HTML, 502), (HTML, 200), (REFUSED, 0), (None, 401), (NOT_FOUND, 404), (None, 429)]
)
def test_a_lost_historical_sync_that_cannot_be_found_out_about_is_exit_220_and_never_said_not_to_be(
    fivetran: Vendor, job: Job, answer: Any, status: int
) -> None:
    may_look_first(fivetran, connection())
    fivetran.expect("PATCH", DETAILS, LOST, body=HISTORICAL)
    fivetran.expect("GET", DETAILS, answer, status=status, many=True)
    ended = update(job, HISTORICAL_SYNC="TRUE")
    assert ended == (220, "unreachable")
    assert "nothing was started" not in ended.message
    assert patches(fivetran) == [HISTORICAL]


def test_a_lost_historical_sync_with_a_field_that_did_not_take_is_no_success(fivetran: Vendor, job: Job) -> None:
    before = connection(schedule_type="auto")
    body = {**HISTORICAL, "schedule_type": "manual"}
    may_look_first(fivetran, before)
    fivetran.expect("PATCH", DETAILS, LOST, body=body)
    fivetran.expect("GET", DETAILS, connection("syncing", is_historical_sync=True, schedule_type="auto"), many=True)
    ended = update(job, HISTORICAL_SYNC="TRUE", SCHEDULE_TYPE="manual")
    assert ended.code in (201, 220)
    assert "schedule_type" in ended.message
    assert patches(fivetran) == [body]


def test_an_interrupted_update_says_that_it_may_have_been_accepted(fivetran: Vendor, job: Job) -> None:
    def interrupted() -> None:
        raise Interruption(15)

    may_look_first(fivetran, connection())
    fivetran.expect("PATCH", DETAILS, interrupted, body=HISTORICAL)
    with pytest.raises(Interruption):
        update(job, HISTORICAL_SYNC="TRUE")
    assert ID in job.goes_on
    assert "nothing was started" not in job.goes_on


def test_a_sync_that_ended_meanwhile_does_not_matter_to_a_change(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("PATCH", DETAILS, changed(paused=True, succeeded_at=at("12:00:10")), body=PAUSE, takes=30)
    assert update(job, PAUSED="TRUE") == (0, "updated")
