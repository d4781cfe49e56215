"""Fixtures that all tests share."""

from __future__ import annotations

import contextlib
import random
import signal
from collections.abc import Iterator

import pytest

from sync_blueprints.sandbox import Sandbox
from tests.support import FakeClock

with contextlib.suppress(ImportError):  # the orchestrators' tests do without it
    import hypothesis

    # A busy machine is no failure, and each run draws the same examples.
    hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
    hypothesis.settings.load_profile("steady")


@pytest.fixture(autouse=True)
def _same_jitter() -> None:
    """Pauses vary at random, but in the same way whenever a test runs."""
    random.seed(0)


@pytest.fixture
def clock() -> FakeClock:
    """A clock on which only `sleep` makes time pass."""
    return FakeClock()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox for all tests of a file."""
    with Sandbox() as one:
        yield one


# Under nohup and in the background these are ignored, and a script that inherits that is not to be ended by them.
for name in ("SIGHUP", "SIGINT"):
    number = getattr(signal, name, None)
    if number and signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler)
