"""The ids of the sandbox behave as its table says, the same for every vendor."""

from __future__ import annotations

import pytest

from sync_blueprints.sandbox import BEHAVIORS, Sandbox
from sync_blueprints.sandbox.behaviors import read_id
from tests.sync_blueprints.sandbox.support import VENDORS, WORDS, Call, Clock, every_vendor, word


@every_vendor
@pytest.mark.parametrize(
    ("one", "seconds", "ends_in"),
    [
        ("succeeds", 2, "good"),
        ("succeeds_in_0p5", 0.5, "good"),
        ("refuses-rows-in-4_xmine", 4, "good"),
        ("fails_in_3", 3, "bad"),
        ("cancelled", 2, "cancelled"),
        ("odd_word", 2, "odd"),
        ("never_run", 1, "good"),
        ("flaky_start_429_in_2", 2, "good"),
    ],
)
def test_a_start_runs_for_the_seconds_named_and_ends_as_the_id_says(
    call: Call, clock: Clock, sandbox: Sandbox, vendor: str, one: str, seconds: float, ends_in: str
) -> None:
    start, body, read = VENDORS[vendor](one)
    if one.startswith("flaky"):
        refused = call("POST", start, body)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    assert call("POST", start, body).status_code == 200
    clock.passed += seconds - 0.01
    assert word(vendor, call("GET", read)) == WORDS[vendor]["running"]
    clock.passed += 0.01
    assert word(vendor, call("GET", read)) == WORDS[vendor][ends_in]
    assert [name for _, name in sandbox.starts] == [one]


@every_vendor
def test_a_running_one_succeeds_by_itself_and_a_later_start_runs_a_second(
    call: Call, clock: Clock, vendor: str
) -> None:
    start, body, read = VENDORS[vendor]("running")
    assert word(vendor, call("GET", read)) == WORDS[vendor]["running"]
    clock.passed += 5
    assert word(vendor, call("GET", read)) == WORDS[vendor]["good"]
    assert call("POST", start, body).status_code == 200
    assert word(vendor, call("GET", read)) == WORDS[vendor]["running"]
    clock.passed += 1
    assert word(vendor, call("GET", read)) == WORDS[vendor]["good"]


@every_vendor
def test_a_lazy_one_goes_on_showing_the_previous_run(call: Call, clock: Clock, vendor: str) -> None:
    start, body, read = VENDORS[vendor]("lazy_in_5")
    before = call("GET", read).json()
    call("POST", start, body)
    clock.passed += 4.9
    assert call("GET", read).json() == before
    clock.passed += 0.1
    assert word(vendor, call("GET", read)) == WORDS[vendor]["running"]
    clock.passed += 1
    assert word(vendor, call("GET", read)) == WORDS[vendor]["good"]


@every_vendor
@pytest.mark.parametrize("one", ["unknown", "unknown_xyz", "nonsense", "succeeds_in_", "succeeds_in_1.5", "fails!"])
def test_any_other_id_is_not_found(call: Call, vendor: str, one: str) -> None:
    start, body, read = VENDORS[vendor](one)
    assert call("GET", read).status_code == (400 if vendor == "nango" else 404)
    assert call("POST", start, body).status_code == 404


def test_ids_are_independent_and_their_words_may_be_hyphenated() -> None:
    assert read_id("refuses-rows-in-0p5-xa/b.c") == ("refuses_rows", 0.5)
    assert read_id("start_500_accepted_x2") == ("start_500_accepted", 2)
    assert all(read_id(one) == (one, BEHAVIORS[one].number) for one in BEHAVIORS)


@every_vendor
def test_what_is_stale_shows_what_was_true_a_while_ago(call: Call, clock: Clock, vendor: str) -> None:
    start, body, read = VENDORS[vendor]("stale_in_8")
    before = call("GET", read).json()
    assert call("POST", start, body).status_code == 200
    clock.passed += 7.9
    assert call("GET", read).json() == before
    clock.passed += 0.1
    assert word(vendor, call("GET", read)) == WORDS[vendor]["running"]
    clock.passed += 7.9
    assert word(vendor, call("GET", read)) == WORDS[vendor]["running"], "although it has ended"
    clock.passed += 0.1
    assert word(vendor, call("GET", read)) == WORDS[vendor]["good"]


@every_vendor
def test_what_failed_before_shows_it_until_a_start_succeeds(call: Call, clock: Clock, vendor: str) -> None:
    start, body, read = VENDORS[vendor]("failed_before_in_600")
    assert word(vendor, call("GET", read)) == WORDS[vendor]["bad"]
    call("POST", start, body)
    clock.passed += 1
    assert word(vendor, call("GET", read)) == WORDS[vendor]["good"]
