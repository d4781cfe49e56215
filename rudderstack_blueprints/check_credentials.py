"""Tell whether RudderStack takes the access token."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rudderstack_blueprints.client import Credentials, RudderStackClient
from shared.blueprint import Job, run
from shared.status import Result


class Inputs(Credentials):
    """The environment variables of this blueprint."""

    subject = None


def main(given: Inputs, job: Job) -> Result:
    return RudderStackClient(given, job).check_credentials(given.region)


if __name__ == "__main__":
    run("RudderStack - Check Credentials", main, Inputs)
