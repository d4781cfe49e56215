"""Steps of a job of GitHub Actions that use this project's action."""

from __future__ import annotations

from collections.abc import Sequence

from sync_blueprints.export.steps import ARTIFACTS, Engine, Options, Step, changed, comment, in_json, slug, titles

ESCAPES = (("${{", "${{ '${{' }}"),)  # else Actions takes it for an expression


def render(steps: Sequence[Step], _options: Options) -> str:
    """One step of the job a blueprint; the files handed over lie in the runner's temporary folder."""
    lines = [
        *comment(
            "Steps for a job of a workflow in this repository. The action applies the guardrails inside the step; its "
            "outputs are exit-code, outcome, sync-id and message. Give the job a timeout-minutes above the time "
            "that the sync takes."
        ),
        "steps:",
        "  - uses: actions/checkout@v5",
        "    with:",
        "      persist-credentials: false",
    ]
    for title, step in zip(titles(steps), steps):
        lines += [
            f"  - name: {title}",
            f"    id: {slug(title)}",
            "    uses: ./",
            "    with:",
            f"      blueprint: {step.blueprint.name}",
            *(f"      {rail}: {in_json(value)}" for rail, value in changed(step).items()),
            "    env:",
            f"      {ARTIFACTS}: ${{{{ runner.temp }}}}/artifacts",
            *(f"      {secret}: ${{{{ secrets.{secret} }}}}" for secret in step.secrets),
            *(f"      {name}: {in_json(value, ESCAPES)}" for name, value in step.inputs.items()),
        ]
    return "\n".join(lines) + "\n"


ENGINE = Engine(render, escapes=ESCAPES)
