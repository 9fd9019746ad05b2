"""Prices by the length of windows: fronts against every pipeline, one by one; the cheapest way against a fine grid."""

from __future__ import annotations

import itertools
import math
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from chipweave.evaluation.audit import faults_of_proof
from chipweave.evaluation.by_length import (
    Fronts,
    Reference,
    cheapest_by_length,
    fineness,
    fronts_of,
    lengths_near,
    rates_of,
    taken_by,
)
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.evaluation.line_by_length import LEVELS
from chipweave.evaluation.lines import least, lines_of_pipelines
from chipweave.evaluation.pipelines import SPAN, ground_of, shapes_of, times_of
from chipweave.evaluation.tables.cheapest import NEVER
from chipweave.evaluation.tables.fronts import Rates
from chipweave.ndarrays import Floats
from chipweave.plan.certificate import ByLength, Line, Proof, Prover, Space
from chipweave.plan.problem import Fidelity, pose
from tests.evaluation.test_proof import EDP, require_above
from tests.support import random_problem, random_schedule, seeds

Points = dict[tuple[int, int, tuple[int, ...]], list[tuple[float, float, float]]]
"""By first unit, unit behind the last, and chiplets of each class, of every pipeline: seconds, joules, and seconds with
each stage's least pace, wherever it stands in a pipeline (by which ranges of paces are told)."""


def fronts_at(ready: Prepared, power_w: float, byte_j: float = 0.0) -> Fronts:
    with ThreadPoolExecutor(2) as pool:
        made = fronts_of(ready, Reference(1.0, power_w, byte_j), pool, lambda: False)
    assert made is not None
    return made


def pipelines_of(ready: Prepared, byte_j: float) -> Points:
    """Every cut of every part of the first task into stages, on all chiplets and at all micro-batches, one by one."""
    tables, found = ready.once(ground_of, 0).tables, Points()
    counts = np.bincount(ready.package.class_of, minlength=len(ready.package.classes))
    units = len(ready.tasks[0].model.units)
    for begin, end in itertools.combinations(range(units + 1), 2):
        for m, size in enumerate(ready.micro_batches(0)):
            for cuts in range(min(end - begin, int(counts.sum()))):
                for inner in itertools.combinations(range(begin + 1, end), cuts):
                    for classes in itertools.product(range(len(counts)), repeat=cuts + 1):
                        used = np.bincount(classes, minlength=len(counts))
                        if (used > counts).any():
                            continue
                        bounds = zip((begin, *inner), (*inner, end), strict=True)
                        at = [
                            (m, (number == 0) + 2 * (number == cuts), c, j - 1, i)
                            for number, (c, (i, j)) in enumerate(zip(classes, bounds, strict=True))
                        ]
                        pace_s = max(tables.pace_s[each] for each in at)
                        seconds = sum(tables.first_s[each] for each in at) + times_of(ready, 0, size) * pace_s
                        joules = sum(tables.energy_j[each] + byte_j * tables.dram_bytes[each] for each in at)
                        kind_s = max(tables.pace_s[each[0], :, each[2], each[3], each[4]].min() for each in at)
                        fewest_s = seconds - times_of(ready, 0, size) * (pace_s - kind_s)
                        found.setdefault((begin, end, tuple(used.tolist())), []).append((seconds, joules, fewest_s))
    return found


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", seeds(4, 10))
def test_fronts_are_below_every_pipeline_and_near_the_least(seed: int, fidelity: Fidelity) -> None:
    rng = random.Random(seed)
    ready = prepare(random_problem(rng, fidelity, tasks=1, most=4, rows=1, columns=3))
    whole = min(pipelines_of(ready, 0.0).items(), key=lambda each: (each[0][0], -each[0][1]))[1][0]
    byte_j = 1e-12 * rng.random() if fidelity is Fidelity.DETAILED else 0.0
    fronts, ratio = fronts_at(ready, whole[1] / whole[0], byte_j), ready.once(fineness)
    assert ratio is not None
    tables, times = ready.once(ground_of, 0).tables, ready.once(ground_of, 0).fine.times
    paces_s = np.where(tables.pace_s[:, :, :, -1, 0] < NEVER, tables.pace_s[:, :, :, -1, 0], 0.0).max(axis=(1, 2))
    longest_s = float((times * paces_s).max())
    shapes = [tuple(each) for each in ready.once(shapes_of).chiplets.tolist()]
    for (begin, end, chiplets), points in pipelines_of(ready, byte_j).items():
        made = fronts.joules[0][end, shapes.index(chiplets), :, begin]
        for slope, least_j in zip(fronts.slopes.second_w, made, strict=True):
            exact = min(joules + slope * seconds for seconds, joules, _ in points if seconds < 1e29)
            assert least_j <= exact
            told = min(joules + slope * least_s for seconds, joules, least_s in points if seconds < 1e29)
            # Ranges of paces are so wide; and in the first one, from 0 on, the slowest stage's pace counts nothing.
            assert least_j >= told / (1.01 * ratio) - slope * longest_s / SPAN
            assert least_j >= 0.999999 * exact or (slope > 0 and sum(chiplets) > 1)


def least_paid(rates: Rates, fronts: Fronts, begin: int, end: int) -> float:
    """What the cheapest pipeline of a part of the first task pays: at many lengths of windows, one by one."""
    least_paid = math.inf
    for shape in range(len(rates.second)):
        joules = fronts.joules[0][end, shape, :, begin].astype(np.float64)
        if joules[0] > 1e29:
            continue
        for g, low_s in enumerate(rates.start_s):
            high_s = rates.start_s[g + 1] if g + 1 < len(rates.start_s) else 100 * rates.start_s[-1]
            seconds = np.linspace(low_s, high_s, 3001)
            energy_j = (joules[:, None] - fronts.slopes.second_w[:, None] * seconds).max(axis=0)
            least_paid = min(least_paid, float((rates.second[shape, g] * seconds + rates.joule * energy_j).min()))
    return least_paid


@pytest.mark.parametrize("seed", seeds(6, 20))
def test_the_cheapest_way_is_the_cheapest_of_all(seed: int) -> None:
    """Every partition of the units into pipelines, with windows of every length; and its plan pays what it says."""
    rng = random.Random(seed)
    ready = prepare(random_problem(rng, Fidelity.DETAILED, tasks=1, most=4, rows=1, columns=3))
    whole = pipelines_of(ready, 0.0)
    seconds, joules, _ = min(min(points) for points in whole.values())
    fronts, start_s = fronts_at(ready, joules / seconds), lengths_near(20 * seconds, 8)
    shapes, joule = ready.once(shapes_of).chiplets, rng.choice((0.3, 1.0, 3.0)) * seconds / joules
    chiplet = np.array([[0.3 * rng.random() for _ in ready.package.classes] for _ in start_s])
    rates = rates_of(start_s, shapes, chiplet, np.array([rng.random() for _ in start_s]), joule)
    paid, pieces = cheapest_by_length(fronts, 0, rates)
    units = len(ready.tasks[0].model.units)
    exact = [0.0] + [math.inf] * units
    for end in range(1, units + 1):
        exact[end] = min(exact[begin] + least_paid(rates, fronts, begin, end) for begin in range(end))
    assert paid <= exact[units] * (1 + 1e-9)
    assert paid >= exact[units] * (1 - 1e-2)  # the grid of lengths is coarse, fronts are in single precision
    taken = [taken_by(fronts, 0, rates, piece) for piece in pieces]
    by_plan = sum(rates.second[piece.shape, piece.length] * s for piece, (s, _) in zip(pieces, taken, strict=True))
    assert by_plan + joule * sum(energy_j for _, energy_j in taken) == pytest.approx(paid, rel=1e-5)
    assert [piece.first for piece in pieces] == [*(piece.end for piece in pieces[1:]), 0]
    for piece, (s, _) in zip(pieces, taken, strict=True):
        assert np.searchsorted(start_s, s, side="right") - 1 == piece.length


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", seeds(6, 30))
def test_no_schedule_is_below_a_line_by_length_and_the_checker_agrees(seed: int, fidelity: Fidelity) -> None:
    rng = random.Random(seed)
    ready = prepare(random_problem(rng, fidelity))
    lines = lines_of_pipelines(ready, EDP)
    for _ in range(20):
        require_above(evaluate(random_schedule(rng, ready.problem, rng.randint(1, 3)), ready), lines)
    assert faults_of_proof(ready, Proof(Space.ONE_CHIPLET, Prover.OPTIMAL, lines)) == []
    without = [each for each in lines if each.by_length is None]
    assert len(without) < len(lines) or max(each.dram for each in lines) > 0.5  # the DRAM is all that counts
    assert least(EDP, lines)[0] >= least(EDP, without)[0]


def test_ranges_of_few_are_ranges_of_many() -> None:
    """So that prices of few ranges say as much of many."""
    few, many = (lengths_near(3.0, ranges) for ranges, *_ in LEVELS)
    assert all(np.isclose(many, each, rtol=1e-12).any() for each in few)


def changed(line: Line, prices: ByLength) -> list[Line]:
    """The line with each of its numbers changed by a tenth."""

    def other(value: float, by: float) -> float:
        return by * value if value else by

    made = []
    for by in (0.9, 1.1):
        for name in ("latency", "joule", "value", "dram"):
            made.append(line._replace(**{name: other(getattr(line, name), by)}))
        for name in ("chiplet", "chain"):
            numbers: tuple[tuple[float, ...], ...] = getattr(prices, name)
            for g, k in itertools.product(range(len(numbers)), range(len(numbers[0]))):
                row = (*numbers[g][:k], other(numbers[g][k], by), *numbers[g][k + 1 :])
                nested = (*numbers[:g], row, *numbers[g + 1 :])
                made.append(line._replace(by_length=prices._replace(**{name: nested})))
    short = prices._replace(chiplet=prices.chiplet[:-1])
    return [*made, line._replace(by_length=short), line._replace(by_length=prices._replace(chiplet=(), chain=()))]


def test_a_line_that_is_changed_in_any_number_or_moved_is_refused() -> None:
    ready = prepare(random_problem(random.Random(3), Fidelity.DETAILED))
    lines = lines_of_pipelines(ready, EDP)
    at, line = next((at, each) for at, each in enumerate(lines) if each.by_length)
    assert line.by_length is not None
    for each in changed(line, line.by_length):
        other = Proof(Space.ONE_CHIPLET, Prover.OPTIMAL, (*lines[:at], each, *lines[at + 1 :]))
        assert faults_of_proof(ready, other), each
    tasks = ready.problem.scenario.tasks
    longer = replace(ready.problem.scenario, tasks=(replace(tasks[0], batch=tasks[0].batch + 1), *tasks[1:]))
    moved = prepare(pose(longer, ready.package, ready.problem.cost_model, Fidelity.DETAILED))
    assert faults_of_proof(moved, Proof(Space.ONE_CHIPLET, Prover.OPTIMAL, (*lines[:2], line)))


def test_lengths_ascend_from_nothing() -> None:
    lengths: Floats = lengths_near(3.0, 8)
    assert lengths[0] == 0.0
    assert (np.diff(lengths) > 0).all()
    assert lengths[-1] == pytest.approx(3.0 / 0.9)
