"""Compiled: numbers, each with a time, of which the earliest comes first, and at one time the lowest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.compiled import inner
from chipweave.ndarrays import Floats, Ints


class Heap(NamedTuple):
    """A binary heap: the first of (time_s, number) is in place 0, and no other before the one at half its place.

    Args:
        size: [1] how many there are.
    """

    time_s: Floats
    number: Ints
    size: Ints


def heap_for(most: int) -> Heap:
    """An empty heap with room for so many."""
    return Heap(np.zeros(most), np.zeros(most, np.int64), np.zeros(1, np.int64))


@inner()
def push(heap: Heap, time_s: float, number: int) -> None:
    """A number more."""
    at = heap.size[0]
    heap.size[0] += 1
    while at > 0:
        above = (at - 1) // 2
        if not _before(time_s, number, heap.time_s[above], heap.number[above]):
            break
        heap.time_s[at], heap.number[at] = heap.time_s[above], heap.number[above]
        at = above
    heap.time_s[at], heap.number[at] = time_s, number


@inner()
def pop(heap: Heap) -> int:
    """The first number, which is taken out."""
    found = heap.number[0]
    heap.size[0] -= 1
    size = heap.size[0]
    time_s, number = heap.time_s[size], heap.number[size]
    at = 0
    while 2 * at + 1 < size:
        below = 2 * at + 1
        other = below + 1
        if other < size and _before(heap.time_s[other], heap.number[other], heap.time_s[below], heap.number[below]):
            below = other
        if not _before(heap.time_s[below], heap.number[below], time_s, number):
            break
        heap.time_s[at], heap.number[at] = heap.time_s[below], heap.number[below]
        at = below
    heap.time_s[at], heap.number[at] = time_s, number
    return int(found)


@inner()
def _before(one_s: float, one: int, other_s: float, other: int) -> bool:
    return one_s < other_s or (one_s == other_s and one < other)
