"""Fivetran's resyncs: all tables of a connection, or some, from the beginning."""

from __future__ import annotations

import logging

from fivetran_blueprints.inputs import Credentials
from fivetran_blueprints.syncs import Before, FivetranSyncs
from shared import inputs
from shared.context import Run
from shared.files import response_file
from shared.transport import Response

log = logging.getLogger(__name__)


def tables_by_schema(text: str) -> dict[str, list[str]]:
    """`{"schema": ["table", …]}`. Raises InputError."""
    scope = inputs.json_object(text)
    for tables in scope.values():
        if not isinstance(tables, list) or not tables or not all(isinstance(one, str) and one for one in tables):
            raise inputs.InputError('must be a JSON object of the form {"schema": ["table", …]}')
    if not scope:
        raise inputs.InputError("names no schema; leave it empty for all tables")
    return scope


class FivetranResyncs(FivetranSyncs):
    """Starts a resync, which ends and is judged like any sync."""

    historical = True

    def __init__(
        self, given: Credentials, run: Run, connector_id: str, *, scope: dict[str, list[str]] | None, deadline: float
    ) -> None:
        super().__init__(given, run, connector_id, force=True, deadline=deadline)
        self._scope = scope
        self._keep_as = response_file("resync", connector_id)

    def request(self, *, force: bool) -> Response:
        """The resync; where Fivetran rescheduled it (`force` false), a sync goes on with it."""
        if not force:
            return super().request(force=False)
        tables = "all tables" if self._scope is None else ", ".join(self._scope)
        log.info("resyncing %s of %s", tables, self.connector_id)
        return self.api.resync(self.connector_id, self._scope, keep_as=self._keep_as)

    def may_send_again(self, state: Before) -> bool:
        """Never: a second one begins from the beginning again."""
        del state
        return False
