"""What the tests of Dagster and of Prefect share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync_blueprints.sandbox import Sandbox


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox, with the credentials for its Fivetran in the environment."""
    with Sandbox() as one:
        for name in ("FIVETRAN_API_KEY", "FIVETRAN_API_SECRET"):
            monkeypatch.setenv(name, one.environment[name])
        yield one
