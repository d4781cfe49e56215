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


@pytest.mark.parametrize("url", ["http://localhost:8080", "http://localhost:8080/", "http://localhost:8080/v1"])
def test_another_base_url_is_used_with_or_without_its_version(fivetran: Fivetran, url: str) -> None:
    fivetran.url = "http://localhost:8080"
    fivetran.expect("GET", ACCOUNT, VALID)
    assert fivetran.verify(API_URL=url) == (0, "valid")


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
        ({"API_KEY": ""}, ["API_KEY"]),
        ({"API_SECRET": " "}, ["API_SECRET"]),
        ({"API_KEY": "None", "API_SECRET": "None"}, ["API_KEY", "API_SECRET"]),
        ({"API_KEY": "sesame-\u00e9", "API_URL": "api.fivetran.com"}, ["API_KEY", "API_URL"]),
        ({"API_SECRET": "sesame\nsesame"}, ["API_SECRET"]),
        ({"API_SECRET": "'sesame'"}, ["API_SECRET", "quotes"]),
        ({"API_SECRET": "${SESAME_SECRET}"}, ["API_SECRET", "placeholder"]),
        ({"API_KEY": "Basic sesame"}, ["API_KEY", "Basic"]),
        ({"API_KEY": "CREDENTIAL_PREDEFINED_GROUP_NOT_IN_LIBRARY_BLUEPRINT"}, ["API_KEY", "custom credential group"]),
    ],
)
def test_a_problem_of_an_input_is_named_before_anything_is_sent(
    fivetran: Fivetran, given: dict[str, str], named: list[str]
) -> None:
    ended = fivetran.verify(**given)
    assert ended == (206, "invalid_input", *named)
    assert "sesame" not in ended.message.lower()
    assert fivetran.sent == []


def test_a_401_hints_at_the_base64_of_key_and_secret(fivetran: Fivetran) -> None:
    fivetran.expect("GET", ACCOUNT, {"code": "Unauthorized", "message": "Invalid credentials"}, status=401)
    ended = fivetran.verify()
    assert ended == (200, "invalid_credentials")
    words = ("FIVETRAN_API_KEY", "FIVETRAN_API_SECRET", "Base64", "Invalid credentials")
    assert all(word in ended.message for word in words)


def test_a_403_is_a_valid_key_that_may_not_read_the_account(fivetran: Fivetran) -> None:
    fivetran.expect("GET", ACCOUNT, {"code": "Forbidden", "message": "Role without account access"}, status=403)
    ended = fivetran.verify()
    assert ended == (0, "valid", "account")
    assert "wrong" not in ended.message


def test_a_redirect_is_never_followed(fivetran: Fivetran) -> None:
    fivetran.expect("GET", ACCOUNT, None, status=302, headers={"Location": "https://elsewhere.invalid/"})
    assert fivetran.verify() == (201, "refused", "FIVETRAN_API_URL")


UNREACHABLE: dict[str, tuple[Any, int]] = {
    "refused": (REFUSED, 0),
    "lost": (LOST, 0),
    "timed out": (TIMED_OUT, 0),
    "408": (None, 408),
    "429": ({"code": "TooManyRequests"}, 429),
    "500": (None, 500),
    "502": (HTML, 502),
}


@pytest.mark.parametrize(("response", "status"), UNREACHABLE.values(), ids=UNREACHABLE)
def test_a_vendor_that_cannot_be_reached_is_asked_five_times(fivetran: Fivetran, response: Any, status: int) -> None:
    for _ in range(5):
        fivetran.expect("GET", ACCOUNT, response, status=status)
    assert fivetran.verify() == (220, "unreachable")


@pytest.mark.parametrize(("response", "status"), UNREACHABLE.values(), ids=UNREACHABLE)
def test_a_passing_outage_does_not_matter(fivetran: Fivetran, response: Any, status: int) -> None:
    fivetran.expect("GET", ACCOUNT, response, status=status)
    fivetran.expect("GET", ACCOUNT, VALID)
    assert fivetran.verify() == (0, "valid")


def test_a_long_retry_after_ends_the_check_at_once(fivetran: Fivetran) -> None:
    fivetran.expect("GET", ACCOUNT, None, status=429, headers={"Retry-After": "3600"})
    assert fivetran.verify() == (220, "unreachable", "1 h")
    assert fivetran.clock.sleeps == []


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (HTML, 200),
        (None, 200),
        ('{"code": "Success", "da', 200),
        ([], 200),
        ({"code": "Success"}, 200),
        ({"code": "Success", "data": None}, 200),
        ({"code": "Strange", "data": {"account_id": "a_1"}}, 200),
        ({"data": {"account_id": "a_1"}}, 200),
        (None, 204),
        (HTML, 404),
        ({"code": "ResourceNotFound"}, 404),
        ({"code": "Conflict"}, 409),
    ],
)
def test_an_unexpected_response_proves_nothing(fivetran: Fivetran, response: Any, status: int) -> None:
    fivetran.expect("GET", ACCOUNT, response, status=status)
    assert fivetran.verify() == (220, "unreachable")
