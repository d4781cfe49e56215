"""A fleet of the platform, as YAML."""

from __future__ import annotations

from collections.abc import Sequence

from sync_blueprints.catalog import Guardrails
from sync_blueprints.export.python_files import secrets_of
from sync_blueprints.export.steps import (
    ExportError,
    Options,
    Orchestrator,
    Step,
    comment,
    duration,
    in_json,
    listed,
    titles,
)


def render(steps: Sequence[Step], options: Options) -> str:
    """One vessel per step, each started once the one before it has succeeded."""
    head = comment(
        f"Set {listed(secrets_of(steps))} with a custom credential group of the vessels whose keys are these names; "
        "secrets do not belong in a fleet's YAML."
    )
    return "\n".join([*head, body(steps, options)])


def body(steps: Sequence[Step], options: Options) -> str:
    """The fleet without the comment at its top."""
    names = titles(steps)
    lines = [f"name: {in_json(options.name or names[0])}", "vessels:"]
    for name, step in zip(names, steps):
        lines += [f"  {name}:", *(f"    {line}" for line in vessel(step))]
    if len(steps) > 1:
        lines.append("connections:")
        for name, following in zip(names, names[1:]):
            lines += [f"  {name}:", f"    {following}: SUCCESS"]
    return "\n".join(lines) + "\n"


def vessel(step: Step) -> list[str]:
    """The lines of one vessel, without its name."""
    inputs = [f"    {name}: {in_json(value)}" for name, value in step.inputs.items()]
    return [
        "source:",
        f"  blueprint: {step.blueprint.name}",
        *(["  inputs:", *inputs] if inputs else ["  inputs: {}"]),
        "  type: BLUEPRINT",
        *guardrails(step.guardrails),
    ]


def guardrails(rails: Guardrails) -> list[str]:
    """Raises ExportError for what the platform does not offer."""
    if rails.retry_count > 24 or rails.retry_wait > 3600 or rails.retry_wait % 300 or rails.runtime_cutoff > 4 * 3600:
        raise ExportError("a fleet has up to 24 retries, waits of 0m, 5m, 10m … 1h and a runtime cutoff of up to 4h")
    ranges = rails.exclude_exit_code_ranges
    return [
        "guardrails:",
        f"  retry_count: {rails.retry_count}",
        f"  retry_wait: {duration(rails.retry_wait)}",
        f"  runtime_cutoff: {duration(rails.runtime_cutoff, hours=True)}",
        "  exclude_exit_code_ranges:",
        *(f'    - "{first}"' if first == last else f'    - "{first}-{last}"' for first, last in ranges),
    ]


ORCHESTRATOR = Orchestrator(render, options=("name",))
