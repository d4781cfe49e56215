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
from shared.errors import InvalidPollIntervalError
from tests.rudderstack_blueprints.responses import CONNECTION, OF_CONNECTION, OF_SOURCE, SOURCE, TOKEN


def problems(script: Any, environment: dict[str, str]) -> str:
    _, problem = inputs.read(script.Inputs, environment)
    return str(problem or "")


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
    given, problem = inputs.read(trigger_sync.Inputs, {**OF_SOURCE, "RUDDERSTACK_PARAMETERS": text})
    assert problem is None
    assert given.body == {"parameters": list(expected)}


@pytest.mark.parametrize(
    "text",
    ["--concurrency 5", "rebase_incremental", "--rebase_incremental\n-t prod", "--begin_times x", "--BEGIN_TIME x"],
)
def test_another_parameter_is_refused_naming_those_that_are_allowed(text: str) -> None:
    problem = problems(trigger_sync, {**OF_SOURCE, "RUDDERSTACK_PARAMETERS": text})
    for words in ("RUDDERSTACK_PARAMETERS", "--model_refs", "--begin_time", "--end_time", "--rebase_incremental"):
        assert words in problem


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (OF_CONNECTION, {"syncType": "incremental"}),
        ({**OF_CONNECTION, "RUDDERSTACK_SYNC_TYPE": "Full"}, {"syncType": "full"}),
        (OF_SOURCE, None),
        ({**OF_SOURCE, "RUDDERSTACK_SYNC_TYPE": "full"}, None),
        ({**OF_SOURCE, "RUDDERSTACK_PARAMETERS": "None"}, None),
    ],
)
def test_a_trigger_request_sends_what_its_kind_takes(
    environment: dict[str, str], expected: dict[str, Any] | None
) -> None:
    given, _ = inputs.read(trigger_sync.Inputs, environment)
    assert given.body == expected


def test_a_sync_type_with_a_source_is_ignored_with_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    given, _ = inputs.read(trigger_sync.Inputs, {**OF_SOURCE, "RUDDERSTACK_SYNC_TYPE": "full"})
    with caplog.at_level("INFO"):
        assert given.body is None
    assert "RUDDERSTACK_SYNC_TYPE" in caplog.text


@pytest.mark.parametrize(
    ("script", "environment", "words"),
    [
        (trigger_sync, TOKEN, ["RUDDERSTACK_SOURCE_ID", "RUDDERSTACK_CONNECTION_ID"]),
        (trigger_sync, {**OF_SOURCE, **OF_CONNECTION}, ["RUDDERSTACK_SOURCE_ID", "RUDDERSTACK_CONNECTION_ID"]),
        (check_sync_status, {**OF_SOURCE, **OF_CONNECTION}, ["RUDDERSTACK_SOURCE_ID", "RUDDERSTACK_CONNECTION_ID"]),
        (
            trigger_sync,
            {**OF_CONNECTION, "RUDDERSTACK_PARAMETERS": "--rebase_incremental"},
            ["RUDDERSTACK_PARAMETERS", "RUDDERSTACK_CONNECTION_ID"],
        ),
        (trigger_sync, {**OF_SOURCE, "RUDDERSTACK_SOURCE_ID": "../x"}, ["RUDDERSTACK_SOURCE_ID"]),
        (trigger_sync, {**OF_SOURCE, "RUDDERSTACK_SOURCE_ID": "x" * 256}, ["RUDDERSTACK_SOURCE_ID"]),
        (
            trigger_sync,
            {**OF_SOURCE, "RUDDERSTACK_SOURCE_ID": f"https://app.rudderstack.com/sources/{SOURCE}?tab=x"},
            ["RUDDERSTACK_SOURCE_ID", f"did you mean {SOURCE}?"],
        ),
        (trigger_sync, {**OF_CONNECTION, "RUDDERSTACK_CONNECTION_ID": "a/b"}, ["RUDDERSTACK_CONNECTION_ID"]),
        (trigger_sync, {**OF_CONNECTION, "RUDDERSTACK_SYNC_TYPE": "complete"}, ["RUDDERSTACK_SYNC_TYPE"]),
        (trigger_sync, {**OF_CONNECTION, "RUDDERSTACK_IF_RUNNING": "stop"}, ["RUDDERSTACK_IF_RUNNING"]),
        (trigger_sync, {**OF_CONNECTION, "RUDDERSTACK_REGION": "AP"}, ["RUDDERSTACK_REGION"]),
        (trigger_sync, {**OF_CONNECTION, "RUDDERSTACK_FAIL_ON_FAILED_ROWS": "yes"}, ["FAIL_ON_FAILED_ROWS"]),
        (trigger_sync, {**OF_CONNECTION, "RUDDERSTACK_ACCESS_TOKEN": "None"}, ["RUDDERSTACK_ACCESS_TOKEN"]),
        (trigger_sync, {**OF_CONNECTION, "RUDDERSTACK_WAIT_TIMEOUT": "0"}, ["RUDDERSTACK_WAIT_TIMEOUT"]),
        (
            trigger_sync,
            {**OF_CONNECTION, "RUDDERSTACK_WAIT": "1", "RUDDERSTACK_POLL_INTERVAL": "0"},
            ["RUDDERSTACK_WAIT", "RUDDERSTACK_POLL_INTERVAL"],
        ),
        (check_sync_status, {**OF_SOURCE, "RUDDERSTACK_MAX_AGE": "0"}, ["RUDDERSTACK_MAX_AGE"]),
        (list_syncs, TOKEN, ["RUDDERSTACK_CONNECTION_ID"]),
        (list_syncs, {**OF_CONNECTION, "RUDDERSTACK_LIMIT": "1001"}, ["RUDDERSTACK_LIMIT"]),
        (list_syncs, {**OF_CONNECTION, "RUDDERSTACK_LIMIT": "0"}, ["RUDDERSTACK_LIMIT"]),
        (list_syncs, {**OF_CONNECTION, "RUDDERSTACK_STATUS": "cancelled"}, ["RUDDERSTACK_STATUS"]),
        (list_syncs, {**OF_CONNECTION, "RUDDERSTACK_STARTED_AFTER": "yesterday"}, ["RUDDERSTACK_STARTED_AFTER"]),
        (
            list_syncs,
            {
                **OF_CONNECTION,
                "RUDDERSTACK_STARTED_AFTER": "2026-11-22",
                "RUDDERSTACK_STARTED_BEFORE": "2026-11-22T01:00:00+01:00",
            },
            ["RUDDERSTACK_STARTED_AFTER", "RUDDERSTACK_STARTED_BEFORE"],
        ),
    ],
)
def test_all_problems_of_inputs_are_named(script: Any, environment: dict[str, str], words: list[str]) -> None:
    problem = problems(script, environment)
    assert all(word in problem for word in words)


def test_a_poll_interval_out_of_range_has_an_exit_code_of_its_own() -> None:
    _, problem = inputs.read(check_sync_status.Inputs, {**OF_SOURCE, "RUDDERSTACK_POLL_INTERVAL": "3601"})
    assert isinstance(problem, InvalidPollIntervalError)


def test_a_check_needs_no_id() -> None:
    assert problems(check_sync_status, TOKEN) == ""


# Handoffs


@pytest.mark.parametrize(
    "handoff",
    [
        Handoff(SOURCE, is_source=True, sync_id="run-1"),
        Handoff(CONNECTION, is_source=False, sync_id="sync-1", joined=True),
        Handoff(SOURCE, is_source=True),
        Handoff(SOURCE, is_source=True, run_started_at=datetime(2026, 11, 22, tzinfo=timezone.utc)),
    ],
)
def test_a_handoff_is_read_as_it_was_saved(handoff: Handoff) -> None:
    assert Handoff.from_plain(handoff.plain()) == handoff


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
        ({"sync_id.pickle": "s"}, []),
        ({"source_id.pickle": SOURCE}, [Handoff(SOURCE, is_source=True)]),
        (
            {"source_id.pickle": SOURCE, "sync_id.pickle": "run-1"},
            [Handoff(SOURCE, is_source=True, sync_id="run-1")],
        ),
        (
            {"connection_id.pickle": CONNECTION, "sync_id.pickle": "sync-1"},
            [Handoff(CONNECTION, is_source=False, sync_id="sync-1")],
        ),
        (
            {"connection_id.pickle": CONNECTION, "source_id.pickle": SOURCE, "sync_id.pickle": "sync-1"},
            [Handoff(SOURCE, is_source=True), Handoff(CONNECTION, is_source=False)],
        ),
    ],
)
def test_the_files_of_other_programs_are_read(files: dict[str, Any], expected: list[Handoff]) -> None:
    assert list(Handoff.from_other_files(files.get)) == expected
