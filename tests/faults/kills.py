"""A trigger that is killed or interrupted at each of its moments, and what a check makes of what it left."""

from __future__ import annotations

import json
import pickle
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sync_blueprints.sandbox import Sandbox
from tests.faults.zygote import Zygote

SYNC_TAKES = 3600  # seconds: the sync of the trigger that is killed is still running when a check looks
KINDS: dict[str, tuple[str, str, dict[str, str]]] = {
    "rudderstack connection": ("rudderstack", "RUDDERSTACK_CONNECTION_ID", {}),
    "rudderstack source": ("rudderstack", "RUDDERSTACK_SOURCE_ID", {}),
    "fivetran": ("fivetran", "FIVETRAN_CONNECTOR_ID", {}),
    "nango": ("nango", "NANGO_CONNECTION_ID", {"NANGO_PROVIDER_CONFIG_KEY": "sandbox", "NANGO_SYNCS": "orders"}),
}


SIGNALS: tuple[tuple[int, ...], ...] = (
    (signal.SIGKILL,),
    (signal.SIGTERM,),
    (signal.SIGINT,),
    (signal.SIGTERM, signal.SIGTERM),
    (signal.SIGINT, signal.SIGTERM),
)
STUCK = (
    20  # seconds from a signal to the end; how long it takes at most on an idle machine, `python -m tests.faults` tells
)


class Clock:
    """The vendor's, which can be set forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def time(self) -> float:
        return time.time() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


@dataclass(frozen=True)
class Moment:
    """Where a trigger is ended, and by which signals. `older`: another hand-over lies there already."""

    kind: str
    number: int
    signals: tuple[int, ...]
    log_id: bool = False
    older: bool = False
    after: float | None = None  # the trigger waits for its sync, and the signals come so many seconds later

    def __str__(self) -> str:
        names = " and ".join(signal.Signals(one).name for one in self.signals)
        more = [word for word in ("log_id", "older", "after") if getattr(self, word)]
        return f"{self.kind}, {names} at moment {self.number} {more}"


@dataclass
class Killings:
    """How many triggers were ended, how the check after each one ended, and what was broken."""

    ended: Counter[str] = field(default_factory=Counter)
    checks: Counter[int] = field(default_factory=Counter)
    started: int = 0
    leftovers: int = 0
    longest: float = 0.0  # seconds from a signal that came from outside to the end
    broken: list[str] = field(default_factory=list)


class Stage:
    """A vendor, a folder, and the scripts."""

    def __init__(self, sandbox: Sandbox, clock: Clock, zygote: Zygote, moment: Moment, folder: Path) -> None:
        vendor, variable, more = KINDS[moment.kind]
        self.sandbox, self.clock, self.zygote, self.moment, self.folder = sandbox, clock, zygote, moment, folder
        self.vendor = vendor
        self.id = f"succeeds_in_{SYNC_TAKES}_x{folder.name}"
        needed = ("API_URL", "ACCESS_TOKEN", "API_KEY", "API_SECRET", "SECRET_KEY")
        credentials = {
            name: value
            for name, value in sandbox.environment.items()
            if name.startswith(vendor.upper()) and name.endswith(needed)
        }
        self.check_environment = {**credentials, "SHIPYARD_ARTIFACTS_DIRECTORY": str(folder), "LOG_LEVEL": "WARNING"}
        self.environment = {**self.check_environment, **more, variable: self.id}

    @property
    def starts(self) -> int:
        return self.sandbox.starts.count((self.vendor, self.id))

    def trigger(self, moment: int = 0, *numbers: int, **more: str) -> dict[str, Any]:
        log_id = {"SHIPYARD_LOG_ID": "own"} if self.moment.log_id else {}
        environment, after = {**self.environment, **log_id, **more}, None
        if numbers and self.moment.after is not None:
            environment[f"{self.vendor.upper()}_WAIT"], after = "TRUE", self.moment.after
        return self.zygote.run(f"{self.vendor}_blueprints/trigger_sync.py", environment, moment, *numbers, after=after)

    def check(self, upstream: str = "") -> dict[str, Any]:
        environment = {**self.check_environment, "SHIPYARD_FLEET_UPSTREAM_LOG_IDS": upstream}
        return self.zygote.run(f"{self.vendor}_blueprints/check_sync_status.py", environment)

    def files(self, pattern: str = "*/variables/*") -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.glob(pattern)}


def moments(sandbox: Sandbox, clock: Clock, zygote: Zygote, kind: str, *, log_id: bool, older: bool) -> int:
    """How many moments such a trigger has."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(sandbox, clock, zygote, Moment(kind, 0, (), log_id, older), Path(folder))
        if older:
            stage.trigger()
            clock.ahead += 2 * SYNC_TAKES
        return int(stage.trigger()["moments"])


def everything(sandbox: Sandbox, clock: Clock, zygote: Zygote) -> Iterator[Moment]:
    """Every moment of every kind of trigger, with every signal."""
    for kind in KINDS:
        for log_id in (False, True):
            for older in (False, True):
                last = moments(sandbox, clock, zygote, kind, log_id=log_id, older=older)
                for number in range(1, last + 1):
                    for signals in SIGNALS:
                        yield Moment(kind, number, signals, log_id, older)


def at_random(count: int, rng: random.Random) -> Iterator[Moment]:
    """Triggers that wait, interrupted from outside at any time of their first second, or a little later."""
    for _ in range(count):
        signals = rng.choice([one for one in SIGNALS if signal.SIGKILL not in one])
        yield Moment(
            rng.choice(list(KINDS)),
            rng.randint(1, 35),
            signals,
            log_id=rng.random() < 0.5,
            older=rng.random() < 0.5,
            after=rng.choice([0, 0.001, 0.01, 0.1, 1]) * rng.random() * 2,
        )


def play(stage: Stage, found: Killings) -> None:
    """End a trigger at its moment, look at what it left, check, trigger again, check again."""
    moment = stage.moment
    if moment.older:
        if stage.trigger()["exit_code"]:
            raise RuntimeError(f"{moment}: the trigger before it does not succeed")
        stage.clock.ahead += 2 * SYNC_TAKES  # its sync has ended well
    before, starts = stage.files(), stage.starts
    ended = stage.trigger(moment.number, *moment.signals)
    started = stage.starts - starts
    found.started += started
    found.longest = max(found.longest, ended["seconds"] if moment.after is not None else 0)
    found.ended["killed" if ended["exit_code"] == -signal.SIGKILL else str(ended["exit_code"])] += 1
    broken = [*_how_it_ended(ended, moment, started), *_what_it_left(stage)]
    after = stage.files()
    found.leftovers += any(name.startswith(".") for name in after)
    ours = {name for name in ("sync.pickle", "own_sync.pickle") if after.get(name) != before.get(name)}
    for upstream, name in (("own", "own_sync.pickle"), ("", "sync.pickle"))[not moment.log_id :]:
        check = stage.check(upstream)
        code = check["exit_code"]
        found.checks[code] += 1
        if started and code not in (210, 221):
            broken.append(f"a sync was started, and the check {upstream} says {code}: {check['stdout']}")
        if not started and code not in (221, 0 if moment.older else 206):
            broken.append(f"no sync was started, and the check {upstream} says {code}: {check['stdout']}")
        if code == 210 and not {name, "sync.pickle"} & ours:
            broken.append("the check judges a hand-over that is not there")
        if ended["exit_code"] in (130, 143) and started and name in ours and code != 210:
            broken.append(f"it was handed over, and the check {upstream} says {code}")
    policy = {f"{stage.vendor.upper()}_IF_RUNNING": "join"}
    if stage.trigger(0, **policy)["exit_code"] or stage.check()["exit_code"] != 210:
        broken.append("the next trigger, or the check after it, does not succeed")
    rest = [name for name in stage.files() if "starting" in name]  # temporary files are swept once they are an hour old
    if rest:
        broken.append(f"the next trigger leaves {rest}")
    if stage.starts - starts > 1:
        broken.append(f"{stage.starts - starts} syncs were started")
    found.broken += [f"{moment}: {one}" for one in broken]


def _how_it_ended(ended: Mapping[str, Any], moment: Moment, started: int) -> Iterator[str]:
    if moment.signals[0] == signal.SIGKILL:
        if ended["exit_code"] not in (-signal.SIGKILL, 0):
            yield f"it ended with {ended['exit_code']}: {ended['stderr']}"
        return
    codes = [128 + number for number in moment.signals]  # of two that come at once, either may be the one that counts
    if ended["seconds"] > STUCK and moment.after is not None:
        yield f"it took {ended['seconds']:.1f} s to end"
    if ended["exit_code"] not in (*codes, 0):  # 0: it came when all was done
        yield f"it ended with {ended['exit_code']} for one of {codes}: {ended['stderr'][-800:]}"
    if "Traceback" in ended["stderr"]:
        yield f"a traceback: {ended['stderr'][-2000:]}"
    if ended["stdout"].count("\n") != 1:
        yield f"on stdout is {ended['stdout']!r}"
        return
    report = json.loads(ended["stdout"])
    if report["exit_code"] != ended["exit_code"]:
        yield "the result tells another exit code"
    if ended["exit_code"] in codes and started and "nothing was started" in report["message"]:
        yield "it says that nothing was started"


def _what_it_left(stage: Stage) -> Iterator[str]:
    for name, content in stage.files().items():
        if name.startswith("."):
            continue
        try:
            pickle.loads(content)  # noqa: S301  # our own
        except Exception as error:  # noqa: BLE001
            yield f"{name} is not whole: {error}"
    for name, content in stage.files("*/responses/*").items():
        if not name.startswith("."):
            try:
                json.loads(content)
            except ValueError as error:
                yield f"{name} is not whole: {error}"


def kill(chosen: Sequence[Moment], sandbox: Sandbox, clock: Clock, zygote: Zygote) -> Killings:
    """End a trigger at each of these moments."""
    found = Killings()
    with tempfile.TemporaryDirectory() as folder:
        for number, moment in enumerate(chosen):
            own = Path(folder) / str(number)
            own.mkdir()
            play(Stage(sandbox, clock, zygote, moment, own), found)
    return found
