"""The catalog held against what the scripts declare, and the scripts against the shape that all of them have."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

import pytest

from shared import errors
from shared.inputs import Field, fields
from sync_blueprints.catalog import REPOSITORY, VENDORS, Blueprint, folder_of, load
from tests import processes

BLUEPRINTS = load()
SCRIPTS = [REPOSITORY / script for script in processes.SCRIPTS]
ERRORS = {one.exit_code for one in vars(errors).values() if isinstance(one, type) and hasattr(one, "exit_code")}
OTHER_EXIT_CODES = {0, 129, 130, 143}  # success, SIGHUP, SIGINT and SIGTERM: these are no errors
FIRST_LINES = """\
if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
"""

each_blueprint = pytest.mark.parametrize("blueprint", BLUEPRINTS, ids=lambda blueprint: blueprint.name)
each_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.name}")


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
def test_the_catalog_has_the_inputs_that_the_script_declares_as_it_declares_them(blueprint: Blueprint) -> None:
    module = importlib.import_module(blueprint.module)
    declared = {one.variable: one for one in fields(module.Inputs).values()}
    assert {one.reference for one in blueprint.inputs} == set(declared)
    for one in blueprint.inputs:
        spec = declared[one.reference]
        found = (one.type, one.required, one.options, one.multiline, one.default)
        assert found == (spec.type, spec.required, spec.options, spec.multiline, default_as_text(spec)), one.reference
        assert one.default is None or spec.parse(one.default) == spec.default
        assert len({spec.parse(option) for option in one.options}) == len(one.options)


@each_blueprint
def test_a_script_reports_under_its_name_in_the_catalog(blueprint: Blueprint) -> None:
    last = ast.parse(blueprint.path.read_text(encoding="utf-8")).body[-1]
    assert ast.unparse(last) == f"if __name__ == '__main__':\n    run({blueprint.name!r}, main, Inputs)"


@each_blueprint
def test_exit_codes_are_those_of_errors(blueprint: Blueprint) -> None:
    assert list(blueprint.exit_codes) == sorted(set(blueprint.exit_codes))
    assert set(blueprint.exit_codes) <= ERRORS | OTHER_EXIT_CODES
    assert {*OTHER_EXIT_CODES, 200, 201, 206, 220, 249} <= set(blueprint.exit_codes)


@each_script
def test_a_script_finds_the_shared_folder_by_the_same_two_lines(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert text.count(f"\n{FIRST_LINES}\n") == 1
    attributes = [ast.unparse(node) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)]
    assert [one for one in attributes if one.startswith("sys.")] == ["sys.path.insert", "sys.path"]
    before, _, after = text.partition(FIRST_LINES)
    assert "from shared" not in before
    assert "import sys\n" in before
    assert "from shared.run import " in after


@each_script
def test_a_script_reads_like_a_sentence(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    lines = len(text.splitlines())
    assert lines <= 70, f"{lines} lines, at most 70: move what is no step of it to the vendor's inputs, api or syncs"
    module = ast.parse(text)
    for node in ast.walk(module):
        assert not isinstance(node, (ast.Try, ast.AsyncFunctionDef, ast.While)), ast.unparse(node)
    for word in ("os.environ", "getenv", "http://", "https://", "sys.exit", "SystemExit", "argparse", "print("):
        assert word not in text
    summary = ast.get_docstring(module) or ""
    assert (summary[-1:], "\n" in summary) == (".", False)
    assert {"Inputs", "main"} <= {getattr(node, "name", "") for node in module.body}


@pytest.mark.skipif(sys.version_info < (3, 10), reason="Python lists its modules since 3.10")
@pytest.mark.parametrize("vendor", VENDORS)
def test_no_file_beside_a_script_hides_a_module_that_it_imports(vendor: str) -> None:
    names = {path.stem for path in folder_of(vendor).iterdir() if path.suffix == ".py" or path.is_dir()}
    installed = {"requests", "urllib3", "certifi", "idna", "charset_normalizer", "shared"}
    assert not names & (sys.stdlib_module_names | installed)
