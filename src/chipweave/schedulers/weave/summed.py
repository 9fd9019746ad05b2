"""Sums over the chiplets of a region: changes of a draft by which layers become `reduced`, judged exactly.

The tables of regions do not know this partition. Most of what it gains comes where it is taken for all layers that are
alike, so these changes are tried first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from chipweave.evaluation.exact.ground import Prepared
from chipweave.schedulers.weave.choices import SUMS, may_reduce
from chipweave.schedulers.weave.draft import Draft, Judge, PipelineDraft
from chipweave.schedulers.weave.improve import Change
from chipweave.schedulers.weave.parts import RegionNeed
from chipweave.workload.layer import Op
from chipweave.workload.model import Model

Group = Callable[[Model, int], object]
"""Of a unit of a model, what it has in common with those that change together with it."""


def may_sum(ready: Prepared) -> bool:
    """Whether any model has gemms one after another whose sums chiplets may add up."""
    return len(ready.package.chiplets) > 1 and any(
        sum(layer.op is Op.GEMM and layer.C > 1 for layer in task.model.layers) > 1 for task in ready.tasks
    )


def summed_all(judge: Judge, draft: Draft, at: int) -> Iterator[Change]:
    """All layers of a stage that may be reduced become so."""
    yield from _changed(judge, draft, at, lambda model, unit: "all")


def summed_alike(judge: Judge, draft: Draft, at: int) -> Iterator[Change]:
    """All layers of a stage that are alike, and may be reduced, become so, or are parted in another way."""
    yield from _changed(judge, draft, at, _shape)


def summed_one(judge: Judge, draft: Draft, at: int) -> Iterator[Change]:
    """One layer that may be reduced becomes so."""
    yield from _changed(judge, draft, at, lambda model, unit: unit)


def _shape(model: Model, unit: int) -> object:
    """What units that are alike have in common."""
    first, last = model.units[unit]
    return replace(model.layers[first], name="alike", shares=""), last - first


def on_the_whole_package(judge: Judge, draft: Draft) -> Iterator[Draft]:
    """A lone model of which a stage may have sums, as one stage on all chiplets, parted by rows or by channels."""
    ready = judge.ready
    if len(ready.tasks) > 1 or len(ready.package.classes) > 1:
        return
    units, chiplets = len(ready.tasks[0].model.units), len(ready.package.chiplets)
    if chiplets > 1:
        for number in (0, 1):
            stage = RegionNeed(units, 0, chiplets, (number,) * units)
            yield ((PipelineDraft(0, 0, draft[0][0].micro_batch, (stage,)),),)


def _changed(judge: Judge, draft: Draft, at: int, group_of: Group) -> Iterator[Change]:
    window = draft[at]
    for number, pipeline in enumerate(window):
        model, begin = judge.ready.tasks[pipeline.task].model, pipeline.first
        for j, stage in enumerate(pipeline.stages):
            for partitions in _others(model, begin, stage, group_of):
                stages = (*pipeline.stages[:j], stage._replace(partitions=partitions), *pipeline.stages[j + 1 :])
                other = (*window[:number], pipeline._replace(stages=stages), *window[number + 1 :])
                yield Change(at, (window,), (other,))
            begin = stage.end


def _others(model: Model, begin: int, stage: RegionNeed, group_of: Group) -> Iterator[tuple[int, ...]]:
    """The stage's partitions with another one for a group of the units that may have sums."""
    units = range(begin, begin + len(stage.partitions))
    groups: dict[object, list[int]] = {}
    for unit in units:
        if may_reduce(model, unit, stage.chiplets):
            groups.setdefault(group_of(model, unit), []).append(unit - begin)
    for places in groups.values():
        rides = any(model.units[begin + place][1] > model.units[begin + place][0] for place in places)
        for number in (*(SUMS if rides else SUMS[:1]), *((0, 1) if len(places) > 1 else ())):
            made = list(stage.partitions)
            for place in places:
                made[place] = number
            if tuple(made) != stage.partitions:
                yield tuple(made)
