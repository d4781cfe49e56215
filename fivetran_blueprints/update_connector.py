"""Change a Fivetran connector: its schedule, whether it is paused, a historical sync, or any other field."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fivetran_blueprints.changes import secret_texts
from fivetran_blueprints.inputs import Connector
from fivetran_blueprints.updates import OPTIONS, FivetranUpdate
from shared import inputs, values
from shared.context import Run
from shared.run import run
from shared.status import Result

CHANGES = {"FIVETRAN_SCHEDULE_TYPE", "FIVETRAN_PAUSED", "FIVETRAN_HISTORICAL_SYNC", "FIVETRAN_CUSTOM_UPDATE"}


class Inputs(Connector):
    """The environment variables of this blueprint; None is no change."""

    schedule_type: str | None = inputs.choice("FIVETRAN_SCHEDULE_TYPE", "None", "manual", "auto")
    paused: str | None = inputs.choice("FIVETRAN_PAUSED", "None", "TRUE", "FALSE")
    historical_sync: str | None = inputs.choice("FIVETRAN_HISTORICAL_SYNC", "None", "TRUE")
    custom_update: dict[str, Any] | None = inputs.text(
        "FIVETRAN_CUSTOM_UPDATE", values.json_object, secrets=secret_texts
    )

    @property
    def chosen(self) -> dict[str, object]:
        """The fields that have inputs of their own, as far as they are to change."""
        fields = {
            "schedule_type": self.schedule_type,
            "paused": None if self.paused is None else self.paused == "TRUE",
            "is_historical_sync": True if self.historical_sync else None,
        }
        return {key: value for key, value in fields.items() if value is not None}

    @property
    def changes(self) -> dict[str, object]:
        """All fields that are to change."""
        return {**(self.custom_update or {}), **self.chosen}

    @property
    def starts(self) -> bool:
        was_meant_to = "FIVETRAN_HISTORICAL_SYNC" in self.invalid_variables
        return was_meant_to or self.changes.get("is_historical_sync") is True

    def conflicts(self) -> Iterator[str]:
        for key, value in self.chosen.items():
            if (self.custom_update or {}).get(key, value) != value:
                yield f"FIVETRAN_CUSTOM_UPDATE sets {key}, which conflicts with the input for it"
        if not self.changes.keys() - OPTIONS and not CHANGES & self.invalid_variables:
            yield (
                "there is nothing to change: set one of FIVETRAN_SCHEDULE_TYPE, FIVETRAN_PAUSED, "
                "FIVETRAN_HISTORICAL_SYNC, FIVETRAN_CUSTOM_UPDATE"
            )


def main(given: Inputs, run: Run) -> Result:
    return FivetranUpdate(given, run, given.connector_id, given.changes).apply(starts=given.starts)


if __name__ == "__main__":
    run("Fivetran - Update Connector", main, Inputs)
