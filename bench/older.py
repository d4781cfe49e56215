"""The older Shipyard packages that trigger a sync, made to call another server than the vendor's.

They have the vendor's address in their code, so the function that sends a request is replaced by one that sends it to
the server given; the rest of a run is theirs. Fivetran's older path is written as the one that the sandbox has.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from bench.processes import Run

_FIVETRAN = """
import sys
from shipyard_fivetran import fivetran
from shipyard_fivetran.cli import sync
send, server = fivetran.request, sys.argv.pop(1)
def request(method, url, **more):
    url = url.replace("https://api.fivetran.com", server)
    return send(method, url.replace("/connectors/", "/connections/").replace("/force", "/sync"), **more)
fivetran.request = request
sync.main()
"""
_RUDDERSTACK = """
import sys
from shipyard_rudderstack import rudderstack
from shipyard_rudderstack.cli import trigger_sync_cli
send, server = rudderstack.requests.post, sys.argv.pop(1)
rudderstack.requests.post = lambda url, **more: send(url.replace("https://api.rudderstack.com", server), **more)
trigger_sync_cli.main()
"""


class Older(NamedTuple):
    """One of them; `arguments` are those of its script, filled from the variables of our own."""

    requirement: str
    code: str
    arguments: str

    def run(self, python: str, folder: Path, environment: Mapping[str, str], server: str) -> Run:
        """Its trigger, by an interpreter that has it; the folder takes a file."""
        script = folder / f"{self.requirement.partition('==')[0]}.py"
        script.write_text(self.code, encoding="utf-8")
        arguments = self.arguments.format(**environment).split()
        # no files for the next step, because only a vessel with others after it needs them
        platform = {"USER": "bench", "SHIPYARD_FLEET_DOWNSTREAM_COUNT": "0"}
        return Run((python, str(script), server, *arguments), {**environment, **platform})


OLDER = {
    "fivetran_blueprints/trigger_sync.py": Older(
        "shipyard-fivetran==0.2.1",
        _FIVETRAN,
        "--api-key {FIVETRAN_API_KEY} --api-secret {FIVETRAN_API_SECRET} --connector-id {FIVETRAN_CONNECTOR_ID}",
    ),
    "rudderstack_blueprints/trigger_sync.py": Older(
        "shipyard-rudderstack==0.1.3",
        _RUDDERSTACK,
        "--access-token {RUDDERSTACK_ACCESS_TOKEN} --source-id {RUDDERSTACK_SOURCE_ID}",
    ),
}
