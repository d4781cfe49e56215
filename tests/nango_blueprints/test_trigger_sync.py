"""Nango - Trigger Sync: what goes over the wire, what is saved, and how each run ends."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.endings import BAD_REQUEST, INVALID, NOT_FOUND, NOT_STARTED, RUNNING, STARTED, UNCLEAR
from tests.nango_blueprints.responses import CONNECTION, INTEGRATION, NAME, Nango, at, entry, never, replay, running
from tests.support import NOW

ALL = [entry(), entry(connection="conn-b"), never(name="other")]
VARIANTS = [entry(name="a"), entry(name="b", variant="eu")]
ODD = "user/1 +=b"


@pytest.mark.parametrize(
    ("given", "found", "connection", "syncs"),
    [
        ({}, ALL, {}, []),
        ({"CONNECTION_ID": "c", "SYNCS": " a, b::eu"}, VARIANTS, {"connection_id": "c"}, ["a", "b::eu"]),
        ({"CONNECTION_ID": ODD}, [entry(connection=ODD)], {"connection_id": ODD}, []),
    ],
    ids=["all connections and syncs", "names with variants", "odd characters"],
)
def test_what_is_meant_is_what_goes_out(
    nango_all: Nango, given: dict[str, str], found: list[Any], connection: dict[str, str], syncs: list[str]
) -> None:
    nango_all.query = {"provider_config_key": INTEGRATION, "syncs": ",".join(syncs) or "*", **connection}
    nango_all.body = {"provider_config_key": INTEGRATION, "syncs": syncs, **connection}
    nango_all.expect_trigger(*found)
    assert nango_all.trigger(**given) == STARTED
    assert ("all connections; all syncs" in nango_all.run.report.still_running) is (found is ALL)
    assert not [path for path in nango_all.folder.rglob("*") if "user" in path.name]


def test_plain_values_are_saved(nango: Nango) -> None:
    nango.selects(CONNECTION, None)
    nango.expect_trigger(entry(), never(name="other"), takes=7)
    assert nango.trigger(START_GRACE="30") == STARTED
    left = nango.files
    assert set(left) == {"sync.pickle"}
    assert {**left["sync.pickle"], "attempt": ""} == {
        "version": 1,
        "attempt": "",
        "provider_config_key": INTEGRATION,
        "connection_id": CONNECTION,
        "syncs": [],
        "server_time": NOW,
        "start_grace": 30,
        "reset": False,
        "late": 7,
        "gap": 0,
        "joined": False,
        "has_baseline": True,
        "ids": [entry()["id"], never(name="other")["id"]],
        "finished_at": [at("06:00:00.123"), None],
        "were_running": [False, False],
        "labels": [f"{CONNECTION}/{NAME}", f"{CONNECTION}/other"],
    }


@pytest.mark.parametrize(("date", "expected"), [(True, NOW), (False, NOW + timedelta(hours=1))])
def test_the_time_of_the_start_is_the_servers_and_only_without_one_the_local_one(
    nango: Nango, date: bool, expected: datetime
) -> None:
    nango.clock.offset = 3600
    nango.shows(entry(), date=date)
    nango.expect_start(date=False)
    assert nango.trigger() == STARTED
    assert nango.files["sync.pickle"]["server_time"] == expected


@pytest.mark.parametrize(("url", "page"), [("", "https://app.nango.dev"), ("https://nango.test", None)])
def test_the_result_has_nangos_page_where_it_is_known(nango: Nango, url: str, page: str | None) -> None:
    nango.url = url or nango.url
    nango.expect_trigger()
    nango.trigger(API_URL=url)
    assert (nango.run.report.id, nango.run.report.sync_id, nango.run.report.url) == (INTEGRATION, None, page)


@pytest.mark.parametrize(
    ("asked", "found", "missing"),
    [
        ("lab-ctl", [], "lab-ctl"),
        ("lab-ctl,nope", [entry()], "nope"),
        ("lab-ctl::eu", [entry()], "lab-ctl::eu"),
        ("lab-ctl,lab-ctl::eu", [entry()], "lab-ctl::eu"),
    ],
)
def test_a_name_that_is_not_there_ends_it_before_the_request(
    nango: Nango, asked: str, found: list[Any], missing: str
) -> None:
    nango.selects(CONNECTION, asked)
    nango.shows(*found)
    assert nango.trigger() == (*NOT_FOUND, missing, INTEGRATION)


@pytest.mark.parametrize(("now", "expected"), [(running(), STARTED), (entry(), UNCLEAR)])
def test_of_names_of_which_one_goes_before_the_request_the_others_may_have_started(
    nango: Nango, now: dict[str, Any], expected: tuple[int, str]
) -> None:
    nango.selects(CONNECTION, f"{NAME},gone")
    nango.expect_trigger(entry(), entry(name="gone"), **replay("M4 [lab-quick, nope] conn-a"))
    nango.shows(now, many=True)
    assert nango.trigger() == expected
    assert len(nango.starts()) == 1


def test_an_integration_without_entries_is_not_found(nango_all: Nango) -> None:
    nango_all.shows()
    assert nango_all.trigger() == (*NOT_FOUND, "NANGO_PROVIDER_CONFIG_KEY")


@pytest.mark.parametrize("given", ["lab-quick", "lab-quick::base", "lab-quick::base,lab-quick"])
def test_a_name_and_its_base_variant_are_one_sync(nango: Nango, given: str) -> None:
    nango.selects(CONNECTION, "lab-quick")
    nango.responds(**replay("stat: variant"))
    nango.expect_start()
    assert nango.trigger(SYNCS=given) == STARTED


@pytest.mark.parametrize("connection", [None, ""])
def test_on_an_old_server_the_entries_are_those_of_the_connection_given(nango: Nango, connection: str | None) -> None:
    nango.expect_trigger({**entry(), "connection_id": connection})
    assert nango.trigger() == STARTED
    assert nango.files["sync.pickle"]["labels"] == [f"{CONNECTION}/{NAME}"]


# A sync is running already


def test_by_default_it_waits_until_none_is_running_and_takes_its_end_for_the_baseline(nango: Nango) -> None:
    nango.polls(running(), running())
    nango.expect_trigger(entry("SUCCESS", "12:00:03"))
    assert nango.trigger() == STARTED
    assert nango.files["sync.pickle"]["finished_at"] == [at("12:00:03")]


def test_join_starts_what_is_not_running_and_joins_the_rest(nango: Nango) -> None:
    nango.selects(None, NAME)
    nango.expect_trigger(running(), entry(connection="conn-b"))
    assert nango.trigger(IF_RUNNING="join") == STARTED
    handed = nango.files["sync.pickle"]
    assert (handed["labels"], handed["were_running"]) == ([f"{CONNECTION}/{NAME}", f"conn-b/{NAME}"], [True, False])


def test_while_it_waits_what_is_running_of_all_is_named_at_each_change_alone(
    nango_all: Nango, caplog: pytest.LogCaptureFixture
) -> None:
    one, both = running(connection="conn-b"), [running(), running(connection="conn-b")]
    nango_all.polls(both, both[::-1], both, [entry(), one])
    nango_all.expect_trigger(entry(), entry(connection="conn-b"))
    with caplog.at_level("INFO"):
        assert nango_all.trigger() == STARTED
    assert [message for message in caplog.messages if "syncs are running" in message] == [
        f"2 of 2 syncs are running: {CONNECTION}/{NAME}, conn-b/{NAME}",
        f"1 of 2 syncs are running: conn-b/{NAME}",
    ]
    polls = [sent.at for sent in nango_all.sent[:5]]
    assert all(9 <= after - before <= 11 for before, after in zip(polls, polls[1:]))


# Errors, as a real server words them


@pytest.mark.parametrize(
    ("label", "expected", "words"),
    [
        ("auth: unknown uuid4", INVALID, ["NANGO_SECRET_KEY"]),
        ("auth: read-only key on trigger", INVALID, ["environment:syncs:execute"]),
        ("trig: unknown integration", NOT_FOUND, ["NANGO_PROVIDER_CONFIG_KEY"]),
        ("trig: unknown connection", NOT_FOUND, ["NANGO_CONNECTION_ID"]),
        ("trig: unknown sync with connection", NOT_FOUND, ["NANGO_SYNCS", "No syncs found"]),
        ("trig: integration without syncs, []", NOT_FOUND, ["No syncs found"]),
        ("trig: {}", BAD_REQUEST, ["invalid_body"]),
        ("double slash", BAD_REQUEST, ["NANGO_API_URL"]),
    ],
)
def test_a_refused_request_is_never_repeated(nango: Nango, label: str, expected: Any, words: list[str]) -> None:
    nango.expect_trigger(**replay(label))
    assert nango.trigger() == (*expected, *words)


def test_an_id_that_holds_a_credential_is_an_unexpected_response(nango: Nango) -> None:
    nango.shows(entry(id=f"id-{nango.credentials['NANGO_SECRET_KEY'].upper()}"))
    assert nango.trigger() == (*NOT_STARTED, "IDs hold no credential")


def test_a_scheduler_that_is_down_is_known_not_to_have_started(nango: Nango) -> None:
    nango.responds(**replay("N2 status with orchestrator down"), many=True)
    assert nango.trigger() == (*NOT_STARTED, "generic_error_support")


@pytest.mark.parametrize("ended", ["SUCCESS", "STOPPED"])
def test_a_run_that_ends_while_the_request_waits_for_its_turn_is_not_its_own(nango: Nango, ended: str) -> None:
    nango.expect_trigger(response=None, status=429, headers={"Retry-After": "60"})
    nango.expect_start()
    assert nango.trigger() == STARTED
    nango.clock.sleep(5)
    nango.shows(entry(ended, "12:00:30"))
    assert nango.check() == RUNNING
