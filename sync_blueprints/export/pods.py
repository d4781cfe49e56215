"""What Kubernetes Jobs and Argo's templates have in common: a container, its variables, and what it may do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from sync_blueprints.catalog import Blueprint
from sync_blueprints.export.steps import (
    ARTIFACTS,
    ExportError,
    Options,
    Step,
    in_json,
    is_check,
    is_trigger,
    listed,
    name_of,
    slug,
)

CONTAINER = "blueprint"
ESCAPES = (("$", "$$"),)  # else Kubernetes puts another variable's value in the place of $(NAME)
USER = 10001  # the image's
LONGEST_NAME = 52  # of a CronJob; those of what it makes get eleven characters more


def checked_name(name: str) -> str:
    """A name as Kubernetes takes it (DNS-1123). Raises ExportError."""
    if len(name) > LONGEST_NAME or not re.fullmatch("[a-z0-9]([a-z0-9-]*[a-z0-9])?", name):
        raise ExportError(
            f"{name!r} cannot be a name in Kubernetes: that is at most {LONGEST_NAME} small letters, digits and "
            "hyphens, with a letter or digit at both ends"
        )
    return name


def step_names(steps: Sequence[Step], options: Options) -> list[str]:
    """A name for each step: with a name of the whole in front of the script's, else the blueprint's."""
    if len(steps) == 1:
        return [checked_name(name_of(steps, options))]
    plain: list[str] = []
    for step in steps:
        name = f"{options.name}-{_verb(step.blueprint)}" if options.name else slug(step.blueprint.name)
        plain.append(name)
    return [
        checked_name(f"{name}-{plain[: place + 1].count(name)}" if name in plain[:place] else name)
        for place, name in enumerate(plain)
    ]


def hands_over(steps: Sequence[Step]) -> bool:
    """Whether files of a run are of use to another one."""
    return any(is_trigger(step.blueprint) or is_check(step.blueprint) for step in steps)


def secret_of(blueprint: Blueprint) -> str:
    """The name of the Kubernetes Secret with a vendor's credentials; its keys are the variables' names."""
    return f"{blueprint.vendor.lower()}-credentials"


def how_to_make_secrets(steps: Sequence[Step], options: Options) -> list[str]:
    """Commands, as paragraphs of a comment; the values come from a file and stand on no command line."""
    files = {secret_of(step.blueprint): step.secrets for step in steps}
    return [
        paragraph
        for name, secrets in sorted(files.items())
        for paragraph in (
            f"The credentials, once, from a file with a line NAME=value for {listed(secrets)}:",
            f"  kubectl create secret generic {name} --from-env-file=FILE{in_namespace(options)}",
        )
    ]


def in_namespace(options: Options) -> str:
    """The end of a command of kubectl or argo."""
    return f" -n {checked_name(options.namespace)}" if options.namespace else ""


def pod_security() -> list[str]:
    return [
        "securityContext:",
        "  runAsNonRoot: true",
        f"  runAsUser: {USER}",
        f"  runAsGroup: {USER}",
        f"  fsGroup: {USER}",
        "  fsGroupChangePolicy: OnRootMismatch  # the scripts keep their files to themselves (0600)",
        "  seccompProfile:",
        "    type: RuntimeDefault",
    ]


def container(step: Step, options: Options, command: Sequence[str]) -> list[str]:
    """The container but for its name."""
    return [
        f"image: {in_json(options.image)}",
        *command,
        "env:",
        f"  - name: {ARTIFACTS}",
        "    value: /artifacts",
        *(
            line
            for secret in step.secrets
            for line in (
                f"  - name: {secret}",
                "    valueFrom:",
                "      secretKeyRef:",
                f"        name: {secret_of(step.blueprint)}",
                f"        key: {secret}",
            )
        ),
        *(
            line
            for name, value in step.inputs.items()
            for line in (f"  - name: {name}", f"    value: {in_json(value, ESCAPES)}")
        ),
        "resources:",
        "  requests:",
        "    cpu: 50m",
        "    memory: 64Mi",
        "  limits:",
        "    memory: 512Mi  # a run takes about 40Mi; the rest is for a vendor's answer of many megabytes",
        "securityContext:",
        "  allowPrivilegeEscalation: false",
        "  readOnlyRootFilesystem: true",
        "  capabilities:",
        "    drop: [ALL]",
        "volumeMounts:",
        "  - name: artifacts",
        "    mountPath: /artifacts",
    ]


def indented(lines: Sequence[str], spaces: int) -> list[str]:
    return [" " * spaces + line for line in lines]


def _verb(blueprint: Blueprint) -> str:
    return slug(PurePath(blueprint.file_to_run).stem)
