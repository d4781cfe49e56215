"""Running `sync-blueprints export` within a test, and reading its text."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import yaml

from sync_blueprints.catalog import REPOSITORY
from sync_blueprints.export import main
from tests.processes import Ended

TRIGGER, CHECK = "Fivetran - Execute Sync", "Fivetran - Check Sync Status"


def inputs(*given: str) -> tuple[str, ...]:
    """NAME=VALUE as options of the command."""
    return tuple(part for one in given for part in ("--input", one))


CONNECTOR = inputs("FIVETRAN_CONNECTOR_ID=speak_inexpensive")
BOTH = (TRIGGER, CHECK, *CONNECTOR)
PODS = {  # what becomes Jobs of Kubernetes or a workflow of Argo
    "a trigger": (TRIGGER, *CONNECTOR),
    "a trigger and its check": BOTH,
    "with a name and a namespace": (*BOTH, "--name", "nightly", "--namespace", "syncs"),
    "on a schedule": (*BOTH, "--schedule", "*/15 0-6,22 1,15 jan-mar MON-FRI"),
    "credentials on a schedule": ("Nango - Check Credentials", "--schedule", "*/30 * * * *"),
    "a waiting trigger": (TRIGGER, *CONNECTOR, *inputs("FIVETRAN_WAIT=true")),
    "four vessels": ("Fivetran - Update Connector", TRIGGER, CHECK, *BOTH[1:], *inputs("FIVETRAN_PAUSED=FALSE")),
    "on OpenShift": (*BOTH, "--openshift"),
    "with secrets as files": (*BOTH, "--secret-files"),
    "with secrets as files on a schedule": (*BOTH, "--secret-files", "--schedule", "0 2 * * *"),
}


@functools.cache
def export(*arguments: str) -> Ended:
    """Run the command with these arguments, once in all tests."""
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
    stderr = io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        try:
            exit_code = main(arguments)
        except SystemExit as end:
            exit_code = int(end.code or 0)
    stdout.flush()
    return Ended(exit_code, stdout.buffer.getvalue().decode(), stderr.getvalue())


def exported(*arguments: str) -> str:
    """What the command prints; it must succeed."""
    printed = export(*arguments)
    assert printed.exit_code == 0, printed.stderr
    return printed.stdout


def program_in(folder: Path, name: str, *command: object) -> None:
    """Put a program into the folder, for a PATH, that runs a command with the arguments it is given."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(f'#!/bin/sh\nexec {shlex.join(map(str, command))} "$@"\n', encoding="utf-8")
    program.chmod(0o755)


def command_in(folder: Path) -> None:
    program_in(folder, "sync-blueprints", sys.executable, REPOSITORY / "sync_blueprints" / "__main__.py")


def shell(
    command: str, home: Path, *, stdin: str = "", program: str = "/bin/sh", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the command in that home, with the programs there."""
    environment = {"HOME": str(home), "PATH": f"{home}/bin:{os.environ['PATH']}", **variables}
    pipes: dict[str, Any] = {"input": stdin, "capture_output": True, "text": True}
    return subprocess.run([program, "-c", command], cwd=home, env=environment, timeout=120, check=False, **pipes)


def fleets(text: str) -> list[dict[str, Any]]:
    """The vessels of a fleet, also of one that is inside a script."""
    found = re.search(r"<<'EOF'\n(.*?)^EOF$", text, re.DOTALL | re.MULTILINE)
    return list(yaml.safe_load(found[1] if found else text)["vessels"].values())


def jobs(text: str) -> list[dict[str, Any]]:
    """The specs of all Kubernetes Jobs, also of those that a CronJob makes."""
    documents = list(yaml.safe_load_all(text))
    specs = [one["spec"] for one in documents if one["kind"] == "Job"]
    return specs + [one["spec"]["jobTemplate"]["spec"] for one in documents if one["kind"] == "CronJob"]


def scripts(text: str) -> list[dict[str, Any]]:
    """The templates of an Argo workflow that run a container."""
    workflow, *_ = yaml.safe_load_all(text)
    return [one for one in workflow["spec"]["templates"] if "container" in one]


def blocks(text: str, language: str = r"\w*") -> list[str]:
    """The blocks of a page in that language, those in lists, too."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for _, block in found]
