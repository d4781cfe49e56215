"""Trigger and check syncs in RudderStack, Fivetran, and Nango: `run` in Python, `sync-blueprints` as a command."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sync_blueprints.runner import BlueprintFailed, Result, run

__all__ = ["BlueprintFailed", "Result", "run"]


def __getattr__(name: str) -> object:
    """`run` and the others, imported when first used: a script that the command runs needs none of them."""
    if name in __all__:
        from sync_blueprints import runner

        return getattr(runner, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
