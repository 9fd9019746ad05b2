"""What parts of a task cost on so many chiplets: the best pipelines by the tables of stages."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.tables import regions_kernel
from chipweave.evaluation.tables.regions import Ground, line_of, stages_between, unit_tables
from chipweave.evaluation.tables.regions_kernel import PACE_S, UnitTables
from chipweave.ndarrays import Floats, Ints
from chipweave.schedulers.scope.search import CAP_GROWTH, FASTEST, sizes_tried
from chipweave.schedulers.weave.chain import Best, Board, pipelines, stages_of
from chipweave.schedulers.weave.lines import Slots, lines_of, slots_of

MOST_CUTS = 48
"""Places where a task may be cut into windows and stages by the tables, evenly by work; changes cut anywhere."""

DEAR = 3.0
"""A chiplet of one class is also tried at so many times the price of the others."""


@dataclass(frozen=True)
class Parts:
    """The best pipeline of every part of a task on every slot, [start, end, slot]; starts and ends are numbers of cuts.

    Args:
        cuts: units before which windows may begin, from 0 to all units.
        latency_s, energy_j, dram_bytes: infinite where there is none.
        micro_batch, cap, price: how it was made.
    """

    cuts: Ints
    latency_s: Floats
    energy_j: Floats
    dram_bytes: Floats
    micro_batch: Ints
    cap: Ints
    price: Ints


class RegionNeed(NamedTuple):
    """A stage of a draft: units up to `end`, the chiplets of a class that it takes, and the partition of each unit."""

    end: int
    chiplet_class: int
    chiplets: int
    partitions: tuple[int, ...]


def cuts_of(crossing: Floats, work: Floats, most: int = MOST_CUTS) -> Ints:
    """Units before which windows may begin: one in each of so many equal shares of the work, where least crosses.

    Args:
        crossing: [units + 1] bytes that cross before each unit; work: [units] of each.
    """
    units = len(work)
    if units <= most:
        return np.arange(units + 1)
    done = np.concatenate(([0.0], np.cumsum(work))) / work.sum()
    share = np.minimum((done * most).astype(np.int64), most - 1)[1:units]
    inner = np.arange(1, units)
    found = [0, units]
    for number in np.unique(share):
        some = inner[share == number]
        found.append(int(some[np.argmin(crossing[some])]))
    return np.unique(found)


@dataclass(frozen=True)
class Tables:
    """A task at one micro-batch: its units on each class, its stages between cuts, and the caps that are tried."""

    units: tuple[UnitTables, ...]
    lines: tuple[regions_kernel.Line, ...]
    board: Board
    caps_s: Floats


@dataclass
class Boards:
    """The tables of a problem, made when they are asked for.

    Args:
        largest: chiplets of a region, at most.
    """

    ready: Prepared
    largest: int
    cuts: dict[int, Ints] = field(default_factory=dict)
    _grounds: dict[tuple[int, int], Ground] = field(default_factory=dict)
    _tables: dict[tuple[int, int], Tables] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.slots: Slots = slots_of(self.ready.package)
        self.prices = prices_of(len(self.slots.counts))

    def ground(self, task: int, chiplet_class: int) -> Ground:
        """A task on the chiplets of a class."""
        key = task, chiplet_class
        if key not in self._grounds:
            lines = lines_of(self.ready.package)[chiplet_class]
            order = tuple(chiplet for line in lines for chiplet in line)
            sizes = np.arange(1, min(self.largest, max(map(len, lines))) + 1)
            self._grounds[key] = Ground(self.ready, task, order, sizes, chiplet_class)
        return self._grounds[key]

    def tables(self, task: int, micro_batch: int) -> Tables:
        """The tables of a task at a micro-batch."""
        key = task, micro_batch
        if key not in self._tables:
            self._tables[key] = self._made(task, micro_batch)
        return self._tables[key]

    def _made(self, task: int, micro_batch: int) -> Tables:
        cuts, classes = self.cuts[task], range(len(self.slots.counts))
        grounds = [self.ground(task, number) for number in classes]
        units = [unit_tables(ground, micro_batch) for ground in grounds]
        lines = [line_of(ground, micro_batch) for ground in grounds]
        tables = [stages_between(*each, cuts) for each in zip(grounds, units, lines, strict=True)]
        board = Board(
            np.concatenate(tables, axis=2),
            np.concatenate([each.need[cuts[:-1]] for each in units], axis=1),
            grounds[0].crossing[cuts],
            np.repeat(classes, [len(ground.sizes) for ground in grounds]),
            np.concatenate([ground.sizes for ground in grounds]),
            np.array(self.slots.counts),
            self.slots.stride,
            max(lines, key=lambda line: len(line.spans)),
        )
        return Tables(tuple(units), tuple(lines), board, caps_of(board))


def prices_of(classes: int) -> Floats:
    """[n, class] prices of a chiplet under which pipelines are made: all alike, and one class dearer than the others."""
    if classes == 1:
        return np.ones((1, 1))
    return np.concatenate((np.ones((1, classes)), 1 + (DEAR - 1) * np.eye(classes)))


def caps_of(board: Board) -> Floats:
    """Times of the slowest stage that are tried: from all units on one chiplet down to a share of all on all."""
    pace_s = board.table[0, -1, :, PACE_S]
    pace_s, chiplets = pace_s[np.isfinite(pace_s)], board.chiplets[np.isfinite(pace_s)]
    if len(pace_s) == 0:
        return np.array([np.inf])
    most_s, least_s = 2 * float(pace_s.max()), float((pace_s * chiplets).min()) / int(board.counts.sum()) / FASTEST
    steps = int(np.ceil(np.log(most_s / least_s) / np.log(CAP_GROWTH)))
    return np.concatenate(([np.inf], most_s / CAP_GROWTH ** np.arange(steps)))


def parts_of(boards: Boards, task: int, worth: float, jobs: int) -> Parts:
    """The best pipelines of a task by seconds + worth * joules."""
    ready, slots = boards.ready, boards.slots
    entry = ready.tasks[task]
    work = np.add.reduceat(ready.problem.costs[task][0].cycles, [first for first, _ in entry.model.units])
    cuts = boards.cuts.setdefault(task, cuts_of(boards.ground(task, 0).crossing, np.asarray(work, np.float64)))
    shape = (len(cuts), len(cuts), len(slots))
    floats, ints = [np.full(shape, np.inf) for _ in range(3)], [np.zeros(shape, np.int64) for _ in range(3)]
    best = Parts(cuts, *floats, *ints)

    def made(size: int) -> tuple[int, Best]:
        tables = boards.tables(task, size)
        found = Best(*(np.full(shape, np.inf) for _ in range(3)), *(np.zeros(shape, np.int64) for _ in range(2)))
        pipelines(tables.board, tables.caps_s, boards.prices, worth, found)
        return size, found

    with ThreadPoolExecutor(jobs) as pool:
        for size, found in pool.map(made, sizes_tried(entry.batch, None)):
            better = found.latency_s + worth * found.energy_j < best.latency_s + worth * best.energy_j
            into = (best.latency_s, best.energy_j, best.dram_bytes, best.cap, best.price)
            for values, new in zip(into, found, strict=True):
                values[better] = new[better]
            best.micro_batch[better] = size
    return best


def stages_made(
    boards: Boards, task: int, part: tuple[int, int], made: tuple[int, int, int], worth: float
) -> list[RegionNeed]:
    """The stages of a part of a task (numbers of cuts) that `parts_of` made at a micro-batch, a cap and prices."""
    tables, cuts = boards.tables(task, made[0]), boards.cuts[task]
    board, found = tables.board, []
    for start, stop, s in stages_of(board, *part, float(tables.caps_s[made[1]]), boards.prices[made[2]], worth):
        terms, own, chiplets = board.table[start, stop - start - 1, s], int(board.place_class[s]), int(board.chiplets[s])
        first, length = int(cuts[start]), int(cuts[stop] - cuts[start])
        run = regions_kernel.Run(first, chiplets - 1, chiplets, int(terms[regions_kernel.MODE]))
        last = int(terms[regions_kernel.LAST])
        chosen = regions_kernel.partitions_of(tables.units[own], run, length, last, tables.lines[own])
        found.append(RegionNeed(int(cuts[stop]), own, chiplets, tuple(int(p) for p in chosen)))
    return found


