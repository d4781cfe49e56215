"""Each exit code that the sandbox lists an id for is what the scripts end with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_blueprints.sandbox import EXAMPLES, ID_VARIABLES, Sandbox
from sync_blueprints.sandbox.behaviors import Example

ROOT = Path(__file__).resolve().parents[3]
ROWS = [(vendor, one) for one in EXAMPLES for vendor in ID_VARIABLES if vendor in (one.vendors or ID_VARIABLES)]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.mark.slow
@pytest.mark.sockets
@pytest.mark.parametrize(
    ("vendor", "example"), ROWS, ids=[f"{row.exit_code}-{row.id}-{vendor}" for vendor, row in ROWS]
)
def test_a_script_ends_with_the_exit_code_that_its_id_is_listed_for(
    sandbox: Sandbox, tmp_path: Path, vendor: str, example: Example
) -> None:
    variable, more = ID_VARIABLES[vendor]
    environment = {
        "PATH": os.environ["PATH"],
        "SHIPYARD_ARTIFACTS_DIRECTORY": str(tmp_path),
        **sandbox.environment,
        **more,
        **{f"{vendor.upper()}_{name}": value for name, value in example.inputs.items()},
        f"{vendor.upper()}_POLL_INTERVAL": "1",
        variable: f"{example.id}_x{example.exit_code}",
    }
    script = ROOT / f"{vendor.lower()}_blueprints" / example.script
    ended = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, timeout=60, check=False)
    assert ended.returncode == example.exit_code, ended.stderr.decode()
    assert json.loads(ended.stdout)["exit_code"] == example.exit_code


def test_every_exit_code_that_a_vendor_can_cause_has_an_id() -> None:
    assert {one.exit_code for one in EXAMPLES} == {0, 200, 201, 202, 203, 204, 210, 211, 212, 213, 220}
