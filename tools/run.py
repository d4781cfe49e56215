"""python -m tools run: blueprints on this machine as an orchestrator would run them, guardrails and all."""

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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, BinaryIO, Callable, Protocol

from tools.catalogue import CatalogueError, Guardrails, find, parse_duration

KILL_AFTER = 10.0  # seconds between SIGTERM and SIGKILL
TICK = 0.1  # seconds between two looks at the runtime cutoff and at Stop

Log = Callable[[str], None]


def _silent(_line: str) -> None: ...


class Clock(Protocol):
    """`time` itself, or a test's clock."""

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float, /) -> object: ...


@dataclass(frozen=True)
class Vessel:
    """One step of a fleet: a script and its guardrails."""

    name: str
    path: Path
    guardrails: Guardrails


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


@dataclass
class Stop:
    """Set `signal_number` to end what is running: its process is terminated, and no further one starts."""

    signal_number: int = 0

    @property
    def exit_code(self) -> int:
        return 128 + self.signal_number


def vessel_of(name_or_path: str) -> Vessel:
    """A blueprint with its guardrails, or any other script with none. Raises CatalogueError."""
    try:
        blueprint = find(name_or_path)
    except CatalogueError:
        path = Path(name_or_path)
        if not path.is_file():
            raise
        return Vessel(path.name, path.resolve(), Guardrails())
    return Vessel(blueprint.name, blueprint.path, blueprint.guardrails)


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
    while True:
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
        if stop.signal_number:
            exit_code = stop.exit_code
            break
    return VesselRun(vessel.name, attempts, exit_code, result, clock.monotonic() - started)


def run_fleet(
    vessels: Sequence[Vessel],
    environment: Mapping[str, str],
    *,
    artifacts: Path | None = None,
    clock: Clock = time,
    stdout: BinaryIO | None = None,
    stderr: IO[Any] | None = None,
    log: Log = _silent,
    stop: Stop | None = None,
) -> list[VesselRun]:
    """Run vessels one after the other, until one fails; those after it are not in the answer.

    They share the folder `artifacts`, else the one that `environment` names, else a temporary one that is removed.
    """
    stop = stop or Stop()
    runs: list[VesselRun] = []
    with _artifacts_folder(artifacts, environment) as folder:
        shared = {**environment, "SHIPYARD_ARTIFACTS_DIRECTORY": folder}
        for vessel, variables in zip(vessels, chain_environments(vessels)):
            if stop.signal_number:
                break
            run = run_vessel(
                vessel, {**shared, **variables}, clock=clock, stdout=stdout, stderr=stderr, log=log, stop=stop
            )
            runs.append(run)
            if run.exit_code != 0:
                break
    return runs


def chain_environments(vessels: Sequence[Vessel]) -> list[dict[str, str]]:
    """The platform's variables of each vessel of a chain. All log ids are drawn first: each names its neighbours'."""
    log_ids = [str(uuid.uuid4()) for _ in vessels]
    fleet = {
        "SHIPYARD_ORG_NAME": "local",
        "SHIPYARD_PROJECT_ID": _lasting_id("project"),
        "SHIPYARD_FLEET_ID": _lasting_id("\n".join(vessel.name for vessel in vessels)),
        "SHIPYARD_FLEET_LOG_ID": str(uuid.uuid4()),
    }
    return [
        {
            **fleet,
            "SHIPYARD_LOG_ID": log_ids[place],
            "SHIPYARD_VESSEL_NAME": vessel.name,
            "SHIPYARD_VESSEL_ID": _lasting_id(vessel.name),
            **_neighbours("UPSTREAM", log_ids[max(place - 1, 0) : place]),
            **_neighbours("CURRENT", [log_ids[place]]),
            **_neighbours("DOWNSTREAM", log_ids[place + 1 : place + 2]),
        }
        for place, vessel in enumerate(vessels)
    ]


def main(argv: Sequence[str]) -> int:
    """The command; returns the exit code of the last attempt of the last vessel, 2 for a wrong command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools run",
        description="Run blueprints one after the other as an orchestrator would: retries, time limit, hand-over. "
        "Inputs are environment variables. Exits with the code of the last one that ran.",
    )
    parser.add_argument("vessels", nargs="+", metavar="NAME|PATH", help="a blueprint's name or file, or any script")
    parser.add_argument("--retry-count", type=_count, metavar="N", help="in place of the catalogue's")
    parser.add_argument("--retry-wait", type=_duration, metavar="5m", help="in place of the catalogue's")
    parser.add_argument("--runtime-cutoff", type=_duration, metavar="4h0m0s", help="of one attempt, likewise")
    parser.add_argument("--artifacts", type=Path, metavar="DIR", help="where the files handed over lie, and stay")
    arguments = parser.parse_args(argv)
    overrides = {
        name: getattr(arguments, name)
        for name in ("retry_count", "retry_wait", "runtime_cutoff")
        if getattr(arguments, name) is not None
    }
    try:
        vessels = [vessel_of(name) for name in arguments.vessels]
    except CatalogueError as fault:
        parser.exit(2, f"run: {fault}\n")
    vessels = [replace(vessel, guardrails=replace(vessel.guardrails, **overrides)) for vessel in vessels]
    stop = Stop()
    with signals_set(stop):
        runs = run_fleet(
            vessels,
            os.environ,
            artifacts=arguments.artifacts,
            stdout=sys.stdout.buffer,
            log=lambda line: print(f"run: {line}", file=sys.stderr, flush=True),
            stop=stop,
        )
    if stop.signal_number and len(runs) < len(vessels) and not (runs and runs[-1].exit_code):
        return stop.exit_code  # stopped between two vessels: nobody may take that for a fleet that succeeded
    return runs[-1].exit_code


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
    process = subprocess.Popen(
        [sys.executable, str(vessel.path)],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        start_new_session=os.name == "posix",  # else Ctrl-C would reach the script too, once more than the runner says
    )
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
                    target.write(line)
                    target.flush()
                except (OSError, ValueError):  # nobody reads it any more; the script is not to blame
                    target = None


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
    except CatalogueError as fault:
        raise argparse.ArgumentTypeError(str(fault)) from None
