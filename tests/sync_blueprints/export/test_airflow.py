"""What stands in DAG files and what their tasks do, without Airflow; test_airflow_itself.py has the real one."""

from __future__ import annotations

import ast
import logging
import re
import runpy
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest

from sync_blueprints.catalog import Blueprint, find, load
from sync_blueprints.export import ENGINES, Options, Step
from tests.exporting import exported

TRIGGER, CHECK = find("Fivetran - Execute Sync"), find("Fivetran - Check Sync Status")


def tasks(text: str) -> list[dict[str, Any]]:
    """The arguments of each Blueprint(...) in a DAG file."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return [
        {argument.arg: _value(argument.value) for argument in call.keywords}
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "Blueprint"
    ]


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Call):
        return timedelta(**{argument.arg: ast.literal_eval(argument.value) for argument in node.keywords})
    return ast.literal_eval(node)


@pytest.mark.parametrize("blueprint", load(), ids=lambda blueprint: blueprint.name)
def test_the_guardrails_are_the_catalogs(blueprint: Blueprint) -> None:
    (task,) = tasks(ENGINES["airflow"]([Step(blueprint, {})], Options()))
    rails = blueprint.guardrails
    assert task["script"] == blueprint.file_to_run
    assert task["retries"] == rails.retry_count
    assert task["retry_delay"] == timedelta(seconds=rails.retry_wait)
    assert task["execution_timeout"] == timedelta(seconds=rails.runtime_cutoff)
    assert task["fail_at_once"] == {code for code in range(1, 256) if not rails.try_again_on(code)}


def test_a_check_is_told_which_trigger_hands_over_to_it() -> None:
    names = [find("Nango - Trigger Sync"), TRIGGER, CHECK, find("Nango - Check Sync Status")]
    given = ["--input", "FIVETRAN_CONNECTOR_ID=abc", "--input", "NANGO_PROVIDER_CONFIG_KEY=hubspot"]
    found = tasks(exported("airflow", *(one.name for one in names), *given))
    assert [one.get("handed_over_by") for one in found] == [
        None,
        None,
        ["fivetran_execute_sync"],
        ["nango_trigger_sync"],
    ]


def test_a_trigger_that_waits_is_not_run_again_once_its_sync_may_have_begun() -> None:
    wait = ("--input", "FIVETRAN_CONNECTOR_ID=abc", "--input", "FIVETRAN_WAIT=TRUE")
    (task,) = tasks(exported("airflow", TRIGGER.name, *wait))
    assert {137, 143, 210, 220} < task["fail_at_once"]
    assert 202 not in task["fail_at_once"]


def test_a_value_is_the_same_in_python_whatever_it_holds() -> None:
    value = "{{ var.value.secret }} \"quoted\" 'x' \\ \n 𝄞 \x7f"
    (task,) = tasks(
        ENGINES["airflow"]([Step(find("RudderStack - Trigger Sync"), {"RUDDERSTACK_PARAMETERS": value})], Options())
    )
    assert task["inputs"] == {"RUDDERSTACK_PARAMETERS": value}


class FailAtOnceError(Exception):
    """In the place of AirflowFailException."""


class TryAgainError(Exception):
    """In the place of AirflowException."""


class Operator:
    """As much of Airflow's BaseOperator, and of its DAG, as a DAG file uses."""

    made: ClassVar[list[Any]] = []
    dag_id = "nightly"
    log = logging.getLogger("task")

    def __init__(self, *_: object, task_id: str = "", **__: object) -> None:
        self.task_id = task_id
        self.made.append(self)

    def __rshift__(self, other: object) -> object:
        return other

    def __enter__(self) -> None:
        self.made.clear()

    def __exit__(self, *_: object) -> None: ...


@dataclass
class TaskInstance:
    """Where a task leaves its result if it fails."""

    pushed: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


Run = Callable[..., Any]


@pytest.fixture
def run_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the check of a DAG file whose script is the code given; `run_id` and the task instance may be chosen."""
    variables = {"FIVETRAN_API_KEY": "key-canary", "FIVETRAN_API_SECRET": "secret-canary"}
    sdk, exceptions = ModuleType("airflow.sdk"), ModuleType("airflow.sdk.exceptions")
    vars(sdk).update(DAG=Operator, BaseOperator=Operator, Variable=variables)
    vars(exceptions).update(AirflowException=TryAgainError, AirflowFailException=FailAtOnceError)
    for module in (ModuleType("airflow"), sdk, exceptions):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setenv("SYNC_BLUEPRINTS_FOLDER", str(tmp_path))
    monkeypatch.setenv("SYNC_BLUEPRINTS_ARTIFACTS", str(tmp_path / "artifacts"))
    dag = tmp_path / "dag.py"
    dag.write_text(exported("airflow", TRIGGER.name, CHECK.name, "--input", "FIVETRAN_CONNECTOR_ID=abc"), "utf-8")
    script = tmp_path / CHECK.file_to_run
    script.parent.mkdir()

    def run(code: str, run_id: str = "manual__2026", instance: TaskInstance | None = None) -> Any:
        script.write_text(textwrap.dedent(code), "utf-8")
        runpy.run_path(str(dag))
        (_, check) = Operator.made
        return check.execute({"run_id": run_id, "ti": instance or TaskInstance()})

    return run


@pytest.mark.parametrize("exit_code", [1, 2, 130, 143, 200, 203, 204, 206, 210, 211, 213, 220, 221, 249, 255])
def test_an_exit_code_is_tried_again_as_the_catalog_says(exit_code: int, run_task: Run) -> None:
    expected = TryAgainError if CHECK.guardrails.try_again_on(exit_code) else FailAtOnceError
    with pytest.raises(expected, match=rf"\(exit code {exit_code}\)"):
        run_task(f"raise SystemExit({exit_code})")


def test_a_script_killed_by_a_signal_is_tried_again_as_128_and_its_number(run_task: Run) -> None:
    with pytest.raises(TryAgainError, match=r"\(exit code 137\)"):
        run_task("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")


def test_the_result_is_returned_and_of_a_failed_script_pushed(run_task: Run) -> None:
    result = 'print(\'{"outcome": "failed", "message": "rows refused", "rows": 3}\')\n'
    assert run_task(result) == {"outcome": "failed", "message": "rows refused", "rows": 3}
    instance = TaskInstance()
    with pytest.raises(FailAtOnceError, match=re.escape("failed (exit code 211): rows refused")):
        run_task(f"{result}raise SystemExit(211)", instance=instance)
    assert instance.pushed["return_value"]["rows"] == 3


def test_the_log_of_the_script_is_the_log_of_the_task(run_task: Run, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert run_task("import sys; print('judging the sync', file=sys.stderr)") == {}
    assert caplog.messages == ["judging the sync"]


def test_a_script_gets_its_secrets_and_inputs_and_little_else(run_task: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "canary")
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    given = run_task("import json, os; print(json.dumps(dict(os.environ)))")
    assert not [name for name in given if name.startswith("AIRFLOW")]
    assert given["https_proxy"] == "http://proxy.example:3128"
    assert given["FIVETRAN_API_SECRET"] == "secret-canary"
    assert "FIVETRAN_CONNECTOR_ID" not in given


def test_runs_of_a_dag_share_nothing_and_attempts_of_a_run_share_all(run_task: Run) -> None:
    names = ("SHIPYARD_ARTIFACTS_DIRECTORY", "SHIPYARD_LOG_ID", "SHIPYARD_FLEET_UPSTREAM_LOG_IDS")
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    runs = [run_task(code, run_id) for run_id in ("manual__1", "manual__2", "manual__1")]
    one, other, again = ([run[name] for name in names] for run in runs)
    assert one == again
    assert not set(one) & set(other)
    assert len(set(one)) == len(names)


def test_a_project_that_is_not_there_is_told_at_once(run_task: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_BLUEPRINTS_FOLDER", "/nowhere")
    with pytest.raises(FailAtOnceError, match="set SYNC_BLUEPRINTS_FOLDER"):
        run_task("")
