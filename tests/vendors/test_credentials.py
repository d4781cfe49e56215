"""What every vendor's check of the credentials does alike: what it asks for, and what proves nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endings import BAD_REQUEST, INVALID, UNREACHABLE, VALID
from tests.vendors.kinds import Account, Synced
from tests.wire import HTML, LOST, REFUSED, TIMED_OUT

OF_OTHER_TYPES = {"success": 1, "code": "Success", "data": "Acme", "workspace": "Acme"}


def asks(synced: Synced, *accounts: Account, **more: Any) -> None:
    """The requests of the check, and good responses or the one in `more`."""
    for account in accounts:
        synced.vendor.expect(**{**account._asdict(), **more})


def test_it_asks_for_the_account_and_for_nothing_else(synced: Synced) -> None:
    asks(synced, *synced.kind.account)
    assert synced.vendor.verify() == VALID
    for sent in synced.vendor.sent:
        assert sent.headers["Authorization"] == synced.kind.authorization
        assert sent.headers["User-Agent"].startswith("sync-blueprints/")
        assert sent.timeout == (10, 60 if sent.method == "GET" else 120)
    assert (synced.vendor.files, synced.vendor.run.kept) == ({}, {})


@pytest.mark.parametrize("body", [{"error": "of the wrong kind"}, {"message": "of the wrong kind"}])
def test_credentials_that_are_refused_are_named_with_the_vendors_message(synced: Synced, body: Any) -> None:
    asks(synced, synced.kind.account[0], response=body, status=401)
    assert synced.vendor.verify() == (*INVALID, *synced.vendor.credentials, "of the wrong kind")


@pytest.mark.parametrize("requests", [1, None], ids=["to the first request", "to the last one"])
@pytest.mark.parametrize(
    ("response", "status", "expected"),
    [
        *((response, 200, UNREACHABLE) for response in (HTML, None, '{"code": "Success", "da', [], {}, OF_OTHER_TYPES)),
        (None, 204, UNREACHABLE),
        (None, 409, UNREACHABLE),
        (None, 302, BAD_REQUEST),
    ],
)
def test_an_unexpected_response_proves_nothing(
    synced: Synced, response: Any, status: int, expected: tuple[int, str], requests: int | None
) -> None:
    *before, last = synced.kind.account[:requests]
    asks(synced, *before)
    asks(synced, last, response=response, status=status, headers={"Location": "https://elsewhere.invalid/"})
    words = [f"{synced.vendor.name.upper()}_API_URL"] if expected is BAD_REQUEST else []
    assert synced.vendor.verify() == (*expected, *words)


@pytest.mark.parametrize(("response", "status"), [(REFUSED, 0), (LOST, 0), (TIMED_OUT, 0), (None, 429), (HTML, 502)])
def test_a_vendor_that_cannot_be_reached_is_asked_five_times(synced: Synced, response: Any, status: int) -> None:
    first, *others = synced.kind.account
    asks(synced, first, response=response, status=status)
    asks(synced, first, *others)
    assert synced.vendor.verify() == VALID
    synced.vendor.sent.clear()
    asks(synced, first, response=response, status=status, many=True)
    assert synced.vendor.verify() == UNREACHABLE
    assert len(synced.vendor.sent) == 5
