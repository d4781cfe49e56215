"""Secrets out of everything, whatever form they take; and nothing that steers a terminal or forges a line."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest

from shared.http import parse_json
from shared.masking import HIDDEN, Mask, printable

SECRET = "aB3+/d e\"f'g\\h&i<j>k=l!m%n"
PLAIN = "rudder-4f6aTOKEN"


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


FORMS = {
    "plain": SECRET,
    "upper case": SECRET.upper(),
    "lower case": SECRET.lower(),
    "URL-quoted path": quote(SECRET),
    "URL-quoted": quote(SECRET, safe=""),
    "URL-quoted in lower case": quote(SECRET, safe="").lower(),
    "URL-quoted form": quote_plus(SECRET),
    "URL-quoted by JavaScript": quote(SECRET, safe="!'()*~"),
    "base64": in_base64(SECRET),
    "base64 without padding": in_base64(SECRET).rstrip("="),
    "base64 for URLs": base64.urlsafe_b64encode(SECRET.encode()).decode(),
    "base64 URL-quoted": quote(in_base64(SECRET), safe=""),
    "JSON": json.dumps(SECRET),
    "HTML": html.escape(SECRET),
    "a Python literal": repr(SECRET),
    "a Python literal of bytes": repr(SECRET.encode()),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_secret_is_hidden_in_every_form(form: str) -> None:
    masked = Mask([SECRET])(f"before {form} after")
    inner = form.strip("'\"")
    assert inner[:12] not in masked
    assert inner[-12:] not in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")


@pytest.mark.parametrize("secret", [" s3cret+of/many=signs ", "\ts3cret+of/many=signs\n"])
@pytest.mark.parametrize(
    "form", [str, lambda text: quote(text, safe=""), in_base64, lambda text: json.dumps(text)[1:-1]]
)
def test_a_secret_given_with_blanks_around_it_is_hidden_as_it_is_sent(secret: str, form: object) -> None:
    assert callable(form)
    assert Mask([secret])(f"<{form(secret.strip())}>") == f"<{HIDDEN}>"


def test_the_longest_secret_is_hidden_first() -> None:
    assert Mask(["token", "token-and-more"])("token-and-more") == HIDDEN


def test_every_occurrence_is_hidden() -> None:
    assert PLAIN not in Mask([PLAIN])(f"{PLAIN}{PLAIN} {PLAIN}")


def test_signs_that_mean_something_in_a_pattern_are_taken_as_they_are() -> None:
    assert Mask(["a.c*(["])("abc*([ a.c*([") == f"abc*([ {HIDDEN}"


def test_without_secrets_a_text_stays_as_it_is() -> None:
    assert Mask()("anything") == "anything"


def test_an_empty_secret_hides_nothing() -> None:
    assert Mask([""])("anything") == "anything"


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"text": f"x {PLAIN}"}, {"text": f"x {HIDDEN}"}),
        ({PLAIN: 1}, {HIDDEN: 1}),
        ([[{"a": [PLAIN.upper()]}]], [[{"a": [HIDDEN]}]]),
        ({"a": None, "b": True, "c": 1.5, "d": 7}, {"a": None, "b": True, "c": 1.5, "d": 7}),
        ("plain text", "plain text"),
    ],
)
def test_parsed_json_is_masked_in_keys_and_values(tree: object, expected: object) -> None:
    assert Mask([PLAIN]).tree(tree) == expected


def test_a_number_that_spells_a_secret_is_hidden() -> None:
    assert Mask(["1234567890"]).tree({"n": 1234567890}) == {"n": HIDDEN}


@pytest.mark.parametrize("depth", [100, 400, 900, 2500])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_json_that_can_be_parsed_can_be_masked_however_deep_it_is(depth: int, opening: str, closing: str) -> None:
    parsed = parse_json(opening * depth + json.dumps(PLAIN) + closing * depth)
    fault = ""
    try:
        masked = Mask([PLAIN]).tree(parsed)
    except RecursionError as error:
        fault = str(error)
    assert fault == ""  # not `pytest.raises`: a traceback of thousands of frames takes a minute to print
    while isinstance(masked, (list, dict)):
        masked = masked["a"] if isinstance(masked, dict) else masked[0]
    assert PLAIN not in str(masked)


def test_words_are_masked_before_they_are_cut() -> None:
    said = "x" * 90 + PLAIN
    assert PLAIN[:4] not in Mask([PLAIN]).words(said, 95)


def test_words_longer_than_wished_are_cut_and_show_it() -> None:
    words = Mask().words("x" * 1000, 50)
    assert (len(words), words[-1]) == (50, "…")


def test_words_are_one_line() -> None:
    assert Mask().words(" a\r\n\tb\u2028c\x85 ") == "a b c"


@pytest.mark.parametrize(
    "hostile",
    [
        "\x1b[2J",
        "\x1b]0;title\x07",
        "a\rb",
        "a\nb",
        "\x00",
        "\x7f",
        "\x9b31m",
        "\u202edrowssap",
        "\u2066x\u2069",
        "\u200b",
        "\u2029",
        "\ufeff",
        "\ud800",
    ],
)
def test_what_steers_a_terminal_is_written_as_an_escape(hostile: str) -> None:
    shown = printable(hostile)
    assert shown.isprintable()
    assert "\\" in shown


@pytest.mark.parametrize("text", ["déjà vu", "日本語", "a b", "🚀", '"quoted"'])
def test_what_people_write_is_left_alone(text: str) -> None:
    assert printable(text) == text
