"""List the syncs of a RudderStack Reverse ETL connection, newest first."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rudderstack_blueprints.api import RudderStackApi, utc
from rudderstack_blueprints.inputs import Credentials
from rudderstack_blueprints.listing import summary, table
from shared import inputs
from shared.context import Run
from shared.files import response_file
from shared.run import run
from shared.status import Result
from shared.transport import Response

log = logging.getLogger(__name__)

MAX_SHOWN = 20  # syncs in the result


class Inputs(Credentials):
    """The environment variables of this blueprint."""

    connection_id: str = inputs.identifier("RUDDERSTACK_CONNECTION_ID")
    status: str | None = inputs.choice("RUDDERSTACK_STATUS", "running", "succeeded", "failed")
    started_after: datetime | None = inputs.timestamp("RUDDERSTACK_STARTED_AFTER")
    started_before: datetime | None = inputs.timestamp("RUDDERSTACK_STARTED_BEFORE")
    limit: int = inputs.integer("RUDDERSTACK_LIMIT", default=100, unit="syncs", min=1, max=1000)

    @property
    def subject(self) -> str:
        return self.connection_id

    def conflicts(self) -> Iterator[str]:
        if self.started_after and self.started_before and self.started_after >= self.started_before:
            yield "RUDDERSTACK_STARTED_AFTER must be before RUDDERSTACK_STARTED_BEFORE"

    @property
    def filters(self) -> dict[str, str]:
        """As RudderStack takes them."""
        times = {"started_after": self.started_after, "started_before": self.started_before}
        return {**({"status": self.status} if self.status else {}), **{key: utc(at) for key, at in times.items() if at}}


def main(given: Inputs, run: Run) -> Result:
    file = response_file("syncs", given.connection_id)
    found, is_complete = RudderStackApi(given, run, given.connection_id).listing(given.filters, file, given.limit)
    syncs = found[: given.limit]
    run.kept[file] = Response(200, [sync.raw for sync in syncs])
    for line in table(syncs):
        log.info("%s", line)
    message = f"listed {len(syncs)} {'sync' if len(syncs) == 1 else 'syncs'} of connection {given.connection_id}"
    if not is_complete:
        message += "; RudderStack shows more than can be read, and older ones may be left out"
    return Result("listed", message, {"count": len(syncs), "syncs": [summary(sync) for sync in syncs[:MAX_SHOWN]]})


if __name__ == "__main__":
    run("RudderStack - List Syncs", main, Inputs)
