"""Fivetran - Execute Sync, then Fivetran - Check Sync Status: a DAG for Airflow 2.10, 2.11 and 3.

Printed by `python -m sync_blueprints export airflow`. It needs the project on each worker, see FOLDER, and Airflow
variables of these names, which are read when a task runs:

    FIVETRAN_API_KEY
    FIVETRAN_API_SECRET
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

try:
    from airflow.sdk import DAG, BaseOperator, Variable
except ImportError:  # Airflow 2
    from airflow.models import DAG, BaseOperator, Variable
try:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException
except ImportError:  # Airflow 2, and the first ones of 3
    from airflow.exceptions import AirflowException, AirflowFailException

# Where the project lies on a worker, and where its files are handed over: a folder that all workers see.
FOLDER = Path(os.environ.get("SYNC_BLUEPRINTS_FOLDER", "/opt/sync-blueprints"))
HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
ARTIFACTS = Path(os.environ.get("SYNC_BLUEPRINTS_ARTIFACTS", HOME / "sync-blueprints"))

# What a script gets of the worker's own environment. Everything else, Airflow's settings above all, stays here.
PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"]
PASSED_ON = ["PATH", "HOME", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", *PROXIES, *map(str.lower, PROXIES)]


class Blueprint(BaseOperator):
    """Runs a script in a process of its own; its JSON result becomes the XCom return_value, also if it fails."""

    def __init__(self, *, script, inputs, secrets, fail_at_once, handed_over_by=(), **arguments):
        super().__init__(**arguments)
        self.script = script
        self.inputs = inputs
        self.secrets = secrets
        self.fail_at_once = fail_at_once
        self.handed_over_by = handed_over_by
        self.process = None
        self.terminated = False

    def execute(self, context):
        path = FOLDER / self.script
        if not path.is_file():
            raise AirflowFailException(f"{path} is not there; set SYNC_BLUEPRINTS_FOLDER to the project's folder")
        exit_code, stdout = self.run(path, self.environment(context["run_id"]))
        result = self.result(stdout)
        if exit_code == 0:
            return result
        context["ti"].xcom_push(key="return_value", value=result)
        said = f"{result.get('outcome', self.script)} (exit code {exit_code}): {result.get('message', 'no result')}"
        if exit_code in self.fail_at_once:
            raise AirflowFailException(said)
        raise AirflowException(said)

    def environment(self, run_id):
        """All variables of the script. The ids keep runs of the DAG that go on at the same time apart."""
        secrets = {name: Variable.get(name, None) for name in self.secrets}
        missing = [name for name, value in secrets.items() if value is None]
        if missing:
            raise AirflowFailException(f"Airflow has no variable {' and no variable '.join(missing)}; make it first")
        return {
            **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
            **secrets,
            **self.inputs,
            "SHIPYARD_ARTIFACTS_DIRECTORY": str(ARTIFACTS / self.id_of(run_id)),
            "SHIPYARD_LOG_ID": self.id_of(run_id, self.task_id),
            "SHIPYARD_FLEET_UPSTREAM_LOG_IDS": ",".join(self.id_of(run_id, task) for task in self.handed_over_by),
        }

    def result(self, stdout):
        """The line of JSON; empty where a script was killed before it could print it."""
        try:
            result = json.loads(stdout)
        except ValueError:
            return {}
        return result if isinstance(result, dict) else {}

    def id_of(self, *names):
        """An id that can be a file's name and is the same in every attempt."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, "\n".join([self.dag_id, *names])))

    def run(self, path, environment):
        """The exit code (128+N after signal N) and stdout; each line of stderr becomes one of the task's log."""
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as stdout:
            self.terminated = False
            self.process = subprocess.Popen(
                [sys.executable, str(path)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,  # so that it gets SIGTERM once, from on_kill
            )
            reader = threading.Thread(target=self.log_lines, args=(self.process.stderr,), daemon=True)
            reader.start()
            try:
                exit_code = self.process.wait()
            finally:  # after execution_timeout, too: no script is left running
                self.on_kill()
                try:
                    self.process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    self.process.kill()
                    self.process.wait()
                reader.join(timeout=10)
            stdout.seek(0)
            return 128 - exit_code if exit_code < 0 else exit_code, stdout.read()

    def log_lines(self, lines):
        with lines:
            for line in lines:
                self.log.info("%s", line.rstrip())

    def on_kill(self):
        """Airflow calls this when the task is to end. The script ends with 143 and says what still runs."""
        if self.process is not None and self.process.poll() is None and not self.terminated:
            self.terminated = True
            self.process.terminate()


with DAG(
    "nightly_fivetran",
    schedule="0 2 * * *",  # in UTC
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,  # a second run would meet the sync of the first one
):
    fivetran_execute_sync = Blueprint(
        task_id="fivetran_execute_sync",
        script="fivetran_blueprints/trigger_sync.py",
        secrets=["FIVETRAN_API_KEY", "FIVETRAN_API_SECRET"],
        inputs={
            "FIVETRAN_CONNECTOR_ID": "speak_inexpensive",
        },
        retries=1,
        retry_delay=timedelta(seconds=0),
        execution_timeout=timedelta(hours=4),  # of one attempt
        # Exit codes after which trying again does not help.
        fail_at_once={200, 201, 203, 204, 205, 206, 210, 211, 212, 213, 221},
    )
    fivetran_check_sync_status = Blueprint(
        task_id="fivetran_check_sync_status",
        script="fivetran_blueprints/check_sync_status.py",
        secrets=["FIVETRAN_API_KEY", "FIVETRAN_API_SECRET"],
        inputs={},
        handed_over_by=["fivetran_execute_sync"],
        retries=24,
        retry_delay=timedelta(minutes=5),
        execution_timeout=timedelta(hours=4),  # of one attempt
        # Exit codes after which trying again does not help.
        fail_at_once={200, 201, 204, 205, 206, 211, 212, 213, 221},
    )

    fivetran_execute_sync >> fivetran_check_sync_status
