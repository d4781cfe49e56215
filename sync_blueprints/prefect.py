"""Syncs as tasks of Prefect 3.

from prefect import flow

from sync_blueprints.prefect import sync_task

orders = sync_task("Fivetran - Execute Sync", inputs={"FIVETRAN_CONNECTOR_ID": "my_id", "FIVETRAN_WAIT": True})

@flow
def nightly() -> None:
    orders()

A link to the vendor's page is an artifact of the task run. A second attempt joins a sync that is still running, unless
an input says otherwise.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect import get_run_logger, runtime, task
from prefect.artifacts import create_link_artifact
from prefect.blocks.system import Secret
from prefect.cache_policies import NO_CACHE
from prefect.settings import PREFECT_HOME

from sync_blueprints.catalog import Blueprint
from sync_blueprints.orchestration import declared, joining, secrets_of
from sync_blueprints.runner import BlueprintFailed, Result, Value, run

__all__ = ["sync_task"]


def sync_task(
    blueprint: str,
    *,
    inputs: Mapping[str, Value] | None = None,
    secrets: Mapping[str, str] | None = None,
    artifacts: str | os.PathLike[str] | None = None,
    retries: int | None = None,
    retry_delay_seconds: float | None = None,
    time_limit: float | None = None,
    **options: Any,
) -> Any:
    """A task that runs a blueprint and returns its `Result`; it fails with BlueprintFailed.

    blueprint   its name, as `sync-blueprints list` has it
    inputs      by variable, as `sync-blueprints show NAME` lists them; a call of the task may change them:
                `orders(FIVETRAN_CONNECTOR_ID="another")`
    secrets     the Secret blocks that secrets are read from: {"FIVETRAN_API_KEY": "fivetran-key"}. The others are read
                from environment variables of their own names.
    artifacts   the folder in which a trigger leaves its handoff for the check; by default one of the flow run
    retries, retry_delay_seconds
                by default the catalog's guardrails; a failure that a retry cannot help is not retried
    time_limit  seconds, after which the script is ended; by default the catalog's. In place of Prefect's
                `timeout_seconds`, which would be retried, and lose what the script reports at its end.
    options     anything else that prefect.task takes: name, tags, on_failure ...
    """
    given = dict(inputs or {})
    found = declared(blueprint, given, secrets or {})
    rails = found.guardrails
    limit = rails.runtime_cutoff if time_limit is None else time_limit
    if "timeout_seconds" in options:
        raise ValueError("use time_limit: Prefect would retry after timeout_seconds")
    options = {"name": found.name, "description": found.synopsis, "cache_policy": NO_CACHE, **options}
    options["retries"] = rails.retry_count if retries is None else retries
    options["retry_delay_seconds"] = rails.retry_wait if retry_delay_seconds is None else retry_delay_seconds

    @task(retry_condition_fn=_is_retryable, **options)
    def sync(**changed: Value) -> Result:
        return _run(found, {**given, **changed}, secrets or {}, artifacts, limit)

    return sync


def _run(
    blueprint: Blueprint,
    inputs: Mapping[str, Value],
    secrets: Mapping[str, str],
    artifacts: str | os.PathLike[str] | None,
    time_limit: float,
) -> Result:
    """Run the blueprint, and save a link to the vendor's page. Raises BlueprintFailed, or ValueError for an input."""
    declared(blueprint.name, inputs)
    if (runtime.task_run.run_count or 1) > 1:
        inputs = joining(blueprint, inputs)
    try:
        result = run(
            blueprint.name,
            inputs,
            secrets=_secrets(blueprint, inputs, secrets),
            artifacts=artifacts or _folder_of_the_run(),
            log=get_run_logger(),
            time_limit=time_limit,
        )
    except BlueprintFailed as failed:
        _link(failed.result)
        raise
    _link(result)
    return result


def _is_retryable(_task: object, _task_run: object, state: Any) -> bool:
    return isinstance(state.data, BlueprintFailed) and state.data.retryable


def _secrets(blueprint: Blueprint, inputs: Mapping[str, Value], blocks: Mapping[str, str]) -> dict[str, str]:
    """Their values. Raises ValueError for one that is missing."""
    values = {}
    for name in secrets_of(blueprint, inputs):
        value = Secret.load(blocks[name]).get() if name in blocks else os.environ.get(name)
        if not value:
            raise ValueError(f"{name} is required but not set; set it where the flow runs, or name a Secret block")
        values[name] = str(value)
    return values


def _folder_of_the_run() -> Path:
    """Where the tasks of a flow run leave each other handoffs."""
    return Path(PREFECT_HOME.value()) / "sync-blueprints" / str(runtime.flow_run.id or runtime.task_run.id)


def _link(result: Result) -> None:
    """Save a link to the vendor's page; its key is made from the address."""
    if not result.url:
        return
    address = result.url.partition("://")[2]
    try:
        create_link_artifact(
            link=result.url,
            link_text=address,
            key=re.sub("[^a-z0-9]+", "-", address.lower()).strip("-"),
            description=result.message,
        )
    except Exception as error:  # noqa: BLE001 - no reason to run the sync again
        get_run_logger().warning("The link to %s could not be saved: %s", result.url, error)
