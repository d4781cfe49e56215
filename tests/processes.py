"""Scripts as real processes against a sandbox, with an otherwise empty environment, and what holds for every run."""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, NamedTuple, TypeVar

from shared import pickles
from sync_blueprints import exit_codes
from sync_blueprints.catalog import REPOSITORY, Blueprint, find, load
from sync_blueprints.sandbox import Sandbox

SCRIPTS = sorted(
    str(path.relative_to(REPOSITORY))
    for path in REPOSITORY.glob("*_blueprints/*.py")
    if path.parent.name != "sync_blueprints" and '__name__ == "__main__"' in path.read_text("utf-8")
)
AT_A_TIME = 8  # processes; those that wait for a sync take no time of the machine
PATIENCE = 300  # seconds until a process, or what a test waits for, counts as stuck
NOBODY_LISTENS = "http://127.0.0.1:1"
KEYS = ["blueprint", "vendor", "outcome", "exit_code", "retry", "id", "sync_id", "url", "message", "seconds", "version"]

T = TypeVar("T")
U = TypeVar("U")


@functools.cache
def catalog() -> Mapping[str, Blueprint]:
    return {one.file_to_run: one for one in load()}


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
VENDORS = (CONNECTION, FIVETRAN, NANGO)  # all that the sandbox knows
PLAYED = [script for script in SCRIPTS if script.startswith(tuple(kind.vendor for kind in VENDORS))]


def kind_of(script: str) -> Kind:
    return next(kind for kind in VENDORS if script.startswith(kind.vendor))


class Ended(NamedTuple):
    """A process that has ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def result(self) -> dict[str, Any]:
        """The one line of JSON on stdout, which agrees with the exit code and the last line of stderr."""
        assert self.stdout.endswith("\n"), self
        assert self.stdout.count("\n") == 1, self
        result: dict[str, Any] = json.loads(self.stdout)
        assert list(result)[: len(KEYS)] == KEYS, self
        assert self.exit_code == result["exit_code"], self
        known = exit_codes.load()[self.exit_code]
        assert result["outcome"] in exit_codes.outcomes(known, find(result["blueprint"])), self
        assert result["message"], self
        last = f"{result['outcome']} (exit code {self.exit_code}): {result['message']}"
        assert self.stderr.splitlines()[-1] == last, self
        assert ("Traceback" in self.stderr) == (self.exit_code == 249), self
        return result


def start(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path = REPOSITORY, **more: Any
) -> subprocess.Popen[str]:
    """Python with these arguments; by default in the repository, so that a script's path is its argument."""
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, *arguments]
    return subprocess.Popen(command, env=dict(environment), cwd=folder, encoding="utf-8", **{**pipes, **more})


def finish(process: subprocess.Popen[str]) -> Ended:
    try:
        stdout, stderr = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    return Ended(process.returncode, stdout, stderr)


def run(arguments: Sequence[str], environment: Mapping[str, str], folder: Path = REPOSITORY, **more: Any) -> Ended:
    return finish(start(arguments, environment, folder, **more))


def command(*arguments: object, environment: Mapping[str, str] = os.environ, **more: Any) -> Ended:
    """`sync-blueprints` with these arguments."""
    return run(["-m", "sync_blueprints", *map(str, arguments)], environment, **more)


def in_parallel(act: Callable[[T], U], items: Iterable[T], at_a_time: int = AT_A_TIME) -> list[U]:
    with ThreadPoolExecutor(at_a_time) as pool:
        return list(pool.map(act, items))


def wait_until(done: Callable[[], object], patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not done():
        assert time.monotonic() < deadline, "what the test waits for never comes"
        time.sleep(0.02)


@dataclass
class Stage:
    """One thing to sync at a sandbox, and a folder for the artifacts of its scripts."""

    sandbox: Sandbox
    folder: Path
    kind: Kind
    id: str

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    @property
    def variables(self) -> dict[str, bytes]:
        return contents(self.artifacts / f"{self.kind.vendor}-blueprints" / "variables")

    @property
    def handoff(self) -> dict[str, bytes]:
        """What a check may take: the variables without the marks of pending starts."""
        return {name: content for name, content in self.variables.items() if "starting" not in name}

    @property
    def responses(self) -> dict[str, bytes]:
        return contents(self.artifacts / f"{self.kind.vendor}-blueprints" / "responses")

    @property
    def starts(self) -> int:
        return self.sandbox.starts.count((self.kind.vendor, self.id))

    def environment(self, **variables: str) -> dict[str, str]:
        return {
            **self.sandbox.environment,
            **self.kind.more,
            self.kind.id_variable: self.id,
            "SHIPYARD_ARTIFACTS_DIRECTORY": str(self.artifacts),
            "LOG_LEVEL": "DEBUG",
            self.kind.variable("POLL_INTERVAL"): "1",
            **variables,
        }

    def start(self, verb: str, **variables: str) -> subprocess.Popen[str]:
        return start([self.kind.script(verb)], self.environment(**variables))

    def run(self, verb: str, **variables: str) -> Ended:
        before = self.handoff
        ended = finish(self.start(verb, **variables))
        self.check(verb, ended, before, **variables)
        return ended

    def check(self, verb: str, ended: Ended, before: Mapping[str, bytes], **variables: str) -> None:
        """What holds for every run, however it ends; `before` is the handoff that was there before it."""
        result, blueprint = ended.result, catalog()[self.kind.script(verb)]
        assert result["blueprint"] == blueprint.name, ended
        assert ended.exit_code in blueprint.exit_codes, (ended, "the catalog does not know this exit code")
        shown = [ended.stdout, ended.stderr, *map(str, self.artifacts.rglob("*"))]
        shown += [path.read_text("utf-8", "replace") for path in self.artifacts.rglob("*") if path.is_file()]
        assert not [secret for secret in secrets_of(self.sandbox) for text in shown if secret.lower() in text.lower()]
        assert_private(self.artifacts)
        starts = verb in ("trigger_sync", "resync_connector") or "FIVETRAN_HISTORICAL_SYNC" in variables
        log_id = variables.get("SHIPYARD_LOG_ID")
        markers = {"starting.pickle", *([f"{log_id}_starting.pickle"] if log_id else [])}
        if not starts or ended.exit_code in range(200, 207):
            assert self.handoff == before, (ended, "only what starts or joins a sync touches the handoff")
        if starts and ended.exit_code in (0, 210, 211, 212, 213):
            assert not markers & set(self.variables), ended
        elif starts and ended.exit_code in range(200, 207):
            for marker in markers:
                found = pickles.load(self.variables[marker])
                assert found["state"] == ("sent" if result["outcome"] == "unclear" else "ended"), (found, ended)
                if found["state"] == "ended":
                    assert (found["exit_code"], found["outcome"]) == (ended.exit_code, result["outcome"])


def contents(folder: Path) -> dict[str, bytes]:
    """The files in a folder, without temporary ones; a script that runs may remove one while it is read."""
    found = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        if not path.name.startswith("."):
            with contextlib.suppress(FileNotFoundError):
                found[path.name] = path.read_bytes()
    return found


def secrets_of(sandbox: Sandbox) -> list[str]:
    names = {name for blueprint in catalog().values() for name in blueprint.secrets}
    values = {name: value for name, value in sandbox.environment.items() if name in names}
    plain = [*values.values(), f"{values['FIVETRAN_API_KEY']}:{values['FIVETRAN_API_SECRET']}"]
    encoded = [base64.b64encode(one.encode()).decode().rstrip("=") for one in plain]
    return [*plain, *encoded, "Bearer ", "Authorization:", "'Authorization'"]


def assert_private(artifacts: Path) -> None:
    """Folders 0700, files 0600, and no temporary file left."""
    for path in artifacts.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
        assert not path.name.startswith("."), path


def complete(sandbox: Sandbox, artifacts: Path) -> dict[str, str]:
    """An environment in which every script succeeds."""
    own = f"succeeds_in_0_x{abs(hash(str(artifacts)))}"
    ids = {**{kind.id_variable: own for kind in VENDORS}, **NANGO.more, "FIVETRAN_SCHEDULE_TYPE": "manual"}
    return {**sandbox.environment, **ids, "SHIPYARD_ARTIFACTS_DIRECTORY": str(artifacts)}


SUCCESS = {
    **{"trigger_sync": "started", "resync_connector": "started", "check_sync_status": "succeeded"},
    **{"list_syncs": "listed", "update_connector": "updated", "check_credentials": "valid"},
}
