"""RudderStack - Check Credentials: the workspace that is named, and what is asked for where there is none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endings import BAD_REQUEST, INVALID, UNREACHABLE, VALID
from tests.rudderstack_blueprints.responses import WORKSPACE, RudderStack, workspace
from tests.wire import HTML

SOURCES = "/v2/sources"
EU = "https://api.eu.rudderstack.com"


@pytest.mark.parametrize(
    ("given", "region", "words"),
    [
        *(("US", same_or_none, "the workspace Acme <East>") for same_or_none in ("US", "us", None, "")),
        ("US", "EU", "EU, and RUDDERSTACK_REGION is US"),
        ("EU", "us", "us, and RUDDERSTACK_REGION is EU"),
    ],
)
def test_the_workspace_is_named_and_its_region_if_it_is_not_the_one_given(
    rudderstack: RudderStack, given: str, region: str | None, words: str
) -> None:
    rudderstack.url = EU if given == "EU" else rudderstack.url
    rudderstack.polls(WORKSPACE, workspace(region))
    ended = rudderstack.verify(REGION=given)
    assert ended == VALID
    assert ended.message.endswith(words)
    assert rudderstack.run.report.details == {"workspace": "Acme <East>", "region": region}


def test_a_workspace_without_a_name_is_told_by_its_id(rudderstack: RudderStack) -> None:
    rudderstack.polls(WORKSPACE, workspace(name=None))
    assert "w_1" in rudderstack.verify().message


@pytest.mark.parametrize("response", [HTML, None, {"error": "not found"}])
def test_where_there_is_no_workspace_the_sources_are_asked_for(rudderstack: RudderStack, response: Any) -> None:
    rudderstack.polls(WORKSPACE, response, status=404)
    rudderstack.polls(SOURCES, {"sources": [], "paging": {"total": 0}})
    assert rudderstack.verify() == VALID


@pytest.mark.parametrize(
    ("response", "status", "expected"),
    [
        ({"error": "no"}, 401, INVALID),
        (HTML, 200, UNREACHABLE),
        (HTML, 502, UNREACHABLE),
    ],
)
def test_the_sources_are_believed_no_more_than_the_workspace(
    rudderstack: RudderStack, response: Any, status: int, expected: tuple[int, str]
) -> None:
    rudderstack.polls(WORKSPACE, HTML, status=404)
    rudderstack.polls(SOURCES, response, status=status, many=True)
    assert rudderstack.verify() == expected


def test_where_neither_is_known_the_address_is_wrong_and_no_id(rudderstack: RudderStack) -> None:
    rudderstack.polls(WORKSPACE, HTML, status=404)
    rudderstack.polls(SOURCES, HTML, status=404)
    assert rudderstack.verify() == (*BAD_REQUEST, "RUDDERSTACK_API_URL")


@pytest.mark.parametrize("response", [{"workspace": None}, {"workspace": "Acme"}, {"sources": []}])
def test_an_unexpected_workspace_proves_nothing(rudderstack: RudderStack, response: Any) -> None:
    rudderstack.polls(WORKSPACE, response)
    assert rudderstack.verify() == UNREACHABLE
