"""Running fleets; the vessels are tiny scripts."""

from __future__ import annotations

import json
import os
import re
import signal
import textwrap
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from sync_blueprints.fleet import chain, vessel_of
from sync_blueprints.fleet_file import read
from sync_blueprints.fleet_run import FleetRun, fleet_environments, run_fleet
from sync_blueprints.vessel_run import Console, Stop, signals_set
from tests.processes import command, start
from tests.sync_blueprints.test_fleet_file import CODE, written

TELLS = 'import json, os\nprint(json.dumps({"outcome": "told", **os.environ}))'
ENVIRONMENT = {"PATH": os.environ.get("PATH", ""), "SYSTEMROOT": os.environ.get("SYSTEMROOT", "")}


def fleet_of(
    folder: Path,
    scripts: Mapping[str, str],
    connections: Mapping[str, Mapping[str, str]] | None = None,
    **guardrails: object,
) -> Path:
    """A fleet's file whose vessels run these scripts."""
    vessels = {}
    for number, (name, code) in enumerate(scripts.items()):
        (folder / f"script_{number}.py").write_text(textwrap.dedent(code), encoding="utf-8")
        source = {"type": "CODE", "language": "PYTHON", "file_to_run": f"script_{number}.py"}
        vessels[name] = {"source": source, "guardrails": guardrails}
    plain = {"name": "a fleet", "vessels": vessels, "connections": connections}
    return written(folder, yaml.safe_dump(plain, sort_keys=False))


def run(file: Path, environment: Mapping[str, str] = ENVIRONMENT) -> FleetRun:
    return run_fleet(read(file), environment, Console())


def exits(code: int) -> str:
    return f"raise SystemExit({code})"


def test_in_a_diamond_each_vessel_runs_once_after_all_before_it_and_knows_its_neighbours(tmp_path: Path) -> None:
    slow = f"import time\ntime.sleep(0.5)\n{TELLS}"
    diamond = {"top": {"left": "SUCCESS", "right": "SUCCESS"}, "left": {"end": "SUCCESS"}, "right": {"end": "SUCCESS"}}
    done = run(fleet_of(tmp_path, {"end": TELLS, "left": slow, "right": TELLS, "top": TELLS}, diamond))
    assert [one.name for one in done.runs] == ["top", "right", "left", "end"]
    told = {one.name: one.result for one in done.runs}
    ids = {name: one["SHIPYARD_LOG_ID"] for name, one in told.items()}
    assert len(set(ids.values())) == 4
    neighbours = {
        name: [
            (one[f"SHIPYARD_FLEET_{which}_COUNT"], one[f"SHIPYARD_FLEET_{which}_LOG_IDS"])
            for which in ("UPSTREAM", "CURRENT", "DOWNSTREAM")
        ]
        for name, one in told.items()
    }
    both = f"{ids['left']},{ids['right']}"
    assert neighbours == {
        "top": [("0", ""), ("1", ids["top"]), ("2", both)],
        "left": [("1", ids["top"]), ("1", ids["left"]), ("1", ids["end"])],
        "right": [("1", ids["top"]), ("1", ids["right"]), ("1", ids["end"])],
        "end": [("2", both), ("1", ids["end"]), ("0", "")],
    }
    assert len({one["SHIPYARD_ARTIFACTS_DIRECTORY"] for one in told.values()}) == 1
    assert [told[name]["SHIPYARD_VESSEL_NAME"] for name in told] == list(told)


BOTH_MET = {"a": {"c": "SUCCESS"}, "b": {"c": "ERRORED"}}
ERRORED_B = {"b": "a ended with exit code 0, and the connection is ERRORED"}
AFTER_A_SKIPPED_ONE = {
    "a": {"b": "ERRORED", "f": "SUCCESS"},
    "b": {"c": "SUCCESS", "d": "ERRORED", "e": "COMPLETED", "f": "COMPLETED"},
}


@pytest.mark.parametrize(
    ("exit_codes", "connections", "skipped"),
    [
        ([0, 0], {"a": {"b": "SUCCESS"}}, {}),
        ([211, 0], {"a": {"b": "SUCCESS"}}, {"b": "a ended with exit code 211, and the connection is SUCCESS"}),
        ([0, 0], {"a": {"b": "ERRORED"}}, ERRORED_B),
        ([211, 0], {"a": {"b": "ERRORED"}}, {}),
        ([0, 0], {"a": {"b": "COMPLETED"}}, {}),
        ([211, 0], {"a": {"b": "COMPLETED"}}, {}),
        ([0, 1, 0], BOTH_MET, {}),
        ([0, 0, 0], BOTH_MET, {"c": "b ended with exit code 0, and the connection is ERRORED"}),
        ([1, 1, 0], BOTH_MET, {"c": "a ended with exit code 1, and the connection is SUCCESS"}),
        ([1, 0, 0], BOTH_MET, {"c": "a ended with exit code 1, and the connection is SUCCESS"}),
        ([0] * 6, AFTER_A_SKIPPED_ONE, {**ERRORED_B, **dict.fromkeys("cdef", "b did not run")}),
    ],
)
def test_a_vessel_runs_if_every_vessel_before_it_ran_and_ended_as_their_connection_asks(
    exit_codes: list[int], connections: dict[str, dict[str, str]], skipped: dict[str, str], tmp_path: Path
) -> None:
    scripts = {name: exits(code) for name, code in zip("abcdef", exit_codes)}
    done = run(fleet_of(tmp_path, scripts, connections))
    assert {one.name for one in done.runs} == set(scripts) - set(skipped)
    assert dict(done.skipped) == skipped
    assert done.exit_code == max(exit_codes)


def test_a_branch_goes_on_when_another_one_fails_and_the_exit_code_is_that_of_the_first_failure(tmp_path: Path) -> None:
    late = "import time\ntime.sleep(0.7)"
    scripts = {"late": late, "after it": exits(206), "early": exits(204)}
    done = run(fleet_of(tmp_path, scripts, {"late": {"after it": "SUCCESS"}}))
    assert [one.name for one in done.runs] == ["early", "late", "after it"]
    assert done.exit_code == 204


def test_the_fleets_variables_go_before_the_environments_and_null_removes_one(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(TELLS, encoding="utf-8")
    own = "[{name: A, value: own}, {name: B, value: null}, {name: SHIPYARD_LOG_ID, value: x}]"
    file = written(tmp_path, f"{CODE}      environment: {own}\n")
    (ran,) = run(file, {**ENVIRONMENT, "A": "theirs", "B": "theirs", "C": "theirs"}).runs
    assert {name: ran.result.get(name) for name in "ABC"} == {"A": "own", "B": None, "C": "theirs"}
    assert ran.result["SHIPYARD_LOG_ID"] != "x"


def test_an_input_that_one_vessel_is_given_comes_from_outside_to_no_other_blueprint() -> None:
    trigger, check = (vessel_of(f"Fivetran - {name}") for name in ("Execute Sync", "Check Sync Status"))
    fleet = chain([replace(trigger, variables={"FIVETRAN_CONNECTOR_ID": "mine"}), check])
    outside = {"FIVETRAN_CONNECTOR_ID": "another", "FIVETRAN_API_URL": "http://localhost"}
    environments = fleet_environments(fleet, {**outside, "SHIPYARD_ARTIFACTS_DIRECTORY": "x"})
    assert [variables.get("FIVETRAN_CONNECTOR_ID") for variables in environments] == ["mine", None]
    assert {variables["FIVETRAN_API_URL"] for variables in environments} == {"http://localhost"}


def test_stdout_has_one_line_of_json_for_each_vessel_and_stderr_the_rest_with_its_name(tmp_path: Path) -> None:
    talks = r"""
        import sys
        print('{"outcome": "first"}')
        print("words\n12\n{broken")
        print('{"outcome": "\\u001b[2Jlast", "vessel": "forged", "exit_code": 7}')
        print("[1]\n" + "y" * 100_000, end="")
        print("a log line", file=sys.stderr, end="")
        sys.exit(3)
        """
    file = fleet_of(tmp_path, {"talks": talks, "silent": ""}, retry_count=1, retry_wait="5m")
    done = command("run", "--fleet", file, "--retry-wait", "0s")
    assert done.exit_code == 3
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(lines, key=lambda line: line["vessel"]) == [
        {"vessel": "silent", "attempts": 1, "exit_code": 0},
        {"vessel": "talks", "outcome": "\x1b[2Jlast", "attempts": 2, "exit_code": 3},
    ]
    log = done.stderr.splitlines()
    assert all(re.match(r"run: |\[talks\] ", line) for line in log)
    assert [log.count(f"[talks] {line}") for line in ("words", "12", "{broken", "[1]")] == [2] * 4
    assert sum(line.count("y") for line in log if re.fullmatch(r"\[talks\] y+", line)) == 200_000
    assert "\x1b" not in "".join(log[-4:])
    assert log[-1] == "run: the fleet a fleet ended with exit code 3"


@pytest.mark.parametrize("as_fleet", [True, False])
def test_a_reader_of_stdout_that_has_gone_away_changes_nothing(tmp_path: Path, as_fleet: bool) -> None:
    file = fleet_of(tmp_path, {"a": TELLS, "b": exits(211)}, {"a": {"b": "SUCCESS"}})
    what = ["--fleet", file] if as_fleet else [tmp_path / "script_0.py", tmp_path / "script_1.py"]
    reading, writing = os.pipe()
    os.close(reading)
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = command("run", *what, environment=buffered, stdout=writing)
    os.close(writing)
    assert done.exit_code == 211
    assert "211" in done.stderr.splitlines()[-1]


def test_a_process_that_cannot_be_started_is_a_failed_vessel(tmp_path: Path) -> None:
    text = CODE + '      environment: [{name: A, value: "\\0"}]\n'
    assert run(written(tmp_path, text)).exit_code == 126


@pytest.mark.slow
def test_a_very_wide_fleet_runs_and_no_line_is_mixed_with_another(tmp_path: Path) -> None:
    script = """
        import os, sys
        for _ in range(20):
            os.write(2, b"ab")
            os.write(2, b"cd\\n")
        """
    scripts = {f"v{number}": script for number in range(200)}
    done = command("run", "--fleet", fleet_of(tmp_path, scripts))
    assert done.exit_code == 0
    assert sorted(json.loads(line)["vessel"] for line in done.stdout.splitlines()) == sorted(scripts)
    log = [line for line in done.stderr.splitlines() if line.startswith("[")]
    assert sorted(log) == sorted(f"[{name}] abcd" for name in scripts for _ in range(20))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_what_runs_starts_no_more_and_prints_the_table(tmp_path: Path, number: signal.Signals) -> None:
    waits = """
        import os, signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b"terminated\\n"), sys.exit(143)))
        os.write(1, b"ready\\n")  # no print, which a signal must not interrupt to print
        time.sleep(60)
        """
    scripts = {"a": waits, "b": waits, "next": TELLS, "again": exits(210)}
    connections = {"a": {"next": "COMPLETED"}, "b": {"next": "COMPLETED"}}
    file = fleet_of(tmp_path, scripts, connections, retry_count=9, retry_wait="1h")
    with start(["-m", "sync_blueprints", "run", "--fleet", str(file)], os.environ) as runner:
        expected = {"[a] ready\n", "[b] ready\n", "again"}
        while expected:
            line = runner.stderr.readline()
            assert line
            expected -= {line, "again" if "retry 1 of 9" in line else ""}
        runner.send_signal(number)
        log = runner.stderr.read()
    assert runner.returncode == 128 + number
    assert {"[a] terminated", "[b] terminated"} <= set(log.splitlines())
    assert re.search(r"^run: a +1 +143 ", log, re.MULTILINE)
    assert re.search(r"^run: next +0 +- +- +skipped: the fleet was interrupted$", log, re.MULTILINE)
    assert log.splitlines()[-1] == f"run: the fleet a fleet ended with exit code {128 + number}"


def test_ignored_signals_stay_ignored_and_the_others_are_given_back() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN), signal.getsignal(signal.SIGINT)
    try:
        with signals_set(Stop()):
            assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
            assert signal.getsignal(signal.SIGINT) != before[1]
        assert signal.getsignal(signal.SIGINT) == before[1]
    finally:
        signal.signal(signal.SIGTERM, before[0])
