"""Fivetran - Update Connector on the wire: its inputs, its request, and what becomes of one that goes wrong."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from shared.errors import Interruption
from tests.fivetran_blueprints.responses import (
    CONFLICT,
    DETAILS,
    GARBAGE,
    ID,
    LOST_ONES,
    NOT_FOUND,
    PLAIN_FILES,
    TIMED_OUT_ONES,
    Fivetran,
    at,
    connection,
)
from tests.wire import HTML, LOST, REFUSED

PAUSE, HISTORICAL = {"paused": True}, {"is_historical_sync": True}
CHANGE, START = {"PAUSED": "TRUE"}, {"HISTORICAL_SYNC": "TRUE"}
EACH = [pytest.param(CHANGE, PAUSE, id="change"), pytest.param(START, HISTORICAL, id="start")]
RUNNING = connection("syncing", is_historical_sync=True)
LOST_OR_LATE = {**LOST_ONES, **TIMED_OUT_ONES}
NO_DATA: dict[str, tuple[Any, int]] = {
    "no data": ({"code": "Success"}, 200),
    "data of another kind": ({"code": "Success", "data": []}, 200),
}


def expect_patch(fivetran: Fivetran, fields: dict[str, Any], response: Any = None, **more: Any) -> None:
    """The request; before one that starts a sync, the connection is read."""
    if fields.get("is_historical_sync") is True and "PATCH" not in [step.method for step in fivetran.steps]:
        fivetran.shows(more.pop("before", connection()))
    body = {"run_setup_tests": False, **fields}
    fivetran.expect(
        "PATCH", DETAILS, connection(**fields) if response is None and not more else response, body=body, **more
    )


def patches(fivetran: Fivetran) -> list[Any]:
    return [sent.body for sent in fivetran.sent if sent.method == "PATCH"]


# What goes over the wire


def test_it_sends_one_request_with_exactly_this(fivetran: Fivetran) -> None:
    expect_patch(fivetran, PAUSE)
    assert fivetran.update(**CHANGE) == (0, "updated", ID, "paused")
    (sent,) = fivetran.sent
    assert sent.headers["Authorization"] == "Basic " + base64.b64encode(b"the-key:the-secret").decode()
    assert sent.headers["Accept"] == "application/json;version=2"
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.timeout == (10, 120), "one that stops a running sync takes up to a minute"
    assert {name: kept.body for name, kept in fivetran.run.kept.items()} == {
        f"update_{ID}_response.json": connection(**PAUSE)
    }
    assert fivetran.files() == {}


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"SCHEDULE_TYPE": "manual"}, {"schedule_type": "manual"}),
        ({"SCHEDULE_TYPE": "AUTO"}, {"schedule_type": "auto"}),
        ({"PAUSED": " true "}, {"paused": True}),
        ({"PAUSED": "FALSE"}, {"paused": False}),
        (
            {"PAUSED": "FALSE", "SCHEDULE_TYPE": "none", "HISTORICAL_SYNC": "", "CUSTOM_UPDATE": "None"},
            {"paused": False},
        ),
        ({"SCHEDULE_TYPE": "auto", "PAUSED": "FALSE"}, {"schedule_type": "auto", "paused": False}),
        ({"SCHEDULE_TYPE": "auto", "PAUSED": "None"}, {"schedule_type": "auto"}),
        (
            {"CUSTOM_UPDATE": '{"sync_frequency": 1440, "daily_sync_time": "03:00"}'},
            {"sync_frequency": 1440, "daily_sync_time": "03:00"},
        ),
        ({"PAUSED": "FALSE", "CUSTOM_UPDATE": '\n{"sync_frequency": 60}\n'}, {"paused": False, "sync_frequency": 60}),
        ({"SCHEDULE_TYPE": "manual", "CUSTOM_UPDATE": '{"schedule_type": "manual"}'}, {"schedule_type": "manual"}),
        ({"CUSTOM_UPDATE": '{"is_historical_sync": false}'}, {"is_historical_sync": False}),
    ],
)
def test_only_what_was_given_is_sent(fivetran: Fivetran, given: dict[str, str], fields: dict[str, object]) -> None:
    expect_patch(fivetran, fields)
    ended = fivetran.update(**given)
    assert ended == (0, "updated", *fields)
    assert "the connection is paused" not in ended.message


@pytest.mark.parametrize("wanted", [True, False])
def test_setup_tests_run_only_if_the_custom_update_says_so(fivetran: Fivetran, wanted: bool) -> None:
    fivetran.expect(
        "PATCH", DETAILS, connection(sync_frequency=60), body={"run_setup_tests": wanted, "sync_frequency": 60}
    )
    given = json.dumps({"run_setup_tests": wanted, "sync_frequency": 60})
    ended = fivetran.update(CUSTOM_UPDATE=given)
    assert ended == (0, "updated")
    assert "does not show" not in ended.message


def test_the_connection_id_is_another_name_of_the_connector_id(fivetran: Fivetran) -> None:
    expect_patch(fivetran, PAUSE)
    assert fivetran.update(CONNECTOR_ID="", CONNECTION_ID=ID, **CHANGE) == (0, "updated")


# Inputs


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"SCHEDULE_TYPE": "None", "PAUSED": "None", "HISTORICAL_SYNC": "None", "CUSTOM_UPDATE": "None"},
        {"SCHEDULE_TYPE": "", "PAUSED": " ", "HISTORICAL_SYNC": "none", "CUSTOM_UPDATE": ""},
        {"CUSTOM_UPDATE": "{}"},
        {"CUSTOM_UPDATE": '{"run_setup_tests": true}'},
    ],
)
def test_nothing_to_change_is_an_invalid_input(fivetran: Fivetran, given: dict[str, str]) -> None:
    ended = fivetran.update(**given)
    assert ended == (206, "invalid_input")
    for name in ("SCHEDULE_TYPE", "PAUSED", "HISTORICAL_SYNC", "CUSTOM_UPDATE"):
        assert f"FIVETRAN_{name}" in ended.message
    assert fivetran.sent == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CONNECTOR_ID", ""),
        ("CONNECTOR_ID", "../users"),
        ("CONNECTOR_ID", "x" * 256),
        ("API_SECRET", "None"),
        ("SCHEDULE_TYPE", "weekly"),
        ("PAUSED", "yes"),
        ("HISTORICAL_SYNC", "FALSE"),
        ("API_URL", "https://key:secret@api.fivetran.com"),
        ("CUSTOM_UPDATE", "sync_frequency=60"),
        ("CUSTOM_UPDATE", '{"sync_frequency": 60'),
        ("CUSTOM_UPDATE", '["paused"]'),
        ("CUSTOM_UPDATE", "60"),
        ("CUSTOM_UPDATE", "null"),
        ("CUSTOM_UPDATE", '{"sync_frequency": NaN}'),
        ("CUSTOM_UPDATE", '{"a":' * 5000 + "1" + "}" * 5000),
    ],
)
def test_a_problem_of_an_input_is_named_before_anything_is_sent(fivetran: Fivetran, variable: str, value: str) -> None:
    assert fivetran.update(**{"PAUSED": "TRUE", variable: value}) == (206, "invalid_input", f"FIVETRAN_{variable}")
    assert fivetran.sent == []


def test_a_custom_update_that_cannot_be_read_is_not_called_nothing_to_change(fivetran: Fivetran) -> None:
    ended = fivetran.update(CUSTOM_UPDATE="{")
    assert ended == (206, "invalid_input")
    assert "nothing" not in ended.message
    assert fivetran.sent == []


@pytest.mark.parametrize(
    ("given", "custom", "key"),
    [
        ({"PAUSED": "FALSE"}, {"paused": True}, "paused"),
        ({"PAUSED": "TRUE"}, {"paused": None}, "paused"),
        ({"SCHEDULE_TYPE": "manual"}, {"schedule_type": "auto", "sync_frequency": 60}, "schedule_type"),
        ({"HISTORICAL_SYNC": "TRUE"}, {"is_historical_sync": False}, "is_historical_sync"),
    ],
)
def test_a_custom_update_that_conflicts_with_another_input_is_refused(
    fivetran: Fivetran, given: dict[str, str], custom: dict[str, object], key: str
) -> None:
    assert fivetran.update(**given, CUSTOM_UPDATE=json.dumps(custom)) == (
        206,
        "invalid_input",
        "FIVETRAN_CUSTOM_UPDATE",
        key,
    )
    assert fivetran.sent == []


# What Fivetran shows


@pytest.mark.parametrize(
    ("given", "fields", "shown", "words"),
    [
        (CHANGE, PAUSE, {"paused": False}, "paused is false, not true"),
        (
            {"SCHEDULE_TYPE": "manual"},
            {"schedule_type": "manual"},
            {"schedule_type": "auto"},
            'schedule_type is "auto"',
        ),
    ],
)
def test_a_field_that_never_changes_is_refused_naming_it(
    fivetran: Fivetran, given: dict[str, str], fields: dict[str, Any], shown: dict[str, Any], words: str
) -> None:
    expect_patch(fivetran, fields, connection(**shown))
    fivetran.shows(connection(**shown), many=True)
    assert fivetran.update(**given) == (201, "refused", ID, words)
    assert len(patches(fivetran)) == 1


def test_a_field_that_shows_late_is_no_refusal(fivetran: Fivetran) -> None:
    expect_patch(fivetran, PAUSE, connection())
    fivetran.shows(connection())
    fivetran.shows(connection(paused=True))
    assert fivetran.update(**CHANGE) == (0, "updated")


def test_of_several_fields_only_those_that_did_not_change_are_named(fivetran: Fivetran) -> None:
    shown = connection(paused=False, schedule_type="auto", sync_frequency=360)
    expect_patch(fivetran, {"paused": False, "schedule_type": "manual", "sync_frequency": 60}, shown)
    fivetran.shows(shown, many=True)
    ended = fivetran.update(PAUSED="FALSE", SCHEDULE_TYPE="manual", CUSTOM_UPDATE='{"sync_frequency": 60}')
    assert ended == (201, "refused", "schedule_type is", "sync_frequency is")
    assert "paused is" not in ended.message


def test_what_fivetran_does_not_show_is_a_note(fivetran: Fivetran) -> None:
    fields = {"config": {"host": "new", "password": "pass-word"}}
    expect_patch(fivetran, fields, connection(config={"host": "new", "password": "******"}))
    ended = fivetran.update(CUSTOM_UPDATE=json.dumps(fields))
    assert ended == (0, "updated", "does not show config.password")
    assert "pass-word" not in ended.message


def test_the_response_of_another_connection_confirms_nothing(fivetran: Fivetran) -> None:
    expect_patch(fivetran, PAUSE, connection(id="another_one", paused=True))
    assert fivetran.update(**CHANGE) == (220, "unreachable")


# Errors


@pytest.mark.parametrize(("given", "fields"), EACH)
@pytest.mark.parametrize(
    ("status", "response", "expected", "words"),
    [
        (401, {"code": "Unauthorized"}, (200, "invalid_credentials"), ["FIVETRAN_API_KEY", "Base64"]),
        (403, {"message": "Read only key"}, (200, "invalid_credentials"), ["Read only key", "permission"]),
        (404, NOT_FOUND, (204, "not_found"), [NOT_FOUND["message"]]),
        (404, HTML, (220, "unreachable"), ["404"]),
        (400, {"code": "InvalidInput", "message": "Not so"}, (201, "refused"), ["Not so"]),
        (409, CONFLICT, (201, "refused"), [CONFLICT["message"]]),
        (415, None, (201, "refused"), ["415"]),
        (302, None, (201, "refused"), ["FIVETRAN_API_URL"]),
    ],
)
def test_a_refused_update_is_never_repeated(
    fivetran: Fivetran,
    given: dict[str, str],
    fields: dict[str, Any],
    status: int,
    response: Any,
    expected: tuple[int, str],
    words: list[str],
) -> None:
    expect_patch(fivetran, fields, response, status=status, headers={"Location": "https://elsewhere.invalid/"})
    assert fivetran.update(**given) == (*expected, *words)
    assert len(patches(fivetran)) == 1


@pytest.mark.parametrize(("given", "fields"), EACH)
@pytest.mark.parametrize(("response", "status"), [(REFUSED, 0), (None, 429)])
@pytest.mark.parametrize("times", [4, 5])
def test_what_surely_was_not_accepted_is_sent_up_to_five_times(
    fivetran: Fivetran, given: dict[str, str], fields: dict[str, Any], response: Any, status: int, times: int
) -> None:
    for _ in range(times):
        expect_patch(fivetran, fields, response, status=status)
    if times == 4:
        shown = RUNNING if given is START else connection(**fields)
        expect_patch(fivetran, fields, shown)
        if given is START:
            fivetran.shows(shown, many=True)
    assert fivetran.update(**given) == ((0, "updated") if times == 4 else (220, "unreachable"))


@pytest.mark.parametrize(("given", "fields"), EACH)
def test_a_long_retry_after_ends_the_update_at_once(
    fivetran: Fivetran, given: dict[str, str], fields: dict[str, Any]
) -> None:
    expect_patch(fivetran, fields, None, status=429, headers={"Retry-After": "3600"})
    assert fivetran.update(**given) == (220, "unreachable", "1 h")
    assert fivetran.clock.sleeps == []


@pytest.mark.parametrize(("response", "status"), LOST_OR_LATE.values(), ids=LOST_OR_LATE)
@pytest.mark.parametrize("times", [1, 5])
def test_a_change_that_starts_nothing_may_be_sent_again(
    fivetran: Fivetran, response: Any, status: int, times: int
) -> None:
    for _ in range(times):
        expect_patch(fivetran, PAUSE, response, status=status)
    if times == 1:
        expect_patch(fivetran, PAUSE)
    assert fivetran.update(**CHANGE) == ((0, "updated") if times == 1 else (220, "unreachable"))


@pytest.mark.parametrize(("response", "status"), {**GARBAGE, **NO_DATA}.values(), ids={**GARBAGE, **NO_DATA})
def test_a_good_status_with_an_unexpected_response_is_no_success(
    fivetran: Fivetran, response: Any, status: int
) -> None:
    expect_patch(fivetran, PAUSE, response, status=status)
    ended = fivetran.update(**CHANGE)
    assert ended == (220, "unreachable")
    assert ID in ended.message or "unexpected" in ended.message


# A historical sync whose response was lost

EITHER = {**LOST_OR_LATE, **GARBAGE}


@pytest.mark.parametrize("given", [START, {"CUSTOM_UPDATE": '{"is_historical_sync": true}'}], ids=["input", "custom"])
@pytest.mark.parametrize(("response", "status"), EITHER.values(), ids=EITHER)
@pytest.mark.parametrize("shows", [True, False])
def test_a_lost_historical_sync_is_searched_for_and_never_sent_again(
    fivetran: Fivetran, given: dict[str, str], response: Any, status: int, shows: bool
) -> None:
    expect_patch(fivetran, HISTORICAL, response, status=status)
    fivetran.shows(RUNNING if shows else connection(), many=True)
    ended = fivetran.update(**given)
    assert ended == ((0, "updated") if shows else (220, "unreachable"))
    assert len(patches(fivetran)) == 1
    assert set(fivetran.files()) == (PLAIN_FILES if shows else {"starting.pickle"})
    if not shows:
        assert ID in ended.message
        assert "nothing was started" not in ended.message
        assert fivetran.check() == (221, "artifact_error")


@pytest.mark.parametrize("response", [LOST, HTML])
def test_over_a_historical_sync_a_lost_one_proves_nothing_by_its_running_still(
    fivetran: Fivetran, response: Any
) -> None:
    expect_patch(fivetran, HISTORICAL, response, status=504, before=RUNNING)
    fivetran.shows(RUNNING, many=True)
    assert fivetran.update(**START) == (220, "unreachable")
    assert len(patches(fivetran)) == 1


@pytest.mark.parametrize(
    ("response", "status"), [(HTML, 502), (HTML, 200), (REFUSED, 0), (None, 401), (NOT_FOUND, 404), (None, 429)]
)
def test_a_lost_historical_sync_that_cannot_be_found_out_about_is_never_said_not_to_be(
    fivetran: Fivetran, response: Any, status: int
) -> None:
    expect_patch(fivetran, HISTORICAL, LOST, status=0)
    fivetran.shows(response, status=status, many=True)
    ended = fivetran.update(**START)
    assert ended == (220, "unreachable")
    assert "nothing was started" not in ended.message
    assert len(patches(fivetran)) == 1


def test_a_historical_sync_that_runs_beside_a_field_that_did_not_change_is_refused_with_its_handoff(
    fivetran: Fivetran,
) -> None:
    expect_patch(fivetran, {**HISTORICAL, "schedule_type": "manual"}, LOST, status=0)
    fivetran.shows(connection("syncing", is_historical_sync=True, schedule_type="auto"), many=True)
    assert fivetran.update(HISTORICAL_SYNC="TRUE", SCHEDULE_TYPE="manual") == (
        201,
        "refused",
        'schedule_type is "auto"',
    )
    assert set(fivetran.files()) == PLAIN_FILES


def test_a_connection_that_is_unpaused_for_a_historical_sync_may_show_its_pause_for_a_while(fivetran: Fivetran) -> None:
    paused = connection("paused", paused=True, is_historical_sync=True)
    fields = {"paused": False, "is_historical_sync": True}
    expect_patch(fivetran, fields, paused, before=connection("paused", paused=True))
    for _ in range(2):
        fivetran.shows(paused)
    fivetran.shows(RUNNING, many=True)
    ended = fivetran.update(PAUSED="FALSE", HISTORICAL_SYNC="TRUE")
    assert ended == (0, "updated")
    assert "is paused" not in ended.message
    assert set(fivetran.files()) == PLAIN_FILES


def test_a_connection_that_is_not_unpaused_for_a_historical_sync_is_refused(fivetran: Fivetran) -> None:
    paused = connection("paused", paused=True, is_historical_sync=True)
    fields = {"paused": False, "is_historical_sync": True}
    expect_patch(fivetran, fields, paused, before=connection("paused", paused=True))
    fivetran.shows(paused, many=True)
    ended = fivetran.update(PAUSED="FALSE", HISTORICAL_SYNC="TRUE")
    assert ended == (201, "refused", "paused is true, not false")
    assert fivetran.files()["starting.pickle"]["state"] == "ended"


@pytest.mark.parametrize("stamp", ["11:58:00", "11:59:50"])
def test_a_sync_from_before_the_update_that_shows_late_is_not_its_historical_sync(
    fivetran: Fivetran, stamp: str
) -> None:
    late = connection(succeeded_at=at(stamp))
    expect_patch(fivetran, HISTORICAL, late)
    fivetran.shows(late, many=True)
    assert fivetran.update(**START) == (201, "refused")
    assert fivetran.files().keys() == {"starting.pickle"}


@pytest.mark.parametrize(("given", "fields"), EACH)
def test_an_interrupted_update_says_that_it_may_have_been_accepted(
    fivetran: Fivetran, given: dict[str, str], fields: dict[str, Any]
) -> None:
    def interrupted() -> None:
        raise Interruption(15)

    expect_patch(fivetran, fields, interrupted)
    with pytest.raises(Interruption):
        fivetran.update(**given)
    assert ID in fivetran.run.report.still_running
    assert "may have been accepted" in fivetran.run.report.still_running
