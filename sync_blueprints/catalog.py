"""The catalog, blueprints.yaml, as dataclasses."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import yaml

from sync_blueprints.root import ROOT

CATALOG = ROOT / "blueprints.yaml"
REPOSITORY = ROOT
KINDS = {  # what a blueprint does, by the name of its script
    "trigger_sync": "trigger",
    "resync_connector": "resync",
    "check_sync_status": "check",
    "list_syncs": "list",
    "update_connector": "update",
    "check_credentials": "credentials",
}
STARTING = ("trigger", "resync")  # the kinds that start a sync, and wait for it if told to
# Interrupted, killed, terminated, vendor unreachable while waiting, internal error: the sync may still be running.
CUT_SHORT = (129, 130, 137, 143, 220, 249)


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where PyYAML brings it


class CatalogError(ValueError):
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
    def script(self) -> str:
        """Its path below ROOT."""
        return self.file_to_run

    @property
    def path(self) -> Path:
        return ROOT / self.file_to_run

    @property
    def kind(self) -> str:
        """One of the values of KINDS."""
        return KINDS[self.path.stem]

    @property
    def prefix(self) -> str:
        """What the names of its inputs begin with."""
        return f"{self.vendor.upper()}_"


def load(path: Path = CATALOG) -> list[Blueprint]:
    """All blueprints in the catalog's order. Raises CatalogError."""
    return list(_load(path))


def __getattr__(name: str) -> tuple[str, ...]:
    """VENDORS, the one list of vendors: their names in the catalog's order, read when they are first asked for."""
    if name != "VENDORS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return tuple(dict.fromkeys(blueprint.vendor for blueprint in _load(CATALOG)))


def version() -> str:
    """The version of all this, which stands in one place: shared/__init__.py."""
    text = (ROOT / "shared" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^VERSION = "([0-9A-Za-z.+-]+)"$', text, re.MULTILINE)
    if not found:
        raise CatalogError('shared/__init__.py has no line VERSION = "…"')
    return found[1]


def folder_of(vendor: str) -> Path:
    """Where the vendor's scripts are."""
    return ROOT / f"{vendor.lower()}_blueprints"


def find(name_or_path: str, blueprints: Iterable[Blueprint] | None = None) -> Blueprint:
    """The blueprint of this name, unique beginning of a name, or file; case-insensitive.

    Raises CatalogError, with the nearest name or all of them.
    """
    known = tuple(load() if blueprints is None else blueprints)
    name = _plain(name_or_path)
    file = Path(name_or_path.strip()).resolve()
    for blueprint in known:
        if name in (_plain(blueprint.name), _plain(blueprint.file_to_run)) or file == blueprint.path.resolve():
            return blueprint
    matches = [blueprint for blueprint in known if name and _plain(blueprint.name).startswith(name)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise CatalogError(f"{name_or_path!r} matches several blueprints:\n{_listed(matches)}")
    near = difflib.get_close_matches(name, [_plain(one.name) for one in known], 1)
    if near:
        (nearest,) = [one.name for one in known if _plain(one.name) == near[0]]
        raise CatalogError(f"there is no blueprint {name_or_path!r}; did you mean {nearest!r}?")
    raise CatalogError(f"there is no blueprint {name_or_path!r}; there are:\n{_listed(known)}")


def _listed(blueprints: Sequence[Blueprint]) -> str:
    return "\n".join(f'  "{one.name}"  or  {one.file_to_run}' for one in blueprints)


def guardrails_for(blueprint: Blueprint, inputs: Mapping[str, str | None]) -> Guardrails:
    """The blueprint's guardrails once its inputs are known.

    A trigger that waits is not retried once it may have started a sync: the retry could stop the sync of the first
    attempt.
    """
    waits = (inputs.get(f"{blueprint.prefix}WAIT") or "").strip().upper() == "TRUE"
    rails = blueprint.guardrails
    if not waits or blueprint.kind not in STARTING:
        return rails
    more = tuple((code, code) for code in CUT_SHORT if rails.try_again_on(code))
    return replace(rails, exclude_exit_code_ranges=tuple(sorted((*rails.exclude_exit_code_ranges, *more))))


def parse_duration(text: str) -> float:
    """`4h0m0s`, `5m` or `0s` in seconds. Raises CatalogError."""
    found = re.fullmatch("(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?", text.strip())
    if not found or not any(found.groups()):
        raise CatalogError(
            f"{text!r} is not a valid duration; expected hours, minutes, and seconds, such as 4h0m0s, 5m, or 30s"
        )
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(hours * 3600 + minutes * 60 + seconds)


def parse_exit_codes(text: str) -> tuple[int, int]:
    """`200` or `200-206` as first and last code. Raises CatalogError."""
    found = re.fullmatch("([0-9]{1,3})(?:-([0-9]{1,3}))?", text.strip())
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= first <= last <= 255:
        raise CatalogError(
            f"{text!r} is not a valid range of exit codes; expected N or N-M within 1-255, such as 200 or 203-206"
        )
    return first, last


@functools.cache
def _load(path: Path) -> tuple[Blueprint, ...]:
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - both are safe loaders
    except (OSError, yaml.YAMLError) as error:
        raise CatalogError(f"{path.name} cannot be read: {error}") from error
    if not isinstance(raw, dict) or not isinstance(raw.get("blueprints"), list):
        raise CatalogError(f"{path.name} has no list `blueprints:` at its top")
    return tuple(
        _blueprint(entry, f"{path.name}, blueprint {number}") for number, entry in enumerate(raw["blueprints"], 1)
    )


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
        raise CatalogError(f"{where}: expected a mapping")
    names = [field.name for field in fields(kind)]
    missing = [name for name in names if name not in raw and name not in optional]
    unknown = [str(name) for name in raw if name not in names]
    if missing or unknown:
        faults = [f"missing {', '.join(missing)}"] * bool(missing) + [f"unknown {', '.join(unknown)}"] * bool(unknown)
        raise CatalogError(f"{where}: {'; '.join(faults)}")
    return raw


def _plain(name: str) -> str:
    """Neither case nor spaces nor hyphens matter: fivetran-execute-sync is Fivetran - Execute Sync."""
    return re.sub(r"[\s-]+", " ", name.casefold()).strip()
