"""Jinja2 as the exports, the pages and the catalog page use it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

import jinja2


def environment(folder: Path, filters: Mapping[str, Callable[..., Any]], *, html: bool = False) -> jinja2.Environment:
    """The templates of a folder; a name that is not defined in one is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=html,  # noqa: S701 - elsewhere, there is nothing to escape
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(filters)
    return made
