"""How other clients decide that a sync ended, in the same timelines: their rules, without their HTTP layers."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Callable, NoReturn

from fivetran_blueprints.handoff import Handoff as FivetranHandoff
from fivetran_blueprints.verdict import Baseline
from nango_blueprints.api import parse_entries
from nango_blueprints.inputs import Selection
from nango_blueprints.syncs import Handoff as NangoHandoff
from nango_blueprints.verdict import Watch
from rudderstack_blueprints.syncs import Handoff as RudderStackHandoff
from shared.timestamps import parse_timestamp
from shared.transport import NOT_JSON, Response, TransportError
from tests.simulation import fivetran, nango, rudderstack
from tests.simulation.playing import play
from tests.simulation.world import Inputs, Timeline


class ToldError(Exception):
    """Ends the run of a peer: it has reported how the sync ended, or never will."""


class Peer:
    """What the rules of another client need; its reads are repeated until there is a response."""

    def __init__(self, timeline: Timeline[Any]) -> None:
        self.world, self.vendor, self._wire = timeline.world, timeline.vendor, timeline.wire
        self._pauses_since_end = 0
        self.vendor.begin_run(self.vendor.trigger)

    def read(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """The body of a good response; None where the vendor refuses."""
        while True:
            try:
                response = self._wire.send("GET", path, query, None, 60)
            except TransportError:
                continue
            if response.ok and response.body is not NOT_JSON:
                return response.body
            if response.status < 429 and not response.ok:
                self.end("refused")
            self.world.advance(5)

    def start(self, path: str, body: object) -> Response | None:
        """None without a response."""
        try:
            return self._wire.send("POST", path, None, body, 60)
        except TransportError:
            return None

    def pause(self, seconds: float) -> bool:
        """Wait for the next poll. Ends the run if the sync ended 20 polls ago, or after 12 h."""
        self.world.advance(seconds)
        if self.vendor.ended_at() is not None:
            self._pauses_since_end += 1
        if self._pauses_since_end > 20 + self.vendor.reported_within / seconds or self.world.t > 43200:
            self.end("missed" if self._pauses_since_end else "still running")
        return True

    def report(self, word: str) -> NoReturn:
        """Say how the sync ended."""
        self.end("right" if word in self.vendor.truths() else "wrong")

    def end(self, how: str) -> NoReturn:
        raise ToldError(how)


Rule = Callable[[Peer], None]


def compare(
    world: Callable[[], Timeline[Any]], trigger: Inputs, check: Inputs, rules: Mapping[str, Rule]
) -> dict[str, str]:
    """For each client `right`, `wrong`, `missed`, `crash`, `double`, `unknowable` or what else came of its run."""
    line = world()
    random.seed(0)  # the jitter of our client's pauses
    outcome = play(line, line.vendor.trigger, trigger, check, [300.0] * 3)
    reported = "wrong" if outcome.wrong else "double" if outcome.double else "missed" if outcome.missed else ""
    usual = "right" if outcome.verdict in ("succeeded", "failed", "cancelled") else outcome.verdict.replace("_", " ")
    found = {"ours": "unknowable" if outcome.kind else reported or usual}
    for name, rule in rules.items():
        peer = Peer(world())
        try:
            rule(peer)
            how = "no verdict"
        except ToldError as end:
            how = str(end)
        double = len(peer.vendor.accepted) > 1
        found[name] = "unknowable" if peer.vendor.kind else "double" if double and how != "wrong" else how
    return found


Stamps = tuple[datetime, datetime]  # of the latest success and the latest failure
_NEVER = datetime(1, 1, 1, tzinfo=timezone.utc)


def _first_failed(now: Stamps, before: Stamps) -> str:
    """Each stamp against its own in the snapshot, a failure first."""
    if now[1] > before[1]:
        return "failed"
    return "succeeded" if now[0] > before[0] else ""


def _succeeded_first(now: Stamps, before: Stamps) -> str:
    """Each stamp against the later one of the snapshot, a success first; without any stamp it crashes."""
    if before == (_NEVER, _NEVER):
        return "crash"
    if now[0] > max(before):
        return "succeeded"
    return "failed" if now[1] > max(before) else ""


def _later_decides(now: Stamps, before: Stamps) -> str:
    """The later stamp, if it is later than those of the snapshot."""
    if max(now) <= max(before):
        return ""
    return "succeeded" if now[0] > now[1] else "failed"


@dataclass(frozen=True)
class FivetranRule:
    """How another client decides; `word` gets the stamps of a poll and of the snapshot before the start."""

    word: Callable[[Stamps, Stamps], str]
    by_local_clock: bool = False  # the time of its start takes the place of the snapshot
    starts_again: bool = False  # what was rescheduled
    times_out: bool = False

    def __call__(self, peer: Peer) -> None:
        path = f"/v1/connections/{fivetran.ID}"
        first = peer.read(path)["data"]
        if first["paused"] or first["status"]["setup_state"] == "incomplete":
            peer.end("refused")
        executed = datetime.fromtimestamp(peer.world.time(), timezone.utc)
        before = (executed, executed) if self.by_local_clock else _stamps(first)
        response = peer.start(f"{path}/sync", {"force": True})
        if response is None or not response.ok or response.date is None:
            peer.end("refused")
        syncing = first["status"]["sync_state"] == "syncing"
        peer.vendor.saved_handoff(
            FivetranHandoff(fivetran.ID, Baseline(None, None, response.date, interrupted=syncing))
        )
        while peer.pause(60):
            now = peer.read(path)["data"]
            word = self.word(_stamps(now), before)
            if word == "crash":
                peer.end("crash")
            if word:
                peer.report(word)
            if self.starts_again and now["status"]["sync_state"] == "rescheduled":
                peer.start(f"{path}/sync", {"force": True})
            if self.times_out and peer.world.t > 6 * 3600:
                peer.end("timed out")


def _stamps(data: Mapping[str, Any]) -> Stamps:
    return parse_timestamp(data["succeeded_at"]) or _NEVER, parse_timestamp(data["failed_at"]) or _NEVER


_FIVETRAN_RULES = {
    "Shipyard old": FivetranRule(_first_failed, by_local_clock=True),
    "Shipyard new": FivetranRule(_first_failed),
    "Airflow 2.4": FivetranRule(_succeeded_first, starts_again=True),
    "Dagster": FivetranRule(_later_decides, starts_again=True),
    "Prefect": FivetranRule(_first_failed),
    "Kestra": FivetranRule(_later_decides, times_out=True),
}


def _fivetran(seed: int) -> dict[str, str]:
    """How our client and the rules of others fare in one timeline (start with force, poll every minute), on a wire that
    never fails."""
    check = {**fivetran.SECRETS, "FIVETRAN_WAIT": "TRUE"}
    trigger = {**check, "FIVETRAN_CONNECTOR_ID": fivetran.ID}
    return compare(lambda: Timeline(fivetran.Fivetran, seed, faulty=False), trigger, check, _FIVETRAN_RULES)


def _nango(seed: int) -> dict[str, str]:
    """How our client and "not RUNNING means done" fare in one timeline, on a wire that never fails."""

    def not_running_means_done(peer: Peer) -> None:
        query = {"provider_config_key": nango.KEY, "syncs": "*"}
        before = peer.read("/sync/status", query)["syncs"]
        while any(entry["status"] == "RUNNING" for entry in before):
            peer.pause(60)
            before = peer.read("/sync/status", query)["syncs"]
        peer.start("/sync/trigger", {"provider_config_key": nango.KEY, "syncs": []})
        entries = parse_entries({"syncs": before}).items()
        watches = {key: Watch(entry.label, entry.finished_at, joined=entry.running) for key, entry in entries}
        peer.vendor.saved_handoff(NangoHandoff(Selection(nango.KEY), None, watches))
        while peer.pause(10):
            now = peer.read("/sync/status", query)["syncs"]
            if all(entry["status"] != "RUNNING" for entry in now):
                peer.report("succeeded" if all(entry["status"] != "ERROR" for entry in now) else "failed")

    trigger = {**nango.SECRETS, "NANGO_PROVIDER_CONFIG_KEY": nango.KEY, "NANGO_WAIT": "TRUE"}
    rules = {"not RUNNING means done": not_running_means_done}
    return compare(lambda: Timeline(nango.Nango, seed, faulty=False), trigger, dict(nango.SECRETS), rules)


@dataclass(frozen=True)
class RudderStackRule:
    """How another client decides. An `old` one knows sources alone, and polls the latest run instead of its own."""

    old: bool = False
    tries: int = 1  # of a start that fails

    def __call__(self, peer: Peer) -> None:
        vendor: rudderstack.RudderStack = peer.vendor
        if self.old and not vendor.is_source:
            peer.end("not for connections")
        path = f"/v2/{'sources' if vendor.is_source else 'retl-connections'}/{rudderstack.ID}"
        key = "runId" if vendor.is_source else "syncId"
        sync_id = None
        for _ in range(self.tries):
            response = peer.start(f"{path}/start", {})
            if response is not None and response.ok:
                sync_id = response.body.get(key) if isinstance(response.body, dict) else None
                break
        else:
            peer.end("wrong" if vendor.accepted else "refused")
        if not vendor.accepted or (sync_id is None and not self.old):
            peer.end("crash")
        started = parse_timestamp(vendor._stamp(vendor.accepted[-1].started))
        vendor.saved_handoff(RudderStackHandoff(rudderstack.ID, vendor.is_source, sync_id, None, started))
        own = f"{path}/runs/{sync_id}/status" if vendor.is_source else f"{path}/syncs/{sync_id}"
        while peer.pause(60):
            now = peer.read(f"{path}/status" if self.old else own)
            word = now.get("status")
            if self.old and word not in ("finished", "processing"):
                peer.end("crash" if word is None else "not understood")
            if word in ("finished", "succeeded"):
                peer.report("failed" if now.get("error") and self.old else "succeeded")
            if word == "failed":
                peer.report("failed")


_RUDDERSTACK_RULES = {
    "Shipyard older": RudderStackRule(old=True),
    "Shipyard newer": RudderStackRule(),
    "Airflow/Dagster plugin": RudderStackRule(tries=4),
}


def _rudderstack(seed: int) -> dict[str, str]:
    """How our client and the rules of others fare in one timeline, on a wire that fails now and then.

    All repeat their reads until they succeed. Both Shipyards report a start that failed as not started.
    """

    def world() -> Timeline[rudderstack.RudderStack]:
        line = Timeline(rudderstack.RudderStack, seed)
        line.vendor.fail_on_failed_rows = False
        return line

    check = {**rudderstack.SECRETS, "RUDDERSTACK_WAIT": "TRUE"}
    variable = "RUDDERSTACK_SOURCE_ID" if world().vendor.is_source else "RUDDERSTACK_CONNECTION_ID"
    trigger = {**check, variable: rudderstack.ID, "RUDDERSTACK_IF_RUNNING": "fail"}
    return compare(world, trigger, check, _RUDDERSTACK_RULES)


PEERS = {"fivetran": _fivetran, "rudderstack": _rudderstack, "nango": _nango}
