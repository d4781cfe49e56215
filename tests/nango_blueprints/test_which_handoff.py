"""Nango - Check Sync Status: which handoff is checked, and what stands in its way."""

from __future__ import annotations

import pytest

from tests.endings import INVALID_INPUT, NOT_FOUND, STARTED, SUCCEEDED
from tests.nango_blueprints.responses import (
    BODY,
    CONNECTION,
    NAME,
    NEW,
    OF_INTEGRATION,
    ONLY_THE_KEY,
    QUERY,
    Nango,
    entry,
)


def failed_to_trigger(nango: Nango, connection: str = CONNECTION) -> None:
    """Run a trigger whose sync is not there."""
    nango.shows(query={**QUERY, "connection_id": connection})
    assert nango.trigger(CONNECTION_ID=connection) == NOT_FOUND
    nango.sent.clear()


def test_what_was_triggered_is_checked_although_other_syncs_are_named(
    nango: Nango, caplog: pytest.LogCaptureFixture
) -> None:
    nango.triggered()
    nango.shows(entry("SUCCESS", NEW))
    with caplog.at_level("INFO"):
        assert nango.check(SYNCS="another") == SUCCEEDED
    assert any("NANGO_SYNCS differs from what was triggered" in message for message in caplog.messages)


def test_another_way_to_write_a_sync_is_no_other_sync(nango: Nango, caplog: pytest.LogCaptureFixture) -> None:
    nango.triggered()
    nango.shows(entry("SUCCESS", NEW))
    with caplog.at_level("INFO"):
        assert nango.check(SYNCS=f"{NAME}::base") == SUCCEEDED
    assert "NANGO_SYNCS" not in caplog.text


def test_a_trigger_of_another_connection_that_failed_is_ignored_with_a_warning(
    nango: Nango, caplog: pytest.LogCaptureFixture
) -> None:
    nango.triggered()
    failed_to_trigger(nango, "conn-b")
    nango.shows(entry("SUCCESS", NEW))
    assert nango.check() == SUCCEEDED
    assert any(record.levelname == "WARNING" and "conn-b" in record.message for record in caplog.records)


def test_a_check_of_one_connection_takes_no_handoff_of_all(nango: Nango) -> None:
    nango.triggered(entry(), entry(connection="conn-b"), all_connections=True)
    nango.shows(entry())
    assert nango.check() == SUCCEEDED


# Two triggers of one integration

OTHER_CONNECTION, OTHER_SYNC = "conn-b", "lab-quick"
TWO = {
    "of two connections": [(CONNECTION, NAME), (OTHER_CONNECTION, NAME)],
    "of two syncs": [(CONNECTION, NAME), (CONNECTION, OTHER_SYNC)],
    "of two connections and syncs": [(CONNECTION, NAME), (OTHER_CONNECTION, OTHER_SYNC)],
}


def triggered_each(nango: Nango, selections: list[tuple[str, str]]) -> None:
    """Run a trigger of each connection and sync, with the log ids 1, 2 and so on."""
    for number, (connection, name) in enumerate(selections, 1):
        which = {"connection_id": connection}
        nango.expect_trigger(
            entry(connection=connection, name=name),
            query={**QUERY, **which, "syncs": name},
            body={**BODY, **which, "syncs": [name]},
        )
        assert nango.trigger(log_id=str(number), CONNECTION_ID=connection, SYNCS=name) == STARTED
    nango.sent.clear()
    nango.clock.sleep(60)


@pytest.mark.parametrize("selections", TWO.values(), ids=TWO)
@pytest.mark.parametrize("of", [ONLY_THE_KEY, OF_INTEGRATION], ids=["the key alone", "the integration"])
def test_two_handoffs_of_one_integration_between_which_nothing_chooses_are_named(
    nango: Nango, selections: list[tuple[str, str]], of: dict[str, str]
) -> None:
    triggered_each(nango, selections)
    words = {one for selection in selections for one in selection}
    assert nango.check("1", "2", of=of) == (*INVALID_INPUT, *words)
    assert nango.sent == []


@pytest.mark.parametrize("chosen", [0, 1])
def test_of_two_handoffs_of_one_integration_the_connection_chooses(nango: Nango, chosen: int) -> None:
    triggered_each(nango, TWO["of two connections"])
    connection = TWO["of two connections"][chosen][0]
    nango.shows(entry("SUCCESS", NEW, connection=connection), query={**QUERY, "connection_id": connection})
    assert nango.check("1", "2", of=OF_INTEGRATION, CONNECTION_ID=connection) == (*SUCCEEDED, connection)


@pytest.mark.parametrize("chosen", [0, 1])
@pytest.mark.parametrize(
    "of",
    [{**OF_INTEGRATION, "NANGO_CONNECTION_ID": CONNECTION}, OF_INTEGRATION, ONLY_THE_KEY],
    ids=["with the connection", "with the integration", "with the key alone"],
)
def test_of_two_handoffs_of_one_connection_the_syncs_choose(nango: Nango, chosen: int, of: dict[str, str]) -> None:
    triggered_each(nango, TWO["of two syncs"])
    name = TWO["of two syncs"][chosen][1]
    nango.shows(entry("SUCCESS", NEW, name=name), query={**QUERY, "syncs": name})
    assert nango.check("1", "2", of=of, SYNCS=name) == (*SUCCEEDED, name)
