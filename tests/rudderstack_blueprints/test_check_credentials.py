"""RudderStack - Check Credentials: the workspace that is named, and what is asked for where there is none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endings import BAD_REQUEST, INVALID, UNREACHABLE, VALID
from tests.rudderstack_blueprints.responses import WORKSPACE, RudderStack, workspace
from tests.wire import HTML

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
    rudderstack.reads(WORKSPACE, workspace(region))
    ended = rudderstack.verify(REGION=given)
    assert ended == VALID
    assert ended.message.endswith(words)
    assert rudderstack.run.report.details == {"workspace": "Acme <East>", "region": region}


def test_a_workspace_without_a_name_is_told_by_its_id(rudderstack: RudderStack) -> None:
    rudderstack.reads(WORKSPACE, workspace(name=None))
    assert "w_1" in rudderstack.verify().message


@pytest.mark.parametrize(
    ("workspace", "sources", "status", "expected"),
    [
        *((none, {"sources": [], "paging": {"total": 0}}, 200, VALID) for none in (HTML, None, {"error": "not found"})),
        (HTML, {"error": "no"}, 401, INVALID),
        (HTML, HTML, 200, UNREACHABLE),
        (HTML, HTML, 502, UNREACHABLE),
        (HTML, HTML, 404, (*BAD_REQUEST, "RUDDERSTACK_API_URL")),  # it is the address, and no ID
    ],
)
def test_where_there_is_no_workspace_the_sources_are_asked_for_and_believed_no_more(
    rudderstack: RudderStack, workspace: Any, sources: Any, status: int, expected: tuple[Any, ...]
) -> None:
    rudderstack.reads(WORKSPACE, workspace, status=404)
    rudderstack.reads("/v2/sources", sources, status=status, many=True)
    assert rudderstack.verify() == expected
