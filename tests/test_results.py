"""The results as a step of a CI sees them: the scripts as processes, their outputs, summary and line of JSON."""

from __future__ import annotations

import html
import itertools
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from shared.masking import printable

from shared.status import instant
from sync_blueprints.catalog import REPOSITORY
from sync_blueprints.fleet import chain, vessel_of
from sync_blueprints.run_command import VesselRun, run_fleet
from sync_blueprints.sandbox import Request, Sandbox
from sync_blueprints.sandbox.world import Answer
from tests.test_scripts import CATALOG, SCRIPTS, SUCCESS, Ended, complete, empty_but_for, in_parallel, run

pytestmark = pytest.mark.sockets

OUTPUTS = ["exit-code", "outcome", "sync-id", "message"]
# The commands that a runner obeys in a step's log: `::name …::` at the start of a line, `##[name …]` anywhere in one.
COMMANDS = "set-output|set-env|add-path|add-mask|save-state|stop-commands|add-matcher|error|warning|notice|group|echo"
OBEYED = re.compile(rf"^\s*::(?:{COMMANDS})\b[^:]*::|##\[(?:{COMMANDS})\b[^\]]*\]", re.MULTILINE)
HOSTILE = {
    "a line more": "no\nexit-code=0\noutcome=succeeded",
    "a line of Windows": "no\r\nexit-code=0\r\noutcome=succeeded\r\n",
    "lines of Unicode": "no\u2028exit-code=0\x85outcome=succeeded\x0bsync-id=1\x0c",
    "a text over lines": "no<<END\nexit-code=0\nEND\nexit-code<<END\n0\nEND\n",
    "a table": "no | yes |\n| exit-code | 0 |\n\n# Done\n",
    "markup": "<script>alert(1)</script><img src=x> **done** [ok](https://x.test) ![ok](https://x.test) `a` </table>",
    "a command": "\n::set-output name=exit-code::0\n::stop-commands::x\n::add-mask::e\n",
    "a command of old": "no ##[set-output name=exit-code;]0",
    "a terminal": "no\x1b[2J\x1b[31m\x07\u202e",
}


def outputs(text: str) -> dict[str, str]:
    """A file of GITHUB_OUTPUT as the runner reads it: `key=value`, or `key<<END` and lines up to END."""
    found: dict[str, str] = {}
    lines = iter(text.split("\n"))
    for line in lines:
        equals, here = line.find("="), line.find("<<")
        if not line:
            continue
        assert max(equals, here) >= 0, f"the runner fails the step: {line!r}"
        if equals >= 0 and (here < 0 or equals < here):
            found[line[:equals]] = line[equals + 1 :]
        else:
            found[line[:here]] = "\n".join(up_to(line[here + 2 :], lines))
    return found


def up_to(end: str, lines: Iterator[str]) -> Iterator[str]:
    return itertools.takewhile(lambda line: line != end, lines)


def table(text: str) -> list[list[str]]:
    """The cells of the one table of a summary as a person reads them, after a look at its form."""
    assert text.endswith("\n\n"), "what comes next would be a part of the table"
    lines = text[:-2].split("\n")
    assert all(line.startswith("| ") and line.endswith(" |") and line.count("|") == 3 for line in lines), lines
    assert lines[1] == "| --- | --- |"
    del lines[1]
    assert not re.search(r"[<>`*\[\]!\\]", "".join(lines)), "Markdown would make something of it"
    return [[html.unescape(cell.strip()) for cell in line[1:-1].split("|")] for line in lines]


@dataclass
class Step:
    """A step of a CI: a script, and the two files that the runner gives it."""

    folder: Path
    environment: Mapping[str, str]
    ended: Ended = field(init=False)

    def run(self, script: str, **variables: str) -> Step:
        self.folder.mkdir(parents=True, exist_ok=True)
        files = {"GITHUB_OUTPUT": str(self.folder / "output"), "GITHUB_STEP_SUMMARY": str(self.folder / "summary")}
        self.ended = run([script], {**self.environment, **files, **variables})
        return self

    @property
    def outputs(self) -> dict[str, str]:
        return outputs((self.folder / "output").read_text(encoding="utf-8"))

    @property
    def table(self) -> list[list[str]]:
        return table((self.folder / "summary").read_text(encoding="utf-8"))

    def check(self, script: str) -> dict[str, Any]:
        """What holds for every step: log, line, outputs and table are at one, and in form. Returns the line's JSON."""
        result = self.ended.result
        assert result["blueprint"] == CATALOG[script].name
        assert result["vendor"] == CATALOG[script].vendor.lower()
        assert list(self.outputs) == OUTPUTS
        assert self.outputs == {
            "exit-code": str(self.ended.exit_code),
            "outcome": result["outcome"],
            "sync-id": printable(" ".join((result["sync_id"] or "").split())),
            "message": result["message"],
        }
        head, *rows = self.table
        assert head == [result["blueprint"], ""]
        assert rows == [[key, value.strip()] for key, value in self.outputs.items()]
        assert not OBEYED.search(self.ended.stdout + self.ended.stderr), self.ended
        return result


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def step(sandbox: Sandbox, tmp_path: Path) -> Step:
    return Step(tmp_path, empty_but_for(sandbox, tmp_path / "artifacts"))


def paths() -> list[str]:
    return [str(script.relative_to(REPOSITORY)) for script in SCRIPTS]


# The step's files


def test_every_script_tells_a_step_of_its_success(sandbox: Sandbox, tmp_path: Path) -> None:
    def succeed(script: str) -> None:
        folder = tmp_path / script.replace("/", "-")
        step = Step(folder, complete(sandbox, folder / "artifacts")).run(script)
        result = step.check(script)
        assert result["outcome"] == SUCCESS[Path(script).stem]
        assert step.ended.exit_code == 0

    in_parallel(succeed, paths())


def test_every_script_tells_a_step_of_its_failure(sandbox: Sandbox, tmp_path: Path) -> None:
    def fail(script: str) -> None:
        own = tmp_path / script.replace("/", "-")
        step = Step(own, empty_but_for(sandbox, own / "artifacts"))  # a check would see a trigger that is under way
        wrong = "00000000-0000-4000-8000-000000000000"
        ids = {"FIVETRAN_CONNECTOR_ID": "succeeds_xa", "NANGO_PROVIDER_CONFIG_KEY": "sandbox"}
        ids = {**ids, "RUDDERSTACK_CONNECTION_ID": "succeeds_xa", "FIVETRAN_PAUSED": "TRUE"}
        secrets = {"RUDDERSTACK_ACCESS_TOKEN": wrong, "FIVETRAN_API_SECRET": wrong, "NANGO_SECRET_KEY": wrong}
        step.run(script, **ids, **secrets)
        assert step.check(script)["outcome"] == "invalid_credentials"
        assert step.ended.exit_code == 200
        written = "".join(path.read_text(encoding="utf-8") for path in step.folder.iterdir() if path.is_file())
        assert wrong not in written

    in_parallel(fail, paths())


def test_an_invalid_input_is_told_too(step: Step) -> None:
    script = "fivetran_blueprints/update_connector.py"
    step.run(script, FIVETRAN_CONNECTOR_ID="a | b\nexit-code=0")
    assert step.check(script)["exit_code"] == 206


def test_what_was_in_the_files_stays_there_and_the_runs_follow_one_another(step: Step) -> None:
    (step.folder / "output").write_text("mine=1\n")
    (step.folder / "summary").write_text("# Mine\n\n")
    step.run("fivetran_blueprints/check_credentials.py", FIVETRAN_API_SECRET="wrong")
    step.run("fivetran_blueprints/check_credentials.py")
    assert list(step.outputs) == ["mine", *OUTPUTS]
    assert (step.outputs["mine"], step.outputs["outcome"]) == ("1", "valid")
    title, *tables = (step.folder / "summary").read_text().split("\n\n")
    assert title == "# Mine"
    assert [dict(table(f"{one}\n\n"))["outcome"] for one in tables if one] == ["invalid_credentials", "valid"]


def test_without_the_variables_nothing_is_written(sandbox: Sandbox, tmp_path: Path) -> None:
    environment = {**empty_but_for(sandbox, tmp_path / "artifacts"), "GITHUB_OUTPUT": "", "GITHUB_STEP_SUMMARY": "None"}
    assert run([str(REPOSITORY / "fivetran_blueprints/check_credentials.py")], environment, tmp_path).exit_code == 0
    assert [*tmp_path.iterdir()] == []


# A hostile vendor


class Hostile(Sandbox):
    """Refuses everything with `words`, or with `good` takes it and uses them wherever it names something."""

    def __init__(self, words: str, *, good: bool) -> None:
        super().__init__()
        self.words = words
        self.good = good

    def answer(self, request: Request) -> Answer:
        named = {
            "/v2/workspace": {"workspace": {"id": "w", "name": self.words, "region": self.words}},
            "/v1/account/info": {"code": "Success", "data": {"account_id": "a", "account_name": self.words}},
        }
        if self.good and request.path in named:
            return Answer(200, named[request.path])
        if self.good and request.path.startswith("/v2") and request.path.endswith("/start"):
            return Answer(200, {"syncId": self.words, "runId": self.words})
        if self.good:
            return super().answer(request)
        return Answer(400, {"code": self.words, "message": self.words, "error": {"code": "x", "message": self.words}})


@pytest.mark.parametrize("good", [False, True], ids=["refuses", "names"])
@pytest.mark.parametrize("words", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_vendor_forges_nothing(words: str, good: bool, tmp_path: Path) -> None:
    with Hostile(words, good=good) as hostile:

        def ask(script: str) -> None:
            folder = tmp_path / script.replace("/", "-")
            environment = {**complete(hostile, folder / "artifacts"), "LOG_LEVEL": "DEBUG"}
            step = Step(folder, environment).run(script)
            result = step.check(script)
            assert good or step.ended.exit_code != 0, "every call was refused"
            shown = step.ended.stdout + step.ended.stderr + "".join(step.outputs.values())
            assert all(one.isprintable() or one == "\n" for one in shown)
            assert result["exit_code"] == step.ended.exit_code

        in_parallel(ask, paths())


# What the line of JSON tells of the sync


def told_times(result: Mapping[str, Any]) -> list[datetime]:
    """All times among a result's facts."""
    values = [value for key, value in result.items() if key != "message"]
    found = [instant(one) for value in values for one in (value.values() if isinstance(value, dict) else [value])]
    return [one for one in found if one is not None]


def just_now(result: Mapping[str, Any]) -> list[datetime]:
    """The times among them that are of a sync of this test, not of the one of an hour ago."""
    return [one for one in told_times(result) if datetime.now(timezone.utc) - one < timedelta(minutes=5)]


RUDDERSTACK, FIVETRAN, NANGO = (f"{vendor}_blueprints" for vendor in ("rudderstack", "fivetran", "nango"))


@pytest.mark.parametrize("waits", ["trigger", "check"])
def test_rudderstack_tells_rows_and_times(step: Step, waits: str) -> None:
    result = followed(step, RUDDERSTACK, waits, RUDDERSTACK_CONNECTION_ID=f"refuses_rows_in_1_x{waits}")
    assert result["outcome"] == "succeeded"
    assert result["rows"] == {"total": 100, "succeeded": 97, "failed": 3, "changed": 100}
    assert len(just_now(result)) == 2
    assert result["sync_id"]
    assert instant(result["started_at"]) < instant(result["finished_at"])


def test_rudderstack_tells_the_times_of_a_source(step: Step) -> None:
    result = followed(step, RUDDERSTACK, "trigger", RUDDERSTACK_SOURCE_ID="succeeds_in_1_xtimes")
    assert instant(result["started_at"]) < instant(result["finished_at"])


@pytest.mark.parametrize("waits", ["trigger", "check"])
@pytest.mark.parametrize(("word", "stamp"), [("succeeds", "succeeded_at"), ("fails", "failed_at")])
def test_fivetran_tells_when_it_ended(step: Step, word: str, stamp: str, waits: str) -> None:
    result = followed(step, FIVETRAN, waits, FIVETRAN_CONNECTOR_ID=f"{word}_in_1_x{waits}")
    assert result["exit_code"] == {"succeeds": 0, "fails": 211}[word]
    assert just_now(result) == [instant(result[stamp])]


@pytest.mark.parametrize("waits", ["trigger", "check"])
def test_nango_tells_counts_and_rows(step: Step, waits: str) -> None:
    more = {"NANGO_CONNECTION_ID": f"succeeds_in_1_x{waits}", "NANGO_PROVIDER_CONFIG_KEY": "sandbox"}
    result = followed(step, NANGO, waits, **more)
    assert result["outcome"] == "succeeded"
    assert (result["syncs"], result["succeeded"]) == (3, 3)
    assert result["rows"] == {"added": 9, "updated": 0, "deleted": 0}


def test_nango_tells_when_the_last_of_its_syncs_ended(step: Step, sandbox: Sandbox) -> None:
    more = {"NANGO_CONNECTION_ID": "succeeds_in_1_xtimes", "NANGO_PROVIDER_CONFIG_KEY": "sandbox"}
    result = followed(step, NANGO, "trigger", **more)
    world = sandbox.world
    ends = [run.ends for key, one in world.items.items() if "succeeds_in_1_xtimes" in key for run in one.runs]
    last = instant(world.stamp(max(ends), 0))
    assert last is not None
    assert any(abs(one - last) <= timedelta(seconds=1) for one in told_times(result)), result


def test_nangos_counts_are_of_the_last_look_and_add_up(step: Step) -> None:
    # Some syncs have ended before others: the looks in between must not show in the end.
    result = followed(step, NANGO, "trigger", NANGO_PROVIDER_CONFIG_KEY="sandbox-mixed", NANGO_SYNCS="orders")
    counts = {word: result.get(word, 0) for word in ("running", "succeeded", "failed", "unknown")}
    assert result["exit_code"] == 211
    assert counts == {"running": 0, "succeeded": 2, "failed": 1, "unknown": 0}
    assert sum(counts.values()) == result["syncs"]
    assert result["named"] == ["fails_in_1/orders"]


def followed(step: Step, vendor: str, waits: str, **variables: str) -> dict[str, Any]:
    """A trigger that waits, or a trigger and then a check that waits: the result of the last one."""
    name = vendor.partition("_")[0].upper()
    wait = {f"{name}_WAIT": "TRUE", f"{name}_POLL_INTERVAL": "1"}
    script = f"{vendor}/trigger_sync.py"
    if waits == "check":
        assert run([script], {**step.environment, **variables}).result["outcome"] == "started"
        script = f"{vendor}/check_sync_status.py"
    return step.run(script, **variables, **wait).check(script)


def test_the_credentials_tell_whose_they_are(step: Step) -> None:
    result = step.run(f"{FIVETRAN}/check_credentials.py").check(f"{FIVETRAN}/check_credentials.py")
    assert "Sandbox" in result["message"]
    assert result["account"] == "Sandbox"


# The recommended set-up


class Hurried:
    """The time of the runner: waiting goes a thousand times as fast."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.skipped

    def sleep(self, seconds: float) -> None:
        self.skipped += seconds
        time.sleep(seconds / 1000)


FLEET = ("Fivetran - Update Connector", "Fivetran - Execute Sync", "Fivetran - Check Sync Status")


@pytest.fixture
def fleet(sandbox: Sandbox, tmp_path: Path) -> Callable[[str], list[VesselRun]]:
    """Runs the recommended set-up for a connector, with the catalog's guardrails."""

    def run_it(connector_id: str) -> list[VesselRun]:
        environment = {
            **empty_but_for(sandbox, tmp_path / "artifacts"),
            "FIVETRAN_CONNECTOR_ID": connector_id,
            "FIVETRAN_SCHEDULE_TYPE": "manual",
        }
        with (tmp_path / "log").open("wb") as log:
            vessels = [vessel_of(name) for name in FLEET]
            return run_fleet(chain(vessels), environment, clock=Hurried(), stderr=log).runs

    return run_it


def exit_codes(runs: list[VesselRun]) -> list[list[int]]:
    """Of each vessel, those of its attempts; the same one after another is shown once."""
    codes = [[attempt.exit_code for attempt in run.attempts] for run in runs]
    return [[code for place, code in enumerate(one) if one[:place][-1:] != [code]] for one in codes]


@pytest.mark.parametrize("id_", ["succeeds_in_1", "running_in_5", "broken_in_1", "never_run", "loses_answer_in_1"])
def test_the_recommended_set_up_ends_well(id_: str, fleet: Callable[[str], list[VesselRun]], sandbox: Sandbox) -> None:
    connector_id = f"{id_}_xfleet"
    runs = fleet(connector_id)
    assert [run.name for run in runs] == [*FLEET]
    codes = exit_codes(runs)
    assert codes[:2] == [[0], [0]]
    assert codes[2] in ([0], [210, 0])
    assert [(run.result or {})["outcome"] for run in runs] == ["updated", "started", "succeeded"]
    assert sandbox.world.items["fivetran", connector_id].settings["schedule_type"] == "manual"
    assert sandbox.starts.count(("fivetran", connector_id)) == 1
    patches = [one for one in sandbox.requests if one.method == "PATCH" and connector_id in one.path]
    assert [one.json() for one in patches] == [{"run_setup_tests": False, "schedule_type": "manual"}]


@pytest.mark.parametrize(
    ("id_", "codes"),
    [
        ("fails_in_1", [[0], [0], [211]]),
        ("cancelled_in_1", [[0], [0], [212]]),
        ("paused", [[0], [201]]),
        ("incomplete", [[0], [201]]),
        ("unknown", [[204]]),
        ("answers_403", [[200]]),
        ("answers_429_in_120", [[220]]),
    ],
)
def test_the_recommended_set_up_stops_where_going_on_does_not_help(
    id_: str, codes: list[list[int]], fleet: Callable[[str], list[VesselRun]], sandbox: Sandbox
) -> None:
    runs = fleet(f"{id_}_xstop")
    assert [[code for code in one if code != 210] for one in exit_codes(runs)] == codes
    ends = [len(run.attempts) for run in runs if run.exit_code not in (0, 211, 212)]
    assert ends in ([], [2 if codes == [[220]] else 1]), "only an exit code that says so is tried again"
    assert sandbox.starts.count(("fivetran", f"{id_}_xstop")) == (1 if len(codes) == 3 else 0)


def test_a_paused_connector_is_not_made_to_run_by_the_set_up(
    fleet: Callable[[str], list[VesselRun]], sandbox: Sandbox
) -> None:
    runs = fleet("paused_xstays")
    assert (runs[-1].name, runs[-1].exit_code) == (FLEET[1], 201)
    assert "Update Connector" in (runs[-1].result or {})["message"]
    settings = sandbox.world.items["fivetran", "paused_xstays"].settings
    assert (settings["paused"], settings["schedule_type"]) == (True, "manual")


def test_every_vessel_of_the_set_up_tells_one_line(fleet: Callable[[str], list[VesselRun]]) -> None:
    runs = fleet("succeeds_in_0_xline")
    for run_ in runs:
        assert run_.result is not None
        assert (run_.result["blueprint"], run_.result["exit_code"]) == (run_.name, run_.exit_code)
        assert run_.result["id"] == "succeeds_in_0_xline"
        json.dumps(run_.result, allow_nan=False)
