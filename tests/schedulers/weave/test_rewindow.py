"""Other windows for a draft: all units in order, on chiplets that there are, nobody beside whom it waits for."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.plan.problem import Fidelity, parents_of
from chipweave.schedulers.weave.draft import Draft, PipelineDraft
from chipweave.schedulers.weave.parts import RegionNeed
from chipweave.schedulers.weave.restage import used
from chipweave.schedulers.weave.rewindow import rewindowed
from tests.support import random_problem


def ready_of(rng: random.Random) -> Prepared:
    """Three models on four chiplets, the last of which waits for the first."""
    problem = random_problem(rng, Fidelity.DETAILED, tasks=3)
    tasks = problem.scenario.tasks
    waiting = replace(tasks[2], depends_on=tasks[0].name)
    scenario = replace(problem.scenario, tasks=(*tasks[:2], waiting))
    return prepare(replace(problem, scenario=scenario))


def random_draft(rng: random.Random, ready: Prepared, wide: bool) -> Draft:
    """Every task by itself or two at a time, cut into windows anywhere."""
    chiplets = Counter(ready.package.class_of)
    windows: list[list[PipelineDraft]] = []
    for task, entry in enumerate(ready.tasks):
        units, at, place = len(entry.model.units), 0, len(windows)
        parent = parents_of(ready.problem)[task]
        if parent is None and rng.random() < 0.5:  # beside the model before
            place = max(0, place - 1)
        while at < units:
            end = rng.randint(at + 1, units)
            kind = rng.choice(sorted(chiplets))
            pipeline = PipelineDraft(task, at, 1, (RegionNeed(end, kind, 1, (0,) * (end - at)),))
            if place == len(windows):
                windows.append([])
            together = used((*windows[place], pipeline))
            if together <= chiplets:
                windows[place].append(pipeline)
                at = end
            place += 1
    draft = tuple(tuple(window) for window in windows if window)
    if not wide:
        return draft
    return tuple(
        tuple(
            one._replace(stages=tuple(stage._replace(chiplets=rng.randint(1, 2)) for stage in one.stages))
            for one in window
        )
        if used(window) + used(window) <= chiplets
        else window
        for window in draft
    )


def order_of(draft: Draft) -> dict[int, list[int]]:
    """Per task its units, in the order in which they run."""
    found: dict[int, list[int]] = {}
    for window in draft:
        for one in window:
            at = one.first
            for stage in one.stages:
                assert len(stage.partitions) == stage.end - at >= 1
                found.setdefault(one.task, []).extend(range(at, stage.end))
                at = stage.end
    return found


def _every_change(ready: Prepared, draft: Draft, wide: bool) -> Iterator[tuple[int, tuple[int, Draft]]]:
    for at in range(len(draft)):
        for change in rewindowed(ready, draft, at, wide):
            yield at, change


def test_every_change_is_a_draft() -> None:
    seen: Counter[int] = Counter()
    for seed in range(60):
        rng = random.Random(seed)
        ready, wide = ready_of(rng), rng.random() < 0.5
        draft = random_draft(rng, ready, wide)
        chiplets, parents = Counter(ready.package.class_of), parents_of(ready.problem)
        for first, (end, windows) in _every_change(ready, draft, wide):
            other = (*draft[:first], *windows, *draft[end:])
            assert other != draft
            assert order_of(other) == order_of(draft)
            for window in other:
                tasks = [one.task for one in window]
                assert len(set(tasks)) == len(tasks) >= 1
                assert used(window) <= chiplets
                assert not any(parents[task] in tasks for task in tasks)
                assert wide or all(stage.chiplets == 1 for one in window for stage in one.stages)
            seen[len(windows) - (end - first)] += 1
    assert min(seen[-1], seen[0], seen[1]) > 50


def test_one_stage_in_two_windows_by_hand() -> None:
    """A model in two windows of a stage each, on a 2 x 2 package: as one window it has two stages, of which the longest
    are split until all four chiplets have one; a unit cannot be split."""
    posed = (ready_of(random.Random(seed)) for seed in range(100))
    ready = next(each for each in posed if len(each.tasks[0].model.units) >= 4)
    units = len(ready.tasks[0].model.units)
    kind = ready.package.class_of[0]
    windows = tuple(
        (PipelineDraft(0, first, 1, (RegionNeed(end, kind, 1, (0,) * (end - first)),)),)
        for first, end in ((0, 2), (2, units))
    )
    joined = [
        made for end, made in rewindowed(ready, windows, 0, regions=False) if (end, len(made)) == (2, 1)
    ]
    assert joined
    for ((one,),) in joined:
        assert len(one.stages) == 4
        assert (one.first, one.stages[-1].end) == (0, units)
