"""Starts a script as a child process and sees it to its end. Nothing else in this package starts one."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Callable

TERM_GRACE = 10.0  # seconds between SIGTERM and SIGKILL
TICK = 0.1  # seconds between two looks at the clock and at `stopped`
LEFTOVER_GRACE = 1.0  # seconds that a process left behind by the script may hold its output open
MAX_LINE = 65536  # bytes that are passed on together
LIFELINE = "SYNC_BLUEPRINTS_LIFELINE_FD"
KILLED = 137

Sink = Callable[[bytes], object]


def _ignore(_: object) -> None: ...


def _never() -> bool:
    return False


def run_script(
    script: Path,
    environment: Mapping[str, str],
    *,
    stdout: Sink = _ignore,
    stderr: Sink = _ignore,
    note: Callable[[str], object] = _ignore,
    time_limit: float | None = None,
    stopped: Callable[[], bool] = _never,
) -> int:
    """Run a script with exactly this environment and return its exit code; an end by signal N is 128+N.

    `stdout` and `stderr` get its output line by line, in this thread. After `time_limit` seconds, or once `stopped`
    says so, the script gets SIGTERM and TERM_GRACE seconds later SIGKILL. So it does when an exception is raised in
    here, by a signal handler or by a sink. It ends, too, when this process is gone: its lifeline, an inherited pipe,
    is then at its end. Raises OSError if no process can be started.
    """
    with _lifeline() as (descriptors, variable):
        process = subprocess.Popen(
            [sys.executable, str(script)],
            env={**environment, **variable},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=descriptors,
            start_new_session=os.name == "posix",  # else Ctrl-C would reach the script, too
        )
        child = _Child(process, stdout, stderr, note)
        try:
            child.follow(time_limit, stopped)
        except BaseException:
            child.end()
            raise
        return process.returncode if process.returncode >= 0 else 128 - process.returncode


class _Child:
    """A running script and its output."""

    def __init__(
        self, process: subprocess.Popen[bytes], stdout: Sink, stderr: Sink, note: Callable[[str], object]
    ) -> None:
        self.process = process
        self.note = note
        self.kill_at: float | None = None
        self.left_at: float | None = None
        self.open = 2  # of its two outputs
        self.lines: queue.SimpleQueue[tuple[Sink, bytes]] = queue.SimpleQueue()
        for source, sink in ((process.stdout, stdout), (process.stderr, stderr)):
            assert source is not None  # noqa: S101 - for mypy: it is a pipe
            threading.Thread(target=self._read, args=(source, sink), daemon=True).start()

    def follow(self, time_limit: float | None, stopped: Callable[[], bool]) -> None:
        """Pass its output on until it has ended, and end it when that is due."""
        deadline = time.monotonic() + time_limit if time_limit is not None else None
        while self.open and not self._is_abandoned():
            if self.kill_at is None and stopped():
                self.terminate("interrupted")
            elif self.kill_at is None and deadline is not None and time.monotonic() >= deadline:
                self.terminate("the time limit was reached")
            self._kill_if_due()
            self._pass_on()
        while self.process.poll() is None:  # it closed its output and goes on
            self._kill_if_due()
            time.sleep(TICK)

    def end(self) -> None:
        """Terminate it, passing on what it still has to say, and kill it if that takes too long."""
        try:
            self.process.terminate()
            kill_at = time.monotonic() + TERM_GRACE
            while self.process.poll() is None and time.monotonic() < kill_at:
                with contextlib.suppress(Exception):  # the sink may be what failed
                    self._pass_on()
            while not self.lines.empty():
                with contextlib.suppress(Exception):
                    self._pass_on()
        finally:
            self.process.kill()
            self.process.wait()

    def terminate(self, reason: str) -> None:
        self.note(f"{reason}; terminating the script")
        self.process.terminate()
        self.kill_at = time.monotonic() + TERM_GRACE

    def _kill_if_due(self) -> None:
        if self.kill_at is not None and time.monotonic() >= self.kill_at:
            self.note(f"still running {TERM_GRACE:g} s after SIGTERM; killing the script")
            self.process.kill()
            self.kill_at = float("inf")

    def _is_abandoned(self) -> bool:
        """Whether the script has ended, and what it started still holds its output open; this is killed, then."""
        if self.process.poll() is None:
            return False
        now = time.monotonic()
        self.left_at = self.left_at or now
        if now - self.left_at < LEFTOVER_GRACE or not self.lines.empty():
            return False
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        return True

    def _pass_on(self) -> None:
        with contextlib.suppress(queue.Empty):
            sink, line = self.lines.get(timeout=TICK)
            if line:
                sink(line)
            else:
                self.open -= 1

    def _read(self, source: IO[bytes], sink: Sink) -> None:
        with source:
            while line := source.readline(MAX_LINE):
                self.lines.put((sink, line))
        self.lines.put((sink, b""))


@contextlib.contextmanager
def _lifeline() -> Iterator[tuple[tuple[int, ...], dict[str, str]]]:
    """The descriptors and the variable that the child gets; the other end of the pipe closes when this process ends."""
    if os.name != "posix":
        yield (), {}
        return
    read, write = os.pipe()
    try:
        yield (read,), {LIFELINE: str(read)}
    finally:
        os.close(read)
        os.close(write)
