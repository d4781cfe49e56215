"""Fixtures that all tests share."""

from __future__ import annotations

import pytest

from tests.support import FakeClock


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", action="store_true", help="take the pictures in docs/screenshots anew")


@pytest.fixture
def clock() -> FakeClock:
    """A clock on which only `sleep` makes time pass."""
    return FakeClock()
