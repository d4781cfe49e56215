"""RudderStack's words as tables: what a sync or a run says, what is sent to start one, and what inputs mean."""

from __future__ import annotations

from typing import Any

import pytest
from rudderstack_blueprints.client import Handover, judge_run, judge_sync, profiles_parameters, start_body

from rudderstack_blueprints import check_sync_status, trigger_sync
from shared import inputs
from shared.errors import InvalidInputError, InvalidPollIntervalError
from shared.status import SyncStatus
from tests.rudderstack_blueprints.answers import CONNECTION, OF_CONNECTION, OF_SOURCE, SOURCE, TOKEN, sync

RUNNING, SUCCEEDED, FAILED, CANCELLED, UNKNOWN = (
    SyncStatus.RUNNING,
    SyncStatus.SUCCEEDED,
    SyncStatus.FAILED,
    SyncStatus.CANCELLED,
    SyncStatus.UNKNOWN,
)
ZERO = "0001-01-01T00:00:00Z"

COMMON = [
    ("running", RUNNING),
    ("processing", RUNNING),
    ("pending", RUNNING),
    ("queued", RUNNING),
    ("failed", FAILED),
    ("stopped", CANCELLED),
    ("cancelled", CANCELLED),
    ("canceled", CANCELLED),
    ("aborted", CANCELLED),
    ("resting", UNKNOWN),
    ("success", UNKNOWN),
    ("None", UNKNOWN),
]


@pytest.mark.parametrize(("word", "expected"), [*COMMON, ("succeeded", SUCCEEDED), ("finished", UNKNOWN)])
def test_a_syncs_word_is_its_status(word: str, expected: SyncStatus) -> None:
    assert judge_sync({"id": "s", "status": word}).status is expected


@pytest.mark.parametrize(("word", "expected"), [*COMMON, ("finished", SUCCEEDED), ("succeeded", UNKNOWN)])
def test_a_runs_word_is_its_status(word: str, expected: SyncStatus) -> None:
    assert judge_run({"status": word}).status is expected


@pytest.mark.parametrize("answer", [{}, {"status": None}, {"status": ""}, {"finishedAt": "2026-11-22T12:00:00Z"}])
def test_a_sync_without_a_word_is_unknown(answer: dict[str, Any]) -> None:
    assert judge_sync(answer).status is UNKNOWN


def test_an_unknown_word_is_shown_as_it_came() -> None:
    assert "Half-Done" in judge_sync({"status": "Half-Done"}).message
    assert "Half-Done" in judge_run({"status": "Half-Done"}).message


@pytest.mark.parametrize("word", ["running", "processing"])
def test_a_running_sync_is_running_although_its_end_is_shown(word: str) -> None:
    assert judge_sync(sync(word)).status is RUNNING


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ({"status": "finished", "error": "no such table"}, FAILED),
        ({"status": "finished", "error": ""}, SUCCEEDED),
        ({"status": "finished", "error": None}, SUCCEEDED),
        ({"status": "finished", "error": {"code": 3}}, FAILED),
        ({"status": "finished", "error": []}, UNKNOWN),
        ({"status": "finished", "error": {}}, UNKNOWN),
        ({"status": "finished", "error": False}, UNKNOWN),
        ({"status": "finished"}, SUCCEEDED),
        ({"status": "failed", "error": None}, FAILED),
        ({"status": "running", "finishedAt": "2026-11-22T12:00:00Z"}, RUNNING),
        ({"status": "finished", "finishedAt": ZERO}, SUCCEEDED),
        ({}, RUNNING),
        ({"finishedAt": ZERO}, RUNNING),
        ({"finished_at": ZERO}, RUNNING),
        ({"finishedAt": None}, RUNNING),
        ({"finishedAt": ""}, RUNNING),
        ({"finishedAt": "2026-11-22T12:00:00Z"}, SUCCEEDED),
        ({"finished_at": "2026-11-22T12:00:00.123456789Z"}, SUCCEEDED),
        ({"status": "", "finished_at": "2026-11-22T12:00:00Z"}, SUCCEEDED),
        ({"status": None, "finishedAt": "2026-11-22T12:00:00Z"}, SUCCEEDED),
        ({"finishedAt": "2026-11-22T12:00:00Z", "error": "no such table"}, FAILED),
        ({"finished_at": "2026-11-22T12:00:00Z", "error": "no such table"}, FAILED),
    ],
)
def test_an_error_is_a_failure_and_without_a_word_the_end_decides(run: dict[str, Any], expected: SyncStatus) -> None:
    assert judge_run(run).status is expected


@pytest.mark.parametrize("judge", [judge_run, judge_sync])
def test_a_failure_tells_the_vendors_words(judge: Any) -> None:
    assert "no such table" in judge({"status": "failed", "error": "no such table"}).message


@pytest.mark.parametrize("judge", [judge_run, judge_sync])
def test_a_cancelled_one_tells_its_word(judge: Any) -> None:
    assert "aborted" in judge({"status": "aborted"}).message


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ({"startedAt": "2026-11-22T12:00:00Z", "finishedAt": ZERO}, ("2026-11-22T12:00:00Z", None)),
        (
            {"started_at": "2026-11-22T12:00:00.5Z", "finished_at": "2026-11-22T12:01:00Z"},
            ("2026-11-22T12:00:00Z", "2026-11-22T12:01:00Z"),
        ),
        ({}, (None, None)),
    ],
)
def test_times_are_told_in_either_spelling(run: dict[str, Any], expected: tuple[str | None, str | None]) -> None:
    facts = judge_run({"status": "finished", **run}).facts
    assert (facts["started_at"], facts["finished_at"]) == expected


def refused(rows: int) -> dict[str, Any]:
    metrics = {"succeeded": {"total": 88}, "failed": {"total": rows}, "changed": {"total": 90}, "total": 90}
    return sync("succeeded", metrics=metrics)


@pytest.mark.parametrize(
    ("rows", "fail_on_failed_rows", "expected"),
    [(2, False, SUCCEEDED), (2, True, FAILED), (0, True, SUCCEEDED), (0, False, SUCCEEDED)],
)
def test_refused_rows_are_a_failure_only_if_so_wished(
    rows: int, fail_on_failed_rows: bool, expected: SyncStatus
) -> None:
    assert judge_sync(refused(rows), fail_on_failed_rows=fail_on_failed_rows).status is expected


@pytest.mark.parametrize("fail_on_failed_rows", [True, False])
def test_the_counts_of_rows_are_always_told(fail_on_failed_rows: bool) -> None:
    verdict = judge_sync(refused(2), fail_on_failed_rows=fail_on_failed_rows)
    assert "2" in verdict.message
    assert verdict.facts["rows"] == {"total": 90, "succeeded": 88, "failed": 2, "changed": 90}


def test_a_running_sync_with_refused_rows_goes_on() -> None:
    running = {**refused(2), "status": "running"}
    assert judge_sync(running, fail_on_failed_rows=True).status is RUNNING


@pytest.mark.parametrize(
    "metrics", [None, {}, [], "many", {"failed": None}, {"failed": {"total": None}}, {"failed": 2}]
)
def test_metrics_of_another_shape_do_no_harm(metrics: Any) -> None:
    assert judge_sync(sync("succeeded", metrics=metrics), fail_on_failed_rows=True).status is SUCCEEDED


# What is sent


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
    assert profiles_parameters(text) == expected


@pytest.mark.parametrize(
    "text",
    ["--concurrency 5", "rebase_incremental", "--rebase_incremental\n-t prod", "--begin_times x", "--BEGIN_TIME x"],
)
def test_another_parameter_is_refused_naming_those_that_are_allowed(text: str) -> None:
    with pytest.raises(InvalidInputError, match="RUDDERSTACK_PARAMETERS") as caught:
        inputs.read(trigger_sync.Inputs, {**OF_SOURCE, "RUDDERSTACK_PARAMETERS": text})
    for allowed in ("--model_refs", "--begin_time", "--end_time", "--rebase_incremental"):
        assert allowed in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (OF_CONNECTION, {"syncType": "incremental"}),
        ({**OF_CONNECTION, "RUDDERSTACK_SYNC_TYPE": "Full"}, {"syncType": "full"}),
        (OF_SOURCE, None),
        ({**OF_SOURCE, "RUDDERSTACK_SYNC_TYPE": "full"}, None),
        ({**OF_SOURCE, "RUDDERSTACK_PARAMETERS": "None"}, None),
        ({**OF_SOURCE, "RUDDERSTACK_PARAMETERS": "--rebase_incremental"}, {"parameters": ["--rebase_incremental"]}),
    ],
)
def test_a_start_sends_what_its_kind_takes(environment: dict[str, str], expected: dict[str, Any] | None) -> None:
    given = inputs.read(trigger_sync.Inputs, environment)
    assert start_body(given, given.sync_type, given.parameters) == expected


def test_a_sync_type_with_a_source_is_ignored_with_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    given = inputs.read(trigger_sync.Inputs, {**OF_SOURCE, "RUDDERSTACK_SYNC_TYPE": "full"})
    with caplog.at_level("INFO"):
        start_body(given, given.sync_type, given.parameters)
    assert "RUDDERSTACK_SYNC_TYPE" in caplog.text


# Inputs


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        (TOKEN, ["RUDDERSTACK_SOURCE_ID", "RUDDERSTACK_CONNECTION_ID"]),
        ({**OF_SOURCE, **OF_CONNECTION}, ["RUDDERSTACK_SOURCE_ID", "RUDDERSTACK_CONNECTION_ID"]),
        (
            {**OF_CONNECTION, "RUDDERSTACK_PARAMETERS": "--rebase_incremental"},
            ["RUDDERSTACK_PARAMETERS", "RUDDERSTACK_CONNECTION_ID"],
        ),
        ({**OF_SOURCE, "RUDDERSTACK_SOURCE_ID": "../x"}, ["RUDDERSTACK_SOURCE_ID"]),
        ({**OF_CONNECTION, "RUDDERSTACK_CONNECTION_ID": "a/b"}, ["RUDDERSTACK_CONNECTION_ID"]),
        ({**OF_CONNECTION, "RUDDERSTACK_SYNC_TYPE": "complete"}, ["RUDDERSTACK_SYNC_TYPE"]),
        ({**OF_CONNECTION, "RUDDERSTACK_IF_RUNNING": "stop"}, ["RUDDERSTACK_IF_RUNNING"]),
        ({**OF_CONNECTION, "RUDDERSTACK_REGION": "AP"}, ["RUDDERSTACK_REGION"]),
        ({**OF_CONNECTION, "RUDDERSTACK_FAIL_ON_FAILED_ROWS": "yes"}, ["RUDDERSTACK_FAIL_ON_FAILED_ROWS"]),
        ({**OF_CONNECTION, "RUDDERSTACK_ACCESS_TOKEN": "None"}, ["RUDDERSTACK_ACCESS_TOKEN"]),
        ({**OF_CONNECTION, "RUDDERSTACK_WAIT_TIMEOUT": "0"}, ["RUDDERSTACK_WAIT_TIMEOUT"]),
        (
            {**OF_CONNECTION, "RUDDERSTACK_WAIT": "1", "RUDDERSTACK_POLL_INTERVAL": "0"},
            ["RUDDERSTACK_WAIT", "RUDDERSTACK_POLL_INTERVAL"],
        ),
    ],
)
def test_faults_of_inputs_are_told_together(environment: dict[str, str], words: list[str]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        inputs.read(trigger_sync.Inputs, environment)
    assert caught.value.exit_code == 206
    assert all(word in str(caught.value) for word in words)


def test_a_poll_interval_out_of_range_has_an_exit_code_of_its_own() -> None:
    with pytest.raises(InvalidPollIntervalError) as caught:
        inputs.read(check_sync_status.Inputs, {**OF_SOURCE, "RUDDERSTACK_POLL_INTERVAL": "3601"})
    assert caught.value.exit_code == 205


def test_a_check_needs_no_id_but_takes_no_two() -> None:
    assert inputs.read(check_sync_status.Inputs, TOKEN).subject is None
    with pytest.raises(InvalidInputError, match="RUDDERSTACK_SOURCE_ID"):
        inputs.read(check_sync_status.Inputs, {**OF_SOURCE, **OF_CONNECTION})


# Hand-overs


@pytest.mark.parametrize(
    "handover",
    [
        Handover(SOURCE, is_source=True, sync_id="run-1"),
        Handover(CONNECTION, is_source=False, sync_id="sync-1", joined=True),
        Handover(SOURCE, is_source=True),
    ],
)
def test_what_is_handed_over_comes_back_as_it_was(handover: Handover) -> None:
    assert Handover.from_dict(handover.as_dict()) == handover


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, []),
        ({"sync_id.pickle": "s"}, []),
        ({"source_id.pickle": SOURCE}, [Handover(SOURCE, is_source=True)]),
        (
            {"source_id.pickle": SOURCE, "sync_id.pickle": "run-1"},
            [Handover(SOURCE, is_source=True, sync_id="run-1")],
        ),
        (
            {"connection_id.pickle": CONNECTION, "sync_id.pickle": "sync-1"},
            [Handover(CONNECTION, is_source=False, sync_id="sync-1")],
        ),
    ],
)
def test_the_files_of_other_programs_are_read(files: dict[str, Any], expected: list[Handover]) -> None:
    assert list(Handover.from_other_files(files.get)) == expected
