"""What Nango's status costs by its number of entries: python -m bench --only scale.

A server on this machine responds with entries as Nango 0.71.4 writes them, one of three syncs each. For each size a
trigger for all connections runs, then the check that follows it, then a check without a handoff, each
as a process of its own. "times the body" is what the peak of the resident set grew by, over that of a run with one
entry, divided by the bytes of the body.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

from bench.processes import INHERITED, PYTHON, Cost, Run, cost, product, table
from sync_blueprints.sandbox import Request, Response, Sandbox

SYNCS = ("orders", "customers", "invoices")
SIZES = (200, 2_000, 20_000, 100_000)
MAX_IN_HANDOFF = 33_000


def body(entries: int, finished_at: str) -> str:
    """A response of /sync/status, as the server writes it."""
    syncs = [
        {
            "id": str(uuid5(NAMESPACE_URL, str(number))),
            "connection_id": f"customer-{number // len(SYNCS):06}",
            "type": "INCREMENTAL",
            "finishedAt": f"2026-11-22T{finished_at}:41.{number % 1000:03}Z",
            "nextScheduledSyncAt": "2026-11-23T02:47:49.293Z",
            "name": SYNCS[number % len(SYNCS)],
            "variant": "base",
            "status": "SUCCESS",
            "frequency": "every day",
            "latestResult": {"Order": {"added": 3, "deleted": 0, "updated": 1}},
            "latestExecutionStatus": "SUCCESS",
            "recordCount": {"Order": 3},
            "checkpoint": None,
        }
        for number in range(entries)
    ]
    return json.dumps({"syncs": syncs}, separators=(",", ":"))


class Many(Sandbox):
    """Responds with so many entries, and after a trigger with later ones."""

    def __init__(self, entries: int) -> None:
        super().__init__()
        self.syncs, self.later = body(entries, "02:52"), body(entries, "03:52")

    def respond(self, request: Request) -> Response:
        if request.method == "POST":
            self.syncs = self.later
            return Response(200, {"success": True})
        return Response(200, self.syncs, {"Content-Type": "application/json"})


class Point(NamedTuple):
    """What one kind of run costs at one size, and what is beyond the same run with one entry."""

    run: str
    entries: int
    body: int  # bytes
    cost: Cost
    cpu: float  # seconds
    memory: float  # bytes


def measure(entries: int, scripts: Path, folder: Path) -> tuple[int, dict[str, Cost]]:
    """Bytes of the body, and the costs by run; two are left out where there are too many entries for a handoff."""
    trigger, check = ((sys.executable, str(scripts / name)) for name in ("trigger_sync.py", "check_sync_status.py"))
    runs = {"trigger": trigger, "check of it": check, "check alone": check}
    if entries > MAX_IN_HANDOFF:
        del runs["trigger"], runs["check of it"]
    costs = {}
    server = Many(entries)
    with server:
        for name, command in runs.items():
            artifacts = str(folder / ("alone" if name == "check alone" else "handoffs"))
            own = {"NANGO_PROVIDER_CONFIG_KEY": "bench", "SHIPYARD_ARTIFACTS_DIRECTORY": artifacts}
            costs[name] = cost(Run(command, {**INHERITED, **server.environment, **own}))
    return len(server.later), costs


def measured(sizes: Sequence[int]) -> list[Point]:
    points = []
    with tempfile.TemporaryDirectory() as name:
        scripts = product(Path(name) / "product") / "nango_blueprints"
        _, smallest = measure(1, scripts, Path(name) / "1")
        for size in sizes:
            length, costs = measure(size, scripts, Path(name) / str(size))
            for run, one in costs.items():
                more = (one.memory - smallest[run].memory) * 2**20
                points.append(Point(run, size, length, one, one.cpu - smallest[run].cpu, more))
    return points


def plot(points: Sequence[Point], file: Path) -> None:
    """CPU time and memory by the number of entries, as SVG."""
    from bench.plots import figure, save

    picture, (left, right) = figure("CPU time of one run", "Memory beyond that of a run with one entry")
    for run in dict.fromkeys(one.run for one in points):
        of_it = [one for one in points if one.run == run]
        entries = [one.entries for one in of_it]
        left.plot(entries, [one.cost.cpu for one in of_it], marker="o", label=run)
        right.plot(entries, [one.memory / 1e6 for one in of_it], marker="o", label=run)
    bodies = {one.entries: one.body for one in points}
    right.plot(list(bodies), [body * 6 / 1e6 for body in bodies.values()], "--", color="0.4", label="6 times the body")
    right.plot(list(bodies), [body / 1e6 for body in bodies.values()], ":", color="0.4", label="the body")
    left.set(ylabel="seconds", ylim=0)
    right.set(ylabel="MB", ylim=0)
    for axes in (left, right):
        axes.set(xlabel="entries", xlim=0)
        axes.xaxis.set_major_formatter("{x:,.0f}")
    left.legend()
    right.legend()
    save(picture, file)


def report(picture: Path | None = None) -> str:
    """The table; the plot of the same figures goes to `picture`."""
    points = measured(SIZES)
    if picture:
        plot(points, picture)
    header = ("run", "entries", "body, MB", "CPU, s", "microseconds an entry", "peak, MiB", "times the body")
    rows = [
        (
            one.run,
            f"{one.entries:,}",
            f"{one.body / 1e6:.2f}",
            f"{one.cost.cpu:.2f}",
            f"{one.cpu / one.entries * 1e6:.1f}",
            f"{one.cost.memory:.1f}",
            f"{one.memory / one.body:.1f}",
        )
        for one in points
    ]
    return f"Python {PYTHON}.\n\n{table(header, rows)}"
