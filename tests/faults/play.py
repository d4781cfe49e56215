"""A script, run as a whole but for its clock, against a server that does something wrong; and what must hold then."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import multiprocessing
import os
import pickle
import random
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

from shared.run import run
from shared.transport import Connect, Response, Transport, TransportError
from sync_blueprints.catalog import Blueprint
from tests.faults.faults import faults, mutations
from tests.faults.server import Clock, Fault, FaultServer, Move, Plan, Reply
from tests.processes import FIVETRAN, KINDS, NANGO, SOURCE, VENDORS, Ended, Kind, catalog

FAULTS = {one.name: one for one in faults()}
PATIENCE, SHORT_PATIENCE = 10.0, 0.15  # real seconds that stand for a whole timeout
REAL_LIMIT = 900  # real seconds of one run, however wrong its vendor is and however busy the machine
FAKE_LIMIT = 4 * 3600  # seconds of its own clock
MAX_CALLS = 5  # of a scene, at which its cases have a fault
WORKERS = 3  # some of them wait
WITHOUT_ERROR = ("error missing", "error null", "error an empty text")  # then a source's run that ended has succeeded


@dataclass(frozen=True)
class Scene:
    """A script with its inputs, whose vendor behaves as `id` says. `after`: seconds since a trigger that went well."""

    name: str
    kind: Kind
    verb: str
    id: str
    ends: str  # its outcome where nothing goes wrong
    variables: Mapping[str, str] = field(default_factory=dict)
    after: float | None = None

    @property
    def blueprint(self) -> Blueprint:
        return catalog()[self.kind.script(self.verb)]

    @property
    def waits(self) -> bool:
        return any(name.endswith("_WAIT") for name in self.variables)

    @property
    def triggers(self) -> bool:
        return self.verb == "trigger_sync"

    def environment(self, server: FaultServer, folder: Path) -> dict[str, str]:
        own = {self.kind.variable("API_URL"): server.url, "SHIPYARD_ARTIFACTS_DIRECTORY": str(folder)}
        id_ = {self.kind.id_variable: self.id} if self.id else {}
        return {**server.credentials, **own, **self.kind.more, **id_, "LOG_LEVEL": "DEBUG", **self.variables}


@dataclass(frozen=True)
class Case:
    """One fault in one scene. `mutation` is the number of a change to a field instead of a fault by name."""

    scene: str
    call: int
    fault: str
    lasting: bool = False
    mutation: int | None = None

    def __str__(self) -> str:
        return f"{self.scene} / {'from call' if self.lasting else 'call'} {self.call} / {self.fault}"


@dataclass
class Played:
    """How a case ended, and which promises it broke."""

    case: Case
    kind: str
    exit_code: int
    outcome: str
    starts: int
    seconds: float
    broken: list[str]
    log: str


def _scenes() -> Iterator[Scene]:
    """Every script of every vendor, with the policies and the moments that matter."""
    trigger, check = "trigger_sync", "check_sync_status"
    for kind in KINDS:
        wait = {kind.variable("WAIT"): "TRUE", kind.variable("WAIT_TIMEOUT"): "60"}
        yield Scene("trigger", kind, trigger, "succeeds_in_900", "started")
        yield Scene("trigger with a log id", kind, trigger, "succeeds_in_900", "started", {"SHIPYARD_LOG_ID": "own"})
        yield Scene("trigger that waits for a success", kind, trigger, "succeeds_in_9", "succeeded", wait)
        yield Scene("trigger that waits for a failure", kind, trigger, "fails_in_9", "failed", wait)
        restarted = "started" if kind is not SOURCE else "already_running"  # which cannot be stopped
        ends = {"restart": restarted, "join": "joined", "wait": "started", "fail": "already_running"}
        for policy, outcome in ends.items():
            if (policy, kind) != ("restart", NANGO):
                given = {kind.variable("IF_RUNNING"): policy}
                yield Scene(f"trigger while one runs, {policy}", kind, trigger, "running_in_40", outcome, given)
        yield Scene("check of a success", kind, check, "succeeds_in_9", "succeeded", after=60)
        yield Scene("check of a failure", kind, check, "fails_in_9", "failed", after=60)
        yield Scene("check of a running one", kind, check, "succeeds_in_90", "running", after=60)
        yield Scene("check that waits for a failure", kind, check, "fails_in_90", "failed", wait, after=60)
        yield Scene("check alone", kind, check, "running_in_3000", "running")
        if kind in VENDORS:
            yield Scene("credentials", kind, "check_credentials", "", "valid")
    for name, variables in {
        "a schedule": {"FIVETRAN_SCHEDULE_TYPE": "manual"},
        "a pause": {"FIVETRAN_PAUSED": "TRUE"},
        "a historical sync": {"FIVETRAN_HISTORICAL_SYNC": "TRUE"},
    }.items():
        yield Scene(f"update of {name}", FIVETRAN, "update_connector", "succeeds_in_900", "updated", variables)


SCENES = {f"{scene.kind.name}, {scene.name}": scene for scene in _scenes()}


def _connect(clock: Clock, patience: float) -> Connect:
    """As the real wire, with timeouts that pass quickly here and take their full time on the script's clock."""

    class Impatient(Transport):
        def send(
            self, method: str, path: str, params: Mapping[str, str] | None, body: object, read_timeout: float
        ) -> Response:
            began = time.monotonic()
            try:
                return super().send(method, path, params, body, patience)
            except TransportError:
                if time.monotonic() - began >= patience:
                    clock.elapsed += read_timeout
                raise

    return lambda url, auth, headers, _: Impatient(url, auth, headers, clock, patience)


def _run(scene: Scene, environment: Mapping[str, str], clock: Clock, patience: float = PATIENCE) -> Ended:
    script = importlib.import_module(scene.blueprint.module)
    stdout, stderr = io.StringIO(), io.StringIO()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)}
    code: object = None
    try:
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            run(scene.blueprint.name, script.main, script.Inputs, environment, clock, _connect(clock, patience), [])
    except SystemExit as ended:
        code = ended.code
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return Ended(code if isinstance(code, int) else -1, stdout.getvalue(), stderr.getvalue())


@contextlib.contextmanager
def _stage(scene: Scene) -> Iterator[tuple[FaultServer, Path]]:
    """A vendor and a folder, once the trigger before the scene (if there is one) has gone well."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder, FaultServer(scene.kind.vendor, clock) as server:
        if scene.after is not None:
            trigger = Scene("", scene.kind, "trigger_sync", scene.id, "started")
            ended = _run(trigger, trigger.environment(server, Path(folder)), clock)
            assert ended.exit_code == 0, ended
            clock.elapsed += scene.after
        yield server, Path(folder)


def play(case: Case) -> Played:
    """Run a case, and hold it against the promises."""
    scene, fault = SCENES[case.scene], _fault(case)
    with _stage(scene) as (server, folder):
        clock, before = server.clock, files(folder)
        server.begin(Plan(case.call, fault, case.lasting))
        began, fake = time.monotonic(), clock.elapsed
        ended = _run(scene, scene.environment(server, folder), clock, SHORT_PATIENCE if fault.slow else PATIENCE)
        seconds = time.monotonic() - began
        clock.on_sleep = lambda: None
        broken = list(_broken(scene, fault, server, ended, before, folder))
        if ended.exit_code != (expected := _expected(scene, case, fault)) is not None:
            broken.append(f"exit code {ended.exit_code} for {expected}")
        if seconds > REAL_LIMIT or clock.elapsed - fake > FAKE_LIMIT:
            broken.append(f"it took {seconds:.0f} s, and {clock.elapsed - fake:.0f} s of its clock")
        try:
            outcome = str(json.loads(ended.stdout)["outcome"])
        except ValueError:
            outcome = "?"
        return Played(case, fault.kind, ended.exit_code, outcome, server.starts, seconds, broken, ended.stderr)


def files(folder: Path) -> dict[str, bytes]:
    """The handoff, and what lies beside it, by name."""
    return {path.name: path.read_bytes() for path in folder.glob("*/variables/*")}


def _fault(case: Case) -> Fault:
    number = case.mutation
    if number is None:
        return FAULTS[case.fault]

    def sends(reply: Reply) -> list[Move]:
        changed = list(mutations(reply.json))
        return [reply.whole(body=changed[number % len(changed)][1]) if changed else reply.whole()]

    return Fault(case.fault, "fields", sends)


UNREACHABLE = ("refused", "cut off", "no header", "without end", "interim", "body", "chunks", "size", "encoding")


def _expected(scene: Scene, case: Case, fault: Fault) -> int | None:
    """The exit code of a run that never gets a usable response, as the contract has it; None where it depends."""
    if case.call > 1 or not case.lasting or fault.usable:
        return None
    if fault.name == "200 with an empty object":
        return None  # a run of a source may have no fields
    if fault.name == "gzip cut off" or (scene.kind is NANGO and scene.verb == "check_credentials"):
        return None  # the status of a refusal counts, whatever its body; the requests of that script are to be refused
    if fault.kind == "redirect":
        return 201
    return (202 if scene.triggers else 220) if fault.kind in (*UNREACHABLE, "retry-after") else None


def _broken(
    scene: Scene, fault: Fault, server: FaultServer, ended: Ended, before: Mapping[str, bytes], folder: Path
) -> Iterator[str]:
    """The promises that a run has broken, in words."""
    code, shown = ended.exit_code, ended.stdout + ended.stderr
    if code not in scene.blueprint.exit_codes or code == 249:
        yield f"exit code {code} is none that the catalog knows"
    try:
        outcome = ended.result["outcome"]
    except AssertionError as wrong:
        yield f"result, exit code and log do not agree: {wrong}"
        return
    for secret in server.credentials.values():
        if secret in shown or any(secret.encode() in one.read_bytes() for one in folder.rglob("*") if one.is_file()):
            yield "a secret is shown"
    if server.stuck:
        yield "a response was waited for forever"
    if server.called_elsewhere:
        yield "another host was called"
    if server.starts > 1:
        yield f"{server.starts} syncs were started"
    if code == 0:
        yield from _wrongly_good(scene, fault, server, outcome)
    gone = code == 204 and scene.waits  # it was started, and the vendor says later that there is no such thing
    if server.starts and not gone and (outcome == "not_started" or code in (200, 201, 203, 204, 206)):
        yield f"a sync was started, and it is reported as {outcome}"
    yield from _broken_files(scene, server, code, outcome, before, folder)


def _wrongly_good(scene: Scene, fault: Fault, server: FaultServer, outcome: str) -> Iterator[str]:
    """Where a success was not what happened, or not what the vendor had confirmed."""
    now = server.clock.monotonic()
    runs = [run for item in server.world.items.values() for run in item.runs]
    unseen = fault.kind == "fields" or (scene.kind is NANGO and fault.name == "403 with JSON")
    joins = unseen and scene.id.startswith("running")  # no response said that one runs
    if outcome == "started" and server.starts != 1 and not joins:
        yield "nothing was started"
    if outcome == "joined" and server.starts:
        yield "a sync was started, and it is reported that one was joined"
    has_succeeded = runs and runs[-1].ends <= now and runs[-1].outcome == "succeeded"
    says_so = scene.kind is SOURCE and fault.name in WITHOUT_ERROR
    if outcome == "succeeded" and not (has_succeeded or says_so):
        yield "the sync did not succeed"
    if outcome == "updated":
        asked = {"schedule_type": "manual"} if "SCHEDULE" in str(scene.variables) else {"paused": True}
        if "HISTORICAL" in str(scene.variables):
            asked = {"is_historical_sync": True}
        if not any(asked.items() <= item.settings().items() for item in server.world.items.values()):
            yield "nothing was updated"
    first = next((number for number, one in enumerate(server.exchanges) if one.began), 0)
    if fault.kind != "fields" and not any(one.fault is None or one.fault.usable for one in server.exchanges[first:]):
        yield "no response that was right confirms it"


def _broken_files(
    scene: Scene, server: FaultServer, code: int, outcome: str, before: Mapping[str, bytes], folder: Path
) -> Iterator[str]:
    after = files(folder)
    yield from torn(after, pickle.loads)
    for path in folder.rglob("*"):
        if path.suffix == ".json":
            json.loads(path.read_text("utf-8", "surrogatepass"))
        if path.name.startswith("."):
            yield f"{path.name} is left behind"
    if not scene.triggers:
        if after != before and "HISTORICAL" not in str(scene.variables):
            yield "a check has touched the handoff"
        return
    log_ids = {"", *(f"{one}_" for name, one in scene.variables.items() if name == "SHIPYARD_LOG_ID")}
    saved = {f"{one}sync.pickle" for one in log_ids} <= after.keys()
    accepted = code in (0, 210, 211, 212, 213, 220, 221) or (code == 204 and scene.waits and server.starts > 0)
    if saved != accepted:
        yield f"handoff saved: {saved}, and the exit code is {code}"
    pending = {f"{one}starting.pickle" for one in log_ids} <= after.keys()
    if pending == accepted or (accepted and any("starting" in name for name in after)):
        yield f"the outcome is {outcome}, and there are {sorted(after)}"
    if accepted and not server.starts and not scene.id.startswith("running"):
        yield f"nothing was started, and it is reported as {outcome}"


def torn(files: Mapping[str, bytes], load: Callable[[bytes], object]) -> Iterator[str]:
    for name, content in files.items():
        try:
            load(content)
        except Exception as error:  # noqa: BLE001 - whatever it is, the file is not whole
            yield f"{name} is not whole: {error}"


def _responses(scene: Scene) -> list[Any]:
    """The responses that the scene gets if nothing goes wrong, parsed."""
    with _stage(scene) as (server, folder):
        server.begin(None)
        _run(scene, scene.environment(server, folder), server.clock)
        return [one.reply.json for one in server.exchanges]


def cases() -> Iterator[Case]:
    """Every fault at every call of every scene, once and lasting; and every field of every response spoiled."""
    for name, scene in SCENES.items():
        for call, response in enumerate(_responses(scene)[:MAX_CALLS], 1):
            for lasting in (False, True):
                yield from (Case(name, call, fault, lasting) for fault in FAULTS)
                for number, (field_, _) in enumerate(mutations(response)):
                    yield Case(name, call, field_, lasting, number)


def all_cases() -> list[Case]:
    """The whole matrix, but for what takes long and shows nothing new: later calls of slow and of heavy faults."""
    return [case for case in cases() if case.mutation is not None or _is_worth_its_time(case)]


def _is_worth_its_time(case: Case) -> bool:
    fault = FAULTS[case.fault]
    if not (fault.slow or fault.heavy):
        return True
    early = case.call <= (2 if case.lasting else 3) and "log id" not in case.scene
    return early and not (fault.heavy and case.lasting and "waits" in case.scene)


def sample(count: int, seed: int) -> list[Case]:
    """`count` cases, each fault among them at least once."""
    everything = all_cases()
    random.Random(seed).shuffle(everything)
    firsts: dict[str, Case] = {}
    for case in everything:
        firsts.setdefault(case.fault if case.mutation is None else case.scene, case)
    return [*firsts.values(), *everything][:count]


def survey(chosen: Sequence[Case]) -> Iterator[Played]:
    """Play the cases, in processes of their own: a run sets signal handlers, and its deadline needs a main thread.

    They come as they end. Workers are replaced, as scripts that have ended leave sockets open.
    """
    with multiprocessing.get_context("spawn").Pool(WORKERS, _clear_environment, maxtasksperchild=50) as pool:
        yield from pool.imap_unordered(play, chosen, chunksize=8)


def _clear_environment() -> None:
    """A case brings its own, and requests reads all of this process's at each request."""
    os.environ.clear()
