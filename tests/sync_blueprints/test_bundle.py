"""The bundles: what is in them, that the same files give the same bytes, and that they run with requests alone."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from shared import VERSION
from sync_blueprints.bundle import bundle, main
from sync_blueprints.catalog import REPOSITORY, VENDORS, load
from sync_blueprints.sandbox import APIS, Sandbox
from tests.processes import SUCCESS, complete


def archive(vendor: str) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(bundle(vendor)))


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_bundle_has_the_vendors_folder_and_shared_and_one_requirements_file_and_nothing_else(vendor: str) -> None:
    folders = (REPOSITORY / f"{vendor.lower()}_blueprints", REPOSITORY / "shared")
    paths = [*(path for folder in folders for path in folder.glob("*.py")), REPOSITORY / "requirements.txt"]
    with archive(vendor) as zipped:
        files = {name: zipped.read(name) for name in zipped.namelist()}
    assert files == {path.relative_to(REPOSITORY).as_posix(): path.read_bytes() for path in paths}
    assert {one.file_to_run for one in load() if one.vendor == vendor} <= set(files)


def test_every_python_makes_the_same_bytes_which_do_not_tell_when_or_where_and_takes_in_no_junk(tmp_path: Path) -> None:
    junk = ("__pycache__/api.pyc", ".api.py.swp", ".#api.py", "api.py~", "api copy.py", "tests/test_api.py", "notes.md")
    for name in ("nango_blueprints/api.py", "shared/__init__.py", "requirements.txt", ".env", *junk):
        path = tmp_path / ("nango_blueprints" if name in junk else "") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"requests\n")
        path.chmod(0o700)
    content = bundle("Nango", tmp_path)
    names = ["nango_blueprints/api.py", "requirements.txt", "shared/__init__.py"]
    assert zipfile.ZipFile(io.BytesIO(content)).namelist() == names
    assert hashlib.sha256(content).hexdigest() == "7e57f9b2f0a71031b92ae124c82fe6e04fa3d1171ef2ed890908382fb37bc031"


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not installed")
def test_the_command_makes_all_bundles_and_their_sums(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "a folder"
    assert main(["--output", str(folder)]) == 0
    names = [f"{vendor.lower()}-blueprints-{VERSION}.zip" for vendor in sorted(VENDORS)]
    assert sorted(path.name for path in folder.iterdir()) == sorted([*names, "SHA256SUMS"])
    assert [line.split("  ")[1] for line in capsys.readouterr().out.splitlines()] == [
        str(folder / name) for name in sorted(names)
    ]
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, check=True, capture_output=True)  # noqa: S607


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "dist").write_text("a file")
    assert main(["--output", str(tmp_path / "dist")]) == 1
    assert "dist" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.sockets
def test_unpacked_bundles_trigger_and_check_with_their_requirements_alone(sandbox: Sandbox, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "python"], check=True, capture_output=True)
    python = tmp_path / "python/bin/python"
    pip = [python, "-m", "pip", "install", "--quiet", "--requirement", REPOSITORY / "requirements.txt"]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"pip cannot install the requirements here: {done.stderr.strip()[-300:]}")
    environment = complete(sandbox, tmp_path / "files handed over")
    for vendor, verb in itertools.product(APIS, ("check_credentials", "trigger_sync", "check_sync_status")):
        folder = tmp_path / f"blueprints of {vendor}"
        with archive(vendor) as zipped:
            zipped.extractall(folder)
        variables = {**environment, f"{vendor.upper()}_WAIT": str(verb == "check_sync_status")}
        command = [python, f"{vendor.lower()}_blueprints/{verb}.py"]
        done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["outcome"] == SUCCESS[verb]
