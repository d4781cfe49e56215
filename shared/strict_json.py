"""JSON as RFC 8259 has it: no NaN, no infinity, nothing nested so deep that other code could not follow."""

from __future__ import annotations

import json
import math
from typing import Any

MAX_DEPTH = 100  # of lists and objects inside one another


def parse(text: str) -> Any:
    """The value in `text`. Raises ValueError, also if a part of it was not UTF-8 (and is a lone surrogate now)."""
    text.encode()
    try:
        value = json.loads(text.removeprefix("\ufeff"), parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH or any(isinstance(item, float) and math.isinf(item) for item in level):
            raise ValueError(f"it has an infinite number or is nested more than {MAX_DEPTH} deep")
        containers = [item for item in level if isinstance(item, (dict, list))]
        level = [inner for one in containers for inner in (one.values() if isinstance(one, dict) else one)]
    return value


def _refuse(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
