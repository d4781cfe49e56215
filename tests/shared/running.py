"""Running a made-up blueprint: in this process, or as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Callable, NamedTuple

import pytest

from shared.context import Run
from shared.status import Result
from sync_blueprints.root import ROOT
from tests.shared.acme import GOOD

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
        if self.stderr:
            assert self.last_line == f"{found['outcome']} (exit code {self.exit_code}): {found['message']}"
        return found

    @property
    def last_line(self) -> str:
        return self.stderr.splitlines()[-1]


def succeeds(_given: Any, run: Run) -> Result:
    run.report.sync_id = "run_7"
    run.report.details["rows"] = 12
    return Result("succeeded", "12 rows")


def raises(error: BaseException, *, started: bool = False) -> Main:
    def main(_given: Any, run: Run) -> Result:
        run.report.started = started
        raise error

    return main


SCRIPT = """\
import os, signal, time
from shared import errors
from shared.run import run
from shared.status import Result
from tests.shared.acme import TriggerInputs
def main(given, run):
{body}
run("Acme - Trigger Sync", main, TriggerInputs, arguments=())
"""


def process(body: str, folder: Path, shell: str = '"$0" "$@"', **more: Any) -> Ran:
    """A script with this `main`, in a process with nothing but credentials in its environment; sh runs `shell`."""
    script = SCRIPT.format(body=textwrap.indent(textwrap.dedent(body), "    "))
    environment = {**GOOD, "PYTHONPATH": str(ROOT), "PATH": os.defpath, **more}
    command = ["/bin/sh", "-c", shell, sys.executable, "-c", script]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)
    return Ran(done.returncode, done.stdout, done.stderr)
