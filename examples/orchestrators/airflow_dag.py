"""Fivetran - Execute Sync, then Fivetran - Check Sync Status: a DAG for Airflow 2.10, 2.11 and 3.

It needs the Python package sync-blueprints on every worker, and the Airflow variables
FIVETRAN_API_KEY and FIVETRAN_API_SECRET, which are read when a task runs.
"""

from datetime import datetime, timezone

from airflow import DAG

from sync_blueprints.airflow import BlueprintOperator, BlueprintSensor

with DAG(
    "nightly_fivetran",
    schedule="0 2 * * *",  # UTC
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,  # a second run would collide with the first one's sync
):
    fivetran_execute_sync = BlueprintOperator(
        task_id="fivetran_execute_sync",
        blueprint="Fivetran - Execute Sync",
        inputs={
            "FIVETRAN_CONNECTOR_ID": "speak_inexpensive",
        },
    )
    fivetran_check_sync_status = BlueprintSensor(
        task_id="fivetran_check_sync_status",
        blueprint="Fivetran - Check Sync Status",
    )
    fivetran_execute_sync >> fivetran_check_sync_status
