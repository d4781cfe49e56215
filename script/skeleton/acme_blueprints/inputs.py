"""What several of Acme's scripts declare: credentials, the job, waiting."""

from __future__ import annotations

from typing import Any

from shared import inputs


class Credentials(inputs.Inputs):
    """How to reach Acme and as whom."""

    vendor = "acme"

    api_key: str = inputs.password("ACME_API_KEY")
    api_url: str = inputs.url("ACME_API_URL", default="https://api.acme.example")


class Waiting(Credentials):
    """Which job; whether to wait until its run has ended, and for how long."""

    job_id: str | None = inputs.identifier("ACME_JOB_ID", required=False)
    wait: bool = inputs.boolean("ACME_WAIT")
    wait_timeout: int = inputs.integer("ACME_WAIT_TIMEOUT", default=230, unit="minutes", min=1)
    poll_interval: int = inputs.integer("ACME_POLL_INTERVAL", default=60, unit="seconds", min=1, max=3600)

    @property
    def target(self) -> dict[str, Any]:
        return {"job_id": self.job_id}
