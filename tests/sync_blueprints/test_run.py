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

from sync_blueprints.catalog import REPOSITORY, Guardrails
from sync_blueprints.fleet import Vessel, chain, vessel_of
from sync_blueprints.fleet_run import run_fleet
from sync_blueprints.vessel_run import Console, Stop, VesselRun
from sync_blueprints.vessel_run import run_vessel as run_in
from tests.processes import command
from tests.support import FakeClock

posix_only = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")


def run_vessel(
    vessel: Vessel, environment: Mapping[str, str] = os.environ, stdout: io.BytesIO | None = None
) -> VesselRun:
    return run_in(vessel, environment, Console(stdout=(stdout or io.BytesIO()).write, clock=FakeClock()))


def vessel(folder: Path, code: str, guardrails: Guardrails | None = None, name: str = "vessel") -> Vessel:
    path = folder / f"{name}.py"
    path.write_text(textwrap.dedent(code), encoding="utf-8")
    return Vessel(name, path, guardrails or Guardrails())


def exits_in_turn(folder: Path, codes: list[int], guardrails: Guardrails, name: str = "vessel") -> Vessel:
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
def test_a_vessel_is_retried_after_a_constant_wait_until_it_succeeds_or_a_retry_would_not_help(
    tmp_path: Path, exit_codes: list[int], rails: Guardrails, attempts: list[int]
) -> None:
    stdout = io.BytesIO()
    run = run_vessel(exits_in_turn(tmp_path, exit_codes, rails), stdout=stdout)
    assert [attempt.exit_code for attempt in run.attempts] == attempts
    assert run.exit_code == attempts[-1]
    assert run.seconds == pytest.approx(rails.retry_wait * (len(attempts) - 1))
    lines = [json.loads(line) for line in stdout.getvalue().splitlines()]
    assert [one["turn"] for one in lines] == [len(attempts) - 1], "JSON of the last attempt alone"


def test_the_result_is_the_last_json_object_of_the_last_attempt(tmp_path: Path) -> None:
    code = r"""print('{"first": 1}\n{"outcome": "started"}\n[1]\n12\n{broken')"""
    stdout = io.BytesIO()
    run = run_vessel(vessel(tmp_path, code), stdout=stdout)
    assert run.result == {"outcome": "started"}
    assert run_vessel(vessel(tmp_path, "raise SystemExit(3)")).result == {}
    lines = [b"12", b"[1]", b'{"first": 1}', b'{"outcome": "started"}', b"{broken"]
    assert sorted(stdout.getvalue().splitlines()) == lines


def test_a_trigger_that_waits_is_not_retried_once_a_sync_may_be_running(tmp_path: Path) -> None:
    trigger = vessel_of("Fivetran - Execute Sync")
    for wait, attempts in (("TRUE", 1), ("FALSE", 2)):
        script = exits_in_turn(tmp_path, [143, 143], Guardrails(), wait)
        run = run_vessel(replace(trigger, path=script.path), {**os.environ, "FIVETRAN_WAIT": wait})
        assert (run.exit_code, len(run.attempts)) == (143, attempts)


@posix_only
def test_at_the_runtime_cutoff_an_attempt_is_terminated_and_retried_like_any_failed_one(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    code = f"""
        import pathlib, time
        ready = pathlib.Path({str(ready)!r})
        if not ready.exists():
            ready.touch()
            time.sleep(60)
        """
    rails = Guardrails(retry_count=1, runtime_cutoff=2)
    run = run_vessel(vessel(tmp_path, code, rails))
    assert [attempt.exit_code for attempt in run.attempts] == [128 + signal.SIGTERM, 0]


@posix_only
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


def test_retries_of_a_vessel_keep_its_log_id(tmp_path: Path) -> None:
    rails = Guardrails(retry_count=1)
    (run,) = run_fleet(chain([exits_in_turn(tmp_path, [210, 0], rails)]), os.environ, Console(clock=FakeClock())).runs
    first, second = (attempt.result for attempt in run.attempts)
    assert (first["turn"], second["turn"]) == (0, 1)
    assert first["SHIPYARD_LOG_ID"] == second["SHIPYARD_LOG_ID"]


WRITES = """
    import json, os, pathlib
    folder = pathlib.Path(os.environ["SHIPYARD_ARTIFACTS_DIRECTORY"])
    folder.mkdir(exist_ok=True)
    (folder / os.environ["SHIPYARD_VESSEL_NAME"]).touch()
    print(json.dumps({"folder": str(folder), "files": sorted(os.listdir(folder))}))
    """


@pytest.mark.parametrize("given", [None, "", "None"])
def test_without_a_folder_the_artifacts_lie_in_a_temporary_one_for_the_fleet(tmp_path: Path, given: str | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "SHIPYARD_ARTIFACTS_DIRECTORY"}
    environment.update({"SHIPYARD_ARTIFACTS_DIRECTORY": given} if given is not None else {})
    vessels = [vessel(tmp_path, WRITES, name=name) for name in ("first", "second")]
    first, second = run_fleet(chain(vessels), environment, Console()).runs
    assert second.result == {"folder": first.result["folder"], "files": ["first", "second"]}
    assert not Path(first.result["folder"]).exists()


@pytest.mark.parametrize("named", [True, False])
def test_a_folder_of_the_users_own_is_kept_and_one_that_is_named_goes_before_the_environments(
    tmp_path: Path, named: bool
) -> None:
    environment = {**os.environ, "SHIPYARD_ARTIFACTS_DIRECTORY": str(tmp_path / "users"), "FIVETRAN_FORCE": "None"}
    artifacts = tmp_path / "named" if named else None
    run_fleet(chain([vessel(tmp_path, WRITES)]), environment, Console(), artifacts=artifacts)
    assert (tmp_path / "named" / "vessel").exists() is named
    assert (tmp_path / "users" / "vessel").exists() is not named


def test_a_fleet_that_is_stopped_starts_no_further_vessel(tmp_path: Path) -> None:
    stop = Stop(signal.SIGTERM)
    done = run_fleet(chain([exits_in_turn(tmp_path, [0], Guardrails())]), os.environ, Console(stop=stop))
    assert (done.runs, done.exit_code) == ([], 143)


def test_the_command_writes_the_scripts_own_lines_to_stdout_and_nothing_else(tmp_path: Path) -> None:
    code = r"""
        import sys
        print("words\n{}")
        print("a log line", file=sys.stderr)
        sys.exit(213)
        """
    done = command("run", vessel(tmp_path, code).path)
    assert (done.exit_code, done.stdout) == (213, "words\n{}\n")
    assert "a log line" in done.stderr
    assert "vessel.py: attempt 1 ended with exit code 213" in done.stderr


def test_guardrails_can_be_given_on_the_command_line(tmp_path: Path) -> None:
    script = exits_in_turn(tmp_path, [1, 1, 0], Guardrails()).path
    done = command("run", script, "--retry-count", 2, "--retry-wait", "0s", "--runtime-cutoff", "1h")
    assert (done.exit_code, json.loads(done.stdout)["turn"]) == (0, 2)


def test_at_the_end_of_several_there_is_a_table(tmp_path: Path) -> None:
    scripts = [vessel(tmp_path, f"exit({code})", name=name).path for name, code in (("a", 0), ("b", 3), ("c", 0))]
    lines = command("run", *scripts).stderr.splitlines()[-4:]
    assert [line.split()[1] for line in lines] == ["step", "a.py", "b.py", "c.py"]
    assert lines[-1].endswith("skipped: b.py ended with exit code 3, and the connection is SUCCESS")


@pytest.mark.parametrize(
    "arguments",
    [
        *([], ["x.py", "--retry-wait", "5"], ["x.py", "--retry-count", "-1"], ["Fivetran - Excute Sync"]),
        ["--fleet", str(REPOSITORY / "examples" / "nango.yaml"), "Fivetran - Execute Sync"],
    ],
)
def test_a_wrong_command_line_is_exit_code_2(arguments: list[str]) -> None:
    assert command("run", *arguments).exit_code == 2


def test_a_stop_between_two_attempts_ends_the_waiting_and_says_what_still_runs(tmp_path: Path) -> None:
    class Stopping(FakeClock):
        def sleep(self, seconds: float, /) -> None:
            super().sleep(seconds)
            stop.signal_number = signal.SIGTERM

    code = """
        import json, sys
        print(json.dumps({"outcome": "running", "exit_code": 210, "message": "the sync of x is running", "id": "x"}))
        sys.exit(210)
        """
    stop, clock, stdout = Stop(), Stopping(), io.BytesIO()
    log: list[str] = []
    waiting = vessel(tmp_path, code, Guardrails(retry_count=9, retry_wait=3600))
    run = run_in(waiting, os.environ, Console(stdout.write, log=log.append, stop=stop, clock=clock))
    assert re.search(r"retry 1 of 9 in 1 h \(\d\d:\d\d\)$", log[0])
    assert json.loads(stdout.getvalue()) == {
        "outcome": "interrupted",
        "exit_code": 143,
        "retry": False,
        "message": "interrupted before retry 1 of 9; last attempt: running: the sync of x is running",
        "id": "x",
    }
    assert "interrupted before retry 1 of 9" in log[-1]
    assert (run.exit_code, clock.elapsed < 1) == (143, True)
