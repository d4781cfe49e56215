"""What a trigger of Nango's saves for a check: in plain text, and as version 0.1 wrote it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from tests.endings import ARTIFACT_ERROR, FAILED, RUNNING, SUCCEEDED
from tests.nango_blueprints.responses import (
    CONNECTION,
    INTEGRATION,
    NAME,
    OF_INTEGRATION,
    ONLY_THE_KEY,
    QUERY_ALL,
    Nango,
    at,
    entry,
    never,
    running,
)
from tests.support import NOW
from tests.wire import Ending

UUIDS = "3062cf74-b10e-46e8-89f9-a166edcdd8f9", "0062cf74-b10e-46e8-89f9-a166edcdd8f9", "not-a-uuid"
OLD, LATER = "06:00:00.123", "12:00:05.456"
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


def check(nango: Nango, saved: Any, name: str = "sync.pickle") -> Ending:
    """Run the check with the key alone and this file in its folder."""
    folder = nango.folder / "nango-blueprints" / "variables"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(saved if isinstance(saved, bytes) else pickle.dumps(saved, protocol=4))
    return nango.check(of=ONLY_THE_KEY)


def written_by_0_1(name: str) -> bytes:
    return (Path(__file__).parent / "pickles" / f"{name}.pickle").read_bytes()


@pytest.mark.parametrize(
    ("first", "second", "third", "expected"),
    [
        (entry("SUCCESS", OLD), never(), entry("SUCCESS", "06:00:00"), RUNNING),
        (entry("SUCCESS", LATER), entry("SUCCESS", LATER), entry("SUCCESS", "06:00:00"), RUNNING),
        (entry("SUCCESS", LATER), entry("SUCCESS", LATER), entry("SUCCESS", LATER), SUCCEEDED),
        (entry("SUCCESS", LATER), entry("STOPPED", LATER), entry("SUCCESS", LATER), FAILED),
    ],
)
def test_numbers_of_version_0_1_are_compared_as_the_ids_and_times_they_are(
    nango: Nango, first: Any, second: Any, third: Any, expected: tuple[int, str]
) -> None:
    nango.clock.sleep(60)
    nango.shows(*({**one, "id": key} for key, one in zip(UUIDS, (first, second, third))), query=QUERY_ALL)
    assert check(nango, written_by_0_1("all_connections")) == expected


def test_names_of_version_0_1_that_mean_the_same_are_asked_for_once(nango: Nango) -> None:
    nango.clock.sleep(61)
    nango.shows({**entry("SUCCESS", OLD), "id": UUIDS[0]})
    assert check(nango, written_by_0_1("one_connection")) == (*FAILED, "within 60 s"), "its own start grace"


@pytest.mark.parametrize(
    ("now", "expected"), [(running(), RUNNING), (entry("SUCCESS", OLD), SUCCEEDED), (entry("STOPPED", OLD), FAILED)]
)
def test_a_run_that_version_0_1_joined_ends_with_any_end(nango: Nango, now: Any, expected: tuple[int, str]) -> None:
    nango.shows({**now, "id": UUIDS[0]})
    assert check(nango, written_by_0_1("joined")) == expected


def test_more_syncs_than_version_0_1_wrote_names_of_are_checked(nango: Nango) -> None:
    nango.shows({**entry("STOPPED", LATER), "id": "e"})
    assert check(nango, {**PLAIN, "labels": []}) == (*FAILED, f"{CONNECTION}/{NAME}")


def test_a_trigger_of_version_0_1_that_was_killed_stops_a_check(nango: Nango) -> None:
    ended = check(nango, written_by_0_1("starting"), "starting.pickle")
    assert ended == (*ARTIFACT_ERROR, "a sync may be running")
    assert nango.sent == []


@pytest.mark.parametrize(
    "odd",
    [
        *({"ids": odd} for odd in ([], [None], [-1], [1 << 128], ["a", "b"])),
        *({"finished_at": [odd]} for odd in ([], "yesterday", 20261340060000123, -1, True)),
        *({"start_grace": odd} for odd in ("600", -1, 10**9, True)),
        {"labels": ["a", "b"]},
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
def test_a_handoff_that_no_trigger_writes_ends_the_check(nango: Nango, odd: dict[str, Any]) -> None:
    assert check(nango, {**PLAIN, **odd}) == (*ARTIFACT_ERROR, "sync.pickle")
    assert nango.sent == []


@pytest.mark.parametrize("key", sorted(PLAIN.keys() - {"reset", "joined", "has_baseline"}))
def test_a_handoff_that_lacks_a_value_ends_the_check(nango: Nango, key: str) -> None:
    assert check(nango, {name: value for name, value in PLAIN.items() if name != key}) == ARTIFACT_ERROR
    assert nango.sent == []


def many(count: int) -> list[dict[str, Any]]:
    """As many entries, each of a connection of its own."""
    numbers = range(count)
    return [{**entry(connection=f"conn-{number}"), "id": str(uuid5(NAMESPACE_URL, str(number)))} for number in numbers]


@pytest.mark.slow
def test_tens_of_thousands_of_syncs_are_saved(nango: Nango) -> None:
    before = many(30_000)
    nango.triggered(*before, all_connections=True)
    nango.shows(*({**one, "finishedAt": at("12:00:05")} for one in before), query=QUERY_ALL)
    assert nango.check(of=ONLY_THE_KEY) == (*SUCCEEDED, "all 30000 syncs")


@pytest.mark.slow
def test_more_syncs_than_fit_into_the_handoff_are_not_started(nango: Nango) -> None:
    nango.shows(*many(50_000), query=QUERY_ALL)
    assert nango.trigger(OF_INTEGRATION) == (*ARTIFACT_ERROR, "nothing was started", "fewer syncs")
    assert nango.files["starting.pickle"]["state"] == "ended"
