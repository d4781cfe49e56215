"""Flows run by Prefect itself against the sandbox: script/test-orchestrators."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("prefect", reason="script/test-orchestrators installs Prefect and runs these tests with it")

from prefect import flow
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings
from prefect.testing.utilities import prefect_test_harness

from sync_blueprints import BlueprintFailed
from sync_blueprints.prefect import sync_task
from sync_blueprints.sandbox import Sandbox
from tests.orchestrators.integration import CHECK, SECRETS, TRIGGER, Integration

pytestmark = [pytest.mark.slow, pytest.mark.sockets]


@pytest.fixture(scope="module", autouse=True)
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    home = tmp_path_factory.mktemp("prefect")
    with temporary_settings({PREFECT_HOME: home}), prefect_test_harness(server_startup_timeout=180):
        yield


def task(sandbox: Sandbox, blueprint: str = TRIGGER, **options: Any) -> Any:
    inputs = {"FIVETRAN_API_URL": sandbox.url, **options.pop("inputs", {})}
    return sync_task(blueprint, inputs=inputs, **options)


class TestPrefect(Integration):
    example = "prefect_flow.py"
    arguments = ("-c", "import example; example.sync()")
    ended_by = signal.SIGKILL

    def environment(self, folder: Path) -> dict[str, str]:
        return {"PREFECT_API_URL": PREFECT_API_URL.value(), "PREFECT_HOME": str(folder)}

    def failed(self, sandbox: Sandbox, connector: str, **options: Any) -> tuple[int, str]:
        inputs = {"FIVETRAN_CONNECTOR_ID": connector, "FIVETRAN_WAIT": True, **options.pop("inputs", {})}
        counts = []
        observed = task(sandbox, inputs=inputs, **options).with_options(
            on_failure=[lambda _task, task_run, _state: counts.append(task_run.run_count)]
        )
        with pytest.raises((BlueprintFailed, ValueError)) as caught:
            flow(lambda: observed(), name="failing")()
        (count,) = counts
        return count, str(caught.value)

    def test_a_check_finds_the_handoff_of_the_trigger_in_its_flow_run(
        self, sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
    ) -> None:
        trigger, check = task(sandbox), task(sandbox, CHECK, inputs={"FIVETRAN_WAIT": True})

        @flow
        def nightly() -> Any:
            trigger(FIVETRAN_CONNECTOR_ID="succeeds_in_1")
            return check()

        assert nightly().outcome == "succeeded"
        assert len(sandbox.starts) == 1
        page = "fivetran.com/dashboard/connections/succeeds_in_1"
        with get_client(sync_client=True) as client:
            links = {one.key: one.data for one in client.read_artifacts()}
            kept = repr([client.read_task_runs(), client.read_artifacts(), client.read_logs()])
        assert links["fivetran-com-dashboard-connections-succeeds-in-1"] == f"[{page}](https://{page})"
        shown = kept + "".join(capfd.readouterr())
        assert "sync of succeeds_in_1 succeeded" in shown
        assert not [name for name in SECRETS if sandbox.environment[name] in shown]

    def test_an_asynchronous_flow_may_call_a_task_whose_secret_comes_from_a_block(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Secret(value=sandbox.environment["FIVETRAN_API_KEY"]).save("fivetran-key")
        monkeypatch.delenv("FIVETRAN_API_KEY")
        inputs = {"FIVETRAN_CONNECTOR_ID": "succeeds_in_0", "FIVETRAN_WAIT": True}
        waiting = task(sandbox, inputs=inputs, secrets={"FIVETRAN_API_KEY": "fivetran-key"})

        @flow
        async def nightly() -> Any:
            return waiting()

        assert asyncio.run(nightly()).outcome == "succeeded"

    def test_the_time_out_of_prefect_is_refused_when_the_task_is_declared(self, sandbox: Sandbox) -> None:
        with pytest.raises(ValueError, match="use time_limit"):
            task(sandbox, timeout_seconds=60)
