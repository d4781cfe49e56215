"""sync-blueprints bundle: one zip file for each vendor, to upload to an orchestrator."""

from __future__ import annotations

import argparse
import hashlib
import io
import re
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from sync_blueprints.catalog import VENDORS, folder_of, version
from sync_blueprints.root import ROOT

MODE = 0o100644
TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file can say


def bundle(vendor: str, root: Path = ROOT) -> bytes:
    """The vendor's folder, shared/ and requirements.txt, without caches and what an editor left.

    Nothing in it tells when or where it was made: the same files give the same bytes.
    """
    folders = (root / folder_of(vendor).name, root / "shared")
    scripts = [path for folder in folders for path in folder.glob("*.py") if re.fullmatch(r"[A-Za-z_]\w*", path.stem)]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted([*scripts, root / "requirements.txt"]):
            entry = zipfile.ZipInfo(path.relative_to(root).as_posix(), TIME)
            entry.create_system = 3  # Unix: else Windows would say so, and the mode would mean nothing
            entry.external_attr = MODE << 16
            archive.writestr(entry, path.read_bytes())  # stored: what deflate makes differs between versions of zlib
    return buffer.getvalue()


def main(argv: Sequence[str]) -> int:
    """The command; returns 0, or 1 where a bundle cannot be made or written."""
    parser = argparse.ArgumentParser(
        prog="sync-blueprints bundle",
        description="Make <vendor>-blueprints-<version>.zip for each vendor, and SHA256SUMS. The same files give the "
        "same bytes.",
    )
    parser.add_argument("--output", type=Path, default=Path("dist"), metavar="DIR", help="default: dist")
    output: Path = parser.parse_args(argv).output
    try:
        bundles = {f"{vendor.lower()}-blueprints-{version()}.zip": bundle(vendor) for vendor in VENDORS}
        sums = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(bundles.items())}
        output.mkdir(parents=True, exist_ok=True)
        for name, content in bundles.items():
            (output / name).write_bytes(content)
        (output / "SHA256SUMS").write_bytes("".join(f"{sums[name]}  {name}\n" for name in sums).encode())
    except OSError as error:
        print(f"bundle: {error}", file=sys.stderr)
        return 1
    for name in sums:
        print(f"{sums[name]}  {output / name}")
    return 0
