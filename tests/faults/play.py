"""A script, run as a whole but for its clock, against a server that does something wrong; and what must hold then."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import pickle
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.run import run
from shared.transport import Connect, Response, Transport, TransportError
from sync_blueprints.catalog import Blueprint, load
from tests.faults.faults import faults, mutations
from tests.faults.server import Clock, Fault, FaultServer, Move, Plan, Reply, parsed

CATALOG = {one.file_to_run: one for one in load()}
FAULTS = {one.name: one for one in faults()}
PATIENCE, SHORT_PATIENCE = 10.0, 0.15  # real seconds that stand for a whole timeout
REAL_LIMIT = 180  # real seconds of one run, however wrong its vendor is
FAKE_LIMIT = 4 * 3600  # seconds of its own clock


@dataclass(frozen=True)
class Scene:
    """A script with its inputs, whose vendor behaves as `id_` says. `after`: seconds since a trigger that went well."""

    name: str
    vendor: str
    script: str
    id_: str
    more: Mapping[str, str] = field(default_factory=dict)
    after: float | None = None

    @property
    def file(self) -> str:
        return f"{self.vendor}_blueprints/{self.script}.py"

    @property
    def blueprint(self) -> Blueprint:
        return CATALOG[self.file]

    @property
    def waits(self) -> bool:
        return any(name.endswith("_WAIT") for name in self.more)

    @property
    def triggers(self) -> bool:
        return self.script == "trigger_sync"


@dataclass(frozen=True)
class Case:
    """One fault in one scene. `mutation` is the number of a change to a field instead of a fault by name."""

    scene: str
    call: int
    fault: str
    lasting: bool = False
    mutation: int | None = None

    def __str__(self) -> str:
        how = "from call" if self.lasting else "call"
        return f"{self.scene} / {how} {self.call} / {self.fault}"


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
    log: str = ""


def scenes() -> dict[str, Scene]:
    """Every script of every vendor, with the policies and the moments that matter."""
    return {scene.name: scene for scene in _scenes()}


def _scenes() -> Iterator[Scene]:
    nango = {"NANGO_PROVIDER_CONFIG_KEY": "sandbox", "NANGO_SYNCS": "orders"}
    yield from _scenes_of("rudderstack connection", "rudderstack", "RUDDERSTACK_CONNECTION_ID", {})
    yield from _scenes_of("rudderstack source", "rudderstack", "RUDDERSTACK_SOURCE_ID", {})
    yield from _scenes_of("fivetran", "fivetran", "FIVETRAN_CONNECTOR_ID", {})
    yield from _scenes_of("nango", "nango", "NANGO_CONNECTION_ID", nango)
    yield Scene("rudderstack, credentials", "rudderstack", "check_credentials", "")
    yield Scene("fivetran, credentials", "fivetran", "check_credentials", "")
    yield Scene("nango, credentials", "nango", "check_credentials", "", {"NANGO_PROVIDER_CONFIG_KEY": "sandbox"})
    for name, more in {
        "a schedule": {"FIVETRAN_SCHEDULE_TYPE": "manual"},
        "a pause": {"FIVETRAN_PAUSED": "TRUE"},
        "a historical sync": {"FIVETRAN_HISTORICAL_SYNC": "TRUE"},
    }.items():
        connector = {"FIVETRAN_CONNECTOR_ID": "succeeds_in_900"}
        yield Scene(
            f"fivetran, update of {name}", "fivetran", "update_connector", "succeeds_in_900", {**connector, **more}
        )


def _scenes_of(kind: str, vendor: str, variable: str, needed: Mapping[str, str]) -> Iterator[Scene]:
    def scene(name: str, script: str, id_: str, more: Mapping[str, str], after: float | None = None) -> Scene:
        return Scene(f"{kind}, {name}", vendor, script, id_, {**needed, variable: id_, **more}, after)

    up, trigger, check = vendor.upper(), "trigger_sync", "check_sync_status"
    wait = {f"{up}_WAIT": "TRUE", f"{up}_WAIT_TIMEOUT": "60"}
    yield scene("trigger", trigger, "succeeds_in_900", {})
    yield scene("trigger with a log id", trigger, "succeeds_in_900", {"SHIPYARD_LOG_ID": "own"})
    yield scene("trigger that waits for a success", trigger, "succeeds_in_9", wait)
    yield scene("trigger that waits for a failure", trigger, "fails_in_9", wait)
    for policy in ("restart", "join", "wait", "fail"):
        if (policy, vendor) != ("restart", "nango"):
            yield scene(f"trigger while one runs, {policy}", trigger, "running_in_40", {f"{up}_IF_RUNNING": policy})
    yield scene("check of a success", check, "succeeds_in_9", {}, 60)
    yield scene("check of a failure", check, "fails_in_9", {}, 60)
    yield scene("check of a running one", check, "succeeds_in_90", {}, 60)
    yield scene("check that waits for a failure", check, "fails_in_90", wait, 60)
    yield scene("check alone", check, "running_in_3000", {})


SCENES = scenes()


def _connect(clock: Clock, patience: float) -> Connect:
    """As the real wire, with timeouts that pass quickly here and take their full time on the script's clock."""

    class Impatient(Transport):
        def send(
            self,
            method: str,
            path: str,
            params: Mapping[str, str] | None,
            body: object,
            read_timeout: float,
        ) -> Response:
            began = time.monotonic()
            try:
                return super().send(method, path, params, body, patience)
            except TransportError:
                if time.monotonic() - began >= patience:
                    clock.elapsed += read_timeout
                raise

    return lambda url, auth, headers, _: Impatient(url, auth, headers, clock, patience)


@dataclass
class Ended:
    """What a run left."""

    exit_code: int
    stdout: str
    stderr: str


def run_script(scene: Scene, environment: Mapping[str, str], clock: Clock, patience: float = PATIENCE) -> Ended:
    """Run all of a script in this process."""
    script = importlib.import_module(scene.file.removesuffix(".py").replace("/", "."))
    stdout, stderr = io.StringIO(), io.StringIO()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
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


def play(case: Case) -> Played:
    """Run a case and hold it against the promises."""
    scene = SCENES[case.scene]
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder, FaultServer(scene.vendor, clock) as server:
        environment = environment_of(scene, server, Path(folder))
        if scene.after is not None:
            trigger = Scene("", scene.vendor, "trigger_sync", scene.id_)
            plain = {name: value for name, value in environment.items() if not name.endswith(("_WAIT", "_TIMEOUT"))}
            server.begin(None)
            if run_script(trigger, plain, clock).exit_code:
                raise RuntimeError(f"{scene.name}: the trigger before it does not succeed")
            clock.elapsed += scene.after
        fault = _fault(case)
        before = files(Path(folder))
        server.begin(Plan(case.call, fault, case.lasting))
        began, fake = time.monotonic(), clock.elapsed
        ended = run_script(scene, environment, clock, SHORT_PATIENCE if fault.slow else PATIENCE)
        seconds = time.monotonic() - began
        clock.on_sleep = lambda: None
        broken = list(_broken(scene, fault, server, ended, before, Path(folder)))
        expected = _expected(scene, case, fault)
        if ended.exit_code != expected is not None:
            broken.append(f"exit code {ended.exit_code} for {expected}")
        if seconds > REAL_LIMIT:
            broken.append(f"it took {seconds:.0f} s")
        if clock.elapsed - fake > FAKE_LIMIT:
            broken.append(f"it took {clock.elapsed - fake:.0f} s of its clock")
        try:
            outcome = str(json.loads(ended.stdout)["outcome"])
        except ValueError:
            outcome = "?"
        return Played(case, fault.kind, ended.exit_code, outcome, server.starts, seconds, broken, ended.stderr)


def environment_of(scene: Scene, server: FaultServer, folder: Path) -> dict[str, str]:
    """The variables of a run."""
    return {
        f"{scene.vendor.upper()}_API_URL": server.url,
        **server.credentials,
        **scene.more,
        "SHIPYARD_ARTIFACTS_DIRECTORY": str(folder),
        "LOG_LEVEL": "DEBUG",
    }


def files(folder: Path) -> dict[str, bytes]:
    """What is handed over, and what lies beside it, by name."""
    return {path.name: path.read_bytes() for path in folder.glob("*/variables/*")}


def _fault(case: Case) -> Fault:
    if case.mutation is None:
        return FAULTS[case.fault]

    number = case.mutation

    def says(reply: Reply) -> list[Move]:
        changed = list(mutations(parsed(reply)))
        return [reply.whole(body=changed[number % len(changed)][1]) if changed else reply.whole()]

    return Fault(case.fault, "fields", says)


UNREACHABLE = ("refused", "cut off", "no header", "without end", "interim", "body", "chunks", "size", "encoding")


def _expected(scene: Scene, case: Case, fault: Fault) -> int | None:
    """The exit code of a run that never gets a usable answer, as the contract has it; None where it depends."""
    if case.call > 1 or not case.lasting or fault.tells:
        return None
    if fault.name in ("200 with an empty object", "gzip cut off"):
        return None  # a run of a source may have no fields; the status of a refusal counts, whatever its body
    if fault.kind == "redirect":
        return 201
    return (202 if scene.triggers else 220) if fault.kind in (*UNREACHABLE, "retry-after") else None


def _broken(
    scene: Scene, fault: Fault, server: FaultServer, ended: Ended, before: Mapping[str, bytes], folder: Path
) -> Iterator[str]:
    """The promises that a run has broken, in words."""
    said = ended.stdout + ended.stderr
    code = ended.exit_code
    if code not in scene.blueprint.exit_codes or code == 249:
        yield f"exit code {code} is none that the catalog knows"
    if "Traceback" in said:
        yield "a traceback"
    if ended.stdout.count("\n") != 1:
        yield f"{ended.stdout.count(chr(10))} lines on stdout"
        return
    report = json.loads(ended.stdout)
    outcome = report["outcome"]
    if report["exit_code"] != code:
        yield "the result tells another exit code"
    if f"{outcome} (exit code {code})" not in ended.stderr.splitlines()[-1]:
        yield "the last line does not tell the outcome"
    for secret in server.credentials.values():
        if secret in said or any(secret.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file()):
            yield "a secret is shown"
    if server.stuck:
        yield "a call was waited on for ever"
    if server.strangers:
        yield "another host was called"
    if server.starts > 1:
        yield f"{server.starts} syncs were started"
    if code == 0:
        yield from _wrongly_good(scene, fault, server, outcome)
    gone = code == 204 and scene.waits  # it was started, and the vendor says later that there is no such thing
    if server.starts and not gone and (outcome == "not_started" or code in (200, 201, 203, 204, 206)):
        yield f"a sync was started, and it is told as {outcome}"
    yield from _broken_files(scene, server, code, outcome, before, folder)


def _wrongly_good(scene: Scene, fault: Fault, server: FaultServer, outcome: str) -> Iterator[str]:
    """Where a success was not what happened, or not what the vendor had confirmed."""
    now = server.clock.monotonic()
    runs = [run for item in server.world.items.values() for run in item.runs]
    joins = scene.id_.startswith("running") and fault.kind == "fields"  # it was told that nothing runs
    if outcome == "started" and server.starts != 1 and not joins:
        yield "nothing was started"
    if outcome == "joined" and server.starts:
        yield "a sync was started, and it is told that one was joined"
    if outcome == "succeeded" and (not runs or runs[-1].ends > now or runs[-1].outcome != "succeeded"):
        yield "the sync did not succeed"
    if outcome == "updated":
        settings = [item.settings for item in server.world.items.values()]
        asked = {"schedule_type": "manual"} if "SCHEDULE" in str(scene.more) else {"paused": True}
        if "HISTORICAL" in str(scene.more):
            asked = {"is_historical_sync": True}
        if not any(asked.items() <= one.items() for one in settings):
            yield "nothing was updated"
    first = next((number for number, one in enumerate(server.exchanges) if one.began), 0)
    if fault.kind != "fields" and not any(one.told for one in server.exchanges[first:]):
        yield "no answer that was right confirms it"


def _broken_files(
    scene: Scene, server: FaultServer, code: int, outcome: str, before: Mapping[str, bytes], folder: Path
) -> Iterator[str]:
    after = files(folder)
    for name, content in after.items():
        try:
            pickle.loads(content)  # noqa: S301  # our own
        except Exception as error:  # noqa: BLE001
            yield f"{name} is not whole: {error}"
    for path in folder.rglob("*"):
        if path.suffix == ".json":
            json.loads(path.read_text("utf-8", "surrogatepass"))
        if path.name.startswith("."):
            yield f"{path.name} is left behind"
    prefix = f"{scene.more['SHIPYARD_LOG_ID']}_" if "SHIPYARD_LOG_ID" in scene.more else ""
    if not scene.triggers:
        if after != before and "HISTORICAL" not in str(scene.more):
            yield "a check has touched what was handed over"
        return
    handed_over = {"sync.pickle", f"{prefix}sync.pickle"} <= after.keys()
    accepted = code in (0, 210, 211, 212, 213, 220, 221) or (code == 204 and scene.waits and server.starts > 0)
    if handed_over != accepted:
        yield f"handed over: {handed_over}, and the exit code is {code}"
    pending = {"starting.pickle", f"{prefix}starting.pickle"} <= after.keys()
    if pending == accepted or (accepted and any("starting" in name for name in after)):
        yield f"the outcome is {outcome}, and there are {sorted(after)}"
    if accepted and not server.starts and not scene.id_.startswith("running"):
        yield f"nothing was started, and it is told as {outcome}"


def calls(scene: Scene) -> list[Any]:
    """The answers that the scene takes if nothing goes wrong, parsed."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder, FaultServer(scene.vendor, clock) as server:
        environment = environment_of(scene, server, Path(folder))
        server.begin(None)
        if scene.after is not None:
            trigger = Scene("", scene.vendor, "trigger_sync", scene.id_)
            plain = {name: value for name, value in environment.items() if not name.endswith(("_WAIT", "_TIMEOUT"))}
            run_script(trigger, plain, clock)
            clock.elapsed += scene.after
            server.begin(None)
        run_script(scene, environment, clock)
        return [parsed(one.reply) for one in server.exchanges]


def cases(*, most_calls: int = 5) -> Iterator[Case]:
    """Every fault at every call of every scene, once and lasting; and every field of every answer spoilt."""
    for scene in SCENES.values():
        answers = calls(scene)[:most_calls]
        for call, answer in enumerate(answers, 1):
            for fault in FAULTS.values():
                for lasting in (False, True):
                    yield Case(scene.name, call, fault.name, lasting)
            for number, (name, _) in enumerate(mutations(answer)):
                for lasting in (False, True):
                    yield Case(scene.name, call, name, lasting, number)
