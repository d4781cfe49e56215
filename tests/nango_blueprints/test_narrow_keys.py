"""Keys with the execute scope alone: they trigger without a gate and a baseline, and the server's time decides."""

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
    INTEGRATION,
    KEY,
    NAME,
    OF_INTEGRATION,
    QUERY,
    QUERY_ALL,
    STATUS,
    TRIGGER,
    entries,
    entry,
    never,
    recorded,
    running,
)
from tests.support import NOW, FakeClock, make_run
from tests.wire import HTML, LOST, TIMED_OUT, Ending, Vendor, ending, files

READ, EXECUTE = "environment:syncs:read", "environment:syncs:execute"
SUCCEEDED, FAILED, RUNNING = (0, "succeeded"), (211, "failed"), (210, "running")
FORBIDDEN, NO_READ = recorded("auth: execute-only key on status")


def trigger(tmp_path: Path, clock: FakeClock, of: dict[str, str] = ENVIRONMENT, **given: str) -> Ending:
    """Run the trigger with these inputs, named without NANGO_."""
    given = {**of, **{f"NANGO_{name}": value for name, value in given.items()}}
    return ending(trigger_sync, given, make_run(tmp_path, "nango", clock))


def check(tmp_path: Path, clock: FakeClock, **given: str) -> Ending:
    """Run the check with another key, which may read."""
    given = {f"NANGO_{name}": value for name, value in given.items()}
    return ending(check_sync_status, {"NANGO_SECRET_KEY": KEY, **given}, make_run(tmp_path, "nango", clock))


@pytest.mark.parametrize(("of", "query", "body"), [(ENVIRONMENT, QUERY, BODY), (OF_INTEGRATION, QUERY_ALL, BODY_ALL)])
def test_it_triggers_with_a_warning_and_saves_the_servers_time(
    nango: Vendor,
    tmp_path: Path,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    of: dict[str, str],
    query: dict[str, str],
    body: dict[str, Any],
) -> None:
    nango.expect("GET", STATUS, NO_READ, status=FORBIDDEN, query=query)
    nango.expect("POST", TRIGGER, ACCEPTED, body=body)
    assert trigger(tmp_path, clock, of) == (0, "started")
    (warning,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert READ in warning
    saved = files(tmp_path)["sync.pickle"]
    assert (saved["has_baseline"], saved["ids"], saved["server_time"]) == (False, [], NOW)


@pytest.mark.parametrize("policy", ["wait", "join", "fail"])
def test_a_sync_that_is_running_cannot_be_noticed(nango: Vendor, tmp_path: Path, clock: FakeClock, policy: str) -> None:
    nango.expect("GET", STATUS, NO_READ, status=FORBIDDEN, query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    assert trigger(tmp_path, clock, IF_RUNNING=policy) == (0, "started")


def test_waiting_is_refused_before_anything_is_started(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    nango.expect("GET", STATUS, NO_READ, status=FORBIDDEN, query=QUERY)
    ended = trigger(tmp_path, clock, WAIT="TRUE")
    assert ended == (200, "invalid_credentials")
    assert all(word in ended.message for word in ("NANGO_WAIT", READ, "nothing was started"))
    assert nango.starts(TRIGGER) == []


def test_a_key_with_neither_scope_is_refused(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    status, body = recorded("auth: read-only key on trigger")
    nango.expect("GET", STATUS, NO_READ, status=FORBIDDEN, query=QUERY)
    nango.expect("POST", TRIGGER, body, status=status, body=BODY)
    ended = trigger(tmp_path, clock)
    assert ended == (200, "invalid_credentials")
    assert EXECUTE in ended.message


@pytest.mark.parametrize("response", [HTML, None, "denied", {"message": "blocked by the firewall"}])
def test_a_403_of_somebody_else_is_no_missing_scope(
    nango: Vendor, tmp_path: Path, clock: FakeClock, response: Any
) -> None:
    nango.expect("GET", STATUS, response, status=403, query=QUERY)
    assert trigger(tmp_path, clock) == (200, "invalid_credentials")


def test_a_scope_that_is_taken_away_while_it_waits_for_its_turn_starts_nothing(
    nango: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    nango.expect("GET", STATUS, NO_READ, status=FORBIDDEN, query=QUERY, many=True)
    assert trigger(tmp_path, clock) == (202, "not_started")
    assert nango.starts(TRIGGER) == []


@pytest.mark.parametrize(("response", "status"), [(LOST, 0), (TIMED_OUT, 0), (HTML, 502), (HTML, 200)])
def test_a_lost_response_stays_unclear_and_nothing_is_sent_again(
    nango: Vendor, tmp_path: Path, clock: FakeClock, response: Any, status: int
) -> None:
    nango.expect("GET", STATUS, NO_READ, status=FORBIDDEN, query=QUERY)
    nango.expect("POST", TRIGGER, response, status=status, body=BODY)
    ended = trigger(tmp_path, clock)
    assert ended == (202, "unclear")
    assert READ in ended.message
    assert nango.starts(TRIGGER) == [BODY]
    assert files(tmp_path)["starting.pickle"]["state"] == "sent"


@pytest.mark.parametrize(
    ("syncs", "of", "expected"),
    [
        (NAME, ENVIRONMENT, (204, "not_found")),
        (f"{NAME},nope", ENVIRONMENT, (202, "unclear")),
        (f"{NAME},nope", OF_INTEGRATION, (204, "not_found")),
    ],
)
def test_an_unknown_name_behind_another_may_have_started_that(
    nango: Vendor, tmp_path: Path, clock: FakeClock, syncs: str, of: dict[str, str], expected: tuple[int, str]
) -> None:
    status, body = recorded("M4 [lab-quick, nope] conn-a")
    query, sent = (QUERY, BODY) if of is ENVIRONMENT else (QUERY_ALL, BODY_ALL)
    nango.expect("GET", STATUS, NO_READ, status=FORBIDDEN, query={**query, "syncs": syncs})
    nango.expect("POST", TRIGGER, body, status=status, body={**sent, "syncs": syncs.split(",")})
    ended = trigger(tmp_path, clock, of, SYNCS=syncs)
    assert ended == expected
    assert "No syncs found" in ended.message


@pytest.mark.parametrize(
    ("seconds", "now", "expected"),
    [
        (30, running(), RUNNING),
        (30, entry("SUCCESS", "12:00:20"), SUCCEEDED),
        (30, entry("STOPPED", "12:00:20"), FAILED),
        (30, entry("SUCCESS", "11:59:58"), RUNNING),
        (30, entry("STOPPED", "11:59:58"), RUNNING),
        (30, never(), RUNNING),
        (601, entry("SUCCESS", "11:59:58"), FAILED),
        (601, never(), FAILED),
        (601, running(), RUNNING),
    ],
)
def test_the_check_judges_by_the_servers_time(
    nango: Vendor, tmp_path: Path, clock: FakeClock, seconds: float, now: dict[str, Any], expected: tuple[int, str]
) -> None:
    nango.expect("GET", STATUS, NO_READ, status=FORBIDDEN, query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    assert trigger(tmp_path, clock) == (0, "started")
    clock.sleep(seconds)
    nango.expect("GET", STATUS, entries(now), query=QUERY)
    ended = check(tmp_path, clock)
    assert ended == expected
    assert INTEGRATION in ended.message


def test_an_unknown_name_is_found_out_by_the_check(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    nango.expect("GET", STATUS, NO_READ, status=FORBIDDEN, query={**QUERY_ALL, "syncs": f"{NAME},nope"})
    nango.expect("POST", TRIGGER, ACCEPTED, body={**BODY_ALL, "syncs": [NAME, "nope"]})
    trigger(tmp_path, clock, OF_INTEGRATION, SYNCS=f"{NAME},nope")
    clock.sleep(70)
    nango.expect("GET", STATUS, entries(entry("SUCCESS", "12:00:20")), query={**QUERY_ALL, "syncs": f"{NAME},nope"})
    ended = check(tmp_path, clock)
    assert ended == (204, "not_found")
    assert "nope" in ended.message


def test_a_check_that_waits_follows_all_that_it_sees(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    nango.expect("GET", STATUS, NO_READ, status=FORBIDDEN, query=QUERY_ALL)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY_ALL)
    trigger(tmp_path, clock, OF_INTEGRATION)
    clock.sleep(10)
    for now in (
        [running(), entry(connection="conn-b")],
        [entry("SUCCESS", "12:00:15"), running(connection="conn-b")],
        [entry("SUCCESS", "12:00:15"), entry("SUCCESS", "12:00:20", connection="conn-b")],
    ):
        nango.expect("GET", STATUS, entries(*now), query=QUERY_ALL)
    assert check(tmp_path, clock, WAIT="TRUE") == SUCCEEDED


def test_a_check_with_the_narrow_key_names_the_scope(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    nango.expect("GET", STATUS, NO_READ, status=FORBIDDEN, query=QUERY_ALL)
    ended = check(tmp_path, clock, PROVIDER_CONFIG_KEY=INTEGRATION)
    assert ended == (200, "invalid_credentials")
    assert READ in ended.message
