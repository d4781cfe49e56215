"""RudderStack - Check Sync Status: which sync is judged, and how each run ends."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from rudderstack_blueprints import check_sync_status, trigger_sync
from tests.rudderstack_blueprints.answers import (
    CONNECTION,
    CONNECTION_START,
    INCREMENTAL,
    OF_CONNECTION,
    OF_SOURCE,
    RUN_STATUS,
    RUNNING_ALREADY,
    SOURCE,
    SOURCE_PATH,
    SOURCE_START,
    SOURCE_STATUS,
    SYNC,
    SYNCS,
    TOKEN,
    a_run,
    sync,
    syncs,
)
from tests.support import FakeClock, make_job
from tests.wire import HTML, LOST, REFUSED, TIMED_OUT, Ending, Vendor, ending

SUCCEEDED, FAILED, RUNNING = (0, "succeeded"), (211, "failed"), (210, "running")
CANCELLED, UNKNOWN, UNREACHABLE = (212, "cancelled"), (213, "unknown"), (220, "unreachable")
REFUSED_ROWS = {"succeeded": {"total": 88}, "failed": {"total": 2}, "changed": {"total": 90}, "total": 90}


def check(tmp_path: Path, clock: FakeClock, given: dict[str, str], *upstream: str, **more: str) -> Ending:
    """Run the check with these inputs, `more` of them named without RUDDERSTACK_."""
    given = {**given, **{f"RUDDERSTACK_{name}": value for name, value in more.items()}}
    return ending(check_sync_status, given, make_job(tmp_path, "rudderstack", clock, upstream=upstream))


def triggered(
    rudderstack: Vendor, tmp_path: Path, of: dict[str, str], sync_id: str | None = None, log_id: str | None = None
) -> None:
    """Run a trigger in the same artifacts folder."""
    if of is OF_SOURCE:
        rudderstack.expect("POST", SOURCE_START, {"runId": sync_id or "run-1"})
    else:
        rudderstack.expect("POST", CONNECTION_START, {"syncId": sync_id or "sync-1"}, body=INCREMENTAL)
    job = make_job(tmp_path, "rudderstack", rudderstack.clock, log_id=log_id)
    assert ending(trigger_sync, of, job) == (0, "started")
    rudderstack.sent.clear()


def left(tmp_path: Path, **variables: Any) -> None:
    """Files that other programs left, by name without `.pickle`."""
    folder = tmp_path / "rudderstack-blueprints" / "variables"
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in variables.items():
        (folder / f"{name}.pickle").write_bytes(pickle.dumps(value, protocol=4))


# A sync that a trigger handed over


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (sync("running"), RUNNING),
        (sync("queued"), RUNNING),
        (sync("succeeded"), SUCCEEDED),
        (sync("failed", error="no such table"), FAILED),
        (sync("stopped"), CANCELLED),
        (sync("resting"), UNKNOWN),
        ({"id": "sync-1"}, UNKNOWN),
    ],
)
def test_a_sync_of_a_connection_is_asked_for_by_its_id(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock, answer: dict[str, Any], expected: tuple[int, str]
) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION)
    rudderstack.expect("GET", SYNC, answer)
    ended = check(tmp_path, clock, OF_CONNECTION)
    assert ended == expected
    assert "sync-1" in ended.message
    assert CONNECTION in ended.message


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (a_run("running"), RUNNING),
        (a_run("finished", finished="12:01:00"), SUCCEEDED),
        (a_run("finished", finished="12:01:00", error="no such table"), FAILED),
        (a_run("failed", error="no such table"), FAILED),
        (a_run("canceled"), CANCELLED),
        (a_run("resting"), UNKNOWN),
        (a_run(None), RUNNING),
        (a_run(None, finished="12:01:00"), SUCCEEDED),
        ({"started_at": "2026-11-22T12:00:00Z", "finished_at": "2026-11-22T12:01:00Z"}, SUCCEEDED),
    ],
)
def test_a_run_of_a_source_is_asked_for_by_its_id(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock, answer: dict[str, Any], expected: tuple[int, str]
) -> None:
    triggered(rudderstack, tmp_path, OF_SOURCE)
    rudderstack.expect("GET", RUN_STATUS, answer)
    ended = check(tmp_path, clock, OF_SOURCE)
    assert ended == expected
    assert "run-1" in ended.message
    assert SOURCE in ended.message


@pytest.mark.parametrize("of", [OF_SOURCE, OF_CONNECTION])
def test_it_needs_no_id(rudderstack: Vendor, tmp_path: Path, clock: FakeClock, of: dict[str, str]) -> None:
    triggered(rudderstack, tmp_path, of)
    if of is OF_SOURCE:
        rudderstack.expect("GET", RUN_STATUS, a_run("finished"))
    else:
        rudderstack.expect("GET", SYNC, sync("succeeded"))
    assert check(tmp_path, clock, TOKEN) == SUCCEEDED


def test_an_id_of_a_sync_is_quoted_in_the_url(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION, sync_id="a/../b?c")
    rudderstack.expect("GET", f"{SYNCS}/a%2F..%2Fb%3Fc", sync("succeeded", "a/../b?c"))
    assert check(tmp_path, clock, OF_CONNECTION) == SUCCEEDED


def test_the_trigger_of_an_upstream_log_id_comes_first(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION, sync_id="first", log_id="5")
    triggered(rudderstack, tmp_path, OF_CONNECTION, sync_id="second", log_id="6")
    rudderstack.expect("GET", f"{SYNCS}/first", sync("succeeded", "first"))
    assert check(tmp_path, clock, OF_CONNECTION, "5") == SUCCEEDED


def test_of_two_upstream_triggers_the_inputs_choose(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION, log_id="5")
    triggered(rudderstack, tmp_path, OF_SOURCE, log_id="6")
    rudderstack.expect("GET", SYNC, sync("succeeded"))
    assert check(tmp_path, clock, OF_CONNECTION, "5", "6") == SUCCEEDED
    rudderstack.expect("GET", RUN_STATUS, a_run("failed"))
    assert check(tmp_path, clock, OF_SOURCE, "5", "6") == FAILED


def test_of_two_upstream_triggers_without_an_id_none_is_chosen(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION, log_id="5")
    triggered(rudderstack, tmp_path, OF_SOURCE, log_id="6")
    ended = check(tmp_path, clock, TOKEN, "5", "6")
    assert ended == (206, "invalid_input")
    assert CONNECTION in ended.message
    assert SOURCE in ended.message


def test_of_two_upstream_triggers_of_one_id_the_later_is_judged(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION, sync_id="first", log_id="5")
    clock.sleep(60)
    triggered(rudderstack, tmp_path, OF_CONNECTION, sync_id="second", log_id="6")
    rudderstack.expect("GET", f"{SYNCS}/second", sync("succeeded", "second"))
    assert check(tmp_path, clock, TOKEN, "6", "5") == SUCCEEDED


def test_a_hand_over_of_another_kind_is_passed_over_with_a_warning(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION)
    rudderstack.expect("GET", SOURCE_STATUS, a_run("finished"))
    assert check(tmp_path, clock, OF_SOURCE) == SUCCEEDED
    (warning,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert CONNECTION in warning
    assert f"RUDDERSTACK_SOURCE_ID is {SOURCE}" in warning


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (a_run("finished", "11:00:00", "11:05:00"), RUNNING),
        (a_run("running", "12:00:01"), RUNNING),
        (a_run("finished", "12:00:01", "12:01:00"), SUCCEEDED),
        (a_run("finished", "12:00:01", "12:01:00", error="no such table"), FAILED),
    ],
)
def test_a_run_without_an_id_is_told_from_the_one_before_by_its_start(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock, run: dict[str, Any], expected: tuple[int, str]
) -> None:
    rudderstack.expect("POST", SOURCE_START, None, status=204)
    rudderstack.expect("GET", SOURCE_STATUS, a_run("running", "12:00:01"))
    assert ending(trigger_sync, OF_SOURCE, make_job(tmp_path, "rudderstack", clock)) == (0, "started")
    rudderstack.expect("GET", SOURCE_STATUS, run)
    assert check(tmp_path, clock, OF_SOURCE) == expected


def test_a_later_run_is_never_taken_for_the_success_of_one_without_an_id(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    rudderstack.expect("POST", SOURCE_START, RUNNING_ALREADY, status=409)
    rudderstack.expect("GET", SOURCE_STATUS, a_run("running", "11:50:00"))
    job = make_job(tmp_path, "rudderstack", clock)
    assert ending(trigger_sync, {**OF_SOURCE, "RUDDERSTACK_IF_RUNNING": "join"}, job) == (0, "joined")
    rudderstack.expect("GET", SOURCE_STATUS, a_run("finished", "12:30:00", "12:40:00"))
    job = make_job(tmp_path, "rudderstack", clock)
    assert ending(check_sync_status, OF_SOURCE, job) == UNKNOWN
    assert job.facts == {"started_at": "2026-11-22T12:30:00Z", "finished_at": "2026-11-22T12:40:00Z"}


def test_a_sync_of_another_id_than_asked_for_makes_no_sense(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION)
    rudderstack.expect("GET", SYNC, sync("succeeded", "another"))
    assert check(tmp_path, clock, OF_CONNECTION) == UNREACHABLE


def test_a_hand_over_that_cannot_be_read_ends_the_check_even_with_an_id(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION)
    (tmp_path / "rudderstack-blueprints" / "variables" / "sync.pickle").write_bytes(b"\x80\x04")
    ended = check(tmp_path, clock, OF_CONNECTION)
    assert ended == (221, "artifact_error")
    assert "sync.pickle" in ended.message
    assert rudderstack.sent == []


# The files of other programs


def test_the_ids_that_another_program_left_are_judged(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    left(tmp_path, source_id=SOURCE, sync_id="run-1")
    rudderstack.expect("GET", RUN_STATUS, a_run("finished"))
    assert check(tmp_path, clock, TOKEN) == SUCCEEDED


def test_a_source_id_that_another_program_left_alone_means_its_latest_run(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    left(tmp_path, source_id=SOURCE)
    rudderstack.expect("GET", SOURCE_STATUS, a_run("failed", error="no such table"))
    assert check(tmp_path, clock, TOKEN) == FAILED


@pytest.mark.parametrize(
    "files", [{"source_id": "../x"}, {"source_id": 5}, {"connection_id": CONNECTION, "sync_id": ["s"]}]
)
def test_what_is_no_hand_over_of_theirs_ends_the_check(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock, files: dict[str, Any]
) -> None:
    left(tmp_path, **files)
    assert check(tmp_path, clock, TOKEN) == (221, "artifact_error")
    assert rudderstack.sent == []


# On its own


def test_with_neither_an_id_nor_a_hand_over_nothing_is_asked(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    ended = check(tmp_path, clock, TOKEN)
    assert ended == (206, "invalid_input")
    assert "RUDDERSTACK_SOURCE_ID" in ended.message
    assert "RUDDERSTACK_CONNECTION_ID" in ended.message
    assert rudderstack.sent == []


def test_the_latest_run_of_a_source_is_judged(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    rudderstack.expect("GET", SOURCE_STATUS, a_run("finished"))
    assert check(tmp_path, clock, OF_SOURCE) == SUCCEEDED


EARLY, LATE = sync("failed", "early", "10:00:00"), sync("succeeded", "late", "11:00:00")


@pytest.mark.parametrize("order", [(EARLY, LATE), (LATE, EARLY)])
def test_the_latest_sync_of_a_connection_is_told_by_its_start_in_whatever_order(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock, order: tuple[dict[str, Any], ...]
) -> None:
    rudderstack.expect("GET", SYNCS, syncs(*order))
    ended = check(tmp_path, clock, OF_CONNECTION)
    assert ended == SUCCEEDED
    assert "late" in ended.message


@pytest.mark.parametrize("following", ["/v2/retl-connections/x/syncs?page=2", "/retl-connections/x/syncs?page=2", "2"])
def test_the_latest_sync_is_looked_for_on_every_page(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock, following: str
) -> None:
    middle = sync("failed", "middle", "10:30:00")
    rudderstack.expect("GET", SYNCS, syncs(EARLY, next=following))
    rudderstack.expect("GET", SYNCS, syncs(middle, next=following), query={"page": "2"})
    rudderstack.expect("GET", SYNCS, syncs(LATE, next=""), query={"page": "3"})
    assert check(tmp_path, clock, OF_CONNECTION) == SUCCEEDED


def test_pages_that_repeat_themselves_are_not_turned_for_ever(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    rudderstack.expect("GET", SYNCS, syncs(EARLY, LATE, next="2"))
    rudderstack.expect("GET", SYNCS, syncs(EARLY, LATE, next="2"), query={"page": "2"})
    assert check(tmp_path, clock, OF_CONNECTION) == SUCCEEDED


def test_a_thousand_pages_are_enough(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    rudderstack.expect("GET", SYNCS, syncs(EARLY, next="2"))
    for page in range(2, 1001):
        query = {"page": str(page)}
        rudderstack.expect("GET", SYNCS, syncs(sync("succeeded", f"sync-{page}"), next="more"), query=query)
    assert check(tmp_path, clock, OF_CONNECTION) == UNREACHABLE


def test_a_running_sync_of_a_connection_is_incomplete(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    rudderstack.expect("GET", SYNCS, syncs(sync("running", "now", "11:59:00"), LATE))
    assert check(tmp_path, clock, OF_CONNECTION) == RUNNING


def test_a_connection_that_never_ran_is_incomplete(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    rudderstack.expect("GET", SYNCS, {"syncs": []})
    assert check(tmp_path, clock, OF_CONNECTION) == RUNNING


@pytest.mark.parametrize(
    "answer", [{}, {"syncs": None}, {"syncs": {}}, {"syncs": ["s"]}, {"syncs": [{"status": "succeeded"}]}, [], HTML]
)
def test_a_list_that_is_none_makes_no_sense(rudderstack: Vendor, tmp_path: Path, clock: FakeClock, answer: Any) -> None:
    rudderstack.expect("GET", SYNCS, answer)
    assert check(tmp_path, clock, OF_CONNECTION) == UNREACHABLE


# Rows that the destination refused


@pytest.mark.parametrize(("wanted", "expected"), [("TRUE", FAILED), ("false", SUCCEEDED), ("None", SUCCEEDED)])
@pytest.mark.parametrize("handed_over", [True, False])
def test_refused_rows_are_a_failure_only_if_so_wished(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock, wanted: str, expected: tuple[int, str], handed_over: bool
) -> None:
    answer = sync("succeeded", metrics=REFUSED_ROWS)
    if handed_over:
        triggered(rudderstack, tmp_path, OF_CONNECTION)
        rudderstack.expect("GET", SYNC, answer)
    else:
        rudderstack.expect("GET", SYNCS, syncs(answer))
    ended = check(tmp_path, clock, OF_CONNECTION, FAIL_ON_FAILED_ROWS=wanted)
    assert ended == expected
    assert "refused 2 rows" in ended.message


# What is told


def test_the_result_tells_the_rows_and_the_times(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    rudderstack.expect("GET", SYNCS, syncs(sync("succeeded", metrics=REFUSED_ROWS)))
    job = make_job(tmp_path, "rudderstack", clock)
    ending(check_sync_status, OF_CONNECTION, job)
    assert (job.id, job.sync_id) == (CONNECTION, "sync-1")
    assert job.facts["rows"] == {"total": 90, "succeeded": 88, "failed": 2, "changed": 90}
    assert job.facts["started_at"] == "2026-11-22T12:00:01Z"


def test_the_last_answer_is_kept_for_the_responses_folder(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    rudderstack.expect("GET", SOURCE_STATUS, a_run("finished"))
    job = make_job(tmp_path, "rudderstack", clock)
    ending(check_sync_status, OF_SOURCE, job)
    kept = {name: answer.body for name, answer in job.responses.items()}
    assert kept == {f"sync_run_{SOURCE}_response.json": a_run("finished")}


# Errors of a look


@pytest.mark.parametrize(
    ("status", "answer", "expected", "words"),
    [
        (401, None, (200, "invalid_credentials"), ["RUDDERSTACK_ACCESS_TOKEN"]),
        (403, {"message": "not in your plan"}, (200, "invalid_credentials"), ["not in your plan"]),
        (404, HTML, (204, "not_found"), [CONNECTION, "RUDDERSTACK_SOURCE_ID"]),
        (400, {"error": "bad"}, (201, "refused"), ["bad"]),
        (302, None, (201, "refused"), ["RUDDERSTACK_API_URL"]),
    ],
)
def test_what_a_look_is_refused_with_ends_the_check(
    rudderstack: Vendor,
    tmp_path: Path,
    clock: FakeClock,
    status: int,
    answer: Any,
    expected: tuple[int, str],
    words: list[str],
) -> None:
    rudderstack.expect("GET", SYNCS, answer, status=status)
    ended = check(tmp_path, clock, OF_CONNECTION)
    assert ended == expected
    assert all(word in ended.message for word in words)


def test_an_unknown_source_is_told_with_a_hint_at_the_other_kind(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    rudderstack.expect("GET", SOURCE_STATUS, None, status=404)
    ended = check(tmp_path, clock, OF_SOURCE)
    assert ended == (204, "not_found")
    assert "RUDDERSTACK_CONNECTION_ID" in ended.message


@pytest.mark.parametrize(("answer", "status"), [(HTML, 503), (LOST, 0), (TIMED_OUT, 0), (REFUSED, 0), (None, 429)])
def test_a_look_is_tried_five_times(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock, answer: Any, status: int
) -> None:
    for _ in range(5):
        rudderstack.expect("GET", SYNCS, answer, status=status)
    assert check(tmp_path, clock, OF_CONNECTION) == UNREACHABLE


@pytest.mark.parametrize("answer", [HTML, [], None, {"status": 5}, '{"status": "fin'])
def test_a_run_that_is_none_makes_no_sense(rudderstack: Vendor, tmp_path: Path, clock: FakeClock, answer: Any) -> None:
    rudderstack.expect("GET", SOURCE_STATUS, answer)
    assert check(tmp_path, clock, OF_SOURCE) == UNREACHABLE


@pytest.mark.parametrize(
    ("answer", "status", "expected"),
    [
        ({"id": SOURCE}, 200, UNREACHABLE),
        (None, 404, (204, "not_found")),
        ({"error": "boom"}, 500, (204, "not_found")),
        (None, 400, (204, "not_found")),
    ],
)
@pytest.mark.parametrize("handed_over", [True, False])
def test_a_500_of_a_source_is_the_vendors_fault_only_if_the_source_can_be_read(
    rudderstack: Vendor,
    tmp_path: Path,
    clock: FakeClock,
    answer: Any,
    status: int,
    expected: tuple[int, str],
    handed_over: bool,
) -> None:
    if handed_over:
        triggered(rudderstack, tmp_path, OF_SOURCE)
    path = RUN_STATUS if handed_over else SOURCE_STATUS
    rudderstack.expect("GET", path, {"error": "boom"}, status=500, many=True)
    rudderstack.expect("GET", SOURCE_PATH, answer, status=status, many=status == 500)
    if status == 500 and not handed_over:  # other calls are answered: it is this source
        for _ in range(2):
            rudderstack.expect("GET", "/v2/workspace", {"workspace": {}})
            rudderstack.expect("GET", SOURCE_PATH, answer, status=status, many=True)
        rudderstack.steps.pop()
    ended = check(tmp_path, clock, OF_SOURCE)
    if handed_over and status == 500:  # a run of it was started: an outage, not an unknown id
        expected = UNREACHABLE
    assert ended == expected
    assert SOURCE in ended.message or expected == UNREACHABLE


@pytest.mark.parametrize("status", [502, 503])
def test_another_5xx_of_a_source_is_not_probed(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock, status: int
) -> None:
    rudderstack.expect("GET", SOURCE_STATUS, HTML, status=status, many=True)
    assert check(tmp_path, clock, OF_SOURCE) == UNREACHABLE


def test_a_500_of_a_connection_is_the_vendors_fault(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    rudderstack.expect("GET", SYNCS, {"error": "boom"}, status=500, many=True)
    ended = check(tmp_path, clock, OF_CONNECTION)
    assert ended == UNREACHABLE
    assert "boom" in ended.message


# Waiting


def test_it_waits_until_the_sync_has_ended(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION)
    for word in ("running", "queued", "succeeded"):
        rudderstack.expect("GET", SYNC, sync(word))
    assert check(tmp_path, clock, OF_CONNECTION, WAIT="TRUE") == SUCCEEDED


def test_an_unknown_word_is_never_waited_on(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION)
    rudderstack.expect("GET", SYNC, sync("running"))
    rudderstack.expect("GET", SYNC, sync("resting"))
    ended = check(tmp_path, clock, OF_CONNECTION, WAIT="TRUE")
    assert ended == UNKNOWN
    assert "resting" in ended.message


def test_it_gives_up_after_its_time_and_says_that_the_sync_goes_on(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    rudderstack.expect("GET", SOURCE_STATUS, a_run("running"), many=True)
    ended = check(tmp_path, clock, OF_SOURCE, WAIT="TRUE", WAIT_TIMEOUT="30")
    assert ended == RUNNING
    assert "30 min" in ended.message
    assert "goes on at RudderStack" in ended.message
    assert 1800 <= clock.elapsed < 1861


def test_a_maintenance_of_three_refusals_in_a_row_is_survived_after_a_good_answer(
    rudderstack: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION)
    for _ in range(2):
        rudderstack.expect("GET", SYNC, sync("running"))
        for _ in range(3):
            rudderstack.expect("GET", SYNC, None, status=401)
    rudderstack.expect("GET", SYNC, sync("succeeded"))
    assert check(tmp_path, clock, OF_CONNECTION, WAIT="TRUE") == SUCCEEDED


def test_a_refusal_of_the_first_look_is_final(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION)
    rudderstack.expect("GET", SYNC, None, status=401)
    assert check(tmp_path, clock, OF_CONNECTION, WAIT="TRUE") == (200, "invalid_credentials")


def test_an_outage_of_a_quarter_of_an_hour_is_survived(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION)
    rudderstack.expect("GET", SYNC, sync("running"))
    rudderstack.expect("GET", SYNC, lambda: LOST if clock.elapsed < 800 else sync("succeeded"), many=True)
    assert check(tmp_path, clock, OF_CONNECTION, WAIT="TRUE") == SUCCEEDED


def test_a_longer_outage_ends_the_wait(rudderstack: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    triggered(rudderstack, tmp_path, OF_CONNECTION)
    rudderstack.expect("GET", SYNC, sync("running"))
    rudderstack.expect("GET", SYNC, HTML, status=502, many=True)
    assert check(tmp_path, clock, OF_CONNECTION, WAIT="TRUE") == UNREACHABLE
    assert 900 <= clock.elapsed < 1100


@pytest.mark.parametrize(
    ("region", "url"), [("us", "https://api.rudderstack.com"), ("EU", "https://api.eu.rudderstack.com")]
)
def test_the_region_is_asked(rudderstack: Vendor, tmp_path: Path, clock: FakeClock, region: str, url: str) -> None:
    rudderstack.url = url
    rudderstack.expect("GET", SOURCE_STATUS, a_run("finished"))
    assert check(tmp_path, clock, OF_SOURCE, REGION=region) == SUCCEEDED
