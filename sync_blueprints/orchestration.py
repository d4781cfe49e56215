"""What the integrations for Airflow, Dagster and Prefect share: checks when a task is declared, and safer inputs."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sync_blueprints.catalog import Blueprint, find
from sync_blueprints.runner import Value, check_inputs


def declared(name: str, inputs: Mapping[str, Value], secrets: Collection[str] = ()) -> Blueprint:
    """The blueprint of a task. Raises ValueError for a name or an input that does not exist, and for an open secret."""
    blueprint = find(name)
    check_inputs(blueprint, inputs)
    for password in blueprint.secrets:
        if inputs.get(password) is not None:
            raise ValueError(f"{password} is a secret, and inputs are shown and stored; name its source in `secrets`")
    for secret in secrets:
        if secret not in blueprint.secrets:
            raise ValueError(f"{blueprint.name} has no secret {secret}; it has {', '.join(blueprint.secrets)}")
    return blueprint


def secrets_of(blueprint: Blueprint, inputs: Mapping[str, Value]) -> list[str]:
    """The Passwords that a task has to supply: all but those that a file supplies (`<NAME>_FILE`)."""
    return [name for name in blueprint.secrets if inputs.get(f"{name}_FILE") is None]


def joining(blueprint: Blueprint, inputs: Mapping[str, Value]) -> dict[str, Value]:
    """The inputs, with IF_RUNNING=join where that is possible and the user has not chosen.

    A repeated attempt then joins the sync that an earlier one started and could not see to its end.
    """
    name = f"{blueprint.prefix}IF_RUNNING"
    options = next((one.options for one in blueprint.inputs if one.reference == name), ())
    chosen = [inputs.get(other) for other in (name, f"{blueprint.prefix}FORCE")]
    resets = str(inputs.get("NANGO_RESET")).upper() == "TRUE"  # cannot join
    return {**inputs} if "join" not in options or any(chosen) or resets else {**inputs, name: "join"}


def waiting(blueprint: Blueprint, inputs: Mapping[str, Value]) -> dict[str, Value]:
    """The inputs, with WAIT=TRUE where the blueprint has that input and the user has not chosen."""
    name = f"{blueprint.prefix}WAIT"
    knows = any(one.reference == name for one in blueprint.inputs)
    return {name: "TRUE", **inputs} if knows else {**inputs}
