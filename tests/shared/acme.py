"""A vendor made up for the tests of what all vendors share: its inputs, its handoff, its syncs."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any, Callable, NamedTuple
from unittest.mock import Mock

from shared import inputs
from shared.context import Run
from shared.handoff import identifier, moment
from shared.polling import follow
from shared.status import Verdict
from tests.support import NOW

KEY = "key-A1b2C3d4e5f"
SECRET = "s3cr3t+of/many=signs&more"
GOOD = {"ACME_KEY": KEY, "ACME_SECRET": SECRET, "ACME_SYNC_ID": "source_1"}


class Inputs(inputs.Inputs):
    """Those of a check: the id is optional."""

    vendor = "acme"
    key: str = inputs.password("ACME_KEY")
    secret: str = inputs.password("ACME_SECRET")
    sync: str | None = inputs.identifier("ACME_SYNC_ID", required=False, alias="ACME_JOB_ID")
    if_running: str = inputs.choice("ACME_IF_RUNNING", "restart", "join", "wait", "fail", default="restart")
    wait: bool = inputs.boolean("ACME_WAIT")
    wait_timeout: int = inputs.integer("ACME_WAIT_TIMEOUT", default=230, unit="minutes", min=1)
    poll_interval: int = inputs.integer("ACME_POLL_INTERVAL", default=60, unit="seconds", min=1, max=3600)

    @property
    def target(self) -> dict[str, Any]:
        return {"id": self.sync}


class TriggerInputs(Inputs):
    starts = True


def given(**values: Any) -> Inputs:
    """The inputs of a check, with these values instead of the defaults."""
    made, _ = inputs.read(Inputs, {})
    vars(made).update(values)
    return made


class Sync(NamedTuple):
    """A handoff."""

    id: str = "source_1"
    sync_id: str | None = "run_7"
    server_time: datetime | None = NOW
    is_latest: bool = False

    @property
    def label(self) -> str:
        return f"source {self.id}"

    def plain(self) -> dict[str, Any]:
        return {"id": self.id, "sync_id": self.sync_id, "server_time": self.server_time}

    def other_files(self) -> dict[str, Any]:
        return {
            "force_sync.pickle": [self.id, self.server_time],
            "source_id.pickle": self.id,
            "sync_id.pickle": self.sync_id,
        }

    def is_exactly(self, given: Any) -> bool:
        return bool(given.sync == self.id)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Sync:
        return cls(identifier(plain["id"]), plain["sync_id"], moment(plain["server_time"]))

    @classmethod
    def from_other_files(cls, file: Callable[[str], Any]) -> list[Sync]:
        pair = file("force_sync.pickle")
        if pair is not None:
            return [cls(identifier(pair[0]), None, moment(pair[1]))]
        source = file("source_id.pickle")
        return [] if source is None else [cls(identifier(source), None, None)]


def later(seconds: float, sync_id: str = "run_8", id: str = "source_1") -> Sync:  # noqa: A002
    return Sync(id, sync_id, NOW + timedelta(seconds=seconds))


class Syncs:
    """Acme's syncs: the polls come in turn, the last one again and again. It remembers when it was asked."""

    vendor, label, min_interval = "Acme", "source source_1", 2.0
    tells_time = True

    def __init__(self, run: Run, *polls: Any) -> None:
        self.next_poll = in_turn(*polls)
        self.run = run
        self.polled_at: list[float] = []
        self.handoffs: list[Sync] = []

    def now(self) -> datetime | None:
        return NOW + timedelta(seconds=self.run.clock.elapsed) if self.tells_time else None

    def poll(self, handoff: Sync) -> tuple[Verdict, Sync]:
        self.polled_at.append(self.run.clock.elapsed)
        self.handoffs.append(handoff)
        return self.next_poll(), handoff._replace(sync_id=f"{handoff.sync_id}+")

    def follow(self, handoff: Sync, **inputs: Any) -> Verdict:
        """What a check, or a trigger that waits, follows; it waits unless it is told not to."""
        return follow(self, handoff, given(**{"wait": True, **inputs}), self.run)


def in_turn(*news: object) -> Callable[[], Any]:
    """A function that raises or returns one of `news` after the other, and the last of them from then on."""
    return Mock(side_effect=itertools.chain(news, itertools.repeat(news[-1])))
