"""Stories in which the simulation once found a wrong end of a Nango sync, with the seed that told them.

In all of them the model was wrong, or no client can know: Nango gives no id of a run, so that runs which an earlier
trigger asked for without being told so cannot be told from those of the next one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nango_blueprints import check_sync_status, trigger_sync
from tests.nango_blueprints.responses import (
    ACCEPTED,
    BODY,
    BODY_ALL,
    ENVIRONMENT,
    OF_INTEGRATION,
    QUERY,
    QUERY_ALL,
    STATUS,
    TRIGGER,
    entries,
    entry,
    running,
)
from tests.support import FakeClock, make_run
from tests.wire import HTML, LOST, Ending, Vendor, ending

RESET = {"opts": {"reset": True}}


def triggered(folder: Path, clock: FakeClock, of: dict[str, str], **given: str) -> Ending:
    """Run the trigger with these inputs, named without NANGO_."""
    environment = {**of, **{f"NANGO_{name}": value for name, value in given.items()}}
    return ending(trigger_sync, environment, make_run(folder, "nango", clock))


def checked(folder: Path, clock: FakeClock) -> Ending:
    """Run the check that follows the trigger."""
    environment = {"NANGO_SECRET_KEY": ENVIRONMENT["NANGO_SECRET_KEY"]}
    return ending(check_sync_status, environment, make_run(folder, "nango", clock))


def expect_unclear(nango: Vendor, before: Any, query: dict[str, str], body: dict[str, Any]) -> None:
    """A trigger request that Nango accepted, of which neither its response nor a later poll tells."""
    nango.expect("GET", STATUS, before, query=query)
    nango.expect("POST", TRIGGER, LOST, body=body)
    for _ in range(5):
        nango.expect("GET", STATUS, HTML, query=query)


@pytest.mark.parametrize(
    ("given", "first_body", "status"),
    [({"IF_RUNNING": "join"}, BODY_ALL, 503), ({"RESET": "TRUE"}, {**BODY_ALL, **RESET}, 502)],
    ids=["7027478", "100780718"],
)
def test_what_only_an_earlier_unclear_trigger_ran_is_not_seen_to_start(
    nango: Vendor, tmp_path: Path, clock: FakeClock, given: dict[str, str], first_body: dict[str, Any], status: int
) -> None:
    """One of two runs of the first trigger was over before the second one read; the second request never arrived.

    The model took the run that was over for one of the second trigger.
    """
    expect_unclear(nango, entries(entry(connection="a"), entry(connection="b")), QUERY_ALL, first_body)
    assert triggered(tmp_path, clock, OF_INTEGRATION, **given) == (202, "unclear")
    over = entry("SUCCESS", "12:00:02", connection="a")
    nango.expect("GET", STATUS, entries(over, entry(connection="b")), query=QUERY_ALL)
    nango.expect("POST", TRIGGER, HTML, status=status, body=first_body)
    nango.expect("GET", STATUS, entries(over, running(connection="b")), query=QUERY_ALL)
    assert triggered(tmp_path, clock, OF_INTEGRATION, **given) == (0, "started")
    clock.elapsed += 800
    later = entries(over, entry("SUCCESS", "12:01:00", connection="b"))
    nango.expect("GET", STATUS, later, query=QUERY_ALL)
    ended = checked(tmp_path, clock)
    assert ended == (211, "failed")
    assert "a/lab-ctl (not seen to start within" in ended.message


@pytest.mark.parametrize(
    ("given", "body"),
    [({"IF_RUNNING": "join"}, BODY), ({"RESET": "TRUE"}, {**BODY, **RESET})],
    ids=["31058629", "100860780"],
)
def test_a_run_of_an_earlier_unclear_trigger_within_the_next_request_looks_like_its_own(
    nango: Vendor, tmp_path: Path, clock: FakeClock, given: dict[str, str], body: dict[str, Any]
) -> None:
    """No client can know: the request took two minutes, and was accepted after that run rather than before it."""
    expect_unclear(nango, entries(entry()), QUERY, body)
    assert triggered(tmp_path, clock, ENVIRONMENT, **given) == (202, "unclear")
    at_start = clock.elapsed
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=body, takes=115)
    assert triggered(tmp_path, clock, ENVIRONMENT, **given) == (0, "started")
    assert clock.elapsed - at_start >= 115
    nango.expect("GET", STATUS, entries(entry("SUCCESS", "12:01:30")), query=QUERY)
    assert checked(tmp_path, clock) == (0, "succeeded")
    assert nango.starts(TRIGGER) == [body, body]


def test_a_run_that_no_poll_showed_is_told_once_and_no_third_request_is_sent(
    nango: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    """Seed 100982987, no client can know: queued during every poll, it was over when the second request arrived."""
    nango.expect("GET", STATUS, entries(entry("STOPPED")), query=QUERY)
    nango.expect("POST", TRIGGER, LOST, body=BODY)
    nango.expect("GET", STATUS, entries(entry("STOPPED")), query=QUERY, many=True)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY, takes=87)
    assert triggered(tmp_path, clock, ENVIRONMENT) == (0, "started")
    assert nango.starts(TRIGGER) == [BODY, BODY]
    clock.elapsed += 600
    nango.expect("GET", STATUS, entries(entry("STOPPED", "12:04:50")), query=QUERY)
    assert checked(tmp_path, clock) == (211, "failed")
