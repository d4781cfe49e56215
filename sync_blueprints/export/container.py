"""`docker run` lines."""

from __future__ import annotations

from collections.abc import Sequence

from sync_blueprints.export.steps import Engine, Options, Step, changed, comment, in_shell, listed, name_of, slug


def render(steps: Sequence[Step], options: Options) -> str:
    """One container a step; the volume carries the hand-over from one to the next."""
    secrets = sorted({secret for step in steps for secret in step.secrets})
    volume = f"{slug(name_of(steps, options))}-artifacts"
    lines = comment(
        f"Export {listed(secrets)} first: `-e NAME` alone takes the value over "
        "from this shell, so that it stands on no command line. `run` applies the guardrails inside the "
        "container, which exits with the code of the last attempt. The volume hands over from a trigger to its check."
    )
    for place, step in enumerate(steps, 1):
        flags = "".join(f"--{rail} {value} " for rail, value in changed(step).items())
        lines += [
            "docker run --rm --read-only \\",
            *(f"  -e {secret} \\" for secret in step.secrets),
            f"  -v {volume}:/artifacts \\",
            *(f"  -e {name}={in_shell(value)} \\" for name, value in step.inputs.items()),
            f"  {in_shell(options.image)} run {flags}{in_shell(step.blueprint.name)}" + (" &&" * (place < len(steps))),
        ]
    return "\n".join(lines) + "\n"


ENGINE = Engine(render, options=("name", "image"), quoting="shell")
