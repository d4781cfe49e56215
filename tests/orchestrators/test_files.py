"""What orchestrators read: Dockerfile, compose file, action, workflow, pipeline; by their checkers, and together."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from sync_blueprints.catalog import REPOSITORY, find, load
from sync_blueprints.sandbox import Sandbox

ACTION = "action.yml"
WORKFLOW = "examples/github-actions/sync.yml"
PIPELINE = "examples/gitlab-ci/sync.gitlab-ci.yml"
COMPOSE = "docker-compose.yaml"
WORKFLOWS = [WORKFLOW, *(f".github/workflows/{name}.yml" for name in ("ci", "docs", "release"))]
FORMS = ".github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/idea.yml"


def text_of(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def parsed(name: str) -> Any:
    return yaml.safe_load(text_of(name))


SCRIPTS = [path for path in sorted((REPOSITORY / "script").iterdir()) if path.is_file()]
SHELL = [f"script/{path.name}" for path in SCRIPTS if path.read_text("utf-8").startswith("#!/bin/sh\n")]


def check(name: str, *arguments: str, stdin: str | None = None) -> None:
    """By a program that requirements-dev.txt puts beside this Python, which must find nothing."""
    command = [str(Path(sys.executable).with_name(name)), *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, input=stdin, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        "hadolint Dockerfile",
        f"check-jsonschema --builtin-schema vendor.compose-spec {COMPOSE}",
        f"check-jsonschema --builtin-schema vendor.github-actions {ACTION}",
        "check-jsonschema --builtin-schema vendor.github-workflows " + " ".join(WORKFLOWS),
        "check-jsonschema --builtin-schema custom.github-workflows-require-timeout " + " ".join(WORKFLOWS),
        f"check-jsonschema --builtin-schema vendor.github-issue-forms {FORMS}",
        f"check-jsonschema --builtin-schema vendor.gitlab-ci {PIPELINE}",
        f"zizmor --quiet --offline {ACTION} " + " ".join(WORKFLOWS),
        "shellcheck .ci/run " + " ".join(SHELL),
    ],
)
def test_the_checkers_find_nothing(command: str) -> None:
    check(*command.split())


@pytest.mark.slow
def test_shellcheck_finds_nothing_in_what_action_and_pipeline_run() -> None:
    jobs = [job for name in WORKFLOWS for job in parsed(name)["jobs"].values()]
    steps = [*parsed(ACTION)["runs"]["steps"], *(step for job in jobs for step in job["steps"])]
    scripts = [step["run"] for step in steps if "run" in step]
    for job in parsed(PIPELINE).values():
        if isinstance(job, dict):
            scripts.append("\n".join([*job.get("before_script", []), *job.get("script", [])]))
    assert len(scripts) > 5
    for script in scripts:
        check("shellcheck", "--shell=bash", "-", stdin=script)


def test_the_image_gets_what_the_dockerfile_copies_and_no_file_with_credentials_as_git_gets_none() -> None:
    copied = {name for line in re.findall(r"^COPY ([^-].*) \S+$", text_of("Dockerfile"), re.M) for name in line.split()}
    assert {Path(one.file_to_run).parts[0] for one in load()} < copied
    ignored = text_of(".dockerignore").splitlines()
    assert "*" in ignored
    assert copied == set(re.findall(r"^!([^/\n]+)", "\n".join(ignored), re.MULTILINE))  # .env is not among them
    assert ".env" in text_of(".gitignore").splitlines()


def test_the_variables_of_the_example_env_file_exist_and_hold_nothing() -> None:
    known = {one.reference: one for blueprint in load() for one in blueprint.inputs}
    lines = text_of(".env.example").splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("# "))
    assert {name.lstrip("#") for name in given} <= set(known)
    assert {value for name, value in given.items() if not name.startswith("#")} == {""}
    required = {one.reference for one in known.values() if one.type == "Password"}
    assert required <= set(given)


def test_compose_talks_to_its_own_sandbox(sandbox: Sandbox) -> None:
    services = parsed(COMPOSE)["services"]
    for service in (services["trigger"], services["check"]):
        given = service["environment"]
        assert given["FIVETRAN_API_URL"] == "http://sandbox:8642"
        for name in ("FIVETRAN_API_KEY", "FIVETRAN_API_SECRET"):
            assert given[name] == sandbox.environment[name]
        assert service["volumes"] == ["artifacts:/artifacts"]


def test_gitlab_retries_a_trigger_on_exactly_the_codes_of_the_catalog() -> None:
    job = parsed(PIPELINE)["start-sync"]
    (file,) = [word for line in job["script"] for word in line.split() if word.endswith("_sync.py")]
    blueprint = find(file)
    expected = [code for code in blueprint.exit_codes if blueprint.guardrails.try_again_on(code)]
    assert job["retry"] == {"max": blueprint.guardrails.retry_count, "exit_codes": sorted(expected)}
    assert blueprint.guardrails.retry_wait == 0  # GitLab has no wait


@pytest.mark.parametrize(("page", "example"), [("github-actions", WORKFLOW), ("gitlab-ci", PIPELINE)])
def test_the_page_of_an_orchestrator_shows_the_example_that_is_tested(page: str, example: str) -> None:
    text = text_of(f"docs/orchestrators/{page}.md")
    assert f"```yaml\n{text_of(example)}```\n" in text
    assert example in text.split("```")[0]


def test_the_page_of_the_action_names_its_inputs_and_outputs() -> None:
    rows = re.findall(r"^\| (`.+?`) \|", text_of("docs/orchestrators/github-actions.md"), re.MULTILINE)
    action = parsed(ACTION)
    named = [name for row in rows for name in re.findall(r"`([a-z-]+)`", row)]
    assert named == [*action["inputs"], *action["outputs"]]
