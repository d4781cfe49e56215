"""Jobs and CronJobs of Kubernetes 1.31 and later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sync_blueprints.export.pods import ESCAPES, OPTIONS, common, hands_over, pod_name, step_names
from sync_blueprints.export.steps import (
    ExportError,
    Options,
    Orchestrator,
    Step,
    duration,
    fill,
    handed_over_by,
    in_order,
    is_check,
    name_of,
    waiting_check,
)


def render(steps: Sequence[Step], options: Options) -> str:
    """One Job per step, or one CronJob."""
    head = []
    if options.schedule and len(steps) > 1:
        steps = [_folded(steps)]
        head.append(
            "One CronJob for a trigger and its check, because no CronJob starts after another one: the trigger itself "
            "waits until the sync has ended, and exits by its outcome as the check does."
        )
    names, shared = step_names(steps, options), common(steps, options)
    return fill(
        "kubernetes.yaml",
        **shared,
        head=head,
        how_to_run=_how_to_run(names, steps, options, str(shared["at"])),
        jobs=[(name, step, _about(step)) for name, step in zip(names, steps)],
        claim=pod_name(name_of(steps, options)) + "-artifacts" if hands_over(steps) else None,
    )


def _folded(steps: Sequence[Step]) -> Step:
    """A trigger and its check as one trigger that waits. Raises ExportError for any other chain."""
    if len(steps) != 2 or handed_over_by(1, [one.blueprint for one in steps]) is None:
        raise ExportError(
            "no CronJob starts after another one, so --schedule takes one blueprint, or a trigger with its check; "
            "Argo and Airflow can run longer chains on a schedule"
        )
    trigger, check = steps
    known = {spec.reference for spec in trigger.blueprint.inputs}
    taken = {name: value for name, value in check.inputs.items() if name in known}
    inputs = {**trigger.inputs, **taken, f"{trigger.blueprint.prefix}WAIT": "TRUE"}
    return in_order(replace(trigger, inputs=inputs))


def _how_to_run(names: Sequence[str], steps: Sequence[Step], options: Options, at: str) -> list[str]:
    if options.schedule:
        return [
            "To put it into the cluster, and to run it now, beside the schedule:",
            f"  kubectl apply -f FILE{at}",
            f"  kubectl create job --from=cronjob/{names[0]} {names[0]}-now{at}",
        ]
    text = ["To run it, and to run it again:", f"  kubectl replace --force -f FILE{at}"]
    for name, after, step in zip(names, names[1:], steps):
        seconds = int(step.guardrails.runtime_cutoff)
        text += [
            f"  kubectl wait --for=condition=complete --timeout={seconds}s job/{name}{at} &&",
            f'    kubectl patch job/{after} --type=merge -p \'{{"spec":{{"suspend":false}}}}\'{at}',
        ]
    if len(names) > 1:
        text.append(
            "All Jobs but the first are created suspended, and each is resumed once the one before it is complete. (An "
            "init container would trigger again with each retry of the check.)"
        )
    return text


def _about(step: Step) -> str:
    """What the manifest says differently from the catalog, or cannot say."""
    rails = step.guardrails
    text = f"{step.blueprint.name}: {step.blueprint.synopsis}"
    pause = f"Kubernetes cannot wait {duration(rails.retry_wait)} before each retry: it waits 10 s, then twice as long "
    if is_check(step.blueprint):
        return f"{text} {pause}each time. So it waits by itself (WAIT); retries are for what goes wrong meanwhile."
    return f"{text} {pause}each time." if rails.retry_wait else text


ORCHESTRATOR = Orchestrator(render, options=OPTIONS, escapes=ESCAPES, defaults=waiting_check)
