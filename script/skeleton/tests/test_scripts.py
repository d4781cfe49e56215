"""Acme's scripts on the wire: the requests, the handoff, and how each run ends."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire import LOST, REFUSED, Scripts

RUNS, LATEST = "/v1/jobs/job-7/runs", "/v1/jobs/job-7/runs/latest"
WITHOUT_A_JOB = {"JOB_ID": ""}


def a_run(status: str = "succeeded", id: str = "run-1", **more: Any) -> dict[str, Any]:  # noqa: A002
    return {"id": id, "status": status, **more}


def test_a_trigger_reads_then_starts_then_saves_the_handoff(acme: Scripts) -> None:
    acme.expect("GET", LATEST, a_run())
    acme.expect("POST", RUNS, {"id": "run-2"})
    assert acme.trigger() == (0, "started")
    assert acme.files["sync.pickle"]["sync_id"] == "run-2"
    assert acme.sent[-1].headers["Authorization"] == "Bearer the-key"


def test_a_check_judges_the_run_that_the_trigger_started(acme: Scripts) -> None:
    acme.expect("GET", LATEST, {})
    acme.expect("POST", RUNS, {"id": "run-2"})
    acme.trigger()
    acme.expect("GET", f"{RUNS}/run-2", a_run("failed", "run-2", error="disk full"))
    ended = acme.check(**WITHOUT_A_JOB)
    assert ended == (211, "failed")
    assert ended.message == "run run-2 of job job-7 failed: disk full"


def test_a_trigger_that_waits_polls_until_the_run_has_ended(acme: Scripts) -> None:
    acme.expect("GET", LATEST, a_run())
    acme.expect("POST", RUNS, {"id": "run-2"})
    acme.expect("GET", f"{RUNS}/run-2", a_run("running", "run-2"))
    acme.expect("GET", f"{RUNS}/run-2", a_run("succeeded", "run-2"))
    assert acme.trigger(WAIT="TRUE") == (0, "succeeded")


@pytest.mark.parametrize(("policy", "expected"), [("join", (0, "joined")), ("fail", (203, "already_running"))])
def test_a_running_run_is_joined_or_left_alone(acme: Scripts, policy: str, expected: tuple[int, str]) -> None:
    acme.expect("GET", LATEST, a_run("running"))
    assert acme.trigger(IF_RUNNING=policy) == expected


def test_a_restart_cancels_the_running_run_and_starts_when_it_has_ended(acme: Scripts) -> None:
    acme.expect("GET", LATEST, a_run("running"))
    acme.expect("POST", f"{RUNS}/run-1/cancel", {})
    acme.expect("GET", LATEST, a_run("running"))
    acme.expect("GET", LATEST, a_run("cancelled"))
    acme.expect("POST", RUNS, {"id": "run-2"})
    assert acme.trigger() == (0, "started")


def test_a_lost_response_is_found_and_nothing_is_sent_again(acme: Scripts) -> None:
    acme.expect("GET", LATEST, a_run())
    acme.expect("POST", RUNS, LOST)
    acme.expect("GET", LATEST, a_run("running", "run-2"))
    assert acme.trigger() == (0, "started")
    assert len(acme.starts()) == 1


@pytest.mark.parametrize("accepted", [{}, {"id": 7}, {"id": "../run"}, []])
def test_a_start_that_is_accepted_without_a_usable_id_is_unclear(acme: Scripts, accepted: Any) -> None:
    acme.expect("GET", LATEST, a_run())
    acme.expect("POST", RUNS, accepted)
    acme.expect("GET", LATEST, a_run(), many=True)
    ended = acme.trigger()
    assert ended == (202, "unclear")
    assert "without a usable id (200: " in ended.message
    assert len(acme.starts()) == 1


@pytest.mark.parametrize(
    ("response", "status", "expected"),
    [
        ({"error": "no such key"}, 401, (200, "invalid_credentials")),
        ({"error": "no such job"}, 404, (204, "not_found")),
        ({"id": 7, "status": "x"}, 200, (202, "not_started")),
        (REFUSED, 200, (202, "not_started")),
    ],
)
def test_a_bad_first_read_starts_nothing(acme: Scripts, response: Any, status: int, expected: tuple[int, str]) -> None:
    acme.expect("GET", LATEST, response, status=status, many=response is REFUSED)
    assert acme.trigger() == expected
    assert not acme.starts()


@pytest.mark.parametrize(
    ("latest", "expected"),
    [({}, (210, "running")), (a_run(), (0, "succeeded")), (a_run("odd"), (213, "unknown"))],
)
def test_a_check_on_its_own_judges_the_latest_run(
    acme: Scripts, latest: dict[str, Any], expected: tuple[int, str]
) -> None:
    acme.expect("GET", LATEST, latest)
    assert acme.check() == expected


def test_a_check_without_a_job_and_without_a_handoff_is_an_invalid_input(acme: Scripts) -> None:
    assert acme.check(**WITHOUT_A_JOB) == (206, "invalid_input")


def test_valid_credentials_name_their_account(acme: Scripts) -> None:
    acme.expect("GET", "/v1/account", {"name": "Example Inc."})
    ended = acme.verify()
    assert ended == (0, "valid")
    assert "Example Inc." in ended.message


def test_credentials_without_an_account_are_an_unexpected_response(acme: Scripts) -> None:
    acme.expect("GET", "/v1/account", {})
    assert acme.verify() == (220, "unreachable")
