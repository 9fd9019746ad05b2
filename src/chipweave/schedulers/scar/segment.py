"""SEG: a task's candidate pipelines for its share of a window (SCAR IV-C), on every subtree of places."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.law import EMPTY, last_share, latency_s_of, micro_batches, through
from chipweave.evaluation.tables.bench import arrays_of, bytes_of, stage_tables
from chipweave.evaluation.tables.single import StageTables
from chipweave.ndarrays import Floats, Ints
from chipweave.schedulers.scar.energy_caps import NO_CAPS, Caps
from chipweave.schedulers.scar.labels import (
    NO_SLACK,
    Beat,
    Comparing,
    Rest,
    StageSeconds,
    any_within,
    fronts,
    least_latency_s,
    rest_of,
)
from chipweave.schedulers.scar.reconfigure import Share
from chipweave.schedulers.scar.trees import KindTree

UNLIMITED = 2**62


@dataclass(frozen=True)
class Segmentations:
    """Candidate pipelines of one share, [m] each, wherever they may be placed.

    Args:
        node: of the tree of kinds: how many stages, on what kinds of places.
        micro_batch: samples at a time.
        figures: [m, 3] latency_s, energy_j, dram_bytes.
        cuts: [m, s] unit of the task before which stage s ends.
        labels: partial pipelines made on the way.
        tolerance: how much slower or costlier than the best these may be, relatively (see `segmentations`).
        least: latency and energy that no pipeline within the caps goes below.
    """

    node: Ints
    micro_batch: Ints
    figures: Floats
    cuts: Ints
    labels: int
    tolerance: float
    least: tuple[float, float] = (0.0, 0.0)


TOLERANCES = (0.5, 0.1, 0.02, 0.0)
"""Relative tolerances of a share's search, one pass of the search after another: what a coarse one finds bounds the
next."""

BUDGETS = (UNLIMITED, UNLIMITED, UNLIMITED, 1_000_000)
"""Labels made and compared with each tolerance before a share's search is begun anew with the one before."""


MOST_KEPT_BYTES = 200_000_000
"""Of the tables of stages that are kept from one pass to the next."""


def segmentations(
    ready: Prepared,
    share: Share,
    tree: KindTree,
    longest: int,
    *,
    breadth: int = 1,
    least_breadth: int = 1,
    caps: Caps = NO_CAPS,
    tolerance: float = 0.0,
    before: Segmentations | None = None,
    jobs: int = 1,
) -> Segmentations:
    """All pipelines of up to `longest` stages that fewer than `breadth` others beat on the same kinds of places.

    Those above the caps are left out. With tolerance 0 every pipeline that can be part of an optimum is there;
    else one at most so much slower and costlier, relative to what no pipeline of the share goes below. Where the
    budget of labels runs out, the tolerance rises to the one before in `TOLERANCES`; above 0 the breadth is
    `least_breadth`. `jobs` threads work side by side; the result does not depend on them.

    Args:
        before: what a coarser search with wider caps found: micro-batches at which nothing of it may be within the caps
            are left out.
    """
    sizes = _promising(ready, share, caps, before)
    bytes_of(ready, share.task, share.first, share.end)
    at = TOLERANCES.index(tolerance)
    with ThreadPoolExecutor(jobs) as pool:
        for tolerance, budget in zip(TOLERANCES[at::-1], BUDGETS[at::-1], strict=True):
            beaten_by = breadth if tolerance == 0 else least_breadth
            effort = _Effort(longest, beaten_by, tolerance, budget // max(1, len(sizes)))
            parts = list(pool.map(partial(_at, ready, share, tree, caps, effort), sizes))
            if all(part.done for part in parts):
                break
    none = np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 3)), np.empty((0, longest), np.int64)
    node, micro, figures, cuts = (
        np.concatenate([none[column], *(part[column] for part in parts)]) for column in range(4)
    )
    least = tuple(min((part.least[number] for part in parts if part.made > 0), default=np.inf) for number in (0, 1))
    made = sum(part.made for part in parts)
    return Segmentations(node, micro, figures, cuts, made, tolerance, (float(least[0]), float(least[1])))


def _promising(ready: Prepared, share: Share, caps: Caps, before: Segmentations | None) -> Sequence[int]:
    """The micro-batches that may pay."""
    sizes = ready.micro_batches(share.task)
    if before is None or before.tolerance == 0:
        return sizes
    latency_s, energy_j = before.figures[:, :2].T / (1 + before.tolerance) ** 2
    within = energy_j <= caps.at(latency_s)
    return [size for size in sizes if (within & (before.micro_batch == size)).any()]


class _Found(NamedTuple):
    """The candidates at one micro-batch, the labels made (0 where none is within the caps), what none of them goes
    below, and whether the budget sufficed."""

    node: Ints
    micro_batch: Ints
    figures: Floats
    cuts: Ints
    made: int
    least: tuple[float, float]
    done: bool


class _Effort(NamedTuple):
    """How far a share's search goes: see `segmentations`."""

    longest: int
    breadth: int
    tolerance: float
    budget: int


def _at(ready: Prepared, share: Share, tree: KindTree, caps: Caps, effort: _Effort, micro: int) -> _Found:
    """The candidates at one micro-batch."""
    tables, rest = _tables(ready, share, tree, micro, effort.longest)
    beat = beat_of(ready, share.task, micro)
    if not any_within(rest, effort.longest, beat, caps):
        none = np.empty(0, np.int64)
        return _Found(none, none, np.empty((0, 3)), np.empty((0, effort.longest), np.int64), 0, (np.inf, np.inf), True)
    least = float(least_latency_s(rest, effort.longest, beat)), float(rest.energy_j[-1, 0])
    width, slack = 4 if ready.detailed else 3, _slack(least, beat, effort)
    comparing = Comparing(beat, effort.longest, width, effort.breadth, slack, effort.budget)
    start, figures, cuts, made, done = fronts(tables, tree.arrays, rest, caps, comparing)
    node = np.repeat(np.arange(len(tree.parent)), np.diff(start)) if done else np.empty(0, dtype=np.int64)
    ends = cuts.astype(np.int64) + share.first
    return _Found(node, np.full(len(node), micro), figures, ends, made, least, done)


def _tables(ready: Prepared, share: Share, tree: KindTree, micro: int, longest: int) -> tuple[StageTables, Rest]:
    """The stages at one micro-batch, and what they take at least; kept for the next pass as long as there is room."""
    known = ready.once(_shelf)
    key = share, micro, longest, tree.kinds
    if key in known:
        return known[key]
    tables = stage_tables(ready, *share, micro, tree.kinds, longest)
    if micro_batches(arrays_of(ready, share.task).batch, micro) == 1:
        tables.steady_s.fill(0.0)  # one micro-batch: no stage ever waits for the slowest
    made = tables, rest_of(tables, longest)
    if sum(each.fill_s.nbytes for each, _ in list(known.values())) * len(tables) < MOST_KEPT_BYTES:
        known[key] = made
    return made


def _shelf(_: Prepared) -> dict[object, tuple[StageTables, Rest]]:
    return {}


def beat_of(ready: Prepared, task: int, micro_batch: int) -> Beat:
    """A task's micro-batches; in `paper` the last one counts as a full one."""
    batch = arrays_of(ready, task).batch
    last = last_share(batch, micro_batch, 1) if ready.detailed else 1.0
    return Beat(micro_batches(batch, micro_batch), last, ready.rates)


def _slack(least: tuple[float, float], beat: Beat, effort: _Effort) -> Floats:
    """What a label may be worse by, [4], so that as many steps as there may be stages stay within the tolerance.

    Latency is about first + (k - 2 + last) * slowest: half of its tolerance goes to each.
    """
    if effort.tolerance == 0:
        return NO_SLACK
    latency_s, energy_j = least
    whole = np.array([latency_s / 2, latency_s / 2 / max(1, beat.number - 2 + beat.last), energy_j])
    # DRAM bytes show in the joules already; they only matter apart where DRAM is the bottleneck.
    return np.append(effort.tolerance / effort.longest * whole, np.inf)


def best_segmentations(found: Segmentations, scores: Floats, top_k: int) -> list[tuple[int, ...]]:
    """Heuristic 1: the `top_k` distinct segmentations with the best scores (ties: fewer, earlier cuts)."""
    best: dict[tuple[int, ...], float] = {}
    end = found.cuts.max(initial=0)
    for row, score in zip(found.cuts, scores, strict=True):
        stop = int(np.argmax(row == end)) + 1
        key = tuple(int(cut) for cut in row[:stop])
        best[key] = min(score, best.get(key, np.inf))
    return sorted(best, key=lambda cuts: (best[cuts], len(cuts), cuts))[:top_k]


def on_every_place(
    ready: Prepared, share: Share, tree: KindTree, longest: int, chosen: list[tuple[int, ...]]
) -> Segmentations:
    """Given segmentations on every node with as many stages, at every micro-batch that fits."""
    by_length: dict[int, list[int]] = {}
    for node, depth in enumerate(tree.depth):
        by_length.setdefault(depth, []).append(node)
    rows: list[tuple[int, int, list[float], list[int]]] = []
    for micro in ready.micro_batches(share.task):
        tables = stage_tables(ready, *share, micro, tree.kinds, longest)
        beat = beat_of(ready, share.task, micro)
        for cuts in chosen:
            ends = np.array(cuts) - share.first - 1
            begins = np.array([0, *(ends[:-1] + 1)])
            for node in by_length.get(len(cuts), []):
                kinds = _kinds_to(tree, node)
                at = (kinds, begins, ends)
                if np.isfinite(tables.fill_s[at]).all():
                    passed = EMPTY
                    seconds = [getattr(tables, name)[at].tolist() for name in StageSeconds._fields]
                    for stage in zip(*seconds, strict=True):
                        passed = through(passed, StageSeconds(*stage), beat.number)
                    latency_s = latency_s_of(passed, beat.number, ready.rates)
                    costs = [latency_s, float(tables.energy_j[at].sum()), float(tables.dram_bytes[at].sum())]
                    rows.append((node, micro, costs, [*cuts, *([0] * (longest - len(cuts)))]))
    nodes, sizes, figures, every = (np.array(column) for column in zip(*rows, strict=True))
    return Segmentations(nodes, sizes, figures, every, labels=len(rows), tolerance=0.0)


def _kinds_to(tree: KindTree, node: int) -> Ints:
    kinds: list[int] = []
    while node >= 0:
        kinds.append(tree.kind[node])
        node = tree.parent[node]
    return np.array(kinds[::-1])
