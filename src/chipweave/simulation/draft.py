"""Operations in the making, each with what it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from chipweave.simulation.machine import Machine
from chipweave.simulation.operations import NONE, Operation, Resources, Route
from chipweave.simulation.transfers import Carried, Floor

Numbers = tuple[int, ...]
"""Of operations."""


class What(NamedTuple):
    """What an operation is: `kind` is compute, load, store, again, spill, mates, pin, stream, exchange, forward, or
    window (the beginning of one)."""

    kind: str
    window: int
    pipeline: int = NONE
    stage: int = NONE
    micro_batch: int = NONE
    target: int = NONE


@dataclass
class Draft:
    """Operations in the making.

    Args:
        origin: what operations that wait for nothing else come after.
        bytes_: per route, of all its transfers.
    """

    machine: Machine
    floor: Floor
    origin: Numbers = ()
    operations: list[Operation] = field(default_factory=list)
    whats: list[What] = field(default_factory=list)
    routes: dict[Carried, int] = field(default_factory=dict)
    bytes_: list[float] = field(default_factory=list)
    channels: list[int] = field(default_factory=list)

    def pool(self) -> int:
        """A new pool of the machine's channels; `NONE` where there are any number."""
        if not self.machine.dma_channels:
            return NONE
        self.channels.append(self.machine.dma_channels)
        return len(self.channels) - 1

    def work(self, what: What, seconds: float, after: Numbers, room: Numbers = ()) -> int:
        """Something that takes so long."""
        return self._add(what, Operation(seconds, 0.0, NONE, after if after or room else self.origin, room))

    def transfer(
        self,
        what: What,
        carried: Carried,
        part: float,
        after: Numbers = (),
        room: Numbers = (),
        pool: int = NONE,
        late: float = 1.0,
    ) -> int:
        """A part of a transfer; `late`: of its latency, how much it has."""
        route = self.routes.setdefault(carried, len(self.routes))
        if route == len(self.bytes_):
            self.bytes_.append(0.0)
        self.bytes_[route] += part * carried.bytes_
        latency_s = late * carried.latency_s
        after = after if after or room else self.origin
        if self.machine.contention:
            return self._add(what, Operation(latency_s, part * carried.bytes_, route, after, room, pool))
        return self._add(what, Operation(part * carried.alone_s + latency_s, 0.0, route, after, room, pool))

    def _add(self, what: What, operation: Operation) -> int:
        self.operations.append(operation)
        self.whats.append(what)
        return len(self.operations) - 1

    @property
    def resources(self) -> Resources:
        routes: tuple[Route, ...] = tuple(carried.route for carried in self.routes)
        return Resources(self.floor.bytes_s, routes, tuple(self.channels))

    @property
    def carried(self) -> list[float]:
        """Bytes on every resource."""
        found = [0.0] * len(self.floor.bytes_s)
        for carried, bytes_ in zip(self.routes, self.bytes_, strict=True):
            for resource, share in carried.route:
                found[resource] += share * bytes_
        return found
