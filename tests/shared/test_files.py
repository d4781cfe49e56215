"""Private folders and whole files, whatever happens while they are written."""

from __future__ import annotations

import os
import signal
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared import files
from tests.shared.running import process


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "artifacts" / "acme-blueprints" / "variables"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_folders_and_files_are_private_from_the_first_moment(folder: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        files.try_writing(folder)
        files.write(folder / "a.pickle", b"a")
    finally:
        os.umask(before)
    assert {mode(one) for one in (folder, folder.parent, folder.parent.parent)} == {0o700}
    assert mode(folder / "a.pickle") == 0o600


def test_folders_of_ours_that_others_can_read_are_closed_and_the_users_own_keeps_its_mode(folder: Path) -> None:
    folder.mkdir(parents=True)
    for one in (folder, folder.parent, folder.parent.parent):
        one.chmod(0o755)
    files.make_private_folder(folder)
    assert [mode(one) for one in (folder, folder.parent, folder.parent.parent)] == [0o700, 0o700, 0o755]


def test_a_file_is_replaced_whole_and_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    files.make_private_folder(folder)
    (folder / "open.pickle").write_bytes(b"old")
    (folder / "open.pickle").chmod(0o644)
    (tmp_path / "precious").write_text("precious")
    (folder / "link.pickle").symlink_to(tmp_path / "precious")
    for name in ("open.pickle", "link.pickle"):
        files.write(folder / name, b"new")
        assert ((folder / name).read_bytes(), mode(folder / name)) == (b"new", 0o600)
    assert (tmp_path / "precious").read_text() == "precious"
    assert {path.name for path in folder.iterdir()} == {"open.pickle", "link.pickle"}


def test_a_killed_writer_leaves_the_old_file_whole_and_a_leftover_that_is_swept_by_its_age(
    folder: Path, tmp_path: Path
) -> None:
    files.try_writing(folder)
    files.write(folder / "a.pickle", b"old")
    body = f"""
        from pathlib import Path
        from shared import files
        Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        files.write(Path({str(folder)!r}) / "a.pickle", b"new")
    """
    assert process(body, tmp_path, 'exec "$0" "$@"').exit_code == -signal.SIGKILL
    assert (folder / "a.pickle").read_bytes() == b"old"
    (leftover,) = folder.glob(".*.tmp")
    files.try_writing(folder)
    assert leftover.exists()  # its writer may be alive
    os.utime(leftover, (time.time() - 3700,) * 2)
    files.try_writing(folder)
    assert [one.name for one in folder.iterdir()] == ["a.pickle"]


@pytest.mark.parametrize("name", ["sync.pickle", "any.json"])
def test_a_folder_in_place_of_a_file_is_found_out(folder: Path, name: str) -> None:
    (folder / name).mkdir(parents=True)
    with pytest.raises(OSError, match=f"{name} is a folder"):
        files.try_writing(folder)


def test_many_may_try_and_write_in_one_folder_at_the_same_time(folder: Path) -> None:
    def work(number: int) -> None:
        files.try_writing(folder)
        files.write(folder / f"{number % 3}.pickle", b"x" * 10_000)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(200)))
    assert {path.name: path.stat().st_size for path in folder.iterdir()} == {f"{n}.pickle": 10_000 for n in range(3)}
