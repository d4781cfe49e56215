"""What a trigger of Nango's saves for a check: in plain text, and as version 0.1 wrote it."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from tests.endings import ARTIFACT_ERROR, FAILED, INVALID_INPUT, NOT_FOUND, RUNNING, STARTED, SUCCEEDED
from tests.nango_blueprints.responses import CONNECTION, NAME, NEW, OF_INTEGRATION, ONLY_THE_KEY, Nango, entry, running
from tests.wire import Ending

UUIDS = "3062cf74-b10e-46e8-89f9-a166edcdd8f9", "0062cf74-b10e-46e8-89f9-a166edcdd8f9", "not-a-uuid"
OLD, LATER = "06:00:00.123", "12:00:05.456"


def checked(nango: Nango, name: str) -> Ending:
    """How a check ends that finds this handoff of version 0.1."""
    nango.put(sync=nango.written_by_0_1(name)[name])
    return nango.check(of=ONLY_THE_KEY)


@pytest.mark.parametrize(
    ("first", "second", "third", "expected"),
    [
        (entry("SUCCESS", OLD), entry(None, None), entry("SUCCESS", "06:00:00"), RUNNING),
        (entry("SUCCESS", LATER), entry("SUCCESS", LATER), entry("SUCCESS", "06:00:00"), RUNNING),
        (entry("SUCCESS", LATER), entry("SUCCESS", LATER), entry("SUCCESS", LATER), SUCCEEDED),
        (entry("SUCCESS", LATER), entry("STOPPED", LATER), entry("SUCCESS", LATER), FAILED),
    ],
)
def test_numbers_of_version_0_1_are_compared_as_the_ids_and_times_they_are(
    nango_all: Nango, first: Any, second: Any, third: Any, expected: tuple[int, str]
) -> None:
    nango_all.clock.sleep(60)
    nango_all.shows(*({**one, "id": key} for key, one in zip(UUIDS, (first, second, third))))
    assert checked(nango_all, "all_connections") == expected


def test_names_of_version_0_1_that_mean_the_same_are_asked_for_once(nango: Nango) -> None:
    nango.clock.sleep(61)
    nango.shows({**entry("SUCCESS", OLD), "id": UUIDS[0]})
    assert checked(nango, "one_connection") == (*FAILED, "within 60 s"), "its own start grace"


@pytest.mark.parametrize(
    ("now", "expected"), [(running(), RUNNING), (entry("SUCCESS", OLD), SUCCEEDED), (entry("STOPPED", OLD), FAILED)]
)
def test_a_run_that_version_0_1_joined_ends_with_any_end(nango: Nango, now: Any, expected: tuple[int, str]) -> None:
    nango.shows({**now, "id": UUIDS[0]})
    assert checked(nango, "joined") == expected


def test_more_syncs_than_version_0_1_wrote_names_of_are_checked(nango: Nango) -> None:
    nango.triggered()
    nango.put(sync={**nango.files["sync.pickle"], "labels": []})
    nango.shows(entry("STOPPED", LATER))
    assert nango.check(of=ONLY_THE_KEY) == (*FAILED, f"{CONNECTION}/{NAME}")


def test_a_trigger_of_version_0_1_that_was_killed_stops_a_check(nango: Nango) -> None:
    nango.put(**nango.written_by_0_1("starting"))
    assert nango.check(of=ONLY_THE_KEY) == (*ARTIFACT_ERROR, "a sync may be running")


@pytest.mark.parametrize(
    "odd",
    [
        *({"ids": odd} for odd in ([], [None], [-1], [1 << 128], ["a", "b"])),
        *({"finished_at": [odd]} for odd in ([], "yesterday", 20261340060000123, -1, True)),
        *({"start_grace": odd} for odd in ("600", -1, 10**9, True)),
        {"labels": ["a", "b"]},
        {"server_time": None},
        {"server_time": "2026-11-22T12:00:00Z"},
        {"has_baseline": False},
        {"has_baseline": 1},
        {"syncs": ["a/b"]},
        {"connection_id": "a*b"},
        {"provider_config_key": "a/b"},
        {"provider_config_key": None},
    ],
    ids=str,
)
def test_a_handoff_that_no_trigger_writes_ends_the_check(nango: Nango, odd: dict[str, Any]) -> None:
    nango.triggered()
    nango.put(sync={**nango.files["sync.pickle"], **odd})
    assert nango.check(of=ONLY_THE_KEY) == (*ARTIFACT_ERROR, "sync.pickle")


def test_a_handoff_that_lacks_a_value_ends_the_check(nango: Nango) -> None:
    nango.triggered()
    saved = nango.files["sync.pickle"]
    for key in saved.keys() - {"attempt", "late", "gap", "reset", "joined", "has_baseline"}:
        nango.put(sync={name: value for name, value in saved.items() if name != key})
        assert nango.check(of=ONLY_THE_KEY) == ARTIFACT_ERROR, key


def many(count: int) -> list[dict[str, Any]]:
    """As many entries, each of a connection of its own."""
    numbers = range(count)
    return [{**entry(connection=f"conn-{number}"), "id": str(uuid5(NAMESPACE_URL, str(number)))} for number in numbers]


@pytest.mark.slow
def test_tens_of_thousands_of_syncs_are_saved(nango_all: Nango) -> None:
    before = many(30_000)
    nango_all.triggered(*before)
    nango_all.shows(*({**one, "finishedAt": "2026-11-22T12:00:05Z"} for one in before))
    assert nango_all.check(of=ONLY_THE_KEY) == (*SUCCEEDED, "all 30000 syncs")


@pytest.mark.slow
def test_more_syncs_than_fit_into_the_handoff_are_not_started(nango_all: Nango) -> None:
    nango_all.shows(*many(50_000))
    assert nango_all.trigger() == (*ARTIFACT_ERROR, "nothing was started", "fewer syncs")
    assert nango_all.files["starting.pickle"]["state"] == "ended"


# Which handoff is checked


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
    nango.selects("conn-b", NAME)
    nango.shows()
    assert nango.trigger() == NOT_FOUND
    nango.selects(CONNECTION, NAME)
    nango.shows(entry("SUCCESS", NEW))
    assert nango.check() == SUCCEEDED
    assert any(record.levelname == "WARNING" and "conn-b" in record.message for record in caplog.records)


def test_after_a_failed_trigger_of_all_connections_a_check_of_one_takes_no_older_handoff(nango: Nango) -> None:
    nango.triggered()
    nango.selects(None, None)
    nango.shows()
    assert nango.trigger() == NOT_FOUND
    nango.selects(CONNECTION, NAME)
    assert nango.check() == (*ARTIFACT_ERROR, "not_found")


def test_a_check_of_one_connection_takes_no_handoff_of_all(nango: Nango) -> None:
    nango.selects(None, None)
    nango.triggered(entry(), entry(connection="conn-b"))
    nango.selects(CONNECTION, NAME)
    nango.shows(entry())
    assert nango.check() == SUCCEEDED


OURS, OTHER_CONNECTION, OTHER_SYNC = (CONNECTION, NAME), ("conn-b", NAME), (CONNECTION, "lab-quick")
OF_CONNECTION = {**OF_INTEGRATION, "NANGO_CONNECTION_ID": CONNECTION}


def triggered_ours_and(nango: Nango, other: tuple[str, str]) -> None:
    """Run a trigger of our connection and sync with the log id 1, and of the other ones with 2."""
    for log_id, (connection, name) in (("1", OURS), ("2", other)):
        nango.selects(connection, name)
        nango.expect_trigger(entry(connection=connection, name=name))
        assert nango.trigger(log_id=log_id) == STARTED
    nango.clock.sleep(60)


@pytest.mark.parametrize("other", [OTHER_CONNECTION, OTHER_SYNC, ("conn-b", "lab-quick")], ids=str)
@pytest.mark.parametrize("of", [ONLY_THE_KEY, OF_INTEGRATION], ids=["the key alone", "the integration"])
def test_two_handoffs_of_one_integration_between_which_nothing_chooses_are_named(
    nango: Nango, other: tuple[str, str], of: dict[str, str]
) -> None:
    triggered_ours_and(nango, other)
    assert nango.check("1", "2", of=of) == (*INVALID_INPUT, *OURS, *other)


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
    triggered_ours_and(nango, other)
    connection, name = [OURS, other][chosen]
    nango.selects(connection, name)
    nango.shows(entry("SUCCESS", NEW, connection=connection, name=name))
    choice = {given: connection if given == "CONNECTION_ID" else name}
    assert nango.check("1", "2", of=of, **choice) == (*SUCCEEDED, connection, name)
