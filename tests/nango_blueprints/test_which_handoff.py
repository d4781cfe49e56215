"""Nango - Check Sync Status: which handoff is checked, and what stands in its way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nango_blueprints import check_sync_status, trigger_sync
from tests.nango_blueprints.responses import (
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
    entries,
    entry,
)
from tests.support import FakeClock, make_run
from tests.wire import Ending, Vendor, ending

SUCCEEDED, RUNNING = (0, "succeeded"), (210, "running")
ONLY_THE_KEY = {"NANGO_SECRET_KEY": KEY}
NEW = "12:00:05"


def check(tmp_path: Path, clock: FakeClock, *upstream: str, of: dict[str, str] = ENVIRONMENT, **given: str) -> Ending:
    """Run the check with these inputs, named without NANGO_."""
    given = {**of, **{f"NANGO_{name}": value for name, value in given.items()}}
    return ending(check_sync_status, given, make_run(tmp_path, "nango", clock, upstream=upstream))


def triggered(
    nango: Vendor, tmp_path: Path, *before: Any, log_id: str | None = None, all_connections: bool = False
) -> None:
    """Run a trigger in the same artifacts folder, a minute ago; `before` are the entries before it."""
    of, query, body = (OF_INTEGRATION, QUERY_ALL, BODY_ALL) if all_connections else (ENVIRONMENT, QUERY, BODY)
    nango.expect("GET", STATUS, entries(*(before or [entry()])), query=query)
    nango.expect("POST", TRIGGER, ACCEPTED, body=body)
    assert ending(trigger_sync, of, make_run(tmp_path, "nango", nango.clock, log_id=log_id)) == (0, "started")
    nango.sent.clear()
    nango.clock.sleep(60)


def failed_to_trigger(nango: Vendor, tmp_path: Path, **given: str) -> None:
    """Run a trigger whose sync is not there."""
    query = {**QUERY, "connection_id": given.get("NANGO_CONNECTION_ID", CONNECTION)}
    nango.expect("GET", STATUS, entries(), query=query)
    assert ending(trigger_sync, {**ENVIRONMENT, **given}, make_run(tmp_path, "nango", nango.clock)) == (
        204,
        "not_found",
    )
    nango.sent.clear()


def test_a_handoff_of_another_integration_is_ignored_with_a_warning(
    nango: Vendor, tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    triggered(nango, tmp_path)
    nango.expect("GET", STATUS, entries(entry()), query={**QUERY, "provider_config_key": "another"})
    assert check(tmp_path, clock, PROVIDER_CONFIG_KEY="another") == SUCCEEDED
    assert any(record.levelname == "WARNING" and INTEGRATION in record.message for record in caplog.records)


def test_a_handoff_of_another_connection_is_ignored(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(nango, tmp_path)
    nango.expect("GET", STATUS, entries(entry(connection="conn-b")), query={**QUERY, "connection_id": "conn-b"})
    assert check(tmp_path, clock, CONNECTION_ID="conn-b") == SUCCEEDED


def test_what_was_triggered_is_checked_although_other_syncs_are_named(
    nango: Vendor, tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    triggered(nango, tmp_path)
    nango.expect("GET", STATUS, entries(entry("SUCCESS", NEW)), query=QUERY)
    with caplog.at_level("INFO"):
        assert check(tmp_path, clock, SYNCS="another") == SUCCEEDED
    assert any("NANGO_SYNCS differs from what was triggered" in message for message in caplog.messages)


def test_another_way_to_write_a_sync_is_no_other_sync(
    nango: Vendor, tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    triggered(nango, tmp_path)
    nango.expect("GET", STATUS, entries(entry("SUCCESS", NEW)), query=QUERY)
    with caplog.at_level("INFO"):
        assert check(tmp_path, clock, SYNCS=f"{NAME}::base") == SUCCEEDED
    assert "NANGO_SYNCS" not in caplog.text


@pytest.mark.parametrize("of", [ENVIRONMENT, OF_INTEGRATION, ONLY_THE_KEY])
def test_an_old_success_never_stands_for_a_trigger_that_failed(
    nango: Vendor, tmp_path: Path, clock: FakeClock, of: dict[str, str]
) -> None:
    triggered(nango, tmp_path)
    failed_to_trigger(nango, tmp_path)
    ended = check(tmp_path, clock, of=of)
    assert ended == (221, "artifact_error")
    assert "204 (not_found)" in ended.message
    assert nango.sent == []


def test_a_trigger_of_another_connection_that_failed_is_ignored_with_a_warning(
    nango: Vendor, tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    triggered(nango, tmp_path)
    failed_to_trigger(nango, tmp_path, NANGO_CONNECTION_ID="conn-b")
    nango.expect("GET", STATUS, entries(entry("SUCCESS", NEW)), query=QUERY)
    assert check(tmp_path, clock) == SUCCEEDED
    assert any(record.levelname == "WARNING" and "conn-b" in record.message for record in caplog.records)


def test_the_trigger_of_an_upstream_log_id_comes_first(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(nango, tmp_path, entry("SUCCESS", "06:00:00"), log_id="5")
    triggered(nango, tmp_path, entry("SUCCESS", NEW), log_id="6")
    nango.expect("GET", STATUS, entries(entry("SUCCESS", NEW)), query=QUERY)
    assert check(tmp_path, clock, "5") == SUCCEEDED
    nango.expect("GET", STATUS, entries(entry("SUCCESS", NEW)), query=QUERY)
    assert check(tmp_path, clock, "6") == RUNNING


def test_a_check_of_one_connection_takes_no_handoff_of_all(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(nango, tmp_path, entry(), entry(connection="conn-b"), all_connections=True)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    assert check(tmp_path, clock) == SUCCEEDED


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
    nango.clock.sleep(60)


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
