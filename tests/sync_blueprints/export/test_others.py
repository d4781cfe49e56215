"""Texts for the platform, the shell, GitHub Actions and Kestra: read, or run, as these do."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from sync_blueprints.catalog import REPOSITORY, find
from sync_blueprints.export import ORCHESTRATORS, Options, Step
from sync_blueprints.sandbox import Sandbox
from tests.exporting import CHECK, CONNECTOR, TRIGGER, command_in, exported, fleets, inputs, program_in, shell

AWKWARD = "'it's'' $HOME `id` \"quoted\" \\ ${{ secrets.KEY }} 𝄞\nanother line"


@pytest.fixture
def parameters() -> Step:
    return Step(find("RudderStack - Trigger Sync"), {"RUDDERSTACK_PARAMETERS": AWKWARD})


def test_a_vessel_has_the_guardrails_as_the_catalog_writes_them() -> None:
    for raw in yaml.safe_load((REPOSITORY / "blueprints.yaml").read_text("utf-8"))["blueprints"]:
        (vessel,) = fleets(ORCHESTRATORS["platform"]([Step(find(raw["name"]), {})], Options()))
        assert vessel["guardrails"] == raw["guardrails"]
        assert vessel["source"] == {"blueprint": raw["name"], "inputs": {}, "type": "BLUEPRINT"}


def test_vessels_follow_each_other_and_have_names_of_their_own() -> None:
    fleet = yaml.safe_load(exported("platform", TRIGGER, CHECK, CHECK, *CONNECTOR, "--name", "Nightly"))
    assert fleet["name"] == "Nightly"
    assert list(fleet["vessels"]) == [TRIGGER, CHECK, f"{CHECK} 2"]
    assert fleet["connections"] == {TRIGGER: {CHECK: "SUCCESS"}, CHECK: {f"{CHECK} 2": "SUCCESS"}}


def test_a_fleet_holds_a_value_as_it_is(parameters: Step) -> None:
    (vessel,) = fleets(ORCHESTRATORS["platform"]([parameters], Options()))
    assert vessel["source"]["inputs"] == {"RUDDERSTACK_PARAMETERS": AWKWARD}


def docker(text: str, folder: Path, exit_codes: list[int]) -> tuple[int, list[list[str]]]:
    """Run the lines in a shell whose `docker` writes its arguments down and exits with the next code."""
    seen, stub = folder / "seen", folder / "stub.py"
    program_in(folder / "bin", "docker", sys.executable, stub)
    stub.write_text(
        "import json, pathlib, sys\n"
        f"seen = pathlib.Path({str(seen)!r})\n"
        "with seen.open('a') as file: file.write(json.dumps(sys.argv[1:]) + '\\n')\n"
        f"sys.exit({exit_codes}[len(seen.read_text().splitlines()) - 1])\n"
    )
    ran = shell(text, folder, PYTHONUTF8="1")
    return ran.returncode, [json.loads(line) for line in seen.read_text().splitlines()]


def test_docker_gets_secrets_by_name_and_values_as_they_are(tmp_path: Path, parameters: Step) -> None:
    text = ORCHESTRATORS["docker"]([parameters], Options(name="nightly", image="registry.example/sync:1"))
    exit_code, (arguments,) = docker(text, tmp_path, [0])
    assert exit_code == 0
    assert arguments == [
        *("run", "--rm", "--read-only", "-e", "RUDDERSTACK_ACCESS_TOKEN", "-v", "nightly-artifacts:/artifacts"),
        *("-e", f"RUDDERSTACK_PARAMETERS={AWKWARD}", "registry.example/sync:1", "run", "RudderStack - Trigger Sync"),
    ]


@pytest.mark.parametrize(("exit_codes", "ended", "runs"), [([0, 0], 0, 2), ([203], 203, 1), ([0, 211], 211, 2)])
def test_a_check_runs_in_docker_only_after_its_trigger_succeeded(
    tmp_path: Path, exit_codes: list[int], ended: int, runs: int
) -> None:
    exit_code, seen = docker(exported("docker", TRIGGER, CHECK, *CONNECTOR), tmp_path, exit_codes)
    assert (exit_code, len(seen)) == (ended, runs)


def test_steps_of_github_save_the_handoff_and_take_secrets_from_github() -> None:
    trigger, check = yaml.safe_load(exported("github", TRIGGER, CHECK, *CONNECTOR))["steps"][1:]
    assert trigger["with"] == {"blueprint": TRIGGER}
    assert trigger["env"]["FIVETRAN_API_KEY"] == "${{ secrets.FIVETRAN_API_KEY }}"
    assert trigger["env"]["SHIPYARD_ARTIFACTS_DIRECTORY"] == check["env"]["SHIPYARD_ARTIFACTS_DIRECTORY"]
    assert trigger["id"] != check["id"]


def test_github_takes_nothing_in_a_value_for_an_expression(parameters: Step) -> None:
    (_, step) = yaml.safe_load(ORCHESTRATORS["github"]([parameters], Options()))["steps"]
    written = step["env"]["RUDDERSTACK_PARAMETERS"]
    expressions = re.findall(r"\$\{\{(.*?)\}\}", written)
    assert expressions == [" '${{' "]
    assert re.sub(r"\$\{\{ '(.*?)' \}\}", r"\1", written) == AWKWARD


def flow(*arguments: str) -> dict[str, Any]:
    return yaml.safe_load(exported("kestra", *arguments))


def test_a_check_in_kestra_gets_the_files_of_its_trigger_and_waits_by_itself() -> None:
    trigger, check = flow(TRIGGER, CHECK, *CONNECTOR)["tasks"]
    assert (trigger["outputFiles"], "inputFiles" in trigger) == (["artifacts/**"], False)
    assert check["inputFiles"] == "{{ outputs.fivetran_execute_sync.outputFiles }}"
    assert (check["env"]["FIVETRAN_WAIT"], check["env"]["FIVETRAN_WAIT_TIMEOUT"]) == ("TRUE", "230")
    assert check["timeout"] == "PT14400S"


def test_runs_in_kestra_do_not_overlap_and_names_are_as_asked_for() -> None:
    chosen = ("--name", "nightly", "--namespace", "acme.sales", "--schedule", "0 2 * * MON-fri")
    loaded = flow(TRIGGER, *CONNECTOR, *chosen)
    assert (loaded["id"], loaded["namespace"]) == ("nightly", "acme.sales")
    assert loaded["concurrency"] == {"limit": 1, "behavior": "CANCEL"}
    (schedule,) = loaded["triggers"]
    assert (schedule["cron"], schedule["timezone"]) == ("0 2 * * MON-fri", "Etc/UTC")
    assert "triggers" not in flow(TRIGGER, *CONNECTOR)


def run_as_kestra(task: dict[str, Any], working: Path, secrets: dict[str, str]) -> int:
    """In a working directory of its own, by a shell, with the secrets filled in."""

    def rendered(value: str) -> str:
        return re.sub(r"\{\{ secret\('(\w+)'\) \}\}", lambda found: secrets[found[1]], value)

    command_in(working / "bin")
    environment = {name: rendered(value) for name, value in task["env"].items()}
    script = "\n".join(["set -e", *task["commands"]])
    return shell(script, working, **environment, WORKING_DIR=str(working)).returncode


@pytest.mark.sockets
@pytest.mark.parametrize(("connector", "exit_code"), [("succeeds_in_1", 0), ("fails_in_1", 211)])
def test_the_commands_for_kestra_trigger_a_sync_and_check_it(tmp_path: Path, connector: str, exit_code: int) -> None:
    with Sandbox() as sandbox:
        given = inputs(f"FIVETRAN_CONNECTOR_ID={connector}", f"FIVETRAN_API_URL={sandbox.url}")
        trigger, check = flow(TRIGGER, CHECK, *given)["tasks"]
        working = [tmp_path / "trigger", tmp_path / "check"]
        assert run_as_kestra(trigger, working[0], sandbox.environment) == 0
        shutil.copytree(working[0], working[1])  # outputFiles of the one, inputFiles of the other
        assert run_as_kestra(check, working[1], sandbox.environment) == exit_code
        assert sandbox.starts == [("fivetran", connector)]
