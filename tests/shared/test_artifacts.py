"""The files handed over: which are written when, which is found, and what is told of one that cannot be read."""

from __future__ import annotations

import json
import logging
import os
import pickle
import re
import socket
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Callable, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared.artifacts import Artifacts, identifier, moment
from shared.http import NOT_JSON, Answer, parse_json
from shared.masking import Mask

from shared import errors, pickles
from tests.support import NOW

REPOSITORY = Path(__file__).resolve().parents[2]
TOKEN = "tok-0123456789abcdef"
posix_only = pytest.mark.skipif(os.name != "posix", reason="permissions and locks are POSIX's")


class Sync(NamedTuple):
    """A hand-over as a vendor's client has one; a check is given an id or None."""

    id: str = "source_1"
    sync_id: str | None = "run_7"
    server_time: datetime | None = NOW

    def as_dict(self) -> dict[str, Any]:
        return self._asdict()

    def other_files(self) -> dict[str, Any]:
        return {
            "force_sync.pickle": [self.id, self.server_time],
            "source_id.pickle": self.id,
            "sync_id.pickle": self.sync_id,
        }

    @property
    def subject(self) -> str:
        return self.id

    def is_just(self, given: object) -> bool:
        return given == self.id

    def differs(self, given: Any) -> str:
        return "" if given in (None, self.id) else f"it is for {self.id}, and ACME_SOURCE_ID is {given}"

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Sync:
        return cls(identifier(plain["id"]), plain["sync_id"], moment(plain["server_time"]))

    @classmethod
    def from_other_files(cls, file: Callable[[str], Any]) -> list[Sync]:
        pair = file("force_sync.pickle")
        if pair is not None:
            return [cls(identifier(pair[0]), None, moment(pair[1]))]
        source = file("source_id.pickle")
        return [] if source is None else [cls(identifier(source), None, None)]


@pytest.fixture
def variables(tmp_path: Path) -> Path:
    return tmp_path / "acme-blueprints" / "variables"


@pytest.fixture
def responses(tmp_path: Path) -> Path:
    return tmp_path / "acme-blueprints" / "responses"


def artifacts(folder: Path, log_id: str | None = None, *upstream: str, mask: Mask | None = None) -> Artifacts:
    return Artifacts(folder, "acme", log_id, upstream, mask or Mask([TOKEN]))


def trigger(folder: Path, sync: Sync | None = None, log_id: str | None = None) -> None:
    """A trigger whose start was accepted."""
    one = artifacts(folder, log_id)
    one.prepare()
    with one.starting(sync or Sync()):
        pass
    one.save(sync or Sync())


def killed_trigger(folder: Path, sync: Sync | None = None, log_id: str | None = None) -> None:
    one = artifacts(folder, log_id)
    one.prepare()
    with pytest.raises(errors.Interruption), one.starting(sync or Sync()):
        raise errors.Interruption(15)


def refused_trigger(folder: Path, log_id: str | None = None) -> None:
    one = artifacts(folder, log_id)
    one.prepare()
    with pytest.raises(errors.BadRequestError), one.starting(Sync("other")):
        raise errors.BadRequestError("no")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def later(seconds: float, sync_id: str = "run_8", id: str = "source_1") -> Sync:  # noqa: A002
    return Sync(id, sync_id, NOW + timedelta(seconds=seconds))


# What is written


def test_a_trigger_without_a_log_id_writes_the_plain_names(tmp_path: Path, variables: Path) -> None:
    trigger(tmp_path)
    assert names(variables) == {"sync.pickle", "force_sync.pickle", "source_id.pickle", "sync_id.pickle"}


def test_a_trigger_with_a_log_id_writes_both_names_of_both_files(tmp_path: Path, variables: Path) -> None:
    trigger(tmp_path, log_id="log1")
    assert names(variables) == {
        *("sync.pickle", "log1_sync.pickle", "force_sync.pickle", "log1_force_sync.pickle"),
        *("source_id.pickle", "sync_id.pickle"),
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("force_sync.pickle", ["source_1", NOW]),
        ("log1_force_sync.pickle", ["source_1", NOW]),
        ("source_id.pickle", "source_1"),
        ("sync_id.pickle", "run_7"),
    ],
)
def test_other_programs_read_their_files_with_pickle(tmp_path: Path, variables: Path, name: str, expected: Any) -> None:
    trigger(tmp_path, log_id="log1")
    assert pickle.loads((variables / name).read_bytes()) == expected  # noqa: S301


@pytest.mark.parametrize("name", ["sync.pickle", "log1_sync.pickle"])
def test_the_hand_over_is_a_dict_of_plain_values_with_its_version(tmp_path: Path, variables: Path, name: str) -> None:
    trigger(tmp_path, log_id="log1")
    plain = pickle.loads((variables / name).read_bytes())  # noqa: S301
    assert plain["version"] == 1
    assert {key: plain[key] for key in Sync._fields} == Sync()._asdict()


def test_every_pickle_is_of_protocol_4(tmp_path: Path, variables: Path) -> None:
    trigger(tmp_path, log_id="log1")
    assert {path.read_bytes()[:2] for path in variables.iterdir()} == {b"\x80\x04"}


def test_a_file_that_a_trigger_has_nothing_for_is_removed(tmp_path: Path, variables: Path) -> None:
    trigger(tmp_path)
    trigger(tmp_path, Sync(sync_id=None))
    assert "sync_id.pickle" not in names(variables)


@posix_only
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_folders_and_files_are_for_nobody_elses_eyes(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        trigger(tmp_path / "new", log_id="log1")
        killed_trigger(tmp_path / "new")
        artifacts(tmp_path / "new").save_response("r.json", Answer(200, {}))
    finally:
        os.umask(before)
    for path in (tmp_path / "new").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_folders_of_any_depth_are_made(tmp_path: Path) -> None:
    trigger(tmp_path / "a" / "b" / "c")
    assert artifacts(tmp_path / "a" / "b" / "c").find(Sync, None) == Sync()


@posix_only
def test_folders_are_closed_from_the_first_moment(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        artifacts(tmp_path / "new").prepare()
    finally:
        os.umask(before)
    folders = [tmp_path / "new", *(tmp_path / "new").rglob("*")]
    assert {stat.S_IMODE(one.stat().st_mode) for one in folders} == {0o700}


@posix_only
def test_a_folder_that_others_can_look_into_is_closed(tmp_path: Path, variables: Path, responses: Path) -> None:
    for folder in (variables.parent, variables, responses):
        folder.mkdir(mode=0o755)
    artifacts(tmp_path).prepare()
    assert {stat.S_IMODE(one.stat().st_mode) for one in (variables.parent, variables, responses)} == {0o700}


@posix_only
def test_an_older_file_that_others_can_read_is_closed(tmp_path: Path, variables: Path) -> None:
    variables.mkdir(parents=True)
    (variables / "sync.pickle").write_bytes(b"old")
    (variables / "sync.pickle").chmod(0o644)
    trigger(tmp_path)
    assert stat.S_IMODE((variables / "sync.pickle").stat().st_mode) == 0o600


def test_a_link_is_replaced_and_not_followed(tmp_path: Path, variables: Path) -> None:
    variables.mkdir(parents=True)
    (tmp_path / "precious").write_text("precious")
    (variables / "sync.pickle").symlink_to(tmp_path / "precious")
    trigger(tmp_path)
    assert (tmp_path / "precious").read_text() == "precious"


def test_nothing_is_left_beside_the_files(tmp_path: Path, variables: Path, responses: Path) -> None:
    trigger(tmp_path)
    artifacts(tmp_path).save_response("r.json", Answer(200, {}))
    assert not [one for one in names(variables) | names(responses) if one.startswith(".") or one.endswith(".tmp")]


# Found out before a start


@pytest.mark.parametrize("place", ["", "acme-blueprints", "acme-blueprints/variables", "acme-blueprints/responses"])
def test_a_folder_that_cannot_be_made_is_found_out_before_a_start(tmp_path: Path, place: str) -> None:
    blocked = tmp_path / "artifacts" / place
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("a file")
    with pytest.raises(errors.ArtifactError, match="nothing was started") as caught:
        artifacts(tmp_path / "artifacts").prepare()
    assert caught.value.exit_code == 221
    assert "SHIPYARD_ARTIFACTS_DIRECTORY" in str(caught.value)
    assert not re.search(r"\bNone\b", str(caught.value))


@posix_only
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_found_out_before_a_start(tmp_path: Path, variables: Path) -> None:
    artifacts(tmp_path).prepare()
    tmp_path.chmod(0o500)
    variables.chmod(0o500)
    try:
        with pytest.raises(errors.ArtifactError, match="nothing was started"):
            artifacts(tmp_path).prepare()
    finally:
        tmp_path.chmod(0o700)
        variables.chmod(0o700)


@posix_only
def test_a_full_disk_is_found_out_before_a_start(tmp_path: Path) -> None:
    code = f"""
        import resource, signal, sys
        from pathlib import Path
        from shared.artifacts import Artifacts
        from shared.errors import ArtifactError
        from shared.masking import Mask
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # as a disk with a thousand bytes left
        try:
            Artifacts(Path({str(tmp_path)!r}), "acme", None, (), Mask()).prepare()
        except ArtifactError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert "nothing was started" in done.stdout
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_many_may_prepare_one_folder_at_the_same_time(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(artifacts(tmp_path).prepare) for _ in range(400)]:
            done.result()


def test_preparing_again_leaves_what_lies_there(tmp_path: Path, variables: Path) -> None:
    trigger(tmp_path)
    before = {path.name: path.read_bytes() for path in variables.iterdir()}
    artifacts(tmp_path).prepare()
    assert {path.name: path.read_bytes() for path in variables.iterdir()} == before


@posix_only
def test_the_temporary_files_of_killed_writers_are_removed(tmp_path: Path, variables: Path, responses: Path) -> None:
    artifacts(tmp_path).prepare()
    for folder in (variables, responses):
        killed_while_writing(folder)
    assert len(names(variables)) == len(names(responses)) == 1
    artifacts(tmp_path).prepare()
    assert names(variables) == names(responses) == set()


def killed_while_writing(folder: Path) -> None:
    """A process that is killed while it writes a file there."""
    code = """
        import os, signal, sys
        from pathlib import Path
        from shared import artifacts
        os.fdopen = (lambda fdopen: lambda *a, **k: Stuck(fdopen(*a, **k)))(os.fdopen)
        class Stuck:
            def __init__(self, file): self.file = file
            def __enter__(self): self.file.__enter__(); return self
            def __exit__(self, *a): return self.file.__exit__(*a)
            def fileno(self): return self.file.fileno()
            def writelines(self, parts):
                self.file.write(parts[0][:3]); self.file.flush()
                os.kill(os.getpid(), signal.SIGKILL)
        artifacts._write(Path(sys.argv[1]) / "sync.pickle", [b"content"])
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(folder)], cwd=REPOSITORY, check=False)
    assert done.returncode < 0


@posix_only
def test_a_writer_that_is_killed_leaves_the_old_file_whole(tmp_path: Path, variables: Path) -> None:
    trigger(tmp_path)
    before = (variables / "sync.pickle").read_bytes()
    killed_while_writing(variables)
    assert (variables / "sync.pickle").read_bytes() == before
    assert artifacts(tmp_path).find(Sync, None) == Sync()


@posix_only
def test_the_temporary_file_of_a_writer_that_lives_is_left_alone(tmp_path: Path, variables: Path) -> None:
    import fcntl

    artifacts(tmp_path).prepare()
    with (variables / ".sync.pickle.abc.tmp").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        artifacts(tmp_path).prepare()
        assert names(variables) == {".sync.pickle.abc.tmp"}


# Accepted, refused, killed


def test_a_sync_that_runs_but_cannot_be_handed_over_is_told_with_its_id(tmp_path: Path, variables: Path) -> None:
    one = artifacts(tmp_path)
    one.prepare()
    variables.rmdir()
    variables.write_text("a file")
    with pytest.raises(errors.ArtifactError, match=r"run_7 of source_1 runs") as caught:
        one.save(Sync())
    assert caught.value.exit_code == 221


def test_a_folder_that_was_removed_meanwhile_is_made_again(tmp_path: Path, variables: Path) -> None:
    one = artifacts(tmp_path)
    one.prepare()
    variables.rmdir()
    one.save(Sync())
    assert artifacts(tmp_path).find(Sync, None) == Sync()


@pytest.mark.parametrize("log_id", [None, "log1"])
def test_a_refused_trigger_leaves_nothing_of_its_own(tmp_path: Path, variables: Path, log_id: str | None) -> None:
    refused_trigger(tmp_path, log_id)
    assert names(variables) == set()


def test_a_refused_trigger_does_not_touch_older_files(tmp_path: Path, variables: Path) -> None:
    trigger(tmp_path, log_id="log1")
    before = {path.name: path.read_bytes() for path in variables.iterdir()}
    refused_trigger(tmp_path, "log1")
    assert {path.name: path.read_bytes() for path in variables.iterdir()} == before
    assert artifacts(tmp_path).find(Sync, None) == Sync()


@pytest.mark.parametrize("given", [None, "source_1"])
def test_a_trigger_that_was_killed_half_way_is_told_to_the_check(tmp_path: Path, given: str | None) -> None:
    killed_trigger(tmp_path)
    with pytest.raises(errors.ArtifactError, match=r"may be running.*trigger it again") as caught:
        artifacts(tmp_path).find(Sync, given)
    assert caught.value.exit_code == 221


def test_an_unclear_start_is_told_to_the_check(tmp_path: Path) -> None:
    one = artifacts(tmp_path)
    one.prepare()
    with pytest.raises(errors.StartUnclearError), one.starting(Sync()):
        raise errors.StartUnclearError("no answer")
    with pytest.raises(errors.ArtifactError, match="may be running"):
        artifacts(tmp_path).find(Sync, None)


@pytest.mark.parametrize("upstream", [(), ("log1",)])
def test_an_older_hand_over_is_not_taken_for_a_killed_triggers(tmp_path: Path, upstream: tuple[str, ...]) -> None:
    trigger(tmp_path, log_id="log1")
    killed_trigger(tmp_path, later(60), "log1")
    with pytest.raises(errors.ArtifactError, match="may be running"):
        artifacts(tmp_path, None, *upstream).find(Sync, None)


def test_a_killed_trigger_of_another_log_id_is_none_of_a_checks_business(tmp_path: Path) -> None:
    trigger(tmp_path, log_id="log1")
    killed_trigger(tmp_path, later(60), "log2")
    assert artifacts(tmp_path, None, "log1").find(Sync, None) == Sync()


def test_a_killed_trigger_of_another_sync_is_passed_over(tmp_path: Path) -> None:
    killed_trigger(tmp_path, Sync("other"))
    assert artifacts(tmp_path).find(Sync, "source_1") is None


@pytest.mark.parametrize("log_id", [None, "log1"])
def test_the_next_trigger_clears_what_a_killed_one_left(tmp_path: Path, log_id: str | None) -> None:
    killed_trigger(tmp_path, log_id=log_id)
    trigger(tmp_path, later(60), log_id)
    assert artifacts(tmp_path).find(Sync, None) == later(60)
    assert artifacts(tmp_path, None, "log1").find(Sync, None) == later(60)


@pytest.mark.parametrize("of_the_killed", [None, "log1"])
@pytest.mark.parametrize("of_the_refused", [None, "log1", "log2"])
@pytest.mark.parametrize("times", [1, 3])
def test_a_refused_trigger_leaves_the_word_of_a_killed_one(
    tmp_path: Path, variables: Path, of_the_killed: str | None, of_the_refused: str | None, times: int
) -> None:
    killed_trigger(tmp_path, log_id=of_the_killed)
    before = {path.name: path.read_bytes() for path in variables.iterdir()}
    for _ in range(times):
        refused_trigger(tmp_path, of_the_refused)
    assert {path.name: path.read_bytes() for path in variables.iterdir()} == before
    for upstream in [(), *([(of_the_killed,)] if of_the_killed else [])]:
        with pytest.raises(errors.ArtifactError, match=r"source_1.*may be running") as caught:
            artifacts(tmp_path, None, *upstream).find(Sync, None)
        assert caught.value.exit_code == 221


@posix_only
def test_the_word_of_a_killed_trigger_is_put_back_for_nobody_elses_eyes(tmp_path: Path, variables: Path) -> None:
    killed_trigger(tmp_path)
    refused_trigger(tmp_path)
    assert stat.S_IMODE((variables / "starting.pickle").stat().st_mode) == 0o600


@pytest.mark.parametrize("log_id", [None, "log1"])
def test_an_accepted_trigger_clears_the_word_of_a_killed_one_that_a_refused_one_left(
    tmp_path: Path, variables: Path, log_id: str | None
) -> None:
    killed_trigger(tmp_path, log_id=log_id)
    refused_trigger(tmp_path, log_id)
    trigger(tmp_path, later(60), log_id)
    assert not [name for name in names(variables) if name.endswith("starting.pickle")]
    assert artifacts(tmp_path).find(Sync, None) == later(60)


def test_a_hand_over_beside_its_own_start_is_still_one_after_a_refused_trigger(tmp_path: Path, variables: Path) -> None:
    one = artifacts(tmp_path)
    one.prepare()
    with one.starting(Sync()):
        left = (variables / "starting.pickle").read_bytes()
    one.save(Sync())
    (variables / "starting.pickle").write_bytes(left)  # killed before it was cleared
    refused_trigger(tmp_path)
    assert artifacts(tmp_path).find(Sync, None) == Sync()


def test_a_trigger_does_not_clear_what_another_one_is_just_starting(tmp_path: Path, variables: Path) -> None:
    first, second = artifacts(tmp_path), artifacts(tmp_path)
    first.prepare()
    with first.starting(Sync("first")):
        pass
    with second.starting(Sync("second")):
        pass
    first.save(Sync("first"))
    assert "starting.pickle" in names(variables)
    with pytest.raises(errors.ArtifactError, match="second"):
        artifacts(tmp_path).find(Sync, "second")


def test_a_trigger_killed_just_after_its_hand_over_was_written_has_handed_over(tmp_path: Path, variables: Path) -> None:
    one = artifacts(tmp_path, "log1")
    one.prepare()
    with one.starting(Sync()):
        left = {path.name: path.read_bytes() for path in variables.iterdir()}
    one.save(Sync())
    for name, content in left.items():
        (variables / name).write_bytes(content)
    assert artifacts(tmp_path).find(Sync, None) == Sync()
    assert artifacts(tmp_path, None, "log1").find(Sync, None) == Sync()


def test_a_sync_that_was_joined_is_handed_over_without_a_start(tmp_path: Path) -> None:
    one = artifacts(tmp_path, "log1")
    one.prepare()
    one.save(Sync())
    assert artifacts(tmp_path, None, "log1").find(Sync, None) == Sync()


def test_a_sync_that_was_joined_clears_what_a_killed_trigger_left(tmp_path: Path) -> None:
    killed_trigger(tmp_path)
    one = artifacts(tmp_path)
    one.prepare()
    one.save(Sync())
    assert artifacts(tmp_path).find(Sync, None) == Sync()


@pytest.mark.parametrize("log_id", [None, "log1"])
def test_a_sync_that_was_joined_after_a_start_met_it_clears_what_a_killed_trigger_left(
    tmp_path: Path, variables: Path, log_id: str | None
) -> None:
    killed_trigger(tmp_path, log_id=log_id)
    one = artifacts(tmp_path, log_id)
    one.prepare()
    with pytest.raises(errors.SyncAlreadyRunningError), one.starting(later(60)):
        raise errors.SyncAlreadyRunningError("409")
    one.save(later(60))
    assert not [name for name in names(variables) if name.endswith("starting.pickle")]
    assert artifacts(tmp_path).find(Sync, None) == later(60)


# What is found


def put(variables: Path, name: str, value: Any) -> None:
    variables.mkdir(parents=True, exist_ok=True)
    (variables / name).write_bytes(pickle.dumps(value, 4))


def handed_over(sync: Sync) -> dict[str, Any]:
    return {"version": 1, "attempt": "", **sync._asdict()}


def test_without_files_nothing_is_found(tmp_path: Path) -> None:
    assert artifacts(tmp_path, None, "log1").find(Sync, None) is None


@pytest.mark.parametrize("gone", range(6))
def test_files_are_looked_for_in_their_order(tmp_path: Path, variables: Path, gone: int) -> None:
    order = [
        ("log1_sync.pickle", handed_over(Sync("a"))),
        ("log1_force_sync.pickle", ["b", NOW]),
        ("sync.pickle", handed_over(Sync("c"))),
        ("force_sync.pickle", ["d", NOW]),
        ("source_id.pickle", "e"),
    ]
    for name, value in order[gone:]:
        put(variables, name, value)
    found = artifacts(tmp_path, None, "log1").find(Sync, None)
    assert (found.id if found else None) == ["a", "b", "c", "d", "e", None][gone]


def test_files_of_a_log_id_that_is_not_upstream_are_not_looked_at(tmp_path: Path, variables: Path) -> None:
    put(variables, "log2_sync.pickle", handed_over(Sync()))
    assert artifacts(tmp_path, "log2", "log1").find(Sync, None) is None


def test_only_the_two_files_that_are_written_with_a_log_id_are_looked_for_with_one(
    tmp_path: Path, variables: Path
) -> None:
    put(variables, "log1_source_id.pickle", "a")
    assert artifacts(tmp_path, None, "log1").find(Sync, None) is None


def test_a_hand_over_for_another_id_is_passed_over_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trigger(tmp_path)
    assert artifacts(tmp_path).find(Sync, "source_2") is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "source_1" in caplog.text


def test_the_plain_names_are_not_looked_at_once_an_upstream_one_is_there(tmp_path: Path, variables: Path) -> None:
    put(variables, "log1_sync.pickle", handed_over(Sync("a")))
    put(variables, "sync.pickle", handed_over(Sync("b")))
    assert artifacts(tmp_path, None, "log1").find(Sync, "b") is None


@pytest.mark.parametrize("given", ["a", "b"])
def test_of_two_upstream_ones_the_inputs_choose(tmp_path: Path, given: str) -> None:
    trigger(tmp_path, Sync("a"), "log1")
    trigger(tmp_path, Sync("b"), "log2")
    found = artifacts(tmp_path, None, "log1", "log2").find(Sync, given)
    assert found is not None
    assert found.id == given


def test_two_upstream_ones_between_which_nothing_chooses_are_named(tmp_path: Path) -> None:
    trigger(tmp_path, Sync("a"), "log1")
    trigger(tmp_path, Sync("b"), "log2")
    with pytest.raises(errors.InvalidInputError, match=r"a \(log1_sync.pickle\).*b \(log2_sync.pickle\)") as caught:
        artifacts(tmp_path, None, "log1", "log2").find(Sync, None)
    assert caught.value.exit_code == 206


@pytest.mark.parametrize("upstream", [("log1", "log2"), ("log2", "log1")])
@pytest.mark.parametrize("given", [None, "source_1"])
def test_of_two_upstream_ones_for_one_id_the_later_server_time_is_taken(
    tmp_path: Path, upstream: tuple[str, ...], given: str | None
) -> None:
    trigger(tmp_path, later(60), "log1")
    trigger(tmp_path, later(0, "run_9"), "log2")
    assert artifacts(tmp_path, None, *upstream).find(Sync, given) == later(60)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Sync(sync_id="run_7"), Sync(sync_id="run_8")),
        (Sync(server_time=None), Sync(sync_id="run_8", server_time=None)),
        (Sync(server_time=None), later(60)),
    ],
    ids=["the same time", "no times", "one time"],
)
def test_two_upstream_ones_for_one_id_that_no_time_tells_apart_are_named(
    tmp_path: Path, one: Sync, other: Sync
) -> None:
    trigger(tmp_path, one, "log1")
    trigger(tmp_path, other, "log2")
    with pytest.raises(errors.InvalidInputError, match=r"log1_sync.pickle.*log2_sync.pickle"):
        artifacts(tmp_path, None, "log1", "log2").find(Sync, "source_1")


def test_two_upstream_ones_that_are_the_same_sync_are_one(tmp_path: Path) -> None:
    trigger(tmp_path, Sync(), "log1")
    trigger(tmp_path, Sync(), "log2")
    assert artifacts(tmp_path, None, "log1", "log2").find(Sync, None) == Sync()


def test_the_files_of_two_fleets_are_kept_apart(tmp_path: Path) -> None:
    trigger(tmp_path, Sync("a"), "log1")
    trigger(tmp_path, Sync("b"), "log2")
    for log_id, expected in (("log1", "a"), ("log2", "b")):
        found = artifacts(tmp_path, None, log_id).find(Sync, None)
        assert found is not None
        assert found.id == expected


def test_it_is_told_which_file_is_judged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    trigger(tmp_path, log_id="log1")
    artifacts(tmp_path, None, "log1").find(Sync, None)
    assert "log1_sync.pickle" in caplog.text


# What cannot be read


class Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, ("called",)


def deep(depth: int) -> bytes:
    return b"]" * depth + b"a" * (depth - 1)


UNREADABLE = {
    "empty": b"",
    "cut off": pickle.dumps(handed_over(Sync()), 4)[:-5],
    "no pickle": b"<html></html>",
    "hostile": pickle.dumps(Evil(), 4),
    "a memory bomb": b"\x80\x04]\x94" + b"".join(b"h%ch%c\x86\x94" % (n, n) for n in range(60)) + b".",
    "too long": pickle.dumps("x" * 1_100_000, 4),
    "a number": pickle.dumps(7, 4),
    "none": pickle.dumps(None, 4),
    "a list": pickle.dumps(["source_1", NOW], 4),
    "an empty dict": pickle.dumps({}, 4),
    "no version": pickle.dumps(Sync()._asdict(), 4),
    "a later version": pickle.dumps({**handed_over(Sync()), "version": 2}, 4),
    "a version nested deeply": b"\x80\x04}\x8c\x07version" + deep(5000) + b"s.",
    "a lack": pickle.dumps({"version": 1, "id": "source_1"}, 4),
    "an id with a path": pickle.dumps(handed_over(Sync("../../etc")), 4),
    "an id that is a number": pickle.dumps({**handed_over(Sync()), "id": 7}, 4),
    "an id nested deeply": b"\x80\x04}(\x8c\x07versionK\x01\x8c\x02id"
    + deep(5000)
    + b"\x8c\x07sync_idN\x8c\x0bserver_timeNu.",
    "a time without its zone": pickle.dumps(handed_over(Sync(server_time=NOW.replace(tzinfo=None))), 4),
    "a time at the end of all times": pickle.dumps(
        handed_over(Sync(server_time=datetime.max.replace(tzinfo=timezone.utc))), 4
    ),
    "a time before all times": pickle.dumps(
        handed_over(Sync(server_time=datetime.min.replace(tzinfo=timezone(timedelta(hours=1))))), 4
    ),
    "a time that is a text": pickle.dumps({**handed_over(Sync()), "server_time": "now"}, 4),
}


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder in which it shows whether a pickle was run."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    yield folder
    assert names(folder) == set()


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("given", [None, "source_1"])
@pytest.mark.parametrize("name", ["sync.pickle", "log1_sync.pickle", "starting.pickle", "log1_starting.pickle"])
def test_a_hand_over_that_cannot_be_read_is_told_even_if_an_id_is_given(
    tmp_path: Path, variables: Path, content: bytes, given: str | None, name: str
) -> None:
    variables.mkdir(parents=True)
    (variables / name).write_bytes(content)
    raised: BaseException | None = None
    try:
        artifacts(tmp_path, None, "log1").find(Sync, given)
    except Exception as error:  # noqa: BLE001  # not `pytest.raises`: a RecursionError takes a minute to print
        raised = error.with_traceback(None)
    assert type(raised).__name__ == "ArtifactError"
    assert name in str(raised)
    assert not re.search(r"\bNone\b", str(raised))


@pytest.mark.parametrize("content", [b"", b"\x80\x04.", pickle.dumps(["../x", NOW], 4), pickle.dumps(["x", "now"], 4)])
@pytest.mark.parametrize("name", ["force_sync.pickle", "log1_force_sync.pickle"])
def test_a_file_of_another_program_that_cannot_be_read_is_told(
    tmp_path: Path, variables: Path, content: bytes, name: str
) -> None:
    variables.mkdir(parents=True)
    (variables / name).write_bytes(content)
    with pytest.raises(errors.ArtifactError, match=name):
        artifacts(tmp_path, None, "log1").find(Sync, "source_1")


def test_two_attempts_that_are_nested_deeply_are_told_as_well(tmp_path: Path, variables: Path) -> None:
    variables.mkdir(parents=True)
    for name in ("starting.pickle", "sync.pickle"):
        (variables / name).write_bytes(b"\x80\x04}\x8c\x07attempt" + deep(5000) + b"s.")
    raised = ""
    try:
        artifacts(tmp_path).find(Sync, None)
    except Exception as error:  # noqa: BLE001  # not `pytest.raises`: a RecursionError takes a minute to print
        raised = type(error).__name__
    assert raised == "ArtifactError"


def test_a_folder_in_the_place_of_a_hand_over_is_told(tmp_path: Path, variables: Path) -> None:
    (variables / "sync.pickle").mkdir(parents=True)
    with pytest.raises(errors.ArtifactError, match=r"sync\.pickle"):
        artifacts(tmp_path).find(Sync, "source_1")


@pytest.mark.parametrize(("pattern", "fits"), [("[a/b]+", True), ("[a-z]+", False)], ids=["fits", "does not"])
def test_an_id_in_a_file_fits_the_pattern_that_it_is_to_have(pattern: str, fits: bool) -> None:
    if fits:
        assert identifier("a/b", pattern) == "a/b"
    else:
        with pytest.raises(ValueError, match="characters"):
            identifier("a/b", pattern)


def bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


NO_FILES: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a device without end": lambda path: path.symlink_to("/dev/zero"),
    "a device that is empty": lambda path: path.symlink_to("/dev/null"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a socket": bind,
    "a sparse file of a terabyte": lambda path: (path.touch(), os.truncate(path, 1 << 40)),
}


@posix_only
@pytest.mark.parametrize("make", NO_FILES.values(), ids=NO_FILES)
@pytest.mark.parametrize("name", ["sync.pickle", "starting.pickle", "log1_sync.pickle"])
def test_what_is_no_file_or_too_long_is_told_and_not_read(
    tmp_path: Path, variables: Path, make: Callable[[Path], object], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables.mkdir(parents=True)
    monkeypatch.chdir(variables)  # a socket has a short name only
    make(Path(name))
    with pytest.raises(errors.ArtifactError, match=name):
        artifacts(tmp_path, None, "log1").find(Sync, "source_1")


@posix_only
@pytest.mark.parametrize("make", NO_FILES.values(), ids=NO_FILES)
def test_a_trigger_makes_up_for_a_starting_file_that_no_trigger_wrote(
    tmp_path: Path, variables: Path, make: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    variables.mkdir(parents=True)
    monkeypatch.chdir(variables)
    make(Path("starting.pickle"))
    if make in (NO_FILES["a folder"], NO_FILES["a link to itself"]):
        with pytest.raises(errors.ArtifactError, match="nothing was started"):
            trigger(tmp_path)
        return
    trigger(tmp_path)
    assert (variables / "sync.pickle").is_file()
    assert not os.path.lexists("starting.pickle")


@posix_only
def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path, variables: Path) -> None:
    variables.mkdir(parents=True)
    path = variables / "sync.pickle"
    path.write_bytes(b"")
    grown = threading.Event()

    def grow() -> None:
        with path.open("ab") as file:
            while not grown.is_set():
                file.write(b"\x80\x04" + b"N0" * 32_768)
                if file.tell() > 1 << 23:
                    file.truncate(0)

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        for _ in range(50):
            with pytest.raises(errors.ArtifactError, match="sync"):
                artifacts(tmp_path).find(Sync, "source_1")
    finally:
        grown.set()
        thread.join()


def test_a_fault_in_a_hand_over_shows_no_secret(tmp_path: Path, variables: Path) -> None:
    put(variables, "sync.pickle", {"version": TOKEN})
    with pytest.raises(errors.ArtifactError) as caught:
        artifacts(tmp_path).find(Sync, None)
    assert TOKEN not in str(caught.value)


def test_reading_changes_nothing(tmp_path: Path, variables: Path) -> None:
    trigger(tmp_path, log_id="log1")
    before = {path.name: path.read_bytes() for path in variables.iterdir()}
    artifacts(tmp_path, "log2", "log1").find(Sync, None)
    assert {path.name: path.read_bytes() for path in variables.iterdir()} == before


# The vendor's last answer


def kept(responses: Path, answer: Answer) -> str:
    artifacts(responses.parent.parent).save_response("r.json", answer)
    return (responses / "r.json").read_text(encoding="utf-8")


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
BODIES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(body=BODIES)
def test_any_answer_is_kept_as_indented_json(body: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("artifacts")
    artifacts(folder).save_response("r.json", Answer(200, body))
    (written,) = (path.read_bytes() for path in folder.rglob("r.json"))
    assert written == json.dumps(body, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace")


@pytest.mark.parametrize(
    "body",
    [
        TOKEN,
        [TOKEN],
        [{"a": [1, {"b": f"x {TOKEN.upper()}\n"}]}],
        {"a": {TOKEN: [[TOKEN], TOKEN]}},
        {"items": [{"fine": 1}, {f"{TOKEN}s": {TOKEN: TOKEN}}, {"fine": "two"}]},
    ],
)
def test_a_secret_is_hidden_wherever_an_answer_holds_it(responses: Path, body: Any) -> None:
    written = kept(responses, Answer(200, body))
    assert TOKEN not in written.lower()
    assert "***" in written
    assert json.loads(written) == Mask([TOKEN]).tree(body)


def test_an_answer_is_kept_as_indented_utf8_json(responses: Path) -> None:
    assert kept(responses, Answer(200, {"a": ["é", 1]})) == '{\n  "a": [\n    "é",\n    1\n  ]\n}'
    assert kept(responses, Answer(200, [{"é": TOKEN}])) == '[\n  {\n    "é": "***"\n  }\n]'


@pytest.mark.parametrize("status", [200, 404, 502])
def test_an_answer_that_is_no_json_is_kept_as_its_text(responses: Path, status: int) -> None:
    assert json.loads(kept(responses, Answer(status, NOT_JSON, "<html>é</html>"))) == {
        "status": status,
        "text": "<html>é</html>",
    }


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {"a": [f"Bearer {TOKEN}"]}),
        Answer(200, {TOKEN.upper(): 1}),
        Answer(200, f"x{TOKEN}"),
        Answer(502, NOT_JSON, f"x {TOKEN} y"),
    ],
)
def test_no_secret_is_kept_in_an_answer(responses: Path, answer: Answer) -> None:
    assert TOKEN not in kept(responses, answer).lower()


@pytest.mark.parametrize("text", ["\ud800", "\x00", "\u2028", "🚀", ""])
def test_an_answer_with_odd_characters_is_kept(responses: Path, text: str) -> None:
    written = text.encode("utf-8", "backslashreplace").decode()
    assert json.loads(kept(responses, Answer(200, {"a": text})))["a"] in (text, written)


@pytest.mark.parametrize("depth", [100, 500, 900, 2500])
def test_an_answer_nested_deeply_ends_no_run(responses: Path, depth: int) -> None:
    body = parse_json("[" * depth + "]" * depth)
    raised = ""
    try:
        kept(responses, Answer(200, body))
    except OSError:  # which a run survives with a warning
        pass
    except Exception as error:  # noqa: BLE001  # not `pytest.raises`: a RecursionError takes a minute to print
        raised = type(error).__name__
    assert raised == ""


def test_an_answer_replaces_the_one_before(responses: Path) -> None:
    kept(responses, Answer(200, {"a": "x" * 1000}))
    assert json.loads(kept(responses, Answer(200, {"b": 1}))) == {"b": 1}


def test_what_is_too_long_to_be_read_is_not_handed_over_as_if_it_could(tmp_path: Path) -> None:
    one = artifacts(tmp_path)
    one.prepare()
    with pytest.raises(errors.ArtifactError), one.starting(Sync("x" * (pickles.MOST_BYTES + 1))):
        pytest.fail("nothing may be started")
