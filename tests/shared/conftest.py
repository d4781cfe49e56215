"""Fixtures for the tests of what all vendors share."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from shared.context import Run
from shared.run import run as run_blueprint
from tests.shared.acme import GOOD, Inputs
from tests.shared.running import Main, Ran, Runner
from tests.support import FakeClock, make_run

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def run(tmp_path: Path, clock: FakeClock) -> Run:
    """A run of Acme's, with its artifacts in `tmp_path`."""
    return make_run(tmp_path, "acme", clock)


@pytest.fixture
def run_here(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """Runs a `main` in this process, in `tmp_path`; leaves signals and logging as they were."""
    monkeypatch.chdir(tmp_path)
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.raiseExceptions

    def run_it(
        main: Main, environment: Mapping[str, str] = GOOD, kind: type[Inputs] = Inputs, arguments: Sequence[str] = ()
    ) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            run_blueprint("Acme - Trigger Sync", main, kind, environment, arguments=arguments)
        return Ran(caught.value.code, *capsys.readouterr())

    yield run_it
    for number, handler in handlers.items():
        signal.signal(number, handler)
    root.handlers[:], level, logging.raiseExceptions = before
    root.setLevel(level)
