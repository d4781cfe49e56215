"""Many cases at once, in processes of their own (a run sets signal handlers, and its deadline needs a main thread)."""

from __future__ import annotations

import multiprocessing
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.faults.play import FAULTS, Case, Played, cases, play

WORKERS = 3  # some of them wait


@dataclass
class Survey:
    """How many cases of each kind were played, how they ended, and what was broken."""

    played: Counter[str] = field(default_factory=Counter)
    endings: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    started: int = 0
    longest: float = 0.0
    broken: list[Played] = field(default_factory=list)

    def add(self, one: Played) -> None:
        script = one.case.scene.split(", ")[1].split(" ")[0]
        self.played[one.kind] += 1
        self.endings[script, one.exit_code, one.outcome] += 1
        self.started += one.starts
        self.longest = max(self.longest, one.seconds)
        if one.broken:
            self.broken.append(one)


def all_cases() -> list[Case]:
    """The whole matrix, but for what takes long and tells nothing new: later calls of slow and of heavy faults."""
    return [
        case
        for case in cases()
        if case.mutation is not None
        or not (FAULTS[case.fault].slow or FAULTS[case.fault].heavy)
        or (
            (case.call <= (3 if not case.lasting else 2) and "log id" not in case.scene)
            and not (FAULTS[case.fault].heavy and case.lasting and "waits" in case.scene)
        )
    ]


def sample(count: int, seed: int) -> list[Case]:
    """`count` cases, each fault among them at least once."""
    everything = all_cases()
    rng = random.Random(seed)
    rng.shuffle(everything)
    firsts: dict[str, Case] = {}
    for case in everything:
        firsts.setdefault(case.fault if case.mutation is None else case.scene, case)
    return [*firsts.values(), *everything][:count]


def survey(chosen: Sequence[Case]) -> Survey:
    """Play the cases."""
    found = Survey()
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        results: Iterable[Played] = pool.imap_unordered(play, chosen, chunksize=8)
        for one in results:
            found.add(one)
    return found
