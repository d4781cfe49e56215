"""Count wrong verdicts, double starts and missed ends over simulated timelines of each vendor.

`python -m tests.simulation [VENDOR] [--first SEED] [--count N] [--workers N]`; `--peers N` compares the rules of other
clients on the seeds 0 to N. `python -m tests.simulation VENDOR --seed N` prints one timeline step by step.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.simulation.survey import VENDORS, Survey, one, peers, survey


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vendor", nargs="?", choices=list(VENDORS))
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="the first seed (default 0)")
    parser.add_argument("--count", type=int, default=10_000, help="timelines of each vendor (default 10,000)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--peers", type=int, default=0, help="timelines in which the clients are compared")
    parser.add_argument("--seed", type=int, help="print this one timeline step by step")
    given = parser.parse_args()
    if given.seed is not None:
        if given.vendor is None:
            parser.error("--seed needs a vendor")
        return _print_one(given.vendor, given.seed)
    faults = 0
    for vendor in [given.vendor] if given.vendor else list(VENDORS):
        faults += _survey(vendor, given)
        if given.peers:
            _print_peers(vendor, given.peers, given.workers)
    return 1 if faults else 0


def _print_one(vendor: str, seed: int) -> int:
    outcome = one(vendor, seed)
    print(*outcome.lines, sep="\n")
    print(f"\nreported: {outcome.verdict}; true: {outcome.truth}; accepted starts: {outcome.starts}")
    print(f"class: {outcome.kind or 'knowable'}; fault: {outcome.fault or 'none'}")
    return 1 if outcome.fault else 0


def _survey(vendor: str, given: argparse.Namespace) -> int:
    """Print the counts, and on the way how far it is; the number of faults."""
    began = time.monotonic()
    found, faults, said = Survey(), 0, 0
    for found in survey(vendor, given.first, given.count, given.workers):
        for seed, fault in found.faults[faults:]:
            print(f"  FAULT: {fault}\n    python -m tests.simulation {vendor} --seed {seed}", flush=True)
        faults = len(found.faults)
        if found.timelines - said >= given.count / 20 or found.timelines == given.count:
            said = found.timelines
            _print(vendor, found, given.first, time.monotonic() - began)
    return faults


def _print(vendor: str, found: Survey, first: int, seconds: float) -> None:
    seeds = f"the seeds {first:,} to {first + found.timelines - 1:,}"
    print(f"\n{vendor}: {found.timelines:,} timelines ({seeds}) in {seconds:,.0f} s")
    print(f"  wrong verdicts {found.wrong}, double starts {found.double}, missed ends {found.missed}")
    print(f"  unclear starts, reported as such {found.unclear:,}")
    print("  reported: " + ", ".join(f"{word} {number:,}" for word, number in found.verdicts.most_common()))
    for kind, number in found.classes.most_common():
        print(f"  no client can know: {kind}: {number:,}, of which reported wrongly {found.classes_wrong[kind]:,}")
    sys.stdout.flush()


def _print_peers(vendor: str, count: int, workers: int) -> None:
    print(f"  side by side, {count:,} timelines:")
    columns = ("right", "wrong", "missed", "double", "crash")
    print(f"    {'client':24}" + "".join(f"{column:>9}" for column in columns) + "   other")
    for client, found in peers(vendor, count, workers).items():
        other = ", ".join(f"{how} {number}" for how, number in found.most_common() if how not in columns)
        print(f"    {client:24}" + "".join(f"{found[column]:>9}" for column in columns) + f"   {other}")


if __name__ == "__main__":
    sys.exit(main())
