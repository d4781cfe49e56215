"""`docker run` lines."""

from __future__ import annotations

from collections.abc import Sequence

from sync_blueprints.export.python_files import secrets_of
from sync_blueprints.export.steps import Options, Orchestrator, Step, changed, fill, name_of, slug


def render(steps: Sequence[Step], options: Options) -> str:
    """One container per step; the volume keeps the handoff for the next one."""
    return fill(
        "docker.sh",
        steps=[(step, changed(step)) for step in steps],
        secrets=secrets_of(steps),
        volume=f"{slug(name_of(steps, options))}-artifacts",
        image=options.image,
    )


ORCHESTRATOR = Orchestrator(render, options=("name", "image"), quoting="shell")
