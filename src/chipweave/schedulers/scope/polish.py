"""Improve a draft with the exact evaluator: small changes around the slowest stages, kept where they help."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from chipweave.schedulers.draft import Draft, DraftCosts, DraftStage, DraftWindow
from chipweave.schedulers.search import Request

LAYERS_PER_ROUND, PER_UNIT, EVEN_CHIPLETS = 2500, 32, 64
"""Layers, in stages evaluated exactly, in one round at most: so many, or so many for each unit of the model; half as
many on 64 chiplets, where each takes longer."""
NEIGHBOURS = 24
"""Of a draft that no change improves, so many neighbours are climbed from."""
SAME = 1e-12
"""Relative difference below which two values are equal."""
Change = tuple[int, int, Draft]
"""Windows first to end - 1 become others."""


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Which schedules a scheduler may find.

    Args:
        one_unit_a_stage: no two units share a stage.
        whole_package: every stage has all chiplets.
        windows: most windows; None: any number.
        micro_batch: the only one; None: any.
    """

    one_unit_a_stage: bool = False
    whole_package: bool = False
    windows: int | None = None
    micro_batch: int | None = None

    def for_batch(self, batch: int) -> SearchSpace:
        """With a micro-batch of at most the batch."""
        return self if self.micro_batch is None else replace(self, micro_batch=min(self.micro_batch, batch))

    def holds(self, windows: Draft, chiplets: int) -> bool:
        """Whether windows lie in this space (their number aside)."""
        for window in windows:
            if window.chiplets > chiplets or min(stage.chiplets for stage in window.stages) < 1:
                return False
            if self.whole_package and (len(window.stages) > 1 or window.chiplets < chiplets):
                return False
            if self.one_unit_a_stage and any(len(stage.partitions) > 1 for stage in window.stages):
                return False
            if self.micro_batch is not None and window.micro_batch != self.micro_batch:
                return False
        return True


def polish(
    starts: Sequence[Draft],
    exact: DraftCosts,
    space: SearchSpace,
    value: Callable[[float, float], float],
    rounds: int,
    request: Request,
) -> Draft:
    """The best draft met by climbing from each start in turn, then from the best neighbours of what was reached.

    It ends where all of that is done or the rounds are used up: large problems see one climb, small ones many.

    Args:
        value: of (latency_s, energy_j); lower is better.
    """
    layers = max(LAYERS_PER_ROUND, PER_UNIT * len(exact.ground.model.units))
    limit = exact.layers + round(rounds * layers / (1 + len(exact.ground.order) / EVEN_CHIPLETS))
    waiting, seen = list(starts), set(starts)
    best = min(starts, key=lambda draft: value(*exact.require(draft)))
    while waiting and exact.layers < limit and not request.out_of_time:
        top, near = _climb(waiting.pop(0), exact, space, value, limit, request)
        if _below(value(*exact.require(top)), value(*exact.require(best))):
            best = top
        elif top in seen and top not in starts:
            continue
        seen.add(top)
        fresh = [draft for _, draft in sorted(near, key=lambda each: each[0])[:NEIGHBOURS] if draft not in seen]
        seen.update(fresh)
        waiting += fresh
    return best


def _climb(
    draft: Draft,
    exact: DraftCosts,
    space: SearchSpace,
    value: Callable[[float, float], float],
    limit: int,
    request: Request,
) -> tuple[Draft, list[tuple[float, Draft]]]:
    """Hill climbing, the first change that helps is taken: the draft that none helps, and its neighbours' values."""
    chiplets = len(exact.ground.order)
    best = value(*exact.require(draft))
    most = space.windows or len(exact.ground.model.units)
    near: list[tuple[float, Draft]] = []
    improved = True
    while improved and exact.layers < limit and not request.out_of_time:
        improved, near = False, []
        before = _sums([exact.require((window,)) for window in draft])
        for first, end, windows in _neighbours(draft, exact, chiplets):
            if len(draft) - (end - first) + len(windows) > most or not space.holds(windows, chiplets):
                continue
            changed = exact.cost(windows)
            if changed is not None:
                now_s = before[first][0] + changed[0] + before[-1][0] - before[end][0]
                now_j = before[first][1] + changed[1] + before[-1][1] - before[end][1]
                now = value(now_s, now_j)
                other = (*draft[:first], *windows, *draft[end:])
                if _below(now, best):
                    draft, best, improved = other, now, True
                    break
                near.append((now, other))
            if exact.layers >= limit or request.out_of_time:
                break
    return draft, near


def _sums(costs: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of the windows before each, and of all: a change of few windows among hundreds is then soon added up."""
    return list(accumulate(costs, lambda one, other: (one[0] + other[0], one[1] + other[1]), initial=(0.0, 0.0)))


def _below(value: float, best: float) -> bool:
    return value < best - SAME * abs(best)


def _neighbours(draft: Draft, exact: DraftCosts, chiplets: int) -> Iterator[Change]:
    """Small changes, those of the longest window and its slowest stages first."""
    measured = [exact.window(window) for window in draft]
    order = sorted(range(len(draft)), key=lambda w: (-(0.0 if (cost := measured[w]) is None else cost.latency_s), w))
    for w in order:
        for changed in _window_changes(draft[w], exact, chiplets):
            yield w, w + 1, (changed,)
    for w in order:
        yield from ((w, w + 1, pair) for pair in _in_two(draft[w], chiplets))
    for w in order:
        if w + 1 < len(draft):
            yield from ((w, w + 2, pair) for pair in _border_changes(draft[w], draft[w + 1], chiplets))


def _window_changes(window: DraftWindow, exact: DraftCosts, chiplets: int) -> Iterator[DraftWindow]:
    made = exact.window(window)
    assert made is not None
    stages, measured = window.stages, made.stages
    slow = sorted(range(len(stages)), key=lambda j: (-measured[j].steady_s, j))
    fast = slow[::-1]
    spare = chiplets - window.chiplets
    for j in slow[: max(4, len(slow) // 4)]:
        if spare:
            yield _with(window, {j: _grown(stages[j], 1)})
            if spare > 1:
                yield _with(window, {j: _grown(stages[j], spare)})
        for giver in fast[: max(4, len(fast) // 4)]:
            if giver != j and stages[giver].chiplets > 1:
                yield _with(window, {j: _grown(stages[j], 1), giver: _grown(stages[giver], -1)})
        for near in (j - 1, j + 1):
            if 0 <= near < len(stages):
                yield from _moved_units(window, j, near)
        yield from _flips(window, j)
    sizes = list(exact.ground.ready.micro_batches(exact.ground.task))
    at = min(range(len(sizes)), key=lambda place: abs(sizes[place] - window.micro_batch))
    for other in (at + 1, at - 1, at + 2, at - 2):
        if 0 <= other < len(sizes):
            yield replace(window, micro_batch=sizes[other])
    for j in range(len(stages) - 1):
        yield _merged(window, j)
    for j in slow[: max(4, len(slow) // 4)]:
        yield from _halves(window, j)
    for j in slow[max(4, len(slow) // 4) :]:
        yield from _flips(window, j)


def _with(window: DraftWindow, changed: dict[int, DraftStage]) -> DraftWindow:
    return replace(window, stages=tuple(changed.get(j, stage) for j, stage in enumerate(window.stages)))


def _grown(stage: DraftStage, by: int) -> DraftStage:
    return replace(stage, chiplets=stage.chiplets + by)


def _flips(window: DraftWindow, j: int) -> Iterator[DraftWindow]:
    """Another partition for one unit, and one partition for all units of the stage."""
    stage = window.stages[j]
    if stage.chiplets == 1:
        return
    for p in (0, 1):
        yield _with(window, {j: replace(stage, partitions=(p,) * len(stage.partitions))})
    for unit in range(len(stage.partitions)):
        flipped = (*stage.partitions[:unit], 1 - stage.partitions[unit], *stage.partitions[unit + 1 :])
        yield _with(window, {j: replace(stage, partitions=flipped)})


def _moved_units(window: DraftWindow, j: int, near: int) -> Iterator[DraftWindow]:
    """The unit of stage j at its border with stage `near` goes there."""
    a, b = window.stages[j], window.stages[near]
    if len(a.partitions) == 1:
        return
    if near < j:
        kept = replace(a, partitions=a.partitions[1:])
        taken = DraftStage(b.end + 1, b.chiplets, (*b.partitions, a.partitions[0]))
    else:
        kept = DraftStage(a.end - 1, a.chiplets, a.partitions[:-1])
        taken = replace(b, partitions=(a.partitions[-1], *b.partitions))
    yield _with(window, {j: kept, near: taken})


def _merged(window: DraftWindow, j: int) -> DraftWindow:
    a, b = window.stages[j], window.stages[j + 1]
    one = DraftStage(b.end, a.chiplets + b.chiplets, a.partitions + b.partitions)
    return replace(window, stages=(*window.stages[:j], one, *window.stages[j + 2 :]))


def _halves(window: DraftWindow, j: int) -> Iterator[DraftWindow]:
    """A stage in two, its chiplets shared out by units."""
    stage = window.stages[j]
    count = len(stage.partitions)
    for cut in sorted({1, count // 2, count - 1} - {0, count}):
        left = max(1, min(stage.chiplets - 1, round(stage.chiplets * cut / count)))
        if stage.chiplets < 2:
            return
        parts = (
            DraftStage(stage.end - count + cut, left, stage.partitions[:cut]),
            DraftStage(stage.end, stage.chiplets - left, stage.partitions[cut:]),
        )
        yield replace(window, stages=(*window.stages[:j], *parts, *window.stages[j + 1 :]))


def _in_two(window: DraftWindow, chiplets: int) -> Iterator[Draft]:
    """A window as two, cut between stages, or within its only one; each half takes the whole package."""
    stages = window.stages
    if len(stages) > 1:
        halves = [(stages[:at], stages[at:]) for at in range(1, len(stages))]
    else:
        only, first = stages[0], window.first
        halves = [
            (
                (DraftStage(first + at, only.chiplets, only.partitions[:at]),),
                (DraftStage(only.end, only.chiplets, only.partitions[at:]),),
            )
            for at in range(1, len(only.partitions))
        ]
    for left, right in halves:
        for a in _on_all(left, chiplets):
            for b in _on_all(right, chiplets):
                yield (
                    DraftWindow(window.first, window.micro_batch, a),
                    DraftWindow(left[-1].end, window.micro_batch, b),
                )


def _on_all(stages: tuple[DraftStage, ...], chiplets: int) -> Iterator[tuple[DraftStage, ...]]:
    """Stages spread over the whole package in proportion; a single one also with one partition throughout."""
    total = sum(stage.chiplets for stage in stages)
    ends = [round(sum(stage.chiplets for stage in stages[: j + 1]) * chiplets / total) for j in range(len(stages))]
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    yield tuple(replace(stage, chiplets=size) for stage, size in zip(stages, sizes, strict=True))
    if len(stages) == 1:
        for p in (0, 1):
            yield (replace(stages[0], chiplets=chiplets, partitions=(p,) * len(stages[0].partitions)),)


def _border_changes(a: DraftWindow, b: DraftWindow, chiplets: int) -> Iterator[Draft]:
    """One unit more for a window or the next, and both in one."""
    last, first = a.stages[-1], b.stages[0]
    longer = replace(first, partitions=(last.partitions[-1], *first.partitions))
    if len(last.partitions) > 1:
        shorter = DraftStage(last.end - 1, last.chiplets, last.partitions[:-1])
        yield replace(a, stages=(*a.stages[:-1], shorter)), _opened(b, last.end - 1, longer)
    elif len(a.stages) > 1:
        without = replace(a, stages=a.stages[:-1])
        yield without, _opened(b, last.end - 1, longer)
        yield without, DraftWindow(last.end - 1, b.micro_batch, (last, *b.stages))
    longer = DraftStage(last.end + 1, last.chiplets, (*last.partitions, first.partitions[0]))
    if len(first.partitions) > 1:
        shorter = replace(first, partitions=first.partitions[1:])
        yield replace(a, stages=(*a.stages[:-1], longer)), _opened(b, last.end + 1, shorter)
    elif len(b.stages) > 1:
        rest = DraftWindow(last.end + 1, b.micro_batch, b.stages[1:])
        yield replace(a, stages=(*a.stages[:-1], longer)), rest
        yield replace(a, stages=(*a.stages, first)), rest
    yield from ((one,) for one in _joined(a, b, chiplets))


def _joined(a: DraftWindow, b: DraftWindow, chiplets: int) -> Iterator[DraftWindow]:
    """Two windows in one: their stages side by side where there is room, or one stage on all chiplets."""
    for micro_batch in sorted({a.micro_batch, b.micro_batch}):
        if a.chiplets + b.chiplets <= chiplets:
            yield DraftWindow(a.first, micro_batch, a.stages + b.stages)
        if len(a.stages) == len(b.stages) == 1:
            both = a.stages[0].partitions + b.stages[0].partitions
            most = max(a.chiplets, b.chiplets)
            yield DraftWindow(a.first, micro_batch, (DraftStage(b.end, most, both),))


def _opened(window: DraftWindow, first: int, stage: DraftStage) -> DraftWindow:
    """The window beginning at another unit, with another first stage."""
    return DraftWindow(first, window.micro_batch, (stage, *window.stages[1:]))
