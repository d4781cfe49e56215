"""What RudderStack's responses hold, parsed into what `verdict` judges."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Callable

from rudderstack_blueprints.verdict import SourceRun, Sync
from shared.timestamps import parse_timestamp

Excerpt = Callable[[object], str]  # of a text of the vendor's


def parse_sync(data: Mapping[str, Any], excerpt: Excerpt = str) -> Sync:
    """One of a connection's syncs. Raises KeyError, TypeError or ValueError naming what is missing or odd."""
    metrics = data.get("metrics")
    metrics = metrics if isinstance(metrics, dict) else {}
    counts = {"total": metrics.get("total")}
    for kind in ("succeeded", "failed", "changed"):
        counts[kind] = metrics[kind].get("total") if isinstance(metrics.get(kind), dict) else None
    rows = {kind: count for kind, count in counts.items() if type(count) is int}
    return Sync(data["id"], _word(data, excerpt), *_times(data), _error(data, excerpt), rows, data)


def parse_run(data: Mapping[str, Any], excerpt: Excerpt = str) -> SourceRun:
    """A run of a source. Raises ValueError if its status is not a string."""
    job_run_id = data.get("jobRunId") or data.get("job_run_id")
    run_id = job_run_id if isinstance(job_run_id, str) else None
    return SourceRun(_word(data, excerpt), *_times(data), _error(data, excerpt), run_id)


def _word(data: Mapping[str, Any], excerpt: Excerpt) -> str | None:
    word = data.get("status")
    if not isinstance(word, (str, type(None))):
        raise ValueError("a status that is a text")
    return excerpt(word) if word else None


def _error(data: Mapping[str, Any], excerpt: Excerpt) -> str | None:
    """The error, None without one, empty for one that is there but empty, such as []."""
    error = data.get("error")
    if error in (None, ""):
        return None
    return excerpt(error if isinstance(error, str) else json.dumps(error)) if error else ""


def _times(data: Mapping[str, Any]) -> tuple[datetime | None, datetime | None]:
    """The start and the end, in either spelling; Go's zero time is none."""
    found = [parse_timestamp(data.get(f"{key}At") or data.get(f"{key}_at")) for key in ("started", "finished")]
    started, finished = (None if moment is None or moment.year == 1 else moment for moment in found)
    return started, finished
