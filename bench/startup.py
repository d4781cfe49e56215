"""What a run costs beside a bare `requests` script that makes the same calls: python bench/startup.py [--pairs 25].

Both are whole processes against the sandbox on this machine, in turn (ours, bare, ours, bare …), after one of each that
does not count. CPU is user and system time as the operating system accounts it, memory the peak of the resident set;
the ratios are those of the medians. Absolute figures say little on a shared machine; ratios of one call hold.
"""

from __future__ import annotations

import argparse
import compileall
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.sandbox import Sandbox  # noqa: E402  # found only now

BARE = """
import os, requests
with requests.Session() as session:
    {setup}
    for method, path, body in {calls!r}:
        answer = session.request(method, {url!r} + path, json=body, timeout=(10, 60))
        answer.json()
"""
FIVETRAN = 'session.auth = (os.environ["FIVETRAN_API_KEY"], os.environ["FIVETRAN_API_SECRET"])'
RUDDERSTACK = 'session.headers["Authorization"] = "Bearer " + os.environ["RUDDERSTACK_ACCESS_TOKEN"]'
NANGO = 'session.headers["Authorization"] = "Bearer " + os.environ["NANGO_SECRET_KEY"]'
STATUS = "/sync/status?provider_config_key=sandbox&syncs=*&connection_id=succeeds_in_0"
TRIGGER = {"provider_config_key": "sandbox", "syncs": [], "connection_id": "succeeds_in_0"}
INPUTS = {
    "FIVETRAN_CONNECTOR_ID": "succeeds_in_0",
    "RUDDERSTACK_CONNECTION_ID": "succeeds_in_0",
    "NANGO_PROVIDER_CONFIG_KEY": "sandbox",
    "NANGO_CONNECTION_ID": "succeeds_in_0",
}
Calls = Sequence[tuple[str, str, object]]
JOBS: Sequence[tuple[str, str, Calls]] = (
    (
        "fivetran_blueprints/trigger_sync.py",
        FIVETRAN,
        [
            ("GET", "/v1/connections/succeeds_in_0", None),
            ("POST", "/v1/connections/succeeds_in_0/sync", {"force": True}),
        ],
    ),
    ("fivetran_blueprints/check_sync_status.py", FIVETRAN, [("GET", "/v1/connections/succeeds_in_0", None)]),
    (
        "rudderstack_blueprints/trigger_sync.py",
        RUDDERSTACK,
        [("POST", "/v2/retl-connections/succeeds_in_0/start", {"syncType": "incremental"})],
    ),
    ("nango_blueprints/trigger_sync.py", NANGO, [("GET", STATUS, None), ("POST", "/sync/trigger", TRIGGER)]),
    ("nango_blueprints/check_sync_status.py", NANGO, [("GET", STATUS, None)]),
)


class Cost(NamedTuple):
    """Of one process: seconds of CPU, seconds on the wall, and peak memory in MiB."""

    cpu: float
    wall: float
    memory: float


def warm() -> None:
    """Compile the bytecode, as an image or an earlier run has done."""
    for package in (*ROOT.glob("*_blueprints"), ROOT / "shared"):
        compileall.compile_dir(package, quiet=1)


def cost(command: Sequence[str], environment: Mapping[str, str]) -> Cost:
    """Run a command to its end. Raises RuntimeError if it does not exit with 0."""
    began = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} exited with {process.returncode}")
    per_mebibyte = 1024 * 1024 if sys.platform == "darwin" else 1024
    return Cost(usage.ru_utime + usage.ru_stime, time.monotonic() - began, usage.ru_maxrss / per_mebibyte)


def main() -> None:
    """Print a table of medians and ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--pairs", type=int, default=25, help="counted runs of each (default 25)")
    pairs = parser.parse_args().pairs
    warm()
    print(f"Python {sys.version.split()[0]}, {pairs} pairs")
    print(f"{'script':42} {'CPU ratio':>10} {'wall ratio':>10} {'memory ratio':>12}   medians: CPU s, MiB (bare)")
    with tempfile.TemporaryDirectory() as folder, Sandbox() as sandbox:
        inherited = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
        artifacts = {"SHIPYARD_ARTIFACTS_DIRECTORY": folder, "LOG_LEVEL": "WARNING"}
        environment: dict[str, str] = {**inherited, **sandbox.environment, **INPUTS, **artifacts}
        for script, setup, calls in JOBS:
            bare = Path(folder) / "bare.py"
            bare.write_text(BARE.format(setup=setup, calls=calls, url=sandbox.url), encoding="utf-8")
            commands = ([sys.executable, str(ROOT / script)], [sys.executable, str(bare)])
            runs = [[cost(command, environment) for command in commands] for _ in range(pairs + 1)][1:]
            ours, others = (Cost(*map(statistics.median, zip(*side))) for side in zip(*runs))
            ratios = Cost(*(mine / theirs for mine, theirs in zip(ours, others)))
            print(
                f"{script:42} {ratios.cpu:10.3f} {ratios.wall:10.3f} {ratios.memory:12.3f}"
                f"   {ours.cpu:.3f} ({others.cpu:.3f}), {ours.memory:.1f} ({others.memory:.1f})"
            )


if __name__ == "__main__":
    main()
