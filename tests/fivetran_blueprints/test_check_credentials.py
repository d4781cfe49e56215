"""Fivetran - Check Credentials: the one call, and how each answer to it ends."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from shared.blueprint import Job

from fivetran_blueprints import check_credentials
from tests.support import FakeClock, make_job
from tests.wire import HTML, LOST, REFUSED, TIMED_OUT, Ending, Vendor, ending, files

ACCOUNT = "/v1/account/info"
ENVIRONMENT = {"FIVETRAN_API_KEY": "the-key", "FIVETRAN_API_SECRET": "the-secret"}
VALID = {"code": "Success", "data": {"account_id": "a_1", "account_name": "Acme <East>", "user_id": None}}


@pytest.fixture
def job(tmp_path: Path, clock: FakeClock) -> Job:
    return make_job(tmp_path, "fivetran", clock)


def check(job: Job, **given: str) -> Ending:
    """Run the check with these inputs, named without FIVETRAN_."""
    inputs = {f"FIVETRAN_{name}": value for name, value in given.items()}
    return ending(check_credentials, {**ENVIRONMENT, **inputs}, job)


def test_it_asks_for_the_account_and_for_nothing_else(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", ACCOUNT, VALID)
    assert check(job) == (0, "valid")
    (sent,) = fivetran.sent
    assert sent.headers["Authorization"] == "Basic " + base64.b64encode(b"the-key:the-secret").decode()
    assert sent.headers["Accept"] == "application/json;version=2"
    assert sent.headers["User-Agent"].startswith("sync-blueprints/")
    assert sent.timeout == (10, 60)


@pytest.mark.parametrize("url", ["http://localhost:8080", "http://localhost:8080/", "http://localhost:8080/v1"])
def test_another_base_url_is_asked_with_or_without_its_version(fivetran: Vendor, job: Job, url: str) -> None:
    fivetran.url = "http://localhost:8080"
    fivetran.expect("GET", ACCOUNT, VALID)
    assert check(job, API_URL=url) == (0, "valid")


def test_it_says_which_account_they_belong_to(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", ACCOUNT, VALID)
    assert "Acme <East>" in check(job).message
    assert job.facts == {"account": "Acme <East>"}


def test_an_account_without_a_name_is_told_by_its_id(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", ACCOUNT, {"code": "Success", "data": {"account_id": "a_1"}})
    ended = check(job)
    assert ended == (0, "valid")
    assert "a_1" in ended.message


def test_nothing_is_written(fivetran: Vendor, job: Job, tmp_path: Path) -> None:
    fivetran.expect("GET", ACCOUNT, VALID)
    check(job)
    assert files(tmp_path) == {}
    assert job.responses == {}


def test_an_id_is_not_needed_and_not_looked_at(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", ACCOUNT, VALID)
    assert check(job, CONNECTOR_ID="../x", POLL_INTERVAL="0", PAUSED="perhaps") == (0, "valid")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"API_KEY": ""}, ["API_KEY"]),
        ({"API_SECRET": " "}, ["API_SECRET"]),
        ({"API_KEY": "None", "API_SECRET": "None"}, ["API_KEY", "API_SECRET"]),
        ({"API_KEY": "sesame-\u00e9", "API_URL": "api.fivetran.com"}, ["API_KEY", "API_URL"]),
        ({"API_SECRET": "sesame\nsesame"}, ["API_SECRET"]),
        ({"API_KEY": "CREDENTIAL_PREDEFINED_GROUP_NOT_IN_LIBRARY_BLUEPRINT"}, ["API_KEY", "custom credential group"]),
    ],
)
def test_a_fault_of_an_input_is_told_before_anything_is_sent(
    fivetran: Vendor, job: Job, given: dict[str, str], named: list[str]
) -> None:
    ended = check(job, **given)
    assert ended == (206, "invalid_input")
    assert all(word in ended.message for word in named)
    assert "sesame" not in ended.message
    assert fivetran.sent == []


def test_a_401_hints_at_the_base64_of_key_and_secret(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", ACCOUNT, {"code": "Unauthorized"}, status=401)
    ended = check(job)
    assert ended == (200, "invalid_credentials")
    assert all(word in ended.message for word in ("FIVETRAN_API_KEY", "FIVETRAN_API_SECRET", "base64"))


def test_a_403_is_a_lack_of_permission_and_the_key_is_not_called_wrong(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", ACCOUNT, {"code": "Forbidden", "message": "Role without account access"}, status=403)
    ended = check(job)
    assert ended == (200, "invalid_credentials")
    assert "Role without account access" in ended.message
    assert "permission" in ended.message
    assert "wrong" not in ended.message


def test_a_redirect_is_never_followed(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", ACCOUNT, None, status=302, headers={"Location": "https://elsewhere.invalid/"})
    ended = check(job)
    assert ended == (201, "refused")
    assert "FIVETRAN_API_URL" in ended.message


UNREACHABLE: dict[str, tuple[Any, int]] = {
    "refused": (REFUSED, 0),
    "lost": (LOST, 0),
    "timed out": (TIMED_OUT, 0),
    "429": ({"code": "TooManyRequests"}, 429),
    "500": (None, 500),
    "502": (HTML, 502),
}


@pytest.mark.parametrize(("answer", "status"), UNREACHABLE.values(), ids=UNREACHABLE)
def test_a_vendor_that_cannot_be_reached_is_asked_five_times(
    fivetran: Vendor, job: Job, answer: Any, status: int
) -> None:
    for _ in range(5):
        fivetran.expect("GET", ACCOUNT, answer, status=status)
    assert check(job) == (220, "unreachable")


@pytest.mark.parametrize(("answer", "status"), UNREACHABLE.values(), ids=UNREACHABLE)
def test_a_passing_fault_does_not_matter(fivetran: Vendor, job: Job, answer: Any, status: int) -> None:
    fivetran.expect("GET", ACCOUNT, answer, status=status)
    fivetran.expect("GET", ACCOUNT, VALID)
    assert check(job) == (0, "valid")


def test_a_long_retry_after_ends_the_check_at_once(fivetran: Vendor, job: Job) -> None:
    fivetran.expect("GET", ACCOUNT, None, status=429, headers={"Retry-After": "3600"})
    ended = check(job)
    assert ended == (220, "unreachable")
    assert "3600 s" in ended.message
    assert fivetran.clock.sleeps == []


@pytest.mark.parametrize(
    ("answer", "status"),
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
    ],
)
def test_an_answer_that_makes_no_sense_proves_nothing(fivetran: Vendor, job: Job, answer: Any, status: int) -> None:
    fivetran.expect("GET", ACCOUNT, answer, status=status)
    assert check(job) == (220, "unreachable")
