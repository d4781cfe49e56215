"""Fivetran - Update Connector: what was asked for against what Fivetran shows, which has its own form of everything."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fivetran_blueprints.changes import Comparison, compare
from fivetran_blueprints.update_connector import Inputs
from shared.inputs import secrets

MASK = "******"
SAME: dict[str, tuple[Any, Any]] = {
    "equal": ("manual", "manual"),
    "another case": ("Directly", "DIRECTLY"),
    "true as a text": (True, "true"),
    "a number as a text": (60, "60"),
    "a text as a number": ("60", 60),
    "another form of a number": (1, 1.0),
    "a time without its zero": ("7:00", "07:00"),
    "a time with its seconds": ("7:00", "07:00:00"),
    "a date as its midnight": ("2026-01-01", "2026-01-01T00:00:00Z"),
    "another form of an instant": ("2026-11-22T00:00:00Z", "2026-11-22T00:00:00.000Z"),
    "null as an empty list": (None, []),
    "null as an empty text": (None, ""),
    "an empty object as null": ({}, None),
    "a list in another order": (["b", "a", "c"], ["c", "a", "b"]),
    "another case in a list": (["Users"], ["users"]),
    "a list of lists": ([["a", "b"], ["c"]], [["c"], ["b", "a"]]),
    "keys that were not asked for": ({"a": 1}, {"a": 1, "b": 2}),
    "defaults in the objects of a list": ([{"id": 1}, {"id": 2}], [{"id": 2, "on": True}, {"id": 1, "on": False}]),
    "null that is absent, in an object": ({"a": None}, {}),
    "null that is an empty list, inside": ({"a": {"b": None}}, {"a": {"b": []}}),
}
UNCLEAR: dict[str, tuple[Any, Any, str]] = {
    "a secret as stars": ("hunter22", MASK, "x"),
    "a secret as stars but for its end": ("hunter22", "******22", "x"),
    "a secret as dots": ("hunter22", "\u2022" * 6, "x"),
    "a secret as null": ("hunter22", None, "x"),
    "a secret as stars, in an object": ({"a": "hunter22", "b": 1}, {"a": MASK, "b": 1}, "x.a"),
    "a secret that is absent, in an object": ({"a": "hunter22", "b": 1}, {"b": 1}, "x.a"),
    "secrets as stars, in a list": (["hunter22", "hunter23"], [MASK, MASK], "x"),
    "some of a list as stars": (["a", "hunter22"], [MASK, "a"], "x"),
    "a secret in the objects of a list": ([{"id": 1, "pw": "hunter22"}], [{"id": 1, "pw": MASK}], "x.pw"),
    "objects of a list as stars": ([{"id": 1}], [MASK], "x"),
    "an object as a text": ({"a": 1}, "a=1", "x"),
    "a text as an object": ("a=1", {"a": 1}, "x"),
    "a list as a text": (["a"], "a", "x"),
}
DIFFERENT: dict[str, tuple[Any, Any, str]] = {
    "another text": ("manual", "auto", 'x is "auto", not "manual"'),
    "another number as a text": (60, "360", 'x is "360", not 60'),
    "another boolean": (True, False, "x is false, not true"),
    "another time": ("7:00", "17:00", 'x is "17:00", not "7:00"'),
    "an inner value": ({"a": {"b": "new", "c": 1}}, {"a": {"b": "old", "c": 1}}, 'x.a.b is "old", not "new"'),
    "a value where null was asked for": (None, 5, "x is 5"),
    "a longer list": (["a"], ["a", "b"], "x is "),
    "a shorter list": (["a", "b"], ["a"], "x is "),
    "a list that was to be emptied": ([], ["a"], "x is "),
    "another item of a list": (["a", "b"], ["a", "c"], "x is "),
    "an item too often": (["a", "a"], ["a", "b"], "x is "),
    "another item beside a mask": (["a", "b", "hunter22"], ["a", "c", MASK], "x is "),
    "more masks than secrets": (["hunter22"], [MASK, MASK], "x is "),
    "a value in the objects of a list": ([{"id": 1, "on": True}], [{"id": 1, "on": False}], "x"),
}


@pytest.mark.parametrize(("asked", "shown"), SAME.values(), ids=SAME)
def test_another_form_of_the_same_is_no_difference(asked: Any, shown: Any) -> None:
    assert compare({"x": asked}, {"x": shown}) == Comparison((), ())


@pytest.mark.parametrize("asked", [None, [], {}, ""])
def test_nothing_that_is_absent_is_no_difference(asked: Any) -> None:
    assert compare({"x": asked}, {}) == Comparison((), ())


@pytest.mark.parametrize(("asked", "shown", "path"), UNCLEAR.values(), ids=UNCLEAR)
def test_what_cannot_be_compared_is_named_and_is_no_difference(asked: Any, shown: Any, path: str) -> None:
    assert compare({"x": asked}, {"x": shown}) == Comparison((), (path,))


def test_what_is_absent_is_named_and_is_no_difference() -> None:
    assert compare({"x": 1, "y": {"z": True}}, {"y": {}}) == Comparison((), ("x", "y.z"))


@pytest.mark.parametrize("order", [1, -1])
def test_objects_with_secrets_may_be_in_another_order(order: int) -> None:
    asked = [{"id": number, "password": f"hunter{number}"} for number in (1, 2, 3)]
    shown = [{"id": number, "password": MASK, "on": True} for number in (1, 2, 3)][::order]
    assert compare({"x": asked}, {"x": shown}).differences == ()


@pytest.mark.parametrize(("asked", "shown", "words"), DIFFERENT.values(), ids=DIFFERENT)
def test_a_plain_value_that_differs_is_named_with_its_path_and_both_values(asked: Any, shown: Any, words: str) -> None:
    differences, unclear = compare({"x": asked}, {"x": shown})
    assert len(differences) == 1
    assert differences[0].startswith(words)
    assert unclear == ()


SECRET_PLACES: list[tuple[Any, Any]] = [
    ({"config": {"host": "asked-1"}}, {"config": {"host": "shown-1"}}),
    ({"config": {"a": {"b": "asked-1"}}}, {"config": {"a": {"b": "shown-1"}}}),
    ({"auth": {"client": {"id": "asked-1"}}}, {"auth": {"client": {"id": "shown-1"}}}),
    ({"config": {"hosts": ["asked-1"]}}, {"config": {"hosts": ["shown-1"]}}),
    ({"api_token": "asked-1"}, {"api_token": "shown-1"}),
    ({"webhook": {"signing_Secret": "asked-1"}}, {"webhook": {"signing_Secret": "shown-1"}}),
    ({"pats": ["asked-1"]}, {"pats": ["shown-1"]}),
    ({"users": [{"name": "x", "password": "asked-1"}]}, {"users": [{"name": "x", "password": "shown-1"}]}),
    ({"users": [{"credentials": ["asked-1"]}]}, {"users": [{"credentials": ["shown-1"]}]}),
]


@pytest.mark.parametrize(("asked", "shown"), SECRET_PLACES)
def test_a_value_that_may_be_a_secret_is_not_shown(asked: dict[str, Any], shown: dict[str, Any]) -> None:
    (difference,) = compare(asked, shown).differences
    assert "not what was requested" in difference
    assert "asked-1" not in difference
    assert "shown-1" not in difference
    assert secrets(Inputs, {"FIVETRAN_CUSTOM_UPDATE": json.dumps(asked)}) == ([], ["asked-1"])


PLAIN = '{"schedule_type": "manual", "schema": {"name": "public"}, "config": {"port": 5432}}'


@pytest.mark.parametrize("text", [PLAIN, "", "{", "NaN"])
def test_other_values_and_a_text_that_is_no_json_hold_no_secrets(text: str) -> None:
    assert secrets(Inputs, {"FIVETRAN_CUSTOM_UPDATE": text}) == ([], [])
