"""Jobs of a GitLab CI pipeline."""

from __future__ import annotations

from collections.abc import Sequence

from sync_blueprints.catalog import Guardrails
from sync_blueprints.export.steps import Options, Orchestrator, Step, changed, fill, name_of, slug, titles

ESCAPES = (("$", "$$"),)  # otherwise GitLab takes it for another variable


def render(steps: Sequence[Step], options: Options) -> str:
    """One job per step; the handoff is an artifact, and `run` applies the guardrails inside the job."""
    jobs = [slug(title) for title in titles(steps)]
    return fill(
        "gitlab.yaml",
        jobs=[
            (job, step, changed(step), _timeout(step.guardrails), before)
            for job, step, before in zip(jobs, steps, [None, *jobs])
        ],
        secrets=sorted({secret for step in steps for secret in step.secrets}),
        name=name_of(steps, options),
        image=options.image,
        escapes=ESCAPES,
    )


def _timeout(rails: Guardrails) -> str:
    """Of the job: one attempt that takes as long as it may, and the waits before the others."""
    return f"{(rails.runtime_cutoff + rails.retry_count * rails.retry_wait) / 60:g} minutes"


ORCHESTRATOR = Orchestrator(render, options=("name", "image"), escapes=ESCAPES)
