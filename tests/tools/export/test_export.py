"""What holds for every engine: inputs, secrets, quoting, and texts that can be taken apart."""

from __future__ import annotations

import ast
import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tools.catalogue import Blueprint, find, load
from tools.export import ENGINES, Options, Step, main, template
from tools.export.steps import SECRET, in_json, in_shell

TRIGGER, CHECK = find("Fivetran - Execute Sync"), find("Fivetran - Check Sync Status")
CONNECTOR = "FIVETRAN_CONNECTOR_ID=speak_inexpensive"
TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"))


@dataclass(frozen=True)
class Printed:
    """How the command ended."""

    exit_code: int
    stdout: str
    stderr: str


@pytest.fixture
def export(capfdbinary: pytest.CaptureFixture[bytes]) -> object:
    def run(*arguments: str) -> Printed:
        try:
            exit_code = main(arguments)
        except SystemExit as end:
            exit_code = int(end.code or 0)
        captured = capfdbinary.readouterr()
        return Printed(exit_code, captured.out.decode(), captured.err.decode())

    return run


def filled_in(parts: dict[str, object], inputs: Sequence[tuple[str, str]]) -> str:
    """What the catalogue's page makes of a template."""
    if not inputs:
        return str(parts["empty"])
    blocks = []
    for name, value in inputs:
        for what, by in parts["escapes"]:
            value = value.replace(what, by)
        quoted = in_shell(value) if parts["quoting"] == "shell" else in_json(value)
        blocks.append(str(parts["per_input"]).replace("{name}", name).replace("{value}", quoted))
    return "".join([str(parts["head"]), *blocks, str(parts["tail"])])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("blueprint", load(), ids=lambda blueprint: blueprint.name)
def test_a_template_filled_in_is_what_the_engine_prints(engine: str, blueprint: Blueprint) -> None:
    values = [(spec.reference, f"$(x) {{{{ ${{{{ 'y' \"z\" 𝄞\n{spec.reference}") for spec in blueprint.inputs]
    inputs = [pair for pair, spec in zip(values, blueprint.inputs) if spec.type != SECRET]
    for some in ([], inputs[:1], inputs):
        assert filled_in(template(engine, blueprint), some) == ENGINES[engine].render(
            [Step(blueprint, dict(some))], Options()
        )


@given(TEXTS)
def test_a_quoted_value_is_the_same_in_yaml_json_and_python(text: str) -> None:
    quoted = in_json(text)
    assert yaml.safe_load(quoted) == json.loads(quoted) == ast.literal_eval(quoted) == text


@pytest.mark.parametrize("text", ["a'b", "$HOME `id` \\", "line\nbreak", "", "''"])
def test_a_value_quoted_for_the_shell_reaches_a_program_as_it_is(text: str) -> None:
    ran = subprocess.run(["/bin/sh", "-c", f"printf %s {in_shell(text)}"], capture_output=True, check=True, text=True)
    assert ran.stdout == text


@pytest.mark.parametrize("engine", ENGINES)
def test_a_check_after_a_trigger_gets_no_id(engine: str, export) -> None:
    text = export(engine, TRIGGER.name, CHECK.name, "--input", CONNECTOR).stdout
    assert text.count("speak_inexpensive") == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_an_input_that_is_no_id_reaches_every_blueprint_that_has_it(engine: str, export) -> None:
    url = "FIVETRAN_API_URL=http://127.0.0.1:1"
    text = export(engine, TRIGGER.name, CHECK.name, "--input", CONNECTOR, "--input", url).stdout
    assert text.count("http://127.0.0.1:1") == 2


def test_a_number_gives_an_input_to_one_blueprint_alone(export) -> None:
    text = export("platform", TRIGGER.name, CHECK.name, "--input", CONNECTOR, "--input", "2:FIVETRAN_WAIT=TRUE").stdout
    inputs = [vessel["source"]["inputs"] for vessel in yaml.safe_load(text)["vessels"].values()]
    assert inputs == [{"FIVETRAN_CONNECTOR_ID": "speak_inexpensive"}, {"FIVETRAN_WAIT": "TRUE"}]


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ([], "FIVETRAN_CONNECTOR_ID is required"),
        (["FIVETRAN_API_KEY=abc"], "FIVETRAN_API_KEY is a secret and is never written out"),
        (["FIVETRAN_ID=abc"], "no blueprint here has an input FIVETRAN_ID; there are FIVETRAN_CONNECTOR_ID, "),
        (["FIVETRAN_CONNECTOR_ID"], "--input takes NAME=VALUE"),
        (["2:FIVETRAN_CONNECTOR_ID=a"], "there are 1 blueprints"),
        (["FIVETRAN_CONNECTOR_ID=a/b"], "FIVETRAN_CONNECTOR_ID is 'a/b'"),
        ([CONNECTOR, "FIVETRAN_WAIT=maybe", "FIVETRAN_POLL_INTERVAL=0"], "FIVETRAN_POLL_INTERVAL is '0'"),
        ([CONNECTOR, "FIVETRAN_POLL_INTERVAL=0"], "FIVETRAN_POLL_INTERVAL is '0'"),
        (["FIVETRAN_CONNECTOR_ID=\udcff"], "no text"),
    ],
)
def test_inputs_that_a_run_would_refuse_are_refused_here(inputs: list[str], told: str, export) -> None:
    arguments = [part for text in inputs for part in ("--input", text)]
    printed = export("docker", TRIGGER.name, *arguments)
    assert (printed.exit_code, printed.stdout) == (2, "")
    assert told in printed.stderr
    assert "abc" not in printed.stderr
