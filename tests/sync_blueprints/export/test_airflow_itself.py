"""What Airflow itself makes of exported DAG files, run against the sandbox: script/test --engines."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from sync_blueprints.catalog import REPOSITORY
from sync_blueprints.sandbox import Sandbox
from tests.exporting import exported

pytestmark = [pytest.mark.slow, pytest.mark.sockets, pytest.mark.engines]

NAMES = ("Fivetran - Execute Sync", "Fivetran - Check Sync Status")
TRIGGER_TASK, CHECK_TASK = "fivetran_execute_sync", "fivetran_check_sync_status"
SECRETS = ("FIVETRAN_API_KEY", "FIVETRAN_API_SECRET")
PATIENCE = 300  # seconds; a test of a DAG takes about ten on a machine that has nothing else to do


class ClockOfCalls:
    """Ten seconds pass with each call that the sandbox has answered, and none by themselves."""

    sandbox: Sandbox | None = None

    def monotonic(self) -> float:
        return 10_000.0 + 10.0 * len(self.sandbox.requests if self.sandbox else ())

    def time(self) -> float:
        return 1_790_000_000.0 + self.monotonic()


@dataclass(frozen=True)
class Outcome:
    """What came of a DAG: (state, attempts) of its tasks, and what was logged."""

    tasks: dict[str, tuple[str, int]]
    log: str


@dataclass(frozen=True)
class Airflow:
    """An Airflow with a database of its own."""

    program: str
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "NO_PROXY": "127.0.0.1",
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.home / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "SCARF_ANALYTICS": "false",
            "SYNC_BLUEPRINTS_FOLDER": str(REPOSITORY),
        }

    def migrate(self) -> None:
        (self.home / "dags").mkdir()
        command = [self.program, "db", "migrate"]
        subprocess.run(command, env=self.environment, check=True, capture_output=True, timeout=PATIENCE)

    def test(self, sandbox: Sandbox, dag_id: str, *arguments: str, terminate_after: int | None = None) -> Outcome:
        """Export a trigger and its check, and run them with `airflow dags test`.

        With `terminate_after` it gets SIGTERM once the sandbox has been called so often.
        """
        url = ("--input", f"FIVETRAN_API_URL={sandbox.url}")
        text = exported("airflow", *NAMES, "--name", dag_id, *url, *arguments)
        (self.home / "dags" / f"{dag_id}.py").write_text(text, encoding="utf-8")
        secrets = {f"AIRFLOW_VAR_{name}": sandbox.environment[name] for name in sandbox.environment if name in SECRETS}
        with subprocess.Popen(
            [self.program, "dags", "test", dag_id],
            env={**self.environment, **secrets},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                if terminate_after is not None:
                    wait_until(lambda: len(sandbox.requests) >= terminate_after)
                    process.terminate()
                log, _ = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
        with closing(sqlite3.connect(self.home / "airflow.db")) as database:
            query = "select task_id, state, try_number from task_instance where dag_id = ?"
            rows = database.execute(query, [dag_id]).fetchall()
        assert rows, log
        return Outcome({task: (state, attempts) for task, state, attempts in rows}, log)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    program = Path(os.environ.get("AIRFLOW", REPOSITORY / ".venv-airflow/bin/airflow"))
    if not program.is_file():
        pytest.skip(f"{program} is not there; script/test --engines installs it")
    one = Airflow(str(program), tmp_path_factory.mktemp("airflow"))
    one.migrate()
    return one


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    clock = ClockOfCalls()
    with Sandbox(clock=clock) as one:
        clock.sandbox = one
        yield one


def calls(sandbox: Sandbox) -> list[tuple[str, str]]:
    return [(request.method, request.path.rsplit("/", 1)[-1]) for request in sandbox.requests]


def test_a_check_that_answers_210_210_0_makes_three_attempts_and_succeeds(airflow: Airflow, sandbox: Sandbox) -> None:
    connector = ("--input", "FIVETRAN_CONNECTOR_ID=succeeds_in_25")
    ended = airflow.test(sandbox, "three_attempts", *connector, "--retry-wait", "1s")
    assert ended.tasks == {TRIGGER_TASK: ("success", 1), CHECK_TASK: ("success", 3)}, ended.log
    assert len(sandbox.starts) == 1
    assert ended.log.count("running (exit code 210)") >= 2
    assert "succeeded (exit code 0)" in ended.log
    kept = b"".join(path.read_bytes() for path in airflow.home.rglob("*") if path.is_file())
    for secret in (sandbox.environment["FIVETRAN_API_KEY"], sandbox.environment["FIVETRAN_API_SECRET"]):
        assert secret not in ended.log
        assert secret.encode() not in kept


def test_a_check_that_answers_211_makes_one_attempt_and_fails(airflow: Airflow, sandbox: Sandbox) -> None:
    connector = ("--input", "FIVETRAN_CONNECTOR_ID=fails_in_5")
    ended = airflow.test(sandbox, "fails", *connector, "--retry-wait", "1s")
    assert ended.tasks == {TRIGGER_TASK: ("success", 1), CHECK_TASK: ("failed", 1)}, ended.log
    assert "failed (exit code 211)" in ended.log


def test_a_trigger_that_answers_200_is_not_retried(airflow: Airflow, sandbox: Sandbox) -> None:
    connector = ("--input", "FIVETRAN_CONNECTOR_ID=answers_401")
    ended = airflow.test(sandbox, "refused", *connector, "--retry-wait", "1s")
    assert ended.tasks[TRIGGER_TASK] == ("failed", 1), ended.log
    assert ended.tasks[CHECK_TASK][0] == "upstream_failed"
    assert ("POST", "sync") not in calls(sandbox)


def test_a_script_that_runs_too_long_is_terminated_and_says_so(airflow: Airflow) -> None:
    joined = ("--input", "FIVETRAN_CONNECTOR_ID=running_in_600", "--input", "FIVETRAN_IF_RUNNING=join")
    limits = ("--input", "2:FIVETRAN_WAIT=TRUE", "--runtime-cutoff", "10s", "--retry-count", "0")
    with Sandbox() as sandbox:
        ended = airflow.test(sandbox, "too_long", *joined, *limits)
        asked = len(sandbox.requests)
        time.sleep(3)  # it would have looked again
        assert len(sandbox.requests) == asked
    assert ended.tasks == {TRIGGER_TASK: ("success", 1), CHECK_TASK: ("failed", 1)}, ended.log
    assert "interrupted (exit code 143)" in ended.log


def test_a_task_that_is_stopped_ends_its_script(airflow: Airflow) -> None:
    joined = ("--input", "FIVETRAN_CONNECTOR_ID=running_in_600", "--input", "FIVETRAN_IF_RUNNING=join")
    waits = ("--input", "2:FIVETRAN_WAIT=TRUE", "--input", "2:FIVETRAN_POLL_INTERVAL=1", "--retry-count", "0")
    with Sandbox() as sandbox:
        ended = airflow.test(sandbox, "stopped", *joined, *waits, terminate_after=6)
        asked = len(sandbox.requests)
        time.sleep(3)  # it would have looked again
        assert len(sandbox.requests) == asked
    assert ended.tasks[CHECK_TASK] == ("failed", 1), ended.log
    assert "interrupted (exit code 143)" in ended.log


def test_a_missing_variable_is_named_and_not_tried_again(airflow: Airflow, sandbox: Sandbox) -> None:
    connector = ("--input", "FIVETRAN_CONNECTOR_ID=succeeds")
    del sandbox.environment["FIVETRAN_API_SECRET"]
    ended = airflow.test(sandbox, "no_secret", *connector, "--retry-wait", "1s")
    assert ended.tasks[TRIGGER_TASK] == ("failed", 1), ended.log
    assert "Airflow has no variable FIVETRAN_API_SECRET" in ended.log
    assert not sandbox.requests
