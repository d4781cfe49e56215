"""A WorkflowTemplate of Argo Workflows 3.6 and later, and a CronWorkflow."""

from __future__ import annotations

from collections.abc import Sequence

from sync_blueprints.export.pods import (
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
    Options,
    Step,
    comment,
    duration,
    final_codes,
    in_json,
    name_of,
    waits_after_starting,
)

_VOLUME_OF_A_RUN = [
    "  # One volume a run hands over from a trigger to its check, and goes when the run has ended.",
    "  volumeClaimTemplates:",
    "    - metadata:",
    "        name: artifacts",
    "      spec:",
    "        accessModes: [ReadWriteOnce]",
    "        resources:",
    "          requests:",
    "            storage: 64Mi",
    "  volumeClaimGC:",
    "    strategy: OnWorkflowCompletion",
]


def render(steps: Sequence[Step], options: Options) -> str:
    """A template a step, run one after the other; each retried as the catalog says."""
    name = checked_name(name_of(steps, options))
    names = step_names(steps, options)
    at = in_namespace(options)
    lines = [
        *comment(
            *how_to_make_secrets(steps, options),
            "To put it into the cluster (again), and to run it:",
            f"  kubectl apply -f FILE{at}",
            f"  argo submit --from workflowtemplate/{name} --watch{at}",
        ),
        *_top("WorkflowTemplate", name, options),
        "spec:",
        "  entrypoint: main",
        *(_VOLUME_OF_A_RUN if hands_over(steps) else ["  volumes:", "    - name: artifacts", "      emptyDir: {}"]),
        *indented(pod_security(), 2),
        "  templates:",
        "    - name: main",
        "      steps:",
    ]
    for one in names:
        lines += [f"        - - name: {one}", f"            template: {one}-script"]
    for one, step in zip(names, steps):
        lines += _template(f"{one}-script", step, options)
    if options.schedule:
        lines += [
            "---",
            *_top("CronWorkflow", name, options),
            "spec:",
            "  schedules:",
            f"    - {in_json(options.schedule)}",
            "  timezone: Etc/UTC",
            "  concurrencyPolicy: Forbid  # a second run would meet the sync of the first one",
            "  workflowSpec:",
            "    workflowTemplateRef:",
            f"      name: {name}",
        ]
    return "\n".join(lines) + "\n"


def _top(kind: str, name: str, options: Options) -> list[str]:
    return [
        "apiVersion: argoproj.io/v1alpha1",
        f"kind: {kind}",
        "metadata:",
        f"  name: {name}",
        *([f"  namespace: {checked_name(options.namespace)}"] if options.namespace else []),
    ]


def _template(name: str, step: Step, options: Options) -> list[str]:
    rails = step.blueprint.guardrails
    # Argo says -1 of a pod that was lost before it had an exit code. Such a one is tried again, unless it may have
    # started a sync that it was to wait for.
    final = [*([-1] if waits_after_starting(step) else []), *final_codes(step)]
    pause = [
        "        backoff:",
        f"          duration: {in_json(_argo_duration(rails.retry_wait))}",
        "          factor: 1  # the same pause each time",
    ]
    return [
        *comment(f"{step.blueprint.name}: {step.blueprint.synopsis}", indent="    "),
        f"    - name: {name}",
        f"      activeDeadlineSeconds: {int(rails.runtime_cutoff)}  # of one attempt",
        "      retryStrategy:",
        f"        limit: {rails.retry_count}",
        "        retryPolicy: Always  # failures and lost pods alike; the expression decides",
        *comment(
            "The exit codes after which trying again does not help"
            + (", or would start a second sync" if waits_after_starting(step) else "")
            + "; -1 is a pod without one.",
            indent="        ",
        ),
        f"        expression: {in_json(f'asInt(lastRetry.exitCode) not in [{str(final)[1:-1]}]')}",
        *(pause if rails.retry_wait else []),
        "      container:",
        *indented(
            container(step, options, ["command: [python]", f"args: [/app/{step.blueprint.file_to_run}]"]),
            8,
        ),
    ]


def _argo_duration(seconds: float) -> str:
    return duration(seconds).replace("m0s", "m").replace("h0m", "h")


ENGINE = Engine(render, options=("name", "image", "namespace", "schedule"), escapes=ESCAPES, refused="{{")
