"""Nango - Check Credentials: both scopes are tried without starting anything, and how each check ends."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endings import BAD_REQUEST, INVALID, NOT_FOUND, UNREACHABLE, VALID
from tests.nango_blueprints.responses import INTEGRATION, Nango, entry, forbidden, replay
from tests.wire import HTML

EXECUTE, READ = "environment:syncs:execute", "environment:syncs:read"


def expect_scopes(nango: Nango, *, execute: bool = True, read: bool = True) -> None:
    """Both requests that name nothing, with the responses of a real server."""
    nango.expect_start(**(replay("trig: {}") if execute else lacking(EXECUTE)), body={})
    nango.responds(**(replay("stat: no query") if read else lacking(READ)), query={})


def lacking(scope: str) -> dict[str, Any]:
    return {"response": forbidden(scope), "status": 403}


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
    nango_all: Nango, execute: bool, read: bool, expected: tuple[int, str], words: list[str], integration: str
) -> None:
    expect_scopes(nango_all, execute=execute, read=read)
    if integration and read:
        nango_all.shows({**entry(), "connection_id": None})  # an old server need not name the connections
    assert nango_all.verify(PROVIDER_CONFIG_KEY=integration) == (*expected, *words)
    assert expected is INVALID or nango_all.run.report.details == {"may_execute": execute, "may_read": read}


def test_an_integration_without_syncs_in_the_keys_environment_is_not_found(nango_all: Nango) -> None:
    expect_scopes(nango_all)
    nango_all.responds(**replay("stat: unknown integration"))
    words = INTEGRATION, "environment", "NANGO_PROVIDER_CONFIG_KEY"
    assert nango_all.verify(PROVIDER_CONFIG_KEY=INTEGRATION) == (*NOT_FOUND, *words)


@pytest.mark.parametrize("response", [HTML, None, "denied", {"message": "blocked by the firewall"}])
def test_a_403_of_somebody_else_proves_nothing(nango: Nango, response: Any) -> None:
    nango.expect_start(response, status=403, body={})
    assert nango.verify() == INVALID


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (HTML, 400),
        ({"message": "bad request"}, 400),
        (replay("trig: unknown path")["response"], 404),
    ],
)
@pytest.mark.parametrize("at_the", ["request", "read"])
def test_another_refusal_is_not_that_of_a_request_that_names_nothing(
    nango: Nango, response: Any, status: int, at_the: str
) -> None:
    if at_the == "read":
        nango.expect_start(**replay("trig: {}"), body={})
        nango.responds(response, {}, status=status)
    else:
        nango.expect_start(response, body={}, status=status)
    assert nango.verify() == BAD_REQUEST


@pytest.mark.parametrize("response", [HTML, None, {}, {"syncs": None}, {"syncs": [{"id": "x"}]}])
def test_an_unexpected_status_does_not_tell_about_the_integration(nango_all: Nango, response: Any) -> None:
    expect_scopes(nango_all)
    nango_all.responds(response)
    assert nango_all.verify(PROVIDER_CONFIG_KEY=INTEGRATION) == UNREACHABLE
