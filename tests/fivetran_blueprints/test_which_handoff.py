"""Fivetran - Check Sync Status: which handoff is checked, what stands in its way, and what other versions wrote."""

from __future__ import annotations

import pickle
import sys
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.fivetran_blueprints.responses import (
    DETAILS,
    FAILED,
    ID,
    NOT_FOUND,
    RUNNING,
    SINCE,
    SUCCEEDED,
    Fivetran,
    at,
    connection,
)
from tests.support import NOW

NO_ID = {"CONNECTOR_ID": ""}
PICKLES = Path(__file__).parent / "pickles"


def expect_success(fivetran: Fivetran, since: str | None = SINCE, connector_id: str = ID) -> None:
    """A poll that shows a success at 12:05."""
    path = DETAILS.replace(ID, connector_id)
    fivetran.expect("GET", path, connection(succeeded_at=at("12:05:00"), failed_at=None, id=connector_id))
    fivetran.expect_history(since, "12:05:00")
    fivetran.steps[-1].path = f"{path}/sync-history"


def failed_to_trigger(fivetran: Fivetran, connector_id: str = ID, log_id: str | None = None) -> None:
    """Run a trigger of a connection that is not there."""
    fivetran.expect("GET", DETAILS.replace(ID, connector_id), NOT_FOUND, status=404)
    assert fivetran.trigger(log_id, CONNECTOR_ID=connector_id) == (204, "not_found")
    fivetran.sent.clear()


# Of the triggers before


def test_the_trigger_of_an_upstream_log_id_comes_first(fivetran: Fivetran) -> None:
    fivetran.triggered(connection(succeeded_at=None), log_id="5")
    fivetran.clock.elapsed += 400
    fivetran.triggered(connection(succeeded_at=at("12:05:00"), failed_at=None), log_id="6")
    expect_success(fivetran)
    assert fivetran.check("5") == SUCCEEDED
    fivetran.shows(connection(succeeded_at=at("12:05:00"), failed_at=None))
    assert fivetran.check("6") == RUNNING


def test_without_one_of_an_upstream_log_id_the_plain_handoff_is_checked(fivetran: Fivetran) -> None:
    fivetran.triggered(log_id="5")
    expect_success(fivetran)
    assert fivetran.check("7", "8", **NO_ID) == SUCCEEDED


def handoff_of(fivetran: Fivetran, **changes: Any) -> dict[str, Any]:
    return {**fivetran.files()["sync.pickle"], **changes}


def test_of_two_upstream_triggers_the_input_chooses(fivetran: Fivetran) -> None:
    fivetran.triggered(log_id="5")
    fivetran.put(**{"6_sync": handoff_of(fivetran, connector_id="another_one")})
    expect_success(fivetran)
    assert fivetran.check("5", "6") == SUCCEEDED
    expect_success(fivetran, connector_id="another_one")
    assert fivetran.check("5", "6", CONNECTOR_ID="another_one") == SUCCEEDED


def test_two_upstream_triggers_between_which_nothing_chooses_are_named(fivetran: Fivetran) -> None:
    fivetran.triggered(log_id="5")
    fivetran.put(**{"6_sync": handoff_of(fivetran, connector_id="another_one")})
    assert fivetran.check("5", "6", **NO_ID) == (
        206,
        "invalid_input",
        ID,
        "another_one",
        "5_sync.pickle",
        "6_sync.pickle",
    )
    assert fivetran.sent == []


@pytest.mark.parametrize("order", [("5", "6"), ("6", "5")])
def test_of_two_triggers_of_the_same_connection_the_later_one_is_checked(
    fivetran: Fivetran, order: tuple[str, str]
) -> None:
    fivetran.triggered(log_id="5")
    fivetran.clock.elapsed += 400
    fivetran.triggered(connection(succeeded_at=at("12:05:00"), failed_at=None), log_id="6")
    fivetran.shows(connection(succeeded_at=at("12:05:00"), failed_at=None))
    assert fivetran.check(*order, **NO_ID) == RUNNING


def test_a_handoff_of_another_connector_is_ignored_with_a_warning(
    fivetran: Fivetran, caplog: pytest.LogCaptureFixture
) -> None:
    fivetran.triggered()
    expect_success(fivetran, None, "another_one")
    assert fivetran.check(CONNECTOR_ID="another_one") == SUCCEEDED
    assert any(record.levelname == "WARNING" and ID in record.message for record in caplog.records)


@pytest.mark.parametrize("given", [{}, NO_ID])
def test_an_old_success_never_stands_for_a_trigger_that_failed(fivetran: Fivetran, given: dict[str, str]) -> None:
    fivetran.triggered()
    failed_to_trigger(fivetran)
    assert fivetran.check(**given) == (221, "artifact_error", "204 (not_found)")
    assert fivetran.sent == []


def test_a_trigger_that_failed_stops_the_check_of_its_log_id_alone(fivetran: Fivetran) -> None:
    failed_to_trigger(fivetran, log_id="5")
    fivetran.triggered(log_id="6")
    assert fivetran.check("5") == (221, "artifact_error")
    expect_success(fivetran)
    assert fivetran.check("6") == SUCCEEDED


def test_a_trigger_of_another_connector_that_failed_is_ignored_with_a_warning(
    fivetran: Fivetran, caplog: pytest.LogCaptureFixture
) -> None:
    fivetran.triggered()
    failed_to_trigger(fivetran, "another_one")
    expect_success(fivetran)
    assert fivetran.check() == SUCCEEDED
    assert any(record.levelname == "WARNING" and "another_one" in record.message for record in caplog.records)


def test_a_trigger_with_invalid_inputs_stops_a_check_too(fivetran: Fivetran) -> None:
    fivetran.triggered()
    assert fivetran.trigger(IF_RUNNING="perhaps") == (206, "invalid_input")
    assert fivetran.check() == (221, "artifact_error", "206 (invalid_input)")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sync", b""),
        ("sync", b"\x80\x04."),
        ("sync", []),
        ("sync", {"version": 2}),
        ("sync", {"version": 1, "connector_id": ID}),
        ("sync", "execution_time"),
        ("sync", {"connector_id": "../other"}),
        ("sync", {"connector_id": 5}),
        ("sync", {"succeeded_at": "2026-11-22"}),
        ("sync", {"failed_at": datetime(2026, 11, 22)}),
        ("force_sync", b"force_sync"),
        ("force_sync", [ID]),
        ("force_sync", []),
        ("force_sync", [ID, None]),
        ("force_sync", [ID, datetime(2026, 11, 22, 12)]),
        ("force_sync", [ID, NOW, "more"]),
        ("force_sync", ["../other", NOW]),
        ("force_sync", "text"),
        ("connector_id", 5),
        ("execution_time", "2026-11-22"),
        ("starting", b"starting"),
        ("starting", {"version": 2, "state": "sent"}),
    ],
)
def test_a_file_that_cannot_be_read_ends_the_check_even_with_an_id(
    fivetran: Fivetran, tmp_path: Path, name: str, value: Any
) -> None:
    fivetran.triggered()
    found = fivetran.files()
    if name == "sync" and isinstance(value, dict):
        value = {**(found["sync.pickle"] if len(value) == 1 else {}), **value}
    if name == "sync" and value == "execution_time":
        value = {**found["sync.pickle"], "execution_time": None}
    variables = tmp_path / "fivetran-blueprints" / "variables"
    others = {"sync": [], "starting": []}.get(name, ["sync"] if name == "force_sync" else ["sync", "force_sync"])
    for other in others:
        (variables / f"{other}.pickle").unlink()
    fivetran.put(**{name: value})
    ended = fivetran.check()
    assert ended == (221, "artifact_error", f"{name}.pickle")
    assert fivetran.sent == []


# The files of other programs

OTHERS = [{"force_sync": [ID, NOW]}, {"force_sync": (ID, NOW)}, {"connector_id": ID, "execution_time": NOW}]


@pytest.mark.parametrize("others", OTHERS, ids=["force_sync", "a tuple", "two files"])
@pytest.mark.parametrize(
    ("succeeded_at", "failed_at", "ended_at", "expected"),
    [
        ("06:00:00", "05:00:00", "", RUNNING),
        ("12:00:00", None, "", RUNNING),
        ("12:00:00.001", None, "12:00:00", SUCCEEDED),
        ("12:09:00", "12:05:00", "12:09:00", SUCCEEDED),
        ("12:05:00", "12:09:00", "12:09:00", FAILED),
        ("06:00:00", "12:05:00", "12:05:00", FAILED),
    ],
)
def test_a_stamp_later_than_their_time_of_execution_is_that_of_the_sync(
    fivetran: Fivetran,
    others: dict[str, Any],
    succeeded_at: str,
    failed_at: str | None,
    ended_at: str,
    expected: tuple[int, str],
) -> None:
    fivetran.put(**others)
    fivetran.shows(connection("scheduled", at(succeeded_at), failed_at and at(failed_at)))
    if ended_at:
        fivetran.expect_history(SINCE, ended_at)
    assert fivetran.check(**NO_ID) == expected


def test_they_are_found_by_an_upstream_log_id(fivetran: Fivetran) -> None:
    fivetran.put(**{"9_force_sync": [ID, NOW], "force_sync": ["another_one", NOW]})
    expect_success(fivetran)
    assert fivetran.check("8", "9", **NO_ID) == SUCCEEDED


def test_our_own_handoff_comes_before_theirs(fivetran: Fivetran) -> None:
    fivetran.triggered()
    fivetran.put(force_sync=["another_one", NOW], connector_id="another_one")
    expect_success(fivetran)
    assert fivetran.check(**NO_ID) == SUCCEEDED


@pytest.mark.parametrize("name", ["connector_id", "execution_time"])
def test_one_of_their_two_files_alone_is_no_handoff(fivetran: Fivetran, name: str) -> None:
    fivetran.put(**{name: ID if name == "connector_id" else NOW})
    assert fivetran.check(**NO_ID) == (206, "invalid_input")
    expect_success(fivetran, None)
    assert fivetran.check() == SUCCEEDED


def test_times_in_another_zone_are_compared_as_instants(fivetran: Fivetran) -> None:
    fivetran.put(force_sync=[ID, datetime(2026, 11, 22, 14, 0, tzinfo=timezone(timedelta(hours=2)))])
    fivetran.shows(connection(succeeded_at="2026-11-22T13:30:00+02:00"))
    assert fivetran.check() == RUNNING
    expect_success(fivetran)
    assert fivetran.check() == SUCCEEDED


def test_a_time_of_execution_by_pytz_is_read_without_pytz(fivetran: Fivetran, monkeypatch: pytest.MonkeyPatch) -> None:
    class Utc(tzinfo):
        """Pickles as pytz.UTC does: as a call of `pytz._UTC`."""

        def __reduce__(self) -> Any:
            return pytz._UTC, ()

    def of_pytz() -> Utc:
        return Utc()

    pytz: Any = ModuleType("pytz")
    pytz._UTC, of_pytz.__module__, of_pytz.__qualname__ = of_pytz, "pytz", "_UTC"
    with monkeypatch.context() as while_it_is_written:
        while_it_is_written.setitem(sys.modules, "pytz", pytz)
        fivetran.put(force_sync=[ID, datetime(2026, 11, 22, 12, tzinfo=Utc())])
    fivetran.shows(connection(succeeded_at=at("11:59:00")))
    assert fivetran.check() == RUNNING
    expect_success(fivetran)
    assert fivetran.check() == SUCCEEDED


# What version 0.1 wrote: its trigger ran at 12:00 and the latest success was of 06:00:00.123456


def written_by_0_1(*names: str) -> dict[str, bytes]:
    return {name: (PICKLES / f"{name}.pickle").read_bytes() for name in names}


@pytest.mark.parametrize(
    ("name", "since", "polls"),
    [
        ("triggered", SINCE, 1),
        ("first_sync", SINCE, 1),
        ("interrupting", SINCE, 2),
        ("joined", None, 1),
    ],
)
def test_a_handoff_of_version_0_1_is_checked(fivetran: Fivetran, name: str, since: str | None, polls: int) -> None:
    fivetran.put(sync=written_by_0_1(name)[name])
    first = name == "first_sync"
    before = connection("syncing", None if first else at("06:00:00.123456"), None if first else at("05:00:00"))
    fivetran.shows(before)
    assert fivetran.check(**NO_ID) == RUNNING
    for _ in range(polls):
        fivetran.shows(connection(succeeded_at=at("12:05:00"), failed_at=at("12:00:02")))
    fivetran.expect_history(since, "12:05:00")
    assert fivetran.check() == SUCCEEDED


def test_what_the_sync_left_that_version_0_1_interrupted_is_not_taken_for_the_new_one(fivetran: Fivetran) -> None:
    fivetran.put(sync=written_by_0_1("interrupting")["interrupting"])
    fivetran.shows(connection("syncing", failed_at=at("12:00:02")))
    assert fivetran.check() == RUNNING


@pytest.mark.parametrize("names", [["force_sync"], ["connector_id", "execution_time"]])
def test_the_other_files_of_version_0_1_are_checked(fivetran: Fivetran, names: list[str]) -> None:
    fivetran.put(**written_by_0_1(*names))
    expect_success(fivetran)
    assert fivetran.check(**NO_ID) == SUCCEEDED


def test_a_trigger_of_version_0_1_that_was_killed_stops_a_check(fivetran: Fivetran) -> None:
    fivetran.put(**written_by_0_1("starting"))
    assert fivetran.check() == (221, "artifact_error", "a sync may be running")
    fivetran.triggered()
    assert "starting.pickle" not in fivetran.files()


def test_what_version_0_1_wrote_holds_plain_values_of_protocol_4() -> None:
    for path in PICKLES.glob("*.pickle"):
        written = path.read_bytes()
        assert written[:2] == b"\x80\x04"
        assert isinstance(pickle.loads(written), (dict, list, str, datetime))  # noqa: S301
