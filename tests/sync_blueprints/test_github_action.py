"""What the GitHub Action tells GitHub's runner."""

from __future__ import annotations

import pytest

from sync_blueprints.catalog import find
from sync_blueprints.github_action import masks, outputs

NANGO = find("Nango - Trigger Sync")
FIVETRAN = find("Fivetran - Execute Sync")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("sk_1234", ["sk_1234"]),
        ("  sk_1234\n", ["sk_1234"]),
        ("100%0A\r\n::error::x", ["100%250A%0D%0A::error::x", "100%250A", "::error::x"]),
        ("abc", []),  # shorter than what is ever hidden
        ("abc\nlonger", ["abc%0Alonger", "longer"]),
        ("", []),
        ("None", []),
    ],
)
def test_a_password_is_masked_whole_and_line_by_line(value: str, expected: list[str]) -> None:
    assert masks([NANGO], {"NANGO_SECRET_KEY": value}) == [f"::add-mask::{one}" for one in expected]


def test_only_passwords_of_the_blueprints_that_run_are_masked_and_each_once() -> None:
    environment = {"FIVETRAN_API_KEY": "same", "FIVETRAN_API_SECRET": "same", "FIVETRAN_CONNECTOR_ID": "connector"}
    assert masks([FIVETRAN, NANGO], environment) == ["::add-mask::same"]


def test_the_outputs_are_one_line_each_whatever_the_result_holds() -> None:
    result = {"outcome": "succeeded", "sync_id": None, "message": "a=b\nexit-code=0\r\u2028x"}
    assert outputs(result, 211).split("\n") == [
        *("exit-code=211", "outcome=succeeded", "sync-id=", "message=a=b exit-code=0 x", "")
    ]


def test_a_run_that_was_interrupted_before_it_began_says_so() -> None:
    assert outputs({}, 143).split("\n")[:2] == ["exit-code=143", "outcome=interrupted"]
