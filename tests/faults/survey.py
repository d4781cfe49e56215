"""Many cases at once, in processes of their own (a run sets signal handlers, and its deadline needs a main thread)."""

from __future__ import annotations

import multiprocessing
import os
import random
from collections.abc import Iterator, Sequence

from tests.faults.play import FAULTS, Case, Played, cases, play

WORKERS = 3  # some of them wait


def all_cases() -> list[Case]:
    """The whole matrix, but for what takes long and shows nothing new: later calls of slow and of heavy faults."""
    return [case for case in cases() if case.mutation is not None or _is_worth_its_time(case)]


def _is_worth_its_time(case: Case) -> bool:
    fault = FAULTS[case.fault]
    if not (fault.slow or fault.heavy):
        return True
    early = case.call <= (2 if case.lasting else 3) and "log id" not in case.scene
    return early and not (fault.heavy and case.lasting and "waits" in case.scene)


def sample(count: int, seed: int) -> list[Case]:
    """`count` cases, each fault among them at least once."""
    everything = all_cases()
    random.Random(seed).shuffle(everything)
    firsts: dict[str, Case] = {}
    for case in everything:
        firsts.setdefault(case.fault if case.mutation is None else case.scene, case)
    return [*firsts.values(), *everything][:count]


def survey(chosen: Sequence[Case]) -> Iterator[Played]:
    """Play the cases; they come as they end. Workers are replaced, as scripts that have ended leave sockets open."""
    with multiprocessing.get_context("spawn").Pool(WORKERS, _clear_environment, maxtasksperchild=50) as pool:
        yield from pool.imap_unordered(play, chosen, chunksize=8)


def _clear_environment() -> None:
    """A case brings its own, and requests reads all of this process's at each request."""
    os.environ.clear()
