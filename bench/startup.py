"""What a run costs beside a bare `requests` script that makes the same requests: python -m bench --only startup.

Both are whole processes against the sandbox on this machine, in turn (ours, bare, ours …), after one of each that does
not count, by this interpreter; everything has its bytecode. CPU is user and system time as the operating system
accounts it, memory the peak of the resident set. A ratio is the median of those of the pairs; absolute figures say
little on a shared machine.
The bare script repeats the very requests that ours made, which are counted at the sandbox, and so are the connections.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from bench import processes
from bench.processes import PYTHON, Run, medians, product, ratios, table
from sync_blueprints.sandbox import Request, Sandbox

BARE = """
import os, requests
with requests.Session() as session:
    {login}
    for method, path, body in {calls!r}:
        session.request(method, {url!r} + path, json=body, timeout=(10, 60)).json()
"""
LOGIN = {
    "fivetran": 'session.auth = (os.environ["FIVETRAN_API_KEY"], os.environ["FIVETRAN_API_SECRET"])',
    "rudderstack": 'session.headers["Authorization"] = "Bearer " + os.environ["RUDDERSTACK_ACCESS_TOKEN"]',
    "nango": 'session.headers["Authorization"] = "Bearer " + os.environ["NANGO_SECRET_KEY"]',
}
INPUTS = {
    "fivetran": {"FIVETRAN_CONNECTOR_ID": "succeeds_in_0"},
    "rudderstack (source)": {"RUDDERSTACK_SOURCE_ID": "succeeds_in_0"},
    "rudderstack (connection)": {"RUDDERSTACK_CONNECTION_ID": "succeeds_in_0"},
    "nango": {"NANGO_PROVIDER_CONFIG_KEY": "sandbox", "NANGO_CONNECTION_ID": "succeeds_in_0"},
}
SCRIPTS = ("trigger_sync", "check_sync_status")  # the check is of what the trigger before it started


def measured() -> Iterator[tuple[str, dict[str, Run], list[Request]]]:
    """The name of each script, ours and the bare one, and the requests of ours; by then each has run once."""
    with tempfile.TemporaryDirectory() as name, Sandbox() as sandbox:
        folder = Path(name)
        scripts = product(folder / "product")
        for (kind, inputs), script in itertools.product(INPUTS.items(), SCRIPTS):
            vendor = kind.partition(" ")[0]
            artifacts = {"SHIPYARD_ARTIFACTS_DIRECTORY": str(folder / f"artifacts-{kind}"), "LOG_LEVEL": "WARNING"}
            environment = {**processes.INHERITED, **sandbox.environment, **inputs, **artifacts}
            ours = Run((sys.executable, str(scripts / f"{vendor}_blueprints/{script}.py")), environment)
            before = len(sandbox.requests)
            processes.cost(ours)
            requests = sandbox.requests[before:]
            calls = [(one.method, _path(one), one.json()) for one in requests]
            bare = folder / f"bare-{kind}-{script}.py"
            bare.write_text(BARE.format(login=LOGIN[vendor], calls=calls, url=sandbox.url), encoding="utf-8")
            runs = {"ours": ours, "bare": Run((sys.executable, str(bare)), environment)}
            yield kind.replace(vendor, f"{vendor} {script}"), runs, requests


def _path(request: Request) -> str:
    return request.path + ("?" + urlencode(request.query, doseq=True) if request.query else "")


def report(pairs: int) -> str:
    rows = []
    for name, runs, requests in measured():
        ours, bare = processes.in_turn(runs, pairs).values()
        connections = len({one.client for one in requests})
        figures = (
            f"{medians(ours).cpu * 1000:.0f} ({medians(bare).cpu * 1000:.0f})",
            f"{medians(ours).memory:.1f} ({medians(bare).memory:.1f})",
        )
        ratio = [f"{one:.3f}" for one in ratios(ours, bare)]
        rows.append((name, str(len(requests)), str(connections), *ratio, *figures))
    header = ("ours : bare", "requests", "connections", "CPU", "wall", "memory", "CPU, ms (bare)", "memory, MiB (bare)")
    return f"Python {PYTHON}, {pairs} pairs.\n\n{table(header, rows)}"


def counts() -> str:
    rows = []
    for name, runs, _ in measured():
        ours, bare = map(processes.instructions, runs.values())
        rows.append((name, f"{ours / bare:.3f}", f"{bare / 1e6:,.0f}"))
    header = ("instructions", "ours : bare", "bare, millions")
    return f"Python {PYTHON}, counted by valgrind.\n\n{table(header, rows)}"
