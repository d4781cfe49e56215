"""JSON of any length: what is shared within a long one is never seen from outside."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared import strict_json

ALIKE = [
    {"n": 1},
    {"n": True},
    {"n": 1.0},
    {"n": "1"},
    {"n": 0},
    {"n": False},
    {"n": None},
    {},
    [],
    {"n": {"n": 1}},
    "",
]


def long(items: list[Any]) -> str:
    return json.dumps({"items": items, "filler": ["x" * 50] * (strict_json.LARGE // 50)})


def types(value: Any) -> Any:
    """A value with the type of each part, because 1, 1.0 and True are equal."""
    if isinstance(value, dict):
        return {key: types(item) for key, item in value.items()}
    return [types(item) for item in value] if isinstance(value, list) else (type(value), value)


@pytest.mark.parametrize("items", [ALIKE, ALIKE[::-1], ALIKE * 3], ids=["in order", "in reverse", "again"])
def test_a_long_text_is_read_as_any_other(items: list[Any]) -> None:
    assert types(strict_json.parse(long(items))["items"]) == types(items)


def test_more_kinds_than_are_shared_are_read_as_well() -> None:
    items = [{"n": number, "name": f"name {number}"} for number in range(3 * strict_json.MOST_KNOWN)] * 2
    counts = [{"added": number} for number in range(3 * strict_json.MOST_KNOWN)] * 2
    read = strict_json.parse(long(items + counts))["items"]
    assert read == items + counts


def test_what_is_the_same_in_a_long_text_takes_its_place_once() -> None:
    first, second = strict_json.parse(long([{"added": 1, "by": "orders"}, {"added": 1, "by": "orders"}]))["items"]
    assert first["by"] is second["by"]
    first, second = strict_json.parse(long([{"added": 1}, {"added": 1}]))["items"]
    assert first is second


@pytest.mark.parametrize("filler", ["", "x" * strict_json.LARGE], ids=["short", "long"])
def test_the_same_key_twice_is_refused_in_a_text_of_any_length(filler: str) -> None:
    with pytest.raises(ValueError, match="twice"):
        strict_json.parse(f'[{{"a": 1, "a": 2}}, "{filler}"]')
