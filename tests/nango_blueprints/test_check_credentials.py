"""Nango - Check Credentials: both scopes are tried without starting anything, and how each check ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nango_blueprints import check_credentials
from shared.context import Run
from tests.nango_blueprints.responses import (
    INTEGRATION,
    KEY,
    QUERY_ALL,
    STATUS,
    TRIGGER,
    entries,
    entry,
    forbidden,
    recorded,
)
from tests.support import FakeClock, make_run
from tests.wire import HTML, LOST, REFUSED, TIMED_OUT, Ending, Vendor, ending, files

EXECUTE, READ = "environment:syncs:execute", "environment:syncs:read"
VALID, INVALID, UNREACHABLE = (0, "valid"), (200, "invalid_credentials"), (220, "unreachable")
MAY = {True: 400, False: 403}


@pytest.fixture
def run(tmp_path: Path, clock: FakeClock) -> Run:
    return make_run(tmp_path, "nango", clock)


def check(run: Run, **given: str) -> Ending:
    """Run the check with these inputs, named without NANGO_."""
    inputs = {f"NANGO_{name}": value for name, value in given.items()}
    return ending(check_credentials, {"NANGO_SECRET_KEY": KEY, **inputs}, run)


def expect_scopes(nango: Vendor, *, execute: bool = True, read: bool = True) -> None:
    """Both requests that name nothing, with the responses of a real server."""
    for method, path, scope, allowed, label in (
        ("POST", TRIGGER, EXECUTE, execute, "trig: {}"),
        ("GET", STATUS, READ, read, "stat: no query"),
    ):
        body = recorded(label)[1] if allowed else forbidden(scope)
        nango.expect(method, path, body, status=MAY[allowed], body={} if method == "POST" else None)


def test_requests_that_name_nothing_tell_the_scopes(nango: Vendor, run: Run, tmp_path: Path) -> None:
    expect_scopes(nango)
    assert check(run) == VALID
    assert [sent.headers["Authorization"] for sent in nango.sent] == [f"Bearer {KEY}"] * 2
    assert files(tmp_path) == {}
    assert run.kept == {}


@pytest.mark.parametrize(
    ("execute", "read", "expected", "words"),
    [
        (True, True, VALID, ["Nango - Trigger Sync and Nango - Check Sync Status"]),
        (True, False, VALID, ["Nango - Trigger Sync without NANGO_WAIT", f"{READ} is missing"]),
        (False, True, VALID, ["good for Nango - Check Sync Status", f"{EXECUTE} is missing"]),
        (False, False, INVALID, [EXECUTE, READ, "account API key"]),
    ],
)
@pytest.mark.parametrize("integration", ["", INTEGRATION])
def test_a_key_is_valid_for_what_its_scopes_allow(
    nango: Vendor,
    run: Run,
    execute: bool,
    read: bool,
    expected: tuple[int, str],
    words: list[str],
    integration: str,
) -> None:
    expect_scopes(nango, execute=execute, read=read)
    if integration and read:
        nango.expect("GET", STATUS, entries(entry()), query=QUERY_ALL)
    ended = check(run, PROVIDER_CONFIG_KEY=integration)
    assert ended == expected
    assert all(word in ended.message for word in words)
    assert expected is INVALID or run.report.details == {"may_execute": execute, "may_read": read}


def test_an_integration_without_syncs_in_the_keys_environment_is_not_found(nango: Vendor, run: Run) -> None:
    status, body = recorded("stat: unknown integration")
    expect_scopes(nango)
    nango.expect("GET", STATUS, body, status=status, query=QUERY_ALL)
    ended = check(run, PROVIDER_CONFIG_KEY=INTEGRATION)
    assert ended == (204, "not_found")
    assert all(word in ended.message for word in (INTEGRATION, "environment", "NANGO_PROVIDER_CONFIG_KEY"))


def test_an_old_server_need_not_name_the_connections(nango: Vendor, run: Run) -> None:
    expect_scopes(nango)
    nango.expect("GET", STATUS, entries({**entry(), "connection_id": None}), query=QUERY_ALL)
    assert check(run, PROVIDER_CONFIG_KEY=INTEGRATION) == VALID


@pytest.mark.parametrize("url", ["http://localhost:3003", "http://localhost:3003/"])
def test_a_server_of_ones_own_is_asked_without_a_double_slash(nango: Vendor, run: Run, url: str) -> None:
    nango.url = "http://localhost:3003"
    expect_scopes(nango)
    assert check(run, API_URL=url) == VALID


@pytest.mark.parametrize("label", ["auth: none", "auth: not uuid", "auth: unknown uuid4"])
def test_a_key_that_nango_does_not_know_is_wrong(nango: Vendor, run: Run, label: str) -> None:
    status, body = recorded(label)
    nango.expect("POST", TRIGGER, body, status=status, body={})
    ended = check(run, PROVIDER_CONFIG_KEY=INTEGRATION)
    assert ended == INVALID
    assert "NANGO_SECRET_KEY is wrong" in ended.message


@pytest.mark.parametrize("response", [HTML, None, "denied", {"message": "blocked by the firewall"}])
def test_a_403_of_somebody_else_proves_nothing(nango: Vendor, run: Run, response: Any) -> None:
    nango.expect("POST", TRIGGER, response, status=403, body={})
    assert check(run) == INVALID


@pytest.mark.parametrize(
    ("response", "status", "expected"),
    [
        (HTML, 200, UNREACHABLE),
        ({"success": True}, 200, UNREACHABLE),
        (None, 204, UNREACHABLE),
        (HTML, 400, (201, "refused")),
        ({"message": "bad request"}, 400, (201, "refused")),
        (recorded("trig: unknown path")[1], 404, (201, "refused")),
        (None, 302, (201, "refused")),
    ],
)
@pytest.mark.parametrize("path", [TRIGGER, STATUS])
def test_an_unexpected_response_proves_nothing(
    nango: Vendor, run: Run, response: Any, status: int, expected: tuple[int, str], path: str
) -> None:
    if path == STATUS:
        nango.expect("POST", TRIGGER, recorded("trig: {}")[1], status=400, body={})
    headers = {"Location": "https://elsewhere.invalid/"}
    body = {} if path == TRIGGER else None
    nango.expect("POST" if path == TRIGGER else "GET", path, response, status=status, headers=headers, body=body)
    assert check(run) == expected


UNREACHABLE_BY: dict[str, tuple[Any, int]] = {
    "refused": (REFUSED, 0),
    "lost": (LOST, 0),
    "timed out": (TIMED_OUT, 0),
    "429": ({"error": {"code": "too_many_request"}}, 429),
    "500": ({"error": {"code": "generic_error_support", "message": "x", "payload": "y"}}, 500),
    "502": (HTML, 502),
}


@pytest.mark.parametrize(("response", "status"), UNREACHABLE_BY.values(), ids=UNREACHABLE_BY)
def test_a_passing_fault_does_not_matter(nango: Vendor, run: Run, response: Any, status: int) -> None:
    nango.expect("POST", TRIGGER, response, status=status, body={})
    expect_scopes(nango)
    assert check(run) == VALID


@pytest.mark.parametrize("response", [HTML, None, '{"syncs": [', [], {}, {"syncs": None}, {"syncs": [{"id": "x"}]}])
def test_an_unexpected_status_does_not_tell_about_the_integration(nango: Vendor, run: Run, response: Any) -> None:
    expect_scopes(nango)
    nango.expect("GET", STATUS, response, query=QUERY_ALL)
    assert check(run, PROVIDER_CONFIG_KEY=INTEGRATION) == UNREACHABLE


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"SECRET_KEY": ""}, ["SECRET_KEY"]),
        ({"SECRET_KEY": "None", "PROVIDER_CONFIG_KEY": "../x"}, ["SECRET_KEY", "PROVIDER_CONFIG_KEY"]),
        ({"PROVIDER_CONFIG_KEY": "x" * 300}, ["PROVIDER_CONFIG_KEY"]),
        ({"SECRET_KEY": "sesame-\u00e9", "API_URL": "localhost:3003"}, ["SECRET_KEY", "API_URL"]),
        ({"SECRET_KEY": "Bearer sesame"}, ["SECRET_KEY", "Bearer"]),
    ],
)
def test_a_problem_of_an_input_is_named_before_anything_is_sent(
    nango: Vendor, run: Run, given: dict[str, str], named: list[str]
) -> None:
    ended = check(run, **given)
    assert ended == (206, "invalid_input")
    assert all(word in ended.message for word in named)
    assert "sesame" not in ended.message
    assert nango.sent == []


def test_other_inputs_are_not_needed_and_not_looked_at(nango: Vendor, run: Run) -> None:
    expect_scopes(nango)
    given = {"CONNECTION_ID": "<>", "SYNCS": ",", "EMPTY_CACHE": "TRUE", "POLL_INTERVAL": "0"}
    assert check(run, PROVIDER_CONFIG_KEY="None", **given) == VALID
