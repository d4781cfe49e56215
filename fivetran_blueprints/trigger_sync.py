"""Start a Fivetran sync and hand its ids to the scripts that run after this one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fivetran_blueprints.client import Credentials, FivetranClient, Waiting
from shared import inputs
from shared.blueprint import Job, run
from shared.status import Result


class Inputs(Waiting, Credentials):
    """The environment variables of this blueprint."""

    connector_id: str = inputs.identifier("FIVETRAN_CONNECTOR_ID")
    if_running: str = inputs.choice("FIVETRAN_IF_RUNNING", "restart", "join", "wait", "fail", default="restart")
    force: bool | None = inputs.boolean("FIVETRAN_FORCE", default=None)

    @property
    def subject(self) -> str:
        return self.connector_id

    @property
    def policy(self) -> str:
        """What to do if a sync is running; FIVETRAN_FORCE is the older way to say restart or join."""
        return self.if_running if self.force is None else "restart" if self.force else "join"

    def contradictions(self, given: set[str]) -> Iterator[str]:
        if "FIVETRAN_IF_RUNNING" in given and self.policy != self.if_running:
            yield f"FIVETRAN_FORCE means {self.policy}, which is at odds with FIVETRAN_IF_RUNNING"


def main(given: Inputs, job: Job) -> Result:
    fivetran = FivetranClient(given, job)
    job.artifacts.prepare()
    handover = fivetran.start_sync(given.connector_id, given.policy, given)
    job.artifacts.save(handover)
    return fivetran.follow(handover, given, just_started=True) if given.wait else fivetran.started(handover)


if __name__ == "__main__":
    run("Fivetran - Execute Sync", main, Inputs)
