"""sync-blueprints bundle: one zip file for each vendor, to upload to an orchestrator.

A bundle is made from what git has at HEAD, so that the same commit gives the same bytes and nothing else comes in.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sync_blueprints.catalog import REPOSITORY, VENDORS, Blueprint, folder_of, load

PART = re.compile(rf"(?:shared|(?:{'|'.join(VENDORS).lower()})_blueprints)/[A-Za-z_]\w*\.py|requirements\.txt")
MODE = 0o100644
TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file can say


class BundleError(Exception):
    """No bundle can be made; the message says why."""


def sources(folder: Path = REPOSITORY) -> dict[str, bytes]:
    """Every file that belongs into a bundle, by its path: as git has it at HEAD, else as it lies there.

    The second is for a copy without git, such as an unpacked release, or where the program git is missing. Raises
    BundleError.
    """
    committed = _committed(folder) if _has_git(folder) else {}
    if committed:
        return committed
    folders = ("shared", *(folder_of(vendor).name for vendor in VENDORS))
    files = [*(path for name in folders for path in folder.glob(f"{name}/*.py")), folder / "requirements.txt"]
    try:
        found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    except OSError as fault:
        raise BundleError(f"the files for the bundles cannot be read: {fault}") from fault
    return {path: found[path] for path in sorted(found) if PART.fullmatch(path)}


def uncommitted(folder: Path = REPOSITORY) -> list[str]:
    """The files of the bundles that are not as git has them at HEAD. Raises BundleError."""
    if not _has_git(folder):
        return []
    changed = _git(folder, "diff", "--name-only", "--relative", "-z", "HEAD").decode().split("\0")
    new = _git(folder, "ls-files", "--others", "--exclude-standard", "-z").decode().split("\0")
    return sorted(path for path in {*changed, *new} if PART.fullmatch(path))


def version_of(files: Mapping[str, bytes]) -> str:
    """The version that a run reports. Raises BundleError."""
    found = re.search(rb'^VERSION = "([0-9A-Za-z.+-]+)"$', files.get("shared/__init__.py", b""), re.MULTILINE)
    if not found:
        raise BundleError('shared/__init__.py has no line VERSION = "…"')
    return found[1].decode()


def bundles_of(blueprints: Iterable[Blueprint], files: Mapping[str, bytes]) -> dict[str, tuple[str, bytes]]:
    """The name and the content of the bundle of each vendor that these blueprints are of. Raises BundleError."""
    wanted: dict[str, list[str]] = {}
    for blueprint in blueprints:
        wanted.setdefault(blueprint.vendor, []).append(blueprint.file_to_run)
    return {vendor: _bundle(vendor, scripts, files) for vendor, scripts in wanted.items()}


def main(argv: Sequence[str]) -> int:
    """The command; returns 0, or 1 where a bundle cannot be made or written."""
    parser = argparse.ArgumentParser(
        prog="sync-blueprints bundle",
        description="Make <vendor>-blueprints-<version>.zip for each vendor, and SHA256SUMS, from the latest commit: "
        "uncommitted changes and untracked files are left out. The same commit gives the same bytes. In a folder "
        "without Git, the files are taken as they are.",
    )
    parser.add_argument("--output", type=Path, default=Path("dist"), metavar="DIR", help="default: dist")
    output: Path = parser.parse_args(argv).output
    try:
        bundles = dict(bundles_of(load(), sources()).values())
        sums = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(bundles.items())}
        for path in uncommitted():
            print(f"bundle: {path} has uncommitted changes, which are not in the bundle", file=sys.stderr)
        output.mkdir(parents=True, exist_ok=True)
        for name, content in bundles.items():
            (output / name).write_bytes(content)
        (output / "SHA256SUMS").write_bytes("".join(f"{sums[name]}  {name}\n" for name in sums).encode())
    except (BundleError, OSError) as fault:
        print(f"bundle: {fault}", file=sys.stderr)
        return 1
    for name in sums:
        print(f"{sums[name]}  {output / name}")
    return 0


def _bundle(vendor: str, scripts: Sequence[str], files: Mapping[str, bytes]) -> tuple[str, bytes]:
    """The vendor's folder, shared/ and requirements.txt, which have to hold the scripts."""
    folders = (f"{vendor.lower()}_blueprints/", "shared/")
    parts = {path: content for path, content in files.items() if path.startswith(folders) or "/" not in path}
    missing = [path for path in (*scripts, "requirements.txt") if path not in parts]
    if missing:
        raise BundleError(f"the bundle for {vendor} would lack {', '.join(missing)}; is it committed?")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in sorted(parts.items()):
            entry = zipfile.ZipInfo(path, TIME)
            entry.create_system = 3  # Unix: else Windows would say so, and the mode would mean nothing
            entry.external_attr = MODE << 16
            archive.writestr(entry, content)  # stored: what deflate makes differs between versions of zlib
    return f"{vendor.lower()}-blueprints-{version_of(files)}.zip", buffer.getvalue()


def _has_git(folder: Path) -> bool:
    """Whether git can tell what is committed here; not so in an unpacked release, even inside another repository."""
    if shutil.which("git") is None:
        return False
    if (folder / ".git").exists():
        return True  # what is wrong with it then, git says itself
    return _run(folder, "ls-files", "--error-unmatch", "shared/__init__.py").returncode == 0


def _committed(folder: Path) -> dict[str, bytes]:
    archive = _git(folder, "-c", "core.autocrlf=false", "archive", "--format=zip", "HEAD")
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        return {path: files.read(path) for path in files.namelist() if PART.fullmatch(path)}


def _git(folder: Path, *arguments: str) -> bytes:
    done = _run(folder, *arguments)
    if done.returncode != 0:
        raise BundleError(f"git failed in {folder}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    # Whoever runs this trusts the folder already, also where another user owns it, as in a container's checkout.
    command = ["git", "-c", "safe.directory=*", *arguments]
    return subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False)
