"""Nango - Check Credentials: the calls, the scopes that they tell of, and how each answer ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from shared.blueprint import Job

from nango_blueprints import check_credentials
from tests.nango_blueprints.answers import INTEGRATION, KEY, QUERY_ALL, STATUS, entries, entry, recorded
from tests.support import FakeClock, make_job
from tests.wire import HTML, LOST, REFUSED, TIMED_OUT, Ending, Vendor, ending, files

FUNCTIONS = "/scripts/config"
EXECUTE, READ = "environment:syncs:execute", "environment:syncs:read"
LISTING = "environment:integrations:list_functions"
KNOWN = [{"providerConfigKey": INTEGRATION, "syncs": [{"name": "lab-ctl"}], "actions": []}]


def forbidden(scope: str) -> dict[str, Any]:
    return {"error": {"code": "forbidden", "message": f"Insufficient scope. Required: {scope}"}}


@pytest.fixture
def job(tmp_path: Path, clock: FakeClock) -> Job:
    return make_job(tmp_path, "nango", clock)


def check(job: Job, **given: str) -> Ending:
    """Run the check with these inputs, named without NANGO_."""
    inputs = {f"NANGO_{name}": value for name, value in given.items()}
    return ending(check_credentials, {"NANGO_SECRET_KEY": KEY, **inputs}, job)


# What goes over the wire


def test_without_an_integration_it_asks_for_the_functions_and_for_nothing_else(nango: Vendor, job: Job) -> None:
    nango.expect("GET", FUNCTIONS, KNOWN)
    assert check(job) == (0, "valid")
    (sent,) = nango.sent
    assert sent.headers["Authorization"] == f"Bearer {KEY}"
    assert sent.headers["User-Agent"].startswith("sync-blueprints/")
    assert sent.timeout == (10, 60)


def test_with_an_integration_it_also_reads_the_status_of_its_syncs(nango: Vendor, job: Job) -> None:
    nango.expect("GET", FUNCTIONS, KNOWN)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY_ALL)
    ended = check(job, PROVIDER_CONFIG_KEY=INTEGRATION)
    assert ended == (0, "valid")
    assert READ in ended.message
    assert all(sent.method == "GET" for sent in nango.sent), "nothing is started or changed"


@pytest.mark.parametrize("url", ["http://localhost:3003", "http://localhost:3003/"])
def test_a_server_of_ones_own_is_asked_without_a_double_slash(nango: Vendor, job: Job, url: str) -> None:
    nango.url = "http://localhost:3003"
    nango.expect("GET", FUNCTIONS, KNOWN)
    assert check(job, API_URL=url) == (0, "valid")


def test_nothing_is_written(nango: Vendor, job: Job, tmp_path: Path) -> None:
    nango.expect("GET", FUNCTIONS, KNOWN)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY_ALL)
    check(job, PROVIDER_CONFIG_KEY=INTEGRATION)
    assert files(tmp_path) == {}
    assert job.responses == {}


# Scopes


def test_it_says_which_scopes_it_did_not_try(nango: Vendor, job: Job) -> None:
    nango.expect("GET", FUNCTIONS, KNOWN)
    message = check(job).message
    assert EXECUTE in message
    assert READ in message
    assert "NANGO_PROVIDER_CONFIG_KEY" in message


def test_that_the_scope_of_a_trigger_cannot_be_tried_is_said_always(nango: Vendor, job: Job) -> None:
    nango.expect("GET", FUNCTIONS, KNOWN)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY_ALL)
    message = check(job, PROVIDER_CONFIG_KEY=INTEGRATION).message
    assert EXECUTE in message
    assert "cannot be tried" in message


@pytest.mark.parametrize("integration", ["", INTEGRATION])
def test_a_key_that_may_not_list_functions_is_valid_and_the_scope_is_named(
    nango: Vendor, job: Job, integration: str
) -> None:
    nango.expect("GET", FUNCTIONS, forbidden(LISTING), status=403)
    if integration:
        nango.expect("GET", STATUS, entries(entry()), query=QUERY_ALL)
    ended = check(job, PROVIDER_CONFIG_KEY=integration)
    assert ended == (0, "valid")
    assert LISTING in ended.message


@pytest.mark.parametrize(("answer", "status"), [(KNOWN, 200), (forbidden(LISTING), 403)])
def test_a_key_that_may_not_read_is_refused_naming_the_scope(nango: Vendor, job: Job, answer: Any, status: int) -> None:
    code, body = recorded("auth: execute-only key on status")
    nango.expect("GET", FUNCTIONS, answer, status=status)
    nango.expect("GET", STATUS, body, status=code, query=QUERY_ALL)
    ended = check(job, PROVIDER_CONFIG_KEY=INTEGRATION)
    assert ended == (200, "invalid_credentials")
    assert READ in ended.message


def test_an_integration_that_nango_does_not_know_still_tells_that_the_key_may_read(nango: Vendor, job: Job) -> None:
    status, body = recorded("stat: unknown integration")
    nango.expect("GET", FUNCTIONS, KNOWN)
    nango.expect("GET", STATUS, body, status=status, query=QUERY_ALL)
    ended = check(job, PROVIDER_CONFIG_KEY=INTEGRATION)
    assert ended == (0, "valid")
    assert INTEGRATION in ended.message
    assert "unknown" in ended.message


@pytest.mark.parametrize("answer", [HTML, None, "denied", {"message": "blocked by the firewall"}])
def test_a_403_that_is_not_nangos_own_does_not_tell_that_the_key_is_valid(nango: Vendor, job: Job, answer: Any) -> None:
    nango.expect("GET", FUNCTIONS, answer, status=403)
    ended = check(job)
    assert ended.code in (200, 220)
    assert ended.outcome != "valid"


@pytest.mark.parametrize("label", ["auth: none on status", "auth: unknown key on status", "auth: not uuid"])
@pytest.mark.parametrize("path", [FUNCTIONS, STATUS])
def test_a_key_that_is_not_taken_is_refused(nango: Vendor, job: Job, label: str, path: str) -> None:
    status, body = recorded(label)
    if path == STATUS:
        nango.expect("GET", FUNCTIONS, KNOWN)
    nango.expect("GET", path, body, status=status, query=QUERY_ALL if path == STATUS else None)
    ended = check(job, PROVIDER_CONFIG_KEY=INTEGRATION)
    assert ended == (200, "invalid_credentials")
    assert "NANGO_SECRET_KEY" in ended.message


# Inputs


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"SECRET_KEY": ""}, ["SECRET_KEY"]),
        ({"SECRET_KEY": "None", "PROVIDER_CONFIG_KEY": "../x"}, ["SECRET_KEY", "PROVIDER_CONFIG_KEY"]),
        ({"PROVIDER_CONFIG_KEY": "a/b"}, ["PROVIDER_CONFIG_KEY"]),
        ({"PROVIDER_CONFIG_KEY": "x" * 300}, ["PROVIDER_CONFIG_KEY"]),
        ({"SECRET_KEY": "sesame-\u00e9", "API_URL": "localhost:3003"}, ["SECRET_KEY", "API_URL"]),
        ({"SECRET_KEY": "sesame\nsesame"}, ["SECRET_KEY"]),
        (
            {"SECRET_KEY": "CREDENTIAL_PREDEFINED_GROUP_NOT_IN_LIBRARY_BLUEPRINT"},
            ["SECRET_KEY", "custom credential group"],
        ),
    ],
)
def test_a_fault_of_an_input_is_told_before_anything_is_sent(
    nango: Vendor, job: Job, given: dict[str, str], named: list[str]
) -> None:
    ended = check(job, **given)
    assert ended == (206, "invalid_input")
    assert all(word in ended.message for word in named)
    assert "sesame" not in ended.message
    assert nango.sent == []


def test_other_inputs_are_not_needed_and_not_looked_at(nango: Vendor, job: Job) -> None:
    nango.expect("GET", FUNCTIONS, KNOWN)
    given = {"CONNECTION_ID": "<>", "SYNCS": ",", "EMPTY_CACHE": "TRUE", "POLL_INTERVAL": "0"}
    assert check(job, PROVIDER_CONFIG_KEY="None", **given) == (0, "valid")


# Errors


def test_a_redirect_is_never_followed(nango: Vendor, job: Job) -> None:
    nango.expect("GET", FUNCTIONS, None, status=302, headers={"Location": "https://elsewhere.invalid/"})
    ended = check(job)
    assert ended == (201, "refused")
    assert "NANGO_API_URL" in ended.message


def test_a_path_that_is_not_there_is_the_address_and_no_id(nango: Vendor, job: Job) -> None:
    status, body = recorded("trig: unknown path")
    nango.expect("GET", FUNCTIONS, body, status=status)
    ended = check(job)
    assert ended.code in (201, 220)
    assert "NANGO_API_URL" in ended.message


UNREACHABLE: dict[str, tuple[Any, int]] = {
    "refused": (REFUSED, 0),
    "lost": (LOST, 0),
    "timed out": (TIMED_OUT, 0),
    "429": ({"error": {"code": "too_many_request"}}, 429),
    "500": ({"error": {"code": "generic_error_support", "message": "x", "payload": "y"}}, 500),
    "502": (HTML, 502),
}


@pytest.mark.parametrize("path", [FUNCTIONS, STATUS])
@pytest.mark.parametrize(("answer", "status"), UNREACHABLE.values(), ids=UNREACHABLE)
def test_a_vendor_that_cannot_be_reached_is_asked_five_times(
    nango: Vendor, job: Job, answer: Any, status: int, path: str
) -> None:
    if path == STATUS:
        nango.expect("GET", FUNCTIONS, KNOWN)
    for _ in range(5):
        nango.expect("GET", path, answer, status=status, query=QUERY_ALL if path == STATUS else None)
    assert check(job, PROVIDER_CONFIG_KEY=INTEGRATION) == (220, "unreachable")


@pytest.mark.parametrize(("answer", "status"), UNREACHABLE.values(), ids=UNREACHABLE)
def test_a_passing_fault_does_not_matter(nango: Vendor, job: Job, answer: Any, status: int) -> None:
    nango.expect("GET", FUNCTIONS, answer, status=status)
    nango.expect("GET", FUNCTIONS, KNOWN)
    assert check(job) == (0, "valid")


def test_a_retry_after_of_nothing_is_a_second(nango: Vendor, job: Job) -> None:
    nango.expect("GET", FUNCTIONS, None, status=429, headers={"Retry-After": "0"})
    nango.expect("GET", FUNCTIONS, KNOWN)
    assert check(job) == (0, "valid")
    assert nango.clock.sleeps == [1]


def test_a_long_retry_after_ends_the_check_at_once(nango: Vendor, job: Job) -> None:
    nango.expect("GET", FUNCTIONS, None, status=429, headers={"Retry-After": "3600"})
    ended = check(job)
    assert ended == (220, "unreachable")
    assert "3600 s" in ended.message
    assert nango.clock.sleeps == []


@pytest.mark.parametrize("answer", [HTML, None, '[{"providerConfigKey": "lab', "null", "3", '"x"'])
def test_a_list_of_functions_that_makes_no_sense_proves_nothing(nango: Vendor, job: Job, answer: Any) -> None:
    nango.expect("GET", FUNCTIONS, answer)
    assert check(job) == (220, "unreachable")


@pytest.mark.parametrize("answer", [HTML, None, '{"syncs": [', [], {}, {"syncs": None}, {"syncs": [{"id": "x"}]}])
def test_a_status_that_makes_no_sense_does_not_tell_that_the_key_may_read(nango: Vendor, job: Job, answer: Any) -> None:
    nango.expect("GET", FUNCTIONS, KNOWN)
    nango.expect("GET", STATUS, answer, query=QUERY_ALL)
    assert check(job, PROVIDER_CONFIG_KEY=INTEGRATION) == (220, "unreachable")
