"""A proof beside a search: the same lines as one that follows it, and an end where nobody waits for it; and what two
threads ask for at the same time is worked out once."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import numpy as np
import pytest

from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.evaluation.lines import lines_of_pipelines
from chipweave.plan.certificate import Line
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity
from chipweave.schedulers.alone import costed
from chipweave.schedulers.search import Request
from chipweave.schedulers.weave import beside
from chipweave.schedulers.weave.beside import proof_beside
from chipweave.schedulers.weave.best import Best
from chipweave.schedulers.weave.draft import Judge
from tests.support import random_problem, seeds

EDP = objective("edp")
PATIENCE_S = 60.0


def best_of(ready: Prepared, jobs: int) -> Best:
    judge = Judge(ready, costed(ready, False), EDP, False)
    return Best(judge, Request(EDP, jobs=jobs), 0.0, np.random.default_rng(0))


@pytest.mark.parametrize("jobs", [1, 2, 3])
@pytest.mark.parametrize("seed", seeds(2, 6))
def test_beside_a_search_the_same_is_proven(seed: int, jobs: int) -> None:
    problem = random_problem(random.Random(seed), Fidelity.DETAILED)
    best = best_of(prepare(problem), jobs)
    with proof_beside(best) as proof:
        found = proof().lines
    assert found == lines_of_pipelines(prepare(problem), EDP)
    assert best.bounds[-1][1] == best.bound > 0


def test_a_block_that_does_not_wait_ends_the_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof without end, which looks now and then whether it is over."""
    begun, ended = Event(), Event()

    def lines(*asked: object) -> tuple[Line, ...]:
        enough, searched = asked[3], asked[5]
        assert callable(enough)
        assert isinstance(searched, Event)
        begun.set()
        while not enough():
            assert not searched.wait(0.01) or enough()
        ended.set()
        return ()

    monkeypatch.setattr(beside, "lines_of_pipelines", lines)
    best = best_of(prepare(random_problem(random.Random(0), Fidelity.PAPER)), 2)

    def fail() -> None:
        with proof_beside(best):
            assert begun.wait(PATIENCE_S)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert ended.is_set()


def test_what_two_threads_ask_for_is_worked_out_once() -> None:
    ready = prepare(random_problem(random.Random(0), Fidelity.PAPER))
    calls, both = [], Barrier(2)

    def make(_: Prepared, key: int) -> int:
        calls.append(key)
        Event().wait(0.05)  # the other thread asks meanwhile
        return 2 * key

    def ask(key: int) -> int:
        both.wait(PATIENCE_S)
        return ready.once(make, key)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(ask, [7, 7])) == [14, 14]
        assert list(pool.map(ask, [8, 9])) == [16, 18]
    assert sorted(calls) == [7, 8, 9]
