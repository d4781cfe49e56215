"""The catalog, blueprints.yaml, as dataclasses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
CATALOGUE = REPOSITORY / "blueprints.yaml"


class CatalogError(Exception):
    """The catalog, or what was looked up in it, is not as it should be; the message says what to do."""


@dataclass(frozen=True)
class Input:
    """One environment variable of a blueprint; `type`, `required` and so on in the orchestrator's words."""

    display_name: str
    reference: str
    type: str
    required: bool
    description: str
    default: str | None = None
    options: tuple[str, ...] = ()
    multiline: bool = False


@dataclass(frozen=True)
class Guardrails:
    """When an orchestrator tries again (a constant wait in between), and how long one attempt may take; in seconds."""

    retry_count: int = 0
    retry_wait: float = 0.0
    runtime_cutoff: float = 4 * 3600.0
    exclude_exit_code_ranges: tuple[tuple[int, int], ...] = ()  # first and last, both included

    def try_again_on(self, exit_code: int) -> bool:
        """Whether an attempt that ended like this is worth another one, attempts left or not."""
        return exit_code != 0 and not any(first <= exit_code <= last for first, last in self.exclude_exit_code_ranges)


@dataclass(frozen=True)
class Blueprint:
    """A script as the catalog presents it."""

    name: str
    vendor: str
    synopsis: str
    description: str
    file_to_run: str
    inputs: tuple[Input, ...]
    guardrails: Guardrails
    exit_codes: tuple[int, ...]
    files_written: tuple[str, ...]

    @property
    def path(self) -> Path:
        return REPOSITORY / self.file_to_run


def load(path: Path = CATALOGUE) -> tuple[Blueprint, ...]:
    """All blueprints in the catalog's order. Raises CatalogError."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as fault:
        raise CatalogError(f"{path.name} cannot be read: {fault}") from fault
    if not isinstance(raw, dict) or not isinstance(raw.get("blueprints"), list):
        raise CatalogError(f"{path.name} has no list `blueprints:` at its top")
    return tuple(
        _blueprint(entry, f"{path.name}, blueprint {number}") for number, entry in enumerate(raw["blueprints"], 1)
    )


def find(name_or_path: str, blueprints: Iterable[Blueprint] | None = None) -> Blueprint:
    """The blueprint of this catalog name (in any case) or file. Raises CatalogError listing the names."""
    known = tuple(load() if blueprints is None else blueprints)
    name = _plain(name_or_path)
    file = Path(name_or_path.strip()).resolve()
    for blueprint in known:
        if name == _plain(blueprint.name) or name == _plain(blueprint.file_to_run):
            return blueprint
        if file == blueprint.path.resolve():
            return blueprint
    names = "\n".join(f'  "{blueprint.name}"  or  {blueprint.file_to_run}' for blueprint in known)
    raise CatalogError(f"there is no blueprint {name_or_path!r}; there are:\n{names}")


def parse_duration(text: str) -> float:
    """`4h0m0s`, `5m` or `0s` in seconds. Raises CatalogError."""
    found = re.fullmatch("(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?", text.strip())
    if not found or not any(found.groups()):
        raise CatalogError(f"{text!r} is no duration; write hours, minutes and seconds as in 4h0m0s, 5m or 30s")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(hours * 3600 + minutes * 60 + seconds)


def parse_exit_codes(text: str) -> tuple[int, int]:
    """`200` or `200-206` as first and last code. Raises CatalogError."""
    found = re.fullmatch("([0-9]{1,3})(?:-([0-9]{1,3}))?", text.strip())
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= first <= last <= 255:
        raise CatalogError(f"{text!r} is no range of exit codes; write N or N-M within 1-255, as in 200 or 203-206")
    return first, last


def _blueprint(raw: object, where: str) -> Blueprint:
    values = _known_keys(raw, Blueprint, where)
    where = f"{where} ({values['name']})"
    rails = _known_keys(values["guardrails"], Guardrails, f"{where}, guardrails")
    try:
        guardrails = Guardrails(
            retry_count=int(rails["retry_count"]),
            retry_wait=parse_duration(rails["retry_wait"]),
            runtime_cutoff=parse_duration(rails["runtime_cutoff"]),
            exclude_exit_code_ranges=tuple(parse_exit_codes(text) for text in rails["exclude_exit_code_ranges"]),
        )
    except (CatalogError, KeyError, TypeError, ValueError, AttributeError) as fault:
        raise CatalogError(f"{where}, guardrails: {fault}") from fault
    return Blueprint(
        **{
            **values,
            "inputs": tuple(
                _input(entry, f"{where}, input {number}") for number, entry in enumerate(values["inputs"], 1)
            ),
            "guardrails": guardrails,
            "exit_codes": tuple(values["exit_codes"]),
            "files_written": tuple(values["files_written"]),
        }
    )


def _input(raw: object, where: str) -> Input:
    values = _known_keys(raw, Input, where, optional=("default", "options", "multiline"))
    return Input(**{**values, "options": tuple(values.get("options", ()))})


def _known_keys(raw: object, kind: type, where: str, optional: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """`raw` as a mapping that has each field of `kind` but for the optional ones, and nothing else."""
    if not isinstance(raw, dict):
        raise CatalogError(f"{where}: a mapping is expected here")
    names = [field.name for field in fields(kind)]
    missing = [name for name in names if name not in raw and name not in optional]
    unknown = [str(name) for name in raw if name not in names]
    if missing or unknown:
        faults = [f"missing {', '.join(missing)}"] * bool(missing) + [f"unknown {', '.join(unknown)}"] * bool(unknown)
        raise CatalogError(f"{where}: {'; '.join(faults)}")
    return raw


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
