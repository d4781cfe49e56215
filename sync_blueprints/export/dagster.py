"""Assets for Dagster."""

from __future__ import annotations

from collections.abc import Sequence

from sync_blueprints.catalog import Guardrails
from sync_blueprints.export.python_files import changed, secrets_of, variables
from sync_blueprints.export.steps import (
    ExportError,
    Options,
    Orchestrator,
    Step,
    checked_name,
    fill,
    handed_over_by,
    name_of,
    slug,
)


def render(steps: Sequence[Step], options: Options) -> str:
    """One asset per step, each depending on the one before it."""
    for place, step in enumerate(steps):
        if handed_over_by(place, [one.blueprint for one in steps]) is not None:
            raise ExportError(f"an asset waits until its sync has ended; leave out {step.blueprint.name}")
    name = checked_name(
        slug(name_of(steps, options)).replace("-", "_"),
        "[a-z0-9_]{1,100}",
        "the name of a schedule; it may have letters, digits and _",
    )
    assets = variables(steps)
    before = [{}, *({"deps": f"[{asset}]"} for asset in assets)]
    tasks = [(asset, step, {**deps, **changed(step, _arguments)}) for asset, step, deps in zip(assets, steps, before)]
    return fill("dagster.txt", name=name, options=options, steps=steps, secrets=secrets_of(steps), tasks=tasks)


def _arguments(rails: Guardrails) -> dict[str, str]:
    policy = f"dg.RetryPolicy(max_retries={rails.retry_count}, delay={rails.retry_wait:g})"
    return {"retry_policy": policy, "time_limit": f"{rails.runtime_cutoff:g}"}


ORCHESTRATOR = Orchestrator(render, options=("name", "schedule"))
