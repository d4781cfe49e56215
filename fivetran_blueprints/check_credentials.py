"""Tell whether Fivetran takes the key and secret."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fivetran_blueprints.client import Credentials, FivetranClient
from shared.blueprint import Job, run
from shared.status import Result


class Inputs(Credentials):
    """The environment variables of this blueprint."""

    subject = None


def main(given: Inputs, job: Job) -> Result:
    return FivetranClient(given, job).check_credentials()


if __name__ == "__main__":
    run("Fivetran - Check Credentials", main, Inputs)
