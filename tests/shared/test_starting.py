"""How long a trigger waits for another sync. All else that it does is asked of every vendor, in `tests/vendors`."""

from __future__ import annotations

from typing import Any

import pytest

from shared import errors
from shared.context import Run
from tests.shared.acme import State, Syncs

MINUTE = 60
RUNNING = State(running=True)
UNREACHABLE = errors.StatusCheckFailedError("could not be reached")
CONFLICT = errors.SyncAlreadyRunningError("responded with 409")
CONFLICTING = "a sync of source source_1 is already running (responded with 409)"
STILL_RUNS = "another sync of source source_1 is still running, and ACME_WAIT_TIMEOUT has passed; nothing was started"
NOT_STOPPED = "has not stopped in time; nothing was started by this run"


@pytest.mark.parametrize(
    ("policy", "responses", "seconds", "message"),
    [
        ("wait", {"read": RUNNING}, 7 * MINUTE, STILL_RUNS),
        ("wait", {"send": CONFLICT}, 7 * MINUTE, f"{CONFLICTING}; ACME_IF_RUNNING is wait"),
        ("restart", {"send": CONFLICT}, 5 * MINUTE, f"{CONFLICTING} and {NOT_STOPPED}"),
        ("join", {"send": CONFLICT}, 1 * MINUTE, f"{CONFLICTING}; ACME_IF_RUNNING is join"),
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
    assert sum(map(len, syncs.asked_at.values())) < 150
    assert not run.report.started


def test_an_unreachable_vendor_while_waiting_means_that_nothing_was_started(run: Run) -> None:
    for timeout, message in ((7, "could not be reached; nothing was started"), (230, "polls have failed for 15 min")):
        with pytest.raises(errors.SyncNotStartedError, match=message):
            Syncs(run, read=[RUNNING, UNREACHABLE]).start("wait", timeout)
