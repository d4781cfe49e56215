"""RudderStack on the wire."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fivetran_blueprints.wire import Vendor, on_the_wire
from tests.support import FakeClock


@pytest.fixture
def rudderstack(clock: FakeClock) -> Iterator[Vendor]:
    """RudderStack, asked at `https://api.rudderstack.com`."""
    yield from on_the_wire("https://api.rudderstack.com", clock)
