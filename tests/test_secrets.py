"""Secrets in real runs: whatever the vendor, a proxy or the wire does with them, they are shown and kept nowhere."""

from __future__ import annotations

import base64
import gzip
import html
import itertools
import json
import re
import ssl
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_plus

import pytest
import trustme

from sync_blueprints.catalog import REPOSITORY
from sync_blueprints.sandbox import Sandbox
from tests.shared.test_masking import CANARIES, WAYS
from tests.test_scripts import SCRIPTS, VENDORS, Ended, Kind, Stage, assert_private, empty_but_for, in_parallel, run

pytestmark = pytest.mark.sockets

SECRETS = {
    "rudderstack": ("RUDDERSTACK_ACCESS_TOKEN",),
    "fivetran": ("FIVETRAN_API_KEY", "FIVETRAN_API_SECRET"),
    "nango": ("NANGO_SECRET_KEY",),
}
IDS = {
    "RUDDERSTACK_CONNECTION_ID": "succeeds",
    "FIVETRAN_CONNECTOR_ID": "succeeds",
    "FIVETRAN_PAUSED": "TRUE",
    "NANGO_PROVIDER_CONFIG_KEY": "sandbox",
}


class Answering:
    """A vendor (or a proxy) that gives each request the answer that `answer` makes of its headers."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Mapping[str, str]]] = []
        self.requests = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def reply(self) -> None:
                outer.seen.append((self.path, self.headers))
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, reason, headers, body = outer.answer(self.headers)
                self.send_response(status, reason)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PATCH = do_CONNECT = reply  # noqa: N815 - as http.server wants

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    def answer(self, headers: Mapping[str, str]) -> tuple[int, str, dict[str, str], bytes]:
        raise NotImplementedError

    def __enter__(self) -> Any:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Echoing(Answering):
    """Tells what it was sent, in all ways and places, with `status`."""

    def __init__(self, status: int, *, as_json: bool, where: str = "") -> None:
        super().__init__()
        self.status, self.as_json, self.where = status, as_json, where

    def answer(self, headers: Mapping[str, str]) -> tuple[int, str, dict[str, str], bytes]:
        authorization = headers.get("Proxy-Authorization") or headers["Authorization"]
        sent = authorization.split(" ", 1)[1]
        decoded = base64.b64decode(sent).decode() if authorization.startswith("Basic") else sent
        parts = dict.fromkeys([authorization, sent, decoded, *decoded.split(":", 1)])
        told = [way(part) for part in parts for way in WAYS.values() if len(part) > 3]
        if self.as_json:
            said = "you sent " + ", ".join(told)
            numbers = [int(part) for part in parts if part.isdigit()]
            error = {"code": told[0], "message": said, "details": told, "error": said, "errors": [{"message": said}]}
            body = json.dumps({**error, **{one: [{one: one}] for one in told}, "numbers": numbers, "error": error})
            if self.where == "escaped":
                body = re.sub(r"[+/=&<>']", lambda found: f"\\u{ord(found[0]):04x}", body)[:-2]  # which is no JSON
        else:
            body = f"<html><body><h1>Forbidden</h1>{'<p>'.join(told)}</body></html>"
        content = body.encode()
        where = {"Location": f"https://{sent}@vendor.test/{sent}", "X-Echo": sent, "WWW-Authenticate": sent}
        if self.where == "gzip":
            return self.status, sent, {**where, "Content-Encoding": "gzip"}, gzip.compress(content)
        return self.status, sent, where, content


def revealed(text: str) -> Iterator[str]:
    """A text, and what a reader with patience makes of it."""
    yield text
    for undo in (
        unquote,
        unquote_plus,
        html.unescape,
        lambda one: re.sub(
            r"\\u00([0-9a-fA-F]{2})|\\x([0-9a-fA-F]{2})", lambda found: chr(int(found[1] or found[2], 16)), one
        ),
        lambda one: one.replace("\\/", "/").replace('\\"', '"').replace("\\'", "'").replace("\\\\", "\\"),
    ):
        for _ in range(2):
            text = undo(text)
            yield text
    for found in re.findall(r"[A-Za-z0-9+/_-]{8,}", text):
        for cut in range(4):
            code = found.translate(str.maketrans("-_", "+/"))[cut:]
            yield base64.b64decode(code[: len(code) // 4 * 4]).decode("latin-1")


def assert_hidden(ended: Ended, folder: Path, secrets: list[str]) -> None:
    """In stdout, stderr, and in the names and contents of all files in the folder."""
    shown = {"stdout": ended.stdout, "stderr": ended.stderr}
    for path in folder.rglob("*"):
        content = path.read_bytes().decode("utf-8", "replace") if path.is_file() else ""
        shown[str(path)] = f"{path.relative_to(folder)} {content}"
    for place, text in shown.items():
        for reading in revealed(text):
            for secret in secrets:
                assert secret.lower() not in reading.lower(), f"{secret!r} in {place}: {text[:3000]}"


def canaries(kind: Kind, number: int) -> dict[str, str]:
    """Credentials of odd shapes, others for each number."""
    shapes = itertools.islice(itertools.cycle(CANARIES.values()), number, None)
    return {variable: next(shapes) for variable in SECRETS[kind.vendor]}


ANSWERS = [
    (403, True, ""),
    (404, True, "gzip"),
    (400, False, ""),
    (200, True, ""),
    (200, True, "escaped"),
    (307, False, ""),
    (409, True, ""),
    (401, False, "gzip"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("status", "as_json", "where"), ANSWERS)
def test_a_vendor_that_echoes_them_in_every_way_brings_no_secret_to_light(
    status: int, as_json: bool, where: str, tmp_path: Path
) -> None:
    def run_it(item: tuple[int, Path]) -> None:
        number, script = item
        kind = next(kind for kind in VENDORS if script.parent.name.startswith(kind.vendor))
        folder = tmp_path / script.parent.name / script.stem
        folder.mkdir(parents=True)
        given = canaries(kind, number + ANSWERS.index((status, as_json, where)))
        environment = {
            **IDS,
            **given,
            kind.variable("API_URL"): vendor.url,
            kind.variable("IF_RUNNING"): "fail",  # by default a 409 is waited for
            "LOG_LEVEL": "DEBUG",
            "SHIPYARD_ARTIFACTS_DIRECTORY": str(folder),
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        }
        ended = run([str(script)], environment, folder)
        assert ended.exit_code in (200, 201, 202, 203, 204, 220), ended
        assert_hidden(ended, folder, list(given.values()))
        assert (folder / "output").read_text("utf-8").count("\n") == 4
        assert vendor.seen

    with Echoing(status, as_json=as_json, where=where) as vendor:
        in_parallel(run_it, enumerate(SCRIPTS))


@pytest.mark.parametrize("canary", CANARIES.values(), ids=CANARIES)
def test_a_proxy_that_echoes_its_password_does_not_bring_it_to_light(canary: str, tmp_path: Path) -> None:
    quoted = WAYS["URL-quoted"](canary)
    with Echoing(407, as_json=False) as proxy:
        environment = {
            "NANGO_API_URL": "http://vendor.test",
            "NANGO_SECRET_KEY": "key-of-mine",
            "HTTP_PROXY": f"http://user-of-mine:{quoted}@127.0.0.1:{proxy.port}",
            "LOG_LEVEL": "DEBUG",
        }
        ended = run([str(REPOSITORY / "nango_blueprints/check_credentials.py")], environment, tmp_path)
    assert "Proxy-Authorization" in proxy.seen[0][1]
    assert ended.exit_code == 201, ended
    assert_hidden(ended, tmp_path, [canary, "key-of-mine"])


@pytest.mark.slow
def test_a_proxy_that_is_none_does_not_show_its_password_and_starts_nothing(tmp_path: Path) -> None:
    def run_it(item: tuple[int, tuple[str, str]]) -> None:
        number, (proxy, canary) = item
        environment = {
            **{"RUDDERSTACK_API_URL": "http://vendor.test", "RUDDERSTACK_ACCESS_TOKEN": "key-of-mine"},
            **{"RUDDERSTACK_CONNECTION_ID": "x", "http_proxy": proxy.format(canary), "LOG_LEVEL": "DEBUG"},
        }
        folder = tmp_path / str(number)
        folder.mkdir()
        ended = run([str(REPOSITORY / "rudderstack_blueprints/trigger_sync.py")], environment, folder)
        assert (ended.exit_code, ended.result["outcome"]) == (202, "not_started"), (proxy, ended)
        assert "Traceback" not in ended.stderr
        assert_hidden(ended, folder, [canary])

    proxies = ["http://user:{}@127.0.0.1:no-port", "http://user:{}@[::1", "http://user:{}@", "user:{}@:1"]
    in_parallel(run_it, enumerate(itertools.product(proxies, ["p4ss/w0rd#x", "p4ss@w%40rd"])))


class Redirecting(Answering):
    def __init__(self, status: int, to: str) -> None:
        super().__init__()
        self.status, self.to = status, to

    def answer(self, _: Mapping[str, str]) -> tuple[int, str, dict[str, str], bytes]:
        return self.status, "", {"Location": self.to}, b""


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_takes_credentials_nowhere_not_even_to_another_port(status: int, tmp_path: Path) -> None:
    def run_it(script: Path) -> Ended:
        kind = next(kind for kind in VENDORS if script.parent.name.startswith(kind.vendor))
        folder = tmp_path / script.parent.name / script.stem
        environment = {**empty_but_for(other, folder), **IDS, kind.variable("API_URL"): vendor.url}
        return run([str(script)], environment, tmp_path)

    with Sandbox() as other, Redirecting(status, f"{other.url}/v1/account/info") as vendor:
        for ended in in_parallel(run_it, SCRIPTS):
            assert ended.exit_code == 201, ended
            assert "API_URL" in ended.result["message"]
    assert other.requests == []
    assert len(vendor.seen) == len(SCRIPTS)


# --- TLS ---


class Encrypted(Sandbox):
    """The sandbox behind TLS, with a certificate for `name` of an authority of its own."""

    def __init__(self, name: str, authority: trustme.CA) -> None:
        super().__init__()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        plain, self.url = self.url, self.url.replace("http://127.0.0.1", "https://localhost")
        for variable, value in self.environment.items():
            self.environment[variable] = value.replace(plain, self.url)


def test_a_certificate_of_an_authority_that_the_environment_names_is_taken(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    def run_it(kind: Kind) -> list[int]:
        stage = Stage(vendor, tmp_path / kind.vendor, kind, "succeeds_in_0")
        trusted = {"REQUESTS_CA_BUNDLE": str(tmp_path / "ca.pem")}
        return [stage.run(verb, **trusted).exit_code for verb in ("trigger_sync", "check_sync_status")]

    with Encrypted("localhost", authority) as vendor:
        assert in_parallel(run_it, VENDORS) == [[0, 0]] * 3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["localhost", "vendor.test"])
def test_to_a_vendor_whose_certificate_is_not_trusted_or_of_another_host_nothing_is_sent(
    name: str, tmp_path: Path
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    more = {} if name == "localhost" else {"REQUESTS_CA_BUNDLE": str(tmp_path / "ca.pem")}

    def run_it(item: tuple[Kind, str]) -> None:
        kind, verb = item
        ended = Stage(vendor, tmp_path / kind.vendor / verb, kind, "succeeds").run(verb, **more)
        expected = (202, "not_started") if verb == "trigger_sync" else (220, "unreachable")
        assert (ended.exit_code, ended.result["outcome"]) == expected, ended
        assert "certificate is not trusted" in ended.result["message"]
        assert "REQUESTS_CA_BUNDLE" in ended.result["message"]

    with Encrypted(name, authority) as vendor:
        in_parallel(run_it, itertools.product(VENDORS, ["trigger_sync", "check_sync_status"]))
    assert vendor.requests == []  # not even the head of a request got out


# --- files ---


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_what_is_kept_is_for_nobody_elses_eyes_whatever_the_umask(umask: int, tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        environment = {**empty_but_for(sandbox, tmp_path / "new" / "artifacts"), **IDS}
        for kind in VENDORS:
            code = f"import os, runpy, sys; os.umask({umask}); runpy.run_path(sys.argv[1], run_name='__main__')"
            ended = run(["-c", code, kind.script("trigger_sync")], environment)
            assert ended.exit_code == 0, ended
    assert_private(tmp_path / "new" / "artifacts")
