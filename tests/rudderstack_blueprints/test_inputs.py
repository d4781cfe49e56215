"""RudderStack's inputs, what a trigger request sends, and handoffs as they are saved and read."""

from __future__ import annotations

import pickle
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from rudderstack_blueprints import check_sync_status, list_syncs, trigger_sync
from rudderstack_blueprints.syncs import Handoff
from shared import inputs
from tests.rudderstack_blueprints.responses import CONNECTION, OF_CONNECTION, OF_SOURCE, SOURCE, TOKEN


def read(script: Any, of: dict[str, str], **given: str) -> tuple[Any, str]:
    """The inputs of a script, named without RUDDERSTACK_, and what is wrong with them."""
    found, problem = inputs.read(script.Inputs, {**of, **{f"RUDDERSTACK_{name}": text for name, text in given.items()}})
    return found, str(problem or "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("--rebase_incremental", ("--rebase_incremental",)),
        (
            "--begin_time 2026-01-01T00:00:00Z\n--end_time 2026-02-01T00:00:00Z",
            ("--begin_time 2026-01-01T00:00:00Z", "--end_time 2026-02-01T00:00:00Z"),
        ),
        (
            "  --model_refs models/a,models/b \r\n\n  --rebase_incremental ",
            ("--model_refs models/a,models/b", "--rebase_incremental"),
        ),
    ],
)
def test_profiles_parameters_are_one_a_line(text: str, expected: tuple[str, ...]) -> None:
    given, problem = read(trigger_sync, OF_SOURCE, PARAMETERS=text)
    assert not problem
    assert given.body == {"parameters": list(expected)}


@pytest.mark.parametrize(
    "text",
    ["--concurrency 5", "rebase_incremental", "--rebase_incremental\n-t prod", "--begin_times x", "--BEGIN_TIME x"],
)
def test_another_parameter_is_refused_naming_those_that_are_allowed(text: str) -> None:
    _, problem = read(trigger_sync, OF_SOURCE, PARAMETERS=text)
    for words in ("RUDDERSTACK_PARAMETERS", "--model_refs", "--begin_time", "--end_time", "--rebase_incremental"):
        assert words in problem


@pytest.mark.parametrize(
    ("of", "given", "expected"),
    [
        (OF_CONNECTION, {"SYNC_TYPE": "Full"}, {"syncType": "full"}),
        (OF_SOURCE, {"PARAMETERS": "None"}, None),
    ],
)
def test_a_trigger_request_sends_what_its_kind_takes(of: dict[str, str], given: dict[str, str], expected: Any) -> None:
    assert read(trigger_sync, of, **given)[0].body == expected


@pytest.mark.parametrize(
    ("script", "of", "given", "words"),
    [
        (trigger_sync, TOKEN, {}, ["SOURCE_ID", "CONNECTION_ID"]),
        (trigger_sync, {**OF_SOURCE, **OF_CONNECTION}, {}, ["SOURCE_ID", "CONNECTION_ID"]),
        (check_sync_status, {**OF_SOURCE, **OF_CONNECTION}, {}, ["SOURCE_ID", "CONNECTION_ID"]),
        (trigger_sync, OF_CONNECTION, {"PARAMETERS": "--rebase_incremental"}, ["PARAMETERS", "CONNECTION_ID"]),
        (trigger_sync, OF_SOURCE, {"SOURCE_ID": f"https://a.b/sources/{SOURCE}?x"}, [f"did you mean {SOURCE}?"]),
        (trigger_sync, OF_CONNECTION, {"CONNECTION_ID": "a/b"}, ["CONNECTION_ID"]),
        (list_syncs, TOKEN, {}, ["CONNECTION_ID"]),
        (list_syncs, OF_CONNECTION, {"LIMIT": "0"}, ["LIMIT"]),
        (list_syncs, OF_CONNECTION, {"LIMIT": "1001", "STARTED_AFTER": "yesterday"}, ["LIMIT", "STARTED_AFTER"]),
        (
            list_syncs,
            OF_CONNECTION,
            {"STARTED_AFTER": "2026-11-22", "STARTED_BEFORE": "2026-11-22T01:00:00+01:00"},
            ["STARTED_AFTER", "STARTED_BEFORE"],
        ),
    ],
)
def test_all_problems_of_inputs_are_named(script: Any, of: Any, given: Any, words: list[str]) -> None:
    _, problem = read(script, of, **given)
    assert all((word if " " in word else f"RUDDERSTACK_{word}") in problem for word in words)


SAVED_AT = datetime(2026, 11, 29, 3, 4, 34, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("connection", (CONNECTION, False, "sync-1", SAVED_AT.replace(second=33), None, False)),
        ("joined", ("2bJoinedOfTests", False, "sync-9", SAVED_AT.replace(microsecond=387), None, True)),
        ("source", (SOURCE, True, "run-1", SAVED_AT, None, False)),
        (
            "source_without_run_id",
            ("2aWithoutRunId", True, None, SAVED_AT.replace(microsecond=994262), SAVED_AT.replace(second=35), False),
        ),
    ],
)
def test_a_handoff_of_version_0_1_0_is_read(name: str, expected: tuple[Any, ...]) -> None:
    saved = (Path(__file__).parent / "pickles" / f"{name}.pickle").read_bytes()
    assert Handoff.from_plain(pickle.loads(saved)) == Handoff(*expected)  # noqa: S301


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, []),
        ({"sync_id": "s"}, []),
        ({"connection_id": CONNECTION, "sync_id": "s-1"}, [Handoff(CONNECTION, is_source=False, sync_id="s-1")]),
        (
            {"connection_id": CONNECTION, "source_id": SOURCE, "sync_id": "sync-1"},
            [Handoff(SOURCE, is_source=True), Handoff(CONNECTION, is_source=False)],
        ),
    ],
)
def test_the_files_of_other_programs_are_read(files: dict[str, Any], expected: list[Handoff]) -> None:
    there = {f"{name}.pickle": value for name, value in files.items()}
    assert list(Handoff.from_other_files(there.get)) == expected
