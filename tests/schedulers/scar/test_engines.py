"""The engines one by one, against hand-worked cases and counts from the paper."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipweave.evaluation.exact.ground import prepare
from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Package, Routing
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, micro_batch_candidates, pose
from chipweave.schedulers.scar.options import Packing
from chipweave.schedulers.scar.provision import proportional
from chipweave.schedulers.scar.reconfigure import Share, candidate_windows, first_fit, uniform
from chipweave.schedulers.scar.segment import best_segmentations, segmentations
from chipweave.schedulers.scar.trees import kind_tree, simple_paths
from tests.enumeration import everything
from tests.evaluation.exact.plain_regions import Together
from tests.support import random_problem


def grid(rows: int, columns: int) -> Package:
    sides = tuple(sorted({r * columns for r in range(rows)} | {r * columns + columns - 1 for r in range(rows)}))
    return Package(
        "grid",
        (Chiplet("a"),) * (rows * columns),
        topology.mesh(rows, columns),
        sides,
        topology.grid_positions(rows, columns),
        Routing.XY,
    )


class TestFirstFit:
    """Algorithm 1 by hand; boundaries at 10 and 20."""

    def test_layers_that_fit_stay(self) -> None:
        # 4 + 6 = 10 <= 10: both in window 0; 7 <= 20 - 10: window 1; 5 > 20 - 17: deferred to window 2.
        assert first_fit(np.array([4.0, 6.0, 7.0, 5.0]), [10.0, 20.0]) == [(0, 0, 2), (1, 2, 3), (2, 3, 4)]

    def test_a_layer_across_a_boundary_is_deferred_and_time_starts_at_the_boundary(self) -> None:
        # 6 used; 5 > 10 - 6, so window 1 opens with used = 10; 10 + 5 = 15; 5 <= 20 - 15.
        assert first_fit(np.array([6.0, 5.0, 5.0]), [10.0, 20.0]) == [(0, 0, 1), (1, 1, 3)]

    def test_a_layer_longer_than_a_window_waits_for_the_unlimited_last_one(self) -> None:
        assert first_fit(np.array([30.0, 1.0]), [10.0, 20.0]) == [(2, 0, 2)]

    def test_no_boundaries_is_one_window(self) -> None:
        assert first_fit(np.array([3.0, 4.0]), []) == [(0, 0, 2)]

    @given(st.lists(st.floats(0.01, 100), min_size=1, max_size=30), st.lists(st.floats(0.1, 300), max_size=5))
    def test_every_layer_lands_once_and_in_order(self, times: list[float], cuts: list[float]) -> None:
        placed = first_fit(np.array(times), sorted(cuts))
        assert [part[1] for part in placed] == [0, *(part[2] for part in placed[:-1])]
        assert placed[-1][2] == len(times)
        assert [part[0] for part in placed] == sorted({part[0] for part in placed})


def test_uniform_packing_spreads_layers_evenly() -> None:
    assert uniform(np.ones(10), [1.0, 2.0, 3.0, 4.0]) == [(w, 2 * w, 2 * w + 2) for w in range(5)]


class TestProportional:
    def test_equation_2_by_hand(self) -> None:
        # shares 9 * (5, 3, 1) / 9 = 5, 3, 1.
        assert proportional([5.0, 3.0, 1.0], 9) == [5, 3, 1]

    def test_every_model_gets_a_node_and_the_largest_excess_gives_it_back(self) -> None:
        # exact 8.91, 0.045, 0.045; rounded 9, 1, 1 = 11. Excesses 0.09, then -0.91; the others hold one each.
        assert proportional([99.0, 0.5, 0.5], 9) == [7, 1, 1]

    def test_left_over_chiplets_stay_idle(self) -> None:
        # exact 2.25 each: rounded 2 each, one chiplet idle.
        assert proportional([1.0, 1.0, 1.0, 1.0], 9) == [2, 2, 2, 2]

    @given(st.lists(st.floats(0, 1e6), min_size=1, max_size=9))
    def test_never_more_than_there_are(self, demands: list[float]) -> None:
        nodes = proportional(demands, 9)
        assert sum(nodes) <= 9
        assert min(nodes) >= 1


def test_a_3x3_mesh_has_653_directed_simple_paths() -> None:
    # The undirected count of the 3x3 grid graph is (653 - 9) / 2 = 322 paths of at least one link.
    package = grid(3, 3)
    paths = list(simple_paths(package, 9))
    assert len(paths) == len(set(paths)) == 653
    for path in paths:
        assert len(set(path)) == len(path)
        assert all(b in package.neighbours[a] for a, b in pairwise(path))


def test_the_tree_of_kinds_holds_every_path_under_its_kinds() -> None:
    package = grid(3, 3)
    tree = kind_tree(package, 4, 10**6)
    assert tree.complete
    assert sorted(p for paths in tree.paths for p in paths) == sorted(simple_paths(package, 4))
    for node, paths in enumerate(tree.paths):
        kinds = []
        at = node
        while at >= 0:
            kinds.append(tree.kinds[tree.kind[at]])
            at = tree.parent[at]
        for path in paths:
            assert [(package.class_of[c], package.dram_way(c)) for c in path] == kinds[::-1]


@given(st.integers(1, 300))
def test_skipped_micro_batches_are_dominated(batch: int) -> None:
    kept = micro_batch_candidates(batch)
    for micro in range(1, batch + 1):
        assert any(k <= micro and -(-batch // k) == -(-batch // micro) for k in kept)


def test_windows_with_more_tasks_than_chiplets_are_split() -> None:
    problem = random_problem(random.Random(3), Fidelity.PAPER, tasks=7, most=3)
    for windows in candidate_windows(problem, 4, Packing.FIRST_FIT):
        assert all(1 <= len(window) <= 4 for window in windows)
        for task, entry in enumerate(problem.scenario.tasks):
            parts = [(s.first, s.end) for window in windows for s in window if s.task == task]
            assert [first for first, _ in parts] == [0, *(end for _, end in parts[:-1])]
            assert parts[-1][1] == len(entry.model.units)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("top_k", [1, 3])
def test_top_k_keeps_the_best_segmentations(seed: int, top_k: int) -> None:
    """Heuristic 1 against scoring every segmentation by its best placement and micro-batch."""
    problem = random_problem(random.Random(seed), Fidelity.PAPER, tasks=1, rows=2, columns=3)
    ready, edp = prepare(problem), objective("edp")
    (windows,) = candidate_windows(problem, 0, Packing.FIRST_FIT)
    share = windows[0][0]
    tree = kind_tree(problem.package, 6, 10**6)
    longest = min(6, share.end)
    every = segmentations(ready, share, tree, longest, breadth=top_k, least_breadth=top_k)
    scores = np.array([edp(float(s), float(j)) for s, j in every.figures[:, :2]])
    chosen = best_segmentations(every, scores, top_k)
    by_cuts: dict[tuple[int, ...], float] = {}
    plain = everything(ready, share)
    for cuts, latency_s, energy_j in zip(plain.cuts, plain.batch.latency_s, plain.batch.energy_j, strict=True):
        by_cuts[cuts] = min(by_cuts.get(cuts, np.inf), edp(float(latency_s), float(energy_j)))
    best = sorted(by_cuts.values())[:top_k]
    assert sorted(by_cuts[cuts] for cuts in chosen) == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize("fidelity", list(Fidelity))
def test_more_nodes_than_the_longest_path_has_are_no_more(fidelity: Fidelity) -> None:
    """On a star of five a path has three places: limits of three, four and five nodes are the same search."""
    star = Package("star", (Chiplet("a", l2_bytes=2000),) * 5, tuple((0, leaf) for leaf in range(1, 5)), (0,))
    scenario = random_problem(random.Random(5), fidelity, tasks=1).scenario
    problem = pose(scenario, star, Together(), fidelity)
    ready, tree = prepare(problem), kind_tree(star, 5, 1000)
    assert max(tree.depth) == 3
    share = Share(0, 0, len(scenario.tasks[0].model.units))
    three, *more = (segmentations(ready, share, tree, longest) for longest in (3, 4, 5))
    assert len(three.node) > 0
    for other in more:
        assert (other.node == three.node).all()
        assert (other.figures == three.figures).all()
        assert (other.cuts == three.cuts).all()
