"""A flow for Prefect 3."""

from __future__ import annotations

from collections.abc import Sequence

from sync_blueprints.catalog import Guardrails
from sync_blueprints.export.python_files import changed, secrets_of, variables
from sync_blueprints.export.steps import Options, Orchestrator, Step, fill, name_of


def render(steps: Sequence[Step], options: Options) -> str:
    """One task per step, one after the other."""
    return fill(
        "prefect.txt",
        name=name_of(steps, options),
        options=options,
        steps=steps,
        secrets=secrets_of(steps),
        tasks=[(task, step, changed(step, _arguments)) for task, step in zip(variables(steps), steps)],
    )


def _arguments(rails: Guardrails) -> dict[str, str]:
    return {
        "retries": str(rails.retry_count),
        "retry_delay_seconds": f"{rails.retry_wait:g}",
        "time_limit": f"{rails.runtime_cutoff:g}",
    }


ORCHESTRATOR = Orchestrator(render, options=("name", "schedule"))
