"""Fivetran - Check Sync Status: which sync is judged, and how each run ends."""

from __future__ import annotations

import pickle
import sys
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fivetran_blueprints import check_sync_status, trigger_sync
from tests.fivetran_blueprints.answers import (
    ACCEPTED,
    DETAILS,
    ENVIRONMENT,
    HISTORY,
    ID,
    NOT_FOUND,
    START,
    at,
    connection,
)
from tests.support import NOW, FakeClock, make_job
from tests.wire import HTML, LOST, REFUSED, TIMED_OUT, Ending, Vendor, ending

NO_ID = {name: value for name, value in ENVIRONMENT.items() if name != "FIVETRAN_CONNECTOR_ID"}
SUCCEEDED, FAILED, RUNNING, CANCELLED = (0, "succeeded"), (211, "failed"), (210, "running"), (212, "cancelled")


def check(tmp_path: Path, clock: FakeClock, *upstream: str, given: dict[str, str] = ENVIRONMENT) -> Ending:
    return ending(check_sync_status, given, make_job(tmp_path, "fivetran", clock, upstream=upstream))


def triggered(
    fivetran: Vendor, tmp_path: Path, before: dict[str, Any] | None = None, log_id: str | None = None
) -> None:
    """Run a trigger in the same artifacts folder; Fivetran accepts it at the clock's time."""
    before = connection() if before is None else before
    fivetran.expect("GET", DETAILS, before)
    fivetran.expect("POST", START, ACCEPTED, body={"force": True})
    job = make_job(tmp_path, "fivetran", fivetran.clock, log_id=log_id)
    assert ending(trigger_sync, ENVIRONMENT, job) == (0, "started")
    fivetran.sent.clear()


def left(tmp_path: Path, **variables: Any) -> None:
    """Files that other programs left, by name without `.pickle`."""
    folder = tmp_path / "fivetran-blueprints" / "variables"
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in variables.items():
        (folder / f"{name}.pickle").write_bytes(pickle.dumps(value, protocol=4))


# A sync that a trigger handed over


@pytest.mark.parametrize(
    ("now", "expected", "words"),
    [
        (connection(), RUNNING, ["not begun"]),
        (connection("syncing"), RUNNING, ["running"]),
        (connection("hibernating"), RUNNING, ["hibernating"]),
        (connection("rescheduled", rescheduled_for=at("13:00:00")), RUNNING, ["2026-11-22T13:00:00Z", "trigger"]),
        (connection("paused", paused=True), CANCELLED, ["paused"]),
        (connection(succeeded_at=at("12:05:00.5")), SUCCEEDED, ["2026-11-22T12:05:00Z"]),
        (connection(succeeded_at=at("12:09:00"), failed_at=at("12:05:00")), SUCCEEDED, ["2026-11-22T12:09:00Z"]),
    ],
)
def test_it_is_judged_against_the_stamps_before_it(
    fivetran: Vendor,
    tmp_path: Path,
    clock: FakeClock,
    now: dict[str, Any],
    expected: tuple[int, str],
    words: list[str],
) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, now)
    ended = check(tmp_path, clock)
    assert ended == expected
    assert all(word in ended.message for word in [ID, *words])


@pytest.mark.parametrize("offset", [-600, 0, 600])
@pytest.mark.parametrize(
    ("now", "expected"),
    [(connection(succeeded_at=at("12:00:04")), SUCCEEDED), (connection(succeeded_at=at("06:00:00.123456")), RUNNING)],
)
def test_the_local_clock_decides_nothing(
    fivetran: Vendor,
    tmp_path: Path,
    clock: FakeClock,
    offset: float,
    now: dict[str, Any],
    expected: tuple[int, str],
) -> None:
    clock.offset = offset
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, now)
    assert check(tmp_path, clock) == expected


@pytest.mark.parametrize("other", [None, "another_connector"])
def test_a_connection_of_another_id_than_asked_for_makes_no_sense(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, other: str | None
) -> None:
    answer = connection(succeeded_at=at("12:05:00"))
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, {**answer, "data": {**answer["data"], "id": other}})
    assert check(tmp_path, clock) == (SUCCEEDED if other is None else (220, "unreachable"))


def test_a_success_just_before_the_trigger_is_not_taken_for_its_sync(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(fivetran, tmp_path, connection(succeeded_at=at("11:59:59")))
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("11:59:59")))
    assert check(tmp_path, clock) == RUNNING


def test_it_needs_no_connector_id(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("12:05:00")))
    assert check(tmp_path, clock, given=NO_ID) == SUCCEEDED


def test_the_trigger_of_an_upstream_log_id_comes_first(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path, connection(succeeded_at=None), log_id="5")
    triggered(fivetran, tmp_path, connection(succeeded_at=at("12:05:00")), log_id="6")
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("12:05:00")))
    assert check(tmp_path, clock, "5") == SUCCEEDED
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("12:05:00")))
    assert check(tmp_path, clock, "6") == RUNNING


def test_of_two_upstream_triggers_the_inputs_choose(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path, log_id="5")
    ours = tmp_path / "fivetran-blueprints" / "variables" / "5_sync.pickle"
    theirs = {**pickle.loads(ours.read_bytes()), "connector_id": "another_one"}  # noqa: S301
    left(tmp_path, **{"6_sync": theirs})
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("12:05:00")))
    assert check(tmp_path, clock, "5", "6") == SUCCEEDED


def test_a_hand_over_of_another_connector_is_passed_over_with_a_warning(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", "/v1/connections/another", connection(id="another", failed_at=None))
    assert check(tmp_path, clock, given={**ENVIRONMENT, "FIVETRAN_CONNECTOR_ID": "another"}) == SUCCEEDED
    assert any(record.levelname == "WARNING" and ID in record.message for record in caplog.records)


def test_over_an_interrupted_sync_it_takes_a_second_look_in_the_same_run(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(fivetran, tmp_path, connection("syncing"))
    for _ in range(2):
        fivetran.expect("GET", DETAILS, connection(succeeded_at=at("12:05:00"), failed_at=at("12:00:02")))
    assert check(tmp_path, clock) == SUCCEEDED
    assert clock.sleeps == [2]


def test_over_an_interrupted_sync_stamps_that_still_move_are_incomplete(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(fivetran, tmp_path, connection("syncing"))
    fivetran.expect("GET", DETAILS, connection(failed_at=at("12:00:02")))
    fivetran.expect("GET", DETAILS, connection("syncing", failed_at=at("12:00:03")))
    assert check(tmp_path, clock) == RUNNING


def test_what_the_interrupted_sync_left_is_not_taken_for_the_triggered_one(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(fivetran, tmp_path, connection("syncing"))
    fivetran.expect("GET", DETAILS, connection("syncing", failed_at=at("12:00:02")))
    assert check(tmp_path, clock) == RUNNING


def test_what_a_look_learned_is_not_stored(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path, connection("syncing"))
    handed = tmp_path / "fivetran-blueprints" / "variables" / "sync.pickle"
    before = handed.read_bytes()
    fivetran.expect("GET", DETAILS, connection("syncing", failed_at=at("12:00:02")))
    check(tmp_path, clock)
    assert handed.read_bytes() == before


def test_a_hand_over_that_cannot_be_read_ends_the_check_even_with_an_id(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(fivetran, tmp_path)
    (tmp_path / "fivetran-blueprints" / "variables" / "sync.pickle").write_bytes(b"")
    ended = check(tmp_path, clock)
    assert ended == (221, "artifact_error")
    assert "sync.pickle" in ended.message
    assert fivetran.sent == []


def test_a_hand_over_without_a_time_of_execution_ends_the_check(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(fivetran, tmp_path)
    path = tmp_path / "fivetran-blueprints" / "variables" / "sync.pickle"
    handed = pickle.loads(path.read_bytes())  # noqa: S301
    path.write_bytes(pickle.dumps({**handed, "execution_time": None}, protocol=4))
    ended = check(tmp_path, clock)
    assert ended == (221, "artifact_error")
    assert "sync.pickle" in ended.message
    assert fivetran.sent == []


# The files of other programs

OTHERS = [{"force_sync": [ID, NOW]}, {"connector_id": ID, "execution_time": NOW}]


@pytest.mark.parametrize("files", OTHERS, ids=["force_sync", "two files"])
@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (connection(), RUNNING),
        (connection(succeeded_at=at("12:00:00")), RUNNING),
        (connection(succeeded_at=at("12:00:00.001")), SUCCEEDED),
        (connection(succeeded_at=at("12:09:00"), failed_at=at("12:05:00")), SUCCEEDED),
    ],
)
def test_a_stamp_later_than_their_time_of_execution_is_the_syncs(
    fivetran: Vendor,
    tmp_path: Path,
    clock: FakeClock,
    files: dict[str, Any],
    now: dict[str, Any],
    expected: tuple[int, str],
) -> None:
    left(tmp_path, **files)
    fivetran.expect("GET", DETAILS, now)
    assert check(tmp_path, clock, given=NO_ID) == expected


def test_they_are_found_by_an_upstream_log_id(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    left(tmp_path, **{"9_force_sync": [ID, NOW], "force_sync": ["another", NOW]})
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("12:05:00")))
    assert check(tmp_path, clock, "8", "9", given=NO_ID) == SUCCEEDED


def test_a_time_of_execution_by_pytz_is_read_without_pytz(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Utc(tzinfo):
        """Pickles as pytz.UTC does: as a call of `pytz._UTC`."""

        def __reduce__(self) -> Any:
            return pytz._UTC, ()

    def of_pytz() -> Utc:
        return Utc()

    pytz = ModuleType("pytz")
    pytz._UTC, of_pytz.__module__, of_pytz.__qualname__ = of_pytz, "pytz", "_UTC"
    with monkeypatch.context() as while_it_is_written:
        while_it_is_written.setitem(sys.modules, "pytz", pytz)
        left(tmp_path, force_sync=[ID, datetime(2026, 11, 22, 12, tzinfo=Utc())])
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("11:59:00")))
    assert check(tmp_path, clock) == RUNNING


@pytest.mark.parametrize(
    "files",
    [
        {"force_sync": [ID]},
        {"force_sync": [ID, None]},
        {"force_sync": [ID, datetime(2026, 11, 22, 12)]},
        {"force_sync": ["../other", NOW]},
        {"force_sync": "text"},
        {"connector_id": 5, "execution_time": NOW},
        {"connector_id": ID, "execution_time": "2026-11-22"},
    ],
)
def test_what_is_no_hand_over_of_theirs_ends_the_check(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, files: dict[str, Any]
) -> None:
    left(tmp_path, **files)
    assert check(tmp_path, clock) == (221, "artifact_error")
    assert fivetran.sent == []


# On its own


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (connection(succeeded_at=at("06:00:00"), failed_at=at("05:00:00")), SUCCEEDED),
        (connection(succeeded_at=at("06:00:00"), failed_at=None), SUCCEEDED),
        (connection(succeeded_at=None, failed_at=None), RUNNING),
        (connection("syncing", succeeded_at=at("06:00:00"), failed_at=None), RUNNING),
    ],
)
def test_with_no_hand_over_the_latest_sync_is_judged(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, now: dict[str, Any], expected: tuple[int, str]
) -> None:
    fivetran.expect("GET", DETAILS, now)
    assert check(tmp_path, clock) == expected


def test_with_no_hand_over_a_later_failure_is_told(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("05:00:00"), failed_at=at("06:00:00")))
    fivetran.expect("GET", HISTORY, None, status=404, query={"limit": "10"})
    assert check(tmp_path, clock) == FAILED


def test_with_neither_an_id_nor_a_hand_over_nothing_is_asked(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    ended = check(tmp_path, clock, given=NO_ID)
    assert ended == (206, "invalid_input")
    assert "FIVETRAN_CONNECTOR_ID" in ended.message
    assert fivetran.sent == []


def test_on_its_own_it_starts_nothing_that_was_put_off(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    fivetran.expect("GET", DETAILS, connection("rescheduled", rescheduled_for=at("12:01:00")), many=True)
    given = {**ENVIRONMENT, "FIVETRAN_WAIT": "TRUE", "FIVETRAN_WAIT_TIMEOUT": "10"}
    assert check(tmp_path, clock, given=given) == RUNNING


# What is told


def failed_at_12_05(**more: Any) -> dict[str, Any]:
    return connection(failed_at=at("12:05:00"), **more)


def history(*items: dict[str, Any]) -> dict[str, Any]:
    return {"code": "Success", "data": {"items": list(items)}}


def item(status: str, end: str | None, reason: str | None) -> dict[str, Any]:
    return {"sync_id": "s-1", "status": status, "start": at("12:00:00"), "end": end, "reason": reason}


def test_a_failure_tells_the_reason_out_of_the_history(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, failed_at_12_05())
    answer = history(
        item("COMPLETED", at("12:04:00"), "no"),
        item("FAILURE", at("06:00:00"), "an older one"),
        item("FAILURE", at("12:04:58"), "the warehouse is full"),
    )
    fivetran.expect("GET", HISTORY, answer, query={"limit": "10"})
    ended = check(tmp_path, clock)
    assert ended == FAILED
    assert "the warehouse is full" in ended.message
    assert "an older one" not in ended.message
    assert f"https://fivetran.com/dashboard/connections/{ID}" in ended.message


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (None, 400),
        (None, 401),
        (None, 403),
        (NOT_FOUND, 404),
        (HTML, 404),
        (HTML, 500),
        (None, 429),
        (LOST, 0),
        (TIMED_OUT, 0),
        (HTML, 200),
        ([], 200),
        ({"code": "Success"}, 200),
        ({"code": "Success", "data": {"items": None}}, 200),
        ({"code": "Success", "data": {"items": ["odd"]}}, 200),
        (history(item("FAILURE", None, "x")), 200),
        (history({"status": "FAILURE"}), 200),
        (history(item("FAILURE", at("12:05:00"), None)), 200),
    ],
)
def test_a_history_that_is_of_no_help_changes_nothing(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, answer: Any, status: int
) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, failed_at_12_05())
    fivetran.expect("GET", HISTORY, answer, status=status, query={"limit": "10"})
    ended = check(tmp_path, clock)
    assert ended == FAILED
    assert ended.message.endswith(
        "it failed at 2026-11-22T12:05:00Z; see https://fivetran.com/dashboard/connections/" + ID
    )


def test_a_failure_tells_the_tasks_the_warnings_and_the_setup(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(fivetran, tmp_path)
    now = failed_at_12_05(
        setup_state="broken",
        tasks=[{"code": "reconnect", "message": "Reconnect the account", "details": None}],
        warnings=[{"code": "many_columns", "message": "Too many columns", "details": None}],
    )
    fivetran.expect("GET", DETAILS, now)
    fivetran.expect("GET", HISTORY, None, status=403, query={"limit": "10"})
    message = check(tmp_path, clock).message
    assert all(word in message for word in ("reconnect", "Reconnect the account", "Too many columns", "broken"))


def test_the_answer_that_is_kept_is_the_connection_and_not_the_history(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    fivetran.expect("GET", DETAILS, failed_at_12_05())
    fivetran.expect("GET", HISTORY, history(), query={"limit": "10"})
    job = make_job(tmp_path, "fivetran", clock)
    ending(check_sync_status, ENVIRONMENT, job)
    kept = {name: answer.body for name, answer in job.responses.items()}
    assert kept == {f"connector_{ID}_response.json": failed_at_12_05()}


def test_the_result_tells_the_states_and_the_stamps(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("06:00:00.5"), failed_at=None))
    job = make_job(tmp_path, "fivetran", clock)
    ending(check_sync_status, ENVIRONMENT, job)
    assert job.id == ID
    assert job.facts["succeeded_at"] == "2026-11-22T06:00:00Z"
    assert job.facts["failed_at"] is None
    assert job.facts["sync_state"] == "scheduled"


# Errors of a look


@pytest.mark.parametrize(
    ("status", "answer", "expected", "words"),
    [
        (401, {"code": "Unauthorized"}, (200, "invalid_credentials"), ["FIVETRAN_API_KEY", "base64"]),
        (403, {"message": "No permission"}, (200, "invalid_credentials"), ["No permission"]),
        (404, NOT_FOUND, (204, "not_found"), [NOT_FOUND["message"]]),
        (404, HTML, (220, "unreachable"), ["404"]),
        (404, {"code": None}, (220, "unreachable"), ["404"]),
        (400, {"message": "Bad"}, (201, "refused"), ["Bad"]),
        (200, HTML, (220, "unreachable"), []),
        (200, {"code": "Success", "data": {}}, (220, "unreachable"), []),
        (200, {"code": "Strange", "message": "Odd"}, (220, "unreachable"), ["Odd"]),
    ],
)
def test_what_a_look_is_refused_with_ends_the_check(
    fivetran: Vendor,
    tmp_path: Path,
    clock: FakeClock,
    status: int,
    answer: Any,
    expected: tuple[int, str],
    words: list[str],
) -> None:
    fivetran.expect("GET", DETAILS, answer, status=status)
    ended = check(tmp_path, clock)
    assert ended == expected
    assert all(word in ended.message for word in words)


@pytest.mark.parametrize(("answer", "status"), [(HTML, 503), (LOST, 0), (TIMED_OUT, 0), (REFUSED, 0), (None, 429)])
def test_a_look_is_tried_five_times(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, answer: Any, status: int
) -> None:
    for _ in range(5):
        fivetran.expect("GET", DETAILS, answer, status=status)
    assert check(tmp_path, clock) == (220, "unreachable")


def test_a_long_retry_after_ends_the_check_at_once_naming_it(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    fivetran.expect("GET", DETAILS, None, status=429, headers={"Retry-After": "3600"})
    ended = check(tmp_path, clock)
    assert ended == (220, "unreachable")
    assert "3600 s" in ended.message


# Waiting

WAIT = {**ENVIRONMENT, "FIVETRAN_WAIT": "TRUE"}


def test_it_waits_until_the_sync_has_ended(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path)
    for now in (connection(), connection("syncing"), connection(succeeded_at=at("12:00:05"))):
        fivetran.expect("GET", DETAILS, now)
    assert check(tmp_path, clock, given=WAIT) == SUCCEEDED
    assert fivetran.sent[0].at == 0


def test_it_gives_up_after_its_time_and_says_that_the_sync_goes_on(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, connection("syncing"), many=True)
    ended = check(tmp_path, clock, given={**WAIT, "FIVETRAN_WAIT_TIMEOUT": "30"})
    assert ended == RUNNING
    assert "30 min" in ended.message
    assert "goes on at Fivetran" in ended.message
    assert 1800 <= clock.elapsed < 1861


def test_the_looks_follow_the_work(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, connection("syncing"), many=True)
    check(tmp_path, clock, given={**WAIT, "FIVETRAN_WAIT_TIMEOUT": "120"})
    looks = [sent.at for sent in fivetran.sent]
    for before, after in zip(looks, looks[1:-1]):
        pause = min(max(min(before / 5, 15), before / 40, 2), 60)
        assert 0.89 * pause <= after - before <= 1.11 * pause


def test_the_poll_interval_wins_over_the_least_pause(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, connection("syncing"), many=True)
    check(tmp_path, clock, given={**WAIT, "FIVETRAN_WAIT_TIMEOUT": "1", "FIVETRAN_POLL_INTERVAL": "1"})
    assert max(clock.sleeps) <= 1.1


def test_an_outage_of_a_quarter_of_an_hour_is_survived(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("GET", DETAILS, lambda: LOST if clock.elapsed < 800 else connection(), many=True)
    assert check(tmp_path, clock, given={**WAIT, "FIVETRAN_WAIT_TIMEOUT": "30"}) == RUNNING


def test_a_longer_outage_ends_the_wait(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("GET", DETAILS, HTML, status=502, many=True)
    assert check(tmp_path, clock, given=WAIT) == (220, "unreachable")
    assert 900 <= clock.elapsed < 1100


def test_an_outage_before_the_first_good_answer_ends_the_wait_at_once(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    for _ in range(5):
        fivetran.expect("GET", DETAILS, HTML, status=502)
    assert check(tmp_path, clock, given=WAIT) == (220, "unreachable")


def test_three_refusals_in_a_row_are_survived_after_a_good_answer(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, connection("syncing"))
    for _ in range(3):
        fivetran.expect("GET", DETAILS, None, status=401)
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("12:01:00")))
    assert check(tmp_path, clock, given=WAIT) == SUCCEEDED


def test_a_fourth_refusal_in_a_row_ends_the_wait(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, connection("syncing"))
    for _ in range(4):
        fivetran.expect("GET", DETAILS, None, status=401)
    assert check(tmp_path, clock, given=WAIT) == (220, "unreachable")


def test_a_refusal_of_the_first_look_is_final(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, None, status=401)
    assert check(tmp_path, clock, given=WAIT) == (200, "invalid_credentials")


def test_a_long_retry_after_is_kept_while_it_fits_the_wait(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("GET", DETAILS, None, status=429, headers={"Retry-After": "3600"})
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("12:01:00")))
    assert check(tmp_path, clock, given=WAIT) == SUCCEEDED
    assert fivetran.sent[2].at - fivetran.sent[1].at > 3599.9


def test_a_retry_after_longer_than_the_wait_ends_it(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("GET", DETAILS, None, status=429, headers={"Retry-After": "3600"})
    ended = check(tmp_path, clock, given={**WAIT, "FIVETRAN_WAIT_TIMEOUT": "30"})
    assert ended == (220, "unreachable")
    assert "3600 s" in ended.message


def test_a_sync_of_another_program_that_was_put_off_is_started_again_without_force(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    left(tmp_path, force_sync=[ID, NOW - timedelta(minutes=5)])
    fivetran.expect("GET", DETAILS, connection("rescheduled", rescheduled_for=at("12:03:00")), many=True)
    fivetran.expect("POST", START, ACCEPTED, body={"force": False})
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("12:10:00")))
    assert check(tmp_path, clock, given=WAIT) == SUCCEEDED


def test_stamps_of_another_day_are_compared_as_instants_and_not_as_texts(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    left(tmp_path, force_sync=[ID, datetime(2026, 11, 22, 14, 0, tzinfo=timezone(timedelta(hours=2)))])
    fivetran.expect("GET", DETAILS, connection(succeeded_at="2026-11-22T13:30:00+02:00"))
    assert check(tmp_path, clock) == RUNNING


@pytest.mark.parametrize("seconds", ["50", "60"])
def test_a_retry_after_at_each_look_outlasts_the_time_out_by_no_more_than_a_look(
    fivetran: Vendor, tmp_path: Path, clock: FakeClock, seconds: str
) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("GET", DETAILS, None, status=429, headers={"Retry-After": seconds}, takes=5, many=True)
    assert check(tmp_path, clock, given={**WAIT, "FIVETRAN_WAIT_TIMEOUT": "1"}).code in (210, 220)
    assert clock.elapsed < 66  # a look takes five seconds


def test_the_first_look_of_a_wait_is_tried_five_times(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path)
    for _ in range(4):
        fivetran.expect("GET", DETAILS, HTML, status=502)
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("12:01:00")))
    assert check(tmp_path, clock, given=WAIT) == SUCCEEDED


def test_a_later_look_of_a_wait_is_tried_once(fivetran: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(fivetran, tmp_path)
    fivetran.expect("GET", DETAILS, connection("syncing"))
    fivetran.expect("GET", DETAILS, None, status=429, headers={"Retry-After": "30"})
    fivetran.expect("GET", DETAILS, connection(succeeded_at=at("12:01:00")))
    assert check(tmp_path, clock, given=WAIT) == SUCCEEDED
    assert fivetran.sent[2].at - fivetran.sent[1].at == pytest.approx(30)
