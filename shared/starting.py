"""Read, decide, start: what every trigger does, exactly once even if the response is lost."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Iterator, Mapping

from shared.context import Run
from shared.errors import (
    BadRequestError,
    BlueprintError,
    StartUnclearError,
    StatusCheckFailedError,
    SyncAlreadyRunningError,
    SyncNotStartedError,
)
from shared.handoff import H, Handoff
from shared.inputs import Inputs
from shared.polling import Pace, Pending, S, Syncs, poll_until
from shared.status import Result

log = logging.getLogger(__name__)

POLLS_AFTER_LOSS = (0, 1, 2, 4, 8)  # seconds before each poll for a sync whose trigger request got no response
POLLS_AFTER_TIMEOUT = (0, 5, 10, 15, 20, 20, 20)  # 90 s in all: the request may still be at work
MAX_CONFLICT = {"join": 60.0, "restart": 300.0}  # seconds for a sync that a 409 reported to show up or to end


def trigger(syncs: Syncs[S, H], policy: str, given: Inputs, run: Run) -> H:
    """Start a sync, or join one, by the policy `…_IF_RUNNING` (restart, join, wait, fail).

    Raises SyncAlreadyRunningError, SyncNotStartedError, StartUnclearError, and what `read` raises.
    """
    with nothing_started():
        state = syncs.read()
    pace: Pace | None = None
    conflict: SyncAlreadyRunningError | None = None  # the vendor reported it, whatever it shows
    while True:
        if state.running and policy == "join":
            log.info("joining the running sync of %s", syncs.label)
            return _noted(syncs.join(state), syncs, run)
        if state.running or conflict:
            if policy == "fail" or (conflict and pace is not None and pace.left <= 0):
                raise _already_running(syncs, policy, run, conflict)
            if pace is None:
                until = min(run.deadline(given), run.clock.monotonic() + MAX_CONFLICT.get(policy, math.inf))
                pace = Pace(run.clock, until, syncs.min_interval, given.poll_interval)
            with nothing_started():
                state = _made_ready(syncs, state, policy, pace, run, conflict)
            if state.running and policy == "join":  # it shows now
                continue
        try:
            with nothing_started():
                return _noted(start_exactly_once(syncs, state, run), syncs, run)
        except SyncAlreadyRunningError as error:
            conflict = error


def started(handoff: Handoff, details: Mapping[str, object] | None = None) -> Result:
    """The result of a trigger that does not wait."""
    sync = f"sync {handoff.sync_id}" if handoff.sync_id else "a sync"
    saved = "the handoff is saved for the next step"
    if handoff.joined:
        message = f"joined {sync} of {handoff.label}, which was already running; {saved}"
        return Result("joined", message, details or {})
    return Result("started", f"started {sync} of {handoff.label}; {saved}", details or {})


def _made_ready(
    syncs: Syncs[S, H], state: S, policy: str, pace: Pace, run: Run, conflict: SyncAlreadyRunningError | None
) -> S:
    """Deal with a running sync, or one that a 409 reported; the state for the next trigger request."""
    if policy == "wait":
        return wait_until_idle(syncs, pace, f"{syncs.vendor.upper()}_WAIT_TIMEOUT has passed")
    if conflict is not None:
        log.info("%s; will retry", conflict)
        pace.sleep(pace.interval(), str(conflict))
        if policy == "restart" and pace.left <= 0:  # no time is left to start what would be stopped
            raise _already_running(syncs, policy, run, conflict)
    if policy == "join":
        return syncs.read()
    try:
        return syncs.restart(state, pace)
    except SyncAlreadyRunningError as error:
        raise SyncAlreadyRunningError(f"{error} ({conflict})") if conflict else error from conflict


def wait_until_idle(syncs: Syncs[S, H], pace: Pace, why_not: str) -> S:
    """The state once no sync is running. Raises SyncAlreadyRunningError(… `why_not`) when the time is over."""

    def idle() -> S | Pending:
        state = syncs.read()
        waits_for = Pending(f"another sync of {syncs.label} is running; nothing new was started yet")
        return waits_for if state.running else state

    found = poll_until(idle, pace, seen=True, final=(BadRequestError,))
    if isinstance(found, Pending):
        raise found.failure or SyncAlreadyRunningError(
            f"another sync of {syncs.label} is still running, and {why_not}; nothing was started"
        )
    return found


def start_exactly_once(syncs: Syncs[S, H], state: S, run: Run) -> H:
    """Send the trigger request; if its response is lost, find out what became of it before anything is sent again.

    Raises StartUnclearError if that cannot be found out, and what `send` raises if it definitely was not accepted.
    """
    report, before = run.report, run.report.still_running
    run.artifacts.sending(syncs.draft(state))
    report.still_running = f"a sync of {syncs.label} may be running in {syncs.vendor}"
    log.info("triggering a sync of %s", syncs.label)
    try:
        return _sent(syncs, state, again=False)
    except StartUnclearError as lost:
        log.warning("%s; finding out whether it was accepted", lost)
        return _resolved(syncs, state, run, lost)
    except BlueprintError:
        report.still_running = before
        run.artifacts.not_sent()
        raise


def _sent(syncs: Syncs[S, H], state: S, *, again: bool) -> H:
    """Send the request. An unexpected response is unclear if its status is good; else nothing was started."""
    try:
        return syncs.send(state, again=again)
    except StatusCheckFailedError as error:
        if error.status is None or error.status < 300:
            raise StartUnclearError(str(error), error.status) from error
        raise SyncNotStartedError(str(error)) from error


def _resolved(syncs: Syncs[S, H], state: S, run: Run, lost: StartUnclearError) -> H:
    """Find out what a request without a usable response started."""
    try:
        found = _find(syncs, state, run, timed_out=lost.timed_out)
        if found is not None:
            return found
        if not (lost.may_send_again and syncs.may_send_again(state)):
            raise StartUnclearError("nothing shows whether it was accepted")
        log.warning("there is no sign that it was accepted; sending it once more")
        try:
            return _sent(syncs, state, again=True)
        except (StartUnclearError, SyncAlreadyRunningError) as error:
            found = _find(syncs, state, run, timed_out=isinstance(error, StartUnclearError) and error.timed_out)
            if found is None:
                raise
            return found
    except BlueprintError as error:
        raise StartUnclearError(
            f"{lost}; it is not known whether a sync of {syncs.label} was started ({error}): check it in "
            f"{syncs.vendor} before you trigger it again"
        ) from error


def _find(syncs: Syncs[S, H], state: S, run: Run, *, timed_out: bool) -> H | None:
    """Poll for the started sync. Raises what the last poll raises: then nothing is known."""
    failure: StatusCheckFailedError | None = None
    for pause in POLLS_AFTER_TIMEOUT if timed_out else POLLS_AFTER_LOSS:
        run.clock.sleep(pause)
        try:
            found, failure = syncs.find_started(state), None
        except StatusCheckFailedError as error:
            log.info("%s; will retry", error)
            failure = error
        else:
            if found is not None:
                return found
    if failure is not None:
        raise failure
    return None


def _noted(handoff: H, syncs: Syncs[S, H], run: Run) -> H:
    run.report.started = True
    run.report.sync_id = handoff.sync_id
    run.report.still_running = f"the sync of {syncs.label} is still running in {syncs.vendor}"
    return handoff


def _already_running(
    syncs: Syncs[S, H], policy: str, run: Run, conflict: SyncAlreadyRunningError | None
) -> SyncAlreadyRunningError:
    reported = f" ({conflict})" if conflict else ""
    why = f"; {syncs.vendor.upper()}_IF_RUNNING is {policy}"
    if policy == "restart":
        why = f" and has not stopped in time; {run.report.still_running}"
    return SyncAlreadyRunningError(f"a sync of {syncs.label} is already running{reported}{why}")


@contextlib.contextmanager
def nothing_started() -> Iterator[None]:
    """Within a trigger, as long as no request was accepted: an unreachable vendor means that nothing was started."""
    try:
        yield
    except StartUnclearError:
        raise
    except (StatusCheckFailedError, SyncNotStartedError) as error:
        raise SyncNotStartedError(f"{error}; nothing was started") from error
