"""What the exports that are Python files share: names of tasks, and guardrails other than the catalog's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sync_blueprints.catalog import Guardrails, find
from sync_blueprints.export.steps import Step, slug, titles


def variables(steps: Sequence[Step]) -> list[str]:
    """A name for each step that a variable can have."""
    return [slug(title).replace("-", "_") for title in titles(steps)]


def secrets_of(steps: Sequence[Step]) -> list[str]:
    return sorted({secret for step in steps for secret in step.secrets})


def changed(step: Step, arguments: Callable[[Guardrails], dict[str, str]]) -> dict[str, str]:
    """The arguments that differ from those of the catalog's guardrails, which are the integration's defaults."""
    usual = arguments(find(step.blueprint.name).guardrails)
    return {name: text for name, text in arguments(step.blueprint.guardrails).items() if text != usual[name]}
