"""A flow for Kestra: its structure, and its commands run one after the other as Kestra would."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from sync_blueprints.sandbox import Sandbox
from tests.exporting import CHECK, CONNECTOR, TRIGGER, command_in, exported, inputs

HANDOFF = "{{ outputs.fivetran_execute_sync.outputFiles }}"


def flow(*arguments: str) -> dict[str, Any]:
    loaded = yaml.safe_load(exported("kestra", *arguments))
    assert isinstance(loaded, dict)
    return loaded


def test_a_check_gets_the_files_of_its_trigger_and_waits_by_itself() -> None:
    trigger, check = flow(TRIGGER, CHECK, *CONNECTOR)["tasks"]
    assert (trigger["outputFiles"], trigger.get("inputFiles"), check["inputFiles"]) == (["artifacts/**"], None, HANDOFF)
    assert (check["env"]["FIVETRAN_WAIT"], check["env"]["FIVETRAN_WAIT_TIMEOUT"]) == ("TRUE", "230")
    assert check["timeout"] == "PT14400S"


def test_runs_do_not_overlap_and_names_are_as_asked_for() -> None:
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
    environment.update({"PATH": f"{working}/bin:{os.environ['PATH']}", "WORKING_DIR": str(working)})
    script = "\n".join(["set -e", *task["commands"]])
    return subprocess.run(["/bin/sh", "-c", script], env=environment, check=False).returncode


@pytest.mark.sockets
@pytest.mark.parametrize(("connector", "exit_code"), [("succeeds_in_1", 0), ("fails_in_1", 211)])
def test_the_commands_trigger_a_sync_and_check_it(tmp_path: Path, connector: str, exit_code: int) -> None:
    with Sandbox() as sandbox:
        given = inputs(f"FIVETRAN_CONNECTOR_ID={connector}", f"FIVETRAN_API_URL={sandbox.url}")
        trigger, check = flow(TRIGGER, CHECK, *given)["tasks"]
        working = [tmp_path / "trigger", tmp_path / "check"]
        assert run_as_kestra(trigger, working[0], sandbox.environment) == 0
        shutil.copytree(working[0], working[1])  # outputFiles of the one, inputFiles of the other
        assert run_as_kestra(check, working[1], sandbox.environment) == exit_code
        assert sandbox.starts == [("fivetran", connector)]
