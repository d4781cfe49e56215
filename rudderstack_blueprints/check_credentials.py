"""Check whether RudderStack accepts the access token."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rudderstack_blueprints.api import RudderStackApi
from rudderstack_blueprints.inputs import Credentials
from shared.context import Run
from shared.run import run
from shared.status import Result


class Inputs(Credentials):
    """The environment variables of this blueprint."""


def main(given: Inputs, run: Run) -> Result:
    workspace = RudderStackApi(given, run).workspace()
    if not workspace:
        return Result("valid", "RUDDERSTACK_ACCESS_TOKEN is valid; RudderStack does not show its workspace")
    name = workspace.get("name") or workspace.get("id") or "without a name"
    region = str(workspace.get("region") or given.region)
    message = f"RUDDERSTACK_ACCESS_TOKEN is valid and belongs to the workspace {name}"
    if region.upper() != given.region:
        message += f"; its region is {region}, and RUDDERSTACK_REGION is {given.region}"
    return Result("valid", message, {"workspace": name, "region": workspace.get("region")})


if __name__ == "__main__":
    run("RudderStack - Check Credentials", main, Inputs)
