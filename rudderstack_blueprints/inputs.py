"""What several of RudderStack's scripts declare: credentials, what is synced, waiting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shared import inputs, values

PROFILES_PARAMETERS = ("--model_refs", "--begin_time", "--end_time", "--rebase_incremental")


class Credentials(inputs.Inputs):
    """How to reach RudderStack and as whom."""

    vendor = "rudderstack"

    access_token: str = inputs.password("RUDDERSTACK_ACCESS_TOKEN")
    region: str = inputs.choice("RUDDERSTACK_REGION", "US", "EU", default="US")
    api_url: str | None = inputs.url("RUDDERSTACK_API_URL", cut="/v2")


class Target(Credentials):
    """What is synced: a source or a Reverse ETL connection."""

    source_id: str | None = inputs.identifier("RUDDERSTACK_SOURCE_ID", required=False)
    connection_id: str | None = inputs.identifier("RUDDERSTACK_CONNECTION_ID", required=False)

    @property
    def target(self) -> dict[str, Any]:
        return {"source_id": self.source_id, "connection_id": self.connection_id}

    def conflicts(self) -> Iterator[str]:
        if {"RUDDERSTACK_SOURCE_ID", "RUDDERSTACK_CONNECTION_ID"} <= self.set_variables:
            yield "RUDDERSTACK_SOURCE_ID and RUDDERSTACK_CONNECTION_ID are both set; set only the one to sync"


class Waiting(Target):
    """Whether to wait until the sync has ended, for how long, and what counts as a success."""

    fail_on_failed_rows: bool = inputs.boolean("RUDDERSTACK_FAIL_ON_FAILED_ROWS")
    wait: bool = inputs.boolean("RUDDERSTACK_WAIT")
    wait_timeout: int = inputs.integer("RUDDERSTACK_WAIT_TIMEOUT", default=230, unit="minutes", min=1)
    poll_interval: int = inputs.integer("RUDDERSTACK_POLL_INTERVAL", default=60, unit="seconds", min=1, max=3600)


def profiles_parameters(text: str) -> tuple[str, ...]:
    """One parameter a line, `--flag` or `--flag value`, of those that RudderStack allows. Raises InputError."""
    lines = tuple(line.strip() for line in text.splitlines() if line.strip())
    for line in lines:
        if line.split()[0] not in PROFILES_PARAMETERS:
            allowed = ", ".join(PROFILES_PARAMETERS)
            raise values.InputError(f"has the line {values.shown(line)}; a line must start with one of {allowed}")
    return lines
