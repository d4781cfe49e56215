"""Runs a fleet: each vessel once all those before it have ended as its connections say."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable

from sync_blueprints.fleet import Fleet, Vessel
from sync_blueprints.runner import ARTIFACTS, artifacts_folder
from sync_blueprints.vessel_run import Console, VesselRun, ignore, run_vessel

AT_A_TIME = 32  # vessels of one fleet; more of them wait for their turn
INTERRUPTED = "the fleet was interrupted"


@dataclass
class FleetRun:
    """What came of a fleet: the vessels that ran, in the order of their ends, and the others with the reason why not.

    The exit code is 0 if every vessel that ran succeeded, 128+N if signal N cut the fleet short, else that of the
    vessel that failed first, also if an ERRORED connection led on from it.
    """

    runs: list[VesselRun]
    skipped: list[tuple[str, str]]
    exit_code: int


def run_fleet(
    fleet: Fleet,
    environment: Mapping[str, str],
    console: Console,
    *,
    artifacts: Path | None = None,
    label: Callable[[bytes], object] | None = None,
    ended: Callable[[VesselRun], object] = ignore,
) -> FleetRun:
    """Run a fleet; vessels that do not wait for one another run side by side.

    Their output goes to the console; or, with `label`, to that line by line with the vessel's name in front, but for
    the results of blueprints, which only repeat their last log line. `ended` is called with each vessel that has ended.
    They share the folder `artifacts`, else the one that `environment` names, else a temporary one that is removed.
    """
    runs: dict[int, VesselRun] = {}  # by the vessels' places, in the order of their ends
    skipped: dict[int, str] = {}

    def run(place: int, variables: Mapping[str, str]) -> None:
        vessel = fleet.vessels[place]
        run = run_vessel(vessel, variables, _labelled(console, vessel, label) if label else console)
        if run.attempts:
            ended(run)
            runs[place] = run
        else:
            skipped[place] = INTERRUPTED

    given = environment.get(ARTIFACTS, "").strip()
    named = artifacts or (given if given not in ("", "None") else None)
    with artifacts_folder(named) as folder, ThreadPoolExecutor(AT_A_TIME) as pool:
        environments = fleet_environments(fleet, {**environment, ARTIFACTS: folder})
        try:
            _in_order(fleet, runs, skipped, lambda place: pool.submit(run, place, environments[place]))
        except BaseException:
            console.stop.signal_number = console.stop.signal_number or signal.SIGTERM  # let nothing run on unseen
            raise
    failed = next((run.exit_code for run in runs.values() if run.exit_code), 0)
    cut_short = console.stop() and (failed or INTERRUPTED in skipped.values())
    reasons = [(fleet.vessels[place].name, reason) for place, reason in sorted(skipped.items())]
    return FleetRun(list(runs.values()), reasons, console.stop.exit_code if cut_short else failed)


def fleet_environments(fleet: Fleet, environment: Mapping[str, str]) -> list[dict[str, str]]:
    """The variables of each vessel: the environment's, then its own, then the platform's.

    An input that is set for some blueprint in the fleet is taken from the environment by none: a check that takes its
    id from the trigger before it is not to get another one from outside. All log ids are drawn first: each vessel is
    given those of the vessels immediately before and after it.
    """
    inputs = {name for vessel in fleet.vessels if vessel.blueprint for name in vessel.variables}
    log_ids = [str(uuid.uuid4()) for _ in fleet.vessels]
    fleet_log_id = str(uuid.uuid4())
    environments = []
    for place, vessel in enumerate(fleet.vessels):
        own = {name: value for name, value in vessel.variables.items() if value is not None}
        given = {*vessel.variables, *(inputs if vessel.blueprint else ())}
        inherited = {name: value for name, value in environment.items() if name not in given}
        platform = {
            ARTIFACTS: environment[ARTIFACTS],
            "SHIPYARD_ORG_NAME": "local",
            "SHIPYARD_PROJECT_ID": _lasting_id("project"),
            "SHIPYARD_FLEET_ID": _lasting_id(fleet.name),
            "SHIPYARD_FLEET_LOG_ID": fleet_log_id,
            "SHIPYARD_LOG_ID": log_ids[place],
            "SHIPYARD_VESSEL_NAME": vessel.name,
            "SHIPYARD_VESSEL_ID": _lasting_id(vessel.name),
            **_neighbors("UPSTREAM", [log_ids[one.upstream] for one in fleet.before(place)]),
            **_neighbors("CURRENT", [log_ids[place]]),
            **_neighbors("DOWNSTREAM", [log_ids[one.downstream] for one in fleet.connections if one.upstream == place]),
        }
        environments.append({**inherited, **own, **platform})
    return environments


def _in_order(
    fleet: Fleet,
    runs: Mapping[int, VesselRun],
    skipped: dict[int, str],
    submit: Callable[[int], Future[None]],
) -> None:
    """Submit or skip each vessel once all those before it are through."""
    order = fleet.order()
    running: dict[Future[None], int] = {}
    while order.is_active():
        for place in order.get_ready():
            if reason := _reason_to_skip(fleet, place, runs):
                skipped[place] = reason
                order.done(place)
            else:
                running[submit(place)] = place
        done, _ = wait(running, timeout=1, return_when=FIRST_COMPLETED) if running else (set(), set())
        for future in done:
            future.result()  # raises what went wrong in it
            order.done(running.pop(future))


def _reason_to_skip(fleet: Fleet, place: int, runs: Mapping[int, VesselRun]) -> str:
    """Why a vessel does not run although all those before it have ended or were skipped; empty if it does."""
    for one in fleet.before(place):
        name = fleet.vessels[one.upstream].name
        if one.upstream not in runs:
            return f"{name} did not run"
        exit_code = runs[one.upstream].exit_code
        if not one.is_met(exit_code):
            return f"{name} ended with exit code {exit_code}, and the connection is {one.condition}"
    return ""


def _labelled(console: Console, vessel: Vessel, label: Callable[[bytes], object]) -> Console:
    """The console with the vessel's name in front of each line."""

    def write(line: bytes) -> None:
        label(f"[{vessel.name}] ".encode() + line + (b"" if line.endswith(b"\n") else b"\n"))

    return replace(console, stdout=ignore if vessel.blueprint else write, stderr=write)


def _neighbors(which: str, log_ids: Sequence[str]) -> dict[str, str]:
    return {
        f"SHIPYARD_FLEET_{which}_COUNT": str(len(log_ids)),
        f"SHIPYARD_FLEET_{which}_LOG_IDS": ",".join(log_ids),
    }


def _lasting_id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))
