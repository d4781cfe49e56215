"""Fivetran on the wire."""

from tests.fivetran_blueprints.responses import Fivetran
from tests.wire import fixture_of

fivetran = fixture_of(Fivetran)
