"""The real scripts against a server that breaks every rule of HTTP, over real sockets, and killed at any moment."""

from __future__ import annotations

import random

import pytest

from sync_blueprints.sandbox import Sandbox
from tests.faults import kills
from tests.faults.play import FAULTS, SCENES, Case, play, sample, survey
from tests.support import MovableClock

pytestmark = [pytest.mark.slow, pytest.mark.sockets]

CASES, KILLS, INTERRUPTIONS = 340, 30, 10
SEED = 20261122


@pytest.mark.parametrize("name", SCENES)
def test_a_response_that_is_right_but_odd_changes_nothing(name: str) -> None:
    played = play(Case(name, 1, "in chunks", lasting=True))
    assert (played.outcome, played.broken) == (SCENES[name].ends, [])


def test_no_fault_on_the_wire_breaks_a_promise() -> None:
    played = list(survey(sample(CASES, SEED)))
    broken = [f'{one.broken}; python -m tests.faults --one "{one.case}"' for one in played if one.broken]
    assert "\n".join(broken) == ""
    assert len(played) == CASES
    assert {one.kind for one in played} == {fault.kind for fault in FAULTS.values()} | {"fields"}
    assert sum(one.starts for one in played) > CASES / 10, "the faults come before anything happens"


def test_a_trigger_that_is_killed_or_interrupted_leaves_a_true_verdict_or_an_honest_error() -> None:
    clock, rng = MovableClock(), random.Random(SEED)
    with Sandbox(clock=clock) as sandbox:
        moments = list(kills.everything(sandbox, clock))
        found = kills.kill([*rng.sample(moments, KILLS), *kills.at_random(INTERRUPTIONS, rng)], sandbox, clock)
    assert "\n".join(found.broken) == ""
    assert len(moments) > 1000, "a trigger has more moments than that"
    assert sum(found.ended.values()) == KILLS + INTERRUPTIONS
    assert {"killed", "130", "143"} <= set(found.ended)
    assert {"210", "221"} <= set(found.checks)
