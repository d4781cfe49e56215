"""The bundles: what is in them, that the same commit gives the same bytes, and that they run with requests alone."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from shared import VERSION
from sync_blueprints.bundle import BundleError, bundles_of, main, sources, uncommitted, version_of
from sync_blueprints.catalog import REPOSITORY, VENDORS, Blueprint, folder_of, load
from sync_blueprints.sandbox import ID_VARIABLES, Sandbox

BLUEPRINTS = load()
SOURCES = {
    path.relative_to(REPOSITORY).as_posix(): path.read_bytes()
    for folder in (*map(folder_of, VENDORS), REPOSITORY / "shared")
    for path in (*folder.glob("*.py"), REPOSITORY / "requirements.txt")
}
JUNK = (
    "fivetran_blueprints/__pycache__/client.cpython-39.pyc",
    "fivetran_blueprints/.client.py.swp",
    "fivetran_blueprints/.#client.py",
    "fivetran_blueprints/client.py~",
    "fivetran_blueprints/client copy.py",
    "fivetran_blueprints/requirements.txt",
    "fivetran_blueprints/tests/test_client.py",
    "shared/.DS_Store",
    "shared/notes.md",
    "airbyte_blueprints/notes.md",
    "published.json",
    ".env",
)
NOTHING_BUT_PATH = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}

each_vendor = pytest.mark.parametrize("vendor", VENDORS)
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)  # noqa: S607


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A copy without git."""
    write(tmp_path / "copy", SOURCES)
    return tmp_path / "copy"


@pytest.fixture
def checkout(plain: Path) -> Path:
    """A copy with everything committed."""
    git(plain, "init", "--quiet")
    git(plain, "add", "--all")
    git(plain, "commit", "--quiet", "--message", "All")
    return plain


def archive(vendor: str) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(bundles_of(BLUEPRINTS, SOURCES)[vendor][1]))


# --- what is in a bundle ---


@each_vendor
def test_a_bundle_is_named_after_its_vendor_and_the_version(vendor: str) -> None:
    assert bundles_of(BLUEPRINTS, SOURCES)[vendor][0] == f"{vendor.lower()}-blueprints-{VERSION}.zip"
    assert version_of(SOURCES) == VERSION


@each_vendor
def test_a_bundle_has_the_vendors_folder_and_shared_and_one_requirements_file_and_nothing_else(vendor: str) -> None:
    own = f"{vendor.lower()}_blueprints/"
    expected = {path: content for path, content in SOURCES.items() if path.startswith((own, "shared/"))}
    expected["requirements.txt"] = SOURCES["requirements.txt"]
    with archive(vendor) as bundle:
        assert {name: bundle.read(name) for name in bundle.namelist()} == expected
        assert bundle.testzip() is None


@pytest.mark.parametrize("blueprint", BLUEPRINTS, ids=lambda blueprint: blueprint.name)
def test_the_file_to_run_of_a_blueprint_is_in_its_vendors_bundle(blueprint: Blueprint) -> None:
    with archive(blueprint.vendor) as bundle:
        assert bundle.read(blueprint.file_to_run) == blueprint.path.read_bytes()


@each_vendor
def test_nothing_in_a_bundle_tells_when_or_where_it_was_made(vendor: str) -> None:
    with archive(vendor) as bundle:
        assert bundle.namelist() == sorted(bundle.namelist())
        assert bundle.comment == b""
        for entry in bundle.infolist():
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert entry.external_attr >> 16 == 0o100644
            assert (entry.create_system, entry.compress_type, entry.extra) == (3, zipfile.ZIP_STORED, b"")


def test_every_python_makes_the_same_bytes() -> None:
    files = {
        **{one.file_to_run: b"print()\n" for one in BLUEPRINTS},
        "requirements.txt": b"requests\n",
        "shared/__init__.py": b'VERSION = "1.2.3"\n',
    }
    name, content = bundles_of(BLUEPRINTS, dict(reversed(files.items())))["Nango"]
    assert name == "nango-blueprints-1.2.3.zip"
    assert (
        hashlib.sha256(content).hexdigest() == "1e1e4525ef749097f2cfbc9e5fce920b147df0fb8bc37e57f1315a1968198c54"
    )  # of these three scripts and two files


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("fivetran_blueprints/update_connector.py", "Fivetran would lack fivetran_blueprints/update_connector.py"),
        ("requirements.txt", "would lack requirements.txt"),
        ("shared/__init__.py", "no line VERSION"),
    ],
)
def test_a_bundle_that_would_lack_something_is_not_made(path: str, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        bundles_of(BLUEPRINTS, {name: content for name, content in SOURCES.items() if name != path})


# --- where the files come from ---


@needs_git
def test_what_is_not_committed_stays_out_and_is_named(checkout: Path) -> None:
    write(checkout, dict.fromkeys(JUNK, b"x"))
    write(checkout, {"shared/new.py": b"x", "shared/errors.py": b"x", "nango_blueprints/client.py": b"x"})
    (checkout / "shared" / "status.py").unlink()
    git(checkout, "add", "nango_blueprints/client.py")
    assert sources(checkout) == SOURCES
    changes = ["nango_blueprints/client.py", "shared/errors.py", "shared/new.py", "shared/status.py"]
    assert uncommitted(checkout) == changes


@needs_git
def test_a_clean_checkout_has_nothing_uncommitted(checkout: Path) -> None:
    assert uncommitted(checkout) == []


@needs_git
def test_what_is_committed_comes_in_unless_it_is_no_part_of_a_bundle(checkout: Path) -> None:
    write(checkout, dict.fromkeys(JUNK, b"x"))
    write(checkout, {"shared/new.py": b"new"})
    git(checkout, "add", "--all", "--force")
    git(checkout, "commit", "--quiet", "--message", "More")
    assert sources(checkout) == {**SOURCES, "shared/new.py": b"new"}


@needs_git
def test_line_ends_of_a_checkout_on_windows_do_not_come_in(checkout: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--config", "core.autocrlf=true", str(checkout), "windows")
    assert b"\r\n" in (tmp_path / "windows" / "shared" / "errors.py").read_bytes()
    assert sources(tmp_path / "windows") == SOURCES


def test_a_copy_without_git_gives_the_same_files(plain: Path) -> None:
    write(plain, dict.fromkeys(JUNK, b"x"))
    assert sources(plain) == SOURCES
    assert uncommitted(plain) == []


def test_where_git_is_not_installed_the_files_are_taken_as_they_lie_there(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    assert sources(checkout) == SOURCES


@needs_git
def test_an_unpacked_release_inside_another_repository_is_taken_as_it_lies_there(plain: Path) -> None:
    git(plain.parent, "init", "--quiet")
    assert sources(plain) == SOURCES


@needs_git
def test_a_copy_that_another_repository_keeps_in_a_folder_is_taken_as_committed(plain: Path) -> None:
    git(plain.parent, "init", "--quiet")
    git(plain.parent, "add", "--all")
    git(plain.parent, "commit", "--quiet", "--message", "All")
    write(plain, {"shared/errors.py": b"x"})
    assert sources(plain) == SOURCES
    assert uncommitted(plain) == ["shared/errors.py"]


@needs_git
def test_a_repository_that_git_cannot_read_is_not_passed_over(checkout: Path) -> None:
    (checkout / ".git" / "HEAD").write_text("nonsense")
    with pytest.raises(BundleError, match="git failed"):
        sources(checkout)


def test_a_copy_without_requirements_is_named(plain: Path) -> None:
    (plain / "requirements.txt").unlink()
    with pytest.raises(BundleError, match=r"requirements\.txt"):
        sources(plain)


# --- the command ---


def test_the_command_makes_a_bundle_for_each_vendor_and_their_sums(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--output", str(tmp_path / "a folder")]) == 0
    made = {path.name: path.read_bytes() for path in (tmp_path / "a folder").iterdir()}
    sums = made.pop("SHA256SUMS").decode()
    assert sorted(made) == [f"{vendor}-blueprints-{VERSION}.zip" for vendor in sorted(map(str.lower, VENDORS))]
    assert sums == "".join(f"{hashlib.sha256(made[name]).hexdigest()}  {name}\n" for name in sorted(made))
    assert [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()] == [
        line.split("  ")[0] for line in sums.splitlines()
    ]


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not installed")
def test_the_sums_are_checked_by_sha256sum(tmp_path: Path) -> None:
    assert main(["--output", str(tmp_path)]) == 0
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    subprocess.run(check, cwd=tmp_path, check=True, capture_output=True)
    next(tmp_path.glob("fivetran*")).write_bytes(b"another")
    assert subprocess.run(check, cwd=tmp_path, check=False, capture_output=True).returncode != 0


@pytest.mark.slow
def test_neither_time_zone_nor_umask_nor_hash_seed_change_the_bytes(tmp_path: Path) -> None:
    made = []
    for number, (zone, umask) in enumerate([("Pacific/Auckland", "077"), ("America/Adak", "000")]):
        folder = tmp_path / str(number)
        subprocess.run(
            [
                sys.executable,
                "-c",
                f"import os; os.umask(0o{umask}); from sync_blueprints.bundle import main\n"
                f"main(['--output', {str(folder)!r}])",
            ],
            cwd=REPOSITORY,
            env={**NOTHING_BUT_PATH, "TZ": zone, "PYTHONHASHSEED": str(number)},
            check=True,
            capture_output=True,
        )
        made.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert made[0] == made[1]
    assert len(made[0]) == 4


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "dist").write_text("a file")
    assert main(["--output", str(tmp_path / "dist")]) == 1
    assert "dist" in capsys.readouterr().err


# --- unpacked, with nothing but the requirements ---


def interpreters() -> dict[int, str]:
    """The Pythons from 3.9 to 3.13 on this machine, by their minor version."""
    places = os.environ.get("PYENV_ROOT") or str(Path.home() / ".pyenv")
    candidates = [sys.executable, *map(str, Path(places).glob("versions/*/bin/python"))]
    candidates += filter(None, (shutil.which(f"python3.{minor}") for minor in range(9, 14)))
    about = "import ensurepip, sys, venv; print(*sys.version_info[:2], sys.implementation.name)"
    found: dict[int, str] = {}
    for candidate in candidates:
        said = subprocess.run([candidate, "-c", about], capture_output=True, text=True, check=False).stdout.split()
        if said and said[0] == "3" and 9 <= int(said[1]) <= 13 and said[2] == "cpython":
            found.setdefault(int(said[1]), candidate)
    return found


@pytest.fixture(scope="module", params=["oldest", "newest"])
def clean_python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with the requirements of a run and nothing else."""
    found = interpreters()
    minor = min(found) if request.param == "oldest" else max(found)
    if request.param == "newest" and len(found) == 1:
        pytest.skip(f"Python 3.{minor} is the only one here, and was tried as the oldest")
    folder = tmp_path_factory.mktemp(f"python-3.{minor}")
    subprocess.run([found[minor], "-m", "venv", folder], check=True, capture_output=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--requirement", REPOSITORY / "requirements.txt"]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"pip cannot install the requirements here: {done.stderr.strip()[-300:]}")
    return python


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def unpacked(tmp_path: Path) -> Callable[[str], Path]:
    def unpack(vendor: str) -> Path:
        folder = tmp_path / f"blueprints of {vendor}"
        with archive(vendor) as bundle:
            bundle.extractall(folder)
        return folder

    return unpack


@pytest.mark.slow
@pytest.mark.sockets
@each_vendor
def test_an_unpacked_bundle_triggers_and_checks_with_its_requirements_alone(
    vendor: str, clean_python: Path, sandbox: Sandbox, unpacked: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = unpacked(vendor)
    id_variable, more = ID_VARIABLES[vendor]
    environment = {
        **NOTHING_BUT_PATH,
        **sandbox.environment,
        **more,
        id_variable: f"succeeds_in_1_x{tmp_path.name}",
        "SHIPYARD_ARTIFACTS_DIRECTORY": str(tmp_path / "files handed over"),
    }
    folder_name = f"{vendor.lower()}_blueprints"
    for script, more, outcome in (
        ("check_credentials.py", {}, "valid"),
        ("trigger_sync.py", {}, "started"),
        ("check_sync_status.py", {f"{vendor.upper()}_WAIT": "TRUE"}, "succeeded"),
    ):
        done = subprocess.run(
            [clean_python, f"{folder_name}/{script}"],
            cwd=folder,
            env={**environment, **more},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["outcome"] == outcome


@pytest.mark.slow
@pytest.mark.sockets
@pytest.mark.parametrize("blueprint", BLUEPRINTS, ids=lambda blueprint: blueprint.name)
def test_an_unpacked_script_finds_its_parts_from_any_folder(
    blueprint: Blueprint, clean_python: Path, unpacked: Callable[[str], Path], tmp_path: Path
) -> None:
    script = unpacked(blueprint.vendor) / blueprint.file_to_run
    done = subprocess.run(
        [clean_python, script], cwd=tmp_path, env=NOTHING_BUT_PATH, capture_output=True, text=True, check=False
    )
    assert done.returncode == 206, done.stderr
    assert json.loads(done.stdout)["blueprint"] == blueprint.name
