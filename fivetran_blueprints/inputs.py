"""What several of Fivetran's scripts declare: credentials, the connection, waiting."""

from __future__ import annotations

from typing import Any

from shared import inputs


class Credentials(inputs.Inputs):
    """How to reach Fivetran and as whom."""

    vendor = "fivetran"

    api_key: str = inputs.password("FIVETRAN_API_KEY")
    api_secret: str = inputs.password("FIVETRAN_API_SECRET")
    api_url: str = inputs.url("FIVETRAN_API_URL", default="https://api.fivetran.com", cut="/v1")


class Target(Credentials):
    """Which connection; what users know as a connector the API calls a connection, with the same id."""

    connector_id: str | None

    @property
    def target(self) -> dict[str, Any]:
        return {"connector_id": self.connector_id}


class Connector(Target):
    """A connection that has to be named."""

    connector_id: str = inputs.identifier("FIVETRAN_CONNECTOR_ID", alias="FIVETRAN_CONNECTION_ID")


class Waiting(inputs.Inputs):
    """Whether to wait until the sync has ended, and for how long."""

    wait: bool = inputs.boolean("FIVETRAN_WAIT")
    wait_timeout: int = inputs.integer("FIVETRAN_WAIT_TIMEOUT", default=230, unit="minutes", min=1)
    poll_interval: int = inputs.integer("FIVETRAN_POLL_INTERVAL", default=60, unit="seconds", min=1, max=3600)
