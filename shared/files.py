"""Private folders and whole files: everything is written under a temporary name in the same folder and renamed.

A reader, and a process killed at any moment, sees the old file or the new one, whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
import time
from pathlib import Path

LEFTOVER_AGE = 3600  # seconds after which a temporary file is one of a process that was killed
MAX_NAME = 255  # bytes of a file name on most systems
PROBE = b"\0" * 65536  # what a full disk has no room for


def make_private_folder(folder: Path, levels: int = 3) -> None:
    """The folder and its parents, `levels` in all, for nobody else's eyes. Raises OSError."""
    for one in reversed([folder, *folder.parents][:levels]):
        if not one.is_dir():
            one.parent.mkdir(parents=True, exist_ok=True)
            one.mkdir(mode=0o700, exist_ok=True)
        if one == [folder, *folder.parents][levels - 1]:
            continue  # the user's own folder keeps its mode
        if stat.S_IMODE(one.stat().st_mode) != 0o700:
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
        if one.name.endswith((".pickle", ".json")) and one.is_dir():
            raise IsADirectoryError(f"{one.name} is a folder")
    for leftover in folder.glob(".*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - leftover.stat().st_mtime > LEFTOVER_AGE:
                leftover.unlink()
    probe = folder / ".probe.tmp"
    write(probe, PROBE)
    probe.unlink(missing_ok=True)  # another script may have been quicker


def read(path: Path, max_bytes: int) -> bytes:
    """What is in a file, at most one byte more than `max_bytes`. Raises OSError, also for what is not a file."""
    with open(path, "rb", opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError("it is not a file")
        return file.read(max_bytes + 1)


def _without_waiting(path: str, flags: int) -> int:
    """A named pipe in place of a file would otherwise keep the run waiting for its writer."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def response_file(kind: str, id: str) -> str:  # noqa: A002
    """`<kind>_<id>_response.json`; an id that makes it too long for a file name is cut, and identified by its hash."""
    name = f"{kind}_{id}_response.json"
    if len(name.encode()) <= MAX_NAME:
        return name
    room = MAX_NAME - len(f"{kind}_-12345678_response.json")
    return f"{kind}_{id[:room]}-{hashlib.sha256(id.encode()).hexdigest()[:8]}_response.json"
