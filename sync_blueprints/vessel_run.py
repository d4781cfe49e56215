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
from typing import Any, Callable

from sync_blueprints.catalog import Guardrails
from sync_blueprints.fleet import Vessel
from sync_blueprints.process import TICK, Sink, run_script
from sync_blueprints.runner import last_object, result_of
from sync_blueprints.terminal import duration

CANNOT_START = 126  # as shells have it


def ignore(_: object) -> None: ...


@dataclass(frozen=True)
class Attempt:
    """One process; an exit by signal N is 128+N.

    `result` is the last JSON object on its stdout; `held` are the lines with JSON that were not passed on yet.
    """

    exit_code: int
    seconds: float
    result: dict[str, Any]
    held: tuple[bytes, ...]


@dataclass
class VesselRun:
    """What came of a vessel: its attempts (none if it was stopped before the first), and how the last one ended."""

    name: str
    attempts: list[Attempt] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        return self.attempts[-1].exit_code

    @property
    def result(self) -> dict[str, Any]:
        return self.attempts[-1].result

    @property
    def outcome(self) -> str:
        return str(self.result.get("outcome") or ("failed" if self.exit_code else "succeeded"))

    @property
    def attempts_in_words(self) -> str:
        """`1`, or `4: 3 x 210, then 0`."""
        before = Counter(attempt.exit_code for attempt in self.attempts[:-1])
        if not before:
            return "1"
        listed = ", ".join(f"{count} x {code}" for code, count in before.items())
        return f"{len(self.attempts)}: {listed}, then {self.exit_code}"


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

    with contextlib.ExitStack() as stack:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                stack.callback(signal.signal, number, signal.signal(number, handle))
        yield


@dataclass(frozen=True)
class Console:
    """Where output and log lines go, and what ends a run early; `clock` is `time` itself, or a test's."""

    stdout: Sink = ignore
    stderr: Sink = ignore
    log: Callable[[str], object] = ignore
    stop: Stop = field(default_factory=Stop)
    clock: Any = time


def run_vessel(vessel: Vessel, environment: Mapping[str, str], console: Console) -> VesselRun:
    """Run a vessel with exactly this environment until it succeeds or its guardrails forbid another attempt.

    Its output is passed on line by line, but for JSON on stdout of attempts that are retried.
    """
    started = console.clock.monotonic()
    guardrails = vessel.guardrails_in(environment)
    run = VesselRun(vessel.name)
    while not console.stop():
        run.attempts.append(_attempt(vessel, environment, guardrails, console))
        ended = f"{vessel.name}: attempt {len(run.attempts)} ended with exit code {run.exit_code}"
        ended += f" after {run.attempts[-1].seconds:.1f} s"
        reason = _why_no_retry(run, guardrails, console.stop)
        if reason is not None:
            console.log(ended + reason)
            break
        retry = f"retry {len(run.attempts)} of {guardrails.retry_count}"
        console.log(f"{ended}; {retry} {_when(guardrails.retry_wait)}")
        until = console.clock.monotonic() + guardrails.retry_wait
        while not console.stop() and (left := until - console.clock.monotonic()) > 0:
            console.clock.sleep(min(left, TICK))
        if console.stop():
            run.attempts[-1] = _interrupted(run, f"interrupted before {retry}", console.stop.exit_code)
            console.log(f"{vessel.name}: {run.result['message']}")
    for line in run.attempts[-1].held if run.attempts else ():
        console.stdout(line)
    run.seconds = console.clock.monotonic() - started
    return run


def _attempt(vessel: Vessel, environment: Mapping[str, str], guardrails: Guardrails, console: Console) -> Attempt:
    """Run the script once; what it wrote to stdout as JSON is not passed on but kept."""
    started = time.monotonic()
    held: list[bytes] = []

    def on_stdout(line: bytes) -> None:
        if last_object([line]) is None:
            console.stdout(line)
        else:
            held.append(line.rstrip(b"\n") + b"\n")

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
    result = last_object(held) or {}
    if vessel.blueprint and result.get("exit_code") != exit_code:  # it was killed, say
        result = result_of(vessel.name, exit_code, held, "", seconds).details
        held = [_line(result)]
    return Attempt(exit_code, seconds, result, tuple(held))


def _line(result: Mapping[str, Any]) -> bytes:
    return json.dumps(result).encode() + b"\n"


def _why_no_retry(run: VesselRun, guardrails: Guardrails, stop: Stop) -> str | None:
    """What to log after the end of the last attempt; None if there is to be another one."""
    if run.exit_code == 0 or stop():
        return ""
    if not guardrails.try_again_on(run.exit_code):
        return "; a retry would not help"
    if len(run.attempts) > guardrails.retry_count:
        return "; no retries left" if guardrails.retry_count else ""
    return None


def _when(wait: float) -> str:
    if not wait:
        return "now"
    return f"in {duration(wait)} ({datetime.now().astimezone() + timedelta(seconds=wait):%H:%M})"


def _interrupted(run: VesselRun, what: str, exit_code: int) -> Attempt:
    """The last attempt as a run reports it that a signal ended before the next one: what it knew still holds."""
    message = run.result.get("message")
    known = f"{run.outcome}: {message}" if message else f"exit code {run.exit_code}"
    own = {"outcome": "interrupted", "exit_code": exit_code, "retry": False}
    result = {**run.result, **own, "message": f"{what}; last attempt: {known}"}
    return Attempt(exit_code, run.attempts[-1].seconds, result, (_line(result),))
