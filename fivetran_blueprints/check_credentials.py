"""Check whether Fivetran accepts the key and secret."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fivetran_blueprints.api import FivetranApi
from fivetran_blueprints.inputs import Credentials
from shared.context import Run
from shared.run import run
from shared.status import Result


class Inputs(Credentials):
    """The environment variables of this blueprint."""


def main(given: Inputs, run: Run) -> Result:
    return FivetranApi(given, run).check_credentials()


if __name__ == "__main__":
    run("Fivetran - Check Credentials", main, Inputs)
