"""Runs one vessel with its retries and its time limit."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Callable, Protocol

from sync_blueprints.catalog import Guardrails
from sync_blueprints.fleet import Vessel
from sync_blueprints.process import TICK, Sink, run_script
from sync_blueprints.runner import result_of
from sync_blueprints.terminal import duration

CANNOT_START = 126  # as shells have it

Log = Callable[[str], object]


def ignore(_: object) -> None: ...


class Clock(Protocol):
    """`time` itself, or a test's clock."""

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float, /) -> object: ...


@dataclass(frozen=True)
class Attempt:
    """One process; an exit by signal N is 128+N.

    `result` is the last JSON object on its stdout; `held` are the lines with JSON that were not passed on yet.
    """

    exit_code: int
    seconds: float
    result: dict[str, Any] | None = None
    held: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class VesselRun:
    """What came of a vessel: the exit code and the JSON line (None where there was none) of its last attempt."""

    name: str
    attempts: list[Attempt]
    exit_code: int
    result: dict[str, Any] | None
    seconds: float

    @property
    def attempts_in_words(self) -> str:
        """`1`, or `4: 3 x 210, then 0`."""
        before = Counter(attempt.exit_code for attempt in self.attempts[:-1])
        if not before:
            return "1"
        listed = ", ".join(f"{count} x {code}" for code, count in before.items())
        return f"{len(self.attempts)}: {listed}, then {self.attempts[-1].exit_code}"


@dataclass
class Stop:
    """Set `signal_number` to end what is running: its process is terminated, and no further one starts."""

    signal_number: int = 0

    @property
    def exit_code(self) -> int:
        return 128 + self.signal_number

    def __call__(self) -> bool:
        return bool(self.signal_number)


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


@dataclass(frozen=True)
class Console:
    """Where output and log lines go, and what ends a run early."""

    stdout: Sink = ignore
    stderr: Sink = ignore
    log: Log = ignore
    stop: Stop = field(default_factory=Stop)
    clock: Clock = time


def run_vessel(vessel: Vessel, environment: Mapping[str, str], console: Console) -> VesselRun:
    """Run a vessel with exactly this environment until it succeeds or its guardrails forbid another attempt.

    Its output is passed on line by line, but for JSON on stdout of attempts that are retried.
    """
    started = console.clock.monotonic()
    guardrails = vessel.guardrails_in(environment)
    attempts: list[Attempt] = []
    while not console.stop():
        attempt = _attempt(vessel, environment, guardrails, console)
        attempts.append(attempt)
        ended = f"attempt {len(attempts)} ended with exit code {attempt.exit_code} after {attempt.seconds:.1f} s"
        reason = _why_no_retry(attempts, guardrails, console.stop)
        if reason is not None:
            console.log(f"{vessel.name}: {ended}{reason}")
            break
        retry = f"retry {len(attempts)} of {guardrails.retry_count}"
        console.log(f"{vessel.name}: {ended}; {retry} {_when(guardrails.retry_wait)}")
        _pause(guardrails.retry_wait, console)
        if console.stop():
            attempts[-1] = _interrupted(attempt, f"interrupted before {retry}", console.stop.exit_code)
            console.log(f"{vessel.name}: {(attempts[-1].result or {})['message']}")
    seconds = console.clock.monotonic() - started
    if not attempts:
        return VesselRun(vessel.name, attempts, console.stop.exit_code, None, seconds)
    for line in attempts[-1].held:
        console.stdout(line)
    return VesselRun(vessel.name, attempts, attempts[-1].exit_code, attempts[-1].result, seconds)


def _attempt(vessel: Vessel, environment: Mapping[str, str], guardrails: Guardrails, console: Console) -> Attempt:
    """Run the script once; what it wrote to stdout as JSON is not passed on but kept."""
    started = time.monotonic()
    held: list[bytes] = []

    def on_stdout(line: bytes) -> None:
        if _object_in(line) is None:
            console.stdout(line)
        else:
            held.append(line if line.endswith(b"\n") else line + b"\n")

    try:
        exit_code = run_script(
            vessel.path,
            environment,
            stdout=on_stdout,
            stderr=console.stderr,
            note=lambda text: console.log(f"{vessel.name}: {text}"),
            time_limit=guardrails.runtime_cutoff,
            stopped=console.stop,
        )
    except (OSError, ValueError) as error:  # too many processes, too large an environment, a value with a NUL
        console.log(f"{vessel.name}: no process could be started: {getattr(error, 'strerror', None) or error}")
        exit_code = CANNOT_START
    seconds = time.monotonic() - started
    result = _object_in(held[-1]) if held else None
    if vessel.blueprint and (result or {}).get("exit_code") != exit_code:  # it was killed, say
        result = result_of(vessel.name, exit_code, held, "", seconds).details
        held = [_line(result)]
    return Attempt(exit_code, seconds, result, tuple(held))


def _object_in(line: bytes) -> dict[str, Any] | None:
    """The JSON object that the line is, if it is one."""
    with contextlib.suppress(ValueError, RecursionError):
        parsed = json.loads(line)
        return parsed if isinstance(parsed, dict) else None
    return None


def _line(result: Mapping[str, Any]) -> bytes:
    return json.dumps(result).encode() + b"\n"


def _why_no_retry(attempts: list[Attempt], guardrails: Guardrails, stop: Stop) -> str | None:
    """What to log after the end of the last attempt; None if there is to be another one."""
    exit_code = attempts[-1].exit_code
    if exit_code == 0 or stop():
        return ""
    if not guardrails.try_again_on(exit_code):
        return "; a retry would not help"
    if len(attempts) > guardrails.retry_count:
        return "; no retries left" if guardrails.retry_count else ""
    return None


def _when(wait: float) -> str:
    if not wait:
        return "now"
    return f"in {duration(wait)} ({datetime.now().astimezone() + timedelta(seconds=wait):%H:%M})"


def _interrupted(last: Attempt, what: str, exit_code: int) -> Attempt:
    """The last attempt as a run reports it that a signal ended before the next one: what it knew still holds."""
    before = last.result or {}
    known = f"{before['outcome']}: {before['message']}" if before.get("message") else f"exit code {last.exit_code}"
    message = f"{what}; last attempt: {known}"
    result = {**before, "outcome": "interrupted", "exit_code": exit_code, "retry": False, "message": message}
    return Attempt(exit_code, last.seconds, result, (_line(result),))


def _pause(seconds: float, console: Console) -> None:
    until = console.clock.monotonic() + seconds
    while not console.stop() and (left := until - console.clock.monotonic()) > 0:
        console.clock.sleep(min(left, TICK))
