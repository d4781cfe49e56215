"""Blueprints as tasks of Apache Airflow 2.10, 2.11 and 3: `BlueprintOperator`, and `BlueprintSensor` for checks.

from sync_blueprints.airflow import BlueprintOperator, BlueprintSensor

trigger = BlueprintOperator(
    task_id="trigger",
    blueprint="Fivetran - Execute Sync",
    inputs={"FIVETRAN_CONNECTOR_ID": "speak_inexpensive"},
)
check = BlueprintSensor(task_id="check", blueprint="Fivetran - Check Sync Status")
trigger >> check
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.exceptions import AirflowException, AirflowNotFoundException

try:
    from airflow.sdk import BaseHook, BaseOperator, BaseOperatorLink, BaseSensorOperator, PokeReturnValue, Variable
    from airflow.sdk.execution_time.xcom import XCom
except ImportError:  # Airflow 2
    from airflow.hooks.base import BaseHook
    from airflow.models.baseoperator import BaseOperator
    from airflow.models.baseoperatorlink import BaseOperatorLink
    from airflow.models.variable import Variable
    from airflow.models.xcom import XCom
    from airflow.sensors.base import BaseSensorOperator, PokeReturnValue
try:
    from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTerminated, AirflowTaskTimeout
except ImportError:  # Airflow 2, 3.0 and 3.1
    from airflow.exceptions import AirflowFailException, AirflowTaskTerminated, AirflowTaskTimeout
try:
    from airflow.sdk.log import mask_secret
except ImportError:
    try:
        from airflow.sdk.execution_time.secrets_masker import mask_secret  # Airflow 3.0
    except ImportError:
        from airflow.utils.log.secrets_masker import mask_secret  # Airflow 2

from sync_blueprints.catalog import Blueprint, find, guardrails_for
from sync_blueprints.orchestration import declared, joining, secrets_of
from sync_blueprints.runner import BlueprintFailed, Result, Value, run

__all__ = ["BlueprintOperator", "BlueprintSensor", "VendorPage"]

RESULT = "return_value"  # the XCom key of what a task returns
NOT_YET = (210, 220)  # the sync is still running, the vendor is unreachable


class VendorPage(BaseOperatorLink):
    """The button that leads from a task to the vendor's page of what it syncs."""

    name = "Vendor's page"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow passes it
        result = XCom.get_value(ti_key=ti_key, key=RESULT)
        return str(result.get("url") or "") if isinstance(result, dict) else ""


class _BlueprintTask(BaseOperator):
    """What the operator and the sensor have in common: arguments, secrets, and a run."""

    template_fields = ("inputs",)
    template_fields_renderers = {"inputs": "json"}  # noqa: RUF012 - as Airflow's operators declare it
    operator_extra_links = (VendorPage(),)

    stop: threading.Event | None = None

    def __init__(
        self,
        *,
        blueprint: str,
        inputs: Mapping[str, Value] | None = None,
        secrets: Mapping[str, str] | None = None,
        connection_id: str | None = None,
        retries: int | None = None,
        retry_delay: timedelta | float | None = None,
        execution_timeout: timedelta | None = None,
        **arguments: Any,
    ) -> None:
        found = declared(blueprint, inputs or {}, secrets or {})
        rails = found.guardrails
        super().__init__(
            retries=rails.retry_count if retries is None else retries,
            retry_delay=timedelta(seconds=rails.retry_wait) if retry_delay is None else retry_delay,
            execution_timeout=execution_timeout or timedelta(seconds=rails.runtime_cutoff),
            **arguments,
        )
        self.blueprint = found.name
        self.inputs = inputs or {}
        self.secrets = secrets or {}
        self.connection_id = connection_id

    def on_kill(self) -> None:
        """End the script with SIGTERM. Its last log line says what is still running in the vendor."""
        if self.stop:
            self.stop.set()

    def _run(self, context: Any) -> Result:
        """Run the blueprint, and push its result if it fails. Raises BlueprintFailed, or AirflowFailException."""
        blueprint = find(self.blueprint)
        inputs = joining(blueprint, self.inputs) if context["ti"].try_number > 1 else {**self.inputs}
        secrets = self._secrets(blueprint)
        folder, ids = self._handoff(context)
        self.stop = threading.Event()
        try:
            with ThreadPoolExecutor(1) as pool:  # so that Airflow's signals interrupt the wait, and not the run
                running = pool.submit(
                    run,
                    blueprint.name,
                    {**inputs, **ids},
                    secrets=secrets,
                    artifacts=folder,
                    log=lambda level, line: self.log.log(level, "%s", line),
                    stopped=self.stop.is_set,
                )
                try:
                    return running.result()
                except (AirflowTaskTimeout, AirflowTaskTerminated):
                    self.stop.set()
                    return running.result()  # the script's own exit code decides about a retry
                finally:
                    self.stop.set()
        except BlueprintFailed as failed:
            context["ti"].xcom_push(key=RESULT, value=failed.result.details)
            raise
        except (ValueError, TypeError) as error:  # an input that run() refuses
            raise AirflowFailException(str(error)) from None

    def _failure(self, failed: BlueprintFailed) -> Exception:
        """What to raise: with AirflowFailException, Airflow does not retry."""
        retried = guardrails_for(find(self.blueprint), self.inputs).try_again_on(failed.exit_code)
        kind: type[Exception] = AirflowException if retried else AirflowFailException
        return kind(str(failed))

    def _secrets(self, blueprint: Blueprint) -> dict[str, str]:
        """The values, which Airflow masks from here on. Raises AirflowFailException for one that is missing."""
        names = secrets_of(blueprint, self.inputs)
        if self.connection_id and names:
            try:
                connection = BaseHook.get_connection(self.connection_id)
            except AirflowNotFoundException as error:
                raise AirflowFailException(str(error)) from None
            fields = ("login", "password")[-len(names) :]  # the last secret is the password, one before it the login
            values = [getattr(connection, field) for field in fields]
            sources = [f"the {field} of the connection {self.connection_id}" for field in fields]
        else:
            variables = [self.secrets.get(name, name) for name in names]
            values = [Variable.get(variable, None) for variable in variables]
            sources = [f"the Airflow variable {variable}" for variable in variables]
        missing = [source for source, value in zip(sources, values) if not value]
        if missing:
            raise AirflowFailException(f"{blueprint.name} needs {' and '.join(missing)}, which is not set")
        for value in values:
            mask_secret(value)
        return dict(zip(names, values))

    def _handoff(self, context: Any) -> tuple[Path, dict[str, str]]:
        """A folder of the DAG run, and the ids by which a check finds the handoff of the tasks before it."""
        home = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
        root = Path(os.environ.get("SYNC_BLUEPRINTS_ARTIFACTS", home / "sync-blueprints"))
        dag_id, run_id = self.dag_id, context["run_id"]
        index = context["ti"].map_index

        def id_of(*names: object) -> str:  # the same in each attempt, and good as a file name
            return str(uuid.uuid5(uuid.NAMESPACE_URL, "\n".join(map(str, (dag_id, run_id, *names)))))

        upstream = sorted(self.upstream_task_ids)
        return root / id_of(), {
            "SHIPYARD_LOG_ID": id_of(self.task_id, index),
            "SHIPYARD_FLEET_UPSTREAM_LOG_IDS": ",".join(id_of(task, one) for task in upstream for one in {-1, index}),
        }


class BlueprintOperator(_BlueprintTask):
    """Runs a blueprint. Its result is the task's XCom, also if it fails; the exit code decides about a retry.

    blueprint      its name, as `sync-blueprints list` has it
    inputs         by variable, as `sync-blueprints show NAME` lists them; Jinja templates are rendered
    secrets        from which Airflow variable a secret is read, where that has another name than the input:
                   {"FIVETRAN_API_KEY": "fivetran_finance_key"}
    connection_id  an Airflow connection to read the secrets from instead: its password; for Fivetran, the login is the
                   API key and the password the API secret

    The catalog's guardrails are the defaults of `retries`, `retry_delay` and `execution_timeout`. A second attempt
    joins a sync that is still running, unless an input says otherwise.
    """

    def execute(self, context: Any) -> dict[str, Any]:
        try:
            return self._run(context).details
        except BlueprintFailed as failed:
            raise self._failure(failed) from None


class BlueprintSensor(_BlueprintTask, BaseSensorOperator):
    """Checks a sync again and again until it has ended, without a worker in between.

    "Still running" and "vendor unreachable" (exit codes 210 and 220) mean "not yet": the task is rescheduled, which is
    no failed attempt. The arguments are those of BlueprintOperator, and a sensor's. By default it polls as often as the
    catalog's guardrails retry the check: every 5 minutes for 2 hours.

    After a BlueprintOperator it checks the sync that this started. Without one, it needs the inputs that say which
    sync is meant; with <VENDOR>_MAX_AGE it waits for one that was started elsewhere.
    """

    def __init__(
        self,
        *,
        blueprint: str,
        mode: str = "reschedule",
        poke_interval: timedelta | float | None = None,
        timeout: timedelta | float | None = None,
        **arguments: Any,
    ) -> None:
        found = find(blueprint)
        if found.kind != "check":
            raise ValueError(f"{found.name} is not a check; use BlueprintOperator")
        rails = found.guardrails
        super().__init__(
            blueprint=blueprint,
            mode=mode,
            poke_interval=rails.retry_wait if poke_interval is None else poke_interval,
            timeout=rails.retry_count * rails.retry_wait if timeout is None else timeout,
            **arguments,
        )

    def poke(self, context: Any) -> Any:
        try:
            return PokeReturnValue(is_done=True, xcom_value=self._run(context).details)
        except BlueprintFailed as failed:
            if failed.exit_code in NOT_YET:
                return False
            raise self._failure(failed) from None
