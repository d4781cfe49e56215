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
    SUCCEEDED,
    at,
    check,
    connection,
    expect_history,
    put,
    trigger,
    triggered,
)
from tests.support import NOW, FakeClock, make_run
from tests.wire import Vendor, files

SINCE = "11:59:58"  # the trigger at 12:00:00, less two seconds
NO_ID = {"CONNECTOR_ID": ""}
PICKLES = Path(__file__).parent / "pickles"


def expect_success(fivetran: Vendor, since: str | None = SINCE, connector_id: str = ID) -> None:
    """A poll that shows a success at 12:05."""
    path = DETAILS.replace(ID, connector_id)
    fivetran.expect("GET", path, connection(succeeded_at=at("12:05:00"), failed_at=None, id=connector_id))
    expect_history(fivetran, since, "12:05:00")
    fivetran.steps[-1].path = f"{path}/sync-history"


def failed_to_trigger(fivetran: Vendor, folder: Path, connector_id: str = ID, log_id: str | None = None) -> None:
    """Run a trigger of a connection that is not there."""
    fivetran.expect("GET", DETAILS.replace(ID, connector_id), NOT_FOUND, status=404)
    run = make_run(folder, "fivetran", fivetran.clock, log_id=log_id)
    assert trigger(run, CONNECTOR_ID=connector_id) == (204, "not_found")
    fivetran.sent.clear()


# Of the triggers before


def test_the_trigger_of_an_upstream_log_id_comes_first(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path, connection(succeeded_at=None), log_id="5")
    clock.elapsed += 400
    triggered(fivetran, tmp_path, connection(succeeded_at=at("12:05:00"), failed_at=None), log_id="6")
    expect_success(fivetran)
    assert check(tmp_path, clock, "5") == SUCCEEDED
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("12:05:00"), failed_at=None))
    assert check(tmp_path, clock, "6") == RUNNING


def test_without_one_of_an_upstream_log_id_the_plain_handoff_is_checked(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(fivetran, tmp_path, log_id="5")
    expect_success(fivetran)
    assert check(tmp_path, clock, "7", "8", **NO_ID) == SUCCEEDED


def handoff_of(folder: Path, **changes: Any) -> dict[str, Any]:
    return {**files(folder)["sync.pickle"], **changes}


def test_of_two_upstream_triggers_the_input_chooses(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path, log_id="5")
    put(tmp_path, **{"6_sync": handoff_of(tmp_path, connector_id="another_one")})
    expect_success(fivetran)
    assert check(tmp_path, clock, "5", "6") == SUCCEEDED
    expect_success(fivetran, connector_id="another_one")
    assert check(tmp_path, clock, "5", "6", CONNECTOR_ID="another_one") == SUCCEEDED


def test_two_upstream_triggers_between_which_nothing_chooses_are_named(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(fivetran, tmp_path, log_id="5")
    put(tmp_path, **{"6_sync": handoff_of(tmp_path, connector_id="another_one")})
    ended = check(tmp_path, clock, "5", "6", **NO_ID)
    assert ended == (206, "invalid_input")
    assert all(words in ended.message for words in (ID, "another_one", "5_sync.pickle", "6_sync.pickle"))
    assert fivetran.sent == []


@pytest.mark.parametrize("order", [("5", "6"), ("6", "5")])
def test_of_two_triggers_of_the_same_connection_the_later_one_is_checked(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, order: tuple[str, str]
) -> None:
    triggered(fivetran, tmp_path, log_id="5")
    clock.elapsed += 400
    triggered(fivetran, tmp_path, connection(succeeded_at=at("12:05:00"), failed_at=None), log_id="6")
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("12:05:00"), failed_at=None))
    assert check(tmp_path, clock, *order, **NO_ID) == RUNNING


def test_a_handoff_of_another_connector_is_ignored_with_a_warning(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    triggered(fivetran, tmp_path)
    expect_success(fivetran, None, "another_one")
    assert check(tmp_path, clock, CONNECTOR_ID="another_one") == SUCCEEDED
    assert any(record.levelname == "WARNING" and ID in record.message for record in caplog.records)


@pytest.mark.parametrize("given", [{}, NO_ID])
def test_an_old_success_never_stands_for_a_trigger_that_failed(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, given: dict[str, str]
) -> None:
    triggered(fivetran, tmp_path)
    failed_to_trigger(fivetran, tmp_path)
    ended = check(tmp_path, clock, **given)
    assert ended == (221, "artifact_error")
    assert "204 (not_found)" in ended.message
    assert fivetran.sent == []


def test_a_trigger_that_failed_stops_the_check_of_its_log_id_alone(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    failed_to_trigger(fivetran, tmp_path, log_id="5")
    triggered(fivetran, tmp_path, log_id="6")
    assert check(tmp_path, clock, "5") == (221, "artifact_error")
    expect_success(fivetran)
    assert check(tmp_path, clock, "6") == SUCCEEDED


def test_a_trigger_of_another_connector_that_failed_is_ignored_with_a_warning(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    triggered(fivetran, tmp_path)
    failed_to_trigger(fivetran, tmp_path, "another_one")
    expect_success(fivetran)
    assert check(tmp_path, clock) == SUCCEEDED
    assert any(record.levelname == "WARNING" and "another_one" in record.message for record in caplog.records)


def test_a_trigger_with_invalid_inputs_stops_a_check_too(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path)
    assert trigger(make_run(tmp_path, "fivetran", clock), IF_RUNNING="perhaps") == (206, "invalid_input")
    ended = check(tmp_path, clock)
    assert ended == (221, "artifact_error")
    assert "206 (invalid_input)" in ended.message


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
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, name: str, value: Any
) -> None:
    triggered(fivetran, tmp_path)
    found = files(tmp_path)
    if name == "sync" and isinstance(value, dict):
        value = {**(found["sync.pickle"] if len(value) == 1 else {}), **value}
    if name == "sync" and value == "execution_time":
        value = {**found["sync.pickle"], "execution_time": None}
    variables = tmp_path / "fivetran-blueprints" / "variables"
    others = {"sync": [], "starting": []}.get(name, ["sync"] if name == "force_sync" else ["sync", "force_sync"])
    for other in others:
        (variables / f"{other}.pickle").unlink()
    put(tmp_path, **{name: value})
    ended = check(tmp_path, clock)
    assert ended == (221, "artifact_error")
    assert f"{name}.pickle" in ended.message
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
    fivetran: Vendor,
    tmp_path: Path,
    clock: FakeClock,
    others: dict[str, Any],
    succeeded_at: str,
    failed_at: str | None,
    ended_at: str,
    expected: tuple[int, str],
) -> None:
    put(tmp_path, **others)
    fivetran.expect("GET", DETAILS, connection("scheduled", at(succeeded_at), failed_at and at(failed_at)))
    if ended_at:
        expect_history(fivetran, SINCE, ended_at)
    assert check(tmp_path, clock, **NO_ID) == expected


def test_they_are_found_by_an_upstream_log_id(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    put(tmp_path, **{"9_force_sync": [ID, NOW], "force_sync": ["another_one", NOW]})
    expect_success(fivetran)
    assert check(tmp_path, clock, "8", "9", **NO_ID) == SUCCEEDED


def test_our_own_handoff_comes_before_theirs(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path)
    put(tmp_path, force_sync=["another_one", NOW], connector_id="another_one")
    expect_success(fivetran)
    assert check(tmp_path, clock, **NO_ID) == SUCCEEDED


@pytest.mark.parametrize("name", ["connector_id", "execution_time"])
def test_one_of_their_two_files_alone_is_no_handoff(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, name: str
) -> None:
    put(tmp_path, **{name: ID if name == "connector_id" else NOW})
    assert check(tmp_path, clock, **NO_ID) == (206, "invalid_input")
    expect_success(fivetran, None)
    assert check(tmp_path, clock) == SUCCEEDED


def test_times_in_another_zone_are_compared_as_instants(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    put(tmp_path, force_sync=[ID, datetime(2026, 11, 22, 14, 0, tzinfo=timezone(timedelta(hours=2)))])
    fivetran.expect("GET", DETAILS, connection(succeeded_at="2026-11-22T13:30:00+02:00"))
    assert check(tmp_path, clock) == RUNNING
    expect_success(fivetran)
    assert check(tmp_path, clock) == SUCCEEDED


def test_a_time_of_execution_by_pytz_is_read_without_pytz(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
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
        put(tmp_path, force_sync=[ID, datetime(2026, 11, 22, 12, tzinfo=Utc())])
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("11:59:00")))
    assert check(tmp_path, clock) == RUNNING
    expect_success(fivetran)
    assert check(tmp_path, clock) == SUCCEEDED


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
def test_a_handoff_of_version_0_1_is_checked(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, name: str, since: str | None, polls: int
) -> None:
    put(tmp_path, sync=written_by_0_1(name)[name])
    first = name == "first_sync"
    before = connection("syncing", None if first else at("06:00:00.123456"), None if first else at("05:00:00"))
    fivetran.expect("GET", DETAILS, before)
    assert check(tmp_path, clock, **NO_ID) == RUNNING
    for _ in range(polls):
        fivetran.expect("GET", DETAILS, connection(succeeded_at=at("12:05:00"), failed_at=at("12:00:02")))
    expect_history(fivetran, since, "12:05:00")
    assert check(tmp_path, clock) == SUCCEEDED


def test_what_the_sync_left_that_version_0_1_interrupted_is_not_taken_for_the_new_one(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    put(tmp_path, sync=written_by_0_1("interrupting")["interrupting"])
    fivetran.expect("GET", DETAILS, connection("syncing", failed_at=at("12:00:02")))
    assert check(tmp_path, clock) == RUNNING


@pytest.mark.parametrize("names", [["force_sync"], ["connector_id", "execution_time"]])
def test_the_other_files_of_version_0_1_are_checked(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, names: list[str]
) -> None:
    put(tmp_path, **written_by_0_1(*names))
    expect_success(fivetran)
    assert check(tmp_path, clock, **NO_ID) == SUCCEEDED


def test_a_trigger_of_version_0_1_that_was_killed_stops_a_check(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    put(tmp_path, **written_by_0_1("starting"))
    ended = check(tmp_path, clock)
    assert ended == (221, "artifact_error")
    assert "a sync may be running" in ended.message
    triggered(fivetran, tmp_path)
    assert "starting.pickle" not in files(tmp_path)


def test_what_version_0_1_wrote_holds_plain_values_of_protocol_4() -> None:
    for path in PICKLES.glob("*.pickle"):
        written = path.read_bytes()
        assert written[:2] == b"\x80\x04"
        assert isinstance(pickle.loads(written), (dict, list, str, datetime))  # noqa: S301
