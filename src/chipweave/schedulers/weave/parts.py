"""What parts of a task cost on so many chiplets: the best pipelines by the tables of stages."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.tables import regions_kernel
from chipweave.evaluation.tables.regions import Ground, line_of, region_sizes, sizes_tried, stages_between, unit_tables
from chipweave.evaluation.tables.regions_kernel import PACE_S, UnitTables
from chipweave.ndarrays import Floats, Ints
from chipweave.schedulers.cuts import task_cuts
from chipweave.schedulers.weave.chain import Best, Board, pipelines, stages_of
from chipweave.schedulers.weave.lines import MOST_TURNS, Slots, lines_of

MOST_CUTS, MOST_CUTS_OF_SINGLES = 48, 160
"""Places where a task may be cut into windows and stages by the tables, evenly by work; more where no stage has more
than a chiplet, since then only cuts make their times match. Later changes cut anywhere."""

CAP_GROWTH, FASTEST = 1.25, 16.0
"""Steps of the caps on the slowest stage, and how much faster than all work on all chiplets the last one is."""

DEAR = 3.0
"""A chiplet of one group is also tried at so many times the price of the others."""


@dataclass(frozen=True)
class Parts:
    """The best pipeline of every part of a task on every slot, [start, end, slot]; starts and ends are numbers of cuts.

    Args:
        cuts: units before which windows may begin, from 0 to all units.
        latency_s, energy_j, dram_bytes: infinite where there is none.
        micro_batch, cap, price: how it was made; turn: and in which order of the groups (`Slots.turns`).
    """

    cuts: Ints
    latency_s: Floats
    energy_j: Floats
    dram_bytes: Floats
    micro_batch: Ints
    cap: Ints
    price: Ints
    turn: Ints


class RegionNeed(NamedTuple):
    """A stage of a draft: units up to `end`, the chiplets of a class that it takes, and the partition of each unit."""

    end: int
    chiplet_class: int
    chiplets: int
    partitions: tuple[int, ...]


class Piece(NamedTuple):
    """A task on chiplets of one class at one micro-batch: its units, and its stages between cuts."""

    units: UnitTables
    line: regions_kernel.Line
    stages: Floats


class Tables(NamedTuple):
    """A task at one micro-batch: what pipelines are made of, and the caps that are tried."""

    board: Board
    caps_s: Floats


@dataclass
class Pieces:
    """The tables of a problem, made when they are asked for.

    Args:
        largest: chiplets of a region, at most.
    """

    ready: Prepared
    largest: int
    _grounds: dict[tuple[int, int], Ground] = field(default_factory=dict)
    _cuts: dict[int, Ints] = field(default_factory=dict)
    _pieces: dict[tuple[int, int, int], Piece] = field(default_factory=dict)

    def ground(self, task: int, chiplet_class: int) -> Ground:
        """A task on the chiplets of a class."""
        key = task, chiplet_class
        if key not in self._grounds:
            lines = lines_of(self.ready.package)[chiplet_class]
            order = tuple(chiplet for line in lines for chiplet in line)
            sizes = region_sizes(min(self.largest, max(map(len, lines))))
            self._grounds[key] = Ground(self.ready, task, order, sizes, chiplet_class)
        return self._grounds[key]

    def cuts(self, task: int) -> Ints:
        """Units before which a task may be cut."""
        if task not in self._cuts:
            most = MOST_CUTS if self.largest > 1 else MOST_CUTS_OF_SINGLES
            self._cuts[task] = task_cuts(self.ground(task, 0), most)
        return self._cuts[task]

    def piece(self, task: int, chiplet_class: int, micro_batch: int) -> Piece:
        """The tables of a task on a class at a micro-batch."""
        key = task, chiplet_class, micro_batch
        if key not in self._pieces:
            ground = self.ground(task, chiplet_class)
            units, line = unit_tables(ground, micro_batch), line_of(ground, micro_batch)
            self._pieces[key] = Piece(units, line, stages_between(ground, units, line, self.cuts(task)))
        return self._pieces[key]


@dataclass
class Boards:
    """What pipelines are made of, with chiplets in these slots."""

    pieces: Pieces
    slots: Slots

    @property
    def ready(self) -> Prepared:
        return self.pieces.ready

    @cached_property
    def prices(self) -> Floats:
        return prices_tried(self.slots)

    def tables(self, task: int, micro_batch: int) -> Tables:
        """The board of a task at a micro-batch. A group has those regions of its class that its lines hold."""
        cuts, slots, classes = self.pieces.cuts(task), self.slots, range(len(self.ready.package.classes))
        grounds = [self.pieces.ground(task, number) for number in classes]
        pieces = [self.pieces.piece(task, number, micro_batch) for number in classes]
        own = [
            (group.chiplet_class, int((grounds[group.chiplet_class].sizes <= group.longest).sum()))
            for group in slots.groups
        ]
        board = Board(
            np.concatenate([pieces[c].stages[:, :, :many] for c, many in own], axis=2),
            np.concatenate([pieces[c].units.need[cuts[:-1], :many] for c, many in own], axis=1),
            grounds[0].crossing[cuts],
            np.repeat(np.arange(len(own)), [many for _, many in own]),
            np.concatenate([grounds[c].sizes[:many] for c, many in own]),
            np.array([group.chiplets for group in slots.groups]),
            slots.stride,
            slots.step,
            max((piece.line for piece in pieces), key=lambda line: len(line.spans)),
        )
        return Tables(board, caps_of(board))


def prices_tried(slots: Slots) -> Floats:
    """[n, group] prices of a chiplet under which pipelines are made: all alike, and one group dearer than the others;
    of groups that are alike only the first, since its pipelines do for the others."""
    kinds = [(group.chiplet_class, group.longest, group.chiplets) for group in slots.groups]
    if len(kinds) == 1:
        return np.ones((1, 1))
    dear = [at for at, kind in enumerate(kinds) if kind not in kinds[:at] or len(slots.turns) == MOST_TURNS]
    return np.concatenate((np.ones((1, len(kinds))), 1 + (DEAR - 1) * np.eye(len(kinds))[dear]))


def caps_of(board: Board) -> Floats:
    """Times of the slowest stage that are tried: from all units on one chiplet down to a share of all on all."""
    pace_s = board.table[0, -1, :, PACE_S]
    pace_s, chiplets = pace_s[np.isfinite(pace_s)], board.chiplets[np.isfinite(pace_s)]
    if len(pace_s) == 0:
        return np.array([np.inf])
    most_s, least_s = 2 * float(pace_s.max()), float((pace_s * chiplets).min()) / int(board.counts.sum()) / FASTEST
    steps = int(np.ceil(np.log(most_s / least_s) / np.log(CAP_GROWTH)))
    return np.concatenate(([np.inf], most_s / CAP_GROWTH ** np.arange(steps)))


def parts_of_all(
    boards: Boards, worth: float, jobs: int, enough: Callable[[], bool], told: Callable[[int], None]
) -> list[Parts]:
    """The best pipelines of every task by seconds + worth * joules: of all at the whole batch at once, and, until
    `enough`, of all sample by sample, and then at other micro-batches.

    Args:
        told: hears of each task whose pipelines come next.
    """
    tasks = boards.ready.tasks
    asked = [(task, size) for task in range(len(tasks)) for size in sizes_tried(tasks[task].batch, None)]
    asked.sort(key=lambda each: (each[1] < tasks[each[0]].batch, each[1], each[0]))

    def made(asked: tuple[int, int]) -> Best | None:
        task, size = asked
        if size < tasks[task].batch and enough():
            return None
        tables, shape = boards.tables(task, size), _shape(boards, task)
        found = Best(*(np.full(shape, np.inf) for _ in range(3)), *(np.zeros(shape, np.int64) for _ in range(2)))
        pipelines(tables.board, tables.caps_s, boards.prices, worth, found)
        return found

    every = [_nothing(boards, task) for task in range(len(tasks))]
    with ThreadPoolExecutor(jobs) as pool:
        for (task, size), found in zip(asked, pool.map(made, asked), strict=True):
            told(task)
            if found is not None:
                _take(every[task], found, size, worth)
    for parts in every:
        _turn(parts, boards.slots, worth)
    return every


def _shape(boards: Boards, task: int) -> tuple[int, int, int]:
    cuts = len(boards.pieces.cuts(task))
    return cuts, cuts, len(boards.slots)


def _nothing(boards: Boards, task: int) -> Parts:
    shape = _shape(boards, task)
    floats, ints = [np.full(shape, np.inf) for _ in range(3)], [np.zeros(shape, np.int64) for _ in range(4)]
    return Parts(boards.pieces.cuts(task), *floats, *ints)


def _take(best: Parts, found: Best, size: int, worth: float) -> None:
    """Take pipelines at a micro-batch where they are better."""
    better = found.latency_s + worth * found.energy_j < best.latency_s + worth * best.energy_j
    for values, new in zip((best.latency_s, best.energy_j, best.dram_bytes, best.cap, best.price), found, strict=True):
        values[better] = new[better]
    best.micro_batch[better] = size


def _turn(best: Parts, slots: Slots, worth: float) -> None:
    """What is made for some groups does for groups that are alike."""
    into = (best.latency_s, best.energy_j, best.dram_bytes, best.micro_batch, best.cap, best.price)
    given = [values.copy() for values in into]
    for number, order in enumerate(slots.turns[1:], start=1):
        at = slots.turned(order)
        new = [values[:, :, at] for values in given]
        better = new[0] + worth * new[1] < best.latency_s + worth * best.energy_j
        for values, own in zip(into, new, strict=True):
            values[better] = own[better]
        best.turn[better] = number


def stages_made(
    boards: Boards, task: int, part: tuple[int, int], made: tuple[int, int, int, int], worth: float
) -> list[RegionNeed]:
    """The stages of a part of a task (numbers of cuts) that were made at a micro-batch, cap, prices and turn."""
    pieces, (board, caps_s), found = boards.pieces, boards.tables(task, made[0]), []
    cuts, turn = pieces.cuts(task), boards.slots.turns[made[3]]
    for start, stop, s in stages_of(board, *part, float(caps_s[made[1]]), boards.prices[made[2]], worth):
        terms, chiplets = board.table[start, stop - start - 1, s], int(board.chiplets[s])
        kind = boards.slots.groups[turn.index(int(board.group[s]))].chiplet_class
        first, length = int(cuts[start]), int(cuts[stop] - cuts[start])
        piece, last = pieces.piece(task, kind, made[0]), int(terms[regions_kernel.LAST])
        size = int(np.searchsorted(pieces.ground(task, kind).sizes, chiplets))
        run = regions_kernel.Run(first, size, chiplets, int(terms[regions_kernel.MODE]))
        chosen = regions_kernel.partitions_of(piece.units, run, length, last, piece.line)
        found.append(RegionNeed(int(cuts[stop]), kind, chiplets, tuple(int(p) for p in chosen)))
    return found
