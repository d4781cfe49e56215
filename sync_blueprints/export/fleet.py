"""A fleet of the platform, as YAML."""

from __future__ import annotations

from collections.abc import Sequence

from sync_blueprints.catalog import Guardrails
from sync_blueprints.export.steps import Engine, Options, Step, comment, duration, in_json, listed, ranges, titles


def render(steps: Sequence[Step], options: Options) -> str:
    """One vessel a step, each started once the one before it has succeeded."""
    names = titles(steps)
    secrets = sorted({secret for step in steps for secret in step.secrets})
    lines = [
        *comment(
            f"Give {listed(secrets)} by a custom credential group of the vessels "
            "whose keys are these names; they do not belong into a fleet's YAML."
        ),
        f"name: {in_json(options.name or names[0])}",
        "vessels:",
    ]
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
        *guardrails(step.blueprint.guardrails),
    ]


def guardrails(rails: Guardrails) -> list[str]:
    return [
        "guardrails:",
        f"  retry_count: {rails.retry_count}",
        f"  retry_wait: {duration(rails.retry_wait)}",
        f"  runtime_cutoff: {duration(rails.runtime_cutoff, hours=True)}",
        "  exclude_exit_code_ranges:",
        *(f'    - "{text}"' for text in ranges(rails)),
    ]


ENGINE = Engine(render, options=("name",))
