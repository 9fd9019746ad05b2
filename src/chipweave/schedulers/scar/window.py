"""SCHED for one window: place every task's pipeline on chiplets of its own (SCAR IV-D)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.law import end_s
from chipweave.evaluation.tables.bench import Candidates, Scores, arrays_of, score, window_cost
from chipweave.ndarrays import Floats, Ints
from chipweave.plan.schedule import Pipeline, Stage
from chipweave.schedulers.fronts import WindowOption, front_of
from chipweave.schedulers.scar.combine import Placed, combine, sieve
from chipweave.schedulers.scar.energy_caps import NO_CAPS, Caps, Least, beside, ends_s, least_of, side_by_side_j
from chipweave.schedulers.scar.reconfigure import Share
from chipweave.schedulers.scar.segment import Segmentations
from chipweave.schedulers.scar.trees import KindTree


@dataclass(frozen=True)
class Contender:
    """A share with its candidate pipelines.

    Args:
        limit_s: by when its task has to have ended, from the schedule's start, where it ends in this window; else
            infinite.
        before_s: what the windows before this one take at least.
    """

    share: Share
    found: Segmentations
    limit_s: float
    before_s: float = 0.0


@dataclass(frozen=True)
class _Placed:
    """Candidate pipelines on definite paths: [m] sets of chiplets, a bit each; [m, 4] figures; rows of the
    segmentations; and the paths.

    Figures are latency_s, energy_j, dram_bytes (0 in `paper`) and minus the latest start.
    """

    masks: Ints
    figures: Floats
    row: Ints
    path: list[tuple[int, ...]]


BREADTH_DETAILED = 4
"""In `detailed`, parts that look worse alone may be better together: so many must beat one before it is dropped."""

MOST_COMBINATIONS = 1_000_000
"""Combinations of pipelines beyond which one that beats a part is enough to drop it, in `detailed` too."""

RESCORED = 1024
"""Whole windows scored exactly in `detailed`, of those that look best."""


def window_options(
    ready: Prepared,
    tree: KindTree,
    contenders: Sequence[Contender],
    caps: Caps = NO_CAPS,
    jobs: int = 1,
    product_alone: bool = True,
) -> tuple[list[WindowOption], int]:
    """The non-dominated ways to run a window, by latency, and how many combinations were scored.

    Every task takes one simple path, no chiplet serves two. In `paper` the figures of the parts are exact; in
    `detailed` shared links and DRAM couple the parts, so the best combinations are scored whole: those of least latency
    times energy, and unless `product_alone` those of least latency and of least energy. `jobs` threads place tasks side
    by side.
    """
    floor_s = max(float(contender.found.figures[:, 0].min(initial=np.inf)) for contender in contenders)
    limited = any(np.isfinite(contender.limit_s) for contender in contenders)
    width = 4 if limited else 3 if ready.detailed else 2
    breadth = BREADTH_DETAILED if ready.detailed else 1
    with ThreadPoolExecutor(jobs) as pool:
        placed = list(pool.map(lambda each: _place(ready, tree, each, floor_s, width, breadth), contenders))
    if any(len(part.masks) == 0 for part in placed):
        return [], 0
    least = [least_of(part.figures[:, 0], part.figures[:, 1]) for part in placed]
    placed = [_affordable(part, _beside(caps, [*least[:at], *least[at + 1 :]])) for at, part in enumerate(placed)]
    if math.prod(len(part.masks) for part in placed) > MOST_COMBINATIONS:
        breadth = 1
        placed = [_sieved(part, width, breadth) for part in placed]
    order = sorted(range(len(placed)), key=lambda k: (len(placed[k].masks), k))
    masks, figures = placed[order[0]].masks, placed[order[0]].figures
    rows = np.arange(len(masks))[:, None]
    combined = len(masks)
    for step, k in enumerate(order[1:], start=1):
        combined += len(masks) * len(placed[k].masks)
        last = step == len(order) - 1 and not ready.detailed
        left = _beside(caps, [least[later] for later in order[step + 1 :]])
        both = Placed(masks, figures), Placed(placed[k].masks, placed[k].figures)
        made, kept = combine(*both, width, breadth, 1 if last else 1 << len(ready.package.chiplets), left)
        masks, figures = made.masks[kept, 0], made.figures[kept]
        rows = np.column_stack((rows[made.old[kept, 0]], made.new[kept, 0]))
    if len(masks) == 0:
        return [], combined
    rows = rows[:, np.argsort(order)]
    if ready.detailed:
        rows = rows[_promising(ready, figures, product_alone, limited)]
        latency_s, energy_j, start_s = _score_whole(ready, contenders, placed, rows)
    else:
        latency_s, energy_j, start_s = figures[:, 0], figures[:, 1], -figures[:, 3]
    return [
        WindowOption(
            float(latency_s[m]),
            float(energy_j[m]),
            float(start_s[m]),
            tuple(
                _pipeline(ready, contender, int(part.row[at]), part.path[at])
                for contender, part, at in zip(contenders, placed, rows[m], strict=True)
            ),
        )
        for m in front_of(latency_s, energy_j, -start_s)
    ], combined


def _beside(caps: Caps, others: Sequence[Least]) -> Caps:
    """What is left beside others, on whatever chiplets they are."""
    return beside(caps, side_by_side_j([[least] for least in others], len(others), ends_s(caps))[-1])


def _promising(ready: Prepared, figures: Floats, product_alone: bool, limited: bool) -> Ints:
    """The windows that are scored whole: the best by each measure that counts."""
    seconds = np.maximum(figures[:, 0], figures[:, 2] / ready.package.dram_bandwidth_bytes_s)
    worth = seconds * figures[:, 1]
    best = np.argsort(worth, kind="stable")[:RESCORED]
    others = ([] if product_alone else [seconds, figures[:, 1]]) + ([figures[:, 3]] if limited else [])
    for measure in others:
        best = np.concatenate((best, np.lexsort((worth, measure))[:RESCORED]))
    return np.unique(best) if others else best


def _place(ready: Prepared, tree: KindTree, contender: Contender, floor_s: float, width: int, breadth: int) -> _Placed:
    """Every candidate pipeline on every set of chiplets that realises its kinds of places, sieved.

    In `detailed` what is left is scored exactly on every path over its chiplets, and sieved again.
    """
    found = contender.found
    by_mask = tree.paths_by_mask
    counts = np.array([len(by_mask[node]) for node in found.node], dtype=np.int64)
    row = np.repeat(np.arange(len(counts)), counts)
    masks = np.array([mask for node in found.node for mask in by_mask[node]], dtype=np.int64)
    dram_bytes = found.figures[row, 2] if ready.detailed else np.zeros(len(row))
    own_s = found.figures[row, 0]
    figures = _figures(own_s, found.figures[row, 1], dram_bytes, own_s - contender.limit_s, floor_s)
    masks, figures, row = _in_time(contender, masks, figures, row)
    alike = _distinct(masks, figures, found.tolerance)
    masks, figures, row = masks[alike], figures[alike], row[alike]
    kept = sieve(Placed(masks, figures), width, breadth, _smallest_first(masks, figures))
    masks, figures, row = masks[kept], figures[kept], row[kept]
    if not ready.detailed:
        paths = [by_mask[found.node[r]][int(mask)][0] for r, mask in zip(row, masks, strict=True)]
        return _Placed(masks, figures, row, paths)
    ways = [by_mask[found.node[r]][int(mask)] for r, mask in zip(row, masks, strict=True)]
    counts = np.array([len(way) for way in ways], dtype=np.int64)
    paths = [path for way in ways for path in way]
    row, masks = np.repeat(row, counts), np.repeat(masks, counts)
    batch = _score(ready, contender, row, paths)
    latency_s, energy_j = window_cost(ready, batch)
    figures = _figures(latency_s, energy_j, batch.dram_bytes, batch.latency_s - contender.limit_s, floor_s)
    alike = _distinct(masks, figures, found.tolerance)
    return _sieved(_chosen(_Placed(masks, figures, row, paths), alike), width, breadth)


def _distinct(masks: Ints, figures: Floats, tolerance: float) -> Ints:
    """Of candidates on the same chiplets that are about as slow and as costly, that with the least product.

    About: in the same cell of a grid whose steps are a quarter of the search's tolerance.
    """
    if tolerance == 0 or len(masks) == 0:
        return np.arange(len(masks))
    cells = np.floor(np.log(np.maximum(figures[:, :2], 1e-300)) / math.log1p(tolerance / 4)).astype(np.int64)
    order = np.lexsort((figures[:, 0] * figures[:, 1], cells[:, 1], cells[:, 0], masks))
    keys = np.column_stack((masks, cells))[order]
    first = np.ones(len(order), np.bool_)
    first[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    return np.sort(order[first])


def _affordable(part: _Placed, caps: Caps) -> _Placed:
    """Those within the caps."""
    return _chosen(part, np.flatnonzero(part.figures[:, 1] <= caps.at(part.figures[:, 0])))


def _sieved(part: _Placed, width: int, breadth: int) -> _Placed:
    order = _smallest_first(part.masks, part.figures)
    return _chosen(part, sieve(Placed(part.masks, part.figures), width, breadth, order))


def _chosen(part: _Placed, at: Ints) -> _Placed:
    return _Placed(part.masks[at], part.figures[at], part.row[at], [part.path[k] for k in at])


def _in_time(contender: Contender, masks: Ints, figures: Floats, row: Ints) -> tuple[Ints, Floats, Ints]:
    """Those that may start as late as this window does at the earliest."""
    if math.isinf(contender.limit_s):
        return masks, figures, row
    kept = -figures[:, 3] >= contender.before_s
    return masks[kept], figures[kept], row[kept]


def _figures(latency_s: Floats, energy_j: Floats, dram_bytes: Floats, late_s: Floats, floor_s: float) -> Floats:
    """[m, 4]. Faster than the slowest task's fastest pipeline is no use, unless a limit counts on it."""
    return np.column_stack((np.maximum(latency_s, floor_s), energy_j, dram_bytes, late_s))


def _smallest_first(masks: Ints, figures: Floats) -> Ints:
    """An order in which nothing comes before what beats it: fewest chiplets, the same ones together, then smallest
    figures."""
    sets, which = np.unique(masks, return_inverse=True)
    popcount = np.array([int(mask).bit_count() for mask in sets], dtype=np.int64)[which]
    return np.lexsort((figures[:, 3], figures[:, 2], figures[:, 1], figures[:, 0], masks, popcount))


def _pipeline(ready: Prepared, contender: Contender, row: int, path: tuple[int, ...]) -> Pipeline:
    task = arrays_of(ready, contender.share.task)
    cuts = contender.found.cuts[row][: len(path)]
    begins = [contender.share.first, *(int(cut) for cut in cuts[:-1])]
    stages = tuple(
        Stage(int(task.first[begin]), int(task.last[int(end) - 1]), (chiplet,))
        for begin, end, chiplet in zip(begins, cuts, path, strict=True)
    )
    return Pipeline(contender.share.task, stages, int(contender.found.micro_batch[row]))


def _score(ready: Prepared, contender: Contender, row: Ints, paths: Sequence[tuple[int, ...]]) -> Scores:
    """Exact cost of a contender's candidates on definite paths."""
    stages = np.array([len(path) for path in paths], dtype=np.int64)
    chiplets = np.zeros((len(paths), int(stages.max(initial=1))), dtype=np.int64)
    for at, path in enumerate(paths):
        chiplets[at, : len(path)] = path
    share, found = contender.share, contender.found
    cuts = np.ascontiguousarray(found.cuts[row][:, : chiplets.shape[1]])
    return score(ready, share.task, share.first, share.end, Candidates(found.micro_batch[row], stages, cuts, chiplets))


def _score_whole(
    ready: Prepared, contenders: Sequence[Contender], placed: Sequence[_Placed], rows: Ints
) -> tuple[Floats, Floats, Floats]:
    """Exact (latency_s, energy_j, latest start) of whole windows; column k of `rows` picks from `placed[k]`."""
    batches = [
        _score(ready, contender, part.row[column], [part.path[at] for at in column])
        for contender, part, column in zip(contenders, placed, rows.T, strict=True)
    ]
    total = batches[0]
    for batch in batches[1:]:
        total = total + batch
    latency_s, energy_j = window_cost(ready, total)
    starts_s = np.full(len(rows), np.inf)
    for contender, batch in zip(contenders, batches, strict=True):
        if np.isfinite(contender.limit_s):
            ends_s = list(map(end_s, batch.latency_s, total.latency_s, latency_s))
            starts_s = np.minimum(starts_s, contender.limit_s - np.array(ends_s))
    return latency_s, energy_j, starts_s
