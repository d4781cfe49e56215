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
    """Nango at `https://api.nango.dev`, and artifacts in `tmp_path`."""
    for vendor in on_the_wire("https://api.nango.dev", clock, Nango):
        vendor.folder = tmp_path
        yield vendor
