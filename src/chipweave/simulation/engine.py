"""Operations in time: a heap of their ends, and transfers that move between them (docs/simulation.md, "The engine")."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Protocol

from chipweave.simulation.fluid import Fluid
from chipweave.simulation.operations import DEFAULT_PACKETS, NONE, Discipline, Operation, Packets, Resources, Run
from chipweave.simulation.packets import Packetised

Ends = list[tuple[float, int]]
"""A heap of when which operation ends."""


class Mover(Protocol):
    """Moves the bytes of transfers, by a discipline."""

    waited_s: list[float]
    held_by: list[int]
    events: int

    def begin(self, number: int, now_s: float) -> None:
        """A transfer starts."""

    def move(self, ends: Ends) -> None:
        """Move bytes until an operation ends, and put down when those end whose last bytes have passed."""


class Clock:
    """How far operations are."""

    def __init__(self, operations: Sequence[Operation], resources: Resources, mover: Mover) -> None:
        count = len(operations)
        self.ready_s, self.start_s, self.end_s = ([0.0] * count for _ in range(3))
        self.ended = 0
        self.ends: Ends = []
        self._operations, self._mover = operations, mover
        self._followers, self._missing = _order(operations)
        self._free = list(resources.channels)
        self._queues: list[Ends] = [[] for _ in resources.channels]
        self._start_ready([number for number in range(count) if not self._missing[number]], 0.0)

    def end(self) -> None:
        """One round: all operations that end next end, and what that makes ready starts."""
        now_s, ends, ready = self.ends[0][0], self.ends, []
        while ends and ends[0][0] == now_s:
            number = heappop(ends)[1]
            self.end_s[number] = now_s
            self.ended += 1
            pool = self._operations[number].channels
            if pool != NONE:
                self._free[pool] += 1
            for follower in self._followers[number]:
                self._missing[follower] -= 1
                if not self._missing[follower]:
                    ready.append(follower)
        self._start_ready(ready, now_s)

    def _start_ready(self, numbers: Sequence[int], now_s: float) -> None:
        """Start what became ready, and what waits for a channel as far as there are any."""
        for number in numbers:
            self.ready_s[number] = now_s
            pool = self._operations[number].channels
            if pool == NONE:
                self._start(number, now_s)
            else:
                heappush(self._queues[pool], (now_s, number))
        for pool, queue in enumerate(self._queues):
            while queue and self._free[pool] > 0:
                self._free[pool] -= 1
                self._start(heappop(queue)[1], now_s)

    def _start(self, number: int, now_s: float) -> None:
        self.start_s[number] = now_s
        operation = self._operations[number]
        if operation.bytes_ > 0.0:
            self._mover.begin(number, now_s)
        else:
            heappush(self.ends, (now_s + operation.seconds, number))


def run(
    operations: Sequence[Operation],
    resources: Resources,
    discipline: Discipline,
    packets: Packets = DEFAULT_PACKETS,
) -> Run:
    """When every operation starts and ends.

    Raises:
        ValueError: operations wait for each other in a circle.
    """
    mover: Mover
    if discipline is Discipline.FLUID:
        mover = Fluid(operations, resources)
    else:
        mover = Packetised(operations, resources, packets)
    clock = Clock(operations, resources, mover)
    while True:
        # Ends of one moment come before its bytes: `move` does nothing before they are handled.
        mover.move(clock.ends)
        if not clock.ends:
            break
        now_s = clock.ends[0][0]
        while clock.ends and clock.ends[0][0] == now_s:
            clock.end()
    if clock.ended < len(operations):
        waiting = len(operations) - clock.ended
        raise ValueError(f"{waiting} of {len(operations)} operations wait for each other in a circle")
    events = clock.ended + mover.events
    return Run(clock.ready_s, clock.start_s, clock.end_s, mover.waited_s, mover.held_by, events)


def _order(operations: Sequence[Operation]) -> tuple[list[list[int]], list[int]]:
    """Per operation, those that wait for it, and for how many it waits."""
    followers: list[list[int]] = [[] for _ in operations]
    missing = []
    for number, operation in enumerate(operations):
        missing.append(len(operation.after) + len(operation.room))
        for before in operation.after:
            followers[before].append(number)
        for before in operation.room:
            followers[before].append(number)
    return followers, missing
