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


@pytest.mark.parametrize(("syncs", "notes"), [("another", True), (f"{NAME}::base", False)], ids=["others", "the same"])
def test_what_was_triggered_is_checked_and_other_syncs_that_are_named_get_a_note(
    nango: Nango, caplog: pytest.LogCaptureFixture, syncs: str, notes: bool
) -> None:
    nango.triggered()
    nango.shows(entry("SUCCESS", NEW))
    with caplog.at_level("INFO"):
        assert nango.check(SYNCS=syncs) == SUCCEEDED
    assert ("NANGO_SYNCS differs from what was triggered" in caplog.text) is notes


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

OURS, OTHER_CONNECTION, OTHER_SYNC = (CONNECTION, NAME), ("conn-b", NAME), (CONNECTION, "lab-quick")
OF_CONNECTION = {**OF_INTEGRATION, "NANGO_CONNECTION_ID": CONNECTION}


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


@pytest.mark.parametrize("other", [OTHER_CONNECTION, OTHER_SYNC, ("conn-b", "lab-quick")], ids=str)
@pytest.mark.parametrize("of", [ONLY_THE_KEY, OF_INTEGRATION], ids=["the key alone", "the integration"])
def test_two_handoffs_of_one_integration_between_which_nothing_chooses_are_named(
    nango: Nango, other: tuple[str, str], of: dict[str, str]
) -> None:
    triggered_each(nango, [OURS, other])
    assert nango.check("1", "2", of=of) == (*INVALID_INPUT, *OURS, *other)
    assert nango.sent == []


@pytest.mark.parametrize(
    ("of", "given", "other"),
    [
        (OF_INTEGRATION, "CONNECTION_ID", OTHER_CONNECTION),
        *((of, "SYNCS", OTHER_SYNC) for of in (OF_CONNECTION, OF_INTEGRATION, ONLY_THE_KEY)),
    ],
)
@pytest.mark.parametrize("chosen", [0, 1])
def test_of_two_handoffs_of_one_integration_the_connection_or_the_syncs_choose(
    nango: Nango, of: dict[str, str], given: str, other: tuple[str, str], chosen: int
) -> None:
    triggered_each(nango, [OURS, other])
    connection, name = [OURS, other][chosen]
    query = {**QUERY, "connection_id": connection, "syncs": name}
    nango.shows(entry("SUCCESS", NEW, connection=connection, name=name), query=query)
    choice = {given: connection if given == "CONNECTION_ID" else name}
    assert nango.check("1", "2", of=of, **choice) == (*SUCCEEDED, connection, name)
