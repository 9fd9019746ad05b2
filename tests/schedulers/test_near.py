"""Plans beside one that was found."""

from __future__ import annotations

import chipweave
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import prepare
from chipweave.plan.objective import objective
from chipweave.plan.schedule import Schedule
from chipweave.schedulers.near import beside


def _differences(one: Schedule, other: Schedule) -> int:
    """In how many pipelines two schedules differ."""
    pairs = [
        (mine, theirs)
        for window, beside in zip(one.windows, other.windows, strict=True)
        for mine, theirs in zip(window.pipelines, beside.pipelines, strict=True)
    ]
    return sum(mine != theirs for mine, theirs in pairs)


def test_plans_beside_standalone_are_valid_distinct_and_in_order() -> None:
    found = chipweave.schedule("arvr-9", "arvr-het-sides-3x3", scheduler="standalone", cost_model="maestro")
    ready, goal = prepare(found.problem), objective("edp")
    near = beside(found.schedule, ready, goal, 31)
    assert len(set(near)) == len(near) > 10
    assert found.schedule not in near
    values = []
    for plan in near:
        assert not faults_of(plan, ready)
        assert 1 <= _differences(found.schedule, plan) <= 2
        cost = evaluate(plan, ready)
        values.append(goal(cost.latency_s, cost.energy_j))
    assert values == sorted(values)
    assert found.value is not None
    assert values[0] >= found.value * (1 - 1e-12)


def test_standalone_has_plans_to_choose_among_by_simulation() -> None:
    found = chipweave.schedule("resnet18", "het-2x2", scheduler="standalone", cost_model="maestro", batch=4, simulate=4)
    assert found.search is not None
    assert any("Simulated 4 plans" in note for note in found.search.notes)
