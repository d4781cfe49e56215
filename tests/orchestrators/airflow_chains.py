"""A DAG of tasks that end in different ways, for test_airflow.py, and one for a scheduler, for test_scheduler.py."""

import os
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow import DAG

from sync_blueprints.airflow import BlueprintOperator, BlueprintSensor

TRIGGER, CHECK = "Fivetran - Execute Sync", "Fivetran - Check Sync Status"
URL = {"FIVETRAN_API_URL": os.environ["SANDBOX"]}


def trigger(task_id: str, connector: str, **arguments: object) -> BlueprintOperator:
    inputs = {"FIVETRAN_CONNECTOR_ID": connector, **URL, **arguments.pop("inputs", {})}
    return BlueprintOperator(task_id=task_id, blueprint=TRIGGER, inputs=inputs, **arguments)


def check(task_id: str, poke_interval: int = 1, **arguments: object) -> BlueprintSensor:
    return BlueprintSensor(task_id=task_id, blueprint=CHECK, inputs=URL, poke_interval=poke_interval, **arguments)


START: dict[str, Any] = {"start_date": datetime(2024, 1, 1, tzinfo=timezone.utc), "catchup": False}

with DAG("scheduled", schedule="@once", is_paused_upon_creation=False, **START):
    waiting = {"FIVETRAN_WAIT": True, "FIVETRAN_POLL_INTERVAL": 1}
    trigger("waits", "succeeds_in_600_xwaits", inputs=waiting, retry_delay=timedelta(seconds=0))
    trigger("started", "succeeds_in_600_xchecked") >> check("checked", poke_interval=2)

with DAG("chains", schedule=None, **START):
    trigger("succeeds", "{{ 'succeeds' }}_in_1") >> check("succeeds_check")
    trigger("fails", "fails_in_1") >> check("fails_check")
    trigger("runs_on", "succeeds_in_600") >> check("runs_on_check", timeout=3)
    trigger("unauthorized", "answers_401") >> check("unauthorized_check")
    trigger("not_started", "answers_429_in_90")
    trigger(
        "waits_too_long",
        "succeeds_in_600_x2",
        inputs={"FIVETRAN_WAIT": "{{ 'TRUE' }}"},
        execution_timeout=timedelta(seconds=4),
    )
    checks_too_long = BlueprintOperator(
        task_id="checks_too_long",
        blueprint=CHECK,
        inputs={**URL, "FIVETRAN_CONNECTOR_ID": "running_in_600", "FIVETRAN_WAIT": True},
        retries=1,
        retry_delay=timedelta(seconds=0),
        execution_timeout=timedelta(seconds=4),
    )
    trigger("connection", "succeeds_x3", connection_id="fivetran")
    trigger("no_connection", "succeeds", connection_id="nowhere")
    trigger("no_variable", "succeeds", secrets={"FIVETRAN_API_SECRET": "not_there"})
    # Last, as nobody knows which connector its record in the folder that they share is about.
    checks_too_long >> trigger("refused_input", "not an id", trigger_rule="all_done")
