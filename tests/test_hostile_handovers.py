"""Hand-overs that are pickles of plain values and yet of nonsense: a verdict or an error of the contract, never 249."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared.artifacts import Artifacts
from shared.blueprint import Job
from shared.http import Answer
from shared.masking import Mask

from fivetran_blueprints import check_sync_status as fivetran
from nango_blueprints import check_sync_status as nango
from rudderstack_blueprints import check_sync_status as rudderstack
from shared import pickles
from shared.errors import BlueprintError
from tests.support import NOW, FakeClock, run_main

UTC = timezone.utc
EDGES = [
    *(datetime.min, datetime.max, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)),
    datetime.min.replace(tzinfo=timezone(timedelta(hours=23))),
    datetime.max.replace(tzinfo=timezone(timedelta(hours=-23))),
    *(timedelta.max, timedelta.min, UTC, timezone(timedelta(seconds=1))),
    *(None, True, False, 0, -1, 2**2000, -(2**2000), 1.5, float("nan"), float("inf"), (), [], {}),
    *("", ".", "..", "../..", "a/b", "%2e%2e", "a\nb", "\x1b[2J", "\u202e", "é", "x" * 250, "x" * 100_000, "∞", "None"),
    *(
        [[[[]]]],
        {"a": {"b": []}},
        ["a", NOW],
        ("a", "b", "c", "base", None, True),
        [("a", "b", "c", "d", "e", "f")] * 2,
    ),
]
SYNC = {"version": 1, "attempt": "00", "joined": False, "server_time": NOW}
VALID: list[tuple[ModuleType, dict[str, str], Any, dict[str, Any]]] = [
    (
        fivetran,
        {"FIVETRAN_API_KEY": "key-of-mine", "FIVETRAN_API_SECRET": "secret-of-mine"},
        {
            "code": "Success",
            "data": {
                "id": "connector_1",
                "succeeded_at": "2026-11-22T12:00:00Z",
                "failed_at": "2026-11-22T11:00:00Z",
                "paused": False,
                "schedule_type": "auto",
                "status": {"sync_state": "scheduled", "setup_state": "connected"},
            },
        },
        {
            "sync.pickle": {
                **SYNC,
                "connector_id": "connector_1",
                "execution_time": NOW,
                "succeeded_at": NOW,
                "failed_at": None,
                "interrupted": True,
            },
            "force_sync.pickle": ["connector_1", NOW],
            "connector_id.pickle": "connector_1",
            "execution_time.pickle": NOW,
        },
    ),
    (
        rudderstack,
        {"RUDDERSTACK_ACCESS_TOKEN": "token-of-mine"},
        {"id": "sync_1", "status": "succeeded", "startedAt": "2026-11-22T12:00:00Z", "syncs": []},
        {
            "sync.pickle": {
                **SYNC,
                "source_id": "source_1",
                "connection_id": None,
                "sync_id": "sync_1",
                "run_started_at": NOW,
            },
            "source_id.pickle": "source_1",
            "connection_id.pickle": "connection_1",
            "sync_id.pickle": "sync_1",
        },
    ),
    (
        nango,
        {"NANGO_SECRET_KEY": "secret-of-mine"},
        {
            "syncs": [
                {
                    "id": "entry_1",
                    "connection_id": "c",
                    "name": "orders",
                    "latestExecutionStatus": "SUCCESS",
                    "status": "SUCCESS",
                    "finishedAt": "2026-11-22T12:00:00Z",
                    "nextScheduledSyncAt": "2026-11-22T12:10:00Z",
                }
            ]
        },
        {
            "sync.pickle": {
                **SYNC,
                "provider_config_key": "integration",
                "connection_id": "c",
                "syncs": ["orders"],
                "start_grace": 600,
                "entries": [("entry_1", "c", "orders", "base", None, False)],
            }
        },
    ),
]
VENDORS = [pytest.param(*one, id=one[0].__name__.partition("_")[0]) for one in VALID]


class Vendor:
    """Always gives the same answer."""

    def __init__(self, body: Any) -> None:
        self.body = body
        self.paths: list[str] = []

    def connect(self, *_: object) -> Vendor:
        return self

    def send(self, method: str, path: str, params: Mapping[str, str] | None, *_: object) -> Answer:
        self.paths.append(path)
        assert method == "GET"
        json.dumps(params).encode("ascii")
        path.encode("ascii")
        assert not {".", ".."} & set(path.split("/"))  # such a path would be that of something else
        headers = {"Date": "Sun, 22 Nov 2026 12:00:00 GMT"}
        return Answer(200, self.body, headers=headers, sent=1000.0, received=1000.0)


def check(script: ModuleType, environment: dict[str, str], body: Any, files: Mapping[str, Any]) -> list[str]:
    """Run a check over the files; whatever is not of the contract fails. Gives the paths that it asked for."""
    vendor = Vendor(body)
    with tempfile.TemporaryDirectory() as folder:
        name = script.__name__.partition("_")[0]
        variables = Path(folder) / f"{name}-blueprints" / "variables"
        variables.mkdir(parents=True)
        for file, value in files.items():
            (variables / file).write_bytes(pickles.dump(value))
        mask = Mask()
        job = Job(Artifacts(Path(folder), name, None, [], mask), mask, FakeClock(), vendor.connect)
        try:
            run_main(script, environment, job)
        except BlueprintError as error:
            mask.words(str(error)).encode()
    return vendor.paths


def changed(value: Any, where: list[int], new: Any) -> Any:
    """`value` with one of its leaves or branches put in the place of another; `where` chooses at each level."""
    if not where or not isinstance(value, (dict, list, tuple)) or not value:
        return new
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = keys[where[0] % len(keys)]
    inner = changed(value[key], where[1:], new)
    if isinstance(value, dict):
        return {**value, key: inner}
    made = [inner if at == key else one for at, one in enumerate(value)]
    return tuple(made) if isinstance(value, tuple) else made


plain = st.sampled_from(EDGES) | st.text(max_size=30) | st.integers() | st.datetimes(timezones=st.just(UTC) | st.none())
chosen = st.lists(st.integers(0, 20), max_size=3)


@pytest.mark.parametrize(("script", "environment", "body", "files"), VENDORS)
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_hand_over_of_nonsense_is_judged_or_refused(
    script: ModuleType, environment: dict[str, str], body: Any, files: dict[str, Any], data: st.DataObject
) -> None:
    left = dict(files)
    for name in list(files)[:-1]:  # a check falls back upon the later ones
        if len(left) > 1 and data.draw(st.booleans(), f"without {name}"):
            del left[name]
    for _ in range(data.draw(st.integers(1, 2))):
        where, new = data.draw(chosen), data.draw(plain)
        left = changed(left, [data.draw(st.integers(0, 3)), *where], new)
    try:
        [pickles.dump(value) for value in left.values()]
    except pickles.NotPlainError:
        return
    check(script, environment, body, left)


@pytest.mark.parametrize(("script", "environment", "body", "files"), VENDORS)
def test_every_edge_in_every_place_is_judged_or_refused(
    script: ModuleType, environment: dict[str, str], body: Any, files: dict[str, Any]
) -> None:
    faults = []
    for first in range(len(files)):
        left = dict(list(files.items())[first:])
        top = next(iter(left.values()))
        for second in range(len(top) if isinstance(top, (dict, list)) else 1):
            for new in EDGES:
                try:
                    check(script, environment, body, changed(left, [0, second], new))
                except Exception as error:  # noqa: BLE001
                    faults.append(f"{first} {second} {new!r:.80}: {type(error).__name__} {error!s:.80}")
    assert "\n".join(faults) == ""
