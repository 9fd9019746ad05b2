"""Unequal parts in proofs: against every way to fill an axis, and against the cheapest of all candidates."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest

from chipweave.evaluation.exact.shares import sizes
from chipweave.evaluation.exact.split import Sizes
from chipweave.evaluation.unequal import in_two_sizes, undominated


def fillings(length: int, every: list[int], most: int) -> Iterator[list[int]]:
    """All ways to fill an axis with up to so many parts of these sizes, the largest first."""
    if length == 0:
        yield []
    elif most:
        for size in every:
            if size <= length:
                for rest in fillings(length - size, [other for other in every if other <= size], most - 1):
                    yield [size, *rest]


@pytest.mark.parametrize("seed", range(12))
def test_no_way_to_fill_an_axis_costs_less_than_two_sizes(seed: int) -> None:
    """Parts of any times and joules on each of two classes; each waits for the slowest, and every one but the first
    costs a copy."""
    rng = np.random.default_rng(seed)
    length, most = int(rng.integers(2, 40)), int(rng.integers(2, 5))
    every = sizes(length, most)
    seconds, joules = rng.random((2, 2, len(every))) * np.array(every) ** rng.choice([0.0, 0.5, 1.0])
    price, own, copy = rng.random(2), rng.random(), rng.random()

    def paid(parts: list[int], counts: list[float]) -> float:
        waits = seconds[:, parts].min(axis=0).max()
        held = price[:, None] * np.maximum(seconds[:, parts], waits) + joules[:, parts]
        return float(counts @ held.min(axis=0) + own * waits + copy * (sum(counts) - 1))

    found, counts = in_two_sizes(Sizes(np.arange(len(every)), length / np.array(every)), most)
    two = min(
        paid([part for part, count in zip(one, many, strict=True) if count], [count for count in many if count])
        for one, many in zip(found.tolist(), counts.tolist(), strict=True)
    )
    ways = list(fillings(length, every, most))
    assert [length] in ways
    assert len(ways) > 1
    assert two <= min(paid([every.index(part) for part in way], [1.0] * len(way)) for way in ways) * (1 + 1e-12)
    assert (np.array(every)[found] * counts).sum(axis=1) == pytest.approx(length)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_left_out_is_never_the_cheapest_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    group = np.sort(rng.integers(0, 6, 80))
    figures = rng.integers(0, 5, (3, 80)).astype(np.float64)
    kept = undominated(group, figures)
    assert kept.sum() < 80
    for _ in range(50):
        paid = rng.choice([0.0, 1.0, random.Random(seed).random()], 3) @ figures
        for each in set(group.tolist()):
            assert paid[(group == each) & kept].min() == paid[group == each].min()
