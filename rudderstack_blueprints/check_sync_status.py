"""Tell how a RudderStack sync ended: the one that a trigger handed over, or the latest of a source or connection."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rudderstack_blueprints.client import Credentials, Handover, RudderStackClient, Target, Waiting
from shared.blueprint import Job, run
from shared.status import Result


class Inputs(Waiting, Target, Credentials):
    """The environment variables of this blueprint."""


def main(given: Inputs, job: Job) -> Result:
    rudderstack = RudderStackClient(given, job)
    handover = job.artifacts.find(Handover, given) or Handover.of(given)
    return rudderstack.follow(handover, given)


if __name__ == "__main__":
    run("RudderStack - Check Sync Status", main, Inputs)
