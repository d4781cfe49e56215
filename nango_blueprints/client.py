"""Everything known of Nango's API (https://nango.dev/docs/reference/api), checked against a real server, 0.71.4.

A trigger names an integration, one of its connections or all of them, and some of its syncs or all. Nango gives no id
of a run: what ended is told by each entry of /sync/status whose `finishedAt` changed.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, NamedTuple, Union

from shared import inputs
from shared.artifacts import identifier, moment
from shared.blueprint import Job
from shared.errors import (
    BadRequestError,
    BlueprintError,
    InvalidCredentialsError,
    InvalidInputError,
    StartUnclearError,
    SyncAlreadyRunningError,
    SyncIncompleteError,
    SyncNotFoundError,
)
from shared.http import Answer, Api, bearer
from shared.pickles import Plain
from shared.starting import nothing_started_yet, start_once
from shared.status import Result, SyncStatus, Verdict, instant
from shared.waiting import Wait, follow

log = logging.getLogger(__name__)

INTEGRATION_PATTERN = r"[a-zA-Z0-9~:.@ _-]+"  # Nango's own, as its 400 answers tell
CONNECTION_PATTERN = r"[a-zA-Z0-9,.;:=+~\[\]|@${}\"'\\/_ -]+"
SYNC_PATTERN = r"[A-Za-z0-9_.-]+(::[A-Za-z0-9_.-]+)?"
START_TIMEOUT = 120  # seconds: about 18 ms for each connection, within one request
LEAST_PAUSE, LEAST_PAUSE_ALL = 5, 10  # seconds between two looks at one connection, and at all of them
START_GRACE = 600  # seconds
CONTINUED_WITHIN = timedelta(seconds=30)  # in which a long run that Nango Cloud cut goes on as a new one
SHOWN = 5  # entries named in a message
NO_LABEL = "a sync whose name was not handed over"
MOST_LABELLED = 2_000  # entries whose names are handed over, too: some 30,000 without them fit into a hand-over
READ_SCOPE, EXECUTE_SCOPE = "environment:syncs:read", "environment:syncs:execute"

_WORDS = {"RUNNING": SyncStatus.RUNNING, "SUCCESS": SyncStatus.SUCCEEDED, "STOPPED": SyncStatus.FAILED}
# `status` is a mix of run and schedule; on servers older than 0.67.1 there is nothing else.
_OLD_WORDS = {"RUNNING": SyncStatus.RUNNING, "SUCCESS": SyncStatus.SUCCEEDED, "ERROR": SyncStatus.FAILED}


class Credentials:
    """How to reach Nango and as whom."""

    secret_key: str = inputs.password("NANGO_SECRET_KEY")
    api_url: str = inputs.url("NANGO_API_URL", default="https://api.nango.dev")


class Waiting:
    """Whether to stay until the syncs have ended, and for how long."""

    start_grace: int = inputs.integer("NANGO_START_GRACE", default=START_GRACE, unit="seconds", least=0)
    wait: bool = inputs.boolean("NANGO_WAIT")
    wait_timeout: int = inputs.integer("NANGO_WAIT_TIMEOUT", default=230, unit="minutes", least=1)
    poll_interval: int = inputs.integer("NANGO_POLL_INTERVAL", default=60, unit="seconds", least=1, most=3600)


def sync_names(text: str) -> tuple[str, ...]:
    """A comma list of `name` or `name::variant`, each once. Raises InputError."""
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if not inputs.fits(name, SYNC_PATTERN):
            raise inputs.InputError(f"has {inputs.shown(name)}; it may be a comma list of name or name::variant")
    return tuple(dict.fromkeys(names))


class Selection(NamedTuple):
    """The syncs that a trigger or a check is about; no connection means all, no names mean all."""

    integration: str
    connection_id: str | None = None
    syncs: tuple[str, ...] = ()

    def query(self) -> dict[str, str]:
        named = {} if self.connection_id is None else {"connection_id": self.connection_id}
        return {"provider_config_key": self.integration, "syncs": ",".join(self.syncs) or "*", **named}

    def __str__(self) -> str:
        syncs = ", ".join(self.syncs) or "all syncs"
        return f"{syncs} of {self.integration}, {self.connection_id or 'all connections'}"


Packed = Union[int, str]


def packed(text: str) -> Packed:
    """A UUID, or a time in the form that Nango uses, as a number that says the same in a third of the space.

    What has any other form stays as it is: these are compared, never read.
    """
    if re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text):
        return int(text.replace("-", ""), 16)
    if re.fullmatch(r"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z", text):
        return int(re.sub("[^0-9]", "", text))
    return text


class Entry(NamedTuple):
    """One entry of /sync/status: a sync, in a variant, of a connection."""

    id: Packed
    connection_id: str
    name: str
    variant: str
    execution: str | None  # latestExecutionStatus
    status: str | None
    finished_at: str | None
    next_at: str | None = None
    results: object = None  # latestResult: {"Model": {"added": 1, …}}

    @property
    def label(self) -> str:
        variant = "" if self.variant == "base" else f"::{self.variant}"
        return f"{self.connection_id}/{self.name}{variant}"

    @property
    def running(self) -> bool:
        return (self.execution or self.status) == "RUNNING"


class Baseline(NamedTuple):
    """An entry before the trigger. A joined one was running, so that any `finishedAt` is its end."""

    finished_at: Packed | None
    joined: bool = False
    label: str = NO_LABEL

    @classmethod
    def of(cls, entry: Entry) -> Baseline:
        return cls(None if entry.finished_at is None else packed(entry.finished_at), entry.running, entry.label)

    def ended_before(self, entry: Entry) -> bool:
        """Whether the end that the entry shows, if any, was there before the trigger."""
        return entry.finished_at is None or (not self.joined and packed(entry.finished_at) == self.finished_at)


class Handover(NamedTuple):
    """Syncs that were started (or joined), by the ids of their entries. Without entries the latest runs are judged."""

    selection: Selection
    entries: Mapping[Packed, Baseline] | None = None
    server_time: datetime | None = None
    start_grace: int = START_GRACE
    sync_id: str | None = None  # Nango gives none

    @property
    def id(self) -> str:
        return self.selection.integration

    @property
    def joined(self) -> bool:
        return bool(self.entries) and all(entry.joined for entry in (self.entries or {}).values())

    @classmethod
    def latest_of(cls, integration: str | None, connection_id: str | None, syncs: tuple[str, ...]) -> Handover:
        """For a check on its own: the latest runs. Raises InvalidInputError without an integration."""
        if integration is None:
            raise InvalidInputError(
                "NANGO_PROVIDER_CONFIG_KEY was not given, and no trigger before this check handed over a sync"
            )
        return cls(Selection(integration, connection_id, syncs))

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Handover:
        """From `sync.pickle` or `starting.pickle`. Raises KeyError, TypeError or ValueError."""
        connection_id = plain["connection_id"]
        selection = Selection(
            identifier(plain["provider_config_key"], INTEGRATION_PATTERN),
            None if connection_id is None else identifier(connection_id, CONNECTION_PATTERN),
            tuple(identifier(name, SYNC_PATTERN) for name in plain["syncs"]),
        )
        ids, ended, running, labels = (plain[key] for key in ("ids", "finished_at", "were_running", "labels"))
        labels = labels or [NO_LABEL] * len(ids)
        if not ids or not len(ids) == len(ended) == len(running) == len(labels):
            raise ValueError("as many of each, and one at least")
        entries = {
            _packed(one): Baseline(None if finished is None else _packed(finished), joined is True, _text(label))
            for one, finished, joined, label in zip(ids, ended, running, labels)
        }
        return cls(selection, entries, moment(plain["server_time"]), _seconds(plain["start_grace"]))

    @classmethod
    def from_other_files(cls, file: Callable[[str], Any]) -> Sequence[Handover]:
        """No other program hands over Nango's syncs."""
        del file
        return []

    def as_dict(self) -> dict[str, Plain]:
        entries = self.entries or {}
        return {
            "provider_config_key": self.selection.integration,
            "connection_id": self.selection.connection_id,
            "syncs": list(self.selection.syncs),
            "server_time": self.server_time,
            "start_grace": self.start_grace,
            "joined": self.joined,
            "ids": list(entries),
            "finished_at": [entry.finished_at for entry in entries.values()],
            "were_running": [entry.joined for entry in entries.values()],
            "labels": [entry.label for entry in entries.values()] if len(entries) <= MOST_LABELLED else [],
        }

    def other_files(self) -> dict[str, Plain]:
        return {}

    @property
    def subject(self) -> Selection:
        return self.selection

    def is_just(self, given: Any) -> bool:
        return bool(self.selection.syncs == (given.syncs or ()))

    def differs(self, given: Any) -> str:
        ours = self.selection
        if given.integration not in (None, ours.integration):
            return f"it is for {ours.integration}, and NANGO_PROVIDER_CONFIG_KEY is {given.integration}"
        if given.connection_id not in (None, ours.connection_id):
            return (
                f"it is for {ours.connection_id or 'all connections'}, and NANGO_CONNECTION_ID is {given.connection_id}"
            )
        if given.syncs and given.syncs != ours.syncs:
            log.info("NANGO_SYNCS is not what was triggered; what was triggered is judged: %s", ours)
        return ""


class EntryVerdict(NamedTuple):
    """What one look says of one entry; a run that was triggered and is not seen yet counts as running."""

    label: str
    status: SyncStatus
    why: str


def judge_entry(entry: Entry | None, baseline: Baseline, *, overdue: bool, now: datetime | None) -> EntryVerdict:
    """Whether the triggered run of an entry has ended, server values against server values.

    `overdue`: the time in which a triggered run may stay unseen is over. `now` is the server's clock.
    """
    if entry is None:
        return EntryVerdict(baseline.label, SyncStatus.FAILED, "not found any more")
    if entry.running:
        return EntryVerdict(entry.label, SyncStatus.RUNNING, "running")
    if baseline.ended_before(entry) and overdue:
        return EntryVerdict(entry.label, SyncStatus.FAILED, "never started")
    if baseline.ended_before(entry):
        return EntryVerdict(entry.label, SyncStatus.RUNNING, "not begun yet")
    if _is_continued(entry, now):
        return EntryVerdict(entry.label, SyncStatus.RUNNING, "cut by Nango, to be continued")
    return judge_latest(entry)


def judge_latest(entry: Entry) -> EntryVerdict:
    """How the latest run of an entry ended, whoever started it; one that never ran is incomplete."""
    if entry.running:
        return EntryVerdict(entry.label, SyncStatus.RUNNING, "running")
    if entry.finished_at is None:
        return EntryVerdict(entry.label, SyncStatus.RUNNING, "never run")
    if entry.execution is not None:
        status, word = _WORDS.get(entry.execution, SyncStatus.UNKNOWN), entry.execution
    else:
        status, word = _OLD_WORDS.get(entry.status or "", SyncStatus.UNKNOWN), entry.status or "none"
    return EntryVerdict(entry.label, status, word)


def overall(verdicts: Iterable[EntryVerdict]) -> Verdict:
    """One verdict on all entries: an end only once nothing runs or is pending any more."""
    counts = dict.fromkeys(SyncStatus, 0)
    first: dict[SyncStatus, list[EntryVerdict]] = {status: [] for status in SyncStatus}
    for one in verdicts:
        counts[one.status] += 1
        if len(first[one.status]) < SHOWN:
            first[one.status].append(one)
    total = sum(counts.values())
    facts = {"syncs": total, **{status.value: count for status, count in counts.items() if count}}
    for status in (SyncStatus.RUNNING, SyncStatus.FAILED, SyncStatus.UNKNOWN):
        if counts[status]:
            named = _named([f"{one.label} ({one.why})" for one in first[status]], counts[status])
            counted = f"{counts[status]} of {total} {_CALLED[status]}: {named}"
            return Verdict(status, counted, {**facts, "named": [one.label for one in first[status]]})
    return Verdict(SyncStatus.SUCCEEDED, f"all {total} succeeded", facts)


_CALLED = {
    SyncStatus.RUNNING: "have not ended",
    SyncStatus.FAILED: "failed",
    SyncStatus.UNKNOWN: "ended with a word that is not known here",
}


def _is_continued(entry: Entry, now: datetime | None) -> bool:
    """A long run that Nango Cloud cut is booked as a success whose next run is already due."""
    finished, due = instant(entry.finished_at), instant(entry.next_at)
    if now is None or finished is None or due is None or (entry.execution or entry.status) != "SUCCESS":
        return False
    return due < now and now - finished < CONTINUED_WITHIN


def read_entries(body: Mapping[str, Any]) -> dict[Packed, Entry]:
    """The entries of an answer of /sync/status, by their ids. Raises KeyError, TypeError or ValueError."""
    entries: dict[Packed, Entry] = {}
    if not isinstance(body["syncs"], list):
        raise TypeError("a list")
    for item in body["syncs"]:
        entry = Entry(
            id=packed(_text(item["id"])),
            connection_id=_text(item["connection_id"]),
            name=_text(item["name"]),
            variant=_text(item.get("variant") or "base"),
            execution=_optional(item.get("latestExecutionStatus")),
            status=_optional(item.get("status")),
            finished_at=_optional(item.get("finishedAt")),
            next_at=_optional(item.get("nextScheduledSyncAt")),
            results=item.get("latestResult"),
        )
        if entry.id in entries:
            raise ValueError("each entry once")
        if entry.execution is None and entry.status is None:
            raise ValueError("a status for each entry")
        entries[entry.id] = entry
    return entries


def _told(entries: Iterable[Entry]) -> dict[str, object]:
    """What Nango tells of the entries: records by what was done to them, and when the last one ended."""
    rows: dict[str, int] = {}
    ended = None
    for entry in entries:
        if entry.finished_at is not None:
            ended = max(ended or "", entry.finished_at)
        for result in entry.results.values() if isinstance(entry.results, dict) else ():
            for what, count in result.items() if isinstance(result, dict) else ():
                if isinstance(count, int):
                    rows[what] = rows.get(what, 0) + count
    return {"rows": rows, "finished_at": ended}


def refusal(answer: Answer, words: str) -> BlueprintError | None:
    """What Nango's statuses and codes mean beyond the usual."""
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    message = str(error.get("message")) if isinstance(error, dict) else ""
    if answer.status == 401:
        return InvalidCredentialsError(
            f"Nango answered {words}: NANGO_SECRET_KEY is wrong (it belongs to one environment, of one server)"
        )
    if answer.status == 403 and code == "forbidden":
        return InvalidCredentialsError(f"Nango answered {words}: NANGO_SECRET_KEY lacks a scope", status=403)
    if answer.status == 403:
        return InvalidCredentialsError(f"Nango, or something on the way to it, answered {words}")
    if answer.status == 404 and error is None:
        return BadRequestError(f"Nango answered {words}: there is no such path, look at NANGO_API_URL")
    if code in ("unknown_connection", "no_syncs_found", "unknown_provider_config") or message == "Connection not found":
        return SyncNotFoundError(
            f"Nango answered {words}: look at NANGO_PROVIDER_CONFIG_KEY, NANGO_CONNECTION_ID, NANGO_SYNCS and at the "
            "environment that NANGO_SECRET_KEY belongs to"
        )
    return None


class NangoClient:
    """Starts syncs and looks at them. Every method may raise the errors of `shared.http.Api`."""

    def __init__(self, given: Credentials, job: Job) -> None:
        self._job = job

        wire = job.connect(given.api_url, bearer(given.secret_key), {}, job.clock)
        self._api = Api("Nango", wire, job, lambda answer: refusal(answer, self._api.words(answer)))

    def start_sync(
        self, selection: Selection, options: Mapping[str, bool], if_running: str, given: Waiting
    ) -> Handover:
        """Start the selected syncs by the policy `if_running` (wait, join, fail).

        Raises SyncNotFoundError for a name that Nango does not know, SyncAlreadyRunningError, SyncNotStartedError.
        """
        self._api.record_as = f"sync_{selection.integration}_response.json"
        with nothing_started_yet():
            entries = self._baseline(selection)
            running = [entry.label for entry in entries.values() if entry.running]
            if running and if_running == "fail":
                raise SyncAlreadyRunningError(
                    f"running already: {_named(running, len(running))}; NANGO_IF_RUNNING is fail"
                )
            if running and if_running == "wait":
                entries = self._idle_baseline(selection, given)
        baselines = {entry_id: Baseline.of(entry) for entry_id, entry in entries.items()}
        handover = Handover(selection, baselines, self._now(), given.start_grace)
        if handover.joined:
            log.info("joining what is running: %s", selection)
            self._job.goes_on = f"the syncs go on at Nango: {selection}"
            return handover
        return self._start(handover, options)

    def started(self, handover: Handover) -> Result:
        """The result of a trigger that does not wait."""
        if handover.joined:
            return Result("joined", f"the running syncs were joined and handed over: {handover.selection}")
        count = len(handover.entries or {})
        return Result("started", f"Nango accepted the start; {count} syncs were handed over: {handover.selection}")

    def follow(self, handover: Handover, given: Waiting, *, just_started: bool = False) -> Result:
        """Look at the syncs once, or until all have ended. Raises the error of any end but a success."""
        least = _least_pause(handover.selection)
        look = self._looks(handover, given)
        return follow(look, given, self._job, least=least, vendor="Nango", just_started=just_started)

    def check_credentials(self, integration: str | None) -> Result:
        """Whether Nango takes the key, and which of the scopes that can be tried it has.

        Raises InvalidCredentialsError, also for a key that may not read the status of syncs, StatusCheckFailedError.
        """
        notes = [f"{EXECUTE_SCOPE}, which a trigger needs, cannot be tried without starting something"]
        try:
            answer = self._api.get("/scripts/config")
            if not isinstance(answer.body, (list, dict)):
                raise self._api.nonsense(answer, "JSON")
        except InvalidCredentialsError as error:
            if error.status != 403:
                raise
            notes.append(f"the key may not list functions ({error}), which neither trigger nor check needs")
        if integration is None:
            notes.append(f"{READ_SCOPE}, which trigger and check need, is tried if NANGO_PROVIDER_CONFIG_KEY is given")
        elif self._entries(Selection(integration)):
            notes.append(f"the key has {READ_SCOPE}")
        else:
            notes.append(f"the key has {READ_SCOPE}, but {integration} has no syncs in its environment, or is unknown")
        return Result("valid", f"Nango takes the key; {'; '.join(notes)}")

    def _entries(self, selection: Selection) -> dict[Packed, Entry]:
        answer = self._api.get("/sync/status", selection.query())
        body = self._api.json_object(answer)
        try:
            return read_entries(body)
        except (KeyError, TypeError, ValueError, AttributeError) as missing:
            raise self._api.nonsense(answer, f"usable entries ({missing})") from missing

    def _baseline(self, selection: Selection) -> dict[Packed, Entry]:
        """The entries before a start. Every name must be there: Nango starts those before an unknown one."""
        entries = self._entries(selection)
        _require_all(selection, entries.values())
        return entries

    def _idle_baseline(self, selection: Selection, given: Waiting) -> dict[Packed, Entry]:
        """The entries once none is running: a run that is would swallow the start."""

        def look() -> dict[Packed, Entry]:
            entries = self._baseline(selection)
            running = [entry.label for entry in entries.values() if entry.running]
            if running:
                raise SyncIncompleteError(f"running already: {_named(running, len(running))}; waiting until none is")
            return entries

        def gave_up(last: str) -> BlueprintError:
            return wait.failure or SyncAlreadyRunningError(
                f"{last}; given up after {given.wait_timeout} min, nothing was started"
            )

        wait = Wait.of(self._job, given, _least_pause(selection))
        return wait.until(look, gave_up, proven=True, pause_first=True)

    def _start(self, handover: Handover, options: Mapping[str, bool]) -> Handover:
        selection = handover.selection
        body: dict[str, object] = {"provider_config_key": selection.integration, "syncs": list(selection.syncs)}
        if selection.connection_id is not None:
            body["connection_id"] = selection.connection_id
        if options:
            body["opts"] = dict(options)

        def post(_: bool) -> Handover:
            """Also if it is sent again: without a reset, Nango adds nothing to what is queued or running."""
            log.info("starting %s", selection)
            with nothing_started_yet():
                answer = self._api.start("/sync/trigger", body, read_timeout=START_TIMEOUT)
            if not isinstance(answer.body, dict) or answer.body.get("success") is not True:
                said = self._api.words(answer)
                raise StartUnclearError(f"Nango answered the start without a success: {said}", answer.status)
            return handover._replace(server_time=answer.date or handover.server_time)

        def seen() -> Handover | None:
            for entry_id, entry in self._entries(selection).items():
                before = (handover.entries or {}).get(entry_id)
                if before and not before.joined and (entry.running or not before.ended_before(entry)):
                    return handover._replace(server_time=self._now())
            return None

        # A reset cancels a run that has begun, so that it is not to be sent twice.
        again = not options.get("reset")
        return start_once(self._job, handover, post, seen, what=f"{selection} at Nango", may_send_again=again)

    def _now(self) -> datetime:
        """The server's clock; the local one only where the server tells no time."""
        return self._api.now() or datetime.fromtimestamp(self._job.clock.time(), timezone.utc)

    def _looks(self, handover: Handover, given: Waiting) -> Callable[[], Verdict]:
        selection = handover.selection
        self._job.id = selection.integration
        self._job.goes_on = f"the syncs go on at Nango, if they have not ended: {selection}"
        self._api.record_as = f"status_{selection.integration}_response.json"
        grace = handover.start_grace if given.start_grace == START_GRACE else given.start_grace

        def look() -> Verdict:
            entries = self._entries(selection)
            if handover.entries is None:
                _require_all(selection, entries.values())
                verdict = overall(map(judge_latest, entries.values()))
            else:
                verdict = overall(self._against_baseline(handover.entries, entries, handover.server_time, grace))
            self._job.facts = {"connection_id": selection.connection_id, **verdict.facts, **_told(entries.values())}
            return verdict._replace(message=f"{selection}: {self._job.mask.words(verdict.message, 1000)}")

        return look

    def _against_baseline(
        self, baselines: Mapping[Packed, Baseline], entries: Mapping[Packed, Entry], begun: datetime | None, grace: int
    ) -> Iterator[EntryVerdict]:
        since = len(entries.keys() - baselines.keys())
        if since:
            log.info("%d entries were made since the trigger and are left out", since)
        now = self._api.now()
        overdue = now is not None and begun is not None and now - begun > timedelta(seconds=grace)
        for entry_id, baseline in baselines.items():
            yield judge_entry(entries.get(entry_id), baseline, overdue=overdue, now=now)


def _require_all(selection: Selection, entries: Iterable[Entry]) -> None:
    """Raise SyncNotFoundError unless every name of the selection is there, and at least one entry."""
    there = {name for entry in entries for name in (entry.name, f"{entry.name}::{entry.variant}")}
    missing = [name for name in selection.syncs if name not in there]
    if missing or not there:
        raise SyncNotFoundError(
            f"Nango knows no {', '.join(missing) or 'sync'} of {selection.integration}, "
            f"{selection.connection_id or 'all connections'}: look at NANGO_PROVIDER_CONFIG_KEY, NANGO_CONNECTION_ID, "
            "NANGO_SYNCS and at the environment that NANGO_SECRET_KEY belongs to"
        )


def _least_pause(selection: Selection) -> int:
    return LEAST_PAUSE_ALL if selection.connection_id is None else LEAST_PAUSE


def _named(labels: Sequence[str], total: int) -> str:
    more = f" and {total - SHOWN} more" if total > SHOWN else ""
    return ", ".join(labels[:SHOWN]) + more


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("a text")
    return value


def _packed(value: object) -> Packed:
    if type(value) is not int and type(value) is not str:
        raise TypeError("neither a number nor a text")
    return value


def _seconds(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < 10**9:
        raise TypeError("no number of seconds")
    return value


def _optional(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError("a text or nothing")
    return value
