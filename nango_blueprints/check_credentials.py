"""Tell whether Nango takes the secret key, and what it may do as far as that can be tried."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from nango_blueprints.client import INTEGRATION_PATTERN, Credentials, NangoClient
from shared import inputs
from shared.blueprint import Job, run
from shared.status import Result


class Inputs(Credentials):
    """The environment variables of this blueprint."""

    integration: str | None = inputs.identifier("NANGO_PROVIDER_CONFIG_KEY", INTEGRATION_PATTERN, required=False)

    @property
    def subject(self) -> str | None:
        return self.integration


def main(given: Inputs, job: Job) -> Result:
    return NangoClient(given, job).check_credentials(given.integration)


if __name__ == "__main__":
    run("Nango - Check Credentials", main, Inputs)
