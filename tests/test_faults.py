"""The real scripts against a server that breaks every rule of HTTP, over real sockets, and killed at any moment."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sync_blueprints.catalog import REPOSITORY
from sync_blueprints.sandbox import Sandbox
from tests.faults import kills
from tests.faults.play import FAULTS, SCENES, Case, environment_of, files, play
from tests.faults.server import Clock, FaultServer, Plan
from tests.faults.survey import sample, survey
from tests.faults.zygote import Zygote

pytestmark = [pytest.mark.slow, pytest.mark.sockets]

CASES, KILLS, INTERRUPTIONS = 340, 30, 10
SEED = 20261122
PATIENCE = 60  # seconds until a process counts as stuck
VENDORS = ("rudderstack", "fivetran", "nango")

# How each scene ends where nothing goes wrong.
ENDS = {
    "trigger": (0, "started"),
    "trigger with a log id": (0, "started"),
    "trigger that waits for a success": (0, "succeeded"),
    "trigger that waits for a failure": (211, "failed"),
    "trigger while one runs, restart": (0, "started"),
    "trigger while one runs, join": (0, "joined"),
    "trigger while one runs, wait": (0, "started"),
    "trigger while one runs, fail": (203, "already_running"),
    "check of a success": (0, "succeeded"),
    "check of a failure": (211, "failed"),
    "check of a running one": (210, "running"),
    "check that waits for a failure": (211, "failed"),
    "check alone": (210, "running"),
    "credentials": (0, "valid"),
    "update of a schedule": (0, "updated"),
    "update of a pause": (0, "updated"),
    "update of a historical sync": (0, "updated"),
}


@pytest.mark.parametrize("scene", SCENES)
def test_an_answer_that_is_right_but_odd_changes_nothing(scene: str) -> None:
    played = play(Case(scene, 1, "in chunks", lasting=True))
    cannot_be_stopped = scene == "rudderstack source, trigger while one runs, restart"
    expected = (203, "already_running") if cannot_be_stopped else ENDS[scene.split(", ", 1)[1]]
    assert ((played.exit_code, played.outcome), played.broken) == (expected, [])


def test_no_fault_on_the_wire_breaks_a_promise() -> None:
    found = survey(sample(CASES, SEED))
    told = [f'{one.case}: {one.broken}; python -m tests.faults --one "{one.case}"' for one in found.broken]
    assert not told, "\n".join(told)
    assert sum(found.played.values()) == CASES
    assert set(found.played) == {fault.kind for fault in FAULTS.values()} | {"fields"}
    assert found.started > CASES / 10, "the faults come before anything happens"


def test_a_trigger_that_is_killed_or_interrupted_leaves_a_true_verdict_or_an_honest_error() -> None:
    clock, rng = kills.Clock(), random.Random(SEED)
    with Sandbox(clock=clock) as sandbox, Zygote() as zygote:
        moments = list(kills.everything(sandbox, clock, zygote))
        chosen = [*rng.sample(moments, KILLS), *kills.at_random(INTERRUPTIONS, rng)]
        found = kills.kill(chosen, sandbox, clock, zygote)
    assert not found.broken, "\n".join(found.broken)
    assert len(moments) > 1000, "a trigger has more moments than that"
    assert sum(found.ended.values()) == KILLS + INTERRUPTIONS
    assert {"killed", "130", "143"} <= set(found.ended)
    assert {210, 221} <= set(found.checks)


# --- true processes, on a clock that nobody sets forward ---


class RealClock(Clock):
    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


def run(scene: str, fault: str, call: int, folder: Path, *, lasting: bool = True) -> tuple[dict[str, Any], FaultServer]:
    """A script as a process of its own: its result, with `rss` in MB and what it says under `stderr`."""
    one = SCENES[scene]
    with FaultServer(one.vendor, RealClock()) as server:
        server.begin(Plan(call, FAULTS[fault], lasting))
        environment = {"PATH": os.environ["PATH"], **environment_of(one, server, folder)}
        process = subprocess.Popen(
            [sys.executable, one.file],
            env=environment,
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        stdout, stderr = process.communicate(timeout=PATIENCE)
        assert stdout.count("\n") == 1, stderr
        result = json.loads(stdout)
        assert result["exit_code"] == process.returncode
        assert "Traceback" not in stderr
        assert not server.strangers
        return {**result, "stderr": stderr}, server


@pytest.mark.parametrize(
    ("what", "fault", "call", "expected", "starts"),
    [
        ("trigger", "reset before the answer", {"fivetran": 2, "nango": 2}, (0, "started"), 1),
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
    def meet(vendor: str) -> None:
        kind = "rudderstack connection" if vendor == "rudderstack" and what != "credentials" else vendor
        result, server = run(f"{kind}, {what}", fault, call.get(vendor, 1), tmp_path / vendor, lasting=starts == 0)
        assert (result["exit_code"], result["outcome"]) == expected, result
        assert server.starts == starts
        assert ("sync.pickle" in files(tmp_path / vendor)) == (starts == 1)

    with ThreadPoolExecutor(len(VENDORS)) as pool:
        list(pool.map(meet, VENDORS))


@contextlib.contextmanager
def tmpfs(folder: Path, options: str) -> Iterator[None]:
    if shutil.which("mount") is None:
        pytest.skip("no file system may be mounted here")
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)],  # noqa: S607
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("no file system may be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)  # noqa: S607


def impossible(place: str, folder: Path, stack: contextlib.ExitStack) -> Path:
    """An artifacts folder that cannot be used."""
    if place == "a file":
        folder.write_text("in the way", encoding="utf-8")
    elif place == "a dangling link":
        folder.symlink_to(folder.parent / "nowhere" / "at all")
    elif place == "a link to itself":
        folder.symlink_to(folder)
    elif place == "a name too long":
        return folder / ("x" * 300)
    elif place == "below a device":
        return Path("/dev/null/artifacts")
    elif place == "a kernel's folder":
        return Path("/proc/sys/artifacts")
    elif place == "a full disk":
        stack.enter_context(tmpfs(folder, "size=16k"))
    elif place == "no more files":
        stack.enter_context(tmpfs(folder, "nr_inodes=3"))
    else:
        stack.enter_context(tmpfs(folder, "ro"))
    return folder


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("a file", "rudderstack source"),
        ("a dangling link", "fivetran"),
        ("a link to itself", "nango"),
        ("a name too long", "rudderstack source"),
        ("below a device", "fivetran"),
        ("a kernel's folder", "nango"),
        ("a full disk", "rudderstack source"),
        ("no more files", "fivetran"),
        ("a read-only disk", "nango"),
    ],
)
def test_a_folder_that_cannot_be_written_to_is_found_out_before_anything_is_started(
    place: str, kind: str, tmp_path: Path
) -> None:
    with contextlib.ExitStack() as stack:
        folder = impossible(place, tmp_path / "artifacts", stack)
        result, server = run(f"{kind}, trigger", "in chunks", 1, folder)
        assert (result["exit_code"], result["outcome"]) == (221, "artifact_error"), result
        assert "nothing was started" in result["message"]
        assert server.exchanges == [], "not even asked"
