"""Climbing: what a draft is worth after every change, and that no change is left that helps."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from chipweave.evaluation.bound import lower_bound
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import prepare
from chipweave.plan.objective import objective
from chipweave.schedulers.alone import costed
from chipweave.schedulers.search import Request
from chipweave.schedulers.weave.draft import Draft, Judge
from chipweave.schedulers.weave.improve import Change, Climber, InVain, improve, shaken, usual_kinds
from tests.schedulers.weave.test_rewindow import random_draft, ready_of

SEEDS = range(8)


def climber_of(seed: int, limited: bool = False) -> Climber:
    """Three models on four chiplets, one of which waits for another; if `limited`, they are late at first."""
    rng = random.Random(seed)
    ready, wide = ready_of(rng), rng.random() < 0.5
    if limited:
        least_s = lower_bound(ready, objective("latency")).latency_s
        tasks = tuple(replace(task, latency_limit_s=1.5 * least_s) for task in ready.tasks)
        ready = prepare(replace(ready.problem, scenario=replace(ready.problem.scenario, tasks=tasks)))
    made = Climber.start(Judge(ready, costed(ready, wide), objective("edp"), wide), random_draft(rng, ready, wide))
    assert made is not None
    return made


def every_change(judge: Judge, draft: Draft) -> Iterator[Change]:
    for kind in usual_kinds():
        for at in range(len(draft)):
            yield from kind(judge, draft, at)


def value_of(judge: Judge, draft: Draft) -> float:
    """The evaluator's word for it."""
    found = evaluate(judge.schedule(draft), judge.ready)
    return judge.objective(found.latency_s, found.energy_j)


def nothing(value: float) -> None: ...


@pytest.mark.parametrize("seed", SEEDS)
def test_a_climber_knows_what_its_draft_is_worth(seed: int) -> None:
    """After each change that is taken, the worth is that of the whole schedule, evaluated at once."""
    climber, taken = climber_of(seed), 0
    for change in list(every_change(climber.judge, climber.draft)):
        before = climber.worth.value
        if change.applies(climber.draft) and climber.tries(change) is None:
            taken += 1
            assert climber.worth.value < before
            assert climber.worth.value == pytest.approx(value_of(climber.judge, climber.draft), rel=1e-9)
    assert taken


@pytest.mark.parametrize("seed", SEEDS)
def test_no_change_helps_in_the_end_where_models_are_late(seed: int) -> None:
    """Whether a change helps then depends on when its window begins, so that nothing is left out."""
    climber = climber_of(seed, limited=True)
    judge = climber.judge
    improve(climber, 10**9, Request(objective("edp")), nothing)
    for change in every_change(judge, climber.draft):
        worth = judge.worth(judge.schedule(change.made(climber.draft)).windows)
        assert worth is None or worth >= climber.worth._replace(value=(1 - 1e-9) * climber.worth.value)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_change_helps_in_the_end(seed: int) -> None:
    """Windows where changes were in vain are left out, here and in later climbs; nothing is missed by that."""
    climber, vain = climber_of(seed), InVain()
    judge, dice = climber.judge, np.random.default_rng(seed)
    for _ in range(3):
        improve(climber, 10**9, Request(objective("edp")), nothing, None, vain)
        for change in every_change(judge, climber.draft):
            assert value_of(judge, change.made(climber.draft)) >= (1 - 1e-9) * climber.worth.value
        again = Climber.start(judge, shaken(judge, climber.draft, dice))
        assert again is not None
        climber = again
