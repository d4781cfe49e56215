"""The vendor's last response as a file: indented JSON without secrets, under a name that fits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.files import response_file
from shared.transport import NOT_JSON, Response
from tests.shared.test_handoff import TOKEN, Acme

LONG = "x" * (100_000 - len(TOKEN) + 1)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (Response(200, {"a": ["é", f"x {TOKEN.upper()}"]}), {"a": ["é", "x ***"]}),
        (Response(502, NOT_JSON, f"<html>{TOKEN}</html>"), {"status": 502, "text": "<html>***</html>"}),
        (Response(502, NOT_JSON, f"{LONG}{TOKEN}{LONG}"), {"status": 502, "text": f"{LONG}***{LONG}"[:100_000]}),
        (Response(200, NOT_JSON, '{"a": 1'), {"status": 200, "text": '{"a": 1'}),
        (Response(200, None), None),
        (Response(200, {"a": "\ud800"}), {"a": "\ud800"}),
    ],
)
def test_a_response_is_kept_as_indented_json_without_secrets(tmp_path: Path, response: Response, expected: Any) -> None:
    Acme(tmp_path).artifacts().save_response("r.json", response)
    written = (tmp_path / "acme-blueprints" / "responses" / "r.json").read_bytes()
    assert json.loads(written.decode()) == expected
    text = f"{json.dumps(expected, indent=2, ensure_ascii=False)}\n"
    assert written == text.encode("utf-8", "backslashreplace")


@pytest.mark.parametrize("length", [1, 235, 236, 255])
def test_an_id_that_is_too_long_for_a_file_name_is_cut_and_followed_by_its_hash(tmp_path: Path, length: int) -> None:
    one, other = "x" * (length - 1) + "1", "x" * (length - 1) + "2"
    name = response_file("sync", one)
    assert len(name) <= 255
    assert name == f"sync_{one}_response.json" or (length > 236 and len(name) == 255)
    assert name != response_file("sync", other)
    Acme(tmp_path).artifacts().save_response(name, Response(200, {}))
