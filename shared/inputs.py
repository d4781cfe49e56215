"""Inputs: environment variables declared as the attributes of a class, read and checked together.

    class Inputs(inputs.Inputs):
        connector_id: str = inputs.identifier("FIVETRAN_CONNECTOR_ID")
        wait: bool = inputs.boolean("FIVETRAN_WAIT")

A declarator's return type is that of the value, so that mypy checks the annotation; what it returns is a Field.
(No dataclasses: importing them costs a run more than all else that it does itself.)
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Callable, Literal, NamedTuple, Optional, TypeVar, cast, overload

from shared import values
from shared.errors import InvalidInputError, InvalidPollIntervalError
from shared.redaction import MIN_SECRET
from shared.values import IDENTIFIER as IDENTIFIER
from shared.values import MAX_INTEGER
from shared.values import PREDEFINED_GROUP as PREDEFINED_GROUP
from shared.values import InputError as InputError
from shared.values import fits as fits
from shared.values import json_object as json_object
from shared.values import shown as shown

IN_URL = r"/(?:connections|connectors|retl-connections|sources|integrations)/([^/?#]+)"  # where dashboards show an id
MAX_SECRET_FILE = 65_536  # characters

T = TypeVar("T")


class Field(NamedTuple):
    """The machine facts of one input. `parse` turns the text into the attribute's value or raises InputError."""

    variable: str
    type: str  # Password, Alphanumeric, Integer, Boolean, Select, Date: the orchestrator's words
    parse: Callable[[str], object]
    required: bool = False
    default: object = None
    options: tuple[str, ...] = ()
    multiline: bool = False
    alias: str = ""  # another variable that means the same
    secrets: Callable[[str], Iterable[str]] = lambda _: ()  # what in the text must not be shown


class Inputs:
    """The inputs of a blueprint; a class that declares its own inherits from this one."""

    vendor: str  # in lower case: it begins the artifacts' folder and, in upper case, the variables

    wait: bool  # where a script can wait, these say whether, how many minutes at most, and how long between two polls
    wait_timeout: int
    poll_interval: int

    @property
    def starts(self) -> bool:
        """Whether this run is to start a sync: then it keeps a record of the attempt."""
        return False

    @property
    def subject(self) -> str | None:
        """The vendor's id of what is synced, as far as the inputs show."""
        return None

    @property
    def target(self) -> dict[str, Any]:
        """The ids as the handoff names them; None for those that are not set."""
        return {}

    def conflicts(self, given: set[str]) -> Iterator[str]:  # noqa: ARG002 - for those that have conflicts
        """A sentence for each pair of inputs in conflict; `given` are the variables that are set."""
        yield from ()


Given = TypeVar("Given", bound=Inputs)


def fields(kind: type[object]) -> dict[str, Field]:
    """The inputs that a class and those it inherits from declare, by the names of their attributes."""
    classes = reversed(kind.__mro__)
    return {name: field for one in classes for name, field in vars(one).items() if isinstance(field, Field)}


def read(kind: type[Given], environment: Mapping[str, str]) -> tuple[Given, InvalidInputError | None]:
    """An instance of `kind` with the values of `environment`, and the error that names all problems of all inputs."""
    given = kind()
    problems: list[str] = []
    only_poll_interval = True
    seen: set[str] = set()
    for name, field in fields(kind).items():
        vars(given)[name] = field.default
        try:
            text = _text_of(field, environment)
            if text is not None:
                seen.add(field.variable)
                vars(given)[name] = _parsed(field, text, kind, environment)
            elif field.required:
                raise InputError("is required but not set")
        except InputError as problem:
            problems.append(f"{field.variable} {problem}")
            only_poll_interval = only_poll_interval and field.variable.endswith("_POLL_INTERVAL")
    conflicts = list(given.conflicts(seen))
    if conflicts or (problems and not only_poll_interval):
        return given, InvalidInputError("; ".join(problems + conflicts), problems + conflicts)
    return given, InvalidPollIntervalError(problems[0]) if problems else None


def given_text(environment: Mapping[str, str], variable: str) -> str | None:
    """The value as it counts: whitespace around it stripped, None where it is absent, empty or the text `None`."""
    text = environment.get(variable, "").strip()
    return None if text in ("", "None") else text


def secrets(kind: type[object], environment: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """What must not be shown, valid or not: the values of the Password inputs, and secrets inside other values."""
    passwords: list[str] = []
    others: list[str] = []
    for field in fields(kind).values():
        text = given_text(environment, field.variable)
        if field.type != "Password":
            others += field.secrets(text or "")
        else:
            passwords += filter(None, (text and environment[field.variable], _file_text(field, environment)))
    return passwords, others


def variables(kind: type[object]) -> set[str]:
    """Every variable that the class reads, other names and files of secrets included."""
    names = {name for field in fields(kind).values() for name in (field.variable, field.alias) if name}
    return names | {f"{field.variable}_FILE" for field in fields(kind).values() if field.type == "Password"}


def password(variable: str) -> str:
    """A secret; it is always required and never shown. `<variable>_FILE` may name a file that holds it."""
    return cast("str", Field(variable, "Password", values.password, required=True))


@overload
def identifier(variable: str, pattern: str = ..., *, alias: str = ..., in_url: str = ...) -> str: ...
@overload
def identifier(
    variable: str, pattern: str = ..., *, required: Literal[False], alias: str = ..., in_url: str = ...
) -> str | None: ...
def identifier(
    variable: str, pattern: str = IDENTIFIER, *, required: bool = True, alias: str = "", in_url: str = IN_URL
) -> Any:
    """An id at the vendor, with characters of `pattern` alone: it becomes part of URLs and of file names."""

    def parse(text: str) -> str:
        return values.identifier(text, pattern, in_url)

    return Field(variable, "Alphanumeric", parse, required=required, alias=alias)


@overload
def choice(variable: str, *options: str, default: str) -> str: ...
@overload
def choice(variable: str, *options: str, default: None = ...) -> str | None: ...
def choice(variable: str, *options: str, default: str | None = None) -> Any:
    """One of `options`, case-insensitive; the value is spelled as declared. The option `None` means not set."""
    spelled = {option.lower(): None if option == "None" else option for option in options}

    def parse(text: str) -> str | None:
        if text.lower() not in spelled:
            raise InputError(f"is {shown(text)}; must be {' or '.join([', '.join(options[:-1]), options[-1]])}")
        return spelled[text.lower()]

    return Field(variable, "Select", parse, default=default, options=options)


@overload
def boolean(variable: str, *, default: bool = ...) -> bool: ...
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
def integer(variable: str, *, default: int, unit: str, min: int, max: int = ...) -> int: ...
@overload
def integer(variable: str, *, unit: str, min: int, max: int = ...) -> int | None: ...
def integer(
    variable: str,
    *,
    default: int | None = None,
    unit: str,
    min: int,  # noqa: A002
    max: int = MAX_INTEGER,  # noqa: A002
) -> Any:
    """A whole number of `unit` from `min` to `max`."""

    def parse(text: str) -> int:
        return values.integer(text, unit, min, max)

    return Field(variable, "Integer", parse, default=default)


def timestamp(variable: str) -> datetime | None:
    """An optional date and time in ISO 8601, UTC without an offset; a date alone is its midnight."""

    return cast("Optional[datetime]", Field(variable, "Date", values.timestamp))


def text(
    variable: str,
    parse: Callable[[str], T],
    *,
    multiline: bool = False,
    secrets: Callable[[str], Iterable[str]] = lambda _: (),
) -> T | None:
    """Optional free text that `parse` turns into the value, or raises InputError."""
    return cast("Optional[T]", Field(variable, "Alphanumeric", parse, multiline=multiline, secrets=secrets))


@overload
def url(variable: str, *, default: str, cut: str = ...) -> str: ...
@overload
def url(variable: str, *, cut: str = ...) -> str | None: ...
def url(variable: str, *, default: str | None = None, cut: str = "") -> Any:
    """An http(s) URL without credentials, query or fragment; a trailing `/` is cut, and then a trailing `cut`."""

    def parse(text: str) -> str:
        return values.url(text, cut)

    return Field(variable, "Alphanumeric", parse, default=default)


def _text_of(field: Field, environment: Mapping[str, str]) -> str | None:
    """The text of an input, from its variable, its other name or the file of a secret. Raises InputError."""
    text = given_text(environment, field.variable)
    if field.alias:
        other = given_text(environment, field.alias)
        if None not in (text, other) and text != other:
            raise InputError(f"and {field.alias} are both set and differ; they mean the same")
        return text or other
    if field.type != "Password" or given_text(environment, f"{field.variable}_FILE") is None:
        return text
    if text is not None:
        raise InputError(f"and {field.variable}_FILE are both set; set one of them")
    content = _file_text(field, environment)
    if content is None:
        raise InputError(f"cannot be read from the file that {field.variable}_FILE names")
    return content.strip() or None


def _parsed(field: Field, text: str, kind: type[object], environment: Mapping[str, str]) -> object:
    if PREDEFINED_GROUP in text:
        raise InputError(
            "contains a placeholder of the platform: its predefined credential groups do not work with uploaded scripts"
            "; create a custom credential group whose keys are the variable names"
        )
    try:
        return field.parse(text)
    except InputError:
        hidden = [one.strip() for one in secrets(kind, environment)[0] if len(one.strip()) >= MIN_SECRET]
        if field.type != "Password" and any(one in text for one in hidden):
            raise InputError("contains the secret of another input, so it is not shown") from None
        raise


def _file_text(field: Field, environment: Mapping[str, str]) -> str | None:
    """The content of the file that holds a secret, without one trailing line end; None where there is none."""
    path = given_text(environment, f"{field.variable}_FILE")
    return None if path is None else _content(path)


@functools.cache
def _content(path: str) -> str | None:
    """Read once, because it may be a pipe."""
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            content = file.read(MAX_SECRET_FILE)
    except (OSError, ValueError):
        return None
    return content.removesuffix("\n").removesuffix("\r")
