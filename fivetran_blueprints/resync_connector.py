"""Resync all tables of a Fivetran connector, or some, and save the handoff for the scripts that run after this one."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fivetran_blueprints.inputs import Connector, Waiting
from fivetran_blueprints.resyncs import FivetranResyncs, tables_by_schema
from shared import inputs
from shared.context import Run
from shared.polling import follow
from shared.run import run
from shared.starting import started, trigger
from shared.status import Result


class Inputs(Waiting, Connector):
    """The environment variables of this blueprint."""

    starts = True

    scope: dict[str, list[str]] | None = inputs.text("FIVETRAN_RESYNC_SCOPE", tables_by_schema)


def main(given: Inputs, run: Run) -> Result:
    syncs = FivetranResyncs(given, run, given.connector_id, scope=given.scope, deadline=run.deadline(given))
    handoff = trigger(syncs, "restart", given, run)
    run.artifacts.save(handoff)
    return follow(syncs, handoff, given, run).result() if given.wait else started(handoff)


if __name__ == "__main__":
    run("Fivetran - Resync Connector", main, Inputs)
