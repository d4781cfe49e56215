"""The demo runs every blueprint, and says so in a table."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from sync_blueprints import catalog, demo
from sync_blueprints.fleet_file import read
from sync_blueprints.sandbox import ID_VARIABLES

ROOT = Path(__file__).resolve().parents[2]


def test_every_blueprint_that_the_sandbox_knows_is_in_the_demo() -> None:
    fleets = [read(ROOT / "examples" / scene.file) for scene in demo.SCENES]
    shown = {vessel.blueprint.name for fleet in fleets for vessel in fleet.vessels if vessel.blueprint}
    assert shown == {blueprint.name for blueprint in catalog.load() if blueprint.vendor in ID_VARIABLES}


@pytest.mark.slow
@pytest.mark.sockets
def test_it_ends_with_0_in_under_a_minute_and_tells_one_line_a_step() -> None:
    started = time.monotonic()
    command = [sys.executable, "-m", "sync_blueprints", "demo"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    assert time.monotonic() - started < 60
    lines = ended.stdout.splitlines()
    assert max(map(len, lines)) <= 105
    steps = [line for line in lines if line.startswith("  ") and "exit code" not in line]
    assert len(steps) == sum(len(read(ROOT / "examples" / scene.file).vessels) for scene in demo.SCENES)
    place = next(line for line in lines if "exit code" in line).index("exit code") + len("exit code")
    assert all(line[place - 4 : place].strip() in ("0", "211", "-") for line in steps), "aligned"
