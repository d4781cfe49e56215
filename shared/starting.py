"""The one way to start a sync: at most once, even if the answer is lost."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, TypeVar

from shared.errors import (
    BlueprintError,
    StartUnclearError,
    StatusCheckFailedError,
    SyncAlreadyRunningError,
    SyncNotStartedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.blueprint import Job
    from shared.protocols import Handover
    from shared.waiting import Wait

log = logging.getLogger(__name__)

LOOKS = (0, 1, 2, 4, 8)  # seconds before each look for a start whose answer was lost: a vendor may show it late

H = TypeVar("H", bound="Handover")
T = TypeVar("T")


def start_once(
    job: Job,
    draft: Handover,
    post: Callable[[bool], H],
    seen: Callable[[], H | None],
    *,
    what: str,
    only_one_look: bool = False,
    may_send_again: bool = True,
) -> H:
    """Send a start with `post(again=False)`; if its answer is lost, find out with `seen` what came of it.

    Where nothing shows that it was accepted, `post(again=True)` sends it once more if it `may_send_again`, but not
    after an answer with a good status, nor with `only_one_look`, where a later look proves nothing.
    Raises StartUnclearError if it cannot be found out, and what `post` raises if it surely was not accepted.
    """
    goes_on, job.goes_on = job.goes_on, f"a sync of {what} may be running"
    with job.artifacts.starting(draft):
        try:
            handover = post(False)
        except StartUnclearError as lost:
            log.warning("%s; finding out whether it was accepted", lost)
            looks = LOOKS[:1] if only_one_look else LOOKS
            again = may_send_again and not only_one_look and (lost.status is None or lost.status >= 300)
            try:
                handover = _found(job, seen, looks) or _sent_again(job, post, seen, looks, may_send_again=again)
            except BlueprintError as error:
                raise StartUnclearError(
                    f"{lost}; it could not be found out whether a sync of {what} was started ({error}): look at the "
                    "vendor before you trigger it again"
                ) from error
        except BlueprintError:
            job.goes_on = goes_on
            raise
    job.sync_id = handover.sync_id
    job.goes_on = f"the sync of {what} goes on"
    return handover


def start_when_idle(
    wait: Wait, idle: Callable[[], T], start: Callable[[T], H], gave_up: Callable[[str], BlueprintError]
) -> H:
    """Wait until `idle` returns what `start` needs, then start; if the vendor says that a sync is running, wait on.

    `idle` raises SyncIncompleteError while one is. Raises `gave_up(message)` at the deadline, or SyncNotStartedError if
    the vendor could not be reached by then.
    """

    def too_late(last: str) -> BlueprintError:
        return wait.failure or gave_up(last)

    with nothing_started_yet():
        while True:
            ready = wait.until(idle, too_late, proven=True, pause_first=True)
            try:
                return start(ready)
            except SyncAlreadyRunningError as running:
                if wait.left <= 0:
                    raise gave_up(str(running)) from running
                log.info("%s; waiting on", running)


def _found(job: Job, seen: Callable[[], H | None], looks: tuple[int, ...]) -> H | None:
    for pause in looks:
        job.clock.sleep(pause)
        found = seen()
        if found is not None:
            return found
    return None


def _sent_again(
    job: Job, post: Callable[[bool], H], seen: Callable[[], H | None], looks: tuple[int, ...], *, may_send_again: bool
) -> H:
    if not may_send_again:
        raise StartUnclearError("nothing shows that it was accepted, nor that it was not")
    log.warning("nothing shows that it was accepted; sending it once more")
    try:
        return post(True)
    except (StartUnclearError, SyncAlreadyRunningError):
        found = _found(job, seen, looks)
        if found is None:
            raise
        return found


@contextlib.contextmanager
def nothing_started_yet() -> Iterator[None]:
    """Within a trigger, before its start is sent or when it is refused: an unreachable vendor means nothing started."""
    try:
        yield
    except StatusCheckFailedError as error:
        raise SyncNotStartedError(f"{error}; nothing was started") from error
