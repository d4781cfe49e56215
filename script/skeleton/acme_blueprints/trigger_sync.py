"""Start a run of an Acme job and save its handoff for the scripts that run after this one."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from acme_blueprints.inputs import Waiting
from acme_blueprints.syncs import AcmeSyncs
from shared import inputs
from shared.context import Run
from shared.polling import follow
from shared.run import run
from shared.starting import started, trigger
from shared.status import Result


class Inputs(Waiting):
    """The environment variables of this blueprint."""

    starts = True

    job_id: str = inputs.identifier("ACME_JOB_ID")
    if_running: str = inputs.choice("ACME_IF_RUNNING", "restart", "join", "wait", "fail", default="restart")


def main(given: Inputs, run: Run) -> Result:
    syncs = AcmeSyncs(given, run, given.job_id)
    handoff = trigger(syncs, given.if_running, given, run)
    run.artifacts.save(handoff)
    return follow(syncs, handoff, given, run).result() if given.wait else started(handoff)


if __name__ == "__main__":
    run("Acme - Trigger Sync", main, Inputs)
