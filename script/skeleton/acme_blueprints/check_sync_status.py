"""Check whether a run of an Acme job succeeded: the one that a trigger started, or the latest one."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from acme_blueprints.inputs import Waiting
from acme_blueprints.syncs import AcmeSyncs, Handoff
from shared import inputs
from shared.context import Run
from shared.polling import follow
from shared.run import run
from shared.status import Result


class Inputs(Waiting):
    """The environment variables of this blueprint."""

    max_age: int | None = inputs.integer("ACME_MAX_AGE", unit="minutes", min=1)


def main(given: Inputs, run: Run) -> Result:
    handoff = run.artifacts.find(Handoff, given) or Handoff.latest(given)
    return follow(AcmeSyncs(given, run, handoff.id), handoff, given, run).result()


if __name__ == "__main__":
    run("Acme - Check Sync Status", main, Inputs)
