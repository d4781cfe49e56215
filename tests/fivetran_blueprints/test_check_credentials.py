"""Fivetran - Check Credentials: the one request, and what its response says about the credentials."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.fivetran_blueprints.responses import Fivetran
from tests.wire import HTML, LOST, REFUSED, TIMED_OUT

ACCOUNT = "/v1/account/info"
VALID = {"code": "Success", "data": {"account_id": "a_1", "account_name": "Acme <East>", "user_id": None}}


def test_it_asks_for_the_account_and_for_nothing_else(fivetran: Fivetran) -> None:
    fivetran.expect("GET", ACCOUNT, VALID)
    assert fivetran.verify() == (0, "valid")
    (sent,) = fivetran.sent
    assert sent.headers["Authorization"] == "Basic " + base64.b64encode(b"the-key:the-secret").decode()
    assert sent.headers["Accept"] == "application/json;version=2"
    assert sent.headers["User-Agent"].startswith("sync-blueprints/")
    assert sent.timeout == (10, 60)
    assert fivetran.files() == {}
    assert fivetran.run.kept == {}


@pytest.mark.parametrize(
    ("data", "account"),
    [
        (VALID["data"], "Acme <East>"),
        ({"account_id": "a_1"}, "a_1"),
        ({"account_id": "a_1", "account_name": None}, "a_1"),
        ({}, "without a name"),
    ],
)
def test_the_account_is_named(fivetran: Fivetran, data: Any, account: str) -> None:
    fivetran.expect("GET", ACCOUNT, {"code": "Success", "data": data})
    assert fivetran.verify() == (0, "valid", account)
    assert fivetran.run.report.details == {"account": account}


def test_other_inputs_are_not_needed_and_not_read(fivetran: Fivetran) -> None:
    fivetran.expect("GET", ACCOUNT, VALID)
    assert fivetran.verify(CONNECTOR_ID="../x", POLL_INTERVAL="0", PAUSED="perhaps") == (0, "valid")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"API_KEY": "None", "API_SECRET": " "}, ["API_KEY", "API_SECRET"]),
        ({"API_KEY": "sesame-\u00e9", "API_URL": "api.fivetran.com"}, ["API_KEY", "API_URL"]),
        ({"API_SECRET": "${SESAME_SECRET}"}, ["API_SECRET", "placeholder"]),
        ({"API_KEY": "CREDENTIAL_PREDEFINED_GROUP_NOT_IN_LIBRARY_BLUEPRINT"}, ["API_KEY", "custom credential group"]),
    ],
)
def test_a_problem_of_an_input_is_named_before_anything_is_sent(fivetran: Fivetran, given: Any, named: Any) -> None:
    ended = fivetran.verify(**given)
    assert ended == (206, "invalid_input", *named)
    assert "sesame" not in ended.message.lower()


BASE64 = ("FIVETRAN_API_KEY", "FIVETRAN_API_SECRET", "Base64", "Invalid credentials")


@pytest.mark.parametrize(
    ("response", "status", "expected"),
    [
        ({"code": "Unauthorized", "message": "Invalid credentials"}, 401, (200, "invalid_credentials", *BASE64)),
        ({"code": "Forbidden", "message": "Role without account access"}, 403, (0, "valid", "account")),
        (None, 302, (201, "refused", "FIVETRAN_API_URL")),
        (HTML, 200, (220, "unreachable")),
        (None, 204, (220, "unreachable")),
        ('{"code": "Success", "da', 200, (220, "unreachable")),
        ({"code": "Success", "data": None}, 200, (220, "unreachable")),
        ({"code": "Strange", "data": {"account_id": "a_1"}}, 200, (220, "unreachable")),
        (HTML, 404, (220, "unreachable")),
        ({"code": "ResourceNotFound"}, 404, (220, "unreachable")),
        ({"code": "Conflict"}, 409, (220, "unreachable")),
    ],
)
def test_only_a_success_or_a_missing_permission_proves_that_they_are_valid(
    fivetran: Fivetran, response: Any, status: int, expected: tuple[Any, ...]
) -> None:
    fivetran.expect("GET", ACCOUNT, response, status=status, headers={"Location": "https://elsewhere.invalid/"})
    assert fivetran.verify() == expected


@pytest.mark.parametrize(("response", "status"), [(REFUSED, 0), (LOST, 0), (TIMED_OUT, 0), (None, 429), (HTML, 502)])
def test_a_vendor_that_cannot_be_reached_is_asked_five_times(fivetran: Fivetran, response: Any, status: int) -> None:
    fivetran.expect("GET", ACCOUNT, response, status=status)
    fivetran.expect("GET", ACCOUNT, VALID)
    assert fivetran.verify() == (0, "valid")
    fivetran.expect("GET", ACCOUNT, response, status=status, many=True)
    assert fivetran.verify() == (220, "unreachable")
    assert len(fivetran.sent) == 2 + 5


def test_a_long_retry_after_ends_the_check_at_once(fivetran: Fivetran) -> None:
    fivetran.expect("GET", ACCOUNT, None, status=429, headers={"Retry-After": "3600"})
    assert fivetran.verify() == (220, "unreachable", "1 h")
    assert fivetran.clock.sleeps == []
