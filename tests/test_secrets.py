"""Secrets in real runs: whatever the vendor does with them, they are shown and kept nowhere."""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from sync_blueprints.sandbox import Request, Response, Sandbox
from tests.processes import PLAYED, Ended, catalog, complete, in_parallel, kind_of, run
from tests.shared.test_redaction import ENCODERS, SECRETS

pytestmark = [pytest.mark.slow, pytest.mark.sockets]

PASSWORDS = {one.vendor.lower(): one.secrets for one in catalog().values()}
CANARIES = [secret for secret in SECRETS.values() if secret.isascii()]


def sent_by(headers: Mapping[str, str]) -> list[str]:
    """The header of a request, and the secrets in it, alone and as a pair, in every form that encoders give them."""
    authorization = headers["Authorization"]
    kind, _, sent = authorization.partition(" ")
    decoded = base64.b64decode(sent).decode() if kind == "Basic" else sent
    parts = dict.fromkeys([decoded, *decoded.split(":", 1)])
    return [authorization, sent, *(encode(one) for one in parts for encode in ENCODERS.values() if len(one) > 3)]


class Echoing(Sandbox):
    """A vendor whose responses have what it was sent: in headers, and in a body of this form."""

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


RESPONSES = [
    *[(401, "JSON"), (403, "JSON"), (404, "cut off"), (400, "page"), (409, "JSON")],
    *[(200, "JSON"), (200, "cut off"), (307, "page")],
]


@pytest.mark.parametrize(("status", "form"), RESPONSES)
def test_a_vendor_that_echoes_secrets_in_every_form_reveals_none(status: int, form: str, tmp_path: Path) -> None:
    def run_it(item: tuple[int, str]) -> tuple[str, int]:
        number, script = item
        kind, place = kind_of(script), tmp_path / script.replace("/", "-")
        place.mkdir()
        files = {"GITHUB_OUTPUT": str(place / "output"), "GITHUB_STEP_SUMMARY": str(place / "summary")}
        own = itertools.islice(itertools.cycle(CANARIES), number + RESPONSES.index((status, form)), None)
        passwords = dict(zip(PASSWORDS[kind.vendor], own))
        more = {**files, "LOG_LEVEL": "DEBUG", kind.variable("IF_RUNNING"): "fail"}  # else a 409 is waited for
        ended = run([script], {**complete(vendor, place), **more, **passwords})
        assert_hidden(ended, place, passwords.values())
        return script, ended.result["exit_code"]

    with Echoing(status, form) as vendor:
        ended = dict(in_parallel(run_it, enumerate(PLAYED)))
        assert len(vendor.requests) >= len(PLAYED)
    if status == 403:
        assert ended.pop("fivetran_blueprints/check_credentials.py") == 0  # valid, but for the account
    assert set(ended.values()) <= {200, 201, 202, 203, 204, 220}, ended
