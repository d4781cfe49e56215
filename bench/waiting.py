"""How late the end of a sync is seen, and after how many requests: python -m bench --only waiting.

The real wait loop runs on a clock that only its sleeping moves, with its jitter, as a trigger that waits runs it: the
first poll comes after the first pause. Beside it, polls at a fixed interval. Lengths of syncs are drawn evenly from ten
per cent below to ten above the one named (stratified). Everything is seeded: the same figures come out again.
"""

from __future__ import annotations

import math
import random
import statistics
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from bench.processes import table
from shared.polling import Pace, Pending, poll_until
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
INTERVAL = 60.0  # POLL_INTERVAL, the default
ADAPTIVE = {  # seconds: the vendors' minimum polling intervals
    "adaptive, at least 2 s (Fivetran, RudderStack)": 2.0,
    "adaptive, at least 5 s (Nango, one connection)": 5.0,
    "adaptive, at least 10 s (Nango, all connections)": 10.0,
}
LIMITS = (  # whose, requests, in how many seconds, minimum and maximum polling interval, requests before the first poll
    ("Fivetran, 20,000 an hour", 20_000, HOUR, 2.0, INTERVAL, 2),
    ("Fivetran, trial, 500 an hour", 500, HOUR, 2.0, INTERVAL, 2),
    ("Fivetran, trial, poll interval 600", 500, HOUR, 2.0, 600.0, 2),
    ("Nango, 200 a minute, one connection", 200, MINUTE, 5.0, INTERVAL, 2),
    ("Nango, 200 a minute, all connections", 200, MINUTE, 10.0, INTERVAL, 2),
)

Polls = Sequence[float]  # the seconds at which one run polls


class Seen(NamedTuple):
    """Of syncs around one length: the mean and the worst lag in seconds, and the mean number of polls."""

    lag: float
    worst: float
    requests: float


@cache
def adaptive(min_interval: float, interval: float = INTERVAL) -> list[Polls]:
    """When the wait loop polls a sync that never ends, in each of WAITS runs."""
    before = random.getstate()
    random.seed(SEED)
    try:
        with quiet():
            return [_polls(min_interval, interval) for _ in range(WAITS)]
    finally:
        random.setstate(before)


def _polls(min_interval: float, interval: float) -> Polls:
    clock = World(random.Random(SEED))
    times: list[float] = []

    def poll() -> Pending:
        times.append(clock.t)
        return Pending("it is running")

    end = LONGEST * (1 + SPREAD) + 2 * max(interval, LONGEST / 40)
    poll_until(poll, Pace(clock, clock.monotonic() + end, min_interval, interval), seen=True)
    return times


def fixed(interval: float) -> list[Polls]:
    return [[interval * number for number in range(1, math.ceil(LONGEST * (1 + SPREAD) / interval) + 2)]]


def seen(runs: Sequence[Polls], length: float, draws: int = DRAWS) -> Seen:
    """What comes of watching syncs of about `length` seconds; the run and the length of each are drawn."""
    rng = random.Random(f"{SEED} {length}")
    lags, requests = [], []
    for number in range(draws):
        true = length * (1 + SPREAD * (2 * (number + rng.random()) / draws - 1))  # one from each of so many strata
        polls = runs[number % len(runs)]
        index = bisect_left(polls, true)
        lags.append(polls[index] - true)
        requests.append(index + 1)
    return Seen(statistics.fmean(lags), max(lags), statistics.fmean(requests))


def rules() -> dict[str, list[Polls]]:
    """When each rule polls, by its name."""
    return {
        **{label: adaptive(min_interval) for label, min_interval in ADAPTIVE.items()},
        **{f"every {interval} s": fixed(interval) for interval in FIXED},
    }


def by_length() -> str:
    header = ["mean lag / worst lag / requests", *LENGTHS]
    rows = []
    for rule, runs in rules().items():
        found = [seen(runs, length) for length in LENGTHS.values()]
        rows.append([rule, *(f"{one.lag:.1f} / {one.worst:.1f} s / {one.requests:.1f}" for one in found)])
    return table(header, rows)


def at_once() -> str:
    """How many scripts may wait at once under the vendors' rate limits."""
    rows = []
    for whose, limit, window, min_interval, interval, before in LIMITS:
        runs = adaptive(min_interval, interval)
        first = statistics.fmean(before + bisect_left(run, window) for run in runs)
        worst = max(before + bisect_left(run, window) for run in runs)
        steady = statistics.fmean(bisect_left(run, LONGEST) - bisect_left(run, LONGEST - HOUR) for run in runs)
        steady *= window / HOUR
        rows.append(
            (whose, f"{first:.1f}", f"{worst}", f"{steady:.1f}", f"{int(limit / first):,}", f"{int(limit / steady):,}")
        )
    header = (
        "rate limit",
        "requests of one script in its first hour or minute",
        "at most",
        "in the fourth hour",
        "scripts at once, if all start together",
        "scripts at once, if all have waited for hours",
    )
    return table(header, rows)


def report() -> str:
    return "\n".join((by_length(), at_once()))


def plot(file: Path) -> None:
    """Mean lag and requests by the length of the sync, as SVG."""
    from bench.plots import figure, save

    lengths = [LONGEST ** (step / 90) for step in range(91)]  # from a second on, each longer by the same factor
    picture, (left, right) = figure("How late the end of a sync is seen", "How many requests that takes")
    greys = iter(("0.75", "0.65", "0.5", "0.35", "0.2"))
    for label, runs in rules().items():
        found = [seen(runs, length, SWEEP_DRAWS) for length in lengths]
        adapts = label in ADAPTIVE
        style: Any = {"linewidth": 2} if adapts else {"linewidth": 1, "linestyle": "--", "color": next(greys)}
        left.plot(lengths, [one.lag / length * 100 for one, length in zip(found, lengths)], label=label, **style)
        right.plot(lengths, [one.requests for one in found], label=label, **style)
    left.axhline(12, color="tab:red", linewidth=0.8)
    left.set(ylabel="mean lag, % of the length", yscale="log", ylim=(0.3, 300), yticks=(1, 2.5, 12, 50, 100))
    left.set_yticks((), minor=True)
    left.set_yticklabels(("1", "2.5", "12", "50", "100"))
    right.set(ylabel="requests", yscale="log", ylim=(0.8, 3000), yticks=(1, 10, 100, 1000))
    right.set_yticklabels(("1", "10", "100", "1000"))
    for axes in (left, right):
        axes.set(xlabel="length of the sync", xscale="log", xlim=(1, LONGEST))
        axes.set_xticks((*LENGTHS.values(), LONGEST))
        axes.set_xticklabels((*LENGTHS, "4 h"))
        axes.set_xticks((), minor=True)
    right.legend(fontsize=8)
    save(picture, file)
