"""Fivetran - Check Sync Status: which handoff is checked, what stands in its way, and what other versions wrote."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.endings import ARTIFACT_ERROR, FAILED, INVALID_INPUT, RUNNING, SUCCEEDED
from tests.fivetran_blueprints.responses import ID, SINCE, Fivetran, at, connection
from tests.support import NOW

NO_ID = {"CONNECTOR_ID": ""}
HIDING = {"force_sync": ["sync"], "connector_id": ["sync", "force_sync"], "execution_time": ["sync", "force_sync"]}
PICKLES = Path(__file__).parent / "pickles"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sync", {"execution_time": None}),
        ("sync", {"connector_id": "../other"}),
        ("sync", {"connector_id": 5}),
        ("sync", {"succeeded_at": "2026-11-22"}),
        ("sync", {"failed_at": datetime(2026, 11, 22)}),
        ("force_sync", [ID]),
        ("force_sync", [ID, None]),
        ("force_sync", [ID, datetime(2026, 11, 22, 12)]),
        ("force_sync", [ID, NOW, "more"]),
        ("force_sync", ["../other", NOW]),
        ("connector_id", 5),
        ("execution_time", "2026-11-22"),
    ],
)
def test_a_file_that_cannot_be_read_ends_the_check_even_with_an_id(fivetran: Fivetran, name: str, value: Any) -> None:
    fivetran.triggered()
    if isinstance(value, dict):
        value = {**fivetran.files["sync.pickle"], **value}
    for other in HIDING.get(name, []):
        (fivetran.folder / "fivetran-blueprints" / "variables" / f"{other}.pickle").unlink()
    fivetran.put(**{name: value})
    assert fivetran.check() == (*ARTIFACT_ERROR, f"{name}.pickle")


# The files of other programs

OTHERS = [{"force_sync": [ID, NOW]}, {"force_sync": (ID, NOW)}, {"connector_id": ID, "execution_time": NOW}]


@pytest.mark.parametrize("others", OTHERS, ids=["force_sync", "a tuple", "two files"])
@pytest.mark.parametrize(
    ("succeeded_at", "failed_at", "ended_at", "expected"),
    [
        ("12:00:00", None, "", RUNNING),
        ("12:00:00.001", None, "12:00:00", SUCCEEDED),
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


@pytest.mark.parametrize("name", ["connector_id", "execution_time"])
def test_one_of_their_two_files_alone_is_no_handoff(fivetran: Fivetran, name: str) -> None:
    fivetran.put(**{name: ID if name == "connector_id" else NOW})
    assert fivetran.check(**NO_ID) == INVALID_INPUT
    fivetran.ends("12:05:00", since=None)
    assert fivetran.check() == SUCCEEDED


def test_times_in_another_zone_are_compared_as_instants(fivetran: Fivetran) -> None:
    fivetran.put(force_sync=[ID, datetime(2026, 11, 22, 14, 0, tzinfo=timezone(timedelta(hours=2)))])
    fivetran.shows(connection(succeeded_at="2026-11-22T13:30:00+02:00"))
    assert fivetran.check() == RUNNING
    fivetran.ends("12:05:00")
    assert fivetran.check() == SUCCEEDED


# What version 0.1 wrote: its trigger ran at 12:00 and the latest success was of 06:00:00.123456


def written_by_0_1(*names: str) -> dict[str, bytes]:
    return {name: (PICKLES / f"{name}.pickle").read_bytes() for name in names}


@pytest.mark.parametrize(
    ("name", "since", "polls"),
    [("triggered", SINCE, 1), ("first_sync", SINCE, 1), ("interrupting", SINCE, 2), ("joined", None, 1)],
)
def test_a_handoff_of_version_0_1_is_checked(fivetran: Fivetran, name: str, since: str | None, polls: int) -> None:
    fivetran.put(sync=written_by_0_1(name)[name])
    stamps = (None, None) if name == "first_sync" else (at("06:00:00.123456"), at("05:00:00"))
    fivetran.shows(connection("syncing", *stamps))
    assert fivetran.check(**NO_ID) == RUNNING
    if name == "interrupting":
        fivetran.shows(connection("syncing", failed_at=at("12:00:02")))
        assert fivetran.check() == RUNNING
    fivetran.ends("12:05:00", connection(succeeded_at=at("12:05:00"), failed_at=at("12:00:02")), since, polls)
    assert fivetran.check() == SUCCEEDED


@pytest.mark.parametrize("names", [["force_sync"], ["connector_id", "execution_time"]])
def test_the_other_files_of_version_0_1_are_checked(fivetran: Fivetran, names: list[str]) -> None:
    fivetran.put(**written_by_0_1(*names))
    fivetran.ends("12:05:00")
    assert fivetran.check(**NO_ID) == SUCCEEDED


def test_a_trigger_of_version_0_1_that_was_killed_stops_a_check(fivetran: Fivetran) -> None:
    fivetran.put(**written_by_0_1("starting"))
    assert fivetran.check() == (*ARTIFACT_ERROR, "a sync may be running")
    fivetran.triggered()
    assert "starting.pickle" not in fivetran.files
