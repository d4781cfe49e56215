"""Nango - Trigger Sync: what goes over the wire, what is handed over and how each run ends."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from nango_blueprints.client import packed
from shared.blueprint import Job

from nango_blueprints import check_sync_status, trigger_sync
from shared.errors import Interruption
from tests.nango_blueprints.answers import (
    ACCEPTED,
    BODY,
    BODY_ALL,
    CONNECTION,
    ENVIRONMENT,
    INTEGRATION,
    KEY,
    NAME,
    OF_INTEGRATION,
    QUERY,
    QUERY_ALL,
    STATUS,
    TRIGGER,
    at,
    entries,
    entry,
    never,
    recorded,
    running,
)
from tests.support import NOW, FakeClock, make_job
from tests.wire import HTML, LOST, REFUSED, TIMED_OUT, Ending, Vendor, ending, files

NEW = "12:00:05"


@pytest.fixture
def job(tmp_path: Path, clock: FakeClock) -> Job:
    return make_job(tmp_path, "nango", clock)


def trigger(job: Job, of: dict[str, str] = ENVIRONMENT, **given: str) -> Ending:
    """Run the trigger with these inputs, named without NANGO_."""
    return ending(trigger_sync, {**of, **{f"NANGO_{name}": value for name, value in given.items()}}, job)


# What goes over the wire


def test_it_looks_first_and_then_starts_with_exactly_these_requests(nango: Vendor, job: Job) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    ended = trigger(job)
    assert ended == (0, "started")
    assert all(word in ended.message for word in (INTEGRATION, CONNECTION, NAME))
    look, start = nango.sent
    for sent in nango.sent:
        assert sent.headers["Authorization"] == f"Bearer {KEY}"
        assert sent.headers["User-Agent"].startswith("sync-blueprints/")
    assert start.headers["Content-Type"] == "application/json"
    assert (look.timeout, start.timeout) == ((10, 60), (10, 120))


def test_without_a_connection_and_names_all_of_them_are_meant(nango: Vendor, job: Job) -> None:
    nango.expect("GET", STATUS, entries(entry(), entry(connection="conn-b"), never(name="other")), query=QUERY_ALL)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY_ALL)
    ended = trigger(job, OF_INTEGRATION)
    assert ended == (0, "started")
    assert "3" in ended.message


def test_names_with_variants_go_out_as_they_are(nango: Vendor, job: Job) -> None:
    found = entries(entry(name="a"), entry(name="b", variant="eu"))
    nango.expect("GET", STATUS, found, query={**QUERY, "syncs": "a,b::eu"})
    nango.expect("POST", TRIGGER, ACCEPTED, body={**BODY, "syncs": ["a", "b::eu"]})
    assert trigger(job, SYNCS=" a, b::eu") == (0, "started")


def test_a_connection_id_with_odd_characters_is_quoted(nango: Vendor, job: Job, tmp_path: Path) -> None:
    odd = "user/1 +=b"
    nango.expect("GET", STATUS, entries(entry(connection=odd)), query={**QUERY, "connection_id": odd})
    nango.expect("POST", TRIGGER, ACCEPTED, body={**BODY, "connection_id": odd})
    assert trigger(job, CONNECTION_ID=odd) == (0, "started")
    assert not [path for path in tmp_path.rglob("*") if "user" in path.name]


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({"RESET": "TRUE"}, {"reset": True}),
        ({"RESET": "TRUE", "EMPTY_CACHE": "TRUE"}, {"reset": True, "emptyCache": True}),
    ],
)
def test_options_are_sent_only_if_set(nango: Vendor, job: Job, given: dict[str, str], options: dict[str, bool]) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body={**BODY, "opts": options})
    assert trigger(job, **given) == (0, "started")


@pytest.mark.parametrize("url", ["http://localhost:3003", "http://localhost:3003/"])
def test_a_server_of_ones_own_is_asked(nango: Vendor, job: Job, url: str) -> None:
    nango.url = "http://localhost:3003"
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    assert trigger(job, API_URL=url) == (0, "started")


def test_a_redirect_of_the_start_is_never_followed(nango: Vendor, job: Job) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, None, status=307, headers={"Location": "https://elsewhere.invalid/"}, body=BODY)
    ended = trigger(job)
    assert ended == (201, "refused")
    assert "NANGO_API_URL" in ended.message


# What is handed over


def test_plain_values_are_handed_over_and_never_the_key(nango: Vendor, job: Job, tmp_path: Path) -> None:
    nango.expect("GET", STATUS, entries(entry(), never(name="other")), query={**QUERY, "syncs": "*"})
    nango.expect("POST", TRIGGER, ACCEPTED, body={**BODY, "syncs": []}, takes=7)
    trigger(job, {**OF_INTEGRATION, "NANGO_CONNECTION_ID": CONNECTION}, START_GRACE="30")
    left = files(tmp_path)
    assert set(left) == {"sync.pickle"}
    handed = left["sync.pickle"]
    assert (handed["version"], handed["provider_config_key"], handed["connection_id"]) == (1, INTEGRATION, CONNECTION)
    assert handed["server_time"] == NOW + timedelta(seconds=7)
    assert handed["joined"] is False
    assert handed["ids"] == [packed(entry()["id"]), packed(never(name="other")["id"])]
    assert handed["finished_at"] == [packed(at("06:00:00.123")), None]
    assert handed["were_running"] == [False, False]
    assert handed["labels"] == [f"{CONNECTION}/{NAME}", f"{CONNECTION}/other"]
    assert not [path for path in tmp_path.rglob("*.pickle") if KEY.encode() in path.read_bytes()]


def many(count: int) -> dict[str, Any]:
    """An answer with as many entries, each of a connection of its own."""
    return entries(
        *(
            {**entry(connection=f"conn-{number}"), "id": str(uuid5(NAMESPACE_URL, str(number)))}
            for number in range(count)
        )
    )


def test_tens_of_thousands_of_syncs_are_handed_over(nango: Vendor, job: Job, tmp_path: Path, clock: FakeClock) -> None:
    before = many(30_000)
    after = entries(*({**one, "finishedAt": at(NEW)} for one in before["syncs"]))
    nango.expect("GET", STATUS, before, query=QUERY_ALL)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY_ALL)
    assert trigger(job, OF_INTEGRATION) == (0, "started")
    nango.expect("GET", STATUS, after, query=QUERY_ALL)
    ended = ending(check_sync_status, {"NANGO_SECRET_KEY": KEY}, make_job(tmp_path, "nango", clock))
    assert ended == (0, "succeeded")
    assert "all 30000 succeeded" in ended.message


def test_more_syncs_than_can_be_handed_over_are_not_started(nango: Vendor, job: Job, tmp_path: Path) -> None:
    nango.expect("GET", STATUS, many(40_000), query=QUERY_ALL)
    ended = trigger(job, OF_INTEGRATION)
    assert ended == (221, "artifact_error")
    assert "nothing was started; choose fewer syncs" in ended.message
    assert files(tmp_path) == {}


@pytest.mark.parametrize(("date", "expected"), [(True, NOW), (False, NOW + timedelta(hours=1))])
def test_the_time_of_the_start_is_the_servers_and_only_without_one_the_local_one(
    nango: Vendor, tmp_path: Path, clock: FakeClock, date: bool, expected: datetime
) -> None:
    clock.offset = 3600
    nango.expect("GET", STATUS, entries(entry()), query=QUERY, date=date)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY, date=False)
    assert trigger(make_job(tmp_path, "nango", clock)) == (0, "started")
    assert files(tmp_path)["sync.pickle"]["server_time"] == expected


def test_with_a_log_id_it_is_written_under_both_names(nango: Vendor, tmp_path: Path, clock: FakeClock) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    trigger(make_job(tmp_path, "nango", clock, log_id="log-7"))
    left = files(tmp_path)
    assert set(left) == {"sync.pickle", "log-7_sync.pickle"}
    assert left["log-7_sync.pickle"] == left["sync.pickle"]


def test_the_last_answer_is_kept_for_the_responses_folder(nango: Vendor, job: Job) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    trigger(job)
    kept = {name: answer.body for name, answer in job.responses.items()}
    assert kept == {f"sync_{INTEGRATION}_response.json": ACCEPTED}


def test_a_folder_that_cannot_be_written_is_found_out_before_anything_is_sent(
    nango: Vendor, tmp_path: Path, clock: FakeClock
) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    assert trigger(make_job(tmp_path / "taken", "nango", clock)) == (221, "artifact_error")
    assert nango.sent == []


def test_a_trigger_killed_while_it_starts_leaves_a_mark_that_stops_a_check(
    nango: Vendor, job: Job, tmp_path: Path, clock: FakeClock
) -> None:
    def killed() -> None:
        raise Interruption(2)

    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, killed, body=BODY)
    with pytest.raises(Interruption):
        trigger(job)
    assert set(files(tmp_path)) == {"starting.pickle"}
    assert INTEGRATION in job.goes_on
    checked = ending(check_sync_status, OF_INTEGRATION, make_job(tmp_path, "nango", clock))
    assert checked == (221, "artifact_error")


# Names that are not there stop it before the start


@pytest.mark.parametrize(
    ("asked", "found", "missing"),
    [
        ("lab-ctl", [], "lab-ctl"),
        ("lab-ctl,nope", [entry()], "nope"),
        ("nope,lab-ctl", [entry()], "nope"),
        ("lab-ctl::eu", [entry()], "lab-ctl::eu"),
        ("lab-ctl,lab-ctl::eu", [entry()], "lab-ctl::eu"),
    ],
)
def test_a_name_that_is_not_there_is_told_before_the_start(
    nango: Vendor, job: Job, tmp_path: Path, asked: str, found: list[Any], missing: str
) -> None:
    nango.expect("GET", STATUS, entries(*found), query={**QUERY, "syncs": asked})
    ended = trigger(job, SYNCS=asked)
    assert ended == (204, "not_found")
    assert all(word in ended.message for word in (missing, INTEGRATION))
    assert files(tmp_path) == {}


def test_an_integration_without_entries_is_not_found(nango: Vendor, job: Job) -> None:
    nango.expect("GET", STATUS, entries(), query=QUERY_ALL)
    ended = trigger(job, OF_INTEGRATION)
    assert ended == (204, "not_found")
    assert "NANGO_PROVIDER_CONFIG_KEY" in ended.message


def test_a_base_variant_may_be_named(nango: Vendor, job: Job) -> None:
    status, body = recorded("stat: variant")
    query = {**QUERY, "syncs": "lab-quick::base"}
    nango.expect("GET", STATUS, body, status=status, query=query)
    nango.expect("POST", TRIGGER, ACCEPTED, body={**BODY, "syncs": ["lab-quick::base"]})
    assert trigger(job, SYNCS="lab-quick::base") == (0, "started")


# A sync is running already


def test_by_default_it_waits_until_none_runs_and_holds_the_run_against_the_end_then(
    nango: Vendor, job: Job, tmp_path: Path
) -> None:
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    nango.expect("GET", STATUS, entries(entry("SUCCESS", "12:00:03")), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    assert trigger(job) == (0, "started")
    assert files(tmp_path)["sync.pickle"]["finished_at"] == [packed(at("12:00:03"))]


@pytest.mark.parametrize("given", [{}, {"RESET": "TRUE"}])
def test_wait_gives_up_after_its_time_and_starts_nothing(
    nango: Vendor, job: Job, tmp_path: Path, given: dict[str, str]
) -> None:
    nango.expect("GET", STATUS, entries(running()), query=QUERY, many=True)
    ended = trigger(job, WAIT_TIMEOUT="10", **given)
    assert ended == (203, "already_running")
    assert NAME in ended.message
    assert 600 <= nango.clock.elapsed < 661
    assert files(tmp_path) == {}


@pytest.mark.parametrize("given", [{}, {"RESET": "TRUE"}])
def test_fail_ends_at_once_and_hands_nothing_over(
    nango: Vendor, job: Job, tmp_path: Path, given: dict[str, str]
) -> None:
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    ended = trigger(job, IF_RUNNING="fail", **given)
    assert ended == (203, "already_running")
    assert "NANGO_IF_RUNNING" in ended.message
    assert f"{CONNECTION}/{NAME}" in ended.message
    assert files(tmp_path) == {}


def test_join_starts_nothing_and_hands_over_what_runs(nango: Vendor, job: Job, tmp_path: Path) -> None:
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    assert trigger(job, IF_RUNNING="join") == (0, "joined")
    handed = files(tmp_path)["sync.pickle"]
    assert handed["joined"] is True
    assert handed["were_running"] == [True]


def test_join_starts_what_does_not_run_and_joins_the_rest(nango: Vendor, job: Job, tmp_path: Path) -> None:
    found = entries(running(), entry(connection="conn-b"))
    nango.expect("GET", STATUS, found, query={**QUERY_ALL, "syncs": NAME})
    nango.expect("POST", TRIGGER, ACCEPTED, body={**BODY_ALL, "syncs": [NAME]})
    assert trigger(job, {**OF_INTEGRATION, "NANGO_SYNCS": NAME}, IF_RUNNING="join") == (0, "started")
    handed = files(tmp_path)["sync.pickle"]
    assert dict(zip(handed["labels"], handed["were_running"])) == {
        f"{CONNECTION}/{NAME}": True,
        f"conn-b/{NAME}": False,
    }


def test_of_all_connections_one_that_runs_is_waited_for(nango: Vendor, job: Job) -> None:
    nango.expect("GET", STATUS, entries(entry(), running(connection="conn-b")), query=QUERY_ALL)
    nango.expect("GET", STATUS, entries(entry(), running(connection="conn-b")), query=QUERY_ALL)
    nango.expect("GET", STATUS, entries(entry(), entry(connection="conn-b")), query=QUERY_ALL)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY_ALL)
    assert trigger(job, OF_INTEGRATION) == (0, "started")
    looks = [sent.at for sent in nango.sent[:3]]
    assert all(9 <= after - before <= 11 for before, after in zip(looks, looks[1:]))


def test_reads_that_fail_while_its_turn_is_awaited_are_survived(nango: Vendor, job: Job) -> None:
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    for _ in range(7):
        nango.expect("GET", STATUS, HTML, status=502, query=QUERY)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    assert trigger(job) == (0, "started")


@pytest.mark.parametrize("label", ["auth: none", "auth: read-only key on trigger"])
def test_a_start_that_is_refused_once_its_turn_has_come_is_told_at_once(
    nango: Vendor, job: Job, tmp_path: Path, label: str
) -> None:
    status, body = recorded(label)
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, body, status=status, body=BODY)
    assert trigger(job) == (200, "invalid_credentials")
    assert nango.starts(TRIGGER) == [BODY]
    assert files(tmp_path) == {}


@pytest.mark.parametrize("seconds", ["50", "60"])
def test_a_retry_after_at_each_look_for_its_turn_outlasts_the_time_out_by_no_more_than_a_look(
    nango: Vendor, job: Job, seconds: str
) -> None:
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    nango.expect("GET", STATUS, {}, status=429, headers={"Retry-After": seconds}, query=QUERY, takes=5, many=True)
    assert trigger(job, WAIT_TIMEOUT="1").code in (202, 203)
    assert nango.clock.elapsed < 66  # a look takes five seconds


def test_an_outage_until_the_wait_for_its_turn_is_over_is_worth_a_retry(nango: Vendor, job: Job) -> None:
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    nango.expect("GET", STATUS, HTML, status=503, query=QUERY, many=True)
    assert trigger(job, WAIT_TIMEOUT="1") == (202, "not_started")


# Errors, as a real server words them

LIMITED = {"error": {"code": "too_many_request", "message": "Rate limit exceeded"}}
INVALID = (200, "invalid_credentials")


@pytest.mark.parametrize(
    ("label", "expected", "words"),
    [
        ("auth: none on status", INVALID, ["NANGO_SECRET_KEY"]),
        ("auth: unknown key on status", INVALID, ["NANGO_SECRET_KEY"]),
        ("auth: execute-only key on status", INVALID, ["environment:syncs:read"]),
        ("stat: unknown connection", (204, "not_found"), ["NANGO_CONNECTION_ID", "Connection not found"]),
        ("status deleted connection", (204, "not_found"), ["NANGO_CONNECTION_ID"]),
        ("stat: bad pck chars", (201, "refused"), ["invalid_query_params"]),
        ("stat: unknown integration", (204, "not_found"), ["NANGO_PROVIDER_CONFIG_KEY"]),
        ("stat: unknown sync + connection", (204, "not_found"), ["NANGO_SYNCS"]),
    ],
)
def test_what_the_first_look_is_refused_with_ends_the_trigger(
    nango: Vendor, job: Job, tmp_path: Path, label: str, expected: tuple[int, str], words: list[str]
) -> None:
    status, body = recorded(label)
    nango.expect("GET", STATUS, body, status=status, query=QUERY)
    ended = trigger(job)
    assert ended == expected
    assert all(word in ended.message for word in words)
    assert files(tmp_path) == {}


@pytest.mark.parametrize(
    ("label", "expected", "words"),
    [
        ("auth: none", INVALID, ["NANGO_SECRET_KEY"]),
        ("auth: not uuid", INVALID, ["NANGO_SECRET_KEY"]),
        ("auth: unknown uuid4", INVALID, ["NANGO_SECRET_KEY"]),
        ("auth: read-only key on trigger", INVALID, ["environment:syncs:execute"]),
        ("trig: unknown integration", (204, "not_found"), ["NANGO_PROVIDER_CONFIG_KEY"]),
        ("trig: unknown connection", (204, "not_found"), ["NANGO_CONNECTION_ID"]),
        ("trig: unknown sync with connection", (204, "not_found"), ["NANGO_SYNCS", "No syncs found"]),
        ("trig: integration without syncs, []", (204, "not_found"), ["No syncs found"]),
        ("trig: {}", (201, "refused"), ["invalid_body"]),
        ("trig: no pck", (201, "refused"), ["missing_provider_config_key"]),
        ("trig: bad json", (201, "refused"), ["invalid_json"]),
        ("trig: text/plain", (201, "refused"), ["invalid_content_type"]),
        ("double slash", (201, "refused"), ["NANGO_API_URL"]),
    ],
)
def test_a_refused_start_is_never_repeated(
    nango: Vendor, job: Job, tmp_path: Path, label: str, expected: tuple[int, str], words: list[str]
) -> None:
    status, body = recorded(label)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, body, status=status, body=BODY)
    ended = trigger(job)
    assert ended == expected
    assert all(word in ended.message for word in words)
    assert files(tmp_path) == {}


@pytest.mark.parametrize("answer", [HTML, None, [], {}, {"syncs": None}, {"syncs": {}}, {"syncs": [{"id": "e"}]}])
def test_a_first_look_that_makes_no_sense_starts_nothing(nango: Vendor, job: Job, tmp_path: Path, answer: Any) -> None:
    nango.expect("GET", STATUS, answer, query=QUERY)
    ended = trigger(job)
    assert ended == (202, "not_started")
    assert "nothing was started" in ended.message
    assert files(tmp_path) == {}


@pytest.mark.parametrize(("answer", "status"), [(HTML, 502), (TIMED_OUT, 0), (LOST, 0), (REFUSED, 0), (LIMITED, 429)])
def test_the_first_look_is_tried_five_times(nango: Vendor, job: Job, answer: Any, status: int) -> None:
    for _ in range(5):
        nango.expect("GET", STATUS, answer, status=status, query=QUERY)
    assert trigger(job) == (202, "not_started")


def test_a_scheduler_that_is_down_is_known_not_to_have_started(nango: Vendor, job: Job) -> None:
    status, body = recorded("N2 status with orchestrator down")
    nango.expect("GET", STATUS, body, status=status, query=QUERY, many=True)
    ended = trigger(job)
    assert ended == (202, "not_started")
    assert "generic_error_support" in ended.message


def test_a_retry_after_of_zero_waits_a_second(nango: Vendor, job: Job) -> None:
    nango.expect("GET", STATUS, LIMITED, status=429, headers={"Retry-After": "0"}, query=QUERY)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, LIMITED, status=429, headers={"Retry-After": "0"}, body=BODY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    assert trigger(job) == (0, "started")
    assert nango.sent[1].at - nango.sent[0].at >= 1
    assert nango.sent[3].at - nango.sent[2].at >= 1


@pytest.mark.parametrize(("answer", "status"), [(REFUSED, 0), (LIMITED, 429)])
def test_a_start_that_was_never_accepted_is_known_not_to_have_started(
    nango: Vendor, job: Job, tmp_path: Path, answer: Any, status: int
) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    for _ in range(5):
        nango.expect("POST", TRIGGER, answer, status=status, body=BODY)
    ended = trigger(job)
    assert ended == (202, "not_started")
    assert "nothing was started" in ended.message
    assert files(tmp_path) == {}


# Starts whose answer was lost

LOST_STARTS = {
    "read time-out": (TIMED_OUT, 0),
    "connection lost": (LOST, 0),
    "500": ({"error": {"code": "generic_error_support", "message": "An error occurred"}}, 500),
    "502 of a proxy": (HTML, 502),
}
GARBAGE = {
    "HTML": (HTML, 200),
    "no body": (None, 200),
    "no success": ({"success": False}, 200),
    "another word": ({"success": "true"}, 200),
    "nothing": ({}, 200),
    "a list": ([], 200),
}
EITHER = {**LOST_STARTS, **GARBAGE}


@pytest.mark.parametrize(("answer", "status"), EITHER.values(), ids=EITHER)
@pytest.mark.parametrize("now", [running(), entry("SUCCESS", NEW), entry("STOPPED", NEW)])
def test_a_lost_start_that_is_seen_was_started_and_is_not_sent_again(
    nango: Vendor, job: Job, tmp_path: Path, answer: Any, status: int, now: dict[str, Any]
) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, answer, status=status, body=BODY)
    nango.expect("GET", STATUS, entries(now), query=QUERY)
    assert trigger(job) == (0, "started")
    assert nango.starts(TRIGGER) == [BODY]
    assert set(files(tmp_path)) == {"sync.pickle"}


def test_a_lost_start_that_shows_late_was_started(nango: Vendor, job: Job) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, LOST, body=BODY)
    nango.expect(
        "GET", STATUS, lambda: entries(running() if nango.clock.elapsed > 10 else entry()), query=QUERY, many=True
    )
    assert trigger(job) == (0, "started")
    assert nango.starts(TRIGGER) == [BODY]


@pytest.mark.parametrize(("answer", "status"), LOST_STARTS.values(), ids=LOST_STARTS)
@pytest.mark.parametrize("now", [entry(), never()])
def test_a_lost_start_of_which_nothing_shows_is_sent_once_more(
    nango: Vendor, job: Job, answer: Any, status: int, now: dict[str, Any]
) -> None:
    nango.expect("GET", STATUS, entries(now), query=QUERY)
    nango.expect("POST", TRIGGER, answer, status=status, body=BODY)
    nango.expect("GET", STATUS, entries(now), query=QUERY, many=True)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    assert trigger(job) == (0, "started")
    assert nango.starts(TRIGGER) == [BODY, BODY]


@pytest.mark.parametrize(("answer", "status"), GARBAGE.values(), ids=GARBAGE)
def test_a_good_status_without_success_is_no_success(
    nango: Vendor, job: Job, tmp_path: Path, answer: Any, status: int
) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, answer, status=status, body=BODY)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY, many=True)
    assert trigger(job) == (202, "unclear")
    assert len(nango.starts(TRIGGER)) == 1
    assert set(files(tmp_path)) == {"starting.pickle"}


def test_after_two_lost_starts_it_is_unclear_and_no_third_is_sent(nango: Vendor, job: Job, tmp_path: Path) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, LOST, body=BODY)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY, many=True)
    nango.expect("POST", TRIGGER, TIMED_OUT, body=BODY)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY, many=True)
    ended = trigger(job)
    assert ended == (202, "unclear")
    assert INTEGRATION in ended.message
    assert nango.starts(TRIGGER) == [BODY, BODY]
    assert set(files(tmp_path)) == {"starting.pickle"}


@pytest.mark.parametrize(("answer", "status"), [(HTML, 502), (HTML, 200), ({"syncs": {}}, 200), (None, 401)])
def test_a_lost_start_that_cannot_be_found_out_about_is_unclear_and_not_sent_again(
    nango: Vendor, job: Job, answer: Any, status: int
) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, LOST, body=BODY)
    nango.expect("GET", STATUS, answer, status=status, query=QUERY, many=True)
    assert trigger(job) == (202, "unclear")
    assert nango.starts(TRIGGER) == [BODY]


def test_what_was_joined_proves_nothing_about_a_lost_start_by_its_running(nango: Vendor, job: Job) -> None:
    query, body = {**QUERY_ALL, "syncs": NAME}, {**BODY_ALL, "syncs": [NAME]}
    found = entries(running(), entry(connection="conn-b"))
    nango.expect("GET", STATUS, found, query=query)
    nango.expect("POST", TRIGGER, LOST, body=body)
    nango.expect("GET", STATUS, found, query=query, many=True)
    nango.expect("POST", TRIGGER, ACCEPTED, body=body)
    assert trigger(job, {**OF_INTEGRATION, "NANGO_SYNCS": NAME}, IF_RUNNING="join") == (0, "started")
    assert len(nango.starts(TRIGGER)) == 2


RESETS = [
    ({"RESET": "TRUE"}, {**BODY, "opts": {"reset": True}}),
    ({"RESET": "TRUE", "EMPTY_CACHE": "TRUE"}, {**BODY, "opts": {"reset": True, "emptyCache": True}}),
]


@pytest.mark.parametrize(("answer", "status"), EITHER.values(), ids=EITHER)
@pytest.mark.parametrize(("given", "body"), RESETS, ids=["reset", "with an empty cache"])
def test_a_lost_reset_of_which_nothing_shows_is_unclear_and_never_sent_again(
    nango: Vendor, job: Job, tmp_path: Path, answer: Any, status: int, given: dict[str, str], body: dict[str, Any]
) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, answer, status=status, body=body)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY, many=True)
    ended = trigger(job, **given)
    assert ended == (202, "unclear")
    assert INTEGRATION in ended.message
    assert nango.starts(TRIGGER) == [body]
    assert set(files(tmp_path)) == {"starting.pickle"}


@pytest.mark.parametrize("now", [running(), entry("SUCCESS", NEW), entry("STOPPED", NEW)])
@pytest.mark.parametrize(("given", "body"), RESETS, ids=["reset", "with an empty cache"])
def test_a_lost_reset_that_is_seen_was_started(
    nango: Vendor, job: Job, tmp_path: Path, now: dict[str, Any], given: dict[str, str], body: dict[str, Any]
) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, LOST, body=body)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("GET", STATUS, entries(now), query=QUERY)
    assert trigger(job, **given) == (0, "started")
    assert nango.starts(TRIGGER) == [body]
    assert set(files(tmp_path)) == {"sync.pickle"}


def test_a_reset_that_surely_was_not_accepted_is_repeated_as_it_is(nango: Vendor, job: Job) -> None:
    given, body = RESETS[0]
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    for answer, status in ((REFUSED, 0), (LIMITED, 429)):
        nango.expect("POST", TRIGGER, answer, status=status, body=body)
    nango.expect("POST", TRIGGER, ACCEPTED, body=body)
    assert trigger(job, **given) == (0, "started")


# Waiting in the same run


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (entry("SUCCESS", NEW), (0, "succeeded")),
        (entry("STOPPED", NEW), (211, "failed")),
        (entry("HALTED", NEW), (213, "unknown")),
    ],
)
def test_it_waits_until_the_run_has_ended(
    nango: Vendor, job: Job, tmp_path: Path, last: dict[str, Any], expected: tuple[int, str]
) -> None:
    nango.expect("GET", STATUS, entries(entry("STOPPED")), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    for now in (entry("STOPPED"), running(), last):
        nango.expect("GET", STATUS, entries(now), query=QUERY)
    ended = trigger(job, WAIT="TRUE")
    assert ended == expected
    assert NAME in ended.message
    assert set(files(tmp_path)) == {"sync.pickle"}


def test_a_first_look_after_its_own_start_comes_after_a_pause_and_may_fail(nango: Vendor, job: Job) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    for _ in range(5):
        nango.expect("GET", STATUS, HTML, status=503, query=QUERY)
    nango.expect("GET", STATUS, entries(entry("SUCCESS", NEW)), query=QUERY)
    assert trigger(job, WAIT="TRUE") == (0, "succeeded")
    assert nango.sent[2].at > 4


def test_real_runs_are_waited_for(nango: Vendor, job: Job) -> None:
    nango.expect("GET", STATUS, recorded("sequence 1")[1], query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    for number in (1, 2, 3):
        nango.expect("GET", STATUS, recorded(f"sequence {number}")[1], query=QUERY)
    assert trigger(job, WAIT="TRUE") == (0, "succeeded")


def test_a_run_that_never_shows_is_a_failure_once_the_grace_is_over(nango: Vendor, job: Job) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY, many=True)
    ended = trigger(job, WAIT="TRUE", START_GRACE="120")
    assert ended == (211, "failed")
    assert "never started" in ended.message
    assert 120 < nango.clock.elapsed < 200


def test_there_is_one_time_out_for_waiting_before_and_after_the_start(nango: Vendor, job: Job) -> None:
    nango.expect(
        "GET", STATUS, lambda: entries(running() if nango.clock.elapsed < 400 else entry()), query=QUERY, many=True
    )
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    nango.expect("GET", STATUS, entries(running()), query=QUERY, many=True)
    assert trigger(job, WAIT="TRUE", WAIT_TIMEOUT="10") == (210, "running")
    assert 600 <= nango.clock.elapsed < 661


@pytest.mark.parametrize(
    ("of", "query", "body", "least"), [(ENVIRONMENT, QUERY, BODY, 5), (OF_INTEGRATION, QUERY_ALL, BODY_ALL, 10)]
)
def test_looks_are_five_seconds_apart_and_ten_with_all_connections(
    nango: Vendor, job: Job, of: dict[str, str], query: dict[str, str], body: dict[str, Any], least: int
) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=query)
    nango.expect("POST", TRIGGER, ACCEPTED, body=body)
    for now in (running(), running(), entry("SUCCESS", NEW)):
        nango.expect("GET", STATUS, entries(now), query=query)
    assert trigger(job, of, WAIT="TRUE") == (0, "succeeded")
    looks = [sent.at for sent in nango.sent[1:]]
    assert all(0.9 * least <= after - before <= 1.1 * least for before, after in zip(looks, looks[1:]))


def test_the_poll_interval_wins_over_the_least_pause(nango: Vendor, job: Job) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY_ALL)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY_ALL)
    for now in (running(), running(), entry("SUCCESS", NEW)):
        nango.expect("GET", STATUS, entries(now), query=QUERY_ALL)
    assert trigger(job, OF_INTEGRATION, WAIT="TRUE", POLL_INTERVAL="1") == (0, "succeeded")
    assert max(nango.clock.sleeps) <= 1.1
