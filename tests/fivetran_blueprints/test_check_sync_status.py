"""Fivetran - Check Sync Status: what polls say, with a handoff and without one."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from fivetran_blueprints.handoff import Handoff
from fivetran_blueprints.verdict import Baseline
from tests.endings import ARTIFACT_ERROR, FAILED, RUNNING, STARTED, SUCCEEDED
from tests.fivetran_blueprints.responses import HISTORY, ID, SINCE, Fivetran, at, connection
from tests.support import NOW
from tests.wire import TIMED_OUT


def test_a_new_stamp_is_believed_when_two_polls_of_the_same_run_agree(fivetran: Fivetran) -> None:
    fivetran.triggered(connection("syncing"))
    before = fivetran.files
    fivetran.shows(connection(failed_at=at("12:00:02")), connection("syncing", failed_at=at("12:00:03")))
    assert fivetran.check() == RUNNING
    assert fivetran.files == before, "what a poll learned is not stored"
    fivetran.ends("12:05:00", connection(succeeded_at=at("12:05:00"), failed_at=at("12:00:03")), polls=2)
    assert fivetran.check() == SUCCEEDED
    assert fivetran.clock.sleeps == [2, 2]


def test_the_connection_id_is_another_name_of_the_connector_id(fivetran: Fivetran) -> None:
    fivetran.ends("06:00:00", connection(), since=None)
    assert fivetran.check(CONNECTOR_ID="", CONNECTION_ID=ID) == (*SUCCEEDED, "2026-11-22T06:00:00Z")


def test_the_result_has_the_states_and_the_stamps(fivetran: Fivetran) -> None:
    fivetran.shows(connection("syncing", at("06:00:00.5"), None, is_historical_sync=True))
    assert fivetran.check() == RUNNING
    assert fivetran.run.report.details == {
        "sync_state": "syncing",
        "setup_state": "connected",
        "succeeded_at": at("06:00:00"),
        "failed_at": None,
        "rescheduled_for": None,
        "is_historical_sync": True,
    }


# Which handoff is checked

NO_ID = {"CONNECTOR_ID": ""}
THEIRS = Handoff(ID, Baseline(NOW, NOW, NOW, NOW - timedelta(seconds=2)))  # of another program, that ran at this time


@pytest.mark.parametrize(
    "odd",
    [
        {"execution_time": None},
        {"connector_id": "../other"},
        {"connector_id": 5},
        {"succeeded_at": "2026-11-22"},
        {"failed_at": datetime(2026, 11, 22)},
    ],
    ids=str,
)
def test_a_handoff_that_no_trigger_writes_is_refused(odd: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        Handoff.from_plain({**THEIRS.plain(), **odd})


def read(files: dict[str, Any]) -> list[Handoff]:
    """What the files of other programs are read as."""
    return list(Handoff.from_other_files({f"{name}.pickle": value for name, value in files.items()}.get))


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"force_sync": [ID, NOW]}, [THEIRS]),
        ({"force_sync": (ID, NOW)}, [THEIRS]),
        ({"connector_id": ID, "execution_time": NOW}, [THEIRS]),
        ({"connector_id": ID}, []),
        ({"execution_time": NOW}, []),
    ],
    ids=str,
)
def test_the_files_of_other_programs_have_the_time_that_a_stamp_must_be_later_than(files: Any, found: Any) -> None:
    assert read(files) == found


@pytest.mark.parametrize(
    "odd",
    [
        *({"force_sync": odd} for odd in ([ID], [ID, None], [ID, datetime(2026, 11, 22, 12)], [ID, NOW, "more"])),
        {"force_sync": ["../other", NOW]},
        {"connector_id": 5, "execution_time": NOW},
        {"connector_id": ID, "execution_time": "2026-11-22"},
    ],
    ids=str,
)
def test_files_that_no_other_program_writes_are_refused(odd: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        read(odd)


def test_times_in_another_zone_are_compared_as_instants(fivetran: Fivetran) -> None:
    executed = datetime(2026, 11, 22, 14, 0, 0, 500_000, timezone(timedelta(hours=2)))
    fivetran.put(force_sync=[ID, executed])
    fivetran.shows(connection(succeeded_at="2026-11-22T14:00:00.2+02:00"))
    assert fivetran.check(**NO_ID) == RUNNING
    fivetran.ends("12:00:01")
    assert fivetran.check(**NO_ID) == SUCCEEDED


# What version 0.1 wrote: its trigger ran at 12:00 and the latest success was of 06:00:00.123456


@pytest.mark.parametrize(
    ("name", "since", "polls"),
    [("triggered", SINCE, 1), ("first_sync", SINCE, 1), ("interrupting", SINCE, 2), ("joined", None, 1)],
)
def test_a_handoff_of_version_0_1_is_checked(fivetran: Fivetran, name: str, since: str | None, polls: int) -> None:
    fivetran.put(sync=fivetran.written_by_0_1(name)[name])
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
    fivetran.put(**fivetran.written_by_0_1(*names))
    fivetran.ends("12:05:00")
    assert fivetran.check(**NO_ID) == SUCCEEDED


def test_a_trigger_of_version_0_1_that_was_killed_stops_a_check(fivetran: Fivetran) -> None:
    fivetran.put(**fivetran.written_by_0_1("starting"))
    assert fivetran.check() == (*ARTIFACT_ERROR, "a sync may be running")
    fivetran.triggered()
    assert "starting.pickle" not in fivetran.files


# Stories in which the simulation once found a wrong end, with the seed that told them

IDLE, SYNCING = connection(), connection("syncing")
WEEK = {"start_time": "2026-11-15T12:09:46Z", "end_time": at("12:04:46"), "limit": "1000"}


def test_a_sync_that_ended_in_the_second_of_a_slow_response_is_told_after_an_hour(fivetran: Fivetran) -> None:
    """Seed 100135859: until then its stamp may be that of the sync that it interrupted."""
    fivetran.shows(SYNCING)
    fivetran.expect_start(takes=45)
    assert fivetran.trigger() == STARTED
    over = connection(succeeded_at=at("12:00:45.741"))
    fivetran.shows(over)
    assert fivetran.check() == RUNNING
    fivetran.clock.elapsed += 3600
    fivetran.shows(connection("rescheduled", succeeded_at=at("12:00:45.741")))
    assert fivetran.check() == RUNNING
    fivetran.clock.elapsed += 60
    fivetran.shows(over, many=True)
    fivetran.expect_history("11:59:58", "12:00:45")
    assert fivetran.check() == SUCCEEDED


def test_a_sync_that_ended_in_the_second_in_which_it_was_found_is_told_after_an_hour(fivetran: Fivetran) -> None:
    """Seed 100600310: a gateway gave up, the backend went on, and the stamp has no fraction of a second."""
    fivetran.shows(SYNCING)
    fivetran.expect_start(None, status=504, takes=6)
    fivetran.shows(connection("syncing", failed_at=at("12:00:00.387")))
    assert fivetran.trigger() == STARTED
    over = connection(succeeded_at=at("12:00:06"), failed_at=at("12:00:00.387"))
    fivetran.shows(over)
    assert fivetran.check() == RUNNING
    fivetran.clock.elapsed += 3660
    fivetran.shows(over, many=True)
    fivetran.expect_history("12:00:04", "12:00:06")
    assert fivetran.check() == SUCCEEDED


def test_a_stale_poll_does_not_confirm_the_end_of_the_sync_that_was_stopped_for_that_of_the_new_one(
    fivetran: Fivetran,
) -> None:
    """The new one begins a second after the other has ended, and a replica shows it ten seconds later."""
    stopped = connection(succeeded_at=at("12:00:03"))

    def shown() -> dict[str, Any]:
        if fivetran.clock.elapsed < 14:
            return stopped
        if fivetran.clock.elapsed < 300:
            return connection("syncing", succeeded_at=at("12:00:03"))
        return connection(succeeded_at=at("12:00:03"), failed_at=at("12:04:00"))

    fivetran.expect_trigger(before=SYNCING)
    fivetran.shows(shown, many=True)
    fivetran.expect_history("11:59:58", "12:04:00")
    assert fivetran.trigger(WAIT="TRUE") == FAILED


def test_a_slow_request_for_the_history_makes_the_latest_sync_no_older(fivetran: Fivetran) -> None:
    """Seed 700007549: a failure of 14 seconds ago was older than a minute once the history had timed out."""
    fivetran.shows(connection(failed_at=at("11:59:46")))
    fivetran.expect("GET", HISTORY, TIMED_OUT, query=WEEK, takes=60)
    assert fivetran.check(MAX_AGE="1") == FAILED
