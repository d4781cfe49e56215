"""Stories in which the simulation once found a wrong end of a Nango sync, with the seed that told them.

In all of them the model was wrong, or no client can know: Nango gives no id of a run, so that runs which an earlier
trigger asked for without being told so cannot be told from those of the next one.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.endings import FAILED, STARTED, SUCCEEDED, UNCLEAR
from tests.nango_blueprints.responses import (
    BODY,
    BODY_ALL,
    OF_INTEGRATION,
    ONLY_THE_KEY,
    QUERY,
    QUERY_ALL,
    RESET_BODY,
    Nango,
    entry,
    running,
)
from tests.wire import HTML, LOST


def expect_unclear(nango: Nango, *before: Any, query: dict[str, str], body: dict[str, Any]) -> None:
    """A trigger request that Nango accepted, of which neither its response nor a later poll tells."""
    nango.expect_trigger(*before, query=query, response=LOST, body=body)
    for _ in range(5):
        nango.responds(HTML, query=query)


@pytest.mark.parametrize(
    ("given", "first_body", "status"),
    [({"IF_RUNNING": "join"}, BODY_ALL, 503), ({"RESET": "TRUE"}, {**BODY_ALL, "opts": {"reset": True}}, 502)],
    ids=["7027478", "100780718"],
)
def test_what_only_an_earlier_unclear_trigger_ran_is_not_seen_to_start(
    nango: Nango, given: dict[str, str], first_body: dict[str, Any], status: int
) -> None:
    """One of two runs of the first trigger was over before the second one read; the second request never arrived.

    The model took the run that was over for one of the second trigger.
    """
    expect_unclear(nango, entry(connection="a"), entry(connection="b"), query=QUERY_ALL, body=first_body)
    assert nango.trigger(OF_INTEGRATION, **given) == UNCLEAR
    over = entry("SUCCESS", "12:00:02", connection="a")
    nango.expect_trigger(over, entry(connection="b"), query=QUERY_ALL, response=HTML, status=status, body=first_body)
    nango.shows(over, running(connection="b"), query=QUERY_ALL)
    assert nango.trigger(OF_INTEGRATION, **given) == STARTED
    nango.clock.elapsed += 800
    nango.shows(over, entry("SUCCESS", "12:01:00", connection="b"), query=QUERY_ALL)
    assert nango.check(of=ONLY_THE_KEY) == (*FAILED, "a/lab-ctl (not seen to start within")


@pytest.mark.parametrize(
    ("given", "body"),
    [({"IF_RUNNING": "join"}, BODY), ({"RESET": "TRUE"}, RESET_BODY)],
    ids=["31058629", "100860780"],
)
def test_a_run_of_an_earlier_unclear_trigger_within_the_next_request_looks_like_its_own(
    nango: Nango, given: dict[str, str], body: dict[str, Any]
) -> None:
    """No client can know: the request took two minutes, and was accepted after that run rather than before it."""
    expect_unclear(nango, query=QUERY, body=body)
    assert nango.trigger(**given) == UNCLEAR
    at_start = nango.clock.elapsed
    nango.expect_trigger(body=body, takes=115)
    assert nango.trigger(**given) == STARTED
    assert nango.clock.elapsed - at_start >= 115
    nango.shows(entry("SUCCESS", "12:01:30"))
    assert nango.check(of=ONLY_THE_KEY) == SUCCEEDED
    assert nango.starts() == [body, body]


def test_a_run_that_no_poll_showed_is_told_once_and_no_third_request_is_sent(nango: Nango) -> None:
    """Seed 100982987, no client can know: queued during every poll, it was over when the second request arrived."""
    nango.expect_trigger(entry("STOPPED"), response=LOST)
    nango.shows(entry("STOPPED"), many=True)
    nango.expect_start(takes=87)
    assert nango.trigger() == STARTED
    assert nango.starts() == [BODY, BODY]
    nango.clock.elapsed += 600
    nango.shows(entry("STOPPED", "12:04:50"))
    assert nango.check(of=ONLY_THE_KEY) == FAILED
