"""Choosing the handoff that a check judges: pure functions over what was found in the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.errors import ArtifactError, InvalidInputError
from shared.record import Record


class Found(Record):
    """A handoff (or, with `handoff` None, a pending start) and the file it was read from."""

    file: str
    plain: Mapping[str, Any]
    handoff: Any = None


def difference(found: Found, target: Mapping[str, Any]) -> str:
    """Why what was found does not belong to the ids that a check is given; empty if it does."""
    recorded = {key: found.plain[key] for key in target if found.plain.get(key) is not None}
    if found.handoff is None and recorded.items() <= target.items():
        return ""  # what is not recorded may be any: all were meant, or the id was not valid
    for key, value in target.items():
        if value is not None and recorded.get(key) != value:
            is_for = f"its {key} is {recorded[key]}" if key in recorded else f"it has no {key}"
            return f"{is_for}, but this check is for {value}"
    return ""


def chosen(fitting: Sequence[Found], given: Any) -> Found | None:
    """The one that is meant, None if there is none. Raises ArtifactError for a pending start, InvalidInputError where
    several could be meant.
    """
    for one in fitting:
        if one.handoff is None:
            raise ArtifactError(_unfinished(one))
    exact = [one for one in fitting if one.handoff.is_exactly(given)]
    return _latest(exact or fitting)


def attempt(plain: object) -> str | None:
    """Which run wrote a handoff or a pending start, None where that is not known."""
    found = plain.get("attempt") if isinstance(plain, dict) else None
    return found if isinstance(found, str) and found else None


def _unfinished(pending: Found) -> str:
    """Why there is nothing to check, by a pending start (version 0.1 wrote it without a state, once it was sending)."""
    state, file = pending.plain.get("state"), pending.file
    if state == "ended":
        ended = f"exit code {pending.plain.get('exit_code')} ({pending.plain.get('outcome')})"
        return (
            f"the trigger before this check ended with {ended} and started nothing (see {file}); trigger the sync again"
        )
    if state == "reading":
        return (
            f"the trigger before this check was killed before it started anything, or is still running (see {file}); "
            "trigger the sync again"
        )
    return (
        "the trigger before this check was killed, or could not find out whether its request was accepted (see "
        f"{file}): a sync may be running; check the vendor's dashboard, then trigger it again"
    )


def _latest(found: Sequence[Found]) -> Found | None:
    """Of several handoffs of the same syncs the one with the latest server time."""
    if len(found) < 2:
        return found[0] if found else None
    times = [one.handoff.server_time for one in found]
    if len({one.handoff.label for one in found}) == 1 and None not in times:
        last = [one for one in found if one.handoff.server_time == max(times)]
        if all(one.plain == last[0].plain for one in last):
            return last[0]
    listed = ", ".join(f"{one.handoff.label} ({one.file})" for one in found)
    raise InvalidInputError(f"several handoffs were found, and the inputs do not say which one to check: {listed}")
