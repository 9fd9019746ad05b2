"""Windows with one chiplet a stage: the compiled figures are the evaluator's."""

import random
from dataclasses import replace

import pytest

from chipweave.evaluation.exact.ground import prepare
from chipweave.plan.problem import Fidelity
from chipweave.plan.schedule import Window
from chipweave.schedulers.alone import Alone
from chipweave.schedulers.exact import Exact
from tests.support import random_problem, random_schedule


@pytest.mark.parametrize("fidelity", list(Fidelity))
def test_as_the_evaluator_has_it(fidelity: Fidelity) -> None:
    seen = unfit = 0
    for seed in range(60):
        rng = random.Random(seed)
        ready = prepare(random_problem(rng, fidelity))
        alone, exact = Alone(ready), Exact(ready)
        for fitting in random_schedule(rng, ready.problem, windows=rng.randint(1, 4)).windows:
            sizes = [rng.randint(1, ready.tasks[each.task].batch) for each in fitting.pipelines]
            pairs = zip(fitting.pipelines, sizes, strict=True)
            window = Window(tuple(replace(each, micro_batch=size) for each, size in pairs))
            made, expected = alone.timed(window), exact.timed(window)
            if made is None or expected is None:
                assert made is expected
                unfit += 1
                continue
            assert made.latency_s == pytest.approx(expected.latency_s, rel=1e-12)
            assert made.energy_j == pytest.approx(expected.energy_j, rel=1e-12)
            assert [task for task, _ in made.ends_s] == [task for task, _ in expected.ends_s]
            for (_, end_s), (_, expected_s) in zip(made.ends_s, expected.ends_s, strict=True):
                assert end_s == pytest.approx(expected_s, rel=1e-12)
            assert alone.timed(window) is made
            seen += 1
    assert seen > 60
    assert (unfit > 0) == (fidelity is Fidelity.PAPER)
