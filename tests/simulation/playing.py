"""An orchestrator that runs the real scripts in a timeline, and a judge that knows the truth and the contract alone."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

from shared.errors import ArtifactError
from shared.handoff import Artifacts
from tests.simulation.world import REDACTOR, Ending, Inputs, Timeline, Vendor

_ON_DISK = 25  # one timeline in so many saves its handoff by the real files, where the handoff of yesterday's sync lies
_SENSED = 3  # checks without a handoff; more of them would poll an idle connection over and over
_ENDS = ("succeeded", "failed", "cancelled", "unknown", "not_found")


class InMemory:
    """As `shared.handoff.Artifacts`, without the files; but a handoff still goes through plain values."""

    def __init__(self) -> None:
        self._handoff: dict[str, Any] | None = None
        self._state = ""

    def begin_start(self, _target: Mapping[str, Any]) -> None:
        self._state = "reading"

    def sending(self, draft: Any) -> None:
        draft.plain()
        self._state = "sent"

    def not_sent(self) -> None:
        self._state = "reading"

    def end_start(self, exit_code: int, _outcome: str) -> None:
        if self._state == "reading":
            self._state = "ended" if exit_code else ""

    def save(self, handoff: Any) -> None:
        self._handoff, self._state = handoff.plain(), ""

    def find(self, kind: Any, _given: Any) -> Any:
        if self._state:
            raise ArtifactError("the trigger before this check did not finish")
        return None if self._handoff is None else kind.from_plain(self._handoff)


class WatchedArtifacts:
    """Artifacts that tell the vendor when a handoff is saved."""

    def __init__(self, vendor: Vendor, artifacts: Artifacts | InMemory) -> None:
        self._vendor, self._artifacts = vendor, artifacts
        self.saved = False

    def save(self, handoff: Any) -> None:
        self.saved = True
        self._vendor.saved_handoff(handoff)
        self._artifacts.save(handoff)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._artifacts, name)


@dataclass
class Outcome:
    """What came of one timeline. `kind` names the class of those in which no client can know; "" is all the others."""

    seed: int
    truth: str = ""
    verdict: str = ""
    starts: int = 0  # accepted by the vendor in one run of a script, at most
    kind: str = ""
    wrong: list[str] = field(default_factory=list)
    missed: bool = False
    unclear: bool = False
    lines: list[str] = field(default_factory=list)

    @property
    def double(self) -> bool:
        return self.starts > 1

    @property
    def fault(self) -> str:
        """What is wrong with the client here, in words; "" for nothing, or nothing that it could know."""
        if self.kind:
            return ""
        double = ["started twice"] if self.double else []
        return "; ".join([*self.wrong, *double, *(["never reported how it ended"] if self.missed else [])])


def simulate(kind: type[Vendor], seed: int, *, trace: bool = False) -> Outcome:
    """One timeline through the real scripts."""
    timeline = Timeline(kind, seed, trace=trace)
    rng = timeline.world.rng
    random.seed(rng.getrandbits(32))  # the clients' jitter
    script, trigger, check = timeline.vendor.scenario(rng)
    pauses = (rng.choice((300.0, 300.0, rng.uniform(1, 900), rng.uniform(0, 30))) for _ in range(24))
    if script is None:
        return sense(timeline, check, pauses)
    return play(timeline, script, trigger, check, pauses)


def play(
    timeline: Timeline[Any], script: ModuleType, trigger: Inputs, check: Inputs, pauses: Iterable[float]
) -> Outcome:
    """A trigger, once more if it could not start, then checks, each after a pause, until one reports how it ended."""
    world, vendor = timeline.world, timeline.vendor
    outcome = Outcome(timeline.seed)
    again, check_anyway = world.rng.random() < 0.7, world.rng.random() < 0.3
    with tempfile.TemporaryDirectory() if timeline.seed % _ON_DISK == 0 else nullcontext() as folder:
        artifacts = WatchedArtifacts(vendor, InMemory())
        if folder:
            real = Artifacts(Path(folder), vendor.name, REDACTOR, world)
            real.begin_start({})
            real.save(vendor.yesterdays())
            artifacts = WatchedArtifacts(vendor, real)
        for _ in range(1 + again):
            ending = timeline.run(script, trigger, artifacts)
            _judge_start(outcome, vendor, artifacts, ending)
            if ending.code not in (202, 220) or artifacts.saved:
                break
        goes_on = artifacts.saved and ending.word in ("started", "joined", "updated", "running", "unreachable")
        for pause in pauses if goes_on or (not artifacts.saved and ending.code and check_anyway) else []:
            world.advance(pause)
            ending = timeline.run(vendor.check, check, artifacts)
            if artifacts.saved:
                _judge_check(outcome, vendor, ending)
            elif ending.code != 221:  # yesterday's success never stands for today's failed trigger
                outcome.wrong.append(f"a check reported {ending.word} after a trigger that started nothing it knows of")
            if ending.code not in (210, 220):
                break
    outcome.verdict = ending.word
    if artifacts.saved:
        outcome.truth = "/".join(sorted(vendor.truths()))
        ended = vendor.ended_at()
        quiet_for = world.t - max(timeline.wire.faulted, -1e9 if ended is None else ended)
        outcome.missed = ending.code == 210 and ended is not None and quiet_for > vendor.reported_within
    else:
        outcome.truth = "started" if vendor.all_accepted[-1] else "not started"
    return _closed(outcome, timeline, sees_late_requests=artifacts.saved)


def sense(timeline: Timeline[Any], check: Inputs, pauses: Iterable[float]) -> Outcome:
    """Some checks without a handoff: what they report of the latest sync is true of what it was shown last."""
    vendor = timeline.vendor
    vendor.sensing = True
    if timeline.world.rng.random() < 0.6:
        vendor.max_age = timeline.world.rng.choice((1, 10, 60, 1440))
        check[f"{vendor.name.upper()}_MAX_AGE"] = str(vendor.max_age)
    outcome = Outcome(timeline.seed)
    for pause in islice(pauses, _SENSED):
        timeline.world.advance(pause)
        ending = timeline.run(vendor.check, check, WatchedArtifacts(vendor, InMemory()))
        outcome.truth = "/".join(sorted(vendor.truths()))
        if ending.word in ("running", *_ENDS):
            # Polls that fail are survived for 15 minutes, a 404 after a good poll, too; then the last good one counts.
            failing = "not_found" in vendor.truths() or timeline.world.t - timeline.wire.faulted < 90
            timed_out = ending.message.startswith("timed out") and failing
            if ending.word not in vendor.truths() and not timed_out:
                outcome.wrong.append(f"reported {ending.word}, and the latest was {outcome.truth}")
        elif ending.word not in ("unreachable", "invalid_credentials"):
            outcome.wrong.append(f"{ending.word} out of a check: {ending.message}")
        if ending.code not in (210, 220):
            break
    outcome.verdict = ending.word
    return _closed(outcome, timeline, sees_late_requests=False)


def _closed(outcome: Outcome, timeline: Timeline[Any], *, sees_late_requests: bool) -> Outcome:
    vendor = timeline.vendor
    outcome.starts = max(map(len, vendor.all_accepted))
    if vendor.arrived_late and sees_late_requests:
        vendor.unknowable("a request that arrives after its trigger has ended")
    outcome.wrong += vendor.wrong
    outcome.kind = vendor.kind
    outcome.lines = timeline.world.lines
    return outcome


def _judge_start(outcome: Outcome, vendor: Vendor, artifacts: WatchedArtifacts, ending: Ending) -> None:
    if artifacts.saved:
        _judge_check(outcome, vendor, ending)
    elif ending.word in ("unclear", "unreachable"):
        outcome.unclear = True
    elif ending.word == "updated":  # nothing has started: the connection is paused
        if vendor.accepted and not vendor.paused:
            outcome.wrong.append(f"reported {ending.message}, and had started a sync")
    elif ending.code in (0, 206, 221, 249):
        outcome.wrong.append(f"{ending.word} out of a trigger: {ending.message}")
    elif vendor.accepted:
        outcome.wrong.append(f"reported {ending.word} and had started a sync")


def _judge_check(outcome: Outcome, vendor: Vendor, ending: Ending) -> None:
    if ending.word in _ENDS:
        if ending.word not in vendor.truths():
            outcome.wrong.append(f"reported {ending.word}, and it was {'/'.join(sorted(vendor.truths()))}")
    elif ending.word not in ("started", "joined", "updated", "running", "unreachable", "invalid_credentials"):
        outcome.wrong.append(f"{ending.word} out of a check: {ending.message}")
