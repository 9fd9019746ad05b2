"""Regions: connected chiplets that run a stage together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chipweave.evaluation.exact.transfer import Network
from chipweave.evaluation.record import StageEvaluation
from chipweave.hardware.package import Package


@dataclass(frozen=True, slots=True)
class Region:
    """Where a stage runs.

    Args:
        class_of: per chiplet, its class.
        classes: the distinct ones, ascending.
        l2_bytes: of the chiplet with least.
        interface: the memory interface that the whole region uses.
        dram_hops, span: links of the longest route to or from the interface, and between two of its chiplets, each by
            its latency (`Network.hops`).
        slow: how many times as long as on the standard link a byte takes on the slowest link between two of them.
    """

    chiplets: tuple[int, ...]
    class_of: tuple[int, ...]
    classes: tuple[int, ...]
    l2_bytes: int
    interface: int
    dram_hops: float
    span: float
    slow: float


def interface_of(package: Package, chiplets: Sequence[int]) -> int:
    """The memory interface of a region: the nearest to all its chiplets together, then the lowest."""
    interfaces = sorted(package.interfaces)
    return interfaces[int(np.argmin(package.distance[np.ix_(interfaces, chiplets)].sum(axis=1)))]


def passed(package: Package, stage: StageEvaluation) -> tuple[tuple[int, float], ...]:
    """(memory interface, bytes from and to DRAM in the window) of each that a stage uses."""
    return stage.memory or ((interface_of(package, stage.chiplets), stage.bytes_.dram),)


def region_of(package: Package, net: Network, chiplets: tuple[int, ...], memory: int | None = None) -> Region:
    """The region of these chiplets; `memory`: the memory interface that it uses, if not the nearest."""
    class_of = tuple(package.class_of[chiplet] for chiplet in chiplets)
    members = list(chiplets)
    interface = interface_of(package, chiplets) if memory is None else memory
    return Region(
        chiplets=chiplets,
        class_of=class_of,
        classes=tuple(sorted(set(class_of))),
        l2_bytes=min(package.chiplets[chiplet].l2_bytes for chiplet in chiplets),
        interface=interface,
        dram_hops=float(max(net.hops[members, interface].max(), net.hops[interface, members].max())),
        span=float(net.hops[np.ix_(members, members)].max()),
        slow=float(net.slow_routes[np.ix_(members, members)].max()),
    )
