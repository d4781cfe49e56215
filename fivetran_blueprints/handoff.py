"""What a trigger saves of a Fivetran sync for the check that follows it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Callable

from fivetran_blueprints.verdict import CLOCK_MARGIN, Baseline
from shared.errors import InvalidInputError
from shared.handoff import identifier, moment
from shared.pickles import Plain
from shared.record import Record


class Handoff(Record):
    """A sync that was started (or joined). Without a baseline the latest sync is judged."""

    id: str
    baseline: Baseline | None = None
    joined: bool = False
    sync_id: str | None = None  # Fivetran returns none

    @property
    def label(self) -> str:
        return self.id

    @property
    def server_time(self) -> datetime | None:
        return self.baseline and self.baseline.accepted_at

    @property
    def is_latest(self) -> bool:
        return self.baseline is None

    @property
    def earliest_start(self) -> datetime | None:
        """The sync cannot have started before; None where that is not known."""
        if self.baseline is None or self.joined:
            return None
        return self.baseline.earliest_end or self.baseline.accepted_at - CLOCK_MARGIN

    @classmethod
    def latest(cls, connector_id: str | None) -> Handoff:
        """For a check on its own: the latest sync. Raises InvalidInputError without an id."""
        if connector_id is None:
            raise InvalidInputError(
                "FIVETRAN_CONNECTOR_ID is not set, and no trigger before this check left a handoff: set it, or run the "
                "trigger first with the same artifacts folder"
            )
        return cls(connector_id)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Handoff:
        """From `sync.pickle`. Raises KeyError, TypeError or ValueError."""
        accepted_at = moment(plain["execution_time"])
        if accepted_at is None:
            raise TypeError("no time of execution")
        joined = bool(plain["joined"])
        earliest_end = moment(plain.get("earliest_end"))  # not in those of version 0.1
        baseline = Baseline(
            moment(plain["succeeded_at"]),
            moment(plain["failed_at"]),
            accepted_at,
            earliest_end if joined or earliest_end else accepted_at - CLOCK_MARGIN,
            interrupted=bool(plain["interrupted"]),
            historical=plain.get("historical") is True,
        )
        return cls(identifier(plain["connector_id"]), baseline, joined=joined)

    @classmethod
    def from_other_files(cls, file: Callable[[str], Any]) -> Sequence[Handoff]:
        """From the files of other programs: any stamp later than the time of execution is that of the sync."""
        pair = file("force_sync.pickle")
        if pair is None:
            pair = file("connector_id.pickle"), file("execution_time.pickle")
            if None in pair:
                return []
        connector_id, executed = pair
        at = moment(executed)
        if at is None:
            raise TypeError("no time of execution")
        return [cls(identifier(connector_id), Baseline(at, at, at, earliest_end=at - CLOCK_MARGIN))]

    def plain(self) -> dict[str, Plain]:
        baseline = vars(self.baseline) if self.baseline else {}
        kept = ("succeeded_at", "failed_at", "earliest_end", "interrupted", "historical")
        return {
            "connector_id": self.id,
            "execution_time": self.server_time,
            **{key: baseline.get(key) for key in kept},
            "joined": self.joined,
            "sync_id": self.sync_id,
        }

    def other_files(self) -> dict[str, Plain]:
        return {
            "force_sync.pickle": [self.id, self.server_time],
            "connector_id.pickle": self.id,
            "execution_time.pickle": self.server_time,
        }

    def is_exactly(self, given: Any) -> bool:
        return bool(given.connector_id == self.id)
