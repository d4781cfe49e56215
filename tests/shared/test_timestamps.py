"""Timestamps as vendors write them, HTTP dates, and durations as people say them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from shared.timestamps import format_duration, format_timestamp, parse_http_date, parse_timestamp
from tests.support import NOW

UTC = timezone.utc


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T12:00:00Z", datetime(2026, 11, 22, 12, tzinfo=UTC)),
        ("2026-11-22t12:00:00z", datetime(2026, 11, 22, 12, tzinfo=UTC)),
        ("2026-11-22 12:00:00", datetime(2026, 11, 22, 12, tzinfo=UTC)),
        ("2026-11-22T12:00:00.1Z", datetime(2026, 11, 22, 12, 0, 0, 100_000, UTC)),
        ("2026-11-22T12:00:00.123456Z", datetime(2026, 11, 22, 12, 0, 0, 123_456, UTC)),
        ("2026-11-22T12:00:00.123456789Z", datetime(2026, 11, 22, 12, 0, 0, 123_456, UTC)),
        ("2026-11-22T12:00:00+02:00", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22T12:00:00-0530", datetime(2026, 11, 22, 17, 30, tzinfo=UTC)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
        *[(text, None) for text in (None, "", 0, 1_763_812_800, "now", "2026-11-22", "2026-11-22T12:00Z")],
        *[(text, None) for text in ("2026-11-22X12:00:00Z", "2026-11-22T12:00:00.Z", "2026-11-22T12:00:00.")],
        *[(text, None) for text in ("2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-11-22T25:00:00Z")],
        *[(text, None) for text in ("2026-11-22T12:00:00Z and more", "2026-11-22T12:00:00Z\n", ["2026-11-22"])],
        *[(text, None) for text in ("2026-W48-6T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z")],
        *[(text, None) for text in ("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "٢٠٢٦-11-22T12:00:00Z")],
    ],
)
def test_a_timestamp_is_read_as_utc_whatever_its_fraction_and_offset(text: object, expected: datetime | None) -> None:
    assert parse_timestamp(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sun, 22 Nov 2026 12:00:00 GMT", NOW),
        ("Sunday, 22-Nov-26 12:00:00 GMT", NOW),
        ("Sun Nov 22 12:00:00 2026", NOW),
        ("Sun, 22 Nov 2026 14:00:00 +0200", NOW),
        *[(text, None) for text in ("", "now", "\x00", ", ,", "2026-11-22T12:00:00Z")],
        *[(text, None) for text in ("Sun, 32 Nov 2026 12:00:00 GMT", "Sun, 22 Nov 2026 12:00:00 +999999999999")],
        *[(text, None) for text in ("Fri, 31 Dec 9999 23:59:59 -1400", "Fri, 31 Dec 9999 23:59:59 GMT")],
        *[(text, None) for text in ("Mon, 01 Jan 1900 00:00:00 GMT", "Sun, 01 Jan 0100 00:00:00 GMT")],
    ],
)
def test_an_http_date_is_read_as_utc(text: str, expected: datetime | None) -> None:
    assert parse_http_date(text) == expected


def test_a_timestamp_is_shown_in_utc_to_the_second() -> None:
    moment = datetime(2026, 11, 22, 1, 2, 3, 999_999, timezone(timedelta(hours=2)))
    assert format_timestamp(moment) == "2026-11-21T23:02:03Z"
    assert format_timestamp(None) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (45, "45 s"), (59.6, "1 min"), (270, "4 min 30 s"), (3600, "1 h"), (3661, "1 h 1 min")],
)
def test_a_duration_is_shown_as_people_say_it(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
