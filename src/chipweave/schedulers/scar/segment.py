"""SEG: a task's candidate pipelines for its share of a window (SCAR IV-C), on every subtree of places."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from chipweave.evaluation.bound import Point
from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.law import EMPTY, last_share, latency_s_of, micro_batches, through
from chipweave.evaluation.tables.bench import arrays_of, bytes_of, stage_tables, whole_stage
from chipweave.evaluation.tables.single import StageTables
from chipweave.ndarrays import Floats, Ints
from chipweave.schedulers.scar.comparing import NO_SLACK, Beat, Comparing
from chipweave.schedulers.scar.energy_caps import NO_CAPS, Caps, Ladder, Least, ladder, least_of
from chipweave.schedulers.scar.known import known_on, nothing_known
from chipweave.schedulers.scar.labels import StageSeconds, fronts
from chipweave.schedulers.scar.reconfigure import Share
from chipweave.schedulers.scar.rest import Rest, any_within, corners, least_latency_s, rest_of
from chipweave.schedulers.scar.trees import KindTree
from chipweave.shelf import Shelf

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


TOLERANCES = (0.2, 0.02, 0.0)
"""Relative tolerances of a share's search, one pass of the search after another: what a coarse one finds bounds the
next."""

BUDGET = 1_000_000
"""Labels made and compared without tolerance before a share's search is begun anew with the least one."""

AT_ONCE = 2
"""Micro-batches that are searched side by side without tolerance, whatever the number of cores. (With one, what a
micro-batch finds bounds the next.)"""

MANY = 3
"""Stages from which a pipeline may have any run of units as one of them."""

MOST_KEPT_BYTES = 300_000_000
"""Of the tables of stages, and of what follows from them, that are kept from one pass to the next."""


def segmentations(
    ready: Prepared,
    share: Share,
    tree: KindTree,
    longest: int,
    *,
    breadth: int = 1,
    least_breadth: int = 1,
    caps: Ladder | None = None,
    tolerance: float = 0.0,
    before: Segmentations | None = None,
    budget: int = BUDGET,
    jobs: int = 1,
) -> Segmentations:
    """All pipelines of up to `longest` stages that fewer than `breadth` others beat on the same kinds of places.

    Those above the caps are left out. With tolerance 0 every pipeline that can be part of an optimum is there;
    else one at most so much slower and costlier, relative to what no pipeline of the share goes below. Where the
    budget of labels runs out, the tolerance rises to the one before in `TOLERANCES`; above 0 the breadth is
    `least_breadth`. `jobs` threads work side by side; the result does not depend on them.

    Args:
        before: what a search with fewer places or a larger tolerance found: what it beats is not searched again.
        budget: labels made and compared without tolerance, at most.
    """
    longest = min(longest, max(tree.depth))  # no path has more places
    caps = caps or ladder([NO_CAPS] * longest)
    any_ = Caps(caps.start_s, caps.step_s, caps.energy_j[0])
    pipelines = _pipelines(ready, share, tree, longest, jobs)
    within = [each for each in pipelines if any_within(each.rest, each.beat, any_)]
    within.sort(key=lambda each: math.prod(each.least))  # what promises most may beat all of the others
    least_s = min((each.least[0] for each in within), default=math.inf)
    least_j = min((each.least[1] for each in within), default=math.inf)
    at = TOLERANCES.index(tolerance)
    for tolerance in TOLERANCES[at::-1]:
        beaten_by = breadth if tolerance == 0 else least_breadth
        effort = _Effort(beaten_by, tolerance, budget // max(1, len(within)) if tolerance == 0 else UNLIMITED)
        found, made, done = _none(longest), 0, True
        if before is not None and beaten_by == 1:
            found = _within(before, tree, longest, caps)
        at_once = AT_ONCE if tolerance == 0 else 1
        with ThreadPoolExecutor(min(jobs, at_once)) as pool:
            for some in (within[k : k + at_once] for k in range(0, len(within), at_once)):
                own = partial(_at, ready, tree, share, found=found, caps=caps, effort=effort)
                for more, labels, every in list(pool.map(own, some)):
                    found = _Found(*(np.concatenate(both) for both in zip(found, more, strict=True)))
                    made += labels
                    done &= every
                if not done:
                    break
        if done:
            break
    return Segmentations(*found, labels=made, tolerance=tolerance, least=(least_s, least_j))


def least_of_share(ready: Prepared, share: Share, tree: KindTree, longest: int, jobs: int = 1) -> Least:
    """What all pipelines of up to `longest` stages take at least."""
    longest = min(longest, max(tree.depth))

    def make() -> Least:
        found = [corners(each.rest, each.beat) for each in _pipelines(ready, share, tree, longest, jobs)]
        return least_of(*(np.concatenate(both) for both in zip(*found, strict=True)))

    return ready.once(_shelf).get(("least", share, longest, tree.kinds), make)


def _pipelines(ready: Prepared, share: Share, tree: KindTree, longest: int, jobs: int) -> list[_Pipelines]:
    """The pipelines at every micro-batch."""
    bytes_of(ready, share.task, share.first, share.end)
    sizes = ready.micro_batches(share.task)
    with ThreadPoolExecutor(jobs) as pool:
        rests = list(pool.map(lambda micro: _rest(ready, share, tree, micro, longest), sizes))
    return [
        _Pipelines(micro, beat_of(ready, share.task, micro), rest, longest)
        for micro, rest in zip(sizes, rests, strict=True)
    ]


class _Pipelines(NamedTuple):
    """The pipelines of up to `longest` stages at one micro-batch, and what their stages take at least."""

    micro: int
    beat: Beat
    rest: Rest
    longest: int

    @property
    def least(self) -> Point:
        """Latency and energy that none of them goes below."""
        return float(least_latency_s(self.rest, self.beat)), float(self.rest.energy_j[-1, 0, -1])


class _Found(NamedTuple):
    """Candidates, as in `Segmentations`."""

    node: Ints
    micro_batch: Ints
    figures: Floats
    cuts: Ints


class _Effort(NamedTuple):
    """How far a share's search goes: see `segmentations`."""

    breadth: int
    tolerance: float
    budget: int


def _none(longest: int) -> _Found:
    none = np.empty(0, np.int64)
    return _Found(none, none, np.empty((0, 3)), np.empty((0, longest), np.int64))


def _within(before: Segmentations, tree: KindTree, longest: int, caps: Ladder) -> _Found:
    """Of what was found before, what is within the caps and has no more stages than there may be."""
    stages = np.array(tree.depth, dtype=np.int64)[before.node]
    kept = stages <= longest
    kept &= before.figures[:, 1] <= caps.at(before.figures[:, 0], np.minimum(stages, longest))
    cuts = np.zeros((int(kept.sum()), longest), np.int64)
    width = min(longest, before.cuts.shape[1])
    cuts[:, :width] = before.cuts[kept, :width]
    return _Found(before.node[kept], before.micro_batch[kept], before.figures[kept], cuts)


def _at(
    ready: Prepared,
    tree: KindTree,
    share: Share,
    pipelines: _Pipelines,
    *,
    found: _Found,
    caps: Ladder,
    effort: _Effort,
) -> tuple[_Found, int, bool]:
    """Candidates at one micro-batch that none of those found so far beat; the labels made; whether the budget
    sufficed."""
    beat, longest = pipelines.beat, pipelines.longest
    tables = _tables(ready, share, tree, pipelines.micro, longest)
    slack, width = _slack(pipelines, effort.tolerance), 4 if beat.rates.detailed else 3
    comparing = Comparing(beat, longest, width, effort.breadth, slack, effort.budget)
    known = nothing_known(len(tree.parent))
    if effort.breadth == 1 and len(found.node):
        order = np.argsort(found.node, kind="stable")
        start = np.searchsorted(found.node[order], np.arange(len(tree.parent) + 1))
        known = known_on(tree.arrays, start, found.figures[order])
    start, figures, cuts, made, done = fronts(tables, tree.arrays, pipelines.rest, known, caps, comparing)
    node = np.repeat(np.arange(len(tree.parent)), np.diff(start)) if done else np.empty(0, dtype=np.int64)
    ends = share.first + cuts.astype(np.int64) * ((share.end - share.first) // tables.fill_s.shape[1])
    return _Found(node, np.full(len(node), pipelines.micro), figures, ends), made, done


def _rest(ready: Prepared, share: Share, tree: KindTree, micro: int, longest: int) -> Rest:
    """What stages at one micro-batch take at least."""

    def make() -> Rest:
        return rest_of(_tables(ready, share, tree, micro, longest), tree.onward(longest))

    return ready.once(_shelf).get(("rest", share, micro, longest, tree.kinds), make)


def _tables(ready: Prepared, share: Share, tree: KindTree, micro: int, longest: int) -> StageTables:
    """The stages at one micro-batch; as if the share were one unit, where it is to be one stage. They stay for the next
    pass as long as there is room."""

    def make() -> StageTables:
        if longest == 1:
            tables = whole_stage(ready, *share, micro, tree.kinds)
        else:
            tables = stage_tables(ready, *share, micro, tree.kinds, longest)
        if micro_batches(arrays_of(ready, share.task).batch, micro) == 1:
            tables.steady_s.fill(0.0)  # one micro-batch: no stage ever waits for the slowest
        return tables

    return ready.once(_shelf).get((share, micro, _stages_of(tree, longest), tree.kinds), make)


def _shelf(_: Prepared) -> Shelf:
    return Shelf(MOST_KEPT_BYTES)


def _stages_of(tree: KindTree, longest: int) -> int:
    """Of how many stages the tables hold all pipelines: from `MANY` on of any number."""
    return longest if longest < MANY else max(tree.depth)


def beat_of(ready: Prepared, task: int, micro_batch: int) -> Beat:
    """A task's micro-batches; in `paper` the last one counts as a full one."""
    batch = arrays_of(ready, task).batch
    last = last_share(batch, micro_batch, 1) if ready.detailed else 1.0
    return Beat(micro_batches(batch, micro_batch), last, ready.rates)


def _slack(pipelines: _Pipelines, tolerance: float) -> Floats:
    """What a label may be worse by, [4], so that as many steps as there may be stages stay within the tolerance.

    Latency is about first + (k - 2 + last) * slowest: half of its tolerance goes to each.
    """
    if tolerance == 0:
        return NO_SLACK
    (latency_s, energy_j), beat = pipelines.least, pipelines.beat
    whole = np.array([latency_s / 2, latency_s / 2 / max(1, beat.number - 2 + beat.last), energy_j])
    # DRAM bytes show in the joules already; they only matter apart where DRAM is the bottleneck.
    return np.append(tolerance / pipelines.longest * whole, np.inf)


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
