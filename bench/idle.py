"""What scripts that wait cost the machine they wait on: python bench/idle.py [--count 50] [--seconds 30] (Linux).

Checks of the three vendors wait for syncs of the sandbox that do not end. Once all of them have looked for the first
time, and ten seconds later, the kernel's account of each one's CPU time is read twice, `--seconds` apart. In this time
they look more often than later on, so that what a long wait takes is less.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.processes import INHERITED, PYTHON, product, table
from tools.sandbox import Sandbox

IDS = {
    "fivetran": "FIVETRAN_CONNECTOR_ID",
    "rudderstack": "RUDDERSTACK_CONNECTION_ID",
    "nango": "NANGO_CONNECTION_ID",
}
SETTLING = 10.0  # seconds
AT_MOST = 2.0  # % of one core


def cpu(process: int) -> float:
    """Seconds of CPU that a process has had so far."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9


def resident(process: int) -> float:
    """MiB that only this process has."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def report(count: int = 50, seconds: float = 30) -> str:
    """The table. Raises RuntimeError if a script has ended or they do not all look within two minutes."""
    vendors = [list(IDS)[number % len(IDS)] for number in range(count)]
    with tempfile.TemporaryDirectory() as name, Sandbox() as sandbox:
        folder = product(Path(name))
        waiting = [
            subprocess.Popen(
                [sys.executable, str(folder / f"{vendor}_blueprints" / "check_sync_status.py")],
                env={
                    **INHERITED,
                    **sandbox.environment,
                    "NANGO_PROVIDER_CONFIG_KEY": "sandbox",
                    "SHIPYARD_ARTIFACTS_DIRECTORY": str(folder / "artifacts" / str(number)),
                    IDS[vendor]: f"running_in_86400_x{number}",
                    f"{vendor.upper()}_WAIT": "TRUE",
                },
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for number, vendor in enumerate(vendors)
        ]
        try:
            patience = time.monotonic() + 120
            while len({one.client for one in sandbox.requests}) < count:
                if time.monotonic() > patience:
                    raise RuntimeError("the scripts do not come to wait")
                time.sleep(0.1)
            time.sleep(SETTLING)
            before, looks = [cpu(one.pid) for one in waiting], len(sandbox.requests)
            began = time.monotonic()
            time.sleep(seconds)
            after, took = [cpu(one.pid) for one in waiting], time.monotonic() - began
            looks = len(sandbox.requests) - looks
            memory = [resident(one.pid) for one in waiting]
            if any(one.poll() is not None for one in waiting):
                raise RuntimeError("a script has ended instead of waiting")
        finally:
            for one in waiting:
                one.send_signal(signal.SIGTERM)
            for one in waiting:
                one.wait()
    shares = [(end - start) / took * 100 for start, end in zip(before, after)]
    header = (
        f"{count} checks that wait, over {took:.0f} s",
        "looks of each",
        "CPU of each, median",
        "at most",
        "of all",
        "memory of its own, MiB, median",
    )
    rows = [
        (
            name,
            f"{looks / count:.1f}" if name == "all" else "",
            f"{statistics.median(some):.2f} %",
            f"{max(some):.2f} %",
            f"{sum(some):.1f} %",
            f"{statistics.median(taken):.1f}",
        )
        for name in (*IDS, "all")
        for some in [[share for share, vendor in zip(shares, vendors) if name in (vendor, "all")]]
        for taken in [[one for one, vendor in zip(memory, vendors) if name in (vendor, "all")]]
    ]
    promise = "holds" if max(shares) < AT_MOST else "DOES NOT HOLD"
    return f"Python {PYTHON}. Under {AT_MOST:g} % of a core each: {promise}.\n\n{table(header, rows)}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--count", type=int, default=50, help="scripts that wait (default 50)")
    parser.add_argument("--seconds", type=float, default=30, help="how long to look at them (default 30)")
    given = parser.parse_args()
    print(report(given.count, given.seconds))


if __name__ == "__main__":
    main()
