"""Acme's scripts on the wire: the requests, the handoff, and how each run ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acme_blueprints import check_credentials, check_sync_status, trigger_sync
from shared.context import Run
from tests.support import FakeClock, make_run
from tests.wire import LOST, REFUSED, Ending, Vendor, ending, files

KEY = {"ACME_API_KEY": "the-key"}
JOB = {**KEY, "ACME_JOB_ID": "job-7"}
RUNS, LATEST = "/v1/jobs/job-7/runs", "/v1/jobs/job-7/runs/latest"


def a_run(status: str = "succeeded", id: str = "run-1", **more: Any) -> dict[str, Any]:  # noqa: A002
    return {"id": id, "status": status, **more}


def trigger(run: Run, **given: str) -> Ending:
    return ending(trigger_sync, {**JOB, **{f"ACME_{name}": value for name, value in given.items()}}, run)


def check(run: Run, environment: dict[str, str]) -> Ending:
    return ending(check_sync_status, environment, run)


def test_a_trigger_reads_then_starts_then_saves_the_handoff(acme: Vendor, run: Run, tmp_path: Path) -> None:
    acme.expect("GET", LATEST, a_run())
    acme.expect("POST", RUNS, {"id": "run-2"})
    assert trigger(run) == (0, "started")
    assert files(tmp_path)["sync.pickle"]["sync_id"] == "run-2"
    assert acme.sent[-1].headers["Authorization"] == "Bearer the-key"


def test_a_check_judges_the_run_that_the_trigger_started(
    acme: Vendor, run: Run, tmp_path: Path, clock: FakeClock
) -> None:
    acme.expect("GET", LATEST, {})
    acme.expect("POST", RUNS, {"id": "run-2"})
    trigger(run)
    acme.expect("GET", f"{RUNS}/run-2", a_run("failed", "run-2", error="disk full"))
    ended = check(make_run(tmp_path, "acme", clock), KEY)
    assert ended == (211, "failed")
    assert ended.message == "run run-2 of job job-7 failed: disk full"


def test_a_trigger_that_waits_polls_until_the_run_has_ended(acme: Vendor, run: Run) -> None:
    acme.expect("GET", LATEST, a_run())
    acme.expect("POST", RUNS, {"id": "run-2"})
    acme.expect("GET", f"{RUNS}/run-2", a_run("running", "run-2"))
    acme.expect("GET", f"{RUNS}/run-2", a_run("succeeded", "run-2"))
    assert trigger(run, WAIT="TRUE") == (0, "succeeded")


@pytest.mark.parametrize(("policy", "expected"), [("join", (0, "joined")), ("fail", (203, "already_running"))])
def test_a_running_run_is_joined_or_left_alone(acme: Vendor, run: Run, policy: str, expected: tuple[int, str]) -> None:
    acme.expect("GET", LATEST, a_run("running"))
    assert trigger(run, IF_RUNNING=policy) == expected


def test_a_restart_cancels_the_running_run_and_starts_when_it_has_ended(acme: Vendor, run: Run) -> None:
    acme.expect("GET", LATEST, a_run("running"))
    acme.expect("POST", f"{RUNS}/run-1/cancel", {})
    acme.expect("GET", LATEST, a_run("running"))
    acme.expect("GET", LATEST, a_run("cancelled"))
    acme.expect("POST", RUNS, {"id": "run-2"})
    assert trigger(run) == (0, "started")


def test_a_lost_response_is_found_and_nothing_is_sent_again(acme: Vendor, run: Run) -> None:
    acme.expect("GET", LATEST, a_run())
    acme.expect("POST", RUNS, LOST)
    acme.expect("GET", LATEST, a_run("running", "run-2"))
    assert trigger(run) == (0, "started")
    assert len(acme.starts("/runs")) == 1


@pytest.mark.parametrize("accepted", [{}, {"id": 7}, {"id": "../run"}, []])
def test_a_start_that_is_accepted_without_a_usable_id_is_unclear(acme: Vendor, run: Run, accepted: Any) -> None:
    acme.expect("GET", LATEST, a_run())
    acme.expect("POST", RUNS, accepted)
    acme.expect("GET", LATEST, a_run(), many=True)
    ended = trigger(run)
    assert ended == (202, "unclear")
    assert "without a usable id (200: " in ended.message
    assert len(acme.starts("/runs")) == 1


@pytest.mark.parametrize(
    ("response", "status", "expected"),
    [
        ({"error": "no such key"}, 401, (200, "invalid_credentials")),
        ({"error": "no such job"}, 404, (204, "not_found")),
        ({"id": 7, "status": "x"}, 200, (202, "not_started")),
        (REFUSED, 200, (202, "not_started")),
    ],
)
def test_a_bad_first_read_starts_nothing(
    acme: Vendor, run: Run, response: Any, status: int, expected: tuple[int, str]
) -> None:
    acme.expect("GET", LATEST, response, status=status, many=response is REFUSED)
    assert trigger(run) == expected
    assert not acme.starts("/runs")


@pytest.mark.parametrize(
    ("latest", "expected"),
    [({}, (210, "running")), (a_run(), (0, "succeeded")), (a_run("odd"), (213, "unknown"))],
)
def test_a_check_on_its_own_judges_the_latest_run(
    acme: Vendor, run: Run, latest: dict[str, Any], expected: tuple[int, str]
) -> None:
    acme.expect("GET", LATEST, latest)
    assert check(run, JOB) == expected


@pytest.mark.usefixtures("acme")
def test_a_check_without_a_job_and_without_a_handoff_is_an_invalid_input(run: Run) -> None:
    assert check(run, KEY) == (206, "invalid_input")


def test_valid_credentials_name_their_account(acme: Vendor, run: Run) -> None:
    acme.expect("GET", "/v1/account", {"name": "Example Inc."})
    ended = ending(check_credentials, KEY, run)
    assert ended == (0, "valid")
    assert "Example Inc." in ended.message


def test_credentials_without_an_account_are_an_unexpected_response(acme: Vendor, run: Run) -> None:
    acme.expect("GET", "/v1/account", {})
    assert ending(check_credentials, KEY, run) == (220, "unreachable")
