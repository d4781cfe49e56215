"""Many timelines, over some processes, and what came of them."""

from __future__ import annotations

import gc
import multiprocessing
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Callable

from tests.simulation import fivetran, nango, rudderstack
from tests.simulation.peers import PEERS
from tests.simulation.playing import Outcome
from tests.simulation.world import quiet

SIMULATE: dict[str, Callable[..., Outcome]] = {
    "fivetran": fivetran.simulate,
    "rudderstack": rudderstack.simulate,
    "nango": nango.simulate,
}
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
    gc.disable()  # what a timeline leaves goes in circles, and is collected once for all of the part
    with quiet():
        for seed in range(first, first + count):
            survey.add(SIMULATE[vendor](seed))
    gc.collect()
    return survey


def _peers_part(task: tuple[str, int, int]) -> Counter[tuple[str, str]]:
    vendor, first, count = task
    with quiet():
        return Counter(item for seed in range(first, first + count) for item in PEERS[vendor](seed).items())


def _tasks(vendor: str, first: int, count: int, size: int) -> list[tuple[str, int, int]]:
    return [(vendor, first + begin, min(size, count - begin)) for begin in range(0, count, size)]


def survey(vendor: str, first: int, count: int, workers: int = 2) -> Iterator[Survey]:
    """`count` timelines with the seeds from `first` on: what has come of them so far, again and again."""
    found = Survey()
    with _processes(workers) as pool:
        for part in pool.map(_part, _tasks(vendor, first, count, _PART)):
            found += part
            yield found


def peers(vendor: str, count: int, workers: int = 2) -> dict[str, Counter[str]]:
    """By client, what came of its timelines 0 to `count`."""
    found: dict[str, Counter[str]] = {}
    with _processes(workers) as pool:
        for part in pool.map(_peers_part, _tasks(vendor, 0, count, 50)):
            for (client, how), number in part.items():
                found.setdefault(client, Counter())[how] += number
    return found


def _processes(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
