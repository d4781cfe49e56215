"""RudderStack on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rudderstack_blueprints.responses import RudderStack
from tests.support import FakeClock
from tests.wire import on_the_wire


@pytest.fixture
def rudderstack(clock: FakeClock, tmp_path: Path) -> Iterator[RudderStack]:
    yield from on_the_wire("https://api.rudderstack.com", clock, RudderStack, folder=tmp_path)
