"""RudderStack on the wire."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import FakeClock
from tests.wire import Vendor, on_the_wire


@pytest.fixture
def rudderstack(clock: FakeClock) -> Iterator[Vendor]:
    """RudderStack, asked at `https://api.rudderstack.com`."""
    yield from on_the_wire("https://api.rudderstack.com", clock)
