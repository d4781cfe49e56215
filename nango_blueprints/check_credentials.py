"""Check whether Nango accepts the secret key, which scopes it has, and whether it sees an integration."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from nango_blueprints.api import NangoApi
from nango_blueprints.inputs import INTEGRATION, Credentials
from shared import inputs
from shared.context import Run
from shared.run import run
from shared.status import Result


class Inputs(Credentials):
    """The environment variables of this blueprint."""

    integration: str | None = inputs.identifier("NANGO_PROVIDER_CONFIG_KEY", INTEGRATION, required=False)

    @property
    def subject(self) -> str | None:
        return self.integration


def main(given: Inputs, run: Run) -> Result:
    run.report.url = given.dashboard
    return NangoApi(given, run).check_credentials(given.integration)


if __name__ == "__main__":
    run("Nango - Check Credentials", main, Inputs)
