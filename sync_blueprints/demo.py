"""python -m sync_blueprints demo: every blueprint at work, against the sandbox and under the catalog's guardrails."""

from __future__ import annotations

import argparse
import os
import pprint
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path

from shared import pickles
from sync_blueprints.catalog import Blueprint, load
from sync_blueprints.fleet import Vessel, chain
from sync_blueprints.fleet_run import run_fleet
from sync_blueprints.sandbox import Sandbox
from sync_blueprints.vessel_run import Console, Stop, VesselRun, signals_set

RETRY_WAIT = 0.5  # seconds, in place of the catalog's five minutes
AT_A_TIME = 4


@dataclass(frozen=True)
class Scenario:
    """What happens at the vendor: the sandbox's ids behave by their text."""

    title: str
    id: str
    expected: tuple[int, ...]  # the exit codes of its scripts, up to the one that ends the fleet
    scripts: tuple[str, ...] = ("trigger_sync.py", "check_sync_status.py")
    inputs: Mapping[str, str] = field(default_factory=dict)  # further ones, without the vendor's name in front
    vendors: tuple[str, ...] = ("RudderStack", "Fivetran", "Nango")


SET_UP = ("update_connector.py", "trigger_sync.py", "check_sync_status.py")
SCENARIOS = (
    Scenario("a sync that succeeds", "succeeds_in_2", (0, 0)),
    Scenario("a sync that fails", "fails_in_1", (0, 211)),
    Scenario("one is running already", "running_in_30", (203,), inputs={"IF_RUNNING": "fail"}),
    Scenario(
        "manual schedule first", "succeeds_in_1", (0, 0, 0), SET_UP, {"SCHEDULE_TYPE": "manual"}, vendors=("Fivetran",)
    ),
    Scenario("are the credentials valid?", "succeeds", (0,), ("check_credentials.py",)),
)
ID_VARIABLES = {  # vendor -> the variable that takes the scenario's id, and what else has to be given
    "RudderStack": ("RUDDERSTACK_CONNECTION_ID", {}),
    "Fivetran": ("FIVETRAN_CONNECTOR_ID", {}),
    "Nango": ("NANGO_CONNECTION_ID", {"NANGO_PROVIDER_CONFIG_KEY": "sandbox"}),
}
GLOSSES = {
    "started": "accepted and handed over",
    "updated": "the vendor shows what was asked for",
    "valid": "the vendor takes them",
    "succeeded": "so says the vendor",
    "failed": "so says the vendor",
    "already_running": "nothing was started",
}
INTRODUCTION = f"""\
Fleets of a trigger and then its check, and the scripts beside them, each a process of its own, against a sandbox of
the vendors' APIs on this machine. The guardrails are the catalog's: a trigger is tried again once and a check up to
24 times, but only after exit codes where that helps. The one difference: they wait {RETRY_WAIT:g} s in between, not
5 minutes."""
NOT_FOR_THE_DEMO = (*(f"{vendor.upper()}_" for vendor in ID_VARIABLES), "SHIPYARD_", "GITHUB_")


@dataclass(frozen=True)
class Fleet:
    """The scripts of one scenario; `folder` is for their artifacts and their log."""

    vendor: str
    scenario: Scenario
    vessels: tuple[Vessel, ...]
    environment: Mapping[str, str]
    folder: Path

    @property
    def title(self) -> str:
        return f"{self.vendor}, {self.scenario.title}"

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    @property
    def log(self) -> Path:
        return self.folder / "log"


def main(argv: Sequence[str]) -> int:
    """Run the fleets and print what came of them; 0 if every exit code is the expected one, else 1."""
    parser = argparse.ArgumentParser(
        prog="python -m sync_blueprints demo", description=(__doc__ or "").partition(": ")[2]
    )
    parser.add_argument("--verbose", action="store_true", help="show the scripts' own log lines, too")
    verbose = parser.parse_args(argv).verbose
    paint = Paint(sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
    started = time.monotonic()
    stop = Stop()
    with tempfile.TemporaryDirectory(prefix="demo-") as folder, Sandbox() as sandbox, signals_set(stop):
        fleets = list(_fleets(load(), sandbox.environment, Path(folder)))
        print(INTRODUCTION)
        runs = _run_all(fleets, stop)
        if stop.signal_number:
            print("\ninterrupted", file=sys.stderr)
            return stop.exit_code
        surprises = [fleet for fleet, its in zip(fleets, runs) if not _as_expected(fleet, its)]
        for fleet in fleets if verbose else surprises:
            print(f"\n{paint.bold(f'Log: {fleet.title}')}\n{_log_of(fleet)}")
        print(f"\n{_table(fleets, runs, paint)}")
        for fleet in fleets:
            if fleet.scenario is SCENARIOS[0]:
                print(f"\n{paint.bold(f'Files of {fleet.title}')}\n{_tree(fleet.artifacts)}")
    if surprises:
        print()
    for fleet in surprises:
        expected = ", then ".join(map(str, fleet.scenario.expected))
        print(f"{paint.red('Unexpected')}: {fleet.title}: expected were the exit codes {expected}; its log is above.")
    if not surprises:
        print(f"\n{paint.green('Every exit code is the expected one.')} This took {time.monotonic() - started:.0f} s.")
    return 1 if surprises else 0


class Paint:
    """Colours, if wanted."""

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted

    def bold(self, text: str) -> str:
        return self._in(1, text)

    def red(self, text: str) -> str:
        return self._in(31, text)

    def green(self, text: str) -> str:
        return self._in(32, text)

    def yellow(self, text: str) -> str:
        return self._in(33, text)

    def _in(self, code: int, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.wanted else text


def _fleets(catalog: Sequence[Blueprint], sandbox: Mapping[str, str], folder: Path) -> Iterable[Fleet]:
    inherited = {name: value for name, value in os.environ.items() if _may_be_inherited(name)}
    for vendor, (id_variable, more) in ID_VARIABLES.items():
        scripts = {blueprint.path.name: blueprint for blueprint in catalog if blueprint.vendor == vendor}
        for scenario in (one for one in SCENARIOS if vendor in one.vendors):
            vessels = tuple(_vessel(scripts[name]) for name in scenario.scripts)
            its_own = folder / f"{vendor}-{scenario.id}"
            its_own.mkdir()
            inputs = {f"{vendor.upper()}_{name}": value for name, value in scenario.inputs.items()}
            environment = {**inherited, **sandbox, **more, **inputs, id_variable: scenario.id}
            yield Fleet(vendor, scenario, vessels, environment, its_own)


def _may_be_inherited(name: str) -> bool:
    """Not your own accounts, nor a CI's summary, nor a proxy: the sandbox is on this machine."""
    return not name.upper().startswith(NOT_FOR_THE_DEMO) and not name.upper().endswith("_PROXY")


def _vessel(blueprint: Blueprint) -> Vessel:
    rails = blueprint.guardrails
    return Vessel(blueprint.name, blueprint.path, replace(rails, retry_wait=min(rails.retry_wait, RETRY_WAIT)))


def _run_all(fleets: Sequence[Fleet], stop: Stop) -> list[list[VesselRun]]:
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        futures = {pool.submit(_run, fleet, stop): fleet for fleet in fleets}
        _progress(0, len(fleets), "")
        for done, future in enumerate(as_completed(futures), 1):
            _progress(done, len(fleets), futures[future].title)
    return [future.result() for future in futures]


def _run(fleet: Fleet, stop: Stop) -> list[VesselRun]:
    with fleet.log.open("ab", buffering=0) as file:  # appended to, because the scripts write there, too

        def log(line: str) -> None:
            file.write(f"run: {line}\n".encode())

        console = Console(stderr=file.write, log=log, stop=stop)
        done = run_fleet(chain(fleet.vessels), fleet.environment, console, artifacts=fleet.artifacts)
    return done.runs


def _progress(done: int, total: int, title: str) -> None:
    """One line that is written over, on a terminal; else a line each."""
    if sys.stderr.isatty():
        text = f"{done} of {total} fleets have ended" if done < total else ""
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
    elif done:
        print(f"{done} of {total} fleets have ended: {title}", file=sys.stderr, flush=True)


def _as_expected(fleet: Fleet, runs: Sequence[VesselRun]) -> bool:
    """The exit codes are the scenario's, and whatever was tried again was a sync that was still running."""
    again = {attempt.exit_code for run in runs for attempt in run.attempts[:-1]}
    return tuple(run.exit_code for run in runs) == fleet.scenario.expected and again <= {210}


def _log_of(fleet: Fleet) -> str:
    return textwrap.indent(fleet.log.read_text(encoding="utf-8", errors="replace").rstrip(), "  ") or "  (empty)"


def _table(fleets: Sequence[Fleet], runs: Sequence[Sequence[VesselRun]], paint: Paint) -> str:
    head = ("blueprint", "scenario", "attempts", "exit", "meaning", "seconds")
    rows: list[tuple[str, ...]] = []
    colours = []
    for fleet, its in zip(fleets, runs):
        for place, run in enumerate(its):
            outcome = str((run.result or {}).get("outcome", "no result"))
            meaning = f"{outcome}: {GLOSSES[outcome]}" if outcome in GLOSSES else outcome
            title = fleet.scenario.title if place == 0 else ""
            rows.append((run.name, title, run.attempts_in_words, str(run.exit_code), meaning, f"{run.seconds:.1f}"))
            fine = fleet.scenario.expected[place : place + 1] == (run.exit_code,)
            colours.append((paint.green if run.exit_code == 0 else paint.yellow) if fine else paint.red)
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def line(row: Sequence[str]) -> list[str]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths)]
        return [*cells[:3], row[3].rjust(widths[3]), cells[4], row[5].rjust(widths[5])]

    lines = [paint.bold("  ".join(line(head))), "-" * (sum(widths) + 2 * (len(head) - 1))]
    vendor = rows[0][0].partition(" - ")[0]
    for row, colour in zip(rows, colours):
        if not row[0].startswith(vendor):
            vendor = row[0].partition(" - ")[0]
            lines.append("")
        cells = line(row)
        lines.append("  ".join([*cells[:3], colour(cells[3]), colour(cells[4]), cells[5]]))
    return "\n".join(lines)


def _tree(folder: Path) -> str:
    """The files below a folder with their sizes, and what the pickles among them hold; the vendor's answers last."""
    lines = []
    seen: dict[bytes, str] = {}
    for path in sorted(folder.rglob("*"), key=lambda path: ("responses" in path.parts, path)):
        inset = "  " * len(path.relative_to(folder).parts)
        if path.is_dir():
            lines.append(f"{inset}{path.name}/")
            continue
        content = path.read_bytes()
        lines.append(f"{inset}{path.name}  ({len(content)} bytes)")
        if path.suffix == ".pickle":
            text = f"the same as {seen[content]}" if content in seen else _plain(content)
            lines.append(textwrap.indent(text, f"{inset}    "))
            seen.setdefault(content, path.name)
    return "\n".join(lines) or "  (none)"


def _plain(content: bytes) -> str:
    try:
        return pprint.pformat(pickles.load(content), width=100, sort_dicts=False)
    except pickles.NotPlainError as fault:
        return f"cannot be read: {fault}"
