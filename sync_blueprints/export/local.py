"""Commands for a shell on this machine."""

from __future__ import annotations

from collections.abc import Sequence

from sync_blueprints.export.steps import Options, Orchestrator, Step, changed, fill


def render(steps: Sequence[Step], _options: Options) -> str:
    """One command per step; each sees the handoff of the one before it in the same folder."""
    return fill(
        "local.sh",
        steps=[(step, changed(step)) for step in steps],
        secrets=sorted({secret for step in steps for secret in step.secrets}),
    )


ORCHESTRATOR = Orchestrator(render, quoting="shell")
