"""Running a made-up blueprint: in this process, or as a process of its own."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Callable, NamedTuple

import pytest

from shared.context import Run
from shared.run import run
from shared.status import Result
from tests.shared.acme import GOOD, Inputs

REPOSITORY = Path(__file__).resolve().parents[2]
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

Main = Callable[[Any, Run], Result]
Runner = Callable[..., "Ran"]


class Ran(NamedTuple):
    exit_code: Any
    stdout: str
    stderr: str

    @property
    def result(self) -> dict[str, Any]:
        (line,) = self.stdout.splitlines()
        found = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
        assert isinstance(found, dict)
        return found

    @property
    def last_line(self) -> str:
        return self.stderr.splitlines()[-1]


def runner(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """For a fixture: runs a `main` in this process, in `folder`; leaves signals and logging as they were."""
    monkeypatch.chdir(folder)
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.raiseExceptions

    def run_it(
        main: Main,
        environment: Mapping[str, str] = GOOD,
        kind: type[Inputs] = Inputs,
        arguments: Sequence[str] = (),
    ) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            run("Acme - Trigger Sync", main, kind, environment, arguments=arguments)
        return Ran(caught.value.code, *capsys.readouterr())

    yield run_it
    for number, handler in handlers.items():
        signal.signal(number, handler)
    root.handlers[:], level, logging.raiseExceptions = before
    root.setLevel(level)


def succeeds(_given: Any, run: Run) -> Result:
    run.report.sync_id = "run_7"
    run.report.details["rows"] = 12
    return Result("succeeded", "12 rows")


def raises(error: BaseException) -> Main:
    def main(_given: Any, _run: Run) -> Result:
        raise error

    return main


def script(body: str) -> str:
    """The text of a script whose `main` has that body."""
    head = """
        import os, signal, sys, time
        from shared import errors
        from shared.run import run
        from shared.status import Result
        from tests.shared.acme import Inputs, Sync, TriggerInputs
        def main(given, run):
    """
    return (
        textwrap.dedent(head)
        + textwrap.indent(textwrap.dedent(body), "    ")
        + "\nrun('Acme - Trigger Sync', main, TriggerInputs, arguments=())\n"
    )


def process(body: str, folder: Path, redirect: str = "", **more: Any) -> Ran:
    """The script as a process of its own, with nothing but credentials in its environment."""
    command = [sys.executable, "-c", script(body)]
    if redirect:
        command = ["/bin/sh", "-c", f'"$0" "$@" {redirect}', *command]
    environment = {**GOOD, "PYTHONPATH": str(REPOSITORY), "PATH": os.defpath, **more.pop("environment", {})}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60, **more
    )
    return Ran(done.returncode, done.stdout, done.stderr)
