"""Inputs: environment variables declared as the attributes of a class, read and checked together.

A declaration holds all that a machine needs to know of its variable; a class may add a method `contradictions(given)`
that yields a sentence for each pair of inputs at odds, where `given` names the variables that were given.

These are no dataclasses because importing those takes a run longer than all else that it does itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Callable, NamedTuple, TypeVar
from urllib.parse import urlsplit

from shared import strict_json
from shared.errors import InvalidInputError, InvalidPollIntervalError

PREDEFINED_GROUP = "CREDENTIAL_PREDEFINED_GROUP_NOT_IN_LIBRARY_BLUEPRINT"
IDENTIFIER = "[A-Za-z0-9_-]+"
LONGEST_IDENTIFIER = 200  # a file name has at most 255 bytes on most systems

T = TypeVar("T")


class InputError(ValueError):
    """What is wrong with one value, as the end of a sentence that begins with the variable's name."""


class Specification(NamedTuple):
    """The machine facts of one input. `parse` turns the text into the field's value or raises InputError."""

    variable: str
    type: str  # Password, Alphanumeric, Integer, Boolean, Select: the orchestrator's words
    parse: Callable[[str], object]
    required: bool = False
    default: object = None
    options: tuple[str, ...] = ()
    multiline: bool = False


def specifications(kind: type[object]) -> dict[str, Specification]:
    """The inputs that a class and those it inherits from declare, by the names of their attributes."""
    classes = reversed(kind.__mro__)
    return {name: spec for one in classes for name, spec in vars(one).items() if isinstance(spec, Specification)}


def read(kind: type[T], environment: Mapping[str, str]) -> T:
    """An instance of `kind` whose attributes are the values in `environment`.

    Raises InvalidInputError naming every fault of every input, or InvalidPollIntervalError if that one is the only one.
    """
    values: dict[str, object] = {}
    faults: list[str] = []
    poll_interval_only = True
    seen: set[str] = set()
    for name, spec in specifications(kind).items():
        values[name] = spec.default
        text = given_text(environment, spec.variable)
        try:
            if text is not None:
                seen.add(spec.variable)
                values[name] = _parsed(spec, text)
            elif spec.required:
                raise InputError("is required and was not given")
        except InputError as fault:
            faults.append(f"{spec.variable} {fault}")
            poll_interval_only = poll_interval_only and spec.variable.endswith("_POLL_INTERVAL")
    given = kind()
    vars(given).update(values)
    contradictions = list(given.contradictions(seen)) if hasattr(given, "contradictions") else []
    if contradictions or (faults and not poll_interval_only):
        raise InvalidInputError("; ".join(faults + contradictions))
    if faults:
        raise InvalidPollIntervalError(faults[0])
    return given


def given_text(environment: Mapping[str, str], variable: str) -> str | None:
    """The value as it counts: blanks cut, None where it is absent, empty or the text `None`."""
    text = environment.get(variable, "").strip()
    return None if text in ("", "None") else text


def passwords(kind: type[object], environment: Mapping[str, str]) -> Iterator[str]:
    """The values of the Password inputs as they came, valid or not: what must not be shown."""
    for spec in specifications(kind).values():
        if spec.type == "Password" and given_text(environment, spec.variable) is not None:
            yield environment[spec.variable]


def password(variable: str) -> Any:
    """A secret; it is always required and never shown."""
    return Specification(variable, "Password", _password, required=True)


def identifier(variable: str, pattern: str = IDENTIFIER, *, required: bool = True) -> Any:
    """An id at the vendor, with characters of `pattern` alone: it becomes part of URLs and of file names."""

    def parse(text: str) -> str:
        if len(text) > LONGEST_IDENTIFIER:
            raise InputError(f"is {len(text)} characters long; an id has at most {LONGEST_IDENTIFIER}")
        if not re.fullmatch(pattern, text):
            raise InputError(f"is {shown(text)}; an id has only the characters {pattern.strip('+')}")
        return text

    return Specification(variable, "Alphanumeric", parse, required=required)


def choice(variable: str, *options: str, default: str | None) -> Any:
    """One of `options`, in any case; the value is spelled as declared. The option `None` is the same as not given."""
    spelled: dict[str, str | None] = {option.lower(): None if option == "None" else option for option in options}

    def parse(text: str) -> str | None:
        if text.lower() not in spelled:
            raise InputError(f"is {shown(text)}; it may be {', '.join(options)}")
        return spelled[text.lower()]

    return Specification(variable, "Select", parse, default=default, options=options)


def boolean(variable: str, *, default: bool | None = False) -> Any:
    """TRUE or FALSE, in any case."""

    def parse(text: str) -> bool:
        if text.lower() not in ("true", "false"):
            raise InputError(f"is {shown(text)}; it may be TRUE or FALSE")
        return text.lower() == "true"

    return Specification(variable, "Boolean", parse, default=default)


def integer(variable: str, *, default: int, unit: str, least: int, most: int = 999_999_999) -> Any:
    """A whole number of `unit` from `least` to `most`."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise InputError(f"is {shown(text)}; it may be a whole number of {unit} from {least} to {most}")
        return int(text)

    return Specification(variable, "Integer", parse, default=default)


def text(variable: str, parse: Callable[[str], T], *, multiline: bool = False) -> Any:
    """Optional free text that `parse` turns into the field's value, or raises InputError."""
    return Specification(variable, "Alphanumeric", parse, multiline=multiline)


def url(variable: str, *, default: str | None, cut: str = "") -> Any:
    """An http(s) URL without credentials, query or fragment; a `/` at its end is cut, and then `cut`."""

    def parse(text: str) -> str:
        try:
            parts = urlsplit(text)
            fine = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
        except ValueError:
            fine = False
        if not fine or any(sign in text for sign in "@?# ") or not _is_plain(text):
            raise InputError("is no URL of the form https://host[:port][/path], without credentials or a query")
        text = text.rstrip("/")
        return (text[: -len(cut)] if cut and text.endswith(cut) else text).rstrip("/")

    return Specification(variable, "Alphanumeric", parse, default=default)


def json_object(value: str) -> dict[str, object]:
    """A parser for `text`: a JSON object."""
    try:
        parsed = strict_json.parse(value)
    except (ValueError, RecursionError) as fault:
        raise InputError(f"is no JSON: {fault}") from None
    if not isinstance(parsed, dict):
        raise InputError("is no JSON object ({…})")
    return parsed


def fits(value: str, pattern: str = IDENTIFIER) -> bool:
    """Whether a text may be part of URLs and file names as an id of that pattern."""
    return len(value) <= LONGEST_IDENTIFIER and re.fullmatch(pattern, value) is not None


def shown(value: str) -> str:
    """A value in a message: quoted, in ASCII. A long one is not cut, lest half of a misplaced secret is shown."""
    return ascii(value) if len(value) <= 60 else f"a text of {len(value)} characters"


def _parsed(spec: Specification, text: str) -> object:
    if PREDEFINED_GROUP in text:
        raise InputError(
            "holds a placeholder of the platform: its predefined credential groups do not work with uploaded scripts; "
            "make a custom credential group whose keys are the variable names"
        )
    return spec.parse(text)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _password(text: str) -> str:
    if not _is_plain(text):
        raise InputError("holds characters that no token has (line breaks, control or non-ASCII characters)")
    return text
