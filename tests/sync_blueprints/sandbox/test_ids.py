"""The ids of the sandbox behave as its table says, the same for every vendor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from sync_blueprints.sandbox import APIS, EXAMPLES, Sandbox
from sync_blueprints.sandbox.behaviors import Example
from tests import processes
from tests.support import FakeClock
from tests.sync_blueprints.sandbox.conftest import Call

# Of each vendor, the path of a start, its body, and the path of a read; ID is the id.
VENDORS = {
    "retl": ("/v2/retl-connections/ID/start", '{"syncType": "incremental"}', "/v2/retl-connections/ID/syncs"),
    "source": ("/v2/sources/ID/start", "", "/v2/sources/ID/status"),
    "fivetran": ("/v1/connections/ID/sync", '{"force": true}', "/v1/connections/ID"),
    "nango": (
        "/sync/trigger",
        '{"provider_config_key": "sandbox", "connection_id": "ID", "syncs": ["orders"]}',
        "/sync/status?provider_config_key=sandbox&connection_id=ID&syncs=orders",
    ),
}
every_vendor = pytest.mark.parametrize("vendor", VENDORS)


def word(vendor: str, response: requests.Response) -> str:
    """The status of the latest sync in the response to a read."""
    body = response.json()
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


RETL = {"running": "running", "good": "succeeded", "bad": "failed", "cancelled": "stopped", "odd": "hibernating"}
WORDS = {  # of each vendor for a sync that is running, good, bad, cancelled or odd
    "retl": RETL,
    "source": {**RETL, "good": "finished"},
    "fivetran": {**RETL, "running": "syncing", "cancelled": "paused"},
    "nango": {"running": "RUNNING", "good": "SUCCESS", "bad": "STOPPED", "cancelled": "STOPPED", "odd": "HIBERNATING"},
}
START = "start"
# Of an id, in order: a start, the seconds that pass, and what a read then shows; "as before" is what the first one did.
TIMELINES: dict[str, list[Any]] = {
    "succeeds": [START, 1.99, "running", 0.01, "good"],
    "succeeds_in_0p5": [START, 0.49, "running", 0.01, "good"],
    "refuses-rows-in-4-xmine": [START, 3.99, "running", 0.01, "good"],
    "fails_in_3": [START, 2.99, "running", 0.01, "bad"],
    "cancelled": [START, 1.99, "running", 0.01, "cancelled"],
    "odd_word": [START, 1.99, "running", 0.01, "odd"],
    "never_run": [START, 0.99, "running", 0.01, "good"],
    "flaky_start_429_in_2": [429, START, 1.99, "running", 0.01, "good"],
    "running": ["running", 5.0, "good", START, "running", 1.0, "good"],
    "lazy_in_5": [START, 4.9, "as before", 0.1, "running", 1.0, "good"],
    "stale_in_8": [START, 7.9, "as before", 0.1, "running", 7.9, "running", 0.1, "good"],
    "failed-before-in-600": ["bad", START, 1.0, "good"],
}


@every_vendor
@pytest.mark.parametrize("one", TIMELINES)
def test_an_id_starts_runs_and_ends_as_its_words_say(
    call: Call, clock: FakeClock, sandbox: Sandbox, vendor: str, one: str
) -> None:
    start, body, read = (text.replace("ID", one) for text in VENDORS[vendor])
    before = call("GET", read).json()
    for place, step in enumerate(TIMELINES[one]):
        if step == 429:
            refused = call("POST", start, body)
            assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
        elif step == START:
            assert call("POST", start, body).status_code == 200, place
        elif isinstance(step, float):
            clock.elapsed += step
        elif step == "as before":
            assert call("GET", read).json() == before, place
        else:
            assert word(vendor, call("GET", read)) == WORDS[vendor][step], place
    assert [name for _, name in sandbox.starts] == [one]


@every_vendor
@pytest.mark.parametrize("one", ["unknown", "unknown_xyz", "nonsense", "succeeds_in_", "succeeds_in_1.5", "fails!"])
def test_any_other_id_is_not_found(call: Call, vendor: str, one: str) -> None:
    start, body, read = (text.replace("ID", one) for text in VENDORS[vendor])
    assert call("GET", read).status_code == (400 if vendor == "nango" else 404)
    assert call("POST", start, body).status_code == 404


@pytest.mark.slow
@pytest.mark.sockets
def test_a_script_ends_with_the_exit_code_that_its_id_is_listed_for(tmp_path: Path) -> None:
    def run(row: tuple[processes.Kind, str, Example]) -> None:
        kind, vendor, example = row
        inputs = {kind.variable(name): value for name, value in example.inputs.items()}
        stage = processes.Stage(sandbox, tmp_path / vendor / example.id, kind, f"{example.id}_x{example.exit_code}")
        ended = stage.run(Path(example.script).stem, **inputs)
        assert ended.exit_code == example.exit_code, (vendor, example, ended)

    kinds = list(zip(processes.VENDORS, APIS))
    assert [kind.vendor for kind in processes.VENDORS] == [name.lower() for name in APIS]
    rows = [(*one, row) for row in EXAMPLES for one in kinds if one[1] in (row.vendors or APIS)]
    with Sandbox() as sandbox:
        processes.in_parallel(run, rows)


def test_every_exit_code_that_a_vendor_can_cause_has_an_id() -> None:
    assert {one.exit_code for one in EXAMPLES} == {0, 200, 201, 202, 203, 204, 210, 211, 212, 213, 220}
