"""Fixtures that all tests share."""

from __future__ import annotations

import pytest

from tests.support import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """A clock on which only `sleep` makes time pass."""
    return FakeClock()
