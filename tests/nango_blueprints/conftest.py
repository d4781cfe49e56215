"""Nango on the wire."""

from tests.nango_blueprints.responses import Nango
from tests.wire import fixture_of

nango = fixture_of(Nango)
