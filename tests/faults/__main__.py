"""Count what the real scripts promise under faults on the wire, and when they are killed or interrupted.

`python -m tests.faults [--cases N | --full] [--seed N]`: faults of a server over real sockets.
`python -m tests.faults --kills [--cases N | --full] [--seed N]`: triggers ended at each of their moments.
`python -m tests.faults --one "SCENE / call 2 / FAULT"`: one case, with its log.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator

from sync_blueprints.sandbox import Sandbox
from tests.faults import kills
from tests.faults.play import FAULTS, SCENES, all_cases, cases, play, sample, survey
from tests.support import MovableClock


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2_000, help="how many, drawn at random (default 2000)")
    parser.add_argument("--full", action="store_true", help="all of them; some hours")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", action="store_true", help="kill and interrupt triggers")
    parser.add_argument("--one", help="play one case, named as it is printed")
    given = parser.parse_args()
    if given.one:
        return _one(given.one)
    began = time.monotonic()
    broken = 0
    for one in _kills(given) if given.kills else _faults(given):
        broken += 1
        print(f"BROKEN: {one}", flush=True)
    print(f"{time.monotonic() - began:.0f} s, seed {given.seed}, broken promises: {broken}")
    return 1 if broken else 0


def _one(name: str) -> int:
    case = next((case for case in cases() if str(case) == name), None)
    if case is None:
        print(f"there is no case {name!r}", file=sys.stderr)
        return 2
    played = play(case)
    print(played.log, *played.broken, sep="\n")
    print(f"exit code {played.exit_code}, {played.outcome}, {played.starts} started, {played.seconds:.1f} s")
    return 1 if played.broken else 0


def _faults(given: argparse.Namespace) -> Iterator[str]:
    """The broken promises as they are found; the counts are printed on the way and at the end."""
    chosen = all_cases() if given.full else sample(given.cases, given.seed)
    print(f"{len(SCENES)} scenes, {len(FAULTS)} faults; {len(chosen):,} cases", flush=True)
    kinds: Counter[str] = Counter()
    endings: Counter[str] = Counter()
    starts, longest = 0, 0.0
    for number, one in enumerate(survey(chosen), 1):
        kinds[one.kind] += 1
        endings[f"{SCENES[one.case.scene].verb} {one.exit_code} {one.outcome}"] += 1
        starts, longest = starts + one.starts, max(longest, one.seconds)
        if one.broken:
            yield f"{one.case}: {'; '.join(one.broken)}"
        if number % 5_000 == 0:
            print(f"{number:,} cases played", flush=True)
    _print("cases by kind of fault", kinds)
    _print("endings", endings)
    print(f"syncs started: {starts:,}; longest: {longest:.1f} s")


def _kills(given: argparse.Namespace) -> list[str]:
    clock, rng = MovableClock(), random.Random(given.seed)
    with Sandbox(clock=clock) as sandbox:
        moments = list(kills.everything(sandbox, clock))
        rng.shuffle(moments)
        chosen = moments if given.full else moments[: given.cases]
        waiting = list(kills.at_random(len(chosen) // 4, rng))
        print(f"{len(moments):,} moments and signals, of which {len(chosen):,} here; {len(waiting):,} while waiting")
        found = kills.kill([*chosen, *waiting], sandbox, clock)
    _print("triggers ended with", found.ended)
    _print("checks after that", found.checks)
    print(f"of which had started a sync: {found.started:,}")
    print(f"from a signal to the end of a waiting trigger: {found.longest:.2f} s at most")
    return found.broken


def _print(title: str, counted: Counter[str]) -> None:
    print(f"{title}: " + ", ".join(f"{name} {number:,}" for name, number in counted.most_common()))


if __name__ == "__main__":
    sys.exit(main())
