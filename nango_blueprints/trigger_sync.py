"""Start syncs of a Nango integration and save their handoff for the scripts that run after this one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from nango_blueprints.inputs import INTEGRATION, Syncs
from nango_blueprints.syncs import NangoSyncs
from shared import inputs
from shared.context import Run
from shared.polling import follow
from shared.run import run
from shared.starting import started, trigger
from shared.status import Result


class Inputs(Syncs):
    """The environment variables of this blueprint."""

    starts = True

    integration: str = inputs.identifier("NANGO_PROVIDER_CONFIG_KEY", INTEGRATION)
    reset: bool = inputs.boolean("NANGO_RESET")
    empty_cache: bool = inputs.boolean("NANGO_EMPTY_CACHE")
    if_running: str = inputs.choice("NANGO_IF_RUNNING", "wait", "join", "fail", default="wait")

    @property
    def options(self) -> dict[str, bool]:
        """The `opts` of the request: only what is set."""
        return {key: True for key, wanted in (("reset", self.reset), ("emptyCache", self.empty_cache)) if wanted}

    def conflicts(self) -> Iterator[str]:
        if self.empty_cache and not self.reset:
            yield "NANGO_EMPTY_CACHE does nothing without NANGO_RESET"
        if self.reset and self.if_running == "join":
            yield "NANGO_RESET cancels a running sync, which conflicts with NANGO_IF_RUNNING=join"


def main(given: Inputs, run: Run) -> Result:
    run.report.url = given.dashboard
    syncs = NangoSyncs(given, run, given.selection, given.options)
    handoff = trigger(syncs, given.if_running, given, run)
    run.artifacts.save(handoff)
    return follow(syncs, handoff, given, run).result() if given.wait else started(handoff, handoff.details)


if __name__ == "__main__":
    run("Nango - Trigger Sync", main, Inputs)
