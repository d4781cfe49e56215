"""JSON over one session: what goes out, what may be repeated, and what an answer means."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import logging
import random
import signal
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Callable

import pytest
import requests
import responses
from requests.auth import HTTPBasicAuth
from responses.registries import OrderedRegistry
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError, ProtocolError

from shared import VERSION, errors
from shared.artifacts import Artifacts
from shared.blueprint import Job
from shared.http import NOT_JSON, Answer, Api, Wire, WireError, http_date, parse_json, retry_after, seconds_to_reset
from shared.masking import Mask
from tests.support import NOW, FakeClock

URL = "https://api.acme.test"
TOKEN = "tok-0123456789abcdef"
BACK_OFF = (1, 2, 4, 8)

POOL: Any = None
REFUSED = requests.ConnectionError(MaxRetryError(POOL, "/", NewConnectionError(POOL, "Connection refused")))
NO_CONNECTION = requests.ConnectTimeout(MaxRetryError(POOL, "/", ConnectTimeoutError("timed out")))
UNTRUSTED = requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
NO_ANSWER = requests.ReadTimeout("Read timed out.")
RESET = requests.ConnectionError(ProtocolError("Connection aborted.", ConnectionResetError(104, "reset by peer")))
CUT_OFF = requests.exceptions.ChunkedEncodingError("IncompleteRead(3 bytes read, 7 more expected)")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's proxies and certificates."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def vendor() -> Iterator[responses.RequestsMock]:
    """The vendor's answers in their order; one that is not asked for is a failure."""
    with responses.RequestsMock(registry=OrderedRegistry) as mock:
        yield mock


@pytest.fixture
def job(tmp_path: Path, clock: FakeClock) -> Job:
    mask = Mask([TOKEN])
    return Job(Artifacts(tmp_path, "acme", None, (), mask), mask, clock)


def bearer(request: requests.PreparedRequest) -> requests.PreparedRequest:
    request.headers["Authorization"] = f"Bearer {TOKEN}"
    return request


@pytest.fixture
def wire(clock: FakeClock) -> Wire:
    return Wire(URL, bearer, {}, clock)


@pytest.fixture
def api(wire: Wire, job: Job) -> Api:
    return Api("Acme", wire, job)


Call = Callable[[Api], Answer]
CALLS: dict[str, Call] = {
    "get": lambda api: api.get("/x"),
    "change": lambda api: api.change("/x", {"a": 1}),
    "start": lambda api: api.start("/x", {"a": 1}),
}
READS = [CALLS["get"], CALLS["change"]]


def method(call: Call) -> str:
    return "GET" if call is CALLS["get"] else "POST"


# What goes out


def test_a_request_says_which_program_sends_it(wire: Wire, vendor: responses.RequestsMock) -> None:
    vendor.get(f"{URL}/x", json={})
    wire.send("GET", "/x", None, None, 60)
    assert vendor.calls[0].request.headers["User-Agent"] == f"sync-blueprints/{VERSION}"


def test_the_headers_of_a_vendor_win(clock: FakeClock, vendor: responses.RequestsMock) -> None:
    vendor.get(f"{URL}/x", json={})
    Wire(URL, bearer, {"Accept": "application/json;version=2"}, clock).send("GET", "/x", None, None, 60)
    assert vendor.calls[0].request.headers["Accept"] == "application/json;version=2"


def test_a_body_is_sent_as_json(wire: Wire, vendor: responses.RequestsMock) -> None:
    vendor.post(f"{URL}/x", json={})
    wire.send("POST", "/x", None, {"force": True}, 60)
    request = vendor.calls[0].request
    assert json.loads(request.body or "") == {"force": True}
    assert request.headers["Content-Type"] == "application/json"


def test_parameters_are_percent_encoded(wire: Wire, vendor: responses.RequestsMock) -> None:
    vendor.get(f"{URL}/x", json={})
    wire.send("GET", "/x", {"id": "a/b&c=../d"}, None, 60)
    assert (vendor.calls[0].request.url or "").endswith("?id=a%2Fb%26c%3D..%2Fd")


@pytest.mark.parametrize("read_timeout", [60, 120])
def test_every_request_has_its_time_outs(wire: Wire, vendor: responses.RequestsMock, read_timeout: float) -> None:
    vendor.get(f"{URL}/x", json={})
    wire.send("GET", "/x", None, None, read_timeout)
    assert vendor.calls[0].request.req_kwargs["timeout"] == (10, read_timeout)


@pytest.mark.parametrize(
    ("verb", "call", "expected"),
    [
        ("GET", lambda api: api.get("/x"), 60),
        ("PATCH", lambda api: api.change("/x", method="PATCH"), 60),
        ("POST", lambda api: api.start("/x"), 60),
        ("PATCH", lambda api: api.change("/x", method="PATCH", read_timeout=120), 120),
        ("POST", lambda api: api.start("/x", read_timeout=120), 120),
    ],
)
def test_the_time_out_for_an_answer_is_60_s_or_what_the_vendor_needs(
    api: Api, vendor: responses.RequestsMock, verb: str, call: Call, expected: float
) -> None:
    vendor.add(verb, f"{URL}/x", json={})
    call(api)
    assert vendor.calls[0].request.req_kwargs["timeout"] == (10, expected)


def test_certificates_are_verified(wire: Wire, vendor: responses.RequestsMock) -> None:
    vendor.get(f"{URL}/x", json={})
    wire.send("GET", "/x", None, None, 60)
    assert vendor.calls[0].request.req_kwargs["verify"] is True


def test_a_ca_file_of_the_environment_is_honoured(
    wire: Wire, vendor: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/own/ca.pem")
    vendor.get(f"{URL}/x", json={})
    wire.send("GET", "/x", None, None, 60)
    assert vendor.calls[0].request.req_kwargs["verify"] == "/own/ca.pem"


def test_a_proxy_of_the_environment_is_honoured(
    wire: Wire, vendor: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    vendor.get(f"{URL}/x", json={})
    wire.send("GET", "/x", None, None, 60)
    assert vendor.calls[0].request.req_kwargs["proxies"]["https"] == "http://proxy.test:3128"


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (bearer, f"Bearer {TOKEN}"),
        (HTTPBasicAuth("key", "secret"), "Basic " + base64.b64encode(b"key:secret").decode()),
    ],
)
@pytest.mark.parametrize("path", [".netrc", "elsewhere"])
def test_netrc_does_not_replace_the_credentials_given(
    auth: Any,
    expected: str,
    path: str,
    tmp_path: Path,
    clock: FakeClock,
    vendor: responses.RequestsMock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / path).write_text("machine api.acme.test login other password other\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    if path != ".netrc":
        monkeypatch.setenv("NETRC", str(tmp_path / path))
    vendor.get(f"{URL}/x", json={})
    Wire(URL, auth, {}, clock).send("GET", "/x", None, None, 60)
    assert vendor.calls[0].request.headers["Authorization"] == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://api.acme.test",
        "HTTP://api.acme.test",
        "http://10.0.0.1:8080",
        "http://localhost.evil.test",
        "http://127.0.0.1.evil.test",
        "http://[::2]",
    ],
)
def test_plain_http_to_another_machine_gets_one_warning(
    url: str, clock: FakeClock, vendor: responses.RequestsMock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        vendor.get(f"{url}/x", json={})
    wire = Wire(url, bearer, {}, clock)
    for _ in range(3):
        wire.send("GET", "/x", None, None, 60)
    assert [record.levelname for record in caplog.records if record.name == "shared.http"] == ["WARNING"]


@pytest.mark.parametrize(
    "url", [URL, "http://localhost:8080", "http://127.0.0.1:80", "http://127.1.2.3", "http://[::1]:8080"]
)
def test_https_and_plain_http_to_this_machine_get_no_warning(
    url: str, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    Wire(url, bearer, {}, clock)
    assert caplog.records == []


# What comes back


def test_an_answer_is_what_the_vendor_said(wire: Wire, vendor: responses.RequestsMock, clock: FakeClock) -> None:
    vendor.get(f"{URL}/x", json={"a": 1}, status=418, headers={"Date": clock.date(), "X-Own": "y"})
    answer = wire.send("GET", "/x", None, None, 60)
    assert (answer.status, answer.body, answer.date, answer.headers["x-own"]) == (418, {"a": 1}, NOW, "y")
    assert answer.text == ""


def test_of_an_answer_that_is_no_json_the_text_is_kept(wire: Wire, vendor: responses.RequestsMock) -> None:
    vendor.get(f"{URL}/x", body="<html>", status=502)
    answer = wire.send("GET", "/x", None, None, 60)
    assert (answer.body, answer.text) == (NOT_JSON, "<html>")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", [f"{URL}/y", "https://other.test/x", "http://api.acme.test/x", "//", "http://[bad"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_redirect_is_never_followed_and_names_the_url(
    api: Api, vendor: responses.RequestsMock, call: Call, status: int, target: str
) -> None:
    vendor.add(method(call), f"{URL}/x", status=status, headers={"Location": target})
    with pytest.raises(errors.BadRequestError, match="ACME_API_URL"):
        call(api)
    assert len(vendor.calls) == 1


@pytest.mark.parametrize("status", [300, 304, 305, 399])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_redirect_to_nowhere_is_one_all_the_same(
    api: Api, vendor: responses.RequestsMock, call: Call, status: int
) -> None:
    vendor.add(method(call), f"{URL}/x", status=status)
    with pytest.raises(errors.BadRequestError, match="ACME_API_URL"):
        call(api)


def test_an_answer_longer_than_64_mb_is_not_read(api: Api, vendor: responses.RequestsMock) -> None:
    bomb = gzip.compress(b'"' + b" " * (80 << 20) + b'"', 1)
    for _ in range(2):
        vendor.get(f"{URL}/x", body=bomb, headers={"Content-Encoding": "gzip"})
    with pytest.raises(errors.StatusCheckFailedError, match="64 MB"):
        api.get("/x", tries=2)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"a": [1, 2.5, null, true, "x"]}', {"a": [1, 2.5, None, True, "x"]}),
        (b"\xef\xbb\xbf{}", {}),
        (b"[]", []),
        (b"null", None),
        (b'"\xc3\xa9"', "é"),
        (b" \r\n{}\n", {}),
        (b"123456789012345678901234567890", 123456789012345678901234567890),
        (b"[" * 50 + b"]" * 50, json.loads("[" * 50 + "]" * 50)),
    ],
)
def test_json_is_parsed(content: bytes, expected: object) -> None:
    assert parse_json(content.decode("utf-8", "surrogateescape")) == expected


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b'{"a": 1',
        b'{"a": 1}}',
        b"{} {}",
        b"<html></html>",
        b"OK",
        b"{'a': 1}",
        b'"\xff"',
        b"NaN",
        b'{"a": Infinity}',
        b"[-Infinity]",
        b'{"a": 1e999}',
        b"[-1e999]",
        b"[" * 1_000_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"9" * 5000,
        b"-" + b"9" * 1_000_000,
        b"\x00",
        b'"a\nb"',
        b'{"status": "failed", "status": "succeeded"}',
        b'[{"a": {"b": 1, "b": 1}}]',
    ],
    ids=lambda content: repr(content[:14]),
)
def test_what_is_no_json_is_told_as_such(content: bytes) -> None:
    assert parse_json(content.decode("utf-8", "surrogateescape")) is NOT_JSON


@pytest.mark.parametrize("body", ["", "[]", "null", '{"a": 1', "<html>", '"text"', "1"])
def test_a_good_status_without_a_json_object_is_an_error(api: Api, vendor: responses.RequestsMock, body: str) -> None:
    vendor.get(f"{URL}/x", body=body)
    answer = api.get("/x")
    with pytest.raises(errors.StatusCheckFailedError, match="makes no sense"):
        api.json_object(answer)


def test_a_good_status_without_what_is_needed_is_an_error_that_names_it(api: Api) -> None:
    error = api.nonsense(Answer(200, {"a": 1}), "a sync id")
    assert (error.exit_code, error.status) == (220, 200)
    assert "a sync id" in str(error)


# What a status means


STATUSES = [
    (400, errors.BadRequestError),
    (401, errors.InvalidCredentialsError),
    (402, errors.BadRequestError),
    (403, errors.InvalidCredentialsError),
    (404, errors.SyncNotFoundError),
    (405, errors.BadRequestError),
    (406, errors.BadRequestError),
    (409, errors.SyncAlreadyRunningError),
    (410, errors.BadRequestError),
    (422, errors.BadRequestError),
]


@pytest.mark.parametrize(("status", "kind"), STATUSES)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_refusal_is_raised_as_what_it_means_and_never_repeated(
    api: Api, vendor: responses.RequestsMock, clock: FakeClock, call: Call, status: int, kind: type[Exception]
) -> None:
    vendor.add(method(call), f"{URL}/x", status=status, json={"message": "in its own words"})
    with pytest.raises(errors.BlueprintError) as caught:
        call(api)
    if status == 409 and method(call) == "GET":
        kind = errors.StatusCheckFailedError  # a look meets no running sync: whatever that means, it is no verdict
    assert type(caught.value) is kind
    assert "in its own words" in str(caught.value)
    assert getattr(caught.value, "status", status) == status
    assert clock.sleeps == []


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_the_vendors_own_words_are_shown(api: Api, vendor: responses.RequestsMock, status: int) -> None:
    vendor.get(f"{URL}/x", status=status, json={"message": "in its own words"})
    with pytest.raises(errors.BlueprintError, match=f"{status}.*in its own words"):
        api.get("/x")


@pytest.mark.parametrize("status", [200, 201, 202, 204])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_good_status_is_an_answer(api: Api, vendor: responses.RequestsMock, call: Call, status: int) -> None:
    vendor.add(method(call), f"{URL}/x", status=status)
    assert call(api).status == status


def test_a_vendors_own_meaning_of_a_status_wins(wire: Wire, job: Job, vendor: responses.RequestsMock) -> None:
    vendor.get(f"{URL}/x", status=404)
    gone = errors.StatusCheckFailedError("a path that is gone")
    with pytest.raises(errors.StatusCheckFailedError, match="a path that is gone"):
        Api("Acme", wire, job, lambda answer: gone if answer.status == 404 else None).get("/x")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"message": "m"}, "m"),
        ({"code": "C", "message": "m"}, "C - m"),
        ({"error": "e"}, "e"),
        ({"error": {"code": "C", "message": "m"}}, "C - m"),
        ({"errors": [{"message": "one"}, {"message": "two"}]}, "one - two"),
        ({"message": ["a", "b"]}, '["a", "b"]'),
        ({"message": f"your token {TOKEN.upper()}"}, "your token ***"),
        ({}, "no further words"),
        ({"message": None, "errors": "x"}, "no further words"),
    ],
)
def test_the_words_in_an_error_are_found_whatever_its_shape(api: Api, body: object, words: str) -> None:
    assert api.words(Answer(400, body)) == f"400: {words}"


def test_the_words_in_html_are_shown_without_its_tags(api: Api) -> None:
    assert api.words(Answer(502, NOT_JSON, "<html><h1>Bad gateway</h1></html>")) == "502: Bad gateway"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(400, NOT_JSON, "x" * 100_000),
        Answer(400, NOT_JSON, "<" * 1_000_000),
        Answer(400, {"message": "x" * 100_000}),
        Answer(400, {"message": [["x" * 100] * 100] * 100}),
        Answer(400, {"message": "\x1b[31m\u202e\n"}),
    ],
    ids=["text", "tags", "words", "list", "controls"],
)
def test_the_words_fit_one_line(api: Api, answer: Answer) -> None:
    words = api.words(answer)
    assert len(words) < 320
    assert words.isprintable()


@pytest.mark.parametrize(
    "answer",
    [
        Answer(502, NOT_JSON, f"{'<' + 'x' * 989 + '>'}" * 20 + " " * 171 + f" before {TOKEN}"),
        Answer(400, {"message": {"a": " " * 980 + TOKEN}}),
        *[Answer(502, NOT_JSON, ("<" + "x" * 998 + ">") * 19 + "-" * n + TOKEN) for n in (985, 995)],
        *[Answer(400, {"message": {"a": "\t" * 490 + "-" * n + TOKEN}}) for n in range(0, 10, 3)],
    ],
)
def test_a_secret_in_an_answer_is_hidden_before_it_is_cut(api: Api, answer: Answer) -> None:
    words = api.words(answer)
    assert not any(TOKEN[:length] in words for length in range(6, len(TOKEN)))


def test_a_secret_at_the_end_of_what_is_kept_of_a_long_text_is_hidden(
    api: Api, job: Job, vendor: responses.RequestsMock, tmp_path: Path
) -> None:
    vendor.get(f"{URL}/x", body="x" * (100_000 - len(TOKEN) + 1) + TOKEN + "y" * 100)
    job.artifacts.save_response("r.json", api.get("/x"))
    assert TOKEN[:6] not in (tmp_path / "acme-blueprints" / "responses" / "r.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("depth", [100, 500, 900, 2500])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_an_error_nested_deeply_is_still_the_error_that_it_is(
    wire: Wire, job: Job, vendor: responses.RequestsMock, call: Call, depth: int
) -> None:
    vendor.add(method(call), f"{URL}/x", status=400, body='{"message":' + "[" * depth + "]" * depth + "}")
    raised = ""
    try:
        call(Api("Acme", wire, job))
    except Exception as error:  # noqa: BLE001  # not `pytest.raises`: a RecursionError takes a minute to print
        raised = type(error).__name__
    assert raised == "BadRequestError"


# What may be repeated


@pytest.mark.parametrize(
    "failure",
    [REFUSED, NO_CONNECTION, UNTRUSTED, NO_ANSWER, RESET, CUT_OFF, 429, 500, 502, 503, 504, 529],
    ids=lambda failure: type(failure).__name__ if isinstance(failure, Exception) else str(failure),
)
@pytest.mark.parametrize("call", READS, ids=["get", "change"])
def test_a_read_that_fails_is_tried_five_times_with_growing_pauses(
    api: Api, vendor: responses.RequestsMock, clock: FakeClock, call: Call, failure: Any
) -> None:
    for _ in range(5):
        add_failure(vendor, method(call), failure)
    with pytest.raises(errors.StatusCheckFailedError):
        call(api)
    assert_back_off(clock, 4)


def add_failure(vendor: responses.RequestsMock, verb: str, failure: Any, **headers: str) -> None:
    if isinstance(failure, Exception):
        vendor.add(verb, f"{URL}/x", body=failure)
    else:
        vendor.add(verb, f"{URL}/x", status=failure, headers=headers)


def assert_back_off(clock: FakeClock, pauses: int) -> None:
    assert len(clock.sleeps) == pauses
    for slept, base in zip(clock.sleeps, BACK_OFF):
        assert 0.75 * base <= slept <= 1.25 * base


@pytest.mark.parametrize("call", READS, ids=["get", "change"])
def test_a_read_that_works_at_last_is_an_answer(
    api: Api, vendor: responses.RequestsMock, clock: FakeClock, call: Call
) -> None:
    for failure in (REFUSED, 500, NO_ANSWER, 429):
        add_failure(vendor, method(call), failure)
    vendor.add(method(call), f"{URL}/x", json={"a": 1})
    assert call(api).body == {"a": 1}
    assert_back_off(clock, 4)


def test_a_read_may_be_tried_once_only(api: Api, vendor: responses.RequestsMock, clock: FakeClock) -> None:
    add_failure(vendor, "GET", 500)
    with pytest.raises(errors.StatusCheckFailedError) as caught:
        api.get("/x", tries=1)
    assert (caught.value.status, clock.sleeps) == (500, [])


def test_the_pauses_have_jitter(api: Api, vendor: responses.RequestsMock, clock: FakeClock) -> None:
    random.seed(1)
    for _ in range(10):
        add_failure(vendor, "GET", 500)
    for _ in range(2):
        with pytest.raises(errors.StatusCheckFailedError):
            api.get("/x")
    assert clock.sleeps[:4] != clock.sleeps[4:]


def test_a_failure_without_words_is_told_by_its_kind(api: Api, vendor: responses.RequestsMock) -> None:
    for _ in range(5):
        vendor.get(f"{URL}/x", body=requests.ConnectionError(ConnectionResetError()))
    with pytest.raises(errors.StatusCheckFailedError, match="ConnectionResetError"):
        api.get("/x")


def test_a_failed_read_says_why_and_how_often(api: Api, vendor: responses.RequestsMock) -> None:
    for _ in range(5):
        vendor.get(f"{URL}/x", status=503, json={"message": "down for repairs"})
    with pytest.raises(errors.StatusCheckFailedError, match=r"503: down for repairs.*5"):
        api.get("/x")


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("seconds", [2, 30, 60])
def test_a_retry_after_of_up_to_60_s_is_kept(
    api: Api, vendor: responses.RequestsMock, clock: FakeClock, call: Call, seconds: int
) -> None:
    add_failure(vendor, method(call), 429, **{"Retry-After": str(seconds)})
    vendor.add(method(call), f"{URL}/x", json={})
    call(api)
    assert seconds <= sum(clock.sleeps) <= seconds * 1.25


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("call", READS, ids=["get", "change"])
def test_a_longer_retry_after_ends_a_read_at_once_and_is_named(
    api: Api, vendor: responses.RequestsMock, clock: FakeClock, call: Call, status: int
) -> None:
    add_failure(vendor, method(call), status, **{"Retry-After": "61"})
    with pytest.raises(errors.StatusCheckFailedError, match="61 s") as caught:
        call(api)
    assert (caught.value.retry_after, clock.sleeps) == (61, [])


def test_a_longer_retry_after_ends_a_start_at_once_and_is_named(
    api: Api, vendor: responses.RequestsMock, clock: FakeClock
) -> None:
    add_failure(vendor, "POST", 429, **{"Retry-After": "3600"})
    with pytest.raises(errors.SyncNotStartedError, match="3600 s") as caught:
        api.start("/x")
    assert (caught.value.outcome, clock.sleeps) == ("not_started", [])


def test_a_retry_after_of_nothing_still_makes_a_pause(
    api: Api, vendor: responses.RequestsMock, clock: FakeClock
) -> None:
    for _ in range(5):
        add_failure(vendor, "GET", 429, **{"Retry-After": "0"})
    with pytest.raises(errors.StatusCheckFailedError):
        api.get("/x")
    assert min(clock.sleeps) >= 0.75


def date(seconds: float) -> str:
    return format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        (date(90), 90),
        (date(-90), 0),
        ("Sunday, 22-Nov-26 12:01:00 GMT", 60),
        ("Sun Nov 22 12:01:00 2026", 60),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("1e3", None),
        ("٣", None),
        ("9" * 5000, None),
        ("Fri, 31 Dec 9999 23:59:59 -1400", None),
        ("Sun, 99 Nov 2026 99:99:99 GMT", None),
    ],
)
def test_a_retry_after_is_a_number_of_seconds_or_a_date_on_the_servers_clock(text: str, expected: float | None) -> None:
    assert retry_after(Answer(429, None, headers={"Retry-After": text, "Date": date(0)})) == expected


def limits(limit: str, left: str, reset: str, **more: str) -> dict[str, str]:
    return {"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": left, "X-RateLimit-Reset": reset, **more}


SOON = str(round(NOW.timestamp()) + 40)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (limits("200", "19", SOON, Date=date(0)), 41),
        (limits("200", "0", SOON, Date=date(0)), 41),
        (limits("200", "20", SOON, Date=date(0)), 0),
        (limits("200", "0", SOON, Date=date(50)), 0),
        (limits("200", "0", SOON), 0),  # the local clock is not asked
        (limits("200", "0", ""), 0),
        (limits("200", "few", SOON, Date=date(0)), 0),
        (limits("200", "-1", SOON, Date=date(0)), 0),
        (limits("9" * 5000, "0", SOON, Date=date(0)), 0),
        ({"Date": date(0)}, 0),
    ],
)
def test_a_rate_limit_is_scarce_below_a_tenth_until_its_reset(headers: dict[str, str], expected: float) -> None:
    assert seconds_to_reset(Answer(200, None, headers=headers)) == expected


def test_the_run_learns_of_a_scarce_rate_limit_and_of_its_end(
    api: Api, vendor: responses.RequestsMock, job: Job
) -> None:
    vendor.get(f"{URL}/x", json={}, headers=limits("200", "3", SOON, Date=date(0)))
    vendor.get(f"{URL}/x", json={}, headers=limits("200", "199", SOON, Date=date(0)))
    api.get("/x")
    assert 40 <= job.scarce_until - job.clock.monotonic() <= 41
    api.get("/x")
    assert job.scarce_until <= job.clock.monotonic()


def test_a_date_in_retry_after_is_not_held_against_the_local_clock() -> None:
    assert retry_after(Answer(429, None, headers={"Retry-After": date(90)})) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sun, 22 Nov 2026 12:00:00 GMT", NOW),
        ("Sunday, 22-Nov-26 12:00:00 GMT", NOW),
        ("Sun Nov 22 12:00:00 2026", NOW),
        ("Sun, 22 Nov 2026 14:00:00 +0200", NOW),
        ("", None),
        ("now", None),
        ("2026-11-22T12:00:00Z", None),
        ("Sun, 32 Nov 2026 12:00:00 GMT", None),
        ("Sun, 22 Nov 2026 12:00:00 +999999999999", None),
        ("Fri, 31 Dec 9999 23:59:59 -1400", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("Mon, 01 Jan 1900 00:00:00 GMT", None),
        ("\x00", None),
        (", ,", None),
        ("Sun, 01 Jan 0100 00:00:00 GMT", None),
    ],
)
def test_an_http_date_is_read_as_utc_or_is_none(text: str, expected: datetime | None) -> None:
    assert http_date(text) == expected


# What starts a sync


@pytest.mark.parametrize(
    "failure", [REFUSED, NO_CONNECTION, UNTRUSTED, 429], ids=["refused", "no connection", "TLS", "429"]
)
def test_a_start_that_was_surely_not_accepted_is_repeated_with_pauses(
    api: Api, vendor: responses.RequestsMock, clock: FakeClock, failure: Any
) -> None:
    for _ in range(5):
        add_failure(vendor, "POST", failure)
    with pytest.raises(errors.SyncNotStartedError, match="nothing was started") as caught:
        api.start("/x", {"force": True})
    assert caught.value.outcome == "not_started"
    assert_back_off(clock, 4)


@pytest.mark.parametrize("failure", [REFUSED, NO_CONNECTION, 429], ids=["refused", "no connection", "429"])
def test_a_start_is_repeated_as_it_is(api: Api, vendor: responses.RequestsMock, failure: Any) -> None:
    add_failure(vendor, "POST", failure)
    vendor.post(f"{URL}/x", json={"id": 7})
    assert api.start("/x", {"force": True}).body == {"id": 7}
    assert [json.loads(call.request.body or "") for call in vendor.calls] == [{"force": True}] * 2


@pytest.mark.parametrize(
    "failure",
    [NO_ANSWER, RESET, CUT_OFF, 500, 502, 503, 504, 529],
    ids=["no answer", "reset", "cut off", "500", "502", "503", "504", "529"],
)
def test_a_start_whose_answer_is_lost_is_never_repeated(
    api: Api, vendor: responses.RequestsMock, clock: FakeClock, failure: Any
) -> None:
    add_failure(vendor, "POST", failure, **{"Retry-After": "5"})
    with pytest.raises(errors.StartUnclearError) as caught:
        api.start("/x")
    assert caught.value.status == (failure if isinstance(failure, int) else None)
    assert clock.sleeps == []


@pytest.mark.parametrize(
    ("failure", "sent"),
    [
        (REFUSED, False),
        (NO_CONNECTION, False),
        (UNTRUSTED, False),
        (requests.exceptions.InvalidURL("no host"), False),
        (NO_ANSWER, True),
        (RESET, True),
        (CUT_OFF, True),
        (TypeError("in the midst of an answer"), True),
    ],
    ids=["refused", "no connection", "TLS", "no URL", "no answer", "reset", "cut off", "odd"],
)
def test_it_is_known_whether_the_vendor_may_have_seen_a_request(
    wire: Wire, vendor: responses.RequestsMock, failure: Exception, sent: bool
) -> None:
    vendor.post(f"{URL}/x", body=failure)
    with pytest.raises(WireError) as caught:
        wire.send("POST", "/x", None, None, 60)
    assert caught.value.sent is sent


def test_an_untrusted_certificate_names_the_variable_for_an_own_one(api: Api, vendor: responses.RequestsMock) -> None:
    add_failure(vendor, "GET", UNTRUSTED)
    with pytest.raises(errors.StatusCheckFailedError, match="REQUESTS_CA_BUNDLE"):
        api.get("/x", tries=1)


# What is remembered


def test_the_last_answer_is_kept_for_its_file_also_when_it_is_an_error(
    api: Api, job: Job, vendor: responses.RequestsMock
) -> None:
    api.record_as = "r.json"
    vendor.get(f"{URL}/x", json={"n": 1})
    vendor.get(f"{URL}/x", json={"n": 2}, status=404)
    api.get("/x")
    with pytest.raises(errors.SyncNotFoundError):
        api.get("/x")
    assert job.responses["r.json"].body == {"n": 2}


def test_without_a_file_name_no_answer_is_kept(api: Api, job: Job, vendor: responses.RequestsMock) -> None:
    vendor.get(f"{URL}/x", json={})
    api.get("/x")
    assert job.responses == {}


@pytest.mark.parametrize("offset", [0, -100_000, 100_000])
def test_the_servers_clock_is_known_whatever_the_local_one_shows(
    tmp_path: Path, vendor: responses.RequestsMock, offset: float
) -> None:
    clock = FakeClock(offset)
    api = Api("Acme", Wire(URL, bearer, {}, clock), Job(Artifacts(tmp_path, "acme", None, (), Mask()), Mask(), clock))
    vendor.get(f"{URL}/x", json={}, headers={"Date": clock.date()})
    api.get("/x")
    clock.sleep(90)
    assert api.now() == NOW + timedelta(seconds=90)


@pytest.mark.parametrize("headers", [{}, {"Date": "nonsense"}, {"Date": "Fri, 31 Dec 9999 23:59:59 -1400"}])
def test_a_server_that_tells_no_time_is_no_fault(
    api: Api, vendor: responses.RequestsMock, headers: dict[str, str]
) -> None:
    vendor.get(f"{URL}/x", json={}, headers=headers)
    api.get("/x")
    assert api.now() is None


def test_no_secret_is_in_what_is_logged_of_a_failing_read(
    api: Api, vendor: responses.RequestsMock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vendor.get(f"{URL}/x", status=500, json={"message": f"Authorization: Bearer {TOKEN}"})
    vendor.get(f"{URL}/x", json={})
    api.get("/x")
    assert "trying again" in caplog.text
    assert TOKEN not in caplog.text


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="a signal of POSIX")
@pytest.mark.parametrize("failure", [None, NO_ANSWER])
def test_no_alarm_is_left_behind(wire: Wire, vendor: responses.RequestsMock, failure: Exception | None) -> None:
    before = signal.getsignal(signal.SIGALRM)
    vendor.get(f"{URL}/x", body=failure or "{}")
    with contextlib.suppress(WireError):
        wire.send("GET", "/x", None, None, 60)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) == before
