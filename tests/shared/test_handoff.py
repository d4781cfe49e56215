"""What a trigger saves, which handoff a check takes, and what the pending start tells of a trigger that saved none."""

from __future__ import annotations

import json
import logging
import os
import pickle
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable

import pytest

from shared import errors, pickles
from shared.files import response_file
from shared.handoff import Artifacts
from shared.redaction import Redactor
from shared.transport import NOT_JSON, Response
from tests.shared.acme import Sync, given, later
from tests.support import NOW, FakeClock, full_disk

TOKEN = "tok-0123456789abcdef"


class Acme:
    """Acme's triggers and checks in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables = folder / "acme-blueprints" / "variables"

    def artifacts(self, log_id: str | None = None, *upstream: str) -> Artifacts:
        return Artifacts(self.folder, "acme", Redactor([TOKEN]), FakeClock(), log_id, upstream)

    def trigger(self, sync: Sync | None = None, log_id: str | None = None, *, until: str = "saved") -> Artifacts:
        """A trigger that has saved its handoff, or that has left its pending start in the state `until`."""
        sync = sync or Sync()
        one = self.artifacts(log_id)
        one.begin_start({"id": sync.id})
        if until != "reading":
            one.sending(sync)
        if until == "ended":
            one.not_sent()
            one.end_start(204, "not_found")
        elif until == "saved":
            one.save(sync)
            one.end_start(0, "started")
        return one

    def find(self, sync: str | None = None, *upstream: str) -> Sync | None:
        """What a check takes."""
        return self.artifacts(None, *upstream).find(Sync, given(sync=sync))

    def put(self, name: str, value: Any) -> None:
        self.variables.mkdir(parents=True, exist_ok=True)
        (self.variables / name).write_bytes(value if isinstance(value, bytes) else pickle.dumps(value, 4))

    @property
    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.variables.iterdir()}

    def read(self, name: str = "starting.pickle") -> Any:
        return pickle.loads(self.files[name])  # noqa: S301


@pytest.fixture
def acme(tmp_path: Path) -> Acme:
    return Acme(tmp_path)


def saved(sync: Sync) -> dict[str, Any]:
    return {"version": 1, "attempt": "", **sync.plain()}


# What is saved


@pytest.mark.parametrize("prefixes", [[""], ["", "log1_"]], ids=["no log id", "log1"])
def test_a_trigger_keeps_a_pending_start_until_it_saves_its_handoff(acme: Acme, prefixes: list[str]) -> None:
    one = acme.trigger(log_id="log1" if "log1_" in prefixes else None, until="reading")
    pending = [f"{prefix}starting.pickle" for prefix in prefixes]
    assert {(acme.read(name)["state"], acme.read(name)["id"]) for name in pending} == {("reading", "source_1")}
    one.sending(Sync())
    assert {(acme.read(name)["state"], acme.read(name)["sync_id"]) for name in pending} == {("sent", "run_7")}
    one.save(Sync())
    plain = {"source_id.pickle": "source_1", "sync_id.pickle": "run_7"}
    plain.update({f"{prefix}force_sync.pickle": ["source_1", NOW] for prefix in prefixes})
    handoffs = {f"{prefix}sync.pickle" for prefix in prefixes}
    assert set(acme.files) == {*plain, *handoffs}
    assert {content[:2] for content in acme.files.values()} == {b"\x80\x04"}
    assert {name: acme.read(name) for name in plain} == plain
    assert all(acme.read(name).items() >= {"version": 1, **Sync().plain()}.items() for name in handoffs)


def test_a_file_that_a_trigger_has_nothing_for_is_removed(acme: Acme) -> None:
    acme.trigger()
    acme.trigger(Sync(sync_id=None))
    assert "sync_id.pickle" not in set(acme.files)


def test_a_folder_that_was_removed_meanwhile_is_made_again(acme: Acme) -> None:
    one = acme.trigger(until="reading")
    shutil.rmtree(acme.variables)
    one.save(Sync())
    assert acme.find() == Sync()


@pytest.mark.parametrize("block", [Path.touch, lambda path: path.symlink_to("nowhere")], ids=["a file", "a link"])
@pytest.mark.parametrize("place", ["", "acme-blueprints", "acme-blueprints/variables", "acme-blueprints/responses"])
def test_a_folder_that_cannot_be_written_is_found_out_before_anything_is_started(
    tmp_path: Path, place: str, block: Callable[[Path], None]
) -> None:
    blocked = tmp_path / "artifacts" / place
    blocked.parent.mkdir(parents=True, exist_ok=True)
    block(blocked)
    with pytest.raises(errors.ArtifactError, match=r"nothing was started.*SHIPYARD_ARTIFACTS_DIRECTORY") as caught:
        Acme(tmp_path / "artifacts").trigger(until="reading")
    assert str(blocked) in str(caught.value)
    assert "None" not in str(caught.value)


def test_a_folder_that_belongs_to_another_user_is_reported_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "artifacts").mkdir(mode=0o500)
    user = os.geteuid()
    os.seteuid(user or 12345)  # root may write anywhere
    cure = rf"give the user ID {user} write access to \1; SHIPYARD_ARTIFACTS_DIRECTORY names the folder"
    message = rf"^(\S+) cannot be written \(Permission denied\); .* \({cure}\)$"
    try:
        with pytest.raises(errors.ArtifactError, match=message):
            Acme(tmp_path / "artifacts").trigger(until="reading")
    finally:
        os.seteuid(user)


def test_a_handoff_that_is_too_long_to_be_read_is_found_out_before_anything_is_sent(acme: Acme) -> None:
    one = acme.trigger(until="reading")
    message = r"\(.* bytes\); nothing was started \(trigger fewer syncs at a time\)$"
    with pytest.raises(errors.ArtifactError, match=message):
        one.sending(Sync(sync_id="x" * pickles.MAX_BYTES))


# The pending start


@pytest.mark.parametrize(
    ("steps", "exit_code", "state"),
    [
        ([], 206, "ended"),
        ([], 0, None),
        (["sending", "not_sent"], 204, "ended"),
        (["sending"], 202, "sent"),
        (["sending"], 143, "sent"),
        (["sending", "save"], 211, None),
        (["save"], 0, None),
        (["sending", "not_sent", "save"], 0, None),
    ],
)
def test_the_pending_start_says_how_the_trigger_ended_where_it_surely_started_nothing(
    acme: Acme, steps: list[str], exit_code: int, state: str | None
) -> None:
    one = acme.trigger(until="reading")
    for step in steps:
        getattr(one, step)(*[Sync()] * (step != "not_sent"))
    one.end_start(exit_code, "its_outcome")
    if state is None:
        assert "starting.pickle" not in set(acme.files)
    else:
        assert acme.read()["state"] == state
    if state == "ended":
        assert (acme.read()["exit_code"], acme.read()["outcome"]) == (exit_code, "its_outcome")


LEFT = {"sent": "a sync may be running", "reading": "killed before it started", "ended": "ended with exit code 204"}


@pytest.mark.parametrize("older", [None, Sync(server_time=NOW - timedelta(days=1))], ids=["nothing", "yesterday's"])
@pytest.mark.parametrize("state", LEFT)
@pytest.mark.parametrize(
    ("log_id", "upstream"), [(None, ()), ("log1", ()), ("log1", ("log1",)), ("log1", ("log0", "log1"))]
)
@pytest.mark.parametrize("sync", [None, "source_1"])
def test_an_older_handoff_never_stands_for_a_trigger_that_saved_none(
    acme: Acme, older: Sync | None, state: str, log_id: str | None, upstream: tuple[str, ...], sync: str | None
) -> None:
    if older:
        acme.trigger(older, log_id)
    acme.trigger(later(60), log_id, until=state)
    with pytest.raises(errors.ArtifactError, match=LEFT[state]) as caught:
        acme.find(sync, *upstream)
    assert "starting.pickle" in str(caught.value)
    assert "not_found" in str(caught.value) or state != "ended"


@pytest.mark.parametrize("state", LEFT)
def test_a_pending_start_of_another_id_is_ignored(acme: Acme, state: str, caplog: pytest.LogCaptureFixture) -> None:
    acme.trigger(log_id="log1")
    acme.trigger(later(60, id="other"), "log2", until=state)
    assert acme.find("source_1", "log1") == Sync()
    assert caplog.messages == []
    assert acme.find("source_1") == Sync()
    assert caplog.messages == ["ignoring starting.pickle: its id is other, but this check is for source_1"]


@pytest.mark.parametrize("log_id", [None, "log1"])
@pytest.mark.parametrize("state", LEFT)
def test_the_next_trigger_clears_what_an_earlier_one_left(acme: Acme, log_id: str | None, state: str) -> None:
    acme.trigger(Sync(), log_id, until=state)
    acme.trigger(later(60), log_id)
    assert acme.find() == later(60)
    assert acme.find(None, "log1") == later(60)


def test_a_trigger_does_not_clear_the_pending_start_of_one_beside_it(acme: Acme) -> None:
    first = acme.trigger(Sync("first"), "log1", until="sent")
    acme.trigger(Sync("second"), "log2", until="sent")
    first.save(Sync("first"))
    assert {name for name in set(acme.files) if "starting" in name} == {"starting.pickle", "log2_starting.pickle"}
    assert acme.find("first") == acme.find(None, "log1") == Sync("first")
    for sync, upstream in (("second", ()), (None, ()), (None, ("log2",)), (None, ("log1", "log2"))):
        with pytest.raises(errors.ArtifactError, match="may be running"):
            acme.find(sync, *upstream)


@pytest.mark.parametrize("log_id", [None, "log1"])
def test_a_handoff_outranks_the_pending_start_of_the_same_trigger(acme: Acme, log_id: str | None) -> None:
    one = acme.trigger(log_id=log_id, until="sent")
    left = acme.files
    one.save(Sync())
    for name, content in left.items():  # killed just before it removed them
        acme.put(name, content)
    assert acme.find() == acme.find(None, "log1") == Sync()


@pytest.mark.parametrize("room", [0, 50, 1000])
def test_on_a_full_disk_nothing_is_started_and_a_trigger_says_so_where_there_is_room(acme: Acme, room: int) -> None:
    acme.trigger()
    one = acme.artifacts()
    with full_disk(room):
        with pytest.raises(errors.ArtifactError, match="nothing was started"):
            one.begin_start({"id": "source_1"})
        one.end_start(221, "artifact_error")
    assert not list(acme.folder.rglob(".*"))
    if room == 1000:  # too little for a handoff of any length, and enough for the pending start
        with pytest.raises(errors.ArtifactError, match=r"exit code 221 \(artifact_error\)"):
            acme.find()


def test_a_refusal_is_not_hidden_by_a_folder_that_cannot_be_written_any_more(acme: Acme) -> None:
    one = acme.trigger(until="sent")
    shutil.rmtree(acme.variables)
    acme.variables.write_text("a file")
    one.not_sent()
    one.end_start(203, "already_running")
    acme.variables.unlink()
    acme.variables.mkdir()
    one.end_start(203, "already_running")
    assert acme.read()["state"] == "ended"


# What a check takes


@pytest.mark.parametrize("gone", range(6))
def test_files_are_looked_for_in_their_order_and_under_no_other_names(acme: Acme, gone: int) -> None:
    order = [
        ("log1_sync.pickle", saved(Sync("a"))),
        ("log1_force_sync.pickle", ["b", NOW]),
        ("sync.pickle", saved(Sync("c"))),
        ("force_sync.pickle", ["d", NOW]),
        ("source_id.pickle", "e"),
    ]
    others = [("log2_sync.pickle", saved(Sync("f"))), ("log1_source_id.pickle", "g")]
    for name, value in order[gone:] + others:
        acme.put(name, value)
    found = acme.artifacts("log2", "log1").find(Sync, given())
    assert (found.id if found else None) == ["a", "b", "c", "d", "e", None][gone]


def test_the_plain_names_are_not_looked_at_once_an_upstream_one_is_there(acme: Acme) -> None:
    acme.put("log1_sync.pickle", saved(Sync("a")))
    acme.put("sync.pickle", saved(Sync("b")))
    assert acme.find("b", "log1") is None


@pytest.mark.parametrize(
    ("first", "second", "sync", "expected"),
    [
        (Sync("a"), Sync("b"), "a", "a run_7"),
        (Sync("a"), Sync("b"), "b", "b run_7"),
        (Sync("a"), Sync("b"), None, None),
        (later(60), later(0, "run_9"), None, "source_1 run_8"),
        (later(0, "run_9"), later(60), "source_1", "source_1 run_8"),
        (later(60), later(60), None, "source_1 run_8"),
        (Sync(sync_id="run_7"), Sync(sync_id="run_8"), None, None),
        (Sync(server_time=None), Sync(sync_id="run_8", server_time=None), None, None),
        (Sync(server_time=None), later(60), "source_1", None),
    ],
)
def test_of_two_upstream_handoffs_the_inputs_choose_and_then_the_later_one(
    acme: Acme, first: Sync, second: Sync, sync: str | None, expected: str | None
) -> None:
    acme.trigger(first, "log1")
    acme.trigger(second, "log2")
    if expected is None:
        with pytest.raises(errors.InvalidInputError, match=r"\(log1_sync.pickle\), .*\(log2_sync.pickle\)"):
            acme.find(sync, "log1", "log2")
    else:
        found = acme.find(sync, "log1", "log2")
        assert found is not None
        assert f"{found.id} {found.sync_id}" == expected


@pytest.mark.parametrize(("age", "logged"), [(3600, []), (7200, ["that sync was started 2 h ago"]), (-90_000, [])])
def test_a_handoff_of_more_than_an_hour_ago_is_taken_with_its_age(
    acme: Acme, age: float, logged: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    acme.trigger(later(-age))
    assert acme.find() == later(-age)
    assert caplog.messages == ["checking the sync of source source_1 recorded in sync.pickle", *logged]


# What cannot be read


@pytest.mark.parametrize("sync", [None, "source_1"])
@pytest.mark.parametrize(
    "name", ["sync.pickle", "starting.pickle", "log1_sync.pickle", "log1_force_sync.pickle", "source_id.pickle"]
)
@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"cos\nsystem\n.", None, b"\x80\x04]C\x01ba.", {}, {"version": 2, **Sync().plain()}),
        *({"version": 1, "server_time": None}, {**saved(Sync()), "id": "a/b"}, ["x"], "../x", [1, 2], 7, ["a", "b"]),
    ],
    ids=repr,
)
def test_an_unreadable_file_is_an_error_with_an_id_too(acme: Acme, name: str, content: Any, sync: str | None) -> None:
    if name == "starting.pickle" and "'version': 1" in str(content):
        pytest.skip("that is one of a trigger whose id is not known")
    acme.put(name, content)
    message = r"cannot be read: .*; trigger the sync again or remove the file"
    with pytest.raises(errors.ArtifactError, match=message) as caught:
        acme.find(sync, "log1")
    assert name in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_folder_in_place_of_a_file_cannot_be_read(acme: Acme) -> None:
    (acme.variables / "sync.pickle").mkdir(parents=True)
    with pytest.raises(errors.ArtifactError, match=r"sync\.pickle .*cannot be read"):
        acme.find()


# The vendor's last response as a file

LONG = "x" * (100_000 - len(TOKEN) + 1)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (Response(200, {"a": ["é", f"x {TOKEN.upper()}"]}), {"a": ["é", "x ***"]}),
        (Response(502, NOT_JSON, f"<html>{TOKEN}</html>"), {"status": 502, "text": "<html>***</html>"}),
        (Response(502, NOT_JSON, f"{LONG}{TOKEN}{LONG}"), {"status": 502, "text": f"{LONG}***{LONG}"[:100_000]}),
        (Response(200, NOT_JSON, '{"a": 1'), {"status": 200, "text": '{"a": 1'}),
        (Response(200, None), None),
        (Response(200, {"a": "\ud800"}), {"a": "\ud800"}),
    ],
)
def test_a_response_is_kept_as_indented_json_without_secrets(acme: Acme, response: Response, expected: Any) -> None:
    acme.artifacts().save_response("r.json", response)
    written = (acme.folder / "acme-blueprints" / "responses" / "r.json").read_bytes()
    assert json.loads(written.decode()) == expected
    text = f"{json.dumps(expected, indent=2, ensure_ascii=False)}\n"
    assert written == text.encode("utf-8", "backslashreplace")


@pytest.mark.parametrize("length", [1, 235, 236, 255])
def test_an_id_that_is_too_long_for_a_file_name_is_cut_and_followed_by_its_hash(acme: Acme, length: int) -> None:
    one, other = "x" * (length - 1) + "1", "x" * (length - 1) + "2"
    name = response_file("sync", one)
    assert len(name) <= 255
    assert name == f"sync_{one}_response.json" or (length > 236 and len(name) == 255)
    assert name != response_file("sync", other)
    acme.artifacts().save_response(name, Response(200, {}))
