"""Check whether Nango's syncs succeeded: those that a trigger started, or the latest runs of an integration."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from nango_blueprints.inputs import Syncs
from nango_blueprints.syncs import Handoff, NangoSyncs
from shared import inputs
from shared.context import Run
from shared.polling import follow
from shared.run import run
from shared.status import Result


class Inputs(Syncs):
    """The environment variables of this blueprint."""

    max_age: int | None = inputs.integer("NANGO_MAX_AGE", unit="minutes", min=1)


def main(given: Inputs, run: Run) -> Result:
    run.report.url = given.dashboard
    found = run.artifacts.find(Handoff, given)
    handoff = found.for_check(given) if found else Handoff.latest(given)
    return follow(NangoSyncs(given, run, handoff.selection), handoff, given, run).result()


if __name__ == "__main__":
    run("Nango - Check Sync Status", main, Inputs)
