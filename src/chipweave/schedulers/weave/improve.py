"""Improve a draft with the exact evaluator: small changes, taken where they help."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from operator import is_
from typing import NamedTuple

import numpy as np

from chipweave.evaluation.exact.ground import Prepared
from chipweave.plan.schedule import Window
from chipweave.schedulers.exact import Timed
from chipweave.schedulers.search import Request
from chipweave.schedulers.weave.draft import Draft, Judge, PipelineDraft, WindowDraft, Worth
from chipweave.schedulers.weave.parts import RegionNeed
from chipweave.schedulers.weave.restage import places_of, replaced, restaged, stage_at, used
from chipweave.schedulers.weave.rewindow import rewindowed
from chipweave.shelf import MOST_REMEMBERED

SHAKES = 2
"""Changes at once, at most, that are made to leave a draft that none helps."""

SAME = 1e-12
"""Relative difference below which two values are equal."""


More = tuple[float, float]
"""Seconds and joules more than before."""

NEVER: More = (math.inf, math.inf)
"""Of windows where a micro-batch does not fit."""


class Change(NamedTuple):
    """Windows from number `at` on become others."""

    at: int
    before: Draft
    after: Draft

    def applies(self, draft: Draft) -> bool:
        """Whether the windows that it changes are still there."""
        there = draft[self.at : self.at + len(self.before)]
        return len(there) == len(self.before) and all(map(is_, there, self.before))

    def made(self, draft: Draft) -> Draft:
        """The draft with the change."""
        return (*draft[: self.at], *self.after, *draft[self.at + len(self.before) :])


@dataclass
class Climber:
    """A draft that climbs.

    Args:
        times: how long each of its windows takes.
    """

    judge: Judge
    draft: Draft
    times: list[Timed]
    worth: Worth

    @classmethod
    def start(cls, judge: Judge, draft: Draft) -> Climber | None:
        """None where a micro-batch does not fit."""
        times = [made for window in draft if (made := judge.timed(window)) is not None]
        return cls(judge, draft, times, judge.worth_of(times)) if len(times) == len(draft) else None

    @property
    def windows(self) -> tuple[Window, ...]:
        """The draft's, with their regions in their places."""
        return tuple(map(self.judge.window, self.draft))

    def tries(self, change: Change) -> More | None:
        """Take other windows if the whole becomes better; else what they take more, and None if they were taken."""
        end, made = change.at + len(change.before), []
        before = self.times[change.at : end]
        for window, was, old in zip_longest(change.after, change.before, before):
            if window is not None:
                timed = old if window is was else self.judge.timed(window)
                if timed is None:
                    return NEVER
                made.append(timed)
        times = [*self.times[: change.at], *made, *self.times[end:]]
        worth = self.judge.worth_of(times)
        if not _below(worth, self.worth):
            seconds = sum(each.latency_s for each in made) - sum(each.latency_s for each in before)
            return seconds, sum(each.energy_j for each in made) - sum(each.energy_j for each in before)
        self.draft, self.times, self.worth = change.made(self.draft), times, worth
        return None

    def would_help(self, every: Sequence[More]) -> bool:
        """Whether the whole would become better with any of such seconds and joules more."""
        seconds, joules = sum(each.latency_s for each in self.times), sum(each.energy_j for each in self.times)
        least = (1 - SAME) * self.worth.value
        return any(self.judge.objective(seconds + more_s, joules + more_j) < least for more_s, more_j in every)


Kind = Callable[[Judge, Draft, int], Iterator[Change]]
"""Every change of a kind that a draft may have at a window: of it alone, or with some of those behind it."""

InVain = dict[tuple[Kind, Draft], tuple[More, ...]]
"""Windows, one behind another, at the first of which no change of a kind helped, and what these changes take more: of
those that neither take more of both than another one, nor more of both than before."""


def _below(one: Worth, other: Worth) -> bool:
    if one.missed != other.missed:
        return one.missed < other.missed
    return one.value < other.value - SAME * abs(other.value)


def improve(
    climber: Climber,
    steps: int,
    request: Request,
    better: Callable[[float], None],
    kinds: Sequence[Kind] | None = None,
    vain: InVain | None = None,
) -> None:
    """Try changes in an order of the seed's, until none helps, or so many layers were evaluated, or time is over.

    Stages are made anew only where no small change helps, and windows only where that does not help either. What a
    window takes does not depend on the others. So where changes did not help once, it is known of any draft with the
    same windows whether they do there, unless there are limits, and they are not tried again.

    Args:
        better: hears each better value of a draft that keeps its limits.
        kinds: of changes, each tried where none before it helps; None: the usual ones.
        vain: where changes did not help before, which is added to.
    """
    dice, exact = np.random.default_rng(request.seed), climber.judge.exact
    limit = exact.layers + steps
    kinds = usual_kinds() if kinds is None else kinds
    vain = {} if vain is None else vain
    number = 0
    while number < len(kinds):
        helped = False
        for at in dice.permutation(len(climber.draft)).tolist():
            if at >= len(climber.draft):
                continue  # windows were joined
            here = kinds[number], climber.draft[at : _reach(climber.draft, at)]
            if here in vain and not climber.would_help(vain[here]):
                continue
            changes, some, taken = list(kinds[number](climber.judge, climber.draft, at)), False, list[More]()
            for each in dice.permutation(len(changes)).tolist():
                if exact.layers >= limit or request.out_of_time:
                    return
                # A change was made for the draft as it was: it still applies where its windows are the same.
                if not changes[each].applies(climber.draft):
                    continue
                more = climber.tries(changes[each])
                if more is not None:
                    taken.append(more)
                    continue
                some = True
                if not climber.worth.missed:
                    better(climber.worth.value)
            if not some and not climber.judge.limited:
                if len(vain) >= MOST_REMEMBERED:
                    vain.clear()
                vain[here] = _least(taken)
            helped = helped or some
        number = 0 if helped else number + 1


def _least(every: Sequence[More]) -> tuple[More, ...]:
    """Those than which no other one takes less of both, and that take less of one than before."""
    found: list[More] = []
    for more in sorted(set(every)):
        if min(more) < 0 and (not found or more[1] < found[-1][1]):
            found.append(more)
    return tuple(found)


def _reach(draft: Draft, at: int) -> int:
    """The number of the window behind the last one that changes at a window are about."""
    later = [found[0] for one in draft[at] if (found := _next_with(draft, at, one.task)) is not None]
    return max((at + 1, *later)) + 1


def shaken(judge: Judge, draft: Draft, dice: np.random.Generator) -> Draft:
    """The draft after a change or some, whatever they cost."""
    for _ in range(int(dice.integers(1, SHAKES + 1))):
        at = int(dice.integers(len(draft)))
        kinds = [list(kind(judge, draft, at)) for kind in usual_kinds()]
        some = [changes for changes in kinds if changes]
        if some:
            changes = some[int(dice.integers(len(some)))]
            draft = changes[int(dice.integers(len(changes)))].made(draft)
    return draft


def _changes(judge: Judge, draft: Draft, at: int) -> Iterator[Change]:
    """Every small change at a window."""
    window = draft[at]
    for number in range(len(window)):
        for other in _of_a_pipeline(judge, window[number]):
            yield Change(at, (window,), (_with(window, number, other),))
        following = _next_with(draft, at, window[number].task)
        if following is not None:
            later, place = following
            between = draft[at + 1 : later]
            for one, two in _at_the_border(window[number], draft[later][place]):
                ends = _with(window, number, one), _with(draft[later], place, two)
                yield Change(at, draft[at : later + 1], (ends[0], *between, ends[1]))
    for changed in _chiplets_handed_over(judge, window) if judge.regions else ():
        yield Change(at, (window,), (changed,))


def _restaged(judge: Judge, draft: Draft, at: int) -> Iterator[Change]:
    """Every change of a window's stages (`restaged`)."""
    chiplets = judge.ready.once(_chiplets)
    for changed in restaged(draft[at], chiplets, judge.regions):
        yield Change(at, draft[at : at + 1], (changed,))


def _chiplets(ready: Prepared) -> Counter[int]:
    """How many of each class there are."""
    return Counter(ready.package.class_of)


def _rewindowed(judge: Judge, draft: Draft, at: int) -> Iterator[Change]:
    """Every change of a window itself, or of it and the next one (`rewindowed`)."""
    for end, windows in rewindowed(judge.ready, draft, at, judge.regions):
        yield Change(at, draft[at:end], windows)


def _with(window: WindowDraft, number: int, pipeline: PipelineDraft) -> WindowDraft:
    return (*window[:number], pipeline, *window[number + 1 :])


def _next_with(draft: Draft, at: int, task: int) -> tuple[int, int] | None:
    """The next window in which a task has a pipeline, and its place there."""
    for later in range(at + 1, len(draft)):
        for place, pipeline in enumerate(draft[later]):
            if pipeline.task == task:
                return later, place
    return None


def usual_kinds() -> tuple[Kind, ...]:
    """Small changes, other stages, other windows."""
    return _changes, _restaged, _rewindowed


def _of_a_pipeline(judge: Judge, pipeline: PipelineDraft) -> Iterator[PipelineDraft]:
    """Another micro-batch; a unit more for a stage or the next; other partitions."""
    near = sorted(judge.ready.micro_batches(pipeline.task), key=lambda size: (abs(size - pipeline.micro_batch), size))
    for size in near[:5]:
        if size != pipeline.micro_batch:
            yield pipeline._replace(micro_batch=size)
    stages = pipeline.stages
    for j in range(len(stages) - 1):
        for one, two in _unit_moved(stages[j], stages[j + 1]):
            yield pipeline._replace(stages=(*stages[:j], one, two, *stages[j + 2 :]))
    for j, stage in enumerate(stages):
        if stage.chiplets > 1:
            for partitions in _other_partitions(stage.partitions):
                yield pipeline._replace(stages=(*stages[:j], stage._replace(partitions=partitions), *stages[j + 1 :]))


def _other_partitions(partitions: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """One for all units, and one unit's flipped."""
    count = len(partitions)
    for p in (0, 1):
        if partitions != (p,) * count:
            yield (p,) * count
    for unit in range(count):
        other = partitions[unit] ^ 1  # 0 and 1; of sums, the other partition of what rides with them (`CHOICES`)
        yield (*partitions[:unit], other, *partitions[unit + 1 :])


def _unit_moved(one: RegionNeed, two: RegionNeed) -> Iterator[tuple[RegionNeed, RegionNeed]]:
    """The unit at the border of two stages in the other one."""
    if len(two.partitions) > 1:
        yield (
            one._replace(end=one.end + 1, partitions=(*one.partitions, two.partitions[0])),
            two._replace(partitions=two.partitions[1:]),
        )
    if len(one.partitions) > 1:
        yield (
            one._replace(end=one.end - 1, partitions=one.partitions[:-1]),
            two._replace(partitions=(one.partitions[-1], *two.partitions)),
        )


def _at_the_border(one: PipelineDraft, two: PipelineDraft) -> Iterator[tuple[PipelineDraft, PipelineDraft]]:
    """A unit more for a task's pipeline in one window or in the next that it has."""
    for last, first in _unit_moved(one.stages[-1], two.stages[0]):
        yield (
            one._replace(stages=(*one.stages[:-1], last)),
            two._replace(first=last.end, stages=(first, *two.stages[1:])),
        )


def _chiplets_handed_over(judge: Judge, window: WindowDraft) -> Iterator[WindowDraft]:
    """A chiplet of one stage, or a free one, for another stage of its class."""
    places, taken = places_of(window), used(window)
    for place in places:
        need = stage_at(window, place)
        if taken[need.chiplet_class] < judge.ready.package.class_counts[need.chiplet_class]:
            yield _grown(window, place, 1)
        for giver in places:
            given = stage_at(window, giver)
            if giver != place and given.chiplet_class == need.chiplet_class and given.chiplets > 1:
                yield _grown(_grown(window, place, 1), giver, -1)


def _grown(window: WindowDraft, place: tuple[int, int], by: int) -> WindowDraft:
    stage = stage_at(window, place)
    return replaced(window, place, stage._replace(chiplets=stage.chiplets + by))
