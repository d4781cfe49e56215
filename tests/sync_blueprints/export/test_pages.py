"""The orchestrators' pages: their blocks are what they say, and those in Python run."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Mapping
from pathlib import Path

import pytest

from sync_blueprints.catalog import REPOSITORY
from sync_blueprints.sandbox import Sandbox
from tests.exporting import blocks

PAGES = REPOSITORY / "docs" / "orchestrators"


def for_sandbox(text: str, sandbox: Sandbox, connector: str) -> str:
    """The page's block, for this connector of the sandbox."""
    wait = re.compile(r'"FIVETRAN_WAIT": (?:True|"TRUE")')
    assert wait.search(text)
    text = wait.sub(lambda found: f'{found[0]}, "FIVETRAN_API_URL": "{sandbox.url}"', text)
    return text.replace("speak_inexpensive", connector)


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str, **attributes: object) -> None:
    module = types.ModuleType(name)
    module.__dict__.update(attributes)
    monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.sockets
def test_the_block_for_mage_triggers_and_fails_as_the_sync_does(monkeypatch: pytest.MonkeyPatch) -> None:
    from sync_blueprints import BlueprintFailed

    (text,) = blocks((PAGES / "mage.md").read_text("utf-8"), "python")
    with Sandbox() as sandbox:
        stand_in(monkeypatch, "mage_ai")
        stand_in(monkeypatch, "mage_ai.data_preparation")
        stand_in(monkeypatch, "mage_ai.data_preparation.decorators", custom=lambda function: function)
        stand_in(monkeypatch, "mage_ai.data_preparation.shared")
        secrets: Mapping[str, str] = sandbox.environment
        stand_in(monkeypatch, "mage_ai.data_preparation.shared.secrets", get_secret_value=secrets.__getitem__)
        for connector in ("succeeds_in_1", "fails_in_1"):
            names: dict[str, object] = {}
            exec(for_sandbox(text, sandbox, connector), names)  # noqa: S102 - it is the page's
            if connector == "succeeds_in_1":
                assert names["sync_fivetran"]()["outcome"] == "succeeded"  # type: ignore[operator]
            else:
                with pytest.raises(BlueprintFailed):
                    names["sync_fivetran"]()  # type: ignore[operator]


@pytest.mark.sockets
@pytest.mark.parametrize(("connector", "outcome"), [("succeeds_in_1", "succeeded"), ("fails_in_1", "failed")])
def test_the_activity_for_temporal_runs_in_its_test_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, connector: str, outcome: str
) -> None:
    testing = pytest.importorskip("temporalio.testing")
    from temporalio.exceptions import ApplicationError

    (text,) = blocks((PAGES / "temporal.md").read_text("utf-8"), "python")
    (tmp_path / "page_for_temporal.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import page_for_temporal

    with Sandbox() as sandbox:
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        inputs = {"FIVETRAN_CONNECTOR_ID": connector, "FIVETRAN_WAIT": "TRUE", "FIVETRAN_API_URL": sandbox.url}
        secrets = ["FIVETRAN_API_KEY", "FIVETRAN_API_SECRET"]
        arguments = (page_for_temporal.run_blueprint, "Fivetran - Execute Sync", inputs, secrets)
        if outcome == "succeeded":
            assert testing.ActivityEnvironment().run(*arguments)["outcome"] == "succeeded"
        else:
            with pytest.raises(ApplicationError) as raised:
                testing.ActivityEnvironment().run(*arguments)
            assert (raised.value.type, raised.value.non_retryable) == ("failed", True)
