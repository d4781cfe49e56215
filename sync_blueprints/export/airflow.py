"""A DAG file for Apache Airflow 2.10, 2.11 and 3."""

from __future__ import annotations

from collections.abc import Sequence

from sync_blueprints.catalog import Guardrails
from sync_blueprints.export.python_files import changed, secrets_of, variables
from sync_blueprints.export.steps import Options, Orchestrator, Step, checked_name, fill, is_check, name_of


def render(steps: Sequence[Step], options: Options) -> str:
    """One task per step, one after the other; a check is a sensor."""
    dag_id = checked_name(
        name_of(steps, options),
        "[A-Za-z0-9_.-]{1,250}",
        "the id of a DAG; it may have letters, digits, dots, - and _",
    )
    tasks = [
        (task, "BlueprintSensor", step, changed(step, _of_a_sensor))
        if is_check(step.blueprint)
        else (task, "BlueprintOperator", step, changed(step, _of_an_operator))
        for task, step in zip(variables(steps), steps)
    ]
    return fill(
        "airflow.txt",
        dag_id=dag_id,
        options=options,
        steps=steps,
        secrets=secrets_of(steps),
        tasks=tasks,
        classes=sorted({kind for _, kind, _, _ in tasks}),
        timedelta=any(arguments for *_, arguments in tasks),
    )


def _of_a_sensor(rails: Guardrails) -> dict[str, str]:
    return {
        "poke_interval": _timedelta(rails.retry_wait),
        "timeout": _timedelta(rails.retry_count * rails.retry_wait),
        "execution_timeout": _timedelta(rails.runtime_cutoff),
    }


def _of_an_operator(rails: Guardrails) -> dict[str, str]:
    return {
        "retries": str(rails.retry_count),
        "retry_delay": _timedelta(rails.retry_wait),
        "execution_timeout": _timedelta(rails.runtime_cutoff),
    }


def _timedelta(seconds: float) -> str:
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds and seconds % length == 0:
            return f"timedelta({unit}={int(seconds) // length})"
    return f"timedelta(seconds={int(seconds)})"


ORCHESTRATOR = Orchestrator(
    render,
    options=("name", "schedule"),
    refused=("{{", "{%", "{#"),  # Airflow renders inputs as Jinja templates
)
