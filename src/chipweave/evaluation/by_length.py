"""What tasks pay at least under prices that depend on how long a window is, over all ways to cut them into pipelines
with one chiplet a stage (docs/proof.md, "Windows of unlike length").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import NamedTuple

import numpy as np

from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.pipelines import SPAN, affordable, ground_of, paces_of, shapes_of
from chipweave.evaluation.priced import priced
from chipweave.evaluation.tables import fronts as kernels
from chipweave.evaluation.tables.cheapest import BEGINNING, NEVER, Paces, Tables
from chipweave.evaluation.tables.fronts import NOWHERE, Rates, Slopes
from chipweave.ndarrays import Floats, Ints, Singles
from chipweave.plan.certificate import Line

RATIOS = (1.01, 1.02, 1.03, 1.05, 1.1, 1.3)
"""From one range of the slowest stage's pace to the next: the first that `MOST_SUMS` allows."""

MOST_SUMS, MOST_BYTES = 1.2e11, 1e9
"""Sums for all fronts, and bytes of them, up to which they are made."""

LONGEST, SHORTEST = 0.9, 90.0
"""The schedule's seconds over those of windows at which the last range of lengths begins, and the second one. Lines say
too few seconds, so that the last range begins at about a whole schedule's, if that is one window."""

SLOPES = (0.0, 0.15, 0.4, 1.2, 10.0)
"""Slopes at which fronts are known, in parts of the power at which all seconds of a window are worth its joules. (More
of them say little more: finer ranges of paces do.)"""

SINGLE = 1e-7
"""Relative: by so much, for each stage and once more, fronts are lowered that were made in single precision."""

TRIED = 10
"""Of so many units' pipelines, about, stages are gone through in a range; the others' are seen to pay more."""

PARTS = 8
"""In so many pieces fronts are made, so that time limits are kept."""


class Reference(NamedTuple):
    """What lengths and slopes are shares of, so that lines need not say them: seconds, and joules a second; and the
    price of a DRAM byte in joules."""

    latency_s: float
    power_w: float
    byte_j: float


class Fronts(NamedTuple):
    """Of each task, [unit behind the last, shape, slope, first unit] least joules + slope * seconds of pipelines."""

    reference: Reference
    slopes: Slopes
    joules: tuple[Singles, ...]


class Piece(NamedTuple):
    """A pipeline of the cheapest way: its units, its numbers of chiplets, and the range of its window's length."""

    first: int
    end: int
    shape: int
    length: int


def fineness(ready: Prepared) -> float | None:
    """From one range of paces to the next; None: pipelines are too many, or chiplets are not told apart."""
    if not affordable(ready) or (ready.once(shapes_of).total == 0).any():
        return None
    bytes_ = sum(4.0 * len(task.model.units) ** 2 for task in ready.tasks) * len(ready.once(shapes_of).total)
    if bytes_ * len(SLOPES) > MOST_BYTES:
        return None
    return next((ratio for ratio in RATIOS if _sums(ready, ratio) <= MOST_SUMS), None)


def _sums(ready: Prepared, ratio: float) -> float:
    """About as many sums as fronts take. For each micro-batch, slope, first unit and edge of the steps from no chiplet
    to all, those without a range; and of each range, since most of its pipelines are seen to pay more than others,
    stages no longer than it allows from some of the units that a pipeline reaches."""
    shapes = ready.once(shapes_of)
    edges, chiplets = 2 * float((shapes.chiplets > 0).sum()), float(shapes.chiplets.sum(axis=1).max())
    sums = 0.0
    for number, task in enumerate(ready.tasks):
        units = len(task.model.units)
        longest = shares_of(ratio) * units
        by_range = float((np.minimum(units / 2, chiplets / 2 * longest) * longest).sum())
        sums += len(ready.micro_batches(number)) * (len(SLOPES) - 1) * edges * (units**3 / 6 + TRIED * by_range)
    return sums


def shares_of(ratio: float) -> Floats:
    """[range] where ranges of paces end, in parts of the whole model's as one stage."""
    return np.geomspace(1 / SPAN, 1.0, 1 + math.ceil(math.log(SPAN) / math.log(ratio)))


def reference_of(ready: Prepared, before: Sequence[Line], joule: float, dram: float) -> Reference:
    """That of lines of which the first one weighs a joule so, and prices a second of the DRAM; `before`: the lines that
    were found before it. The last one of these that weighs seconds says, in about equal parts, seconds and joules."""
    last = [each for each in before if each.latency > 0 and each.value > 0][-1]
    byte_j = dram / joule / ready.rates.dram_bytes_s if ready.detailed else 0.0
    return Reference(last.value / 2, priced(ready, 1.0, joule).worth / joule, byte_j)


def slopes_at(reference: Reference) -> Slopes:
    """The slopes at which fronts are known."""
    return Slopes(reference.power_w * np.array(SLOPES), reference.byte_j)


def fronts_of(ready: Prepared, reference: Reference, pool: Executor, enough: Callable[[], bool]) -> Fronts | None:
    """The fronts of all tasks; None where time is over before."""
    made, slopes = [], slopes_at(reference)
    for task in range(len(ready.tasks)):
        stages, paces, before = ready.once(ground_of, task).tables, ready.once(paces_by_length, task), before_of(ready)
        units = stages.first_s.shape[-1]
        joules = np.full((units, len(before), len(slopes.second_w), units + 1), NEVER, np.float32)
        fill = partial(_fill, (stages, paces, before, slopes), joules, enough)
        if not all(pool.map(fill, range(PARTS))):
            return None
        joules *= np.float32(1 - SINGLE * (2 + len(ready.package.chiplets)))
        made.append(np.ascontiguousarray(joules.transpose(3, 1, 2, 0)))
    return Fronts(reference, slopes, tuple(made))


def _fill(asked: tuple[Tables, Paces, Ints, Slopes], joules: Singles, enough: Callable[[], bool], part: int) -> bool:
    """Make one of the pieces of a front, if there is time."""
    if enough():
        return False
    kernels.tabulate(*asked, (part, PARTS), joules)
    return True


def paces_by_length(ready: Prepared, task: int) -> Paces:
    """The ranges of paces of a task's fronts."""
    ground = ready.once(ground_of, task)
    return paces_of(ground.tables, ground.fine.times, shares_of(ready.once(fineness) or max(RATIOS)))


def before_of(ready: Prepared) -> Ints:
    """[shape, class] the shape with a chiplet of the class less."""
    shapes = [tuple(each) for each in ready.once(shapes_of).chiplets.tolist()]
    number = {shape: at for at, shape in enumerate(shapes)} | {(0,) * len(shapes[0]): BEGINNING}

    def less(shape: tuple[int, ...], c: int) -> int:
        return number.get((*shape[:c], shape[c] - 1, *shape[c + 1 :]), NOWHERE)

    return np.array([[less(shape, c) for c in range(len(shape))] for shape in shapes], dtype=np.int64)


def lengths_near(latency_s: float, ranges: int) -> Floats:
    """[range] the least seconds of a window, for schedules of about so many seconds."""
    shares = np.linspace(math.log(1 / SHORTEST), math.log(1 / LONGEST), ranges - 1)
    return np.concatenate(([0.0], latency_s * np.exp(shares)))


def cheapest_by_length(fronts: Fronts, task: int, rates: Rates) -> tuple[float, list[Piece]]:
    """What the cheapest way through a task pays, and its pipelines."""
    paid, way = kernels.cheapest_by_length(fronts.joules[task], fronts.slopes.second_w, rates)
    return float(paid), [Piece(*map(int, each)) for each in way]


def taken_by(fronts: Fronts, task: int, rates: Rates, piece: Piece) -> tuple[float, float]:
    """The seconds that a pipeline of the cheapest way pays for, and its joules at that: where a second more is worth as
    much as the joules that it saves, within the window's range."""
    joules = fronts.joules[task][piece.end, piece.shape, :, piece.first].astype(np.float64)
    slopes = fronts.slopes.second_w
    worth = rates.second[piece.shape, piece.length] / rates.joule
    least_s = float(rates.start_s[piece.length])
    ends = rates.start_s[piece.length + 1 :]
    most_s = float(np.nextafter(ends[0], 0.0)) if len(ends) else math.inf  # still in the range
    low, high = slopes <= worth, slopes > worth
    crossing = (joules[high][:, None] - joules[low]) / (slopes[high][:, None] - slopes[low])
    seconds = min(most_s, max(least_s, float(crossing.min(axis=1, initial=math.inf).max(initial=0.0))))
    return seconds, float((joules - slopes * seconds).max())


def rates_of(start_s: Floats, chiplets: Ints, chiplet: Floats, own: Floats, joule: float) -> Rates:
    """What pipelines pay: chiplet: [range, class] of a chiplet's second; own: [range] of the task's own."""
    return Rates(start_s, chiplets @ chiplet.T + own, joule)
