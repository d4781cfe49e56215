"""Airflow 3 as it is run: scheduler, LocalExecutor, DAG processor, API server; script/test-orchestrators scheduler."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sync_blueprints.sandbox import Sandbox
from tests.orchestrators.test_airflow import AIRFLOW, environment_of, secrets_of
from tests.support import MovableClock

PATIENCE = 600  # seconds for each step
pytestmark = [
    pytest.mark.slow,
    pytest.mark.sockets,
    pytest.mark.skipif(not AIRFLOW, reason="script/test-orchestrators scheduler names an Airflow 3 in AIRFLOW"),
]


@dataclass(frozen=True)
class Airflow:
    """A running Airflow with a database of its own."""

    home: Path
    process: subprocess.Popen[bytes]

    def query(self, statement: str) -> list[tuple[object, ...]]:
        try:
            with contextlib.closing(sqlite3.connect(self.home / "airflow.db", timeout=10)) as database:
                return database.execute(statement).fetchall()
        except sqlite3.OperationalError:  # not made yet, or being written
            return []

    def wait_until(self, holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert self.process.poll() is None, "Airflow ended"
            assert time.monotonic() < deadline, self.query("select task_id, state, try_number from task_instance")
            time.sleep(0.5)

    def state(self, task: str) -> tuple[object, ...]:
        rows = self.query(f"select state, try_number from task_instance where task_id = '{task}'")  # noqa: S608
        return rows[0] if rows else ("", 0)


@pytest.fixture
def clock() -> MovableClock:
    """No sync of the sandbox ends before a test advances it."""
    return MovableClock()


@pytest.fixture
def sandbox(clock: MovableClock) -> Iterator[Sandbox]:
    with Sandbox(clock=clock) as one:
        yield one


@pytest.fixture
def airflow(tmp_path: Path, sandbox: Sandbox) -> Iterator[Airflow]:
    home = tmp_path / "airflow"
    (home / "dags").mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        **environment_of(home),
        "PATH": f"{Path(AIRFLOW).parent}:{os.environ['PATH']}",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",  # for slow machines: a task that waited 5 s would be killed
        "SANDBOX": sandbox.url,
        **secrets_of(sandbox),
    }
    with (home / "standalone.log").open("wb") as log:
        process = subprocess.Popen(
            [AIRFLOW, "standalone"], env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            airflow = Airflow(home, process)
            airflow.wait_until(lambda: listens(port))  # tasks that begin before the API server does fail
            shutil.copy(Path(__file__).with_name("airflow_chains.py"), home / "dags")
            yield airflow
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def scripts(url: str) -> list[tuple[int, int]]:
    """The processes (and their parents) of this machine that run a script against this sandbox."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_script = b"_blueprints/trigger_sync.py" in (folder / "cmdline").read_bytes()
            if is_script and url.encode() in (folder / "environ").read_bytes():
                status = (folder / "status").read_text()
                found.append((int(folder.name), int(status.split("PPid:")[1].split()[0])))
    return found


def test_a_task_that_is_killed_joins_its_sync_and_a_sensor_is_rescheduled(
    airflow: Airflow, sandbox: Sandbox, clock: MovableClock
) -> None:
    def polls() -> int:
        return sum(one.method == "GET" and one.path.endswith("_xwaits") for one in sandbox.requests)

    airflow.wait_until(lambda: polls() >= 4 and scripts(sandbox.url))
    ((script, task),) = [one for one in scripts(sandbox.url) if polls()]
    os.kill(task, signal.SIGKILL)
    airflow.wait_until(lambda: not Path(f"/proc/{script}").exists())  # it ends with its task
    airflow.wait_until(lambda: airflow.state("waits") == ("running", 2))
    before = polls()
    airflow.wait_until(lambda: polls() >= before + 4)
    airflow.wait_until(lambda: airflow.query("select count(*) from task_reschedule")[0][0] >= 2)
    assert airflow.state("checked")[1] == 1
    clock.ahead = 600
    for name, attempts in (("waits", 2), ("started", 1), ("checked", 1)):
        airflow.wait_until(lambda name=name: airflow.state(name)[0] in ("success", "failed"))
        assert airflow.state(name) == ("success", attempts)
    assert sorted(one for _, one in sandbox.starts) == ["succeeds_in_600_xchecked", "succeeds_in_600_xwaits"]
    airflow.wait_until(lambda: airflow.query("select count(*) from rendered_task_instance_fields")[0][0] >= 3)
    kept = b"".join(path.read_bytes() for path in airflow.home.rglob("*") if path.is_file())
    assert b"recorded in" in kept, "the tasks' logs are here"
    assert not [secret for secret in secrets_of(sandbox).values() if secret.encode() in kept]
