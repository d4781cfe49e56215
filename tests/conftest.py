"""Fixtures that all tests share."""

from __future__ import annotations

import signal

import pytest

from tests.support import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """A clock on which only `sleep` makes time pass."""
    return FakeClock()


if hasattr(signal, "SIGHUP"):  # under nohup it is ignored, and a script that inherits that is not to be ended by it
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
