"""A script that sets up a fleet under cron or a systemd timer of the user who runs it."""

from __future__ import annotations

from collections.abc import Sequence

from sync_blueprints.export import fleet
from sync_blueprints.export.python_files import secrets_of
from sync_blueprints.export.schedule import on_calendar
from sync_blueprints.export.steps import Options, Orchestrator, Step, checked_name, fill, name_of

EVERY_NIGHT = "0 2 * * *"


def render(steps: Sequence[Step], options: Options) -> str:
    """The runner applies the guardrails, so that cron and systemd need to know nothing but the time."""
    schedule = options.schedule or EVERY_NIGHT
    return fill(
        "cron.sh",
        name=checked_name(
            name_of(steps, options),
            "[A-Za-z0-9][A-Za-z0-9_.-]{0,99}",
            "a file's name here; it may have letters, digits, dots, - and _",
        ),
        fleet=fleet.body(steps, options),
        secrets=secrets_of(steps),
        schedule=schedule,
        events=on_calendar(schedule),
        what=", then ".join(step.blueprint.name for step in steps),
    )


ORCHESTRATOR = Orchestrator(render, options=("name", "schedule"))
