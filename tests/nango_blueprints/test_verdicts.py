"""Nango's rules as tables: what a poll says of each entry and of all of them. Times are seconds after the request."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from nango_blueprints.verdict import Entry, EntryVerdict, Start, Watch, iso, judge, overall, shows_start
from shared.status import SyncStatus
from tests.support import NOW

RUNNING, SUCCEEDED, FAILED, _, UNKNOWN = SyncStatus
OLD, NEW = -6 * 3600, 300  # when the run before ended, and when the triggered one did
DAY = 86_400
GRACE = timedelta(seconds=600)
START, RESET, LATEST = Start(NOW, GRACE), Start(NOW, GRACE, reset=True), Start()
LABEL = "conn-a/lab-ctl"


def at(seconds: float | None) -> datetime | None:
    return None if seconds is None else NOW + timedelta(seconds=seconds)


def entry(
    execution: str | None, finished: float | None, status: str | None = "SUCCESS", due: float | None = DAY
) -> Entry:
    return Entry(LABEL, "lab-ctl", execution, status, at(finished), at(due), {"added": 1})


def before(finished: float | None) -> Watch:
    return Watch(LABEL, at(finished))


JOINED = Watch(LABEL, joined=True)
NO_BASELINE = Watch(LABEL, later_than=NOW)


def verdict(found: Entry | None, watch: Watch, start: Start = START, now: float = 310) -> EntryVerdict:
    return judge(found, watch, start, NOW + timedelta(seconds=now))[0]


def polls(watch: Watch, start: Start, *seen: tuple[float, Entry | None]) -> list[tuple[SyncStatus, str]]:
    """What polls at these seconds say, each knowing what those before have shown."""
    told = []
    for now, found in seen:
        one, watch = judge(found, watch, start, NOW + timedelta(seconds=now))
        assert one.label == LABEL
        told.append((one.status, one.why))
    return told


@pytest.mark.parametrize(
    ("found", "watch", "expected"),
    [
        pytest.param(entry("RUNNING", None), before(OLD), RUNNING, id="it is running"),
        pytest.param(entry("RUNNING", OLD), before(OLD), RUNNING, id="it is running and shows an end"),
        pytest.param(entry("SUCCESS", OLD), before(OLD), RUNNING, id="the success before is not news"),
        pytest.param(entry(None, None), before(None), RUNNING, id="it never ran and is still to come"),
        pytest.param(entry("SUCCESS", NEW), before(OLD), SUCCEEDED, id="success"),
        pytest.param(entry("STOPPED", NEW), before(OLD), FAILED, id="failure"),
        pytest.param(entry("SUCCESS", NEW), before(None), SUCCEEDED, id="first success"),
        pytest.param(entry("SUCCESS", -10), before(OLD), SUCCEEDED, id="a success just before the request"),
        pytest.param(entry("SUCCESS", -11), before(OLD), SUCCEEDED, id="a success by a clock that is behind"),
        pytest.param(entry("SUCCESS", NEW, "PAUSED", None), before(OLD), SUCCEEDED, id="a paused sync's success"),
        pytest.param(entry("STOPPED", NEW, "SUCCESS"), before(OLD), FAILED, id="the execution counts"),
        pytest.param(entry("SUCCESS", NEW, "RUNNING"), before(OLD), SUCCEEDED, id="not the mixed status"),
        pytest.param(entry("HALTED", NEW), before(OLD), UNKNOWN, id="an unknown status"),
        pytest.param(entry("STOPPED", -10), before(OLD), FAILED, id="a failure just before the request"),
        pytest.param(entry("STOPPED", -11), before(OLD), RUNNING, id="an older failure, shown late"),
        pytest.param(entry(None, -11, "ERROR"), before(OLD), RUNNING, id="an older failure on an old server"),
        pytest.param(entry("SUCCESS", OLD), JOINED, SUCCEEDED, id="joined, any end counts"),
        pytest.param(entry("STOPPED", OLD), JOINED, FAILED, id="joined, also an old failure"),
        pytest.param(entry("SUCCESS", NEW), NO_BASELINE, SUCCEEDED, id="no baseline, success"),
        pytest.param(entry("STOPPED", 1), NO_BASELINE, FAILED, id="no baseline, failure"),
        pytest.param(entry("SUCCESS", 0), NO_BASELINE, RUNNING, id="no baseline, ended when it was requested"),
        pytest.param(entry("SUCCESS", OLD), NO_BASELINE, RUNNING, id="no baseline, an old success"),
    ],
)
def test_an_entry_is_compared_with_the_one_before_the_trigger(found: Entry, watch: Watch, expected: SyncStatus) -> None:
    assert verdict(found, watch).status is expected


@pytest.mark.parametrize(("ended", "expected"), [(-10, SUCCEEDED), (-11, RUNNING), (-69, RUNNING), (-70, SUCCEEDED)])
def test_a_success_between_the_read_before_and_the_request_is_an_older_one(ended: float, expected: SyncStatus) -> None:
    after_a_429 = START._replace(gap=timedelta(seconds=60))
    assert verdict(entry("SUCCESS", ended), before(OLD), after_a_429).status is expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [("SUCCESS", SUCCEEDED), ("ERROR", FAILED), ("PAUSED", UNKNOWN), ("STOPPED", UNKNOWN), ("RUNNING", RUNNING)],
)
@pytest.mark.parametrize("watch", [before(OLD), JOINED, NO_BASELINE])
def test_on_an_old_server_the_mixed_status_decides(status: str, expected: SyncStatus, watch: Watch) -> None:
    assert verdict(entry(None, NEW, status), watch).status is expected


@pytest.mark.parametrize(
    ("found", "watch"),
    [
        (entry("SUCCESS", OLD), before(OLD)),
        (entry("SUCCESS", OLD), NO_BASELINE),
        (entry(None, None), before(None)),
        (entry("STOPPED", -11), before(OLD)),
    ],
)
def test_what_is_unseen_when_the_start_grace_is_over_has_failed(found: Entry, watch: Watch) -> None:
    assert verdict(found, watch, now=600).status is RUNNING
    told = verdict(found, watch, now=601)
    assert told.status is FAILED
    assert told.why == "not seen to start within 600 s; it may still be queued (Nango drops it after an hour)"


@pytest.mark.parametrize(
    ("found", "start", "why"),
    [
        (entry("RUNNING", None), START, "running"),
        (entry("SUCCESS", NEW), START, "SUCCESS"),
        (entry("STOPPED", NEW), START, "STOPPED: failed, cancelled or timed out"),
        (entry("HALTED", NEW), START, "HALTED"),
        (entry(None, NEW, "ERROR"), START, "ERROR"),
        (entry(None, NEW, "STOPPED"), START, "STOPPED"),  # of the schedule, on an old server
        (entry(None, NEW, None), START, "no status"),
        (entry("SUCCESS", NEW, due=NEW), START, "cut by Nango, to be continued"),
        (entry("SUCCESS", NEW + 9), START, "its end is not confirmed yet"),
        (entry("SUCCESS", OLD), START, "not started yet"),
        (entry(None, None), LATEST, "never run"),
        (None, START, "missing from Nango's response"),
    ],
)
def test_each_entry_is_named_and_explained(found: Entry | None, start: Start, why: str) -> None:
    told = verdict(found, before(OLD), start)
    assert (told.label, told.why) == (LABEL, why)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param([(1, entry("STOPPED", 0.5))], RUNNING, id="the run that it cancelled"),
        pytest.param([(9, entry("STOPPED", 0.5)), (15, entry("STOPPED", 9.8))], RUNNING, id="whose end moves"),
        pytest.param([(29, entry("STOPPED", 0.5))], RUNNING, id="within half a minute"),
        pytest.param([(30, entry("STOPPED", 0.5))], FAILED, id="not for longer"),
        pytest.param([(31, entry("STOPPED", 9.8))], FAILED, id="nor where its end moved"),
        pytest.param([(20, entry("STOPPED", 19))], RUNNING, id="a failure of its own run is told later"),
        pytest.param([(12, entry("RUNNING", None)), (20, entry("STOPPED", 19))], FAILED, id="or once it was running"),
        pytest.param([(12, entry("RUNNING", None)), (40, entry("SUCCESS", 30))], SUCCEEDED, id="a success"),
        pytest.param([(25, entry("SUCCESS", 15))], SUCCEEDED, id="a success is never the cancelled run's"),
        pytest.param([(5, entry(None, 0.5, "ERROR"))], RUNNING, id="on an old server"),
        pytest.param([(5, entry("HALTED", 0.5))], UNKNOWN, id="an unknown status"),
    ],
)
@pytest.mark.parametrize("watch", [before(OLD), before(None)])
def test_after_a_reset_a_failure_may_be_that_of_the_run_that_it_cancelled(
    seen: list[tuple[float, Entry]], expected: SyncStatus, watch: Watch
) -> None:
    assert polls(watch, RESET, *seen)[-1][0] is expected


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param([(125, entry("STOPPED", 124))], RUNNING, id="of the run that it cancelled when it arrived"),
        pytest.param([(121, entry("RUNNING", None)), (130, entry("STOPPED", 124))], RUNNING, id="shown before"),
        pytest.param([(150, entry("STOPPED", 124))], FAILED, id="not for longer than half a minute"),
        pytest.param([(175, None), (177, None)], RUNNING, id="missing for less than a minute since it was found"),
        pytest.param([(179, None), (181, None)], FAILED, id="or for longer"),
        pytest.param([(719, entry("SUCCESS", -9))], RUNNING, id="nor has it been unseen for long"),
        pytest.param([(721, entry("SUCCESS", -9))], FAILED, id="until it has"),
    ],
)
def test_a_reset_whose_response_was_lost_may_have_been_accepted_late(
    seen: list[tuple[float, Entry]], expected: SyncStatus
) -> None:
    late = RESET._replace(late=timedelta(seconds=120))
    assert polls(before(-9), late, *seen)[-1][0] is expected


@pytest.mark.parametrize(
    ("found", "now", "expected"),
    [
        pytest.param(entry("SUCCESS", 720, due=720), 760, RUNNING, id="cut"),
        pytest.param(entry("SUCCESS", 720, due=710), 760, RUNNING, id="due a little before its end"),
        pytest.param(entry("SUCCESS", 720, due=730), 760, RUNNING, id="due a little after its end"),
        pytest.param(entry("SUCCESS", 712, due=721), 720, RUNNING, id="due in the second of the Date"),
        pytest.param(entry("SUCCESS", 720, due=709), 760, SUCCEEDED, id="due at another time"),
        pytest.param(entry("SUCCESS", 720, due=731), 760, SUCCEEDED, id="or later"),
        pytest.param(entry("SUCCESS", 720, due=728), 726, SUCCEEDED, id="due ahead"),
        pytest.param(entry("SUCCESS", 720, due=None), 760, SUCCEEDED, id="without a due time"),
        pytest.param(entry("SUCCESS", 720, due=720), 720 + 3600, RUNNING, id="an hour later"),
        pytest.param(entry("SUCCESS", 720, due=720), 720 + 3601, FAILED, id="never continued"),
        pytest.param(entry("STOPPED", 720, due=720), 760, FAILED, id="a failure is not cut"),
        pytest.param(entry(None, 720, "SUCCESS", 720), 760, RUNNING, id="cut on an old server"),
        pytest.param(entry("RUNNING", None, due=720), 760, RUNNING, id="continued"),
    ],
)
@pytest.mark.parametrize(
    ("watch", "start"), [(before(OLD), START), (JOINED, START), (NO_BASELINE, START), (JOINED, LATEST)]
)
def test_a_success_that_is_due_at_its_own_end_was_cut_and_goes_on(
    found: Entry, now: float, expected: SyncStatus, watch: Watch, start: Start
) -> None:
    assert verdict(found, watch, start, now).status is expected


def test_a_run_that_was_cut_and_never_continued_has_ended_with_its_end() -> None:
    cut = entry("SUCCESS", 720, due=720)
    expected = EntryVerdict(LABEL, FAILED, "cut by Nango and never continued", cut)
    assert verdict(cut, before(OLD), now=720 + 3601) == expected


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (entry("SUCCESS", 100, due=DAY), SUCCEEDED),
        (entry("SUCCESS", 100, due=100.2), RUNNING),
        (entry("RUNNING", None), RUNNING),
        (entry("STOPPED", 101), FAILED),
    ],
)
def test_a_young_success_is_polled_once_more(later: Entry, expected: SyncStatus) -> None:
    first, watch = judge(entry("SUCCESS", 100), before(OLD), START, NOW + timedelta(seconds=102))
    assert (first.status, first.confirm) == (RUNNING, True)
    second, _ = judge(later, watch, START, NOW + timedelta(seconds=104))
    assert (second.status, second.confirm) == (expected, False)


@pytest.mark.parametrize(("now", "confirm"), [(104.9, True), (105, False), (95, True)])
def test_a_success_is_young_for_five_seconds(now: float, confirm: bool) -> None:
    assert verdict(entry("SUCCESS", 100), before(OLD), now=now).confirm is confirm


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param([(59, None), (60, None)], RUNNING, id="a minute after the trigger"),
        pytest.param([(59, None), (61, None)], FAILED, id="more than a minute after the trigger"),
        pytest.param([(900, None), (902, None)], FAILED, id="two do"),
        pytest.param([(900, None), (902, entry("SUCCESS", NEW))], SUCCEEDED, id="and has ended"),
        pytest.param([(900, None), (902, entry("RUNNING", None)), (965, None)], RUNNING, id="missing once more"),
        pytest.param([(900, entry("RUNNING", None)), (966, None)], RUNNING, id="seen in the poll before"),
        pytest.param([(900, entry("RUNNING", None)), (905, None), (960, None)], RUNNING, id="less than a minute ago"),
        pytest.param([(900, entry("RUNNING", None)), (905, None), (966, None)], FAILED, id="a minute ago"),
    ],
)
def test_a_missing_entry_is_pending_for_a_minute(seen: list[tuple[float, Entry | None]], expected: SyncStatus) -> None:
    *_, (status, why) = polls(before(OLD), START, *seen)
    assert status is expected
    assert expected is not FAILED or why == "not found any more"


@pytest.mark.parametrize(("now", "confirm"), [(60, False), (61, True)])
def test_an_entry_that_is_missing_for_too_long_is_polled_once_more(now: float, confirm: bool) -> None:
    assert verdict(None, before(OLD), now=now).confirm is confirm


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (entry("RUNNING", None), RUNNING),
        (entry("SUCCESS", OLD), SUCCEEDED),
        (entry("STOPPED", OLD), FAILED),
        (entry(None, None, "PAUSED"), RUNNING),
        (entry("SUCCESS", OLD, "PAUSED", None), SUCCEEDED),
    ],
)
def test_without_a_handoff_the_latest_execution_decides(found: Entry, expected: SyncStatus) -> None:
    assert verdict(found, JOINED, LATEST, now=DAY).status is expected


# After a lost response


@pytest.mark.parametrize(
    ("found", "watch", "expected"),
    [
        (entry("RUNNING", None), before(OLD), True),
        (entry("SUCCESS", 3), before(OLD), True),
        (entry("STOPPED", 3), before(OLD), True),
        (entry("STOPPED", -11), before(OLD), False),
        (entry("SUCCESS", OLD), before(OLD), False),
        (entry(None, None), before(None), False),
        (entry("RUNNING", None), JOINED, False),
        (entry("SUCCESS", 3), JOINED, False),
    ],
)
def test_a_run_that_is_new_shows_that_a_request_was_accepted(found: Entry, watch: Watch, expected: bool) -> None:
    assert shows_start(found, watch, START) is expected


# All entries


def one(status: SyncStatus, label: str = LABEL, *, found: Entry | None = None, confirm: bool = False) -> EntryVerdict:
    return EntryVerdict(label, status, "why", found, confirm)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([SUCCEEDED, RUNNING], RUNNING),
        ([FAILED, RUNNING], RUNNING),
        ([UNKNOWN, RUNNING], RUNNING),
        ([SUCCEEDED, UNKNOWN], UNKNOWN),
        ([FAILED, UNKNOWN, SUCCEEDED], FAILED),
    ],
)
def test_all_have_ended_once_none_is_running(statuses: list[SyncStatus], expected: SyncStatus) -> None:
    assert overall("x", [one(status, found=entry("SUCCESS", NEW)) for status in statuses]).status is expected


@pytest.mark.parametrize(
    ("verdicts", "message"),
    [
        ([one(SUCCEEDED, found=entry("SUCCESS", NEW))], "sync of x succeeded at 2026-11-22T12:05:00Z"),
        (
            [one(SUCCEEDED, found=entry("SUCCESS", NEW)), one(SUCCEEDED, found=entry("SUCCESS", 5))],
            "all 2 syncs of x succeeded, the last at 2026-11-22T12:05:00Z",
        ),
        ([one(RUNNING)], "sync of x has not ended yet: conn-a/lab-ctl (why)"),
        ([one(FAILED)], "sync of x failed: conn-a/lab-ctl (why)"),
        ([one(UNKNOWN)], "sync of x has an unknown status: conn-a/lab-ctl (why)"),
        (
            [one(RUNNING), one(RUNNING), one(FAILED)],
            "2 of 3 syncs of x have not ended yet: " + ", ".join(["conn-a/lab-ctl (why)"] * 2),
        ),
        (
            [one(FAILED, f"c{number}/s") for number in range(5)],
            "5 of 5 syncs of x failed: c0/s (why), c1/s (why), c2/s (why), c3/s (why), c4/s (why)",
        ),
        (
            [*(one(FAILED, f"c{number}/s") for number in range(7)), one(SUCCEEDED, found=entry("SUCCESS", NEW))],
            "7 of 8 syncs of x failed: c0/s (why), c1/s (why), c2/s (why), c3/s (why), c4/s (why) and 2 more",
        ),
    ],
)
def test_the_message_counts_and_names_the_first_few(verdicts: list[EntryVerdict], message: str) -> None:
    assert overall("x", verdicts).message == message


def test_a_success_names_no_entry() -> None:
    assert overall("x", [verdict(entry("SUCCESS", NEW), before(OLD))]).details["named"] == []


@pytest.mark.parametrize(("seconds", "digits"), [(0, "000"), (0.25, "250"), (0.000001, "000001"), (0.001001, "001001")])
def test_a_time_is_written_with_as_many_digits_as_it_needs(seconds: float, digits: str) -> None:
    assert iso(NOW + timedelta(seconds=seconds)) == f"2026-11-22T12:00:00.{digits}Z"


def test_the_oldest_end_is_the_age_of_all() -> None:
    told = overall("x", [one(SUCCEEDED, found=entry("SUCCESS", seconds)) for seconds in (NEW, OLD, 5)])
    assert told.ended_at == at(OLD)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([one(RUNNING, confirm=True)], 2.0),
        ([one(RUNNING, confirm=True), one(FAILED)], 2.0),
        ([one(RUNNING, confirm=True), one(RUNNING)], None),
        ([one(FAILED)], None),
    ],
)
def test_another_poll_is_asked_for_only_if_it_decides(verdicts: list[EntryVerdict], expected: float | None) -> None:
    told = overall("x", verdicts)
    assert told.poll_again_in == expected
