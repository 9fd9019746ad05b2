"""SCHED for one window: place every task's pipeline on chiplets of its own (SCAR IV-D)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, product

import numpy as np
from numpy.typing import NDArray

from chipweave.schedule.batch import Batch, Candidates, Workbench
from chipweave.schedule.plan import Pipeline, Stage
from chipweave.schedulers.scar import chains
from chipweave.schedulers.scar.caps import NO_CAPS, Caps
from chipweave.schedulers.scar.reconfigure import Share
from chipweave.schedulers.scar.segment import Segmentations
from chipweave.schedulers.scar.trees import KindTree

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class WindowOption:
    """One way to run a window: what it costs and when it must start at the latest for the tasks' limits."""

    latency_s: float
    energy_j: float
    latest_start_s: float
    pipelines: tuple[Pipeline, ...]


@dataclass(frozen=True)
class Contender:
    """A share with its candidate pipelines; `limit_s` is the task's latency limit if it ends in this window."""

    share: Share
    found: Segmentations
    limit_s: float


@dataclass(frozen=True)
class _Placed:
    """Candidate pipelines on definite chiplets: [m] sets of chiplets, figures, rows of the segmentations."""

    masks: Ints
    figures: Floats
    row: Ints


def window_options(
    bench: Workbench,
    tree: KindTree,
    contenders: Sequence[Contender],
    *,
    breadth: int = 1,
    caps: Caps = NO_CAPS,
    rescored: int = 512,
) -> tuple[list[WindowOption], int]:
    """The non-dominated ways to run a window, by latency, and how many whole windows were scored.

    Every task takes one simple path, no chiplet serves two. In `paper` the figures of the parts are exact; in
    `detailed` links, DRAM and skipping tensors couple the parts, so the `rescored` best are scored whole.
    """
    floor_s = max(float(contender.found.figures[:, 0].min(initial=np.inf)) for contender in contenders)
    limited = any(np.isfinite(contender.limit_s) for contender in contenders)
    width = 4 if limited else 3 if bench.detailed else 2
    placed = [_place(bench, tree, contender, floor_s, width, breadth) for contender in contenders]
    if any(len(part.masks) == 0 for part in placed):
        return [], 0
    order = sorted(range(len(placed)), key=lambda k: len(placed[k].masks))
    masks, figures = placed[order[0]].masks, placed[order[0]].figures
    rows = np.arange(len(masks))[:, None]
    combined = len(masks)
    for step, k in enumerate(order[1:], start=2):
        combined += len(masks) * len(placed[k].masks)
        masks, figures, source, option = chains.combine(
            masks, figures, placed[k].masks, placed[k].figures, width, breadth,
            len(bench.problem.package.chiplets), step == len(order), caps.start_s, caps.step_s, caps.energy_j,
        )  # fmt: skip
        rows = np.column_stack((rows[source], option))
    if len(masks) == 0:
        return [], combined
    rows = rows[:, np.argsort(order)]
    latency_s = figures[:, 0]
    if bench.detailed:
        latency_s = np.maximum(latency_s, figures[:, 2] / bench.problem.package.dram_bandwidth_bytes_s)
    best_first = np.lexsort((figures[:, 1], latency_s * figures[:, 1]))
    if bench.detailed:
        plans = _rescore(bench, tree, contenders, placed, rows, best_first[:rescored])
    else:
        plans = [
            WindowOption(
                float(latency_s[m]),
                float(figures[m, 1]),
                -float(figures[m, 3]),
                tuple(
                    _pipeline(bench, contender, int(part.row[rows[m, k]]), _paths(tree, contender, part, rows[m, k])[0])
                    for k, (contender, part) in enumerate(zip(contenders, placed, strict=True))
                ),
            )
            for m in _front(latency_s, figures[:, 1], -figures[:, 3])
        ]
    return plans, combined


def _place(bench: Workbench, tree: KindTree, contender: Contender, floor_s: float, width: int, breadth: int) -> _Placed:
    """Every candidate pipeline on every set of chiplets that realises its kinds of places, sieved."""
    found = contender.found
    masks_of = [sorted({sum(1 << c for c in path) for path in paths}) for paths in tree.paths]
    counts = np.array([len(masks_of[node]) for node in found.node], dtype=np.int64)
    row = np.repeat(np.arange(len(counts)), counts)
    masks = np.array([mask for node in found.node for mask in masks_of[node]], dtype=np.int64)
    latency_s = found.figures[row, 0]
    figures = np.column_stack(
        (
            # Faster than the slowest task's fastest pipeline is no use, unless a limit counts on it.
            np.maximum(latency_s, floor_s),
            found.figures[row, 1],
            found.figures[row, 2] if bench.detailed else np.zeros(len(row)),
            latency_s - contender.limit_s,
        )
    )
    popcount = np.array([int(mask).bit_count() for mask in masks], dtype=np.int64)
    order = np.lexsort((row, figures[:, 3], figures[:, 2], figures[:, 1], figures[:, 0], popcount))
    kept = chains.sieve(masks, figures, width, breadth, order)
    return _Placed(masks[kept], figures[kept], row[kept])


def _paths(tree: KindTree, contender: Contender, part: _Placed, at: int) -> list[tuple[int, ...]]:
    """The paths on the option's chiplets that realise its kinds of places."""
    node, mask = int(contender.found.node[part.row[at]]), int(part.masks[at])
    return [path for path in tree.paths[node] if sum(1 << c for c in path) == mask]


def _pipeline(bench: Workbench, contender: Contender, row: int, path: tuple[int, ...]) -> Pipeline:
    task = bench.tasks[contender.share.task]
    cuts = contender.found.cuts[row][: len(path)]
    begins = [contender.share.first, *(int(cut) for cut in cuts[:-1])]
    stages = tuple(
        Stage(int(task.first[begin]), int(task.last[int(end) - 1]), (chiplet,))
        for begin, end, chiplet in zip(begins, cuts, path, strict=True)
    )
    return Pipeline(contender.share.task, stages, int(contender.found.micro_batch[row]))


def _front(*columns: Floats) -> list[int]:
    """Indices of the rows that no other beats in all columns (latency, energy, minus latest start), by latency."""
    order = np.lexsort(columns[::-1])
    kept: list[int] = []
    for at in order:
        if not any(all(column[k] <= column[at] for column in columns) for k in kept):
            kept.append(int(at))
    return kept


_MOST_PATHS = 16
"""Ways to lay one combination of pipelines on its chiplets that are scored whole."""


def _rescore(
    bench: Workbench,
    tree: KindTree,
    contenders: Sequence[Contender],
    placed: Sequence[_Placed],
    rows: Ints,
    chosen: Ints,
) -> list[WindowOption]:
    layouts: list[tuple[int, tuple[tuple[int, ...], ...]]] = []
    for m in chosen:
        paths = [_paths(tree, c, part, rows[m, k]) for k, (c, part) in enumerate(zip(contenders, placed, strict=True))]
        layouts += [(int(m), layout) for layout in islice(product(*paths), _MOST_PATHS)]
    total: Batch | None = None
    starts = np.full(len(layouts), np.inf)
    for k, (contender, part) in enumerate(zip(contenders, placed, strict=True)):
        row = np.array([part.row[rows[m, k]] for m, _ in layouts], dtype=np.int64)
        stages = np.array([len(layout[k]) for _, layout in layouts], dtype=np.int64)
        chiplets = np.zeros((len(layouts), int(stages.max())), dtype=np.int64)
        for at, (_, layout) in enumerate(layouts):
            chiplets[at, : stages[at]] = layout[k]
        batch = bench.score(
            contender.share.task,
            contender.share.first,
            contender.share.end,
            Candidates(
                contender.found.micro_batch[row], stages, contender.found.cuts[row][:, : chiplets.shape[1]], chiplets
            ),
        )
        starts = np.minimum(starts, contender.limit_s - batch.latency_s)
        total = batch if total is None else total + batch
    assert total is not None
    latency_s, energy_j = bench.window_cost(total)
    return [
        WindowOption(
            float(latency_s[at]),
            float(energy_j[at]),
            float(starts[at]),
            tuple(
                _pipeline(bench, contender, int(part.row[rows[layouts[at][0], k]]), layouts[at][1][k])
                for k, (contender, part) in enumerate(zip(contenders, placed, strict=True))
            ),
        )
        for at in _front(latency_s, energy_j, -starts)
    ]
