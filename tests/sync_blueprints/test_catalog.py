"""The catalog and its loader."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sync_blueprints.catalog import (
    CATALOG,
    Blueprint,
    CatalogError,
    Guardrails,
    find,
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
CHECKS = Guardrails(24, 300, 4 * 3600, excluded(200, 201, 204, 205, 206, 211, 212, 213, 221))
NO_USE_TRYING_AGAIN = {"trigger": STARTS, "resync": STARTS, "check": CHECKS}


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("0s", 0), ("45s", 45), ("5m", 300), ("5m0s", 300), ("0h10m0s", 600), ("4h0m0s", 14400), ("1h1s", 3601)),
        *(("200", (200, 200)), ("203-206", (203, 206)), ("1-255", (1, 255))),
    ],
)
def test_a_duration_is_read_as_seconds_and_a_range_of_exit_codes_as_its_ends(text: str, expected: object) -> None:
    assert (parse_exit_codes(text) if isinstance(expected, tuple) else parse_duration(text)) == expected


@pytest.mark.parametrize(
    ("parse", "text", "example"),
    [
        *((parse_duration, text, "4h0m0s") for text in ("", "5", "m", "-5m", "5m4h", "1.5m", "5 minutes")),
        *((parse_exit_codes, text, "203-206") for text in ("", "0", "256", "206-203", "200,201", "200-", "x")),
    ],
)
def test_what_cannot_be_read_is_refused_with_an_example(parse: Callable[..., object], text: str, example: str) -> None:
    with pytest.raises(CatalogError, match=example):
        parse(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Fivetran - Execute Sync", "Fivetran - Execute Sync"),
        ("  fivetran -  execute SYNC ", "Fivetran - Execute Sync"),
        ("fivetran_blueprints/trigger_sync.py", "Fivetran - Execute Sync"),
        (str(CATALOG.parent / "fivetran_blueprints" / "trigger_sync.py"), "Fivetran - Execute Sync"),
        ("./trigger_sync.py", "Nango - Trigger Sync"),  # from the folder where one stands
        ("fivetran-exec", "Fivetran - Execute Sync"),  # no other name begins so
        ("Nango - T", "Nango - Trigger Sync"),
        ("rudderstack - check s", "RudderStack - Check Sync Status"),
    ],
)
def test_a_blueprint_is_found_by_its_name_the_beginning_of_it_or_its_file(
    text: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(CATALOG.parent / "nango_blueprints")
    assert find(text).name == name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nango - check", ["matches several", '"Nango - Check Sync Status"', '"Nango - Check Credentials"']),
        ("Fivetran - Excute Sync", ["no blueprint 'Fivetran - Excute Sync'; did you mean 'Fivetran - Execute Sync'"]),
        ("airbyte", ["'airbyte'", *(text for one in BLUEPRINTS for text in (one.name, one.file_to_run))]),
    ],
)
def test_any_other_name_is_refused_with_the_nearest_ones_or_all(text: str, shown: list[str]) -> None:
    with pytest.raises(CatalogError) as caught:
        find(text)
    assert [one for one in shown if one not in str(caught.value)] == []


@each_blueprint
@pytest.mark.parametrize(("wait", "waits"), [("TRUE", True), (" true ", True), ("FALSE", False), ("", False)])
def test_a_trigger_that_waits_is_not_retried_once_a_sync_may_run(blueprint: Blueprint, wait: str, waits: bool) -> None:
    rails = guardrails_for(blueprint, {f"{blueprint.vendor.upper()}_WAIT": wait})
    retried = {code for code in range(1, 256) if rails.try_again_on(code)}
    usual = {code for code in range(1, 256) if blueprint.guardrails.try_again_on(code)}
    cut_short = {129, 130, 137, 143, 220, 249} if waits and blueprint.kind in ("trigger", "resync") else set()
    assert retried == usual - cut_short
    assert guardrails_for(blueprint, {}) == blueprint.guardrails
