"""Fronts and hypervolumes against comparing every pair and counting unit cells."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipweave.sweep.pareto import hypervolume, on_front

SIDE = 6


def points(dimensions: int) -> st.SearchStrategy[list[tuple[int, ...]]]:
    """On a small grid, so that points often equal each other in some figures or in all."""
    return st.lists(st.tuples(*[st.integers(0, SIDE)] * dimensions), max_size=14)


BOTH = st.one_of(points(2), points(3)).filter(len)


def array(found: list[tuple[int, ...]], dimensions: int = 2) -> np.ndarray:
    return np.array(found, np.float64).reshape(len(found), -1 if found else dimensions)


@given(BOTH)
def test_a_point_is_on_the_front_where_no_other_is_better(found: list[tuple[int, ...]]) -> None:
    def better(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
        return one != other and all(a <= b for a, b in zip(one, other, strict=True))

    expected = [not any(better(other, each) for other in found) for each in found]
    assert on_front(array(found)).tolist() == expected


@given(BOTH)
def test_the_hypervolume_counts_the_unit_cells_below_the_reference(found: list[tuple[int, ...]]) -> None:
    for corner in (SIDE, SIDE - 2):
        cells = product(range(corner), repeat=len(found[0]))
        ruled = sum(any(all(p <= c for p, c in zip(point, cell, strict=True)) for point in found) for cell in cells)
        assert hypervolume(array(found), [corner] * len(found[0])) == pytest.approx(ruled)


@given(points(2).filter(len))
def test_a_third_figure_that_is_equal_changes_nothing(found: list[tuple[int, ...]]) -> None:
    flat = array(found)
    deep = np.column_stack([flat, np.full(len(flat), 3.0)])
    assert on_front(flat).tolist() == on_front(deep).tolist()
    assert hypervolume(deep, (SIDE, SIDE, 5)) == pytest.approx(2 * hypervolume(flat, (SIDE, SIDE)))


def test_by_hand() -> None:
    """(1, 3), (2, 1) up to (4, 4): 3 x 1 and 2 x 3, of which 2 x 1 twice; the third point is worse than the second."""
    values = array([(1, 3), (2, 1), (3, 2)])
    assert on_front(values).tolist() == [True, True, False]
    assert hypervolume(values, (4, 4)) == 3 * 1 + 2 * 3 - 2 * 1


@pytest.mark.parametrize("dimensions", [2, 3])
def test_of_no_points_there_is_no_front(dimensions: int) -> None:
    nothing = np.zeros((0, dimensions))
    assert on_front(nothing).tolist() == []
    assert hypervolume(nothing, [1.0] * dimensions) == 0


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 4)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    for refused in (on_front, lambda values: hypervolume(values, [1.0])):
        with pytest.raises(ValueError, match="no points of two or three figures"):
            refused(np.zeros(shape))
