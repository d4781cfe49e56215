"""python -m sync_blueprints run: blueprints on this machine as an orchestrator would run them, guardrails and all."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, BinaryIO, Callable, Protocol

from shared.masking import printable
from sync_blueprints.catalog import CatalogError, parse_duration
from sync_blueprints.fleet import Connection, Fleet, FleetError, Vessel, chain, read, vessel_of

AT_A_TIME = 32  # vessels of one fleet; more of them wait for their turn
INTERRUPTED = "the fleet was interrupted"
CANNOT_START = 126  # as shells have it
LONGEST_LINE = 65536  # bytes of a vessel's output that are kept together
KILL_AFTER = 10.0  # seconds between SIGTERM and SIGKILL
TICK = 0.1  # seconds between two looks at the runtime cutoff and at Stop

Log = Callable[[str], None]


def _silent(_: object) -> None: ...


class Clock(Protocol):
    """`time` itself, or a test's clock."""

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float, /) -> object: ...


@dataclass(frozen=True)
class Attempt:
    """One process; an exit by signal N is 128+N."""

    exit_code: int
    seconds: float


@dataclass(frozen=True)
class VesselRun:
    """What came of a vessel: the exit code and the JSON line (None where there was none) of its last attempt."""

    name: str
    attempts: list[Attempt]
    exit_code: int
    result: dict[str, Any] | None
    seconds: float


@dataclass(frozen=True)
class FleetRun:
    """What came of a fleet: the vessels that ran, in the order of their ends, and the others with the reason why not.

    The exit code is 0 if every vessel that ran succeeded, 128+N if signal N cut the fleet short, else that of the
    vessel that failed first, also if an ERRORED connection led on from it.
    """

    runs: list[VesselRun]
    skipped: list[tuple[str, str]]
    exit_code: int


@dataclass
class Stop:
    """Set `signal_number` to end what is running: its process is terminated, and no further one starts."""

    signal_number: int = 0

    @property
    def exit_code(self) -> int:
        return 128 + self.signal_number


def run_vessel(
    vessel: Vessel,
    environment: Mapping[str, str],
    *,
    clock: Clock = time,
    stdout: BinaryIO | None = None,
    stderr: IO[Any] | None = None,
    log: Log = _silent,
    stop: Stop | None = None,
) -> VesselRun:
    """Run a vessel with exactly this environment until it succeeds or its guardrails say that it is enough.

    Its stdout is copied to `stdout` (None: nowhere), its stderr goes to the file `stderr` (None: this process's own).
    """
    stop = stop or Stop()
    rails = vessel.guardrails
    started = clock.monotonic()
    attempts: list[Attempt] = []
    exit_code, result = stop.exit_code, None
    while not stop.signal_number:
        attempt, result = _attempt(vessel, environment, clock, stdout, stderr, log, stop)
        attempts.append(attempt)
        exit_code = attempt.exit_code
        ended = f"{vessel.name}: attempt {len(attempts)} ended with exit code {exit_code} after {attempt.seconds:.1f} s"
        if exit_code == 0 or stop.signal_number:
            log(ended)
            break
        if not rails.try_again_on(exit_code):
            log(f"{ended}; the guardrails say that trying again does not help")
            break
        if len(attempts) > rails.retry_count:
            log(f"{ended}; no retries {'left' if rails.retry_count else 'wanted'}")
            break
        log(f"{ended}; retry {len(attempts)} of {rails.retry_count} in {rails.retry_wait:g} s")
        _pause(rails.retry_wait, clock, stop)
        exit_code = stop.exit_code if stop.signal_number else exit_code
    return VesselRun(vessel.name, attempts, exit_code, result, clock.monotonic() - started)


def run_fleet(
    fleet: Fleet,
    environment: Mapping[str, str],
    *,
    artifacts: Path | None = None,
    clock: Clock = time,
    stdout: BinaryIO | None = None,
    stderr: IO[Any] | None = None,
    label: Callable[[bytes], None] | None = None,
    log: Log = _silent,
    ended: Callable[[VesselRun], None] = _silent,
    stop: Stop | None = None,
) -> FleetRun:
    """Run each vessel once all those before it have ended, if they ended as its connections say.

    Vessels that do not wait for one another run side by side. Their output goes to `stdout` and `stderr` as for
    `run_vessel`; or, with `label`, to that line by line with the vessel's name in front, but for the results of
    blueprints, which only repeat their last log line. `ended` is called with each vessel that has ended. They share
    the folder `artifacts`, else the one that `environment` names, else a temporary one that is removed.
    """
    stop = stop or Stop()
    runs: dict[int, VesselRun] = {}  # by the vessels' places, in the order of their ends
    skipped: dict[int, str] = {}

    def run(place: int, variables: Mapping[str, str]) -> None:
        vessel = fleet.vessels[place]
        with contextlib.ExitStack() as stack:
            out, err = stdout, stderr
            if label:
                out = None if vessel.is_blueprint else stack.enter_context(_labelled(vessel.name, label))
                err = stack.enter_context(_labelled(vessel.name, label))
            run = run_vessel(vessel, variables, clock=clock, stdout=out, stderr=err, log=log, stop=stop)
        if run.attempts:
            ended(run)
            runs[place] = run
        else:
            skipped[place] = INTERRUPTED

    with _artifacts_folder(artifacts, environment) as folder, ThreadPoolExecutor(AT_A_TIME) as pool:
        shared = {**environment, "SHIPYARD_ARTIFACTS_DIRECTORY": folder}
        environments = fleet_environments(fleet, shared)
        waiting = list(range(len(fleet.vessels)))
        upstream: dict[int, list[Connection]] = {place: [] for place in waiting}
        for connection in fleet.connections:
            upstream[connection.downstream].append(connection)
        running: set[Future[None]] = set()
        try:
            while waiting or running:
                left = []
                for place in waiting:
                    if not all(one.upstream in runs or one.upstream in skipped for one in upstream[place]):
                        left.append(place)
                    elif reason := _reason_to_skip(fleet, upstream[place], runs):
                        skipped[place] = reason
                    else:
                        running.add(pool.submit(run, place, environments[place]))
                if len(left) < len(waiting):
                    waiting = left
                    continue  # what was skipped just now may decide about others
                done, running = wait(running, timeout=1, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()  # raises what went wrong in it
        except BaseException:
            stop.signal_number = stop.signal_number or signal.SIGTERM  # let nothing run on unseen
            raise
    return FleetRun(
        list(runs.values()),
        [(fleet.vessels[place].name, reason) for place, reason in sorted(skipped.items())],
        _exit_code_of(runs.values(), skipped.values(), stop),
    )


def fleet_environments(fleet: Fleet, environment: Mapping[str, str]) -> list[dict[str, str]]:
    """The variables of each vessel: the environment's, then its own, then the platform's.

    An input that some blueprint's vessel is given is taken from the environment by none: a check that takes its id from
    the trigger before it is not to get another one from outside. All log ids are drawn first: each vessel is told those
    of the vessels immediately before and after it.
    """
    inputs = {name for vessel in fleet.vessels if vessel.is_blueprint for name in vessel.variables}
    log_ids = [str(uuid.uuid4()) for _ in fleet.vessels]
    fleet_log_id = str(uuid.uuid4())
    environments = []
    for place, vessel in enumerate(fleet.vessels):
        own = {name: value for name, value in vessel.variables.items() if value is not None}
        given = {*vessel.variables, *(inputs if vessel.is_blueprint else ())}
        inherited = {name: value for name, value in environment.items() if name not in given}
        platform = {
            "SHIPYARD_ARTIFACTS_DIRECTORY": environment["SHIPYARD_ARTIFACTS_DIRECTORY"],
            "SHIPYARD_ORG_NAME": "local",
            "SHIPYARD_PROJECT_ID": _lasting_id("project"),
            "SHIPYARD_FLEET_ID": _lasting_id(fleet.name),
            "SHIPYARD_FLEET_LOG_ID": fleet_log_id,
            "SHIPYARD_LOG_ID": log_ids[place],
            "SHIPYARD_VESSEL_NAME": vessel.name,
            "SHIPYARD_VESSEL_ID": _lasting_id(vessel.name),
            **_neighbours("UPSTREAM", [log_ids[one.upstream] for one in fleet.connections if one.downstream == place]),
            **_neighbours("CURRENT", [log_ids[place]]),
            **_neighbours(
                "DOWNSTREAM", [log_ids[one.downstream] for one in fleet.connections if one.upstream == place]
            ),
        }
        environments.append({**inherited, **own, **platform})
    return environments


def main(argv: Sequence[str]) -> int:
    """The command; returns the fleet's exit code, 2 for a wrong command line or fleet."""
    parser = argparse.ArgumentParser(
        prog="python -m sync_blueprints run",
        description="Run blueprints as an orchestrator would: retries, time limit, hand-over. Inputs are environment "
        "variables. Either one after the other, until one fails; or a fleet as its YAML says. Exits with 0 if all that "
        "ran succeeded, else with the code of the first that failed.",
    )
    parser.add_argument("vessels", nargs="*", metavar="NAME|PATH", help="a blueprint's name or file, or any script")
    parser.add_argument("--fleet", type=Path, metavar="FILE", help="a fleet's YAML, in place of names")
    parser.add_argument("--retry-count", type=_count, metavar="N", help="for all, in place of catalog and fleet")
    parser.add_argument("--retry-wait", type=_duration, metavar="5m", help="likewise")
    parser.add_argument("--runtime-cutoff", type=_duration, metavar="4h0m0s", help="of one attempt, likewise")
    parser.add_argument("--artifacts", type=Path, metavar="DIR", help="where the files handed over lie, and stay")
    arguments = parser.parse_args(argv)
    if bool(arguments.vessels) == bool(arguments.fleet):
        parser.error("name blueprints or scripts, or give --fleet FILE")
    overrides = {
        name: getattr(arguments, name)
        for name in ("retry_count", "retry_wait", "runtime_cutoff")
        if getattr(arguments, name) is not None
    }
    try:
        fleet = read(arguments.fleet) if arguments.fleet else chain([vessel_of(name) for name in arguments.vessels])
    except (CatalogError, FleetError) as fault:
        parser.exit(2, f"run: nothing was run\n{fault}\n")
    vessels = [replace(vessel, guardrails=replace(vessel.guardrails, **overrides)) for vessel in fleet.vessels]
    stop = Stop()
    write, write_result = _line_writer(sys.stderr.buffer), _line_writer(sys.stdout.buffer)

    def log(line: str) -> None:
        write(f"run: {line}\n".encode(errors="backslashreplace"))

    def tell_result(run: VesselRun) -> None:
        result = {"vessel": run.name, **(run.result or {})}
        result.update({"vessel": run.name, "attempts": len(run.attempts), "exit_code": run.exit_code})
        write_result(json.dumps(result).encode() + b"\n")

    for note in fleet.notes:
        log(f"note: {note}")
    with signals_set(stop):
        done = run_fleet(
            replace(fleet, vessels=tuple(vessels)),
            os.environ,
            artifacts=arguments.artifacts,
            stdout=sys.stdout.buffer,
            label=write if arguments.fleet else None,
            log=log,
            ended=tell_result if arguments.fleet else _silent,
            stop=stop,
        )
    if arguments.fleet:
        for line in _summary(done):
            log(line)
        log(f"the fleet {fleet.name} ended with exit code {done.exit_code}")
    return done.exit_code


@contextlib.contextmanager
def signals_set(stop: Stop) -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP set `stop`, but for those that are ignored (nohup). Only in the main thread."""

    def handle(number: int, _frame: object) -> None:
        stop.signal_number = number

    before = {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _attempt(
    vessel: Vessel,
    environment: Mapping[str, str],
    clock: Clock,
    stdout: BinaryIO | None,
    stderr: IO[Any] | None,
    log: Log,
    stop: Stop,
) -> tuple[Attempt, dict[str, Any] | None]:
    started = clock.monotonic()
    try:
        process = subprocess.Popen(
            [sys.executable, str(vessel.path)],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=os.name == "posix",  # else Ctrl-C would reach the script, too
        )
    except OSError as fault:  # too many processes, too large an environment
        log(f"{vessel.name}: no process could be started: {fault.strerror or fault}")
        return Attempt(CANNOT_START, clock.monotonic() - started), None
    assert process.stdout is not None  # noqa: S101 - for mypy: it is a pipe
    results: list[dict[str, Any]] = []
    reader = threading.Thread(target=_pass_on, args=(process.stdout, stdout, results), daemon=True)
    reader.start()
    exit_code = _wait(process, vessel, clock, log, stop)
    reader.join(timeout=TICK)
    if reader.is_alive() and os.name == "posix":
        # Something that the script started holds its stdout open; in a container it would be gone by now.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        reader.join(timeout=KILL_AFTER)
    return Attempt(exit_code, clock.monotonic() - started), results[-1] if results else None


def _wait(process: subprocess.Popen[bytes], vessel: Vessel, clock: Clock, log: Log, stop: Stop) -> int:
    """The exit code, once the process has ended by itself, at the runtime cutoff or because of `stop`."""
    deadline = clock.monotonic() + vessel.guardrails.runtime_cutoff
    kill_at = None
    while True:
        try:
            code = process.wait(timeout=TICK)
        except subprocess.TimeoutExpired:
            now = clock.monotonic()
            if kill_at is None and (stop.signal_number or now >= deadline):
                reason = "interrupted" if stop.signal_number else "the runtime cutoff is reached"
                log(f"{vessel.name}: {reason}; terminating it")
                process.terminate()
                kill_at = now + KILL_AFTER
            elif kill_at is not None and now >= kill_at:
                log(f"{vessel.name}: still running {KILL_AFTER:g} s after that; killing it")
                process.kill()
                kill_at = math.inf
        else:
            return 128 - code if code < 0 else code


def _pass_on(source: IO[bytes], target: BinaryIO | None, results: list[dict[str, Any]]) -> None:
    with source:
        for line in source:
            with contextlib.suppress(ValueError, RecursionError):
                parsed = json.loads(line)
                if isinstance(parsed, dict):
                    results[:] = [parsed]
            if target is not None:
                try:
                    target.write(line if line.endswith(b"\n") else line + b"\n")  # another one's may follow
                    target.flush()
                except (OSError, ValueError):  # nobody reads it any more; the script is not to blame
                    _let_go(target)
                    target = None


def _reason_to_skip(fleet: Fleet, before: Sequence[Connection], runs: Mapping[int, VesselRun]) -> str:
    """Why a vessel does not run although all those before it have ended or were skipped; empty if it does."""
    for one in before:
        name = fleet.vessels[one.upstream].name
        if one.upstream not in runs:
            return f"{name} did not run"
        exit_code = runs[one.upstream].exit_code
        if not one.is_met(exit_code):
            return f"{name} ended with exit code {exit_code}, and the connection is {one.condition}"
    return ""


def _exit_code_of(runs: Collection[VesselRun], reasons: Collection[str], stop: Stop) -> int:
    failed = [run.exit_code for run in runs if run.exit_code]
    if stop.signal_number and (failed or INTERRUPTED in reasons):
        return stop.exit_code
    return failed[0] if failed else 0


def attempts_in_words(run: VesselRun) -> str:
    """`1`, or `4: 3 x 210, then 0`."""
    before = Counter(attempt.exit_code for attempt in run.attempts[:-1])
    if not before:
        return "1"
    listed = ", ".join(f"{count} x {code}" for code, count in before.items())
    return f"{len(run.attempts)}: {listed}, then {run.attempts[-1].exit_code}"


def _summary(done: FleetRun) -> list[str]:
    """A table of a fleet's vessels."""
    rows = [("vessel", "attempts", "exit code", "seconds", "outcome")]
    for run in done.runs:
        outcome = printable(str((run.result or {}).get("outcome") or ("failed" if run.exit_code else "succeeded")))
        rows.append((run.name, attempts_in_words(run), str(run.exit_code), f"{run.seconds:.1f}", outcome[:60]))
    rows += [(name, "0", "-", "-", f"skipped: {reason}") for name, reason in done.skipped]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return ["  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[4]]) for row in rows]


def _let_go(target: BinaryIO) -> None:
    """Lose what could not be written, so that Python does not try again at its end and fails for it."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), target.fileno())


def _line_writer(target: BinaryIO) -> Callable[[bytes], None]:
    """Writes a line at a time, from any thread."""
    lock = threading.Lock()

    def write(line: bytes) -> None:
        try:
            with lock:
                target.write(line)
                target.flush()
        except (OSError, ValueError):  # nobody reads it any more; that stops no vessel
            _let_go(target)

    return write


@contextlib.contextmanager
def _labelled(name: str, write: Callable[[bytes], None]) -> Iterator[BinaryIO]:
    """A file of which each line is written with a name in front."""
    source, target = os.pipe()

    def pass_on() -> None:
        with open(source, "rb") as lines:  # noqa: PTH123 - a file descriptor, no path
            while line := lines.readline(LONGEST_LINE):
                write(f"[{name}] ".encode() + line + (b"" if line.endswith(b"\n") else b"\n"))

    reader = threading.Thread(target=pass_on, daemon=True)
    reader.start()
    with open(target, "wb") as file:  # noqa: PTH123 - likewise
        yield file
    reader.join(timeout=1)  # no longer, should something that the script started hold the pipe open


def _pause(seconds: float, clock: Clock, stop: Stop) -> None:
    until = clock.monotonic() + seconds
    while not stop.signal_number and (left := until - clock.monotonic()) > 0:
        clock.sleep(min(left, TICK))


@contextlib.contextmanager
def _artifacts_folder(named: Path | None, environment: Mapping[str, str]) -> Iterator[str]:
    given = environment.get("SHIPYARD_ARTIFACTS_DIRECTORY", "").strip()
    if named is not None:
        yield str(named.resolve())
    elif given not in ("", "None"):
        yield given
    else:
        folder = tempfile.mkdtemp(prefix="artifacts-")
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _neighbours(which: str, log_ids: Sequence[str]) -> dict[str, str]:
    return {
        f"SHIPYARD_FLEET_{which}_COUNT": str(len(log_ids)),
        f"SHIPYARD_FLEET_{which}_LOG_IDS": ",".join(log_ids),
    }


def _lasting_id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of retries; write 0 or more")
    return int(text)


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except CatalogError as fault:
        raise argparse.ArgumentTypeError(str(fault)) from None
