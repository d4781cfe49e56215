"""The sandbox responds as Fivetran does."""

from __future__ import annotations

from typing import Any

import pytest

from sync_blueprints.sandbox import Sandbox
from tests.support import FakeClock
from tests.sync_blueprints.sandbox.conftest import Call


def details(call: Call, one: str) -> dict[str, Any]:
    data = call("GET", f"/v1/connections/{one}").json()["data"]
    return {**data, **data["status"]}


def historical(call: Call, one: str) -> tuple[bool, str]:
    """Whether the running or next sync is a historical one, and the state."""
    now = details(call, one)
    return now["is_historical_sync"], now["sync_state"]


def sync(call: Call, one: str, *, force: bool = True) -> int:
    return call("POST", f"/v1/connections/{one}/sync", {"force": force}).status_code


def history(call: Call, one: str, query: str = "") -> tuple[list[str], str | None]:
    data = call("GET", f"/v1/connections/{one}/sync-history?{query}").json()["data"]
    return [item["status"] for item in data["items"]], data.get("next_cursor")


def test_a_forced_sync_interrupts_the_running_one_and_stamps_it_failed(call: Call, clock: FakeClock) -> None:
    before = details(call, "running")
    assert (before["sync_state"], before["failed_at"]) == ("syncing", None)
    assert sync(call, "running", force=False) == 409
    assert sync(call, "running") == 200
    between = details(call, "running")
    assert (between["sync_state"], between["succeeded_at"]) == ("syncing", before["succeeded_at"])
    assert between["failed_at"].startswith("2027-01-15T08:00:00.25")
    clock.elapsed += 1
    after = details(call, "running")
    assert after["failed_at"] == between["failed_at"], "never cleared"
    assert after["succeeded_at"] > after["failed_at"]
    window = "limit=2&start_time=2027-01-15T06:00:00Z&end_time=2027-01-15T09:00:00Z"
    statuses, cursor = history(call, "running", window)
    assert statuses == ["COMPLETED", "CANCELED"]
    assert history(call, "running", f"{window}&cursor={cursor}")[0] == ["COMPLETED"]


def test_a_setup_is_incomplete_or_broken_until_a_forced_sync_has_succeeded(call: Call, clock: FakeClock) -> None:
    assert details(call, "incomplete")["setup_state"] == "incomplete"
    for force, after in ((False, "broken"), (True, "connected")):
        assert details(call, "broken")["setup_state"] == "broken"
        sync(call, "broken", force=force)
        clock.elapsed += 2
        assert details(call, "broken")["setup_state"] == after


def test_a_rescheduled_sync_waits_for_another_post(call: Call, clock: FakeClock) -> None:
    one = "rescheduled_in_30"
    assert details(call, one)["schedule_type"] == "manual"
    sync(call, one)
    clock.elapsed += 1
    put_off = details(call, one)
    assert (put_off["sync_state"], put_off["rescheduled_for"]) == ("rescheduled", "2027-01-15T08:00:31Z")
    clock.elapsed += 100
    assert details(call, one)["sync_state"] == "rescheduled"
    assert sync(call, one, force=False) == 200
    clock.elapsed += 1
    done = details(call, one)
    assert (done["sync_state"], done["rescheduled_for"]) == ("scheduled", None)
    assert done["succeeded_at"] > "2027-01-15T08:00:31Z"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", []),  # one hour before now
        ("end_time=2027-01-15T06:00:00Z", []),  # one hour before it
        ("start_time=2027-01-15T04:30:00Z", ["FAILURE"]),  # one hour after it
        ("start_time=2027-01-08T08:00:00Z&end_time=2027-01-15T08:00:00Z", ["FAILURE"]),
    ],
)
def test_the_history_covers_an_hour_where_a_time_is_missing(call: Call, query: str, found: list[str]) -> None:
    assert history(call, "failed_before_in_10800", query)[0] == found  # it began at 04:59:00


def test_a_resync_stops_what_runs_and_is_a_historical_sync(call: Call, clock: FakeClock, sandbox: Sandbox) -> None:
    sync(call, "succeeds")
    clock.elapsed += 1
    assert call("POST", "/v1/connections/succeeds/resync").json()["code"] == "Success"
    assert historical(call, "succeeds") == (True, "syncing")
    clock.elapsed += 2
    assert historical(call, "succeeds") == (False, "scheduled")
    assert history(call, "succeeds")[0] == ["COMPLETED", "CANCELED"]
    assert sandbox.starts == [("fivetran", "succeeds")] * 2


@pytest.mark.parametrize(
    ("method", "path", "body"), [("POST", "/resync", None), ("PATCH", "", {"is_historical_sync": True})]
)
def test_a_historical_sync_of_a_paused_connection_waits_until_it_is_unpaused(
    call: Call, clock: FakeClock, sandbox: Sandbox, method: str, path: str, body: Any
) -> None:
    assert call(method, f"/v1/connections/paused{path}", body).status_code == 200
    clock.elapsed += 10
    assert historical(call, "paused") == (True, "paused")
    assert sandbox.starts == []
    call("PATCH", "/v1/connections/paused", {"paused": False})
    assert historical(call, "paused") == (True, "syncing")
    clock.elapsed += 2
    assert historical(call, "paused") == (False, "scheduled")
    assert len(sandbox.starts) == 1


def test_a_historical_sync_is_due_then_runs_then_is_over(call: Call, clock: FakeClock) -> None:
    both = ("historical", "lazy_in_5")
    call("PATCH", "/v1/connections/lazy_in_5", {"is_historical_sync": True})
    for state in ((True, "scheduled"), (True, "syncing"), (False, "scheduled")):
        assert [historical(call, one) for one in both] == [state, state]
        clock.elapsed += 5
    assert all(details(call, one)["succeeded_at"] > "2027-01-15T08:00:00Z" for one in both)


def test_a_change_of_a_stale_connection_shows_late(call: Call, clock: FakeClock) -> None:
    path = "/v1/connections/stale_in_6"
    changed = call("PATCH", path, {"schedule_type": "manual", "is_historical_sync": True}).json()["data"]
    assert (changed["schedule_type"], changed["status"]["is_historical_sync"]) == ("auto", False)
    clock.elapsed += 5.9
    assert details(call, "stale_in_6")["schedule_type"] == "auto"
    clock.elapsed += 0.1
    after = details(call, "stale_in_6")
    assert (after["schedule_type"], after["is_historical_sync"], after["sync_state"]) == ("manual", True, "syncing")


def test_what_is_given_of_a_config_is_merged_into_it(call: Call) -> None:
    path = "/v1/connections/succeeds"
    call("PATCH", path, {"config": {"host": "h", "port": 5432}, "auth": {"user": "u"}, "daily_sync_time": "7:00"})
    data = call("PATCH", path, {"config": {"host": "other"}}).json()["data"]
    assert (data["config"], data["auth"]) == ({"host": "other", "port": 5432}, {"user": "u"})
    assert data["daily_sync_time"] == "07:00"
