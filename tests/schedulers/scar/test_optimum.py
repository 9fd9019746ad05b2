"""SCAR's search finds what plain enumeration finds."""

from __future__ import annotations

import random

import pytest

from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, Problem
from chipweave.schedulers.scar.options import Provision, ScarOptions
from chipweave.schedulers.scar.reconfigure import Windows
from chipweave.schedulers.scar.scheduler import search_windows
from chipweave.schedulers.search import Request
from tests.enumeration import best_value, random_windows
from tests.support import random_problem, seeds


def instance(seed: int, fidelity: Fidelity) -> tuple[Problem, Windows]:
    """Two models of up to 6 layers or three of up to 4, skips included, on 2x2 or 2x3 chiplets."""
    rng = random.Random(seed)
    tasks = rng.choice([2, 2, 3])
    columns = 2 if tasks == 3 else rng.choice([2, 3])
    problem = random_problem(
        rng, fidelity, tasks=tasks, most=4 if tasks == 3 else 6 if columns == 2 else 5, rows=2, columns=columns
    )
    return problem, random_windows(rng, problem)


def searched(problem: Problem, windows: Windows, name: str, exact: bool = False) -> float:
    """The search's value, by the plain evaluator."""
    options = ScarOptions(provision=Provision.EXHAUSTIVE, top_k=None, exact=exact)
    found = search_windows(problem, Request(objective(name)), [windows], options)
    assert faults_of(found.schedule, problem) == []
    evaluation = evaluate(found.schedule, problem)
    return objective(name)(evaluation.latency_s, evaluation.energy_j)


@pytest.mark.parametrize("seed", seeds(30, 120))
def test_paper_fidelity_equals_enumeration(seed: int) -> None:
    problem, windows = instance(seed, Fidelity.PAPER)
    for name in ("latency", "energy", "edp"):
        best = best_value(problem, windows, objective(name))
        assert searched(problem, windows, name, exact=seed % 2 == 1) == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize("seed", seeds(20, 60))
def test_detailed_fidelity_comes_close_to_enumeration(seed: int) -> None:
    problem, windows = instance(seed, Fidelity.DETAILED)
    best = best_value(problem, windows, objective("edp"))
    value = searched(problem, windows, "edp")
    assert best * (1 - 1e-12) <= value <= best * 1.02
