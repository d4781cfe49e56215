"""script/new-vendor: what it copies is a vendor whose tests pass, in a project that still holds together."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sync_blueprints.catalog import REPOSITORY

LEFT_OUT = (".git", ".venv*", "node_modules", ".*_cache", "__pycache__", "shipyard-artifacts", "dist", "site")
VENV = Path(sys.prefix)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project in another folder, with this virtual environment."""
    folder = tmp_path / "project"
    shutil.copytree(REPOSITORY, folder, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
    (folder / ".venv").symlink_to(VENV)
    return folder


def ended(folder: Path, *command: str) -> tuple[int, str]:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not (VENV / "stamp").exists(), reason="script/bootstrap has not made this virtual environment")
def test_a_new_vendor_passes_its_tests_and_those_that_hold_the_project_together(copy: Path) -> None:
    code, said = ended(copy, "script/new-vendor", "Gadget")
    assert code == 0, said
    for command in (
        "python -m pytest -q tests/gadget_blueprints tests/test_catalog.py",
        "python -m pytest -q tests/sync_blueprints/test_docs.py -m 'not slow'",
        "python -m pytest -q tests/sync_blueprints tests/test_secrets.py -k 'gadget or the_site or 401-JSON'",
        "ruff check .",
        "ruff format --check .",
        "mypy",
        "lint-imports --no-logo --no-cache",
    ):
        program, *arguments = shlex.split(command)
        code, said = ended(copy, str(copy / ".venv" / "bin" / program), *arguments)
        assert code == 0, said
    code, said = ended(copy, sys.executable, "gadget_blueprints/trigger_sync.py")
    assert (code, "GADGET_API_KEY is required but not set" in said) == (206, True)
    assert ended(copy, "script/new-vendor", "Gadget")[0] == 1


def test_nothing_is_changed_if_the_virtual_environment_cannot_be_made(copy: Path) -> None:
    (copy / "script" / "bootstrap").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    before = {path: path.read_bytes() for path in copy.glob("*.*") if path.is_file()}
    code, said = ended(copy, sys.executable, "script/new-vendor", "Gadget")
    assert (code, "nothing was changed" in said, "Traceback" in said) == (1, True, False)
    assert {path: path.read_bytes() for path in copy.glob("*.*") if path.is_file()} == before
    assert not list(copy.rglob("*gadget*"))


@pytest.mark.parametrize("arguments", [(), ("acme",), ("../Acme",), ("Acme", "Other"), ("Nango",)])
def test_a_name_that_cannot_be_a_vendors_changes_nothing(arguments: tuple[str, ...]) -> None:
    before = sorted(REPOSITORY.iterdir())
    code, said = ended(REPOSITORY, sys.executable, "script/new-vendor", *arguments)
    assert code == 1
    assert ("a capital letter" if arguments != ("Nango",) else "already there") in said
    assert sorted(REPOSITORY.iterdir()) == before
