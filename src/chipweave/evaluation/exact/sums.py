"""Partial sums of `reduced` layers: which chiplet keeps which sums, and what adding them up moves (docs/regions.md).

Every chiplet of the region has partial sums of all outputs. Those of one output go to the chiplet that keeps its sum,
on the ways of a multicast backwards: where ways meet they are added, and go on as one. Ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np

from chipweave.evaluation.exact.layout import Held
from chipweave.evaluation.exact.transfer import Network, transfer
from chipweave.evaluation.record import Split, Transfer
from chipweave.hardware.package import Package
from chipweave.plan.schedule import Partition, Stage
from chipweave.workload.model import Model

KEPT = 4096
"""Reductions of some kilobytes each that are kept at most."""


def kept_sums(model: Model, stage: Stage, layer: int, splits: Mapping[int, Split]) -> Split:
    """How the sums of a `reduced` layer are spread over its region: as the layer of the stage that reads them first
    cuts its outputs, if that is by `weight_shared`; else in channels.

    Args:
        splits: of the stage's layers, from which this one's chiplets follow.
    """
    shape, parts = model.layers[layer], len(stage.chiplets)
    first = min((edge.consumer for edge in model.consumers[layer]), default=stage.last + 1)
    if first > stage.last or stage.partition(first) is not Partition.WEIGHT_SHARED:
        return Split(units=min(parts, shape.K))
    reader = splits[first]
    if reader.weights:
        return reader
    return Split(reader.samples, min(reader.rows, shape.out_y), min(reader.columns, shape.out_x))


def backwards(net: Network, package: Package) -> Network:
    """The network on which what goes from a to b takes the way of b to a, link by link."""
    count = len(package.chiplets)
    target, at = np.indices((count, count))
    after = np.where(at == target, at, package.next_chiplet[at, target])
    return replace(
        net,
        before=after,
        hops=np.ascontiguousarray(net.hops.T),
        outward=np.argsort(-package.hop_matrix.T, axis=1, kind="stable"),
        link=np.ascontiguousarray(net.link.T),
        slow_routes=np.ascontiguousarray(net.slow_routes.T),
        slow_out=net.slow_into,
        slow_into=net.slow_out,
    )


@lru_cache(KEPT)
def reduction(
    back: Network, chiplets: tuple[int, ...], held: Held, entry_bytes: float, unicast: bool = False
) -> Transfer:
    """Partial sums from every chiplet of a region to those that keep the sums, at so many bytes an entry.

    Args:
        back: the package's network `backwards`; held: what each chiplet keeps of the sums.
        unicast: every partial sum goes all the way by itself.
    """
    own = entry_bytes * held.sizes
    wanted = np.repeat(own[:, None], len(chiplets), axis=1)
    made = transfer(back, chiplets, chiplets, wanted, own, unicast)
    return replace(made, sent=float(made.into.sum()), out=made.into, into=made.out)
