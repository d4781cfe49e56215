"""Start a Fivetran sync and save its handoff for the scripts that run after this one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fivetran_blueprints.inputs import Connector, Waiting
from fivetran_blueprints.syncs import FivetranSyncs
from shared import inputs
from shared.context import Run
from shared.polling import follow
from shared.run import run
from shared.starting import started, trigger
from shared.status import Result


class Inputs(Waiting, Connector):
    """The environment variables of this blueprint."""

    starts = True

    if_running: str = inputs.choice("FIVETRAN_IF_RUNNING", "restart", "join", "wait", "fail", default="restart")
    force: bool | None = inputs.boolean("FIVETRAN_FORCE", default=None)

    @property
    def policy(self) -> str:
        """What to do if a sync is running; FIVETRAN_FORCE is the older way to say restart or join."""
        return {None: self.if_running, True: "restart", False: "join"}[self.force]

    def conflicts(self) -> Iterator[str]:
        is_given = "FIVETRAN_IF_RUNNING" in self.set_variables - self.invalid_variables
        if is_given and self.policy != self.if_running:
            yield f"FIVETRAN_FORCE means {self.policy}, which conflicts with FIVETRAN_IF_RUNNING={self.if_running}"


def main(given: Inputs, run: Run) -> Result:
    force = given.policy == "restart"
    syncs = FivetranSyncs(given, run, given.connector_id, force=force, deadline=run.deadline(given))
    handoff = trigger(syncs, given.policy, given, run)
    run.artifacts.save(handoff)
    return follow(syncs, handoff, given, run).result() if given.wait else started(handoff)


if __name__ == "__main__":
    run("Fivetran - Execute Sync", main, Inputs)
