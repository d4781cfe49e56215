"""What is retried, what is never sent twice, and which status is which error."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Callable

import pytest

from shared import errors
from shared.api import BACK_OFF, Api, Refusal, retry_after
from shared.redaction import Redactor
from shared.transport import NOT_JSON, Response, TransportError
from tests.shared.acme import in_turn
from tests.support import NOW, FakeClock

TOKEN = "tok-0123456789abcdef"
date = FakeClock().date
REFUSED = TransportError("connection refused", maybe_delivered=False)
LOST = TransportError("connection reset", maybe_delivered=True)
TIMED_OUT = TransportError("no response within 60 s", maybe_delivered=True, timed_out=True)


class Sender:
    """Gives the responses in turn; a number is a status, an exception is raised, the last one comes again and again."""

    def __init__(self, clock: FakeClock, *responses: Any) -> None:
        self.clock = clock
        self.next_response = in_turn(*responses)
        self.sent: list[tuple[str, object, float]] = []

    def send(
        self, method: str, path: str, params: Mapping[str, str] | None, body: object, read_timeout: float
    ) -> Response:
        assert (path, params or {}) == ("/x", {})
        self.sent.append((method, body, read_timeout))
        given = self.next_response()
        response = Response(given, None) if isinstance(given, int) else given
        return response._replace(received=self.clock.monotonic())


def response(status: int, body: Any = None, **headers: str) -> Response:
    return Response(status, body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def api(clock: FakeClock, *responses: Any, refusal: Refusal = lambda _response, _described: None) -> tuple[Api, Sender]:
    sender = Sender(clock, *responses)
    return Api("Acme", sender, clock, Redactor([TOKEN]), {}, refusal), sender


Call = Callable[[Api], Response]
CALLS: dict[str, Call] = {
    "get": lambda api: api.get("/x"),
    "change": lambda api: api.change("/x", {"a": 1}),
    "start": lambda api: api.start("/x", {"a": 1}),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
every_read = pytest.mark.parametrize("call", [CALLS["get"], CALLS["change"]], ids=["get", "change"])


def assert_back_off(clock: FakeClock, pauses: int) -> None:
    assert len(clock.sleeps) == pauses
    for slept, base in zip(clock.sleeps, BACK_OFF):
        assert 0.75 * base <= slept <= 1.25 * base


# What a status means


MEANINGS: dict[int, type[errors.BlueprintError]] = {
    **dict.fromkeys((300, 301, 302, 308, 399, 400, 402, 405, 406, 410, 422, 499), errors.BadRequestError),
    **{401: errors.InvalidCredentialsError, 403: errors.InvalidCredentialsError},
    **{404: errors.SyncNotFoundError, 409: errors.SyncAlreadyRunningError},
}


@every_call
@pytest.mark.parametrize(("status", "kind"), MEANINGS.items())
def test_a_refusal_is_raised_as_what_it_means_with_the_vendors_message_and_never_repeated(
    clock: FakeClock, call: Call, status: int, kind: type[errors.BlueprintError]
) -> None:
    one, sender = api(clock, response(status, {"message": "in its own words"}))
    if status == 409 and call is CALLS["get"]:
        kind = errors.StatusCheckFailedError  # a read meets no running sync: whatever that means, it is no verdict
    with pytest.raises(errors.BlueprintError, match=str(status)) as caught:
        call(one)
    assert type(caught.value) is kind
    assert ("in its own words" in str(caught.value)) == (status >= 400)
    assert ("check ACME_API_URL" in str(caught.value)) == (status < 400)
    assert caught.value.status in (status, None)
    assert (len(sender.sent), clock.sleeps) == (1, [])


@every_call
@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_good_status_is_a_response(clock: FakeClock, call: Call, status: int) -> None:
    one, sender = api(clock, status)
    assert call(one).status == status
    assert sender.sent == [("GET", None, 60) if call is CALLS["get"] else ("POST", {"a": 1}, 120)]


@every_read
def test_a_status_without_a_meaning_is_an_unexpected_response(clock: FakeClock, call: Call) -> None:
    with pytest.raises(errors.StatusCheckFailedError, match="unexpected response from Acme: 103: null") as caught:
        call(api(clock, 103)[0])
    assert caught.value.status == 103


@every_call
def test_a_vendors_own_meaning_of_a_status_wins(clock: FakeClock, call: Call) -> None:
    def refusal(response: Response, described: str) -> errors.BlueprintError | None:
        return errors.BadRequestError(f"paused, {described}") if response.status == 404 else None

    with pytest.raises(errors.BadRequestError, match="paused, 404: gone"):
        call(api(clock, response(404, {"message": "gone"}), refusal=refusal)[0])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"message": "m"}, "m"),
        ({"code": "C", "message": "m"}, "C - m"),
        ({"error": "e"}, "e"),
        ({"error": "e", "message": "e"}, "e"),
        ({"error": {"code": "C", "message": "m"}}, "C - m"),
        ({"error": {"code": "C", "errors": [{"message": "one"}, {"message": "two"}, 7]}}, "C - one - two"),
        ({"errors": [{"message": f"{number}"} for number in range(7)]}, "0 - 1 - 2 - 3 - 4"),
        ({"message": ["a", "b"]}, '["a", "b"]'),
        ({"error": "e", "details": {"a": 1}}, 'e - {"a": 1}'),
        ({"message": f"your token {TOKEN.upper()}"}, "your token ***"),
        ({"message": "\x1b[31m\u202e\n"}, "\\x1b[31m\\u202e"),
        ({"unknown": 1}, "no message"),
        ([1], "[1]"),
        ({}, "no message"),
        (None, "null"),
    ],
)
def test_the_vendors_message_is_found_in_every_shape(clock: FakeClock, body: Any, words: str) -> None:
    assert api(clock, 200)[0].describe(Response(400, body)) == f"400: {words}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<html><body><h1>502 Bad\nGateway</h1></body></html>", "502 Bad Gateway"),
        ("", "no message"),
        (" plain ", "plain"),
        (TOKEN, "***"),
        ("x" * 100_000, "x" * 299 + "…"),
        (f"{'<' + 'x' * 989 + '>'}" * 20 + " " * 171 + f" before {TOKEN}", None),
        *[(("<" + "x" * 998 + ">") * 19 + "-" * length + TOKEN, None) for length in (985, 995)],
    ],
)
def test_of_a_body_that_is_not_json_the_text_is_shown(clock: FakeClock, text: str, words: str | None) -> None:
    found = api(clock, 200)[0].describe(Response(502, NOT_JSON, text))
    assert words is None or found == f"502: {words}"
    assert not any(TOKEN[:length] in found for length in range(6, len(TOKEN)))


# What is retried


@every_read
@pytest.mark.parametrize(
    "failure", [REFUSED, LOST, TIMED_OUT, 408, 429, 500, 502, 503, 504, 529], ids=lambda one: str(one).replace(" ", "-")
)
def test_a_read_that_fails_is_tried_five_times_with_growing_pauses(clock: FakeClock, call: Call, failure: Any) -> None:
    one, sender = api(clock, failure)
    with pytest.raises(errors.StatusCheckFailedError, match=r"Acme .*; gave up after 5 tries") as caught:
        call(one)
    status = failure if isinstance(failure, int) else None
    assert f"Acme {f'responded with {status}' if status else 'could not be reached'}: " in str(caught.value)
    assert caught.value.status == status
    assert len(sender.sent) == 5
    assert_back_off(clock, 4)


@every_read
def test_a_read_that_works_at_last_is_a_response(clock: FakeClock, call: Call) -> None:
    one, _ = api(clock, REFUSED, 500, TIMED_OUT, 429, response(200, {"a": 1}))
    assert call(one).body == {"a": 1}
    assert_back_off(clock, 4)


def test_a_read_may_be_tried_once_only_and_says_how_long_to_wait(clock: FakeClock) -> None:
    one, _ = api(clock, response(429, {}, Retry_After="30"))
    with pytest.raises(errors.StatusCheckFailedError, match=r"429: no message; gave up after 1 try") as caught:
        one.get("/x", tries=1)
    assert (caught.value.retry_after, clock.sleeps) == (30, [])


def test_the_pauses_have_jitter(clock: FakeClock) -> None:
    random.seed(1)
    for _ in range(2):
        with pytest.raises(errors.StatusCheckFailedError):
            api(clock, 500)[0].get("/x")
    assert clock.sleeps[:4] != clock.sleeps[4:]


@every_call
def test_nothing_is_retried_after_the_deadline(clock: FakeClock, call: Call) -> None:
    one, _ = api(clock, response(429, Retry_After="5"))
    one.deadline = clock.monotonic() + 14.9
    with pytest.raises(errors.BlueprintError, match="gave up after 3 tries"):
        call(one)
    assert clock.elapsed == 10
    one.deadline = clock.monotonic() + 15
    with pytest.raises(errors.BlueprintError, match="gave up after 4 tries"):
        call(one)


@every_call
@pytest.mark.parametrize("seconds", [0, 2, 30, 60])
def test_a_retry_after_of_up_to_60_s_is_honored(clock: FakeClock, call: Call, seconds: int) -> None:
    call(api(clock, response(429, Retry_After=str(seconds)), 200)[0])
    assert clock.sleeps == [max(seconds, 1)]


@every_call
@pytest.mark.parametrize("status", [429, 503])
def test_a_longer_retry_after_ends_the_call_at_once_and_is_named(clock: FakeClock, call: Call, status: int) -> None:
    one, sender = api(clock, response(status, Retry_After="3600"))
    kind: type[errors.BlueprintError] = errors.StatusCheckFailedError
    if call is CALLS["start"]:
        kind = errors.StartUnclearError if status == 503 else errors.SyncNotStartedError
    with pytest.raises(kind, match=r"asks to wait 1 h|503") as caught:
        call(one)
    assert type(caught.value) is kind
    assert getattr(caught.value, "retry_after", 3600) == 3600
    assert caught.value.status in (status, None)
    assert (len(sender.sent), clock.sleeps) == (1, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        (" 120 ", 120),
        (date(90), 90),
        (date(-90), 0),
        *[(text, None) for text in ("", "soon", "-5", "1.5", "1e3", "٣", "9" * 5000)],
    ],
)
def test_a_retry_after_is_a_number_of_seconds_or_a_date_on_the_servers_clock(text: str, expected: float | None) -> None:
    assert retry_after(response(429, Retry_After=text, Date=date(0))) == expected
    assert retry_after(response(429, Retry_After=text)) == (None if ":" in text else expected)


# What starts a sync


@pytest.mark.parametrize(
    ("failure", "status", "timed_out"),
    [
        (LOST, None, False),
        (TIMED_OUT, None, True),
        *[(status, status, False) for status in (100, 500, 502, 503, 530)],
        *[(status, status, True) for status in (408, 504, 520, 522, 524, 529)],
    ],
    ids=str,
)
def test_a_trigger_request_whose_response_is_lost_is_never_repeated(
    clock: FakeClock, failure: Any, status: int | None, timed_out: bool
) -> None:
    given = failure if isinstance(failure, Exception) else response(failure, {}, Retry_After="5")
    one, sender = api(clock, given)
    with pytest.raises(errors.StartUnclearError) as caught:
        one.start("/x")
    assert (caught.value.status, caught.value.timed_out) == (status, timed_out)
    said = f"responded with {status}: no message" if status else f"did not respond to the trigger request: {failure}"
    assert str(caught.value) == f"Acme {said}"
    assert (len(sender.sent), clock.sleeps) == (1, [])


# What is remembered and what is said


def test_the_last_response_is_kept_under_its_name_also_when_it_is_an_error(clock: FakeClock) -> None:
    kept: dict[str, Response] = {}
    sender = Sender(clock, response(200, {"n": 1}), response(404, {"n": 2}), response(200, {"n": 3}))
    one = Api("Acme", sender, clock, Redactor(), kept)
    one.get("/x", keep_as="r.json")
    with pytest.raises(errors.SyncNotFoundError):
        one.get("/x", keep_as="r.json")
    for call in CALLS.values():
        call(one)
    assert {name: found.body for name, found in kept.items()} == {"r.json": {"n": 2}}
    one.change("/x", method="PATCH", keep_as="changed.json")
    one.start("/x", method="PUT", keep_as="started.json")
    assert sender.sent[-2:] == [("PATCH", None, 120), ("PUT", None, 120)]
    assert list(kept) == ["r.json", "changed.json", "started.json"]


@pytest.mark.parametrize("offset", [0, -100_000, 100_000])
def test_the_servers_clock_is_known_from_its_first_date_on_whatever_the_local_one_shows(offset: float) -> None:
    clock = FakeClock(offset)
    one, _ = api(clock, response(200, Date="nonsense"), response(200, Date=date(0)))
    one.get("/x")
    assert one.now() is None
    assert one.best_now() == NOW + timedelta(seconds=offset)
    one.get("/x")
    clock.sleep(90)
    assert one.now() == one.best_now() == NOW + timedelta(seconds=90)


@every_call
def test_no_secret_is_in_a_message_or_the_log(clock: FakeClock, call: Call, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    proxy = TransportError(f"cannot parse http://{TOKEN}@proxy", maybe_delivered=False)
    with pytest.raises(errors.BlueprintError) as caught:
        call(api(clock, proxy, response(429, {"message": f"Bearer {TOKEN}"}), proxy)[0])
    assert caplog.messages[0].startswith("Acme: cannot parse http://***@proxy; will retry in 1 s")
    assert "***" in str(caught.value)
    assert TOKEN not in caplog.text + str(caught.value)
