"""RudderStack on the wire."""

import pytest

from tests.rudderstack_blueprints.responses import OF_SOURCE, RudderStack
from tests.wire import fixture_of

rudderstack = fixture_of(RudderStack)


@pytest.fixture
def source(rudderstack: RudderStack) -> RudderStack:
    """The same with inputs that name a source, in place of a connection."""
    rudderstack.of = OF_SOURCE
    return rudderstack
