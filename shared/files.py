"""Private folders and whole files: everything is written under a temporary name in the same folder and renamed.

A reader, and a process killed at any moment, sees the old file or the new one, whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from pathlib import Path

LEFTOVER_AGE = 3600  # seconds after which a temporary file is one of a process that was killed
MAX_NAME = 255  # bytes of a file name on most systems
PROBE = b"\0" * 65536  # what a full disk has no room for


def make_private_folder(folder: Path) -> None:
    """The folder and its parents, for nobody else's eyes; an existing one two levels up, the user's, keeps its mode."""
    for one in (folder.parents[1], folder.parent, folder):
        one.mkdir(mode=0o700, parents=True, exist_ok=True)
    for one in (folder.parent, folder):
        with contextlib.suppress(OSError):  # somebody else's: what matters are the files, and they are 0600
            one.chmod(0o700)


def write(path: Path, content: bytes) -> None:
    """All of `content`, or nothing. Raises OSError."""
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def try_writing(folder: Path) -> None:
    """Find out whether files can be written there, and sweep leftovers of killed processes away. Raises OSError."""
    make_private_folder(folder)
    for one in folder.iterdir():
        if one.suffix in (".pickle", ".json") and one.is_dir():  # such as a container makes of a missing file to mount
            raise IsADirectoryError(f"{one.name} is a folder")
        with contextlib.suppress(OSError):
            if one.name.startswith(".") and one.suffix == ".tmp" and time.time() - one.stat().st_mtime > LEFTOVER_AGE:
                one.unlink()
    probe = folder / ".probe.tmp"
    write(probe, PROBE)
    probe.unlink(missing_ok=True)  # another script may have been quicker


def response_file(kind: str, id: str) -> str:  # noqa: A002
    """`<kind>_<id>_response.json`; an id that makes it too long for a file name is cut, and identified by its hash."""
    name = f"{kind}_{id}_response.json"
    if len(name.encode()) <= MAX_NAME:
        return name
    room = MAX_NAME - len(f"{kind}_-12345678_response.json")
    return f"{kind}_{id[:room]}-{hashlib.sha256(id.encode()).hexdigest()[:8]}_response.json"
