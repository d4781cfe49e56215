"""The fixture that asks a question of all that can be synced."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import FakeClock
from tests.vendors.kinds import KINDS, Synced
from tests.wire import on_the_wire


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def synced(request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path) -> Iterator[Synced]:
    """Each that can be synced, with artifacts in `tmp_path`."""
    kind = request.param
    for vendor in on_the_wire(kind.vendor, clock, tmp_path):
        yield Synced(kind, vendor)
