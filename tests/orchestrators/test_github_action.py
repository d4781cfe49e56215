"""The GitHub Action: its one step is run as GitHub's runner runs it, in an empty checkout, against the sandbox."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from sync_blueprints.catalog import REPOSITORY, find
from sync_blueprints.github_action import masks
from sync_blueprints.sandbox import Sandbox
from tests.exporting import program_in
from tests.orchestrators.integration import CHECK, TRIGGER, WITHOUT_INDEX, unique

ACTION = yaml.safe_load((REPOSITORY / "action.yml").read_text(encoding="utf-8"))
EXAMPLE = yaml.safe_load((REPOSITORY / "examples" / "github-actions" / "sync.yml").read_text(encoding="utf-8"))
BASH = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail")  # as the runner starts it for `shell: bash`
CREDENTIALS = "fivetran_blueprints/check_credentials.py"

pytestmark = [pytest.mark.slow, pytest.mark.sockets]


@dataclass(frozen=True)
class Step:
    """What came of the action; `outputs` as the runner reads them."""

    exit_code: int
    outputs: dict[str, str]
    summary: str
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Job:
    """A job on a runner. The paths have blanks, the checkout is empty."""

    folder: Path
    checkout: Path
    variables: Mapping[str, str]

    def start(self, with_: Mapping[str, str], variables: Mapping[str, str]) -> subprocess.Popen[str]:
        """`uses:` the action with these inputs and this env."""
        (step,) = [step for step in ACTION["runs"]["steps"] if "run" in step]
        inputs = {**{name: one.get("default", "") for name, one in ACTION["inputs"].items()}, **with_}
        values = {f"inputs.{name}": value for name, value in inputs.items()}
        values["steps.python.outputs.python-path"] = sys.executable if inputs["python-version"] else ""
        own = {name: values[text[len("${{ ") : -len(" }}")]] for name, text in step["env"].items()}
        for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
            (self.folder / name).write_text("", encoding="utf-8")
        script = self.folder / "step.sh"
        script.write_text(step["run"], encoding="utf-8")
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        environment = {**self.variables, **variables, **own}
        return subprocess.Popen([*BASH, str(script)], cwd=self.checkout, env=environment, encoding="utf-8", **pipes)

    def finish(self, process: subprocess.Popen[str]) -> Step:
        stdout, stderr = process.communicate(timeout=120)
        written = (self.folder / "GITHUB_OUTPUT").read_text(encoding="utf-8")
        assert re.fullmatch(r"([a-z-]+=.*\n)*", written)
        summary = (self.folder / "GITHUB_STEP_SUMMARY").read_text(encoding="utf-8")
        outputs = dict(line.split("=", 1) for line in written.splitlines())
        return Step(process.returncode, outputs, summary, stdout, stderr)

    def run(self, blueprint: str, with_: Mapping[str, str] | None = None, **variables: str) -> Step:
        before = sorted(self.checkout.iterdir())
        step = self.finish(self.start({"blueprint": blueprint, **(with_ or {})}, variables))
        assert sorted(self.checkout.iterdir()) == before
        return step


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its folder, in which a first use of the action makes a virtual environment."""
    folder = tmp_path_factory.mktemp("runner")
    (folder / "an action").symlink_to(REPOSITORY, target_is_directory=True)
    (folder / "temp of the runner").mkdir()
    return folder


@pytest.fixture
def job(runner: Path, sandbox: Sandbox, tmp_path: Path) -> Job:
    (tmp_path / "check out").mkdir()
    files = {name: str(runner / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    folders = {"GITHUB_ACTION_PATH": str(runner / "an action"), "RUNNER_TEMP": str(runner / "temp of the runner")}
    return Job(runner, tmp_path / "check out", {**sandbox.environment, **WITHOUT_INDEX, **files, **folders})


@pytest.mark.parametrize("python_version", ["", "3.x"])
@pytest.mark.parametrize(
    ("behaviour", "exit_code", "outcome"),
    [("succeeds_in_1", 0, "succeeded"), ("fails_in_0", 211, "failed"), ("not an id", 206, "invalid_input")],
)
def test_the_step_ends_with_the_blueprints_exit_code_and_has_its_outputs(
    job: Job, behaviour: str, exit_code: int, outcome: str, python_version: str
) -> None:
    with_ = {"python-version": python_version}
    step = job.run(TRIGGER, with_, FIVETRAN_CONNECTOR_ID=unique(behaviour), FIVETRAN_WAIT="TRUE")
    assert (step.exit_code, step.outputs["exit-code"]) == (exit_code, str(exit_code)), step.stderr
    assert step.outputs["outcome"] == outcome
    assert step.outputs["message"] in step.stderr
    error = f"::error title={TRIGGER}::{outcome} (exit code {exit_code}): {step.outputs['message']}"
    commands = [line for line in (step.stdout + step.stderr).splitlines() if line.strip().startswith("::")]
    assert [line for line in commands if "::add-mask::" not in line] == ([error] if exit_code else [])
    assert {f"${{{{ steps.run.outputs.{name} }}}}" for name in step.outputs} == {
        output["value"] for output in ACTION["outputs"].values()
    }


def test_the_example_goes_through_and_says_what_came_of_it(job: Job) -> None:
    (example,) = EXAMPLE["jobs"].values()
    start, check, say = example["steps"]
    started = job.run(start["with"]["blueprint"], FIVETRAN_CONNECTOR_ID=unique("succeeds_in_1"))
    assert started.exit_code == 0, started.stderr
    with_ = {name: text for name, text in check["with"].items() if name != "blueprint"}
    checked = job.run(check["with"]["blueprint"], with_, **check["env"])
    values = {f"${{{{ steps.{check['id']}.outputs.{name} }}}}": text for name, text in checked.outputs.items()}
    environment = {name: values[text] for name, text in say["env"].items()}
    said = subprocess.run([*BASH, "-c", say["run"]], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout == f"succeeded (exit code 0) {checked.outputs['message']}\n"


def test_several_blueprints_run_one_after_the_other_and_the_last_attempt_alone_is_reported(job: Job) -> None:
    with_ = {"retry-count": "2", "retry-wait": "0s"}
    step = job.run(f"{TRIGGER}\n{CHECK}\n", with_, FIVETRAN_CONNECTOR_ID=unique("succeeds_in_600"))
    assert (step.exit_code, step.outputs["outcome"]) == (210, "running")
    assert "attempt 3 ended with exit code 210" in step.stderr
    assert re.findall(r"^\| (Fivetran.*?) \|", step.summary, re.MULTILINE) == [TRIGGER, CHECK]


@pytest.mark.parametrize("file", [CREDENTIALS, CREDENTIALS.replace("/", "\\"), f"  {CREDENTIALS}  "])
def test_a_file_does_as_well_as_a_name_and_what_lies_in_the_checkout_is_not_imported(job: Job, file: str) -> None:
    for name in ("json", "yaml", "requests", "shared", "sync_blueprints", "fivetran_blueprints"):
        (job.checkout / f"{name}.py").write_text("raise SystemExit('imported from the checkout')", encoding="utf-8")
    step = job.run(file)
    assert (step.exit_code, step.outputs["outcome"]) == (0, "valid")


@pytest.mark.parametrize(
    ("blueprint", "with_", "says"),
    [
        ("Fivetran - Nothing", {}, "there is no blueprint 'Fivetran - Nothing'"),
        (" \n ", {}, "the input blueprint is empty"),
        ("--help", {}, "there is no blueprint '--help'"),
        ('$(touch "$RUNNER_TEMP/injected")"; touch "$RUNNER_TEMP/injected', {}, "there is no blueprint"),
        (TRIGGER, {"retry-count": "many"}, "'many' is not a number of retries"),
        (TRIGGER, {"retry-wait": "1s --artifacts=/tmp"}, "is not a valid duration"),
    ],
)
def test_a_wrong_input_is_2_with_outputs(job: Job, blueprint: str, with_: dict[str, str], says: str) -> None:
    step = job.run(blueprint, with_)
    assert (step.exit_code, step.outputs["exit-code"]) == (2, "2")
    assert says in step.outputs["message"]
    assert not list(job.folder.rglob("injected"))


def test_the_secrets_are_masked_before_anything_else_is_printed(job: Job) -> None:
    key = {"FIVETRAN_API_KEY": "first half%0A\nsecond::half"}
    step = job.run(TRIGGER, FIVETRAN_CONNECTOR_ID="x", **key)
    said = step.stdout.splitlines()
    assert said[:4] == masks([find(TRIGGER)], {**job.variables, **key})
    assert "half" not in "".join(said[4:]) + step.stderr


def test_paths_with_backslashes_and_a_virtual_environment_of_windows_are_found(job: Job) -> None:
    temporary, action = job.folder / r"D:\a\_temp", job.folder / r"D:\a\_actions"
    action.symlink_to(REPOSITORY, target_is_directory=True)
    scripts = temporary / "sync-blueprints-{}.{}.{}".format(*sys.version_info) / "Scripts"
    program_in(scripts, "python.exe", sys.executable)
    (scripts.parent / "ready").touch()
    with_ = {"python-version": "3.x"}
    step = job.run(CREDENTIALS, with_, RUNNER_TEMP=str(temporary), GITHUB_ACTION_PATH=str(action))
    assert (step.exit_code, step.outputs["outcome"]) == (0, "valid"), step.stderr


def test_a_job_that_is_cancelled_ends_the_script_and_has_its_outputs(job: Job) -> None:
    given = {"FIVETRAN_CONNECTOR_ID": unique("succeeds_in_600"), "FIVETRAN_WAIT": "TRUE"}
    process = job.start({"blueprint": TRIGGER}, given)
    for line in process.stderr:
        if "is running" in line:
            break
    process.send_signal(signal.SIGINT)  # to the step's first process alone, as the runner does
    step = job.finish(process)
    assert (step.exit_code, step.outputs["exit-code"], step.outputs["outcome"]) == (130, "130", "interrupted")
    assert "the sync" in step.outputs["message"]


def test_without_a_usable_python_the_step_says_what_to_do(job: Job) -> None:
    folder = job.folder / "no python"
    folder.mkdir()
    (folder / "bash").symlink_to(shutil.which("bash") or "/bin/bash")
    step = job.run(TRIGGER, PATH=str(folder))
    assert step.exit_code == 1
    assert "::error title=sync-blueprints::no Python 3.9 or newer" in step.stdout
