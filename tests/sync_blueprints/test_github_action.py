"""What the GitHub Action tells GitHub's runner."""

from __future__ import annotations

import pytest

from sync_blueprints.catalog import find
from sync_blueprints.github_action import last_tables, masks, outputs

NANGO = find("Nango - Trigger Sync")
FIVETRAN = find("Fivetran - Execute Sync")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("sk_1234", ["sk_1234"]),
        ("  sk_1234\n", ["sk_1234"]),
        ("100%\r\n::error::x", ["100%25%0D%0A::error::x", "100%25", "::error::x"]),
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


def test_the_outputs_are_those_of_the_last_attempt() -> None:
    first = "exit-code=210\noutcome=running\nsync-id=\nmessage=a=b\n"
    second = "exit-code=0\noutcome=succeeded\nsync-id=7\nmessage=c\n"
    assert outputs(first + second, 0) == second


@pytest.mark.parametrize("written", ["", "exit-code=210\noutcome=running\nsync-id=1\nmessage=an earlier attempt\n"])
def test_an_attempt_that_was_killed_is_not_told_as_an_earlier_one(written: str) -> None:
    told = outputs(written, 137)
    assert told.splitlines()[:3] == ["exit-code=137", "outcome=error", "sync-id="]
    assert "exit code 137" in told


def test_a_run_that_was_interrupted_is_told_by_its_own_signal_and_in_the_scripts_words() -> None:
    written = "exit-code=143\noutcome=interrupted\nsync-id=7\nmessage=the sync goes on\n"
    assert outputs(written, 130) == written.replace("143", "130")


def test_the_summary_keeps_one_table_for_each_blueprint() -> None:
    written = "| A | |\n| x |\n\n| B | |\n| 1 |\n\n| B | |\n| 2 |\n\n"
    assert last_tables(written) == "| A | |\n| x |\n\n| B | |\n| 2 |\n\n"
