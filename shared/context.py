"""What the outside world supplies to a run, in one frozen object."""

from __future__ import annotations

from collections.abc import Mapping

from shared.api import Api, Refusal
from shared.handoff import Artifacts
from shared.inputs import Inputs
from shared.record import Record
from shared.redaction import Redactor
from shared.report import Report
from shared.transport import Auth, Clock, Connect, Response


class Run(Record):
    """One run. `kept` holds the last responses, by file name in responses/."""

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

    def deadline(self, given: Inputs) -> float:
        """The instant of the monotonic clock at which waiting ends, and after which nothing is retried."""
        return self.started_at + given.wait_timeout * 60
