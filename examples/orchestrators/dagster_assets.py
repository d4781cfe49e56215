"""Fivetran - Execute Sync: assets for Dagster.

It needs the Python package sync-blueprints beside Dagster, and the environment variables
FIVETRAN_API_KEY and FIVETRAN_API_SECRET, which are read when an asset is materialized.
"""

import dagster as dg

from sync_blueprints.dagster import sync_asset, sync_schedule

fivetran_execute_sync = sync_asset(
    "fivetran_execute_sync",
    blueprint="Fivetran - Execute Sync",
    inputs={
        "FIVETRAN_CONNECTOR_ID": "speak_inexpensive",
    },
)

defs = dg.Definitions(
    assets=[fivetran_execute_sync],
    schedules=[sync_schedule("nightly_fivetran", [fivetran_execute_sync], "0 2 * * *")],
)
