"""Nango's syncs: starting them, following them, and the handoff."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Callable

from nango_blueprints.api import READ_SCOPE, MissingScopeError, NangoApi, require_all, time_of
from nango_blueprints.inputs import CONNECTION, INTEGRATION, START_GRACE, Selection, Syncs, sync_name
from nango_blueprints.verdict import DATE_PRECISION, SHOWN, Entry, Start, Watch, iso, judge, overall, shows_start
from shared.context import Run
from shared.errors import InvalidCredentialsError, InvalidInputError, StartUnclearError, SyncNotFoundError
from shared.files import response_file
from shared.handoff import identifier, moment
from shared.pickles import Plain
from shared.polling import Pace
from shared.record import Record
from shared.status import Verdict

log = logging.getLogger(__name__)

UNNAMED = "a sync without a recorded name"
RESPONDS_WITHIN = timedelta(seconds=10)  # of accepting a request, with hundreds of connections


class Handoff(Record):
    """Syncs that were started (or joined), by the ids of their entries.

    Without a baseline there are no entries, and the server's time decides; without that the latest runs are judged.
    """

    selection: Selection
    server_time: datetime | None = None
    watches: Mapping[str, Watch] = {}  # by the id of the entry
    start_grace: int = START_GRACE
    reset: bool = False
    late: int = 0  # seconds after `server_time`, when the request was sent, in which it may have been accepted
    gap: int = 0  # seconds between the read before and the request, in which an older run may have ended
    has_baseline: bool = True
    sync_id: str | None = None  # Nango gives none

    @property
    def id(self) -> str:
        return self.selection.integration

    @property
    def label(self) -> str:
        return self.selection.label

    @property
    def is_latest(self) -> bool:
        return self.server_time is None

    @property
    def joined(self) -> bool:
        return bool(self.watches) and all(watch.joined for watch in self.watches.values())

    @property
    def start(self) -> Start:
        grace, late, gap = (timedelta(seconds=one) for one in (self.start_grace, self.late, self.gap))
        return Start(self.server_time, grace, self.reset, late, gap)

    @property
    def details(self) -> dict[str, object]:
        return {"connection_id": self.selection.connection_id, "syncs": len(self.watches) or None}

    @classmethod
    def latest(cls, given: Syncs) -> Handoff:
        """For a check on its own: the latest runs. Raises InvalidInputError without an integration."""
        if given.integration is None:
            raise InvalidInputError(
                "NANGO_PROVIDER_CONFIG_KEY is not set, and no trigger before this check left a handoff: set it, or run "
                "the trigger first with the same artifacts folder"
            )
        return cls(given.selection, has_baseline=False)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Handoff:
        """From `sync.pickle`. Raises KeyError, TypeError or ValueError."""
        connection_id, server_time = plain["connection_id"], moment(plain["server_time"])
        selection = Selection(
            identifier(plain["provider_config_key"], INTEGRATION),
            None if connection_id is None else identifier(connection_id, CONNECTION),
            tuple(dict.fromkeys(map(sync_name, plain["syncs"]))),
        )
        ids, ended, running, labels = (plain[key] for key in ("ids", "finished_at", "were_running", "labels"))
        labels = labels or [UNNAMED] * len(ids)  # 0.1 left out the names of more than 2,000
        # 0.2.0 added the seconds of `late` to the grace
        seconds = grace, late, gap = plain["start_grace"], plain.get("late", 0), plain.get("gap", 0)
        reset, has_baseline = plain.get("reset") is True, plain.get("has_baseline", True)
        if server_time is None or any(type(one) is not int or not 0 <= one < 10**9 for one in seconds):
            raise ValueError("a time and numbers of seconds")
        if bool(ids) is not has_baseline or not len(ids) == len(ended) == len(running) == len(labels):
            raise ValueError("as many of each")
        watches = {
            _id(one): Watch(str(label), _time(finished), joined=joined is True)
            for one, finished, joined, label in zip(ids, ended, running, labels)
        }
        return cls(selection, server_time, watches, grace, reset, late, gap, has_baseline)

    @classmethod
    def from_other_files(cls, file: Callable[[str], Any]) -> Sequence[Handoff]:
        """No other program leaves a handoff of Nango's syncs."""
        del file
        return []

    def plain(self) -> dict[str, Plain]:
        return {
            "provider_config_key": self.selection.integration,
            "connection_id": self.selection.connection_id,
            "syncs": list(self.selection.syncs),
            "server_time": self.server_time,
            "start_grace": self.start_grace,
            "reset": self.reset,
            "late": self.late,
            "gap": self.gap,
            "joined": self.joined,
            "has_baseline": self.has_baseline,
            "ids": list(self.watches),
            "finished_at": [watch.finished_at and iso(watch.finished_at) for watch in self.watches.values()],
            "were_running": [watch.joined for watch in self.watches.values()],
            "labels": [watch.label for watch in self.watches.values()],
        }

    def other_files(self) -> dict[str, Plain]:
        return {}

    def is_exactly(self, given: Any) -> bool:
        return set(self.selection.syncs) == set(given.selection.syncs)

    def for_check(self, given: Syncs) -> Handoff:
        """As a check with these inputs judges it. Its own start grace wins, except for the default, which orchestrators
        fill in by themselves.
        """
        if given.syncs and not self.is_exactly(given):
            log.info("NANGO_SYNCS differs from what was triggered; checking what was triggered: %s", self.label)
        return self if given.start_grace == START_GRACE else self._replace(start_grace=given.start_grace)


class Before(Record):
    """The entries before a start, None for a key that may not read them, and the server's clock then."""

    entries: Mapping[str, Entry] | None
    at: datetime
    running: bool


class NangoSyncs:
    """Starts syncs and polls them. Every method may raise the errors of `shared.api.Api`."""

    vendor = "Nango"

    def __init__(self, given: Syncs, run: Run, selection: Selection, options: Mapping[str, bool] = {}) -> None:
        """`options` are the `opts` of the trigger request."""
        self.label = selection.label
        self.min_interval = 10.0 if selection.connection_id is None else 5.0  # seconds
        self.api = NangoApi(given, run)
        self.now = self.api.http.now
        self._given = given
        self._selection = selection
        self._options = options
        self._may_read = False  # as far as it is known
        self._running: list[str] = []  # the syncs that the last read before a start showed running
        self._left_out = 0  # entries that the last poll showed and the baseline did not
        if given.wait or given.starts:
            self.api.http.deadline = run.deadline(given)
        self._keep_as = response_file("sync", selection.integration)

    def read(self) -> Before:
        """The entries before a start. Raises SyncNotFoundError: Nango starts what is named before an unknown name."""
        try:
            entries = self.api.entries(self._selection, self._keep_as)
        except MissingScopeError as error:
            return self._unread(error)
        require_all(self._selection, entries)
        self._may_read = True
        running = sorted(entry.label for entry in entries.values() if entry.running)
        if running and running != self._running:
            log.info("%d of %d syncs are running: %s", len(running), len(entries), ", ".join(running[:SHOWN]))
        self._running = running
        joins = self._given.if_running == "join"  # joins what is running, and starts the others
        return Before(entries, self.api.http.best_now(), len(running) == len(entries) if joins else bool(running))

    def restart(self, state: Before, pace: Pace) -> Before:
        """Never called: NANGO_IF_RUNNING has no restart, because Nango shows a restarted run wrongly."""
        raise NotImplementedError

    def draft(self, state: Before) -> Handoff:
        return self._handoff(state, state.at)

    join = draft

    def send(self, state: Before, *, again: bool) -> Handoff:
        """Also if it is sent again: without a reset Nango adds nothing to what is queued or running."""
        del again
        selection = self._selection
        try:
            self.api.trigger(selection, self._options, self._keep_as)
        except SyncNotFoundError as error:
            if selection.connection_id is not None and len(selection.syncs) > 1:
                raise StartUnclearError(
                    f"{error}; those named before it may have been started", timed_out=True
                ) from error
            raise
        return self._sent(state, math.floor)

    def may_send_again(self, state: Before) -> bool:
        """A reset would cancel the run that the first request started, and an entry added since may show such a run."""
        return state.entries is not None and not self._options.get("reset") and not self._left_out

    def find_started(self, state: Before) -> Handoff | None:
        if state.entries is None:
            raise StartUnclearError(f"NANGO_SECRET_KEY lacks the scope {READ_SCOPE} to find out")
        entries = self.api.entries(self._selection, self._keep_as)
        found = self._sent(state, math.ceil)
        added = [entry for key, entry in entries.items() if key not in state.entries]
        self._note_new(sum(entry.running or entry.finished_at is not None for entry in added))
        watched = [(entries[key], watch) for key, watch in found.watches.items() if key in entries]
        return found if any(shows_start(entry, watch, found.start) for entry, watch in watched) else None

    def poll(self, handoff: Handoff) -> tuple[Verdict, Handoff]:
        entries = self.api.entries(self._selection, response_file("status", handoff.id))
        watches = dict(handoff.watches)
        if handoff.has_baseline:
            self._note_new(len(entries.keys() - watches.keys()))
        else:
            if not watches:  # the first poll
                require_all(self._selection, entries)
            for key, entry in entries.items():
                fresh = Watch(entry.label, joined=handoff.is_latest, later_than=handoff.server_time)
                watches.setdefault(key, fresh)
        now, start = self.api.http.best_now(), handoff.start
        judged = {key: judge(entries.get(key), watch, start, now) for key, watch in watches.items()}
        verdict = overall(self.label, (verdict for verdict, _ in judged.values()))
        details = {"connection_id": self._selection.connection_id, **verdict.details}
        handoff = handoff._replace(watches={key: watch for key, (_, watch) in judged.items()})
        return verdict._replace(details=details), handoff

    def _unread(self, error: MissingScopeError) -> Before:
        """For a key that may start syncs and not read them."""
        if self._may_read:
            raise error
        if self._given.wait:
            raise InvalidCredentialsError(f"NANGO_WAIT needs the scope {READ_SCOPE}, and {error}; nothing was started")
        log.warning(
            "%s. Triggering anyway: a running sync cannot be detected, and only the server's time distinguishes the "
            "triggered run from others",
            error,
        )
        return Before(None, self.api.http.best_now(), running=False)

    def _sent(self, state: Before, whole: Callable[[float], int]) -> Handoff:
        """The handoff of a request that was accepted between when it was sent and now, and so after `state`."""
        now = self.api.http.best_now()
        at = self.api.http.start_sent_at or state.at
        if state.entries is None:  # only this time tells its run from older ones, and a Date header has whole seconds
            at = min(max(at + DATE_PRECISION, now - RESPONDS_WITHIN), now)
        late, gap = (max(0, whole(passed.total_seconds())) for passed in (now - at, at - state.at))
        return self._handoff(state, at)._replace(late=late, gap=gap)

    def _handoff(self, state: Before, at: datetime) -> Handoff:
        grace, reset = self._given.start_grace, bool(self._options.get("reset"))
        if state.entries is None:
            return Handoff(self._selection, at, {}, grace, reset, has_baseline=False)
        excerpt = self.api.http.excerpt
        watches = {
            key: Watch(excerpt(one.label), one.finished_at, joined=one.running) for key, one in state.entries.items()
        }
        return Handoff(self._selection, at, watches, grace, reset)

    def _note_new(self, new: int) -> None:
        if new > self._left_out:
            log.info("%d %s added since the trigger and left out", new, "sync was" if new == 1 else "syncs were")
        self._left_out = new


def _id(value: object) -> str:
    """A UUID as text; version 0.1 wrote it as a number. Raises TypeError or ValueError."""
    if isinstance(value, str):
        return value
    import uuid  # here, because it is needed rarely

    return str(uuid.UUID(int=value))  # type: ignore[arg-type]  # raises for anything else


def _time(value: object) -> datetime | None:
    """A time from its text; version 0.1 wrote its digits as a number. Raises ValueError."""
    if type(value) is int:
        return datetime.strptime(f"{value:017d}", "%Y%m%d%H%M%S%f").replace(tzinfo=timezone.utc)
    return time_of(value)
