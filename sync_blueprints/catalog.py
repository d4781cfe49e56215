"""The catalog, blueprints.yaml, as dataclasses."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Callable

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
    """What was looked up is not in the catalog, or a guardrail is malformed; the message says what to do."""


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

    @property
    def ranges(self) -> list[str]:
        """The exit codes after which it is not tried again, as the platform writes them."""
        pairs = self.exclude_exit_code_ranges
        return [str(first) if first == last else f"{first}-{last}" for first, last in pairs]

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
    file_to_run: str  # the script, below ROOT
    inputs: tuple[Input, ...]
    guardrails: Guardrails
    exit_codes: tuple[int, ...]
    files_written: tuple[str, ...]

    @property
    def path(self) -> Path:
        return ROOT / self.file_to_run

    @property
    def module(self) -> str:
        return self.file_to_run[: -len(".py")].replace("/", ".")

    @property
    def kind(self) -> str:
        """One of the values of KINDS."""
        return KINDS[self.path.stem]

    @property
    def starts(self) -> bool:
        """Whether it starts a sync and saves a handoff for a check."""
        return self.kind in STARTING

    @property
    def secrets(self) -> list[str]:
        """The names of its Passwords."""
        return [one.reference for one in self.inputs if one.type == "Password"]

    @property
    def prefix(self) -> str:
        """What the names of its inputs begin with."""
        return f"{self.vendor.upper()}_"

    def with_guardrails(self, **changed: Any) -> Blueprint:
        return replace(self, guardrails=replace(self.guardrails, **changed))


@functools.cache
def load(path: Path = CATALOG) -> tuple[Blueprint, ...]:
    """All blueprints in the catalog's order."""
    raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - both are safe loaders
    return tuple(map(_blueprint, raw["blueprints"]))


def __getattr__(name: str) -> tuple[str, ...]:
    """VENDORS, the one list of vendors: their names in the catalog's order, read when they are first asked for."""
    if name != "VENDORS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return tuple(dict.fromkeys(blueprint.vendor for blueprint in load()))


def version() -> str:
    """The version of all this, which stands in one place: shared/__init__.py."""
    text = (ROOT / "shared" / "__init__.py").read_text(encoding="utf-8")
    (found,) = re.findall(r'^VERSION = "(.+)"$', text, re.MULTILINE)
    return str(found)


def folder_of(vendor: str) -> Path:
    """Where the vendor's scripts are."""
    return ROOT / f"{vendor.lower()}_blueprints"


def find(name_or_path: str) -> Blueprint:
    """The blueprint of this name, unique beginning of a name, or file; case-insensitive.

    Raises CatalogError, with the nearest name or all of them.
    """
    known = load()
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
    near = nearest(name_or_path, [one.name for one in known])
    hint = f"did you mean {near!r}?" if near else f"there are:\n{_listed(known)}"
    raise CatalogError(f"there is no blueprint {name_or_path!r}; {hint}")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like this one, if one is; case-insensitive."""
    names = {_plain(one): one for one in reversed(list(known))}  # of two that are alike, the first
    found = difflib.get_close_matches(_plain(name), names, 1)
    return names[found[0]] if found else None


def _listed(blueprints: Sequence[Blueprint]) -> str:
    return "\n".join(f'  "{one.name}"  or  {one.file_to_run}' for one in blueprints)


def guardrails_for(blueprint: Blueprint, inputs: Mapping[str, object]) -> Guardrails:
    """The blueprint's guardrails once its inputs are known.

    A trigger that waits is not retried once it may have started a sync: the retry could stop the sync of the first
    attempt.
    """
    rails = blueprint.guardrails
    if not blueprint.starts or str(inputs.get(f"{blueprint.prefix}WAIT")).strip().upper() != "TRUE":
        return rails
    more = tuple((code, code) for code in CUT_SHORT if rails.try_again_on(code))
    return replace(rails, exclude_exit_code_ranges=tuple(sorted((*rails.exclude_exit_code_ranges, *more))))


def guardrails_given(given: Mapping[str, Any]) -> dict[str, Any]:
    """The guardrails among these, as a catalog, a fleet or a command line writes them, parsed; None is left out.

    Raises CatalogError.
    """
    parsers: Mapping[str, Callable[[Any], Any]] = {
        "retry_count": _parse_count,
        "retry_wait": parse_duration,
        "runtime_cutoff": parse_duration,
        "exclude_exit_code_ranges": lambda ranges: tuple(map(parse_exit_codes, ranges)),
    }
    return {name: parse(given[name]) for name, parse in parsers.items() if given.get(name) is not None}


def _parse_count(text: object) -> int:
    if not re.fullmatch("[0-9]{1,6}", str(text)):
        raise CatalogError(f"{text!r} is not a number of retries; expected 0 or more")
    return int(str(text))


def parse_duration(text: str) -> float:
    """`4h0m0s`, `5m` or `0s` in seconds. Raises CatalogError."""
    found = re.fullmatch("(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?", text.strip())
    if not found or not any(found.groups()):
        raise CatalogError(
            f"{text!r} is not a valid duration; expected hours, minutes, and seconds, such as 4h0m0s, 5m, or 30s"
        )
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(hours * 3600 + minutes * 60 + seconds)


def format_duration(seconds: float, hours: bool = False) -> str:
    """As the platform writes it: 0s, 5m0s, 4h0m0s; with `hours` 0h10m0s, too."""
    minutes, rest = divmod(int(seconds), 60)
    whole, minutes = divmod(minutes, 60)
    return f"{whole}h{minutes}m{rest}s" if whole or hours else f"{minutes}m{rest}s" if minutes else f"{rest}s"


def parse_exit_codes(text: object) -> tuple[int, int]:
    """`200` or `200-206` as first and last code. Raises CatalogError."""
    found = re.fullmatch("([0-9]{1,3})(?:-([0-9]{1,3}))?", str(text).strip())
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= first <= last <= 255:
        raise CatalogError(
            f"{text!r} is not a valid range of exit codes; expected N or N-M within 1-255, such as 200 or 203-206"
        )
    return first, last


def _blueprint(raw: dict[str, Any]) -> Blueprint:
    """The catalog comes with this package, and tests hold it to its schema: what is wrong in it is a bug."""
    rails = {one.name: raw["guardrails"][one.name] for one in fields(Guardrails)}  # the catalog has all of them
    inputs = tuple(Input(**{**one, "options": tuple(one.get("options", ()))}) for one in raw["inputs"])
    lists = {name: tuple(raw[name]) for name in ("exit_codes", "files_written")}
    return Blueprint(**{**raw, **lists, "inputs": inputs, "guardrails": Guardrails(**guardrails_given(rails))})


def _plain(name: str) -> str:
    """Neither case nor spaces nor hyphens matter: fivetran-execute-sync is Fivetran - Execute Sync."""
    return re.sub(r"[\s-]+", " ", name.casefold()).strip()
