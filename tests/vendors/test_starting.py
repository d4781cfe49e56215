"""What every vendor's trigger does alike, on the wire: each question is asked once, of all that can be synced.

The rules themselves are those of `shared/`; here each vendor's scripts follow them. What is a vendor's own is in the
tests of its folder.
"""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from shared.errors import Interruption
from tests.endings import ALREADY_RUNNING, ARTIFACT_ERROR, INVALID, JOINED, NOT_STARTED, RUNNING, STARTED, UNCLEAR
from tests.support import full_disk
from tests.vendors.kinds import KINDS, OUTAGE, Synced
from tests.wire import GARBAGE, HTML, LOST, LOST_ONES, REFUSED, TIMED_OUT, TIMED_OUT_ONES, killed

CONFLICT = {"response": {"message": "it is running"}, "status": 409}
FORBIDDEN = {"response": {"code": "Forbidden"}, "status": 403}


# What goes over the wire


def test_a_trigger_reads_and_then_sends_one_request(synced: Synced) -> None:
    synced.begins_and_starts()
    assert synced.trigger() == (*STARTED, synced.kind.id)
    for sent in synced.vendor.sent:
        assert sent.headers["Authorization"] == synced.kind.authorization
        assert sent.headers["User-Agent"].startswith("sync-blueprints/")
    read, *_, start = synced.vendor.sent
    assert read.headers["Cache-Control"] == "no-cache"
    assert start.headers["Content-Type"] == "application/json"
    assert (read.timeout, start.timeout) == ((10, 60), (10, 120))
    assert set(synced.vendor.files) == synced.kind.handoff
    assert "is still running in" in synced.vendor.run.report.still_running
    assert synced.vendor.run.report.sync_id == synced.vendor.files["sync.pickle"].get("sync_id")
    assert synced.vendor.kept == {f"sync_{synced.kind.id}_response.json": synced.kind.accepted}
    secrets = [secret.encode() for secret in synced.vendor.credentials.values()]
    saved = [path.read_bytes() for path in synced.vendor.folder.rglob("*.pickle")]
    assert not [secret for secret in secrets if any(secret in content for content in saved)]


# A first read, or a request, that fails


@pytest.mark.parametrize("response", ["", HTML, '{"code": "Success", "syncs": [', []])
def test_a_first_read_with_an_unexpected_response_starts_nothing(synced: Synced, response: Any) -> None:
    synced.reads(response)
    assert synced.trigger() == (*NOT_STARTED, "nothing was started")
    assert synced.pending == "ended"


@pytest.mark.parametrize("failure", [{"response": REFUSED}, {"response": None, "status": 429}], ids=["refused", "429"])
def test_a_request_that_surely_was_not_accepted_is_repeated_as_it_is_up_to_five_times(
    synced: Synced, failure: dict[str, Any]
) -> None:
    synced.begins_and_starts(**failure)
    synced.requests(**failure)
    synced.requests()
    assert synced.trigger() == STARTED
    one, *others = synced.requests_sent
    assert others == [one, one]
    synced.begins_and_starts(**failure, many=True)
    assert synced.trigger() == (*NOT_STARTED, "nothing was started")
    assert len(synced.requests_sent) == 3 + 5


def test_a_refused_request_is_never_repeated_and_leaves_older_handoffs_alone(synced: Synced) -> None:
    synced.triggered()
    before = synced.vendor.saved
    synced.begins_and_starts(**FORBIDDEN)
    assert synced.trigger() == INVALID
    assert "nothing was started" in synced.vendor.run.report.still_running
    assert synced.vendor.saved == before
    assert synced.pending == "ended"


# A request whose response is lost


@pytest.mark.parametrize(
    ("response", "shows_after"), [(LOST, 2), (LOST, 14), (TIMED_OUT, 2), (TIMED_OUT, 80), (HTML, 14)]
)
@pytest.mark.parametrize("offset", [-86400.0, 7200.0], ids=["behind", "ahead"])
def test_a_lost_request_that_shows_was_accepted_and_is_not_sent_again_whatever_the_local_clock_shows(
    synced: Synced, response: Any, shows_after: float, offset: float
) -> None:
    clock, kind = synced.vendor.clock, synced.kind
    clock.offset = offset
    synced.begins_and_starts(response=response)
    synced.searches(HTML)  # a poll that fails is survived
    synced.searches(lambda: kind.found if clock.elapsed > shows_after else kind.nothing, many=True)
    assert synced.trigger() == STARTED
    assert len(synced.requests_sent) == 1
    assert "sync.pickle" in synced.vendor.files
    assert synced.vendor.run.report.started


@pytest.mark.parametrize("lost", LOST_ONES.values(), ids=LOST_ONES)
def test_a_lost_request_of_which_nothing_shows_is_sent_once_more(synced: Synced, lost: dict[str, Any]) -> None:
    synced.begins_and_starts(**lost)
    synced.searches(synced.kind.nothing, many=True)
    synced.requests()
    assert synced.trigger() == STARTED
    assert len(synced.requests_sent) == 2
    assert [round(sent.at) for sent in synced.vendor.sent][-6:] == [0, 1, 3, 7, 15, 15]
    assert set(synced.vendor.files) == synced.kind.handoff


def is_unclear(synced: Synced, requests: int = 1) -> None:
    """The trigger cannot find out what became of its requests, which stops a check."""
    ended = synced.trigger()
    assert ended == (*UNCLEAR, synced.kind.id, "it is not known whether a sync of", "before you trigger it again")
    assert "nothing was started" not in ended.message
    assert "may be running in" in synced.vendor.run.report.still_running
    assert not synced.vendor.run.report.started
    assert len(synced.requests_sent) == requests
    assert set(synced.vendor.files) == {"starting.pickle"}
    assert synced.check() == (*ARTIFACT_ERROR, "a sync may be running")


@pytest.mark.parametrize("lost", [*TIMED_OUT_ONES.values(), *GARBAGE.values()], ids=[*TIMED_OUT_ONES, *GARBAGE])
def test_a_request_that_may_be_at_work_or_was_accepted_is_never_sent_again(synced: Synced, lost: Any) -> None:
    synced.begins_and_starts(**lost)
    synced.searches(synced.kind.nothing, many=True)
    is_unclear(synced)
    polls = [0, 5, 15, 30, 50, 70, 90] if lost in TIMED_OUT_ONES.values() else [0, 1, 3, 7, 15]
    assert [round(sent.at) for sent in synced.vendor.sent][-len(polls) - 1 :] == [0, *polls]


@pytest.mark.parametrize("second", [{"response": TIMED_OUT}, CONFLICT], ids=["lost too", "it meets the first"])
def test_a_second_request_after_which_a_sync_shows_was_accepted_or_not_needed(synced: Synced, second: Any) -> None:
    synced.begins_and_starts(response=LOST)
    synced.searches(synced.kind.nothing, many=True)
    synced.requests(**second)
    synced.searches(synced.kind.found)
    assert synced.trigger() == STARTED
    assert len(synced.requests_sent) == 2


SECOND_ONES: dict[str, tuple[dict[str, Any], int, float]] = {
    "refused": (FORBIDDEN, 1, 0),
    "not delivered": ({"response": REFUSED}, 5, 0),
    "lost too": ({"response": LOST}, 1, 15),
    "unexpected": ({"response": HTML}, 1, 15),
    "timed out": ({"response": TIMED_OUT}, 1, 90),
    "it meets another": (CONFLICT, 1, 15),
}


@pytest.mark.parametrize(("second", "requests", "polls_for"), SECOND_ONES.values(), ids=SECOND_ONES)
def test_after_a_second_request_without_a_trace_it_is_unclear_and_no_third_is_sent(
    synced: Synced, second: dict[str, Any], requests: int, polls_for: float
) -> None:
    synced.begins_and_starts(response=LOST)
    synced.searches(synced.kind.nothing, many=True)
    synced.requests(**second, many=True)
    if polls_for:
        synced.searches(synced.kind.nothing, many=True)
    is_unclear(synced, 1 + requests)
    assert not polls_for or round(synced.vendor.clock.elapsed) == 15 + polls_for


@pytest.mark.parametrize(
    "failure", [OUTAGE, FORBIDDEN, *({"response": one} for one in (HTML, REFUSED, LOST, TIMED_OUT)), "no such id"]
)
def test_a_lost_request_that_cannot_be_found_out_about_is_unclear(synced: Synced, failure: Any) -> None:
    synced.begins_and_starts(response=LOST)
    synced.searches(**(synced.kind.no_such_id if failure == "no such id" else failure), many=True)
    is_unclear(synced)


# While another sync is running


@pytest.mark.parametrize("shows", [True, False], ids=["it shows", "a 409 says so"])
def test_fail_ends_at_once_and_saves_nothing(synced: Synced, shows: bool) -> None:
    synced.begins(synced.kind.running if shows else synced.kind.idle)
    if not shows:
        synced.requests(**CONFLICT)
    ended = synced.trigger(IF_RUNNING="fail")
    assert ended == (*ALREADY_RUNNING, f"{synced.vendor.name.upper()}_IF_RUNNING is fail", synced.kind.id)
    assert shows or "it is running" in ended.message
    assert not synced.vendor.run.report.started
    assert synced.vendor.clock.elapsed == 0
    assert set(synced.vendor.files) == {"starting.pickle"}
    assert synced.pending == "ended"
    assert synced.check() == (*ARTIFACT_ERROR, "203 (already_running)")


@pytest.mark.parametrize("conflicts", [0, 1, 6], ids=["it shows", "a 409 first", "it shows late"])
def test_join_saves_what_is_running_as_soon_as_it_shows(synced: Synced, conflicts: int) -> None:
    synced.begins(synced.kind.idle if conflicts else synced.kind.running)
    for number in range(conflicts):
        synced.requests(**CONFLICT)
        synced.reads(synced.kind.idle if number < conflicts - 1 else synced.kind.running)
    assert synced.trigger(IF_RUNNING="join") == (*JOINED, synced.kind.id)
    assert synced.vendor.files["sync.pickle"]["joined"] is True


@pytest.mark.parametrize("policy", ["join", "wait"])
def test_a_409_whose_sync_is_over_by_then_is_followed_by_a_start(synced: Synced, policy: str) -> None:
    synced.begins_and_starts(**CONFLICT)
    for _ in range(2):
        synced.reads(synced.kind.idle)
        synced.requests(**CONFLICT)
    synced.reads(synced.kind.idle)
    synced.requests()
    assert synced.trigger(IF_RUNNING=policy) == STARTED
    assert synced.vendor.clock.elapsed >= 3 * 1.8 - 1e-9  # a conflict is no reason to hurry


def test_wait_starts_once_the_running_sync_has_ended(synced: Synced) -> None:
    synced.begins(synced.kind.running)
    synced.reads(*[synced.kind.running] * 20)
    synced.reads(*[HTML] * 7, status=502)  # more than one read tries
    synced.reads(synced.kind.idle)
    synced.requests(**CONFLICT)
    synced.reads(synced.kind.running, synced.kind.idle)
    synced.requests()
    assert synced.trigger(IF_RUNNING="wait") == STARTED
    assert set(synced.vendor.files) == synced.kind.handoff


def test_a_sync_that_does_not_end_is_not_waited_for_for_ever(synced: Synced) -> None:
    synced.begins(synced.kind.running)
    synced.reads(synced.kind.running, many=True)
    ended = synced.trigger(IF_RUNNING="wait", WAIT_TIMEOUT="7")
    assert ended == (*ALREADY_RUNNING, synced.kind.id, "_WAIT_TIMEOUT has passed; nothing was started")
    assert synced.vendor.clock.elapsed == pytest.approx(420)


@pytest.mark.parametrize(("policy", "seconds"), [("wait", 420), ("join", 60)])
def test_a_sync_that_only_409s_report_is_not_waited_for_for_ever(synced: Synced, policy: str, seconds: float) -> None:
    synced.begins(synced.kind.idle)
    for _ in range(150):
        synced.requests(**CONFLICT)
        synced.reads(synced.kind.idle)
    ended = synced.trigger(IF_RUNNING=policy, WAIT_TIMEOUT="7")
    assert ended == (*ALREADY_RUNNING, synced.kind.id, "it is running", f"_IF_RUNNING is {policy}")
    assert synced.vendor.clock.elapsed == pytest.approx(seconds)
    assert not synced.vendor.run.report.started
    synced.vendor.steps.clear()


@pytest.mark.parametrize("synced", [KINDS["Fivetran"], KINDS["RudderStack connection"]], indirect=True)
def test_nothing_is_stopped_when_there_is_no_time_left_to_start_anything(synced: Synced) -> None:
    synced.begins_and_starts(**CONFLICT, takes=60)
    ended = synced.trigger(WAIT_TIMEOUT="1")
    assert ended == (*ALREADY_RUNNING, "has not stopped in time; nothing was started by this run")


@pytest.mark.parametrize(("minutes", "words"), [("7", "nothing was started"), ("230", "polls have failed for 15 min")])
def test_an_outage_while_another_sync_is_running_starts_nothing(synced: Synced, minutes: str, words: str) -> None:
    synced.begins(synced.kind.running)
    synced.reads(synced.kind.running)
    synced.reads(**OUTAGE, many=True)
    assert synced.trigger(IF_RUNNING="wait", WAIT_TIMEOUT=minutes) == (*NOT_STARTED, words)


def test_there_is_one_time_out_for_waiting_before_and_after_the_request(synced: Synced) -> None:
    clock, kind = synced.vendor.clock, synced.kind
    synced.begins(kind.running)
    synced.reads(lambda: kind.running if clock.elapsed < 400 else kind.idle, many=True)
    synced.requests()
    synced.polls(kind.goes_on, many=True)
    assert synced.trigger(IF_RUNNING="wait", WAIT="TRUE", WAIT_TIMEOUT="10") == (*RUNNING, "10 min")
    assert 600 <= clock.elapsed < 660


# A trigger that is killed


def has_a_bug() -> None:
    """A response on which the script fails."""
    raise ZeroDivisionError


@pytest.mark.parametrize("ends", [killed, has_a_bug])
@pytest.mark.parametrize(
    ("at_the", "state", "left", "words"),
    [
        ("turn", "reading", "nothing was started", "before it started anything"),
        ("request", "sent", "may be running", "a sync may be running"),
        ("search", "sent", "may be running", "a sync may be running"),
    ],
)
def test_a_trigger_that_ends_in_the_middle_stops_a_check(
    synced: Synced, ends: Any, at_the: str, state: str, left: str, words: str
) -> None:
    if at_the == "turn":
        synced.begins(synced.kind.running)
        synced.reads(ends)
    elif at_the == "request":
        synced.begins_and_starts(response=ends)
    else:
        synced.begins_and_starts(response=LOST)
        synced.searches(ends)
    with pytest.raises((Interruption, ZeroDivisionError)):
        synced.trigger(IF_RUNNING="wait")
    assert set(synced.vendor.files) == {"starting.pickle"}
    assert synced.pending == state
    assert left in synced.vendor.run.report.still_running
    assert synced.check() == (*ARTIFACT_ERROR, words)


def test_a_handoff_is_saved_before_a_trigger_waits(synced: Synced) -> None:
    synced.begins_and_starts()
    synced.polls(killed)
    with pytest.raises(Interruption):
        synced.trigger(WAIT="TRUE")
    assert set(synced.vendor.files) == synced.kind.handoff


def test_a_sync_whose_handoff_cannot_be_saved_is_reported_as_running(synced: Synced) -> None:
    with contextlib.ExitStack() as stack:
        synced.begins(synced.kind.idle)
        synced.requests(lambda: stack.enter_context(full_disk()) or synced.kind.accepted)
        ended = synced.trigger()
    assert ended == (*ARTIFACT_ERROR, synced.kind.id, "is running, but its handoff could not be saved")
    assert synced.pending == "sent"
    assert synced.check() == (*ARTIFACT_ERROR, "a sync may be running")
