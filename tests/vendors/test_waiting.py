"""What every vendor's check does alike, and a trigger that waits: polls, their failures, and which handoff is meant."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pytest

from tests.endings import ARTIFACT_ERROR, FAILED, INVALID, INVALID_INPUT, NOT_FOUND, RUNNING, SUCCEEDED, UNREACHABLE
from tests.vendors.kinds import OUTAGE, Synced
from tests.wire import HTML, REFUSED, TIMED_OUT

# Waiting for the end


@pytest.mark.parametrize("fails", [False, True], ids=["succeeded", "failed"])
def test_a_trigger_waits_until_the_sync_has_ended(synced: Synced, fails: bool) -> None:
    synced.begins_and_starts()
    synced.polls(*[HTML] * 5, status=503)  # the first poll comes after a pause and may fail
    synced.polls(synced.kind.goes_on, synced.kind.goes_on)
    synced.ends(synced.kind.failed if fails else synced.kind.succeeded)
    assert synced.trigger(WAIT="TRUE") == (FAILED if fails else SUCCEEDED)
    assert next(sent.at for sent in synced.vendor.sent if sent.at > 0) > 1
    assert set(synced.vendor.files) == synced.kind.handoff


@pytest.mark.parametrize("offset", [-600, 600], ids=["behind", "ahead"])
def test_a_check_polls_at_once_until_the_sync_has_ended_whatever_the_local_clock_shows(
    synced: Synced, offset: float
) -> None:
    synced.vendor.clock.offset = offset
    synced.triggered()
    synced.polls(synced.kind.goes_on, synced.kind.goes_on)
    synced.ends()
    assert synced.check(WAIT="TRUE") == (*SUCCEEDED, synced.kind.id)
    assert synced.vendor.sent[0].at == 60


def test_a_check_times_out_and_says_that_the_sync_is_still_running(synced: Synced) -> None:
    synced.triggered(after=0)
    synced.polls(synced.kind.goes_on, many=True)
    ended = synced.check(WAIT="TRUE", WAIT_TIMEOUT="30", POLL_INTERVAL="20")
    assert ended == (*RUNNING, "timed out after 30 min (", "); the sync is still running in ")
    assert 1800 <= synced.vendor.clock.elapsed < 1821
    polls = [sent.at for sent in synced.vendor.sent]
    for before, after in zip(polls, polls[1:-1]):  # the last pause is cut by the time-out
        pause = min(max(min(before / 5, 15), before / 40, synced.kind.min_interval), 20)
        assert 0.89 * pause <= after - before <= 1.11 * pause


@pytest.mark.parametrize(
    "failure", [{"response": TIMED_OUT}, {"response": []}, {"response": {"code": "No"}, "status": 400}, "no such id"]
)
def test_any_failed_poll_is_survived_after_a_good_one(synced: Synced, failure: Any) -> None:
    synced.triggered(after=100)
    synced.polls(synced.kind.goes_on)
    for _ in range(6):
        synced.polls(**(synced.kind.no_such_id if failure == "no such id" else failure))
    synced.ends()
    assert synced.check(WAIT="TRUE") == SUCCEEDED


@pytest.mark.parametrize("first", [True, False], ids=["from the first poll on", "from the second on"])
def test_a_retry_after_at_each_poll_outlasts_the_time_out_by_no_more_than_a_poll(synced: Synced, first: bool) -> None:
    synced.begins_and_starts()
    if not first:
        synced.polls(synced.kind.goes_on)
    synced.polls(None, status=429, headers={"Retry-After": "50"}, takes=5, many=True)
    assert synced.trigger(WAIT="TRUE", WAIT_TIMEOUT="1").code in (210, 220)
    assert synced.vendor.clock.elapsed < 66  # a poll takes five seconds


# A poll that fails


@pytest.mark.parametrize("waits", ["FALSE", "TRUE"])
@pytest.mark.parametrize(
    ("failure", "tries", "expected"),
    [
        ({"response": None, "status": 401}, 1, INVALID),
        (OUTAGE, 5, UNREACHABLE),
        ({"response": REFUSED}, 5, UNREACHABLE),
        ({"response": HTML}, 1, UNREACHABLE),
        ({"response": None}, 1, UNREACHABLE),
        ({"response": []}, 1, UNREACHABLE),
        ("no such id", 1, NOT_FOUND),
    ],
)
def test_a_first_poll_that_fails_is_final(synced: Synced, failure: Any, tries: int, expected: Any, waits: str) -> None:
    synced.triggered(after=100)
    synced.polls(**(synced.kind.no_such_id if failure == "no such id" else failure), many=True)
    assert synced.check(WAIT=waits) == expected
    assert len(synced.vendor.sent) == tries


@pytest.mark.parametrize(
    ("seconds", "polls", "expected"),
    [(0, 3, (*RUNNING, "not visible yet")), (50, 3, RUNNING), (57, 2, NOT_FOUND), (61, 1, NOT_FOUND)],
)
def test_a_sync_is_not_visible_yet_for_a_minute_after_the_trigger(
    synced: Synced, seconds: float, polls: int, expected: tuple[Any, ...]
) -> None:
    synced.triggered(after=seconds + 1)
    for _ in range(polls):
        synced.polls(**synced.kind.no_such_id)
    assert synced.check() == expected
    assert synced.vendor.clock.sleeps == [2] * (polls - 1)


@pytest.mark.parametrize(("visible_after", "expected"), [(20, SUCCEEDED), (99, NOT_FOUND)])
def test_a_wait_goes_on_for_a_minute_until_the_sync_is_visible(
    synced: Synced, visible_after: int, expected: tuple[int, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    synced.triggered(after=0)
    for _ in range(min(visible_after, 60) // 2 + (expected is NOT_FOUND)):
        synced.polls(**synced.kind.no_such_id)
    if expected is SUCCEEDED:
        synced.ends()
    assert synced.check(WAIT="TRUE") == expected
    polls = [sent.at for sent in synced.vendor.sent if sent.method == "GET"]
    assert polls[:10] == [2.0 * number for number in range(10)]
    assert "; not visible yet, will retry" in caplog.text


# Without a handoff


@pytest.mark.parametrize("offset", [-7200, 7200], ids=["behind", "ahead"])
@pytest.mark.parametrize(
    ("max_age", "failed", "ended_at", "expected"),
    [
        ("", False, "06:30:00", SUCCEEDED),
        ("", True, "06:30:00", FAILED),
        ("60", False, "11:00:00", SUCCEEDED),
        ("60", False, "10:59:59", (*RUNNING, "ended at 2026-11-22T10:59:59Z, more than 60 min ago; no newer one yet")),
        ("60", True, "10:59:59", (*RUNNING, "no newer one yet")),
        ("60", True, "11:00:00", FAILED),
    ],
)
def test_the_latest_sync_decides_unless_it_ended_too_long_ago_by_the_servers_clock(
    synced: Synced, offset: float, max_age: str, failed: bool, ended_at: str, expected: tuple[Any, ...]
) -> None:
    synced.vendor.clock.offset = offset
    synced.latest(ended_at, failed=failed)
    assert synced.check(MAX_AGE=max_age) == expected


@pytest.mark.parametrize("failed", [False, True], ids=["succeeded", "failed"])
def test_a_sensor_waits_until_the_latest_sync_is_young(synced: Synced, failed: bool) -> None:
    synced.latest("11:00:00", failed=failed)
    synced.reads(synced.kind.running)
    synced.latest("12:00:03", failed=failed)
    assert synced.check(WAIT="TRUE", MAX_AGE="10") == (FAILED if failed else SUCCEEDED)


@pytest.mark.parametrize("given", [{}, {"MAX_AGE": "5", "WAIT": "TRUE"}])
def test_with_neither_an_id_nor_a_handoff_nothing_is_sent(synced: Synced, given: Mapping[str, str]) -> None:
    ended = synced.vendor.check(of=synced.vendor.credentials, **given)
    assert ended == INVALID_INPUT
    assert any(variable in ended.message for variable in synced.kind.of.keys() - synced.vendor.credentials.keys())


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [("POLL_INTERVAL", "0", 205), ("POLL_INTERVAL", "3601", 205), ("WAIT_TIMEOUT", "0", 206), ("WAIT", "1", 206)],
)
@pytest.mark.parametrize("script", [Synced.check, Synced.trigger])
def test_how_to_wait_is_checked_before_anything_is_sent(
    synced: Synced, script: Any, name: str, value: str, code: int
) -> None:
    prefix = f"{synced.vendor.name.upper()}_"
    assert script(synced, **{name: value}) == (code, "invalid_input", f"{prefix}{name}")
    assert synced.check(MAX_AGE="0") == (*INVALID_INPUT, f"{prefix}MAX_AGE")


# Which handoff is checked


def handoff_of_another(synced: Synced) -> dict[str, Any]:
    """What a trigger has saved, with another id."""
    saved = synced.vendor.files["sync.pickle"]
    return {key: "another_one" if value == synced.kind.id else value for key, value in saved.items()}


def test_of_two_upstream_handoffs_the_id_chooses_and_without_one_they_are_named(synced: Synced) -> None:
    synced.triggered(log_id="5")
    synced.vendor.put(**{"6_sync": handoff_of_another(synced)})
    synced.ends()
    assert synced.check("5", "6") == SUCCEEDED
    named = (synced.kind.id, "another_one", "5_sync.pickle", "6_sync.pickle")
    assert synced.vendor.check("5", "6", of=synced.vendor.credentials) == (*INVALID_INPUT, *named)


def test_a_handoff_of_another_id_is_ignored_with_a_warning(synced: Synced, caplog: pytest.LogCaptureFixture) -> None:
    synced.triggered(after=0)
    synced.vendor.put(sync=handoff_of_another(synced))
    synced.latest("11:30:00")
    assert synced.check() == SUCCEEDED
    (warning,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert all(words in warning for words in ("ignoring sync.pickle", "another_one", synced.kind.id))
    assert "None" not in warning


def test_an_old_success_never_stands_for_a_trigger_that_failed(synced: Synced) -> None:
    synced.triggered()
    synced.reads(**synced.kind.no_such_id)
    assert synced.trigger() == NOT_FOUND
    for of in (synced.kind.of, synced.vendor.credentials):
        assert synced.vendor.check(of=of) == (*ARTIFACT_ERROR, "204 (not_found)")
    assert synced.trigger(IF_RUNNING="perhaps") == INVALID_INPUT
    assert synced.check() == (*ARTIFACT_ERROR, "206 (invalid_input)")


def test_a_check_needs_no_id_after_a_trigger_and_reports_that_of_the_handoff(synced: Synced) -> None:
    synced.triggered()
    synced.ends()
    assert synced.vendor.check(of=synced.vendor.credentials) == SUCCEEDED
    assert synced.vendor.run.report.id == synced.kind.id
    assert synced.vendor.kept == {f"{synced.kind.keeps}_{synced.kind.id}_response.json": synced.kind.succeeded}
