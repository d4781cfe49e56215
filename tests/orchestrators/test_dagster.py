"""Assets materialized by Dagster itself against the sandbox: script/test-orchestrators."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

dg = pytest.importorskip("dagster", reason="script/test-orchestrators installs Dagster and runs these tests with it")

from sync_blueprints.dagster import sync_asset, sync_schedule  # noqa: E402
from sync_blueprints.sandbox import Sandbox  # noqa: E402
from tests.orchestrators.integration import Integration  # noqa: E402
from tests.processes import finish, start, wait_until  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.sockets]

EXAMPLE = Path(__file__).parents[2] / "examples/orchestrators/dagster_assets.py"
SECRETS = ("FIVETRAN_API_KEY", "FIVETRAN_API_SECRET")


def asset(sandbox: Sandbox, connector: str, **options: Any) -> Any:
    inputs = {"FIVETRAN_CONNECTOR_ID": connector, "FIVETRAN_API_URL": sandbox.url, **options.pop("inputs", {})}
    return sync_asset("orders", blueprint="Fivetran - Execute Sync", inputs=inputs, **options)


def materialized(one: Any) -> Any:
    return dg.materialize([one], raise_on_error=False)


class TestDagster(Integration):
    def failed(self, sandbox: Sandbox, connector: str, **options: Any) -> tuple[int, str]:
        events = materialized(asset(sandbox, connector, **options)).all_events
        (failure,) = (event for event in events if event.is_step_failure)
        attempts = sum(event.event_type_value in ("STEP_START", "STEP_RESTARTED") for event in events)
        return attempts, str(failure.event_specific_data.error.to_string())


def test_a_sync_that_succeeds_materializes_the_asset_with_a_link_and_times(
    sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    result = materialized(asset(sandbox, "succeeds_in_1"))
    (event,) = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert metadata["url"] == dg.MetadataValue.url("https://fivetran.com/dashboard/connections/succeeds_in_1")
    assert isinstance(metadata["succeeded_at"], dg.TimestampMetadataValue)
    assert len(sandbox.starts) == 1
    shown = repr(result.all_events) + "".join(capfd.readouterr())
    assert "succeeded (exit code 0)" in shown
    assert not [name for name in SECRETS if sandbox.environment[name] in shown]


def test_a_running_sync_is_joined_and_waited_for(sandbox: Sandbox) -> None:
    assert materialized(asset(sandbox, "running_in_2")).success
    assert not sandbox.starts


def test_a_secret_may_come_from_a_variable_of_another_name(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINANCE_KEY", sandbox.environment["FIVETRAN_API_KEY"])
    monkeypatch.delenv("FIVETRAN_API_KEY")
    for source in ("FINANCE_KEY", dg.EnvVar("FINANCE_KEY")):
        assert materialized(asset(sandbox, "succeeds_in_0", secrets={"FIVETRAN_API_KEY": source})).success


def test_a_schedule_materializes_its_assets_in_utc(sandbox: Sandbox) -> None:
    one = asset(sandbox, "succeeds")
    schedule = sync_schedule("nightly", [one], "0 2 * * *")
    definitions = dg.Definitions(assets=[one], schedules=[schedule])
    assert definitions.resolve_schedule_def("nightly").execution_timezone == "UTC"
    job = definitions.resolve_job_def(schedule.job_name)
    assert job.asset_layer.executable_asset_keys == {dg.AssetKey("orders")}


def test_a_run_that_is_terminated_leaves_no_script_behind(sandbox: Sandbox, tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    url = f'"FIVETRAN_API_URL": "{sandbox.url}", "FIVETRAN_POLL_INTERVAL": 1,'
    (tmp_path / "assets.py").write_text(text.replace('"speak_inexpensive",', f'"succeeds_in_600", {url}'), "utf-8")
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path), "PYTHONPATH": str(EXAMPLE.parents[2])}
    arguments = ["-m", "dagster", "asset", "materialize", "--select", "*", "-f", "assets.py"]
    process = start(arguments, environment, tmp_path)
    try:
        wait_until(lambda: len(sandbox.requests) >= 4, 300)  # Dagster takes its time to start
    finally:
        process.terminate()
        ended = finish(process)
    assert sandbox.starts
    asked = len(sandbox.requests)
    time.sleep(3)  # it would have polled again
    assert len(sandbox.requests) == asked
    assert "interrupted (exit code 143)" in ended.stdout + ended.stderr
