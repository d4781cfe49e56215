"""Assets materialized by Dagster itself against the sandbox: script/test-orchestrators."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

dg = pytest.importorskip("dagster", reason="script/test-orchestrators installs Dagster and runs these tests with it")

from sync_blueprints.dagster import sync_asset, sync_schedule  # noqa: E402
from sync_blueprints.sandbox import Sandbox  # noqa: E402
from tests.orchestrators.integration import SECRETS, TRIGGER, Integration  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.sockets]


def asset(sandbox: Sandbox, connector: str, **options: Any) -> Any:
    inputs = {"FIVETRAN_CONNECTOR_ID": connector, "FIVETRAN_API_URL": sandbox.url, **options.pop("inputs", {})}
    return sync_asset("orders", blueprint=TRIGGER, inputs=inputs, **options)


def materialized(one: Any) -> Any:
    return dg.materialize([one], raise_on_error=False)


class TestDagster(Integration):
    example = "dagster_assets.py"
    arguments = ("-m", "dagster", "asset", "materialize", "--select", "*", "-f", "example.py")
    ended_by = signal.SIGTERM
    last_words = "interrupted (exit code 143)"

    def environment(self, folder: Path) -> dict[str, str]:
        return {"DAGSTER_HOME": str(folder)}

    def failed(self, sandbox: Sandbox, connector: str, **options: Any) -> tuple[int, str]:
        events = materialized(asset(sandbox, connector, **options)).all_events
        (failure,) = (event for event in events if event.is_step_failure)
        attempts = sum(event.event_type_value in ("STEP_START", "STEP_RESTARTED") for event in events)
        return attempts, str(failure.event_specific_data.error.to_string())

    def test_a_sync_that_succeeds_materializes_the_asset_with_a_link_and_times(
        self, sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
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

    def test_a_running_sync_is_joined_and_waited_for(self, sandbox: Sandbox) -> None:
        assert materialized(asset(sandbox, "running_in_2")).success
        assert not sandbox.starts

    def test_a_secret_may_come_from_another_variable(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FINANCE_KEY", sandbox.environment["FIVETRAN_API_KEY"])
        monkeypatch.delenv("FIVETRAN_API_KEY")
        for source in ("FINANCE_KEY", dg.EnvVar("FINANCE_KEY")):
            assert materialized(asset(sandbox, "succeeds_in_0", secrets={"FIVETRAN_API_KEY": source})).success

    def test_a_schedule_materializes_its_assets_in_utc(self, sandbox: Sandbox) -> None:
        one = asset(sandbox, "succeeds")
        schedule = sync_schedule("nightly", [one], "0 2 * * *")
        definitions = dg.Definitions(assets=[one], schedules=[schedule])
        assert definitions.resolve_schedule_def("nightly").execution_timezone == "UTC"
        job = definitions.resolve_job_def(schedule.job_name)
        assert job.asset_layer.executable_asset_keys == {dg.AssetKey("orders")}
