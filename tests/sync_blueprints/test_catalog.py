"""The catalog and its loader."""

from __future__ import annotations

import pytest

from sync_blueprints.catalog import (
    CATALOG,
    VENDORS,
    Blueprint,
    CatalogError,
    Guardrails,
    find,
    folder_of,
    guardrails_for,
    load,
    parse_duration,
    parse_exit_codes,
)

BLUEPRINTS = load()
each_blueprint = pytest.mark.parametrize("blueprint", BLUEPRINTS, ids=lambda blueprint: blueprint.name)


def excluded(*codes: int) -> tuple[tuple[int, int], ...]:
    return tuple((code, code) for code in codes)


STARTS = Guardrails(1, 0, 4 * 3600, excluded(200, 201, 203, 204, 205, 206, 210, 211, 212, 213, 221))
NO_USE_TRYING_AGAIN = {
    "trigger": STARTS,
    "resync": STARTS,
    "check": Guardrails(24, 300, 4 * 3600, excluded(200, 201, 204, 205, 206, 211, 212, 213, 221)),
}


def test_names_are_unique() -> None:
    assert len({blueprint.name.casefold() for blueprint in BLUEPRINTS}) == len(BLUEPRINTS)
    for inputs in (blueprint.inputs for blueprint in BLUEPRINTS):
        assert len({one.reference for one in inputs}) == len({one.display_name for one in inputs}) == len(inputs)


@each_blueprint
def test_guardrails_stop_where_trying_again_does_not_help(blueprint: Blueprint) -> None:
    rails = blueprint.guardrails
    if blueprint.kind in NO_USE_TRYING_AGAIN:
        assert rails == NO_USE_TRYING_AGAIN[blueprint.kind]
    else:
        assert (rails.retry_count, rails.retry_wait, rails.runtime_cutoff) == (1, 300, 600)
        tried_again = {code for code in blueprint.exit_codes if rails.try_again_on(code)}
        assert tried_again == {129, 130, 143, 220}


@each_blueprint
def test_the_exit_codes_are_sorted_and_hold_those_that_every_blueprint_has(blueprint: Blueprint) -> None:
    assert list(blueprint.exit_codes) == sorted(set(blueprint.exit_codes))
    assert {0, 129, 130, 143, 200, 206, 249} <= set(blueprint.exit_codes)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("45s", 45), ("5m", 300), ("5m0s", 300), ("0h10m0s", 600), ("4h0m0s", 14400), ("1h1s", 3601)],
)
def test_a_duration_is_read_as_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "5m4h", "1.5m", "5 minutes"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(CatalogError, match="4h0m0s"):
        parse_duration(text)


@pytest.mark.parametrize(("text", "codes"), [("200", (200, 200)), ("203-206", (203, 206)), ("1-255", (1, 255))])
def test_a_range_of_exit_codes_is_read(text: str, codes: tuple[int, int]) -> None:
    assert parse_exit_codes(text) == codes


@pytest.mark.parametrize("text", ["", "0", "256", "206-203", "200,201", "200-", "x"])
def test_what_is_no_range_of_exit_codes_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(CatalogError, match="203-206"):
        parse_exit_codes(text)


def test_a_range_of_exit_codes_includes_both_of_its_ends() -> None:
    rails = Guardrails(exclude_exit_code_ranges=((203, 206),))
    assert [code for code in range(201, 209) if rails.try_again_on(code)] == [201, 202, 207, 208]
    assert not rails.try_again_on(0)


@pytest.mark.parametrize(
    "text",
    [
        "Fivetran - Execute Sync",
        "  fivetran -  execute SYNC ",
        "fivetran_blueprints/trigger_sync.py",
        str(CATALOG.parent / "fivetran_blueprints" / "trigger_sync.py"),
    ],
)
def test_a_blueprint_is_found_by_its_name_in_any_case_and_by_its_file(text: str) -> None:
    assert find(text).name == "Fivetran - Execute Sync"


def test_a_blueprint_is_found_by_a_path_from_where_one_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CATALOG.parent / "nango_blueprints")
    assert find("./trigger_sync.py").name == "Nango - Trigger Sync"


@pytest.mark.parametrize("text", ["fivetran - exec", "Nango - T", "rudderstack - check s"])
def test_a_blueprint_is_found_by_the_beginning_of_its_name_if_no_other_begins_so(text: str) -> None:
    assert find(text).name.lower().startswith(text.lower())


def test_a_beginning_that_several_names_have_is_refused_with_these_names() -> None:
    with pytest.raises(CatalogError, match=r'"Nango - Check Sync Status".*\n.*"Nango - Check Credentials"'):
        find("nango - check")


def test_a_misspelt_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ValueError, match="'Fivetran - Excute Sync'; did you mean 'Fivetran - Execute Sync'"):
        find("Fivetran - Excute Sync")


def test_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(CatalogError) as caught:
        find("airbyte")
    assert "'airbyte'" in str(caught.value)
    for blueprint in BLUEPRINTS:
        assert blueprint.name in str(caught.value)
        assert blueprint.file_to_run in str(caught.value)


def test_the_vendors_are_those_of_the_catalog_and_have_a_folder_each() -> None:
    assert VENDORS[:3] == ("RudderStack", "Fivetran", "Nango")
    assert all(folder_of(vendor).is_dir() for vendor in VENDORS)


CUT_SHORT = {129, 130, 137, 143, 220, 249}


@each_blueprint
@pytest.mark.parametrize(("wait", "waits"), [("TRUE", True), (" true ", True), ("FALSE", False), ("", False)])
def test_a_trigger_that_waits_is_not_retried_once_it_may_have_started_a_sync(
    blueprint: Blueprint, wait: str, waits: bool
) -> None:
    rails = guardrails_for(blueprint, {f"{blueprint.vendor.upper()}_WAIT": wait})
    retried = {code for code in range(1, 256) if rails.try_again_on(code)}
    usual = {code for code in range(1, 256) if blueprint.guardrails.try_again_on(code)}
    assert retried == (usual - CUT_SHORT if waits and blueprint.kind in ("trigger", "resync") else usual)
    assert guardrails_for(blueprint, {}) == blueprint.guardrails
