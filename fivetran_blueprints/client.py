"""Everything known of Fivetran's REST API, v1 (https://fivetran.com/docs/rest-api).

What users know as a connector the API calls a connection; the ids are the same.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, NamedTuple

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
    SyncNotFoundError,
    SyncNotStartedError,
)
from shared.http import Answer, Api
from shared.pickles import Plain
from shared.starting import LOOKS, nothing_started_yet, start_once, start_when_idle
from shared.status import Result, SyncStatus, Verdict, instant, show
from shared.waiting import Wait, follow

log = logging.getLogger(__name__)

START_TIMEOUT = 120  # seconds: a start has been seen to hang at Fivetran while the sync ran
LEAST_PAUSE = 2  # seconds between two looks
CONFIRM_IN = 2  # seconds
STALE_FOR = 60  # seconds in which a connection may go on showing the state before a start
LOST_AT_ONCE = 5  # seconds in which a running sync hardly ends by itself
RESCHEDULE_MARGIN = 60  # seconds after the time that Fivetran names
_ABSENT = object()
_ALWAYS_SHOWN = {"paused": bool, "is_historical_sync": bool, "schedule_type": str}
STATES = ("scheduled", "syncing", "paused", "rescheduled")  # of sync_state, which is open: others may come


class Credentials:
    """How to reach Fivetran and as whom."""

    api_key: str = inputs.password("FIVETRAN_API_KEY")
    api_secret: str = inputs.password("FIVETRAN_API_SECRET")
    api_url: str = inputs.url("FIVETRAN_API_URL", default="https://api.fivetran.com", cut="/v1")


class Waiting:
    """Whether to stay until the sync has ended, and for how long."""

    wait: bool = inputs.boolean("FIVETRAN_WAIT")
    wait_timeout: int = inputs.integer("FIVETRAN_WAIT_TIMEOUT", default=230, unit="minutes", least=1)
    poll_interval: int = inputs.integer("FIVETRAN_POLL_INTERVAL", default=60, unit="seconds", least=1, most=3600)


class Connection(NamedTuple):
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


class Handover(NamedTuple):
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
            execution_time=_time_of(plain["execution_time"]),
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
        at = _time_of(executed)
        return [cls(identifier(connector_id), at, at, at)]

    def as_dict(self) -> dict[str, Plain]:
        return self._asdict()

    def other_files(self) -> dict[str, Plain]:
        return {
            "force_sync.pickle": [self.connector_id, self.execution_time],
            "connector_id.pickle": self.connector_id,
            "execution_time.pickle": self.execution_time,
        }

    @property
    def subject(self) -> str:
        return self.connector_id

    def is_just(self, given: Any) -> bool:
        return bool(given.connector_id == self.connector_id)

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
    succeeded = _later(now.succeeded_at, handover.succeeded_at)
    failed = _later(now.failed_at, handover.failed_at)
    moved = [stamp for stamp in (succeeded, failed) if stamp is not None]
    if not moved:
        return _not_ended(now), handover
    if handover.interrupted:
        # A Date header has whole seconds: the interrupted sync may end a second later than the start was accepted.
        if now.syncing or max(moved) - handover.execution_time < timedelta(seconds=1):
            return _not_ended(now), handover._replace(succeeded_at=now.succeeded_at, failed_at=now.failed_at)
        if before is None or before.stamps != now.stamps:
            settling = Verdict(SyncStatus.RUNNING, "the stamps are still settling", confirm_in=CONFIRM_IN)
            return settling, handover
    return _ended(now, failed=failed == max(moved)), handover  # a tie is a failure


def _later(stamp: datetime | None, before: datetime | None) -> datetime | None:
    return stamp if stamp is not None and (before is None or stamp > before) else None


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
        return Verdict(
            SyncStatus.CANCELLED, "the connection was paused before it had ended (un-pause it and trigger it again)"
        )
    if now.sync_state == "rescheduled":
        message = f"Fivetran put it off until {show(now.rescheduled_for) or 'a time it does not tell'}"
        if now.needs_another_start:
            message += "; the schedule is manual, so that it has to be triggered again then"
        return Verdict(SyncStatus.RUNNING, message)
    words = {"syncing": "it is running", "scheduled": "it has not begun yet"}
    return Verdict(SyncStatus.RUNNING, words.get(now.sync_state, f"it is in the unknown state {now.sync_state!r}"))


def refusal(answer: Answer, words: str) -> BlueprintError | None:
    """What Fivetran's statuses mean beyond the usual."""
    code = answer.body.get("code") if isinstance(answer.body, dict) else None
    if answer.status == 401:
        return InvalidCredentialsError(
            f"Fivetran answered {words}: FIVETRAN_API_KEY or FIVETRAN_API_SECRET is wrong (the key goes in as it is, "
            "not as the base64 of key:secret that Fivetran's own command line takes)"
        )
    if answer.status == 403:
        return InvalidCredentialsError(
            f"Fivetran answered {words}: the key is known and lacks a permission for this", status=403
        )
    if answer.status == 404 and str(code).startswith("NotFound"):
        return SyncNotFoundError(
            f"Fivetran answered {words}: look at FIVETRAN_CONNECTOR_ID, and at what FIVETRAN_API_KEY may see"
        )
    if answer.status == 404:
        return StatusCheckFailedError(
            f"Fivetran answered {words}, without saying that the connection is unknown: a path gone or an outage",
            status=404,
        )
    return None


class FivetranClient:
    """Starts syncs and looks at them. Every method may raise the errors of `shared.http.Api`."""

    def __init__(self, given: Credentials, job: Job) -> None:
        self._job = job
        auth = (given.api_key, given.api_secret)
        # Anything but this version in Accept changes the answers or is a 406.
        wire = job.connect(given.api_url, auth, {"Accept": "application/json;version=2"}, job.clock)
        self._put_off_before: datetime | None = None  # to when a sync was put off before the start
        self._restarted_for: datetime | None = None  # what was put off to this time was started again
        self._next_restart = -math.inf  # the instant from which on that may be tried once more
        self._api = Api("Fivetran", wire, job, lambda answer: refusal(answer, self._api.words(answer)))

    def start_sync(self, connector_id: str, if_running: str, given: Waiting) -> Handover:
        """Start a sync, or join one, by the policy `if_running` (restart, join, wait, fail).

        Raises BadRequestError for a connection that cannot run, SyncAlreadyRunningError, SyncNotStartedError.
        """
        self._api.record_as = f"sync_{connector_id}_response.json"
        with nothing_started_yet():
            before = self._ready_connection(connector_id)
        _warn(connector_id, before)
        try:
            if before.syncing and if_running != "restart":
                raise SyncAlreadyRunningError(f"a sync of {connector_id} is running")
            return self._start(connector_id, before, force=if_running == "restart")
        except SyncAlreadyRunningError as running:
            if if_running == "join":
                return self._joined(connector_id, before)
            if if_running == "wait":
                return self._start_when_idle(connector_id, given)
            raise SyncAlreadyRunningError(f"{running}, and FIVETRAN_IF_RUNNING is {if_running}") from running

    def started(self, handover: Handover) -> Result:
        """The result of a trigger that does not wait."""
        if handover.joined:
            return Result("joined", f"the running sync of {handover.id} was joined and handed over")
        return Result("started", f"a sync of {handover.id} was started and handed over")

    def follow(self, handover: Handover, given: Waiting, *, just_started: bool = False) -> Result:
        """Look at the sync once, or until it has ended. Raises the error of any end but a success."""
        look = self._looks(handover, given)
        return follow(look, given, self._job, least=LEAST_PAUSE, vendor="Fivetran", just_started=just_started)

    def update(self, connector_id: str, changes: Mapping[str, object]) -> Result:
        """Change fields of a connection, and hold Fivetran's answer against what was asked.

        Raises BadRequestError naming the fields that did not take, StatusCheckFailedError if that is not known.
        """
        self._api.record_as = f"update_{connector_id}_response.json"
        path, body = f"/v1/connections/{connector_id}", {"run_setup_tests": False, **changes}
        historical = "is_historical_sync" in changes
        # A historical sync begins at once and cancels a running one: it is not to be asked for twice.
        before = self._data(self._api.get(path)) if historical else {}
        log.info("changing %s of %s", ", ".join(sorted(changes)), connector_id)
        self._job.goes_on = f"an update of {connector_id} may have been accepted ({_dashboard(connector_id)})"
        send = self._api.start if historical else self._api.change
        try:
            answer = send(path, body, method="PATCH", read_timeout=START_TIMEOUT)
        except StartUnclearError as lost:
            return self._found_update(connector_id, changes, before, lost)
        except SyncNotStartedError as error:
            raise StatusCheckFailedError(str(error)) from error
        except SyncAlreadyRunningError as error:
            raise BadRequestError(
                f"{error}: a sync of {connector_id} is running that cannot be ended for it"
            ) from error
        try:
            data = self._shown(answer, connector_id, changes)
        except StatusCheckFailedError as error:
            if historical:
                return self._found_update(connector_id, changes, before, error)
            raise
        refused = _differing(changes, data)
        if refused:
            raise BadRequestError(
                f"Fivetran shows that these fields of {connector_id} are not what was asked for: {', '.join(refused)}; "
                f"see {_dashboard(connector_id)}"
            )
        unseen = _unseen(changes, data)
        note = f" (Fivetran does not show {', '.join(unseen)})" if unseen else ""
        return Result("updated", f"{connector_id} was updated: {', '.join(sorted(changes))}{note}")

    def _shown(self, answer: Answer, connector_id: str, changes: Mapping[str, object]) -> dict[str, Any]:
        """The connection in an answer, with every field that Fivetran always shows."""
        data = self._data(answer)
        shown = {key: _shown_value(data, key) for key in _ALWAYS_SHOWN if key in changes}
        odd = [key for key, value in shown.items() if not isinstance(value, _ALWAYS_SHOWN[key]) or _hidden(value)]
        if data.get("id") not in (None, connector_id) or odd:
            raise self._api.nonsense(answer, ", ".join(odd) or "the connection that was asked for")
        return data

    def _found_update(
        self, connector_id: str, changes: Mapping[str, object], before: Mapping[str, Any], lost: BlueprintError
    ) -> Result:
        """The result of an update without a usable answer, if the connection shows all of it and did not before."""
        log.warning("%s; finding out whether it was accepted", lost)
        unclear = f"{lost}; it is not known whether {', '.join(sorted(changes))} of {connector_id} changed"
        for pause in LOOKS:
            self._job.clock.sleep(pause)
            try:
                data = self._data(self._api.get(f"/v1/connections/{connector_id}"))
            except BlueprintError as error:
                raise StatusCheckFailedError(f"{unclear} ({error}): see {_dashboard(connector_id)}") from error
            began = [_shown_value(shown, "is_historical_sync") is True for shown in (before, data)] == [False, True]
            if began and not _differing(changes, data) and not _unseen(changes, data):
                return Result("updated", f"{connector_id} was updated: {', '.join(sorted(changes))}")
        raise StatusCheckFailedError(f"{unclear}: see {_dashboard(connector_id)} before you ask for it again")

    def check_credentials(self) -> Result:
        """Whether Fivetran takes the key and secret. Raises InvalidCredentialsError, StatusCheckFailedError."""
        data = self._data(self._api.get("/v1/account/info"))
        account = self._job.mask.words(str(data.get("account_name") or data.get("account_id") or "of unknown name"))
        self._job.facts["account"] = account
        return Result("valid", f"Fivetran takes the key and secret; they belong to the account {account}")

    def _data(self, answer: Answer) -> dict[str, Any]:
        """The `data` of an answer whose code is Success. Raises StatusCheckFailedError if it is not such an answer."""
        body = self._api.json_object(answer)
        if body.get("code") != "Success" or not isinstance(body.get("data"), dict):
            raise self._api.nonsense(answer, "the code Success and its data")
        data: dict[str, Any] = body["data"]
        return data

    def _connection(self, connector_id: str) -> Connection:
        answer = self._api.get(f"/v1/connections/{connector_id}")
        data = self._data(answer)
        if data.get("id") not in (None, connector_id):
            raise self._api.nonsense(answer, "the connection that was asked for")
        try:
            return read_connection(data, self._job.mask.words)
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
        def idle() -> Connection:
            before = self._ready_connection(connector_id)
            if before.syncing:
                raise SyncIncompleteError(f"another sync of {connector_id} is running; waiting until it has ended")
            return before

        def gave_up(_: str) -> SyncAlreadyRunningError:
            return SyncAlreadyRunningError(
                f"another sync of {connector_id} is still running after {given.wait_timeout} min; nothing was started"
            )

        wait = Wait.of(self._job, given, LEAST_PAUSE)
        return start_when_idle(wait, idle, lambda before: self._start(connector_id, before, force=False), gave_up)

    def _start(self, connector_id: str, before: Connection, *, force: bool) -> Handover:
        draft = self._handover(connector_id, before, interrupted=force and before.syncing)
        self._put_off_before = before.rescheduled_for

        def post(again: bool) -> Handover:
            try:
                answer = self._post_start(connector_id, force=force and not again)
            except SyncAlreadyRunningError:
                if again:  # so the first one was accepted after all
                    return draft
                raise
            return draft._replace(execution_time=answer.date or self._now())

        def seen() -> Handover | None:
            now = self._connection(connector_id)
            if before.syncing:
                # It was interrupted by the start, or has it ended by itself while the answer was waited for?
                at_once = self._job.clock.monotonic() - self._api.start_sent < LOST_AT_ONCE
                moved = now.stamps != before.stamps
                if (moved and now.syncing) or (at_once and not now.is_paused and (moved or not now.syncing)):
                    return draft._replace(execution_time=self._now())  # what ended up to now is the interrupted sync
            state_tells = now.syncing or (now.sync_state == "rescheduled" != before.sync_state)
            if not before.syncing and (now.stamps != before.stamps or state_tells):
                return draft
            return None

        # If a sync was running before, it may end by itself, and then a later look takes its end for the start's doing.
        what = f"{connector_id} ({_dashboard(connector_id)})"
        handover = start_once(self._job, draft, post, seen, what=what, only_one_look=before.syncing)
        log.info("the sync of %s was started", what)
        return handover

    def _post_start(self, connector_id: str, *, force: bool) -> Answer:
        log.info("starting a sync of %s (force: %s)", connector_id, str(force).lower())
        path, body = f"/v1/connections/{connector_id}/sync", {"force": force}
        with nothing_started_yet():
            answer = self._api.start(path, body, read_timeout=START_TIMEOUT)
        if not isinstance(answer.body, dict) or answer.body.get("code") != "Success":
            said = self._api.words(answer)
            raise StartUnclearError(f"Fivetran answered the start without its code Success: {said}", answer.status)
        return answer

    def _joined(self, connector_id: str, before: Connection) -> Handover:
        log.info("joining the sync of %s that is running; see %s", connector_id, _dashboard(connector_id))
        self._job.goes_on = f"the sync of {connector_id} goes on at Fivetran ({_dashboard(connector_id)})"
        return self._handover(connector_id, before)._replace(joined=True)

    def _handover(self, connector_id: str, before: Connection, *, interrupted: bool = False) -> Handover:
        return Handover(connector_id, self._now(), before.succeeded_at, before.failed_at, interrupted)

    def _now(self) -> datetime:
        """The server's clock; the local one only where the server tells no time."""
        return self._api.now() or datetime.fromtimestamp(self._job.clock.time(), timezone.utc)

    def _looks(self, handover: Handover, given: Waiting) -> Callable[[], Verdict]:
        """A look at the sync that remembers the one before; while waiting, it starts again what Fivetran put off."""
        connector_id = handover.connector_id
        self._job.id = connector_id
        self._job.goes_on = f"the sync of {connector_id} goes on, if it has not ended ({_dashboard(connector_id)})"
        self._api.record_as = f"connector_{connector_id}_response.json"
        before: Connection | None = None
        begun = self._job.clock.monotonic()

        def look() -> Verdict:
            nonlocal handover, before
            now = self._connection(connector_id)
            verdict, handover = judge(handover, now, before)
            before = now
            self._job.facts = _facts(now)
            put_off = now.needs_another_start and verdict.status is SyncStatus.RUNNING
            stale = now.rescheduled_for == self._put_off_before and self._job.clock.monotonic() - begun < STALE_FOR
            if given.wait and put_off and not stale and handover.execution_time and now.rescheduled_for:
                self._start_again(handover, now.rescheduled_for)
            return verdict._replace(message=self._explained(connector_id, verdict, now))

        return look

    def _start_again(self, handover: Handover, rescheduled_for: datetime) -> None:
        """Start what Fivetran put off, once its time has come, until that was accepted.

        Nothing is interrupted by it or started twice: with force false Fivetran runs it only if none is running.
        Raises SyncIncompleteError if its time comes too late.
        """
        clock = self._job.clock.monotonic()
        seconds = (rescheduled_for - self._now()).total_seconds() + RESCHEDULE_MARGIN
        if clock + seconds > self._job.deadline:
            raise SyncIncompleteError(
                f"Fivetran put the sync of {handover.id} off until {show(rescheduled_for)}, longer than the time left "
                "to wait; the schedule is manual: trigger it again then",
                look_again_in=seconds,
            )
        if seconds > 0 or clock < self._next_restart or rescheduled_for == self._restarted_for:
            return
        self._next_restart = clock + RESCHEDULE_MARGIN
        try:
            self._post_start(handover.id, force=False)
            self._restarted_for = rescheduled_for
        except SyncAlreadyRunningError:
            self._restarted_for = rescheduled_for
        except SyncNotStartedError as error:
            log.warning("starting it again: %s; looking on", error)

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


def _shown_value(data: Mapping[str, Any], key: str) -> object:
    """A field of a connection as Fivetran shows it, or _ABSENT."""
    status = data.get("status")
    shown = status if key == "is_historical_sync" and isinstance(status, dict) else data
    return shown.get(key, _ABSENT)


def _hidden(shown: object) -> bool:
    return shown is _ABSENT or (isinstance(shown, str) and set(shown) == {"*"})


def _differing(changes: Mapping[str, object], data: Mapping[str, Any]) -> list[str]:
    """The fields that Fivetran shows to be something else than was asked."""
    return sorted(key for key, value in changes.items() if not _took(value, _shown_value(data, key)))


def _unseen(changes: Mapping[str, object], data: Mapping[str, Any]) -> list[str]:
    """The fields that Fivetran does not show, or of which it shows stars."""
    return sorted(key for key in changes if _hidden(_shown_value(data, key)) or "**" in str(_shown_value(data, key)))


def _took(asked: object, shown: object) -> bool:
    """Whether a field may be what was asked for; what Fivetran hides may well be."""
    if isinstance(asked, dict) and isinstance(shown, dict):
        return all(_took(value, shown.get(key, _ABSENT)) for key, value in asked.items())
    return _hidden(shown) or asked == shown or str(asked) == str(shown)


def _time_of(value: object) -> datetime:
    """The time of execution out of a file. Raises TypeError."""
    at = moment(value)
    if at is None:
        raise TypeError("no time of execution")
    return at


def _dashboard(connector_id: str) -> str:
    return f"https://fivetran.com/dashboard/connections/{connector_id}"
