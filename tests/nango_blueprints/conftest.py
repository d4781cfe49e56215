"""Nango on the wire."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import FakeClock
from tests.wire import Vendor, on_the_wire


@pytest.fixture
def nango(clock: FakeClock) -> Iterator[Vendor]:
    """Nango, asked at `https://api.nango.dev`."""
    yield from on_the_wire("https://api.nango.dev", clock)
