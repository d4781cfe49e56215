"""Fivetran - Execute Sync, then Fivetran - Check Sync Status: a flow for Prefect 3.

It needs the Python package sync-blueprints beside Prefect, and the environment variables
FIVETRAN_API_KEY and FIVETRAN_API_SECRET, which are read when a task runs.
"""

from prefect import flow

from sync_blueprints.prefect import sync_task

fivetran_execute_sync = sync_task(
    "Fivetran - Execute Sync",
    inputs={
        "FIVETRAN_CONNECTOR_ID": "speak_inexpensive",
    },
)
fivetran_check_sync_status = sync_task(
    "Fivetran - Check Sync Status",
)


@flow(name="nightly_fivetran")
def sync() -> None:
    fivetran_execute_sync()
    fivetran_check_sync_status()


if __name__ == "__main__":
    sync.serve(name="nightly_fivetran", cron="0 2 * * *")  # UTC
