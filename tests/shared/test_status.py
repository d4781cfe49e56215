"""What a sync can be, and instants as vendors write them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from shared import errors
from shared.status import SyncStatus, Verdict, instant, result_of, show

UTC = timezone.utc


def test_a_success_is_a_result_with_the_verdicts_message() -> None:
    result = result_of(Verdict(SyncStatus.SUCCEEDED, "12 rows"))
    assert (result.outcome, result.message) == ("succeeded", "12 rows")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (SyncStatus.RUNNING, errors.SyncIncompleteError),
        (SyncStatus.FAILED, errors.SyncFailedError),
        (SyncStatus.CANCELLED, errors.SyncCancelledError),
        (SyncStatus.UNKNOWN, errors.UnknownStatusError),
    ],
)
def test_any_status_but_a_success_is_raised(status: SyncStatus, kind: type[errors.BlueprintError]) -> None:
    with pytest.raises(errors.BlueprintError, match="its own words") as caught:
        result_of(Verdict(status, "its own words"))
    assert type(caught.value) is kind


@pytest.mark.parametrize("status", SyncStatus)
def test_the_outcome_word_of_a_status_is_its_value(status: SyncStatus) -> None:
    try:
        outcome = result_of(Verdict(status, "")).outcome
    except errors.BlueprintError as error:
        outcome = error.outcome
    assert outcome == status.value


def test_a_wish_for_another_look_is_kept_in_the_error() -> None:
    with pytest.raises(errors.SyncIncompleteError) as caught:
        result_of(Verdict(SyncStatus.RUNNING, "settling", confirm_in=2))
    assert caught.value.look_again_in == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T12:00:00Z", datetime(2026, 11, 22, 12, tzinfo=UTC)),
        ("2026-11-22t12:00:00z", datetime(2026, 11, 22, 12, tzinfo=UTC)),
        ("2026-11-22 12:00:00", datetime(2026, 11, 22, 12, tzinfo=UTC)),
        ("2026-11-22T12:00:00.1Z", datetime(2026, 11, 22, 12, 0, 0, 100_000, UTC)),
        ("2026-11-22T12:00:00.123Z", datetime(2026, 11, 22, 12, 0, 0, 123_000, UTC)),
        ("2026-11-22T12:00:00.123456Z", datetime(2026, 11, 22, 12, 0, 0, 123_456, UTC)),
        ("2026-11-22T12:00:00.123456789Z", datetime(2026, 11, 22, 12, 0, 0, 123_456, UTC)),
        ("2026-11-22T12:00:00+02:00", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22T12:00:00-0530", datetime(2026, 11, 22, 17, 30, tzinfo=UTC)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_an_instant_is_read_whatever_its_fraction_and_offset(text: str, expected: datetime) -> None:
    assert instant(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        0,
        1_763_812_800,
        "now",
        "2026-11-22",
        "2026-11-22T12:00Z",
        "2026-11-22X12:00:00Z",
        "2026-11-22T12:00:00.Z",
        "2026-11-22T12:00:00.",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-11-22T25:00:00Z",
        "2026-11-22T12:00:00Z and more",
        "2026-11-22T12:00:00Z\n",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
        "٢٠٢٦-11-22T12:00:00Z",
        ["2026-11-22T12:00:00Z"],
    ],
)
def test_anything_else_is_no_instant(text: object) -> None:
    assert instant(text) is None


def test_an_instant_is_shown_in_utc_to_the_second() -> None:
    moment = datetime(2026, 11, 22, 1, 2, 3, 999_999, timezone(timedelta(hours=2)))
    assert show(moment) == "2026-11-21T23:02:03Z"


def test_no_instant_is_shown_as_none() -> None:
    assert show(None) is None
