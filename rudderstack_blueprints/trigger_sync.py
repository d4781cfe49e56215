"""Start a sync of a RudderStack source or Reverse ETL connection and save its handoff for the scripts after it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rudderstack_blueprints.inputs import Waiting, profiles_parameters
from rudderstack_blueprints.syncs import Handoff, RudderStackSyncs
from shared import inputs
from shared.context import Run
from shared.polling import follow
from shared.run import run
from shared.starting import started, trigger
from shared.status import Result

log = logging.getLogger(__name__)


class Inputs(Waiting):
    """The environment variables of this blueprint."""

    starts = True

    sync_type: str = inputs.choice("RUDDERSTACK_SYNC_TYPE", "incremental", "full", default="incremental")
    parameters: tuple[str, ...] | None = inputs.text("RUDDERSTACK_PARAMETERS", profiles_parameters, multiline=True)
    if_running: str = inputs.choice("RUDDERSTACK_IF_RUNNING", "restart", "join", "wait", "fail", default="restart")

    def conflicts(self) -> Iterator[str]:
        yield from super().conflicts()
        if not self.set_variables & {"RUDDERSTACK_SOURCE_ID", "RUDDERSTACK_CONNECTION_ID"}:
            yield "RUDDERSTACK_SOURCE_ID or RUDDERSTACK_CONNECTION_ID is required, and neither is set"
        if {"RUDDERSTACK_PARAMETERS", "RUDDERSTACK_CONNECTION_ID"} <= self.set_variables:
            yield "RUDDERSTACK_PARAMETERS is for Profiles sources and conflicts with RUDDERSTACK_CONNECTION_ID"

    @property
    def body(self) -> dict[str, object] | None:
        """What the trigger request sends; None is no body."""
        if self.connection_id is not None:
            return {"syncType": self.sync_type}
        if "RUDDERSTACK_SYNC_TYPE" in self.set_variables:
            log.info("RUDDERSTACK_SYNC_TYPE is for Reverse ETL connections and is ignored for a source")
        return {"parameters": list(self.parameters)} if self.parameters else None


def main(given: Inputs, run: Run) -> Result:
    syncs = RudderStackSyncs(given, run, Handoff.latest(given), given.body)
    handoff = trigger(syncs, given.if_running, given, run)
    run.artifacts.save(handoff)
    return follow(syncs, handoff, given, run).result() if given.wait else started(handoff)


if __name__ == "__main__":
    run("RudderStack - Trigger Sync", main, Inputs)
