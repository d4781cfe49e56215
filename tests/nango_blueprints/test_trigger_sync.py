"""Nango - Trigger Sync: what goes over the wire, what is saved, and how each run ends."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nango_blueprints import trigger_sync
from shared.context import Run
from tests.nango_blueprints.responses import (
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
from tests.support import NOW, FakeClock, make_run
from tests.wire import HTML, REFUSED, Ending, Vendor, ending, files

NEW = "12:00:05"


@pytest.fixture
def run(tmp_path: Path, clock: FakeClock) -> Run:
    return make_run(tmp_path, "nango", clock)


def trigger(run: Run, of: dict[str, str] = ENVIRONMENT, **given: str) -> Ending:
    """Run the trigger with these inputs, named without NANGO_."""
    return ending(trigger_sync, {**of, **{f"NANGO_{name}": value for name, value in given.items()}}, run)


# What goes over the wire


def test_it_reads_first_and_then_sends_exactly_this(nango: Vendor, run: Run) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    ended = trigger(run)
    assert ended == (0, "started")
    assert all(word in ended.message for word in (INTEGRATION, CONNECTION, NAME))
    read, start = nango.sent
    for sent in nango.sent:
        assert sent.headers["Authorization"] == f"Bearer {KEY}"
        assert sent.headers["User-Agent"].startswith("sync-blueprints/")
    assert start.headers["Content-Type"] == "application/json"
    assert (read.timeout, start.timeout) == ((10, 60), (10, 120))


def test_without_a_connection_and_names_all_of_them_are_meant(nango: Vendor, run: Run) -> None:
    nango.expect("GET", STATUS, entries(entry(), entry(connection="conn-b"), never(name="other")), query=QUERY_ALL)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY_ALL)
    ended = trigger(run, OF_INTEGRATION)
    assert ended == (0, "started")
    assert "all connections; all syncs" in ended.message


def test_names_with_variants_go_out_as_they_are(nango: Vendor, run: Run) -> None:
    found = entries(entry(name="a"), entry(name="b", variant="eu"))
    nango.expect("GET", STATUS, found, query={**QUERY, "syncs": "a,b::eu"})
    nango.expect("POST", TRIGGER, ACCEPTED, body={**BODY, "syncs": ["a", "b::eu"]})
    assert trigger(run, SYNCS=" a, b::eu") == (0, "started")


def test_a_connection_id_with_odd_characters_is_quoted(nango: Vendor, run: Run, tmp_path: Path) -> None:
    odd = "user/1 +=b"
    nango.expect("GET", STATUS, entries(entry(connection=odd)), query={**QUERY, "connection_id": odd})
    nango.expect("POST", TRIGGER, ACCEPTED, body={**BODY, "connection_id": odd})
    assert trigger(run, CONNECTION_ID=odd) == (0, "started")
    assert not [path for path in tmp_path.rglob("*") if "user" in path.name]


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({"RESET": "TRUE"}, {"reset": True}),
        ({"RESET": "TRUE", "EMPTY_CACHE": "TRUE"}, {"reset": True, "emptyCache": True}),
    ],
)
def test_options_are_sent_only_if_set(nango: Vendor, run: Run, given: dict[str, str], options: dict[str, bool]) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body={**BODY, "opts": options})
    assert trigger(run, **given) == (0, "started")


@pytest.mark.parametrize("url", ["http://localhost:3003", "http://localhost:3003/"])
def test_a_server_of_ones_own_is_asked(nango: Vendor, run: Run, url: str) -> None:
    nango.url = "http://localhost:3003"
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    assert trigger(run, API_URL=url) == (0, "started")


def test_a_redirect_of_the_start_is_never_followed(nango: Vendor, run: Run) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, None, status=307, headers={"Location": "https://elsewhere.invalid/"}, body=BODY)
    ended = trigger(run)
    assert ended == (201, "refused")
    assert "NANGO_API_URL" in ended.message


# What is saved


def test_plain_values_are_saved_and_never_the_key(nango: Vendor, run: Run, tmp_path: Path) -> None:
    nango.expect("GET", STATUS, entries(entry(), never(name="other")), query={**QUERY, "syncs": "*"})
    nango.expect("POST", TRIGGER, ACCEPTED, body={**BODY, "syncs": []}, takes=7)
    trigger(run, {**OF_INTEGRATION, "NANGO_CONNECTION_ID": CONNECTION}, START_GRACE="30")
    left = files(tmp_path)
    assert set(left) == {"sync.pickle"}
    assert {**left["sync.pickle"], "attempt": ""} == {
        "version": 1,
        "attempt": "",
        "provider_config_key": INTEGRATION,
        "connection_id": CONNECTION,
        "syncs": [],
        "server_time": NOW + timedelta(seconds=7),
        "start_grace": 30,
        "reset": False,
        "joined": False,
        "has_baseline": True,
        "ids": [entry()["id"], never(name="other")["id"]],
        "finished_at": [at("06:00:00.123"), None],
        "were_running": [False, False],
        "labels": [f"{CONNECTION}/{NAME}", f"{CONNECTION}/other"],
    }
    assert not [path for path in tmp_path.rglob("*.pickle") if KEY.encode() in path.read_bytes()]


@pytest.mark.parametrize(("date", "expected"), [(True, NOW), (False, NOW + timedelta(hours=1))])
def test_the_time_of_the_start_is_the_servers_and_only_without_one_the_local_one(
    nango: Vendor, tmp_path: Path, clock: FakeClock, date: bool, expected: datetime
) -> None:
    clock.offset = 3600
    nango.expect("GET", STATUS, entries(entry()), query=QUERY, date=date)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY, date=False)
    assert trigger(make_run(tmp_path, "nango", clock)) == (0, "started")
    assert files(tmp_path)["sync.pickle"]["server_time"] == expected


def test_an_id_of_255_characters_fits_into_the_name_of_a_file(nango: Vendor, run: Run, tmp_path: Path) -> None:
    long = "i" * 255
    nango.expect("GET", STATUS, entries(entry()), query={**QUERY, "provider_config_key": long})
    nango.expect("POST", TRIGGER, ACCEPTED, body={**BODY, "provider_config_key": long})
    assert trigger(run, PROVIDER_CONFIG_KEY=long) == (0, "started")
    (name,) = run.kept
    run.artifacts.save_response(name, run.kept[name])
    assert len(name) == 255
    assert len(list(tmp_path.rglob("sync_iii*.json"))) == 1


@pytest.mark.parametrize(("url", "page"), [("", "https://app.nango.dev"), ("https://nango.test", None)])
def test_the_result_has_nangos_page_where_it_is_known(nango: Vendor, run: Run, url: str, page: str | None) -> None:
    nango.url = url or nango.url
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    trigger(run, API_URL=url)
    assert (run.report.id, run.report.sync_id, run.report.url) == (INTEGRATION, None, page)


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
def test_a_name_that_is_not_there_ends_it_before_the_request(
    nango: Vendor, run: Run, tmp_path: Path, asked: str, found: list[Any], missing: str
) -> None:
    nango.expect("GET", STATUS, entries(*found), query={**QUERY, "syncs": asked})
    ended = trigger(run, SYNCS=asked)
    assert ended == (204, "not_found")
    assert all(word in ended.message for word in (missing, INTEGRATION))
    assert files(tmp_path)["starting.pickle"]["state"] == "ended"


def test_an_integration_without_entries_is_not_found(nango: Vendor, run: Run) -> None:
    nango.expect("GET", STATUS, entries(), query=QUERY_ALL)
    ended = trigger(run, OF_INTEGRATION)
    assert ended == (204, "not_found")
    assert "NANGO_PROVIDER_CONFIG_KEY" in ended.message


@pytest.mark.parametrize("given", ["lab-quick", "lab-quick::base", "lab-quick::base,lab-quick"])
def test_a_name_and_its_base_variant_are_one_sync(nango: Vendor, run: Run, given: str) -> None:
    status, body = recorded("stat: variant")
    nango.expect("GET", STATUS, body, status=status, query={**QUERY, "syncs": "lab-quick"})
    nango.expect("POST", TRIGGER, ACCEPTED, body={**BODY, "syncs": ["lab-quick"]})
    assert trigger(run, SYNCS=given) == (0, "started")


@pytest.mark.parametrize("connection", [None, ""])
def test_on_an_old_server_the_entries_are_those_of_the_connection_given(
    nango: Vendor, run: Run, tmp_path: Path, connection: str | None
) -> None:
    nango.expect("GET", STATUS, entries({**entry(), "connection_id": connection}), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    assert trigger(run) == (0, "started")
    assert files(tmp_path)["sync.pickle"]["labels"] == [f"{CONNECTION}/{NAME}"]


def test_an_old_server_cannot_do_all_connections(nango: Vendor, run: Run) -> None:
    old = {key: value for key, value in entry().items() if key != "connection_id"}
    nango.expect("GET", STATUS, entries(entry(connection="conn-b"), {**old, "id": "another"}), query=QUERY_ALL)
    ended = trigger(run, OF_INTEGRATION)
    assert ended == (201, "refused")
    assert "too old" in ended.message
    assert "NANGO_CONNECTION_ID" in ended.message


# A sync is running already


def test_by_default_it_waits_until_none_is_running_and_takes_its_end_for_the_baseline(
    nango: Vendor, run: Run, tmp_path: Path
) -> None:
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    nango.expect("GET", STATUS, entries(entry("SUCCESS", "12:00:03")), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    assert trigger(run) == (0, "started")
    assert files(tmp_path)["sync.pickle"]["finished_at"] == [at("12:00:03")]


@pytest.mark.parametrize("given", [{}, {"RESET": "TRUE"}])
def test_the_wait_for_its_turn_times_out_and_nothing_is_started(
    nango: Vendor, run: Run, tmp_path: Path, given: dict[str, str]
) -> None:
    nango.expect("GET", STATUS, entries(running()), query=QUERY, many=True)
    ended = trigger(run, WAIT_TIMEOUT="10", **given)
    assert ended == (203, "already_running")
    assert all(word in ended.message for word in (NAME, "NANGO_WAIT_TIMEOUT", "nothing was started"))
    assert 600 <= nango.clock.elapsed < 661
    assert files(tmp_path)["starting.pickle"]["state"] == "ended"


@pytest.mark.parametrize("given", [{}, {"RESET": "TRUE"}])
def test_fail_ends_at_once_and_names_what_is_running(
    nango: Vendor, run: Run, tmp_path: Path, given: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    with caplog.at_level("INFO"):
        ended = trigger(run, IF_RUNNING="fail", **given)
    assert ended == (203, "already_running")
    assert "NANGO_IF_RUNNING" in ended.message
    assert f"1 of 1 syncs are running: {CONNECTION}/{NAME}" in caplog.messages
    assert files(tmp_path)["starting.pickle"]["state"] == "ended"


def test_join_starts_nothing_and_saves_what_is_running(nango: Vendor, run: Run, tmp_path: Path) -> None:
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    assert trigger(run, IF_RUNNING="join") == (0, "joined")
    handed = files(tmp_path)["sync.pickle"]
    assert handed["joined"] is True
    assert handed["were_running"] == [True]


def test_join_starts_what_is_not_running_and_joins_the_rest(nango: Vendor, run: Run, tmp_path: Path) -> None:
    found = entries(running(), entry(connection="conn-b"))
    nango.expect("GET", STATUS, found, query={**QUERY_ALL, "syncs": NAME})
    nango.expect("POST", TRIGGER, ACCEPTED, body={**BODY_ALL, "syncs": [NAME]})
    assert trigger(run, {**OF_INTEGRATION, "NANGO_SYNCS": NAME}, IF_RUNNING="join") == (0, "started")
    handed = files(tmp_path)["sync.pickle"]
    assert dict(zip(handed["labels"], handed["were_running"])) == {
        f"{CONNECTION}/{NAME}": True,
        f"conn-b/{NAME}": False,
    }


def test_of_all_connections_one_that_is_running_is_waited_for(nango: Vendor, run: Run) -> None:
    nango.expect("GET", STATUS, entries(entry(), running(connection="conn-b")), query=QUERY_ALL)
    nango.expect("GET", STATUS, entries(entry(), running(connection="conn-b")), query=QUERY_ALL)
    nango.expect("GET", STATUS, entries(entry(), entry(connection="conn-b")), query=QUERY_ALL)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY_ALL)
    assert trigger(run, OF_INTEGRATION) == (0, "started")
    polls = [sent.at for sent in nango.sent[:3]]
    assert all(9 <= after - before <= 11 for before, after in zip(polls, polls[1:]))


def test_reads_that_fail_while_its_turn_is_awaited_are_survived(nango: Vendor, run: Run) -> None:
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    for _ in range(7):
        nango.expect("GET", STATUS, HTML, status=502, query=QUERY)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    assert trigger(run) == (0, "started")


@pytest.mark.parametrize("label", ["auth: none", "auth: read-only key on trigger"])
def test_a_request_that_is_refused_once_its_turn_has_come_ends_it_at_once(
    nango: Vendor, run: Run, tmp_path: Path, label: str
) -> None:
    status, body = recorded(label)
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, body, status=status, body=BODY)
    assert trigger(run) == (200, "invalid_credentials")
    assert nango.starts(TRIGGER) == [BODY]
    assert files(tmp_path)["starting.pickle"]["state"] == "ended"


@pytest.mark.parametrize("seconds", ["50", "60"])
def test_a_retry_after_at_each_poll_for_its_turn_outlasts_the_time_out_by_no_more_than_a_poll(
    nango: Vendor, run: Run, seconds: str
) -> None:
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    nango.expect("GET", STATUS, {}, status=429, headers={"Retry-After": seconds}, query=QUERY, takes=5, many=True)
    assert trigger(run, WAIT_TIMEOUT="1").code in (202, 203)
    assert nango.clock.elapsed < 66  # a poll takes five seconds


def test_an_outage_until_the_wait_for_its_turn_is_over_is_worth_a_retry(nango: Vendor, run: Run) -> None:
    nango.expect("GET", STATUS, entries(running()), query=QUERY)
    nango.expect("GET", STATUS, HTML, status=503, query=QUERY, many=True)
    assert trigger(run, WAIT_TIMEOUT="1") == (202, "not_started")


# Errors, as a real server words them

LIMITED = {"error": {"code": "too_many_request", "message": "Rate limit exceeded"}}
INVALID = (200, "invalid_credentials")


@pytest.mark.parametrize(
    ("label", "expected", "words"),
    [
        ("auth: none on status", INVALID, ["NANGO_SECRET_KEY"]),
        ("auth: unknown key on status", INVALID, ["NANGO_SECRET_KEY"]),
        ("stat: unknown connection", (204, "not_found"), ["NANGO_CONNECTION_ID", "Connection not found"]),
        ("status deleted connection", (204, "not_found"), ["NANGO_CONNECTION_ID"]),
        ("stat: bad pck chars", (201, "refused"), ["invalid_query_params"]),
        ("stat: unknown integration", (204, "not_found"), ["NANGO_PROVIDER_CONFIG_KEY"]),
        ("stat: unknown sync + connection", (204, "not_found"), ["NANGO_SYNCS"]),
    ],
)
def test_what_the_first_read_is_refused_with_ends_the_trigger(
    nango: Vendor, run: Run, tmp_path: Path, label: str, expected: tuple[int, str], words: list[str]
) -> None:
    status, body = recorded(label)
    nango.expect("GET", STATUS, body, status=status, query=QUERY)
    ended = trigger(run)
    assert ended == expected
    assert all(word in ended.message for word in words)
    assert files(tmp_path)["starting.pickle"]["state"] == "ended"


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
def test_a_refused_request_is_never_repeated(
    nango: Vendor, run: Run, tmp_path: Path, label: str, expected: tuple[int, str], words: list[str]
) -> None:
    status, body = recorded(label)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, body, status=status, body=BODY)
    ended = trigger(run)
    assert ended == expected
    assert all(word in ended.message for word in words)
    assert files(tmp_path)["starting.pickle"]["state"] == "ended"


@pytest.mark.parametrize("response", [HTML, None, [], {}, {"syncs": None}, {"syncs": {}}, {"syncs": [{"id": "e"}]}])
def test_a_first_read_with_an_unexpected_response_starts_nothing(
    nango: Vendor, run: Run, tmp_path: Path, response: Any
) -> None:
    nango.expect("GET", STATUS, response, query=QUERY)
    ended = trigger(run)
    assert ended == (202, "not_started")
    assert "nothing was started" in ended.message
    assert files(tmp_path)["starting.pickle"]["state"] == "ended"


def test_a_scheduler_that_is_down_is_known_not_to_have_started(nango: Vendor, run: Run) -> None:
    status, body = recorded("N2 status with orchestrator down")
    nango.expect("GET", STATUS, body, status=status, query=QUERY, many=True)
    ended = trigger(run)
    assert ended == (202, "not_started")
    assert "generic_error_support" in ended.message


def test_a_retry_after_of_zero_waits_a_second(nango: Vendor, run: Run) -> None:
    nango.expect("GET", STATUS, LIMITED, status=429, headers={"Retry-After": "0"}, query=QUERY)
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    nango.expect("POST", TRIGGER, LIMITED, status=429, headers={"Retry-After": "0"}, body=BODY)
    nango.expect("POST", TRIGGER, ACCEPTED, body=BODY)
    assert trigger(run) == (0, "started")
    assert nango.sent[1].at - nango.sent[0].at >= 1
    assert nango.sent[3].at - nango.sent[2].at >= 1


@pytest.mark.parametrize(("response", "status"), [(REFUSED, 0), (LIMITED, 429)])
def test_a_request_that_was_never_accepted_started_nothing(
    nango: Vendor, run: Run, tmp_path: Path, response: Any, status: int
) -> None:
    nango.expect("GET", STATUS, entries(entry()), query=QUERY)
    for _ in range(5):
        nango.expect("POST", TRIGGER, response, status=status, body=BODY)
    ended = trigger(run)
    assert ended == (202, "not_started")
    assert "nothing was started" in ended.message
    assert files(tmp_path)["starting.pickle"]["state"] == "ended"
