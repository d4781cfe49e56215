"""JSON as RFC 8259 has it, and no deeper than other code can follow."""

from __future__ import annotations

import contextlib
import json

import pytest

from shared.strict_json import MAX_DEPTH, parse


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"a": [1, 2.5, null, true, "x"]}', {"a": [1, 2.5, None, True, "x"]}),
        (b"\xef\xbb\xbf{}", {}),
        (b"null", None),
        (b'"\xc3\xa9"', "é"),
        (b" \r\n{}\n", {}),
        (b"123456789012345678901234567890", 123456789012345678901234567890),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH)),
    ],
)
def test_json_is_parsed(content: bytes, expected: object) -> None:
    assert parse(content.decode("utf-8", "surrogateescape")) == expected


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b" ", b'{"a": 1', b'{"a": 1}}', b"{} {}", b"<html></html>", b"OK", b"{'a': 1}", b"\x00", b'"a\nb"'),
        *(b'"\xff"', b"NaN", b'{"a": Infinity}', b"[-Infinity]", b'{"a": 1e999}', b"[-1e999]"),
        *(b"[" * 1_000_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
        *(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), b'{"a":' * 400 + b"1" + b"}" * 400),
        *(b"9" * 5000, b"-" + b"9" * 1_000_000),
    ],
    ids=lambda content: repr(content[:14]),
)
def test_anything_else_is_refused(content: bytes) -> None:
    with contextlib.suppress(ValueError):  # not `pytest.raises`: a RecursionError takes a minute to print
        pytest.fail(str(parse(content.decode("utf-8", "surrogateescape"))))
