"""Jobs and CronJobs of Kubernetes 1.31 and later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sync_blueprints.catalog import Blueprint
from sync_blueprints.export.pods import (
    CONTAINER,
    ESCAPES,
    checked_name,
    container,
    hands_over,
    how_to_make_secrets,
    in_namespace,
    indented,
    pod_security,
    step_names,
)
from sync_blueprints.export.steps import (
    Engine,
    ExportError,
    Options,
    Step,
    comment,
    duration,
    final_codes,
    handed_over_by,
    in_json,
    is_check,
    name_of,
    waits_after_starting,
)

_MARGIN = 10  # minutes between the end of a check's wait and that of its pod


def defaults(blueprint: Blueprint) -> Mapping[str, str]:
    """A check waits by itself: Kubernetes' own pause between two pods begins at ten seconds and doubles each time."""
    if not is_check(blueprint):
        return {}
    vendor = blueprint.vendor.upper()
    minutes = max(1, int(blueprint.guardrails.runtime_cutoff) // 60 - _MARGIN)
    return {f"{vendor}_WAIT": "TRUE", f"{vendor}_WAIT_TIMEOUT": str(minutes)}


def render(steps: Sequence[Step], options: Options) -> str:
    """A Job a step, or one CronJob."""
    head = []
    if options.schedule and len(steps) > 1:
        steps = [_folded(steps)]
        head.append(
            "One CronJob for a trigger and its check, because no CronJob starts after another one: the trigger itself "
            "waits until the sync has ended, and exits by its outcome as the check does."
        )
    names = step_names(steps, options)
    claim = checked_name(name_of(steps, options)) + "-artifacts" if hands_over(steps) else None
    lines = comment(*head, *how_to_make_secrets(steps, options), *_how_to_run(names, steps, options))
    if claim:
        lines += ["---", *_claim(claim, options)]
    for place, (name, step) in enumerate(zip(names, steps)):
        job = _job(step, options, claim, suspend=place > 0)
        lines += ["---", *(_cron_job if options.schedule else _plain_job)(name, job, options)]
    return "\n".join(lines) + "\n"


def _folded(steps: Sequence[Step]) -> Step:
    """A trigger and its check as one trigger that waits. Raises ExportError for any other chain."""
    if len(steps) != 2 or handed_over_by(1, [one.blueprint for one in steps]) is None:
        raise ExportError(
            "no CronJob starts after another one, so that --schedule takes one blueprint, or a trigger with its check; "
            "Argo and Airflow can run longer chains on a schedule"
        )
    trigger, check = steps
    known = {spec.reference for spec in trigger.blueprint.inputs}
    taken = {name: value for name, value in check.inputs.items() if name in known}
    return replace(trigger, inputs={**trigger.inputs, **taken, f"{trigger.blueprint.vendor.upper()}_WAIT": "TRUE"})


def _how_to_run(names: Sequence[str], steps: Sequence[Step], options: Options) -> list[str]:
    at = in_namespace(options)
    if options.schedule:
        return [
            "To put it into the cluster, and to run it out of turn:",
            f"  kubectl apply -f FILE{at}",
            f"  kubectl create job --from=cronjob/{names[0]} {names[0]}-now{at}",
        ]
    text = ["To run it, and to run it again:", f"  kubectl replace --force -f FILE{at}"]
    for name, after, step in zip(names, names[1:], steps):
        seconds = int(step.blueprint.guardrails.runtime_cutoff)
        text += [
            f"  kubectl wait --for=condition=complete --timeout={seconds}s job/{name}{at} &&",
            f'    kubectl patch job/{after} --type=merge -p \'{{"spec":{{"suspend":false}}}}\'{at}',
        ]
    if len(names) > 1:
        text.append(
            "All Jobs but the first are made suspended, and each is started once the one before it is complete. (An "
            "init container would trigger anew with each retry of the check.)"
        )
    return text


def _claim(name: str, options: Options) -> list[str]:
    return [
        *_top("v1", "PersistentVolumeClaim", name, options),
        "spec:",
        "  accessModes: [ReadWriteOnce]",
        "  resources:",
        "    requests:",
        "      storage: 64Mi",
    ]


def _plain_job(name: str, job: Sequence[str], options: Options) -> list[str]:
    return [*_top("batch/v1", "Job", name, options), "spec:", *indented(job, 2)]


def _cron_job(name: str, job: Sequence[str], options: Options) -> list[str]:
    return [
        *_top("batch/v1", "CronJob", name, options),
        "spec:",
        f"  schedule: {in_json(options.schedule or '')}",
        "  timeZone: Etc/UTC",
        "  concurrencyPolicy: Forbid  # a second run would meet the sync of the first one",
        "  successfulJobsHistoryLimit: 3",
        "  failedJobsHistoryLimit: 3",
        "  jobTemplate:",
        "    spec:",
        *indented(job, 6),
    ]


def _top(version: str, kind: str, name: str, options: Options) -> list[str]:
    return [
        f"apiVersion: {version}",
        f"kind: {kind}",
        "metadata:",
        f"  name: {name}",
        *([f"  namespace: {checked_name(options.namespace)}"] if options.namespace else []),
        "  labels:",
        "    app.kubernetes.io/name: sync-blueprints",
    ]


def _job(step: Step, options: Options, claim: str | None, *, suspend: bool) -> list[str]:
    rails = step.blueprint.guardrails
    volume = ["persistentVolumeClaim:", f"  claimName: {claim}"] if claim else ["emptyDir: {}"]
    return [
        *comment(_about(step)),
        *(["suspend: true  # until the Job before it is complete, see above"] if suspend else []),
        f"backoffLimit: {rails.retry_count}",
        "podFailurePolicy:",
        "  rules:",
        *_failure_rules(step),
        "template:",
        "  metadata:",
        "    labels:",
        "      app.kubernetes.io/name: sync-blueprints",
        "  spec:",
        "    restartPolicy: Never",
        f"    activeDeadlineSeconds: {int(rails.runtime_cutoff)}  # of one attempt",
        "    automountServiceAccountToken: false",
        "    enableServiceLinks: false",
        *indented(pod_security(), 4),
        "    containers:",
        f"      - name: {CONTAINER}",
        *indented(container(step, options, [f"args: [{step.blueprint.file_to_run}]"]), 8),
        "    volumes:",
        "      - name: artifacts",
        *indented(volume, 8),
    ]


def _about(step: Step) -> str:
    """What the manifest says otherwise than the catalog, or cannot say."""
    rails = step.blueprint.guardrails
    text = f"{step.blueprint.name}: {step.blueprint.synopsis}"
    pause = (
        f"Kubernetes cannot pause {duration(rails.retry_wait)} before each retry: it takes 10 s, then twice as long "
    )
    if is_check(step.blueprint):
        return f"{text} {pause}each time. So it waits by itself (WAIT); retries are for what goes wrong meanwhile."
    return f"{text} {pause}each time." if rails.retry_wait else text


def _failure_rules(step: Step) -> list[str]:
    starts_again = waits_after_starting(step)
    return [
        *comment(
            "Exit codes after which trying again does not help"
            + (", or would start a second sync:" * starts_again or ":"),
            indent="    ",
        ),
        "    - action: FailJob",
        "      onExitCodes:",
        f"        containerName: {CONTAINER}",
        "        operator: In",
        f"        values: [{', '.join(map(str, final_codes(step)))}]",
        *comment(
            "A pod that the cluster takes away is not replaced, because its sync goes on at the vendor:"
            if starts_again
            else "A pod that the cluster takes away costs no retry:",
            indent="    ",
        ),
        f"    - action: {'FailJob' if starts_again else 'Ignore'}",
        "      onPodConditions:",
        "        - type: DisruptionTarget",
        '          status: "True"',
    ]


ENGINE = Engine(render, options=("name", "image", "namespace", "schedule"), escapes=ESCAPES, defaults=defaults)
