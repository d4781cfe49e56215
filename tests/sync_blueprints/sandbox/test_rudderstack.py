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


def test_it_lists_by_page_status_and_time(call: Call, clock: FakeClock) -> None:
    path = "/v2/retl-connections/succeeds_in_0"
    for _ in range(3):
        clock.elapsed += 10
        call("POST", f"{path}/start", {"syncType": "incremental"})
    first = call("GET", f"{path}/syncs?per_page=3&status=succeeded").json()
    assert (len(first["syncs"]), first["paging"]["total"]) == (3, 4)
    second = call("GET", first["paging"]["next"]).json()
    assert (len(second["syncs"]), second["paging"]) == (1, {"total": 4})
    since = first["syncs"][1]["startedAt"]
    assert call("GET", f"{path}/syncs?started_after={since}").json()["paging"]["total"] == 1
    assert call("GET", f"{path}/syncs?started_before={since}").json()["paging"]["total"] == 2
    for wrong in ("status=stopped", "page=0", "per_page=x", "started_after=yesterday"):
        assert call("GET", f"{path}/syncs?{wrong}").status_code == 400


def test_it_reports_refused_rows_and_failures(call: Call) -> None:
    for one, status, failed in (("refuses_rows_in_0", "succeeded", 3), ("fails_in_0", "failed", 100)):
        call("POST", f"/v2/retl-connections/{one}/start", {"syncType": "full"})
        sync = call("GET", f"/v2/retl-connections/{one}/syncs").json()["syncs"][0]
        assert (sync["status"], sync["metrics"]["failed"]["total"]) == (status, failed)
    call("POST", "/v2/sources/fails_in_0/start")
    run = call("GET", "/v2/sources/fails_in_0/status").json()
    assert (run["status"], bool(run["error"])) == ("finished", True)


def test_a_history_is_listed_in_no_order_and_every_fourth_sync_of_it_failed(call: Call) -> None:
    path = "/v2/retl-connections/history_in_30/syncs"
    first = call("GET", f"{path}?per_page=20").json()
    assert not first["paging"]["next"].startswith("/v2")
    syncs = [*first["syncs"], *call("GET", f"/v2{first['paging']['next']}").json()["syncs"]]
    started = [one["startedAt"] for one in syncs]
    assert len(set(started)) == first["paging"]["total"] == 30
    assert started not in (sorted(started), sorted(started, reverse=True))
    assert call("GET", f"{path}?status=failed").json()["paging"]["total"] == 7
    since, until = sorted(started)[9], sorted(started)[20]
    window = f"{path}?started_after={since}&started_before={until}&status=succeeded&per_page=100"
    assert all(since < one["startedAt"] < until for one in call("GET", window).json()["syncs"])


@pytest.mark.parametrize(("one", "until_it_shows"), [("lazy_in_4", 4), ("stale_in_4", 4)])
def test_a_sync_that_was_just_started_can_be_a_404(
    call: Call, clock: FakeClock, one: str, until_it_shows: float
) -> None:
    path = f"/v2/retl-connections/{one}"
    sync_id = call("POST", f"{path}/start", {"syncType": "full"}).json()["syncId"]
    run_id = call("POST", f"/v2/sources/{one}/start").json()["runId"]
    paths = (f"{path}/syncs/{sync_id}", f"/v2/sources/{one}/runs/{run_id}/status")
    clock.elapsed += until_it_shows - 0.1
    assert [call("GET", one).status_code for one in paths] == [404, 404]
    assert sync_id not in call("GET", f"{path}/syncs").text
    clock.elapsed += 0.1
    assert [call("GET", one).json()["status"] for one in paths] == ["running", "running"]


def test_a_connection_shows_whether_it_is_enabled_and_its_schedule(call: Call) -> None:
    def shown(one: str) -> tuple[bool, str]:
        body = call("GET", f"/v2/retl-connections/{one}").json()
        return body["enabled"], body["schedule"]["type"]

    assert shown("succeeds") == (True, "manual")
    assert shown("running") == (True, "basic")
    assert shown("disabled") == (False, "manual")
    assert call("POST", "/v2/retl-connections/disabled/start", {"syncType": "full"}).status_code == 400
    assert call("GET", "/v2/retl-connections/unknown").status_code == 404
