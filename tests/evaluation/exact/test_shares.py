"""How an axis is shared out: in equal parts, or in proportion to weights."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chipweave.evaluation.exact.layout import owned
from chipweave.evaluation.exact.shares import PIECES, PIECES_EACH, capacities, ends, pieces, quantum, sizes
from chipweave.evaluation.record import Split

lengths = st.integers(1, 5000)
many_weights = st.lists(st.integers(0, 100), min_size=1, max_size=40).filter(any)


def lengths_of(length: int, weights: list[int]) -> list[int]:
    return [int(each) for each in np.diff(ends(length, len(weights), weights))]


def test_by_hand() -> None:
    """768 channels for eight chiplets, one of which does four times as much: 768 / 24 = 32, so quanta of 32, 24 of
    them. After i of the seven it is 24 i / 11 of them, rounded down: 2, 4, 6, 8, 10, 13 and 15. The last has nine."""
    assert quantum(768, 8) == 32
    assert pieces(768, 8) == 24
    made = ends(768, 8, [1] * 7 + [4])
    assert made.tolist() == [0, 64, 128, 192, 256, 320, 416, 480, 768]


def test_a_short_axis_has_quanta_of_one_and_a_last_one_may_be_short() -> None:
    assert quantum(47, 2) == 1
    assert quantum(98, 2) == 4
    assert pieces(98, 2) == 25
    assert ends(98, 2, [0, 3]).tolist() == [0, 0, 98]
    assert sizes(98, 2) == sorted({*range(4, 98, 4), *range(2, 100, 4)})


@given(lengths, many_weights)
def test_parts_cover_the_axis_exactly_and_in_order(length: int, weights: list[int]) -> None:
    made = ends(length, len(weights), weights).tolist()
    assert (made[0], made[-1]) == (0, length)
    assert all(a <= b for a, b in pairwise(made))


@given(lengths, many_weights)
def test_parts_are_proportional_within_a_quantum(length: int, weights: list[int]) -> None:
    step = quantum(length, len(weights))
    for found, weight in zip(lengths_of(length, weights), weights, strict=True):
        share = Fraction(step * pieces(length, len(weights)) * weight, sum(weights))
        assert abs(found - share) < 2 * step
        assert weight or found == 0
    for number, end in enumerate(ends(length, len(weights), weights).tolist()):
        earned = Fraction(step * pieces(length, len(weights)) * sum(weights[:number]), sum(weights))
        assert min(length, earned) - step < end <= earned


@given(lengths, many_weights, st.data())
def test_more_weight_never_gives_less(length: int, weights: list[int], data: st.DataObject) -> None:
    """Neither to the chiplet itself nor to it and those before it; those before it have no more than they had."""
    at = data.draw(st.integers(0, len(weights) - 1))
    more = [weight + (number == at) for number, weight in enumerate(weights)]
    before, after = ends(length, len(weights), weights), ends(length, len(more), more)
    assert (after[at + 1 :] >= before[at + 1 :]).all()
    assert (after[: at + 1] <= before[: at + 1]).all()
    assert lengths_of(length, more)[at] >= lengths_of(length, weights)[at]


@given(lengths, many_weights)
def test_every_size_of_a_part_is_known(length: int, weights: list[int]) -> None:
    """Also to who knows those of more chiplets: sizes of fewer are among them."""
    for most in (len(weights), len(weights) + 1, 3 * len(weights)):
        assert {each for each in lengths_of(length, weights) if each} <= set(sizes(length, most))


@given(lengths, st.integers(1, 60))
def test_there_are_enough_quanta_and_not_many_sizes(length: int, parts: int) -> None:
    least = max(PIECES, PIECES_EACH * parts)
    assert pieces(length, parts) >= min(length, least)
    assert pieces(length, parts) <= 2 * least
    assert len(sizes(length, parts)) <= 4 * least


@given(lengths, st.integers(1, 60), st.integers(1, 9))
def test_equal_weights_of_single_quanta_are_equal_parts(length: int, parts: int, weight: int) -> None:
    if quantum(length, parts) == 1:
        assert (ends(length, parts, [weight] * parts) == ends(length, parts)).all()


@given(lengths, many_weights)
def test_the_boxes_of_parts_have_these_ends(length: int, weights: list[int]) -> None:
    """Of a layer with `length` rows, one column and one channel, cut in rows."""
    layer = np.zeros(16, np.int64)
    layer[[1, 2, 3, 4, 5, 6, 7, 8]] = (length, 1, 1, 1, length, 1, 1, 1)
    if len(weights) > 1:
        split = Split(rows=len(weights), weights=tuple(weights))
        boxes = owned(layer, split, 1, len(weights))
        assert boxes[:, 2].tolist() == ends(length, len(weights), weights)[:-1].tolist()
        assert boxes[:, 3].tolist() == ends(length, len(weights), weights)[1:].tolist()


def of_classes(quanta: int) -> st.SearchStrategy[list[list[int]]]:
    return st.lists(st.lists(st.integers(1, 50), min_size=quanta, max_size=quanta), min_size=1, max_size=3)


@given(st.integers(1, 12).flatmap(of_classes), st.data())
def test_capacities_are_of_the_least_time_that_is_enough(seconds: list[list[int]], data: st.DataObject) -> None:
    """Against every time that any number of quanta takes."""
    chiplets = [data.draw(st.integers(1, 4)) for _ in seconds]

    def able(each: list[int], time_s: float) -> int:
        return next((k for k, one in enumerate(each) if one > time_s), len(each))

    enough = [
        time_s
        for time_s in {one for each in seconds for one in each}
        if sum(n * able(each, time_s) for each, n in zip(seconds, chiplets, strict=True)) >= len(seconds[0])
    ]
    found, weights = capacities([np.array(each, float) for each in seconds], chiplets)
    assert found == min(enough)
    assert weights == [able(each, found) for each in seconds]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=3), st.data())
def test_nobody_gets_more_than_it_can_do(rates: list[int], data: st.DataObject) -> None:
    """Parts by these weights take no longer than the time that they are of."""
    length = data.draw(st.integers(1, 400))
    chiplets = [data.draw(st.integers(1, 4)) for _ in rates]
    quanta = pieces(length, sum(chiplets))
    seconds = [np.arange(1, quanta + 1) * float(rate) for rate in rates]
    time_s, weights = capacities(seconds, chiplets)
    each = [weight for weight, many in zip(weights, chiplets, strict=True) for _ in range(many)]
    paces = [rate for rate, many in zip(rates, chiplets, strict=True) for _ in range(many)]
    step = quantum(length, len(each))
    for part, pace in zip(lengths_of(length, each), paces, strict=True):
        assert math.ceil(part / step) * pace <= time_s
