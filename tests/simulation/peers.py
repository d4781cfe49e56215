"""How other clients decide that a sync ended, in the same timelines: their rules, without their HTTP layers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Callable, Optional, cast

from fivetran_blueprints import check_sync_status as check_fivetran
from fivetran_blueprints import trigger_sync as trigger_fivetran
from fivetran_blueprints.handoff import Handoff as FivetranHandoff
from fivetran_blueprints.verdict import Baseline
from nango_blueprints import check_sync_status as check_nango
from nango_blueprints import trigger_sync as trigger_nango
from nango_blueprints.api import parse_entries
from nango_blueprints.inputs import Selection
from nango_blueprints.syncs import Handoff as NangoHandoff
from nango_blueprints.verdict import Watch
from rudderstack_blueprints import check_sync_status as check_rudderstack
from rudderstack_blueprints import trigger_sync as trigger_rudderstack
from rudderstack_blueprints.syncs import Handoff as RudderStackHandoff
from shared.timestamps import parse_timestamp
from shared.transport import NOT_JSON, Response, TransportError
from tests.simulation import fivetran, nango, rudderstack
from tests.simulation.playing import Outcome, play
from tests.simulation.world import SimulatedWire, Timeline


class ToldError(Exception):
    """Ends the run of a peer: it has reported how the sync ended, or never will."""


class Peer:
    """What the rules of another client need; its reads are repeated until there is a response."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline, self.world, self.vendor = timeline, timeline.world, timeline.vendor
        self._wire = SimulatedWire(timeline)
        self._taken = False
        self._pauses_since_end = 0
        self.vendor.begin_run(trigger_nango)

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

    def took(self, handoff: Any) -> None:
        self._taken = True
        self.vendor.saved_handoff(handoff)

    def pause(self, seconds: float) -> bool:
        """Wait for the next poll. Ends the run if the sync ended 20 polls ago, or after 12 h."""
        self.world.advance(seconds)
        if self._taken and self.vendor.ended_at() is not None:
            self._pauses_since_end += 1
        if self._pauses_since_end > 20 + self.vendor.reported_within / seconds or self.world.t > 43200:
            self.end("missed" if self._pauses_since_end else "still running")
        return True

    def report(self, word: str) -> None:
        """Say how the sync ended."""
        self.end("right" if word in self.vendor.truths() else "wrong")

    def end(self, how: str) -> None:
        raise ToldError(how)


def compare(
    ours: Callable[[], Outcome], rules: Mapping[str, Callable[[Peer], None]], world: Callable[[], Timeline]
) -> dict[str, str]:
    """For each client `right`, `wrong`, `missed`, `crash`, `double`, `unknowable` or what else came of its run."""
    outcome = ours()
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


Stamps = tuple[Optional[datetime], Optional[datetime]]
_NEVER = datetime(1, 1, 1, tzinfo=timezone.utc)


def _shipyard_old(now: Stamps, before: Stamps, executed: datetime) -> str:
    """Any stamp after the local time of execution."""
    del before
    return _first_failed(now, (executed, executed))


def _first_failed(now: Stamps, before: Stamps, executed: datetime = _NEVER) -> str:
    """Each stamp against its own in the snapshot, a failure first: Shipyard new, Prefect."""
    del executed
    if (now[1] or _NEVER) > (before[1] or _NEVER):
        return "failed"
    return "succeeded" if (now[0] or _NEVER) > (before[0] or _NEVER) else ""


def _airflow(now: Stamps, before: Stamps, executed: datetime) -> str:
    """Each stamp against the later one of the snapshot, a success first; without any stamp it crashes."""
    del executed
    if before == (None, None):
        return "crash"
    latest = max(stamp or _NEVER for stamp in before)
    if (now[0] or _NEVER) > latest:
        return "succeeded"
    return "failed" if (now[1] or _NEVER) > latest else ""


def _later_decides(now: Stamps, before: Stamps, executed: datetime) -> str:
    """The later stamp, if it is later than those of the snapshot: Dagster, Kestra."""
    del executed
    if max(stamp or _NEVER for stamp in now) <= max(stamp or _NEVER for stamp in before):
        return ""
    return "succeeded" if (now[0] or _NEVER) > (now[1] or _NEVER) else "failed"


# Name -> (rule, whether it starts again what was rescheduled, whether it ever times out)
_FIVETRAN_RULES: dict[str, tuple[Callable[[Stamps, Stamps, datetime], str], bool, bool]] = {
    "Shipyard old": (_shipyard_old, False, False),
    "Shipyard new": (_first_failed, False, False),
    "Airflow 2.4": (_airflow, True, False),
    "Dagster": (_later_decides, True, False),
    "Prefect": (_first_failed, False, False),
    "Kestra": (_later_decides, False, True),
}


def _fivetran(seed: int) -> dict[str, str]:
    """How our client and the rules of others fare in one timeline (start with force, poll every minute), on a wire that
    never fails."""

    def ours() -> Outcome:
        line = fivetran.timeline(seed, faulty=False)
        trigger = {**fivetran.SECRETS, "FIVETRAN_CONNECTOR_ID": fivetran.ID, "FIVETRAN_WAIT": "TRUE"}
        check = {**fivetran.SECRETS, "FIVETRAN_WAIT": "TRUE"}
        return play(seed, line, "fivetran", (trigger_fivetran, check_fivetran), trigger, check, [300.0] * 3)

    def rule_of(name: str) -> Callable[[Peer], None]:
        rule, starts_again, times_out = _FIVETRAN_RULES[name]

        def run(peer: Peer) -> None:
            path = f"/v1/connections/{fivetran.ID}"
            first = peer.read(path)["data"]
            if first["paused"] or first["status"]["setup_state"] == "incomplete":
                peer.end("refused")
            executed = peer.world.local()
            response = peer.start(f"{path}/sync", {"force": True})
            if response is None or not response.ok or response.date is None:
                peer.end("refused")
                return
            syncing = first["status"]["sync_state"] == "syncing"
            peer.took(FivetranHandoff(fivetran.ID, Baseline(None, None, response.date, interrupted=syncing)))
            while peer.pause(60):
                now = peer.read(path)["data"]
                word = rule(_stamps(now), _stamps(first), executed)
                if word == "crash":
                    peer.end("crash")
                if word:
                    peer.report(word)
                if starts_again and now["status"]["sync_state"] == "rescheduled":
                    peer.start(f"{path}/sync", {"force": True})
                if times_out and peer.world.t > 6 * 3600:
                    peer.end("timed out")

        return run

    rules = {name: rule_of(name) for name in _FIVETRAN_RULES}
    return compare(ours, rules, lambda: fivetran.timeline(seed, faulty=False))


def _stamps(data: Mapping[str, Any]) -> Stamps:
    return parse_timestamp(data["succeeded_at"]), parse_timestamp(data["failed_at"])


def _nango(seed: int) -> dict[str, str]:
    """How our client and "not RUNNING means done" fare in one timeline, on a wire that never fails."""

    def ours() -> Outcome:
        line = nango.timeline(seed, faulty=False)
        environment = {**nango.SECRETS, "NANGO_PROVIDER_CONFIG_KEY": nango.KEY, "NANGO_WAIT": "TRUE"}
        return play(seed, line, "nango", (trigger_nango, check_nango), environment, dict(nango.SECRETS), [300.0] * 3)

    def not_running_means_done(peer: Peer) -> None:
        query = {"provider_config_key": nango.KEY, "syncs": "*"}
        before = peer.read("/sync/status", query)["syncs"]
        while any(entry["status"] == "RUNNING" for entry in before):
            peer.pause(60)
            before = peer.read("/sync/status", query)["syncs"]
        peer.start("/sync/trigger", {"provider_config_key": nango.KEY, "syncs": []})
        entries = parse_entries({"syncs": before}).items()
        watches = {key: Watch(entry.label, entry.finished_at, joined=entry.running) for key, entry in entries}
        peer.took(NangoHandoff(Selection(nango.KEY), None, watches))
        while peer.pause(10):
            now = peer.read("/sync/status", query)["syncs"]
            if all(entry["status"] != "RUNNING" for entry in now):
                peer.report("succeeded" if all(entry["status"] != "ERROR" for entry in now) else "failed")

    rules = {"not RUNNING means done": not_running_means_done}
    return compare(ours, rules, lambda: nango.timeline(seed, faulty=False))


def _rudderstack(seed: int) -> dict[str, str]:
    """How our client and the rules of others fare in one timeline, on a wire that fails now and then.

    All repeat their reads until they succeed. The older Shipyard scripts know sources alone and poll the latest run;
    the newer ones and the plugins poll by the id. Both Shipyards report a start that failed as not started, the plugins
    send it up to four times.
    """

    def ours() -> Outcome:
        line = rudderstack.timeline(seed)
        vendor = cast(rudderstack.RudderStack, line.vendor)
        variable = "RUDDERSTACK_SOURCE_ID" if vendor.is_source else "RUDDERSTACK_CONNECTION_ID"
        trigger = {**rudderstack.SECRETS, variable: rudderstack.ID, "RUDDERSTACK_IF_RUNNING": "fail"}
        trigger["RUDDERSTACK_WAIT"] = "TRUE"
        check = {**rudderstack.SECRETS, "RUDDERSTACK_WAIT": "TRUE"}
        vendor.fail_on_failed_rows = False
        return play(seed, line, "rudderstack", (trigger_rudderstack, check_rudderstack), trigger, check, [300.0] * 3)

    def rule_of(tries: int, *, by_id: bool, running: tuple[str, ...], old: bool) -> Callable[[Peer], None]:
        def run(peer: Peer) -> None:
            vendor = cast(rudderstack.RudderStack, peer.vendor)
            vendor.fail_on_failed_rows = False
            if old and not vendor.is_source:
                peer.end("not for connections")
            path = f"/v2/{'sources' if vendor.is_source else 'retl-connections'}/{rudderstack.ID}"
            key = "runId" if vendor.is_source else "syncId"
            sync_id = None
            for _ in range(tries):
                response = peer.start(f"{path}/start", {})
                if response is not None and response.ok:
                    sync_id = response.body.get(key) if isinstance(response.body, dict) else None
                    break
            else:
                peer.end("wrong" if vendor.accepted else "refused")
            if sync_id is None and by_id:
                peer.end("crash")
            target = vendor.accepted[-1] if vendor.accepted else None
            if target is None:
                peer.end("crash")
                return
            started = parse_timestamp(vendor._stamp(target.started))
            peer.took(RudderStackHandoff(rudderstack.ID, vendor.is_source, sync_id, None, started))
            shown = f"{path}/runs/{sync_id}/status" if vendor.is_source else f"{path}/syncs/{sync_id}"
            while peer.pause(60):
                now = peer.read(shown if by_id else f"{path}/status")
                word = now.get("status")
                if old and (word is None or word not in ("finished", "processing")):
                    peer.end("crash" if word is None else "not understood")
                if word in ("finished", "succeeded"):
                    peer.report("failed" if now.get("error") and old else "succeeded")
                elif word == "failed":
                    peer.report("failed")
                elif word not in running and not by_id:
                    peer.end("not understood")

        return run

    rules = {
        "Shipyard older": rule_of(1, by_id=False, running=("processing",), old=True),
        "Shipyard newer": rule_of(1, by_id=True, running=("processing", "running"), old=False),
        "Airflow/Dagster plugin": rule_of(4, by_id=True, running=("processing", "running"), old=False),
    }
    return compare(ours, rules, lambda: rudderstack.timeline(seed))


PEERS = {"fivetran": _fivetran, "rudderstack": _rudderstack, "nango": _nango}
