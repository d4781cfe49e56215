"""Every script as a real process over real sockets, against the sandbox and with an otherwise empty environment."""

from __future__ import annotations

import base64
import importlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from shared import pickles
from shared.inputs import Field, fields
from sync_blueprints.catalog import REPOSITORY, load
from sync_blueprints.sandbox import Request, Sandbox
from sync_blueprints.sandbox.nango import EXECUTE_ONLY_KEY, READ_ONLY_KEY
from sync_blueprints.sandbox.world import Response as Answer

pytestmark = pytest.mark.sockets

AT_A_TIME = 8  # processes that do something; those of slow stories only wait
NOBODY_LISTENS = "http://127.0.0.1:1"
PATIENCE = 60  # seconds until a process, or what a test waits for, counts as stuck
CATALOG = {one.file_to_run: one for one in load()}
SCRIPTS = sorted(one.path for one in CATALOG.values())
KEYS = ("blueprint", "vendor", "outcome", "exit_code", "id", "sync_id", "message", "seconds")
OUTCOMES = {
    0: ("started", "joined", "succeeded", "updated", "valid"),
    200: ("invalid_credentials",),
    201: ("refused",),
    202: ("not_started", "unclear"),
    203: ("already_running",),
    204: ("not_found",),
    205: ("invalid_input",),
    206: ("invalid_input",),
    210: ("running",),
    211: ("failed",),
    212: ("cancelled",),
    213: ("unknown",),
    220: ("unreachable",),
    221: ("artifact_error",),
    130: ("interrupted",),
    143: ("interrupted",),
    249: ("error",),
}

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Kind:
    """What is synced, and the variable that takes its id; `more` are further inputs of its scripts."""

    name: str
    vendor: str
    id_variable: str
    more: Mapping[str, str] = field(default_factory=dict, compare=False)

    def variable(self, name: str) -> str:
        return f"{self.vendor.upper()}_{name}"

    def script(self, verb: str) -> str:
        return f"{self.vendor}_blueprints/{verb}.py"


CONNECTION = Kind("RudderStack connection", "rudderstack", "RUDDERSTACK_CONNECTION_ID")
SOURCE = Kind("RudderStack source", "rudderstack", "RUDDERSTACK_SOURCE_ID")
FIVETRAN = Kind("Fivetran", "fivetran", "FIVETRAN_CONNECTOR_ID")
NANGO = Kind("Nango", "nango", "NANGO_CONNECTION_ID", {"NANGO_PROVIDER_CONFIG_KEY": "sandbox", "NANGO_SYNCS": "orders"})
KINDS = (CONNECTION, SOURCE, FIVETRAN, NANGO)
VENDORS = (CONNECTION, FIVETRAN, NANGO)


@dataclass(frozen=True)
class Ended:
    """A process that has ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def result(self) -> dict[str, Any]:
        """The result on stdout, which is one line of JSON with the keys of the contract, at one with the exit code."""
        assert self.stdout.endswith("\n"), self
        assert self.stdout.count("\n") == 1, self
        result: dict[str, Any] = json.loads(self.stdout)
        assert not set(KEYS) - set(result), self
        assert result["exit_code"] == self.exit_code, self
        assert result["outcome"] in OUTCOMES[self.exit_code], self
        assert isinstance(result["message"], str), self
        assert result["message"], self
        assert isinstance(result["seconds"], (int, float)), self
        last = self.stderr.splitlines()[-1]
        assert result["outcome"] in last, self
        assert str(self.exit_code) in last, self
        return result


@dataclass
class Stage:
    """One thing to sync at a sandbox, and a folder for the files that its scripts hand over."""

    sandbox: Sandbox
    folder: Path
    kind: Kind
    id: str

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    @property
    def handed_over(self) -> dict[str, bytes]:
        return contents(self.artifacts / f"{self.kind.vendor}-blueprints" / "variables")

    @property
    def responses(self) -> dict[str, bytes]:
        return contents(self.artifacts / f"{self.kind.vendor}-blueprints" / "responses")

    @property
    def starts(self) -> int:
        return self.sandbox.starts.count((self.kind.vendor, self.id))

    @property
    def seen(self) -> int:
        """How many calls the sandbox has answered that name the id."""
        return sum(self.id in f"{one.path} {one.query} {one.body}" for one in self.sandbox.requests)

    def environment(self, **variables: str) -> dict[str, str]:
        return {
            **empty_but_for(self.sandbox, self.artifacts),
            **self.kind.more,
            self.kind.id_variable: self.id,
            self.kind.variable("POLL_INTERVAL"): "1",
            "LOG_LEVEL": "DEBUG",
            **variables,
        }

    def run(self, verb: str, **variables: str) -> Ended:
        before = self.handed_over
        ended = run([self.kind.script(verb)], self.environment(**variables))
        self.check(verb, ended, before, variables.get("SHIPYARD_LOG_ID"))
        return ended

    def start(self, verb: str, **variables: str) -> subprocess.Popen[str]:
        self.folder.mkdir(parents=True, exist_ok=True)
        return subprocess.Popen(
            [sys.executable, self.kind.script(verb)],
            env=self.environment(**variables),
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def check(self, verb: str, ended: Ended, before: Mapping[str, bytes], log_id: str | None = None) -> None:
        """What holds for every run, however it ends; `before` is what was handed over before it."""
        result = ended.result
        blueprint = CATALOG[self.kind.script(verb)]
        assert result["blueprint"] == blueprint.name, ended
        assert ended.exit_code in blueprint.exit_codes, (ended, "the catalog does not know this exit code")
        assert_no_secret_in(self.sandbox, ended, self.artifacts)
        assert_private(self.artifacts)
        refused = ended.exit_code in range(200, 207) and result["outcome"] != "unclear"
        if verb != "trigger_sync" or refused:
            assert self.handed_over == before, (ended, "only a trigger that was not refused touches a hand-over")
        elif result["outcome"] != "unclear":
            assert not {"starting.pickle", f"{log_id}_starting.pickle"} & set(self.handed_over), ended


def contents(folder: Path) -> dict[str, bytes]:
    """The files in a folder; not the temporary ones, which come and go while a script runs."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return {name: (folder / name).read_bytes() for name in names if not name.startswith(".")}


def empty_but_for(sandbox: Sandbox, artifacts: Path) -> dict[str, str]:
    """An environment with the sandbox's variables, an artifacts folder, and PATH."""
    return {"PATH": os.environ["PATH"], **sandbox.environment, "SHIPYARD_ARTIFACTS_DIRECTORY": str(artifacts)}


def run(arguments: Sequence[str], environment: Mapping[str, str], folder: Path = REPOSITORY) -> Ended:
    """Python with these arguments; in the repository, so that a script's path in the catalog is its argument."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def finish(process: subprocess.Popen[str]) -> Ended:
    stdout, stderr = process.communicate(timeout=PATIENCE)
    return Ended(process.returncode, stdout, stderr)


def in_parallel(act: Callable[[T], U], items: Iterable[T]) -> list[U]:
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return list(pool.map(act, items))


def wait_until(done: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, "what the test waits for never comes"
        time.sleep(0.02)


def secrets_of(sandbox: Sandbox) -> list[str]:
    values = {name: value for name, value in sandbox.environment.items() if not name.endswith("_URL")}
    assert len(values) == 4
    pair = f"{values['FIVETRAN_API_KEY']}:{values['FIVETRAN_API_SECRET']}"
    plain = [*values.values(), pair]
    return [
        *plain,
        *(base64.b64encode(one.encode()).decode() for one in plain),
        "Bearer ",
        "Authorization:",
        "'Authorization'",
    ]


def assert_no_secret_in(sandbox: Sandbox, ended: Ended, artifacts: Path) -> None:
    shown = {"stdout": ended.stdout, "stderr": ended.stderr}
    for path in artifacts.rglob("*"):
        shown[str(path)] = path.read_bytes().decode("utf-8", "replace") if path.is_file() else path.name
    for place, text in shown.items():
        for secret in secrets_of(sandbox):
            assert secret.lower() not in text.lower(), f"{secret!r} in {place}"


def assert_private(artifacts: Path) -> None:
    """Folders 0700, files 0600, and no temporary file left."""
    for path in artifacts.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
        assert not path.name.startswith("."), path


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def place(sandbox: Sandbox, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[Kind, str], Stage]:
    """Makes stages with ids of this test's own: place(FIVETRAN, "fails_in_1")."""
    own = f"_x{abs(hash(request.node.nodeid))}"
    return lambda kind, id_: Stage(sandbox, tmp_path / f"{kind.name} {id_}".replace(" ", "-"), kind, f"{id_}{own}")


# --- stories: a trigger, a check, or one after the other ---


@dataclass(frozen=True)
class Step:
    """A run and how it ends. `again`: it is run again while it exits with 210, as an orchestrator would."""

    verb: str
    exit_code: int
    outcome: str
    variables: Mapping[str, str] = field(default_factory=dict)
    again: bool = False
    says: str = ""


def trigger(exit_code: int, outcome: str, says: str = "", **variables: str) -> Step:
    return Step("trigger_sync", exit_code, outcome, variables, says=says)


def check(exit_code: int, outcome: str, says: str = "", **variables: str) -> Step:
    return Step("check_sync_status", exit_code, outcome, variables, says=says)


def update(exit_code: int, outcome: str, says: str = "", **variables: str) -> Step:
    return Step("update_connector", exit_code, outcome, variables, says=says)


def check_again_and_again(exit_code: int, outcome: str) -> Step:
    return Step("check_sync_status", exit_code, outcome, again=True)


@dataclass(frozen=True, eq=False)
class Story:
    """What comes of the steps, one after the other, with an id that behaves like that.

    `starts`: how many syncs they start, exactly. `seconds`: the least that all of it can take, because the sync does.
    """

    title: str
    kind: Kind
    id: str
    steps: tuple[Step, ...]
    starts: int
    seconds: float = 0
    slow: bool = False

    def play(self, sandbox: Sandbox, folder: Path, number: int) -> None:
        stage = Stage(sandbox, folder, self.kind, f"{self.id}_xstory{number}")
        began = time.monotonic()
        for step in self.steps:
            variables = {self.kind.variable(name): value for name, value in step.variables.items()}
            ended = stage.run(step.verb, **variables)
            while step.again and ended.exit_code == 210 and time.monotonic() < began + PATIENCE:
                time.sleep(1)
                ended = stage.run(step.verb, **variables)
            assert (ended.exit_code, ended.result["outcome"]) == (step.exit_code, step.outcome), ended
            if step.verb != "check_credentials" and step.exit_code != 206:
                assert ended.result["id"] == (stage.id if self.kind is not NANGO else "sandbox"), ended
            assert step.says in ended.result["message"], ended
        assert stage.starts == self.starts, (sandbox.starts, ended)
        assert time.monotonic() - began >= self.seconds, "the verdict came before the end"


def stories() -> Iterator[Story]:
    for kind in KINDS:
        yield from stories_of_every_kind(kind)
    for kind in VENDORS:
        yield from stories_of_every_vendor(kind)
    yield from stories_of_one_vendor()


def stories_of_every_kind(kind: Kind) -> Iterator[Story]:
    started = trigger(0, "started")

    def story(title: str, id_: str, *steps: Step, starts: int, seconds: float = 0) -> Story:
        return Story(title, kind, id_, steps, starts, seconds)

    yield story("a check tells of a sync that runs", "succeeds_in_60", started, check(210, "running"), starts=1)
    yield story(
        "a check that is tried again tells of the success once it is there",
        "succeeds_in_2",
        started,
        check_again_and_again(0, "succeeded"),
        starts=1,
        seconds=2,
    )
    yield story(
        "a trigger that waits ends with the success, and a check after it says the same",
        "succeeds_in_2",
        trigger(0, "succeeded", WAIT="true"),
        check(0, "succeeded"),
        starts=1,
        seconds=2,
    )
    yield story("a check tells of the failure", "fails_in_0", started, check(211, "failed"), starts=1)
    yield story(
        "a check does not take the run before for a sync that is seen late",
        "lazy_in_2",
        started,
        check_again_and_again(0, "succeeded"),
        starts=1,
        seconds=3,
    )
    yield story(
        "a running sync is joined",
        "running_in_2",
        trigger(0, "joined", IF_RUNNING="join"),
        check(0, "succeeded", WAIT="TRUE"),
        starts=0,
        seconds=2,
    )
    yield story(
        "a running sync is waited for, then one is started",
        "running_in_2",
        trigger(0, "started", IF_RUNNING="wait"),
        check(0, "succeeded", WAIT="TRUE"),
        starts=1,
        seconds=3,
    )
    yield story(
        "a running sync is left alone", "running_in_60", trigger(203, "already_running", IF_RUNNING="fail"), starts=0
    )
    yield story(
        "an unknown id is not found", "no-such-id", trigger(204, "not_found"), check(204, "not_found"), starts=0
    )
    yield story(
        "a start whose answer is lost is found again",
        "loses_answer_in_1",
        started,
        check(0, "succeeded", WAIT="TRUE"),
        starts=1,
        seconds=1,
    )
    yield story("a check alone judges the latest sync", "succeeds_in_2", check(0, "succeeded"), starts=0)
    yield story("what has never run is no success", "never_run", check(210, "running"), starts=0)


def stories_of_every_vendor(kind: Kind) -> Iterator[Story]:
    """What a source has in common with a connection is told of the connection alone."""
    posts_first = kind.vendor == "rudderstack"

    def story(title: str, id_: str, *steps: Step, starts: int = 0, seconds: float = 0, slow: bool = False) -> Story:
        return Story(title, kind, id_, steps, starts, seconds, slow)

    yield story(
        "a check that waits ends with the success",
        "succeeds_in_2",
        trigger(0, "started"),
        check(0, "succeeded", WAIT="TRUE"),
        starts=1,
        seconds=2,
    )
    yield story(
        "a trigger that waits ends with the failure",
        "fails_in_1",
        trigger(211, "failed", WAIT="TRUE"),
        starts=1,
        seconds=1,
    )
    yield story(
        "an answer that is no JSON is no success",
        "answers_html",
        trigger(202, "unclear" if posts_first else "not_started"),
        check(221, "artifact_error") if posts_first else check(220, "unreachable"),
    )
    yield story("a 401 is for the credentials", "answers_401", check(200, "invalid_credentials"))
    yield story("a 403 is for the credentials", "answers_403", trigger(200, "invalid_credentials"))
    yield story(
        "a redirect is not followed",
        "answers_redirect",
        trigger(201, "refused", kind.variable("API_URL")),
        check(201, "refused", kind.variable("API_URL")),
    )
    for id_ in ("answers_empty", "answers_garbage"):
        yield story(f"a check that gets nonsense ({id_}) is no success", id_, check(220, "unreachable"))
    yield story(
        "a long Retry-After ends the run at once",
        "answers_429_in_120",
        trigger(202, "not_started", "120 s"),
        check(220, "unreachable", "120 s"),
    )
    yield story("a short Retry-After is kept", "flaky_start_429_in_1", trigger(0, "started"), starts=1)
    yield story("two failed reads are survived", "flaky", check(0, "succeeded"))
    yield story(
        "an accepted start that is answered 500 is found again", "start_500_accepted", trigger(0, "started"), starts=1
    )
    yield story(
        "a trigger that the vendor answers 500 has not started, or it is unclear",
        "answers_500",
        trigger(202, "unclear" if posts_first else "not_started"),
        slow=True,
    )
    yield story(
        "a check that the vendor answers 500 is no verdict", "answers_500", check(220, "unreachable"), slow=True
    )
    yield story("a start that got lost is sent once more", "loses_request", trigger(0, "started"), starts=1, slow=True)
    yield story(
        "a start that failed with 500 is sent once more", "start_500", trigger(0, "started"), starts=1, slow=True
    )

    elsewhere = {"API_URL": NOBODY_LISTENS}
    yield story(
        "a trigger to which nobody listens has not started",
        "succeeds",
        trigger(202, "not_started", **elsewhere),
        slow=True,
    )
    unknown = Step("check_credentials", 220, "unreachable", elsewhere)
    yield story("nothing is said of credentials while nobody listens", "succeeds", unknown, slow=True)


def stories_of_one_vendor() -> Iterator[Story]:
    started = trigger(0, "started")
    restarted = trigger(0, "started", IF_RUNNING="restart")
    yield Story("a running sync is stopped, then one is started", CONNECTION, "running_in_60", (restarted,), 1, 1)
    yield Story("a running sync is stopped, then one is started", FIVETRAN, "running_in_60", (restarted,), 1)
    yield Story("a run cannot be stopped", SOURCE, "running_in_60", (trigger(203, "already_running"),), 0)
    for kind in (CONNECTION, SOURCE, FIVETRAN):
        steps = (started, check(212, "cancelled", WAIT="TRUE"))
        yield Story("a sync that is stopped has no result", kind, "cancelled_in_1", steps, 1, 1)
    for kind in (CONNECTION, SOURCE, NANGO):
        steps = (started, check(213, "unknown", WAIT="TRUE"))
        yield Story("a word that nobody knows is no success", kind, "odd_word_in_1", steps, 1, 1)
    # Fivetran's words are open, and one that is not known means "not ended".
    steps = (started, check(210, "running"))
    yield Story("a word that nobody knows is no success", FIVETRAN, "odd_word_in_0", steps, 1)
    yield from stories_of_update()
    for id_ in ("paused", "incomplete"):
        yield Story(f"what is {id_} is not triggered", FIVETRAN, id_, (trigger(201, "refused"),), 0)
    steps = (trigger(202, "not_started"), check(220, "unreachable"))
    yield Story("a 404 that names no id is an outage", FIVETRAN, "answers_404", steps, 0)
    yield Story(
        "refused rows are a success",
        CONNECTION,
        "refuses_rows_in_1",
        (started, check(0, "succeeded", WAIT="TRUE")),
        1,
    )
    strict = trigger(211, "failed", WAIT="TRUE", FAIL_ON_FAILED_ROWS="TRUE")
    yield Story("refused rows are a failure if so wished", CONNECTION, "refuses_rows_in_1", (strict,), 1, 1)
    yield Story(
        "a conflict leaves what runs alone",
        NANGO,
        "answers_409",
        (trigger(203, "already_running", IF_RUNNING="fail"),),
        0,
    )
    once = trigger(0, "succeeded", WAIT="TRUE")
    yield Story("a paused sync runs once", NANGO, "paused_in_1", (once,), 1, 1)


def stories_of_update() -> Iterator[Story]:
    def story(title: str, id_: str, *steps: Step, starts: int = 0, slow: bool = False) -> Story:
        return Story(title, FIVETRAN, id_, steps, starts, slow=slow)

    yield story(
        "what was paused is not triggered until it is un-paused",
        "succeeds",
        update(0, "updated", PAUSED="TRUE"),
        trigger(201, "refused"),
        update(0, "updated", PAUSED="false"),
        trigger(0, "started"),
        starts=1,
    )
    manual = update(0, "updated", SCHEDULE_TYPE="manual", PAUSED="None", HISTORICAL_SYNC="")
    yield story("what is not to change stays as it is", "paused", manual, trigger(201, "refused"))
    yield story("a historical sync begins at once", "succeeds", update(0, "updated", HISTORICAL_SYNC="TRUE"), starts=1)
    yield story("any field can be changed", "succeeds", update(0, "updated", CUSTOM_UPDATE='{"sync_frequency": 60}'))
    yield story(
        "a change that is none, no JSON or at odds is an invalid input",
        "succeeds",
        update(206, "invalid_input"),
        update(206, "invalid_input", CUSTOM_UPDATE="[1]"),
        update(206, "invalid_input", CUSTOM_UPDATE='{"paused": true}', PAUSED="FALSE"),
        update(206, "invalid_input", PAUSED="perhaps"),
    )
    yield story(
        "a change that the vendor refuses is refused",
        "succeeds",
        update(201, "refused", CUSTOM_UPDATE='{"nonsense": 1}'),
    )
    one = {"PAUSED": "TRUE"}
    yield story("a connection to update that is unknown is not found", "no-such-id", update(204, "not_found", **one))
    yield story("an update is refused for the credentials", "answers_403", update(200, "invalid_credentials", **one))
    yield story("an update follows no redirect", "answers_redirect", update(201, "refused", **one))
    yield story("an update that gets nonsense is no success", "answers_html", update(220, "unreachable", **one))
    yield story(
        "an update told to come back later ends", "answers_429_in_120", update(220, "unreachable", "120 s", **one)
    )
    yield story(
        "an update that is answered 500 is tried again", "answers_500", update(220, "unreachable", **one), slow=True
    )


STORIES = [*stories()]


@pytest.fixture(scope="module")
def told(
    request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Story, Future[None]]]:
    """The stories that were selected, all begun at once, the long ones first: most of their time they wait."""
    wanted = [item.callspec.params.get("story") for item in request.session.items if hasattr(item, "callspec")]
    chosen = sorted((one for one in STORIES if one in wanted), key=lambda one: (not one.slow, -one.seconds))
    folder = tmp_path_factory.mktemp("stories")
    with ThreadPoolExecutor(AT_A_TIME + sum(one.slow for one in chosen)) as pool:
        yield {one: pool.submit(one.play, sandbox, folder / str(n), n) for n, one in enumerate(chosen)}


@pytest.mark.parametrize(
    "story",
    [
        pytest.param(one, id=f"{one.kind.name}, {one.title}", marks=[pytest.mark.slow] if one.slow else [])
        for one in STORIES
    ],
)
def test_it_goes_as_the_contract_says(story: Story, told: dict[Story, Future[None]]) -> None:
    told[story].result()


# --- what is handed over ---


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_trigger_writes_the_files_of_the_contract_and_no_others(
    kind: Kind, place: Callable[[Kind, str], Stage]
) -> None:
    stage = place(kind, "succeeds_in_0")
    sync_id = stage.run("trigger_sync", SHIPYARD_LOG_ID="own").result["sync_id"]
    stage.run("check_sync_status", SHIPYARD_FLEET_UPSTREAM_LOG_IDS="own")
    held = {name: pickles.load(content) for name, content in stage.handed_over.items()}
    for name in ("sync.pickle", "own_sync.pickle"):
        assert held.pop(name)["version"] == 1
    if kind is FIVETRAN:
        executed = held["execution_time.pickle"]
        assert isinstance(executed, datetime)
        assert executed.utcoffset() == timedelta(0)
        pair = [stage.id, executed]
        others = {"force_sync.pickle": pair, "own_force_sync.pickle": pair, "connector_id.pickle": stage.id}
        assert held == {**others, "execution_time.pickle": executed}
        responses = {f"sync_{stage.id}_response.json", f"connector_{stage.id}_response.json"}
    elif kind is NANGO:
        assert held == {}
        responses = {"sync_sandbox_response.json", "status_sandbox_response.json"}
    else:
        name = "source_id.pickle" if kind is SOURCE else "connection_id.pickle"
        assert sync_id
        assert held == {name: stage.id, "sync_id.pickle": sync_id}
        responses = {f"sync_{stage.id}_response.json", f"sync_run_{stage.id}_response.json"}
    assert set(stage.responses) == responses
    for content in stage.responses.values():
        assert content.decode() == json.dumps(json.loads(content), indent=2, ensure_ascii=False)


@pytest.mark.parametrize("kind", VENDORS, ids=lambda kind: kind.name)
def test_two_branches_that_share_a_folder_are_told_apart(kind: Kind, place: Callable[[Kind, str], Stage]) -> None:
    good, bad = place(kind, "succeeds_in_0"), place(kind, "fails_in_0")
    bad.folder = good.folder
    good.run("trigger_sync", SHIPYARD_LOG_ID="one")
    bad.run("trigger_sync", SHIPYARD_LOG_ID="two")
    nothing = {kind.id_variable: "None", "NANGO_PROVIDER_CONFIG_KEY": "", "NANGO_SYNCS": ""}
    first = good.run("check_sync_status", SHIPYARD_FLEET_UPSTREAM_LOG_IDS="one", **nothing)
    second = good.run("check_sync_status", SHIPYARD_FLEET_UPSTREAM_LOG_IDS="two", **nothing)
    assert (first.exit_code, second.exit_code) == (0, 211)


def test_the_folder_for_the_files_is_by_default_in_the_current_one(sandbox: Sandbox, tmp_path: Path) -> None:
    environment = {**sandbox.environment, FIVETRAN.id_variable: "succeeds_xdefault_folder"}
    path = str(REPOSITORY / FIVETRAN.script("trigger_sync"))
    assert run([path], environment, tmp_path).result["outcome"] == "started"
    assert [one.name for one in tmp_path.iterdir()] == ["shipyard-artifacts"]
    assert (tmp_path / "shipyard-artifacts/fivetran-blueprints/variables/sync.pickle").is_file()
    assert_private(tmp_path)


def test_a_step_of_a_ci_gets_its_outputs_and_its_summary(place: Callable[[Kind, str], Stage], tmp_path: Path) -> None:
    output, summary = tmp_path / "output", tmp_path / "summary"
    stage = place(CONNECTION, "succeeds_in_0")
    ended = stage.run("trigger_sync", GITHUB_OUTPUT=str(output), GITHUB_STEP_SUMMARY=str(summary))
    outputs = dict(line.split("=", 1) for line in output.read_text(encoding="utf-8").splitlines())
    result = ended.result
    assert outputs == {
        "exit-code": "0",
        "outcome": "started",
        "sync-id": result["sync_id"],
        "message": result["message"],
    }
    assert "| outcome | started |" in summary.read_text(encoding="utf-8")


# --- where a script is started, and with what ---


def inputs_of(script: Path) -> Iterable[Field]:
    module = importlib.import_module(f"{script.parent.name}.{script.stem}")
    return fields(module.Inputs).values()


def complete(sandbox: Sandbox, artifacts: Path) -> dict[str, str]:
    """An environment in which every script succeeds."""
    own = f"succeeds_in_0_x{abs(hash(str(artifacts)))}"
    return {
        **empty_but_for(sandbox, artifacts),
        **NANGO.more,
        **{kind.id_variable: own for kind in VENDORS},
        "FIVETRAN_SCHEDULE_TYPE": "manual",
    }


SUCCESS = {
    "trigger_sync": "started",
    "check_sync_status": "succeeded",
    "update_connector": "updated",
    "check_credentials": "valid",
}


def assert_all_succeed(
    sandbox: Sandbox,
    tmp_path: Path,
    arguments: Callable[[Path], list[str]],
    folder: Callable[[Path], Path],
    **variables: str,
) -> None:
    def succeed(script: Path) -> Ended:
        artifacts = tmp_path / f"{script.parent.name}-{script.stem}"
        return run(arguments(script), {**complete(sandbox, artifacts), **variables}, folder(script))

    for script, ended in zip(SCRIPTS, in_parallel(succeed, SCRIPTS)):
        assert ended.exit_code == 0, ended
        assert ended.result["outcome"] == SUCCESS[script.stem]


def test_every_script_runs_as_a_module(sandbox: Sandbox, tmp_path: Path) -> None:
    def module(script: Path) -> list[str]:
        return ["-m", f"{script.parent.name}.{script.stem}"]

    assert_all_succeed(sandbox, tmp_path, module, lambda _: REPOSITORY)


def test_the_product_alone_runs_from_the_root_folder_by_a_path_with_a_space_in_it(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    product = tmp_path / "a folder with a space"
    for name in ("shared", *{script.parent.name for script in SCRIPTS}):
        shutil.copytree(REPOSITORY / name, product / name, ignore=shutil.ignore_patterns("__pycache__"))

    def copy(script: Path) -> list[str]:
        return [str(product / script.relative_to(REPOSITORY))]

    assert_all_succeed(sandbox, tmp_path, copy, lambda _: Path("/"))


def test_no_script_takes_its_modules_from_the_current_folder(sandbox: Sandbox, tmp_path: Path) -> None:
    hostile = tmp_path / "hostile"
    (hostile / "shared").mkdir(parents=True)
    for name in ("shared/__init__.py", "requests.py", "json.py", "client.py"):
        (hostile / name).write_text("raise SystemExit(99)\n", encoding="utf-8")
    assert_all_succeed(sandbox, tmp_path, lambda script: [str(script)], lambda _: hostile)


def test_every_script_runs_from_its_own_folder_with_its_optional_inputs_left_empty(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    given = complete(sandbox, tmp_path)
    optional = sorted({spec.variable for script in SCRIPTS for spec in inputs_of(script)} - set(given))
    assert len(optional) > 20
    variables = dict(zip(optional, itertools.cycle(["", "None", "  "])))  # as orchestrators pass them
    assert_all_succeed(sandbox, tmp_path, lambda script: [script.name], lambda script: script.parent, **variables)


def test_with_nothing_set_at_all_every_script_names_what_it_needs(tmp_path: Path) -> None:
    for script, ended in zip(SCRIPTS, in_parallel(lambda script: run([str(script)], {}, tmp_path), SCRIPTS)):
        assert ended.exit_code == 206
        needed = [spec.variable for spec in inputs_of(script) if spec.required]
        assert needed
        assert not [variable for variable in needed if variable not in ended.result["message"]], ended
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("kind", VENDORS, ids=lambda kind: kind.name)
def test_a_check_without_an_id_and_without_a_hand_over_is_an_invalid_input(
    kind: Kind, place: Callable[[Kind, str], Stage]
) -> None:
    nothing = {kind.id_variable: "", "NANGO_PROVIDER_CONFIG_KEY": ""}
    ended = place(kind, "succeeds").run("check_sync_status", **nothing)
    assert ended.exit_code == 206
    assert (kind.id_variable if kind is not NANGO else "NANGO_PROVIDER_CONFIG_KEY") in ended.result["message"]


@pytest.mark.parametrize("kind", VENDORS, ids=lambda kind: kind.name)
def test_all_faults_of_the_inputs_are_told_together_and_no_secret_with_them(
    kind: Kind, place: Callable[[Kind, str], Stage]
) -> None:
    stage = place(kind, "succeeds")
    secret = {"rudderstack": "RUDDERSTACK_ACCESS_TOKEN", "fivetran": "FIVETRAN_API_KEY", "nango": "NANGO_SECRET_KEY"}
    faults = {
        secret[kind.vendor]: "Se\u00e7ret-with-an-accent",
        kind.id_variable: "<>../x",
        kind.variable("WAIT"): "perhaps",
    }
    faults[kind.variable("POLL_INTERVAL")] = "0"
    ended = stage.run("trigger_sync", **faults)
    assert ended.exit_code == 206
    for variable in faults:
        assert variable in ended.result["message"]
    assert "ret-with-an-accent" not in ended.stdout + ended.stderr
    assert stage.starts == 0
    assert stage.run("trigger_sync", **{kind.variable("POLL_INTERVAL"): "3601"}).exit_code == 205


# --- secrets ---


class Echo(Sandbox):
    """Tells in a 403 what it was sent: as it came, decoded, in capitals and inside a key."""

    def answer(self, request: Request) -> Answer:
        super().answer(request)
        sent = request.headers["Authorization"]
        decoded = base64.b64decode(sent.split()[1]).decode() if sent.startswith("Basic") else ""
        words = f"you sent {sent.split()[1]} {decoded} {sent.split()[1].upper()} {decoded.upper()}"
        return Answer(403, {"error": words, "message": words, decoded or sent.split()[1]: [{"deep": words}]})


def test_not_even_a_vendor_that_echoes_them_brings_secrets_to_light(tmp_path: Path) -> None:
    def run_it(script: Path) -> None:
        kind = next(kind for kind in VENDORS if kind.script(script.stem) == f"{script.parent.name}/{script.name}")
        stage = Stage(echo, tmp_path / script.parent.name / script.stem, kind, "succeeds")
        ended = stage.run(script.stem, FIVETRAN_PAUSED="TRUE")
        assert ended.exit_code == 200, ended
        assert "***" in ended.result["message"]
        assert script.stem == "check_credentials" or any(b"***" in content for content in stage.responses.values())

    with Echo() as echo:
        in_parallel(run_it, SCRIPTS)


# --- credentials ---


@pytest.mark.parametrize("kind", VENDORS, ids=lambda kind: kind.name)
def test_credentials_are_valid_only_if_the_vendor_takes_them(kind: Kind, place: Callable[[Kind, str], Stage]) -> None:
    stage = place(kind, "succeeds")
    assert stage.run("check_credentials").result["outcome"] == "valid"
    wrong = "00000000-0000-4000-8000-000000000000"
    variables = {"RUDDERSTACK_ACCESS_TOKEN": wrong, "FIVETRAN_API_SECRET": wrong, "NANGO_SECRET_KEY": wrong}
    ended = stage.run("check_credentials", **variables)
    assert ended.exit_code == 200
    assert wrong not in ended.stdout + ended.stderr
    elsewhere = {kind.variable("API_URL"): f"{stage.sandbox.url}/elsewhere"}
    assert stage.run("check_credentials", **elsewhere).exit_code != 0
    assert stage.handed_over == {}


def test_a_nango_key_that_may_not_read_is_no_valid_one(place: Callable[[Kind, str], Stage]) -> None:
    stage = place(NANGO, "succeeds")
    assert stage.run("check_credentials", NANGO_SECRET_KEY=READ_ONLY_KEY).exit_code == 0
    assert stage.run("check_credentials", NANGO_SECRET_KEY=EXECUTE_ONLY_KEY).exit_code == 200


def test_a_wrong_token_is_refused_and_not_shown(place: Callable[[Kind, str], Stage]) -> None:
    odd = 'p%40ss/w=r+d <&> "quoted" \'n \\ more'
    variables = {"RUDDERSTACK_ACCESS_TOKEN": odd, "FIVETRAN_API_SECRET": odd, "NANGO_SECRET_KEY": odd}
    stages = [place(kind, "succeeds") for kind in VENDORS]
    for stage, ended in zip(stages, in_parallel(lambda stage: stage.run("trigger_sync", **variables), stages)):
        assert ended.exit_code == 200
        kept = b"".join(stage.responses.values()).decode()
        assert "p%40ss" not in ended.stdout + ended.stderr + kept
        assert base64.b64encode(odd.encode()).decode().rstrip("=") not in ended.stdout + ended.stderr + kept


def test_every_call_says_who_calls_and_none_follows_a_redirect(
    sandbox: Sandbox, place: Callable[[Kind, str], Stage]
) -> None:
    stages = [place(kind, "answers_redirect") for kind in VENDORS]
    in_parallel(lambda stage: stage.run("trigger_sync"), stages)
    assert all(one.headers["User-Agent"].startswith("sync-blueprints/") for one in sandbox.requests)
    assert not [one for one in sandbox.requests if one.path == "/elsewhere"]


# --- ended from outside ---


class Stalling(Sandbox):
    """Keeps back the answer to a start, which it has accepted, until `release` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.accepted = threading.Event()
        self.release = threading.Event()

    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        if request.method == "POST":
            self.accepted.set()
            assert self.release.wait(PATIENCE)
        return answer


def test_a_check_knows_that_a_trigger_was_killed_in_the_middle_of_its_start(tmp_path: Path) -> None:
    def kill_and_look(kind: Kind) -> None:
        with Stalling() as stalling:
            stage = Stage(stalling, tmp_path / kind.name, kind, "succeeds_in_1")
            process = stage.start("trigger_sync", SHIPYARD_LOG_ID="own")
            try:
                assert stalling.accepted.wait(PATIENCE)
            finally:
                process.kill()
                stalling.release.set()
            assert finish(process).exit_code == -signal.SIGKILL
            assert set(stage.handed_over) == {"starting.pickle", "own_starting.pickle"}
            for upstream in ("own", ""):
                ended = stage.run("check_sync_status", SHIPYARD_FLEET_UPSTREAM_LOG_IDS=upstream)
                assert ended.exit_code == 221, ended
                assert "trigger it again" in ended.result["message"]
            assert stage.starts == 1
            again = stage.run("trigger_sync", SHIPYARD_LOG_ID="own", **{kind.variable("IF_RUNNING"): "wait"})
            assert again.exit_code == 0, again  # the next trigger clears it
            assert stage.run("check_sync_status", **{kind.variable("WAIT"): "TRUE"}).exit_code == 0

    in_parallel(kill_and_look, KINDS)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_trigger_that_is_interrupted_in_the_middle_of_its_start_leaves_word_of_it(
    number: signal.Signals, tmp_path: Path
) -> None:
    with Stalling() as stalling:
        stage = Stage(stalling, tmp_path, FIVETRAN, "succeeds_in_1")
        process = stage.start("trigger_sync")
        try:
            assert stalling.accepted.wait(PATIENCE)
            began = time.monotonic()
            process.send_signal(number)
            interrupted = finish(process)
        finally:
            process.kill()
            stalling.release.set()
        assert time.monotonic() - began < 2
        assert interrupted.exit_code == 128 + number
        assert stage.id in interrupted.result["message"]
        assert stage.run("check_sync_status").exit_code == 221


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_wait_ends_at_once_and_says_what_goes_on(
    number: signal.Signals, place: Callable[[Kind, str], Stage]
) -> None:
    def interrupt(stage: Stage, verb: str, is_waiting: Callable[[], object]) -> None:
        before = stage.handed_over
        process = stage.start(verb, **{stage.kind.variable("WAIT"): "TRUE", stage.kind.variable("POLL_INTERVAL"): "60"})
        try:
            wait_until(is_waiting)
            time.sleep(0.5)
            began = time.monotonic()
            process.send_signal(number)
            ended = finish(process)
        finally:
            process.kill()
        assert time.monotonic() - began < 2
        assert ended.exit_code == 128 + number
        assert stage.id in ended.result["message"], ended
        stage.check(verb, ended, before)

    def trigger_and_check(kind: Kind) -> None:
        stage = place(kind, "succeeds_in_60")
        interrupt(stage, "trigger_sync", lambda: "sync.pickle" in stage.handed_over)
        assert stage.starts == 1
        so_far = stage.seen
        interrupt(stage, "check_sync_status", lambda: stage.seen > so_far)
        assert stage.run("check_sync_status").exit_code == 210

    in_parallel(trigger_and_check, VENDORS)


# --- nobody reads what it says ---


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-", ">/dev/full 2>/dev/full", "<&-"])
def test_a_closed_or_full_output_changes_neither_exit_code_nor_hand_over(
    redirection: str, place: Callable[[Kind, str], Stage]
) -> None:
    stage = place(CONNECTION, "succeeds_in_0")
    done = subprocess.run(
        ["/bin/sh", "-c", f'"$@" {redirection}', "sh", sys.executable, CONNECTION.script("trigger_sync")],
        env=stage.environment(),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done
    assert "sync.pickle" in stage.handed_over
    assert stage.starts == 1
    if "2>" not in redirection:
        assert "started" in done.stderr.splitlines()[-1]
    if not redirection.startswith(">"):
        assert done.stdout.count("\n") == 1, "stdout is for one line of JSON"
        assert json.loads(done.stdout)["outcome"] == "started"


@pytest.mark.parametrize(("id_", "exit_code"), [("succeeds_in_0", 0), ("no-such-id", 204)])
def test_a_reader_that_went_away_does_not_change_the_exit_code(
    id_: str, exit_code: int, place: Callable[[Kind, str], Stage]
) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            [sys.executable, FIVETRAN.script("trigger_sync")],
            env=place(FIVETRAN, id_).environment(),
            cwd=REPOSITORY,
            stdout=write_end,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    finally:
        os.close(write_end)
    assert done.returncode == exit_code
    assert f"exit code {exit_code}" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("level", ["CRITICAL", "debug", "loud"])
def test_the_last_line_tells_the_end_whatever_the_log_level(level: str, place: Callable[[Kind, str], Stage]) -> None:
    ended = place(NANGO, "succeeds_in_0").run("trigger_sync", LOG_LEVEL=level)
    assert ended.result["outcome"] == "started"
    if level == "CRITICAL":
        assert len(ended.stderr.splitlines()) == 1
    assert ("WARNING" in ended.stderr) == (level == "loud")
