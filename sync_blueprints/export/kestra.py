"""A flow of Kestra 0.24 and later: one task per step."""

from __future__ import annotations

from collections.abc import Sequence

from sync_blueprints.export.python_files import secrets_of, variables
from sync_blueprints.export.steps import (
    Options,
    Orchestrator,
    Step,
    checked_name,
    fill,
    handed_over_by,
    name_of,
    waiting_check,
)


def render(steps: Sequence[Step], options: Options) -> str:
    """Each task is run once: Kestra's retries know no exit codes, so a check waits by itself."""
    flow = checked_name(
        name_of(steps, options),
        "[A-Za-z0-9][A-Za-z0-9._-]{0,99}",
        "the id of a flow; it may have letters, digits, dots, - and _",
    )
    namespace = checked_name(
        options.namespace or "company.team",
        "[a-z0-9][a-z0-9._-]*",
        "a namespace of Kestra; it may have lowercase letters, digits, dots, - and _",
    )
    tasks = variables(steps)
    triggers = [handed_over_by(place, [step.blueprint for step in steps]) for place in range(len(steps))]
    return fill(
        "kestra.yaml",
        flow=flow,
        namespace=namespace,
        options=options,
        secrets=secrets_of(steps),
        tasks=[
            (task, step, None if trigger is None else tasks[trigger])
            for task, step, trigger in zip(tasks, steps, triggers)
        ],
    )


ORCHESTRATOR = Orchestrator(
    render,
    options=("name", "image", "namespace", "schedule"),
    guardrails=("runtime_cutoff",),
    refused=("{{", "{%", "{#"),  # Kestra renders a variable's value more than once, so that it cannot be escaped
    defaults=waiting_check,
)
