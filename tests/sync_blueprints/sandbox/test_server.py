"""The server of the sandbox, and its command."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
from base64 import b64encode
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from sync_blueprints.sandbox import BEHAVIORS, Sandbox, main
from sync_blueprints.sandbox.fivetran import NARROW_KEY
from tests import processes
from tests.support import FakeClock
from tests.sync_blueprints.sandbox.conftest import Call

HISTORY = "/v1/connections/succeeds/sync-history?"
RETL, SOURCE = "/v2/retl-connections/succeeds/start", "/v2/sources/succeeds/start"
SYNC, RESYNC, CONNECTION = (f"/v1/connections/succeeds{path}" for path in ("/sync", "/resync", ""))
ACCEPTED = [
    *(("GET", path, None) for path in ("/v2/workspace", "/v2/sources", "/v1/account/info", "/scripts/config")),
    ("POST", SOURCE, {"parameters": ["--rebase_incremental", "--begin_time 2026-01-01"]}),
    *(("POST", RESYNC, body) for body in (None, {"scope": {"sales": ["orders", "customers"]}})),
    ("POST", "/v1/connections/no_scope/resync", None),
    ("PATCH", CONNECTION, {"schedule_type": "manual", "sync_frequency": 60, "daily_sync_time": "03:00"}),
]
REFUSED = [
    *(("POST", RETL, body) for body in (None, "{", {}, {"syncType": "FULL"})),
    ("POST", "/v2/retl-connections/disabled/start", {"syncType": "full"}),
    *(("POST", SOURCE, {"parameters": parameters}) for parameters in (["--drop"], "x")),
    *(("POST", SYNC, body) for body in ("{", [1], {"force": "true"}, {"force": True, "more": 1})),
    *(("POST", f"/v1/connections/{one}/sync", {"force": True}) for one in ("incomplete", "paused")),
    *(("POST", RESYNC, {"scope": scope}) for scope in ({}, {"sales": []}, ["sales"])),
    ("POST", "/v1/connections/no_scope/resync", {"scope": {"sales": ["orders"]}}),
    ("POST", "/v1/connections/incomplete/resync", None),
    *(("PATCH", CONNECTION, body) for body in ({}, {"schedule_type": "weekly"}, {"paused": "TRUE"})),
    *(("PATCH", CONNECTION, body) for body in ({"historical_sync": True}, {"run_setup_tests": False})),
    ("GET", f"{HISTORY}start_time=2027-01-08T07:59:59Z&end_time=2027-01-15T08:00:00Z", None),
    ("GET", f"{HISTORY}start_time=2027-01-15T08:00:00Z&end_time=2027-01-15T07:00:00Z", None),
    *(("GET", HISTORY + query, None) for query in ("start_time=yesterday", "limit=1001", "cursor=-1")),
]
UNKNOWN = [
    *(("GET", path) for path in ("/v2/nope", "/v2/retl-connections/unknown")),
    ("GET", "/v1/connectors/succeeds"),
    ("HEAD", "/sync/status"),
    ("DELETE", "/sync/trigger"),
]
WRONG_METHODS = [("DELETE", "/v2/workspace"), ("HEAD", "/v2/workspace"), ("PUT", CONNECTION)]
FORCED = ("POST", SYNC, {"force": True})
LOGIN = b64encode(f"{NARROW_KEY}:sandbox-fivetran-secret".encode()).decode()
NARROW = {"Authorization": f"Basic {LOGIN}"}  # may use connections, but not read the account
STATUSES = [
    *((200, {}, *request) for request in ACCEPTED),
    *((400, {}, *request) for request in REFUSED),
    *((404, {}, *request, None) for request in UNKNOWN),
    *((405, {}, *request, None) for request in WRONG_METHODS),
    (401, {"Authorization": "Bearer wrong"}, "GET", "/v2/workspace", None),
    (401, {"Authorization": "Basic sandbox-rudderstack-token"}, "GET", "/v2/sources/succeeds/status", None),
    (401, {"Authorization": "Basic d3Jvbmc6d3Jvbmc="}, "GET", "/v1/account/info", None),
    (401, {"Authorization": "Bearer sandbox-fivetran-key"}, "GET", "/v1/account/info", None),
    *((403, NARROW, "GET", path, None) for path in ("/v1/account/info", HISTORY)),
    *((200, headers, *FORCED) for headers in (NARROW, {"Accept": "application/json;version=2"})),
    (406, {"Accept": "application/xml"}, *FORCED),
    (406, {"Accept": "application/json;version=3"}, *FORCED),
    (415, {"Content-Type": "text/plain"}, *FORCED),
]


@pytest.mark.parametrize(("status", "headers", "method", "path", "body"), STATUSES)
def test_a_request_is_accepted_if_it_is_right_and_else_changes_nothing(
    call: Call, sandbox: Sandbox, status: int, headers: dict[str, str], method: str, path: str, body: Any
) -> None:
    before = call("GET", CONNECTION).json()
    response = call(method, path, body, headers)
    assert response.status_code == status
    if status == 401:
        assert response.json()
    if status != 200:
        assert sandbox.starts == []
        assert call("GET", CONNECTION).json() == before  # over the same connection


def test_requests_are_recorded_in_order_and_share_a_connection_and_the_date_of_the_clock(
    call: Call, sandbox: Sandbox, clock: FakeClock
) -> None:
    call("GET", "/v2/sources?page=2")
    clock.elapsed += 100
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


def test_closing_ends_its_threads_even_with_a_connection_kept_open() -> None:
    with requests.Session() as session:
        session.trust_env = False
        with Sandbox() as sandbox:
            assert session.get(f"{sandbox.url}/v2/workspace").status_code == 401
            during = threading.active_count()
        assert threading.active_count() == during - 2
        sandbox.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_the_environment_first_and_ends_cleanly(number: int, sandbox: Sandbox) -> None:
    with processes.start(["-m", "sync_blueprints", "sandbox", "--port", "0"], os.environ) as process:
        found: dict[str, str] = {}
        while len(found) < len(sandbox.environment):
            exported = re.fullmatch(r"export ([A-Z_]+)=(\S+)\n", process.stdout.readline())
            assert exported, found
            found[exported[1]] = exported[2]
        assert set(found) == set(sandbox.environment)
        headers = {"Authorization": f"Bearer {found['RUDDERSTACK_ACCESS_TOKEN']}"}
        assert requests.get(f"{found['RUDDERSTACK_API_URL']}/v2/workspace", headers=headers, timeout=10).ok
        process.send_signal(number)
        rest = process.stdout.read()
        assert process.wait(10) == 0
    assert all(line.startswith("#") for line in rest.splitlines())


def test_a_port_in_use_is_one_sentence_and_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 1
    shown = capsys.readouterr()
    assert shown.err == f"sandbox: cannot listen on 127.0.0.1:{port}: Address already in use; try another --port\n"
    assert shown.out == ""


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_the_list_names_every_id_and_fits_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["--list"]) == 0
    text = capsys.readouterr().out
    table = text.partition("what happens\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in table if not line.startswith(" ")] == list(BEHAVIORS)
    assert max(map(len, text.splitlines())) <= columns
    for credential in ("sandbox-rudderstack-viewer-token", "sandbox-fivetran-narrow-key", "sandbox-old"):
        assert credential in text


@pytest.mark.parametrize("port", ["70000", "-1", "http"])
def test_a_port_that_is_none_is_one_sentence(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([f"--port={port}"])
    assert f"'{port}' is not a port; expected a number from 0 to 65535\n" in capsys.readouterr().err
