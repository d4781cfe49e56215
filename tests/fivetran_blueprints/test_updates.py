"""Fivetran - Update Connector on the wire: its inputs, its request, and what becomes of one that goes wrong."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from shared.errors import Interruption
from tests.endings import BAD_REQUEST, INVALID_INPUT, UNREACHABLE, UPDATED
from tests.fivetran_blueprints.responses import CONFLICT, ID, UNKNOWN_ID, Fivetran, connection
from tests.wire import GARBAGE, LOST_ONES, REFUSED, TIMED_OUT_ONES, killed

PAUSE, HISTORICAL = {"paused": True}, {"is_historical_sync": True}
CHANGE, START = {"PAUSED": "TRUE"}, {"HISTORICAL_SYNC": "TRUE"}
EACH = pytest.mark.parametrize(("given", "fields"), [(CHANGE, PAUSE), (START, HISTORICAL)], ids=["change", "start"])


def test_it_sends_one_request_with_exactly_this(fivetran: Fivetran) -> None:
    fivetran.expect_update(PAUSE)
    assert fivetran.update(**CHANGE) == (*UPDATED, ID, "paused")
    (sent,) = fivetran.sent
    assert sent.headers["Authorization"] == "Basic " + base64.b64encode(b"the-key:the-secret").decode()
    assert sent.headers["Accept"] == "application/json;version=2"
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.timeout == (10, 120), "one that stops a running sync takes up to a minute"
    assert fivetran.kept == {f"update_{ID}_response.json": connection(**PAUSE)}
    assert fivetran.files == {}


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"SCHEDULE_TYPE": "manual"}, {"schedule_type": "manual"}),
        ({"SCHEDULE_TYPE": "AUTO", "PAUSED": "None"}, {"schedule_type": "auto"}),
        ({"PAUSED": " true "}, {"paused": True}),
        (
            {"PAUSED": "FALSE", "SCHEDULE_TYPE": "none", "HISTORICAL_SYNC": "", "CUSTOM_UPDATE": "None"},
            {"paused": False},
        ),
        (
            {"PAUSED": "FALSE", "CUSTOM_UPDATE": '\n{"sync_frequency": 1440, "daily_sync_time": "03:00"}\n'},
            {"paused": False, "sync_frequency": 1440, "daily_sync_time": "03:00"},
        ),
        ({"SCHEDULE_TYPE": "manual", "CUSTOM_UPDATE": '{"schedule_type": "manual"}'}, {"schedule_type": "manual"}),
        ({"CUSTOM_UPDATE": '{"is_historical_sync": false}'}, {"is_historical_sync": False}),
        ({"CONNECTOR_ID": "", "CONNECTION_ID": ID, "PAUSED": "TRUE"}, {"paused": True}),
    ],
)
def test_only_what_was_given_is_sent(fivetran: Fivetran, given: dict[str, str], fields: dict[str, object]) -> None:
    fivetran.expect_update(fields)
    ended = fivetran.update(**given)
    assert ended == (*UPDATED, *fields)
    assert "the connection is paused" not in ended.message


@pytest.mark.parametrize("wanted", [True, False])
def test_setup_tests_run_only_if_the_custom_update_says_so(fivetran: Fivetran, wanted: bool) -> None:
    fivetran.expect_update({"run_setup_tests": wanted, "sync_frequency": 60}, connection(sync_frequency=60))
    ended = fivetran.update(CUSTOM_UPDATE=json.dumps({"run_setup_tests": wanted, "sync_frequency": 60}))
    assert ended == UPDATED
    assert "does not show" not in ended.message


# Inputs


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"SCHEDULE_TYPE": "", "PAUSED": " ", "HISTORICAL_SYNC": "none", "CUSTOM_UPDATE": "None"},
        {"CUSTOM_UPDATE": "{}"},
        {"CUSTOM_UPDATE": '{"run_setup_tests": true}'},
    ],
)
def test_nothing_to_change_is_an_invalid_input(fivetran: Fivetran, given: dict[str, str]) -> None:
    names = [f"FIVETRAN_{name}" for name in ("SCHEDULE_TYPE", "PAUSED", "HISTORICAL_SYNC", "CUSTOM_UPDATE")]
    assert fivetran.update(**given) == (*INVALID_INPUT, *names)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CONNECTOR_ID", ""),
        ("SCHEDULE_TYPE", "weekly"),
        ("PAUSED", "yes"),
        ("HISTORICAL_SYNC", "FALSE"),
        ("CUSTOM_UPDATE", "sync_frequency=60"),
        ("CUSTOM_UPDATE", '["paused"]'),
        ("CUSTOM_UPDATE", "null"),
        ("CUSTOM_UPDATE", '{"sync_frequency": NaN}'),
    ],
)
def test_a_problem_of_an_input_is_named_before_anything_is_sent(fivetran: Fivetran, variable: str, value: str) -> None:
    ended = fivetran.update(**{variable: value})
    assert ended == (*INVALID_INPUT, f"FIVETRAN_{variable}")
    assert ("nothing to change" in ended.message) is (variable == "CONNECTOR_ID")


@pytest.mark.parametrize(
    ("given", "custom"),
    [
        ({"PAUSED": "FALSE"}, {"paused": True}),
        ({"PAUSED": "TRUE"}, {"paused": None}),
        ({"SCHEDULE_TYPE": "manual"}, {"schedule_type": "auto", "sync_frequency": 60}),
        ({"HISTORICAL_SYNC": "TRUE"}, {"is_historical_sync": False}),
    ],
)
def test_a_custom_update_that_conflicts_with_another_input_is_refused(
    fivetran: Fivetran, given: dict[str, str], custom: dict[str, object]
) -> None:
    ended = fivetran.update(**given, CUSTOM_UPDATE=json.dumps(custom))
    assert ended == (*INVALID_INPUT, "FIVETRAN_CUSTOM_UPDATE", next(iter(custom)))


# What Fivetran shows


def test_of_several_fields_only_those_that_did_not_change_are_named(fivetran: Fivetran) -> None:
    shown = connection(paused=False, schedule_type="auto", sync_frequency=360)
    fivetran.expect_update({"paused": False, "schedule_type": "manual", "sync_frequency": 60}, shown)
    fivetran.shows(shown, many=True)
    ended = fivetran.update(PAUSED="FALSE", SCHEDULE_TYPE="manual", CUSTOM_UPDATE='{"sync_frequency": 60}')
    assert ended == (*BAD_REQUEST, ID, 'schedule_type is "auto", not "manual"', "sync_frequency is 360, not 60")
    assert "paused is" not in ended.message
    assert len(fivetran.updates) == 1


def test_a_field_that_shows_late_is_no_refusal_nor_is_a_404(fivetran: Fivetran) -> None:
    fivetran.expect_update(PAUSE, connection())
    fivetran.shows(connection())
    fivetran.shows(UNKNOWN_ID, status=404)
    fivetran.shows(connection(paused=True))
    assert fivetran.update(**CHANGE) == UPDATED


def test_what_fivetran_does_not_show_is_a_note(fivetran: Fivetran) -> None:
    fields = {"config": {"host": "new", "password": "pass-word"}}
    fivetran.expect_update(fields, connection(config={"host": "new", "password": "******"}))
    ended = fivetran.update(CUSTOM_UPDATE=json.dumps(fields))
    assert ended == (*UPDATED, "does not show config.password")
    assert "pass-word" not in ended.message


def test_a_secret_that_is_shown_differently_is_named_without_its_value(fivetran: Fivetran) -> None:
    shown = connection(config={"sync_mode": "Separate"})
    fivetran.expect_update({"config": {"sync_mode": "Legacy"}}, shown)
    fivetran.shows(shown, many=True)
    ended = fivetran.update(CUSTOM_UPDATE='{"config": {"sync_mode": "Legacy"}}')
    assert ended == (*BAD_REQUEST, "config.sync_mode")
    assert not any(secret in ended.message for secret in ("Legacy", "Separate"))


# Errors


@EACH
@pytest.mark.parametrize(("response", "status"), [(REFUSED, 0), (None, 429)])
def test_what_surely_was_not_accepted_is_sent_up_to_five_times(
    fivetran: Fivetran, given: Any, fields: Any, response: Any, status: int
) -> None:
    fivetran.expect_update(fields, response, status=status, many=True)
    assert fivetran.update(**given) == UNREACHABLE
    assert len(fivetran.updates) == 5


@pytest.mark.parametrize("lost", [*LOST_ONES.values(), *TIMED_OUT_ONES.values()], ids=[*LOST_ONES, *TIMED_OUT_ONES])
def test_a_change_that_starts_nothing_may_be_sent_again(fivetran: Fivetran, lost: Any) -> None:
    fivetran.expect_update(PAUSE, **lost)
    fivetran.expect_update(PAUSE)
    assert fivetran.update(**CHANGE) == UPDATED


@EACH
def test_a_409_is_a_refusal(fivetran: Fivetran, given: Any, fields: Any) -> None:
    fivetran.expect_update(fields, CONFLICT, status=409)
    assert fivetran.update(**given) == (*BAD_REQUEST, CONFLICT["message"])
    assert len(fivetran.updates) == 1


ODD = [{"code": "Strange"}, {"message": "updated"}, {"code": "Success", "data": []}, connection(id="x", paused=True)]


@pytest.mark.parametrize("odd", [*GARBAGE.values(), *({"response": response} for response in ODD)])
def test_a_good_status_with_an_unexpected_response_is_no_success(fivetran: Fivetran, odd: Any) -> None:
    fivetran.expect_update(PAUSE, **odd)
    assert fivetran.update(**CHANGE) == UNREACHABLE


@EACH
def test_an_interrupted_update_says_that_it_may_have_been_accepted(fivetran: Fivetran, given: Any, fields: Any) -> None:
    fivetran.expect_update(fields, killed)
    with pytest.raises(Interruption):
        fivetran.update(**given)
    assert ID in fivetran.run.report.still_running
    assert "may have been accepted" in fivetran.run.report.still_running
