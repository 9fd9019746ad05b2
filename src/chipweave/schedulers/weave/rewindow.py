"""Other windows for a draft: two as one, one as two, stages or whole pipelines in the next window or the one before.

What a window is left with after such a change rarely keeps its chiplets busy, so it is trimmed to the chiplets that
there are, and those that are free are shared out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from chipweave.evaluation.exact.ground import Prepared
from chipweave.ndarrays import Floats
from chipweave.plan.problem import parents_of
from chipweave.schedulers.weave.draft import Draft, PipelineDraft, WindowDraft
from chipweave.schedulers.weave.parts import RegionNeed
from chipweave.schedulers.weave.restage import places_of, replaced, stage_at, used, with_stages

Rewindowed = tuple[int, Draft]
"""Windows up to a number become others."""


def rewindowed(ready: Prepared, draft: Draft, at: int, regions: bool) -> Iterator[Rewindowed]:
    """Every change of a draft's window `at`, or of it and the next one.

    Args:
        regions: whether a stage may have several chiplets.
    """
    for end, windows in _changes(ready, draft, at):
        kept = [window for window in windows if window]
        for grow in (False, True) if regions else (False,):
            made = [_fitted(ready, window, grow) for window in kept]
            fitting = tuple(window for window in made if window is not None)
            if len(fitting) == len(kept) and fitting != draft[at:end]:
                yield end, fitting


def _changes(ready: Prepared, draft: Draft, at: int) -> Iterator[Rewindowed]:
    parents, window = parents_of(ready.problem), draft[at]
    for parts in _in_two(window):
        yield at + 1, parts
    if at + 1 == len(draft):
        return
    following = draft[at + 1]
    joined = _joined(window, following)
    if not _waits(parents, joined):
        yield at + 2, (joined,)
    for earlier, later in _handed_over(window, following):
        if not _waits(parents, earlier) and not _waits(parents, later):
            yield at + 2, (earlier, later)


def _waits(parents: Sequence[int | None], window: WindowDraft) -> bool:
    """Whether a task of the window waits for another one there."""
    tasks = {pipeline.task for pipeline in window}
    return any(parents[task] in tasks for task in tasks)


def _in_two(window: WindowDraft) -> Iterator[Draft]:
    """A pipeline before or after the others; one cut between stages, the others beside either part; all cut in half."""
    for number, pipeline in enumerate(window):
        others = (*window[:number], *window[number + 1 :])
        if others:
            yield (pipeline,), others
            yield others, (pipeline,)
        for head, tail in _cuts(pipeline):
            yield (*others, head), (tail,)
            if others:
                yield (head,), (*others, tail)
    halves = [_half(pipeline) for pipeline in window]
    if len(window) > 1:
        yield (
            tuple(head for head, _ in halves if head is not None),
            tuple(tail for _, tail in halves if tail is not None),
        )


def _cuts(pipeline: PipelineDraft) -> Iterator[tuple[PipelineDraft, PipelineDraft]]:
    """A pipeline in two between stages, or in the middle of its only one."""
    stages = pipeline.stages
    for j in range(1, len(stages)):
        yield pipeline._replace(stages=stages[:j]), pipeline._replace(first=stages[j - 1].end, stages=stages[j:])
    if len(stages) == 1 and len(stages[0].partitions) > 1:
        half = len(stages[0].partitions) // 2
        head = stages[0]._replace(end=pipeline.first + half, partitions=stages[0].partitions[:half])
        tail = stages[0]._replace(partitions=stages[0].partitions[half:])
        yield pipeline._replace(stages=(head,)), pipeline._replace(first=head.end, stages=(tail,))


def _half(pipeline: PipelineDraft) -> tuple[PipelineDraft, PipelineDraft | None]:
    """The halves of a pipeline; all of it first where it has but one unit."""
    cuts = list(_cuts(pipeline))
    return cuts[len(cuts) // 2] if cuts else (pipeline, None)


def _joined(window: WindowDraft, following: WindowDraft) -> WindowDraft:
    """Two windows in one: a task's stages in both become one pipeline."""
    later = {pipeline.task: pipeline for pipeline in following}
    made = []
    for pipeline in window:
        rest = later.pop(pipeline.task, None)
        made.append(pipeline if rest is None else pipeline._replace(stages=(*pipeline.stages, *rest.stages)))
    return (*made, *later.values())


def _handed_over(window: WindowDraft, following: WindowDraft) -> Iterator[tuple[WindowDraft, WindowDraft]]:
    """The last stages of a pipeline in the next window, or the first ones of that window's in the one before."""
    for number, pipeline in enumerate(window):
        others = (*window[:number], *window[number + 1 :])
        yield others, _joined((pipeline,), following)
        for head, tail in _cuts(pipeline):
            yield (*others, head), _joined((tail,), following)
    for number, pipeline in enumerate(following):
        others = (*following[:number], *following[number + 1 :])
        yield _joined(window, (pipeline,)), others
        for head, tail in _cuts(pipeline):
            yield _joined(window, (head,)), (*others, tail)


def _fitted(ready: Prepared, window: WindowDraft, grow: bool) -> WindowDraft | None:
    """The window with no more chiplets than there are, and no fewer than can be used; None where tasks are too many.

    Args:
        grow: free chiplets go to stages as they are; else the longest ones are split.
    """
    chiplets = Counter(ready.package.class_of)
    trimmed = _trimmed(ready, window, chiplets)
    return None if trimmed is None else _filled(ready, trimmed, chiplets, grow)


def _trimmed(ready: Prepared, window: WindowDraft, chiplets: Counter[int]) -> WindowDraft | None:
    while not (taken := used(window)) <= chiplets:
        over = {kind for kind in taken if taken[kind] > chiplets[kind]}
        free = [kind for kind in sorted(chiplets) if taken[kind] < chiplets[kind]]
        places = [place for place in places_of(window) if stage_at(window, place).chiplet_class in over]
        large = [place for place in places if stage_at(window, place).chiplets > 1]
        if large:
            place = max(large, key=lambda each: stage_at(window, each).chiplets)
            stage = stage_at(window, place)
            window = replaced(window, place, stage._replace(chiplets=stage.chiplets - 1))
            continue
        pairs = [(number, j) for number, pipeline in enumerate(window) for j in range(len(pipeline.stages) - 1)]
        both = [
            (_seconds(ready, window, pair) + _seconds(ready, window, (pair[0], pair[1] + 1)), pair)
            for pair in pairs
            if over & {stage_at(window, (pair[0], j)).chiplet_class for j in (pair[1], pair[1] + 1)}
        ]
        if both:
            window = _merged(window, min(both)[1], over)
        elif free:
            place = min(places, key=lambda each: _seconds(ready, window, each))
            window = replaced(window, place, stage_at(window, place)._replace(chiplet_class=free[0]))
        else:
            return None
    return window


def _merged(window: WindowDraft, pair: tuple[int, int], over: set[int]) -> WindowDraft:
    """Two stages as one, on a chiplet of that class of which there are enough."""
    number, j = pair
    pipeline = window[number]
    one, two = pipeline.stages[j : j + 2]
    home = one if two.chiplet_class in over else two
    stage = home._replace(end=two.end, partitions=(*one.partitions, *two.partitions))
    stages = (*pipeline.stages[:j], stage, *pipeline.stages[j + 2 :])
    return with_stages(window, number, stages)


def _filled(ready: Prepared, window: WindowDraft, chiplets: Counter[int], grow: bool) -> WindowDraft:
    """Free chiplets to the longest stages: beside their own, or with half of their work."""
    while True:
        free = chiplets - used(window)
        longest = sorted(places_of(window), key=lambda place: -_seconds(ready, window, place))
        for place in longest:
            stage = stage_at(window, place)
            if grow and free[stage.chiplet_class]:
                window = replaced(window, place, stage._replace(chiplets=stage.chiplets + 1))
                break
            if not grow and free and len(stage.partitions) > 1:
                kind = stage.chiplet_class if free[stage.chiplet_class] else min(free)
                window = _split(ready, window, place, kind)
                break
        else:
            return window


def _split(ready: Prepared, window: WindowDraft, place: tuple[int, int], kind: int) -> WindowDraft:
    """A stage in two of about half of its work, the second on a chiplet of a class."""
    number, j = place
    pipeline, stage = window[number], stage_at(window, place)
    first, work_s = stage.end - len(stage.partitions), _work_s(ready, pipeline.task, stage.chiplet_class)
    middle = (work_s[first] + work_s[stage.end]) / 2
    cut = int(np.clip(np.argmin(np.abs(work_s - middle)), first + 1, stage.end - 1))
    head = stage._replace(end=cut, partitions=stage.partitions[: cut - first])
    tail = RegionNeed(stage.end, kind, 1, stage.partitions[cut - first :])
    stages = (*pipeline.stages[:j], head, tail, *pipeline.stages[j + 1 :])
    return with_stages(window, number, stages)


def _seconds(ready: Prepared, window: WindowDraft, place: tuple[int, int]) -> float:
    """About how long a stage computes."""
    pipeline, stage = window[place[0]], stage_at(window, place)
    work_s = _work_s(ready, pipeline.task, stage.chiplet_class)
    return float(work_s[stage.end] - work_s[stage.end - len(stage.partitions)]) / stage.chiplets


def _work_s(ready: Prepared, task: int, chiplet_class: int) -> Floats:
    return ready.once(_prefix_s, task, chiplet_class)


def _prefix_s(ready: Prepared, task: int, chiplet_class: int) -> Floats:
    """[units + 1] seconds of the whole batch in the units before each, sample by sample on one chiplet."""
    entry = ready.tasks[task]
    cycles = ready.problem.costs[task][chiplet_class].cycles
    of_units = np.add.reduceat(cycles, [first for first, _ in entry.model.units]).astype(np.float64)
    seconds = entry.batch * of_units / ready.package.classes[chiplet_class].clock_hz
    return np.concatenate(([0.0], np.cumsum(seconds)))
