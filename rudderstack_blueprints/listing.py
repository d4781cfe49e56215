"""A list of syncs for people (a table) and for programs (the result)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rudderstack_blueprints.verdict import Sync
from shared.status import SyncStatus
from shared.timestamps import format_duration, format_timestamp

COLUMNS = ("id", "status", "started", "duration", "rows")


def table(syncs: Sequence[Sync]) -> Iterator[str]:
    """The lines of an aligned table."""
    rows = [COLUMNS, *map(_cells, syncs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()


def summary(sync: Sync) -> dict[str, object]:
    """A sync as the result shows it."""
    return {"id": sync.id, "status": sync.word, **sync.details, "error": sync.error or None}


def _cells(sync: Sync) -> tuple[str, ...]:
    started, finished = sync.started_at, sync.finished_at
    ended = started and finished and sync.status is not SyncStatus.RUNNING
    duration = format_duration((finished - started).total_seconds()) if ended and started and finished else "-"
    failed = sync.rows.get("failed")
    rows = f"{sync.rows.get('total', '-')}{f' ({failed} failed)' if failed else ''}"
    return sync.id, sync.word or "-", format_timestamp(started) or "-", duration, rows
