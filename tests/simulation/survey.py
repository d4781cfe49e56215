"""Many timelines, over two processes, and what came of them."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Callable

from tests.simulation import fivetran, nango, rudderstack
from tests.simulation.world import Outcome, quiet

SIMULATE: dict[str, Callable[..., Outcome]] = {
    "fivetran": fivetran.simulate,
    "rudderstack": rudderstack.simulate,
    "nango": nango.simulate,
}
PEERS = {"fivetran": fivetran.peers, "rudderstack": rudderstack.peers, "nango": nango.peers}
_PART = 500  # timelines


@dataclass
class Survey:
    """Counts over the timelines of one vendor. `faults` are seeds and what went wrong in them."""

    timelines: int = 0
    wrong: int = 0
    double: int = 0
    missed: int = 0
    unclear: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    classes_wrong: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[int, str]] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.timelines += 1
        self.unclear += outcome.unclear
        self.verdicts[outcome.verdict] += 1
        if outcome.kind:
            self.classes[outcome.kind] += 1
            self.classes_wrong[outcome.kind] += bool(outcome.wrong or outcome.double or outcome.missed)
            return
        self.wrong += bool(outcome.wrong)
        self.double += outcome.double
        self.missed += outcome.missed
        if outcome.fault:
            self.faults.append((outcome.seed, outcome.fault))

    def __iadd__(self, other: Survey) -> Survey:
        for name in ("timelines", "wrong", "double", "missed", "unclear"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.verdicts += other.verdicts
        self.classes += other.classes
        self.classes_wrong += other.classes_wrong
        self.faults += other.faults
        return self


def one(vendor: str, seed: int) -> Outcome:
    """One timeline, with its story in `lines`."""
    with quiet():
        return SIMULATE[vendor](seed, trace=True)


def _part(task: tuple[str, int, int]) -> Survey:
    vendor, first, count = task
    survey = Survey()
    with quiet():
        for seed in range(first, first + count):
            survey.add(SIMULATE[vendor](seed))
    return survey


def _peers_part(task: tuple[str, int, int]) -> Counter[tuple[str, str]]:
    vendor, first, count = task
    with quiet():
        return Counter(item for seed in range(first, first + count) for item in PEERS[vendor](seed).items())


def _tasks(vendor: str, count: int, size: int, first: int = 0) -> Iterator[tuple[str, int, int]]:
    for begin in range(0, count, size):
        yield vendor, first + begin, min(size, count - begin)


def surveys(counts: dict[str, int], first: int = 0) -> dict[str, Survey]:
    """`counts[vendor]` timelines of each vendor, with the seeds from `first` on."""
    tasks = [task for vendor, count in counts.items() for task in _tasks(vendor, count, _PART, first)]
    found = {vendor: Survey() for vendor in counts}
    with _processes() as pool:
        for task, part in zip(tasks, pool.map(_part, tasks)):
            found[task[0]] += part
    return found


def peers(vendor: str, count: int) -> dict[str, Counter[str]]:
    """By client, what came of its timelines 0 to `count`."""
    found: dict[str, Counter[str]] = {}
    with _processes() as pool:
        for part in pool.map(_peers_part, _tasks(vendor, count, 50)):
            for (client, how), number in part.items():
                found.setdefault(client, Counter())[how] += number
    return found


def _processes() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))
