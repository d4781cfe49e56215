"""Trigger and check syncs in RudderStack, Fivetran and Nango: `run` in Python, `sync-blueprints` as a command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sync_blueprints.runner import BlueprintFailed, Result, run

__all__ = ["ROOT", "BlueprintFailed", "Result", "run"]

_PACKAGE = Path(__file__).resolve().parent
# Where the scripts, shared/ and the catalog are: inside the package once it is installed, beside it in a checkout.
ROOT = _PACKAGE / "product" if (_PACKAGE / "product").is_dir() else _PACKAGE.parent


def __getattr__(name: str) -> object:
    """`run`, `Result` and `BlueprintFailed`, imported when first used: a script run by the command needs none of it."""
    if name in __all__:
        from sync_blueprints import runner

        return getattr(runner, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
