"""Fivetran's rules as tables: what a poll says of a sync that has no id."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from fivetran_blueprints.handoff import Handoff
from fivetran_blueprints.verdict import Baseline, Connection, judge, judge_latest
from shared.status import SyncStatus, Verdict
from tests.fivetran_blueprints.responses import ID

RUNNING, SUCCEEDED = SyncStatus.RUNNING, SyncStatus.SUCCEEDED
FAILED, CANCELLED = SyncStatus.FAILED, SyncStatus.CANCELLED


def stamp(text: str) -> Any:
    """`12:00:05` or `12:00:05.250` of the day of the tests; `-` is none."""
    if text == "-":
        return None
    moment = datetime.strptime(f"2026-11-22 {text}", f"%Y-%m-%d %H:%M:%S{'.%f' if '.' in text else ''}")
    return moment.replace(tzinfo=timezone.utc)


MORE: dict[str, dict[str, Any]] = {
    "historical": {"is_historical_sync": True},
    "by-flag": {"paused": True},
    "auto": {"schedule_type": "auto"},
    "12:30": {"rescheduled_for": stamp("12:30:00")},
}


def shown(text: str) -> Connection:
    """`syncing 06:00:00 05:00:00 historical`: the state, when it last succeeded and failed, and what else is shown."""
    state, succeeded_at, failed_at, *more = text.split()
    return Connection(
        stamp(succeeded_at), stamp(failed_at), state, **{key: MORE[one][key] for one in more for key in MORE[one]}
    )


def triggered(stamps: str, *, earliest_end: str = "-", **more: Any) -> Baseline:
    """A sync that Fivetran accepted at 12:00:00, with the stamps before it."""
    succeeded_at, failed_at = map(stamp, stamps.split())
    return Baseline(succeeded_at, failed_at, stamp("12:00:00"), stamp(earliest_end), **more)


FIRST = triggered("- -")
USUAL = triggered("06:00:00 05:00:00")
SURE = triggered("06:00:00 05:00:00", earliest_end="11:59:58")
SLOW = triggered("06:00:00 05:00:00", earliest_end="11:59:55")  # its request was sent at 11:59:57
ONCE_FAILED = triggered("05:00:00 06:00:00")
FORCED = triggered("06:00:00 05:00:00", interrupted=True)
HISTORICAL = USUAL._replace(historical=True)
HISTORICAL_OVER_ANOTHER = FORCED._replace(historical=True)

SCENARIOS: dict[str, tuple[Baseline, str]] = {
    "plain success": (
        USUAL,
        """scheduled 06:00:00 05:00:00 -> running
           syncing   06:00:00 05:00:00 -> running
           scheduled 12:05:00 05:00:00 -> succeeded""",
    ),
    "historical sync that is still due when another one ends": (
        HISTORICAL,
        """scheduled 12:00:30 05:00:00 historical -> running
           syncing   12:00:30 05:00:00 historical -> running
           scheduled 12:05:00 05:00:00            -> succeeded""",
    ),
    "historical sync whose failure leaves it due": (HISTORICAL, "scheduled 06:00:00 12:05:00 historical -> failed"),
    "historical sync that is still due when the one that it stops ends as failed": (
        HISTORICAL_OVER_ANOTHER,
        """scheduled 06:00:00 12:00:03 historical -> running
           scheduled 06:00:00 12:00:03 historical -> running
           scheduled 06:00:00 12:00:03 historical -> running
           syncing   06:00:00 12:00:03 historical -> running
           scheduled 12:05:00 12:00:03            -> running
           scheduled 12:05:00 12:00:03            -> succeeded""",
    ),
    "resync that lets the running sync end first": (
        HISTORICAL_OVER_ANOTHER,
        """scheduled 12:05:00 05:00:00 historical -> running
           scheduled 12:05:00 05:00:00 historical -> running
           scheduled 12:05:00 05:00:00 historical -> running
           scheduled 12:05:00 12:30:00            -> running
           scheduled 12:05:00 12:30:00            -> failed""",
    ),
    "very first sync succeeds": (
        FIRST,
        """scheduled -        - -> running
           syncing   -        - -> running
           scheduled 12:05:00 - -> succeeded""",
    ),
    "failed, retried by Fivetran and succeeded between two polls": (
        USUAL,
        """syncing   06:00:00 05:00:00 -> running
           scheduled 12:09:00 12:05:00 -> succeeded""",
    ),
    "succeeded, then a later failure between two polls": (
        USUAL,
        """syncing   06:00:00 05:00:00 -> running
           scheduled 12:05:00 12:09:00 -> failed""",
    ),
    "forced over a running sync that completes in the second of the POST": (
        FORCED,
        """scheduled 12:00:00.999 05:00:00 -> running
           scheduled 12:00:00.999 05:00:00 -> running
           scheduled 12:05:00     05:00:00 -> running
           scheduled 12:05:00     05:00:00 -> succeeded""",
    ),
    "forced over a running sync, the cancel stamps failed_at, then success": (
        FORCED,
        """syncing   06:00:00 12:00:03 -> running
           syncing   06:00:00 12:00:03 -> running
           scheduled 12:05:00 12:00:03 -> running
           scheduled 12:05:00 12:00:03 -> succeeded""",
    ),
    "forced over a running sync, the cancel leaves no stamp": (
        FORCED,
        """syncing   06:00:00 05:00:00 -> running
           scheduled 12:05:00 05:00:00 -> running
           scheduled 12:05:00 05:00:00 -> succeeded""",
    ),
    "forced over a running sync, whose stamp is followed by a sync that is rescheduled": (
        FORCED,
        """rescheduled 06:00:00 12:00:08 12:30 -> running
           rescheduled 06:00:00 12:00:08 12:30 -> running
           scheduled   12:40:00 12:00:08       -> running
           scheduled   12:40:00 12:00:08       -> succeeded""",
    ),
    "forced over a running sync, ended later than that can have been stopped, and the next one runs": (
        FORCED,
        """syncing 12:04:59 05:00:00 -> running
           syncing 12:04:59 05:00:00 -> running
           syncing 12:05:00 05:00:00 -> running
           syncing 12:05:00 05:00:00 -> succeeded""",
    ),
    "forced over a running sync, ended after four minutes, and the next one is rescheduled": (
        FORCED,
        """rescheduled 12:04:00 05:00:00 12:30 auto -> running
           rescheduled 12:04:00 05:00:00 12:30 auto -> succeeded""",
    ),
    "forced over a running sync, whose failure is stamped after six minutes": (
        FORCED,
        """syncing   06:00:00 12:06:00 -> running
           syncing   06:00:00 12:06:00 -> running
           scheduled 12:09:00 12:06:00 -> running
           scheduled 12:09:00 12:06:00 -> succeeded""",
    ),
    "forced over a running sync, failed later than that can have been stopped, and the retry is rescheduled": (
        FORCED,
        """rescheduled 06:00:00 12:05:00 12:30 auto -> running
           rescheduled 06:00:00 12:05:00 12:30 auto -> failed""",
    ),
    "quickly ended before the response came": (SLOW, "scheduled 11:59:57 05:00:00 -> succeeded"),
    "an end before the response came, shown late, while the sync is running": (
        SLOW,
        """syncing   11:59:57 05:00:00 -> running
           scheduled 11:59:57 05:00:00 -> running
           scheduled 12:05:00 05:00:00 -> succeeded""",
    ),
    "ended, then paused between two polls": (USUAL, "paused 12:05:00 05:00:00 by-flag -> succeeded"),
}


@pytest.mark.parametrize(("baseline", "polls"), SCENARIOS.values(), ids=SCENARIOS)
def test_the_rule_is_right_in_every_scenario(baseline: Baseline, polls: str) -> None:
    for line in polls.splitlines():
        now, expected = line.split("->")
        verdict, baseline = judge(baseline, shown(now))
        assert verdict.status.value == expected.strip(), line


@pytest.mark.parametrize(
    ("what", "baseline", "now", "expected"),
    [
        ("a tie is a failure", USUAL, "scheduled 12:05:00 12:05:00", FAILED),
        ("the next one runs already", USUAL, "syncing 12:05:00 05:00:00", SUCCEEDED),
        ("an earlier stamp is not new", USUAL, "scheduled 05:59:59 05:00:00", RUNNING),
        ("later by a millisecond", USUAL, "scheduled 06:00:00.001 05:00:00", SUCCEEDED),
        ("the server's clock decides nothing", USUAL, "scheduled 11:58:00 05:00:00", SUCCEEDED),
        ("only new stamps can tie with each other", ONCE_FAILED, "scheduled 06:00:00 06:00:00", SUCCEEDED),
        ("paused by its flag", USUAL, "scheduled 06:00:00 05:00:00 by-flag", CANCELLED),
        ("paused by its sync_state", USUAL, "paused 06:00:00 05:00:00", CANCELLED),
        ("an unknown word is not finished", USUAL, "hibernating 06:00:00 05:00:00", RUNNING),
        ("a new stamp beats a word", USUAL, "hibernating 12:05:00 05:00:00", SUCCEEDED),
        ("a stamp from before the request is another sync's", SURE, "scheduled 11:59:57 05:00:00", RUNNING),
        ("the first that is", SURE, "scheduled 11:59:58 -", SUCCEEDED),
        ("joined, fewer digits", triggered("06:00:00.047 -"), "scheduled 06:00:00 -", SUCCEEDED),
        ("joined, fewer digits, and it goes on", triggered("06:00:00.047 -"), "syncing 06:00:00 -", RUNNING),
        (
            "not joined, fewer digits",
            triggered("06:00:00.047 06:00:00.047", earliest_end="05:00:00"),
            "scheduled 06:00:00 06:00:00",
            RUNNING,
        ),
    ],
)
def test_only_a_stamp_later_than_before_is_an_end(
    what: str, baseline: Baseline, now: str, expected: SyncStatus
) -> None:
    assert judge(baseline, shown(now))[0].status is expected, what


def test_only_a_new_stamp_after_an_interruption_asks_for_a_second_poll() -> None:
    now = shown("scheduled 12:05:00 05:00:00")
    assert judge(FORCED, now)[0] == Verdict(RUNNING, "is about to end", poll_again_in=2)
    assert judge(USUAL, now)[0].poll_again_in is None


@pytest.mark.parametrize(
    ("at", "expected", "poll_again_in"),
    [
        ("-", SUCCEEDED, None),
        ("12:04:58", SUCCEEDED, None),  # the clocks disagree
        ("12:04:59", RUNNING, 13),
        ("12:05:02", RUNNING, 10),
        ("12:05:11", RUNNING, 2),
        ("12:05:12", SUCCEEDED, None),
    ],
)
def test_after_an_interruption_an_end_is_believed_once_a_poll_surely_shows_what_came_after_it(
    at: str, expected: SyncStatus, poll_again_in: float | None
) -> None:
    now = shown("scheduled 12:05:00 05:00:00")
    verdict, _ = judge(FORCED._replace(seen=now.stamps), now, stamp(at))
    assert (verdict.status, verdict.poll_again_in) == (expected, poll_again_in)


@pytest.mark.parametrize(
    ("what", "baseline", "now", "at", "expected"),
    [
        ("a second later", FORCED, "scheduled 12:00:01 05:00:00", "-", SUCCEEDED),
        ("by an unknown clock", FORCED, "scheduled 11:59:59 05:00:00", "-", RUNNING),
        ("for an hour", FORCED, "scheduled 11:59:59 05:00:00", "13:00:00", RUNNING),
        ("not for longer", FORCED, "scheduled 11:59:59 05:00:00", "13:00:01", SUCCEEDED),
        ("unless it is idle", FORCED, "hibernating 11:59:59 05:00:00", "13:00:01", RUNNING),
        ("or it is paused", FORCED, "scheduled 11:59:59 05:00:00 by-flag", "13:00:01", CANCELLED),
        ("not a historical one", FORCED, "scheduled 12:00:30 - historical", "-", SUCCEEDED),
        ("no longer due", HISTORICAL_OVER_ANOTHER, "scheduled 12:00:30 -", "-", SUCCEEDED),
        ("still due", HISTORICAL_OVER_ANOTHER, "scheduled - 12:00:59 historical", "-", RUNNING),
        ("a minute later", HISTORICAL_OVER_ANOTHER, "scheduled - 12:01:00 historical", "-", FAILED),
    ],
)
def test_an_end_just_after_an_interruption_may_be_that_of_the_sync_that_was_stopped(
    what: str, baseline: Baseline, now: str, at: str, expected: SyncStatus
) -> None:
    poll = shown(now)
    assert judge(baseline._replace(seen=poll.stamps), poll, stamp(at))[0].status is expected, what


def test_what_the_interrupted_sync_left_is_no_longer_new() -> None:
    settling = FORCED._replace(seen=(stamp("06:00:00"), stamp("12:00:02")))
    _, moved = judge(settling, shown("syncing 11:59:59.900 12:00:03"))
    assert moved == FORCED._replace(succeeded_at=stamp("11:59:59.900"), failed_at=stamp("12:00:03"))


DUE = "is due as a historical sync and has not started yet"
DUE_AFTER_FAILURE = f"{DUE} (the latest sync failed at 2026-11-22T06:00:00Z)"
DUE_BUT_PAUSED = "is due as a historical sync, but the connection is paused; unpause it"
PAUSED = "was cancelled: the connection was paused before it ended; unpause it and trigger it again"
RESCHEDULED = "is rescheduled for 2026-11-22T12:30:00Z"


@pytest.mark.parametrize(
    ("now", "status", "message"),
    [
        ("scheduled 06:00:00 05:00:00", SUCCEEDED, "succeeded at 2026-11-22T06:00:00Z"),
        ("scheduled 06:00:00 -", SUCCEEDED, "succeeded at 2026-11-22T06:00:00Z"),
        ("paused 06:00:00 05:00:00", SUCCEEDED, "succeeded at 2026-11-22T06:00:00Z"),
        ("scheduled 05:00:00 06:00:00", FAILED, "failed at 2026-11-22T06:00:00Z"),
        ("scheduled 06:00:00 06:00:00", FAILED, "failed at 2026-11-22T06:00:00Z"),
        ("scheduled - -", RUNNING, "has never completed"),
        ("rescheduled - - by-flag", RUNNING, "has never completed"),
        ("syncing - -", RUNNING, "is running"),
        ("syncing - - historical", RUNNING, "is running as a historical sync"),
        ("hibernating 06:00:00 -", RUNNING, "is in the unknown state 'hibernating'"),
        ("rescheduled - 06:00:00 auto", RUNNING, "is rescheduled for an unknown time"),
        ("rescheduled - 06:00:00 auto 12:30 historical", RUNNING, RESCHEDULED),
        ("scheduled - - historical", RUNNING, DUE),
        ("scheduled 06:00:00 05:00:00 historical", RUNNING, DUE),
        ("scheduled 05:00:00 06:00:00 historical", RUNNING, DUE_AFTER_FAILURE),
        ("scheduled 06:00:00 06:00:00 historical", RUNNING, DUE_AFTER_FAILURE),
        ("paused 06:00:00 - historical", CANCELLED, DUE_BUT_PAUSED),
    ],
)
def test_without_a_handoff_the_latest_sync_decides(now: str, status: SyncStatus, message: str) -> None:
    verdict = judge_latest(shown(now))
    assert (verdict.status, verdict.message) == (status, message)


@pytest.mark.parametrize(
    ("now", "message"),
    [
        ("scheduled 06:00:00 -", "has not started yet"),
        ("paused 06:00:00 -", PAUSED),
        (
            "rescheduled 06:00:00 - 12:30",
            f"{RESCHEDULED}; the schedule is manual, so it has to be triggered again then",
        ),
        ("rescheduled 06:00:00 - 12:30 auto", RESCHEDULED),
    ],
)
def test_a_sync_that_has_not_ended_is_explained(now: str, message: str) -> None:
    assert judge(USUAL, shown(now))[0].message == message


@pytest.mark.parametrize(
    ("at", "now", "expected"),
    [
        ("12:00:00", "scheduled 11:59:58 05:00:00", True),
        ("12:00:00", "scheduled 06:00:00 11:59:58", True),
        ("12:00:00", "scheduled 11:59:57 05:00:00", False),  # it only shows late
        ("05:00:00", "scheduled 06:00:00 05:00:00", False),
        ("05:00:00", "scheduled 05:30:00 05:00:00", False),  # a stale poll
        ("05:00:00", "scheduled - -", False),
    ],
)
def test_a_sync_has_ended_since_if_its_stamp_is_new_and_late_enough(at: str, now: str, expected: bool) -> None:
    assert shown(now).has_ended_since(shown("scheduled 06:00:00 05:00:00"), stamp(at)) is expected


def test_a_handoff_comes_back_as_it_was() -> None:
    handoff = Handoff(ID, triggered("06:00:00 -", earliest_end="11:59:58", interrupted=True, historical=True))
    assert Handoff.from_plain(handoff.plain()) == handoff
