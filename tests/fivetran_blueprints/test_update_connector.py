"""Fivetran - Update Connector on the wire: its inputs, its request, what goes wrong, and starting a historical sync."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from shared.errors import Interruption
from tests.endings import ARTIFACT_ERROR, BAD_REQUEST, INVALID_INPUT, UNREACHABLE, UPDATED
from tests.fivetran_blueprints.responses import CONFLICT, ID, PLAIN_FILES, UNKNOWN_ID, Fivetran, at, connection
from tests.wire import GARBAGE, HTML, LOST, LOST_ONES, REFUSED, TIMED_OUT_ONES, UNCLEAR_ONES, killed

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


def test_setup_tests_run_only_if_the_custom_update_says_so(fivetran: Fivetran) -> None:
    fields = {"run_setup_tests": True, "sync_frequency": 60}
    fivetran.expect_update(fields, connection(sync_frequency=60))
    ended = fivetran.update(CUSTOM_UPDATE=json.dumps(fields))
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


# A historical sync, which is a start like any other

IDLE, DUE, SYNCING = connection(), connection(**HISTORICAL), connection("syncing", **HISTORICAL)
PAUSED = connection("paused", paused=True)
DUE_BUT_PAUSED = connection("paused", paused=True, **HISTORICAL)
UNPAUSED = connection("paused", paused=False, **HISTORICAL)


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        pytest.param([SYNCING], 200, id="it runs"),
        pytest.param([DUE], 200, id="it is due"),
        pytest.param([IDLE, IDLE, DUE], 200, id="its flag shows late"),
        pytest.param([connection(succeeded_at=at("12:00:01"))], 200, id="it is over, and its flag is gone again"),
        pytest.param([connection("paused", paused=True, failed_at=at("12:00:01"))], 200, id="it failed before a pause"),
        pytest.param([UNKNOWN_ID] * 3, 404, id="the connection is not found for a while"),
    ],
)
def test_a_historical_sync_that_begins_is_saved_for_the_check(fivetran: Fivetran, shown: Any, status: int) -> None:
    fivetran.expect_update(HISTORICAL, shown[0] if status == 200 else DUE)
    fivetran.shows(*shown, status=status)
    if status == 404:
        fivetran.shows(SYNCING)
    assert fivetran.update(**START) == (*UPDATED, "its handoff is saved")
    assert set(fivetran.files) == PLAIN_FILES


NOT_DUE = "is_historical_sync is false, not true"
GOING = connection("syncing")
REFUSED_ONES: dict[str, tuple[dict[str, bool], Any, Any, str]] = {
    "nothing shows": ({}, IDLE, IDLE, NOT_DUE),
    "an older sync shows late": ({}, IDLE, connection(succeeded_at=at("11:58:00")), NOT_DUE),
    "one of ten seconds before": ({}, IDLE, connection(succeeded_at=at("11:59:50")), NOT_DUE),
    "one that was running before": ({}, GOING, GOING, NOT_DUE),
    "its flag does not show at all": ({}, IDLE, connection(is_historical_sync=None), "no historical sync"),
    "it is not unpaused": ({"paused": False}, PAUSED, DUE_BUT_PAUSED, "paused is true, not false"),
}


@pytest.mark.parametrize(("more", "before", "shown", "words"), REFUSED_ONES.values(), ids=REFUSED_ONES)
def test_a_historical_sync_that_never_shows_is_refused_and_leaves_no_handoff(
    fivetran: Fivetran, more: dict[str, bool], before: Any, shown: Any, words: str
) -> None:
    fivetran.expect_update({**HISTORICAL, **more}, shown, before)
    fivetran.shows(shown, many=True)
    given = {name.upper(): str(value) for name, value in more.items()}
    assert fivetran.update(**START, **given) == (*BAD_REQUEST, words)
    assert fivetran.files["starting.pickle"]["state"] == "ended"


def test_after_an_invalid_request_for_a_historical_sync_a_check_takes_no_older_handoff(fivetran: Fivetran) -> None:
    fivetran.triggered()
    assert fivetran.update(HISTORICAL_SYNC="yes") == INVALID_INPUT
    assert fivetran.check() == (*ARTIFACT_ERROR, "invalid_input")


@pytest.mark.parametrize(
    ("given", "before", "shown", "starts"),
    [
        pytest.param(None, PAUSED, [DUE_BUT_PAUSED], False, id="it is paused"),
        pytest.param(False, DUE_BUT_PAUSED, [*[DUE_BUT_PAUSED] * 2, SYNCING], True, id="unpaused, which shows late"),
        pytest.param(True, SYNCING, [*[SYNCING] * 2, DUE_BUT_PAUSED], False, id="paused, which shows late"),
        pytest.param(False, PAUSED, [UNPAUSED, DUE], True, id="unpaused, and its state shows that late"),
        pytest.param(None, IDLE, [DUE_BUT_PAUSED, DUE], True, id="a stale poll shows a pause from before"),
        pytest.param(None, IDLE, [DUE_BUT_PAUSED] * 5, False, id="a pause goes on showing"),
    ],
)
def test_a_pause_decides_whether_a_historical_sync_starts_or_is_only_noted(
    fivetran: Fivetran, given: bool | None, before: Any, shown: list[Any], starts: bool
) -> None:
    paused = {} if given is None else {"paused": given}
    fivetran.expect_update({**HISTORICAL, **paused}, before, before=before)
    fivetran.shows(*shown)
    words = "its handoff is saved" if starts else "the connection is paused"
    assert fivetran.update(**START, PAUSED=str(given)) == (*UPDATED, words)
    assert set(fivetran.files) == (PLAIN_FILES if starts else set())


def test_one_that_begins_beside_a_field_that_did_not_change_is_refused_with_its_handoff(fivetran: Fivetran) -> None:
    fivetran.expect_update({**HISTORICAL, "schedule_type": "manual"}, LOST)
    fivetran.shows(connection("syncing", schedule_type="auto", **HISTORICAL), many=True)
    assert fivetran.update(**START, SCHEDULE_TYPE="manual") == (*BAD_REQUEST, 'schedule_type is "auto"')
    assert set(fivetran.files) == PLAIN_FILES


def test_a_historical_sync_that_this_one_stops_is_named_in_a_warning(
    fivetran: Fivetran, caplog: pytest.LogCaptureFixture
) -> None:
    fivetran.expect_update(HISTORICAL, SYNCING, before=SYNCING)
    fivetran.shows(SYNCING)
    assert fivetran.update(**START) == UPDATED
    assert f"a historical sync of {ID} is running, possibly for days, and will be stopped" in caplog.messages
    assert fivetran.files["sync.pickle"]["interrupted"] is True


@pytest.mark.parametrize("given", [START, {"CUSTOM_UPDATE": '{"is_historical_sync": true}'}], ids=["input", "custom"])
@pytest.mark.parametrize("lost", UNCLEAR_ONES.values(), ids=UNCLEAR_ONES)
@pytest.mark.parametrize("shows", [True, False])
def test_a_lost_one_is_searched_for_and_never_sent_again(
    fivetran: Fivetran, given: dict[str, str], lost: Any, shows: bool
) -> None:
    fivetran.expect_update(HISTORICAL, **lost)
    fivetran.shows(SYNCING if shows else IDLE, many=True)
    ended = fivetran.update(**given)
    assert ended == (UPDATED if shows else (*UNREACHABLE, ID))
    assert "nothing was started" not in ended.message
    assert len(fivetran.updates) == 1
    assert set(fivetran.files) == (PLAIN_FILES if shows else {"starting.pickle"})
    assert shows or fivetran.check() == ARTIFACT_ERROR


@pytest.mark.parametrize("response", [LOST, HTML])
def test_over_a_historical_sync_a_lost_one_proves_nothing_by_its_running_still(
    fivetran: Fivetran, response: Any
) -> None:
    fivetran.expect_update(HISTORICAL, response, status=504, before=SYNCING)
    fivetran.shows(SYNCING, many=True)
    assert fivetran.update(**START) == UNREACHABLE
    assert len(fivetran.updates) == 1


@pytest.mark.parametrize(
    ("response", "status"), [(HTML, 502), (HTML, 200), (REFUSED, 0), (None, 401), (UNKNOWN_ID, 404), (None, 429)]
)
@pytest.mark.parametrize("patched", [LOST, DUE], ids=["lost", "accepted"])
def test_one_that_cannot_be_found_out_about_is_never_said_not_to_be(
    fivetran: Fivetran, patched: Any, response: Any, status: int
) -> None:
    fivetran.expect_update(HISTORICAL, patched)
    fivetran.shows(response, status=status, many=True)
    ended = fivetran.update(**START)
    assert ended == (*UNREACHABLE, ID)
    assert patched is LOST or f"it is not known whether is_historical_sync of {ID} changed" in ended.message
    assert "nothing was started" not in ended.message
    assert len(fivetran.updates) == 1
    assert fivetran.files["starting.pickle"]["state"] == "sent"


def test_a_poll_after_it_that_is_refused_is_not_repeated(fivetran: Fivetran) -> None:
    fivetran.expect_update(HISTORICAL, DUE)
    fivetran.shows(None, status=401)
    assert fivetran.update(**START) == (*UNREACHABLE, ID)
