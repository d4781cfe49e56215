"""What Fivetran's refusals and unexpected responses mean, of whichever script's request they are."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, NamedTuple

import pytest

from tests.endings import BAD_REQUEST, INVALID, NOT_FOUND, NOT_STARTED, UNREACHABLE
from tests.fivetran_blueprints.responses import UNKNOWN_ID, Fivetran, connection
from tests.wire import HTML, Ending


class Act(NamedTuple):
    """A script, and the request of it that is refused; `start` says that it could have started a sync."""

    expect: Callable[..., None]
    run: Callable[[Fivetran], Ending]
    start: bool = False


ACTS = {
    "read of a trigger": Act(Fivetran.shows, Fivetran.trigger, start=True),
    "trigger request": Act(Fivetran.expect_trigger, Fivetran.trigger, start=True),
    "resync": Act(Fivetran.expect_resync, Fivetran.resync, start=True),
    "poll of a check": Act(Fivetran.shows, Fivetran.check),
    "update": Act(
        partial(Fivetran.expect_update, fields={"paused": True}),
        partial(Fivetran.update, PAUSED="TRUE"),
    ),
    "historical sync": Act(
        partial(Fivetran.expect_update, fields={"is_historical_sync": True}),
        partial(Fivetran.update, HISTORICAL_SYNC="TRUE"),
    ),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
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
    fivetran: Fivetran, act: Act, status: int, response: Any, expected: tuple[int, str] | None, words: list[str]
) -> None:
    act.expect(fivetran, response=response, status=status, headers={"Location": "https://elsewhere.invalid/"})
    ended = act.run(fivetran)
    nothing = (*NOT_STARTED, "nothing was started") if act.start else UNREACHABLE
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
