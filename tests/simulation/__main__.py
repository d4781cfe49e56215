"""Count wrong verdicts over many simulated timelines of each vendor: ours, and those of other clients' rules.

`python -m tests.simulation [vendor] [--full]`; `python -m tests.simulation vendor --seed N` tells one timeline step by
step.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.simulation.survey import SIMULATE, Survey, one, peers, surveys


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("vendor", nargs="?", choices=list(SIMULATE))
    parser.add_argument("--seed", type=int, help="tell this one timeline step by step")
    parser.add_argument("--count", type=int, default=10_000, help="timelines of each vendor")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--full", action="store_true", help="1,000,000 timelines of each vendor")
    parser.add_argument("--peers", type=int, default=1_000, help="timelines in which the clients are compared")
    given = parser.parse_args()
    if given.seed is not None:
        if given.vendor is None:
            parser.error("--seed needs a vendor")
        return _tell(given.vendor, given.seed)
    faults = 0
    for vendor in [given.vendor] if given.vendor else list(SIMULATE):
        began = time.monotonic()
        survey = surveys({vendor: 1_000_000 if given.full else given.count}, given.first)[vendor]
        _print(vendor, survey, time.monotonic() - began)
        faults += len(survey.faults)
        if given.peers:
            _print_peers(vendor, given.peers)
    return 1 if faults else 0


def _tell(vendor: str, seed: int) -> int:
    outcome = one(vendor, seed)
    print(*outcome.lines, sep="\n")
    print(f"\ntold: {outcome.verdict}; true: {outcome.truth}; accepted starts: {outcome.starts}")
    print(f"class: {outcome.kind or 'knowable'}; fault: {outcome.fault or 'none'}")
    return 1 if outcome.fault else 0


def _print(vendor: str, survey: Survey, seconds: float) -> None:
    print(f"\n{vendor}: {survey.timelines:,} timelines in {seconds:.0f} s")
    print(f"  wrong verdicts {survey.wrong}, double starts {survey.double}, missed ends {survey.missed}")
    print(f"  unclear starts, told as such {survey.unclear:,}")
    print("  told: " + ", ".join(f"{word} {number:,}" for word, number in survey.verdicts.most_common()))
    for kind, number in survey.classes.most_common():
        print(f"  no client can know: {kind}: {number:,}, of which told wrongly {survey.classes_wrong[kind]:,}")
    for seed, fault in survey.faults[:20]:
        print(f"  FAULT: {fault}\n    python -m tests.simulation {vendor} --seed {seed}")


def _print_peers(vendor: str, count: int) -> None:
    print(f"  side by side, {count:,} timelines:")
    columns = ("right", "wrong", "missed", "double", "crash")
    print(f"    {'client':24}" + "".join(f"{column:>9}" for column in columns) + "   other")
    for client, found in peers(vendor, count).items():
        other = ", ".join(f"{how} {number}" for how, number in found.most_common() if how not in columns)
        print(f"    {client:24}" + "".join(f"{found[column]:>9}" for column in columns) + f"   {other}")


if __name__ == "__main__":
    sys.exit(main())
