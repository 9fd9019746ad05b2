"""Schedules of scope's space drawn at random, each with the same probability.

The space: windows, one after another; in a window a micro-batch, and stages of consecutive units on regions, which are
runs of one line through the package, from its start on and one after another, so that at most all chiplets are used;
per unit one of two partitions where its region has several chiplets. In fidelity `detailed` all of these are valid.

How many ways there are to put u units onto n chiplets follows from how many there are for fewer units, so a schedule is
drawn stage by stage, each stage in proportion to the number of schedules that begin with it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import comb
from random import Random

import numpy as np

from chipweave.evaluation.tables.regions import Ground, unit_tables
from chipweave.ndarrays import Floats
from chipweave.schedulers.draft import Draft, DraftStage, DraftWindow


def printed_size(units: int, chiplets: int) -> int:
    """Ways to put consecutive units in stages onto all chiplets with one of two partitions each: clusters
    C(L-1, c-1) x regions C(N-1, c-1) x 2^L, summed over c. Our reading of the space of one segment."""
    partitions: int = 2**units
    return comb(units + chiplets - 2, units - 1) * partitions


@dataclass
class Space:
    """All schedules of `units` units on at most `chiplets` chiplets, with one of `micro_batches` in each window."""

    units: int
    chiplets: int
    micro_batches: Sequence[int]
    _stages: list[list[int]] = field(init=False)
    _at_most: list[list[int]] = field(init=False)
    _cumulative: dict[tuple[object, ...], list[float]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._stages, self._at_most = _ways(self.units, self.chiplets)
        self._windows = [1]
        for units in range(1, self.units + 1):
            self._windows.append(sum(self._by_length(units)))

    def of_one_window(self, units: int | None = None) -> int:
        """Windows that hold so many units; all of them unless given."""
        return len(self.micro_batches) * self._at_most[self.units if units is None else units][self.chiplets]

    @property
    def size(self) -> int:
        """Schedules with any number of windows."""
        return self._windows[self.units]

    def draw(self, random: Random, one_window: bool) -> Draft:
        """A schedule of the space, or of its part with a single window."""
        if one_window:
            return (self._window(random, 0, self.units),)
        left, lengths = self.units, []
        while left:
            lengths.append(1 + self._choose(random, self._by_length, left))
            left -= lengths[-1]
        firsts = accumulate(lengths, initial=0)
        return tuple(self._window(random, first, own) for first, own in zip(firsts, lengths, strict=False))

    def _window(self, random: Random, first: int, units: int) -> DraftWindow:
        chiplets = self._choose(random, self._by_chiplets, units)
        stages, end = [], first
        while units:
            chosen = self._choose(random, self._by_stage, units, chiplets)
            own, size = 1 + chosen % units, 1
            if chosen < units:
                size = chiplets - self._choose(random, self._by_rest, units - own, chiplets)
            end, units, chiplets = end + own, units - own, chiplets - size
            split = tuple(random.getrandbits(1) if size > 1 else 0 for _ in range(own))
            stages.append(DraftStage(end, size, split))
        return DraftWindow(first, random.choice(self.micro_batches), tuple(stages))

    def _by_length(self, left: int) -> list[int]:
        """Schedules of so many units by the units of their first window, from 1 on."""
        return [self._windows[left - own] * self.of_one_window(own) for own in range(1, left + 1)]

    def _by_chiplets(self, units: int) -> list[int]:
        """Windows of one micro-batch by how many chiplets they use."""
        return self._stages[units]

    def _by_stage(self, units: int, chiplets: int) -> list[int]:
        """By the units of the first stage, from 1 on: first where it has several chiplets, then where it has one."""
        longer = [2**own * self._some(units - own, chiplets - 2) for own in range(1, units + 1)]
        return longer + [self._exactly(units - own, chiplets - 1) for own in range(1, units + 1)]

    def _by_rest(self, units: int, chiplets: int) -> list[int]:
        """Of so many units behind a stage of several chiplets, by the chiplets that they use."""
        return self._stages[units][: chiplets - 1]

    def _exactly(self, units: int, chiplets: int) -> int:
        return self._stages[units][chiplets] if chiplets >= 0 else 0

    def _some(self, units: int, chiplets: int) -> int:
        return self._at_most[units][chiplets] if chiplets >= 0 else 0

    def _choose(self, random: Random, weigh: Callable[..., list[int]], *of: int) -> int:
        """A place in proportion to its weight."""
        name = (weigh.__name__, *of)
        if name not in self._cumulative:
            weights = weigh(*of)
            total = sum(weights)
            self._cumulative[name] = [so_far / total for so_far in accumulate(weights)]
        return bisect_right(self._cumulative[name], random.random())


def _ways(units: int, chiplets: int) -> tuple[list[list[int]], list[list[int]]]:
    """[units][chiplets] in how many ways so many units run on exactly, and on at most, so many chiplets.

    The last stage has some units on one chiplet, in one way, or on several, in two ways for each unit.
    """
    exactly = [[1] + [0] * chiplets]
    at_most = [[1] * (chiplets + 1)]
    single, several = [0] * (chiplets + 1), [0] * (chiplets + 1)
    for number in range(1, units + 1):
        single = [one + more for one, more in zip(single, exactly[-1], strict=True)]
        several = [2 * (more + before) for more, before in zip(several, at_most[-1], strict=True)]
        own = [
            (single[count - 1] if count >= 1 else 0) + (several[count - 2] if count >= 2 else 0)
            for count in range(chiplets + 1)
        ]
        exactly.append(own)
        at_most.append(list(accumulate(own)))
        assert len(exactly) == number + 1
    return exactly, at_most


@dataclass
class LeastTimes:
    """Lower bounds of what schedules take: computing alone, with no transfers and no wait for weights.

    Args:
        ground: whose sizes are every number of chiplets, of one class.
    """

    ground: Ground
    _compute_s: dict[int, Floats] = field(init=False, default_factory=dict)

    def of(self, draft: Draft) -> float:
        """Seconds that a schedule takes at least."""
        return sum(self._window_s(window) for window in draft)

    def _window_s(self, window: DraftWindow) -> float:
        if window.micro_batch not in self._compute_s:
            self._compute_s[window.micro_batch] = unit_tables(self.ground, window.micro_batch).compute_s
        compute_s = self._compute_s[window.micro_batch]
        first, stages_s = window.first, []
        for stage in window.stages:
            own = np.arange(first, stage.end)
            stages_s.append(float(compute_s[own, stage.chiplets - 1, list(stage.partitions)].sum()))
            first = stage.end
        rounds = self.ground.batch / window.micro_batch  # a short last one takes its share at least
        return sum(stages_s) + (rounds - 1) * max(stages_s)
