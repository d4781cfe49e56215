"""Fivetran - Update Connector on the wire: an update that asks for a historical sync is a start like any other."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endings import ARTIFACT_ERROR, BAD_REQUEST, INVALID_INPUT, RUNNING, SUCCEEDED, UNREACHABLE, UPDATED
from tests.fivetran_blueprints.responses import ID, PLAIN_FILES, UNKNOWN_ID, Fivetran, at, connection
from tests.wire import HTML, LOST, REFUSED, UNCLEAR_ONES

HISTORICAL = {"is_historical_sync": True}
START = {"HISTORICAL_SYNC": "TRUE"}
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


def test_after_an_invalid_request_for_a_historical_sync_a_check_takes_no_older_handoff(
    fivetran: Fivetran,
) -> None:
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


def test_a_check_after_it_waits_for_its_own_stamp(fivetran: Fivetran) -> None:
    fivetran.expect_update(HISTORICAL, DUE)
    fivetran.shows(DUE, DUE)
    assert fivetran.update(**START) == UPDATED
    assert fivetran.check(CONNECTOR_ID="") == RUNNING
    fivetran.clock.elapsed += 600
    fivetran.ends("12:05:00")
    assert fivetran.check(CONNECTOR_ID="") == SUCCEEDED
    assert fivetran.run.report.id == ID


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
