"""Operations in the making, each with what it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chipweave.ndarrays import Floats
from chipweave.simulation.kernels.problem import Operations, columns_of
from chipweave.simulation.machine import Machine
from chipweave.simulation.operations import NONE, Operation, Resources
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


Whats = NDArray[Any]
"""What operations are, a row each, with the fields of `What`."""
WHAT = np.dtype([("kind", "U8"), *((name, np.int64) for name in What._fields[1:])])


class Layout(NamedTuple):
    """Operations that are made, and what they are.

    Args:
        bytes_: that they move, also where they are work because nothing is shared.
    """

    operations: Operations
    whats: Whats
    bytes_: Floats


@dataclass
class Draft:
    """Operations in the making.

    Args:
        origin: what operations that wait for nothing else come after.
        routes: the transfers so far, and the number of the route of each.
        channels: of the pools so far.
    """

    machine: Machine
    floor: Floor
    origin: Numbers = ()
    routes: dict[Carried, int] = field(default_factory=dict)
    channels: list[int] = field(default_factory=list)
    _operations: list[Operation] = field(default_factory=list)
    _whats: list[What] = field(default_factory=list)
    _bytes: list[float] = field(default_factory=list)
    _closed: list[Layout] = field(default_factory=list)
    _before: int = 0
    """Operations that are closed."""

    @property
    def next(self) -> int:
        """The number of the next operation."""
        return self._before + len(self._operations)

    def pool(self) -> int:
        """A new pool of the machine's channels; `NONE` where there are any number."""
        if not self.machine.dma_channels:
            return NONE
        self.channels.append(self.machine.dma_channels)
        return len(self.channels) - 1

    def work(self, what: What, seconds: float, after: Numbers, room: Numbers = ()) -> int:
        """Something that takes so long."""
        return self._add(what, Operation(seconds, 0.0, NONE, after if after or room else self.origin, room), 0.0)

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
        seconds, bytes_ = late * carried.latency_s, part * carried.bytes_
        after = after if after or room else self.origin
        if self.machine.contention:
            return self._add(what, Operation(seconds, bytes_, route, after, room, pool), bytes_)
        return self._add(what, Operation(seconds + part * carried.alone_s, 0.0, route, after, room, pool), bytes_)

    def _add(self, what: What, operation: Operation, bytes_: float) -> int:
        self._operations.append(operation)
        self._whats.append(what)
        self._bytes.append(bytes_)
        return self._before + len(self._whats) - 1

    def repeat(self, begin: int, end: int, times: int) -> int:
        """The operations `begin` to `end` - 1, a micro-batch, so many times more, one behind the other: what they wait
        for is as much later each time. Those from `end` on come behind the last of them; by how much their numbers are
        larger now."""
        begin, end = begin - self._before, end - self._before
        self._close(repeated(self._open(), begin, end, times) if times else self._open())
        return times * (end - begin)

    def laid_out(self) -> Layout:
        """All operations so far."""
        self._close(self._open())
        if len(self._closed) > 1:
            self._closed = [joined(self._closed)]
        return self._closed[0]

    def _open(self) -> Layout:
        return Layout(columns_of(self._operations), np.array(self._whats, WHAT), np.array(self._bytes, np.float64))

    def _close(self, made: Layout) -> None:
        if len(made.whats):
            self._closed.append(made)
        self._before += len(made.whats)
        self._operations, self._whats, self._bytes = [], [], []

    @property
    def resources(self) -> Resources:
        return Resources(self.floor.bytes_s, tuple(carried.route for carried in self.routes), tuple(self.channels))

    @property
    def carried(self) -> Floats:
        """Bytes on every resource."""
        layout, found = self.laid_out(), np.zeros(len(self.floor.bytes_s))
        moving = layout.operations.route != NONE
        moved = np.bincount(layout.operations.route[moving], layout.bytes_[moving], len(self.routes))
        for carried, bytes_ in zip(self.routes, moved, strict=True):
            for resource, share in carried.route:
                found[resource] += share * bytes_
        return found


def repeated(made: Layout, begin: int, end: int, times: int) -> Layout:
    """The rows with those from `begin` to `end` - 1 so many times more, behind themselves; see `Draft.repeat`."""
    operations, whats, bytes_ = made
    own = np.arange(begin, end)
    rows = np.concatenate([np.arange(end), np.tile(own, times), np.arange(end, len(whats))])
    copy = np.repeat(np.arange(times + 2), [end, *[len(own)] * times, len(whats) - end])
    copy = np.minimum(copy, times)
    waited = np.diff(operations.first)[rows]
    first = np.concatenate([[0], np.cumsum(waited)])
    places = np.arange(first[-1]) + np.repeat(operations.first[rows] - first[:-1], waited)
    columns = Operations(
        operations.seconds[rows],
        operations.bytes_[rows],
        operations.route[rows],
        operations.channels[rows],
        first,
        first[:-1] + (operations.room - operations.first[:-1])[rows],
        operations.before[places] + np.repeat(copy * len(own), waited),
    )
    whats = whats[rows]
    whats["micro_batch"] += copy
    return Layout(columns, whats, bytes_[rows])


def joined(parts: Sequence[Layout]) -> Layout:
    """All of them, one behind the other."""
    every = [part.operations for part in parts]
    shift = np.cumsum([0, *(len(each.before) for each in every)])[:-1]
    first = [each.first[1:] + ahead for each, ahead in zip(every, shift, strict=True)]
    room = [each.room + ahead for each, ahead in zip(every, shift, strict=True)]
    columns = Operations(
        np.concatenate([each.seconds for each in every]),
        np.concatenate([each.bytes_ for each in every]),
        np.concatenate([each.route for each in every]),
        np.concatenate([each.channels for each in every]),
        np.concatenate([np.zeros(1, np.int64), *first]),
        np.concatenate(room),
        np.concatenate([each.before for each in every]),
    )
    whats = np.concatenate([part.whats for part in parts])
    return Layout(columns, whats, np.concatenate([part.bytes_ for part in parts]))
