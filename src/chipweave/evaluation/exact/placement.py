"""Where what a stage loads lies, on packages whose tensors lie each at one memory interface (docs/packages.md).

Weights, and what a stage writes, lie at its own interface; the network's input lies wherever it is read. So what an
earlier window wrote may come from another interface than the stage's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.exact.region import Region
from chipweave.evaluation.exact.tensors import Moved
from chipweave.evaluation.exact.transfer import Network, hop_bytes_of
from chipweave.evaluation.record import Transfer
from chipweave.hardware.package import Placement
from chipweave.plan.schedule import Schedule
from chipweave.workload.model import NETWORK_INPUT

Lies = Mapping[int, int]
"""By layer of a task, the memory interface at which its output lies."""


class Source(NamedTuple):
    """A memory interface, and what a stage loads from there.

    Args:
        certain: it is known to lie there; else it may lie anywhere, and the farthest interface stands for it.
    """

    interface: int
    tensors: tuple[Moved, ...]
    certain: bool = True


class Far(NamedTuple):
    """What a stage loads from other interfaces than its own.

    Args:
        bytes_: of one sample; more_s: of a micro-batch, what they take longer than those at the own interface.
        late_s: the largest of their latencies; joules: of DRAM accesses, of one sample.
        by: (interface, bytes of one sample) of each.
    """

    bytes_: float = 0
    more_s: float = 0
    late_s: float = 0
    joules: float = 0
    by: tuple[tuple[int, float], ...] = ()


NOTHING = Far()


def lies_of(ready: Prepared, schedule: Schedule, task: int) -> Lies | None:
    """Where the outputs of a task's layers lie; None where tensors are interleaved."""
    if ready.package.placement is Placement.INTERLEAVED:
        return None
    return {
        layer: ready.region(stage.chiplets, stage.memory).interface
        for _, pipeline in schedule.pipelines()
        if pipeline.task == task
        for stage in pipeline.stages
        for layer in stage.layers
    }


def sources_of(ready: Prepared, region: Region, from_dram: Sequence[Moved], lies: Lies | None) -> tuple[Source, ...]:
    """What a stage loads, by where it lies: the own interface first.

    Args:
        lies: None where that is not known, or tensors are interleaved.
    """
    own, farthest = region.interface, -1
    if ready.package.placement is Placement.INTERLEAVED:
        return (Source(own, tuple(from_dram)),)
    found: dict[int, list[Moved]] = {own: []}
    for moved in from_dram:
        at = own if moved.tensor == NETWORK_INPUT else farthest if lies is None else lies[moved.tensor]
        found.setdefault(at, []).append(moved)
    return tuple(
        Source(_farthest(ready, region) if at == farthest else at, tuple(tensors), at != farthest)
        for at, tensors in sorted(found.items(), key=lambda item: (item[0] != own, item[0]))
    )


def _farthest(ready: Prepared, region: Region) -> int:
    """The interface from which the longest way to the region is longest."""
    hops, members = ready.network.hops, list(region.chiplets)
    return max(sorted(ready.package.interfaces), key=lambda interface: float(hops[interface, members].max()))


def dearest(net: Network, ways: Sequence[Transfer]) -> Transfer:
    """The one of several ways that takes most energy, with the latency of the longest."""
    most = max(ways, key=lambda way: hop_bytes_of(net, way))
    return replace(most, hops=max(way.hops for way in ways))


def far_of(
    ready: Prepared, sources: Sequence[Source], read: Sequence[float], ways: Sequence[Transfer], micro_batch: int
) -> Far:
    """What comes from other interfaces than the own, the first of the sources.

    All sources send at once, each at its own rate; what may lie anywhere comes behind, at the rate of the slowest, with
    the latency and energy of the worst.

    Args:
        read: bytes of a micro-batch that the DRAM reads at each source; ways: their transfers.
    """
    if not any(read[1:]):
        return NOTHING
    own_s = read[0] / ready.rates_at(sources[0].interface).dram_bytes_s
    longest_s, behind_s, late_s, joules = own_s, 0.0, 0.0, 0.0
    for source, bytes_, way in list(zip(sources, read, ways, strict=True))[1:]:
        rates = ready.rates_at(source.interface) if source.certain else ready.worst_rates
        seconds = bytes_ / rates.dram_bytes_s
        longest_s = max(longest_s, seconds if source.certain else 0.0)
        behind_s += 0.0 if source.certain else seconds
        late_s = max(late_s, way.hops * rates.hop_s + rates.dram_s + rates.delta_s if bytes_ else 0.0)
        joules += bytes_ * rates.dram_j
    others = list(zip(sources, read, strict=True))[1:]
    return Far(
        bytes_=sum(read[1:]) / micro_batch,
        more_s=longest_s - own_s + behind_s,
        late_s=late_s,
        joules=joules / micro_batch,
        by=tuple((source.interface, bytes_ / micro_batch) for source, bytes_ in others),
    )
