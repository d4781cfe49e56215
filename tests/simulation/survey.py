"""Many timelines, over some processes, and what came of them."""

from __future__ import annotations

import functools
import gc
import multiprocessing
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Callable, TypeVar

from tests.simulation.fivetran import Fivetran
from tests.simulation.nango import Nango
from tests.simulation.peers import PEERS
from tests.simulation.playing import Outcome, simulate
from tests.simulation.rudderstack import RudderStack
from tests.simulation.world import Vendor, quiet

VENDORS: dict[str, type[Vendor]] = {kind.name: kind for kind in (Fivetran, RudderStack, Nango)}

T = TypeVar("T")


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


def one(vendor: str, seed: int) -> Outcome:
    """One timeline, with its story in `lines`."""
    with quiet():
        return simulate(VENDORS[vendor], seed, trace=True)


def survey(vendor: str, first: int, count: int, workers: int = 2) -> Iterator[Survey]:
    """`count` timelines with the seeds from `first` on: what has come of them so far, again and again."""
    found = Survey()
    for outcomes in _in_parts(functools.partial(simulate, VENDORS[vendor]), first, count, workers, 500):
        for outcome in outcomes:
            found.add(outcome)
        yield found


def peers(vendor: str, count: int, workers: int = 2) -> dict[str, Counter[str]]:
    """By client, what came of its timelines 0 to `count`."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for part in _in_parts(PEERS[vendor], 0, count, workers, 50):
        for client, how in (item for ends in part for item in ends.items()):
            found[client][how] += 1
    return found


def _in_parts(play: Callable[[int], T], first: int, count: int, workers: int, size: int) -> Iterator[list[T]]:
    """What `play` makes of each seed, so many at a time in processes of their own."""
    seeds = range(first, first + count)
    parts = [seeds[begin : begin + size] for begin in range(0, count, size)]
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(functools.partial(_part, play), parts)


def _part(play: Callable[[int], T], seeds: range) -> list[T]:
    gc.disable()  # what a timeline leaves goes in circles, and is collected once for all of the part
    with quiet():
        found = [play(seed) for seed in seeds]
    gc.collect()
    return found
