"""Start a sync of a RudderStack source or Reverse ETL connection and hand its ids to the scripts after this one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rudderstack_blueprints.client import (
    Credentials,
    Handover,
    RudderStackClient,
    Target,
    Waiting,
    profiles_parameters,
    start_body,
)
from shared import inputs
from shared.blueprint import Job, run
from shared.status import Result


class Inputs(Waiting, Target, Credentials):
    """The environment variables of this blueprint."""

    sync_type: str = inputs.choice("RUDDERSTACK_SYNC_TYPE", "incremental", "full", default="incremental")
    parameters: tuple[str, ...] | None = inputs.text("RUDDERSTACK_PARAMETERS", profiles_parameters, multiline=True)
    if_running: str = inputs.choice("RUDDERSTACK_IF_RUNNING", "restart", "join", "wait", "fail", default="restart")

    def contradictions(self, given: set[str]) -> Iterator[str]:
        yield from super().contradictions(given)
        if not given & {"RUDDERSTACK_SOURCE_ID", "RUDDERSTACK_CONNECTION_ID"}:
            yield "RUDDERSTACK_SOURCE_ID or RUDDERSTACK_CONNECTION_ID is required and neither was given"
        if {"RUDDERSTACK_PARAMETERS", "RUDDERSTACK_CONNECTION_ID"} <= given:
            yield "RUDDERSTACK_PARAMETERS is for Profiles sources, and RUDDERSTACK_CONNECTION_ID was given"


def main(given: Inputs, job: Job) -> Result:
    rudderstack = RudderStackClient(given, job)
    job.artifacts.prepare()
    body = start_body(given, given.sync_type, given.parameters)
    handover = rudderstack.start_sync(Handover.of(given), body, given.if_running, given)
    job.artifacts.save(handover)
    return rudderstack.follow(handover, given, just_started=True) if given.wait else rudderstack.started(handover)


if __name__ == "__main__":
    run("RudderStack - Trigger Sync", main, Inputs)
