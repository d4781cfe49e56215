"""Starts a script as a child process and sees it to its end. Nothing else in this package starts one."""

from __future__ import annotations

import contextlib
import math
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


def run_script(
    script: Path,
    environment: Mapping[str, str],
    *,
    stdout: Sink,
    stderr: Sink,
    note: Callable[[str], object],
    time_limit: float | None,
    stopped: Callable[[], bool],
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
        deadline = math.inf if time_limit is None else time.monotonic() + time_limit
        try:
            while child.is_running():
                if stopped():
                    child.terminate("interrupted")
                elif time.monotonic() >= deadline:
                    child.terminate("the time limit was reached")
                child.pass_on()
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

    def is_running(self) -> bool:
        """Whether it, or its output, has not ended; kills it when that is due, and what it left behind."""
        now = time.monotonic()
        if self.process.poll() is None:
            if self.kill_at is not None and now >= self.kill_at:
                self.kill_at = math.inf
                self.process.kill()
                self.note(f"still running {TERM_GRACE:g} s after SIGTERM; the script was killed")
            return True
        self.left_at = self.left_at or now
        if self.open and (now - self.left_at < LEFTOVER_GRACE or not self.lines.empty()):
            return True
        if self.open and os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        return False

    def terminate(self, reason: str) -> None:
        if self.kill_at is None:
            self.kill_at = time.monotonic() + TERM_GRACE
            self.process.terminate()
            self.note(f"{reason}; terminating the script")

    def end(self) -> None:
        """Terminate it, passing on what it still has to say; what its sinks raise is dropped."""
        self.note = lambda _: None
        try:
            self.terminate("")
            while self.is_running():
                with contextlib.suppress(Exception):
                    self.pass_on()
        finally:
            self.process.kill()
            self.process.wait()

    def pass_on(self) -> None:
        """A line of its output, if one comes soon."""
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
