"""Many scripts at once: python -m bench --only many.

A fleet whose vessels wait for nothing runs under `sync-blueprints run`, and as many bare `requests` scripts that make
the same requests run as many at a time; both against the sandbox on this machine. Then triggers that wait for a sync of
a minute run all at once. CPU is that of a program and of the processes that it started, memory the largest of them:
the runner itself, as its scripts are smaller.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.processes import INHERITED, PYTHON, ROOT, Cost, Run, cost, product, table
from bench.startup import BARE, LOGIN
from sync_blueprints.fleet_run import AT_A_TIME
from sync_blueprints.sandbox import Sandbox

VESSELS = (30, 300)
WAITING = 50
ID = "succeeds_in_60"

BARE_RUNNER = """
import subprocess, sys
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor({at_a_time}) as pool:
    list(pool.map(lambda _: subprocess.run([sys.executable, {script!r}], check=True), range({count})))
"""


def _fleet(count: int, folder: Path) -> Path:
    source = {"type": "BLUEPRINT", "blueprint": "Fivetran - Execute Sync"}
    inputs = [{"FIVETRAN_CONNECTOR_ID": f"{ID}_x{number}"} for number in range(count)]
    vessels = {f"sync {number}": {"source": {**source, "inputs": own}} for number, own in enumerate(inputs)}
    file = folder / f"{count}.yaml"
    file.write_text(json.dumps({"name": "many", "vessels": vessels}), encoding="utf-8")
    return file


def _bare(count: int, folder: Path, url: str) -> Path:
    path = f"/v1/connections/{ID}"
    calls = [("GET", path, None), ("POST", f"{path}/sync", {"force": False})]
    script, runner = folder / "bare.py", folder / f"bare-{count}.py"
    script.write_text(BARE.format(login=LOGIN["fivetran"], calls=calls, url=url), encoding="utf-8")
    runner.write_text(BARE_RUNNER.format(at_a_time=AT_A_TIME, script=str(script), count=count), encoding="utf-8")
    return runner


def _fleets(environment: Mapping[str, str], folder: Path, url: str) -> str:
    rows = []
    for count in VESSELS:
        run_fleet = (str(ROOT / "sync_blueprints"), "run", "--fleet", str(_fleet(count, folder)))
        ours = cost(Run((sys.executable, *run_fleet), environment))
        theirs = cost(Run((sys.executable, str(_bare(count, folder, url))), environment))
        times = [f"{mine / other:.2f}" for mine, other in ((ours.wall, theirs.wall), (ours.cpu, theirs.cpu))]
        rows.append((str(count), *times, f"{ours.wall:.0f}", f"{ours.memory:.0f}"))
    return table(("vessels", "wall, fleet : bare", "CPU, fleet : bare", "wall, s", "memory, MiB"), rows)


def _waiting(environment: Mapping[str, str], folder: Path, sandbox: Sandbox) -> str:
    script = product(folder / "product") / "fivetran_blueprints" / "trigger_sync.py"

    def wait(number: int) -> Cost:
        own = {"FIVETRAN_CONNECTOR_ID": f"{ID}_xw{number}", "SHIPYARD_ARTIFACTS_DIRECTORY": str(folder / str(number))}
        return cost(Run((sys.executable, str(script)), {**environment, **own, "FIVETRAN_WAIT": "TRUE"}))

    before = len(sandbox.requests)
    with ThreadPoolExecutor(WAITING) as pool:
        costs = list(pool.map(wait, range(WAITING)))
    requests = (len(sandbox.requests) - before) / WAITING
    cpu, wall, memory = (statistics.median(figures) for figures in zip(*costs))
    row = (str(WAITING), f"{requests:.1f}", f"{wall:.0f}", f"{cpu:.2f}", f"{memory:.0f}")
    return table(("waiting at once", "requests each", "wall, s", "CPU each, s", "memory each, MiB"), [row])


def report() -> str:
    with tempfile.TemporaryDirectory() as name, Sandbox() as sandbox:
        folder = Path(name)
        environment = {**INHERITED, **sandbox.environment, "LOG_LEVEL": "WARNING"}
        fleets = _fleets({**environment, "SHIPYARD_ARTIFACTS_DIRECTORY": str(folder / "fleet")}, folder, sandbox.url)
        return f"Python {PYTHON}.\n\n{fleets}\n{_waiting(environment, folder, sandbox)}"
