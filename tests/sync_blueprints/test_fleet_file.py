"""Reading fleets from the platform's YAML."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from sync_blueprints.catalog import REPOSITORY, Guardrails, find
from sync_blueprints.fleet import Vessel
from sync_blueprints.fleet_file import FleetError, read

BLUEPRINT = """\
name: one
vessels:
  Start:
    source:
      type: BLUEPRINT
      blueprint: Fivetran - Execute Sync
      inputs:
        FIVETRAN_CONNECTOR_ID: abc
"""
CODE = """\
name: one
vessels:
  Mine:
    source:
      type: CODE
      language: PYTHON
      file_to_run: mine.py
"""
ODD = (
    *(b"*a", b"&a ", b"!!x ", b"!x", b"? ", b"- ", b"[", b"]", b"{", b"}", b": ", b"\n", b"\t", b"  ", b'"', b"'"),
    *(b'"\\UFFFFFFFF"', b"|", b"%YAML 9.9\n", b"---", b"...", b"<<: ", b"null", b"~", b"\x00", b"\xff", b"=", b"#"),
    *(b"\\", b"2:00", b"!!int ", b"!!null x", b"\xe2\x80\xa8", b"\xc2\x85", b""),
)


def written(folder: Path, text: str) -> Path:
    (folder / "mine.py").touch()
    file = folder / "fleet.yaml"
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return file


def vessel(folder: Path, text: str) -> Vessel:
    (only,) = read(written(folder, text)).vessels
    return only


def problem(folder: Path, text: str | bytes) -> str:
    """What is wrong with a file, without the file's name in front."""
    file = written(folder, "")
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(FleetError) as caught:
        read(file)
    return str(caught.value).replace(f"{file}:", "", 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1: the file: expected a mapping with name: and vessels:"),
        ("- a\n- b\n", "1: the file: expected a mapping with name:"),
        ("name: x\n", "1: the file: vessels is missing"),
        ("name: x\nvessels: {}\n", "2: vessels: expected at least one vessel"),
        (CODE.replace("one", "[1]", 1), "1: name: expected a name of at most 200 printable characters"),
        (CODE.replace("one", '"a\\nb"', 1), "1: name: expected a name"),
        (CODE + "  Mine: {}\n", "8: not valid YAML: duplicate key Mine"),
        (CODE + "vesels: {}\n", "1: the file: 'vesels' is not a known key; did you mean vessels?"),
        (CODE + "    guardrail: {}\n", "3: vessels, Mine: 'guardrail' is not a known key; did you mean guardrails?"),
        (CODE + "  Other:\n", "8: vessels, Other: expected a mapping with source:"),
        (CODE + "  Other: {source: {}}\n", "8: vessels, Other, source: type is missing"),
        (CODE.replace("CODE", "CODES"), "5: vessels, Mine, source, type: expected BLUEPRINT or CODE"),
        (CODE.replace("PYTHON", "BASH"), "6: vessels, Mine, source, language: expected PYTHON"),
        (CODE.replace("mine.py", "gone.py"), "7: there is no file 'gone.py' next to this one"),
        (CODE + "      version: three\n", "8: vessels, Mine, source, version: expected a version of Python in quotes"),
        (CODE + "      git: {repo: x}\n", "8: vessels, Mine, source, git: 'repo' is not a known key; expected"),
        (CODE + "      inputs: {}\n", "4: vessels, Mine, source: 'inputs' is not a known key"),
        (CODE + "      environment: {A: 1}\n", "8: vessels, Mine, source, environment: expected a list of variables"),
        (CODE + "      environment: [{name: A=B}]\n", "8: vessels, Mine, source, environment, 0, name: expected a var"),
        (CODE + "    guardrails: {retry_count: 25}\n", "8: vessels, Mine, guardrails, retry_count: expected a number "),
        (CODE + "    guardrails: {retry_wait: 5}\n", "8: vessels, Mine, guardrails, retry_wait: expected a duration s"),
        (CODE + '    guardrails: {exclude_exit_code_ranges: ["300"]}\n', "8: '300' is not a valid range of exit codes"),
        (BLUEPRINT.replace("Execute", "Excute"), "6: there is no blueprint 'Fivetran - Excute Sync'; did you mean"),
        (BLUEPRINT.replace("CONNECTOR", "CONECTOR"), "8: Fivetran - Execute Sync has no input 'FIVETRAN_CONECTOR_ID';"),
        (BLUEPRINT + "        ~: x\n", "7: Fivetran - Execute Sync has no input None; expected FIVETRAN_API_KEY"),
        (BLUEPRINT + "        ? !!binary aGVsbG8=\n        : x\n", "7: Fivetran - Execute Sync has no input b'hello'"),
        (BLUEPRINT.replace("abc", "[abc]"), "8: vessels, Start, source, inputs, FIVETRAN_CONNECTOR_ID: expected a tex"),
        (CODE + "connections: [Mine]\n", "8: connections: expected a mapping of vessels"),
        (CODE + "connections: {Mine: {Yours: SUCCESS}}\n", "8: there is no vessel 'Yours'; expected Mine"),
        (CODE + "connections: {mine: {Mine: SUCCESS}}\n", "8: there is no vessel 'mine'; did you mean Mine?"),
        (CODE + "connections:\n  Mine:\n    Mine: SUCCESS\n", "10: connections form a cycle: Mine -> Mine"),
        (CODE + "connections: {Mine: {Mine: FAILED}}\n", "8: connections, Mine, Mine: expected SUCCESS, ERRORED, or"),
        ("name: x\nvessels:\n\tA: 1\n", "3: not valid YAML: while scanning for the next token found character"),
        ("name: [x\n", "2: not valid YAML: while parsing a flow sequence"),
        ("name: *x\n", "1: not valid YAML: found undefined alias"),
        (b"name: x\n# \xff\n", "1: cannot be read: 'utf-8' codec can't decode"),
        ("[" * 100_000, "1: cannot be read: maximum recursion depth"),
    ],
)
def test_a_problem_has_its_line_and_what_is_expected(text: str | bytes, expected: str, tmp_path: Path) -> None:
    assert problem(tmp_path, text)[: len(expected)] == expected


def test_a_file_that_cannot_be_opened_is_reported(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.yaml", tmp_path / "a\0b"):
        with pytest.raises(FleetError, match="cannot be read"):
            read(path)


@pytest.mark.parametrize(
    "secret", ['"hunt er2\\x01"', "!hunter2", "*hunter2", "&hunter2 &hunter2", "[hunter2]", "{hunter2"]
)
def test_a_password_is_not_shown_whatever_is_wrong_with_it(secret: str, tmp_path: Path) -> None:
    text = f"{BLUEPRINT}        FIVETRAN_API_SECRET: {secret}\n        FIVETRAN_WAT: what\n"
    assert "hunt" not in problem(tmp_path, text)


@pytest.mark.slow
@pytest.mark.parametrize("odd", ODD)
def test_whatever_a_file_holds_it_is_a_fleet_or_has_a_problem_in_a_line(odd: bytes, tmp_path: Path) -> None:
    text = (REPOSITORY / "examples" / "nango.yaml").read_bytes()
    file = tmp_path / "fleet.yaml"
    for place in range(0, len(text), 11):
        file.write_bytes(text[:place] + odd + text[place + len(odd) % 3 :])
        message = ""
        try:
            read(file)
        except FleetError as error:
            message = str(error)
        assert not message or re.match(rf"{re.escape(str(file))}:\d+: ", message), place


def test_guardrails_that_are_not_given_are_the_catalogs(tmp_path: Path) -> None:
    usual = find("Fivetran - Execute Sync").guardrails
    text = BLUEPRINT + "    guardrails: {retry_count: 3, retry_wait: null}\n"
    assert vessel(tmp_path, text).guardrails == replace(usual, retry_count=3)


def test_guardrails_are_read_as_the_platform_writes_them(tmp_path: Path) -> None:
    codes = '["200", 203-206, 249]'
    rails = f'{{retry_count: "24", retry_wait: 0h5m0s, runtime_cutoff: 4h, exclude_exit_code_ranges: {codes}}}'
    found = vessel(tmp_path, f"{BLUEPRINT}    guardrails: {rails}\n").guardrails
    assert found == Guardrails(24, 300, 14400, ((200, 200), (203, 206), (249, 249)))


def test_values_are_taken_as_they_are_written(tmp_path: Path) -> None:
    plain = ["true", "TRUE", "0x1F", "2:00", "1e3", "2024-01-01", "None"]
    tagged = {"!!int 0x1F": "0x1F", "!!bool x": "x", '!!timestamp ""': ""}
    taken = {**dict(zip(plain, plain)), **tagged, '""': "", "null": None, '"null"': "null"}
    lines = [f"        - {{name: V{number}, value: {value}}}\n" for number, value in enumerate(taken)]
    found = vessel(tmp_path, f"{CODE}      environment:\n{''.join(lines)}").variables
    assert list(found.values()) == list(taken.values())


def test_anchors_may_spare_repetition(tmp_path: Path) -> None:
    text = CODE + "    guardrails: &rails {retry_count: 7}\n" + BLUEPRINT.partition("vessels:\n")[2]
    fleet = read(written(tmp_path, f"{text}    guardrails: *rails\n"))
    assert [vessel.guardrails.retry_count for vessel in fleet.vessels] == [7, 7]
    assert fleet.notes == ()


def test_what_has_no_effect_here_is_noted(tmp_path: Path) -> None:
    text = CODE + (
        '      version: "3.7"\n      git: {repository: owner/repo, checkout_point: main, clone_location: CWD}\n'
        "      packages: [{name: pandas}]\n    _id: 1\n    notifications: {}\n"
        "triggers: {schedules: []}\nnotifications: {}\n_id: 2\n"
    )
    noted = {re.split("[: ]", note)[0] for note in read(written(tmp_path, text)).notes}
    assert noted == {"triggers", "notifications", "packages", "git", "version"}


def test_a_password_in_the_file_is_noted_and_not_shown(tmp_path: Path) -> None:
    (note,) = read(written(tmp_path, BLUEPRINT + "        FIVETRAN_API_SECRET: hunter2\n")).notes
    assert note.startswith("FIVETRAN_API_SECRET is in the file")
    assert "hunter2" not in note


@pytest.mark.parametrize("given", ["null", '""', "None", "SHIPYARD_HIDDEN"])
def test_a_password_that_the_fleet_does_not_give_is_the_environments(given: str, tmp_path: Path) -> None:
    text = f"{BLUEPRINT}        FIVETRAN_API_SECRET: {given}\n        FIVETRAN_FORCE: null\n"
    expected = {"FIVETRAN_CONNECTOR_ID": "abc", "FIVETRAN_FORCE": None, "FIVETRAN_WAIT": "true"}
    assert vessel(tmp_path, f"{text}        FIVETRAN_WAIT: true\n").variables == expected
