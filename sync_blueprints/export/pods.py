"""What Kubernetes Jobs and Argo's templates have in common; the manifests' common part is in templates/pods.yaml."""

from __future__ import annotations

from collections.abc import Sequence

from sync_blueprints.catalog import Blueprint
from sync_blueprints.export.steps import Options, Step, checked_name, is_check, is_trigger, listed, name_of, slug

ESCAPES = (("$", "$$"),)  # otherwise Kubernetes replaces $(NAME) with another variable's value
USER = 10001  # the image's
OPTIONS = ("name", "image", "namespace", "schedule", "openshift", "secret_files")
_NAME = "(?=.{1,52}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?"  # what a CronJob makes has a name of eleven characters more


def pod_name(name: str) -> str:
    """A name as Kubernetes takes it (DNS-1123). Raises ExportError."""
    return checked_name(
        name,
        _NAME,
        "a name in Kubernetes: at most 52 lowercase letters, digits, and hyphens, with a letter or digit at both ends",
    )


def step_names(steps: Sequence[Step], options: Options) -> list[str]:
    """A name for each step: with a name of the whole in front of the script's, else the blueprint's."""
    if len(steps) == 1:
        return [pod_name(name_of(steps, options))]
    plain = [f"{options.name}-{_verb(step.blueprint)}" if options.name else slug(step.blueprint.name) for step in steps]
    return [
        pod_name(f"{name}-{plain[: place + 1].count(name)}" if name in plain[:place] else name)
        for place, name in enumerate(plain)
    ]


def hands_over(steps: Sequence[Step]) -> bool:
    """Whether the files of one step are of use to another."""
    return any(is_trigger(step.blueprint) or is_check(step.blueprint) for step in steps)


def common(steps: Sequence[Step], options: Options) -> dict[str, object]:
    """What every template with pods is filled in with."""
    namespace = pod_name(options.namespace) if options.namespace else None
    at = f" -n {namespace}" if namespace else ""
    secrets = {secret_of(step.blueprint): step.secrets for step in steps}
    return {
        "name": pod_name(name_of(steps, options)),
        "namespace": namespace,
        "at": at,
        "options": options,
        "user": USER,
        "escapes": ESCAPES,
        "secret_of": secret_of,
        "how_to_make_secrets": [
            paragraph
            for name, keys in sorted(secrets.items())
            for paragraph in (
                f"The credentials, once, from a file with a line NAME=value for {listed(keys)}:",
                f"  kubectl create secret generic {name} --from-env-file=FILE{at}",
            )
        ],
    }


def secret_of(blueprint: Blueprint) -> str:
    """The name of the Kubernetes Secret with a vendor's credentials; its keys are the variables' names."""
    return f"{blueprint.vendor.lower()}-credentials"


def _verb(blueprint: Blueprint) -> str:
    return slug(blueprint.path.stem)
