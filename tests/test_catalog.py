"""The catalog held against what the scripts declare, and the scripts against the shape that all of them have."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from shared import errors
from shared.inputs import Field, fields
from sync_blueprints.catalog import VENDORS, Blueprint, Input, folder_of, load

BLUEPRINTS = load()
SCRIPTS = sorted(
    path
    for vendor in VENDORS
    for path in folder_of(vendor).glob("*.py")
    if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
)
ERRORS = {one.exit_code: one for one in vars(errors).values() if isinstance(one, type) and hasattr(one, "exit_code")}
OTHER_EXIT_CODES = {0, 129, 130, 143}  # success, SIGHUP, SIGINT and SIGTERM: these are no errors
FIRST_LINES = """\
if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
"""
# A file of such a name in a script's folder would be taken for the module by everything that imports it. Before 3.10
# Python does not list them; these are those that a run of requests and of the scripts imports.
STANDARD_MODULES = getattr(sys, "stdlib_module_names", frozenset()) | {
    *("abc", "base64", "calendar", "cgi", "code", "collections", "contextlib", "copy", "datetime", "email", "enum"),
    *("errno", "fcntl", "functools", "hashlib", "html", "http", "inspect", "io", "json", "logging", "math", "os"),
    *("pathlib", "pickle", "platform", "queue", "random", "re", "select", "selectors", "signal", "socket", "ssl"),
    *("stat", "string", "struct", "subprocess", "sys", "tempfile", "threading", "time", "token", "tokenize"),
    *("traceback", "types", "typing", "urllib", "uuid", "warnings", "weakref", "zipfile", "zlib"),
}

each_blueprint = pytest.mark.parametrize("blueprint", BLUEPRINTS, ids=lambda blueprint: blueprint.name)
each_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.name}")


def module_of(blueprint: Blueprint) -> ModuleType:
    return importlib.import_module(blueprint.file_to_run[: -len(".py")].replace("/", "."))


def declared(blueprint: Blueprint) -> dict[str, Field]:
    """What the script of a blueprint declares, by variable."""
    return {one.variable: one for one in fields(module_of(blueprint).Inputs).values()}


def default_as_text(spec: Field) -> str | None:
    """A default as the orchestrator has it: every input is text; none at all is None, or the option of that name."""
    if spec.default is None:
        return "None" if "None" in spec.options else None
    return str(spec.default).upper() if isinstance(spec.default, bool) else str(spec.default)


def test_the_catalog_has_every_script_and_no_other() -> None:
    assert sorted(blueprint.path for blueprint in BLUEPRINTS) == SCRIPTS


@each_blueprint
def test_everything_of_a_blueprint_is_named_after_its_vendor(blueprint: Blueprint) -> None:
    vendor = blueprint.vendor.lower()
    assert blueprint.name.startswith(f"{blueprint.vendor} - ")
    assert blueprint.path.parent == folder_of(blueprint.vendor)
    assert all(one.reference.startswith(f"{vendor.upper()}_") for one in blueprint.inputs)
    assert all(file.startswith(f"{vendor}-blueprints/") for file in blueprint.files_written)


@each_blueprint
def test_the_catalog_has_every_input_that_the_script_declares_and_no_other(blueprint: Blueprint) -> None:
    assert {one.reference for one in blueprint.inputs} == set(declared(blueprint))


@pytest.mark.parametrize(
    ("blueprint", "one"),
    [
        pytest.param(blueprint, one, id=f"{blueprint.name}: {one.reference}")
        for blueprint in BLUEPRINTS
        for one in blueprint.inputs
    ],
)
def test_the_catalog_says_of_an_input_what_the_script_declares(blueprint: Blueprint, one: Input) -> None:
    spec = declared(blueprint)[one.reference]
    assert (one.type, one.required, one.options, one.multiline) == (
        spec.type,
        spec.required,
        spec.options,
        spec.multiline,
    )
    assert one.default == default_as_text(spec)


@each_blueprint
def test_a_default_in_the_catalog_is_read_as_the_default_of_the_script(blueprint: Blueprint) -> None:
    for one in blueprint.inputs:
        spec = declared(blueprint)[one.reference]
        if one.default is not None:
            assert spec.parse(one.default) == spec.default


@each_blueprint
def test_every_option_in_the_catalog_is_taken_by_the_script(blueprint: Blueprint) -> None:
    for one in blueprint.inputs:
        values = [declared(blueprint)[one.reference].parse(option) for option in one.options]
        assert len(set(values)) == len(one.options)


@each_blueprint
def test_a_script_reports_under_its_name_in_the_catalog(blueprint: Blueprint) -> None:
    last = ast.parse(blueprint.path.read_text(encoding="utf-8")).body[-1]
    assert ast.unparse(last) == f"if __name__ == '__main__':\n    run({blueprint.name!r}, main, Inputs)"


@each_blueprint
def test_the_exit_codes_are_those_of_the_errors_there_are(blueprint: Blueprint) -> None:
    assert set(blueprint.exit_codes) <= set(ERRORS) | OTHER_EXIT_CODES
    assert {*OTHER_EXIT_CODES, 200, 201, 206, 220, 249} <= set(blueprint.exit_codes)


@each_blueprint
def test_guardrails_try_again_exactly_where_the_errors_say_that_it_helps(blueprint: Blueprint) -> None:
    check = blueprint.path.stem == "check_sync_status"
    for code in set(blueprint.exit_codes) & set(ERRORS):
        wanted = ERRORS[code].retryable == "yes" or (ERRORS[code].retryable == "check: yes" and check)
        if code != 249:  # a fault of the scripts does not come from the vendor, and the guardrails may say either
            assert blueprint.guardrails.try_again_on(code) == wanted, code


@each_script
def test_a_script_finds_the_shared_folder_by_the_same_two_lines(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert text.count(f"\n{FIRST_LINES}\n") == 1
    assert text.count("sys.") == 1
    before, _, after = text.partition(FIRST_LINES)
    assert "from shared" not in before
    assert "import sys\n" in before
    assert "from shared.run import " in after


@each_script
def test_a_script_reads_like_a_sentence(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 70
    for node in ast.walk(ast.parse(text)):
        assert not isinstance(node, (ast.Try, ast.AsyncFunctionDef, ast.While)), ast.unparse(node)
    for word in ("os.environ", "getenv", "http://", "https://", "sys.exit", "SystemExit", "argparse", "print("):
        assert word not in text


@each_script
def test_a_script_is_a_sentence_about_itself_and_its_inputs(script: Path) -> None:
    module = ast.parse(script.read_text(encoding="utf-8"))
    said = ast.get_docstring(module) or ""
    assert said.endswith(".")
    assert "\n" not in said
    assert {"Inputs", "main"} <= {
        node.name for node in module.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))
    }


@pytest.mark.parametrize("folder", sorted({script.parent for script in SCRIPTS}), ids=lambda folder: folder.name)
def test_no_file_beside_a_script_hides_a_standard_module(folder: Path) -> None:
    names = {path.stem for path in folder.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert {"http", "json", "select"} <= STANDARD_MODULES
    assert not names & (STANDARD_MODULES | {"requests", "urllib3", "certifi", "idna", "charset_normalizer", "shared"})
