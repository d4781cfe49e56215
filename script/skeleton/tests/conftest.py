"""Acme on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.context import Run
from tests.support import FakeClock, make_run
from tests.wire import Vendor, on_the_wire


@pytest.fixture
def acme(clock: FakeClock) -> Iterator[Vendor]:
    """Acme at `https://api.acme.example`."""
    yield from on_the_wire("https://api.acme.example", clock)


@pytest.fixture
def run(tmp_path: Path, clock: FakeClock) -> Run:
    """A run with its artifacts in `tmp_path`."""
    return make_run(tmp_path, "acme", clock)
