"""A DAG that test_scheduler.py runs under a scheduler."""

import os
from datetime import datetime, timedelta, timezone

from airflow import DAG

from sync_blueprints.airflow import BlueprintOperator, BlueprintSensor

TRIGGER, CHECK = "Fivetran - Execute Sync", "Fivetran - Check Sync Status"
URL = {"FIVETRAN_API_URL": os.environ["SANDBOX"]}

with DAG(
    "scheduled",
    schedule="@once",
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    is_paused_upon_creation=False,
):
    BlueprintOperator(
        task_id="waits",
        blueprint=TRIGGER,
        inputs={
            **URL,
            "FIVETRAN_CONNECTOR_ID": "succeeds_in_600_xwaits",
            "FIVETRAN_WAIT": True,
            "FIVETRAN_POLL_INTERVAL": 1,
        },
        retry_delay=timedelta(seconds=0),
    )
    started = BlueprintOperator(
        task_id="started", blueprint=TRIGGER, inputs={**URL, "FIVETRAN_CONNECTOR_ID": "succeeds_in_600_xchecked"}
    )
    started >> BlueprintSensor(task_id="checked", blueprint=CHECK, inputs=URL, poke_interval=2)
