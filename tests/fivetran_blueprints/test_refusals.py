"""What Fivetran's refusals and unexpected responses mean, of whichever script's request they are."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.endings import BAD_REQUEST, INVALID, NOT_FOUND, NOT_STARTED, UNREACHABLE
from tests.fivetran_blueprints.responses import UNKNOWN_ID, Fivetran, connection
from tests.wire import HTML

ACTS: dict[str, tuple[Any, Any, bool]] = {  # the request that is refused, its script, and whether that starts a sync
    "read of a trigger": (Fivetran.shows, Fivetran.trigger, True),
    "trigger request": (Fivetran.expect_trigger, Fivetran.trigger, True),
    "resync": (Fivetran.expect_resync, Fivetran.resync, True),
    "poll of a check": (Fivetran.shows, Fivetran.check, False),
    **{
        name: (partial(Fivetran.expect_update, fields=fields), partial(Fivetran.update, **given), False)
        for name, fields, given in (
            ("update", {"paused": True}, {"PAUSED": "TRUE"}),
            ("historical sync", {"is_historical_sync": True}, {"HISTORICAL_SYNC": "TRUE"}),
        )
    },
}


@pytest.mark.parametrize(("expect", "script", "starts"), ACTS.values(), ids=ACTS)
@pytest.mark.parametrize(
    ("status", "response", "expected", "words"),
    [
        (401, {"code": "Unauthorized"}, INVALID, ["FIVETRAN_API_KEY", "Base64"]),
        (403, {"code": "Forbidden", "message": "No right"}, INVALID, ["No right", "permission"]),
        (403, HTML, INVALID, ["502 Bad Gateway", "proxy"]),
        (404, UNKNOWN_ID, NOT_FOUND, [UNKNOWN_ID["message"], "FIVETRAN_CONNECTOR_ID"]),
        (404, {"code": "NotFound_Connector", "message": "gone"}, NOT_FOUND, ["NotFound_Connector", "gone"]),
        (404, HTML, None, ["404"]),
        (404, {"message": "no Route matched with those values"}, None, ["404"]),
        (400, {"code": "InvalidInput", "message": "Not so"}, BAD_REQUEST, ["InvalidInput", "Not so"]),
        (302, None, BAD_REQUEST, ["FIVETRAN_API_URL"]),
    ],
)
def test_a_refused_request_ends_the_script_and_is_never_repeated(
    fivetran: Fivetran, expect: Any, script: Any, starts: bool, status: int, response: Any, expected: Any, words: Any
) -> None:
    expect(fivetran, response=response, status=status, headers={"Location": "https://elsewhere.invalid/"})
    ended = script(fivetran)
    nothing = (*NOT_STARTED, "nothing was started") if starts else UNREACHABLE
    assert ended == (*(expected or nothing), *words)
    assert status != 403 or "wrong" not in ended.message
    assert fivetran.saved == {}
    assert fivetran.files.get("starting.pickle", {"state": "ended"})["state"] == "ended"


@pytest.mark.parametrize(
    ("response", "word"),
    [
        ({"code": "Success", "data": None}, "Success"),
        ({"code": "Success", "data": {}}, "status"),
        ({"code": "Success", "data": {**connection()["data"], "status": {}}}, "sync_state"),
        ({"code": "Strange", "message": "Odd", "data": connection()["data"]}, "Odd"),
        (connection(id="another_one"), "connection"),
        (connection(succeeded_at="yesterday"), "succeeded_at"),
        (connection(failed_at=1795348800), "failed_at"),
        (connection(sync_state=None), "sync_state"),
        (connection(sync_state=""), "sync_state"),
        (connection(setup_state=1), "setup_state"),
        (connection(paused="false"), "paused"),
    ],
)
def test_an_odd_connection_starts_nothing_and_is_no_verdict(fivetran: Fivetran, response: Any, word: str) -> None:
    fivetran.shows(response, response)
    assert fivetran.check() == (*UNREACHABLE, word)
    assert fivetran.trigger() == (*NOT_STARTED, "nothing was started", word)
    assert fivetran.saved == {}
