"""A list of syncs for people (a table) and for programs (the result)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rudderstack_blueprints.verdict import Sync
from shared.timestamps import format_duration, format_timestamp


def table(syncs: Sequence[Sync]) -> Iterator[str]:
    """The lines of an aligned table."""
    rows = [("id", "status", "started", "duration", "rows"), *map(_cells, syncs)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        yield "  ".join(map(str.ljust, row, widths)).rstrip()


def summary(sync: Sync) -> dict[str, object]:
    """A sync as the result shows it."""
    return {"id": sync.id, "status": sync.word, **sync.details, "error": sync.error or None}


def _cells(sync: Sync) -> tuple[str, ...]:
    started, ended = sync.started_at, sync.ended_at
    duration = format_duration((ended - started).total_seconds()) if started and ended else "-"
    failed = sync.rows.get("failed")
    rows = f"{sync.rows.get('total', '-')}{f' ({failed} failed)' if failed else ''}"
    return sync.id, sync.word or "-", format_timestamp(started) or "-", duration, rows
