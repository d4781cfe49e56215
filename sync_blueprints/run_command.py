"""sync-blueprints run: blueprints on this machine as an orchestrator would run them, guardrails and all."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from sync_blueprints.catalog import CatalogError, guardrails_given
from sync_blueprints.fleet import Fleet, chain, vessel_of
from sync_blueprints.fleet_file import FleetError, read
from sync_blueprints.fleet_run import FleetRun, run_fleet
from sync_blueprints.terminal import printable, table, width_of
from sync_blueprints.vessel_run import Console, Stop, VesselRun, ignore, signals_set


def main(argv: Sequence[str]) -> int:
    """The command; returns the fleet's exit code, 2 for a wrong command line or fleet."""
    parser = _parser()
    given = parser.parse_args(argv)
    if bool(given.vessels) == bool(given.fleet):
        parser.error("expected the names of blueprints or scripts, or --fleet FILE")
    try:
        values = guardrails_given(vars(given))
        fleet = read(given.fleet) if given.fleet else chain([vessel_of(name) for name in given.vessels])
    except (CatalogError, FleetError) as error:
        parser.exit(2, f"run: nothing was run\n{error}\n")
    return run_and_report(with_guardrails(fleet, values), given.artifacts, as_fleet=bool(given.fleet)).exit_code


def with_guardrails(fleet: Fleet, values: dict[str, Any]) -> Fleet:
    """The fleet with these guardrails for all of its vessels."""
    vessels = (replace(vessel, guardrails=replace(vessel.guardrails, **values)) for vessel in fleet.vessels)
    return replace(fleet, vessels=tuple(vessels))


def run_and_report(fleet: Fleet, artifacts: Path | None, *, as_fleet: bool) -> FleetRun:
    """Run the fleet with this process's environment, output and signals.

    `as_fleet`: each line of output has its vessel in front, and stdout gets one line of JSON for each vessel.
    """
    write, write_result = _line_writer(sys.stderr.buffer), _line_writer(sys.stdout.buffer)

    def log(line: str) -> None:
        write(f"run: {line}\n".encode(errors="backslashreplace"))

    def report(run: VesselRun) -> None:
        own = {"vessel": run.name, "attempts": len(run.attempts), "exit_code": run.exit_code}
        write_result(json.dumps({"vessel": run.name, **run.result, **own}).encode() + b"\n")

    for note in fleet.notes:
        log(f"note: {note}")
    stop = Stop()
    with signals_set(stop):
        done = run_fleet(
            fleet,
            os.environ,
            Console(write_result, write, log, stop),
            artifacts=artifacts,
            label=write if as_fleet else None,
            ended=report if as_fleet else ignore,
        )
    if len(fleet.vessels) > 1:
        for line in _summary(done):
            log(line)
    if as_fleet:
        log(f"the fleet {fleet.name} ended with exit code {done.exit_code}")
    return done


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sync-blueprints run",
        usage="%(prog)s NAME... [options]\n       %(prog)s --fleet FILE [options]",
        description="Run blueprints as an orchestrator would: with retries, time limits, and handoffs. Inputs are "
        "environment variables. Blueprints run one after the other until one fails; a fleet runs as defined in its "
        "YAML. Exits with 0 if everything that ran succeeded, else with the code of the first failure.",
    )
    parser.add_argument("vessels", nargs="*", metavar="NAME", help="a blueprint's name or script, or any Python script")
    parser.add_argument("--fleet", type=Path, metavar="FILE", help="run this fleet (YAML) instead")
    parser.add_argument("--retry-count", metavar="N", help="overrides the catalog and the fleet")
    parser.add_argument("--retry-wait", metavar="5m", help="overrides the catalog and the fleet")
    parser.add_argument("--runtime-cutoff", metavar="4h0m0s", help="per attempt; overrides the catalog and the fleet")
    parser.add_argument("--artifacts", type=Path, metavar="DIR", help="keep handoffs and responses in this folder")
    return parser


def _summary(done: FleetRun) -> list[str]:
    """A table of the vessels."""
    rows = [("step", "attempts", "exit code", "seconds", "outcome")]
    for run in done.runs:
        cells = (run.name, run.attempts_in_words, str(run.exit_code), f"{run.seconds:.1f}")
        rows.append((*cells, printable(run.outcome)[:60]))
    rows += [(name, "0", "-", "-", f"skipped: {reason}") for name, reason in done.skipped]
    return table(rows, width_of(sys.stderr) - len("run: "))


def _line_writer(target: BinaryIO) -> Callable[[bytes], None]:
    """Writes a line at a time, from any thread; lets go of a target that nobody reads any more."""
    lock = threading.Lock()

    def write(line: bytes) -> None:
        try:
            with lock:
                target.write(line)
                target.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):  # else Python tries again at its end, and fails
                os.dup2(os.open(os.devnull, os.O_WRONLY), target.fileno())

    return write
