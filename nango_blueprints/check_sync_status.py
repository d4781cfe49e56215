"""Tell how Nango's syncs ended: those that a trigger handed over, or the latest runs of an integration."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from nango_blueprints.client import (
    CONNECTION_PATTERN,
    INTEGRATION_PATTERN,
    Credentials,
    Handover,
    NangoClient,
    Waiting,
    sync_names,
)
from shared import inputs
from shared.blueprint import Job, run
from shared.status import Result


class Inputs(Waiting, Credentials):
    """The environment variables of this blueprint."""

    integration: str | None = inputs.identifier("NANGO_PROVIDER_CONFIG_KEY", INTEGRATION_PATTERN, required=False)
    connection_id: str | None = inputs.identifier("NANGO_CONNECTION_ID", CONNECTION_PATTERN, required=False)
    syncs: tuple[str, ...] | None = inputs.text("NANGO_SYNCS", sync_names)

    @property
    def subject(self) -> str | None:
        return self.integration


def main(given: Inputs, job: Job) -> Result:
    nango = NangoClient(given, job)
    latest = (given.integration, given.connection_id, given.syncs or ())
    handover = job.artifacts.find(Handover, given) or Handover.latest_of(*latest)
    return nango.follow(handover, given)


if __name__ == "__main__":
    run("Nango - Check Sync Status", main, Inputs)
