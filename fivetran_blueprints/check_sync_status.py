"""Check whether a Fivetran sync succeeded: the one that a trigger started, or the latest one of a connector."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fivetran_blueprints.inputs import Credentials, Waiting
from fivetran_blueprints.syncs import FivetranSyncs, Handoff
from shared import inputs
from shared.context import Run
from shared.polling import follow
from shared.run import run
from shared.status import Result


class Inputs(Waiting, Credentials):
    """The environment variables of this blueprint."""

    connector_id: str | None = inputs.identifier(
        "FIVETRAN_CONNECTOR_ID", required=False, alias="FIVETRAN_CONNECTION_ID"
    )
    max_age: int | None = inputs.integer("FIVETRAN_MAX_AGE", unit="minutes", min=1)

    @property
    def subject(self) -> str | None:
        return self.connector_id

    @property
    def target(self) -> dict[str, Any]:
        return {"connector_id": self.connector_id}


def main(given: Inputs, run: Run) -> Result:
    handoff = run.artifacts.find(Handoff, given) or Handoff.latest(given.connector_id)
    syncs = FivetranSyncs(given, run, handoff.id, deadline=run.deadline(given) if given.wait else None)
    return follow(syncs, handoff, given, run, given.max_age).result()


if __name__ == "__main__":
    run("Fivetran - Check Sync Status", main, Inputs)
