"""A sync is started exactly once, even if the response is lost; and what is not known is not claimed."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from shared import errors
from shared.context import Run
from shared.starting import trigger
from tests.shared.acme import State, Sync, Syncs, given
from tests.support import FakeClock, make_run

MINUTE = 60
LOST = errors.StartUnclearError("no response")
LOST_500 = errors.StartUnclearError("responded with 500", 500)
TIMED_OUT = errors.StartUnclearError("no response within 120 s", timed_out=True)
GATEWAY = errors.StartUnclearError("responded with 504", 504, timed_out=True)
WITHOUT_ID = errors.StartUnclearError("responded without an id", 200)
UNEXPECTED = errors.StatusCheckFailedError("unexpected response", status=200)
UNAUTHORIZED = errors.InvalidCredentialsError("401")
NOT_FOUND = errors.SyncNotFoundError("404")
PAUSED = errors.BadRequestError("paused")
UNREACHABLE = errors.StatusCheckFailedError("could not be reached")
CONFLICT = errors.SyncAlreadyRunningError("responded with 409")
RATE_LIMITED = errors.SyncNotStartedError("responded with 429")
ALREADY = "a sync of source source_1 is already running"
CONFLICTING = f"{ALREADY} (responded with 409); ACME_IF_RUNNING is"
CANNOT_STOP = errors.SyncAlreadyRunningError("it cannot be stopped")
STARTED = Sync(sync_id="run_7")
JOINED = Sync(sync_id="run_6")
IDLE, RUNNING = State(), State(running=True)
ENDING_TWICE = {"read": [RUNNING, IDLE, RUNNING, IDLE], "send": [CONFLICT, STARTED]}


def state_of_the_pending_start(variables: Path) -> Any:
    return pickle.loads((variables / "starting.pickle").read_bytes())["state"]  # noqa: S301


# What is decided before


def test_a_trigger_reads_then_sends_once(run: Run) -> None:
    syncs = Syncs(run)
    assert syncs.start() == STARTED
    assert (syncs.asked, run.clock.sleeps) == (["read", "send"], [])
    assert (run.report.started, run.report.sync_id) == (True, "run_7")
    assert run.report.still_running == "the sync of source source_1 is still running in Acme"


@pytest.mark.parametrize("failure", [UNREACHABLE, NOT_FOUND, PAUSED, UNAUTHORIZED])
def test_after_a_failed_first_read_nothing_is_sent(run: Run, variables: Path, failure: errors.BlueprintError) -> None:
    syncs = Syncs(run, read=failure)
    with pytest.raises(errors.BlueprintError) as caught:
        syncs.start()
    assert type(caught.value) is (errors.SyncNotStartedError if failure is UNREACHABLE else type(failure))
    assert ("nothing was started" in str(caught.value)) == (failure is UNREACHABLE)
    assert (syncs.asked, run.report.started) == (["read"], False)
    assert state_of_the_pending_start(variables) == "reading"


@pytest.mark.parametrize(
    ("policy", "responses", "asked", "found"),
    [
        ("fail", {"read": RUNNING}, "read", f"{ALREADY}; ACME_IF_RUNNING is fail"),
        ("fail", {"send": CONFLICT}, "read send", f"{CONFLICTING} fail"),
        ("join", {"read": RUNNING}, "read join", JOINED),
        ("join", {"send": CONFLICT, "read": [IDLE, RUNNING]}, "read send read join", JOINED),
        ("join", {"send": CONFLICT, "read": [IDLE, IDLE, RUNNING]}, "read send read send read join", JOINED),
        ("join", {"send": [CONFLICT, STARTED]}, "read send read send", STARTED),
        ("restart", {"read": RUNNING}, "read restart send", STARTED),
        ("restart", {"read": RUNNING, "restart": CANNOT_STOP}, "read restart", "it cannot be stopped"),
        ("restart", {"send": [CONFLICT, STARTED]}, "read send restart send", STARTED),
        ("restart", {"send": CONFLICT, "restart": CANNOT_STOP}, "read send restart", f"{CANNOT_STOP} ({CONFLICT})"),
        ("wait", {"read": [RUNNING, RUNNING, IDLE]}, "read read read send", STARTED),
        ("wait", {"send": [CONFLICT, STARTED]}, "read send read send", STARTED),
        ("wait", ENDING_TWICE, "read read send read read send", STARTED),
        ("wait", {"read": [RUNNING, UNREACHABLE, IDLE]}, "read read read send", STARTED),
        ("wait", {"read": [RUNNING, PAUSED]}, "read read", "paused"),
    ],
)
def test_the_policy_decides_about_a_running_sync_whether_it_is_shown_or_reported_by_a_409(
    run: Run, policy: str, responses: dict[str, Any], asked: str, found: Sync | str
) -> None:
    syncs = Syncs(run, **responses)
    if isinstance(found, Sync):
        assert syncs.start(policy) == found
        assert run.report.started
        assert run.report.sync_id == found.sync_id
    else:
        with pytest.raises((errors.SyncAlreadyRunningError, errors.BadRequestError)) as caught:
            syncs.start(policy)
        assert str(caught.value) == found
        assert not run.report.started
    assert syncs.asked == asked.split()
    assert len(syncs.sends) <= 1 or run.clock.elapsed >= 1.8  # a conflict is no reason to hurry


STILL_RUNS = "another sync of source source_1 is still running, and ACME_WAIT_TIMEOUT has passed; nothing was started"
NOT_STOPPED = "and the running sync was asked to stop but has not stopped in time"


@pytest.mark.parametrize(
    ("policy", "responses", "seconds", "message"),
    [
        ("wait", {"read": RUNNING}, 7 * MINUTE, STILL_RUNS),
        ("wait", {"send": CONFLICT}, 7 * MINUTE, f"{CONFLICTING} wait"),
        ("restart", {"send": CONFLICT}, 5 * MINUTE, f"{CONFLICTING} restart, {NOT_STOPPED}"),
        ("join", {"send": CONFLICT}, 1 * MINUTE, f"{CONFLICTING} join"),
    ],
)
def test_a_sync_that_does_not_end_is_not_waited_for_for_ever(
    run: Run, policy: str, responses: dict[str, Any], seconds: float, message: str
) -> None:
    syncs = Syncs(run, **responses)
    with pytest.raises(errors.SyncAlreadyRunningError) as caught:
        syncs.start(policy, wait_timeout=7)
    assert str(caught.value) == message
    assert run.clock.elapsed == pytest.approx(seconds)
    assert len(syncs.asked) < 150
    assert not run.report.started


def test_an_unreachable_vendor_while_waiting_means_that_nothing_was_started(run: Run) -> None:
    for timeout, message in ((7, "could not be reached; nothing was started"), (230, "polls have failed for 15 min")):
        with pytest.raises(errors.SyncNotStartedError, match=message):
            Syncs(run, read=[RUNNING, UNREACHABLE]).start("wait", timeout)


# A request that was refused


@pytest.mark.parametrize(
    "refusal",
    [
        *(PAUSED, UNAUTHORIZED, NOT_FOUND, RATE_LIMITED, CONFLICT),
        errors.StatusCheckFailedError("a path that is gone", status=404),
        errors.StatusCheckFailedError("several choices", status=300),
    ],
    ids=str,
)
def test_a_request_that_was_refused_is_not_repeated_nor_looked_for(
    run: Run, variables: Path, refusal: errors.BlueprintError
) -> None:
    syncs = Syncs(run, send=refusal)
    with pytest.raises(errors.BlueprintError) as caught:
        syncs.start()
    kind = type(refusal)
    if kind is errors.StatusCheckFailedError:
        kind = errors.SyncNotStartedError
    assert (type(caught.value), caught.value.outcome) == (kind, kind.outcome)
    assert str(refusal) in str(caught.value)
    assert str(caught.value).count("nothing was started") == (kind is errors.SyncNotStartedError)
    assert syncs.asked == ["read", "send"]
    assert state_of_the_pending_start(variables) == "reading"
    assert run.report.still_running == "nothing was started by this run"


# A request whose response is lost


@pytest.mark.parametrize(
    ("lost", "polls", "sends_again"),
    [
        (LOST, [0, 1, 3, 7, 15], True),
        (LOST_500, [0, 1, 3, 7, 15], True),
        (WITHOUT_ID, [0, 1, 3, 7, 15], False),
        (UNEXPECTED, [0, 1, 3, 7, 15], False),
        (TIMED_OUT, [0, 5, 15, 30, 50, 70, 90], False),
        (GATEWAY, [0, 5, 15, 30, 50, 70, 90], False),
    ],
    ids=["lost", "500", "without an id", "unexpected", "timed out", "504"],
)
def test_what_became_of_a_lost_request_is_found_out_before_it_is_sent_again(
    tmp_path: Path, lost: errors.BlueprintError, polls: list[float], sends_again: bool
) -> None:
    for shown_at in range(len(polls) + 1):
        run = make_run(tmp_path / str(shown_at), "acme", FakeClock())
        is_shown = shown_at < len(polls)
        shown = [*[None] * shown_at, STARTED] if is_shown else [None]
        syncs = Syncs(run, send=[lost, Sync(sync_id="second")], find_started=shown)
        again = sends_again and not is_shown
        if is_shown or again:
            assert syncs.start() == (STARTED if is_shown else Sync(sync_id="second"))
        else:
            with pytest.raises(errors.StartUnclearError, match=f"^{lost}; it is not known whether"):
                syncs.start()
        assert syncs.sends == ["send", "send again"][: 1 + again]
        assert syncs.asked_at["find_started"] == polls[: shown_at + 1]
        assert run.report.started == (is_shown or again)
        assert state_of_the_pending_start(tmp_path / str(shown_at) / "acme-blueprints" / "variables") == "sent"


@pytest.mark.parametrize("is_shown", [True, False])
@pytest.mark.parametrize("second", [LOST, LOST_500, CONFLICT, TIMED_OUT, UNEXPECTED], ids=str)
def test_a_lost_second_request_is_followed_by_no_third(run: Run, second: errors.BlueprintError, is_shown: bool) -> None:
    syncs = Syncs(run, send=[LOST, second], find_started=[*[None] * 6, STARTED if is_shown else None])
    pauses = [0, 5, 15, 30, 50, 70, 90] if second is TIMED_OUT else [0, 1, 3, 7, 15]
    if is_shown:
        pauses = pauses[:2]
        assert syncs.start() == STARTED
    else:
        with pytest.raises(errors.StartUnclearError) as caught:
            syncs.start()
        assert caught.value.outcome == "unclear"
    assert syncs.sends == ["send", "send again"]
    assert syncs.asked_at["find_started"] == [0, 1, 3, 7, 15, *(15 + pause for pause in pauses)]


def test_where_a_second_request_might_do_harm_none_is_sent(run: Run) -> None:
    syncs = Syncs(run, send=LOST)
    syncs.is_harmless = False
    with pytest.raises(errors.StartUnclearError, match=r"\(nothing shows that it was accepted, nor that it was not\)"):
        syncs.start()
    assert syncs.sends == ["send"]


@pytest.mark.parametrize(
    ("responses", "reason"),
    [
        *(({"send": [LOST, error]}, str(error)) for error in (RATE_LIMITED, PAUSED, NOT_FOUND, UNAUTHORIZED)),
        *(({"send": LOST, "find_started": error}, str(error)) for error in (UNREACHABLE, NOT_FOUND, UNAUTHORIZED)),
        ({"send": LOST, "find_started": [*[None] * 4, UNREACHABLE]}, "could not be reached"),
        ({"send": LOST, "find_started": errors.StartUnclearError("no poll can tell")}, "no poll can tell"),
    ],
    ids=str,
)
def test_no_sync_that_may_be_running_is_reported_as_not_started(
    run: Run, variables: Path, responses: dict[str, Any], reason: str
) -> None:
    syncs = Syncs(run, **responses)
    with pytest.raises(errors.StartUnclearError) as caught:
        syncs.start()
    assert len(syncs.sends) == (2 if isinstance(responses["send"], list) else 1)
    assert (caught.value.exit_code, caught.value.outcome) == (202, "unclear")
    message = str(caught.value)
    assert message.startswith("no response; it is not known whether a sync of source source_1 was started (")
    assert reason in message
    assert message.endswith("check it in Acme before you trigger it again")
    assert state_of_the_pending_start(variables) == "sent"
    assert "may be running in Acme" in run.report.still_running


def test_a_failed_poll_for_a_lost_request_is_survived(run: Run) -> None:
    syncs = Syncs(run, send=LOST, find_started=[UNREACHABLE, UNREACHABLE, STARTED])
    assert syncs.start() == STARTED
    assert syncs.sends == ["send"]


# A run that ends in the middle


@pytest.mark.parametrize("killer", [errors.Interruption(15), ValueError("a bug")], ids=["SIGTERM", "bug"])
@pytest.mark.parametrize(
    ("place", "state", "still_running"),
    [
        ("read", "reading", "nothing was started by this run"),
        ("send", "sent", "a sync of source source_1 may be running in Acme"),
        ("find_started", "sent", "a sync of source source_1 may be running in Acme"),
    ],
)
def test_a_trigger_that_is_stopped_leaves_a_record_of_how_far_it_got(
    run: Run, variables: Path, killer: BaseException, place: str, state: str, still_running: str
) -> None:
    with pytest.raises(type(killer)):
        Syncs(run, **{"send": LOST, place: killer}).start()
    run.artifacts.end_start(143, "interrupted")
    assert state_of_the_pending_start(variables) == ("ended" if state == "reading" else state)
    assert run.report.still_running == still_running


def test_nothing_is_sent_without_a_pending_start(run: Run, variables: Path) -> None:
    variables.parent.write_text("a file")
    syncs = Syncs(run)
    with pytest.raises(errors.ArtifactError, match="nothing was started"):
        trigger(syncs, "fail", given(), run)
    assert syncs.sends == []
