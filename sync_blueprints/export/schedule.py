"""Schedules: five fields of cron, and the same as calendar events of systemd."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sync_blueprints.export.steps import ExportError

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("weekday", 0, 6, _DAYS),
)
_PART = re.compile(r"(\*|(\w+)(?:-(\w+))?)(?:/([1-9]\d?))?", re.ASCII)


def check_schedule(schedule: str) -> None:
    """Raises ExportError unless it is what every orchestrator here takes: five fields of cron."""
    fields = schedule.split()
    if len(fields) != len(_FIELDS):
        raise ExportError(
            f"{schedule!r} is not a valid schedule; expected five fields, such as '0 2 * * *' (every day at 2:00)"
        )
    for text, (unit, first, last, names) in zip(fields, _FIELDS):
        for part in text.lower().split(","):
            numbers = _ends(part, first, names)
            if any(not first <= number <= last for number in numbers) or numbers != sorted(numbers):
                raise ExportError(f"{part!r} is not a {unit} of a schedule; expected numbers from {first} to {last}")


def _ends(part: str, first: int, names: Sequence[str]) -> list[int]:
    """The numbers that a part begins and ends with, none for `*`; -1 for anything else."""
    found = _PART.fullmatch(part)
    ends = [end for end in (found[2], found[3]) if end] if found else [""]
    return [first + names.index(end) if end in names else int(end) if end.isdigit() else -1 for end in ends]


def on_calendar(schedule: str) -> list[str]:
    """A checked schedule as OnCalendar= of a systemd timer: two where day and weekday are alternatives, as in cron."""
    minute, hour, day, month, weekday = schedule.lower().split()
    time = f"{_component(hour, 0)}:{_component(minute, 0)}:00"
    months = _component(month, 1, _MONTHS)
    by_day = f"*-{months}-{_component(day, 1)} {time}"
    if weekday.startswith("*") and "/" not in weekday:
        return [by_day]
    days = _weekdays(weekday)
    if day.startswith("*") or weekday.startswith("*"):
        return [f"{days} {by_day}"]
    return [by_day, f"{days} *-{months}-* {time}"]


def _component(field: str, first: int, names: tuple[str, ...] = ()) -> str:
    parts = []
    for part in field.split(","):
        for number, name in enumerate(names, first):
            part = part.replace(name, str(number))
        parts.append(re.sub(r"^\*/", f"{first}/", part).replace("-", ".."))
    return ",".join(parts)


def _weekdays(field: str) -> str:
    """systemd knows no steps of weekdays, so each day is named."""
    chosen: set[int] = set()
    for part in field.split(","):
        ends, step = _ends(part, 0, _DAYS) or [0, 6], part.partition("/")[2]
        last = 6 if step and len(ends) == 1 else ends[-1]
        chosen.update(range(ends[0], last + 1, int(step or 1)))
    return ",".join(_DAYS[number].title() for number in sorted(chosen))
