"""Fivetran - Update Connector on the wire: what Fivetran shows after an update, and historical syncs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fivetran_blueprints import check_sync_status
from tests.fivetran_blueprints.responses import (
    DETAILS,
    ENVIRONMENT,
    HISTORY,
    ID,
    NOT_FOUND,
    Fivetran,
    at,
    connection,
)
from tests.support import FakeClock, make_run
from tests.wire import LOST, TIMED_OUT, ending

ASKED = {"run_setup_tests": False, "is_historical_sync": True}
SCHEDULED, DUE = connection(), connection(is_historical_sync=True)
RUNNING = connection("syncing", is_historical_sync=True)
OVER = connection(succeeded_at=at("12:00:01"))


@pytest.mark.parametrize(
    ("patched", "shown"),
    [
        pytest.param(RUNNING, [RUNNING], id="it runs"),
        pytest.param(DUE, [DUE], id="it is due"),
        pytest.param(SCHEDULED, [SCHEDULED, SCHEDULED, DUE], id="its flag shows late"),
        pytest.param(SCHEDULED, [OVER], id="it is over, and its flag is gone again"),
    ],
)
def test_a_historical_sync_that_begins_is_saved_for_the_check(
    fivetran: Fivetran, patched: Any, shown: list[Any]
) -> None:
    fivetran.shows(SCHEDULED)
    fivetran.expect("PATCH", DETAILS, patched, body=ASKED)
    for response in shown:
        fivetran.shows(response)
    assert fivetran.update(HISTORICAL_SYNC="TRUE") == (0, "updated")
    assert {"sync.pickle", "force_sync.pickle"} <= fivetran.files().keys()
    assert "starting.pickle" not in fivetran.files()


def test_a_historical_sync_that_never_shows_is_refused_and_leaves_no_handoff(fivetran: Fivetran) -> None:
    fivetran.shows(SCHEDULED)
    fivetran.expect("PATCH", DETAILS, SCHEDULED, body=ASKED)
    fivetran.shows(SCHEDULED, many=True)
    assert fivetran.update(HISTORICAL_SYNC="TRUE") == (201, "refused", "is_historical_sync is false, not true")
    assert fivetran.files().keys() == {"starting.pickle"}


def test_a_connection_that_is_not_found_right_after_its_update_is_polled_again(fivetran: Fivetran) -> None:
    fivetran.shows(SCHEDULED)
    fivetran.expect("PATCH", DETAILS, DUE, body=ASKED)
    fivetran.shows(*[NOT_FOUND] * 3, status=404)
    fivetran.shows(RUNNING, many=True)
    assert fivetran.update(HISTORICAL_SYNC="TRUE") == (0, "updated")
    assert {"sync.pickle", "force_sync.pickle"} <= fivetran.files().keys()


def test_a_connection_that_stays_not_found_after_its_update_leaves_it_unclear(fivetran: Fivetran) -> None:
    fivetran.shows(SCHEDULED)
    fivetran.expect("PATCH", DETAILS, DUE, body=ASKED)
    fivetran.shows(NOT_FOUND, status=404, many=True)
    assert fivetran.update(HISTORICAL_SYNC="TRUE") == (
        220,
        "unreachable",
        "it is not known whether is_historical_sync of speak_inexpensive changed",
    )
    assert fivetran.files()["starting.pickle"]["state"] == "sent"


def test_a_paused_connection_only_notes_the_historical_sync(fivetran: Fivetran) -> None:
    paused = connection("paused", paused=True, is_historical_sync=True)
    fivetran.shows(connection("paused", paused=True))
    fivetran.expect("PATCH", DETAILS, paused, body=ASKED)
    fivetran.shows(paused, many=True)
    assert fivetran.update(HISTORICAL_SYNC="TRUE") == (0, "updated", "paused")
    assert fivetran.files() == {}


@pytest.mark.parametrize(
    ("paused", "saved"), [(False, {"sync.pickle", "force_sync.pickle"}), (True, set())], ids=["un-paused", "paused"]
)
def test_the_pause_that_is_asked_for_decides_whether_a_historical_sync_starts_even_if_it_shows_late(
    fivetran: Fivetran, paused: bool, saved: set[str]
) -> None:
    before, after = (connection(paused=one, is_historical_sync=True) for one in (not paused, paused))
    fivetran.shows(connection(paused=not paused))
    fivetran.expect("PATCH", DETAILS, before, body={**ASKED, "paused": paused})
    fivetran.shows(before)
    fivetran.shows(after, many=True)
    ended = fivetran.update(HISTORICAL_SYNC="TRUE", PAUSED=str(paused))
    assert ended == (0, "updated")
    assert ("the connection is paused" in ended.message) is paused
    assert fivetran.files().keys() - {"connector_id.pickle", "execution_time.pickle"} == saved


def test_a_historical_sync_that_this_one_stops_is_named_in_a_warning(
    fivetran: Fivetran, caplog: pytest.LogCaptureFixture
) -> None:
    fivetran.shows(RUNNING)
    fivetran.expect("PATCH", DETAILS, RUNNING, body=ASKED)
    fivetran.shows(RUNNING, many=True)
    assert fivetran.update(HISTORICAL_SYNC="TRUE") == (0, "updated")
    assert f"a historical sync of {ID} is running, possibly for days, and will be stopped" in caplog.messages


@pytest.mark.parametrize(
    ("lost", "shown", "expected"),
    [(LOST, RUNNING, (0, "updated")), (LOST, SCHEDULED, (220, "unreachable")), (TIMED_OUT, RUNNING, (0, "updated"))],
)
def test_an_update_without_a_response_is_searched_for_and_never_sent_again(
    fivetran: Fivetran, lost: Exception, shown: Any, expected: tuple[int, str]
) -> None:
    fivetran.shows(SCHEDULED)
    fivetran.expect("PATCH", DETAILS, lost, body=ASKED)
    fivetran.shows(shown, many=True)
    ended = fivetran.update(HISTORICAL_SYNC="TRUE")
    assert ended == expected
    assert "nothing was started" not in ended.message
    assert len([sent for sent in fivetran.sent if sent.method == "PATCH"]) == 1


def test_a_check_after_a_historical_sync_waits_for_its_own_stamp(
    fivetran: Fivetran, clock: FakeClock, tmp_path: Path
) -> None:
    fivetran.shows(SCHEDULED)
    fivetran.expect("PATCH", DETAILS, DUE, body=ASKED)
    fivetran.shows(*[DUE] * 2)
    assert fivetran.update(HISTORICAL_SYNC="TRUE") == (0, "updated")
    assert fivetran.check() == (210, "running")
    fivetran.clock.elapsed += 600
    window = {"start_time": at("11:59:58"), "end_time": at("12:10:00"), "limit": "1000"}
    fivetran.shows(connection(succeeded_at=at("12:05:00")))
    fivetran.expect("GET", HISTORY, {"code": "Forbidden"}, status=403, query=window)
    run = make_run(tmp_path, "fivetran", clock)
    keys = {name: value for name, value in ENVIRONMENT.items() if name != "FIVETRAN_CONNECTOR_ID"}
    assert ending(check_sync_status, keys, run) == (0, "succeeded")
    assert fivetran.run.report.id == ID, "a check takes the id from the handoff"


@pytest.mark.parametrize(
    ("asked", "shown", "difference"),
    [
        ('{"config":{"pats":["x1234","y1234"]}}', {"config": {"pats": ["******", "******"]}}, ""),
        ('{"config":{"password":"hunter22"}}', {"config": {"password": None}}, ""),
        ('{"config":{"tables":["b","a"]}}', {"config": {"tables": ["a", "b"]}}, ""),
        ('{"config":{"tables":["b","a"]}}', {"config": {"tables": ["a", "c"]}}, "config.tables"),
        ('{"config":{"is_ftps":true}}', {"config": {"is_ftps": "true"}}, ""),
        ('{"daily_sync_time":"7:00"}', {"daily_sync_time": "07:00"}, ""),
        ('{"daily_sync_time":"7:00"}', {"daily_sync_time": "07:00:00"}, ""),
        ('{"daily_sync_time":"8:00"}', {"daily_sync_time": "07:00"}, 'daily_sync_time is "07:00", not "8:00"'),
        ('{"config":{"since":"2026-01-01"}}', {"config": {"since": "2026-01-01T00:00:00Z"}}, ""),
        ('{"config":{"api_key":"hunter22"}}', {"config": {"api_key": "******22"}}, ""),
        ('{"config":{"password":"hunter22"}}', {"config": {"password": "••••••"}}, ""),
        ('{"config":{"is_ftps":true}}', {"config": {"is_ftps": False}}, "config.is_ftps is false, not true"),
        ('{"config":{"port":22}}', {"config": {"port": 21}}, "config.port is 21, not 22"),
        ('{"config":{"pin_token":1234}}', {"config": {"pin_token": 5678}}, "config.pin_token is not what"),
        ('{"config":{"note":null}}', {"config": {}}, ""),
        ('{"config":{"items":[{"id":1}]}}', {"config": {"items": [{"id": 1, "added": "default"}]}}, ""),
        ('{"sync_frequency":60}', {"sync_frequency": 360}, "sync_frequency is 360, not 60"),
        ('{"config":{"sync_mode":"Legacy"}}', {"config": {"sync_mode": "Separate"}}, "config.sync_mode"),
    ],
)
def test_only_a_value_that_can_be_compared_and_differs_is_refused(
    fivetran: Fivetran, asked: str, shown: dict[str, Any], difference: str
) -> None:
    response = connection()
    response["data"].update(shown)
    fivetran.expect("PATCH", DETAILS, response, body={"run_setup_tests": False, **json.loads(asked)})
    if difference:
        fivetran.shows(response, many=True)
    ended = fivetran.update(CUSTOM_UPDATE=asked)
    assert ended == ((201, "refused") if difference else (0, "updated"))
    assert difference in ended.message
    assert not any(secret in ended.message for secret in ("hunter22", "x1234", "5678", "Legacy", "Separate"))
    assert fivetran.files() == {}
