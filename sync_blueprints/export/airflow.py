"""A DAG file for Apache Airflow 2.10, 2.11 and 3."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sync_blueprints.export.steps import (
    Engine,
    ExportError,
    Options,
    Step,
    comment,
    final_codes,
    handed_over_by,
    in_json,
    name_of,
    slug,
    titles,
    waits_after_starting,
)

# All that is the same in every DAG file. A file by itself: a DAG folder need not have anything else of this project.
_OPERATOR = '''
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
FOLDER = Path(os.environ.get("SYNC_BLUEPRINTS_FOLDER", {folder}))
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
        return str(uuid.uuid5(uuid.NAMESPACE_URL, "\\n".join([self.dag_id, *names])))

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

'''


def render(steps: Sequence[Step], options: Options) -> str:
    """One task a step, one after the other."""
    dag_id = name_of(steps, options)
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,250}", dag_id):
        raise ExportError(f"{dag_id!r} cannot be the id of a DAG; it may hold letters, digits, dots, - and _")
    tasks = [slug(title).replace("-", "_") for title in titles(steps)]
    secrets = sorted({secret for step in steps for secret in step.secrets})
    lines = [
        f'"""{", then ".join(step.blueprint.name for step in steps)}: a DAG for Airflow 2.10, 2.11 and 3.',
        "",
        "Printed by `python -m sync_blueprints export airflow`. It needs the project on each worker, see FOLDER, and Airflow",
        "variables of these names, which are read when a task runs:",
        "",
        *(f"    {secret}" for secret in secrets),
        '"""',
        *_OPERATOR.replace("{folder}", in_json(options.folder)).splitlines(),
        "",
        "with DAG(",
        f"    {in_json(dag_id)},",
        f"    schedule={in_json(options.schedule) if options.schedule else None},  # in UTC",
        "    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),",
        "    catchup=False,",
        "    max_active_runs=1,  # a second run would meet the sync of the first one",
        "):",
    ]
    for place, task in enumerate(tasks):
        lines += [f"    {line}".rstrip() for line in _task(task, place, tasks, steps)]
    if len(tasks) > 1:
        lines += ["", f"    {' >> '.join(tasks)}"]
    return "\n".join(lines) + "\n"


def _task(task: str, place: int, tasks: Sequence[str], steps: Sequence[Step]) -> list[str]:
    step = steps[place]
    rails = step.blueprint.guardrails
    before = handed_over_by(place, [one.blueprint for one in steps])
    inputs = [f"        {in_json(name)}: {in_json(value)}," for name, value in step.inputs.items()]
    final = final_codes(step)
    return [
        f"{task} = Blueprint(" if len(tasks) > 1 else "Blueprint(",
        f"    task_id={in_json(task)},",
        f"    script={in_json(step.blueprint.file_to_run)},",
        f"    secrets=[{', '.join(in_json(secret) for secret in step.secrets)}],",
        *(["    inputs={", *inputs, "    },"] if inputs else ["    inputs={},"]),
        *([] if before is None else [f"    handed_over_by=[{in_json(tasks[before])}],"]),
        f"    retries={rails.retry_count},",
        f"    retry_delay={_timedelta(rails.retry_wait)},",
        f"    execution_timeout={_timedelta(rails.runtime_cutoff)},  # of one attempt",
        *comment(
            "Exit codes after which trying again does not help"
            + (", or would start a second sync." if waits_after_starting(step) else "."),
            indent="    ",
        ),
        f"    fail_at_once={{{', '.join(map(str, final))}}},",
        ")",
    ]


def _timedelta(seconds: float) -> str:
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds and seconds % length == 0:
            return f"timedelta({unit}={int(seconds) // length})"
    return f"timedelta(seconds={int(seconds)})"


ENGINE = Engine(render, options=("name", "schedule", "folder"))
