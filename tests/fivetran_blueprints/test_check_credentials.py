"""Fivetran - Check Credentials: the account that is named, and what its response says about the credentials."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endings import INVALID, UNREACHABLE, VALID
from tests.fivetran_blueprints.responses import ACCOUNT, INFO, Fivetran
from tests.wire import HTML


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
    assert fivetran.sent[0].headers["Accept"] == "application/json;version=2"


@pytest.mark.parametrize(
    ("response", "status", "expected"),
    [
        ({"code": "Unauthorized", "message": "Invalid credentials"}, 401, (*INVALID, "Base64", "Invalid credentials")),
        ({"code": "Forbidden", "message": "Role without account access"}, 403, (*VALID, "account")),
        (HTML, 403, (*INVALID, "proxy")),
        ({"error": "blocked"}, 403, (*INVALID, "blocked")),
        ({"code": 403, "message": "blocked"}, 403, (*INVALID, "blocked")),
        ({"code": "Strange", "data": {"account_id": "a_1"}}, 200, UNREACHABLE),
        (HTML, 404, UNREACHABLE),
        ({"code": "NotFound_Integration", "message": "No such path"}, 404, (*UNREACHABLE, "No such path")),
    ],
)
def test_only_a_success_or_a_missing_permission_proves_that_they_are_valid(
    fivetran: Fivetran, response: Any, status: int, expected: tuple[Any, ...]
) -> None:
    fivetran.expect("GET", ACCOUNT, response, status=status)
    assert fivetran.verify() == expected
