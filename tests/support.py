"""What the tests share: a clock that does not wait, a run in a temporary folder, and running a script's `main`."""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from types import ModuleType

from shared import inputs
from shared.context import Run
from shared.handoff import Artifacts
from shared.redaction import Redactor
from shared.report import Report
from shared.status import Result
from shared.transport import Transport

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=timezone.utc)


class FakeClock:
    """Time passes only when somebody sleeps. `offset`: seconds that the local wall clock is ahead of the server's."""

    def __init__(self, offset: float = 0.0) -> None:
        self.elapsed = 0.0
        self.offset = offset
        self.sleeps: list[float] = []

    def monotonic(self) -> float:
        return 1000.0 + self.elapsed

    def time(self) -> float:
        return NOW.timestamp() + self.elapsed + self.offset

    def sleep(self, seconds: float, /) -> None:
        assert seconds >= 0
        self.sleeps.append(seconds)
        self.elapsed += seconds

    def date(self, later: float = 0.0) -> str:
        """The server's clock, or `later` seconds after that, as a Date header."""
        return format_datetime(NOW + timedelta(seconds=self.elapsed + later), usegmt=True)


class MovableClock:
    """The real time, which a test may advance."""

    ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def time(self) -> float:
        return time.time() + self.ahead


@contextlib.contextmanager
def full_disk(room: int = 0) -> Iterator[None]:
    """No file gets longer than `room`."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def make_run(
    folder: Path,
    vendor: str,
    clock: FakeClock,
    *,
    log_id: str | None = None,
    upstream: tuple[str, ...] = (),
    redactor: Redactor | None = None,
) -> Run:
    """What a run is given, with its artifacts in `folder`."""
    redactor = redactor or Redactor()
    artifacts = Artifacts(folder, vendor, redactor, clock, log_id, upstream)
    return Run(artifacts, redactor, clock, Transport, Report(), {}, clock.monotonic())


def run_main(script: ModuleType, environment: Mapping[str, str], run: Run) -> Result:
    """The result of a script's `main` with inputs from `environment`; raises what it raises."""
    given, problem = inputs.read(script.Inputs, environment)
    run.report.id = given.subject
    if given.starts:
        run.artifacts.begin_start(given.target)
    if problem is not None:
        raise problem
    result: Result = script.main(given, run)
    return result
