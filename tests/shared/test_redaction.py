"""Secrets out of everything in the forms that encoders give them; and nothing that steers a terminal."""

from __future__ import annotations

import base64
import json
import re
from typing import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.redaction import MAX_TEXT, MIN_SECRET, REDACTED, Redactor, printable

PLAIN = "rudder-4f6aTOKEN"
SECRETS = {
    "plain": PLAIN,
    "short": "q7Zx",
    "signs of URLs": "k/e+y=&?a%2Fb#c",
    "quotes and backslashes": "k'e\"y\\n\\u0041`${x}",
    "markup": "<k>&amp;e&#65;</y>",
    "like base64": "c2VjcmV0OnNlY3JldA==",
    "digits": "8401239575",
    "a phrase": "correct horse battery",
    "not ASCII": "pässwörd-🔑",
    "long": "".join(f"{number:x}Z" for number in range(1000, 2250)),
}
ENCODERS: dict[str, Callable[[str], str]] = {
    "as is": str,
    "in capitals": str.upper,
    "in lower case": str.lower,
    "URL-quoted": lambda text: quote(text, safe=""),
    "URL-quoted in lower case": lambda text: quote(text, safe="").lower(),
    "URL-quoted as a path": quote,
    "URL-quoted as a form": quote_plus,
    "URL-quoted by JavaScript": lambda text: quote(text, safe="!'()*"),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON in UTF-8": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "JSON by PHP": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "JSON by Go": lambda text: re.sub("[<>&]", lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text)[1:-1]),
    "a Python literal": lambda text: repr([text])[2:-2],
    "base64": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
}


@pytest.mark.parametrize("encode", ENCODERS.values(), ids=ENCODERS)
@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("blanks", ["", "  "])
def test_a_secret_is_redacted_however_it_is_encoded(secret: str, encode: Callable[[str], str], blanks: str) -> None:
    redact = Redactor([f"{blanks}{secret}{blanks}"])
    assert redact(f"before {encode(secret)} after") == f"before {REDACTED} after"


def test_a_pair_of_secrets_is_redacted_as_basic_authorization_sends_it() -> None:
    redact = Redactor(passwords=["key-A1b", "secr-t2"])
    assert redact(f"Basic {base64.b64encode(b'key-A1b:secr-t2').decode()}") == f"Basic {REDACTED}"
    assert redact("key-A1b:secr-t2 secr-t2:KEY-a1b") == f"{REDACTED} {REDACTED}"


def test_a_secret_that_is_a_word_leaves_the_names_of_variables_alone() -> None:
    redact = Redactor(passwords=["word", "secret"], names=["ACME_SECRET", "ACME_SECRET_FILE"])
    assert redact("ACME_SECRET is no secret, nor ACME_secret") == f"ACME_SECRET is no {REDACTED}, nor ACME_{REDACTED}"
    assert redact("ACME_SECRET_FILE holds the SECRET") == f"ACME_SECRET_FILE holds the {REDACTED}"


@pytest.mark.parametrize("secret", ["", "   ", " " * 9, "x" * (MIN_SECRET - 1), f" {'x' * (MIN_SECRET - 1)} "])
def test_what_is_too_short_to_be_a_secret_redacts_nothing(secret: str) -> None:
    assert Redactor([secret])(f"a        text x {secret}") == f"a        text x {secret}"


def test_without_secrets_nothing_changes() -> None:
    assert Redactor()("text İ") == "text İ"  # which is longer in lower case
    assert Redactor().tree({"a": 1}) == {"a": 1}


@given(st.text(max_size=40), st.text(max_size=40), st.integers(1, 120))
def test_a_secret_is_redacted_before_a_text_is_cut(before: str, after: str, length: int) -> None:
    cut = Redactor([PLAIN]).excerpt(f"{before}{PLAIN}{after}", length)
    assert len(cut) <= length
    assert not any(PLAIN[:size].lower() in cut.lower() for size in range(7, len(PLAIN)))


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"message": f"token {PLAIN}"}, {"message": f"token {REDACTED}"}),
        ({PLAIN: 1}, {REDACTED: 1}),
        ([[{"a": (PLAIN.upper(),)}]], [[{"a": [REDACTED]}]]),
        ({"a": None, "b": True, "c": 1.5, "d": 7}, {"a": None, "b": True, "c": 1.5, "d": 7}),
        ({"n": 8401239575, "m": [1.8401239575]}, {"n": REDACTED, "m": [REDACTED]}),
        ("x" * (MAX_TEXT + 1), "x" * MAX_TEXT),
    ],
    ids=["value", "key", "deep", "no secret", "numbers", "long"],
)
def test_parsed_json_is_redacted_in_keys_and_values(tree: object, expected: object) -> None:
    redact = Redactor([PLAIN, SECRETS["digits"]])
    assert redact.tree(tree) == expected
    assert json.loads(redact.json(tree)) == (expected if REDACTED in str(expected) else tree)


@pytest.mark.parametrize("encode", ENCODERS.values(), ids=ENCODERS)
@pytest.mark.parametrize("secret", [*SECRETS.values(), 'k"e\ny\t"-tOkEn'], ids=[*SECRETS, "lines and quotes"])
def test_a_secret_in_a_text_of_json_is_redacted_in_every_form(secret: str, encode: Callable[[str], str]) -> None:
    assert json.loads(Redactor([secret]).json({"a": [f"-{encode(secret)}-"]})) == {"a": [f"-{REDACTED}-"]}


def test_an_excerpt_is_one_printable_line_and_shows_that_it_was_cut() -> None:
    assert Redactor().excerpt(" a\r\n\tb\u2028c\x85 \x1b[2J") == "a b c \\x1b[2J"
    assert Redactor().excerpt("x" * 1000, 50) == "x" * 49 + "…"


@pytest.mark.parametrize(
    "hostile",
    ["\x1b[2J", "\x1b]0;title\x07", "a\rb", "a\nb", "\x00", "\x7f", "\x9b31m", "\u202ex", "\u200b", "\ufeff", "\ud800"],
)
def test_what_steers_a_terminal_is_escaped(hostile: str) -> None:
    assert printable(hostile).isprintable()
    assert "\\" in printable(hostile)


@pytest.mark.parametrize("text", ["déjà vu", "日本語", "a b", "🚀", '"quoted"'])
def test_what_people_write_is_left_alone(text: str) -> None:
    assert printable(text) == text
