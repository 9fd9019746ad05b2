"""Sensitivities against functions whose indices are known, and against sums written out in loops."""

from __future__ import annotations

from itertools import product
from math import pi
from statistics import fmean, median, pvariance

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import qmc, sobol_indices, uniform

from chipweave.sweep.sensitivity import (
    all_but,
    first_order,
    is_product,
    joint,
    of_product,
    one_at_a_time,
    quantiles,
)

ISHIGAMI_FIRST, ISHIGAMI_TOTAL = (0.3139, 0.4424, 0.0), (0.5576, 0.4424, 0.2437)
"""Ishigami and Homma 1990, with a = 7 and b = 0.1."""


def ishigami(x: np.ndarray) -> np.ndarray:
    """Of (3, points)."""
    return np.sin(x[0]) + 7 * np.sin(x[1]) ** 2 + 0.1 * x[2] ** 4 * np.sin(x[0])


def indices(levels: np.ndarray, axis: int, values: np.ndarray) -> tuple[float, float] | None:
    return of_product(levels[:, axis], all_but(levels, axis), values)


def grid(*sizes: int) -> np.ndarray:
    return np.array(list(product(*map(range, sizes))), np.int64)


@st.composite
def tables(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """A product of two or three axes in any order, and a value for each combination."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=3))
    levels = grid(*sizes)
    values = draw(st.lists(st.integers(-9, 9), min_size=len(levels), max_size=len(levels)))
    order = draw(st.permutations(range(len(levels))))
    return levels[list(order)], np.array(values, np.float64)


@given(tables())
def test_indices_of_a_product_are_the_variances_written_out(table: tuple[np.ndarray, np.ndarray]) -> None:
    levels, values = table
    assert is_product(levels)
    everything = pvariance(values.tolist())
    for axis in range(levels.shape[1]):
        by_value: dict[int, list[float]] = {}
        by_others: dict[tuple[int, ...], list[float]] = {}
        for row, value in zip(levels.tolist(), values.tolist(), strict=True):
            by_value.setdefault(row[axis], []).append(value)
            by_others.setdefault((*row[:axis], *row[axis + 1 :]), []).append(value)
        found, apart = indices(levels, axis, values), one_at_a_time(all_but(levels, axis), values)
        if everything == 0:
            assert found is None
        else:
            first = pvariance([fmean(group) for group in by_value.values()]) / everything
            total = fmean(pvariance(group) for group in by_others.values()) / everything
            assert found == pytest.approx((first, total), abs=1e-9)
        if len(by_value) == 1:
            assert apart is None
        else:
            assert apart is not None
            spans = [max(group) - min(group) for group in by_others.values()]
            assert (apart.sets, apart.typical, apart.largest) == (len(spans), median(spans), max(spans))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=9))
def test_a_product_has_every_combination_once(rows: list[tuple[int, int]]) -> None:
    sizes = [len(set(column)) for column in zip(*rows, strict=True)]
    assert is_product(np.array(rows)) == (len(set(rows)) == len(rows) == sizes[0] * sizes[1])
    numbers = joint(np.array(rows)).tolist()
    assert len(set(zip(rows, numbers, strict=True))) == len(set(numbers)) == len(set(rows))


def test_numbers_that_no_integer_would_hold_are_joined() -> None:
    """Nine columns of a thousand values: 10^27 combinations."""
    levels = np.random.default_rng(0).integers(0, 1000, (50, 9))
    levels[25:] = levels[:25]
    levels[0] = 999
    found = joint(levels)
    assert len(set(found.tolist())) == 26
    assert found[1:25].tolist() == found[26:].tolist()


def test_an_additive_function_by_hand() -> None:
    """2 a + b over a in 0..2, b in 0..1: variances 8/3 and 1/4, together 35/12."""
    levels = grid(3, 2)
    values = 2.0 * levels[:, 0] + levels[:, 1]
    assert indices(levels, 0, values) == pytest.approx((32 / 35, 32 / 35))
    assert indices(levels, 1, values) == pytest.approx((3 / 35, 3 / 35))
    apart = one_at_a_time(all_but(levels, 0), values)
    assert apart is not None
    assert (apart.sets, apart.typical, apart.largest) == (2, 4.0, 4.0)


def test_a_product_alone_explains_nothing_by_itself() -> None:
    """a b over -1 and 1: each axis matters only with the other."""
    levels = grid(2, 2)
    values = ((2 * levels - 1).prod(axis=1)).astype(np.float64)
    assert indices(levels, 0, values) == (0.0, 1.0)


def test_ishigami_on_a_product() -> None:
    steps = 30
    levels = grid(steps, steps, steps)
    x = (levels.T + 0.5) / steps * 2 * pi - pi
    for axis in range(3):
        expected = (ISHIGAMI_FIRST[axis], ISHIGAMI_TOTAL[axis])
        assert indices(levels, axis, ishigami(x)) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("method", [qmc.Sobol, qmc.LatinHypercube])
def test_ishigami_on_samples(method: type) -> None:
    x = (2 * pi * method(3, seed=1).random(2048) - pi).T
    found = [first_order(quantiles(column, 45), ishigami(x)) for column in x]
    assert found == pytest.approx(ISHIGAMI_FIRST, abs=0.04)


def test_scipy_finds_the_same() -> None:
    """Its estimate is made of points of its own; ours of a table of the same function."""
    theirs = sobol_indices(func=ishigami, n=2048, dists=[uniform(-pi, 2 * pi)] * 3, random_state=1)
    assert theirs.first_order == pytest.approx(ISHIGAMI_FIRST, abs=0.04)
    assert theirs.total_order == pytest.approx(ISHIGAMI_TOTAL, abs=0.04)


def test_chance_explains_nothing() -> None:
    rng = np.random.default_rng(0)
    shares = [first_order(rng.integers(0, 20, 400), rng.normal(size=400)) for _ in range(50)]
    assert fmean(share or 0.0 for share in shares) < 0.02


def test_where_nothing_can_be_said() -> None:
    constant = np.full(4, 0.1)
    assert indices(grid(2, 2), 0, constant) is None
    assert first_order(np.array([0, 0, 1, 1]), constant) is None
    assert first_order(np.arange(4), np.arange(4.0)) is None
    assert one_at_a_time(all_but(np.array([[0, 0], [1, 1]]), 0), np.arange(2.0)) is None
    assert not is_product(np.zeros((0, 2), np.int64))


@given(st.lists(st.integers(-3, 9), min_size=1, max_size=40), st.integers(1, 8))
def test_groups_are_in_order_and_about_alike(column: list[int], groups: int) -> None:
    found = quantiles(np.array(column, np.float64), groups)
    pairs = sorted(zip(column, found.tolist(), strict=True))
    assert [group for _, group in pairs] == sorted(found.tolist())
    assert all(one[1] == other[1] for one in pairs for other in pairs if one[0] == other[0])
    assert set(found.tolist()) == set(range(max(found) + 1))
    if len(set(column)) == len(column):
        sizes = np.bincount(found)
        assert sizes.max() - sizes.min() <= 1 or groups > len(column)
