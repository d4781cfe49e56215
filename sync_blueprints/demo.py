"""sync-blueprints demo: every blueprint at work, in the fleets of examples/, against sandboxes on this machine."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from sync_blueprints import catalog
from sync_blueprints.fleet import Fleet, Vessel
from sync_blueprints.fleet_file import read
from sync_blueprints.fleet_run import FleetRun, run_fleet
from sync_blueprints.root import ROOT
from sync_blueprints.sandbox import Sandbox
from sync_blueprints.terminal import paint, paragraphs, width_of
from sync_blueprints.vessel_run import Console, Stop, signals_set

RETRY_WAIT = 0.5  # seconds, in place of minutes
AT_A_TIME = 3
ROW = "  {:33}  {:>9}  {:9}  {:>7}  {}"


@dataclass(frozen=True)
class Scene:
    """A fleet of examples/, the exit code that it is to end with, and inputs in place of the fleet's own."""

    file: str
    exit_code: int = 0
    title: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)

    def fleet(self) -> Fleet:
        fleet = read(ROOT / "examples" / self.file)
        return replace(fleet, vessels=tuple(map(self._hurried, fleet.vessels)))

    def _hurried(self, vessel: Vessel) -> Vessel:
        guardrails = replace(vessel.guardrails, retry_wait=min(vessel.guardrails.retry_wait, RETRY_WAIT))
        changed = {name: value for name, value in self.inputs.items() if name in vessel.variables}
        return replace(vessel, guardrails=guardrails, variables={**vessel.variables, **changed})

    def is_as_expected(self, run: FleetRun) -> bool:
        """The exit code is the scene's, and whatever was retried was a sync that was still running."""
        retried = {attempt.exit_code for one in run.runs for attempt in one.attempts[:-1]}
        return run.exit_code == self.exit_code and retried <= {210}


SCENES = (  # all blueprints that the sandbox knows have to be in one of them
    *(Scene(path.name) for path in sorted((ROOT / "examples").glob("*.yaml"))),
    Scene(
        "two_vendors.yaml",
        211,
        " when the load fails, which Send does not wait for",
        {"FIVETRAN_CONNECTOR_ID": "fails_in_1"},
    ),
)


def main(argv: Sequence[str]) -> int:
    """Run the fleets and print what came of them; 0 if every fleet ended as expected, else 1."""
    parser = argparse.ArgumentParser(
        prog="sync-blueprints demo",
        description="Run every blueprint against a sandbox of the vendors' APIs on this machine; no account is needed.",
    )
    parser.add_argument("--verbose", action="store_true", help="also show the scripts' log lines")
    verbose = parser.parse_args(argv).verbose
    plays = [(scene, scene.fleet()) for scene in SCENES]
    stop, started = Stop(), time.monotonic()
    intro = (
        f"{len(plays)} fleets, against a sandbox of the vendors' APIs on this machine. Retries wait {RETRY_WAIT:g} s."
    )
    print(paragraphs(intro, width_of(sys.stdout)))
    print("\n" + ROW.format("blueprint", "exit code", "outcome", "seconds", "attempts"), flush=True)
    steps, unexpected = 0, []
    with signals_set(stop), ThreadPoolExecutor(AT_A_TIME) as pool:
        for (scene, fleet), (run, log) in zip(plays, pool.map(lambda play: _run(play[1], stop), plays)):
            if stop():
                continue
            title = f"{fleet.name}{scene.title}"
            print("\n".join(["", paint(title, "bold"), *_rows(fleet, run)]), flush=True)
            steps += len(run.runs)
            unexpected += [] if scene.is_as_expected(run) else [f"{title}: {run.exit_code}"]
            if verbose or not scene.is_as_expected(run):
                print(log, flush=True)
    if stop():
        print("interrupted", file=sys.stderr)
        return stop.exit_code
    if unexpected:
        print(f"\n{paint('Unexpected exit codes', 'red')}: {', '.join(unexpected)}; see the logs above.")
        return 1
    print(f"\n{paint('Every exit code is as expected', 'green')}: {steps} steps in {time.monotonic() - started:.0f} s.")
    return 0


def _rows(fleet: Fleet, run: FleetRun) -> Iterator[str]:
    """A line for each step."""
    done = {one.name: one for one in run.runs}
    for vessel in fleet.vessels:
        what = vessel.blueprint.name if vessel.blueprint else vessel.path.name
        if one := done.get(vessel.name):
            line = ROW.format(what, one.exit_code, one.outcome, f"{one.seconds:.1f}", one.attempts_in_words)
            yield paint(line, "yellow") if one.exit_code else line
        else:
            yield ROW.format(what, "-", "skipped", "", "").rstrip()


def _run(fleet: Fleet, stop: Stop) -> tuple[FleetRun, str]:
    """What came of the fleet, and its log."""
    lines: list[bytes] = []
    console = Console(log=lambda line: lines.append(f"run: {line}\n".encode()), stop=stop)
    with tempfile.TemporaryDirectory(prefix="demo-") as folder, Sandbox() as sandbox:
        environment = {**_inherited(), **sandbox.environment}
        run = run_fleet(fleet, environment, console, artifacts=Path(folder), label=lines.append)
    return run, b"".join(lines).decode(errors="replace").rstrip()


def _inherited() -> dict[str, str]:
    """Not your own accounts, nor a CI's summary, nor a proxy: the sandbox is on this machine."""
    left_out = (*(f"{vendor.upper()}_" for vendor in catalog.VENDORS), "SHIPYARD_", "GITHUB_")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(left_out) and not name.upper().endswith("_PROXY")
    }
