"""Keys with the execute scope alone: they trigger without a gate and a baseline, and the server's time decides."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endings import FAILED, INVALID, NOT_FOUND, NOT_STARTED, RUNNING, STARTED, SUCCEEDED, UNCLEAR
from tests.nango_blueprints.responses import CONNECTION, INTEGRATION, NAME, ONLY_THE_KEY, Nango, entry, replay, running
from tests.support import NOW
from tests.wire import HTML, LOST, TIMED_OUT

READ, EXECUTE = "environment:syncs:read", "environment:syncs:execute"
NO_READ = replay("auth: execute-only key on status")


def expect_trigger(nango: Nango, **request: Any) -> None:
    """The read that the key may not do, and the trigger request that is sent all the same."""
    nango.responds(**NO_READ)
    nango.expect_start(**request)


@pytest.mark.parametrize("policy", ["wait", "join", "fail"])
@pytest.mark.parametrize("selected", [(CONNECTION, NAME), (None, None)], ids=["one", "all"])
def test_it_triggers_with_a_warning_and_saves_the_servers_time(
    nango: Nango, caplog: pytest.LogCaptureFixture, selected: tuple[str | None, str | None], policy: str
) -> None:
    nango.selects(*selected)
    expect_trigger(nango)
    assert nango.trigger(IF_RUNNING=policy) == STARTED
    (warning,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert READ in warning
    saved = nango.files["sync.pickle"]
    assert (saved["has_baseline"], saved["ids"], saved["server_time"]) == (False, [], NOW)


def test_waiting_is_refused_before_anything_is_started(nango: Nango) -> None:
    nango.responds(**NO_READ)
    assert nango.trigger(WAIT="TRUE") == (*INVALID, "NANGO_WAIT", READ, "nothing was started")
    assert nango.starts() == []


def test_a_key_with_neither_scope_is_refused(nango: Nango) -> None:
    expect_trigger(nango, **replay("auth: read-only key on trigger"))
    assert nango.trigger() == (*INVALID, EXECUTE)


def test_a_scope_that_is_taken_away_while_it_waits_for_its_turn_starts_nothing(nango: Nango) -> None:
    nango.shows(running())
    nango.responds(**NO_READ, many=True)
    assert nango.trigger() == NOT_STARTED
    assert nango.starts() == []


@pytest.mark.parametrize(("response", "status"), [(LOST, 0), (TIMED_OUT, 0), (HTML, 502), (HTML, 200)])
def test_a_lost_response_stays_unclear_and_nothing_is_sent_again(nango: Nango, response: Any, status: int) -> None:
    expect_trigger(nango, response=response, status=status)
    assert nango.trigger() == (*UNCLEAR, READ)
    assert len(nango.starts()) == 1
    assert nango.files["starting.pickle"]["state"] == "sent"


@pytest.mark.parametrize(
    ("selected", "expected"),
    [
        ((CONNECTION, NAME), NOT_FOUND),
        ((CONNECTION, f"{NAME},nope"), UNCLEAR),
        ((None, f"{NAME},nope"), NOT_FOUND),
    ],
)
def test_an_unknown_name_behind_another_may_have_started_that(nango: Nango, selected: Any, expected: Any) -> None:
    nango.selects(*selected)
    expect_trigger(nango, **replay("M4 [lab-quick, nope] conn-a"))
    assert nango.trigger() == (*expected, "No syncs found")


@pytest.mark.parametrize(
    ("takes", "seconds", "now", "expected"),
    [
        (0, 30, entry("SUCCESS", "12:00:00.500"), SUCCEEDED),
        (0, 30, entry("SUCCESS", "11:59:58"), RUNNING),
        (0, 601, entry(), FAILED),
        (6, 500, entry("SUCCESS", "12:00:01"), RUNNING),  # as with hundreds of connections
        (6, 500, entry("SUCCESS", "12:00:03"), SUCCEEDED),  # before the response came
        (110, 500, entry("SUCCESS", "12:01:30"), RUNNING),  # accepted late, so that it may be the end of an older run
        (110, 500, entry("SUCCESS", "12:01:45"), SUCCEEDED),
    ],
)
def test_the_check_judges_by_the_servers_time(
    nango: Nango, takes: float, seconds: float, now: Any, expected: tuple[int, str]
) -> None:
    expect_trigger(nango, takes=takes)
    assert nango.trigger() == STARTED
    nango.clock.sleep(seconds)
    nango.shows(now)
    assert nango.check(of=ONLY_THE_KEY) == (*expected, INTEGRATION)


def test_an_unknown_name_is_found_out_by_the_check(nango: Nango) -> None:
    nango.selects(None, f"{NAME},nope")
    expect_trigger(nango)
    assert nango.trigger() == STARTED
    nango.clock.sleep(70)
    nango.shows(entry("SUCCESS", "12:00:20"))
    assert nango.check(of=ONLY_THE_KEY) == (*NOT_FOUND, "nope")


def test_a_check_that_waits_follows_all_that_it_sees(nango_all: Nango) -> None:
    expect_trigger(nango_all)
    assert nango_all.trigger() == STARTED
    nango_all.clock.sleep(10)
    done, waiting = entry("SUCCESS", "12:00:15"), running(connection="conn-b")
    both = [done, entry("SUCCESS", "12:00:20", connection="conn-b")]
    nango_all.polls([running(), entry(connection="conn-b")], [done, waiting], both)
    assert nango_all.check(of=ONLY_THE_KEY, WAIT="TRUE") == SUCCEEDED


def test_a_check_with_the_narrow_key_names_the_scope(nango_all: Nango) -> None:
    nango_all.responds(**NO_READ)
    assert nango_all.check(of=ONLY_THE_KEY, PROVIDER_CONFIG_KEY=INTEGRATION) == (*INVALID, READ)
