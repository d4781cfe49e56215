"""What a trigger decides before its request, and after one that was refused.

What becomes of a request whose response is lost is asked of every vendor, in `tests/vendors/test_starting.py`.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from shared import errors
from shared.context import Run
from tests.shared.acme import State, Sync, Syncs

MINUTE = 60
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


# What is decided before


def test_a_trigger_reads_then_sends_once(run: Run) -> None:
    syncs = Syncs(run)
    assert syncs.start() == STARTED
    assert (syncs.asked, run.clock.sleeps) == (["read", "send"], [])
    assert (run.report.started, run.report.sync_id) == (True, "run_7")
    assert run.report.still_running == "the sync of source source_1 is still running in Acme"


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
    assert syncs.asked.count("send") <= 1 or run.clock.elapsed >= 1.8  # a conflict is no reason to hurry


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
    assert pickle.loads((variables / "starting.pickle").read_bytes())["state"] == "reading"  # noqa: S301
    assert run.report.still_running == "nothing was started by this run"
