"""The sandbox responds as RudderStack does."""

from __future__ import annotations

import pytest

from tests.support import FakeClock
from tests.sync_blueprints.sandbox.conftest import Call


def test_it_stops_a_second_after_it_was_asked_and_refuses_starts_until_then(call: Call, clock: FakeClock) -> None:
    path = "/v2/retl-connections/running_in_60"
    assert call("POST", f"{path}/start", {"syncType": "full"}).status_code == 409
    stopped = call("POST", f"{path}/stop")
    assert (stopped.status_code, stopped.content) == (204, b"")
    running = call("GET", f"{path}/syncs").json()["syncs"][0]
    assert (running["status"], bool(running["finishedAt"])) == ("running", True)
    clock.elapsed += 1
    assert call("GET", f"{path}/syncs/{running['id']}").json()["status"] == "stopped"
    sync_id = call("POST", f"{path}/start", {"syncType": "full"}).json()["syncId"]
    assert call("GET", f"{path}/syncs/{sync_id}").json()["status"] == "running"
    assert sync_id != running["id"]


def test_it_lists_by_page_status_and_time_in_no_order(call: Call) -> None:
    path = "/v2/retl-connections/history_in_30/syncs"
    first = call("GET", f"{path}?per_page=20").json()
    assert first["paging"]["next"].startswith("/retl-connections/")
    last = call("GET", f"/v2{first['paging']['next']}").json()
    other = call("GET", "/v2/retl-connections/running/syncs?per_page=1").json()
    assert other["paging"]["next"].startswith("/v2/retl-connections/"), "both forms occur"
    assert (len(first["syncs"]), first["paging"]["total"], last["paging"]) == (20, 30, {"total": 30})
    started = [one["startedAt"] for one in [*first["syncs"], *last["syncs"]]]
    since, until = sorted(started)[9], sorted(started)[20]
    assert len(set(started)) == 30
    assert started not in (sorted(started), sorted(started, reverse=True))
    for query, total in (
        ("status=failed", 7),
        (f"started_after={since}", 20),
        (f"started_before={until}", 20),
        (f"started_after={since}&started_before={until}&status=succeeded", 7),
    ):
        assert call("GET", f"{path}?{query}").json()["paging"]["total"] == total, query
    for wrong in ("status=stopped", "page=0", "per_page=x", "started_after=yesterday"):
        assert call("GET", f"{path}?{wrong}").status_code == 400


@pytest.mark.parametrize("one", ["lazy_in_4", "stale_in_4"])
def test_a_sync_that_was_just_started_can_be_a_404(call: Call, clock: FakeClock, one: str) -> None:
    path = f"/v2/retl-connections/{one}"
    sync_id = call("POST", f"{path}/start", {"syncType": "full"}).json()["syncId"]
    run_id = call("POST", f"/v2/sources/{one}/start").json()["runId"]
    paths = (f"{path}/syncs/{sync_id}", f"/v2/sources/{one}/runs/{run_id}/status")
    clock.elapsed += 3.9
    assert [call("GET", one).status_code for one in paths] == [404, 404]
    assert sync_id not in call("GET", f"{path}/syncs").text
    clock.elapsed += 0.1
    assert [call("GET", one).json()["status"] for one in paths] == ["running", "running"]


@pytest.mark.parametrize(
    ("one", "enabled", "schedule"),
    [("succeeds", True, "manual"), ("running", True, "basic"), ("disabled", False, "manual")],
)
def test_a_connection_shows_if_it_is_enabled_and_scheduled(call: Call, one: str, enabled: bool, schedule: str) -> None:
    body = call("GET", f"/v2/retl-connections/{one}").json()
    assert (body["enabled"], body["schedule"]["type"]) == (enabled, schedule)
