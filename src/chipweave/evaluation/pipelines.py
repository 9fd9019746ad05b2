"""What a task pays at least under prices, over all ways to cut it into pipelines with one chiplet a stage
(docs/proof.md, "Pipelines with their cuts").
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from chipweave.cores import usable_cores
from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.law import last_share, micro_batches
from chipweave.evaluation.tables import cheapest as kernels
from chipweave.evaluation.tables.bench import arrays_of, micro_of, places_of
from chipweave.evaluation.tables.cheapest import BEGINNING, NEVER, Found, Paces, Prices, Shapes, Tables
from chipweave.evaluation.tables.least_stages import VARIANTS, LeastStages, least_stages
from chipweave.evaluation.tables.single import Kinds
from chipweave.hardware.package import Placement
from chipweave.ndarrays import Floats

FINE, ROUGH = (1.15, 1.3, 1.6), 2.0
"""From one range of paces to the next: for what is proven, the first that `MOST_SUMS` allows; to look for prices."""

SPAN = 400.0
"""The pace of the whole model as one stage, over that at which the second range begins."""

MEAN = 0.6
"""The share of the slowest stage's pace that is taken to be the mean of the stages' paces, which is known exactly."""

MOST_STEPS = 300
"""Steps of all shapes of pipelines; of more, shapes with many chiplets of a class are taken together. (With fewer, on
packages of nine chiplets, less is proven than by single layers.)"""

MOST_SUMS, MOST_ROUGH_SUMS, MOST_BYTES = 8e9, 5e9, 1e9
"""Sums for one set of prices with fine and with rough ranges, and bytes of a task's tables, up to which pipelines are
gone through."""

SOON_SUMS = 2e9
"""Rough sums that take a second or so, and their tables a few."""


@dataclass(frozen=True)
class Ground:
    """A task's stages at every micro-batch, with the ranges in which the slowest one of a pipeline may be."""

    tables: Tables
    fine: Paces
    rough: Paces


def affordable(ready: Prepared) -> bool:
    """Whether pipelines of all tasks can be gone through."""
    return ready.once(fineness) is not None


def soon_done(ready: Prepared) -> bool:
    """Whether going through them takes so little time that it is begun under a limit."""
    return affordable(ready) and _sums(ready, ready.once(shapes_of), ROUGH)[0] <= SOON_SUMS


def fineness(ready: Prepared) -> float | None:
    """From one range of paces to the next; None: pipelines are too many for any."""
    shapes = ready.once(shapes_of)
    for ratio in FINE:
        sums, bytes_ = _sums(ready, shapes, ratio)
        if sums <= MOST_SUMS and _sums(ready, shapes, ROUGH)[0] <= MOST_ROUGH_SUMS and bytes_ <= MOST_BYTES:
            return ratio
    return None


def _sums(ready: Prepared, shapes: Shapes, ratio: float) -> tuple[float, float]:
    """Sums for one set of prices, and bytes of the largest task's tables."""
    ranges, sums, most = _ranges(ratio), 0.0, 0.0
    for number, task in enumerate(ready.tasks):
        sizes, units = len(ready.micro_batches(number)), len(task.model.units)
        sums += sizes * len(shapes.before) * ranges * units**2 / 2
        stages = len(LeastStages._fields) * VARIANTS * len(ready.package.classes) * units**2
        most = max(most, 8.0 * sizes * (stages + len(shapes.edge) * ranges * units))
    return sums, most


def cheapest_way(ready: Prepared, task: int, prices: Prices, fine: bool) -> Found:
    """The cheapest way to run all of a task, in as many windows as are best for it alone."""
    ground, shapes = ready.once(ground_of, task), ready.once(shapes_of)
    paces, held = (ground.fine, np.float64) if fine else (ground.rough, np.float32)
    return kernels.cheapest(ground.tables, paces, shapes, prices, MEAN, np.array([NEVER], held))


def ground_of(ready: Prepared, task: int) -> Ground:
    """The stages of a task, wherever they run."""
    sizes = ready.micro_batches(task)
    arrays_of(ready, task)  # all micro-batches need them
    with ThreadPoolExecutor(usable_cores()) as pool:  # of models with very many units each takes a second or so
        stages = list(pool.map(partial(_stages, ready, task), sizes))
    tables = Tables(*(np.minimum(NEVER, np.array(each)) for each in zip(*stages, strict=True)))
    times = np.array([times_of(ready, task, size) for size in sizes])
    fine = ready.once(fineness) or ROUGH
    return Ground(tables, paces_of(tables, times, _shares(fine)), paces_of(tables, times, _shares(ROUGH)))


def times_of(ready: Prepared, task: int, size: int) -> float:
    """How often the slowest stage's pace counts in a pipeline of so many samples a micro-batch; where the last one is
    short it has its own term, in what the last stage adds."""
    batch = ready.tasks[task].batch
    k = micro_batches(batch, size)
    short = ready.detailed and last_share(batch, size, 1) < 1
    return max(0.0, k - 2.0 if short else k - 1.0)


def _stages(ready: Prepared, task: int, size: int) -> LeastStages:
    """Every stage at one micro-batch, on a chiplet of each class that is as near to the DRAM as any."""
    arrays, micro, where = arrays_of(ready, task), micro_of(ready, task, size), places_of(ready)
    classes = np.arange(len(ready.package.classes))
    ways = np.array([_nearest(ready, int(c)) for c in classes])
    wiring = ready.package.wiring
    late, joules = (float(shares.min(initial=1.0)) for shares in (wiring.late, wiring.joules))
    uses = arrays.uses._replace(size=size * arrays.uses.size, read=size * arrays.uses.read)
    weights_s = np.array(ready.tasks[task].model.weight_bytes, dtype=np.float64) / ready.rates.dram_bytes_s
    streamed = micro.streamed._replace(weights_s=np.array([weights_s] * len(classes)))
    places = Kinds(classes, where.l2_bytes[classes], ways, late, joules)
    return least_stages(arrays, micro._replace(streamed=streamed), uses, places, ready.rates)


def _nearest(ready: Prepared, chiplet_class: int) -> tuple[float, float, float]:
    """The shortest way from a memory interface to a chiplet of the class, or back: each of its figures at its least.
    Where a stage may use any interface, that is of any."""
    package, found = ready.package, []
    for chiplet in (number for number, each in enumerate(package.class_of) if each == chiplet_class):
        anywhere = package.placement is not Placement.INTERLEAVED
        near = package.interfaces if anywhere else (package.nearest_interface[chiplet],)
        there_and_back = [pair for at in near for pair in ((chiplet, at), (at, chiplet))]
        late, joules = (
            min(float(hops[pair]) for pair in there_and_back) for hops in (package.late_hops, package.joule_hops)
        )
        found.append((late, joules, package.dram_way(chiplet).port))
    late, joules, port = (min(each) for each in zip(*found, strict=True))
    return late, joules, port


def _ranges(ratio: float) -> int:
    return 1 + math.ceil(math.log(SPAN) / math.log(ratio))


def _shares(ratio: float) -> Floats:
    return np.array([ratio**number / SPAN for number in range(_ranges(ratio))])


def paces_of(tables: Tables, times: Floats, shares: Floats) -> Paces:
    """Ranges of paces for every micro-batch, the first one from 0 on.

    Args:
        shares: [range] where they end, in parts of the whole model's pace as one stage; the last one reaches all.
    """
    floors, reach = [], []
    for pace_s in tables.pace_s:
        there = pace_s < NEVER
        most = float(pace_s[there].max()) if there.any() else 1.0  # of a micro-batch that fits nowhere (`paper`)
        whole = pace_s[:, :, -1, 0]
        top = float(whole[whole < NEVER].max()) if (whole < NEVER).any() else most
        edges: Floats = top * shares
        edges[-1] = max(edges[-1], 1.001 * most)
        floors.append(np.concatenate(([0.0], edges[:-1])))
        reach.append(kernels.reaches(pace_s, edges))
    return Paces(times, np.array(floors), np.array(reach))


def shapes_of(ready: Prepared) -> Shapes:
    """The numbers of chiplets of each class that a pipeline may have."""
    counts = ready.package.class_counts
    most = list(counts)
    while sum(math.prod(each + 1 for each in shape) for shape in _up_to(most)) > MOST_STEPS and max(most) > 1:
        most[most.index(max(most))] -= 1
    chiplets, total, start, edge = [], [], [0], [0]
    before: list[int] = []
    classes: list[int] = []
    for shape in _up_to(most):
        endless = [c for c, count in enumerate(counts) if most[c] < count and shape[c] == most[c]]
        for edges in _steps(shape, endless, start[-1]):
            before += [source for source, _ in edges]
            classes += [c for _, c in edges]
            edge.append(len(before))
        chiplets.append(shape)
        total.append(0 if endless else sum(shape))
        start.append(len(edge) - 1)
    return Shapes(*(np.array(each, dtype=np.int64) for each in (chiplets, total, start, edge, before, classes)))


def _up_to(most: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every number of chiplets of each class, but for none at all."""
    every = itertools.product(*(range(each + 1) for each in most))
    return (shape for shape in every if any(shape))


def _steps(shape: tuple[int, ...], endless: Sequence[int], first: int) -> Iterator[list[tuple[int, int]]]:
    """The edges (earlier step, class) of each step to a shape, the last one to all of it.

    Of an `endless` class there may be more chiplets than the shape has: such a step leads to itself.
    """
    inside = [each for each in _up_to(shape) if each != shape or endless]
    number = {each: first + at for at, each in enumerate(inside)} | {(0,) * len(shape): BEGINNING}

    def edges(step: tuple[int, ...]) -> list[tuple[int, int]]:
        back = [(c, (*step[:c], step[c] - 1, *step[c + 1 :])) for c in range(len(step)) if step[c] > 0]
        more = [(number[step], c) for c in endless if step[c] == shape[c]]
        return [(number[each], c) for c, each in back] + more

    for step in inside:
        yield edges(step)
    yield edges(shape)
