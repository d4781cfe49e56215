"""RudderStack - Check Credentials: the call, its fall-back, and how each response ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rudderstack_blueprints import check_credentials
from shared.context import Run
from tests.rudderstack_blueprints.responses import TOKEN
from tests.wire import HTML, LOST, REFUSED, TIMED_OUT, Ending, Vendor, ending, files

WORKSPACE, SOURCES = "/v2/workspace", "/v2/sources"
EU = "https://api.eu.rudderstack.com"


def check(run: Run, **given: str) -> Ending:
    """Run the check with these inputs, named without RUDDERSTACK_."""
    inputs = {f"RUDDERSTACK_{name}": value for name, value in given.items()}
    return ending(check_credentials, {**TOKEN, **inputs}, run)


def workspace(region: Any = "US", **more: Any) -> dict[str, Any]:
    return {"workspace": {"id": "w_1", "name": "Acme <East>", "region": region, "status": "ACTIVE", **more}}


def test_it_asks_for_the_workspace_and_for_nothing_else(rudderstack: Vendor, run: Run) -> None:
    rudderstack.expect("GET", WORKSPACE, workspace())
    assert check(run) == (0, "valid")
    (sent,) = rudderstack.sent
    assert sent.headers["Authorization"] == "Bearer the-token"
    assert sent.headers["User-Agent"].startswith("sync-blueprints/")
    assert sent.timeout == (10, 60)


@pytest.mark.parametrize("url", ["http://localhost:8080", "http://localhost:8080/", "http://localhost:8080/v2/"])
def test_another_base_url_is_asked_with_or_without_its_version(rudderstack: Vendor, run: Run, url: str) -> None:
    rudderstack.url = "http://localhost:8080"
    rudderstack.expect("GET", WORKSPACE, workspace())
    assert check(run, API_URL=url, REGION="EU") == (0, "valid")


@pytest.mark.parametrize("region", ["EU", "eu"])
def test_a_region_has_its_own_host(rudderstack: Vendor, run: Run, region: str) -> None:
    rudderstack.url = EU
    rudderstack.expect("GET", WORKSPACE, workspace("EU"))
    assert check(run, REGION=region) == (0, "valid")


def test_it_says_which_workspace_and_region_the_token_belongs_to(rudderstack: Vendor, run: Run) -> None:
    rudderstack.expect("GET", WORKSPACE, workspace())
    assert "Acme <East>" in check(run).message
    assert run.report.details == {"workspace": "Acme <East>", "region": "US"}


@pytest.mark.parametrize(("given", "shown"), [("US", "EU"), ("EU", "us")])
def test_a_workspace_of_another_region_is_told_with_the_input_to_change(
    rudderstack: Vendor, run: Run, given: str, shown: str
) -> None:
    rudderstack.url = EU if given == "EU" else rudderstack.url
    rudderstack.expect("GET", WORKSPACE, workspace(shown))
    ended = check(run, REGION=given)
    assert ended == (0, "valid")
    assert f"RUDDERSTACK_REGION is {given}" in ended.message
    assert shown in ended.message


@pytest.mark.parametrize("shown", ["US", "us", None, ""])
def test_the_region_that_was_given_and_none_at_all_are_no_other_region(
    rudderstack: Vendor, run: Run, shown: str | None
) -> None:
    rudderstack.expect("GET", WORKSPACE, workspace(shown))
    ended = check(run)
    assert ended == (0, "valid")
    assert ended.message.endswith("the workspace Acme <East>")


def test_a_workspace_without_a_name_is_told_by_its_id(rudderstack: Vendor, run: Run) -> None:
    rudderstack.expect("GET", WORKSPACE, workspace(name=None))
    assert "w_1" in check(run).message


def test_nothing_is_written(rudderstack: Vendor, run: Run, tmp_path: Path) -> None:
    rudderstack.expect("GET", WORKSPACE, workspace())
    check(run)
    assert files(tmp_path) == {}
    assert run.kept == {}


def test_ids_are_not_needed_and_not_looked_at(rudderstack: Vendor, run: Run) -> None:
    rudderstack.expect("GET", WORKSPACE, workspace())
    assert check(run, SOURCE_ID="a", CONNECTION_ID="b", POLL_INTERVAL="0") == (0, "valid")


@pytest.mark.parametrize("response", [HTML, None, {"error": "not found"}])
def test_where_there_is_no_workspace_the_sources_are_asked_for(rudderstack: Vendor, run: Run, response: Any) -> None:
    rudderstack.expect("GET", WORKSPACE, response, status=404)
    rudderstack.expect("GET", SOURCES, {"sources": [], "paging": {"total": 0}})
    assert check(run) == (0, "valid")


@pytest.mark.parametrize(
    ("response", "status", "expected"),
    [
        ({"error": "no"}, 401, (200, "invalid_credentials")),
        ({"error": "no"}, 403, (200, "invalid_credentials")),
        (HTML, 200, (220, "unreachable")),
        (None, 200, (220, "unreachable")),
        (HTML, 502, (220, "unreachable")),
    ],
)
def test_the_sources_are_believed_no_more_than_the_workspace(
    rudderstack: Vendor, run: Run, response: Any, status: int, expected: tuple[int, str]
) -> None:
    rudderstack.expect("GET", WORKSPACE, HTML, status=404)
    rudderstack.expect("GET", SOURCES, response, status=status, many=True)
    assert check(run) == expected


def test_where_neither_is_known_the_address_is_wrong_and_no_id(rudderstack: Vendor, run: Run) -> None:
    rudderstack.expect("GET", WORKSPACE, HTML, status=404)
    rudderstack.expect("GET", SOURCES, HTML, status=404)
    ended = check(run)
    assert ended.code in (201, 220)
    assert "RUDDERSTACK_API_URL" in ended.message


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"ACCESS_TOKEN": ""}, ["ACCESS_TOKEN"]),
        ({"ACCESS_TOKEN": "None", "REGION": "APAC"}, ["ACCESS_TOKEN", "REGION"]),
        ({"ACCESS_TOKEN": "sesame-\u00e9", "API_URL": "api.rudderstack.com"}, ["ACCESS_TOKEN", "API_URL"]),
        ({"ACCESS_TOKEN": "sesame\nsesame"}, ["ACCESS_TOKEN"]),
        (
            {"ACCESS_TOKEN": "CREDENTIAL_PREDEFINED_GROUP_NOT_IN_LIBRARY_BLUEPRINT"},
            ["ACCESS_TOKEN", "custom credential group"],
        ),
    ],
)
def test_a_fault_of_an_input_is_told_before_anything_is_sent(
    rudderstack: Vendor, run: Run, given: dict[str, str], named: list[str]
) -> None:
    ended = check(run, **given)
    assert ended == (206, "invalid_input")
    assert all(word in ended.message for word in named)
    assert "sesame" not in ended.message
    assert rudderstack.sent == []


@pytest.mark.parametrize("response", [{"error": "token of the wrong kind"}, {"message": "token of the wrong kind"}])
@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_not_taken_is_refused_in_the_vendors_words(
    rudderstack: Vendor, run: Run, response: Any, status: int
) -> None:
    rudderstack.expect("GET", WORKSPACE, response, status=status)
    ended = check(run)
    assert ended == (200, "invalid_credentials")
    assert "token of the wrong kind" in ended.message


@pytest.mark.parametrize("response", [HTML, None, "text", []])
def test_a_401_needs_no_body(rudderstack: Vendor, run: Run, response: Any) -> None:
    rudderstack.expect("GET", WORKSPACE, response, status=401)
    assert check(run) == (200, "invalid_credentials")


UNREACHABLE: dict[str, tuple[Any, int]] = {
    "refused": (REFUSED, 0),
    "lost": (LOST, 0),
    "timed out": (TIMED_OUT, 0),
    "429": (None, 429),
    "500": ({"error": "x"}, 500),
    "502": (HTML, 502),
}


@pytest.mark.parametrize(("response", "status"), UNREACHABLE.values(), ids=UNREACHABLE)
def test_a_passing_fault_does_not_matter(rudderstack: Vendor, run: Run, response: Any, status: int) -> None:
    rudderstack.expect("GET", WORKSPACE, response, status=status)
    rudderstack.expect("GET", WORKSPACE, workspace())
    assert check(run) == (0, "valid")


@pytest.mark.parametrize(
    "response", [HTML, None, '{"workspace": {"na', [], {}, {"workspace": None}, {"workspace": "Acme"}, {"sources": []}]
)
def test_an_unexpected_response_proves_nothing(rudderstack: Vendor, run: Run, response: Any) -> None:
    rudderstack.expect("GET", WORKSPACE, response)
    assert check(run) == (220, "unreachable")
