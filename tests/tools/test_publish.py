"""Publishing to a local server that takes only what the platform's documentation says, and that fails in many ways."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tools import publish
from tools.bundle import bundles_of, sources
from tools.catalogue import REPOSITORY, load

pytestmark = pytest.mark.sockets

BLUEPRINTS = load()
NAMES = [blueprint.name for blueprint in BLUEPRINTS]
FIRST, SECOND, THIRD = NAMES[:3]
BUNDLES = bundles_of(BLUEPRINTS, sources())
ORG = "0f8fad5b-d9cb-469f-a165-70867728950e"
KEY = "p1yfkloJnpVnS7VZRDLrw5reU3PNKlDKMel9GAny8lQ="
DOCUMENTED = {"data": {"DependencyCount": 0, "CategoryIds": None}}  # all that the documentation shows of an answer
PATIENCE = 30  # seconds

Behaviour = Callable[[Any], Any]


@dataclass
class FakePlatform:
    """One organization. `next` has what happens to the coming requests of a kind, instead of what they are for.

    It is a function of what would be answered, which returns (status, body), or CUT, or HANG.
    """

    uploads: dict[str, tuple[str, bytes]] = field(default_factory=dict)  # those that no blueprint has used yet
    blueprints: dict[str, dict[str, Any]] = field(default_factory=dict)
    next: dict[str, list[Behaviour]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)  # the kinds of the requests
    faults: list[str] = field(default_factory=list)
    url: str = ""
    hanging: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def names(self) -> list[str]:
        return [one["name"] for one in self.blueprints.values()]

    def new_id(self) -> str:
        return f"{len(self.seen):08x}-aaaa-4bbb-8ccc-{len(self.seen):012x}"

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> Any:
        if headers.get_all("X-Shipyard-API-Key") != [KEY] or "Authorization" in headers:
            self.faults.append(f"credentials: {headers}")
        kind, act = {
            ("POST", f"/orgs/{ORG}/temporary_external_files"): ("upload", self.upload),
            ("POST", f"/orgs/{ORG}/blueprints"): ("create", self.create),
        }.get((method, path), ("", None))
        found = re.fullmatch(rf"/orgs/{ORG}/blueprints/([^/]+)", path)
        if method == "POST" and found:
            kind, act = "update", lambda *given: self.update(found[1], *given)
        self.seen.append(kind)
        if act is None:
            self.faults.append(f"{method} {path}")
            return 404, {}
        planned = self.next.get(kind)
        behaviour = planned.pop(0) if planned else None
        return behaviour(lambda: act(headers, body)) if behaviour else act(headers, body)

    def upload(self, headers: Any, body: bytes) -> Any:
        form = message_from_bytes(f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode() + body)
        parts = form.get_payload()
        if not form.is_multipart() or len(parts) != 1:
            self.faults.append("the form has other than one part")
            return 422, {}
        [part] = parts
        content = part.get_payload(decode=True)
        name = part.get_param("name", header="Content-Disposition")
        if name != "file" or (part.get_filename(), content) not in BUNDLES.values():
            self.faults.append(f"the form has {name} {part.get_filename()}")
        request_id = self.new_id()
        url = f"s3://uploads/tmp/organizations/{ORG}/requests/{request_id}.sefv2"
        self.uploads[request_id] = (url, content)
        return 200, {"data": {"RequestID": request_id, "ExternalFile": url}}

    def create(self, headers: Any, body: bytes) -> Any:
        payload = self.payload(headers, body)
        if payload["name"] in self.names:
            self.faults.append(f"{payload['name']} was created twice")
        blueprint_id = self.new_id()
        for number, spec in enumerate(payload["spec_list"]):
            if "id" in spec:
                self.faults.append(f"a new input with an id: {spec}")
            spec["id"] = f"{blueprint_id}-{number}"
        self.blueprints[blueprint_id] = payload
        return 200, {"data": {"id": blueprint_id, **payload, **DOCUMENTED["data"]}}

    def update(self, blueprint_id: str, headers: Any, body: bytes) -> Any:
        payload = self.payload(headers, body)
        if blueprint_id not in self.blueprints:
            return 404, {"error": "no such blueprint"}
        known = {spec["name"]: spec["id"] for spec in self.blueprints[blueprint_id]["spec_list"]}
        for number, spec in enumerate(payload["spec_list"]):
            spec.setdefault("id", f"{blueprint_id}-new-{len(self.seen)}-{number}")
            if "new" not in spec["id"] and known.get(spec["name"]) != spec["id"]:
                self.faults.append(f"an input with the id of another: {spec}")
        self.blueprints[blueprint_id] = payload
        return 200, {"data": {"id": blueprint_id, **payload, **DOCUMENTED["data"]}}

    def payload(self, headers: Any, body: bytes) -> Any:
        if headers["Content-Type"] != "application/json":
            self.faults.append(f"Content-Type: {headers['Content-Type']}")
        payload = json.loads(body)
        self.faults += payload_faults(payload)
        temp = payload["pallet_config"]["external_file"]["temp"]
        url, content = self.uploads.pop(temp["id"], ("", b""))
        if url != temp["url"] or (temp["file_name"], content) not in BUNDLES.values():
            self.faults.append(f"not a file that was uploaded for it: {temp}")
        return payload


def payload_faults(payload: Any) -> Iterator[str]:
    """What the documentation does not allow, or what does not belong to a blueprint of the catalogue."""
    blueprint = next(one for one in BLUEPRINTS if one.name == payload["name"])
    expected = {
        "name": (str, None),
        "synopsis": (str, None),
        "description": (str, None),
        "state": (int, [3]),
        "pallet_type": (int, [2]),
        "pallet_config": (dict, None),
        "spec_list": (list, None),
        "retry_strategy": (dict, None),
        "runtime_timeout": (int, range(300, 3601)),
        "exclude_exit_code_ranges": (list, None),
    }
    if set(payload) != set(expected):
        yield f"keys: {sorted(payload)}"
    for key, (kind, values) in expected.items():
        if type(payload[key]) is not kind or not (values is None or payload[key] in values):
            yield f"{key}: {payload[key]}"
    temp = payload["pallet_config"]["external_file"]["temp"]
    if payload["pallet_config"] != {
        "version": "3.9",
        "command": {"program": "python3", "file_to_run": blueprint.file_to_run},
        "external_file": {"temp": temp},
    } or set(temp) != {"file_name", "id", "url"}:
        yield f"pallet_config: {payload['pallet_config']}"
    retry = payload["retry_strategy"]
    rails = blueprint.guardrails
    if (
        retry != {"number_of_retries": rails.retry_count, "ttr": rails.retry_wait}
        or [type(value) for value in retry.values()] != [int, int]
        or retry["number_of_retries"] not in range(25)
        or retry["ttr"] not in range(0, 3601, 300)
    ):
        yield f"retry_strategy: {retry}"
    if payload["runtime_timeout"] != min(rails.runtime_cutoff, 3600):
        yield f"runtime_timeout: {payload['runtime_timeout']}"
    for pair in payload["exclude_exit_code_ranges"]:
        if len(pair) != 2 or [type(code) for code in pair] != [int, int] or not 1 <= pair[0] <= pair[1] <= 255:
            yield f"exclude_exit_code_ranges: {pair}"
    if [code for code in range(1, 256) if rails.try_again_on(code)] != [
        code
        for code in range(1, 256)
        if not any(first <= code <= last for first, last in payload["exclude_exit_code_ranges"])
    ]:
        yield f"exclude_exit_code_ranges: {payload['exclude_exit_code_ranges']}"
    if [spec["name"] for spec in payload["spec_list"]] != [one.reference for one in blueprint.inputs]:
        yield f"spec_list: {payload['spec_list']}"
    for spec, one in zip(payload["spec_list"], blueprint.inputs):
        numbers = {"Alphanumeric": 1, "Integer": 2, "Boolean": 4, "Select": 6, "Password": 7}
        type_specs = {
            "Alphanumeric": {"multiline": one.multiline},
            "Select": [{"name": option, "value": option} for option in one.options],
        }
        wanted = {
            "display_name": one.display_name,
            "name": one.reference,
            "type": numbers[one.type],
            "required": one.required,
            "placeholder": "",
            "description": one.description,
            "default": one.default,
            **({"type_spec": type_specs[one.type]} if one.type in type_specs else {}),
        }
        if {key: value for key, value in spec.items() if key != "id"} != wanted or type(spec["required"]) is not bool:
            yield f"spec: {spec}"


CUT = object()
HANG = object()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave in one packet
    disable_nagle_algorithm = True

    def do(self) -> None:
        platform: FakePlatform = self.server.platform  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = platform.answer(self.command, self.path, self.headers, body)
        if answer is HANG:
            platform.hanging.set()
            platform.over.wait(PATIENCE)
        if answer in (CUT, HANG):
            self.close_connection = True
            return
        status, said = answer
        content = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", f"{platform.url}/elsewhere")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    platform = FakePlatform()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    server.platform = platform  # type: ignore[attr-defined]
    platform.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.005,))
    thread.start()
    yield platform
    platform.over.set()
    server.shutdown()
    thread.join()
    server.server_close()
    assert platform.faults == []
    assert KEY not in json.dumps(platform.blueprints)


@dataclass(frozen=True)
class Ended:
    exit_code: int
    stdout: str
    stderr: str

    def __str__(self) -> str:
        return self.stdout + self.stderr


@dataclass
class Publisher:
    """The command against the fake platform, with a file of ids of its own."""

    platform: FakePlatform
    ids: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def __call__(self, *arguments: str, key: str | None = KEY) -> Ended:
        self.monkeypatch.delenv("SHIPYARD_API_KEY", raising=False)
        if key is not None:
            self.monkeypatch.setenv("SHIPYARD_API_KEY", key)
        self.platform.seen.clear()
        code = publish.main(["--org", ORG, "--ids", str(self.ids), "--api-url", self.platform.url, *arguments])
        ended = Ended(code, *self.capsys.readouterr())
        assert KEY not in str(ended)
        return ended

    def start(self) -> subprocess.Popen[str]:
        """The same as a process of its own."""
        command = [sys.executable, "-m", "tools", "publish", "--org", ORG, "--ids", str(self.ids)]
        return subprocess.Popen(
            [*command, "--api-url", self.platform.url],
            cwd=REPOSITORY,
            env={"PATH": os.environ["PATH"], "SHIPYARD_API_KEY": KEY},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell that runs the tests in the background lets them, and so it, ignore SIGINT.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    @property
    def remembered(self) -> dict[str, Any]:
        text = self.ids.read_text(encoding="utf-8") if self.ids.exists() else "{}"
        assert KEY not in text
        return dict(json.loads(text).get(ORG, {}))


@pytest.fixture
def run(
    platform: FakePlatform, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Publisher:
    return Publisher(platform, tmp_path / "published.json", capsys, monkeypatch)


def instead(status: int, body: Any) -> Behaviour:
    """The request is not done, and answered so."""
    return lambda _: (status, body)


def done_but(status: int, body: Any) -> Behaviour:
    """The request is done, and answered so."""

    def behave(act: Any) -> Any:
        act()
        return status, body

    return behave


def done_and_cut(act: Any) -> Any:
    act()
    return CUT


# --- as it should go ---


def test_everything_is_created_once_each_with_an_upload_of_its_own(run: Publisher, platform: FakePlatform) -> None:
    ended = run()
    assert ended.exit_code == 0
    assert platform.seen == ["upload", "create"] * len(BLUEPRINTS)
    assert platform.names == NAMES
    assert ended.stdout.splitlines() == [
        f"{one['name']}: created, its id is {id_}" for id_, one in platform.blueprints.items()
    ]
    assert {name: entry["id"] for name, entry in run.remembered.items()} == {
        one["name"]: id_ for id_, one in platform.blueprints.items()
    }


def test_a_second_run_updates_what_the_first_created_and_each_input_stays_the_same_input(
    run: Publisher, platform: FakePlatform
) -> None:
    run()
    before = {id_: {**one, "pallet_config": None} for id_, one in platform.blueprints.items()}
    ended = run()
    assert ended.exit_code == 0
    assert platform.seen == ["upload", "update"] * len(BLUEPRINTS)
    assert {id_: {**one, "pallet_config": None} for id_, one in platform.blueprints.items()} == before
    assert ended.stdout.splitlines() == [f"{one['name']}: updated, its id is {id_}" for id_, one in before.items()]


def test_only_the_named_ones_are_published(run: Publisher, platform: FakePlatform) -> None:
    assert run("--only", SECOND.upper(), "--only", FIRST, "--only", SECOND).exit_code == 0
    assert platform.seen.count("update") == 0
    assert platform.names == [SECOND, FIRST]
    assert run().exit_code == 0
    assert platform.seen.count("update") == 2
    assert sorted(platform.names) == sorted(NAMES)


def test_organizations_are_kept_apart(run: Publisher) -> None:
    run("--only", FIRST)
    planned = json.loads(run("--only", FIRST, "--dry-run", "--org", "another").stdout)
    assert planned[0]["request"]["url"].endswith("/orgs/another/blueprints")


def test_a_blueprint_made_by_hand_is_taken_over_by_its_id(run: Publisher, platform: FakePlatform) -> None:
    run("--only", FIRST)
    [made] = platform.blueprints
    run.ids.unlink()
    ended = run("--only", FIRST, "--id", made)
    assert ended.exit_code == 0
    assert platform.seen == ["upload", "update"]
    assert "RUDDERSTACK_ACCESS_TOKEN" in ended.stdout, "inputs that were sent without an id are named"
    assert run.remembered[FIRST]["id"] == made
    assert f"updated, its id is {made}\n" in run("--only", FIRST).stdout, "their ids were in the answer"


def test_an_answer_in_other_spelling_is_understood(run: Publisher, platform: FakePlatform) -> None:
    ids = [{"Name": "RUDDERSTACK_REGION", "ID": "spec-1"}, {"name": 5, "id": "x"}, "nonsense"]
    platform.next["create"] = [done_but(201, {"ID": "wrong place?", "data": {"ID": "blueprint-1", "SpecList": ids}})]
    ended = run("--only", FIRST)
    assert ended.exit_code == 0
    assert "does not tell the ids of the inputs" in ended.stdout
    assert run.remembered == {FIRST: {"id": "blueprint-1", "inputs": {"RUDDERSTACK_REGION": "spec-1"}}}


@pytest.mark.parametrize(
    "body",
    [{"id": "b-1"}, {"data": {"blueprint_id": "b-1"}}, {"data": {"Blueprint": {"ID": "b-1"}}, "id": "of-the-request"}],
)
def test_an_id_is_found_where_it_may_be(run: Publisher, platform: FakePlatform, body: Any) -> None:
    platform.next["create"] = [done_but(200, body)]
    assert run("--only", FIRST).exit_code == 0
    assert run.remembered[FIRST]["id"] == "b-1"


def test_a_runtime_cutoff_that_the_api_does_not_take_is_cut_with_a_warning(run: Publisher) -> None:
    warning = run("--only", FIRST).stderr
    assert FIRST in warning
    assert "60 minutes" in warning
    assert "minutes" not in run("--only", THIRD).stderr


# --- a dry run ---


def test_a_dry_run_prints_what_is_sent_then_and_needs_neither_key_nor_network(
    run: Publisher, platform: FakePlatform
) -> None:
    ended = run("--dry-run", "--api-url", "http://127.0.0.1:1", key=None)
    assert ended.exit_code == 0
    assert platform.seen == []
    assert not run.ids.exists()
    planned = json.loads(ended.stdout)
    run()
    for plan, sent in zip(planned, platform.blueprints.values()):
        payload = plan["request"]["json"]
        assert list(payload_faults(payload)) == []
        for spec in sent["spec_list"]:
            del spec["id"]
        temp = sent["pallet_config"]["external_file"]["temp"]
        temp.update({key: payload["pallet_config"]["external_file"]["temp"][key] for key in ("id", "url")})
        assert payload == sent
        assert plan["request"]["url"] == f"http://127.0.0.1:1/orgs/{ORG}/blueprints"
    assert len(planned) == len(platform.blueprints)


def test_a_dry_run_shows_what_would_be_updated(run: Publisher, platform: FakePlatform) -> None:
    run("--only", FIRST)
    [made] = platform.blueprints
    [plan] = json.loads(run("--only", FIRST, "--dry-run").stdout)
    assert plan["request"]["url"].endswith(f"/blueprints/{made}")
    assert all(spec["id"].startswith(made) for spec in plan["request"]["json"]["spec_list"])
    [plan] = json.loads(run("--only", FIRST, "--dry-run", "--id", "another").stdout)
    assert plan["request"]["url"].endswith("/blueprints/another")
    assert not any("id" in spec for spec in plan["request"]["json"]["spec_list"])


# --- refused, lost, nonsense ---


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 409, 413, 422, 429])
def test_a_refused_creation_is_told_and_tried_again_by_the_next_run(
    run: Publisher, platform: FakePlatform, status: int
) -> None:
    platform.next["create"] = [instead(status, {"message": f"because of {KEY}"})]
    ended = run("--only", FIRST, "--only", SECOND)
    assert ended.exit_code == 1
    assert f"publish: {FIRST}: the platform refused to create it with {status}" in ended.stderr
    assert "because of ***" in ended.stderr
    assert "it was not created" in ended.stderr
    assert platform.seen == ["upload", "create"] * 2, "the next blueprint is published all the same"
    assert platform.names == [SECOND]
    assert run("--only", FIRST).exit_code == 0
    assert platform.seen == ["upload", "create"]


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        (done_and_cut, "no answer to its creation"),
        (lambda _: CUT, "no answer to its creation"),
        (done_but(408, {}), "answered its creation with 408"),
        (done_but(500, b"<html><h1>Internal Server Error</h1></html>"), "500: Internal Server Error"),
        (done_but(502, b""), "502: no further words"),
        (done_but(200, b""), "does not tell its id"),
        (done_but(200, b"<html>welcome</html>"), "does not tell its id: 200: welcome"),
        (done_but(200, b'{"data": {"id": "abc'), "does not tell its id"),
        (done_but(200, [1, 2]), "does not tell its id"),
        (done_but(200, {"data": None, "request": {"id": "of-the-request"}}), "does not tell its id"),
        (done_but(200, {"data": {"id": "../elsewhere"}}), "does not tell its id"),
        (done_but(200, {"data": {"id": {"id": 5}}}), "does not tell its id"),
        (done_but(200, {"data": {"id": True}}), "does not tell its id"),
        (done_but(200, DOCUMENTED), "does not tell its id"),
    ],
)
def test_a_creation_that_is_unclear_is_never_sent_again_by_itself(
    run: Publisher, platform: FakePlatform, behaviour: Behaviour, says: str
) -> None:
    platform.next["create"] = [behaviour]
    ended = run("--only", FIRST)
    assert ended.exit_code == 1
    assert f"publish: {FIRST}: " in ended.stderr
    assert says in ended.stderr
    assert "created" in ended.stderr
    assert "--id" in ended.stderr
    again = run("--only", FIRST, "--only", SECOND)
    assert again.exit_code == 1
    assert f"{FIRST}: an earlier run sent its creation" in again.stderr
    assert platform.seen == ["upload", "create"], "of the second alone"
    assert f"{FIRST}: an earlier run" in run("--only", FIRST, "--dry-run").stderr
    for made, one in list(platform.blueprints.items()):
        if one["name"] == FIRST:
            assert run("--only", FIRST, "--id", made).exit_code == 0
            assert run("--only", FIRST).exit_code == 0


def test_a_run_that_broke_off_goes_on_where_it_was(run: Publisher, platform: FakePlatform) -> None:
    platform.next["upload"] = [lambda act: act(), lambda act: act(), lambda _: CUT]
    ended = run()
    assert ended.exit_code == 1
    assert platform.names == [FIRST, SECOND]
    assert f"publish: {THIRD}: " in ended.stderr
    assert "no blueprint was created or changed" in ended.stderr
    assert f"not tried, because no upload will work now: {NAMES[3]}, " in ended.stderr
    assert run().exit_code == 0
    assert platform.seen == ["upload", "update"] * 2 + ["upload", "create"] * 8


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        (instead(401, {"error": "bad key"}), "401 (is SHIPYARD_API_KEY right?)"),
        (instead(404, {"error": "no such org"}), "404 (is the organization's id right?)"),
        (instead(500, b"oops"), "500: oops"),
        (instead(302, b""), "a redirect; none is followed"),
        (lambda _: CUT, "could not be uploaded"),
        (instead(200, b"<html>"), "lacks RequestID or ExternalFile"),
        (instead(200, {"data": {"RequestID": "1"}}), "lacks RequestID or ExternalFile"),
        (instead(200, {"data": {"RequestID": 1, "ExternalFile": "s3://"}}), "lacks RequestID or ExternalFile"),
    ],
)
def test_an_upload_that_fails_ends_the_run_before_anything_is_created(
    run: Publisher, platform: FakePlatform, behaviour: Behaviour, says: str
) -> None:
    platform.next["upload"] = [behaviour]
    ended = run()
    assert ended.exit_code == 1
    assert says in ended.stderr
    assert platform.seen == ["upload"]
    assert run.remembered == {}


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        (instead(401, {}), "refused to update"),
        (instead(404, {"error": "gone"}), "remove its entry from"),
        (instead(422, {"error": "no"}), "refused to update"),
        (instead(500, {}), "it may have been updated"),
        (instead(307, {}), "refused to update"),
        (instead(200, b"<html>"), "it may have been updated"),
        (done_and_cut, "it may have been updated"),
    ],
)
def test_an_update_that_fails_is_told_and_the_id_is_kept(
    run: Publisher, platform: FakePlatform, behaviour: Behaviour, says: str
) -> None:
    run("--only", FIRST)
    before = run.remembered
    platform.next["update"] = [behaviour]
    ended = run("--only", FIRST)
    assert ended.exit_code == 1
    assert f"publish: {FIRST}: " in ended.stderr
    assert says in ended.stderr
    assert platform.seen == ["upload", "update"], "nothing is sent again"
    assert run.remembered == before
    assert run("--only", FIRST).exit_code == 0


def test_a_platform_that_nobody_answers_for_gets_nothing(run: Publisher, platform: FakePlatform) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        ended = run("--api-url", f"http://127.0.0.1:{unused.getsockname()[1]}")
    assert ended.exit_code == 1
    assert "could not be uploaded" in ended.stderr
    assert run.remembered == {}
    assert platform.seen == []


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_a_run_that_is_killed_in_the_middle_of_a_creation_leads_to_no_second_one(
    run: Publisher, platform: FakePlatform, tmp_path: Path
) -> None:
    def done_and_hang(act: Any) -> Any:
        act()
        return HANG

    platform.next["create"] = [lambda act: act(), done_and_hang]
    process = run.start()
    assert platform.hanging.wait(PATIENCE)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    assert sorted(run.remembered) == [SECOND, FIRST]
    assert run.remembered[SECOND]["id"] is None
    assert [path.name for path in tmp_path.iterdir()] == ["published.json"]
    assert run("--only", SECOND).exit_code == 1
    assert platform.seen == []
    assert run("--only", FIRST).exit_code == 0


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGINT is POSIX's")
def test_an_interrupted_run_ends_without_a_traceback_and_says_what_comes_next(
    run: Publisher, platform: FakePlatform
) -> None:
    platform.next["create"] = [lambda _: HANG]
    process = run.start()
    assert platform.hanging.wait(PATIENCE)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert stderr.splitlines()[-1].startswith("publish: interrupted; ")
    assert "Traceback" not in stderr
    assert KEY not in stderr
    assert run.remembered == {FIRST: {"id": None, "inputs": {}}}


# --- what is given ---


@pytest.mark.parametrize("key", [None, "", "None", "a\nb", "schlüssel", "a\r\nHost: elsewhere"])
def test_without_a_key_that_can_be_one_nothing_is_sent(run: Publisher, platform: FakePlatform, key: str | None) -> None:
    ended = run(key=key)
    assert ended.exit_code == 2
    assert "SHIPYARD_API_KEY" in ended.stderr
    assert "elsewhere" not in ended.stderr
    assert platform.seen == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--only", "Fivetran - Excute Sync"], "there is no blueprint"),
        (["--org", "../admin"], "no id"),
        (["--org", ""], "no id"),
        (["--id", "abc"], "name it with --only"),
        (["--only", FIRST, "--only", SECOND, "--id", "abc"], "name it with --only"),
        (["--only", FIRST, "--id", "a/b"], "no id"),
        (["--api-url", "ftp://platform"], "no URL"),
        (["--api-url", "https://user:secret@platform"], "no URL"),
    ],
)
def test_a_wrong_command_line_is_refused(
    run: Publisher, platform: FakePlatform, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        ended = run(*arguments)
    except SystemExit as ending:
        ended = Ended(int(str(ending.code)), *capsys.readouterr())
    assert ended.exit_code == 2
    assert says in ended.stderr
    assert platform.seen == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"org": []}',
        '{"org": {"name": "id"}}',
        '{"org": {"name": {"id": 5, "inputs": {}}}}',
        '{"org": {"name": {"id": "../x", "inputs": {}}}}',
        '{"org": {"name": {"id": "x"}}}',
        '{"org": {"name": {"id": "x", "inputs": {"A": 1}}}}',
        '{"org": {"name": {"id": "x", "inputs": []}}}',
    ],
)
def test_a_file_of_ids_that_cannot_be_read_stops_everything(run: Publisher, platform: FakePlatform, text: str) -> None:
    run.ids.write_text(text, encoding="utf-8")
    ended = run()
    assert ended.exit_code == 2
    assert str(run.ids) in ended.stderr
    assert platform.seen == []
    assert run.ids.read_text(encoding="utf-8") == text


def test_nothing_is_created_where_its_id_could_not_be_remembered(run: Publisher, platform: FakePlatform) -> None:
    run.ids = run.ids.parent / "no such folder" / "published.json"
    ended = run("--only", FIRST)
    assert ended.exit_code == 1
    assert "cannot be written" in ended.stderr
    assert "it was not created" in ended.stderr
    assert "create" not in platform.seen


def test_help_says_how_far_this_was_tried(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        publish.main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "2024" in said
    assert "not been tried with an account" in said
    assert publish.API_URL in said
