"""The sum over a growing context, against adding up every step."""

from __future__ import annotations

import numpy as np
import pytest

from chipweave.ndarrays import Floats
from chipweave.serving.growing import MOST_PRICED, summed


def brute(price: object, first: int, last: int) -> Floats:
    return np.sum([price(context) for context in range(first, last + 1)], axis=0)  # type: ignore[operator]


def affine(context: int) -> Floats:
    return np.array([3.0 + 0.25 * context, 7.0])


def kinked(context: int) -> Floats:
    """Bound by one thing up to 100 tokens, and by another behind them."""
    return np.array([max(50.0, 0.5 * context), 1.0 + context])


@pytest.mark.parametrize(("first", "last"), [(5, 5), (5, 6), (5, 7), (5, 8), (1, 1000), (2048, 4094)])
def test_affine_figures_come_out_exactly(first: int, last: int) -> None:
    found = summed(affine, first, last)
    assert found.total == pytest.approx(brute(affine, first, last), rel=1e-12)
    assert len(found.priced) == min(3, last - first + 1)
    assert found.off < 1e-12


@pytest.mark.parametrize(("first", "last"), [(1, 400), (90, 110), (3, 5000)])
def test_a_kink_is_looked_at_closely(first: int, last: int) -> None:
    found = summed(kinked, first, last)
    assert found.total == pytest.approx(brute(kinked, first, last), rel=5e-4)
    assert len(found.priced) <= MOST_PRICED + 1


def test_steps_of_stairs_are_priced_in_many_places() -> None:
    """A cost that jumps with every 64 tokens, as full tiles do."""

    def stairs(context: int) -> Floats:
        return np.array([float(-(-context // 64))])

    found = summed(stairs, 1, 2048)
    assert found.total == pytest.approx(brute(stairs, 1, 2048), rel=0.01)
    assert found.off > 0.01
