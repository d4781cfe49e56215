"""The orchestrators that `sync-blueprints export` knows: a table, and what their templates cannot work out alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sync_blueprints.catalog import Blueprint
from sync_blueprints.export.schedule import on_calendar
from sync_blueprints.export.steps import (
    ExportError,
    Options,
    Orchestrator,
    Step,
    checked_name,
    handed_over_by,
    in_order,
    name_of,
    numbered,
    slug,
)

EVERY_NIGHT = "0 2 * * *"
WAIT_MARGIN = 10  # minutes between the end of a check's wait and the end of its attempt
USER = 10001  # the image's
DOLLAR = (("$", "$$"),)  # otherwise GitLab and Kubernetes take what follows for another variable
POD_OPTIONS = ("name", "image", "namespace", "schedule", "openshift", "secret_files")
POD_NAME = "(?=.{1,52}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?"  # what a CronJob makes has a name of eleven characters more


def _fleet(steps: Sequence[Step], _options: Options) -> Mapping[str, Any]:
    """Raises ExportError for guardrails that the platform does not offer."""
    for rails in (step.guardrails for step in steps):
        too_long = rails.retry_wait > 3600 or rails.runtime_cutoff > 4 * 3600
        if too_long or rails.retry_count > 24 or rails.retry_wait % 300:
            raise ExportError(
                "a fleet has up to 24 retries, waits of 0m, 5m, 10m … 1h and a runtime cutoff of up to 4h"
            )
    return {}


def _cron(steps: Sequence[Step], options: Options) -> Mapping[str, Any]:
    what = "a file's name here; it may have letters, digits, dots, -, and _"
    schedule = options.schedule or EVERY_NIGHT
    return {
        **_fleet(steps, options),
        "name": checked_name(name_of(steps, options), "[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", what),
        "schedule": schedule,
        "events": on_calendar(schedule),
    }


def _dag(steps: Sequence[Step], options: Options) -> Mapping[str, Any]:
    what = "the ID of a DAG; it may have letters, digits, dots, -, and _"
    return {"name": checked_name(name_of(steps, options), "[A-Za-z0-9_.-]{1,250}", what)}


def _assets(steps: Sequence[Step], options: Options) -> Mapping[str, Any]:
    for step, trigger in zip(steps, _triggers(steps)):
        if trigger is not None:
            raise ExportError(f"an asset waits until its sync has ended; leave out {step.blueprint.name}")
    what = "the name of a schedule; it may have letters, digits, and _"
    return {"name": checked_name(slug(name_of(steps, options)).replace("-", "_"), "[a-z0-9_]{1,100}", what)}


def _flow(steps: Sequence[Step], options: Options) -> Mapping[str, Any]:
    flow = "the ID of a flow; it may have letters, digits, dots, -, and _"
    namespace = "a namespace of Kestra; it may have lowercase letters, digits, dots, -, and _"
    return {
        "name": checked_name(name_of(steps, options), "[A-Za-z0-9][A-Za-z0-9._-]{0,99}", flow),
        "namespace": checked_name(options.namespace or "company.team", "[a-z0-9][a-z0-9._-]*", namespace),
        "triggers": _triggers(steps),
    }


def _triggers(steps: Sequence[Step]) -> list[int | None]:
    """For each step the place of the trigger whose handoff it takes."""
    return [handed_over_by(place, [step.blueprint for step in steps]) for place in range(len(steps))]


def _pods(steps: Sequence[Step], options: Options) -> Mapping[str, Any]:
    names = [name_of(steps, options)]
    if len(steps) > 1:
        plain = [f"{options.name}-{slug(step.blueprint.path.stem)}" for step in steps]
        names = numbered(plain if options.name else [slug(step.blueprint.name) for step in steps], "-")
    return {
        "name": _pod_name(name_of(steps, options)),
        "steps": [replace(step, title=_pod_name(name)) for step, name in zip(steps, names)],
        "namespace": _pod_name(options.namespace) if options.namespace else None,
        "user": USER,
        "hands_over": any(step.blueprint.starts or step.blueprint.kind == "check" for step in steps),
    }


def _pod_name(name: str) -> str:
    """A name as Kubernetes takes it (DNS-1123). Raises ExportError."""
    what = (
        "a name in Kubernetes: at most 52 lowercase letters, digits, and hyphens, with a letter or digit at both ends"
    )
    return checked_name(name, POD_NAME, what)


def _jobs(steps: Sequence[Step], options: Options) -> Mapping[str, Any]:
    """One Job per step, or one CronJob for a trigger and its check: none starts after another one."""
    folded = options.schedule is not None and len(steps) > 1
    if folded and (len(steps) != 2 or _triggers(steps)[1] is None):
        raise ExportError(
            "no CronJob starts after another one, so --schedule takes one blueprint, or a trigger with its check; "
            "Argo and Airflow can run longer chains on a schedule"
        )
    if folded:
        trigger, check = steps
        wait = {f"{trigger.blueprint.prefix}WAIT": "TRUE"}
        steps = [in_order(replace(trigger, inputs={**trigger.inputs, **check.inputs, **wait}))]
    return {**_pods(steps, options), "folded": folded}


def _waiting_check(blueprint: Blueprint) -> Mapping[str, str]:
    """Inputs that make a check wait by itself, for orchestrators whose retries cannot do the waiting."""
    if blueprint.kind != "check":
        return {}
    minutes = max(1, int(blueprint.guardrails.runtime_cutoff) // 60 - WAIT_MARGIN)
    return {f"{blueprint.prefix}WAIT": "TRUE", f"{blueprint.prefix}WAIT_TIMEOUT": str(minutes)}


ORCHESTRATORS: Mapping[str, Orchestrator] = {  # in the order of the catalog page's tabs
    "local": Orchestrator("This machine", "local.sh", quoting="shell"),
    "cron": Orchestrator("cron", "cron.sh", ("name", "schedule"), values=_cron),
    "docker": Orchestrator("Docker", "docker.sh", ("name", "image"), quoting="shell"),
    "github": Orchestrator("GitHub Actions", "github.yaml", escapes=(("${{", "${{ '${{' }}"),)),  # else it is evaluated
    "gitlab": Orchestrator("GitLab CI", "gitlab.yaml", ("name", "image"), escapes=DOLLAR),
    "kubernetes": Orchestrator(
        "Kubernetes", "kubernetes.yaml", POD_OPTIONS, escapes=DOLLAR, defaults=_waiting_check, values=_jobs
    ),
    "argo": Orchestrator("Argo", "argo.yaml", POD_OPTIONS, escapes=DOLLAR, refused=("{{",), values=_pods),
    # Airflow renders inputs as Jinja templates.
    "airflow": Orchestrator("Airflow", "airflow.txt", ("name", "schedule"), refused=("{{", "{%", "{#"), values=_dag),
    "dagster": Orchestrator("Dagster", "dagster.txt", ("name", "schedule"), values=_assets),
    "prefect": Orchestrator("Prefect", "prefect.txt", ("name", "schedule")),
    "kestra": Orchestrator(
        "Kestra",
        "kestra.yaml",
        ("name", "image", "namespace", "schedule"),
        guardrails=("runtime_cutoff",),
        refused=("{{", "{%", "{#"),  # Kestra renders a variable's value more than once, so that it cannot be escaped
        defaults=_waiting_check,
        values=_flow,
    ),
    "platform": Orchestrator("Fleet", "platform.yaml", ("name",), values=_fleet),
}
