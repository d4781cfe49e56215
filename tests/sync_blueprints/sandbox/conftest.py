"""A sandbox on a clock that stands still, and requests to it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from sync_blueprints.sandbox import Sandbox
from tests.support import NOW, FakeClock

Call = Callable[..., requests.Response]


@pytest.fixture
def clock() -> FakeClock:
    """It begins at 2027-01-15T08:00:00.25Z."""
    return FakeClock(offset=1_800_000_000.25 - NOW.timestamp())


@pytest.fixture
def sandbox(clock: FakeClock) -> Iterator[Sandbox]:
    with Sandbox(clock=clock) as sandbox:
        yield sandbox


@pytest.fixture
def call(sandbox: Sandbox) -> Iterator[Call]:
    """call(method, path, json) with the credentials that the path needs."""
    given = sandbox.environment
    login = f"{given['FIVETRAN_API_KEY']}:{given['FIVETRAN_API_SECRET']}".encode()
    keys = {
        "/v1": f"Basic {b64encode(login).decode()}",
        "/v2": f"Bearer {given['RUDDERSTACK_ACCESS_TOKEN']}",
    }
    with requests.Session() as session:
        session.trust_env = False

        def send(method: str, path: str, body: Any = None, headers: Any = None, **more: Any) -> requests.Response:
            key = keys.get(path[:3], f"Bearer {given['NANGO_SECRET_KEY']}")
            kind = {"Content-Type": "application/json"} if method != "GET" else {}
            text = body if body is None or isinstance(body, str) else json.dumps(body)
            sent = {"Authorization": key, **kind, **(headers or {})}
            return session.request(method, sandbox.url + path, data=text, headers=sent, allow_redirects=False, **more)

        yield send
