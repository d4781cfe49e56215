"""Check whether Acme accepts the API key."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from acme_blueprints.api import AcmeApi
from acme_blueprints.inputs import Credentials
from shared.context import Run
from shared.run import run
from shared.status import Result


class Inputs(Credentials):
    """The environment variables of this blueprint."""


def main(given: Inputs, run: Run) -> Result:
    account = AcmeApi(given, run).account()
    return Result("valid", f"ACME_API_KEY is valid and belongs to the account {account}", {"account": account})


if __name__ == "__main__":
    run("Acme - Check Credentials", main, Inputs)
