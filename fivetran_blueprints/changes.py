"""Update Connector: what was requested against what Fivetran shows.

Fivetran shows settings in its own form: lists in another order, secrets as stars or null, `true` as `"true"`, `7:00` as
`07:00`. Only a plain value that can be compared and differs was refused; what cannot be compared is a note.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from shared import strict_json
from shared.timestamps import parse_timestamp

_ABSENT = object()
_SECRET_NAME = re.compile("password|secret|token|key|pat|credential", re.IGNORECASE)
_SECRET_PARENTS = ("config", "auth")
_MASK = re.compile(r"[*\u2022]+|.*[*\u2022]{3}.*", re.DOTALL)  # all of a secret, or all but its end
_EMPTY: tuple[Any, ...] = (None, "", [], {})


class Comparison(NamedTuple):
    """The paths that differ, with what was asked and shown; and those that could not be compared."""

    differences: tuple[str, ...]
    unclear: tuple[str, ...]


def compare(asked: Mapping[str, object], data: Mapping[str, Any]) -> Comparison:
    """What was asked of a connection against the `data` that Fivetran shows of it."""
    status = data.get("status")
    differences: list[str] = []
    unclear: list[str] = []
    for key, value in asked.items():
        source = status if key == "is_historical_sync" and isinstance(status, dict) else data
        for path, wanted, shown in _differing(value, source.get(key, _ABSENT), key):
            if shown is _ABSENT:
                unclear.append(path)
            elif _is_secret(path, wanted) or _is_secret(path, shown):
                differences.append(f"{path} is not what was requested")
            else:
                differences.append(f"{path} is {_text(shown)}, not {_text(wanted)} as requested")
    return Comparison(tuple(sorted(set(differences))), tuple(sorted(set(unclear))))


def secret_texts(asked: object, path: str = "") -> Iterator[str]:
    """Every text in an update that may be a secret: all below `config` and `auth`, and those with a telling name."""
    if isinstance(asked, dict):
        for key, value in asked.items():
            yield from secret_texts(value, f"{path}.{key}" if path else str(key))
    elif isinstance(asked, list):
        for item in asked:
            yield from secret_texts(item, path)
    elif isinstance(asked, str) and _is_secret(path, asked):
        yield asked


def secret_texts_in(text: str) -> list[str]:
    """The same of the JSON text of an update, as far as it is valid."""
    try:
        return list(secret_texts(strict_json.parse(text)))
    except ValueError:
        return []


def _is_secret(path: str, value: object) -> bool:
    """Whether a value may be or hold a secret: by a name on the way, or as a text (not a number) of a connection."""
    if isinstance(value, dict):
        return any(_is_secret(f"{path}.{key}", inner) for key, inner in value.items())
    if isinstance(value, list):
        return any(_is_secret(path, item) for item in value)
    names = path.split(".")
    plain = isinstance(value, (bool, int, float))
    return (names[0] in _SECRET_PARENTS and not plain) or any(map(_SECRET_NAME.search, names))


def _differing(asked: Any, shown: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Each path that differs, with both values; with _ABSENT for what is shown where they cannot be compared."""
    if _equal(asked, shown) or (asked in _EMPTY and (shown is _ABSENT or shown in _EMPTY)):
        return
    if shown is _ABSENT or shown is None or _is_masked(shown):
        yield path, asked, _ABSENT
    elif isinstance(asked, dict) and isinstance(shown, dict):
        for key, value in asked.items():
            yield from _differing(value, shown.get(key, _ABSENT), f"{path}.{key}")
    elif isinstance(asked, list) and isinstance(shown, list):
        yield from _differing_lists(asked, shown, path)
    elif isinstance(asked, (dict, list)) or isinstance(shown, (dict, list)):
        yield path, asked, _ABSENT
    else:
        yield path, asked, shown


def _differing_lists(asked: list[Any], shown: list[Any], path: str) -> Iterator[tuple[str, Any, Any]]:
    """Lists in any order: each requested item needs one that is shown, and none may be left over."""
    missing, left = list(asked), list(shown)
    unclear: list[tuple[str, Any, Any]] = []
    for behind_masks in (False, True):  # first what is surely the same, then what may be
        for item in list(missing):
            for one in left:
                differing = list(_differing(item, one, path))
                if not differing or (behind_masks and all(seen is _ABSENT for _, _, seen in differing)):
                    missing.remove(item)
                    left.remove(one)
                    unclear += differing
                    break
    if missing or left:
        yield path, asked, shown
    else:
        yield from unclear


def _is_masked(shown: object) -> bool:
    return isinstance(shown, str) and _MASK.fullmatch(shown) is not None


def _equal(asked: Any, shown: Any) -> bool:
    if shown is _ABSENT or isinstance(asked, (dict, list)) or isinstance(shown, (dict, list)):
        return False
    return bool(asked == shown) or _normal(asked) == _normal(shown)


def _normal(value: Any) -> object:
    """A plain value without what Fivetran writes in its own form: case, quotes, leading zeros of a time."""
    text = str(value).strip().lower()
    if re.fullmatch(r"[0-9]{1,2}:[0-9]{2}(:00)?", text):
        return text.removesuffix(":00" * (text.count(":") - 1)).zfill(5)
    if re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]+)?", text):
        return float(text)
    midnight = "T00:00:00Z" if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else ""
    return parse_timestamp(text.upper() + midnight) or text


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)
