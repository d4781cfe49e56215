"""The sandbox answers as the vendors do, and its ids behave as they say."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from sync_blueprints.sandbox import BEHAVIOURS, Sandbox, nango
from sync_blueprints.sandbox.world import read_id

ROOT = Path(__file__).resolve().parents[2]
RECORDED = [json.loads(line) for line in (ROOT / "tests/recorded/nango.jsonl").read_text().splitlines()]
Call = Callable[..., requests.Response]


class Clock:
    def __init__(self) -> None:
        self.passed = 0.0

    def time(self) -> float:
        return 1_800_000_000.25 + self.passed

    def monotonic(self) -> float:
        return 5000.0 + self.passed


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[Sandbox]:
    with Sandbox(clock=clock) as sandbox:
        yield sandbox


@pytest.fixture
def call(sandbox: Sandbox) -> Iterator[Call]:
    """call(method, path, json) with the credentials that the path needs."""
    given = sandbox.environment
    login = f"{given['FIVETRAN_API_KEY']}:{given['FIVETRAN_API_SECRET']}".encode()
    keys = {
        "/v1": f"Basic {b64encode(login).decode()}",
        "/v2": f"Bearer {given['RUDDERSTACK_ACCESS_TOKEN']}",
    }
    with requests.Session() as session:
        session.trust_env = False

        def send(method: str, path: str, body: Any = None, headers: Any = None, **more: Any) -> requests.Response:
            key = keys.get(path[:3], f"Bearer {given['NANGO_SECRET_KEY']}")
            kind = {"Content-Type": "application/json"} if method != "GET" else {}
            text = body if body is None or isinstance(body, str) else json.dumps(body)
            sent = {"Authorization": key, **kind, **(headers or {})}
            return session.request(method, sandbox.url + path, data=text, headers=sent, allow_redirects=False, **more)

        yield send


# Paths of (start, body of the start, read) for each vendor, by id.
VENDORS: dict[str, Callable[[str], tuple[str, Any, str]]] = {
    "retl": lambda one: (
        f"/v2/retl-connections/{one}/start",
        {"syncType": "incremental"},
        f"/v2/retl-connections/{one}/syncs",
    ),
    "source": lambda one: (f"/v2/sources/{one}/start", None, f"/v2/sources/{one}/status"),
    "fivetran": lambda one: (f"/v1/connections/{one}/sync", {"force": True}, f"/v1/connections/{one}"),
    "nango": lambda one: (
        "/sync/trigger",
        {"provider_config_key": "sandbox", "connection_id": one, "syncs": ["orders"]},
        f"/sync/status?provider_config_key=sandbox&connection_id={one}&syncs=orders",
    ),
}
every_vendor = pytest.mark.parametrize("vendor", VENDORS)


def word(vendor: str, answer: requests.Response) -> str:
    """The word for the latest sync in an answer to a read."""
    body = answer.json()
    if vendor == "retl":
        return str(max(body["syncs"], key=lambda sync: sync["startedAt"])["status"])
    if vendor == "source":
        return "failed" if body.get("error") else str(body["status"])
    if vendor == "nango":
        return str(body["syncs"][0].get("latestExecutionStatus"))
    data = body["data"]
    if data["status"]["sync_state"] != "scheduled":
        return str(data["status"]["sync_state"])
    return "succeeded" if (data["succeeded_at"] or "") > (data["failed_at"] or "") else "failed"


RUNNING = {"retl": "running", "source": "running", "fivetran": "syncing", "nango": "RUNNING"}
GOOD = {"retl": "succeeded", "source": "finished", "fivetran": "succeeded", "nango": "SUCCESS"}
BAD = {"retl": "failed", "source": "failed", "fivetran": "failed", "nango": "STOPPED"}
CANCELLED = {"retl": "stopped", "source": "stopped", "fivetran": "paused", "nango": "STOPPED"}
ODD = {"retl": "hibernating", "source": "hibernating", "fivetran": "hibernating", "nango": "HIBERNATING"}


@every_vendor
@pytest.mark.parametrize(
    ("one", "seconds", "ends_in"),
    [
        ("succeeds", 2, GOOD),
        ("succeeds_in_0p5", 0.5, GOOD),
        ("refuses-rows-in-4_xmine", 4, GOOD),
        ("fails_in_3", 3, BAD),
        ("cancelled", 2, CANCELLED),
        ("odd_word", 2, ODD),
        ("never_run", 1, GOOD),
        ("flaky_start_429_in_2", 2, GOOD),
    ],
)
def test_a_start_runs_for_the_seconds_named_and_ends_as_the_id_says(
    call: Call, clock: Clock, sandbox: Sandbox, vendor: str, one: str, seconds: float, ends_in: dict[str, str]
) -> None:
    start, body, read = VENDORS[vendor](one)
    if one.startswith("flaky"):
        refused = call("POST", start, body)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    assert call("POST", start, body).status_code == 200
    clock.passed += seconds - 0.01
    assert word(vendor, call("GET", read)) == RUNNING[vendor]
    clock.passed += 0.01
    assert word(vendor, call("GET", read)) == ends_in[vendor]
    assert [name for _, name in sandbox.starts] == [one]


@every_vendor
def test_a_running_one_succeeds_by_itself_and_a_later_start_runs_a_second(
    call: Call, clock: Clock, vendor: str
) -> None:
    start, body, read = VENDORS[vendor]("running")
    assert word(vendor, call("GET", read)) == RUNNING[vendor]
    clock.passed += 5
    assert word(vendor, call("GET", read)) == GOOD[vendor]
    assert call("POST", start, body).status_code == 200
    assert word(vendor, call("GET", read)) == RUNNING[vendor]
    clock.passed += 1
    assert word(vendor, call("GET", read)) == GOOD[vendor]


@every_vendor
def test_a_lazy_one_goes_on_showing_the_previous_run(call: Call, clock: Clock, vendor: str) -> None:
    start, body, read = VENDORS[vendor]("lazy_in_5")
    before = call("GET", read).json()
    call("POST", start, body)
    clock.passed += 4.9
    assert call("GET", read).json() == before
    clock.passed += 0.1
    assert word(vendor, call("GET", read)) == RUNNING[vendor]
    clock.passed += 1
    assert word(vendor, call("GET", read)) == GOOD[vendor]


@every_vendor
@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_every_call_for_an_id_is_answered_as_it_says(call: Call, sandbox: Sandbox, vendor: str, status: int) -> None:
    start, body, read = VENDORS[vendor](f"answers_{status}")
    for answer in (call("GET", read), call("POST", start, body)):
        assert answer.status_code == status
        assert not str(answer.json().get("code")).startswith("NotFound")
        assert answer.headers.get("Retry-After") == ("1" if status == 429 else None)
    assert sandbox.starts == []


@every_vendor
def test_bodies_that_make_no_sense_and_redirects(call: Call, vendor: str) -> None:
    read = {name: call("GET", VENDORS[vendor](f"answers_{name}")[2]) for name in ("html", "empty", "garbage")}
    assert [answer.status_code for answer in read.values()] == [200, 200, 200]
    assert read["html"].headers["Content-Type"].startswith("text/html")
    assert read["empty"].content == b""
    with pytest.raises(ValueError, match="Unterminated"):
        read["garbage"].json()
    assert call("GET", VENDORS[vendor]("answers_redirect")[2]).headers["Location"] == "/elsewhere"
    late = call("GET", VENDORS[vendor]("answers_429_in_3600")[2])
    assert late.headers["Retry-After"] == "3600"


@every_vendor
def test_a_start_can_be_answered_409_for_ever(call: Call, clock: Clock, vendor: str) -> None:
    start, body, read = VENDORS[vendor]("answers_409")
    assert call("POST", start, body).status_code == 409
    clock.passed += 10_000
    assert word(vendor, call("GET", read)) == RUNNING[vendor]


@every_vendor
@pytest.mark.parametrize(
    ("behaviour", "status", "accepted"),
    [
        ("loses_answer", None, True),
        ("loses_request", None, False),
        ("start_500_accepted", 500, True),
        ("start_500", 500, False),
    ],
)
def test_the_first_start_alone_goes_wrong(
    call: Call, clock: Clock, sandbox: Sandbox, vendor: str, behaviour: str, status: int | None, accepted: bool
) -> None:
    start, body, read = VENDORS[vendor](f"{behaviour}_in_1")
    if status is None:
        with pytest.raises(requests.ConnectionError):
            call("POST", start, body)
    else:
        assert call("POST", start, body).status_code == status
    assert len(sandbox.starts) == accepted
    assert sandbox.requests[-1].status == status
    assert (word(vendor, call("GET", read)) == RUNNING[vendor]) is accepted
    clock.passed += 1
    assert call("POST", start, body).status_code == 200
    assert len(sandbox.starts) == accepted + 1


@every_vendor
def test_a_flaky_one_fails_the_first_two_reads(call: Call, vendor: str) -> None:
    read = VENDORS[vendor]("flaky")[2]
    assert [call("GET", read).status_code for _ in range(4)] == [503, 503, 200, 200]


@every_vendor
@pytest.mark.parametrize("one", ["unknown", "unknown_xyz", "nonsense", "succeeds_in_", "succeeds_in_1.5", "fails!"])
def test_any_other_id_is_not_found(call: Call, vendor: str, one: str) -> None:
    start, body, read = VENDORS[vendor](one)
    assert call("GET", read).status_code == (400 if vendor == "nango" else 404)
    assert call("POST", start, body).status_code == 404


def test_ids_are_independent_and_their_words_may_be_hyphenated() -> None:
    assert read_id("refuses-rows-in-0p5-xa/b.c") == ("refuses_rows", 0.5)
    assert read_id("start_500_accepted_x2") == ("start_500_accepted", 2)
    assert all(read_id(one) == (one, BEHAVIOURS[one][0]) for one in BEHAVIOURS)


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/v2/workspace", "Bearer wrong"),
        ("/v2/sources/succeeds/status", "Basic sandbox-rudderstack-token"),
        ("/v1/account/info", "Basic d3Jvbmc6d3Jvbmc="),
        ("/v1/account/info", "Bearer sandbox-fivetran-key"),
    ],
)
def test_wrong_credentials_are_401(call: Call, path: str, key: str) -> None:
    answer = call("GET", path, headers={"Authorization": key})
    assert answer.status_code == 401
    assert answer.json()


@pytest.mark.parametrize("path", ["/v2/workspace", "/v2/sources", "/v1/account/info", "/scripts/config"])
def test_good_credentials_can_be_checked(call: Call, path: str) -> None:
    assert call("GET", path).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/nope", 404),
        ("DELETE", "/v2/workspace", 405),
        ("HEAD", "/v2/workspace", 405),
        ("GET", "/v1/connectors/succeeds", 404),
        ("PUT", "/v1/connections/succeeds", 405),
        ("HEAD", "/sync/status", 404),
        ("DELETE", "/sync/trigger", 404),
    ],
)
def test_unknown_paths_and_methods_are_refused(call: Call, method: str, path: str, status: int) -> None:
    assert call(method, path).status_code == status
    assert call("GET", "/v2/workspace").status_code == 200  # over the same connection


def test_calls_are_recorded_in_order_and_share_a_connection_and_the_clock_s_date(
    call: Call, sandbox: Sandbox, clock: Clock
) -> None:
    call("GET", "/v2/sources?page=2")
    clock.passed += 100
    date = call("POST", "/v1/connections/succeeds/sync", {"force": False}).headers["Date"]
    assert parsedate_to_datetime(date) == datetime.fromtimestamp(1_800_000_100, timezone.utc)
    shown = [(one.method, one.path, one.query, one.body, one.status) for one in sandbox.requests]
    assert shown == [
        ("GET", "/v2/sources", {"page": ["2"]}, "", 200),
        ("POST", "/v1/connections/succeeds/sync", {}, '{"force": false}', 200),
    ]
    assert sandbox.requests[0].headers["authorization"].startswith("Bearer ")
    assert sandbox.starts == [("fivetran", "succeeds")]
    assert len([one for one in threading.enumerate() if "process_request_thread" in one.name]) <= 1


# RudderStack


def test_rudderstack_stops_a_second_after_it_was_asked_and_refuses_starts_till_then(call: Call, clock: Clock) -> None:
    path = "/v2/retl-connections/running_in_60"
    assert call("POST", f"{path}/start", {"syncType": "full"}).status_code == 409
    stopped = call("POST", f"{path}/stop")
    assert (stopped.status_code, stopped.content) == (204, b"")
    running = call("GET", f"{path}/syncs").json()["syncs"][-1]
    assert (running["status"], bool(running["finishedAt"])) == ("running", True)
    clock.passed += 1
    assert call("GET", f"{path}/syncs/{running['id']}").json()["status"] == "stopped"
    sync_id = call("POST", f"{path}/start", {"syncType": "full"}).json()["syncId"]
    assert call("GET", f"{path}/syncs/{sync_id}").json()["status"] == "running"
    assert sync_id != running["id"]


def test_rudderstack_lists_by_page_status_and_time(call: Call, clock: Clock) -> None:
    path = "/v2/retl-connections/succeeds_in_0"
    for _ in range(3):
        clock.passed += 10
        call("POST", f"{path}/start", {"syncType": "incremental"})
    first = call("GET", f"{path}/syncs?per_page=3&status=succeeded").json()
    assert (len(first["syncs"]), first["paging"]["total"]) == (3, 4)
    second = call("GET", first["paging"]["next"]).json()
    assert (len(second["syncs"]), second["paging"]) == (1, {"total": 4})
    since = first["syncs"][1]["startedAt"]
    assert call("GET", f"{path}/syncs?started_after={since}").json()["paging"]["total"] == 2
    assert call("GET", f"{path}/syncs?started_before={since}").json()["paging"]["total"] == 1
    for wrong in ("status=stopped", "page=0", "per_page=x", "started_after=yesterday"):
        assert call("GET", f"{path}/syncs?{wrong}").status_code == 400


def test_rudderstack_tells_of_refused_rows_and_failures(call: Call) -> None:
    for one, status, failed in (("refuses_rows_in_0", "succeeded", 3), ("fails_in_0", "failed", 100)):
        call("POST", f"/v2/retl-connections/{one}/start", {"syncType": "full"})
        sync = call("GET", f"/v2/retl-connections/{one}/syncs").json()["syncs"][-1]
        assert (sync["status"], sync["metrics"]["failed"]["total"]) == (status, failed)
    call("POST", "/v2/sources/fails_in_0/start")
    run = call("GET", "/v2/sources/fails_in_0/status").json()
    assert (run["status"], bool(run["error"])) == ("finished", True)


@pytest.mark.parametrize("body", [None, "{", {}, {"syncType": "FULL"}])
def test_rudderstack_wants_a_sync_type(call: Call, body: Any) -> None:
    assert call("POST", "/v2/retl-connections/succeeds/start", body).status_code == 400


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"parameters": ["--rebase_incremental", "--begin_time 2026-01-01"]}, 200),
        ({"parameters": ["--drop"]}, 400),
        ({"parameters": "x"}, 400),
    ],
)
def test_rudderstack_sources_take_parameters(call: Call, body: Any, status: int) -> None:
    assert call("POST", "/v2/sources/succeeds/start", body).status_code == status


# Fivetran


def details(call: Call, one: str) -> dict[str, Any]:
    data: dict[str, Any] = call("GET", f"/v1/connections/{one}").json()["data"]
    return {**data, **data["status"]}


@pytest.mark.parametrize(
    ("method", "headers", "body", "status"),
    [
        ("POST", {"Accept": "application/json;version=2"}, {"force": True}, 200),
        ("POST", {"Accept": "application/xml"}, {"force": True}, 406),
        ("POST", {"Accept": "application/json;version=3"}, {"force": True}, 406),
        ("POST", {"Content-Type": "text/plain"}, {"force": True}, 415),
        ("POST", {}, "{", 400),
        ("POST", {}, {"force": "true"}, 400),
    ],
)
def test_fivetran_is_strict_about_headers_and_bodies(
    call: Call, method: str, headers: dict[str, str], body: Any, status: int
) -> None:
    answer = call(method, "/v1/connections/succeeds/sync", body, headers)
    assert answer.status_code == status
    assert (answer.json()["code"] == "Success") is (status == 200)
    assert "data" not in answer.json()


def test_fivetran_a_forced_sync_interrupts_the_running_one_and_stamps_it_failed(call: Call, clock: Clock) -> None:
    before = details(call, "running")
    assert (before["sync_state"], before["failed_at"]) == ("syncing", None)
    path = "/v1/connections/running/sync"
    assert call("POST", path, {"force": False}).status_code == 409
    assert call("POST", path, {"force": True}).status_code == 200
    between = details(call, "running")
    assert (between["sync_state"], between["succeeded_at"]) == ("syncing", before["succeeded_at"])
    assert between["failed_at"].startswith("2027-01-15T08:00:00.25")
    clock.passed += 1
    after = details(call, "running")
    assert after["failed_at"] == between["failed_at"], "never cleared"
    assert after["succeeded_at"] > after["failed_at"]
    items = call("GET", "/v1/connections/running/sync-history?limit=2").json()["data"]
    assert [item["status"] for item in items["items"]] == ["COMPLETED", "CANCELED"]
    rest = call("GET", f"/v1/connections/running/sync-history?limit=2&cursor={items['next_cursor']}").json()["data"]
    assert [item["status"] for item in rest["items"]] == ["COMPLETED"]
    since = call("GET", "/v1/connections/running/sync-history?start_time=2027-01-15T08:00:00Z").json()["data"]
    assert [item["status"] for item in since["items"]] == ["COMPLETED"]


def test_fivetran_stamps_differ_in_the_length_of_their_fraction(call: Call, clock: Clock) -> None:
    stamps = []
    for _ in range(3):
        stamps.append(details(call, "succeeds_in_1")["succeeded_at"])
        call("POST", "/v1/connections/succeeds_in_1/sync", {"force": True})
        clock.passed += 1
    assert [len(stamp) for stamp in stamps] == [20, 27, 24]


def test_fivetran_a_connection_that_never_ran_has_no_stamps(call: Call) -> None:
    never = details(call, "never_run")
    assert (never["succeeded_at"], never["failed_at"], never["sync_state"]) == (None, None, "scheduled")


def test_fivetran_becomes_paused_while_it_runs_and_can_be_resumed(call: Call, clock: Clock, sandbox: Sandbox) -> None:
    path = "/v1/connections/cancelled"
    call("POST", f"{path}/sync", {"force": True})
    clock.passed += 2
    paused = details(call, "cancelled")
    assert (paused["paused"], paused["sync_state"], paused["failed_at"]) == (True, "paused", None)
    assert call("POST", f"{path}/sync", {"force": True}).status_code == 400
    resumed = call("PATCH", path, {"paused": False, "run_setup_tests": False}).json()["data"]
    assert (resumed["paused"], resumed["status"]["sync_state"]) == (False, "scheduled")
    assert len(sandbox.starts) == 1


def test_fivetran_setup_states(call: Call, clock: Clock) -> None:
    assert details(call, "paused")["sync_state"] == "paused"
    assert details(call, "incomplete")["setup_state"] == "incomplete"
    assert call("POST", "/v1/connections/incomplete/sync", {"force": True}).status_code == 400
    assert details(call, "broken")["setup_state"] == "broken"
    call("POST", "/v1/connections/broken/sync", {"force": False})
    clock.passed += 2
    assert details(call, "broken")["setup_state"] == "broken"
    call("POST", "/v1/connections/broken/sync", {"force": True})
    clock.passed += 2
    assert details(call, "broken")["setup_state"] == "connected"


def test_fivetran_a_rescheduled_sync_waits_for_another_post(call: Call, clock: Clock) -> None:
    one = "rescheduled_in_30"
    assert details(call, one)["schedule_type"] == "manual"
    call("POST", f"/v1/connections/{one}/sync", {"force": True})
    clock.passed += 1
    put_off = details(call, one)
    assert (put_off["sync_state"], put_off["rescheduled_for"]) == ("rescheduled", "2027-01-15T08:00:31Z")
    clock.passed += 100
    assert details(call, one)["sync_state"] == "rescheduled"
    assert call("POST", f"/v1/connections/{one}/sync", {"force": False}).status_code == 200
    clock.passed += 1
    done = details(call, one)
    assert (done["sync_state"], done["rescheduled_for"]) == ("scheduled", None)
    assert done["succeeded_at"] > "2027-01-15T08:00:31Z"


def test_fivetran_on_an_automatic_schedule_a_rescheduled_sync_runs_by_itself(call: Call, clock: Clock) -> None:
    one = "rescheduled_in_30_xauto"
    call("PATCH", f"/v1/connections/{one}", {"schedule_type": "auto"})
    call("POST", f"/v1/connections/{one}/sync", {"force": True})
    clock.passed += 31.5
    assert details(call, one)["sync_state"] == "syncing"
    clock.passed += 1
    assert details(call, one)["succeeded_at"] > "2027-01-15T08:00:31Z"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"schedule_type": "manual", "sync_frequency": 60, "daily_sync_time": "03:00"}, 200),
        ({"schedule_type": "weekly"}, 400),
        ({"paused": "TRUE"}, 400),
        ({"historical_sync": True}, 400),
        ({"run_setup_tests": False}, 400),
        ({}, 400),
        ([], 400),
    ],
)
def test_fivetran_a_change_lasts_and_a_wrong_one_is_refused(call: Call, body: Any, status: int) -> None:
    before = call("GET", "/v1/connections/succeeds").json()["data"]
    assert call("PATCH", "/v1/connections/succeeds", body).status_code == status
    after = call("GET", "/v1/connections/succeeds").json()["data"]
    assert after == ({**before, **body} if status == 200 else before)


def test_fivetran_resyncs_at_once_by_call_and_by_change(call: Call, sandbox: Sandbox) -> None:
    call("PATCH", "/v1/connections/succeeds", {"is_historical_sync": True})
    assert details(call, "succeeds")["is_historical_sync"] is True
    assert call("POST", "/v1/connections/succeeds/resync").status_code == 409
    assert call("POST", "/v1/connections/fails/resync", {"scope": {}}).status_code == 400
    assert call("POST", "/v1/connections/fails/resync", {"scope": {"a": ["b"]}}).status_code == 200
    assert sandbox.starts == [("fivetran", "succeeds"), ("fivetran", "fails")]


def test_fivetran_says_that_a_connection_is_not_found(call: Call) -> None:
    assert call("GET", "/v1/connections/unknown").json()["code"] == "NotFound_Connection"
    assert call("GET", "/v1/connectors/succeeds").json()["code"] == "ResourceNotFound"


# Nango


def entries(call: Call, connection: str, syncs: str = "*", integration: str = "sandbox") -> list[dict[str, Any]]:
    query = f"provider_config_key={integration}&syncs={syncs}" + (f"&connection_id={connection}" if connection else "")
    found: list[dict[str, Any]] = call("GET", f"/sync/status?{query}").json()["syncs"]
    return found


def post(call: Call, connection: str, syncs: list[Any], path: str = "trigger", **more: Any) -> requests.Response:
    where = {"connection_id": connection} if connection else {}
    return call("POST", f"/sync/{path}", {"provider_config_key": "sandbox", "syncs": syncs, **where, **more})


def test_nango_adds_nothing_to_a_run_that_is_running_or_queued(call: Call, sandbox: Sandbox, clock: Clock) -> None:
    for one in ("succeeds", "lazy"):
        for _ in range(2):
            assert post(call, one, ["orders"]).json() == {"success": True}
            clock.passed += 0.5
    assert sandbox.starts == [("nango", "succeeds"), ("nango", "lazy")]


def test_nango_a_reset_cancels_the_running_run_and_starts_anew(call: Call, sandbox: Sandbox, clock: Clock) -> None:
    post(call, "succeeds", ["orders"])
    clock.passed += 1.5
    post(call, "succeeds", ["orders"], opts={"reset": True})
    clock.passed += 1.5
    assert entries(call, "succeeds", "orders")[0]["latestExecutionStatus"] == "RUNNING"
    assert len(sandbox.starts) == 2


def test_nango_a_paused_sync_runs_once_and_stays_paused(call: Call, clock: Clock) -> None:
    before = entries(call, "paused", "orders")[0]
    assert (before["status"], before["latestExecutionStatus"], before["nextScheduledSyncAt"]) == (
        "PAUSED",
        "SUCCESS",
        None,
    )
    post(call, "paused", ["orders"])
    assert entries(call, "paused", "orders")[0]["status"] == "RUNNING"
    clock.passed += 2
    after = entries(call, "paused", "orders")[0]
    assert (after["status"], after["id"]) == ("PAUSED", before["id"])
    assert after["finishedAt"] > before["finishedAt"]
    post(call, "paused", ["orders"], "start")
    assert entries(call, "paused", "orders")[0]["status"] == "SUCCESS"
    post(call, "paused", ["orders"], "pause")
    assert entries(call, "paused", "orders")[0]["status"] == "PAUSED"


def test_nango_without_a_connection_all_three_are_meant(call: Call, sandbox: Sandbox) -> None:
    assert len(entries(call, "")) == 9
    assert [one["connection_id"] for one in entries(call, "", "orders::eu", "sandbox-mixed")] == [
        "succeeds_in_1",
        "fails_in_1",
        "succeeds_in_2",
    ]
    assert entries(call, "", integration="sandbox-empty") == []
    assert post(call, "", ["orders", "nope"]).status_code == 200
    assert sandbox.starts == [("nango", f"succeeds_in_{number}") for number in (1, 2, 3)]


def test_nango_with_a_connection_the_syncs_before_an_unknown_one_are_started(call: Call, sandbox: Sandbox) -> None:
    assert post(call, "succeeds", ["orders", "nope", "customers"]).status_code == 400
    assert sandbox.starts == [("nango", "succeeds")]


def test_nango_no_syncs_named_means_all_of_them(call: Call, sandbox: Sandbox) -> None:
    assert post(call, "succeeds", []).status_code == 200
    assert len(sandbox.starts) == 3


def test_nango_shows_no_run_where_there_was_none(call: Call) -> None:
    never = entries(call, "never_run", "customers")[0]
    assert never["status"] == "SUCCESS"
    assert "latestExecutionStatus" not in never
    assert "finishedAt" not in never


def test_nango_tells_how_many_calls_are_left(call: Call) -> None:
    first, second = (call("GET", "/scripts/config").headers for _ in range(2))
    assert int(first["X-RateLimit-Remaining"]) - 1 == int(second["X-RateLimit-Remaining"])
    assert int(second["X-RateLimit-Limit"]) - 2 == int(second["X-RateLimit-Remaining"])
    assert int(second["X-RateLimit-Reset"]) == 1_800_000_060


NAMES = {
    "lab-int": "sandbox",
    "lab-empty": "sandbox-empty",
    "lab-quick": "orders",
    "lab-ctl": "customers",
    "lab-fail": "customers",
    "conn-a": "succeeds_xa",
    "conn-b": "succeeds_xb",
    "conn-c": "unknown",  # was deleted
}
KEYS = {
    "auth: read-only key on trigger": nango.READ_ONLY_KEY,
    "auth: execute-only key on status": nango.EXECUTE_ONLY_KEY,
}
# Calls, keys and failures that the sandbox has not; requests takes the double slash away, see below.
NOT_HELD = ("freq ", "auth: prod env key", "N2 ", "double slash")
ERRORS = [one for one in RECORDED if one["status"] >= 400 and not one["label"].startswith(NOT_HELD)]


def translated(text: str) -> str:
    return re.sub("|".join(NAMES), lambda found: NAMES[found[0]], text)


def comparable(body: str) -> str:
    """A body without what differs from call to call."""
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uuid>", body)


@pytest.mark.parametrize("recorded", ERRORS, ids=[one["label"] for one in ERRORS])
def test_nango_refuses_as_the_recorded_server_did(call: Call, recorded: dict[str, Any]) -> None:
    key = KEYS.get(recorded["label"], nango.VARIABLES["NANGO_SECRET_KEY"])
    auth = recorded["auth"] and recorded["auth"].replace("<key>", key)
    headers = {"Authorization": auth, **recorded["request_headers"]}
    sent = recorded["request_body"]
    text = None if sent is None else sent if isinstance(sent, str) else json.dumps(sent)
    answer = call(recorded["method"], translated(recorded["path"]), text and translated(text), headers)
    assert answer.status_code == recorded["status"]
    expected = translated(recorded["body"])
    if expected.startswith("{"):
        assert json.loads(comparable(answer.text)) == json.loads(comparable(expected))
    else:
        assert answer.text == expected
    assert answer.headers["Content-Type"] == recorded["headers"]["Content-Type"]
    assert ("X-RateLimit-Limit" in answer.headers) is ("X-RateLimit-Limit" in recorded["headers"])


def test_nango_does_not_know_a_path_that_begins_with_two_slashes(sandbox: Sandbox) -> None:
    recorded = next(one for one in RECORDED if one["label"] == "double slash")
    connection = HTTPConnection(urlsplit(sandbox.url).netloc)
    with closing(connection):
        connection.request("POST", "//sync/trigger", "{}")
        answer = connection.getresponse()
        assert (answer.status, answer.read().decode()) == (404, recorded["body"])


@pytest.mark.parametrize("label", ["raw key without Bearer", "trailing slash", "M6b", "M6d", "M6e", "M6g", "M5 "])
def test_nango_accepts_what_the_recorded_server_accepted(call: Call, label: str) -> None:
    recorded = next(one for one in RECORDED if label in one["label"])
    headers = recorded["request_headers"]
    if "raw key" in label:
        headers = {**headers, "Authorization": nango.VARIABLES["NANGO_SECRET_KEY"]}
    headers = {name: translated(value) for name, value in headers.items()}
    answer = call("POST", recorded["path"], translated(json.dumps(recorded["request_body"])), headers)
    assert (answer.status_code, answer.text) == (200, recorded["body"])


@pytest.mark.parametrize(
    "recorded", [one for one in RECORDED if one["label"].startswith("stat: ") and one["status"] == 200]
)
def test_nango_s_list_of_syncs_is_read_as_the_recorded_server_read_it(call: Call, recorded: dict[str, Any]) -> None:
    found = call("GET", translated(recorded["path"])).json()["syncs"]
    expected = json.loads(translated(recorded["body"]))["syncs"]
    assert [(one["name"], one["variant"]) for one in found] == [(one["name"], one["variant"]) for one in expected]


def test_nango_shows_a_run_in_the_fields_that_the_recorded_server_shows(call: Call, clock: Clock) -> None:
    recorded = [one for one in RECORDED if one["label"].startswith("sequence")]
    shown = []
    for one in ("succeeds", "fails"):
        post(call, one, ["customers"])
        shown.append(entries(call, one, "customers")[0])
        clock.passed += 2
        shown.append(entries(call, one, "customers")[0])
    for real, ours in zip((json.loads(one["body"])["syncs"][0] for one in recorded[1:]), shown):
        assert set(ours) == set(real)
        assert (ours["status"], ours["latestExecutionStatus"]) == (real["status"], real["latestExecutionStatus"])
        assert {name: type(value) for name, value in ours.items()} == {
            name: type(value) for name, value in real.items()
        }


# The server


def test_closing_ends_its_threads_even_with_a_call_s_connection_kept_open() -> None:
    with requests.Session() as session:
        session.trust_env = False
        with Sandbox() as sandbox:
            assert session.get(f"{sandbox.url}/v2/workspace").status_code == 401
            during = threading.active_count()
        assert threading.active_count() == during - 2
        sandbox.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_the_environment_first_and_ends_cleanly(number: int) -> None:
    code = "import sys; from sync_blueprints.sandbox import main; sys.exit(main(['--port', '0']))"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(7)]
        names = [re.fullmatch(r"export ([A-Z_]+)=(\S+)\n", line) for line in lines]
        found = {one[1]: one[2] for one in names if one}
        assert set(found) == {
            "RUDDERSTACK_API_URL",
            "RUDDERSTACK_ACCESS_TOKEN",
            "FIVETRAN_API_URL",
            "FIVETRAN_API_KEY",
            "FIVETRAN_API_SECRET",
            "NANGO_API_URL",
            "NANGO_SECRET_KEY",
        }
        headers = {"Authorization": f"Bearer {found['RUDDERSTACK_ACCESS_TOKEN']}"}
        assert requests.get(f"{found['RUDDERSTACK_API_URL']}/v2/workspace", headers=headers, timeout=10).ok
        process.send_signal(number)
        rest = process.stdout.read()
        assert process.wait(10) == 0
    assert all(line.startswith("#") for line in rest.splitlines())
    assert all(f"#   {behaviour} " in rest for behaviour in BEHAVIOURS)
