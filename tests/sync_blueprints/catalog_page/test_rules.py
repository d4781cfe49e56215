"""The page's rules held against the scripts': both judge the same texts, and say the same."""

# ruff: noqa: RUF001  # letters that look like others are what is tried
from __future__ import annotations

import importlib
import itertools
import json
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from shared import inputs
from shared.errors import InvalidInputError
from sync_blueprints.catalog import Blueprint, find, load
from tests.sync_blueprints.catalog_page.conftest import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BLANKS = "".join(chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace())
# fmt: off
TEXTS = [
    "", " ", "None", " None\n", "none", "NONE", "null", "Nöne", "'None'", BLANKS, f"{BLANKS}None{BLANKS}",
    "a", "speak_inexpensive", "A-1_b", "-", "x" * 200, "x" * 201, "x" * 60, "x" * 61, "x" * 10_000,
    " " * 10_000 + "x",
    "a b", "a\u00a0b", "\u00a0a\u2003", "\u2003", "\ufeffa", "\u200ba", "\u180ea", "a\x1c", "\x1fa", "a\x00",
    "a\x7f",
    "a\nb", "a\n", "a\r\nb", "a\tb", "\x1b[31mred", "a\x85", "a\u2028b", "../x", "..", "a/b", "a\\b",
    "%2e%2e", "a.b",
    "ä", "é", "e\u0301", "ß", "ſ", "İ", "\u212a", "１", "٣", "Ａ", "а", "\u202ea", "😀", "😀" * 60, "😀" * 61,
    "\ud800",
    "\udfffx", "it's", 'say "x"', "it's \"x\"", "`x`", "$(id)", "${{ x }}", "${HOME}", "a,b", "a, b", "a,,b",
    ",", "a::b",
    "a::b::c", "a::", "::b", "a:b", "a.b-c_d::v.1", f"{'x' * 200},y", f"{'x' * 201},y", "a ,\u00a0b\u2003,c",
    "~:.@ _-",
    "salesforce@2", "{a}", "[a|b]", "a+b=c;d~e", "a\"b'c", "€",
    "TRUE", "true", "TrUe", "FALSE", "fAlSe", "falſe", "ＴＲＵＥ", "yes", "1", "0", "TRUE FALSE", "t\u212aue",
    "restart", "RESTART", "join", "Wait", "fail", "restart,join", "incremental", "Full", "us", "eU", "manual",
    "AUTO",
    "-1", "+1", "+0", "007", "3600", "3601", "999999999", "1000000000", "9" * 5000, "1.5", "1e3", "1_000",
    "0x10", "1 2",
    "--rebase_incremental", "--model_refs models/a b", "--begin_time\u00a01", "--begin_time\n\n --end_time",
    "--nope", "\n",
    "--end_time\x0b--end_time", "--end_time\x1c--nope", "--end_time\u2028--model_refs", "--end_timex",
    "x --end_time",
    "{}", "[]", "1", '"a"', "null", "true", '{"a": 1}', '{"a": NaN}', '{"a": -Infinity}', '{"a": 1e999}',
    '{"a": -1e999}',
    '{"a": "1e999"}', '{"a": 1e308}', '{"a": 0.1e-999}', '{"a": 01}', '{"a": 1.}', '{"a": .5}', '{"a": +1}',
    '{"a": -0}',
    "{'a': 1}", '{"a": 1,}', '{"a": 1} x', '{"a": 1}{}', '{"a"}', "{", "}", '{"a": "\n"}', '{"a": "\\ud800"}',
    '{"a": "😀"}',
    '{"a": "\x7f"}', '{"a": "\\x"}', '{"a": "\ud800"}', '\ufeff{"a": 1}', '\ufeff\ufeff{"a": 1}',
    '{"a": 1}\ufeff', '{\u00a0"a": 1}',
    f'{{"a": {"9" * 400}}}',
    f'{{"a": {"9" * 401}}}',
    f'{{"a": -{"9" * 400}}}',
    f'{{"a": {"9" * 5000}.5}}',
    f'{{"a": "{"9" * 5000}"}}',
    f'{{"a": {"[" * 99}{"]" * 99}}}',
    f'{{"a": {"[" * 100}{"]" * 100}}}',
    f'{{"a": "{"[" * 101}"}}',
    '{"a": ' * 20_000,
    "https://x", "HTTPS://X", "http://127.0.0.1:8080/base/", "https://x/", "https://x/v1/", "https://x/v2",
    "//x", "x.test",
    "http://[::1]:9", "http://[::1]", "http://[::1", "http://::1]", "https://", "https:///x", "https:/x",
    "https:x", "http:",
    "ftp://x", "javascript:alert(1)", "https://a@b", "https://a:b@c", "https://x?y", "https://x?",
    "https://x#", "https://x y",
    "https://x:", "https://x:0", "https://x:00080", "https://x:65535", "https://x:65536", "https://x:port",
    "https://x:1:2",
    "https://:80", "https://x\\y", "https://x/\u00e9", "https://é.test", "https://x/\x00", "https://x\n.test",
    "https://x/a:b",
    "https://x/[", "https://x/%2e", f"https://{'x' * 10_000}", "https://😀", " https://x\u00a0", "https://x//",
    "https://x/@",
    inputs.PREDEFINED_GROUP, f"x{inputs.PREDEFINED_GROUP}y", inputs.PREDEFINED_GROUP.lower(),
]
# fmt: on
GOOD = {
    "FIVETRAN_CONNECTOR_ID": "speak_inexpensive",
    "NANGO_PROVIDER_CONFIG_KEY": "salesforce",
    "RUDDERSTACK_SOURCE_ID": "source",
    "FIVETRAN_PAUSED": "TRUE",
}
# fmt: off
CUSTOM = [
    '{"paused": true}', '{"paused": 1}', '{"paused": 1.0}', '{"paused": "TRUE"}', '{"paused": null}',
    '{"paused": false}',
    '{"is_historical_sync": true}', '{"is_historical_sync": false}', '{"schedule_type": "manual"}', "{}",
    '{"x": 1}', "{",
    '{"schedule_type": "MANUAL"}', '{"run_setup_tests": true}', '{"__proto__": 1}', '{"constructor": 1}',
    "None", "",
]
# fmt: on
COMBINATIONS: list[tuple[str, dict[str, list[str]]]] = [
    (
        "RudderStack - Trigger Sync",
        {
            "RUDDERSTACK_SOURCE_ID": ["", "a", "a b", "None"],
            "RUDDERSTACK_CONNECTION_ID": ["", "b", "../b", " "],
            "RUDDERSTACK_PARAMETERS": ["", "--end_time 1", "--nope"],
            "RUDDERSTACK_POLL_INTERVAL": ["", "0"],
        },
    ),
    (
        "RudderStack - Check Sync Status",
        {"RUDDERSTACK_SOURCE_ID": ["", "a", "a b"], "RUDDERSTACK_CONNECTION_ID": ["", "b", "../b"]},
    ),
    (
        "Fivetran - Execute Sync",
        {
            "FIVETRAN_CONNECTOR_ID": ["", "a"],
            "FIVETRAN_FORCE": ["", "TRUE", "false", "None", "maybe"],
            "FIVETRAN_IF_RUNNING": ["", "restart", "JOIN", "wait", "fail", "None", "maybe"],
        },
    ),
    (
        "Fivetran - Update Connector",
        {
            "FIVETRAN_CONNECTOR_ID": ["a"],
            "FIVETRAN_SCHEDULE_TYPE": ["", "manual", "none", "nope"],
            "FIVETRAN_PAUSED": ["None", "true", "FALSE"],
            "FIVETRAN_HISTORICAL_SYNC": ["", "TRUE", "FALSE"],
            "FIVETRAN_CUSTOM_UPDATE": CUSTOM,
        },
    ),
    (
        "Nango - Trigger Sync",
        {
            "NANGO_PROVIDER_CONFIG_KEY": ["", "a"],
            "NANGO_RESET": ["", "TRUE", "False", "maybe"],
            "NANGO_EMPTY_CACHE": ["", "true", "FALSE", "None", "maybe"],
            "NANGO_IF_RUNNING": ["", "join", "WAIT", "fail", "restart"],
        },
    ),
]
READ = """
const one = blueprints.find(({ name }) => name === a);
return b.map((typed) => read(one, typed).faults.map(([, said]) => said))
"""


def said_by_the_script(blueprint: Blueprint, typed: Mapping[str, str]) -> str:
    kind = importlib.import_module(blueprint.file_to_run[: -len(".py")].replace("/", ".")).Inputs
    secrets = {one.reference: "secret" for one in blueprint.inputs if one.type == "Password"}
    try:
        inputs.read(kind, {**secrets, **typed})
    except InvalidInputError as fault:
        return str(fault)
    return ""


def assert_the_same(page: Page, blueprint: Blueprint, cases: list[dict[str, str]]) -> None:
    """What JSON's parser says in detail differs between languages, and the order of faults may: nothing else."""
    told: list[Any] = page.script(READ, blueprint.name, cases)
    for typed, by_the_page in zip(cases, told):
        rest = by_the_script = said_by_the_script(blueprint, typed)
        for sentence in by_the_page:
            known = sentence.partition("is no JSON: ")
            assert known[0] + known[1] in rest, (typed, by_the_page, by_the_script)
            rest = rest.replace(known[0] + known[1], "", 1)
        assert bool(by_the_page) == bool(by_the_script), (typed, by_the_page, by_the_script)
        if "is no JSON: " not in by_the_script:
            assert rest == "; " * (len(by_the_page) - 1), (typed, by_the_page, by_the_script)


@pytest.mark.parametrize("blueprint", load(), ids=lambda one: one.name)
def test_the_page_judges_every_odd_text_as_the_script_does(page: Page, blueprint: Blueprint) -> None:
    own = [one.reference for one in blueprint.inputs if one.type != "Password"]
    good = {name: value for name, value in GOOD.items() if name in own}
    assert_the_same(page, blueprint, [{**good, name: text} for name in own for text in TEXTS])


@pytest.mark.parametrize(("name", "values"), COMBINATIONS, ids=lambda one: one if isinstance(one, str) else "")
def test_the_page_finds_the_same_contradictions(page: Page, name: str, values: dict[str, list[str]]) -> None:
    cases = [dict(zip(values, texts)) for texts in itertools.product(*values.values())]
    assert_the_same(page, find(name), cases)


def test_the_page_cuts_the_same_blanks(page: Page) -> None:
    every = [chr(code) for code in range(sys.maxunicode + 1)]
    blank = [one for one in every if not one.strip()]
    assert page.script("return a.filter((one) => strip(one) === '')", every) == blank


def test_the_page_shows_every_character_as_python_does(page: Page) -> None:
    codes = [*range(0x3000), *range(0xD7F0, 0xE010), *range(0xFE00, 0x10100), 0x1F600, sys.maxunicode]
    every = [*map(chr, codes), "'", '"', "'\"", "\\'", '\\"']
    assert page.script("return a.map(shown)", every) == [inputs.shown(one) for one in every]


def test_what_the_page_takes_is_what_the_script_gets(page: Page) -> None:
    typed = {"FIVETRAN_CONNECTOR_ID": "\u00a0abc\n", "FIVETRAN_API_URL": "None", "FIVETRAN_WAIT": " ", "OTHER": "x"}
    source = "return read(blueprints.find(({ slug }) => slug === 'fivetran-execute-sync'), a).given"
    assert json.dumps(page.script(source, typed)) == '{"FIVETRAN_CONNECTOR_ID": "abc"}'
