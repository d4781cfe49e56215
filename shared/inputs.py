"""Inputs: environment variables declared as the attributes of a class, read and checked together.

    class Inputs(inputs.Inputs):
        connector_id: str = inputs.identifier("FIVETRAN_CONNECTOR_ID")
        wait: bool = inputs.boolean("FIVETRAN_WAIT")

A declarator returns a Field; its return type is that of the value, so that mypy checks the annotation.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import datetime
from pathlib import Path
from typing import Any, Callable, Literal, TypeVar, cast, overload
from urllib.parse import urlsplit

from shared.errors import InvalidInputError, InvalidPollIntervalError
from shared.record import Record
from shared.timestamps import parse_timestamp
from shared.values import IDENTIFIER, MAX_IDENTIFIER, InputError, fits, shown

PREDEFINED_GROUP = "CREDENTIAL_PREDEFINED_GROUP_NOT_IN_LIBRARY_BLUEPRINT"
IN_URL = r"/(?:connections|connectors|retl-connections|sources|integrations)/([^/?#]+)"  # where dashboards show an id
MAX_INTEGER = 999_999_999


class Field(Record):
    """The machine facts of one input. `parse` turns the text into the attribute's value or raises InputError."""

    variable: str
    type: str  # Password, Alphanumeric, Integer, Boolean, Select, Date: the orchestrator's words
    parse: Callable[[str], object]
    required: bool = False
    default: object = None
    options: tuple[str, ...] = ()
    unit: str = ""  # of an Integer
    multiline: bool = False
    alias: str = ""  # another variable that means the same
    secrets: Callable[[str], Iterable[str]] = lambda _: ()  # what in the text must not be shown


class Inputs:
    """The inputs of a blueprint; a class that declares its own inherits from this one."""

    vendor: str  # in lower case: it begins the artifacts' folder and, in upper case, the variables
    wait: bool  # where a script can wait, these say whether, how many minutes at most, and how long between two polls
    wait_timeout: int
    poll_interval: int
    max_age: int | None = None  # of the latest sync that a check may judge, in minutes
    set_variables: Set[str] = frozenset()
    invalid_variables: Set[str] = frozenset()  # including required ones that are not set

    @property
    def starts(self) -> bool:
        """Whether this run is to start a sync: then it keeps a record of the attempt."""
        return False

    @property
    def target(self) -> dict[str, Any]:
        """The ids of what is synced as the handoff names them; None for those that are not set."""
        return {}

    @property
    def subject(self) -> str | None:
        """The id that the result shows."""
        return next(filter(None, self.target.values()), None)

    def conflicts(self) -> Iterator[str]:
        """A sentence for each problem that involves more than one input."""
        yield from ()


Given = TypeVar("Given", bound=Inputs)
T = TypeVar("T")


def fields(kind: type[object]) -> dict[str, Field]:
    """The inputs that a class and those it inherits from declare, by the names of their attributes."""
    declared = [vars(one) for one in reversed(kind.__mro__)]
    return {name: field for one in declared for name, field in one.items() if isinstance(field, Field)}


def read(kind: type[Given], environment: Mapping[str, str]) -> tuple[Given, InvalidInputError | None]:
    """An instance of `kind` with the values of `environment`, and the error that names all problems of all inputs."""
    given = kind()
    problems: dict[str, str] = {}
    seen: set[str] = set()
    for name, field in fields(kind).items():
        vars(given)[name] = field.default
        try:
            text = _text_of(field, environment)
            if text is not None:
                seen.add(field.variable)
                vars(given)[name] = field.parse(text)
            elif field.required:
                raise InputError("is required but not set")
        except InputError as problem:
            problems[field.variable] = f"{field.variable} {problem}"
    given.set_variables, given.invalid_variables = seen, problems.keys()
    found = [*problems.values(), *given.conflicts()]
    if not found:
        return given, None
    only_poll_interval = len(found) == 1 and any(variable.endswith("_POLL_INTERVAL") for variable in problems)
    error = InvalidPollIntervalError if only_poll_interval else InvalidInputError
    return given, error("; ".join(found), found)


def given_text(environment: Mapping[str, str], variable: str) -> str | None:
    """The value as it counts: whitespace around it stripped, None where it is absent, empty or the text `None`."""
    text = environment.get(variable, "").strip()
    return None if text in ("", "None") else text


def secrets(kind: type[object], environment: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """What must not be shown, valid or not: the values of the Password inputs, and secrets inside other values."""
    passwords: list[str] = []
    others: list[str] = []
    for field in fields(kind).values():
        text = given_text(environment, field.variable) or ""
        if field.type == "Password":
            file = given_text(environment, f"{field.variable}_FILE")
            passwords += filter(None, (text, file and _content(file)))
        else:
            others += field.secrets(text)
    return passwords, others


def variables(kind: type[object]) -> set[str]:
    """Every variable that the class reads, other names and files of secrets included."""
    names = {name for field in fields(kind).values() for name in (field.variable, field.alias) if name}
    return names | {f"{field.variable}_FILE" for field in fields(kind).values() if field.type == "Password"}


def password(variable: str) -> str:
    """A secret; it is always required and never shown. `<variable>_FILE` may name a file that holds it."""

    def parse(text: str) -> str:
        if text[:1] == text[-1:] and text[:1] in ("'", '"') and len(text) > 1:
            raise InputError("is in quotes; set it without them")
        is_variable = text[:1] == "$" and text[1:].isupper() and "_" in text
        if is_variable or f"{text[:2]}{text[-1:]}" in ("$()", "${}", "{{}"):
            raise InputError("looks like an unresolved placeholder; set the secret itself")
        scheme, *token = text.title().split(maxsplit=1)
        if token and scheme in ("Bearer", "Basic"):
            raise InputError(f"starts with {scheme!r}; set the token or key alone, without that word")
        if not (text.isascii() and text.isprintable()):
            raise InputError("contains characters that are not allowed in a key, such as line breaks or non-ASCII ones")
        return text

    return cast(str, Field(variable, "Password", parse, required=True))


@overload
def identifier(variable: str, pattern: str = ..., *, alias: str = ..., in_url: str = ...) -> str: ...
@overload
def identifier(
    variable: str, pattern: str = ..., *, required: Literal[False], alias: str = ..., in_url: str = ...
) -> str | None: ...
def identifier(
    variable: str, pattern: str = IDENTIFIER, *, required: bool = True, alias: str = "", in_url: str = IN_URL
) -> Any:
    """An id of characters of `pattern`, for URLs and file names; `in_url` finds it in a URL that was set instead."""

    def parse(text: str) -> str:
        if len(text) > MAX_IDENTIFIER:
            raise InputError(f"is {len(text)} characters long; the maximum is {MAX_IDENTIFIER}")
        is_valid = re.fullmatch(pattern, text) is not None
        found = None if is_valid and not text.startswith("https://") else re.search(in_url, text)
        if not is_valid or found:
            hint = f"; did you mean {found[1]}?" if found and fits(found[1], pattern) else ""
            raise InputError(f"is {shown(text)}; an ID may contain only {pattern.strip('+')}{hint}")
        return text

    return Field(variable, "Alphanumeric", parse, required=required, alias=alias)


@overload
def choice(variable: str, *options: str, default: str) -> str: ...
@overload
def choice(variable: str, *options: str) -> str | None: ...
def choice(variable: str, *options: str, default: str | None = None) -> Any:
    """One of `options`, case-insensitive; the value is spelled as declared. The option `None` means not set."""

    def parse(text: str) -> str | None:
        spelled = [option for option in options if option.lower() == text.lower()]
        if not spelled:
            raise InputError(f"is {shown(text)}; must be {', '.join(options[:-1])} or {options[-1]}")
        return None if spelled == ["None"] else spelled[0]

    return Field(variable, "Select", parse, default=default, options=options)


@overload
def boolean(variable: str) -> bool: ...
@overload
def boolean(variable: str, *, default: None) -> bool | None: ...
def boolean(variable: str, *, default: bool | None = False) -> Any:
    """TRUE or FALSE, case-insensitive."""

    def parse(text: str) -> bool:
        if text.lower() not in ("true", "false"):
            raise InputError(f"is {shown(text)}; must be TRUE or FALSE")
        return text.lower() == "true"

    return Field(variable, "Boolean", parse, default=default)


@overload
def integer(variable: str, *, unit: str, min: int, max: int = ..., default: int) -> int: ...
@overload
def integer(variable: str, *, unit: str, min: int, max: int = ...) -> int | None: ...
def integer(variable: str, *, unit: str, min: int, max: int = MAX_INTEGER, default: int | None = None) -> Any:
    """A whole number of `unit` from `min` to `max`."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,9}", text) or not min <= int(text) <= max:
            limits = f"{min} or more" if max == MAX_INTEGER else f"from {min} to {max}"
            raise InputError(f"is {shown(text)}; must be a whole number of {unit}, {limits}")
        return int(text)

    return Field(variable, "Integer", parse, default=default, unit=unit)


def timestamp(variable: str) -> datetime | None:
    """An optional date and time in ISO 8601, UTC without an offset; without a time it is the midnight of the date."""

    def parse(text: str) -> datetime:
        full = f"{text}T00:00:00" if len(text) == 10 else re.sub(r"^(.{10}[Tt ]\d\d:\d\d)(?!:)", r"\1:00", text)
        found = parse_timestamp(full)
        if found is None:
            raise InputError(f"is {shown(text)}; must be an ISO 8601 date such as 2026-11-28 or 2026-11-28T06:00:00Z")
        return found

    return cast("datetime | None", Field(variable, "Date", parse))


def text(
    variable: str,
    parse: Callable[[str], T],
    *,
    multiline: bool = False,
    secrets: Callable[[str], Iterable[str]] = lambda _: (),
) -> T | None:
    """Optional free text that `parse` turns into the value, or raises InputError."""
    return cast("T | None", Field(variable, "Alphanumeric", parse, multiline=multiline, secrets=secrets))


@overload
def url(variable: str, *, default: str, cut: str = ...) -> str: ...
@overload
def url(variable: str, *, cut: str = ...) -> str | None: ...
def url(variable: str, *, default: str | None = None, cut: str = "") -> Any:
    """An http(s) URL without credentials, query or fragment; a trailing `/` is cut, and then a trailing `cut`."""

    def parse(text: str) -> str:
        try:
            parts = urlsplit(text)
            valid = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
        except ValueError:
            valid = False
        if not valid or any(sign in text for sign in "@?# ") or not (text.isascii() and text.isprintable()):
            raise InputError("is not a valid URL; expected https://host[:port][/path] without credentials or a query")
        return text.rstrip("/").removesuffix(cut).rstrip("/")

    return Field(variable, "Alphanumeric", parse, default=default)


def _text_of(field: Field, environment: Mapping[str, str]) -> str | None:
    """The text of an input, from its variable, its other name or the file of a secret. Raises InputError."""
    text = given_text(environment, field.variable)
    other = given_text(environment, field.alias)
    if text and other and text != other:
        raise InputError(f"and {field.alias} are both set and differ; they mean the same")
    text = text or other
    file = given_text(environment, f"{field.variable}_FILE")
    if field.type == "Password" and file:
        if text is not None:
            raise InputError(f"and {field.variable}_FILE are both set; set one of them")
        content = _content(file)
        if content is None:
            raise InputError(f"cannot be read from the file that {field.variable}_FILE names")
        text = given_text({field.variable: content}, field.variable)
    if PREDEFINED_GROUP in (text or ""):
        raise InputError(
            "contains a placeholder of the platform: its predefined credential groups do not work with uploaded scripts"
            "; create a custom credential group whose keys are the variable names"
        )
    return text


@functools.cache
def _content(path: str) -> str | None:
    """The text of a file that holds a secret, None if it cannot be read. Read once, because it may be a pipe."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
