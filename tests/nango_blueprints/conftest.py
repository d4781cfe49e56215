"""Nango on the wire."""

import pytest

from tests.nango_blueprints.responses import Nango
from tests.wire import fixture_of

nango = fixture_of(Nango)


@pytest.fixture
def nango_all(nango: Nango) -> Nango:
    """The same with inputs that name the integration alone: all of its connections and syncs are meant."""
    nango.selects(None, None)
    return nango
