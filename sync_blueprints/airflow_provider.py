"""What Airflow reads about this package when it starts: without it, Airflow 2 shows no link to the vendor's page."""

from __future__ import annotations

from typing import Any


def provider_info() -> dict[str, Any]:
    return {
        "package-name": "sync-blueprints",
        "name": "Sync blueprints",
        "description": "Trigger and check syncs in RudderStack, Fivetran, and Nango.",
        "extra-links": ["sync_blueprints.airflow.VendorPage"],
    }
