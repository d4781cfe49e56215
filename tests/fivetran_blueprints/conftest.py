"""Fivetran on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fivetran_blueprints.responses import Fivetran
from tests.support import FakeClock
from tests.wire import on_the_wire


@pytest.fixture
def fivetran(clock: FakeClock, tmp_path: Path) -> Iterator[Fivetran]:
    yield from on_the_wire("https://api.fivetran.com", clock, Fivetran, folder=tmp_path)
