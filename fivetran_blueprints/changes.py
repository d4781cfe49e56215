"""Update Connector: what was requested against what Fivetran shows.

Fivetran shows settings in its own form: lists in another order, secrets as stars or null, `true` as `"true"`, `7:00` as
`07:00`. Only a plain value that can be compared and differs was refused; what cannot be compared is a note.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from shared import strict_json
from shared.timestamps import parse_timestamp

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
    differences: set[str] = set()
    unclear: set[str] = set()
    for key, value in asked.items():
        source = status if key == "is_historical_sync" and isinstance(status, dict) else data
        for path, wanted, shown in _differing(value, source.get(key), key):
            if shown is None:
                unclear.add(path)
            elif any(_is_secret(*leaf) for one in (wanted, shown) for leaf in _leaves(one, path)):
                differences.add(f"{path} is not what was requested")
            else:
                differences.add(f"{path} is {json.dumps(shown)}, not {json.dumps(wanted)} as requested")
    return Comparison(tuple(sorted(differences)), tuple(sorted(unclear)))


def secret_texts(text: str) -> list[str]:
    """Every text that may be a secret in the JSON of an update, if that is valid."""
    try:
        leaves = _leaves(strict_json.parse(text))
    except ValueError:
        return []
    return [leaf for path, leaf in leaves if isinstance(leaf, str) and _is_secret(path, leaf)]


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every plain value inside a value, with its path; positions in lists are not part of it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, path)
    else:
        yield path, value


def _is_secret(path: str, leaf: object) -> bool:
    """Whether it may be one: by a name on the way, or as a text (not a number) of a connection."""
    is_setting = path.split(".")[0] in _SECRET_PARENTS
    return bool(_SECRET_NAME.search(path)) or (is_setting and not isinstance(leaf, (bool, int, float)))


def _differing(asked: Any, shown: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Each path that differs, with both values; None for what is shown where they cannot be compared."""
    if asked in _EMPTY and shown in _EMPTY:
        return
    if shown is None or (isinstance(shown, str) and _MASK.fullmatch(shown)):
        yield path, asked, None
    elif isinstance(asked, dict) and isinstance(shown, dict):
        for key, value in asked.items():
            yield from _differing(value, shown.get(key), f"{path}.{key}")
    elif isinstance(asked, list) and isinstance(shown, list):
        yield from _differing_lists(asked, shown, path)
    elif isinstance(asked, (dict, list)) or isinstance(shown, (dict, list)):
        yield path, asked, None
    elif asked != shown and _normal(asked) != _normal(shown):
        yield path, asked, shown


def _differing_lists(asked: list[Any], shown: list[Any], path: str) -> Iterator[tuple[str, Any, Any]]:
    """Lists in any order: each requested item needs one that is shown, and none may be left over."""
    missing, left = list(asked), list(shown)
    unclear: list[tuple[str, Any, Any]] = []
    for behind_masks in (False, True):  # first what is certainly the same, then what may be
        for item in list(missing):
            for one in left:
                differing = list(_differing(item, one, path))
                if not differing or (behind_masks and all(seen is None for _, _, seen in differing)):
                    missing.remove(item)
                    left.remove(one)
                    unclear += differing
                    break
    if missing or left:
        yield path, asked, shown
    else:
        yield from unclear


def _normal(value: Any) -> object:
    """A plain value without what Fivetran writes in its own form: case, quotes, leading zeros of a time."""
    text = str(value).strip().lower()
    time = re.fullmatch(r"([0-9]{1,2}:[0-9]{2})(:00)?", text)
    if time:
        return time[1].zfill(5)
    if re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]+)?", text):
        return float(text)
    midnight = "T00:00:00Z" if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else ""
    return parse_timestamp(text.upper() + midnight) or text
