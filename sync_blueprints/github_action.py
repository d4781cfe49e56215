"""What action.yml starts: masks the secrets, runs the blueprints with their guardrails, reports to the job."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sync_blueprints.catalog import Blueprint, CatalogError, find, guardrails_given
from sync_blueprints.fleet import Fleet, chain, vessel_of
from sync_blueprints.fleet_run import FleetRun
from sync_blueprints.run_command import run_and_report, with_guardrails
from sync_blueprints.runner import ARTIFACTS
from sync_blueprints.terminal import printable

GUARDRAILS = ("retry_count", "retry_wait", "runtime_cutoff")
MIN_SECRET = 4  # characters; masking a shorter one would make the log unreadable


def main(_argv: Sequence[str]) -> int:
    """The exit code of the blueprint that ended the run; 2 for wrong inputs of the action. All comes by variables."""
    environment = os.environ
    # The scripts would report each attempt there; the job gets the last one of each blueprint, below.
    output, summary = (environment.pop(name, None) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"))
    try:
        fleet = _fleet(environment)
    except CatalogError as error:
        wrong = {"exit_code": 2, "outcome": "invalid_input", "message": str(error)}
        _say(f"::error title=sync-blueprints::{_escaped(str(error))}")
        _append(output, outputs(wrong, 2))
        return 2
    for command in masks([vessel.blueprint for vessel in fleet.vessels if vessel.blueprint], environment):
        _say(command)
    artifacts = None
    if environment.get(ARTIFACTS, "").strip() in ("", "None"):
        # The steps of a job share it: a check finds the handoff of the trigger in an earlier step.
        artifacts = Path(environment.get("RUNNER_TEMP") or tempfile.gettempdir(), "sync-blueprints-artifacts")
    done = run_and_report(fleet, artifacts, as_fleet=False)
    _report(done, output, summary)
    return done.exit_code


def _fleet(environment: Mapping[str, str]) -> Fleet:
    names = [line.strip() for line in environment.get("INPUT_BLUEPRINT", "").splitlines() if line.strip()]
    if not names:
        raise CatalogError("the input blueprint is empty; give a name or a script of blueprints.yaml")
    given = {name: environment.get(f"INPUT_{name.upper()}", "").strip() or None for name in GUARDRAILS}
    fleet = chain([vessel_of(find(name.replace("\\", "/")).name) for name in names])
    return with_guardrails(fleet, guardrails_given(given))


def masks(blueprints: Iterable[Blueprint], environment: Mapping[str, str]) -> list[str]:
    """The commands by which GitHub's runner hides the blueprints' passwords in the job's log, line by line too."""
    values = [environment.get(name, "").strip() for blueprint in blueprints for name in blueprint.secrets]
    texts = [text.strip() for value in values if value != "None" for text in (value, *value.splitlines())]
    return [f"::add-mask::{_escaped(text)}" for text in dict.fromkeys(texts) if len(text) >= MIN_SECRET]


def outputs(result: Mapping[str, Any], exit_code: int) -> str:
    """The action's outputs, as GITHUB_OUTPUT takes them."""
    values = {
        "exit-code": exit_code,
        "outcome": result.get("outcome", "interrupted"),
        "sync-id": result.get("sync_id") or "",
        "message": result.get("message", "interrupted before anything was started"),
    }
    return "".join(f"{name}={printable(' '.join(str(value).split()))}\n" for name, value in values.items())


def _report(done: FleetRun, output: str | None, summary: str | None) -> None:
    """The outputs of the blueprint that ran last, a table for each, and an annotation for one that failed."""
    last = done.runs[-1].result if done.runs else {}
    written = outputs(last, done.exit_code)
    _append(output, written)
    for run in done.runs:
        lines = outputs(run.result, run.exit_code).splitlines()
        rows = "".join(f"| {name} | {_cell(value)} |\n" for name, _, value in (line.partition("=") for line in lines))
        _append(summary, f"| {_cell(run.name)} | |\n| --- | --- |\n{rows}\n")
    if done.exit_code:
        values = dict(line.split("=", 1) for line in written.splitlines())
        title = done.runs[-1].name if done.runs else "sync-blueprints"
        text = f"{values['outcome']} (exit code {done.exit_code}): {values['message']}"
        _say(f"::error title={title}::{_escaped(text)}")


def _say(command: str) -> None:
    """To the runner, which reads UTF-8 whatever this machine's own encoding is."""
    sys.stdout.buffer.write(f"{command}\n".encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()


def _escaped(text: str) -> str:
    """As the runner reads the value of a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _cell(value: str) -> str:
    """A value in a table of Markdown, where nothing in it is markup."""
    return re.sub("[&<>|`\"'*_\\[\\]!#\\\\]", lambda found: f"&#{ord(found[0])};", value)


def _append(path: str | None, text: str) -> None:
    if path:
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)
