"""What a run costs beside a bare `requests` script that makes the same calls: python bench/startup.py [--pairs 25].

All are whole processes against the sandbox on this machine, in turn (ours, bare, older, ours, bare …), after one of
each that does not count. Ours and the bare script run in a new virtual environment with requirements.txt and nothing
else, an older Shipyard package in one of its own; everything has its bytecode. CPU is user and system time as the
operating system accounts it, memory the peak of the resident set. A ratio is the median of those of the pairs; absolute
figures say little on a shared machine. The bare script repeats the very calls that ours made, which are counted at the
sandbox, and so are the connections.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.older import OLDER
from bench.processes import (
    INHERITED,
    PYTHON,
    ROOT,
    Run,
    cost,
    environment_with,
    in_turn,
    instructions,
    medians,
    product,
    ratios,
    table,
)
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
FIVETRAN = {"FIVETRAN_CONNECTOR_ID": "succeeds_in_0"}
CONNECTION, SOURCE = {"RUDDERSTACK_CONNECTION_ID": "succeeds_in_0"}, {"RUDDERSTACK_SOURCE_ID": "succeeds_in_0"}
NANGO = {"NANGO_PROVIDER_CONFIG_KEY": "sandbox", "NANGO_CONNECTION_ID": "succeeds_in_0"}


class Job(NamedTuple):
    """A script and its inputs. A check follows the trigger before it."""

    script: str
    inputs: Mapping[str, str]
    note: str = ""

    @property
    def vendor(self) -> str:
        return self.script.partition("_")[0]

    @property
    def name(self) -> str:
        return f"{self.vendor} {Path(self.script).stem}{self.note}"


JOBS = (
    Job("fivetran_blueprints/trigger_sync.py", FIVETRAN),
    Job("fivetran_blueprints/check_sync_status.py", FIVETRAN),
    Job("rudderstack_blueprints/trigger_sync.py", SOURCE, " (source)"),
    Job("rudderstack_blueprints/check_sync_status.py", SOURCE, " (source)"),
    Job("rudderstack_blueprints/trigger_sync.py", CONNECTION, " (connection)"),
    Job("rudderstack_blueprints/check_sync_status.py", CONNECTION, " (connection)"),
    Job("nango_blueprints/trigger_sync.py", NANGO),
    Job("nango_blueprints/check_sync_status.py", NANGO),
)


class Measured(NamedTuple):
    """The runs of one job: ours, without bytecode, the bare script, perhaps an older package's; and our requests."""

    job: Job
    runs: Mapping[str, Run]
    requests: list[Request]


def measured(sandbox: Sandbox, folder: Path, python: str, *, older: bool) -> Iterator[Measured]:
    """What is to be measured, one job after the other; by then its own script has run once."""
    compiled = product(folder / "compiled")
    bare_of_bytecode = product(folder / "not-compiled", compiled=False)
    for number, job in enumerate(JOBS):
        artifacts = {"SHIPYARD_ARTIFACTS_DIRECTORY": str(folder / f"artifacts-{job.vendor}{job.note}")}
        environment = {**INHERITED, **sandbox.environment, **job.inputs, **artifacts, "LOG_LEVEL": "WARNING"}
        ours = Run((python, str(compiled / job.script)), environment)
        before = len(sandbox.requests)
        cost(ours)
        requests = sandbox.requests[before:]
        bare = folder / f"bare-{number}.py"
        calls = [(one.method, _path(one), one.json()) for one in requests]
        bare.write_text(BARE.format(login=LOGIN[job.vendor], calls=calls, url=sandbox.url), encoding="utf-8")
        runs = {
            "ours": ours,
            "bare": Run((python, str(bare)), environment),
            "uncompiled": Run(
                (python, str(bare_of_bytecode / job.script)), {**environment, "PYTHONDONTWRITEBYTECODE": "1"}
            ),
        }
        predecessor = OLDER.get(job.script)
        if older and predecessor and job.inputs != CONNECTION:  # it knows sources only
            place = environment_with(folder / predecessor.requirement, predecessor.requirement)
            runs["older"] = predecessor.run(place, folder, environment, sandbox.url)
        yield Measured(job, runs, requests)


def _path(request: Request) -> str:
    return request.path + ("?" + urlencode(request.query, doseq=True) if request.query else "")


@contextmanager
def _measured(older: bool) -> Iterator[Iterator[Measured]]:
    with tempfile.TemporaryDirectory() as name, Sandbox() as sandbox:
        folder, python = Path(name), sys.executable
        if older:
            python = environment_with(folder / "requirements", "-r", str(ROOT / "requirements.txt"))
        yield measured(sandbox, folder, python, older=older)


def report(pairs: int = 25, *, older: bool = True) -> str:
    """Two tables: ratios to the bare script, and those of and to the older packages."""
    rows, beside = [], []
    with _measured(older) as jobs:
        for job, runs, requests in jobs:
            costs = in_turn(runs, pairs)
            ours, bare = costs["ours"], costs["bare"]
            extra = statistics.median(one.cpu - other.cpu for one, other in zip(costs["uncompiled"], ours))
            rows.append(
                (
                    job.name,
                    str(len(requests)),
                    str(len({one.client for one in requests})),
                    *(f"{one:.3f}" for one in ratios(ours, bare)),
                    f"{medians(ours).cpu * 1000:.0f} ({medians(bare).cpu * 1000:.0f})",
                    f"{medians(ours).memory:.1f} ({medians(bare).memory:.1f})",
                    f"{extra * 1000:+.0f}",
                )
            )
            if "older" in costs:
                both = (*ratios(costs["older"], bare), *ratios(ours, costs["older"]))
                beside.append((OLDER[job.script].requirement, *(f"{one:.3f}" for one in both)))
    kinds = ("CPU", "wall", "memory")
    figures = ("CPU, ms (bare)", "memory, MiB (bare)", "CPU without our bytecode, ms")
    text = f"Python {PYTHON}, {pairs} pairs.\n\n"
    text += table(("ours : bare", "calls", "connections", *kinds, *figures), rows)
    if beside:
        names = [f"{kind}, {whose}" for whose in ("older : bare", "ours : older") for kind in kinds]
        text += "\n" + table(("the older trigger", *names), beside)
    return text


def counts(*, older: bool = True) -> str:
    """A table of instructions, once each."""
    rows = []
    with _measured(older) as jobs:
        for job, runs, _ in jobs:
            ours, bare = instructions(runs["ours"]), instructions(runs["bare"])
            theirs = f"{instructions(runs['older']) / bare:.3f}" if "older" in runs else ""
            rows.append((job.name, f"{ours / bare:.3f}", theirs, f"{bare / 1e6:,.0f}"))
    header = ("instructions", "ours : bare", "older package : bare", "bare, millions")
    return f"Python {PYTHON}, counted by valgrind.\n\n{table(header, rows)}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--pairs", type=int, default=25, help="counted runs of each (default 25)")
    parser.add_argument(
        "--instructions", action="store_true", help="count instructions instead of time (needs valgrind)"
    )
    parser.add_argument(
        "--here", action="store_true", help="use this interpreter's packages and no older ones: needs no registry"
    )
    given = parser.parse_args()
    if given.instructions and not shutil.which("valgrind"):
        parser.error("--instructions needs valgrind")
    print(counts(older=not given.here) if given.instructions else report(given.pairs, older=not given.here))


if __name__ == "__main__":
    main()
