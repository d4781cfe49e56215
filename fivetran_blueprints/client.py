"""Everything known of Fivetran's REST API, v1 (https://fivetran.com/docs/rest-api).

What users know as a connector the API calls a connection; the ids are the same.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any, Callable

from requests.auth import HTTPBasicAuth

from shared import inputs
from shared.artifacts import identifier, moment
from shared.blueprint import Job
from shared.errors import (
    BadRequestError,
    BlueprintError,
    InvalidCredentialsError,
    InvalidInputError,
    StartUnclearError,
    StatusCheckFailedError,
    SyncAlreadyRunningError,
    SyncIncompleteError,
)
from shared.http import Answer, Api, nothing_started_yet
from shared.pickles import Plain
from shared.status import Result, SyncStatus, Verdict, instant, result_of, show
from shared.waiting import Wait, duration

log = logging.getLogger(__name__)

START_TIMEOUT = 120  # seconds: a start has been seen to hang at Fivetran while the sync ran
LEAST_PAUSE = 2  # seconds between two looks
CONFIRM_IN = 2  # seconds
LOST_START_LOOKS = (0, 1, 2, 4, 8)  # seconds before each look for a start whose answer was lost
RESCHEDULE_MARGIN = timedelta(seconds=60)
STATES = ("scheduled", "syncing", "paused", "rescheduled")  # of sync_state, which is open: others may come


@dataclass(frozen=True)
class Credentials:
    """How to reach Fivetran and as whom."""

    api_key: str = inputs.password("FIVETRAN_API_KEY")
    api_secret: str = inputs.password("FIVETRAN_API_SECRET")
    api_url: str = inputs.url("FIVETRAN_API_URL", default="https://api.fivetran.com", cut="/v1")


@dataclass(frozen=True)
class Waiting:
    """Whether to stay until the sync has ended, and for how long."""

    wait: bool = inputs.boolean("FIVETRAN_WAIT")
    wait_timeout: int = inputs.integer("FIVETRAN_WAIT_TIMEOUT", default=230, unit="minutes", least=1)
    poll_interval: int = inputs.integer("FIVETRAN_POLL_INTERVAL", default=60, unit="seconds", least=1, most=3600)


@dataclass(frozen=True)
class Connection:
    """What GET /connections/{id} tells, as far as a verdict needs it."""

    succeeded_at: datetime | None
    failed_at: datetime | None  # never cleared by a later success
    sync_state: str
    setup_state: str = "connected"
    paused: bool = False
    schedule_type: str = "manual"
    rescheduled_for: datetime | None = None
    complaints: str = ""  # tasks and warnings, in Fivetran's words

    @property
    def syncing(self) -> bool:
        return self.sync_state == "syncing"

    @property
    def is_paused(self) -> bool:
        return self.paused or self.sync_state == "paused"

    @property
    def needs_another_start(self) -> bool:
        """Fivetran put the sync off, and on a manual schedule nothing runs unless it is triggered again."""
        return self.sync_state == "rescheduled" and self.schedule_type == "manual"

    @property
    def stamps(self) -> tuple[datetime | None, datetime | None]:
        return self.succeeded_at, self.failed_at


@dataclass(frozen=True)
class Handover:
    """A sync that was started (or joined): what a later look is held against.

    `succeeded_at` and `failed_at` are the stamps before it, `execution_time` is the server's clock when it accepted the
    start. Without an `execution_time` nothing is known of a trigger, and the latest sync is judged.
    """

    connector_id: str
    execution_time: datetime | None = None
    succeeded_at: datetime | None = None
    failed_at: datetime | None = None
    interrupted: bool = False  # a running sync was stopped to start this one
    joined: bool = False
    sync_id: str | None = None  # Fivetran gives none

    @property
    def id(self) -> str:
        return self.connector_id

    @property
    def server_time(self) -> datetime | None:
        return self.execution_time

    @property
    def stamps(self) -> tuple[datetime | None, datetime | None]:
        return self.succeeded_at, self.failed_at

    @classmethod
    def latest_of(cls, connector_id: str | None) -> Handover:
        """For a check on its own: the latest sync. Raises InvalidInputError without an id."""
        if connector_id is None:
            raise InvalidInputError(
                "FIVETRAN_CONNECTOR_ID was not given, and no trigger before this check handed over a sync"
            )
        return cls(connector_id)

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Handover:
        """From `sync.pickle` or `starting.pickle`. Raises KeyError, TypeError or ValueError."""
        return cls(
            identifier(plain["connector_id"]),
            execution_time=moment(plain["execution_time"]),
            succeeded_at=moment(plain["succeeded_at"]),
            failed_at=moment(plain["failed_at"]),
            interrupted=bool(plain["interrupted"]),
            joined=bool(plain["joined"]),
        )

    @classmethod
    def from_other_files(cls, file: Callable[[str], Any]) -> Sequence[Handover]:
        """From the files of other programs: any stamp later than the time of execution is the sync's."""
        pair = file("force_sync.pickle")
        if pair is None:
            pair = (file("connector_id.pickle"), file("execution_time.pickle"))
            if None in pair:
                return []
        connector_id, executed = pair
        at = moment(executed)
        return [cls(identifier(connector_id), at, at, at)]

    def as_dict(self) -> dict[str, Plain]:
        return {
            "connector_id": self.connector_id,
            "execution_time": self.execution_time,
            "succeeded_at": self.succeeded_at,
            "failed_at": self.failed_at,
            "interrupted": self.interrupted,
            "joined": self.joined,
        }

    def other_files(self) -> dict[str, Plain]:
        return {
            "force_sync.pickle": [self.connector_id, self.execution_time],
            "connector_id.pickle": self.connector_id,
            "execution_time.pickle": self.execution_time,
        }

    def differs(self, given: Any) -> str:
        if given.connector_id in (None, self.connector_id):
            return ""
        return f"it is for {self.connector_id}, and FIVETRAN_CONNECTOR_ID is {given.connector_id}"


def judge(handover: Handover, now: Connection, before: Connection | None = None) -> tuple[Verdict, Handover]:
    """Whether the sync that was handed over has ended, and what to hold the next look against.

    There is no id of a sync: only stamps that are later than they were tell of an end. `before` is the look before.
    """
    if handover.execution_time is None:
        return judge_latest(now), handover
    moved = [
        stamp for stamp, old in zip(now.stamps, handover.stamps) if stamp is not None and (old is None or stamp > old)
    ]
    if not moved:
        return _not_ended(now), handover
    if handover.interrupted:
        # A Date header has whole seconds: the interrupted sync may end a second later than the start was accepted.
        if now.syncing or max(moved) < handover.execution_time + timedelta(seconds=1):
            return _not_ended(now), replace(handover, succeeded_at=now.succeeded_at, failed_at=now.failed_at)
        if before is None or before.stamps != now.stamps:
            settling = Verdict(SyncStatus.RUNNING, "the stamps are still settling", confirm_in=CONFIRM_IN)
            return settling, handover
    return _ended(now, failed=now.failed_at == max(moved)), handover


def judge_latest(now: Connection) -> Verdict:
    """How the latest sync ended, whoever started it; one that runs, was put off or never took place is incomplete."""
    if now.succeeded_at is None and now.failed_at is None and not now.syncing:
        return Verdict(SyncStatus.RUNNING, "it has never run to an end")
    if now.syncing or now.sync_state == "rescheduled" or now.sync_state not in STATES:
        return _not_ended(now)
    failed = now.failed_at is not None and (now.succeeded_at is None or now.failed_at >= now.succeeded_at)
    return _ended(now, failed=failed)


def _ended(now: Connection, *, failed: bool) -> Verdict:
    if failed:
        return Verdict(SyncStatus.FAILED, f"it failed at {show(now.failed_at)}")
    return Verdict(SyncStatus.SUCCEEDED, f"it succeeded at {show(now.succeeded_at)}")


def _not_ended(now: Connection) -> Verdict:
    if now.is_paused:
        return Verdict(SyncStatus.CANCELLED, "the connection was paused before it had ended")
    if now.sync_state == "rescheduled":
        message = f"Fivetran put it off until {show(now.rescheduled_for) or 'a time it does not tell'}"
        if now.needs_another_start:
            message += "; the schedule is manual, so that it has to be triggered again then"
        return Verdict(SyncStatus.RUNNING, message)
    words = {"syncing": "it is running", "scheduled": "it has not begun yet"}
    return Verdict(SyncStatus.RUNNING, words.get(now.sync_state, f"it is in the unknown state {now.sync_state!r}"))


def refusal(answer: Answer) -> BlueprintError | None:
    """What Fivetran's statuses mean beyond the usual."""
    code = answer.body.get("code") if isinstance(answer.body, dict) else None
    if answer.status == 401:
        return InvalidCredentialsError(
            "Fivetran answered 401: FIVETRAN_API_KEY or FIVETRAN_API_SECRET is wrong (the key goes in as it is, not as "
            "the base64 of key:secret that Fivetran's own command line takes)"
        )
    if answer.status == 404 and not str(code).startswith("NotFound"):
        return StatusCheckFailedError(
            "Fivetran answered 404 without saying that the connection is unknown: a path that is gone or an outage",
            status=404,
        )
    return None


class FivetranClient:
    """Starts syncs and looks at them. Every method may raise the errors of `shared.http.Api`."""

    def __init__(self, given: Credentials, job: Job) -> None:
        self._job = job
        auth = HTTPBasicAuth(given.api_key, given.api_secret)
        # Anything but this version in Accept changes the answers or is a 406.
        wire = job.connect(given.api_url, auth, {"Accept": "application/json;version=2"}, job.clock)
        self._api = Api("Fivetran", wire, job, refusal)

    def start_sync(self, connector_id: str, if_running: str, given: Waiting) -> Handover:
        """Start a sync, or join one, by the policy `if_running` (restart, join, wait, fail).

        Raises BadRequestError for a connection that cannot run, SyncAlreadyRunningError, SyncNotStartedError.
        """
        self._api.record_as = f"sync_{connector_id}_response.json"
        with nothing_started_yet():
            before = self._ready_connection(connector_id)
        _warn(connector_id, before)
        if before.syncing and if_running == "fail":
            raise SyncAlreadyRunningError(f"a sync of {connector_id} is running, and FIVETRAN_IF_RUNNING is fail")
        if before.syncing and if_running == "join":
            return self._joined(connector_id, before)
        if before.syncing and if_running == "wait":
            return self._start_when_idle(connector_id, given)
        try:
            return self._start(connector_id, before, force=if_running == "restart")
        except SyncAlreadyRunningError:
            if if_running == "join":
                return self._joined(connector_id, before)
            if if_running == "wait":
                return self._start_when_idle(connector_id, given)
            raise

    def started(self, handover: Handover) -> Result:
        """The result of a trigger that does not wait."""
        if handover.joined:
            return Result("joined", f"the running sync of {handover.connector_id} was joined and handed over")
        return Result("started", f"a sync of {handover.connector_id} was started and handed over")

    def follow(self, handover: Handover, given: Waiting, *, started_here: bool = False) -> Result:
        """Wait until the sync has ended. Raises the error of its end, or SyncIncompleteError after the time-out."""
        wait = self._wait(given)

        def gave_up(last: str) -> SyncIncompleteError:
            return SyncIncompleteError(
                f"gave up waiting for {handover.connector_id} after {given.wait_timeout} min ({last}); "
                "the sync goes on at Fivetran"
            )

        verdict = wait.until_ended(self._looks(handover, wait), gave_up, proven=started_here, pause_first=started_here)
        return result_of(verdict)

    def look_once(self, handover: Handover) -> Result:
        """The result now. Raises SyncIncompleteError if the sync has not ended, else the error of its end."""
        look = self._looks(handover, None)
        verdict = look()
        if verdict.confirm_in is not None:
            self._job.clock.sleep(verdict.confirm_in)
            verdict = look()
        return result_of(verdict)

    def _wait(self, given: Waiting) -> Wait:
        deadline = self._job.began + given.wait_timeout * 60
        return Wait(self._job.clock, deadline, LEAST_PAUSE, given.poll_interval)

    def _connection(self, connector_id: str) -> Connection:
        answer = self._api.get(f"/v1/connections/{connector_id}")
        body = self._api.json_object(answer)
        try:
            if body["code"] != "Success":
                raise KeyError("code Success")
            return read_connection(body["data"], self._job.mask.words)
        except (KeyError, TypeError, ValueError) as missing:
            raise self._api.nonsense(answer, str(missing)) from missing

    def _ready_connection(self, connector_id: str) -> Connection:
        """The connection before a start. Raises BadRequestError if it cannot run."""
        connection = self._connection(connector_id)
        if connection.is_paused:
            raise BadRequestError(
                f"{connector_id} is paused, and a paused connection does not run: un-pause it "
                "(Fivetran - Update Connector with FIVETRAN_PAUSED=FALSE), then trigger it again"
            )
        if connection.setup_state == "incomplete":
            raise BadRequestError(f"the setup of {connector_id} is incomplete: finish it at {_dashboard(connector_id)}")
        return connection

    def _start_when_idle(self, connector_id: str, given: Waiting) -> Handover:
        started: list[Handover] = []

        def look() -> Verdict:
            before = self._ready_connection(connector_id)
            if not before.syncing:
                try:
                    started.append(self._start(connector_id, before, force=False))
                    return Verdict(SyncStatus.SUCCEEDED, "it has ended")
                except SyncAlreadyRunningError:
                    pass
            return Verdict(SyncStatus.RUNNING, f"another sync of {connector_id} is running; waiting until it has ended")

        def gave_up(_: str) -> SyncAlreadyRunningError:
            return SyncAlreadyRunningError(
                f"another sync of {connector_id} is still running after {given.wait_timeout} min; nothing was started"
            )

        with nothing_started_yet():
            self._wait(given).until_ended(look, gave_up, proven=True, pause_first=True)
        return started[0]

    def _start(self, connector_id: str, before: Connection, *, force: bool) -> Handover:
        """Send the start, and find out what became of it if its answer is lost."""
        draft = self._handover(connector_id, before, interrupted=force and before.syncing)
        self._job.goes_on = f"a sync of {connector_id} may be running at Fivetran ({_dashboard(connector_id)})"
        with self._job.artifacts.starting(draft):
            try:
                answer = self._post_start(connector_id, force=force)
                handover = replace(draft, execution_time=answer.date or self._local_time())
            except StartUnclearError as lost:
                log.warning("%s; finding out whether it was accepted", lost)
                handover = self._find_lost_start(draft, before, lost)
        self._job.goes_on = f"the sync of {connector_id} goes on at Fivetran ({_dashboard(connector_id)})"
        log.info("the sync of %s was started; see %s", connector_id, _dashboard(connector_id))
        return handover

    def _post_start(self, connector_id: str, *, force: bool) -> Answer:
        log.info("starting a sync of %s (force: %s)", connector_id, str(force).lower())
        path, body = f"/v1/connections/{connector_id}/sync", {"force": force}
        with nothing_started_yet():
            answer = self._api.start(path, body, read_timeout=START_TIMEOUT)
        if not isinstance(answer.body, dict) or answer.body.get("code") != "Success":
            raise StartUnclearError(f"Fivetran answered the start without its code Success: {self._api.words(answer)}")
        return answer

    def _find_lost_start(self, draft: Handover, before: Connection, lost: StartUnclearError) -> Handover:
        """What became of a start without an answer. Raises StartUnclearError if that cannot be found out.

        If a sync was running before, only one look at once can tell: later, it might have ended by itself.
        """
        unclear = (
            f"{lost}; it could not be found out whether a sync was started: look at {_dashboard(draft.connector_id)} "
            "before you trigger it again"
        )
        try:
            found = self._seen_since(draft, before, LOST_START_LOOKS[:1] if before.syncing else LOST_START_LOOKS)
            if found is not None:
                return found
            if before.syncing:
                raise StartUnclearError(unclear)
            log.warning("nothing shows that it was accepted; sending it once more, which interrupts nothing")
            try:
                answer = self._post_start(draft.connector_id, force=False)
                return replace(draft, execution_time=answer.date or self._local_time())
            except SyncAlreadyRunningError:  # so the first one was accepted after all
                return draft
            except StartUnclearError:
                found = self._seen_since(draft, before, LOST_START_LOOKS)
                if found is not None:
                    return found
                raise
        except BlueprintError as error:
            raise StartUnclearError(unclear) from error

    def _seen_since(self, draft: Handover, before: Connection, pauses: Sequence[int]) -> Handover | None:
        for pause in pauses:
            self._job.clock.sleep(pause)
            now = self._connection(draft.connector_id)
            if before.syncing and (now.stamps != before.stamps or not now.syncing):
                # What ended up to now is the interrupted sync.
                return replace(draft, execution_time=self._api.now() or self._local_time())
            if not before.syncing and (now.stamps != before.stamps or now.sync_state in ("syncing", "rescheduled")):
                return draft
        return None

    def _joined(self, connector_id: str, before: Connection) -> Handover:
        log.info("joining the sync of %s that is running; see %s", connector_id, _dashboard(connector_id))
        self._job.goes_on = f"the sync of {connector_id} goes on at Fivetran ({_dashboard(connector_id)})"
        return replace(self._handover(connector_id, before), joined=True)

    def _handover(self, connector_id: str, before: Connection, *, interrupted: bool = False) -> Handover:
        executed = self._api.now() or self._local_time()
        return Handover(connector_id, executed, before.succeeded_at, before.failed_at, interrupted)

    def _local_time(self) -> datetime:
        """Only where the server tells no time."""
        return datetime.fromtimestamp(self._job.clock.time(), timezone.utc)

    def _looks(self, handover: Handover, wait: Wait | None) -> Callable[[], Verdict]:
        """A look at the sync that remembers the one before; with `wait` it starts what Fivetran put off."""
        connector_id = handover.connector_id
        self._job.id = connector_id
        self._job.goes_on = f"the sync of {connector_id} goes on at Fivetran ({_dashboard(connector_id)})"
        self._api.record_as = f"connector_{connector_id}_response.json"
        before: Connection | None = None
        restarted_at: float | None = None

        def look() -> Verdict:
            nonlocal handover, before, restarted_at
            now = self._connection(connector_id)
            if now.sync_state not in STATES:
                log.warning("Fivetran uses a sync_state that is not known here: %s", now.sync_state)
            verdict, handover = judge(handover, now, before)
            before = now
            self._job.facts.update(_facts(now))
            put_off = now.needs_another_start and not verdict.ended and handover.execution_time is not None
            if wait is not None and put_off and now.rescheduled_for is not None:
                restarted_at = self._start_again(connector_id, now.rescheduled_for, wait, restarted_at)
            return replace(verdict, message=self._explained(connector_id, verdict, now))

        return look

    def _start_again(
        self, connector_id: str, rescheduled_for: datetime, wait: Wait, restarted_at: float | None
    ) -> float | None:
        """Start what Fivetran put off, once its time has come. Returns when that was last done, if it was.

        Nothing is interrupted by it or started twice: with force false Fivetran runs it only if none is running.
        """
        monotonic = self._job.clock.monotonic()
        seconds = (rescheduled_for + RESCHEDULE_MARGIN - (self._api.now() or self._local_time())).total_seconds()
        if seconds > wait.left:
            raise SyncIncompleteError(
                f"Fivetran put the sync of {connector_id} off until {show(rescheduled_for)}, longer than the time left "
                f"to wait ({duration(wait.left)}); the schedule is manual: trigger it again then"
            )
        too_soon = restarted_at is not None and monotonic - restarted_at < RESCHEDULE_MARGIN.total_seconds()
        if seconds > 0 or too_soon:
            return restarted_at
        try:
            self._post_start(connector_id, force=False)
        except (StartUnclearError, SyncAlreadyRunningError) as error:
            log.warning("%s; looking on", error)
        return monotonic

    def _explained(self, connector_id: str, verdict: Verdict, now: Connection) -> str:
        message = f"the sync of {connector_id}: {verdict.message}"
        if verdict.status is not SyncStatus.FAILED:
            return message
        reason = self._reason(connector_id, now)
        self._job.facts.update({"reason": reason} if reason else {})
        setup = "" if now.setup_state == "connected" else f"the setup_state is {now.setup_state}"
        said = [words for words in (reason, now.complaints, setup) if words]
        return "; ".join([message, *said, f"see {_dashboard(connector_id)}"])

    def _reason(self, connector_id: str, now: Connection) -> str:
        """Why the latest sync failed, from the history of syncs where the account has it; it only helps a message."""
        self._api.record_as, kept = "", self._api.record_as
        try:
            answer = self._api.get(f"/v1/connections/{connector_id}/sync-history", {"limit": "10"}, tries=1)
            for item in answer.body["data"]["items"]:
                end = instant(item["end"])
                same = end is not None and now.failed_at is not None and abs(end - now.failed_at) < timedelta(minutes=5)
                if item["status"] == "FAILURE" and same and isinstance(item["reason"], str):
                    return self._job.mask.words(item["reason"])
        except (BlueprintError, KeyError, TypeError) as error:
            log.debug("no history of syncs: %s", error)
        finally:
            self._api.record_as = kept
        return ""


def read_connection(data: dict[str, Any], words: Callable[[str], str] = str) -> Connection:
    """The `data` of GET /connections/{id}. Raises KeyError, TypeError or ValueError naming what is missing or odd."""
    status = data["status"]
    for key, value in (("sync_state", status["sync_state"]), ("setup_state", status["setup_state"])):
        if not isinstance(value, str) or not value:
            raise ValueError(f"a {key}")
    if not isinstance(data["paused"], bool):
        raise ValueError("paused")
    complaints = [
        words(f"{item.get('code')}: {item.get('message')}")
        for item in [*(status.get("tasks") or []), *(status.get("warnings") or [])][:5]
        if isinstance(item, dict)
    ]
    return Connection(
        succeeded_at=_stamp(data, "succeeded_at"),
        failed_at=_stamp(data, "failed_at"),
        sync_state=status["sync_state"],
        setup_state=status["setup_state"],
        paused=data["paused"],
        schedule_type=str(data.get("schedule_type")),
        rescheduled_for=instant(status.get("rescheduled_for")),
        complaints="; ".join(complaints),
    )


def _stamp(data: dict[str, Any], key: str) -> datetime | None:
    if data[key] is None:
        return None
    stamp = instant(data[key])
    if stamp is None:
        raise ValueError(f"a time in {key}")
    return stamp


def _facts(now: Connection) -> dict[str, object]:
    return {
        "sync_state": now.sync_state,
        "setup_state": now.setup_state,
        "succeeded_at": show(now.succeeded_at),
        "failed_at": show(now.failed_at),
        "rescheduled_for": show(now.rescheduled_for),
    }


def _warn(connector_id: str, before: Connection) -> None:
    if before.setup_state == "broken":
        log.warning("the setup of %s is broken; a sync may fail: see %s", connector_id, _dashboard(connector_id))
    if before.schedule_type == "auto":
        log.info(
            "%s has an automatic schedule, so that Fivetran may start syncs of its own, which cannot be told from this "
            "one; Fivetran - Update Connector can set it to manual",
            connector_id,
        )


def _dashboard(connector_id: str) -> str:
    return f"https://fivetran.com/dashboard/connections/{connector_id}"
