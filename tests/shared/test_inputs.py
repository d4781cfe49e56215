"""Inputs: environment variables read and checked together, each problem named, no secret shown."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from shared import inputs, values
from shared.errors import InvalidInputError, InvalidPollIntervalError
from sync_blueprints.root import ROOT

SECRET = "s3cr3t-token"


class Inputs(inputs.Inputs):
    vendor = "acme"
    secret: str = inputs.password("ACME_SECRET")
    sync: str = inputs.identifier("ACME_SYNC_ID", alias="ACME_JOB_ID")
    other: str | None = inputs.identifier("ACME_OTHER_ID", required=False)
    mode: str = inputs.choice("ACME_MODE", "restart", "Join", "TRUE", default="restart")
    paused: str | None = inputs.choice("ACME_PAUSED", "None", "TRUE", "FALSE")
    reset: bool = inputs.boolean("ACME_RESET")
    force: bool | None = inputs.boolean("ACME_FORCE", default=None)
    timeout: int = inputs.integer("ACME_WAIT_TIMEOUT", default=230, unit="minutes", min=1)
    poll_interval: int = inputs.integer("ACME_POLL_INTERVAL", default=60, unit="seconds", min=1, max=3600)
    after: datetime | None = inputs.timestamp("ACME_AFTER")
    update: dict[str, Any] | None = inputs.text("ACME_UPDATE", values.json_object, secrets=lambda text: text.split("!"))
    lines: list[str] | None = inputs.text("ACME_LINES", str.split, multiline=True)
    api_url: str = inputs.url("ACME_API_URL", default="https://api.acme.test", cut="/v1")

    def conflicts(self) -> Iterator[str]:
        if self.reset and "ACME_FORCE" in self.set_variables:
            yield "ACME_RESET conflicts with ACME_FORCE"


GOOD = {"ACME_SECRET": SECRET, "ACME_SYNC_ID": "sync_1"}
ALL = [field.variable for field in inputs.fields(Inputs).values()]


def read(environment: dict[str, str] | None = None, **changes: str) -> Inputs:
    given, problem = inputs.read(Inputs, {**GOOD, **changes} if environment is None else environment)
    assert problem is None, problem
    return given


def problem_of(environment: dict[str, str] | None = None, **changes: str) -> InvalidInputError:
    _, problem = inputs.read(Inputs, {**GOOD, **changes} if environment is None else environment)
    assert problem is not None
    assert str(problem).isprintable()
    return problem


DEFAULTS = {
    **{"other": None, "mode": "restart", "paused": None, "reset": False, "force": None, "timeout": 230},
    **{"poll_interval": 60, "after": None, "update": None, "lines": None, "api_url": "https://api.acme.test"},
}


@pytest.mark.parametrize("value", [None, "", "   ", "\t\n", "None", "  None "])
def test_an_absent_or_empty_value_and_the_text_none_count_as_not_set(value: str | None) -> None:
    optional = [field.variable for field in inputs.fields(Inputs).values() if not field.required]
    given = read({**GOOD, **({} if value is None else dict.fromkeys(optional, value))})
    assert {name: getattr(given, name) for name in DEFAULTS} == DEFAULTS
    message = str(problem_of({} if value is None else dict.fromkeys(ALL, value)))
    assert message == "ACME_SECRET is required but not set; ACME_SYNC_ID is required but not set"


def test_an_input_that_is_not_set_conflicts_with_nothing() -> None:
    assert read(ACME_RESET="TRUE", ACME_FORCE="None").reset


SIX = datetime(2026, 11, 28, 6, tzinfo=timezone.utc)
AT_SIX = ("2026-11-28T06:00", "2026-11-28 06:00Z", "2026-11-28T06:00:00", "2026-11-28T07:00+01:00")
URLS = {
    **{"https://proxy.test/": "https://proxy.test", "https://proxy.test/v1/": "https://proxy.test"},
    **{"http://127.0.0.1:8080/base/": "http://127.0.0.1:8080/base", "http://[::1]:9": "http://[::1]:9"},
}


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("ACME_SECRET", {f" {SECRET}\n": SECRET}),
        ("ACME_SYNC_ID", {"\t sync_2 \r\n": "sync_2", "abc-DEF_123": "abc-DEF_123", "x" * 255: "x" * 255}),
        ("ACME_MODE", {" JOIN ": "Join", "RESTART": "restart"}),
        ("ACME_PAUSED", {"none": None, "true": "TRUE"}),
        ("ACME_FORCE", {"TRUE": True, "true": True, "True": True, "fAlSe": False}),
        ("ACME_WAIT_TIMEOUT", {" 007 ": 7}),
        ("ACME_POLL_INTERVAL", {"1": 1, "3600": 3600}),
        ("ACME_UPDATE", {'{"a": [1, null]}': {"a": [1, None]}}),
        ("ACME_LINES", {" --one\n --two ": ["--one", "--two"]}),
        ("ACME_API_URL", URLS),
        ("ACME_AFTER", {"2026-11-28": SIX.replace(hour=0), **dict.fromkeys(AT_SIX, SIX)}),
    ],
)
def test_a_value_is_read_as_its_type_says(variable: str, expected: dict[str, object]) -> None:
    (name,) = (name for name, field in inputs.fields(Inputs).items() if field.variable == variable)
    assert {text: getattr(read(**{variable: text}), name) for text in expected} == expected


ONLY = "an ID may contain only"
NO_URLS = [
    *("api.acme.test", "ftp://api.acme.test", "https://", "javascript:alert(1)", "https://[::1"),
    *("https://user:secret-word@api.acme.test", "https://api.acme.test?key=secret-word", "https://api.acme.test#"),
    *("https://api.acme.test:port", "https://api.acme.test:99999", "https://api acme.test"),
    *("https://api.acme.test/\u202e", "https://äcme.test"),
]


@pytest.mark.parametrize(
    ("variable", "values", "message"),
    [
        ("ACME_FORCE", ["yes", "1", "on", "TRUE FALSE", "falſe", "ＴＲＵＥ", "null"], "must be TRUE or FALSE"),  # noqa: RUF001
        ("ACME_MODE", ["rerun", "restart,join", "joi"], "must be restart, Join or TRUE"),
        ("ACME_WAIT_TIMEOUT", ["0", "-1", "1.5", "1e3", "1_000", "٣", "0x10", "9" * 5000], "of minutes, 1 or more"),
        ("ACME_POLL_INTERVAL", ["0", "3601", "-5", "soon", "60s"], "of seconds, from 1 to 3600"),
        ("ACME_AFTER", ["yesterday", "28.11.2026", "2026-13-01", "2026-11-28T", "2026-11-28T6"], "an ISO 8601 date"),
        ("ACME_UPDATE", ["[1]", '"text"', "1"], "is not a JSON object"),
        ("ACME_UPDATE", ["{", "{'a': 1}", "[" * 100_000, "{}{}", '{"a": NaN}', '{"a": 1e999}'], "is not valid JSON"),
        ("ACME_SYNC_ID", ["../x", "..", "a/b", "a\\b", "a b", "a\nb", "a%2e", "a?b=c", "a#b", "a.b"], ONLY),
        ("ACME_OTHER_ID", ["ä", "１", "\ud800", "a\x00b", "${HOME}", "a,b"], ONLY),  # noqa: RUF001
        ("ACME_SYNC_ID", ["x" * 256], "is 256 characters long; the maximum is 255"),
        ("ACME_API_URL", NO_URLS, "is not a valid URL; expected https://host"),
        ("ACME_SECRET", ['"s3cr3t-token"', "'s3cr3t-token'"], "is in quotes"),
        ("ACME_SECRET", ["$(TOKEN)", "${TOKEN}", "${{ secrets.TOKEN }}", "{{ token }}", "$ACME_TOKEN"], "unresolved"),
        ("ACME_SECRET", ["Bearer s3cr3t-token", "bearer  x"], "starts with 'Bearer'"),
        ("ACME_SECRET", ["Basic s3cr3t-token"], "starts with 'Basic'"),
        ("ACME_SECRET", ["töken", "tok\nen", "tok\x00en", "tok\u200ben", "\ud800x"], "not allowed in a key"),
        *[(variable, [f"x{inputs.PREDEFINED_GROUP}"], "custom credential group") for variable in ALL],
    ],
)
def test_any_other_value_is_refused_with_what_is_expected(variable: str, values: list[str], message: str) -> None:
    for value in values:
        found = str(problem_of(**{variable: value}))
        assert found.startswith(f"{variable} ")
        assert message in found, value
        assert len(found) < 300
        assert "s3cr3t" not in found
        assert "secret-word" not in found


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("https://acme.test/dashboard/connectors/abc_def/status", "did you mean abc_def?"),
        ("https://app.acme.test/connections/abc?tab=1", "did you mean abc?"),
        ("https://acme.test/dashboard/connectors/a%20b", "a%20b'; an ID may contain only [A-Za-z0-9_-]"),
    ],
)
def test_for_a_url_in_place_of_an_id_the_id_in_it_is_proposed(value: str, hint: str) -> None:
    assert str(problem_of(ACME_SYNC_ID=value)).endswith(hint)


def test_all_problems_are_reported_together() -> None:
    wrong = dict.fromkeys(ALL[1:], "{") | {"ACME_SECRET": "", "ACME_LINES": ""}
    problem = problem_of(wrong)
    assert {one.split()[0] for one in problem.problems} == set(ALL) - {"ACME_LINES"}
    assert str(problem) == "; ".join(problem.problems)


def test_a_poll_interval_has_an_exit_code_of_its_own_unless_another_problem_or_a_conflict_is_beside_it() -> None:
    alone = problem_of(ACME_POLL_INTERVAL="0")
    assert (type(alone), alone.exit_code) == (InvalidPollIntervalError, 205)
    for more in ({"ACME_MODE": "x"}, {"ACME_SECRET": ""}, {"ACME_RESET": "TRUE", "ACME_FORCE": "TRUE"}):
        beside = problem_of(ACME_POLL_INTERVAL="0", **more)
        assert (type(beside), beside.exit_code) == (InvalidInputError, 206)
        assert all(variable in str(beside) for variable in ("ACME_POLL_INTERVAL", *more))


# Two names of one input


@pytest.mark.parametrize(
    "more", [{"ACME_JOB_ID": "sync_2"}, {"ACME_SYNC_ID": "None", "ACME_JOB_ID": "sync_2"}, {"ACME_SYNC_ID": "sync_2"}]
)
def test_an_input_may_be_set_by_its_other_name(more: dict[str, str]) -> None:
    assert read({"ACME_SECRET": SECRET, **more}).sync == "sync_2"


def test_two_names_of_one_input_may_be_set_to_the_same_value_only() -> None:
    assert read(ACME_JOB_ID="sync_1").sync == "sync_1"
    message = str(problem_of(ACME_JOB_ID="sync_2"))
    assert message == "ACME_SYNC_ID and ACME_JOB_ID are both set and differ; they mean the same"


# Secrets


@pytest.mark.parametrize("content", [SECRET, f"{SECRET}\n", f"{SECRET}\r\n", f" {SECRET} \n"])
def test_a_secret_may_come_from_a_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "secret").write_bytes(content.encode())
    environment = {"ACME_SECRET_FILE": f" {tmp_path / 'secret'} ", "ACME_SYNC_ID": "sync_1"}
    assert read(environment).secret == SECRET
    assert SECRET in [one.strip() for one in inputs.secrets(Inputs, environment)[0]]


def test_a_secret_may_come_from_a_pipe_that_can_be_read_only_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=[SECRET])
    writer.start()
    environment = {"ACME_SECRET_FILE": str(tmp_path / "pipe"), "ACME_SYNC_ID": "sync_1"}
    assert inputs.secrets(Inputs, environment)[0] == [SECRET]
    given, problem = inputs.read(Inputs, environment)
    assert (given.secret, problem) == (SECRET, None)
    writer.join()


@pytest.mark.slow
def test_mypy_knows_that_an_optional_input_may_be_missing() -> None:
    code = 'from shared import inputs\nclass Given:\n    x: str = inputs.identifier("X", required=False)\n'
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file=", "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert checked.returncode == 1
    assert 'variable has type "str"' in checked.stdout


def test_a_secret_may_not_be_set_twice_nor_come_from_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("other-secret")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "None").write_text("None\n")
    for name, message in {
        "secret": "ACME_SECRET and ACME_SECRET_FILE are both set; set one of them",
        "missing": "ACME_SECRET cannot be read from the file that ACME_SECRET_FILE names",
        "binary": "ACME_SECRET cannot be read from the file that ACME_SECRET_FILE names",
        "": "ACME_SECRET cannot be read from the file that ACME_SECRET_FILE names",
        "empty": "ACME_SECRET is required but not set",
        "None": "ACME_SECRET is required but not set",
    }.items():
        alone = {"ACME_SYNC_ID": "sync_1", **({"ACME_SECRET": SECRET} if name == "secret" else {})}
        assert str(problem_of({**alone, "ACME_SECRET_FILE": str(tmp_path / name)})) == message


def test_a_secret_is_known_for_redaction_even_if_it_is_invalid() -> None:
    environment = {"ACME_SECRET": " töken ", "ACME_SYNC_ID": "x", "ACME_UPDATE": "in-update!too"}
    assert inputs.secrets(Inputs, environment) == (["töken"], ["in-update", "too"])
    assert inputs.secrets(Inputs, {"ACME_SECRET": "None"})[0] == []


def test_a_password_is_not_in_the_repr_and_the_environment_is_only_read() -> None:
    environment = dict(GOOD)
    given, _ = inputs.read(Inputs, environment)
    assert SECRET not in repr(given)
    assert environment == GOOD


def test_the_known_variables_are_those_of_all_names_and_files() -> None:
    assert inputs.variables(Inputs) == {*ALL, "ACME_JOB_ID", "ACME_SECRET_FILE"}
