"""Operations in time: a heap of their ends, and transfers that move between them (docs/simulation.md, "The engine")."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Protocol

from chipweave.simulation.fluid import Fluid
from chipweave.simulation.operations import NONE, Discipline, Operation, Packets, Resources, Run
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


def run(
    operations: Sequence[Operation], resources: Resources, discipline: Discipline, packets: Packets = Packets()
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
    count = len(operations)
    ready_s, start_s, end_s = ([0.0] * count for _ in range(3))
    followers, missing = _order(operations)
    free = list(resources.channels)
    queues: list[Ends] = [[] for _ in free]
    ends: Ends = []

    def start(number: int, now_s: float) -> None:
        start_s[number] = now_s
        operation = operations[number]
        if operation.bytes_ > 0.0:
            mover.begin(number, now_s)
        else:
            heappush(ends, (now_s + operation.seconds, number))

    def start_ready(numbers: Sequence[int], now_s: float) -> None:
        """Start what became ready, and what waits for a channel as far as there are any."""
        for number in numbers:
            ready_s[number] = now_s
            pool = operations[number].channels
            if pool == NONE:
                start(number, now_s)
            else:
                heappush(queues[pool], (now_s, number))
        for pool, queue in enumerate(queues):
            while queue and free[pool] > 0:
                free[pool] -= 1
                start(heappop(queue)[1], now_s)

    start_ready([number for number in range(count) if not missing[number]], 0.0)
    ended = 0
    while True:
        mover.move(ends)
        if not ends:
            break
        now_s = ends[0][0]
        while ends and ends[0][0] == now_s:
            ready = []
            while ends and ends[0][0] == now_s:
                number = heappop(ends)[1]
                end_s[number] = now_s
                ended += 1
                if operations[number].channels != NONE:
                    free[operations[number].channels] += 1
                for follower in followers[number]:
                    missing[follower] -= 1
                    if not missing[follower]:
                        ready.append(follower)
            start_ready(ready, now_s)
    if ended < count:
        raise ValueError(f"{count - ended} of {count} operations wait for each other in a circle")
    return Run(ready_s, start_s, end_s, mover.waited_s, mover.held_by, ended + mover.events)


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
