"""The installable package: one name in site-packages, everything that runs inside it as data."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path

import pytest

from shared import VERSION
from sync_blueprints.catalog import load
from sync_blueprints.root import ROOT
from tests.processes import run


def requirements(name: str) -> list[str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [one for line in lines for one in (requirements(line[3:]) if line.startswith("-r ") else [line])]


def test_the_package_needs_what_the_tools_need() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r"^dependencies = \[.*?$(.*?)^\]$", pyproject, re.MULTILINE | re.DOTALL)
    assert found
    assert re.findall('"(.+)"', found[1]) == requirements("requirements-tools.txt")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    done = run(["-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)], os.environ)
    assert done.exit_code == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    assert path.name == f"sync_blueprints-{VERSION}-py3-none-any.whl"
    return path


@pytest.mark.slow
def test_the_wheel_installs_one_name_and_holds_every_script(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names} == {"sync_blueprints", f"sync_blueprints-{VERSION}.dist-info"}
    assert {f"sync_blueprints/product/{one.file_to_run}" for one in load()} <= names
    shared = {f"sync_blueprints/product/shared/{path.name}" for path in (ROOT / "shared").glob("*.py")}
    assert shared <= names
    assert not [name for name in names if "__pycache__" in name]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (["--version"], 0),
        (["list"], 0),
        (["show", "Nango - Trigger Sync"], 0),
        (["explain", "204"], 0),
        (["run", "Fivetran - Check Credentials"], 206),
        (["fivetran_blueprints/trigger_sync.py"], 206),
        (["export", "docker", "Nango - Trigger Sync", "--input", "NANGO_PROVIDER_CONFIG_KEY=x"], 0),
        (["bundle"], 0),
        (["demo"], 0),
    ],
    ids=lambda what: what[0] if isinstance(what, list) else str(what),
)
def test_the_installed_command_needs_no_checkout(
    wheel: Path, arguments: list[str], exit_code: int, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(site)}
    done = run(["-m", "sync_blueprints", *arguments], environment, tmp_path)
    assert done.exit_code == exit_code, done.stderr
    assert str(ROOT) not in done.stdout + done.stderr
