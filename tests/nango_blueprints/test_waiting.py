"""Nango's trigger and check with NANGO_WAIT: which polls they make, what they survive, and how they end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endings import FAILED, SUCCEEDED
from tests.nango_blueprints.responses import (
    NAME,
    NEW,
    OF_INTEGRATION,
    QUERY_ALL,
    RESET_BODY,
    Nango,
    at,
    entries,
    entry,
    running,
)

A, B = "conn-a", "conn-b"


# The trigger


@pytest.mark.parametrize(("execution", "expected"), [("SUCCESS", SUCCEEDED), ("STOPPED", FAILED)])
def test_a_run_that_its_reset_cancels_is_not_taken_for_its_own(
    nango: Nango, execution: str, expected: tuple[int, str]
) -> None:
    nango.expect_trigger(body=RESET_BODY)
    cancelled = [entry("STOPPED", "12:00:01"), entry("STOPPED", "12:00:10")]
    nango.polls(*cancelled, running(), entry(execution, "12:00:12"))
    assert nango.trigger(WAIT="TRUE", RESET="TRUE") == expected


# The check


def test_it_waits_until_all_have_ended(nango: Nango) -> None:
    nango.triggered(entry(), entry(connection=B), all_connections=True, after=20)
    waiting, failed = running(connection=B), entry("STOPPED", NEW)
    nango.polls([entry(), waiting], [failed, waiting], [failed, entry("SUCCESS", NEW, connection=B)], query=QUERY_ALL)
    assert nango.check(WAIT="TRUE", of=OF_INTEGRATION) == (*FAILED, f"{A}/{NAME}")


@pytest.mark.parametrize(("given", "pause"), [({}, 10), ({"POLL_INTERVAL": "1"}, 1)])
def test_polls_of_all_connections_are_ten_seconds_apart_unless_told_otherwise(
    nango: Nango, given: dict[str, str], pause: float
) -> None:
    nango.polls(running(), running(), entry(), query=QUERY_ALL)
    assert nango.check(WAIT="TRUE", of=OF_INTEGRATION, **given) == SUCCEEDED
    polls = [sent.at for sent in nango.sent]
    assert all(0.89 * pause <= after - before <= 1.11 * pause for before, after in zip(polls, polls[1:]))


def test_an_entry_that_one_poll_lacks_is_waited_for(nango: Nango) -> None:
    nango.triggered(entry(), entry(connection=B), all_connections=True, after=3600)
    done = [entry("SUCCESS", NEW), entry("SUCCESS", NEW, connection=B)]
    nango.polls([running(), running(connection=B)], running(), done, query=QUERY_ALL)
    assert nango.check(WAIT="TRUE", of=OF_INTEGRATION) == SUCCEEDED


@pytest.mark.parametrize(("queued", "expected"), [(3000, SUCCEEDED), (99_999, FAILED)])
def test_a_run_that_nango_cut_is_waited_for_while_its_continuation_is_queued(
    nango: Nango, queued: float, expected: tuple[int, str]
) -> None:
    def now() -> dict[str, Any]:
        if nango.clock.elapsed < queued:
            return entries(entry("SUCCESS", "12:00:00", nextScheduledSyncAt=at("12:00:01")))
        return entries(running() if nango.clock.elapsed < queued + 100 else entry("SUCCESS", "12:59:59"))

    nango.triggered(after=0)
    nango.responds(now, many=True)
    ended = nango.check(WAIT="TRUE")
    assert ended == expected
    assert nango.clock.elapsed > min(queued, 3600)
    assert expected is SUCCEEDED or "cut by Nango and never continued" in ended.message


def test_a_connection_that_is_added_while_the_latest_runs_are_waited_for_is_waited_for_as_well(nango: Nango) -> None:
    nango.polls(running(), [entry(), running(connection=B)], [entry(), entry(connection=B)], query=QUERY_ALL)
    assert nango.check(WAIT="TRUE", of=OF_INTEGRATION) == (*SUCCEEDED, "all 2 syncs")
