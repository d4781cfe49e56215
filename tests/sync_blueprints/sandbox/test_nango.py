"""The sandbox responds as a recorded Nango server did."""

from __future__ import annotations

import json
import re
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from sync_blueprints.catalog import REPOSITORY
from sync_blueprints.sandbox import Sandbox, nango
from tests.support import FakeClock
from tests.sync_blueprints.sandbox.conftest import Call

RECORDED = [json.loads(line) for line in (REPOSITORY / "tests/recorded/nango.jsonl").read_text().splitlines()]


def entries(call: Call, connection: str, syncs: str = "*", integration: str = "sandbox") -> list[dict[str, Any]]:
    query = f"provider_config_key={integration}&syncs={syncs}" + (f"&connection_id={connection}" if connection else "")
    return call("GET", f"/sync/status?{query}").json()["syncs"]


def post(call: Call, connection: str, syncs: list[Any], **more: Any) -> requests.Response:
    where = {"connection_id": connection} if connection else {}
    return call("POST", "/sync/trigger", {"provider_config_key": "sandbox", "syncs": syncs, **where, **more})


def test_it_adds_nothing_to_a_run_that_is_running_or_queued(call: Call, sandbox: Sandbox, clock: FakeClock) -> None:
    for one in ("succeeds", "lazy"):
        for _ in range(2):
            assert post(call, one, ["orders"]).json() == {"success": True}
            clock.elapsed += 0.5
    assert sandbox.starts == [("nango", "succeeds"), ("nango", "lazy")]


def test_a_reset_cancels_the_running_run_and_starts_anew(call: Call, sandbox: Sandbox, clock: FakeClock) -> None:
    post(call, "succeeds", ["orders"])
    clock.elapsed += 1.5
    post(call, "succeeds", ["orders"], opts={"reset": True})
    clock.elapsed += 1.5
    assert entries(call, "succeeds", "orders")[0]["latestExecutionStatus"] == "RUNNING"
    assert len(sandbox.starts) == 2


def test_a_paused_sync_runs_once_and_stays_paused(call: Call, clock: FakeClock) -> None:
    before = entries(call, "paused", "orders")[0]
    assert (before["status"], before["latestExecutionStatus"]) == ("PAUSED", "SUCCESS")
    assert before["nextScheduledSyncAt"] is None
    post(call, "paused", ["orders"])
    assert entries(call, "paused", "orders")[0]["status"] == "RUNNING"
    clock.elapsed += 2
    after = entries(call, "paused", "orders")[0]
    assert (after["status"], after["id"]) == ("PAUSED", before["id"])
    assert after["finishedAt"] > before["finishedAt"]


def test_without_a_connection_all_three_are_meant(call: Call, sandbox: Sandbox) -> None:
    assert len(entries(call, "")) == 9
    mixed = [one["connection_id"] for one in entries(call, "", "orders::eu", "sandbox-mixed")]
    assert mixed == ["succeeds_in_1", "fails_in_1", "succeeds_in_2"]
    assert entries(call, "", integration="sandbox-empty") == []
    assert post(call, "", ["orders", "nope"]).status_code == 200
    assert sandbox.starts == [("nango", f"succeeds_in_{number}") for number in (1, 2, 3)]


def test_with_a_connection_the_syncs_before_an_unknown_one_are_started(call: Call, sandbox: Sandbox) -> None:
    assert post(call, "succeeds", ["orders", "nope", "customers"]).status_code == 400
    assert sandbox.starts == [("nango", "succeeds")]


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
KEY = nango.VARIABLES["NANGO_SECRET_KEY"]
AUTHORIZATIONS = {  # other than they were recorded
    "auth: raw key without Bearer": KEY,
    "auth: read-only key on trigger": f"Bearer {nango.READ_ONLY_KEY}",
    "auth: execute-only key on status": f"Bearer {nango.EXECUTE_ONLY_KEY}",
}
# Requests and failures that the sandbox has not; requests takes the double slash away, see below.
LEFT_OUT = (
    *("auth: prod env key", "freq ", "pause ", "start ", "N2 ", "double slash"),
    *("trig: opts+sync_mode", "trig: opts+full_resync", "trig: bad sync_mode"),  # deprecated
)
ACCEPTED = ("auth: raw key without Bearer", "trailing slash", "M6b ", "M6d ", "M6e ", "M5 ")
REPLAYED = [
    *(one for one in RECORDED if one["status"] >= 400 and not one["label"].startswith(LEFT_OUT)),
    *(one for one in RECORDED if one["status"] == 200 and one["label"].startswith(ACCEPTED)),
]


def translated(text: str) -> str:
    return re.sub("|".join(NAMES), lambda found: NAMES[found[0]], text)


@pytest.mark.parametrize("recorded", REPLAYED, ids=[one["label"] for one in REPLAYED])
def test_it_accepts_or_refuses_a_request_as_the_recorded_server_did(call: Call, recorded: dict[str, Any]) -> None:
    auth = AUTHORIZATIONS.get(recorded["label"], recorded["auth"])
    headers = {name: translated(value) for name, value in recorded["request_headers"].items()}
    headers["Authorization"] = auth and auth.replace("<key>", KEY)
    sent = recorded["request_body"]
    text = None if sent is None else sent if isinstance(sent, str) else json.dumps(sent)
    response = call(recorded["method"], translated(recorded["path"]), text and translated(text), headers)
    assert response.status_code == recorded["status"]
    if response.ok:
        assert response.text == recorded["body"]
    elif recorded["body"].startswith("{"):
        assert response.json()["error"]["code"] == json.loads(recorded["body"])["error"]["code"]
    assert response.headers["Content-Type"] == recorded["headers"]["Content-Type"]


def test_it_does_not_know_a_path_that_begins_with_two_slashes(sandbox: Sandbox) -> None:
    recorded = next(one for one in RECORDED if one["label"] == "double slash")
    connection = HTTPConnection(urlsplit(sandbox.url).netloc)
    with closing(connection):
        connection.request("POST", "//sync/trigger", "{}")
        response = connection.getresponse()
        assert (response.status, response.read()[:5]) == (recorded["status"], b"<pre>")


@pytest.mark.parametrize(
    "recorded", [one for one in RECORDED if one["label"].startswith("stat: ") and one["status"] == 200]
)
def test_the_list_of_syncs_is_read_as_the_recorded_server_read_it(call: Call, recorded: dict[str, Any]) -> None:
    found = call("GET", translated(recorded["path"])).json()["syncs"]
    expected = json.loads(translated(recorded["body"]))["syncs"]
    assert [(one["name"], one["variant"]) for one in found] == [(one["name"], one["variant"]) for one in expected]


def test_it_shows_a_run_in_the_fields_that_the_recorded_server_shows(call: Call, clock: FakeClock) -> None:
    recorded = [one for one in RECORDED if one["label"].startswith("sequence")]
    shown = []
    for one in ("succeeds", "fails"):
        post(call, one, ["customers"])
        shown.append(entries(call, one, "customers")[0])
        clock.elapsed += 2
        shown.append(entries(call, one, "customers")[0])
    for real, ours in zip((json.loads(one["body"])["syncs"][0] for one in recorded[1:]), shown):
        assert set(ours) == set(real)
        assert (ours["status"], ours["latestExecutionStatus"]) == (real["status"], real["latestExecutionStatus"])
        assert [type(ours[name]) for name in real] == list(map(type, real.values()))


def test_a_cut_run_is_a_success_whose_due_time_is_past_until_it_continues(call: Call, clock: FakeClock) -> None:
    timeline = [
        (1.0, "SUCCESS", False),  # the due time is written a moment later
        (0.5, "SUCCESS", True),
        (59.0, "SUCCESS", True),
        (0.5, "RUNNING", False),
        (1.0, "SUCCESS", False),
    ]
    post(call, "cut_in_60", ["orders"])
    ends = []
    for place, (seconds, latest, due) in enumerate(timeline):
        clock.elapsed += seconds
        (entry,) = entries(call, "cut_in_60", "orders")
        ends.append(entry.get("finishedAt"))
        assert (entry["latestExecutionStatus"], entry["nextScheduledSyncAt"] == ends[-1]) == (latest, due), place
    assert ends[0] == ends[1] == ends[2] < ends[4]


def test_an_old_server_names_no_connections(call: Call) -> None:
    found = entries(call, "", "orders", "sandbox-old")
    assert len(found) == 2
    assert not any("connection_id" in one or "latestExecutionStatus" in one for one in found)
