"""Inputs: environment variables read and checked together, each fault named, no secret shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from shared import inputs
from shared.errors import InvalidInputError, InvalidPollIntervalError


def parse_lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


class Inputs:
    secret: str = inputs.password("ACME_SECRET")
    sync: str = inputs.identifier("ACME_SYNC_ID")
    other: str | None = inputs.identifier("ACME_OTHER_ID", required=False)
    mode: str = inputs.choice("ACME_MODE", "restart", "Join", "TRUE", default="restart")
    paused: str | None = inputs.choice("ACME_PAUSED", "None", "TRUE", "FALSE", default=None)
    reset: bool = inputs.boolean("ACME_RESET")
    force: bool | None = inputs.boolean("ACME_FORCE", default=None)
    timeout: int = inputs.integer("ACME_WAIT_TIMEOUT", default=230, unit="minutes", least=1)
    poll_interval: int = inputs.integer("ACME_POLL_INTERVAL", default=60, unit="seconds", least=1, most=3600)
    update: Any = inputs.text("ACME_UPDATE", inputs.json_object)
    lines: list[str] | None = inputs.text("ACME_LINES", parse_lines, multiline=True)
    api_url: str = inputs.url("ACME_API_URL", default="https://api.acme.test", cut="/v1")

    def contradictions(self, given: set[str]) -> Iterator[str]:
        if self.reset and "ACME_FORCE" in given:
            yield "ACME_RESET and ACME_FORCE are at odds"


GOOD = {"ACME_SECRET": "s3cr3t-token", "ACME_SYNC_ID": "sync_1"}


def read(**changes: str) -> Inputs:
    return inputs.read(Inputs, {**GOOD, **changes})


def fault(**changes: str) -> str:
    with pytest.raises(InvalidInputError) as caught:
        read(**changes)
    return str(caught.value)


def test_what_is_not_given_has_its_default() -> None:
    given = read()
    assert (given.mode, given.reset, given.force, given.timeout, given.poll_interval) == (
        "restart",
        False,
        None,
        230,
        60,
    )
    assert (given.other, given.update, given.lines, given.api_url) == (None, None, None, "https://api.acme.test")


@pytest.mark.parametrize("value", ["", "   ", "\t\n", "None", "  None "])
@pytest.mark.parametrize(
    ("variable", "field"),
    [
        ("ACME_OTHER_ID", "other"),
        ("ACME_MODE", "mode"),
        ("ACME_RESET", "reset"),
        ("ACME_WAIT_TIMEOUT", "timeout"),
        ("ACME_UPDATE", "update"),
        ("ACME_API_URL", "api_url"),
    ],
)
def test_an_empty_value_and_the_text_none_count_as_not_given(variable: str, field: str, value: str) -> None:
    assert getattr(read(**{variable: value}), field) == getattr(read(), field)


@pytest.mark.parametrize("value", ["", "   ", "None"])
def test_an_input_that_is_not_given_contradicts_nothing(value: str) -> None:
    assert read(ACME_RESET="TRUE", ACME_FORCE=value).reset


@pytest.mark.parametrize("value", ["", " ", "None"])
@pytest.mark.parametrize("variable", ["ACME_SECRET", "ACME_SYNC_ID"])
def test_a_required_input_that_is_not_given_is_a_fault(variable: str, value: str) -> None:
    assert variable in fault(**{variable: value})


def test_a_required_input_that_is_absent_is_a_fault() -> None:
    with pytest.raises(InvalidInputError, match=r"ACME_SECRET.*ACME_SYNC_ID"):
        inputs.read(Inputs, {})


@pytest.mark.parametrize("value", ["  sync_1", "sync_1\n", "\t sync_1 \r\n"])
def test_blanks_around_a_value_are_cut(value: str) -> None:
    assert read(ACME_SYNC_ID=value).sync == "sync_1"


def test_blanks_around_a_password_are_cut() -> None:
    assert read(ACME_SECRET=" s3cr3t-token\n").secret == "s3cr3t-token"


@pytest.mark.parametrize(("value", "expected"), [("TRUE", True), ("true", True), ("True", True), ("fAlSe", False)])
def test_a_boolean_is_true_or_false_in_any_case(value: str, expected: bool) -> None:
    assert read(ACME_FORCE=value).force is expected


@pytest.mark.parametrize("value", ["yes", "no", "1", "0", "on", "t", "TRUE FALSE", "falſe", "ＴＲＵＥ", "null"])  # noqa: RUF001
def test_any_other_boolean_is_a_fault(value: str) -> None:
    assert "ACME_FORCE" in fault(ACME_FORCE=value)


@pytest.mark.parametrize(("value", "expected"), [("RESTART", "restart"), ("join", "Join"), (" JOIN ", "Join")])
def test_a_select_is_one_of_its_options_in_any_case(value: str, expected: str) -> None:
    assert read(ACME_MODE=value).mode == expected


@pytest.mark.parametrize("value", ["None", "none", "NONE", ""])
def test_the_option_none_of_a_select_is_the_same_as_not_given(value: str) -> None:
    assert read(ACME_PAUSED=value).paused is None


@pytest.mark.parametrize("value", ["rerun", "restart,join", "joi", "restart join"])
def test_any_other_option_is_a_fault_that_names_the_options(value: str) -> None:
    message = fault(ACME_MODE=value)
    assert "ACME_MODE" in message
    assert "restart, Join, TRUE" in message


@pytest.mark.parametrize(("value", "expected"), [("1", 1), ("230", 230), (" 007 ", 7)])
def test_a_whole_number_is_read(value: str, expected: int) -> None:
    assert read(ACME_WAIT_TIMEOUT=value).timeout == expected


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "1e3", "ten", "1_000", "٣", "0x10", "9" * 5000, "1 2", "NaN"])
def test_any_other_number_is_a_fault(value: str) -> None:
    assert "ACME_WAIT_TIMEOUT" in fault(ACME_WAIT_TIMEOUT=value)


@pytest.mark.parametrize("value", ["1", "3600"])
def test_a_poll_interval_from_1_to_3600_is_taken(value: str) -> None:
    assert read(ACME_POLL_INTERVAL=value).poll_interval == int(value)


@pytest.mark.parametrize("value", ["0", "3601", "-5", "soon", "60s", "1.5"])
def test_a_bad_poll_interval_alone_has_an_exit_code_of_its_own(value: str) -> None:
    with pytest.raises(InvalidPollIntervalError, match="ACME_POLL_INTERVAL") as caught:
        read(ACME_POLL_INTERVAL=value)
    assert caught.value.exit_code == 205


@pytest.mark.parametrize(
    "other",
    [
        {"ACME_MODE": "rerun"},
        {"ACME_SECRET": ""},
        {"ACME_RESET": "TRUE", "ACME_FORCE": "TRUE"},
    ],
)
def test_a_bad_poll_interval_beside_another_fault_is_an_invalid_input(other: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError, match="ACME_POLL_INTERVAL") as caught:
        read(ACME_POLL_INTERVAL="0", **other)
    assert caught.value.exit_code == 206


def test_a_poll_interval_with_a_placeholder_of_the_platform_names_the_cure() -> None:
    assert "custom credential group" in fault(ACME_POLL_INTERVAL=inputs.PREDEFINED_GROUP)


def test_all_faults_are_reported_together() -> None:
    message = fault(
        ACME_SECRET="",
        ACME_SYNC_ID="../x",
        ACME_OTHER_ID="a b",
        ACME_MODE="rerun",
        ACME_RESET="maybe",
        ACME_WAIT_TIMEOUT="0",
        ACME_POLL_INTERVAL="0",
        ACME_UPDATE="{",
        ACME_API_URL="ftp://x",
    )
    for variable in ("SECRET", "SYNC_ID", "OTHER_ID", "MODE", "RESET", "WAIT_TIMEOUT", "POLL_INTERVAL", "UPDATE"):
        assert f"ACME_{variable}" in message
    assert "ACME_API_URL" in message


def test_a_contradiction_is_reported_beside_the_other_faults() -> None:
    message = fault(ACME_RESET="TRUE", ACME_FORCE="TRUE", ACME_MODE="rerun")
    assert "at odds" in message
    assert "ACME_MODE" in message


@pytest.mark.parametrize("value", ["a", "abc-DEF_123", "0", "x" * 200])
def test_an_id_of_the_allowed_characters_is_taken(value: str) -> None:
    assert read(ACME_SYNC_ID=value).sync == value


@pytest.mark.parametrize(
    "value",
    [
        "../x",
        "..",
        "a/b",
        "a\\b",
        "a b",
        "a\nb",
        "a%2e",
        "a?b=c",
        "a#b",
        "a.b",
        "ä",
        "１",  # noqa: RUF001
        "\ud800",
        "a\x00b",
        "x" * 201,
        "${HOME}",
        "a,b",
    ],
)
@pytest.mark.parametrize("variable", ["ACME_SYNC_ID", "ACME_OTHER_ID"])
def test_an_id_of_other_characters_is_a_fault(variable: str, value: str) -> None:
    assert variable in fault(**{variable: value})


@pytest.mark.parametrize(
    "variable",
    ["ACME_SECRET", "ACME_SYNC_ID", "ACME_MODE", "ACME_RESET", "ACME_WAIT_TIMEOUT", "ACME_UPDATE", "ACME_API_URL"],
)
def test_the_placeholder_of_a_predefined_credential_group_names_the_cure(variable: str) -> None:
    message = fault(**{variable: "CREDENTIAL_PREDEFINED_GROUP_NOT_IN_LIBRARY_BLUEPRINT"})
    assert variable in message
    assert "custom credential group whose keys are the variable names" in message


@pytest.mark.parametrize(
    "value", ["töken-of-mine", "token\nof-mine", "token\x00of-mine", "token\u200bof-mine", "\ud800x"]
)
def test_a_password_that_cannot_be_one_is_a_fault_and_not_shown(value: str) -> None:
    message = fault(ACME_SECRET=value)
    assert "ACME_SECRET" in message
    assert "of-mine" not in message


def test_a_password_is_not_in_the_repr() -> None:
    assert "s3cr3t" not in repr(read())


def test_a_password_is_known_for_masking_even_if_it_is_invalid() -> None:
    assert list(inputs.passwords(Inputs, {"ACME_SECRET": " töken ", "ACME_SYNC_ID": "x"})) == [" töken "]


def test_a_password_that_is_not_given_is_nothing_to_mask() -> None:
    assert list(inputs.passwords(Inputs, {"ACME_SECRET": "None"})) == []


@pytest.mark.parametrize("value", ["[1]", '"text"', "1", "{", "{'a': 1}", "[" * 100_000, "{}{}", "nope"])
def test_a_json_input_that_is_no_object_is_a_fault(value: str) -> None:
    assert "ACME_UPDATE" in fault(ACME_UPDATE=value)


def test_a_json_object_is_parsed() -> None:
    assert read(ACME_UPDATE=json.dumps({"a": [1, None]})).update == {"a": [1, None]}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_json_input_with_what_is_no_number_of_json_is_a_fault(number: str) -> None:
    assert "ACME_UPDATE" in fault(ACME_UPDATE=f'{{"a": {number}}}')


def test_free_text_may_have_lines() -> None:
    assert read(ACME_LINES=" --one\n --two ").lines == ["--one", "--two"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://proxy.test", "https://proxy.test"),
        ("https://proxy.test/", "https://proxy.test"),
        ("http://127.0.0.1:8080/base/", "http://127.0.0.1:8080/base"),
        ("https://proxy.test/v1/", "https://proxy.test"),
        ("http://[::1]:9", "http://[::1]:9"),
    ],
)
def test_a_url_is_taken_without_what_is_put_behind_it(value: str, expected: str) -> None:
    assert read(ACME_API_URL=value).api_url == expected


@pytest.mark.parametrize(
    "value",
    [
        "api.acme.test",
        "ftp://api.acme.test",
        "file:///etc/passwd",
        "https://",
        "https://user:secret-word@api.acme.test",
        "https://api.acme.test?key=secret-word",
        "https://api.acme.test#secret-word",
        "https://api.acme.test?",
        "https://api.acme.test#",
        "https://api.acme.test:port",
        "https://api.acme.test:99999",
        "https://[::1",
        "https://api acme.test",
        "https://api.acme.test/\u202e",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_base_url_is_a_fault_and_its_secrets_are_not_shown(value: str) -> None:
    message = fault(ACME_API_URL=value)
    assert "ACME_API_URL" in message
    assert "secret-word" not in message


@pytest.mark.parametrize("value", ["x" * 10_000, "\x1b[31m", "a\nb", "\u202e"])
def test_a_value_in_a_message_is_short_and_printable(value: str) -> None:
    message = fault(ACME_MODE=value)
    assert len(message) < 300
    assert message.isprintable()


def test_the_environment_is_only_read() -> None:
    environment = dict(GOOD)
    inputs.read(Inputs, environment)
    assert environment == GOOD
