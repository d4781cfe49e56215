"""A WorkflowTemplate of Argo Workflows 3.6 and later, and a CronWorkflow."""

from __future__ import annotations

from collections.abc import Sequence

from sync_blueprints.export.pods import ESCAPES, OPTIONS, common, hands_over, step_names
from sync_blueprints.export.steps import Options, Orchestrator, Step, duration, fill, final_codes, waits_after_starting


def render(steps: Sequence[Step], options: Options) -> str:
    """One template per step, run one after the other; each retried as the catalog says."""
    names = step_names(steps, options)
    return fill(
        "argo.yaml",
        **common(steps, options),
        steps=[
            (name, step, _final(step), _argo_duration(step.guardrails.retry_wait)) for name, step in zip(names, steps)
        ],
        hands_over=hands_over(steps),
    )


def _final(step: Step) -> list[int]:
    """Argo says -1 of a pod that was lost before it had an exit code. Such a one is retried, unless it may have started
    a sync that it was to wait for.
    """
    return [*([-1] if waits_after_starting(step) else []), *final_codes(step)]


def _argo_duration(seconds: float) -> str:
    return duration(seconds).replace("m0s", "m").replace("h0m", "h")


ORCHESTRATOR = Orchestrator(render, options=OPTIONS, escapes=ESCAPES, refused=("{{",))
