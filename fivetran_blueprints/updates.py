"""Changing a Fivetran connector, which starts a sync if a historical one is requested."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Mapping, Set
from typing import Any

from fivetran_blueprints.api import dashboard, parse_connection
from fivetran_blueprints.changes import Comparison, compare
from fivetran_blueprints.inputs import Credentials
from fivetran_blueprints.syncs import Before, FivetranSyncs
from shared.context import Run
from shared.errors import (
    BadRequestError,
    BlueprintError,
    StatusCheckFailedError,
    SyncAlreadyRunningError,
    SyncNotFoundError,
    SyncNotStartedError,
)
from shared.files import response_file
from shared.starting import start_exactly_once
from shared.status import Result
from shared.transport import Response

log = logging.getLogger(__name__)

OPTIONS = {"run_setup_tests"}  # of the request, not fields of a connection
POLLS = (1, 2, 4, 8)  # seconds before each poll for a change that does not show yet


class FivetranUpdate(FivetranSyncs):
    """One change of one connection."""

    def __init__(self, given: Credentials, run: Run, connector_id: str, changes: Mapping[str, object]) -> None:
        super().__init__(given, run, connector_id, force=True, historical=True)
        self._changes = changes
        self._keep_as = response_file("update", connector_id)
        self._fields = ", ".join(sorted(changes.keys() - OPTIONS))

    def apply(self, *, starts: bool) -> Result:
        """Change the connection; `starts` says that this starts a historical sync, whose handoff is saved.

        Raises BadRequestError naming the fields that Fivetran did not take, StatusCheckFailedError if that is unknown.
        """
        log.info("changing %s of %s", self._fields, self.label)
        try:
            compared, has_begun = self._start() if starts else (self._change(), False)
        except SyncNotStartedError as error:
            raise StatusCheckFailedError(
                f"{error}; {self._fields} of {self.connector_id} may not have changed"
            ) from error
        except SyncAlreadyRunningError as error:
            raise BadRequestError(
                f"{error}: Fivetran does not stop the running sync of {self.connector_id} for this change"
            ) from error
        if compared.differences:
            raise BadRequestError(
                f"Fivetran accepted the update of {self.connector_id}, but {'; '.join(compared.differences)}. See "
                f"{dashboard(self.connector_id)}"
            )
        notes = [f"updated {self._fields} of {self.connector_id}"]
        if compared.unclear:
            notes.append(f"Fivetran does not show {', '.join(compared.unclear)}")
        if has_begun:
            notes.append("a historical sync was started, and its handoff is saved for the next step")
        elif starts:
            notes.append("the connection is paused: the historical sync starts once it is unpaused")
        return Result("updated", "; ".join(notes))

    def read(self) -> Before:
        """The connection as it is, whether it could run or not."""
        return Before(self.api.connection(), self.api.http.best_now())

    def request(self, *, force: bool) -> Response:
        """The change; with force it starts a historical sync."""
        self._run.report.still_running = f"the update of {self.label} may have been accepted"
        return self.api.modify(self._changes, once=force, keep_as=self._keep_as)

    def _change(self) -> Comparison:
        """Send a change that starts nothing, and compare it with what Fivetran shows, as soon as that shows it."""
        for data in itertools.chain([self.api.data(self.request(force=False))], self._polls(POLLS)):
            compared = self._compared(data, left_out=OPTIONS)
            if not compared.differences:
                break
        return compared

    def _start(self) -> tuple[Comparison, bool]:
        """Start a historical sync; the comparison as in `_change`, and whether the sync has begun.

        On a paused connection the sync waits. Its flag goes once it ends, so that is not compared after the start.
        """
        before, has_begun = self.read(), False
        if before.running:
            self.warn_of_stopping(before.connection)
        handoff = start_exactly_once(self, before, self._run)
        for data in self._polls((0, *POLLS)):
            if not has_begun and self._shows_start(data, before):
                has_begun = self._run.report.started = True
                self._run.artifacts.save(handoff)
            compared = self._compared(data, left_out={*OPTIONS, "is_historical_sync"} if has_begun else OPTIONS)
            if not compared.differences and (has_begun or self._makes_it_wait(data, before)):
                break
        if not has_begun:
            self._run.artifacts.not_sent()
            if not compared.differences and not parse_connection(data).is_paused:
                raise BadRequestError(
                    f"Fivetran accepted the update of {self.connector_id}, but shows no historical sync that is due or "
                    f"running. See {dashboard(self.connector_id)}"
                )
        return compared, has_begun

    def _compared(self, data: dict[str, Any], left_out: Set[str]) -> Comparison:
        return compare({key: value for key, value in self._changes.items() if key not in left_out}, data)

    def _shows_start(self, data: dict[str, Any], before: Before) -> bool:
        now = parse_connection(data)
        has_ended = now.has_ended_since(before.connection, before.at)
        if now.is_paused or self._changes.get("paused") is True:
            return has_ended and not before.running  # it ran before the pause
        return has_ended or now.is_historical_sync or (now.syncing and not before.running)

    def _makes_it_wait(self, data: dict[str, Any], before: Before) -> bool:
        """Whether the connection is paused. If this update unpauses it, a poll may still show the old pause."""
        paused = self._changes.get("paused", before.connection.is_paused)
        return paused is not False and parse_connection(data).is_paused

    def _polls(self, pauses: tuple[int, ...]) -> Iterator[dict[str, Any]]:
        """What Fivetran shows after the update. It has just confirmed that, so that a 404 is not its last word."""
        for number, pause in enumerate(pauses, 1):
            self._run.clock.sleep(pause)
            try:
                yield self.api.details()
            except BlueprintError as error:
                if not isinstance(error, SyncNotFoundError) or number == len(pauses):
                    raise StatusCheckFailedError(
                        f"{error}; it is not known whether {self._fields} of {self.connector_id} changed"
                    ) from error
                log.info("%s; not visible yet, will retry", error)
