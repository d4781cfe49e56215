"""Fivetran on the wire."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fivetran_blueprints.wire import Vendor, on_the_wire
from tests.support import FakeClock


@pytest.fixture
def fivetran(clock: FakeClock) -> Iterator[Vendor]:
    """Fivetran, asked at `https://api.fivetran.com`."""
    yield from on_the_wire("https://api.fivetran.com", clock)
