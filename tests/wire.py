"""A vendor on the wire: the requests that a test expects, in order, each with its response. Anything else fails."""

from __future__ import annotations

import importlib
import json
import pickle
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import RemoteDisconnected
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import responses
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from shared.context import Run
from shared.errors import BlueprintError, Interruption
from shared.redaction import Redactor
from tests.support import FakeClock, make_run, run_main

_POOL = HTTPSConnectionPool("vendor.invalid")
REFUSED = requests.ConnectionError(
    MaxRetryError(_POOL, "/", NewConnectionError(_POOL, "Failed to establish a new connection: Connection refused"))
)
LOST = requests.ConnectionError(ProtocolError("Connection aborted.", RemoteDisconnected("closed without response")))
TIMED_OUT = requests.ReadTimeout("Read timed out.")
HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"

# Responses to a trigger request, as arguments of `Scripts.expect`.
LOST_ONES: dict[str, dict[str, Any]] = {
    "connection lost": {"response": LOST},
    "500": {"response": {"error": "boom"}, "status": 500},
    "502 of a proxy": {"response": HTML, "status": 502},
    "503 without a body": {"response": None, "status": 503},
}
TIMED_OUT_ONES: dict[str, dict[str, Any]] = {
    "read time-out": {"response": TIMED_OUT},
    "408": {"response": None, "status": 408},
    "504 without a body": {"response": None, "status": 504},
    "522 of a proxy": {"response": HTML, "status": 522},
    "524": {"response": {"error": "late"}, "status": 524},
}
GARBAGE: dict[str, dict[str, Any]] = {  # with a good status
    "HTML": {"response": HTML},
    "no body": {"response": None},
    "204": {"response": None, "status": 204},
    "cut off": {"response": '{"syncId": "sync'},
    "nothing in it": {"response": {}},
    "a list": {"response": [], "status": 201},
}
UNCLEAR_ONES = {**LOST_ONES, **TIMED_OUT_ONES, **GARBAGE}


def killed() -> None:
    """A response during which the script is killed."""
    raise Interruption(15)


@dataclass(frozen=True)
class Sent:
    """A request as the vendor saw it; `at` are seconds since the start of the run."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: Mapping[str, str]
    timeout: tuple[float, float]
    at: float


@dataclass
class Step:
    """A request that is expected, and its response."""

    method: str
    path: str
    response: Any
    status: int = 200
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    date: bool = True
    takes: float = 0.0
    many: bool = False
    times: int = 0


@dataclass
class Scripts:
    """What is expected of a vendor's scripts, in order; the artifacts of these are in `folder`.

    Inputs are named without the vendor's prefix, and added to `of`: credentials, and what is synced.
    """

    name: ClassVar[str]
    home: ClassVar[str]  # the URL of its API
    credentials: ClassVar[Mapping[str, str]]
    of: ClassVar[Mapping[str, str]]
    start_path: ClassVar[str]  # how the path of a request ends that starts a sync

    url: str
    clock: FakeClock
    folder: Path
    steps: list[Step] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    run: Any = None  # that of the last script

    def expect(self, method: str, path: str, response: Any = None, **more: Any) -> None:
        """The next request, with exactly this `query` and JSON `body`, and what comes back.

        `response`: JSON, a text that is not JSON, None for no body, an exception, or a function returning one of these;
        with a `status`, `headers` and (if `date`) a Date. `takes` seconds pass before it comes; `many`: it comes as
        often as it is asked for in a row, at least once.
        """
        self.steps.append(Step(method, path, response, **more))

    def reads(self, path: str, *responses: Any, **more: Any) -> None:
        """The next GETs, one after the other; the response to a single one may be in `more`."""
        for response in responses or [more.pop("response")]:
            self.expect("GET", path, response, **more)

    def respond(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        """For `responses`: the response to the next request. Raises AssertionError for one that is not expected."""
        parts = urlsplit(request.url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        body = json.loads(request.body) if request.body else None
        url = f"{parts.scheme}://{parts.netloc}{parts.path}"
        timeout = request.req_kwargs["timeout"]
        sent = Sent(request.method, parts.path, query, body, request.headers, timeout, self.clock.elapsed)
        self.sent.append(sent)
        if len(self.steps) > 1 and self.steps[0].times and not self._fits(self.steps[0], sent, url):
            del self.steps[0]
        assert self.steps, f"a request too many: {sent}"
        step = self.steps[0]
        assert self._fits(step, sent, url), f"expected {step}, and there came {url} {sent}"
        assert body == step.body
        step.times += 1
        if not step.many:
            del self.steps[0]
        self.clock.elapsed += step.takes
        response = step.response() if callable(step.response) else step.response
        if isinstance(response, Exception):
            raise response
        text = "" if response is None else response if isinstance(response, str) else json.dumps(response)
        date = {"Date": self.clock.date()} if step.date else {}
        return step.status, {**date, "Content-Type": "application/json", **step.headers}, text

    def _fits(self, step: Step, sent: Sent, url: str) -> bool:
        return (step.method, self.url + step.path, step.query) == (sent.method, url, sent.query)

    def starts(self, suffix: str = "") -> list[Any]:
        """The bodies of the POSTs that start a sync: those whose path ends so."""
        ends = suffix or self.start_path
        return [sent.body for sent in self.sent if sent.method == "POST" and sent.path.endswith(ends)]

    def execute(
        self, script: str, given: Mapping[str, str], of: Mapping[str, str] | None = None, **settings: Any
    ) -> Ending:
        redactor = Redactor(passwords=list(self.credentials.values()))
        self.run = make_run(self.folder, self.name, self.clock, redactor=redactor, **settings)
        module = importlib.import_module(f"{self.name}_blueprints.{script}")
        variables = {f"{self.name.upper()}_{name}": value for name, value in given.items()}
        return ending(module, {**(self.of if of is None else of), **variables}, self.run)

    def trigger(self, of: Mapping[str, str] | None = None, log_id: str | None = None, **given: str) -> Ending:
        return self.execute("trigger_sync", given, of, log_id=log_id)

    def check(self, *upstream: str, of: Mapping[str, str] | None = None, **given: str) -> Ending:
        """Run the check of a later step."""
        return self.execute("check_sync_status", given, of, upstream=upstream)

    def verify(self, **given: str) -> Ending:
        return self.execute("check_credentials", given, self.credentials)

    @property
    def files(self) -> dict[str, Any]:
        """What was saved for later steps, by file name, as any other program reads it."""
        saved = self.folder.glob("*-blueprints/variables/*")
        return {path.name: pickle.loads(path.read_bytes()) for path in saved}  # noqa: S301

    @property
    def saved(self) -> dict[str, Any]:
        """The same without the pending start."""
        return {name: value for name, value in self.files.items() if not name.endswith("starting.pickle")}

    @property
    def kept(self) -> dict[str, Any]:
        """The bodies in `responses/`, by file name."""
        return {name: response.body for name, response in self.run.kept.items()}

    def put(self, **variables: Any) -> None:
        """Files of another program or an older version, by name without `.pickle`; bytes are written as they are."""
        variables_folder = self.folder / f"{self.name}-blueprints" / "variables"
        variables_folder.mkdir(parents=True, exist_ok=True)
        for name, value in variables.items():
            written = value if isinstance(value, bytes) else pickle.dumps(value, protocol=4)
            (variables_folder / f"{name}.pickle").write_bytes(written)

    def written_by_0_1(self, *names: str) -> dict[str, bytes]:
        """Files of version 0.1, as `put` takes them."""
        pickles = Path(__file__).parent / f"{self.name}_blueprints" / "pickles"
        return {name: (pickles / f"{name}.pickle").read_bytes() for name in names}


def on_the_wire(kind: type[Scripts], clock: FakeClock, folder: Path) -> Iterator[Any]:
    """For a fixture: a vendor and its scripts; whatever was expected and did not come fails the test."""
    vendor = kind(kind.home, clock, folder)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"):
            mock.add_callback(method, re.compile(".*"), callback=vendor.respond, content_type=None)
        yield vendor
    unused = [step for step in vendor.steps if not step.times]
    assert not unused


def fixture_of(kind: type[Scripts]) -> Any:
    """The fixture of a vendor on the wire, with the artifacts of its scripts in `tmp_path`."""

    @pytest.fixture
    def vendor(clock: FakeClock, tmp_path: Path) -> Iterator[Any]:
        yield from on_the_wire(kind, clock, tmp_path)

    return vendor


@dataclass(frozen=True)
class Ending:
    """How a script ended, as an orchestrator sees it."""

    code: int
    outcome: str
    message: str

    def __eq__(self, other: object) -> bool:
        """Compared with `(code, outcome)` and, after them, what has to be in the message."""
        code, outcome, *words = other
        return (self.code, self.outcome) == (code, outcome) and all(word in self.message for word in words)

    __hash__ = None


def ending(script: ModuleType, environment: Mapping[str, str], run: Run) -> Ending:
    """Run the script's `main`. Its message, and what would be said if it were interrupted, have no gap."""
    try:
        result = run_main(script, environment, run)
    except BlueprintError as error:
        ended = Ending(error.exit_code, error.outcome, str(error))
    else:
        ended = Ending(0, result.outcome, result.message)
        run.report.details.update(result.details)
    run.artifacts.end_start(ended.code, ended.outcome)
    assert ended.message
    assert ended.outcome == "invalid_input" or not re.search(r"\bNone\b", ended.message)  # None is an option of some
    assert not re.search(r"\bNone\b", run.report.still_running)
    return ended
