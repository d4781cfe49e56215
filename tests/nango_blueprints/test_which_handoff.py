"""Nango - Check Sync Status: which runs are judged, and how each check ends."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from nango_blueprints import check_sync_status, trigger_sync
from tests.nango_blueprints.answers import (
    ACCEPTED,
    BODY,
    BODY_ALL,
    CONNECTION,
    ENVIRONMENT,
    INTEGRATION,
    KEY,
    NAME,
    OF_INTEGRATION,
    QUERY,
    QUERY_ALL,
    STATUS,
    TRIGGER,
    at,
    entries,
    entry,
    never,
    recorded,
    running,
)
from tests.support import FakeClock, make_run
from tests.wire import HTML, LOST, REFUSED, TIMED_OUT, Ending, Vendor, ending

SUCCEEDED, FAILED, RUNNING, UNKNOWN = (0, "succeeded"), (211, "failed"), (210, "running"), (213, "unknown")
NOT_FOUND, UNREACHABLE, INVALID = (204, "not_found"), (220, "unreachable"), (200, "invalid_credentials")
ONLY_THE_KEY = {"NANGO_SECRET_KEY": KEY}
NEW = "12:00:05"


def check(tmp_path: Path, clock: FakeClock, *upstream: str, of: dict[str, str] = ENVIRONMENT, **given: str) -> Ending:
    """Run the check with these inputs, named without NANGO_."""
    given = {**of, **{f"NANGO_{name}": value for name, value in given.items()}}
    return ending(check_sync_status, given, make_run(tmp_path, "nango", clock, upstream=upstream))


def triggered(nango: Vendor, tmp_path: Path, *before: Any, log_id: str | None = None, **given: str) -> None:
    """Run a trigger of one sync in the same artifacts folder; `before` are the entries before it."""
    answer = before[0] if before and isinstance(before[0], str) else entries(*(before or [entry()]))
    nango.expect("GET", STATUS, answer, query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    given = {**ENVIRONMENT, **{f"NANGO_{name}": value for name, value in given.items()}}
    assert ending(trigger_sync, given, make_run(tmp_path, "nango", nango.clock, log_id=log_id)) == (0, "started")
    nango.sent.clear()


def triggered_all(nango: Vendor, tmp_path: Path, *before: Any) -> None:
    """Run a trigger of all syncs of all connections."""
    nango.expect("GET", STATUS, entries(*before), query=QUERY_ALL)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY_ALL)
    assert ending(trigger_sync, OF_INTEGRATION, make_run(tmp_path, "nango", nango.clock)) == (0, "started")
    nango.sent.clear()


# Two triggers of one integration

OTHER_CONNECTION, OTHER_SYNC = "conn-b", "lab-quick"
TWO = {
    "of two connections": [(CONNECTION, NAME), (OTHER_CONNECTION, NAME)],
    "of two syncs": [(CONNECTION, NAME), (CONNECTION, OTHER_SYNC)],
    "of two connections and syncs": [(CONNECTION, NAME), (OTHER_CONNECTION, OTHER_SYNC)],
}


def triggered_each(nango: Vendor, tmp_path: Path, selections: list[tuple[str, str]]) -> None:
    """Run a trigger of each connection and sync, with the log ids 1, 2 and so on."""
    for number, (connection, name) in enumerate(selections, 1):
        of = {**OF_INTEGRATION, "NANGO_CONNECTION_ID": connection, "NANGO_SYNCS": name}
        now = entries(entry(connection=connection, name=name))
        nango.expect("GET", STATUS, now, query={**QUERY, "connection_id": connection, "syncs": name})
        nango.expect("POST", TRIGGER, ACCEPTED, body={**BODY, "connection_id": connection, "syncs": [name]})
        run = make_run(tmp_path, "nango", nango.clock, log_id=str(number))
        assert ending(trigger_sync, of, run) == (0, "started")
    nango.sent.clear()


@pytest.mark.parametrize("selections", TWO.values(), ids=TWO)
@pytest.mark.parametrize("of", [ONLY_THE_KEY, OF_INTEGRATION], ids=["the key alone", "the integration"])
def test_two_handoffs_of_one_integration_between_which_nothing_chooses_are_named(
    nango: Vendor, tmp_path: Path, clock: FakeClock, selections: list[tuple[str, str]], of: dict[str, str]
) -> None:
    triggered_each(nango, tmp_path, selections)
    ended = check(tmp_path, clock, "1", "2", of=of)
    assert ended == (206, "invalid_input")
    for word in {one for selection in selections for one in selection}:
        assert word in ended.message
    assert nango.sent == []


@pytest.mark.parametrize("chosen", [0, 1])
def test_of_two_handoffs_of_one_integration_the_connection_chooses(
    nango: Vendor, tmp_path: Path, clock: FakeClock, chosen: int
) -> None:
    triggered_each(nango, tmp_path, TWO["of two connections"])
    connection = TWO["of two connections"][chosen][0]
    now = entries(entry("SUCCESS", NEW, connection=connection))
    nango.expect("GET", STATUS, now, query={**QUERY, "connection_id": connection})
    ended = check(tmp_path, clock, "1", "2", of=OF_INTEGRATION, CONNECTION_ID=connection)
    assert ended == SUCCEEDED
    assert connection in ended.message


@pytest.mark.parametrize("chosen", [0, 1])
@pytest.mark.parametrize(
    "of",
    [{**OF_INTEGRATION, "NANGO_CONNECTION_ID": CONNECTION}, OF_INTEGRATION, ONLY_THE_KEY],
    ids=["with the connection", "with the integration", "with the key alone"],
)
def test_of_two_handoffs_of_one_connection_the_syncs_choose(
    nango: Vendor, tmp_path: Path, clock: FakeClock, chosen: int, of: dict[str, str]
) -> None:
    triggered_each(nango, tmp_path, TWO["of two syncs"])
    name = TWO["of two syncs"][chosen][1]
    nango.expect("GET", STATUS, entries(entry("SUCCESS", NEW, name=name)), query={**QUERY, "syncs": name})
    ended = check(tmp_path, clock, "1", "2", of=of, SYNCS=name)
    assert ended == SUCCEEDED
    assert name in ended.message


def test_of_two_handoffs_of_the_same_syncs_the_later_one_is_judged(
    nango: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(nango, tmp_path, entry("SUCCESS", "06:00:00"), log_id="1")
    clock.sleep(5)
    triggered(nango, tmp_path, entry("SUCCESS", NEW), log_id="2")
    nango.expect("GET", STATUS, entries(entry("SUCCESS", NEW)), query=QUERY)
    assert check(tmp_path, clock, "1", "2") == RUNNING
