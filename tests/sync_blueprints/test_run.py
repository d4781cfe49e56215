"""Running blueprints as an orchestrator would; the vessels are tiny scripts."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import textwrap
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from sync_blueprints.catalog import Guardrails
from sync_blueprints.fleet import Vessel, chain, vessel_of
from sync_blueprints.fleet_run import run_fleet
from sync_blueprints.vessel_run import Console, Stop, VesselRun
from sync_blueprints.vessel_run import run_vessel as run_in
from tests.processes import command
from tests.support import FakeClock


def run_vessel(vessel: Vessel, environment: Mapping[str, str] = os.environ) -> VesselRun:
    return run_in(vessel, environment, Console(clock=FakeClock()))


def vessel(folder: Path, code: str, guardrails: Guardrails | None = None, name: str = "vessel") -> Vessel:
    path = folder / f"{name}.py"
    path.write_text(textwrap.dedent(code), encoding="utf-8")
    return Vessel(name, path, guardrails or Guardrails())


def exits_in_turn(folder: Path, codes: list[int], guardrails: Guardrails | None = None, name: str = "vessel") -> Vessel:
    """A vessel that ends with the next of `codes` each time, and tells its environment on stdout."""
    counter = folder / f"{name}.count"
    code = f"""
        import json, os, pathlib, sys
        counter = pathlib.Path({str(counter)!r})
        turn = len(counter.read_text()) if counter.exists() else 0
        counter.write_text("x" * (turn + 1))
        print(json.dumps({{"turn": turn, **os.environ}}))
        sys.exit({codes}[turn])
        """
    return vessel(folder, code, guardrails, name)


@pytest.mark.parametrize(
    ("exit_codes", "rails", "attempts"),
    [
        ([0], Guardrails(retry_count=24), [0]),
        ([210, 220, 0], Guardrails(retry_count=24, retry_wait=300), [210, 220, 0]),
        ([210, 220, 202], Guardrails(retry_count=2), [210, 220, 202]),
        ([202, 211], Guardrails(retry_count=24, exclude_exit_code_ranges=((200, 200), (203, 212))), [202, 211]),
    ],
)
def test_a_vessel_is_retried_under_its_log_id_after_a_constant_wait_until_it_succeeds_or_a_retry_would_not_help(
    tmp_path: Path, exit_codes: list[int], rails: Guardrails, attempts: list[int]
) -> None:
    stdout = io.BytesIO()
    console = Console(stdout.write, clock=FakeClock())
    (run,) = run_fleet(chain([exits_in_turn(tmp_path, exit_codes, rails)]), os.environ, console).runs
    assert len({attempt.result["SHIPYARD_LOG_ID"] for attempt in run.attempts}) == 1
    assert [attempt.exit_code for attempt in run.attempts] == attempts
    assert run.exit_code == attempts[-1]
    assert run.seconds == pytest.approx(rails.retry_wait * (len(attempts) - 1))
    lines = [json.loads(line) for line in stdout.getvalue().splitlines()]
    assert [one["turn"] for one in lines] == [len(attempts) - 1], "JSON of the last attempt alone"


def test_a_trigger_that_waits_is_not_retried_once_a_sync_may_be_running(tmp_path: Path) -> None:
    trigger = vessel_of("Fivetran - Execute Sync")
    for wait, attempts in (("TRUE", 1), ("FALSE", 2)):
        script = exits_in_turn(tmp_path, [143, 143], name=wait)
        run = run_vessel(replace(trigger, path=script.path), {**os.environ, "FIVETRAN_WAIT": wait})
        assert (run.exit_code, len(run.attempts)) == (143, attempts)


def test_at_the_runtime_cutoff_an_attempt_is_terminated_and_retried_like_any_failed_one(tmp_path: Path) -> None:
    rails = Guardrails(retry_count=1, runtime_cutoff=1)
    run = run_vessel(vessel(tmp_path, "import time\ntime.sleep(60)", rails))
    assert [attempt.exit_code for attempt in run.attempts] == [128 + signal.SIGTERM] * 2


def test_what_a_script_leaves_running_does_not_hold_up_the_runner(tmp_path: Path) -> None:
    code = """
        import subprocess, sys
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        print('{"outcome": "started"}')
        """
    started = time.monotonic()
    run = run_vessel(vessel(tmp_path, code))
    assert (run.exit_code, run.result) == (0, {"outcome": "started"})
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("variable", "named", "used"),
    [(None, None, None), ("", None, None), ("None", None, None), ("users", None, "users"), ("users", "named", "named")],
)
def test_vessels_share_the_folder_that_is_named_or_the_environments_or_a_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str | None, named: str | None, used: str | None
) -> None:
    writes = """
        import json, os, pathlib
        folder = pathlib.Path(os.environ["SHIPYARD_ARTIFACTS_DIRECTORY"])
        folder.mkdir(exist_ok=True)
        (folder / os.environ["SHIPYARD_VESSEL_NAME"]).touch()
        print(json.dumps({"folder": str(folder), "files": sorted(os.listdir(folder))}))
        """
    monkeypatch.chdir(tmp_path)
    environment = {name: value for name, value in os.environ.items() if name != "SHIPYARD_ARTIFACTS_DIRECTORY"}
    environment.update({} if variable is None else {"SHIPYARD_ARTIFACTS_DIRECTORY": variable})
    vessels = [vessel(tmp_path, writes, name=name) for name in ("first", "second")]
    artifacts = Path(named) if named else None
    first, second = run_fleet(chain(vessels), environment, Console(), artifacts=artifacts).runs
    folder = Path(first.result["folder"])
    assert second.result == {"folder": str(folder), "files": ["first", "second"]}
    assert (folder == tmp_path / str(used)) == folder.exists() == bool(used)


def test_a_fleet_that_is_stopped_starts_no_further_vessel(tmp_path: Path) -> None:
    stop = Stop(signal.SIGTERM)
    done = run_fleet(chain([exits_in_turn(tmp_path, [0])]), os.environ, Console(stop=stop))
    assert (done.runs, done.exit_code) == ([], 143)


def test_the_command_retries_as_told_prints_the_scripts_own_lines_and_then_a_table(tmp_path: Path) -> None:
    fails = r"""
        import sys
        print("words\n{}")
        print("a log line", file=sys.stderr)
        sys.exit(3)
        """
    vessels = [exits_in_turn(tmp_path, [1, 1, 0], name="a"), vessel(tmp_path, fails, name="b"), vessel(tmp_path, "")]
    options = ("--retry-count", 2, "--retry-wait", "0s", "--runtime-cutoff", "1h", "--artifacts", tmp_path / "kept")
    done = command("run", *[one.path for one in vessels], *options)
    line, *others = done.stdout.splitlines()
    result = json.loads(line)
    assert (result["turn"], result["SHIPYARD_ARTIFACTS_DIRECTORY"]) == (2, str(tmp_path / "kept"))
    assert (done.exit_code, others) == (3, ["words", "words", "words", "{}"])
    log = done.stderr.splitlines()
    assert log.count("a log line") == 3
    assert "run: b.py: attempt 1 ended with exit code 3 after " in done.stderr
    table = [line.split()[1:3] for line in log[-4:]]
    assert table == [["step", "attempts"], ["a.py", "3:"], ["b.py", "3:"], ["vessel.py", "0"]]
    assert log[-1].endswith("skipped: b.py ended with exit code 3, and the connection is SUCCESS")


def test_a_stop_between_two_attempts_ends_the_waiting_and_says_what_still_runs(tmp_path: Path) -> None:
    class Stopping(FakeClock):
        def sleep(self, seconds: float, /) -> None:
            super().sleep(seconds)
            stop.signal_number = signal.SIGTERM

    code = """
        import json, sys
        print("words")
        print(json.dumps({"outcome": "running", "exit_code": 210, "message": "the sync of x is running", "id": "x"}))
        sys.exit(210)
        """
    stop, clock, stdout = Stop(), Stopping(), io.BytesIO()
    log: list[str] = []
    waiting = vessel(tmp_path, code, Guardrails(retry_count=9, retry_wait=3600))
    run = run_in(waiting, os.environ, Console(stdout.write, log=log.append, stop=stop, clock=clock))
    assert re.search(r"retry 1 of 9 in 1 h \(\d\d:\d\d\)$", log[0])
    words, result = stdout.getvalue().splitlines()
    assert words == b"words"
    assert json.loads(result) == {
        "outcome": "interrupted",
        "exit_code": 143,
        "retry": False,
        "message": "interrupted before retry 1 of 9; last attempt: running: the sync of x is running",
        "id": "x",
    }
    assert "interrupted before retry 1 of 9" in log[-1]
    assert (run.exit_code, clock.elapsed < 1) == (143, True)
