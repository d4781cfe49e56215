"""How /sync/status is read, with the responses of a real server."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from nango_blueprints.api import parse_entries
from nango_blueprints.verdict import Entry, Start, Watch, judge
from shared.status import SyncStatus
from tests.nango_blueprints.responses import recorded

RUNNING, SUCCEEDED, FAILED = SyncStatus.RUNNING, SyncStatus.SUCCEEDED, SyncStatus.FAILED
RECORDED = datetime(2026, 11, 22, 2, 53, 30, tzinfo=timezone.utc)  # just before the recorded runs
START = Start(RECORDED, timedelta(seconds=600))
LATER = RECORDED + timedelta(seconds=60)
WHOLE = {"id": "e", "connection_id": "c", "name": "s", "variant": "base", "status": "SUCCESS"}


def sequence(number: int) -> Entry:
    """The one entry of a recorded poll: 1 before a trigger, 2 running, 3 success, 4 the next runs, 5 it failed."""
    (found,) = parse_entries(json.loads(recorded(f"sequence {number}")[1])).values()
    return found


@pytest.mark.parametrize(
    ("baseline", "polls", "expected"),
    [
        (1, [1, 2, 3], [RUNNING, RUNNING, SUCCEEDED]),
        (1, [1, 3], [RUNNING, SUCCEEDED]),
        (3, [3, 4, 5], [RUNNING, RUNNING, FAILED]),
        (3, [3, 5], [RUNNING, FAILED]),
        (1, [2, 3, 4, 5], [RUNNING, SUCCEEDED, RUNNING, FAILED]),
    ],
)
def test_real_runs_that_alternate_are_never_confused(
    baseline: int, polls: list[int], expected: list[SyncStatus]
) -> None:
    watch = Watch("x", sequence(baseline).finished_at)
    assert [judge(sequence(number), watch, START, LATER)[0].status for number in polls] == expected


def test_variants_are_entries_of_their_own() -> None:
    found = parse_entries(json.loads(recorded("M7 status *")[1]))
    labels = {entry.label for entry in found.values()}
    assert {"conn-a/lab-quick", "conn-a/lab-quick::eu"} <= labels
    assert len(labels) == len(found)


def test_optional_keys_may_be_absent() -> None:
    (found,) = parse_entries({"syncs": [WHOLE]}).values()
    assert found == Entry("c/s", "s", None, "SUCCESS", None)


@pytest.mark.parametrize("left_out", ["variant", "connection_id"])
def test_an_old_server_has_fewer_keys(left_out: str) -> None:
    (found,) = parse_entries({"syncs": [{key: WHOLE[key] for key in WHOLE if key != left_out}]}, "c").values()
    assert found.label == "c/s"


@pytest.mark.parametrize("null", ["finishedAt", "nextScheduledSyncAt", "latestExecutionStatus", "latestResult"])
def test_null_is_as_good_as_absent(null: str) -> None:
    assert parse_entries({"syncs": [{**WHOLE, null: None}]}) == parse_entries({"syncs": [WHOLE]})


@pytest.mark.parametrize(
    ("results", "rows"),
    [
        ({"A": {"added": 1, "updated": 2}, "B": {"added": 3, "deleted": 0}}, {"added": 4, "updated": 2, "deleted": 0}),
        ({}, {}),
        ("none", {}),
        (["A"], {}),
        ({"A": 3}, {}),
        ({"A": {"added": "3", "updated": True}}, {}),
    ],
)
def test_rows_are_summed_over_the_models(results: object, rows: dict[str, int]) -> None:
    (found,) = parse_entries({"syncs": [{**WHOLE, "latestResult": results}]}).values()
    assert found.rows == rows


@pytest.mark.parametrize(
    "body",
    [
        {},
        *({"syncs": odd} for odd in (None, {}, "none", [None], [{}])),
        *({"syncs": [{**WHOLE, "id": odd}]} for odd in ("", 5, "\ud83d")),
        *({"syncs": [{**WHOLE, "finishedAt": odd}]} for odd in (1795348800, "yesterday")),
        {"syncs": [{**WHOLE, "name": None}]},
        {"syncs": [{**WHOLE, "nextScheduledSyncAt": "soon"}]},
        {"syncs": [{**WHOLE, "latestExecutionStatus": ["SUCCESS"]}]},
        {"syncs": [WHOLE, WHOLE]},
        {"syncs": [{key: WHOLE[key] for key in WHOLE if key != "status"}]},
    ],
    ids=str,
)
def test_an_unexpected_response_is_never_read(body: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        parse_entries(body)
