"""RudderStack's verdicts as tables: what a sync or a run shows, and what the rules make of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from rudderstack_blueprints.api import parse_run, parse_sync
from rudderstack_blueprints.verdict import (
    Sync,
    are_newest_first,
    is_new_run,
    judge,
    judge_latest_run,
    newest_first,
    sync_started_since,
)
from shared.status import SyncStatus, Verdict
from tests.rudderstack_blueprints.responses import ZERO, a_run, at, sync
from tests.support import NOW

RUNNING, SUCCEEDED, FAILED, CANCELLED, UNKNOWN = SyncStatus
NOON = at("12:00:00")
SHOWS_LATEST = "RudderStack shows only the latest"
FAIL_ON = "RUDDERSTACK_FAIL_ON_FAILED_ROWS"


def of_sync(data: dict[str, Any], *, fail_on_failed_rows: bool = False) -> Verdict:
    return judge(parse_sync({"id": "s", **data}), fail_on_failed_rows=fail_on_failed_rows)


def of_run(data: dict[str, Any]) -> Verdict:
    return judge(parse_run(data))


WORDS = {
    RUNNING: ("running", "RUNNING", "processing", "pending", "queued"),
    FAILED: ("failed",),
    CANCELLED: ("stopped", "cancelled", "canceled", "aborted"),
    UNKNOWN: ("resting", "success", "None"),
}
COMMON = [(word, status, status) for status, words in WORDS.items() for word in words]


@pytest.mark.parametrize(
    ("word", "of_a_sync", "of_a_run"),
    [*COMMON, ("succeeded", SUCCEEDED, UNKNOWN), ("finished", UNKNOWN, SUCCEEDED)],
)
def test_the_word_of_a_sync_or_a_run_is_its_status(word: str, of_a_sync: SyncStatus, of_a_run: SyncStatus) -> None:
    assert of_sync({"status": word}).status is of_a_sync
    assert of_run({"status": word}).status is of_a_run


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ({"status": "finished", "error": "no such table"}, FAILED),
        *(({"status": "finished", "error": none}, SUCCEEDED) for none in ("", None)),
        *(({"status": "finished", "error": some}, FAILED) for some in ({"code": 3}, ["x"])),
        *(({"status": "finished", "error": empty}, UNKNOWN) for empty in ([], {}, False)),
        ({"status": "running", "finishedAt": NOON}, RUNNING),
        ({"status": "running", "error": "a warning"}, RUNNING),
        ({"status": "finished", "finishedAt": ZERO}, SUCCEEDED),
        ({}, RUNNING),
        *(({"finishedAt": none}, RUNNING) for none in (ZERO, None, "")),
        ({"finishedAt": NOON}, SUCCEEDED),
        ({"finished_at": at("12:00:00.123456789")}, SUCCEEDED),
        ({"status": None, "finishedAt": NOON}, SUCCEEDED),
        ({"finishedAt": NOON, "error": "no such table"}, FAILED),
    ],
)
def test_an_error_is_a_failure_and_without_a_word_the_end_decides(run: dict[str, Any], expected: SyncStatus) -> None:
    assert of_run(run).status is expected


@pytest.mark.parametrize("judge", [of_sync, of_run])
@pytest.mark.parametrize("error", ["no such table", {"message": "no such table"}, ["no such table"]])
def test_a_failure_says_what_the_vendor_reports(judge: Any, error: Any) -> None:
    message = judge({"status": "failed", "error": error, "finishedAt": NOON}).message
    assert message.startswith(f"failed at {NOON}: ")
    assert message.count("no such table") == 1


@pytest.mark.parametrize(
    ("judge", "data", "message"),
    [
        (of_sync, {"status": "queued"}, "is running"),
        (of_sync, {"status": "succeeded", "finishedAt": NOON, "error": "ignored"}, f"succeeded at {NOON}"),
        (of_sync, {"status": "Resting", "error": "a reason"}, "has the unknown status 'Resting': a reason"),
        (of_sync, {"status": "failed"}, "failed, and RudderStack reports no reason"),
        (of_sync, {"status": "aborted"}, "was cancelled (status aborted)"),
        (of_sync, {"status": "", "finishedAt": NOON}, "has no status"),
        (of_sync, {"error": "a reason"}, "has no status: a reason"),
        (of_run, {"status": "Resting"}, "has the unknown status 'Resting'"),
        (of_run, {"status": "finished", "error": []}, "has the unknown status 'finished, with an empty error'"),
        (of_run, {"finishedAt": NOON, "error": []}, "has the unknown status 'finished, with an empty error'"),
        (of_run, {"status": "aborted", "error": []}, "was cancelled (status aborted)"),
    ],
)
def test_a_message_says_what_the_status_means(judge: Any, data: dict[str, Any], message: str) -> None:
    assert judge(data).message == message


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ({"startedAt": NOON, "finishedAt": ZERO}, (NOON, None)),
        ({"started_at": at("12:00:00.5"), "finished_at": at("12:01:00")}, (NOON, at("12:01:00"))),
        ({"startedAt": "2026-11-22T13:00:00+01:00"}, (NOON, None)),
        ({"status": "running", "startedAt": NOON, "finishedAt": at("12:01:00")}, (NOON, None)),
        ({}, (None, None)),
    ],
)
def test_times_are_shown_in_either_spelling(run: dict[str, Any], expected: tuple[str | None, str | None]) -> None:
    details = of_run({"status": "finished", **run}).details
    assert (details["started_at"], details["finished_at"]) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"startedAt": at("11:00:00"), "finishedAt": NOON}, NOW),
        ({"startedAt": NOON}, NOW),  # it ended later than that
        ({"startedAt": ZERO, "finishedAt": ZERO}, None),
    ],
)
@pytest.mark.parametrize("judge", [of_sync, of_run])
def test_the_end_is_known_where_it_is_shown(judge: Any, data: dict[str, Any], expected: datetime | None) -> None:
    assert judge({"status": "failed", **data}).ended_at == expected


def rejected(rows: int) -> dict[str, Any]:
    metrics = {"succeeded": {"total": 88}, "failed": {"total": rows}, "changed": {"total": 90}, "total": 90}
    return sync("succeeded", metrics=metrics)


@pytest.mark.parametrize(
    ("rows", "fails", "expected", "words"),
    [
        (0, False, SUCCEEDED, ""),
        (0, True, SUCCEEDED, ""),
        (1, False, SUCCEEDED, "; the destination rejected 1 row"),
        (2, False, SUCCEEDED, "; the destination rejected 2 rows"),
        (2, True, FAILED, f"; the destination rejected 2 rows, which counts as a failure because {FAIL_ON} is TRUE"),
    ],
)
def test_rejected_rows_fail_a_sync_only_if_so_wished(rows: int, fails: bool, expected: SyncStatus, words: str) -> None:
    verdict = of_sync(rejected(rows), fail_on_failed_rows=fails)
    assert verdict.status is expected
    counts = f"90 total, 88 succeeded, {rows} failed, 90 changed"
    assert verdict.message == f"succeeded at {at('12:09:00')} (rows: {counts}){words}"
    assert verdict.details["rows"] == {"total": 90, "succeeded": 88, "failed": rows, "changed": 90}


def test_a_running_sync_with_rejected_rows_goes_on() -> None:
    assert of_sync({**rejected(2), "status": "running"}, fail_on_failed_rows=True).status is RUNNING


@pytest.mark.parametrize(
    "metrics", [None, {}, [], "many", {"failed": None}, {"failed": {"total": None}}, {"total": True}]
)
def test_metrics_of_another_shape_do_no_harm(metrics: Any) -> None:
    verdict = of_sync(sync("succeeded", metrics=metrics), fail_on_failed_rows=True)
    assert verdict.status is SUCCEEDED
    assert verdict.details["rows"] == {}


# A run without an id: its start and its jobRunId, as far as they are shown, tell it from others


IN_QUEUE = {"status": "pending", "startedAt": ZERO}
CANCELLED_IN_QUEUE = {"status": "cancelled", "startedAt": ZERO, "finishedAt": at("12:02:00")}


def judge_ours(
    run: dict[str, Any], ours: str | None, seen: str | None = None, now: str = "12:50:00"
) -> tuple[Verdict, Any]:
    """The verdict on a run that started at `ours` and was seen at `seen`, and the start that is remembered."""
    moments = [time and parse_run({"startedAt": at(time)}).started_at for time in (ours, seen, now)]
    verdict, shown = judge_latest_run(parse_run(run), Sync("j-1", started_at=moments[0]), moments[1], moments[2])
    return verdict, shown.started_at and f"{shown.started_at:%H:%M:%S}"


@pytest.mark.parametrize(
    ("ours", "run", "expected", "remembered"),
    [
        ("12:00:00", a_run("running", "12:00:00"), RUNNING, "12:00:00"),
        ("12:00:00", a_run("finished", "12:00:00", "12:01:00"), SUCCEEDED, "12:00:00"),
        ("12:00:00", a_run("finished", "11:00:00", "11:05:00"), RUNNING, "12:00:00"),
        ("12:00:00", a_run("finished", "12:30:00", "12:40:00"), UNKNOWN, "12:00:00"),
        ("12:00:00", {"status": "finished"}, SUCCEEDED, "12:00:00"),
        ("12:00:00", CANCELLED_IN_QUEUE, UNKNOWN, "12:00:00"),
        ("12:30:00", CANCELLED_IN_QUEUE, RUNNING, "12:30:00"),
        ("12:00:00", {}, RUNNING, "12:00:00"),
        ("12:00:00", a_run("failed", "12:00:00", "12:00:00", jobRunId="j-2"), UNKNOWN, "12:00:00"),
        (None, a_run("finished", "12:00:05", "12:01:00", jobRunId="j-2"), UNKNOWN, None),
        (None, a_run("finished", "12:00:05", "12:01:00", jobRunId="j-1"), SUCCEEDED, "12:00:05"),
        (None, IN_QUEUE, RUNNING, None),
        (None, CANCELLED_IN_QUEUE, CANCELLED, None),
        (None, a_run("running", "12:00:05"), RUNNING, "12:00:05"),
        (None, a_run("finished", "12:00:05", "12:01:00", error="x"), FAILED, "12:00:05"),
    ],
)
@pytest.mark.parametrize("seen", [None, "12:00:01"])
def test_a_run_without_an_id_is_told_by_what_is_shown_of_it(
    ours: str | None, run: dict[str, Any], expected: SyncStatus, remembered: str | None, seen: str | None
) -> None:
    verdict, then = judge_ours(run, ours, seen)
    assert (verdict.status, then) == (expected, remembered)


@pytest.mark.parametrize(
    ("ours", "run", "at_first", "later"),
    [
        (None, a_run("finished", "11:00:00", "11:05:00"), RUNNING, SUCCEEDED),
        (None, a_run("failed", "12:00:00", "12:00:02"), RUNNING, FAILED),  # a Date header has whole seconds
        (None, a_run("failed", "12:00:00", "12:00:03"), FAILED, FAILED),
        ("12:00:01", IN_QUEUE, RUNNING, RUNNING),
        ("12:00:01", {**IN_QUEUE, "jobRunId": "j-0"}, RUNNING, UNKNOWN),
        (None, {**IN_QUEUE, "jobRunId": "j-0"}, RUNNING, UNKNOWN),
    ],
)
def test_what_was_there_before_a_run_may_be_shown_again_for_a_minute(
    ours: str | None, run: dict[str, Any], at_first: SyncStatus, later: SyncStatus
) -> None:
    assert judge_ours(run, ours, "12:00:01", now="12:01:00")[0].status is at_first
    assert judge_ours(run, ours, "12:00:01", now="12:01:01")[0].status is later


def test_a_start_at_the_end_of_all_times_does_no_harm() -> None:
    ours = parse_run({"status": "running", "startedAt": "9999-12-31T23:59:59Z"})
    now = parse_run({"startedAt": at("12:00:00")}).started_at
    assert judge_latest_run(ours, ours, now, now)[0].status is RUNNING


def test_the_start_of_the_run_before_is_not_remembered() -> None:
    assert judge_ours(a_run("running", "11:00:00"), None, "12:00:01", now="12:00:02")[1] is None


@pytest.mark.parametrize(
    ("ours", "message"),
    [
        ("12:30:00", "is not shown yet, only the run before it"),
        ("11:30:00", f"cannot be checked any more: another run has started since, and {SHOWS_LATEST}"),
    ],
)
def test_another_runs_times_are_shown_and_not_its_outcome(ours: str, message: str) -> None:
    verdict, _ = judge_ours(a_run("failed", "12:00:00", "12:01:00", error="x"), ours)
    assert (verdict.message, verdict.ended_at) == (message, None)
    assert verdict.details == {"started_at": at("12:00:00"), "finished_at": at("12:01:00")}


# After a lost response


BEFORE = parse_run(a_run("finished", "11:00:00", "11:05:00", jobRunId="j-1"))


@pytest.mark.parametrize(
    ("run", "before", "expected"),
    [
        (a_run("running", "12:00:01"), BEFORE, True),
        (a_run("running", "11:59:59"), BEFORE, True),  # a Date header has whole seconds
        (a_run("finished", "12:00:01", "12:00:02", jobRunId="j-1"), BEFORE, True),
        (a_run("finished", "11:00:00", "11:05:00", jobRunId="j-1"), BEFORE, False),
        (a_run("running", "11:59:50"), BEFORE, False),  # somebody else's, that was not shown yet
        (a_run("failed", "11:00:00", "11:09:00", jobRunId="j-2"), BEFORE, True),  # starts have whole seconds
        (a_run("failed", "11:00:00", "11:09:00"), BEFORE, None),
        (a_run("running", "11:00:00"), BEFORE, None),
        ({"status": "running", "startedAt": ZERO}, BEFORE, True),
        ({"status": "finished"}, BEFORE, None),
        ({"status": "finished", "jobRunId": "j-2"}, BEFORE, True),
        ({"status": "finished", "jobRunId": "j-1"}, BEFORE, False),
        ({"startedAt": ZERO, "finishedAt": ZERO}, Sync(), False),
        ({}, BEFORE, False),
        (a_run(None, "12:00:01"), Sync(), True),
    ],
)
def test_a_latest_run_is_new_if_it_is_not_the_one_before(run: Any, before: Sync, expected: bool | None) -> None:
    assert is_new_run(parse_run(run), before, NOW) is expected


@pytest.mark.parametrize(
    ("starts", "expected"),
    [
        ([], None),
        (["11:00:00", "11:59:58"], None),
        (["11:59:59"], 0),
        (["12:00:09", "12:00:03"], 1),
        (["12:00:03", "12:00:00"], 1),
        (["11:59:59", "12:00:03"], 1),
        ([None], None),
        ([None, "12:00:03"], 1),
    ],
)
def test_of_new_syncs_the_first_one_since_the_read_is_ours(starts: list[str | None], expected: int | None) -> None:
    found = [parse_sync({"id": f"{n}", "startedAt": at(start) if start else ZERO}) for n, start in enumerate(starts)]
    ours = sync_started_since(found, NOW)
    assert (ours and ours.id) == (None if expected is None else f"{expected}")


def test_the_newest_sync_comes_first_and_a_queued_one_before_it() -> None:
    queued, undated = {"id": "queued", "status": "queued"}, {"id": "odd", "status": "succeeded"}
    dated = sync("failed", "old", "10:00:00"), sync("succeeded", "new", "11:00:00")
    found = newest_first(map(parse_sync, (dated[0], queued, dated[1], undated)))
    assert [one.id for one in found] == ["queued", "new", "old", "odd"]


@pytest.mark.parametrize(
    ("hours", "expected"),
    [([], False), ([12], False), ([12, 11], True), ([12, 11, 11], True), ([11, 12], False), ([12, None], False)],
)
def test_the_order_of_syncs_is_known_from_two_on(hours: list[int | None], expected: bool) -> None:
    found = [
        parse_sync({"id": "s", "startedAt": f"{NOW + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}" if hour else None})
        for hour in hours
    ]
    assert are_newest_first(found) is expected
