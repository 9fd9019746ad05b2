"""What a pipeline takes at least, held against every pipeline there is."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.evaluation.law import EMPTY, latency_s_of, through
from chipweave.evaluation.tables.bench import arrays_of, stage_tables
from chipweave.plan.problem import Fidelity
from chipweave.schedulers.scar.energy_caps import (
    Caps,
    Least,
    beside,
    ends_s,
    ladder,
    least_of,
    least_of_window,
    side_by_side_j,
)
from chipweave.schedulers.scar.labels import StageSeconds
from chipweave.schedulers.scar.reconfigure import Share
from chipweave.schedulers.scar.segment import beat_of, least_of_share
from chipweave.schedulers.scar.trees import KindTree, kind_tree, onward
from tests.support import random_problem, seeds


def pipelines(ready: Prepared, tree: KindTree, share: Share, longest: int) -> list[tuple[float, float]]:
    """(latency_s, energy_j) of every pipeline, by the law as it is written."""
    found = []
    units = share.end - share.first
    for micro in ready.micro_batches(share.task):
        tables, beat = stage_tables(ready, *share, micro, tree.kinds, longest), beat_of(ready, share.task, micro)
        for node, depth in enumerate(tree.depth):
            if depth > min(longest, units):
                continue
            kinds, at = [], node
            while at >= 0:
                kinds, at = [tree.kind[at], *kinds], tree.parent[at]
            for cuts in itertools.combinations(range(1, units), depth - 1):
                edges = [0, *cuts, units]
                stages = [(kind, i, j - 1) for kind, i, j in zip(kinds, edges[:-1], edges[1:], strict=True)]
                if any(np.isinf(tables.fill_s[stage]) for stage in stages):
                    continue
                passed = EMPTY
                for stage in stages:
                    seconds = StageSeconds(*(float(getattr(tables, name)[stage]) for name in StageSeconds._fields))
                    if beat.number == 1:
                        seconds = seconds._replace(steady_s=0.0)
                    passed = through(passed, seconds, beat.number)
                latency_s = latency_s_of(passed, beat.number, ready.rates)
                found.append((latency_s, sum(float(tables.energy_j[stage]) for stage in stages)))
    return found


@pytest.mark.parametrize("seed", seeds(12, 100))
def test_every_pipeline_lies_behind_what_is_least(seed: int) -> None:
    rng = random.Random(seed)
    fidelity = rng.choice([Fidelity.PAPER, Fidelity.DETAILED])
    ready = prepare(random_problem(rng, fidelity, tasks=1, most=6, rows=2, columns=2))
    tree = kind_tree(ready.package, 4, 10_000)
    units = arrays_of(ready, 0).units
    first = rng.randrange(units)
    share = Share(0, first, rng.randint(first + 1, units))
    for longest in (1, 2, 4):
        least = least_of_share(ready, share, tree, longest)
        every = pipelines(ready, tree, share, longest)
        assert every
        latency_s, energy_j = (np.array(each) for each in zip(*every, strict=True))
        assert (least.within(latency_s * (1 + 1e-9)) <= energy_j * (1 + 1e-9)).all()
        # The ends are no looser than a hair: there are pipelines as fast, and as cheap, as is said.
        assert least.energy_j[-1] == pytest.approx(energy_j.min(), rel=1e-6)


@pytest.mark.parametrize("seed", seeds(5, 30))
def test_ways_onward_are_the_paths_of_the_tree(seed: int) -> None:
    rng = random.Random(seed)
    problem = random_problem(rng, Fidelity.PAPER, tasks=1, most=2, rows=2, columns=rng.choice([2, 3]))
    tree = kind_tree(problem.package, 6, 10_000)
    for longest in (1, 2, 5):
        ways = onward(tree.arrays, longest)

        def follow(way: int) -> set[tuple[int, ...]]:
            steps = range(ways.begin[way], ways.begin[way + 1])  # noqa: B023 - called in this round only
            return {(), *((ways.kind[s], *rest) for s in steps for rest in follow(ways.to[s]))}  # noqa: B023

        sequences = {()}
        for node, depth in enumerate(tree.depth):
            if depth <= longest:
                kinds, at = [], node
                while at >= 0:
                    kinds, at = [tree.kind[at], *kinds], tree.parent[at]
                sequences.add(tuple(kinds))
        assert follow(len(ways.begin) - 2) == sequences


points = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=4)


def made(pairs: list[tuple[int, int]]) -> Least:
    return least_of(np.array([s for s, _ in pairs], dtype=float), np.array([j for _, j in pairs], dtype=float))


@given(st.lists(st.lists(points, min_size=1, max_size=3), min_size=1, max_size=3), st.integers(1, 6))
def test_models_side_by_side_share_the_chiplets(parts: list[list[list[tuple[int, int]]]], chiplets: int) -> None:
    latency_s = np.arange(0.0, 11.0)
    got = side_by_side_j([[made(each) for each in part] for part in parts], chiplets, latency_s)
    for count in range(chiplets + 1):
        for at, limit in enumerate(latency_s):
            best = float("inf")
            for split in itertools.product(*(range(1, len(part) + 1) for part in parts)):
                if sum(split) <= count:
                    costs = [
                        min((j for s, j in part[own - 1] if s <= limit), default=float("inf"))
                        for part, own in zip(parts, split, strict=True)
                    ]
                    best = min(best, sum(costs))
            assert got[count, at] == best


def test_what_is_left_falls_with_the_chiplets_taken() -> None:
    # A window of 2 s or less may take 10 J, one of up to 4 s 6 J. The other model takes 5 J within 2 s on one chiplet;
    # on two 3 J within 2 s, and 1 J within 4 s.
    caps = Caps(0.0, 2.0, np.array([10.0, 6.0]))
    other = [made([(2, 5)]), made([(2, 3), (4, 1)])]
    others_j = side_by_side_j([other], 2, ends_s(caps))
    assert others_j.tolist() == [[np.inf, np.inf], [5.0, 5.0], [3.0, 1.0]]
    steps = ladder([beside(caps, others_j[2 - taken]) for taken in (0, 1)])
    assert steps.energy_j.tolist() == [[7.0, 5.0], [7.0, 5.0], [5.0, 1.0]]
    # With one chiplet of its own, 10 - 5 J in 2 s and 6 - 5 J in 4 s; whoever ends within 2 s may do with the former.
    assert steps.at(np.array([1.0, 3.0, 5.0]), np.array([2, 2, 2])).tolist() == [5.0, 1.0, -np.inf]


def test_a_window_lies_behind_its_models_together() -> None:
    one, other = [made([(1, 8), (3, 2)])], [made([(2, 4)])]
    assert least_of_window([one, other], 2, (0.0, 0.0)) == [(2.0, 12.0), (3.0, 6.0)]
    assert least_of_window([one, other], 2, (2.5, 7.0)) == [(2.5, 12.0), (3.0, 7.0)]
