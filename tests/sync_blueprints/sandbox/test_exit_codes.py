"""Each exit code that the sandbox lists an id for is what the scripts end with."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_blueprints.sandbox import EXAMPLES, ID_VARIABLES, Sandbox
from sync_blueprints.sandbox.behaviors import Example
from tests.processes import VENDORS, Kind, Stage, in_parallel


@pytest.mark.slow
@pytest.mark.sockets
def test_a_script_ends_with_the_exit_code_that_its_id_is_listed_for(tmp_path: Path) -> None:
    def run(row: tuple[Kind, str, Example]) -> None:
        kind, vendor, example = row
        inputs = {kind.variable(name): value for name, value in example.inputs.items()}
        stage = Stage(sandbox, tmp_path / vendor / example.id, kind, f"{example.id}_x{example.exit_code}")
        ended = stage.run(Path(example.script).stem, **inputs)
        assert ended.exit_code == example.exit_code, (vendor, example, ended)

    kinds = list(zip(VENDORS, ID_VARIABLES))
    with Sandbox() as sandbox:
        in_parallel(run, [(*one, row) for row in EXAMPLES for one in kinds if one[1] in (row.vendors or ID_VARIABLES)])


def test_every_exit_code_that_a_vendor_can_cause_has_an_id() -> None:
    assert {one.exit_code for one in EXAMPLES} == {0, 200, 201, 202, 203, 204, 210, 211, 212, 213, 220}
