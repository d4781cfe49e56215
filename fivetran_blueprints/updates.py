"""Changing a Fivetran connection, which starts a sync if a historical one is requested."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fivetran_blueprints.api import dashboard
from fivetran_blueprints.changes import Comparison, compare
from fivetran_blueprints.inputs import Credentials
from fivetran_blueprints.syncs import Before, FivetranSyncs, Handoff
from fivetran_blueprints.verdict import Connection
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

    historical = True

    def __init__(self, given: Credentials, run: Run, connector_id: str, changes: Mapping[str, object]) -> None:
        super().__init__(given, run, connector_id, force=True)
        self._changes = changes
        self._keep_as = response_file("update", connector_id)
        self._fields = ", ".join(sorted(changes.keys() - OPTIONS))

    def apply(self, *, starts: bool) -> Result:
        """Change the connection; `starts` says that this starts a historical sync, whose handoff is saved.

        Raises BadRequestError naming the fields that Fivetran did not take, StatusCheckFailedError if that is unknown.
        """
        log.info("changing %s of %s", self._fields, self.label)
        try:
            handoff = self._start() if starts else None
            data = None if starts else self.api.data(self._patched(once=False), self.connector_id)
            compared = self._compared(data, begun=handoff is not None)
        except SyncNotStartedError as error:
            raise StatusCheckFailedError(
                f"{error}; {self._fields} of {self.connector_id} may not have changed"
            ) from error
        except SyncAlreadyRunningError as error:
            raise BadRequestError(
                f"{error}: a sync of {self.connector_id} is running that Fivetran does not stop for this change"
            ) from error
        if compared.differences:
            raise BadRequestError(
                f"Fivetran accepted the update of {self.connector_id}, but {'; '.join(compared.differences)}. See "
                f"{dashboard(self.connector_id)}"
            )
        return self._result(handoff, compared)

    def read(self) -> Before:
        """The connection as it is, whether it could run or not."""
        return Before(self.api.connection(self.connector_id), self.api.http.best_now())

    def request(self, *, force: bool) -> Response:
        del force
        return self._patched(once=True)

    def may_send_again(self, state: Before) -> bool:
        """Never: a second historical sync stops the first one."""
        del state
        return False

    def _patched(self, *, once: bool) -> Response:
        self._run.report.still_running = f"the update of {self.label} may have been accepted"
        return self.api.modify(self.connector_id, self._changes, once=once, keep_as=self._keep_as)

    def _start(self) -> Handoff | None:
        """The handoff of the historical sync that is started; None where a pause makes it wait."""
        before = self.read()
        if before.running:
            self.warn_of_stopping(before.connection)
        handoff = start_exactly_once(self, before, self._run)
        if self._is_paused():
            self._run.artifacts.not_sent()
            return None
        if not self._begins(before):
            self._run.artifacts.not_sent()
            raise BadRequestError(
                f"Fivetran accepted the update of {self.connector_id}, but no historical sync is due or running. See "
                f"{dashboard(self.connector_id)}"
            )
        self._run.report.started = True
        self._run.artifacts.save(handoff)
        return handoff

    def _is_paused(self) -> bool:
        """Whether the connection is paused now; that it was un-paused may take some seconds to show."""
        wanted = self._changes.get("paused")
        for pause in (0, *POLLS):
            self._run.clock.sleep(pause)
            if wanted is True or not self._shown().is_paused:
                return wanted is True
            if wanted is not False:
                break
        return True

    def _begins(self, before: Before) -> bool:
        """Whether the historical sync shows, which may take some seconds: its flag is gone again once it has ended."""
        for pause in (0, *POLLS):
            self._run.clock.sleep(pause)
            now = self._shown()
            runs = now.is_historical_sync or (now.syncing and not before.running)
            if runs or now.has_ended_since(before.connection, before.earliest_end):
                return True
        return False

    def _shown(self) -> Connection:
        """The connection after the update. Fivetran has just confirmed it, so that a 404 is not its last word."""
        hidden = ""
        for pause in (0, *POLLS):
            self._run.clock.sleep(pause)
            try:
                return self.api.connection(self.connector_id)
            except SyncNotFoundError as error:
                log.info("%s; not visible yet, will retry", error)
                hidden = str(error)
        raise StatusCheckFailedError(f"{hidden}; the update was accepted, and a historical sync may be running")

    def _compared(self, data: dict[str, Any] | None, *, begun: bool) -> Comparison:
        """What was asked against what Fivetran shows, which may take some seconds to show it.

        Not the flag of a historical sync that has `begun`, and may be over.
        """
        left_out = {*OPTIONS, "is_historical_sync"} if begun else OPTIONS
        changes = {key: value for key, value in self._changes.items() if key not in left_out}
        compared = compare(changes, self._details() if data is None else data)
        for pause in POLLS:
            if not compared.differences:
                break
            self._run.clock.sleep(pause)
            compared = compare(changes, self._details())
        return compared

    def _details(self) -> dict[str, Any]:
        try:
            return self.api.details(self.connector_id)
        except BlueprintError as error:
            raise StatusCheckFailedError(
                f"{error}; it is not known whether {self._fields} of {self.connector_id} changed"
            ) from error

    def _result(self, handoff: Handoff | None, compared: Comparison) -> Result:
        notes = [f"updated {self._fields} of {self.connector_id}"]
        if compared.unclear:
            notes.append(f"Fivetran does not show {', '.join(compared.unclear)}")
        if handoff is not None:
            notes.append("a historical sync was started, and its handoff is saved for the next step")
        elif self._changes.get("is_historical_sync") is True:
            notes.append("the connection is paused: the historical sync starts once it is unpaused")
        return Result("updated", "; ".join(notes))
