"""sync-blueprints demo: every blueprint at work, in the fleets of examples/, against sandboxes on this machine."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from sync_blueprints import catalog
from sync_blueprints.fleet import Fleet, Vessel
from sync_blueprints.fleet_file import read
from sync_blueprints.fleet_run import FleetRun, run_fleet
from sync_blueprints.root import ROOT
from sync_blueprints.sandbox import Sandbox
from sync_blueprints.terminal import Paint, paragraphs, width_of
from sync_blueprints.vessel_run import Console, Stop, VesselRun, signals_set

RETRY_WAIT = 0.5  # seconds, in place of minutes
AT_A_TIME = 3
WIDE = 105  # characters that the whole table needs; a narrower one leaves out blueprints and seconds
HEAD = ("step", "blueprint", "exit code", "outcome", "seconds", "attempts")


@dataclass(frozen=True)
class Scene:
    """A fleet of examples/, the exit code that it is to end with, and inputs in place of the fleet's own."""

    file: str
    exit_code: int = 0
    title: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)


SCENES = (  # all blueprints have to be in one of them
    Scene("fivetran.yaml"),
    Scene("fivetran_resync.yaml"),
    Scene("rudderstack.yaml"),
    Scene("nango.yaml"),
    Scene("two_vendors.yaml"),
    Scene("two_vendors.yaml", 211, "when the load fails", {"FIVETRAN_CONNECTOR_ID": "fails_in_1"}),
)


@dataclass(frozen=True)
class Play:
    """A scene's fleet as it is run here."""

    scene: Scene
    fleet: Fleet

    @property
    def title(self) -> str:
        return " ".join([self.fleet.name, *([self.scene.title] if self.scene.title else [])])

    def is_as_expected(self, run: FleetRun) -> bool:
        """The exit code is the scene's, and whatever was retried was a sync that was still running."""
        retried = {attempt.exit_code for one in run.runs for attempt in one.attempts[:-1]}
        return run.exit_code == self.scene.exit_code and retried <= {210}


def main(argv: Sequence[str]) -> int:
    """Run the fleets and print what came of them; 0 if every fleet ended as expected, else 1."""
    parser = argparse.ArgumentParser(
        prog="sync-blueprints demo",
        description="Run every blueprint against a sandbox of the vendors' APIs on this machine; no account is needed.",
    )
    parser.add_argument("--verbose", action="store_true", help="also show the scripts' log lines")
    verbose = parser.parse_args(argv).verbose
    plays = [_play(scene) for scene in SCENES]
    scripts = {vessel.path for play in plays for vessel in play.fleet.vessels if vessel.blueprint}
    intro = f"{len(scripts)} blueprints in {len(plays)} fleets, against a sandbox of the vendors' APIs on this machine."
    width = width_of(sys.stdout)
    print(paragraphs(f"{intro} Retries wait {RETRY_WAIT:g} s here, not minutes.", width))
    paint, stop, started = Paint(sys.stdout), Stop(), time.monotonic()
    table = Table(plays, paint, is_wide=width >= WIDE)
    print(f"\n{table.head}", flush=True)
    steps, unexpected = 0, []
    with signals_set(stop), ThreadPoolExecutor(AT_A_TIME) as pool:
        for play, (run, log) in zip(plays, pool.map(lambda play: _run(play, stop), plays)):
            if stop():
                continue
            print("\n".join(["", *table.lines(play, run)]), flush=True)
            steps += len(run.runs)
            unexpected += [] if play.is_as_expected(run) else [f"{play.title}: {run.exit_code}"]
            if verbose or not play.is_as_expected(run):
                print(log, flush=True)
    if stop():
        print("interrupted", file=sys.stderr)
        return stop.exit_code
    if unexpected:
        print(f"\n{paint.red('Unexpected exit codes')}: {', '.join(unexpected)}; see the logs above.")
        return 1
    print(f"\n{paint.green('Every exit code is as expected')}: {steps} steps in {time.monotonic() - started:.0f} s.")
    return 0


class Table:
    """One table for all fleets, a fleet at a time, one line a step."""

    def __init__(self, plays: Sequence[Play], paint: Paint, *, is_wide: bool) -> None:
        self.paint = paint
        self.is_wide = is_wide
        vessels = [vessel for play in plays for vessel in play.fleet.vessels]
        self.widths = [
            max(len(text) for text in [HEAD[0], *(vessel.name for vessel in vessels)]),
            max(len(text) for text in [HEAD[1], *map(_what, vessels)]),
        ]

    def lines(self, play: Play, run: FleetRun) -> list[str]:
        done = {one.name: one for one in run.runs}
        head = f"{play.title} (examples/{play.scene.file})" if self.is_wide else play.title
        rows = [self._row(vessel, done.get(vessel.name)) for vessel in play.fleet.vessels]
        return [self.paint.bold(head), *rows]

    @property
    def head(self) -> str:
        return self._line(*HEAD)

    def _row(self, vessel: Vessel, run: VesselRun | None) -> str:
        if run is None:
            return self._line(vessel.name, _what(vessel), "-", "skipped")
        outcome = str((run.result or {}).get("outcome") or ("failed" if run.exit_code else "succeeded"))
        code, seconds = str(run.exit_code), f"{run.seconds:.1f}"
        line = self._line(vessel.name, _what(vessel), code, outcome, seconds, run.attempts_in_words)
        return self.paint.yellow(line) if run.exit_code else line

    def _line(self, name: str, what: str, code: str, outcome: str, seconds: str = "", attempts: str = "") -> str:
        before, after = (f"  {what:{self.widths[1]}}", f"  {seconds:>7}") if self.is_wide else ("", "")
        return f"  {name:{self.widths[0]}}{before}  {code:>9}  {outcome:9}{after}  {attempts}".rstrip()


def _what(vessel: Vessel) -> str:
    return vessel.blueprint.name if vessel.blueprint else vessel.path.name


def _play(scene: Scene) -> Play:
    fleet = read(ROOT / "examples" / scene.file)
    return Play(scene, replace(fleet, vessels=tuple(_hurried(vessel, scene) for vessel in fleet.vessels)))


def _hurried(vessel: Vessel, scene: Scene) -> Vessel:
    guardrails = replace(vessel.guardrails, retry_wait=min(vessel.guardrails.retry_wait, RETRY_WAIT))
    changed = {name: value for name, value in scene.inputs.items() if name in vessel.variables}
    return replace(vessel, guardrails=guardrails, variables={**vessel.variables, **changed})


def _run(play: Play, stop: Stop) -> tuple[FleetRun, str]:
    """What came of the fleet, and its log."""
    lines: list[bytes] = []
    console = Console(log=lambda line: lines.append(f"run: {line}\n".encode()), stop=stop)
    with tempfile.TemporaryDirectory(prefix="demo-") as folder, Sandbox() as sandbox:
        environment = {**_inherited(), **sandbox.environment}
        run = run_fleet(play.fleet, environment, console, artifacts=Path(folder), label=lines.append)
    return run, b"".join(lines).decode(errors="replace").rstrip()


def _inherited() -> dict[str, str]:
    """Not your own accounts, nor a CI's summary, nor a proxy: the sandbox is on this machine."""
    left_out = (*(f"{vendor.upper()}_" for vendor in catalog.VENDORS), "SHIPYARD_", "GITHUB_")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(left_out) and not name.upper().endswith("_PROXY")
    }
