"""Secrets in real runs: whatever the vendor or a proxy does with them, they are shown and kept nowhere."""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from sync_blueprints.sandbox import Request, Response, Sandbox, vendor_of
from tests.processes import PLAYED, Ended, Kind, catalog, complete, in_parallel, kind_of, run
from tests.shared.test_redaction import ENCODERS, SECRETS

pytestmark = [pytest.mark.slow, pytest.mark.sockets]

PASSWORDS = {one.vendor.lower(): one.secrets for one in catalog().values()}
CANARIES = [secret for secret in SECRETS.values() if secret.isascii()]


def sent_by(headers: Mapping[str, str]) -> list[str]:
    """The header of a request, and the secrets in it, alone and as a pair, in every form that encoders give them."""
    authorization = headers.get("Proxy-Authorization") or headers["Authorization"]
    kind, _, sent = authorization.partition(" ")
    decoded = base64.b64decode(sent).decode() if kind == "Basic" else sent
    parts = dict.fromkeys([decoded, *decoded.split(":", 1)])
    return [authorization, sent, *(encode(one) for one in parts for encode in ENCODERS.values() if len(one) > 3)]


class Echoing(Sandbox):
    """A vendor (or a proxy) whose responses have what it was sent: in headers, and in a body of this form."""

    def __init__(self, status: int, form: str) -> None:
        super().__init__()
        self.status, self.form = status, form

    def respond(self, request: Request) -> Response:
        self.requests.append(request)
        echoes = sent_by(request.headers)
        sent = echoes[0].partition(" ")[2]
        headers = {"Location": f"https://{sent}@vendor.test/{sent}", "X-Echo": sent, "WWW-Authenticate": sent}
        return Response(self.status, self._body(echoes), headers)

    def _body(self, echoes: list[str]) -> Any:
        if self.form == "page":
            return f"<html><body><h1>Forbidden</h1>{'<p>'.join(echoes)}</body></html>"
        said = "you sent " + ", ".join(echoes)
        error = {"code": echoes[0], "message": said, "errors": [{"message": said}], "details": echoes}
        body = {**{one: [{one: one}] for one in echoes}, **error, "error": error}
        return body if self.form == "JSON" else json.dumps(body)[:-2]


def revealed(text: str) -> Iterator[str]:
    """A text, and what is behind its escapes and its base64."""
    yield from (text, unquote(text), text.replace("\\/", "/").replace('\\"', '"').replace("\\\\", "\\"))
    yield re.sub(r"\\u00([0-9a-fA-F]{2})", lambda found: chr(int(found[1], 16)), text)
    for found in re.findall(r"[A-Za-z0-9+/_-]{8,}", text):
        for cut in range(4):
            code = found.translate(str.maketrans("-_", "+/"))[cut:]
            yield base64.b64decode(code[: len(code) // 4 * 4]).decode("latin-1")


def assert_hidden(ended: Ended, folder: Path, secrets: Iterable[str]) -> None:
    """In stdout, stderr, and in the names and contents of all files in the folder."""
    shown = {"stdout": ended.stdout, "stderr": ended.stderr}
    for path in folder.rglob("*"):
        content = path.read_text("utf-8", "replace") if path.is_file() else ""
        shown[str(path)] = f"{path.relative_to(folder)} {content}"
    for place, text in shown.items():
        for reading in revealed(text):
            for secret in secrets:
                assert secret.lower() not in reading.lower(), f"{secret!r} in {place}: {text[:3000]}"


def passwords_for(kind: Kind, number: int) -> dict[str, str]:
    """Secrets of odd shapes, others for each number."""
    return dict(zip(PASSWORDS[kind.vendor], itertools.islice(itertools.cycle(CANARIES), number, None)))


def files_in(folder: Path) -> dict[str, str]:
    """The variables that name where a run writes."""
    folder.mkdir(parents=True)
    files = {"GITHUB_OUTPUT": str(folder / "output"), "GITHUB_STEP_SUMMARY": str(folder / "summary")}
    return {**files, "SHIPYARD_ARTIFACTS_DIRECTORY": str(folder), "LOG_LEVEL": "DEBUG"}


Own = Callable[[Kind, int], Mapping[str, str]]  # variables of the n-th script


def run_all(vendor: Sandbox, folder: Path, own: Own, first: int = 0) -> dict[str, int]:
    """Run every script with secrets of odd shapes, of which none may be seen: their exit codes."""

    def run_it(item: tuple[int, str]) -> tuple[str, int]:
        number, script = item
        kind, place = kind_of(script), folder / script.replace("/", "-")
        given = passwords_for(kind, first + number)
        ended = run([script], {**complete(vendor, place), **files_in(place), **given, **own(kind, number)})
        assert_hidden(ended, place, given.values())
        return script, ended.result["exit_code"]

    return dict(in_parallel(run_it, enumerate(PLAYED)))


RESPONSES = [
    *[(401, "JSON"), (403, "JSON"), (404, "cut off"), (400, "page"), (409, "JSON")],
    *[(200, "JSON"), (200, "cut off"), (307, "page")],
]


@pytest.mark.parametrize(("status", "form"), RESPONSES)
def test_a_vendor_that_echoes_secrets_in_every_form_reveals_none(status: int, form: str, tmp_path: Path) -> None:
    def own(kind: Kind, _: int) -> dict[str, str]:
        return {kind.variable("IF_RUNNING"): "fail"}  # else a 409 is waited for

    with Echoing(status, form) as vendor:
        ended = run_all(vendor, tmp_path, own, RESPONSES.index((status, form)))
        assert len(vendor.requests) >= len(PLAYED)
    if status == 403:
        assert ended.pop("fivetran_blueprints/check_credentials.py") == 0  # valid, but for the account
    assert set(ended.values()) <= {200, 201, 202, 203, 204, 220}, ended


class Trusting(Sandbox):
    """Takes any credentials, and echoes them in every text of a good response that nobody relies on, and in headers."""

    def respond(self, request: Request) -> Response:
        echoes = sent_by(request.headers)
        good = ":".join(self.environment[name] for name in PASSWORDS[vendor_of(request.path).lower()])
        is_basic = request.headers["Authorization"].startswith("Basic ")
        good = f"Basic {base64.b64encode(good.encode()).decode()}" if is_basic else f"Bearer {good}"
        request.headers.replace_header("Authorization", good)
        response = super().respond(request)
        response.body = self._echoing(response.body, echoes) if response.status == 200 else response.body
        response.headers["X-Echo"] = echoes[0]
        return response

    def _echoing(self, body: Any, echoes: list[str]) -> Any:
        if isinstance(body, list):
            return [self._echoing(one, echoes) for one in body]
        if not isinstance(body, dict):
            return body
        echoing = {key: self._echoing(value, echoes) for key, value in body.items()}
        texts = [key for key in ("message", "error", "account_name", "region") if isinstance(echoing.get(key), str)]
        echoing.update(dict.fromkeys(texts, " ".join(echoes)))
        return {**echoing, "echo": echoes, echoes[-1]: {one: one for one in echoes}}


@pytest.mark.parametrize("behavior", ["succeeds_in_0", "fails_in_0"])
def test_a_vendor_that_echoes_secrets_in_good_responses_reveals_none(behavior: str, tmp_path: Path) -> None:
    def own(kind: Kind, number: int) -> dict[str, str]:
        return {kind.id_variable: f"{behavior}_x{number}", kind.variable("WAIT"): "TRUE"}

    with Trusting() as vendor:
        ended = run_all(vendor, tmp_path, own)
    for script, exit_code in ended.items():
        waits = "trigger" in script or "resync" in script
        assert exit_code == (211 if waits and behavior == "fails_in_0" else 0), script


# A proxy


def through(variable: str, proxy: str, password: str, folder: Path) -> int:
    """The exit code of a script that a proxy keeps from its vendor, and that reveals nothing."""
    own = {"NANGO_API_URL": "http://vendor.test", "NANGO_SECRET_KEY": "key-of-mine", variable: proxy}
    ended = run(["nango_blueprints/check_credentials.py"], {**files_in(folder), **own})
    assert_hidden(ended, folder, [password, "key-of-mine"])
    return int(ended.result["exit_code"])


def test_a_proxy_that_echoes_its_password_does_not_reveal_it(tmp_path: Path) -> None:
    def run_it(item: tuple[int, str]) -> int:
        number, canary = item
        url = proxy.url.replace("//", f"//user:{quote(canary, safe='')}@")
        return through("HTTP_PROXY", url, canary, tmp_path / str(number))

    with Echoing(407, "page") as proxy:
        assert set(in_parallel(run_it, enumerate(CANARIES))) == {201}
        assert all("Proxy-Authorization" in request.headers for request in proxy.requests)


def test_a_proxy_that_is_down_or_invalid_is_named_without_its_password(tmp_path: Path) -> None:
    def run_it(item: tuple[int, tuple[str, str]]) -> int:
        number, (proxy, password) = item
        return through("http_proxy", proxy.format(password), password, tmp_path / str(number))

    proxies = ["http://user:{}@127.0.0.1:1", "http://user:{}@127.0.0.1:no-port", "http://user:{}@[::1", "user:{}@:1"]
    cases = itertools.product(proxies, ["p4ss/w0rd#x", "p4ss@w%40rd"])
    assert set(in_parallel(run_it, enumerate(cases))) == {220}
