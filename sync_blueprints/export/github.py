"""Steps of a job of GitHub Actions that use this project's action."""

from __future__ import annotations

from collections.abc import Sequence

from sync_blueprints.export.steps import Options, Orchestrator, Step, changed, fill, slug, titles

ESCAPES = (("${{", "${{ '${{' }}"),)  # otherwise Actions takes it for an expression


def render(steps: Sequence[Step], _options: Options) -> str:
    """One step of the job per blueprint; the handoff is in the runner's temporary folder."""
    return fill(
        "github.yaml",
        steps=[(title, slug(title), step, changed(step)) for title, step in zip(titles(steps), steps)],
        escapes=ESCAPES,
    )


ORCHESTRATOR = Orchestrator(render, escapes=ESCAPES)
