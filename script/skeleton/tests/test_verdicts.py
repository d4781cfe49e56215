"""What Acme shows of a run, and the verdict on it."""

from __future__ import annotations

from typing import Any

import pytest

from acme_blueprints.api import parse_run
from acme_blueprints.verdict import judge
from shared.status import SyncStatus

ENDED = {"started_at": "2026-11-22T12:00:00Z", "finished_at": "2026-11-22T12:01:00Z"}


@pytest.mark.parametrize(
    ("shown", "status", "message"),
    [
        ({"status": "queued"}, SyncStatus.RUNNING, "is running"),
        ({"status": "running"}, SyncStatus.RUNNING, "is running"),
        ({"status": "succeeded", **ENDED}, SyncStatus.SUCCEEDED, "succeeded at 2026-11-22T12:01:00Z"),
        ({"status": "failed", "error": "disk full"}, SyncStatus.FAILED, "failed: disk full"),
        ({"status": "failed"}, SyncStatus.FAILED, "failed: Acme reports no reason"),
        ({"status": "cancelled", **ENDED}, SyncStatus.CANCELLED, "was cancelled at 2026-11-22T12:01:00Z"),
        ({"status": "frozen"}, SyncStatus.UNKNOWN, "has the unknown status 'frozen'"),
    ],
)
def test_a_run_is_judged_by_its_status(shown: dict[str, Any], status: SyncStatus, message: str) -> None:
    verdict = judge(parse_run({"id": "run-1", **shown}))
    assert (verdict.status, verdict.message) == (status, message)


@pytest.mark.parametrize("odd", [{}, {"id": "run-1"}, {"id": "../x", "status": "running"}, {"id": 7, "status": "x"}])
def test_what_is_not_a_run_is_refused(odd: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        parse_run(odd)
