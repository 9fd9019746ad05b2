"""Where the regions of a window lie: each a run of a line of chiplets of its class."""

from __future__ import annotations

from collections.abc import Sequence

from chipweave.evaluation.exact.ground import Prepared
from chipweave.plan.schedule import Pipeline, Stage
from chipweave.schedulers.weave.choices import by_layer
from chipweave.schedulers.weave.lines import lines_of
from chipweave.schedulers.weave.parts import RegionNeed

Region = tuple[int, ...]


def regions_of(ready: Prepared, needs: Sequence[tuple[int, int]]) -> list[Region]:
    """Disjoint runs of lines for so many chiplets of a class each, no more in all than there are: in their order where
    that fits, else the largest first. Where lines are too short for that, a region gets the longest run that is left.
    """
    in_order = list(range(len(needs)))
    largest_first = sorted(in_order, key=lambda at: (-needs[at][1], at))
    found = _laid(ready, needs, in_order)
    if any(len(region) < chiplets for region, (_, chiplets) in zip(found, needs, strict=True)):
        found = _laid(ready, needs, largest_first)
    return found


def _laid(ready: Prepared, needs: Sequence[tuple[int, int]], order: Sequence[int]) -> list[Region]:
    """The regions, one after another in an order; each leaves a chiplet for every one behind it."""
    free = [[list(line) for line in lines] for lines in ready.once(_lines)]
    found: dict[int, Region] = {}
    for at in order:
        chiplet_class, chiplets = needs[at]
        lines = [line for line in free[chiplet_class] if line]
        roomy = [line for line in lines if len(line) >= chiplets]
        # The shortest line that will do: longer ones are left for larger regions.
        line = min(roomy, key=len) if roomy else max(lines, key=len)
        found[at] = tuple(line[:chiplets])
        del line[:chiplets]
    return [found[at] for at in range(len(needs))]


def _lines(ready: Prepared) -> tuple[tuple[tuple[int, ...], ...], ...]:
    return lines_of(ready.package)


def pipeline_on(
    ready: Prepared, task: int, micro_batch: int, first: int, stages: Sequence[RegionNeed], regions: Sequence[Region]
) -> Pipeline:
    """A task's units from `first` on as stages on these regions."""
    model, made, begin = ready.tasks[task].model, [], first
    for stage, region in zip(stages, regions, strict=True):
        partitions = by_layer(model, begin, stage.partitions, len(region)) if len(region) > 1 else ()
        made.append(Stage(model.units[begin][0], model.units[stage.end - 1][1], region, partitions))
        begin = stage.end
    return Pipeline(task, tuple(made), micro_batch)
