"""Fivetran on the wire."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import FakeClock
from tests.wire import Vendor, on_the_wire


@pytest.fixture
def fivetran(clock: FakeClock) -> Iterator[Vendor]:
    """Fivetran, asked at `https://api.fivetran.com`."""
    yield from on_the_wire("https://api.fivetran.com", clock)
