"""What action.yml starts: masks the secrets, runs the blueprints with their guardrails, hands on the outputs."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from shared import masking
from sync_blueprints import fleet_run as run
from sync_blueprints.catalog import Blueprint, CatalogError, find

GUARDRAILS = ("retry-count", "retry-wait", "runtime-cutoff")
OUTPUTS = ("exit-code", "outcome", "sync-id", "message")


def main(_argv: Sequence[str]) -> int:
    """The exit code of the blueprint that ended the run; 2 for wrong inputs of the action. All comes by variables."""
    environment = os.environ
    names = [line.strip() for line in environment.get("INPUT_BLUEPRINT", "").splitlines() if line.strip()]
    try:
        blueprints = [find(name.replace("\\", "/")) for name in names]
    except CatalogError as fault:
        return _refuse(str(fault), environment)
    if not blueprints:
        return _refuse("the input blueprint is empty; give a name or a file of blueprints.yaml", environment)
    for command in masks(blueprints, environment):
        _say(command)
    given = {name: environment.get(f"INPUT_{name.upper().replace('-', '_')}", "").strip() for name in GUARDRAILS}
    overrides = [f"--{name}={value}" for name, value in given.items() if value]
    temporary = environment.get("RUNNER_TEMP") or tempfile.gettempdir()
    if environment.get("SHIPYARD_ARTIFACTS_DIRECTORY", "").strip() in ("", "None"):
        # The steps of a job share it: a check finds what the trigger of an earlier step handed over.
        environment["SHIPYARD_ARTIFACTS_DIRECTORY"] = str(Path(temporary, "sync-blueprints-artifacts"))
    with tempfile.TemporaryDirectory(prefix="sync-blueprints-", dir=temporary) as folder:
        files = {name: environment.get(name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        environment.update({name: str(Path(folder, name)) for name in files})
        try:
            exit_code = run.main([*overrides, "--", *(blueprint.name for blueprint in blueprints)])
        except SystemExit as wrong:  # argparse has said why
            exit_code = wrong.code if isinstance(wrong.code, int) else 2
        written = {name: _text(Path(folder, name)) for name in files}
    _append(files["GITHUB_OUTPUT"], outputs(written["GITHUB_OUTPUT"], exit_code))
    _append(files["GITHUB_STEP_SUMMARY"], last_tables(written["GITHUB_STEP_SUMMARY"]))
    return exit_code


def masks(blueprints: Iterable[Blueprint], environment: Mapping[str, str]) -> list[str]:
    """The commands by which GitHub's runner hides the blueprints' passwords in the job's log, line by line too."""
    references = [one.reference for blueprint in blueprints for one in blueprint.inputs if one.type == "Password"]
    values = [environment.get(reference, "").strip() for reference in references]
    texts = [text.strip() for value in values if value != "None" for text in (value, *value.splitlines())]
    return [f"::add-mask::{_escaped(text)}" for text in dict.fromkeys(texts) if len(text) >= masking.SHORTEST]


def outputs(written: str, exit_code: int) -> str:
    """The outputs of the last attempt out of those of all; where that left none (it was killed), what is known."""
    last = dict(line.split("=", 1) for line in written.split("\n") if line)
    if last.get("outcome") == "interrupted" and exit_code in (130, 143):
        last["exit-code"] = str(
            exit_code
        )  # the signal that came, where the script got the SIGTERM that it was passed as
    if last.get("exit-code") != str(exit_code):
        message = f"ended with exit code {exit_code} and without a result; the log says more"
        last = {"exit-code": str(exit_code), "outcome": "error", "sync-id": "", "message": message}
    return "".join(f"{name}={last[name]}\n" for name in OUTPUTS)


def last_tables(written: str) -> str:
    """The summary with one table for each blueprint, that of its last attempt."""
    tables = {table.split("\n", 1)[0]: table for table in written.split("\n\n") if table}
    return "".join(f"{table}\n\n" for table in tables.values())


def _refuse(why: str, environment: Mapping[str, str]) -> int:
    _say(f"::error title=sync-blueprints::{_escaped(why)}")
    message = masking.printable(" ".join(why.split()))
    _append(environment.get("GITHUB_OUTPUT"), f"exit-code=2\noutcome=invalid_input\nsync-id=\nmessage={message}\n")
    return 2


def _say(command: str) -> None:
    """To the runner, which reads UTF-8 whatever this machine's own encoding is."""
    sys.stdout.buffer.write(f"{command}\n".encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()


def _escaped(text: str) -> str:
    """As the runner reads the value of a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""


def _append(path: str | None, text: str) -> None:
    if path:
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)
