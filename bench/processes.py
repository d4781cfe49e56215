"""What the measurements share: whole processes and what they cost, and tables."""

from __future__ import annotations

import compileall
import os
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sync_blueprints.catalog import VENDORS, folder_of

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ".".join(map(str, sys.version_info[:3]))
INHERITED = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}

# A small process starts the measured one, because what a parent holds counts as its child's peak until that has begun.
LAUNCHER = """
import os, sys, time
began = time.monotonic()
to_nowhere = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
process = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[to_nowhere])
_, status, used = os.wait4(process, 0)
took = time.monotonic() - began
print(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, took, used.ru_maxrss)
"""


class Cost(NamedTuple):
    """Of one process: seconds of CPU, seconds on the wall, and peak memory in MiB."""

    cpu: float
    wall: float
    memory: float


class Run(NamedTuple):
    command: Sequence[str]
    environment: Mapping[str, str]


def cost(run: Run) -> Cost:
    """Run a process to its end. Raises RuntimeError if it does not exit with 0."""
    launcher = (sys.executable, "-I", "-S", "-c", LAUNCHER, *run.command)
    ended = subprocess.run(launcher, env=run.environment, capture_output=True, text=True, check=True)
    exit_code, cpu, wall, memory = ended.stdout.split()
    if exit_code != "0":
        raise RuntimeError(f"{' '.join(run.command)} exited with {exit_code}: {ended.stderr.strip()[-500:]}")
    per_mebibyte = 1024 * 1024 if sys.platform == "darwin" else 1024
    return Cost(float(cpu), float(wall), int(memory) / per_mebibyte)


def in_turn(runs: Mapping[str, Run], pairs: int) -> dict[str, list[Cost]]:
    """The costs of each run: one of each that does not count, then all of them in turn, `pairs` times."""
    for run in runs.values():
        cost(run)
    costs: dict[str, list[Cost]] = {name: [] for name in runs}
    for _ in range(pairs):
        for name, run in runs.items():
            costs[name].append(cost(run))
    return costs


def ratios(costs: Sequence[Cost], of: Sequence[Cost]) -> Cost:
    """The median over the pairs of how much each cost is of that measured beside it."""
    return medians([Cost(*(mine / theirs for mine, theirs in zip(*pair))) for pair in zip(costs, of)])


def medians(costs: Iterable[Cost]) -> Cost:
    return Cost(*map(statistics.median, zip(*costs)))


def instructions(run: Run) -> int:
    """How many instructions a process takes, as valgrind counts them: the same again, however busy the machine is."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *run.command]
    environment = {**run.environment, "PYTHONHASHSEED": "0"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    collected = re.search(r"Collected : (\d+)", ended.stderr)
    if ended.returncode or collected is None:
        raise RuntimeError(f"{' '.join(run.command)} exited with {ended.returncode}: {ended.stderr.strip()[-500:]}")
    return int(collected[1])


def product(folder: Path) -> Path:
    """A copy of what runs, with its bytecode, as an image or an earlier run leaves it."""
    for package in (ROOT / "shared", *map(folder_of, VENDORS)):
        shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    if not compileall.compile_dir(folder, quiet=1):
        raise RuntimeError("the scripts could not be compiled")
    return folder


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are figures."""
    marks = ["---", *("---:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, marks, *rows)) + "\n"
