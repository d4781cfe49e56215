"""Fivetran's rules as tables: what a poll says of a sync that has no id."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from fivetran_blueprints.handoff import Handoff
from fivetran_blueprints.verdict import Baseline, Connection, judge, judge_latest
from shared.status import SyncStatus, Verdict
from tests.fivetran_blueprints.responses import ID

RUNNING, SUCCEEDED, FAILED, CANCELLED = (
    SyncStatus.RUNNING,
    SyncStatus.SUCCEEDED,
    SyncStatus.FAILED,
    SyncStatus.CANCELLED,
)


def stamp(text: str | None) -> datetime | None:
    """`12:00:05` or `12:00:05.250` of the day of the tests."""
    if text is None:
        return None
    moment = datetime.strptime(f"2026-11-22 {text}", f"%Y-%m-%d %H:%M:%S{'.%f' if '.' in text else ''}")
    return moment.replace(tzinfo=timezone.utc)


def shown(sync_state: str, succeeded_at: str | None, failed_at: str | None, **more: Any) -> Connection:
    return Connection(stamp(succeeded_at), stamp(failed_at), sync_state, **more)


def triggered(succeeded_at: str | None, failed_at: str | None, *, interrupted: bool = False) -> Baseline:
    """A sync that Fivetran accepted at 12:00:00, with the stamps before it."""
    accepted_at = stamp("12:00:00")
    assert accepted_at is not None
    return Baseline(stamp(succeeded_at), stamp(failed_at), accepted_at, interrupted=interrupted)


def verdicts(baseline: Baseline, polls: list[Connection]) -> list[SyncStatus]:
    """What each poll in a row says, for a check that remembers the poll before."""
    said = []
    for now in polls:
        verdict, baseline = judge(baseline, now)
        said.append(verdict.status)
    return said


FIRST = triggered(None, None)
USUAL = triggered("06:00:00", "05:00:00")
ONCE_FAILED = triggered("05:00:00", "06:00:00")
FORCED = triggered("06:00:00", "05:00:00", interrupted=True)
HISTORICAL = USUAL._replace(historical=True)
HISTORICAL_OVER_ANOTHER = FORCED._replace(historical=True)
FLAGGED = {"is_historical_sync": True}

SCENARIOS = {
    "plain success": (
        USUAL,
        [
            (shown("scheduled", "06:00:00", "05:00:00"), RUNNING),
            (shown("syncing", "06:00:00", "05:00:00"), RUNNING),
            (shown("scheduled", "12:05:00", "05:00:00"), SUCCEEDED),
        ],
    ),
    "historical sync that is still due when another one ends": (
        HISTORICAL,
        [
            (shown("scheduled", "12:00:30", "05:00:00", **FLAGGED), RUNNING),
            (shown("syncing", "12:00:30", "05:00:00", **FLAGGED), RUNNING),
            (shown("scheduled", "12:05:00", "05:00:00"), SUCCEEDED),
        ],
    ),
    "historical sync whose failure leaves it due": (
        HISTORICAL,
        [(shown("scheduled", "06:00:00", "12:05:00", **FLAGGED), FAILED)],
    ),
    "historical sync that is still due when the one that it stops ends as failed": (
        HISTORICAL_OVER_ANOTHER,
        [(shown("scheduled", "06:00:00", "12:00:03", **FLAGGED), RUNNING)] * 3
        + [
            (shown("syncing", "06:00:00", "12:00:03", **FLAGGED), RUNNING),
            (shown("scheduled", "12:05:00", "12:00:03"), RUNNING),
            (shown("scheduled", "12:05:00", "12:00:03"), SUCCEEDED),
        ],
    ),
    "re-sync that lets the running sync end first": (
        HISTORICAL_OVER_ANOTHER,
        [(shown("scheduled", "12:05:00", "05:00:00", **FLAGGED), RUNNING)] * 3
        + [(shown("scheduled", "12:05:00", "12:30:00"), RUNNING), (shown("scheduled", "12:05:00", "12:30:00"), FAILED)],
    ),
    "plain failure": (
        USUAL,
        [
            (shown("syncing", "06:00:00", "05:00:00"), RUNNING),
            (shown("scheduled", "06:00:00", "12:05:00"), FAILED),
        ],
    ),
    "very first sync succeeds": (
        FIRST,
        [
            (shown("scheduled", None, None), RUNNING),
            (shown("syncing", None, None), RUNNING),
            (shown("scheduled", "12:05:00", None), SUCCEEDED),
        ],
    ),
    "very first sync fails": (
        FIRST,
        [(shown("syncing", None, None), RUNNING), (shown("scheduled", None, "12:05:00"), FAILED)],
    ),
    "success after an older failure, which is never cleared": (
        ONCE_FAILED,
        [(shown("syncing", "05:00:00", "06:00:00"), RUNNING), (shown("scheduled", "12:05:00", "06:00:00"), SUCCEEDED)],
    ),
    "failed, retried by Fivetran and succeeded between two polls": (
        USUAL,
        [(shown("syncing", "06:00:00", "05:00:00"), RUNNING), (shown("scheduled", "12:09:00", "12:05:00"), SUCCEEDED)],
    ),
    "succeeded, then a later failure between two polls": (
        USUAL,
        [(shown("syncing", "06:00:00", "05:00:00"), RUNNING), (shown("scheduled", "12:05:00", "12:09:00"), FAILED)],
    ),
    "forced over a running sync that completes just before the POST, then success": (
        FORCED,
        [
            (shown("syncing", "11:59:59.900", "05:00:00"), RUNNING),
            (shown("syncing", "11:59:59.900", "05:00:00"), RUNNING),
            (shown("scheduled", "12:05:00", "05:00:00"), RUNNING),
            (shown("scheduled", "12:05:00", "05:00:00"), SUCCEEDED),
        ],
    ),
    "forced over a running sync that completes just before the POST, then failure": (
        FORCED,
        [
            (shown("scheduled", "11:59:59.900", "05:00:00"), RUNNING),
            (shown("syncing", "11:59:59.900", "05:00:00"), RUNNING),
            (shown("scheduled", "11:59:59.900", "12:05:00"), RUNNING),
            (shown("scheduled", "11:59:59.900", "12:05:00"), FAILED),
        ],
    ),
    "forced over a running sync that completes in the second of the POST": (
        FORCED,
        [
            (shown("scheduled", "12:00:00.999", "05:00:00"), RUNNING),
            (shown("scheduled", "12:00:00.999", "05:00:00"), RUNNING),
            (shown("scheduled", "12:05:00", "05:00:00"), RUNNING),
            (shown("scheduled", "12:05:00", "05:00:00"), SUCCEEDED),
        ],
    ),
    "forced over a running sync, the cancel stamps failed_at, then success": (
        FORCED,
        [
            (shown("syncing", "06:00:00", "12:00:03"), RUNNING),
            (shown("syncing", "06:00:00", "12:00:03"), RUNNING),
            (shown("scheduled", "12:05:00", "12:00:03"), RUNNING),
            (shown("scheduled", "12:05:00", "12:00:03"), SUCCEEDED),
        ],
    ),
    "forced over a running sync, the cancel stamps failed_at, then failure": (
        FORCED,
        [
            (shown("syncing", "06:00:00", "12:00:03"), RUNNING),
            (shown("scheduled", "06:00:00", "12:05:00"), RUNNING),
            (shown("scheduled", "06:00:00", "12:05:00"), FAILED),
        ],
    ),
    "forced over a running sync, the cancel leaves no stamp": (
        FORCED,
        [
            (shown("syncing", "06:00:00", "05:00:00"), RUNNING),
            (shown("scheduled", "12:05:00", "05:00:00"), RUNNING),
            (shown("scheduled", "12:05:00", "05:00:00"), SUCCEEDED),
        ],
    ),
    "forced over a running sync, whose stamp is followed by a sync that begins late": (
        FORCED,
        [
            (shown("scheduled", "06:00:00", "12:00:03"), RUNNING),
            (shown("syncing", "06:00:00", "12:00:03"), RUNNING),
            (shown("scheduled", "12:05:00", "12:00:03"), RUNNING),
            (shown("scheduled", "12:05:00", "12:00:03"), SUCCEEDED),
        ],
    ),
    "rescheduled, manual schedule": (
        USUAL,
        [
            (shown("rescheduled", "06:00:00", "05:00:00", schedule_type="manual"), RUNNING),
            (shown("rescheduled", "06:00:00", "05:00:00", schedule_type="manual"), RUNNING),
        ],
    ),
    "rescheduled, automatic schedule, then success": (
        USUAL,
        [
            (shown("rescheduled", "06:00:00", "05:00:00", schedule_type="auto"), RUNNING),
            (shown("syncing", "06:00:00", "05:00:00", schedule_type="auto"), RUNNING),
            (shown("scheduled", "12:35:00", "05:00:00", schedule_type="auto"), SUCCEEDED),
        ],
    ),
    "paused while waiting": (
        USUAL,
        [
            (shown("syncing", "06:00:00", "05:00:00"), RUNNING),
            (shown("paused", "06:00:00", "05:00:00", paused=True), CANCELLED),
        ],
    ),
    "ended, then paused between two polls": (
        USUAL,
        [(shown("paused", "12:05:00", "05:00:00", paused=True), SUCCEEDED)],
    ),
}


@pytest.mark.parametrize(("baseline", "polls"), SCENARIOS.values(), ids=SCENARIOS)
def test_the_rule_is_right_in_every_scenario(baseline: Baseline, polls: list[tuple[Connection, SyncStatus]]) -> None:
    assert verdicts(baseline, [now for now, _ in polls]) == [status for _, status in polls]


@pytest.mark.parametrize(
    ("baseline", "now", "expected"),
    [
        pytest.param(USUAL, shown("scheduled", "12:05:00", "12:05:00"), FAILED, id="a tie is a failure"),
        pytest.param(USUAL, shown("syncing", "12:05:00", "05:00:00"), SUCCEEDED, id="the next one runs already"),
        pytest.param(USUAL, shown("scheduled", "05:59:59", "05:00:00"), RUNNING, id="an earlier stamp is not new"),
        pytest.param(USUAL, shown("scheduled", "06:00:00.001", "05:00:00"), SUCCEEDED, id="later by a millisecond"),
        pytest.param(USUAL, shown("scheduled", None, "05:00:00"), RUNNING, id="a stamp that vanished is not new"),
        pytest.param(
            USUAL, shown("scheduled", "11:58:00", "05:00:00"), SUCCEEDED, id="the server's clock decides nothing"
        ),
        pytest.param(
            ONCE_FAILED,
            shown("scheduled", "06:00:00", "06:00:00"),
            SUCCEEDED,
            id="only new stamps can tie with each other",
        ),
        pytest.param(
            USUAL, shown("scheduled", "06:00:00", "05:00:00", paused=True), CANCELLED, id="paused by its flag"
        ),
        pytest.param(USUAL, shown("paused", "06:00:00", "05:00:00"), CANCELLED, id="paused by its sync_state"),
        pytest.param(
            USUAL, shown("hibernating", "06:00:00", "05:00:00"), RUNNING, id="an unknown word is not finished"
        ),
        pytest.param(USUAL, shown("hibernating", "12:05:00", "05:00:00"), SUCCEEDED, id="a new stamp beats a word"),
        pytest.param(FIRST, shown("paused", None, None, paused=True), CANCELLED, id="paused before its very first end"),
    ],
)
def test_only_a_stamp_later_than_before_is_an_end(baseline: Baseline, now: Connection, expected: SyncStatus) -> None:
    assert judge(baseline, now)[0].status is expected


def test_a_new_stamp_after_an_interruption_asks_for_a_second_poll() -> None:
    verdict, _ = judge(FORCED, shown("scheduled", "12:05:00", "05:00:00"))
    assert verdict == Verdict(RUNNING, "is about to end", poll_again_in=2, briefly=True)


@pytest.mark.parametrize(
    ("at", "expected", "poll_again_in"),
    [
        (None, SUCCEEDED, None),
        ("12:04:58", SUCCEEDED, None),  # the clocks disagree
        ("12:04:59", RUNNING, 13),
        ("12:05:02", RUNNING, 10),
        ("12:05:11", RUNNING, 2),
        ("12:05:12", SUCCEEDED, None),
    ],
)
def test_after_an_interruption_an_end_is_believed_once_a_poll_surely_shows_what_came_after_it(
    at: str | None, expected: SyncStatus, poll_again_in: float | None
) -> None:
    now = shown("scheduled", "12:05:00", "05:00:00")
    verdict, _ = judge(FORCED._replace(seen=now.stamps), now, stamp(at))
    assert (verdict.status, verdict.poll_again_in) == (expected, poll_again_in)


@pytest.mark.parametrize(
    ("baseline", "now", "at", "expected"),
    [
        pytest.param(FORCED, shown("scheduled", "12:00:01", "05:00:00"), None, SUCCEEDED, id="a second later"),
        pytest.param(FORCED, shown("scheduled", "11:59:59", "05:00:00"), None, RUNNING, id="by an unknown clock"),
        pytest.param(FORCED, shown("scheduled", "11:59:59", "05:00:00"), "13:00:00", RUNNING, id="for an hour"),
        pytest.param(FORCED, shown("scheduled", "11:59:59", "05:00:00"), "13:00:01", SUCCEEDED, id="not for longer"),
        pytest.param(FORCED, shown("hibernating", "11:59:59", "05:00:00"), "13:00:01", RUNNING, id="unless it is idle"),
        pytest.param(
            FORCED, shown("scheduled", "11:59:59", "05:00:00", paused=True), "13:00:01", CANCELLED, id="or it is paused"
        ),
        pytest.param(
            FORCED, shown("scheduled", "12:00:30", None, **FLAGGED), None, SUCCEEDED, id="not a historical one"
        ),
        pytest.param(
            HISTORICAL_OVER_ANOTHER, shown("scheduled", "12:00:30", None), None, SUCCEEDED, id="no longer due"
        ),
        pytest.param(
            HISTORICAL_OVER_ANOTHER, shown("scheduled", None, "12:00:59", **FLAGGED), None, RUNNING, id="still due"
        ),
        pytest.param(
            HISTORICAL_OVER_ANOTHER, shown("scheduled", None, "12:01:00", **FLAGGED), None, FAILED, id="a minute later"
        ),
    ],
)
def test_an_end_just_after_an_interruption_may_be_that_of_the_sync_that_was_stopped(
    baseline: Baseline, now: Connection, at: str | None, expected: SyncStatus
) -> None:
    assert judge(baseline._replace(seen=now.stamps), now, stamp(at))[0].status is expected


def test_without_an_interruption_one_poll_is_enough() -> None:
    verdict, _ = judge(USUAL, shown("scheduled", "12:05:00", "05:00:00"))
    assert verdict.poll_again_in is None


def test_stamps_that_still_move_after_an_interruption_are_not_believed() -> None:
    polls = [shown("scheduled", "06:00:00", "12:00:03"), shown("scheduled", "12:05:00", "12:00:03")]
    assert verdicts(FORCED, polls) == [RUNNING, RUNNING]


def test_what_the_interrupted_sync_left_is_no_longer_new() -> None:
    settling = FORCED._replace(seen=(stamp("06:00:00"), stamp("12:00:02")))
    _, moved = judge(settling, shown("syncing", "11:59:59.900", "12:00:03"))
    assert moved == FORCED._replace(succeeded_at=stamp("11:59:59.900"), failed_at=stamp("12:00:03"))


DUE = "is due as a historical sync and has not started yet"
DUE_AFTER_FAILURE = f"{DUE} (the latest sync failed at 2026-11-22T06:00:00Z)"
AT_12_30 = {"rescheduled_for": stamp("12:30:00")}


@pytest.mark.parametrize(
    ("now", "message"),
    [
        (shown("scheduled", None, None), "has never completed"),
        (shown("syncing", None, None), "is running"),
        (shown("syncing", None, None, **FLAGGED), "is running as a historical sync"),
        (shown("hibernating", "06:00:00", None), "is in the unknown state 'hibernating'"),
        (shown("rescheduled", None, "06:00:00", schedule_type="auto"), "is rescheduled for an unknown time"),
        (
            shown("rescheduled", None, "06:00:00", schedule_type="auto", **AT_12_30, **FLAGGED),
            "is rescheduled for 2026-11-22T12:30:00Z",
        ),
        (shown("scheduled", "06:00:00", "05:00:00"), "succeeded at 2026-11-22T06:00:00Z"),
        (shown("scheduled", "05:00:00", "06:00:00"), "failed at 2026-11-22T06:00:00Z"),
        (shown("scheduled", None, None, **FLAGGED), DUE),
        (shown("scheduled", "06:00:00", "05:00:00", **FLAGGED), DUE),
        (shown("scheduled", "05:00:00", "06:00:00", **FLAGGED), DUE_AFTER_FAILURE),
        (shown("scheduled", "06:00:00", "06:00:00", **FLAGGED), DUE_AFTER_FAILURE),
        (shown("scheduled", None, "06:00:00", **FLAGGED), DUE_AFTER_FAILURE),
        (
            shown("paused", "06:00:00", None, **FLAGGED),
            "is due as a historical sync, but the connection is paused; unpause it",
        ),
    ],
)
def test_the_latest_sync_is_explained(now: Connection, message: str) -> None:
    assert judge_latest(now).message == message


@pytest.mark.parametrize(
    ("now", "message"),
    [
        (shown("scheduled", "06:00:00", None), "has not started yet"),
        (
            shown("paused", "06:00:00", None),
            "was cancelled: the connection was paused before it ended; unpause it and trigger it again",
        ),
        (
            shown("rescheduled", "06:00:00", None, schedule_type="manual", **AT_12_30),
            "is rescheduled for 2026-11-22T12:30:00Z; the schedule is manual, so it has to be triggered again then",
        ),
        (
            shown("rescheduled", "06:00:00", None, schedule_type="auto", **AT_12_30),
            "is rescheduled for 2026-11-22T12:30:00Z",
        ),
    ],
)
def test_a_sync_that_has_not_ended_is_explained(now: Connection, message: str) -> None:
    assert judge(USUAL, now)[0].message == message


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ("12:00:00", shown("scheduled", "11:59:58", "05:00:00"), True),
        ("12:00:00", shown("scheduled", "06:00:00", "11:59:58"), True),
        ("12:00:00", shown("scheduled", "11:59:57", "05:00:00"), False),  # it only shows late
        ("05:00:00", shown("scheduled", "06:00:00", "05:00:00"), False),
        ("05:00:00", shown("scheduled", None, None), False),
    ],
)
def test_a_sync_has_ended_since_if_its_stamp_is_new_and_late_enough(
    before: str, now: Connection, expected: bool
) -> None:
    assert now.has_ended_since(shown("scheduled", "06:00:00", "05:00:00"), stamp(before)) is expected


# Other programs hand over a connector and a time: what is later than that time is the sync's.
OTHERS = triggered("12:00:00", "12:00:00")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (shown("scheduled", "06:00:00", "05:00:00"), RUNNING),
        (shown("scheduled", "12:00:00", "05:00:00"), RUNNING),
        (shown("scheduled", "12:00:00.001", "05:00:00"), SUCCEEDED),
        (shown("scheduled", "06:00:00", "12:05:00"), FAILED),
        (shown("scheduled", "12:09:00", "12:05:00"), SUCCEEDED),
        (shown("scheduled", "12:05:00", "12:09:00"), FAILED),
        (shown("syncing", None, None), RUNNING),
    ],
)
def test_with_a_time_of_execution_alone_a_later_stamp_decides(now: Connection, expected: SyncStatus) -> None:
    (handoff,) = Handoff.from_other_files({"force_sync.pickle": [ID, stamp("12:00:00")]}.get)
    assert handoff.baseline == OTHERS
    assert judge(handoff.baseline, now)[0].status is expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (shown("scheduled", "06:00:00", "05:00:00"), SUCCEEDED),
        (shown("scheduled", "05:00:00", "06:00:00"), FAILED),
        (shown("scheduled", "06:00:00", "06:00:00"), FAILED),
        (shown("scheduled", "06:00:00", None), SUCCEEDED),
        (shown("scheduled", None, "06:00:00"), FAILED),
        (shown("scheduled", None, None), RUNNING),
        (shown("syncing", None, None), RUNNING),
        (shown("syncing", "06:00:00", "05:00:00"), RUNNING),
        (shown("rescheduled", "06:00:00", "05:00:00"), RUNNING),
        (shown("hibernating", "06:00:00", "05:00:00"), RUNNING),
    ],
)
def test_without_a_handoff_the_latest_sync_decides(now: Connection, expected: SyncStatus) -> None:
    assert judge_latest(now).status is expected


def test_a_handoff_comes_back_as_it_was() -> None:
    baseline = triggered("06:00:00", None, interrupted=True)._replace(earliest_end=stamp("11:59:58"), historical=True)
    handoff = Handoff(ID, baseline)
    assert Handoff.from_plain(handoff.plain()) == handoff


@pytest.mark.parametrize(
    ("baseline", "now", "expected"),
    [
        pytest.param(
            USUAL._replace(earliest_end=stamp("11:59:58")),
            shown("scheduled", "11:59:57", "05:00:00"),
            RUNNING,
            id="a stamp from before the request is another sync's, shown late",
        ),
        pytest.param(
            USUAL._replace(earliest_end=stamp("11:59:58")),
            shown("scheduled", "12:00:30", "05:00:00"),
            SUCCEEDED,
            id="a stamp from after the request is ours",
        ),
        pytest.param(
            USUAL._replace(earliest_end=stamp("11:59:58")),
            shown("scheduled", "11:59:58", None),
            SUCCEEDED,
            id="the first",
        ),
        pytest.param(
            triggered("06:00:00.047", "06:00:00.047")._replace(earliest_end=stamp("05:00:00")),
            shown("scheduled", "06:00:00", "06:00:00"),
            RUNNING,
            id="not joined, fewer digits",
        ),
        pytest.param(
            triggered(None, "06:00:00.047"), shown("scheduled", None, "06:00:00"), FAILED, id="joined, a failure"
        ),
        pytest.param(
            triggered("06:00:00.047", None), shown("scheduled", "06:00:00", None), SUCCEEDED, id="joined, fewer digits"
        ),
    ],
)
def test_a_stamp_must_fit_the_request(baseline: Baseline, now: Connection, expected: SyncStatus) -> None:
    assert judge(baseline, now)[0].status is expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (shown("scheduled", "06:00:00", None, is_historical_sync=True), RUNNING),
        (shown("scheduled", "06:00:00", "07:00:00", is_historical_sync=True), RUNNING),
        (shown("syncing", "06:00:00", None, is_historical_sync=True), RUNNING),
        (shown("paused", "06:00:00", None, is_historical_sync=True, paused=True), CANCELLED),
    ],
)
def test_a_historical_sync_that_is_due_outweighs_the_latest_stamps(now: Connection, expected: SyncStatus) -> None:
    assert judge_latest(now).status is expected
