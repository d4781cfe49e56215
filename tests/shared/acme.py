"""A vendor made up for the tests of what all vendors share: its inputs and its handoff."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Callable, NamedTuple

from shared import inputs
from shared.handoff import identifier, moment
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
    """The inputs of a check, read from an environment with these values."""
    made = Inputs()
    for name, field in inputs.fields(Inputs).items():
        setattr(made, name, values.get(name, field.default))
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
