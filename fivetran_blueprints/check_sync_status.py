"""Check whether a Fivetran sync succeeded: the one that a trigger started, or the latest one of a connector."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fivetran_blueprints.handoff import Handoff
from fivetran_blueprints.inputs import Target, Waiting
from fivetran_blueprints.syncs import FivetranSyncs
from shared import inputs
from shared.context import Run
from shared.polling import follow
from shared.run import run
from shared.status import Result


class Inputs(Waiting, Target):
    """The environment variables of this blueprint."""

    connector_id: str | None = inputs.identifier(
        "FIVETRAN_CONNECTOR_ID", required=False, alias="FIVETRAN_CONNECTION_ID"
    )
    max_age: int | None = inputs.integer("FIVETRAN_MAX_AGE", unit="minutes", min=1)


def main(given: Inputs, run: Run) -> Result:
    handoff = run.artifacts.find(Handoff, given) or Handoff.latest(given.connector_id)
    syncs = FivetranSyncs(given, run, handoff.id, deadline=run.deadline(given) if given.wait else None)
    return follow(syncs, handoff, given, run).result()


if __name__ == "__main__":
    run("Fivetran - Check Sync Status", main, Inputs)
