"""Nango on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nango_blueprints.responses import Nango
from tests.support import FakeClock
from tests.wire import on_the_wire


@pytest.fixture
def nango(clock: FakeClock, tmp_path: Path) -> Iterator[Nango]:
    yield from on_the_wire("https://api.nango.dev", clock, Nango, folder=tmp_path)
