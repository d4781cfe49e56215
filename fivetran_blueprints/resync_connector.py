"""Resync all tables of a Fivetran connector, or some, and save the handoff for the scripts that run after this one."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fivetran_blueprints.inputs import Connector, Waiting
from fivetran_blueprints.syncs import FivetranSyncs
from shared import inputs, values
from shared.context import Run
from shared.polling import follow
from shared.run import run
from shared.starting import started, trigger
from shared.status import Result


def tables_by_schema(text: str) -> dict[str, list[str]]:
    """`{"schema": ["table", …]}`. Raises InputError."""
    scope = values.json_object(text)
    for tables in scope.values():
        if not isinstance(tables, list) or not tables or not all(isinstance(one, str) and one for one in tables):
            raise values.InputError('must be a JSON object of the form {"schema": ["table", …]}')
    if not scope:
        raise values.InputError("names no schema; leave it empty for all tables")
    return scope


class Inputs(Waiting, Connector):
    """The environment variables of this blueprint."""

    starts = True

    scope: dict[str, list[str]] | None = inputs.text("FIVETRAN_RESYNC_SCOPE", tables_by_schema)


def main(given: Inputs, run: Run) -> Result:
    syncs = FivetranSyncs(
        given, run, given.connector_id, force=True, historical=True, scope=given.scope, deadline=run.deadline(given)
    )
    handoff = trigger(syncs, "restart", given, run)
    run.artifacts.save(handoff)
    return follow(syncs, handoff, given, run).result() if given.wait else started(handoff)


if __name__ == "__main__":
    run("Fivetran - Resync Connector", main, Inputs)
