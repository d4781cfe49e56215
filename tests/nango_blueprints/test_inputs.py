"""Nango's inputs: what they may be, what they mean, and what is asked for by them."""

from __future__ import annotations

from typing import Any

import pytest

from nango_blueprints import check_credentials, check_sync_status, trigger_sync
from nango_blueprints.inputs import sync_names
from shared import inputs
from tests.nango_blueprints.responses import ENVIRONMENT, KEY


def read(script: Any = trigger_sync, of: dict[str, str] = ENVIRONMENT, **given: str) -> Any:
    """The inputs of a script, named without NANGO_; raises what is wrong with them."""
    found, problem = inputs.read(script.Inputs, {**of, **{f"NANGO_{name}": text for name, text in given.items()}})
    if problem is not None:
        raise problem
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", ("a",)),
        ("a,b", ("a", "b")),
        (" a , b::eu ", ("a", "b::eu")),
        ("a,a", ("a",)),
        ("a,a::base", ("a",)),
        ("a::base,b,a", ("a", "b")),
        ("a,a::eu,a::base,a::eu", ("a", "a::eu")),
        ("Git.Hub-issues_2::v1", ("Git.Hub-issues_2::v1",)),
        (f"{'a' * 255}::{'v' * 255}", (f"{'a' * 255}::{'v' * 255}",)),
        ("a" * 255, ("a" * 255,)),
    ],
)
def test_syncs_are_a_comma_list_with_each_sync_once(text: str, expected: tuple[str, ...]) -> None:
    assert sync_names(text) == expected


@pytest.mark.parametrize(
    "text", ["a,", ",", "a b", "a::", "::eu", "a::b::c", "a;b", "*", "a/b", '["a"]', "a" * 256, f"a::{'v' * 256}"]
)
def test_another_list_of_names_is_an_invalid_input(text: str) -> None:
    with pytest.raises(inputs.InvalidInputError, match="NANGO_SYNCS"):
        read(SYNCS=text)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"EMPTY_CACHE": "TRUE"}, ["NANGO_EMPTY_CACHE", "NANGO_RESET"]),
        ({"RESET": "TRUE", "IF_RUNNING": "join"}, ["NANGO_RESET", "NANGO_IF_RUNNING"]),
        ({"PROVIDER_CONFIG_KEY": "a/b"}, ["NANGO_PROVIDER_CONFIG_KEY"]),
        ({"CONNECTION_ID": "a\nb"}, ["NANGO_CONNECTION_ID"]),
        ({"CONNECTION_ID": "a*b"}, ["NANGO_CONNECTION_ID"]),
        ({"CONNECTION_ID": "c" * 256}, ["NANGO_CONNECTION_ID"]),
        ({"CONNECTION_ID": "https://app.nango.dev/dev/connections/github/abc-1"}, ["did you mean abc-1?"]),
        ({"CONNECTION_ID": "https://app.nango.dev/dev/connections/github/abc-1?tab=syncs"}, ["did you mean abc-1?"]),
        ({"PROVIDER_CONFIG_KEY": "https://app.nango.dev/dev/integrations/github"}, ["did you mean github?"]),
    ],
)
def test_problems_of_inputs_are_named_together(given: dict[str, str], words: list[str]) -> None:
    with pytest.raises(inputs.InvalidInputError) as caught:
        read(**given)
    assert caught.value.exit_code == 206
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    "connection", ["user/1", "a.b", "a@b.c", "x|y", "[1]", "${x}", "a,b;c", "it's", "https://a.b/c", "c" * 255]
)
def test_a_connection_id_may_hold_what_nango_allows(connection: str) -> None:
    assert read(CONNECTION_ID=connection).connection_id == connection


def test_an_integration_to_check_credentials_for_may_hold_no_more_than_another() -> None:
    with pytest.raises(inputs.InvalidInputError, match="NANGO_PROVIDER_CONFIG_KEY"):
        read(check_credentials, PROVIDER_CONFIG_KEY="../x")


@pytest.mark.parametrize("script", [check_sync_status, check_credentials])
def test_a_check_needs_no_integration(script: Any) -> None:
    assert read(script, {"NANGO_SECRET_KEY": KEY}).integration is None
