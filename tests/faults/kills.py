"""A trigger that is killed or interrupted at each of its moments, and what a check makes of what it left."""

from __future__ import annotations

import itertools
import json
import pickle
import random
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from sync_blueprints.sandbox import Sandbox
from tests import processes
from tests.faults.forked import NEVER, Ended, Signals, run_script
from tests.faults.play import torn
from tests.processes import KINDS, Kind
from tests.support import MovableClock

SYNC_TAKES = 3600  # seconds: the sync of the trigger that is killed is still running when a check polls
SIGNALS: tuple[tuple[int, ...], ...] = (
    (signal.SIGKILL,),
    (signal.SIGTERM,),
    (signal.SIGINT,),
    (signal.SIGTERM, signal.SIGTERM),
    (signal.SIGINT, signal.SIGTERM),
)
STUCK = 20  # seconds from a signal to the end; on an idle machine it takes half a second


class Moment(NamedTuple):
    """Where a trigger is ended, and by which signals. `older`: the handoff of another one is there already."""

    kind: Kind
    log_id: bool
    older: bool
    signals: Signals = NEVER  # those with `after` go to a trigger that waits for its sync

    def __str__(self) -> str:
        number, signals, after = self.signals
        names = " and ".join(signal.Signals(one).name for one in signals)
        given = {"log_id": self.log_id, "older": self.older, "after": after}
        return f"{self.kind.name}, {names} at moment {number} {[word for word in given if given[word]]}"


@dataclass
class Killings:
    """How many triggers were ended, how the check after each one ended, and what was broken."""

    ended: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    started: int = 0
    longest: float = 0.0  # seconds from a signal that came from outside to the end
    broken: list[str] = field(default_factory=list)


class Stage(processes.Stage):
    def trigger(self, log_id: bool, signals: Signals = NEVER, **variables: str) -> Ended:
        own = {"SHIPYARD_LOG_ID": "own"} if log_id else {}
        environment = self.environment(LOG_LEVEL="WARNING", **own, **variables)
        return run_script(self.kind.script("trigger_sync"), environment, signals)

    def check_handoff(self, upstream: str = "") -> Ended:
        given = self.environment(SHIPYARD_FLEET_UPSTREAM_LOG_IDS=upstream)
        for name in (self.kind.id_variable, *self.kind.more):  # the handoff alone says what was started
            del given[name]
        return run_script(self.kind.script("check_sync_status"), given)


def stage_of(moment: Moment, sandbox: Sandbox, clock: MovableClock, folder: Path) -> Stage:
    stage = Stage(sandbox, folder, moment.kind, f"succeeds_in_{SYNC_TAKES}_x{folder.name}")
    if moment.older:
        assert stage.trigger(moment.log_id).exit_code == 0, moment
        clock.ahead += 2 * SYNC_TAKES  # its sync has ended well
    return stage


def everything(sandbox: Sandbox, clock: MovableClock) -> Iterator[Moment]:
    """Every moment of every kind of trigger, with every signal."""
    for kind, log_id, older in itertools.product(KINDS, (False, True), (False, True)):
        with tempfile.TemporaryDirectory() as folder:
            stage = stage_of(Moment(kind, log_id, older), sandbox, clock, Path(folder))
            last = stage.trigger(log_id).moments
        for number, signals in itertools.product(range(1, last + 1), SIGNALS):
            yield Moment(kind, log_id, older, Signals(number, signals))


def at_random(count: int, rng: random.Random) -> Iterator[Moment]:
    """Triggers that wait, interrupted from outside at any time of their first second, or a little later."""
    for _ in range(count):
        signals = rng.choice([one for one in SIGNALS if signal.SIGKILL not in one])
        log_id, older = rng.random() < 0.5, rng.random() < 0.5
        after = rng.choice([0, 0.001, 0.01, 0.1, 1]) * rng.random() * 2
        yield Moment(rng.choice(KINDS), log_id, older, Signals(rng.randint(1, 35), signals, after))


def play(moment: Moment, sandbox: Sandbox, clock: MovableClock, folder: Path, found: Killings) -> Iterator[str]:
    """End a trigger at its moment, check what it left, trigger again, check again. Yields what is broken."""
    stage = stage_of(moment, sandbox, clock, folder)
    before, starts = stage.variables, stage.starts
    waits = {} if moment.signals.after is None else {stage.kind.variable("WAIT"): "TRUE"}
    ended = stage.trigger(moment.log_id, moment.signals, **waits)
    started = stage.starts - starts
    found.started += started
    found.longest = max(found.longest, ended.seconds if waits else 0)
    found.ended["killed" if ended.exit_code == -signal.SIGKILL else str(ended.exit_code)] += 1
    yield from _how_it_ended(ended, moment.signals, started)
    yield from torn(stage.variables, pickle.loads)
    yield from torn(stage.responses, json.loads)
    after = stage.variables
    ours = {name for name in ("sync.pickle", "own_sync.pickle") if after.get(name) != before.get(name)}
    for upstream, name in (("own", "own_sync.pickle"), ("", "sync.pickle"))[not moment.log_id :]:
        check = stage.check_handoff(upstream)
        code = check.exit_code
        found.checks[str(code)] += 1
        if started and code != 210 and not (code == 221 and "a sync may be running" in check.stdout):
            yield f"a sync was started, and the check {upstream} exits {code}: {check.stdout}"
        if not started and code not in (221, 0 if moment.older else 206):
            yield f"no sync was started, and the check {upstream} exits {code}: {check.stdout}"
        if code == 210 and not {name, "sync.pickle"} & ours:
            yield "the check judges a handoff that is not there"
        if ended.exit_code in (130, 143) and started and name in ours and code != 210:
            yield f"the handoff was saved, and the check {upstream} exits {code}"
    policy = {stage.kind.variable("IF_RUNNING"): "join"}
    again = stage.trigger(moment.log_id, NEVER, **policy)
    if again.exit_code or stage.check_handoff().exit_code != 210:
        yield "the next trigger, or the check after it, does not succeed"
    rest = [name for name in stage.variables if "starting" in name]
    if rest:
        yield f"the next trigger leaves {rest}"
    if stage.starts - starts > 1:
        yield f"{stage.starts - starts} syncs were started"


def _how_it_ended(ended: Ended, signals: Signals, started: int) -> Iterator[str]:
    if signal.SIGKILL in signals.numbers:
        if ended.exit_code not in (-signal.SIGKILL, 0):
            yield f"it ended with {ended.exit_code}: {ended.stderr}"
        return
    codes = [128 + number for number in signals.numbers]  # of two that come at once, either may be the one that counts
    if ended.seconds > STUCK and signals.after is not None:
        yield f"it took {ended.seconds:.1f} s to end"
    if ended.exit_code not in (*codes, 0):  # 0: it came when all was done
        yield f"it ended with {ended.exit_code} for one of {codes}: {ended.stderr[-800:]}"
    try:
        result = processes.Ended(ended.exit_code, ended.stdout, ended.stderr).result
    except AssertionError as wrong:
        yield f"no result: {wrong}"
        return
    if ended.exit_code in codes and started and "nothing was started" in result["message"]:
        yield "it says that nothing was started"


def kill(chosen: Sequence[Moment], sandbox: Sandbox, clock: MovableClock) -> Killings:
    found = Killings()
    with tempfile.TemporaryDirectory() as folder:
        for number, moment in enumerate(chosen):
            own = Path(folder) / str(number)
            found.broken += [f"{moment}: {one}" for one in play(moment, sandbox, clock, own, found)]
    return found
