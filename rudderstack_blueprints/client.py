"""Everything known of RudderStack's API, v2 (https://www.rudderstack.com/docs/api/).

Two kinds of things are synced: Reverse ETL connections, whose syncs can be listed and stopped, and sources (Profiles
projects and older sources), whose runs can only be looked at.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, NamedTuple
from urllib.parse import quote

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
)
from shared.http import Answer, Api, bearer
from shared.pickles import Plain
from shared.starting import nothing_started_yet, start_once, start_when_idle
from shared.status import Result, SyncStatus, Verdict, instant, show
from shared.waiting import Wait, follow

log = logging.getLogger(__name__)

API_URLS = {"US": "https://api.rudderstack.com", "EU": "https://api.eu.rudderstack.com"}
PROFILES_PARAMETERS = ("--model_refs", "--begin_time", "--end_time", "--rebase_incremental")
LEAST_PAUSE = 2  # seconds between two looks
STOP_TAKES_AT_MOST = 300  # seconds until a stopped sync, and the drain that follows, must have ended
JOIN_TAKES_AT_MOST = 60  # seconds in which a sync that a 409 tells of must become visible
MOST_PAGES = 1000
ZERO_TIME = datetime(1, 1, 1, tzinfo=timezone.utc)  # Go's way to say "not yet"

_WORDS = {
    **dict.fromkeys(("running", "processing", "pending", "queued"), SyncStatus.RUNNING),
    **dict.fromkeys(("stopped", "cancelled", "canceled", "aborted"), SyncStatus.CANCELLED),
    "failed": SyncStatus.FAILED,
}
SYNC_WORDS = {**_WORDS, "succeeded": SyncStatus.SUCCEEDED}
RUN_WORDS = {**_WORDS, "finished": SyncStatus.SUCCEEDED}


class Credentials:
    """How to reach RudderStack and as whom."""

    access_token: str = inputs.password("RUDDERSTACK_ACCESS_TOKEN")
    region: str = inputs.choice("RUDDERSTACK_REGION", "US", "EU", default="US")
    api_url: str | None = inputs.url("RUDDERSTACK_API_URL", default=None, cut="/v2")


class Target:
    """What is synced: a source or a Reverse ETL connection."""

    source_id: str | None = inputs.identifier("RUDDERSTACK_SOURCE_ID", required=False)
    connection_id: str | None = inputs.identifier("RUDDERSTACK_CONNECTION_ID", required=False)

    @property
    def subject(self) -> str | None:
        return self.source_id or self.connection_id

    def contradictions(self, given: set[str]) -> Iterator[str]:
        if {"RUDDERSTACK_SOURCE_ID", "RUDDERSTACK_CONNECTION_ID"} <= given:
            yield "RUDDERSTACK_SOURCE_ID and RUDDERSTACK_CONNECTION_ID were both given: one sync has one of them"


class Waiting:
    """Whether to stay until the sync has ended, for how long, and what counts as a success."""

    fail_on_failed_rows: bool = inputs.boolean("RUDDERSTACK_FAIL_ON_FAILED_ROWS")
    wait: bool = inputs.boolean("RUDDERSTACK_WAIT")
    wait_timeout: int = inputs.integer("RUDDERSTACK_WAIT_TIMEOUT", default=230, unit="minutes", least=1)
    poll_interval: int = inputs.integer("RUDDERSTACK_POLL_INTERVAL", default=60, unit="seconds", least=1, most=3600)


class Handover(NamedTuple):
    """A sync that was started (or joined). `is_source` tells what `id` is the id of.

    `sync_id` is the syncId or runId. A source's run without one is told from others by `run_started_at`, the server's
    time. With neither, the latest sync is judged.
    """

    id: str
    is_source: bool
    sync_id: str | None = None
    server_time: datetime | None = None
    run_started_at: datetime | None = None
    joined: bool = False

    @classmethod
    def of(cls, given: Target) -> Handover:
        """For a check on its own: the latest sync. Raises InvalidInputError without an id."""
        if given.subject is None:
            raise InvalidInputError(
                "neither RUDDERSTACK_SOURCE_ID nor RUDDERSTACK_CONNECTION_ID was given, and no trigger before this "
                "check handed over a sync"
            )
        return cls(given.subject, is_source=given.source_id is not None)

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Handover:
        """From `sync.pickle` or `starting.pickle`. Raises KeyError, TypeError or ValueError."""
        sync_id = plain["sync_id"]
        return cls(
            identifier(plain["source_id"] or plain["connection_id"]),
            is_source=plain["source_id"] is not None,
            sync_id=None if sync_id is None else _sync_id(sync_id),
            server_time=moment(plain["server_time"]),
            run_started_at=moment(plain["run_started_at"]),
            joined=bool(plain["joined"]),
        )

    @classmethod
    def from_other_files(cls, file: Callable[[str], Any]) -> Sequence[Handover]:
        """From the files of other programs; where they name both kinds, nobody knows whose the sync id is."""
        found = [
            cls(identifier(value), is_source=name == "source_id.pickle")
            for name in ("source_id.pickle", "connection_id.pickle")
            for value in [file(name)]
            if value is not None
        ]
        sync_id = file("sync_id.pickle") if found else None
        return [found[0]._replace(sync_id=_sync_id(sync_id))] if len(found) == 1 and sync_id is not None else found

    def as_dict(self) -> dict[str, Plain]:
        return {
            "source_id": self.id if self.is_source else None,
            "connection_id": None if self.is_source else self.id,
            "sync_id": self.sync_id,
            "server_time": self.server_time,
            "run_started_at": self.run_started_at,
            "joined": self.joined,
        }

    def other_files(self) -> dict[str, Plain]:
        name = "source_id.pickle" if self.is_source else "connection_id.pickle"
        return {name: self.id, "sync_id.pickle": self.sync_id}

    @property
    def subject(self) -> str:
        return self.what

    def is_just(self, given: Any) -> bool:
        return given.subject is not None and not self.differs(given)

    def differs(self, given: Any) -> str:
        if given.subject is None or (given.subject == self.id and (given.source_id is not None) == self.is_source):
            return ""
        variable = "RUDDERSTACK_CONNECTION_ID" if given.source_id is None else "RUDDERSTACK_SOURCE_ID"
        return f"it is for the {self.what}, and {variable} is {given.subject}"

    @property
    def what(self) -> str:
        return f"source {self.id}" if self.is_source else f"connection {self.id}"


def judge_sync(sync: Mapping[str, Any], *, fail_on_failed_rows: bool = False) -> Verdict:
    """What a Reverse ETL sync's `status` says; `finishedAt` is shown filled on a running one, too."""
    word = sync.get("status")
    status = SYNC_WORDS.get(str(word).lower(), SyncStatus.UNKNOWN)
    rows = _rows(sync.get("metrics"))
    message = _message(status, word, sync.get("error") if status is not SyncStatus.SUCCEEDED else None)
    if rows:
        message += " (rows: " + ", ".join(f"{count} {kind}" for kind, count in rows.items()) + ")"
    if status is SyncStatus.SUCCEEDED and rows.get("failed"):
        message += f"; the destination refused {rows['failed']} rows"
        if fail_on_failed_rows:
            status = SyncStatus.FAILED
            message += ", which counts as a failure because RUDDERSTACK_FAIL_ON_FAILED_ROWS is TRUE"
    return Verdict(status, message, {"rows": rows, **_times(sync)})


def judge_run(run: Mapping[str, Any]) -> Verdict:
    """What a source's run says: `finished` with an error is a failure, and without a status `finishedAt` decides.

    An error that is there and says nothing (`[]`, `{}`) is neither.
    """
    word = run.get("status")
    error = run.get("error")
    if word in (None, ""):
        finished = _time(run, "finished")
        status = SyncStatus.RUNNING if finished is None else SyncStatus.SUCCEEDED
        word = status.value
    else:
        status = RUN_WORDS.get(str(word).lower(), SyncStatus.UNKNOWN)
    if status is SyncStatus.SUCCEEDED and error not in (None, ""):
        status, word = (SyncStatus.FAILED, word) if error else (SyncStatus.UNKNOWN, f"{word}, error {error}")
    return Verdict(status, _message(status, word, error), _times(run))


def _message(status: SyncStatus, word: object, error: object) -> str:
    said = f": {error}" if error else ""
    if status is SyncStatus.UNKNOWN:
        return f"it has a status that is not known here, {word!r}{said}" if word else f"it has no status{said}"
    return {
        SyncStatus.RUNNING: "it is running",
        SyncStatus.SUCCEEDED: "it succeeded",
        SyncStatus.FAILED: f"it failed{said or ', and RudderStack does not say why'}",
        SyncStatus.CANCELLED: f"it was cancelled ({word}){said}",
    }[status]


def _rows(metrics: object) -> dict[str, int]:
    """Counts of rows by kind, as far as they are told: {"total": 3, "succeeded": 2, "failed": 1, "changed": 3}."""
    if not isinstance(metrics, dict):
        return {}
    told = {"total": metrics.get("total")}
    for kind in ("succeeded", "failed", "changed"):
        told[kind] = metrics[kind].get("total") if isinstance(metrics.get(kind), dict) else None
    return {kind: count for kind, count in told.items() if isinstance(count, int)}


def _time(run: Mapping[str, Any], what: str) -> datetime | None:
    """`startedAt` or `started_at` (`what` is "started" or "finished"); Go's zero time is none."""
    found = instant(run.get(f"{what}At") or run.get(f"{what}_at"))
    return None if found is None or found <= ZERO_TIME else found


def _times(run: Mapping[str, Any]) -> dict[str, object]:
    return {"started_at": show(_time(run, "started")), "finished_at": show(_time(run, "finished"))}


def profiles_parameters(text: str) -> tuple[str, ...]:
    """One parameter a line, `--flag` or `--flag value`, of those that RudderStack allows. Raises InputError."""
    lines = tuple(line.strip() for line in text.splitlines() if line.strip())
    for line in lines:
        if line.split()[0] not in PROFILES_PARAMETERS:
            allowed = ", ".join(PROFILES_PARAMETERS)
            raise inputs.InputError(f"has the line {inputs.shown(line)}; a line begins with one of {allowed}")
    return lines


def start_body(target: Target, sync_type: str, parameters: Sequence[str] | None) -> dict[str, object] | None:
    """What a start of `target` sends; None is no body."""
    if target.connection_id is not None:
        return {"syncType": sync_type}
    log.info("RUDDERSTACK_SYNC_TYPE (%s) is for Reverse ETL connections; for a source it is ignored", sync_type)
    return {"parameters": list(parameters)} if parameters else None


class RudderStackClient:
    """Starts syncs and looks at them. Every method may raise the errors of `shared.http.Api`."""

    def __init__(self, given: Credentials, job: Job) -> None:
        self._job = job
        self._target: Handover | None = None
        self._body: Mapping[str, object] | None = None  # of a start

        wire = job.connect(given.api_url or API_URLS[given.region], bearer(given.access_token), {}, job.clock)
        self._api = Api("RudderStack", wire, job, self._refusal)

    def start_sync(
        self, target: Handover, body: Mapping[str, object] | None, if_running: str, given: Waiting
    ) -> Handover:
        """Start a sync, or join one, by the policy `if_running` (restart, join, wait, fail).

        Raises SyncAlreadyRunningError, SyncNotFoundError, SyncNotStartedError.
        """
        self._target, self._body = target, body
        self._api.record_as = f"sync_{target.id}_response.json"
        try:
            return self._start(target)
        except SyncAlreadyRunningError as running:
            log.info("a sync of the %s is running; RUDDERSTACK_IF_RUNNING is %s", target.what, if_running)
            if if_running == "fail" or (if_running == "restart" and target.is_source):
                cure = " (RudderStack cannot stop the runs of a source: join or wait)" if if_running != "fail" else ""
                raise SyncAlreadyRunningError(
                    f"a sync of the {target.what} is running, and RUDDERSTACK_IF_RUNNING is {if_running}{cure}"
                ) from running
        most = {"restart": STOP_TAKES_AT_MOST, "join": JOIN_TAKES_AT_MOST}.get(if_running, math.inf)
        wait = Wait.of(self._job, given, LEAST_PAUSE, within=most)
        with nothing_started_yet():
            if if_running == "join":
                return self._join(target, wait)
            if if_running == "restart":
                self._stop(target)
                return self._start_when_idle(
                    target, wait, "it was told to stop and has not done so: look at RudderStack"
                )
            return self._start_when_idle(target, wait, f"RUDDERSTACK_WAIT_TIMEOUT ({given.wait_timeout} min) is over")

    def started(self, handover: Handover) -> Result:
        """The result of a trigger that does not wait."""
        sync = f"sync {handover.sync_id}" if handover.sync_id else "a sync"
        if handover.joined:
            return Result("joined", f"{sync} of the {handover.what}, which was running, was joined and handed over")
        return Result("started", f"{sync} of the {handover.what} was started and handed over")

    def follow(self, handover: Handover, given: Waiting, *, just_started: bool = False) -> Result:
        """Look at the sync once, or until it has ended. Raises the error of any end but a success."""
        look = self._looks(handover, given)
        return follow(look, given, self._job, least=LEAST_PAUSE, vendor="RudderStack", just_started=just_started)

    def check_credentials(self, region: str) -> Result:
        """Whether RudderStack takes the token. Raises InvalidCredentialsError, StatusCheckFailedError."""
        try:
            answer = self._api.get("/v2/workspace")
            workspace = self._api.json_object(answer).get("workspace")
            if not isinstance(workspace, dict):
                raise self._api.nonsense(answer, "a workspace")
        except SyncNotFoundError:  # not offered to every kind of token
            try:
                self._api.json_object(self._api.get("/v2/sources"))
            except SyncNotFoundError as error:
                raise BadRequestError(f"{error}; there is no such path, look at RUDDERSTACK_API_URL") from error
            return Result("valid", "RudderStack takes the token (it does not tell of which workspace it is)")
        name = self._job.mask.words(str(workspace.get("name") or workspace.get("id")))
        self._job.facts.update({"workspace": name, "region": workspace.get("region")})
        note = ""
        if str(workspace.get("region") or region).upper() != region:
            note = f"; its region is {workspace['region']}, and RUDDERSTACK_REGION is {region}"
        return Result("valid", f"RudderStack takes the token; it belongs to the workspace {name}{note}")

    def _join(self, target: Handover, wait: Wait) -> Handover:
        """Join the running sync as soon as it is seen; start one if none is and RudderStack takes it after all."""
        while True:
            running = self._running(target)
            if running is not None:
                self._job.sync_id = running.sync_id
                self._job.goes_on = f"the sync of the RudderStack {running.what} goes on"
                return running
            try:
                return self._start(target)
            except SyncAlreadyRunningError:
                if wait.left <= 0:
                    raise
                self._job.clock.sleep(min(LEAST_PAUSE, wait.left))

    def _start_when_idle(self, target: Handover, wait: Wait, advice: str) -> Handover:
        def idle() -> None:
            if self._running(target) is not None:
                raise SyncIncompleteError(f"another sync of the {target.what} is running; nothing new was started yet")

        def gave_up(last: str) -> SyncAlreadyRunningError:
            return SyncAlreadyRunningError(f"{last}, and {advice}")

        return start_when_idle(wait, idle, lambda _: self._start(target), gave_up)

    def _stop(self, target: Handover) -> None:
        """Ask for the running sync to be stopped: it goes on for a while, and what is in flight is still delivered."""
        log.info("stopping the running sync of the %s", target.what)
        self._job.goes_on = f"the running sync of the {target.what} was told to stop, and nothing new was started"
        try:
            self._api.change(f"{_path(target)}/stop")
        except (BadRequestError, SyncAlreadyRunningError) as error:
            log.info("the stop was refused, perhaps because the sync has just ended: %s", error)

    def _start(self, target: Handover) -> Handover:
        sent: list[float] = []
        since: list[datetime] = []  # each look tells the server's time when it was sent, a second early at most

        def post(_: bool) -> Handover:
            try:
                return self._post_start(target)
            finally:
                sent.append(self._api.start_sent)

        def seen() -> Handover | None:
            runs = [self._run(target)] if target.is_source else self._syncs(target.id, {})
            since.append(self._server_time(sent[0]))
            return _begun_since(target, runs, max(since))

        what = f"the RudderStack {target.what}"
        handover = start_once(self._job, target, post, seen, what=what)
        log.info("sync %s of the %s was started", handover.sync_id or "(without an id)", target.what)
        return handover

    def _post_start(self, target: Handover) -> Handover:
        log.info("starting a sync of the %s", target.what)
        try:
            with nothing_started_yet():
                answer = self._api.start(f"{_path(target)}/start", self._body)
        except StartUnclearError as lost:
            if target.is_source and lost.status == 500:
                self._probe_source(target.id)  # an unknown source is told here, and then nothing was started
            raise
        key = "runId" if target.is_source else "syncId"
        sync_id = answer.body.get(key) if isinstance(answer.body, dict) else None
        if not _is_sync_id(sync_id):
            raise StartUnclearError(
                f"RudderStack answered the start without a {key}: {self._api.words(answer)}", answer.status
            )
        return target._replace(sync_id=sync_id, server_time=answer.date)

    def _server_time(self, instant_of_clock: float) -> datetime:
        """The server's clock at an instant of the monotonic clock, a second early at most."""
        ago = timedelta(seconds=self._job.clock.monotonic() - instant_of_clock)
        now = self._api.now()
        if now is None:
            raise StartUnclearError("RudderStack does not tell its time, so that its syncs cannot be told apart")
        return now - ago

    def _running(self, target: Handover) -> Handover | None:
        """The sync that is running now, as one that was joined."""
        if target.is_source:
            run = self._run(target)
            if judge_run(run).status is not SyncStatus.RUNNING:
                return None
            return target._replace(joined=True, run_started_at=_time(run, "started"), server_time=self._api.now())
        running = [
            sync
            for sync in self._syncs(target.id, {"status": "running"})
            if judge_sync(sync).status is SyncStatus.RUNNING
        ]
        if not running:
            return None
        return target._replace(joined=True, sync_id=_latest(running)["id"], server_time=self._api.now())

    def _looks(self, handover: Handover, given: Waiting) -> Callable[[], Verdict]:
        self._target = handover
        self._job.id, self._job.sync_id = handover.id, handover.sync_id
        self._job.goes_on = f"the sync of the {handover.what} goes on at RudderStack, if it has not ended"
        self._api.record_as = f"sync_run_{handover.id}_response.json"

        def look() -> Verdict:
            verdict = self._judged(handover, given)
            self._job.facts.update(verdict.facts)
            sync = f"sync {self._job.sync_id}" if self._job.sync_id else "the latest sync"
            return verdict._replace(message=f"{sync} of the {handover.what}: {self._job.mask.words(verdict.message)}")

        return look

    def _judged(self, handover: Handover, given: Waiting) -> Verdict:
        if handover.is_source:
            run = self._run(handover)
            return judge_run(run) if handover.sync_id else _judge_latest_run(run, handover.run_started_at)
        if handover.sync_id is not None:
            answer = self._api.get(f"{_path(handover)}/syncs/{quote(handover.sync_id, safe='')}")
            sync = self._api.json_object(answer)
            if sync.get("id") not in (None, handover.sync_id) or not isinstance(sync.get("status"), (str, type(None))):
                raise self._api.nonsense(answer, "the sync that was asked for")
        else:
            syncs = self._syncs(handover.id, {})
            if not syncs:
                return Verdict(SyncStatus.RUNNING, "it has never run")
            sync = next((one for one in syncs if judge_sync(one).status is SyncStatus.RUNNING), _latest(syncs))
            self._job.sync_id = sync["id"]
        return judge_sync(sync, fail_on_failed_rows=given.fail_on_failed_rows)

    def _syncs(self, connection_id: str, params: Mapping[str, str]) -> list[dict[str, Any]]:
        """All syncs of a connection, page by page: their order is undocumented."""
        path = f"/v2/retl-connections/{connection_id}/syncs"
        syncs: dict[str, dict[str, Any]] = {}
        page = 1
        while True:
            answer = self._api.get(path, {**params, "page": str(page)} if page > 1 else params)
            body = self._api.json_object(answer)
            try:
                new = {sync["id"]: sync for sync in body["syncs"]}
                if not isinstance(body["syncs"], list) or not all(map(_is_sync_id, new)):
                    raise TypeError("a list of syncs with ids")
                paging = body.get("paging") or {}
                more = bool(paging.get("next")) and not new.keys() <= syncs.keys()
            except (KeyError, TypeError, AttributeError) as error:
                raise self._api.nonsense(answer, "a list of syncs") from error
            syncs.update(new)
            if not more:
                return list(syncs.values())
            page += 1
            if page > MOST_PAGES:
                raise self._api.nonsense(answer, f"an end after {MOST_PAGES} pages")

    def _run(self, handover: Handover) -> dict[str, Any]:
        """The run of a source that was handed over, or else its latest one."""
        of_run = "" if handover.sync_id is None else f"/runs/{quote(handover.sync_id, safe='')}"
        try:
            answer = self._api.get(f"{_path(handover)}{of_run}/status")
        except StatusCheckFailedError as error:
            if error.status == 500:
                self._probe_source(handover.id, known=handover.server_time is not None or bool(of_run))
            raise
        run = self._api.json_object(answer)
        if not isinstance(run.get("status"), (str, type(None))):
            raise self._api.nonsense(answer, "a status")
        return run

    def _probe_source(self, source_id: str, *, known: bool = False) -> None:
        """After a 500, which RudderStack also answers for an unknown source. Raises SyncNotFoundError if it is one.

        It is unknown if it answers 500 while other calls are answered, which is asked twice because an outage may end
        in between; never if it is `known`, because a run of it was started.
        """
        for _ in range(2):
            try:
                self._api.get(f"/v2/sources/{source_id}", tries=3)
                return
            except SyncNotFoundError:
                raise
            except InvalidCredentialsError as error:
                log.info("it could not be told whether the source exists: %s", error)
                return
            except StatusCheckFailedError as error:
                if known or error.status != 500 or not self._answers():
                    log.info("it could not be told whether the source exists: %s", error)
                    return
            except BlueprintError as error:
                raise self._not_found(str(error)) from error
        raise self._not_found("answers 500 for it, and answers other calls")

    def _answers(self) -> bool:
        try:
            self._api.get("/v2/workspace", tries=1)
        except StatusCheckFailedError:
            return False
        except BlueprintError:  # an answer, too
            return True
        return True

    def _refusal(self, answer: Answer) -> BlueprintError | None:
        """What RudderStack's statuses mean beyond the usual."""
        said = self._api.words(answer)
        if answer.status == 404:
            return self._not_found(f"answered {said}")
        if answer.status == 401:
            return InvalidCredentialsError(
                f"RudderStack answered {said}: RUDDERSTACK_ACCESS_TOKEN is wrong, or belongs to the other "
                "RUDDERSTACK_REGION"
            )
        if answer.status == 403:
            return InvalidCredentialsError(
                f"RudderStack answered {said}: RUDDERSTACK_ACCESS_TOKEN or the plan does not permit this", status=403
            )
        return None

    def _not_found(self, said: str) -> SyncNotFoundError:
        if self._target is None:
            return SyncNotFoundError(f"RudderStack {said}")
        if self._target.sync_id is not None:
            return SyncNotFoundError(
                f"RudderStack knows no sync {self._target.sync_id} of the {self._target.what}, or this token may not "
                f"see it ({said})"
            )
        other = "RUDDERSTACK_CONNECTION_ID" if self._target.is_source else "RUDDERSTACK_SOURCE_ID"
        kind = "a Reverse ETL connection" if self._target.is_source else "a source"
        return SyncNotFoundError(
            f"RudderStack knows no {self._target.what}, or this token may not see it ({said}); if it is {kind}, "
            f"give its id as {other}"
        )


def _begun_since(target: Handover, runs: Sequence[dict[str, Any]], since: datetime) -> Handover | None:
    """The first of `runs` that began at `since` or later, by the server's own times."""
    begun = [(started, run) for run in runs for started in [_time(run, "started")] if started is not None]
    if any(run.get("status") and _time(run, "started") is None for run in runs):
        raise StartUnclearError("RudderStack shows a sync without the time of its start")
    ours = [(started, run) for started, run in begun if started >= _comparable(since, started)]
    if not ours:
        return None
    started, run = min(ours, key=lambda pair: pair[0])
    sync_id = None if target.is_source else run["id"]
    return target._replace(sync_id=sync_id, run_started_at=started, server_time=since)


def _judge_latest_run(run: Mapping[str, Any], started_at: datetime | None) -> Verdict:
    """The verdict on the run that began at `started_at`, of which only the source's latest run tells."""
    latest = _time(run, "started")
    if started_at is None or latest is None or latest == started_at:
        return judge_run(run)
    if latest < started_at:
        return Verdict(SyncStatus.RUNNING, "RudderStack still shows the run before", _times(run))
    return Verdict(
        SyncStatus.UNKNOWN, "another run has begun since, so that RudderStack does not tell how it ended", _times(run)
    )


def _latest(syncs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return max(syncs, key=lambda sync: _time(sync, "started") or ZERO_TIME)


def _comparable(since: datetime, started: datetime) -> datetime:
    """`since`, cut to whole seconds if `started` may be cut to them."""
    return since if started.microsecond else since.replace(microsecond=0)


def _path(target: Handover) -> str:
    return f"/v2/sources/{target.id}" if target.is_source else f"/v2/retl-connections/{target.id}"


def _is_sync_id(value: object) -> bool:
    """Whether it may be part of a URL, encoded; `.` and `..` would name another thing there."""
    return isinstance(value, str) and inputs.fits(value, "[ -~]+") and value not in (".", "..")


def _sync_id(value: object) -> str:
    if not isinstance(value, str) or not _is_sync_id(value):
        raise TypeError("no id of a sync")
    return value
