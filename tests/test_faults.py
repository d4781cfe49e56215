"""The real scripts against a server that breaks every rule of HTTP, over real sockets, and killed at any moment."""

from __future__ import annotations

import contextlib
import random
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from sync_blueprints.sandbox import Sandbox
from tests.faults import kills
from tests.faults.play import FAULTS, SCENES, Case, files, play
from tests.faults.server import Clock, FaultServer, Plan
from tests.faults.survey import sample, survey
from tests.processes import VENDORS, in_parallel
from tests.processes import run as run_process
from tests.support import MovableClock

pytestmark = [pytest.mark.slow, pytest.mark.sockets]

CASES, KILLS, INTERRUPTIONS = 340, 30, 10
SEED = 20261122


@pytest.mark.parametrize("name", SCENES)
def test_a_response_that_is_right_but_odd_changes_nothing(name: str) -> None:
    played = play(Case(name, 1, "in chunks", lasting=True))
    assert (played.outcome, played.broken) == (SCENES[name].ends, [])


def test_no_fault_on_the_wire_breaks_a_promise() -> None:
    played = list(survey(sample(CASES, SEED)))
    broken = [f'{one.broken}; python -m tests.faults --one "{one.case}"' for one in played if one.broken]
    assert "\n".join(broken) == ""
    assert len(played) == CASES
    assert {one.kind for one in played} == {fault.kind for fault in FAULTS.values()} | {"fields"}
    assert sum(one.starts for one in played) > CASES / 10, "the faults come before anything happens"


def test_a_trigger_that_is_killed_or_interrupted_leaves_a_true_verdict_or_an_honest_error() -> None:
    clock, rng = MovableClock(), random.Random(SEED)
    with Sandbox(clock=clock) as sandbox:
        moments = list(kills.everything(sandbox, clock))
        found = kills.kill([*rng.sample(moments, KILLS), *kills.at_random(INTERRUPTIONS, rng)], sandbox, clock)
    assert "\n".join(found.broken) == ""
    assert len(moments) > 1000, "a trigger has more moments than that"
    assert sum(found.ended.values()) == KILLS + INTERRUPTIONS
    assert {"killed", "130", "143"} <= set(found.ended)
    assert {"210", "221"} <= set(found.checks)


# Real processes, on a clock that nobody sets forward


class RealClock(Clock):
    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def date(self, later: float = 0.0) -> str:
        return formatdate(self.time() + later, usegmt=True)


def run(scene: str, fault: str, call: int, folder: Path, *, lasting: bool = True) -> tuple[dict[str, Any], FaultServer]:
    """A script as a process of its own: its result, and what the server saw of it."""
    one = SCENES[scene]
    with FaultServer(one.kind.vendor, RealClock()) as server:
        server.begin(Plan(call, FAULTS[fault], lasting))
        result = run_process([one.script], one.environment(server, folder)).result
        assert not server.called_elsewhere
        return result, server


@pytest.mark.parametrize(
    ("what", "fault", "call", "expected", "starts"),
    [
        ("trigger", "reset before the response", {"fivetran": 2, "nango": 2}, (0, "started"), 1),
        ("trigger", "close within the body", {"fivetran": 2, "nango": 2}, (0, "started"), 1),
        ("trigger", "502 with a page", {"fivetran": 2, "nango": 2}, (0, "started"), 1),
        ("trigger", "307 to another host", {}, (201, "refused"), 0),
        ("trigger", "429, Retry-After 3600", {}, (202, "not_started"), 0),
        ("check alone", "200 with a page", {}, (220, "unreachable"), 0),
        ("check alone", "200 with 100,000 brackets", {}, (220, "unreachable"), 0),
        ("credentials", "302 to another host", {}, (201, "refused"), 0),
    ],
)
def test_a_script_as_a_process_meets_a_fault(
    what: str, fault: str, call: Mapping[str, int], expected: tuple[int, str], starts: int, tmp_path: Path
) -> None:
    def meet(kind: Any) -> None:
        folder = tmp_path / kind.vendor
        result, server = run(f"{kind.name}, {what}", fault, call.get(kind.vendor, 1), folder, lasting=starts == 0)
        assert (result["exit_code"], result["outcome"]) == expected, result
        assert server.starts == starts
        assert ("sync.pickle" in files(folder)) == (starts == 1)

    in_parallel(meet, VENDORS)


@contextlib.contextmanager
def tmpfs(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)  # noqa: S607


def linked(folder: Path, target: Path) -> Path:
    folder.symlink_to(target)
    return folder


def in_the_way(folder: Path) -> Path:
    folder.write_text("in the way", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        pytest.param("RudderStack source", in_the_way, id="a file"),
        pytest.param("Fivetran", lambda folder: linked(folder, Path("nowhere/at/all")), id="a dangling link"),
        pytest.param("Nango", lambda folder: linked(folder, folder), id="a link to itself"),
        pytest.param("RudderStack source", lambda folder: folder / ("x" * 300), id="a name too long"),
        pytest.param("Fivetran", lambda _: Path("/dev/null/artifacts"), id="below a device"),
        pytest.param("Nango", lambda _: Path("/proc/sys/artifacts"), id="a kernel's folder"),
        pytest.param("RudderStack source", lambda folder: tmpfs(folder, "size=16k"), id="a full disk"),
        pytest.param("Fivetran", lambda folder: tmpfs(folder, "nr_inodes=3"), id="no more files"),
        pytest.param("Nango", lambda folder: tmpfs(folder, "ro"), id="a read-only disk"),
    ],
)
def test_a_folder_that_cannot_be_written_to_is_found_out_before_anything_is_started(
    kind: str, make: Any, tmp_path: Path
) -> None:
    made = make(tmp_path / "artifacts")
    with contextlib.nullcontext(made) if isinstance(made, Path) else made as folder:
        result, server = run(f"{kind}, trigger", "in chunks", 1, folder)
    assert (result["exit_code"], result["outcome"]) == (221, "artifact_error"), result
    assert "nothing was started" in result["message"]
    assert server.exchanges == [], "not even asked"
