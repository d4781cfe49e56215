"""Tasks run by Airflow itself against the sandbox: script/test-orchestrators."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sync_blueprints.catalog import REPOSITORY
from sync_blueprints.sandbox import Sandbox
from tests.exporting import CHECK, TRIGGER, exported, inputs
from tests.orchestrators.integration import SECRETS, assert_no_script_is_left
from tests.processes import wait_until

AIRFLOW = os.environ.get("AIRFLOW", "")
PATIENCE = 300  # seconds; a DAG takes about ten on a machine that has nothing else to do
pytestmark = [
    pytest.mark.slow,
    pytest.mark.sockets,
    pytest.mark.skipif(not AIRFLOW, reason="script/test-orchestrators installs Airflow and names it in AIRFLOW"),
]


@dataclass(frozen=True)
class Outcome:
    """What became of a DAG: (state, attempts) and the XComs of its tasks, and what was logged."""

    tasks: dict[str, tuple[str, int]]
    xcoms: dict[tuple[str, str], Any]
    log: str


@dataclass(frozen=True)
class Airflow:
    """An Airflow with a database of its own."""

    home: Path

    def add(self, name: str, sandbox: Sandbox, *arguments: str) -> None:
        text = exported("airflow", *arguments, *inputs(f"FIVETRAN_API_URL={sandbox.url}"), "--name", name)
        (self.home / f"dags/{name}.py").write_text(text, encoding="utf-8")

    def test(
        self, dag_id: str, variables: Mapping[str, str], terminate_when: Callable[[], bool] | None = None
    ) -> Outcome:
        """Run a DAG with `airflow dags test`; it gets SIGTERM once `terminate_when` says so."""
        command, environment = [AIRFLOW, "dags", "test", dag_id], {**environment_of(self.home), **variables}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        with subprocess.Popen(command, env=environment, text=True, **pipes) as process:
            try:
                if terminate_when is not None:
                    wait_until(terminate_when, PATIENCE)
                    process.terminate()
                log, _ = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
        with closing(sqlite3.connect(self.home / "airflow.db")) as database:
            select = "select task_id, state, try_number from task_instance where dag_id = ?"
            tasks = {task: (state, attempts) for task, state, attempts in database.execute(select, [dag_id])}
            select = "select task_id, key, value from xcom where dag_id = ?"
            xcoms = {(task, key): json.loads(value) for task, key, value in database.execute(select, [dag_id])}
        assert tasks, log
        return Outcome(tasks, xcoms, log)


def environment_of(home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(REPOSITORY),
        "NO_PROXY": "127.0.0.1,localhost",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "SCARF_ANALYTICS": "false",
    }


def secrets_of(sandbox: Sandbox) -> dict[str, str]:
    return {f"AIRFLOW_VAR_{name}": sandbox.environment[name] for name in SECRETS}


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    one = Airflow(tmp_path_factory.mktemp("airflow"))
    (one.home / "dags").mkdir()
    command = [AIRFLOW, "db", "migrate"]
    subprocess.run(command, env=environment_of(one.home), check=True, capture_output=True, timeout=PATIENCE)
    return one


@pytest.fixture(scope="module")
def chains(airflow: Airflow, sandbox: Sandbox) -> Outcome:
    """All tasks of airflow_chains.py in one run, for starting Airflow takes longer than all of them."""
    shutil.copy(Path(__file__).with_name("airflow_chains.py"), airflow.home / "dags")
    key, secret = (sandbox.environment[name] for name in SECRETS)
    connection = json.dumps({"conn_type": "generic", "login": key, "password": secret})
    variables = {"SANDBOX": sandbox.url, "AIRFLOW_CONN_FIVETRAN": connection, **secrets_of(sandbox)}
    return airflow.test("chains", variables)


@pytest.mark.parametrize(
    ("task", "state", "attempts", "message"),
    [
        ("succeeds", "success", 1, ""),
        ("succeeds_check", "success", 1, ""),
        ("fails_check", "failed", 1, "failed (exit code 211)"),
        ("runs_on_check", "failed", 1, "Sensor has timed out"),
        ("unauthorized", "failed", 1, "invalid_credentials (exit code 200)"),
        ("unauthorized_check", "upstream_failed", 0, ""),
        ("not_started", "failed", 2, "not_started (exit code 202)"),
        ("waits_too_long", "failed", 1, "interrupted (exit code 143)"),
        ("checks_too_long", "failed", 2, "interrupted (exit code 143)"),
        ("connection", "success", 1, ""),
        ("no_connection", "failed", 1, "The conn_id `nowhere` isn't defined"),
        ("no_variable", "failed", 1, "the Airflow variable not_there, which is not set"),
        ("refused_input", "failed", 1, "invalid_input (exit code 206)"),
    ],
)
def test_a_task_ends_as_its_exit_code_says(chains: Outcome, task: str, state: str, attempts: int, message: str) -> None:
    assert chains.tasks[task] == (state, attempts), chains.log
    assert message in chains.log


def test_results_are_xcoms_also_of_failed_tasks(chains: Outcome) -> None:
    assert chains.xcoms["succeeds_check", "return_value"]["outcome"] == "succeeded"
    assert chains.xcoms["fails_check", "return_value"]["exit_code"] == 211
    assert chains.xcoms["waits_too_long", "return_value"]["outcome"] == "interrupted"


def test_a_task_has_a_link_to_the_vendors_page(chains: Outcome) -> None:
    link = chains.xcoms.get(("fails_check", "_link_VendorPage"))
    if link is None and not any(key.startswith("_link") for _, key in chains.xcoms):
        pytest.skip("Airflow 2 makes links when it shows them")
    assert link == "https://fivetran.com/dashboard/connections/fails_in_1"


def test_no_sync_is_started_twice(chains: Outcome, sandbox: Sandbox) -> None:
    assert chains.tasks
    assert len(sandbox.starts) == len(set(sandbox.starts)) == 5


def test_no_secret_is_kept_or_shown(chains: Outcome, airflow: Airflow, sandbox: Sandbox) -> None:
    kept = b"".join(path.read_bytes() for path in airflow.home.rglob("*") if path.is_file())
    for secret in secrets_of(sandbox).values():
        assert secret not in chains.log
        assert secret.encode() not in kept


def test_an_exported_dag_goes_through(airflow: Airflow) -> None:
    with Sandbox() as sandbox:
        airflow.add(
            "exported", sandbox, TRIGGER, CHECK, *inputs("FIVETRAN_CONNECTOR_ID=succeeds_in_1"), "--retry-wait", "1s"
        )
        ended = airflow.test("exported", secrets_of(sandbox))
        assert len(sandbox.starts) == 1
    assert ended.tasks == {"fivetran_execute_sync": ("success", 1), "fivetran_check_sync_status": ("success", 1)}
    assert "succeeded (exit code 0)" in ended.log


def test_a_task_that_is_terminated_ends_its_script(airflow: Airflow) -> None:
    with Sandbox() as sandbox:
        given = inputs("FIVETRAN_CONNECTOR_ID=succeeds_in_600", "FIVETRAN_WAIT=TRUE", "FIVETRAN_POLL_INTERVAL=1")
        airflow.add("terminated", sandbox, TRIGGER, *given)
        ended = airflow.test("terminated", secrets_of(sandbox), lambda: len(sandbox.requests) >= 5)
        assert_no_script_is_left(sandbox)
    assert ended.tasks == {"fivetran_execute_sync": ("failed", 1)}, ended.log
    assert "interrupted (exit code 143)" in ended.log
