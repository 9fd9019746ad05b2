"""What a task pays under a line's prices, over all ways to cut it into pipelines: found again from what stages take at
least, for the checker of proofs (docs/proof.md, "Pipelines with their cuts").

This shares the tables of stages and the ranges of paces with whoever found the proof, and none of the arithmetic.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.pipelines import MEAN, ground_of, shapes_of
from chipweave.evaluation.tables.cheapest import Paces, Tables
from chipweave.ndarrays import Bools, Floats
from chipweave.plan.certificate import Line

Counts = tuple[int, ...]
"""Chiplets of each class."""

Rows = dict[tuple[int, int], Floats]
"""By variant and class, [micro-batch, range, unit]: what a stage from the unit on pays."""


class Way(NamedTuple):
    """Pipelines with so many chiplets of each class.

    Args:
        total: chiplets; 0: there may be more of the `endless` classes.
        worth: what a second pays; each: [micro-batch, range] seconds per second of a stage's pace.
        whole: [micro-batch, range] what the range's least pace pays.
        so_far: by chiplets used, [micro-batch, range, unit] what was paid up to the unit in a pipeline that goes on.
    """

    chiplets: Counts
    total: int
    endless: tuple[int, ...]
    worth: float
    each: Floats
    whole: Floats
    so_far: dict[Counts, Floats]


def least_paid(ready: Prepared, task: int, line: Line, own: float) -> float:
    """What the cheapest way to run all of a task pays, where a second of it costs `own`."""
    ground = ready.once(ground_of, task)
    tables, paces = ground.tables, ground.fine
    byte = line.dram / ready.rates.dram_bytes_s if ready.detailed else 0.0
    apart = line.joule * tables.energy_j + byte * tables.dram_bytes
    units = tables.first_s.shape[-1]
    ways = list(_ways(ready, line, own, paces, units))
    best = np.full(units + 1, np.inf)
    best[0] = 0.0
    for end in range(1, units + 1):
        inside = _inside(tables, paces, end)
        for way in ways:
            rows = dict(_rows(way, tables, apart, inside, end))
            for step, sums in way.so_far.items():
                sums[:, :, end] = _least(way, step, rows, best, end, False)
            closed = _least(way, way.chiplets, rows, best, end, True) + way.whole
            best[end] = min(best[end], float(closed.min()))
    return float(best[units])


def _ways(ready: Prepared, line: Line, own: float, paces: Paces, units: int) -> Iterator[Way]:
    shapes, counts = ready.once(shapes_of), ready.package.class_counts
    most = shapes.chiplets.max(axis=0)
    for row, total in zip(shapes.chiplets.tolist(), shapes.total.tolist(), strict=True):
        chiplets = tuple(row)
        endless = tuple(
            c for c, count in enumerate(chiplets) if total == 0 and count == most[c] and count < counts[c]
        )
        worth = own + sum(count * price for count, price in zip(chiplets, line.chiplet, strict=True))
        floor = paces.floor[:, :1] * 0.0 if total == 1 else paces.floor
        share = np.full(floor.shape[1], MEAN if total > 0 else 0.0)
        if total > 0:
            share[0] = 1.0  # of one stage its pace is the mean, and the lowest range has no least pace
        steps = [each for each in itertools.product(*(range(count + 1) for count in chiplets)) if any(each)]
        if not endless:
            steps.remove(chiplets)
        so_far = {step: np.full((*floor.shape, units + 1), np.inf) for step in steps}
        each, whole = paces.times[:, None] * share / max(1, total), worth * paces.times[:, None] * (1 - share) * floor
        yield Way(chiplets, total, endless, worth, each, whole, so_far)


def _inside(tables: Tables, paces: Paces, end: int) -> Bools:
    """[micro-batch, range, class, unit] whether a stage from the unit on, up to unit `end - 1`, is within reach."""
    return np.asarray(np.arange(end) >= paces.reach[:, :, :, end, None])


def _rows(way: Way, tables: Tables, apart: Floats, inside: Bools, end: int) -> Iterator[tuple[tuple[int, int], Floats]]:
    for variant, c in itertools.product(*map(range, tables.first_s.shape[1:3])):
        at = (slice(None), variant, c, end - 1, slice(0, end))
        seconds = tables.first_s[at][:, None, :] + way.each[:, :, None] * tables.pace_s[at][:, None, :]
        row = way.worth * seconds + apart[at][:, None, :]
        yield (variant, c), row if way.total == 1 else np.where(inside[:, :, c], row, np.inf)


def _least(way: Way, step: Counts, rows: Rows, best: Floats, end: int, closes: bool) -> Floats:
    """[micro-batch, range] what is paid at least with these chiplets used, the last one for a stage up to `end`."""
    least = np.full(way.each.shape, np.inf)
    for before, c in _before(way, step):
        opens = not any(before)
        sums = best[None, None, :end] if opens else way.so_far[before][:, :, :end]
        least = np.minimum(least, (sums + rows[opens + 2 * closes, c]).min(axis=-1))
    return least


def _before(way: Way, step: Counts) -> Iterator[tuple[Counts, int]]:
    """One chiplet less of each class; or as many, where there may be more than are counted."""
    for c, count in enumerate(step):
        if count > 0:
            yield (*step[:c], count - 1, *step[c + 1 :]), c
        if c in way.endless and count == way.chiplets[c]:
            yield step, c
