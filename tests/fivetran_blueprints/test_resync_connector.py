"""Fivetran - Resync Connector on the wire: its request, its scope, lost responses, and the handoff to a check."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.endings import ALREADY_RUNNING, ARTIFACT_ERROR, INVALID_INPUT, RUNNING, STARTED, SUCCEEDED, UNCLEAR
from tests.fivetran_blueprints.responses import ACCEPTED, CONFLICT, ID, PLAIN_FILES, Fivetran, at, connection
from tests.support import NOW
from tests.wire import HTML, LOST, UNCLEAR_ONES

SCOPE = {"public": ["users", "orders"], "audit": ["log"]}
HISTORICAL = connection("syncing", is_historical_sync=True)


@pytest.mark.parametrize(
    ("given", "body"),
    [
        ({}, None),
        ({"RESYNC_SCOPE": f"\n{json.dumps(SCOPE)}\n"}, {"scope": SCOPE}),
    ],
)
def test_it_reads_first_and_then_sends_the_scope_or_no_body(fivetran: Fivetran, given: Any, body: Any) -> None:
    fivetran.expect_resync(body=body)
    assert fivetran.resync(**given) == (*STARTED, ID)
    assert fivetran.sent[1].timeout == (10, 120)
    assert body is None or fivetran.sent[1].headers["Content-Type"] == "application/json"
    assert set(fivetran.files) == PLAIN_FILES
    assert fivetran.files["force_sync.pickle"] == [ID, NOW]
    assert fivetran.files["sync.pickle"]["historical"] is True
    assert fivetran.kept == {f"resync_{ID}_response.json": ACCEPTED}


@pytest.mark.parametrize(
    "scope", ["{}", "[]", '{"public": "users"}', '{"public": []}', '{"public": [5]}', '{"public": [""]}']
)
def test_a_scope_of_another_form_is_an_invalid_input(fivetran: Fivetran, scope: str) -> None:
    assert fivetran.resync(RESYNC_SCOPE=scope) == (*INVALID_INPUT, "FIVETRAN_RESYNC_SCOPE")


def test_a_running_sync_that_cannot_be_completed_first_is_exit_203(fivetran: Fivetran) -> None:
    fivetran.expect_resync(CONFLICT, connection("syncing"), status=409, many=True)
    ended = fivetran.resync()
    assert ended == (*ALREADY_RUNNING, ID, "A sync is already in progress")
    assert "IF_RUNNING" not in ended.message, "it has no such input"
    assert fivetran.check() == ARTIFACT_ERROR


@pytest.mark.parametrize("lost", UNCLEAR_ONES.values(), ids=UNCLEAR_ONES)
def test_a_lost_request_of_which_nothing_shows_is_unclear_and_never_sent_again(fivetran: Fivetran, lost: Any) -> None:
    fivetran.expect_resync(**lost)
    fivetran.shows(connection(), many=True)
    assert fivetran.resync() == UNCLEAR
    assert len(fivetran.starts("/resync")) == 1
    assert fivetran.files["starting.pickle"]["state"] == "sent"


@pytest.mark.parametrize(
    "now",
    [connection("syncing"), HISTORICAL, connection(is_historical_sync=True), connection(succeeded_at=at("12:00:01"))],
    ids=["syncing", "syncing as historical", "due", "over"],
)
@pytest.mark.parametrize(("response", "status"), [(LOST, 0), (HTML, 504), (HTML, 200)])
def test_a_lost_request_that_shows_was_accepted(fivetran: Fivetran, response: Any, status: int, now: Any) -> None:
    fivetran.expect_resync(response, status=status)
    fivetran.shows(now)
    assert fivetran.resync() == STARTED
    assert set(fivetran.files) == PLAIN_FILES


def test_over_a_running_sync_what_that_left_is_not_taken_for_the_resync(fivetran: Fivetran) -> None:
    fivetran.expect_resync(before=HISTORICAL)
    assert fivetran.resync() == STARTED
    assert fivetran.files["sync.pickle"]["interrupted"] is True
    fivetran.shows(connection("syncing", failed_at=at("12:00:02"), is_historical_sync=True))
    assert fivetran.check() == RUNNING


def test_a_resync_that_was_rescheduled_goes_on_with_a_sync_and_not_from_the_beginning(fivetran: Fivetran) -> None:
    fivetran.expect_resync()
    fivetran.shows(connection("rescheduled", rescheduled_for=at("12:05:00")), many=True)
    fivetran.expect_start(force=False)
    fivetran.ends("12:08:00")
    assert fivetran.resync(WAIT="TRUE") == SUCCEEDED
    assert len(fivetran.starts("/resync")) == 1
