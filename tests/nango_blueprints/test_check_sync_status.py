"""Nango - Check Sync Status: how each check ends that polls once (or briefly), and what it reports."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endings import BAD_REQUEST, FAILED, INVALID, NOT_FOUND, RUNNING, SUCCEEDED
from tests.nango_blueprints.responses import INTEGRATION, NEW, ONLY_THE_KEY, Nango, at, entries, entry, replay, running

B, C, D = "conn-b", "conn-c", "conn-d"


@pytest.mark.parametrize(
    ("of_the_trigger", "of_the_check", "expected"),
    [
        ({}, {}, RUNNING),
        ({"START_GRACE": "60"}, {}, FAILED),
        ({}, {"START_GRACE": "60"}, FAILED),
        ({"START_GRACE": "60"}, {"START_GRACE": "900"}, RUNNING),
        ({"START_GRACE": "60"}, {"START_GRACE": "600"}, FAILED),  # an orchestrator fills in the default, unasked
    ],
)
def test_the_start_grace_is_the_triggers_unless_the_check_has_its_own(
    nango: Nango, of_the_trigger: dict[str, str], of_the_check: dict[str, str], expected: tuple[int, str]
) -> None:
    nango.triggered(after=300, **of_the_trigger)
    nango.shows(entry())
    assert nango.check(**of_the_check) == expected


@pytest.mark.parametrize(("later", "expected"), [({}, SUCCEEDED), ({"nextScheduledSyncAt": at("12:00:58")}, RUNNING)])
@pytest.mark.parametrize("prepare", [Nango.triggered, lambda nango: nango.clock.sleep(60)], ids=["ours", "latest"])
def test_a_young_success_is_polled_once_more_although_nobody_waits(
    nango: Nango, prepare: Any, later: Any, expected: Any
) -> None:
    prepare(nango)
    nango.polls(entry("SUCCESS", "12:00:58"), entry("SUCCESS", "12:00:58", **later))
    assert nango.check() == expected
    assert nango.clock.sleeps[-1] == 2


def test_an_entry_that_was_added_since_the_trigger_is_left_out_with_a_note(
    nango_all: Nango, caplog: pytest.LogCaptureFixture
) -> None:
    nango_all.triggered(entry())
    nango_all.shows(entry("SUCCESS", NEW), entry("STOPPED", NEW, connection=C))
    with caplog.at_level("INFO"):
        assert nango_all.check() == SUCCEEDED
    assert "1 sync was added since the trigger and left out" in caplog.messages


@pytest.mark.parametrize("script", [Nango.check, Nango.trigger])
def test_an_old_server_cannot_do_all_connections(nango_all: Nango, script: Any) -> None:
    old = {key: value for key, value in entry().items() if key != "connection_id"}
    nango_all.shows(entry(connection=B), {**old, "id": "another"})
    assert script(nango_all) == (*BAD_REQUEST, "too old", "NANGO_CONNECTION_ID")


def test_the_result_has_counts_rows_and_the_last_end(nango_all: Nango) -> None:
    nango_all.triggered(*(entry(connection=one) for one in ("conn-a", B, C, D)))
    ended = entry("SUCCESS", "12:00:07"), entry("STOPPED", NEW, connection=B)
    nango_all.shows(*ended, entry(connection=C), running(connection=D))
    assert nango_all.check(of=ONLY_THE_KEY) == RUNNING
    assert nango_all.run.report.id == INTEGRATION
    assert nango_all.run.report.details == {
        "connection_id": None,
        "syncs": 4,
        "succeeded": 1,
        "failed": 1,
        "running": 2,
        "unknown": 0,
        "named": ["conn-c/lab-ctl", "conn-d/lab-ctl"],
        "rows": {"added": 2, "updated": 4, "deleted": 0},
        "finished_at": at("12:00:07"),
    }


# Errors of a read, as a real server words them


@pytest.mark.parametrize(
    ("label", "expected", "words"),
    [
        ("auth: none on status", INVALID, ["NANGO_SECRET_KEY"]),
        ("stat: unknown connection", NOT_FOUND, ["NANGO_CONNECTION_ID", "Connection not found"]),
        ("status deleted connection", NOT_FOUND, ["NANGO_CONNECTION_ID"]),
        ("stat: unknown integration", NOT_FOUND, ["NANGO_PROVIDER_CONFIG_KEY"]),
        ("stat: unknown sync + connection", NOT_FOUND, ["NANGO_SYNCS"]),
        ("stat: bad pck chars", BAD_REQUEST, ["invalid_query_params"]),
        ("double slash", BAD_REQUEST, ["NANGO_API_URL"]),
    ],
)
@pytest.mark.parametrize("script", [Nango.check, Nango.trigger])
def test_what_the_first_read_is_refused_with_ends_the_script(
    nango: Nango, script: Any, label: str, expected: tuple[int, str], words: list[str]
) -> None:
    nango.responds(**replay(label))
    assert script(nango) == (*expected, *words)


# With NANGO_WAIT


@pytest.mark.parametrize(("given", "pause"), [({}, 10), ({"POLL_INTERVAL": "1"}, 1)])
def test_polls_of_all_connections_are_ten_seconds_apart_unless_told_otherwise(
    nango_all: Nango, given: dict[str, str], pause: float
) -> None:
    nango_all.polls(running(), running(), entry())
    assert nango_all.check(WAIT="TRUE", **given) == SUCCEEDED
    polls = [sent.at for sent in nango_all.sent]
    assert all(0.9 * pause - 1e-9 <= after - before <= 1.1 * pause + 1e-9 for before, after in zip(polls, polls[1:]))


def test_an_entry_that_one_poll_lacks_is_waited_for(nango_all: Nango) -> None:
    nango_all.triggered(entry(), entry(connection=B), after=3600)
    done = [entry("SUCCESS", NEW), entry("SUCCESS", NEW, connection=B)]
    nango_all.polls([running(), running(connection=B)], running(), done)
    assert nango_all.check(WAIT="TRUE") == SUCCEEDED


@pytest.mark.parametrize(("queued", "expected"), [(3000, SUCCEEDED), (99_999, FAILED)])
def test_a_run_that_nango_cut_is_waited_for_while_its_continuation_is_queued(
    nango: Nango, queued: float, expected: tuple[int, str]
) -> None:
    def now() -> dict[str, Any]:
        if nango.clock.elapsed < queued:
            return entries(entry("SUCCESS", "12:00:00", nextScheduledSyncAt=at("12:00:01")))
        return entries(running() if nango.clock.elapsed < queued + 100 else entry("SUCCESS", "12:59:59"))

    nango.triggered(after=0)
    nango.responds(now, many=True)
    ended = nango.check(WAIT="TRUE")
    assert ended == expected
    assert nango.clock.elapsed > min(queued, 3600)
    assert expected is SUCCEEDED or "cut by Nango and never continued" in ended.message


def test_a_connection_that_is_added_while_the_latest_runs_are_awaited_is_waited_for_as_well(nango_all: Nango) -> None:
    nango_all.polls(running(), [entry(), running(connection=B)], [entry(), entry(connection=B)])
    assert nango_all.check(WAIT="TRUE") == (*SUCCEEDED, "all 2 syncs")
