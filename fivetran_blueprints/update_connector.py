"""Change a Fivetran connector: its schedule, whether it is paused, a historical sync, or any other field."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fivetran_blueprints.client import Credentials, FivetranClient
from shared import inputs
from shared.blueprint import Job, run
from shared.status import Result


class Inputs(Credentials):
    """The environment variables of this blueprint; None is no change."""

    connector_id: str = inputs.identifier("FIVETRAN_CONNECTOR_ID")
    schedule_type: str | None = inputs.choice("FIVETRAN_SCHEDULE_TYPE", "None", "manual", "auto", default=None)
    paused: str | None = inputs.choice("FIVETRAN_PAUSED", "None", "TRUE", "FALSE", default=None)
    historical_sync: str | None = inputs.choice("FIVETRAN_HISTORICAL_SYNC", "None", "TRUE", default=None)
    custom_update: dict[str, object] | None = inputs.text("FIVETRAN_CUSTOM_UPDATE", inputs.json_object)

    @property
    def subject(self) -> str:
        return self.connector_id

    @property
    def chosen(self) -> dict[str, object]:
        """The fields that have inputs of their own, as far as they are to change."""
        fields = {
            "schedule_type": self.schedule_type,
            "paused": None if self.paused is None else self.paused == "TRUE",
            "is_historical_sync": None if self.historical_sync is None else True,
        }
        return {key: value for key, value in fields.items() if value is not None}

    @property
    def changes(self) -> dict[str, object]:
        """All fields that are to change."""
        return {**(self.custom_update or {}), **self.chosen}

    def contradictions(self, given: set[str]) -> Iterator[str]:
        custom = self.custom_update or {}
        for key, value in self.chosen.items():
            if custom.get(key, value) != value:
                yield f"FIVETRAN_CUSTOM_UPDATE sets {key} to something else than the input for it"
        unreadable = "FIVETRAN_CUSTOM_UPDATE" in given and self.custom_update is None
        if not self.chosen and not custom.keys() - {"run_setup_tests"} and not unreadable:
            yield f"nothing is to change: give one of {', '.join(CHANGING)}"


CHANGING = ("FIVETRAN_SCHEDULE_TYPE", "FIVETRAN_PAUSED", "FIVETRAN_HISTORICAL_SYNC", "FIVETRAN_CUSTOM_UPDATE")


def main(given: Inputs, job: Job) -> Result:
    return FivetranClient(given, job).update(given.connector_id, given.changes)


if __name__ == "__main__":
    run("Fivetran - Update Connector", main, Inputs)
