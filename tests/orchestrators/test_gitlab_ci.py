"""The GitLab pipeline: its jobs' scripts are run as GitLab's runner runs them, each in a checkout of its own."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from sync_blueprints.catalog import REPOSITORY
from sync_blueprints.sandbox import Sandbox
from tests.orchestrators.integration import WITHOUT_INDEX

PIPELINE = yaml.safe_load((REPOSITORY / "examples/gitlab-ci/sync.gitlab-ci.yml").read_text(encoding="utf-8"))

pytestmark = [pytest.mark.slow, pytest.mark.sockets]


@dataclass(frozen=True)
class Runner:
    folder: Path
    variables: Mapping[str, str]

    def run(self, job: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """One job: a new checkout, the artifacts of the jobs before it, before_script and script in one shell."""
        description = {**PIPELINE[PIPELINE[job]["extends"]], **PIPELINE[job]}
        checkout = self.folder / f"check out {uuid.uuid4().hex[:8]}"
        checkout.mkdir()
        for path in REPOSITORY.iterdir():  # by links, and no .venv
            if not path.name.startswith("."):
                (checkout / path.name).symlink_to(path)
        artifacts = self.folder / "kept"
        if artifacts.exists():
            shutil.copytree(artifacts, checkout / "artifacts")
        given = {**PIPELINE["variables"], **description["variables"], **self.variables, **variables}
        given["CI_PROJECT_DIR"] = str(checkout)
        expanded = {name: text.replace("$CI_PROJECT_DIR", str(checkout)) for name, text in given.items()}
        script = "\n".join([*description["before_script"], *description["script"]])
        command = ["bash", "-e", "-o", "pipefail", "-c", script]
        done = subprocess.run(command, cwd=checkout, env=expanded, capture_output=True, text=True, timeout=300)
        if done.returncode == 0 or description["artifacts"]["when"] == "always":
            shutil.rmtree(artifacts, ignore_errors=True)
            (path,) = description["artifacts"]["paths"]
            if (checkout / path).exists():
                shutil.copytree(checkout / path, artifacts)
        return done


@pytest.fixture
def runner(tmp_path: Path, sandbox: Sandbox) -> Runner:
    return Runner(tmp_path, {**sandbox.environment, **WITHOUT_INDEX})


@pytest.mark.parametrize(("connector", "expected"), [("succeeds_in_1", 0), ("fails_in_1", 211)])
def test_a_check_judges_what_the_trigger_before_it_started(runner: Runner, connector: str, expected: int) -> None:
    started = runner.run("start-sync", FIVETRAN_CONNECTOR_ID=connector)
    assert started.returncode == 0, started.stderr
    checked = runner.run("check-sync", FIVETRAN_CONNECTOR_ID=connector, FIVETRAN_WAIT="TRUE")
    assert checked.returncode == expected, checked.stderr
    assert "recorded in sync.pickle" in checked.stderr


def test_a_trigger_ends_its_job_with_its_exit_code(runner: Runner) -> None:
    done = runner.run("start-sync", FIVETRAN_CONNECTOR_ID="succeeds", FIVETRAN_API_KEY="wrong-key")
    assert done.returncode == 200, done.stderr
