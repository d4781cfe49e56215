"""RudderStack on the wire."""

from tests.rudderstack_blueprints.responses import RudderStack
from tests.wire import fixture_of

rudderstack = fixture_of(RudderStack)
