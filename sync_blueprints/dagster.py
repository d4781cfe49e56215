"""Syncs as assets of Dagster.

import dagster as dg

from sync_blueprints.dagster import sync_asset, sync_schedule

orders = sync_asset("orders", blueprint="Fivetran - Execute Sync", inputs={"FIVETRAN_CONNECTOR_ID": "my_id"})
defs = dg.Definitions(assets=[orders], schedules=[sync_schedule("nightly", [orders], "0 2 * * *")])
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from sync_blueprints.catalog import Blueprint, guardrails_for
from sync_blueprints.orchestration import declared, joining, secrets_of, waiting
from sync_blueprints.runner import BlueprintFailed, Result, Value, run

__all__ = ["sync_asset", "sync_schedule"]

_NOT_SHOWN = ("blueprint", "vendor", "exit_code", "retry", "version")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def sync_asset(
    name: str,
    *,
    blueprint: str,
    inputs: Mapping[str, Value] | None = None,
    secrets: Mapping[str, str] | None = None,
    artifacts: str | os.PathLike[str] | None = None,
    retry_policy: dg.RetryPolicy | None = None,
    time_limit: float | None = None,
    **options: Any,
) -> dg.AssetsDefinition:
    """An asset that is materialized by a sync: it triggers one, or joins one that is running, and waits for its end.

    blueprint     its name, as `sync-blueprints list` has it
    inputs        by variable, as `sync-blueprints show NAME` lists them. Where the blueprint knows them, <VENDOR>_WAIT
                  is TRUE and <VENDOR>_IF_RUNNING is join by default: a retry then joins the sync of the first attempt.
    secrets       the environment variable (a name or a dagster.EnvVar) from which a secret is read, where that has
                  another name than the input: {"FIVETRAN_API_KEY": "FINANCE_KEY"}
    artifacts     a folder that keeps the vendor's responses; by default a temporary one
    retry_policy  by default the catalog's guardrails; a failure that a retry cannot help is not retried
    time_limit    seconds, after which the wait is ended; by default the catalog's
    options       anything else that dagster.asset takes: deps, group_name, key_prefix, automation_condition ...

    Rows, times and a link to the vendor's page become metadata of the materialization. Secrets never do.
    """
    found = declared(blueprint, inputs or {}, secrets or {})
    given = waiting(found, joining(found, inputs or {}))
    rails = guardrails_for(found, given)
    limit = rails.runtime_cutoff if time_limit is None else time_limit
    start = functools.partial(run, found.name, given, artifacts=artifacts, time_limit=limit)

    @dg.asset(
        name=name,
        retry_policy=retry_policy or dg.RetryPolicy(max_retries=rails.retry_count, delay=rails.retry_wait),
        **{"description": found.synopsis, "kinds": {found.vendor.lower()}, **options},
    )
    def sync() -> dg.MaterializeResult:
        return _materialized(start, _secrets(found, given, secrets or {}))

    return sync


def sync_schedule(
    name: str, assets: Sequence[dg.AssetsDefinition], cron: str, *, timezone: str = "UTC", **options: Any
) -> dg.ScheduleDefinition:
    """A schedule that materializes these assets; `options` are those of dagster.ScheduleDefinition."""
    return dg.ScheduleDefinition(
        name=name,
        target=dg.AssetSelection.assets(*assets),
        cron_schedule=cron,
        execution_timezone=timezone,
        **options,
    )


def _materialized(start: Callable[..., Result], secrets: Mapping[str, str]) -> dg.MaterializeResult:
    """Run the blueprint. Raises dagster.Failure."""
    try:
        result = start(secrets=secrets, log=dg.AssetExecutionContext.get().log.log)
    except BlueprintFailed as failed:
        raise dg.Failure(str(failed), _metadata(failed.result), allow_retries=failed.retryable) from None
    except (ValueError, TypeError) as error:  # an input that run() refuses
        raise dg.Failure(str(error), allow_retries=False) from None
    return dg.MaterializeResult(metadata=_metadata(result))


def _secrets(blueprint: Blueprint, inputs: Mapping[str, Value], sources: Mapping[str, str]) -> dict[str, str]:
    """Their values. Raises dagster.Failure for one that is missing."""
    values = {}
    for name in secrets_of(blueprint, inputs):
        source = sources.get(name, name)
        variable = source.env_var_name if isinstance(source, dg.EnvVar) else source
        if not os.environ.get(variable):
            raise dg.Failure(f"the environment variable {variable} is required but not set", allow_retries=False)
        values[name] = os.environ[variable]
    return values


def _metadata(result: Result) -> dict[str, Any]:
    """What the vendor reports, so that Dagster links pages, shows times, and plots numbers over time."""
    metadata: dict[str, Any] = {}
    for name, value in result.details.items():
        if name in _NOT_SHOWN or value is None:
            continue
        if name == "url":
            metadata[name] = dg.MetadataValue.url(value)
        elif isinstance(value, Mapping):
            metadata.update({f"{name}_{key}": part for key, part in value.items() if part is not None})
        elif isinstance(value, str) and _TIME.fullmatch(value):
            metadata[name] = dg.MetadataValue.timestamp(datetime.fromisoformat(value.replace("Z", "+00:00")))
        else:
            metadata[name] = value
    return metadata
