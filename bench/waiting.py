"""How late the end of a sync is noticed, and after how many calls: python bench/waiting.py [--plot FILE].

The real wait loop runs on a clock that only its sleeping moves, with its jitter, as a trigger that waits runs it: the
first look comes after the first pause. Beside it, polls at a fixed interval. Lengths of syncs are drawn evenly from ten
per cent below to ten above the one named (stratified). Everything is seeded: the same figures come out again.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.processes import table
from shared.polling import Pace, Pending, poll_until
from shared.timestamps import format_duration
from tests.simulation.world import World, quiet

SEED = 8
WAITS = 250  # runs of the wait loop, each as long as the longest sync
DRAWS = 10_000  # lengths drawn around each named one
SWEEP_DRAWS = 1_000  # around each of many
MINUTE, HOUR = 60.0, 3600.0
LENGTHS = {"5 s": 5.0, "30 s": 30.0, "5 min": 5 * MINUTE, "30 min": 30 * MINUTE, "2 h": 2 * HOUR}
LONGEST = 4 * HOUR
SPREAD = 0.1
FIXED = (5, 10, 15, 30, 60)  # seconds
INTERVAL = 60.0  # POLL_INTERVAL, unless told otherwise
LEAST = {  # seconds: the vendors' shortest pauses
    "Fivetran, RudderStack": 2.0,
    "Nango, one connection": 5.0,
    "Nango, all connections": 10.0,
}
LIMITS = (  # whose, calls, in how many seconds, shortest pause, POLL_INTERVAL, calls before the first look
    ("Fivetran, 20,000 an hour", 20_000, HOUR, 2.0, INTERVAL, 2),
    ("Fivetran, trial, 500 an hour", 500, HOUR, 2.0, INTERVAL, 2),
    ("Fivetran, trial, poll interval 600", 500, HOUR, 2.0, 600.0, 2),
    ("Nango, 200 a minute, one connection", 200, MINUTE, 5.0, INTERVAL, 2),
    ("Nango, 200 a minute, all connections", 200, MINUTE, 10.0, INTERVAL, 2),
)

Looks = Sequence[float]  # the seconds at which one run looks


class Seen(NamedTuple):
    """Of syncs around one length: the lags in seconds and the numbers of looks."""

    lags: Sequence[float]
    calls: Sequence[int]

    @property
    def lag(self) -> float:
        return statistics.fmean(self.lags)

    @property
    def mean_calls(self) -> float:
        return statistics.fmean(self.calls)


@cache
def adaptive(least: float, interval: float = INTERVAL) -> list[Looks]:
    """When the wait loop looks at a sync that never ends, in each of WAITS runs."""
    before = random.getstate()
    random.seed(SEED)
    try:
        with quiet():
            return [_looks(least, interval) for _ in range(WAITS)]
    finally:
        random.setstate(before)


def _looks(least: float, interval: float) -> Looks:
    clock = World(random.Random(SEED))
    times: list[float] = []

    def look() -> Pending:
        times.append(clock.t)
        return Pending("it is running")

    end = LONGEST * (1 + SPREAD) + 2 * max(interval, LONGEST / 40)
    poll_until(look, Pace(clock, clock.monotonic() + end, least, interval), seen=True)
    return times


def fixed(interval: float) -> list[Looks]:
    return [[interval * number for number in range(1, math.ceil(LONGEST * (1 + SPREAD) / interval) + 2)]]


def seen(runs: Sequence[Looks], length: float, *, spread: float = SPREAD, draws: int = DRAWS) -> Seen:
    """What comes of watching syncs of about `length` seconds; the run and the length of each are drawn."""
    rng = random.Random(f"{SEED} {length}")
    lags, calls = [], []
    for number in range(draws):
        true = length * (1 + spread * (2 * (number + rng.random()) / draws - 1))  # one from each of so many strata
        looks = runs[number % len(runs)]
        index = bisect_left(looks, true)
        lags.append(looks[index] - true)
        calls.append(index + 1)
    return Seen(lags, calls)


def by_length(waits: dict[float, list[Looks]]) -> str:
    """The table of mean lag, worst lag and calls."""
    rules = {f"adaptive, at least {least:g} s ({vendor})": waits[least] for vendor, least in LEAST.items()}
    rules.update({f"every {interval} s": fixed(interval) for interval in FIXED})
    header = ["mean lag / worst lag / calls", *LENGTHS]
    rows = []
    for rule, runs in rules.items():
        found = [seen(runs, length) for length in LENGTHS.values()]
        rows.append([rule, *(f"{one.lag:.1f} / {max(one.lags):.1f} s / {one.mean_calls:.1f}" for one in found)])
    return table(header, rows)


def sweep(begin: float, end: float, steps: int) -> list[float]:
    """Lengths from `begin` to `end`, each longer than the one before by the same factor."""
    return [begin * (end / begin) ** (step / steps) for step in range(steps + 1)]


def promises(waits: dict[float, list[Looks]]) -> str:
    """How the rule's promises hold over all lengths, for each shortest pause."""
    lengths = sorted({*sweep(1, LONGEST, 100), 10.0, 5 * MINUTE, 30 * MINUTE})
    header = ("over lengths from 1 s to 4 h", *(f"at least {least:g} s" for least in waits))
    polls = {length: seen(fixed(15), length, draws=SWEEP_DRAWS) for length in lengths}
    columns = []
    for runs in waits.values():
        found = {length: seen(runs, length, draws=SWEEP_DRAWS) for length in lengths}
        same = {length: seen(runs, length, spread=0, draws=SWEEP_DRAWS) for length in lengths}
        shares = {length: one.lag / length for length, one in found.items()}
        more = {length: one.mean_calls - polls[length].mean_calls for length, one in found.items()}
        single = {  # of one and the same sync, whose poll makes ceil(length / 15) calls
            length: max(one.calls) - math.ceil(length / 15) for length, one in same.items()
        }
        late = [length for length, share in shares.items() if share > 0.12]
        columns.append(
            (
                _worst(shares, lambda length: length >= 10, "{:.1%}"),
                _worst(shares, lambda length: length >= 5 * MINUTE, "{:.2%}"),
                f"below {format_duration(max(late))}",
                _worst({length: one.lag / length for length, one in same.items()}, lambda at: at >= 10, "{:.1%}"),
                _worst(more, lambda _: True, "{:+.1f}"),
                _worst(single, lambda _: True, "{:+.0f}"),
                format_duration(max(length for length, calls in more.items() if calls >= 0)),
                _worst(more, lambda length: length >= 30 * MINUTE, "{:+.0f}"),
            )
        )
    words = (
        "mean lag, of the length, from 10 s on: at worst",
        "mean lag, of the length, from 5 min on: at worst",
        "mean lag above 12 % of the length",
        "the same from 10 s on, were all syncs exactly as long: at worst",
        "calls more than a poll every 15 s, mean: at worst",
        "the same, the worst single run",
        "as many calls as that poll or more up to",
        "calls more than that poll from 30 min on: at worst",
    )
    return table(header, [(word, *cells) for word, *cells in zip(words, *columns)])


def _worst(figures: Mapping[float, float], among: Callable[[float], bool], form: str) -> str:
    at = max((length for length in figures if among(length)), key=figures.__getitem__)
    return f"{form.format(figures[at])} (at {format_duration(at)})"


def at_once() -> str:
    """How many scripts may wait at once under the vendors' rate limits."""
    rows = []
    for whose, limit, window, least, interval, before in LIMITS:
        runs = adaptive(least, interval)
        first = statistics.fmean(before + bisect_left(run, window) for run in runs)
        worst = max(before + bisect_left(run, window) for run in runs)
        steady = statistics.fmean(bisect_left(run, LONGEST) - bisect_left(run, LONGEST - HOUR) for run in runs)
        steady *= window / HOUR
        rows.append(
            (whose, f"{first:.1f}", f"{worst}", f"{steady:.1f}", f"{int(limit / first):,}", f"{int(limit / steady):,}")
        )
    header = (
        "rate limit",
        "calls of one script in its first hour or minute",
        "at most",
        "in the fourth hour",
        "scripts at once if all start together",
        "if they have waited for hours",
    )
    return table(header, rows)


def report() -> str:
    """The three tables."""
    waits = {least: adaptive(least) for least in LEAST.values()}
    return "\n".join((by_length(waits), promises(waits), at_once()))


def plot(file: Path) -> None:
    """Mean lag and calls by the length of the sync, as SVG."""
    from bench.plots import figure, save

    lengths = sweep(1, LONGEST, 90)
    picture, (left, right) = figure("How late the end of a sync is noticed", "How many calls that takes")
    for vendor, least in LEAST.items():
        found = [seen(adaptive(least), length, draws=SWEEP_DRAWS) for length in lengths]
        label = f"adaptive, at least {least:g} s ({vendor})"
        left.plot(lengths, [one.lag / length * 100 for one, length in zip(found, lengths)], label=label, linewidth=2)
        right.plot(lengths, [one.mean_calls for one in found], label=label, linewidth=2)
    for interval, grey in zip(FIXED, ("0.75", "0.65", "0.5", "0.35", "0.2")):
        found = [seen(fixed(interval), length, draws=SWEEP_DRAWS) for length in lengths]
        style = {"color": grey, "linestyle": "--", "linewidth": 1, "label": f"every {interval} s"}
        left.plot(lengths, [one.lag / length * 100 for one, length in zip(found, lengths)], **style)
        right.plot(lengths, [one.mean_calls for one in found], **style)
    left.axhline(12, color="tab:red", linewidth=0.8)
    left.set(ylabel="mean lag, % of the length", yscale="log", ylim=(0.3, 300), yticks=(1, 2.5, 12, 50, 100))
    left.set_yticks((), minor=True)
    left.set_yticklabels(("1", "2.5", "12", "50", "100"))
    right.set(ylabel="calls", yscale="log", ylim=(0.8, 3000), yticks=(1, 10, 100, 1000))
    right.set_yticklabels(("1", "10", "100", "1000"))
    for axes in (left, right):
        axes.set(xlabel="length of the sync", xscale="log", xlim=(1, LONGEST))
        axes.set_xticks((*LENGTHS.values(), LONGEST))
        axes.set_xticklabels((*LENGTHS, "4 h"))
        axes.set_xticks((), minor=True)
    right.legend(fontsize=8)
    save(picture, file)


def main() -> None:
    """Print the tables, or draw the plot."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the plot (needs bench/requirements.txt)")
    given = parser.parse_args()
    if given.plot:
        plot(given.plot)
    else:
        print(report())


if __name__ == "__main__":
    main()
