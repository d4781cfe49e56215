"""Fivetran - Check Credentials: the one request, and what its response says about the credentials."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.endings import BAD_REQUEST, INVALID, UNREACHABLE, VALID
from tests.fivetran_blueprints.responses import Fivetran
from tests.wire import HTML, LOST, REFUSED, TIMED_OUT

ACCOUNT = "/v1/account/info"
INFO = {"code": "Success", "data": {"account_id": "a_1", "account_name": "Acme <East>", "user_id": None}}


def test_it_asks_for_the_account_and_for_nothing_else(fivetran: Fivetran) -> None:
    fivetran.expect("GET", ACCOUNT, INFO)
    assert fivetran.verify() == VALID
    (sent,) = fivetran.sent
    assert sent.headers["Authorization"] == "Basic " + base64.b64encode(b"the-key:the-secret").decode()
    assert sent.headers["Accept"] == "application/json;version=2"
    assert sent.timeout == (10, 60)
    assert fivetran.files == {}
    assert fivetran.run.kept == {}


@pytest.mark.parametrize(
    ("data", "account"),
    [
        (INFO["data"], "Acme <East>"),
        ({"account_id": "a_1"}, "a_1"),
        ({"account_id": "a_1", "account_name": None}, "a_1"),
        ({}, "without a name"),
    ],
)
def test_the_account_is_named(fivetran: Fivetran, data: Any, account: str) -> None:
    fivetran.expect("GET", ACCOUNT, {"code": "Success", "data": data})
    assert fivetran.verify() == (*VALID, account)
    assert fivetran.run.report.details == {"account": account}


BASE64 = ("FIVETRAN_API_KEY", "FIVETRAN_API_SECRET", "Base64", "Invalid credentials")


@pytest.mark.parametrize(
    ("response", "status", "expected"),
    [
        ({"code": "Unauthorized", "message": "Invalid credentials"}, 401, (*INVALID, *BASE64)),
        ({"code": "Forbidden", "message": "Role without account access"}, 403, (*VALID, "account")),
        (None, 302, (*BAD_REQUEST, "FIVETRAN_API_URL")),
        (HTML, 200, UNREACHABLE),
        (None, 204, UNREACHABLE),
        ('{"code": "Success", "da', 200, UNREACHABLE),
        ({"code": "Success", "data": None}, 200, UNREACHABLE),
        ({"code": "Strange", "data": {"account_id": "a_1"}}, 200, UNREACHABLE),
        (HTML, 404, UNREACHABLE),
        ({"code": "ResourceNotFound"}, 404, UNREACHABLE),
        ({"code": "NotFound_Integration", "message": "No such path"}, 404, (*UNREACHABLE, "No such path")),
        ({"code": "Conflict"}, 409, UNREACHABLE),
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
    fivetran.expect("GET", ACCOUNT, INFO)
    assert fivetran.verify() == VALID
    fivetran.expect("GET", ACCOUNT, response, status=status, many=True)
    assert fivetran.verify() == UNREACHABLE
    assert len(fivetran.sent) == 2 + 5
