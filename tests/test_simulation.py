"""The real scripts over random timelines of a model of each vendor; see tests/simulation for what is modelled."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.simulation.survey import SIMULATE, one, survey
from tests.simulation.world import quiet

TIMELINES = 2_000


@pytest.mark.slow
@pytest.mark.parametrize("vendor", SIMULATE)
def test_no_timeline_ends_with_a_wrong_verdict_a_double_start_or_a_missed_end(vendor):
    *_, found = survey(vendor, 0, TIMELINES)
    faults = [
        f"{vendor}: {fault}; replay it with: python -m tests.simulation {vendor} --seed {seed}"
        for seed, fault in found.faults[:5]
    ]
    assert not faults, "\n".join(faults)
    assert found.timelines == TIMELINES
    assert found.verdicts["succeeded"] > TIMELINES / 5, "the simulation does not reach its ends"
    assert found.verdicts["failed"] > TIMELINES / 10
    assert sum(found.classes.values()) < TIMELINES / 7, "too much is counted apart"


@pytest.mark.parametrize("vendor", SIMULATE)
@pytest.mark.parametrize("seed", range(0, 800, 100))
def test_a_seed_tells_the_same_story_again(vendor, seed):
    assert one(vendor, seed) == one(vendor, seed)


@pytest.mark.slow
@pytest.mark.parametrize("vendor", SIMULATE)
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(rng=st.randoms(use_true_random=False))
def test_hypothesis_finds_no_fault_either(vendor, rng: random.Random):
    with quiet():
        assert SIMULATE[vendor](1, rng=rng).fault == ""
