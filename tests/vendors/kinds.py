"""All that can be synced, for the questions that are asked of every vendor: where its requests go, what comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, NamedTuple
from unittest.mock import ANY

from tests.endings import STARTED
from tests.fivetran_blueprints import responses as fivetran
from tests.nango_blueprints import responses as nango
from tests.rudderstack_blueprints import responses as rudderstack
from tests.wire import HTML, Ending, Scripts

ENDED = "12:00:01"
OUTAGE = {"response": HTML, "status": 502}


class Place(NamedTuple):
    """Where a request goes."""

    path: str
    query: Any = {}  # noqa: RUF012


class Account(NamedTuple):
    """What a check of the credentials asks for, and what good credentials get."""

    method: str
    path: str
    response: Any
    status: int = 200
    body: Any = None


class Kind(NamedTuple):
    """What can be synced. The responses are those while a sync is running, or none is, and once one has ended."""

    vendor: type[Scripts]
    authorization: str
    of: Mapping[str, str]
    id: str

    read: Place  # before a start
    idle: Any
    running: Any

    start: Place
    accepted: Any
    handoff: set[str]  # the files that are saved then

    search: Place  # after a lost response
    nothing: Any
    found: Any

    poll: Place  # of the sync that was started
    keeps: str  # how the file is named in which the response of a poll is kept
    goes_on: Any
    succeeded: Any
    failed: Any

    latest: Callable[[Any, str, bool], None]  # what a check without a handoff reads: when the latest ended, and how
    account: Sequence[Account]

    no_such_id: Mapping[str, Any]
    min_interval: float = 2.0  # seconds between two polls
    first_read_only: Place | None = None  # what a trigger reads besides, once; it is answered with 404
    after_500: Place | None = None  # where RudderStack's trigger asks whether there is such a source
    history: Place | None = None  # what is asked for after an end


def _latest_of_fivetran(vendor: fivetran.Fivetran, ended_at: str, failed: bool) -> None:
    stamp = "failed_at" if failed else "succeeded_at"
    vendor.ends(ended_at, fivetran.connection(**{stamp: fivetran.at(ended_at)}), since=None)


def _latest_of_connection(vendor: rudderstack.RudderStack, ended_at: str, failed: bool) -> None:
    vendor.shows_running()
    latest = rudderstack.sync("failed" if failed else "succeeded", finishedAt=rudderstack.at(ended_at))
    vendor.expect("GET", rudderstack.SYNCS, rudderstack.syncs(latest), query=ANY)


def _latest_of_source(vendor: rudderstack.RudderStack, ended_at: str, failed: bool) -> None:
    latest = rudderstack.a_run("failed" if failed else "finished", finished=ended_at)
    vendor.expect("GET", rudderstack.SOURCE_STATUS, latest)


def _latest_of_nango(vendor: nango.Nango, ended_at: str, failed: bool) -> None:
    vendor.shows(nango.entry("STOPPED" if failed else "SUCCESS", ended_at))


def _kind(read: Place, idle: Any, running: Any, **more: Any) -> Kind:
    """One that shows the same wherever it is read, unless `more` says otherwise."""
    same = {"search": read, "nothing": idle, "found": running, "poll": read, "goes_on": running}
    return Kind(read=read, idle=idle, running=running, **{**same, **more})


KINDS = {
    "Fivetran": _kind(
        vendor=fivetran.Fivetran,
        authorization="Basic dGhlLWtleTp0aGUtc2VjcmV0",
        of=fivetran.Fivetran.of,
        id=fivetran.ID,
        read=Place(fivetran.DETAILS),
        idle=fivetran.connection(),
        running=fivetran.connection("syncing"),
        start=Place(fivetran.START),
        accepted=fivetran.ACCEPTED,
        handoff=fivetran.PLAIN_FILES,
        keeps="connector",
        succeeded=fivetran.connection(succeeded_at=fivetran.at(ENDED)),
        failed=fivetran.connection(failed_at=fivetran.at(ENDED)),
        latest=_latest_of_fivetran,
        account=[Account("GET", fivetran.ACCOUNT, fivetran.INFO)],
        no_such_id={"response": fivetran.UNKNOWN_ID, "status": 404},
        history=Place(fivetran.HISTORY, ANY),
    ),
    "RudderStack connection": _kind(
        vendor=rudderstack.RudderStack,
        authorization="Bearer the-token",
        of=rudderstack.OF_CONNECTION,
        id=rudderstack.CONNECTION,
        read=Place(rudderstack.SYNCS, rudderstack.RUNNING_ONES),
        idle=rudderstack.syncs(),
        running=rudderstack.syncs(rudderstack.sync("running", "old", "11:50:00")),
        start=Place(rudderstack.CONNECTION_START),
        accepted=rudderstack.STARTED_SYNC,
        handoff={"connection_id.pickle", "sync_id.pickle", "sync.pickle"},
        search=Place(rudderstack.SYNCS, {"started_after": rudderstack.at("11:59:59")}),
        found=rudderstack.syncs(rudderstack.sync("running")),
        poll=Place(rudderstack.SYNC),
        keeps="sync_run",
        goes_on=rudderstack.sync("running"),
        succeeded=rudderstack.sync("succeeded"),
        failed=rudderstack.sync("failed"),
        latest=_latest_of_connection,
        account=[Account("GET", rudderstack.WORKSPACE, rudderstack.workspace())],
        no_such_id={"response": None, "status": 404},
        first_read_only=Place(rudderstack.CONNECTION_PATH),
    ),
    "RudderStack source": _kind(
        vendor=rudderstack.RudderStack,
        authorization="Bearer the-token",
        of=rudderstack.OF_SOURCE,
        id=rudderstack.SOURCE,
        read=Place(rudderstack.SOURCE_STATUS),
        idle=rudderstack.LAST_RUN,
        running=rudderstack.a_run("running", "11:50:00"),
        start=Place(rudderstack.SOURCE_START),
        accepted=rudderstack.STARTED_RUN,
        handoff={"source_id.pickle", "sync_id.pickle", "sync.pickle"},
        found=rudderstack.a_run("running"),
        poll=Place(rudderstack.RUN_STATUS),
        keeps="sync_run",
        goes_on=rudderstack.a_run("running"),
        succeeded=rudderstack.a_run("finished"),
        failed=rudderstack.a_run("failed"),
        latest=_latest_of_source,
        account=[Account("GET", rudderstack.WORKSPACE, rudderstack.workspace())],
        no_such_id={"response": None, "status": 404},
        after_500=Place(rudderstack.SOURCE_PATH),
    ),
    "Nango": _kind(
        vendor=nango.Nango,
        authorization=f"Bearer {nango.KEY}",
        of=nango.ENVIRONMENT,
        id=nango.INTEGRATION,
        read=Place(nango.STATUS, nango.QUERY),
        idle=nango.entries(nango.entry()),
        running=nango.entries(nango.running()),
        start=Place(nango.TRIGGER),
        accepted=nango.ACCEPTED,
        handoff={"sync.pickle"},
        keeps="status",
        succeeded=nango.entries(nango.entry("SUCCESS", ENDED)),
        failed=nango.entries(nango.entry("STOPPED", ENDED)),
        latest=_latest_of_nango,
        account=[
            Account("POST", nango.TRIGGER, nango.recorded("trig: {}")[1], status=400, body={}),
            Account("GET", nango.STATUS, nango.recorded("stat: no query")[1], status=400),
        ],
        no_such_id=nango.replay("stat: unknown connection"),
        min_interval=5.0,
    ),
}


@dataclass
class Synced:
    """One that is synced, on a wire.

    `begins` to `begins_and_starts` only note what its vendor is to expect next, and the response; `trigger` and `check`
    run a script, and so does `triggered`. Of Fivetran and Nango `reads`, `searches` and `polls` are the same request.
    """

    kind: Kind
    vendor: Any

    def begins(self, response: Any) -> None:
        """The first read of a trigger."""
        self.reads(response)
        if self.kind.first_read_only:
            self._get(self.kind.first_read_only, None, status=404)

    def reads(self, *responses: Any, **more: Any) -> None:
        """Its next reads before a start."""
        self._get(self.kind.read, *responses, **more)

    def requests(self, response: Any = ..., **more: Any) -> None:
        """A trigger request, which is accepted unless `response` says otherwise."""
        accepted = self.kind.accepted if response is ... else response
        self.vendor.expect("POST", self.kind.start.path, accepted, body=ANY, **more)
        if more.get("status") == 500 and self.kind.after_500:
            self._get(self.kind.after_500, {})

    def searches(self, *responses: Any, **more: Any) -> None:
        """Polls for the sync that a lost request started."""
        self._get(self.kind.search, *responses, **more)

    def polls(self, *responses: Any, **more: Any) -> None:
        """Polls of the sync that was started."""
        self._get(self.kind.poll, *responses, **more)

    def ends(self, now: Any = None) -> None:
        """A poll that shows an end, by default a success."""
        self.polls(now or self.kind.succeeded)
        if self.kind.history:
            self._get(self.kind.history, None, status=403)

    def latest(self, ended_at: str, *, failed: bool = False) -> None:
        """What a check without a handoff reads, which ended at this time of the day."""
        self.kind.latest(self.vendor, ended_at, failed)

    def begins_and_starts(self, **request: Any) -> None:
        """A trigger that finds nothing running, and its request."""
        self.begins(self.kind.idle)
        self.requests(**request)

    def triggered(self, after: float = 60, log_id: str | None = None) -> None:
        """Run a trigger, `after` seconds before now."""
        self.begins_and_starts()
        assert self.vendor.trigger(self.kind.of, log_id) == STARTED
        self.vendor.sent.clear()
        self.vendor.clock.elapsed += after

    def trigger(self, **given: str) -> Ending:
        return self.vendor.trigger(self.kind.of, **given)

    def check(self, *upstream: str, **given: str) -> Ending:
        return self.vendor.check(*upstream, of=self.kind.of, **given)

    @property
    def requests_sent(self) -> list[Any]:
        """The bodies of the trigger requests."""
        return self.vendor.starts()

    @property
    def pending(self) -> Any:
        """The state of the pending start, None without one."""
        return self.vendor.files.get("starting.pickle", {}).get("state")

    def _get(self, place: Place, *responses: Any, **more: Any) -> None:
        self.vendor.reads(place.path, *responses, query=place.query, **more)
