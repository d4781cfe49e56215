"""What Nango's status costs by its number of entries: python bench/scale.py [--sizes 200 2000 20000 100000].

A server on this machine answers with entries as Nango 0.71.4 writes them, one of three syncs each. For each size a
trigger for all connections runs, then the check that judges what it handed over, then a check without a hand-over, each
as a process of its own. "times the body" is what the peak of the resident set grew by, over that of a run with one
entry, divided by the bytes of the body.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.startup import Cost, cost, warm  # noqa: E402  # found only now

SYNCS = ("orders", "customers", "invoices")
SIZES = (200, 2_000, 20_000, 100_000)
MOST_HANDED_OVER = 33_000


def body(entries: int, finished_at: str) -> bytes:
    """An answer of /sync/status, as the server writes it."""
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
    return json.dumps({"syncs": syncs}, separators=(",", ":")).encode()


class _Nango(ThreadingHTTPServer):
    def __init__(self, entries: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.before, self.after = body(entries, "02:52"), body(entries, "03:52")
        self.triggered = False


class _Handler(BaseHTTPRequestHandler):
    server: _Nango

    def do_GET(self) -> None:
        self._answer(self.server.after if self.server.triggered else self.server.before)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.triggered = True
        self._answer(b'{"success":true}')

    def _answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...


def _serve(entries: int, told: Connection) -> None:
    with _Nango(entries) as server:
        told.send((server.server_port, len(server.after)))
        server.serve_forever()


def measure(entries: int, folder: Path) -> tuple[int, list[Cost | None]]:
    """Bytes of the body, and the costs of a trigger, its check and a check on its own (None: too many to hand over)."""
    ours, theirs = Pipe()
    server = Process(target=_serve, args=(entries, theirs))  # one of its own: what we hold, our children seem to use
    server.start()
    port, length = ours.recv()
    environment = {
        "PATH": os.environ["PATH"],
        "NANGO_API_URL": f"http://127.0.0.1:{port}",
        "NANGO_SECRET_KEY": "8f2c1c6e-3d47-4b0a-9d52-6a1f0e7b4c11",
        "NANGO_PROVIDER_CONFIG_KEY": "bench",
    }
    handed_over = {**environment, "SHIPYARD_ARTIFACTS_DIRECTORY": str(folder / "handed-over")}
    alone = {**environment, "SHIPYARD_ARTIFACTS_DIRECTORY": str(folder / "alone")}
    trigger, check = ([sys.executable, str(ROOT / "nango_blueprints" / name)] for name in SCRIPTS)
    costs = [cost(trigger, handed_over), cost(check, handed_over)] if entries <= MOST_HANDED_OVER else [None, None]
    try:
        return length, [*costs, cost(check, alone)]
    finally:
        server.terminate()
        server.join()


SCRIPTS = ("trigger_sync.py", "check_sync_status.py")
RUNS = ("trigger", "check of it", "check alone")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of entries")
    sizes: Sequence[int] = parser.parse_args().sizes
    warm()
    print(f"Python {sys.version.split()[0]}")
    print(f"{'entries':>8} {'body, MB':>8}  {'run':12} {'CPU, s':>7} {'us an entry':>11} {'peak, MB':>8} times body")
    with tempfile.TemporaryDirectory() as folder:
        _, least = measure(1, Path(folder) / "1")
        for size in sizes:
            length, costs = measure(size, Path(folder) / str(size))
            for run, one, smallest in zip(RUNS, costs, least):
                if one is None or smallest is None:
                    continue
                more = (one.memory - smallest.memory) * 2**20
                each = (one.cpu - smallest.cpu) / size * 1e6
                print(
                    f"{size:8} {length / 1e6:8.2f}  {run:12} {one.cpu:7.2f} {each:11.1f} "
                    f"{one.memory:8.1f} {more / length:10.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
