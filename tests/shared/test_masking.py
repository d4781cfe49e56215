"""Secrets out of everything, whatever form they take; and nothing that steers a terminal or forges a line."""

from __future__ import annotations

import base64
import html
import json
import re
from typing import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
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


CANARIES = {
    "short": "q7Zx",
    "signs of URLs": "k/e+y=&?a%2Fb#c",
    "quotes and backslashes": "k'e\"y\\n\\u0041`${x}",
    "markup": "<k>&amp;e&#65;</y>",
    "like base64": "c2VjcmV0OnNlY3JldA==",
    "like base64 for URLs": "-_8x-_8x-_8x",
    "mixed case": "AbCdEfGhIjKlMnOp",
    "digits": "8401239575",
    "a phrase": "correct horse battery",
    "long": "".join(f"{n:x}Z" for n in range(1000, 2250)),
}


def each(template: str) -> Callable[[str], str]:
    """An escape for every single character, needed or not."""
    return lambda text: "".join(template.format(ord(one)) for one in text)


def some(template: str, signs: str) -> Callable[[str], str]:
    return lambda text: "".join(template.format(ord(one)) if one in signs else one for one in text)


WAYS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "in capitals": str.upper,
    "in small letters": str.lower,
    "URL-quoted": lambda text: quote(text, safe=""),
    "URL-quoted in small letters": lambda text: quote(text, safe="").lower(),
    "URL-quoted in capitals": lambda text: quote(text, safe="").upper(),
    "URL-quoted as a path": quote,
    "URL-quoted as a form": quote_plus,
    "URL-quoted twice": lambda text: quote(quote(text, safe=""), safe=""),
    "URL-quoted throughout": each("%{:02x}"),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON within JSON": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    "JSON that is safe in HTML": some("\\u{:04x}", "\"\\'&<>+/="),
    "JSON throughout": each("\\u{:04X}"),
    "JSON with escaped slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "HTML": html.escape,
    "HTML in decimal numbers": each("&#{};"),
    "HTML in hexadecimal numbers": each("&#x{:X};"),
    "HTML of a URL": lambda text: html.escape(quote(text, safe="")),
    "a Python literal": lambda text: repr(text)[1:-1],
    "base64": in_base64,
    "base64 without padding": lambda text: in_base64(text).rstrip("="),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 URL-quoted": lambda text: quote(in_base64(text), safe=""),
    "base64 in JSON that is safe in HTML": lambda text: some("\\u{:04x}", "+/=")(in_base64(text)),
    "hex": lambda text: text.encode().hex(),
}


@pytest.mark.parametrize("secret", CANARIES.values(), ids=CANARIES)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_nothing_is_left_of_a_secret_however_it_is_written(way: Callable[[str], str], secret: str) -> None:
    masked = Mask([secret])(f"before <{way(secret)}> after")
    assert re.fullmatch(r"before <\*\*\*> after", masked)


@pytest.mark.parametrize("way", [str, each("%{:02X}"), each("\\u{:04x}")])
def test_nothing_is_left_of_secrets_that_overlap(way: Callable[[str], str]) -> None:
    assert Mask(["abcd1234", "1234efgh"])(f"-{way('abcd1234efgh')}-") == "-***-"
    assert Mask(["abcXabc"])(f"-{way('abcXabcXabc')}-") == "-***-"


@pytest.mark.parametrize("secret", CANARIES.values(), ids=CANARIES)
@pytest.mark.parametrize("before", range(7))
def test_hardly_anything_is_left_of_a_secret_within_a_longer_text_in_base64(before: int, secret: str) -> None:
    masked = Mask([secret])(in_base64("x" * before + secret + "y" * 5))
    kept = masked.replace("*", "")
    assert secret[3:-3] not in base64.b64decode(kept[: len(kept) // 4 * 4]).decode("latin-1") or len(secret) < 8
    if len(secret) >= 8:
        assert HIDDEN in masked
        assert len(kept) <= len(in_base64("x" * before + "y" * 5)) + 4


@pytest.mark.parametrize("around", ["İ", "ŉ", "ß", "ﬁ", "K", "ſ"])  # noqa: RUF001
@pytest.mark.parametrize("secret", ["k3y-of-sesame", "İk3y-Of-sesameİ", "straße-K-ſecret"])  # noqa: RUF001
def test_letters_whose_other_case_is_longer_shift_nothing(secret: str, around: str) -> None:
    assert Mask([secret])(f"{around}{secret}{around} %C4%B0 {secret}") == f"{around}{HIDDEN}{around} %C4%B0 {HIDDEN}"


@pytest.mark.parametrize("way", [str, ascii, repr, json.dumps], ids=lambda way: way.__name__)
@pytest.mark.parametrize("secret", ["tökén-of-mine", "🚀 token", "\ud800token", "to\nken\x00"])
def test_a_secret_that_cannot_be_one_is_hidden_as_messages_of_this_project_would_show_it(
    secret: str, way: Callable[[str], str]
) -> None:
    if way is json.dumps and not secret.isascii():
        pytest.skip("no message holds an input in JSON")
    assert Mask([secret])(way(secret)).strip("'\"") == HIDDEN


@given(
    text=st.text(st.sampled_from("abK%&#x;u0041\\\"'/İ25amp\n"), max_size=60),
    secret=st.text(st.sampled_from("abK%&#;u41\\\"'"), min_size=4, max_size=8),
)
def test_masking_leaves_no_secret_and_changes_nothing_else(text: str, secret: str) -> None:
    mask = Mask([secret])
    masked = mask(f"{text}{secret}{text}")
    assert secret.lower() not in masked.lower() or secret.lower() in text.lower().replace("*", "")
    assert HIDDEN in masked
    assert mask("nothing of it") == "nothing of it"


@given(st.text(st.sampled_from("x %&;amp41\\u00")), st.integers(0, 80))
def test_a_text_that_is_cut_is_what_the_whole_one_begins_with(text: str, most: int) -> None:
    mask = Mask(["se&cr%et"])
    assert mask(text * 9).startswith(mask.start(text * 9, most))


@pytest.mark.parametrize("at", range(70, 110))
@pytest.mark.parametrize("way", ["plain", "URL-quoted throughout", "JSON throughout", "base64"])
def test_a_secret_is_hidden_wherever_a_long_text_is_cut(way: str, at: int) -> None:
    shown = Mask([PLAIN]).start("-" * at + WAYS[way](PLAIN) * 200, 100)
    assert set(shown) <= {"-", "*", "="}
    assert len(shown) <= 100


def test_megabytes_of_escapes_are_cut_before_they_are_looked_through() -> None:
    mask = Mask([PLAIN])
    looked_at = [len(mask.words(sign * 5_000_000)) for sign in ("&amp;", "%41", "\\\\", " ", "\x1b")]
    assert max(looked_at) <= 500


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
