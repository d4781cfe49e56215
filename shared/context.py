"""What a run is given by the world, in one frozen object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from shared.api import Api, Refusal
from shared.handoff import Artifacts
from shared.redaction import Redactor
from shared.report import Report
from shared.transport import Auth, Clock, Connect, Response


class Waiting(Protocol):
    """The inputs that say whether and how long to wait; each vendor declares them under its own names."""

    @property
    def wait(self) -> bool: ...

    @property
    def wait_timeout(self) -> int:
        """Minutes, from the start of the process."""

    @property
    def poll_interval(self) -> int:
        """Seconds: the maximum between two polls."""


class Run(NamedTuple):
    """One run. `kept` holds the last responses, by their names in responses/."""

    artifacts: Artifacts
    redactor: Redactor
    clock: Clock
    connect: Connect
    report: Report
    kept: dict[str, Response]
    started_at: float  # the instant of the monotonic clock

    def api(self, vendor: str, url: str, auth: Auth, refusal: Refusal, headers: Mapping[str, str] | None = None) -> Api:
        """A vendor's API at `url`."""
        sender = self.connect(url, auth, headers or {}, self.clock)
        return Api(vendor, sender, self.clock, self.redactor, self.kept, refusal)

    def deadline(self, given: Waiting) -> float:
        """The instant of the monotonic clock at which waiting ends, and after which nothing is retried."""
        return self.started_at + given.wait_timeout * 60
