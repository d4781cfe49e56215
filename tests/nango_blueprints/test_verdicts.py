"""Nango's rules as tables: what a look says of each entry and of all, how answers are read, what inputs mean."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from nango_blueprints.client import (
    Baseline,
    Entry,
    EntryVerdict,
    Handover,
    Selection,
    judge_entry,
    judge_latest,
    overall,
    packed,
    read_entries,
    sync_names,
)

from nango_blueprints import check_sync_status, trigger_sync
from shared import inputs
from shared.errors import InvalidInputError, InvalidPollIntervalError
from shared.status import SyncStatus
from tests.nango_blueprints.answers import CONNECTION, ENVIRONMENT, INTEGRATION, NAME, OF_INTEGRATION, recorded

RUNNING, SUCCEEDED, FAILED, UNKNOWN = (
    SyncStatus.RUNNING,
    SyncStatus.SUCCEEDED,
    SyncStatus.FAILED,
    SyncStatus.UNKNOWN,
)
OLD, NEW = "2026-11-22T06:00:00.123Z", "2026-11-22T12:05:00.456Z"
NOON = datetime(2026, 11, 22, 12, 10, tzinfo=timezone.utc)


def found(execution: str | None, finished_at: str | None, status: str | None = "SUCCESS", **more: Any) -> Entry:
    return Entry("e", CONNECTION, NAME, "base", execution, status, finished_at, **more)


def before(finished_at: str | None, *, joined: bool = False) -> Baseline:
    return Baseline.of(found("RUNNING" if joined else "SUCCESS", finished_at))


def verdict(entry: Entry | None, baseline: Baseline, *, overdue: bool = False, now: datetime = NOON) -> EntryVerdict:
    return judge_entry(entry, baseline, overdue=overdue, now=now)


@pytest.mark.parametrize(
    ("entry", "baseline", "expected"),
    [
        pytest.param(found("RUNNING", None), before(OLD), RUNNING, id="it runs"),
        pytest.param(found("RUNNING", None), before(None), RUNNING, id="it runs for the first time"),
        pytest.param(found("RUNNING", OLD), before(OLD), RUNNING, id="it runs and shows an end"),
        pytest.param(found("SUCCESS", OLD), before(OLD), RUNNING, id="the success before is no news"),
        pytest.param(found("STOPPED", OLD), before(OLD), RUNNING, id="the failure before is no news"),
        pytest.param(found(None, None), before(None), RUNNING, id="it never ran and is still to come"),
        pytest.param(found("SUCCESS", NEW), before(OLD), SUCCEEDED, id="success"),
        pytest.param(found("STOPPED", NEW), before(OLD), FAILED, id="failure"),
        pytest.param(found("SUCCESS", NEW), before(None), SUCCEEDED, id="first success"),
        pytest.param(found("STOPPED", NEW), before(None), FAILED, id="first failure"),
        pytest.param(found("SUCCESS", OLD), before(NEW), SUCCEEDED, id="changed, to whatever"),
        pytest.param(found("SUCCESS", NEW, "PAUSED"), before(OLD), SUCCEEDED, id="a paused sync's success"),
        pytest.param(found("STOPPED", NEW, "PAUSED"), before(OLD), FAILED, id="a paused sync's failure"),
        pytest.param(found("STOPPED", NEW, "SUCCESS"), before(OLD), FAILED, id="the execution counts"),
        pytest.param(found("SUCCESS", NEW, "RUNNING"), before(OLD), SUCCEEDED, id="not the mixed status"),
        pytest.param(found("HALTED", NEW), before(OLD), UNKNOWN, id="an unknown word"),
        pytest.param(found("HALTED", OLD), before(OLD), RUNNING, id="an unknown word of the run before"),
        pytest.param(found("SUCCESS", OLD), before(None, joined=True), SUCCEEDED, id="joined, any end counts"),
        pytest.param(found("STOPPED", OLD), before(OLD, joined=True), FAILED, id="joined, also the same end"),
        pytest.param(found("RUNNING", None), before(None, joined=True), RUNNING, id="joined, runs on"),
        pytest.param(None, before(OLD), FAILED, id="gone"),
        pytest.param(None, before(None, joined=True), FAILED, id="joined and gone"),
    ],
)
def test_an_entry_is_held_against_the_one_before_the_trigger(
    entry: Entry | None, baseline: Baseline, expected: SyncStatus
) -> None:
    assert verdict(entry, baseline).status is expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [("SUCCESS", SUCCEEDED), ("ERROR", FAILED), ("PAUSED", UNKNOWN), ("STOPPED", UNKNOWN), ("RUNNING", RUNNING)],
)
@pytest.mark.parametrize("baseline", [before(OLD), before(None, joined=True)])
def test_on_an_old_server_the_mixed_status_has_to_do(status: str, expected: SyncStatus, baseline: Baseline) -> None:
    assert verdict(found(None, NEW, status), baseline).status is expected


@pytest.mark.parametrize("status", ["SUCCESS", "ERROR", "PAUSED", "STOPPED"])
def test_on_an_old_server_the_run_before_is_no_news_either(status: str) -> None:
    assert verdict(found(None, OLD, status), before(OLD)).status is RUNNING


@pytest.mark.parametrize(
    ("entry", "baseline", "expected"),
    [
        (found("SUCCESS", OLD), before(OLD), FAILED),
        (found("STOPPED", OLD), before(OLD), FAILED),
        (found(None, None), before(None), FAILED),
        (found("RUNNING", None), before(OLD), RUNNING),
        (found("SUCCESS", NEW), before(OLD), SUCCEEDED),
        (found("STOPPED", NEW), before(OLD), FAILED),
    ],
)
def test_what_is_still_unseen_after_the_grace_was_never_started(
    entry: Entry, baseline: Baseline, expected: SyncStatus
) -> None:
    assert verdict(entry, baseline, overdue=True).status is expected


def test_never_started_and_gone_are_said() -> None:
    assert "never started" in verdict(found("SUCCESS", OLD), before(OLD), overdue=True).why
    assert "not found" in verdict(None, before(OLD)).why


DUE, LATER = "2026-11-22T12:09:00.000Z", "2026-11-22T13:00:00.000Z"
JUST = "2026-11-22T12:09:50.000Z"


@pytest.mark.parametrize(
    ("entry", "seconds", "expected"),
    [
        (found("SUCCESS", JUST, next_at=DUE), 0, RUNNING),
        (found("SUCCESS", JUST, next_at=DUE), 19, RUNNING),
        (found("SUCCESS", JUST, next_at=DUE), 21, SUCCEEDED),
        (found("SUCCESS", JUST, next_at=LATER), 0, SUCCEEDED),
        (found("SUCCESS", JUST, next_at=None), 0, SUCCEEDED),
        (found("STOPPED", JUST, next_at=DUE), 0, FAILED),
        (found("SUCCESS", OLD, next_at=DUE), 0, RUNNING),  # the run before, still to come
    ],
)
def test_a_success_whose_next_run_is_due_may_go_on_for_half_a_minute(
    entry: Entry, seconds: int, expected: SyncStatus
) -> None:
    assert verdict(entry, before(OLD), now=NOON + timedelta(seconds=seconds)).status is expected


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (found("RUNNING", None), RUNNING),
        (found("SUCCESS", OLD), SUCCEEDED),
        (found("STOPPED", OLD), FAILED),
        (found("HALTED", OLD), UNKNOWN),
        (found(None, None, "SUCCESS"), RUNNING),
        (found(None, None, "PAUSED"), RUNNING),
        (found(None, OLD, "SUCCESS"), SUCCEEDED),
        (found(None, OLD, "ERROR"), FAILED),
        (found(None, OLD, "PAUSED"), UNKNOWN),
        (found(None, OLD, "STOPPED"), UNKNOWN),
        (found("SUCCESS", OLD, "PAUSED"), SUCCEEDED),
    ],
)
def test_with_nothing_handed_over_the_latest_execution_decides(entry: Entry, expected: SyncStatus) -> None:
    assert judge_latest(entry).status is expected


# All entries


def one(status: SyncStatus, label: str = "conn-a/lab-ctl", why: str = "word") -> EntryVerdict:
    return EntryVerdict(label, status, why)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([SUCCEEDED], SUCCEEDED),
        ([SUCCEEDED, SUCCEEDED], SUCCEEDED),
        ([SUCCEEDED, FAILED], FAILED),
        ([FAILED, SUCCEEDED], FAILED),
        ([SUCCEEDED, RUNNING], RUNNING),
        ([FAILED, RUNNING], RUNNING),
        ([UNKNOWN, RUNNING], RUNNING),
        ([SUCCEEDED, UNKNOWN], UNKNOWN),
        ([FAILED, UNKNOWN, SUCCEEDED], FAILED),
        ([RUNNING], RUNNING),
    ],
)
def test_an_end_is_told_once_nothing_runs_any_more(statuses: list[SyncStatus], expected: SyncStatus) -> None:
    assert overall([one(status) for status in statuses]).status is expected


def test_the_counts_and_the_first_few_that_failed_are_told() -> None:
    verdicts = [one(SUCCEEDED, f"good-{number}/s") for number in range(5)]
    verdicts += [one(FAILED, f"bad-{number}/s") for number in range(295)]
    said = overall(verdicts)
    assert "295" in said.message
    assert "300" in said.message
    assert "bad-0/s" in said.message
    assert "bad-50/s" not in said.message
    assert (said.facts["syncs"], said.facts["failed"], said.facts["succeeded"]) == (300, 295, 5)


def test_an_unknown_word_is_shown_as_it_came() -> None:
    assert "HALTED" in overall([judge_latest(found("HALTED", OLD))]).message


# How answers are read


def sequence(number: int) -> Entry:
    """The one entry of a recorded look: 1 before a trigger, 2 running, 3 success, 4 the next runs, 5 it failed."""
    _, body = recorded(f"sequence {number}")
    (read,) = read_entries(json.loads(body)).values()
    return read


@pytest.mark.parametrize(
    ("baseline", "looks", "expected"),
    [
        (1, [1, 2, 3], [RUNNING, RUNNING, SUCCEEDED]),
        (1, [1, 3], [RUNNING, SUCCEEDED]),
        (3, [3, 4, 5], [RUNNING, RUNNING, FAILED]),
        (3, [3, 5], [RUNNING, FAILED]),
        (1, [2, 3, 4, 5], [RUNNING, SUCCEEDED, RUNNING, FAILED]),
    ],
)
def test_real_runs_that_alternate_are_never_confused(
    baseline: int, looks: list[int], expected: list[SyncStatus]
) -> None:
    seen = sequence(baseline)
    held = Baseline.of(seen)
    assert [verdict(sequence(number), held).status for number in looks] == expected


def test_a_real_joined_run_ends_as_it_ended() -> None:
    seen = sequence(4)
    held = Baseline.of(seen)
    assert held.joined
    assert [verdict(sequence(number), held).status for number in (4, 5)] == [RUNNING, FAILED]


def test_variants_are_entries_of_their_own() -> None:
    _, body = recorded("M7 status *")
    read = read_entries(json.loads(body)).values()
    names = {(entry.name, entry.variant) for entry in read}
    assert {("lab-quick", "base"), ("lab-quick", "eu")} <= names
    assert len(names) == len(read) == len({entry.id for entry in read})


@pytest.mark.parametrize(
    "label", ["stat: unknown integration", "stat: unknown sync + connection", "stat: unknown sync no connection"]
)
def test_an_unknown_name_is_an_empty_answer(label: str) -> None:
    assert read_entries(json.loads(recorded(label)[1])) == {}


WHOLE = {"id": "e", "connection_id": "c", "name": "s", "variant": "base", "status": "SUCCESS"}


def test_optional_keys_may_be_absent() -> None:
    (read,) = read_entries({"syncs": [WHOLE]}).values()
    assert (read.execution, read.finished_at, read.next_at) == (None, None, None)


def test_a_server_without_variants_has_the_base_alone() -> None:
    (read,) = read_entries({"syncs": [{key: WHOLE[key] for key in WHOLE if key != "variant"}]}).values()
    assert read.variant == "base"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"syncs": None},
        {"syncs": {}},
        {"syncs": "none"},
        {"syncs": [None]},
        {"syncs": [{}]},
        {"syncs": [{**WHOLE, "id": ""}]},
        {"syncs": [{**WHOLE, "id": 5}]},
        {"syncs": [{**WHOLE, "name": None}]},
        {"syncs": [{**WHOLE, "finishedAt": 1795348800}]},
        {"syncs": [{**WHOLE, "latestExecutionStatus": ["SUCCESS"]}]},
        {"syncs": [WHOLE, WHOLE]},
        {"syncs": [{key: WHOLE[key] for key in WHOLE if key not in ("status", "latestExecutionStatus")}]},
    ],
)
def test_an_answer_that_is_none_is_never_read(body: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        read_entries(body)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3062cf74-b10e-46e8-89f9-a166edcdd8f9", 0x3062CF74B10E46E889F9A166EDCDD8F9),
        ("2026-11-22T02:52:41.960Z", 20261122025241960),
        ("3062CF74-b10e-46e8-89f9-a166edcdd8f9", None),  # another text, so that it may be another id
        ("3062cf74b10e46e889f9a166edcdd8f9", None),
        ("2026-11-22T02:52:41Z", None),
        ("2026-11-22T02:52:41.960+00:00", None),
        ("0026-11-22T02:52:41.960Z", None),
        ("٢026-11-22T02:52:41.960Z", None),
        ("3062cf74-b10e-46e8-89f9-a166edcdd8f9\n", None),
        ("1", None),
    ],
)
def test_only_one_spelling_is_packed_into_a_number(text: str, expected: int | None) -> None:
    assert packed(text) == (text if expected is None else expected)


# What is asked


@pytest.mark.parametrize(
    ("selection", "query"),
    [
        (Selection("i"), {"provider_config_key": "i", "syncs": "*"}),
        (Selection("i", "c"), {"provider_config_key": "i", "syncs": "*", "connection_id": "c"}),
        (Selection("i", None, ("a", "b::eu")), {"provider_config_key": "i", "syncs": "a,b::eu"}),
    ],
)
def test_a_selection_is_asked_for_by_its_names(selection: Selection, query: dict[str, str]) -> None:
    assert selection.query() == query


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", ("a",)),
        ("a,b", ("a", "b")),
        (" a , b::eu ", ("a", "b::eu")),
        ("a,a", ("a",)),
        ("Git.Hub-issues_2::v1", ("Git.Hub-issues_2::v1",)),
    ],
)
def test_names_of_syncs_are_a_comma_list(text: str, expected: tuple[str, ...]) -> None:
    assert sync_names(text) == expected


@pytest.mark.parametrize("text", ["a,", ",", "a b", "a::", "::eu", "a::b::c", "a;b", "*", "a/b", '["a"]'])
def test_another_list_of_names_is_an_invalid_input(text: str) -> None:
    with pytest.raises(InvalidInputError, match="NANGO_SYNCS"):
        inputs.read(trigger_sync.Inputs, {**ENVIRONMENT, "NANGO_SYNCS": text})


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({}, {}),
        ({"NANGO_RESET": "FALSE", "NANGO_EMPTY_CACHE": "FALSE"}, {}),
        ({"NANGO_RESET": "true"}, {"reset": True}),
        ({"NANGO_RESET": "TRUE", "NANGO_EMPTY_CACHE": "TRUE"}, {"reset": True, "emptyCache": True}),
    ],
)
def test_only_options_that_are_set_are_sent(given: dict[str, str], options: dict[str, bool]) -> None:
    assert inputs.read(trigger_sync.Inputs, {**ENVIRONMENT, **given}).options == options


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"NANGO_EMPTY_CACHE": "TRUE"}, ["NANGO_EMPTY_CACHE", "NANGO_RESET"]),
        ({"NANGO_RESET": "TRUE", "NANGO_IF_RUNNING": "join"}, ["NANGO_RESET", "NANGO_IF_RUNNING"]),
        ({"NANGO_IF_RUNNING": "restart"}, ["NANGO_IF_RUNNING", "wait", "join", "fail"]),
        ({"NANGO_PROVIDER_CONFIG_KEY": ""}, ["NANGO_PROVIDER_CONFIG_KEY"]),
        ({"NANGO_PROVIDER_CONFIG_KEY": "a/b"}, ["NANGO_PROVIDER_CONFIG_KEY"]),
        ({"NANGO_CONNECTION_ID": "a\nb"}, ["NANGO_CONNECTION_ID"]),
        ({"NANGO_CONNECTION_ID": "a*b"}, ["NANGO_CONNECTION_ID"]),
        ({"NANGO_START_GRACE": "soon"}, ["NANGO_START_GRACE"]),
        ({"NANGO_SECRET_KEY": "None"}, ["NANGO_SECRET_KEY"]),
        ({"NANGO_WAIT_TIMEOUT": "0", "NANGO_WAIT": "1"}, ["NANGO_WAIT_TIMEOUT", "NANGO_WAIT"]),
    ],
)
def test_faults_of_inputs_are_told_together(given: dict[str, str], words: list[str]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        inputs.read(trigger_sync.Inputs, {**ENVIRONMENT, **given})
    assert caught.value.exit_code == 206
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("connection", ["user/1", "a.b", "a@b.c", "x|y", "[1]", "${x}", "a,b;c", "it's"])
def test_a_connection_id_may_hold_what_nango_allows(connection: str) -> None:
    given = inputs.read(trigger_sync.Inputs, {**ENVIRONMENT, "NANGO_CONNECTION_ID": connection})
    assert given.connection_id == connection


def test_a_poll_interval_out_of_range_has_an_exit_code_of_its_own() -> None:
    with pytest.raises(InvalidPollIntervalError) as caught:
        inputs.read(check_sync_status.Inputs, {**OF_INTEGRATION, "NANGO_POLL_INTERVAL": "0"})
    assert caught.value.exit_code == 205


def test_a_check_needs_no_integration() -> None:
    assert inputs.read(check_sync_status.Inputs, {"NANGO_SECRET_KEY": "k"}).integration is None


@pytest.mark.parametrize(
    "handover",
    [
        Handover(
            Selection(INTEGRATION, "user/1", ("a", "b::eu")),
            {"e": before(OLD), "f": before(None, joined=True)},
            NOON,
            5,
        ),
        Handover(Selection(INTEGRATION), {"e": before(None)}, NOON, 600),
    ],
)
def test_what_is_handed_over_comes_back_as_it_was(handover: Handover) -> None:
    assert Handover.from_dict(handover.as_dict()) == handover
