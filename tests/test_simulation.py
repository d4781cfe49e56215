"""The real scripts over random timelines of a model of each vendor; see tests/simulation for what is modelled."""

from __future__ import annotations

import pytest

from tests.simulation.survey import VENDORS, one, survey

TIMELINES = 2_000


@pytest.mark.slow
@pytest.mark.parametrize("vendor", VENDORS)
def test_no_timeline_ends_with_a_wrong_verdict_a_double_start_or_a_missed_end(vendor):
    *_, found = survey(vendor, 0, TIMELINES)
    replay = f"replay it with: python -m tests.simulation {vendor} --seed"
    assert "\n".join(f"{fault}; {replay} {seed}" for seed, fault in found.faults[:5]) == ""
    assert found.timelines == TIMELINES
    assert found.verdicts["succeeded"] > TIMELINES / 5, "the simulation does not reach its ends"
    assert found.verdicts["failed"] > TIMELINES / 10
    assert sum(found.classes.values()) < TIMELINES / 7, "too much is counted apart"


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("seed", range(0, 800, 100))
def test_a_seed_tells_the_same_story_again(vendor, seed):
    assert one(vendor, seed) == one(vendor, seed)
