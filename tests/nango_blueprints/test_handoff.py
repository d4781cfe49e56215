"""What a trigger of Nango's saves for a check: in plain text, and as version 0.1 wrote it."""

from __future__ import annotations

import pickle
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from nango_blueprints import check_sync_status, trigger_sync
from nango_blueprints.inputs import Selection
from nango_blueprints.syncs import Handoff
from nango_blueprints.verdict import Watch
from tests.nango_blueprints.responses import (
    ACCEPTED,
    BODY_ALL,
    CONNECTION,
    INTEGRATION,
    KEY,
    NAME,
    OF_INTEGRATION,
    QUERY,
    QUERY_ALL,
    STATUS,
    TRIGGER,
    at,
    entries,
    entry,
    never,
    running,
)
from tests.support import NOW, FakeClock, make_run
from tests.wire import Ending, Vendor, ending, files

SUCCEEDED, FAILED, RUNNING = (0, "succeeded"), (211, "failed"), (210, "running")
UUIDS = "3062cf74-b10e-46e8-89f9-a166edcdd8f9", "0062cf74-b10e-46e8-89f9-a166edcdd8f9", "not-a-uuid"
OLD, NEW = "06:00:00.123", "12:00:05.456"
PLAIN = {
    "version": 1,
    "provider_config_key": INTEGRATION,
    "connection_id": CONNECTION,
    "syncs": [NAME],
    "server_time": NOW,
    "start_grace": 600,
    "reset": False,
    "joined": False,
    "has_baseline": True,
    "ids": ["e"],
    "finished_at": [at(OLD)],
    "were_running": [False],
    "labels": [f"{CONNECTION}/{NAME}"],
}


def check(tmp_path: Path, clock: FakeClock, saved: bytes, name: str = "sync.pickle") -> Ending:
    """Run the check with the key alone and this file in its folder."""
    folder = tmp_path / "nango-blueprints" / "variables"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(saved)
    return ending(check_sync_status, {"NANGO_SECRET_KEY": KEY}, make_run(tmp_path, "nango", clock))


def written_by_0_1(name: str) -> bytes:
    return (Path(__file__).parent / "pickles" / f"{name}.pickle").read_bytes()


@pytest.mark.parametrize(
    "handoff",
    [
        Handoff(
            Selection(INTEGRATION, "user/1", ("a", "b::eu")),
            NOW,
            {
                "e": Watch("user/1/a", NOW - timedelta(microseconds=1)),
                "f": Watch("user/1/b::eu", None, joined=True),
            },
            5,
            reset=True,
        ),
        Handoff(Selection(INTEGRATION), NOW, {"e": Watch("c/a", NOW)}),
        Handoff(Selection(INTEGRATION), NOW, has_baseline=False),
    ],
)
def test_a_handoff_comes_back_as_it_was(handoff: Handoff) -> None:
    assert Handoff.from_plain(handoff.plain()) == handoff


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ([(OLD, "SUCCESS"), None, ("06:00:00", "SUCCESS")], RUNNING),
        ([(NEW, "SUCCESS"), None, ("06:00:00", "SUCCESS")], RUNNING),
        ([(NEW, "SUCCESS"), (NEW, "SUCCESS"), ("06:00:00", "SUCCESS")], RUNNING),
        ([(NEW, "SUCCESS"), (NEW, "SUCCESS"), (NEW, "SUCCESS")], SUCCEEDED),
        ([(NEW, "SUCCESS"), (NEW, "STOPPED"), (NEW, "SUCCESS")], FAILED),
    ],
)
def test_numbers_of_version_0_1_are_compared_as_the_ids_and_times_they_are(
    nango: Vendor, tmp_path: Path, clock: FakeClock, now: list[tuple[str, str] | None], expected: tuple[int, str]
) -> None:
    clock.sleep(60)
    of = [("conn-a", NAME, "base"), ("conn-b", NAME, "base"), ("conn-a", "odd", "eu")]
    found = [
        {
            **(never() if seen is None else entry(seen[1], seen[0])),
            "id": key,
            "connection_id": connection,
            "name": name,
            "variant": variant,
        }
        for key, seen, (connection, name, variant) in zip(UUIDS, now, of)
    ]
    nango.expect("GET", STATUS, entries(*found), query=QUERY_ALL)
    ended = check(tmp_path, clock, written_by_0_1("all_connections"))
    assert ended == expected


def test_names_of_version_0_1_that_mean_the_same_are_asked_for_once(
    nango: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    clock.sleep(61)
    nango.expect("GET", STATUS, entries({**entry("SUCCESS", OLD), "id": UUIDS[0]}), query=QUERY)
    ended = check(tmp_path, clock, written_by_0_1("one_connection"))
    assert ended == FAILED
    assert "within 60 s" in ended.message, "its own start grace"


@pytest.mark.parametrize(
    ("now", "expected"), [(running(), RUNNING), (entry("SUCCESS", OLD), SUCCEEDED), (entry("STOPPED", OLD), FAILED)]
)
def test_a_run_that_version_0_1_joined_ends_with_any_end(
    nango: Vendor, tmp_path: Path, clock: FakeClock, now: dict[str, Any], expected: tuple[int, str]
) -> None:
    nango.expect("GET", STATUS, entries({**now, "id": UUIDS[0]}), query=QUERY)
    assert check(tmp_path, clock, written_by_0_1("joined")) == expected


def test_more_syncs_than_version_0_1_wrote_names_of_are_checked(
    nango: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    nango.expect("GET", STATUS, entries({**entry("STOPPED", NEW), "id": "e"}), query=QUERY)
    ended = check(tmp_path, clock, pickle.dumps({**PLAIN, "labels": []}, protocol=4))
    assert ended == FAILED
    assert f"{CONNECTION}/{NAME}" in ended.message


def test_a_trigger_of_version_0_1_that_was_killed_stops_a_check(
    nango: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    ended = check(tmp_path, clock, written_by_0_1("starting"), "starting.pickle")
    assert ended == (221, "artifact_error")
    assert "a sync may be running" in ended.message
    assert nango.sent == []


@pytest.mark.parametrize(
    "odd",
    [
        {"ids": []},
        {"ids": [-1]},
        {"ids": [1 << 128]},
        {"ids": ["a", "b"]},
        {"finished_at": [[]]},
        {"finished_at": ["yesterday"]},
        {"finished_at": [20261340060000123]},
        {"finished_at": [-1]},
        {"finished_at": [True]},
        {"labels": ["a", "b"]},
        {"start_grace": "600"},
        {"start_grace": -1},
        {"start_grace": 10**9},
        {"start_grace": True},
        {"server_time": None},
        {"server_time": "2026-11-22T12:00:00Z"},
        {"has_baseline": False},
        {"has_baseline": 1},
        {"syncs": ["a/b"]},
        {"connection_id": "a*b"},
        {"provider_config_key": "a/b"},
        {"provider_config_key": None},
        {"version": 2},
    ],
    ids=str,
)
def test_a_handoff_that_no_trigger_writes_ends_the_check(
    nango: Vendor, tmp_path: Path, clock: FakeClock, odd: dict[str, Any]
) -> None:
    ended = check(tmp_path, clock, pickle.dumps({**PLAIN, **odd}, protocol=4))
    assert ended == (221, "artifact_error")
    assert "sync.pickle" in ended.message
    assert nango.sent == []


@pytest.mark.parametrize("key", sorted(PLAIN.keys() - {"reset", "joined", "has_baseline"}))
def test_a_handoff_that_lacks_a_value_ends_the_check(nango: Vendor, tmp_path: Path, clock: FakeClock, key: str) -> None:
    saved = {name: value for name, value in PLAIN.items() if name != key}
    assert check(tmp_path, clock, pickle.dumps(saved, protocol=4)) == (221, "artifact_error")
    assert nango.sent == []


def many(count: int) -> dict[str, Any]:
    """A response with as many entries, each of a connection of its own."""
    return entries(
        *(
            {**entry(connection=f"conn-{number}"), "id": str(uuid5(NAMESPACE_URL, str(number)))}
            for number in range(count)
        )
    )


@pytest.mark.slow
def test_tens_of_thousands_of_syncs_are_saved(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    before = many(30_000)
    after = entries(*({**one, "finishedAt": at("12:00:05")} for one in before["syncs"]))
    nango.expect("GET", STATUS, before, query=QUERY_ALL)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY_ALL)
    assert ending(trigger_sync, OF_INTEGRATION, make_run(tmp_path, "nango", clock)) == (0, "started")
    clock.sleep(60)
    nango.expect("GET", STATUS, after, query=QUERY_ALL)
    ended = ending(check_sync_status, {"NANGO_SECRET_KEY": KEY}, make_run(tmp_path, "nango", clock))
    assert ended == (0, "succeeded")
    assert "all 30000 syncs" in ended.message


@pytest.mark.slow
def test_more_syncs_than_fit_into_the_handoff_are_not_started(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    nango.expect("GET", STATUS, many(50_000), query=QUERY_ALL)
    ended = ending(trigger_sync, OF_INTEGRATION, make_run(tmp_path, "nango", clock))
    assert ended == (221, "artifact_error")
    assert "nothing was started" in ended.message
    assert "fewer syncs" in ended.message
    assert files(tmp_path)["starting.pickle"]["state"] == "ended"
