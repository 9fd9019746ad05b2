"""Which partitions a unit's layers may have on a region: those that the tables know, and sums over its chiplets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chipweave.evaluation.tables.regions import PARTITIONS
from chipweave.plan.schedule import Partition, Stage
from chipweave.workload.layer import reducible
from chipweave.workload.model import Model

CHOICES = (
    *((each, each) for each in PARTITIONS),
    *((Partition.REDUCED, each) for each in reversed(PARTITIONS)),
)
"""Of a unit's first layer, and of what rides with it. In drafts they are numbers: 0 and 1 as in `PARTITIONS`; 2 and 3,
its input channels parted, and what rides with it parted by channels or by rows."""

SUMS = tuple(number for number, (first, _) in enumerate(CHOICES) if first is Partition.REDUCED)


def may_reduce(model: Model, unit: int, chiplets: int) -> bool:
    """Whether a unit's first layer may be `reduced` on so many chiplets."""
    layer = model.layers[model.units[unit][0]]
    return reducible(layer) and 1 < chiplets <= layer.C


def by_layer(model: Model, first: int, numbers: Sequence[int], chiplets: int) -> tuple[Partition, ...]:
    """Per layer of the units from `first` on its partition on so many chiplets, of the numbers of their units'. Where
    input channels are too few for sums, all of the unit is parted as what rides with it."""

    def of_units() -> Iterator[Partition]:
        for unit, number in enumerate(numbers, start=first):
            start, last = model.units[unit]
            one, others = CHOICES[number]
            yield others if number in SUMS and not may_reduce(model, unit, chiplets) else one
            yield from (others,) * (last - start)

    return tuple(of_units())


def number_of(stage: Stage, first: int, last: int) -> int:
    """The choice that a stage made for the unit of layers `first` to `last`, or that is like it: the first layer's
    partition decides, and of sums also that of what rides with it."""
    own, riding = stage.partition(first), stage.partition(last)
    if own in PARTITIONS:
        return PARTITIONS.index(own)
    return CHOICES.index((own, riding)) if (own, riding) in CHOICES else SUMS[0]
