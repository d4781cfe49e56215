"""Start syncs of a Nango integration and hand over what a later check needs to tell how they ended."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from nango_blueprints.client import (
    CONNECTION_PATTERN,
    INTEGRATION_PATTERN,
    Credentials,
    NangoClient,
    Selection,
    Waiting,
    sync_names,
)
from shared import inputs
from shared.blueprint import Job, run
from shared.status import Result


class Inputs(Waiting, Credentials):
    """The environment variables of this blueprint."""

    integration: str = inputs.identifier("NANGO_PROVIDER_CONFIG_KEY", INTEGRATION_PATTERN)
    connection_id: str | None = inputs.identifier("NANGO_CONNECTION_ID", CONNECTION_PATTERN, required=False)
    syncs: tuple[str, ...] | None = inputs.text("NANGO_SYNCS", sync_names)
    reset: bool = inputs.boolean("NANGO_RESET")
    empty_cache: bool = inputs.boolean("NANGO_EMPTY_CACHE")
    if_running: str = inputs.choice("NANGO_IF_RUNNING", "wait", "join", "fail", default="wait")

    @property
    def subject(self) -> str:
        return self.integration

    @property
    def options(self) -> dict[str, bool]:
        """The `opts` of the request: only what is set."""
        return {key: True for key, wanted in (("reset", self.reset), ("emptyCache", self.empty_cache)) if wanted}

    def contradictions(self, given: set[str]) -> Iterator[str]:
        del given
        if self.empty_cache and not self.reset:
            yield "NANGO_EMPTY_CACHE does nothing without NANGO_RESET"
        if self.reset and self.if_running == "join":
            yield "NANGO_RESET cancels a running sync, which is at odds with NANGO_IF_RUNNING join"


def main(given: Inputs, job: Job) -> Result:
    nango = NangoClient(given, job)
    job.artifacts.prepare()
    selection = Selection(given.integration, given.connection_id, given.syncs or ())
    handover = nango.start_sync(selection, given.options, given.if_running, given)
    job.artifacts.save(handover)
    return nango.follow(handover, given, just_started=True) if given.wait else nango.started(handover)


if __name__ == "__main__":
    run("Nango - Trigger Sync", main, Inputs)
