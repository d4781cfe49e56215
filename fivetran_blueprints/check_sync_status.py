"""Tell how a Fivetran sync ended: the one that a trigger handed over, or the latest one of a connector."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fivetran_blueprints.client import Credentials, FivetranClient, Handover, Waiting
from shared import inputs
from shared.blueprint import Job, run
from shared.status import Result


class Inputs(Waiting, Credentials):
    """The environment variables of this blueprint."""

    connector_id: str | None = inputs.identifier("FIVETRAN_CONNECTOR_ID", required=False)

    @property
    def subject(self) -> str | None:
        return self.connector_id


def main(given: Inputs, job: Job) -> Result:
    fivetran = FivetranClient(given, job)
    handover = job.artifacts.find(Handover, given) or Handover.latest_of(given.connector_id)
    return fivetran.follow(handover, given)


if __name__ == "__main__":
    run("Fivetran - Check Sync Status", main, Inputs)
