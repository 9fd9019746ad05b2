"""Transfers as packets: first come, first served at every resource, heads far ahead of tails (docs/simulation.md,
"Packets")."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

from chipweave.simulation.operations import NONE, Operation, Packets, Resources


class Packetised:
    """The packets that are on their way."""

    def __init__(self, operations: Sequence[Operation], resources: Resources, packets: Packets) -> None:
        self.waited_s = [0.0] * len(resources.bytes_s)
        self.held_by = [NONE] * len(operations)
        self.events = 0
        self._operations, self._packets = operations, packets
        self._paths = [
            [(resource, share / resources.bytes_s[resource]) for resource, share in route] for route in resources.routes
        ]
        self._free_s = [0.0] * len(resources.bytes_s)
        self._heads: list[tuple[float, int, int, int, float]] = []
        """A heap: when, operation, packet, place on the route, and when the packet has passed the place before."""

    def begin(self, number: int, now_s: float) -> None:
        for packet in range(self._packets.in_flight):
            self._set_out(number, packet, now_s)

    def move(self, ends: list[tuple[float, int]]) -> None:
        heads, free_s, waited_s = self._heads, self._free_s, self.waited_s
        while heads and not (ends and ends[0][0] <= heads[0][0]):
            now_s, number, packet, place, before_s = heappop(heads)
            self.events += 1
            operation = self._operations[number]
            path = self._paths[operation.route]
            resource, seconds_per_byte = path[place]
            begins_s = now_s
            if free_s[resource] > now_s:
                begins_s = free_s[resource]
                waited_s[resource] += begins_s - now_s
                self.held_by[number] = resource
            bytes_ = min(self._packets.bytes_, operation.bytes_ - packet * self._packets.bytes_)
            passes_s = max(begins_s + bytes_ * seconds_per_byte, before_s)
            free_s[resource] = passes_s
            if place + 1 < len(path):
                heappush(heads, (begins_s, number, packet, place + 1, passes_s))
                continue
            if (packet + 1) * self._packets.bytes_ >= operation.bytes_:
                heappush(ends, (passes_s + operation.seconds, number))
            self._set_out(number, packet + self._packets.in_flight, passes_s)

    def _set_out(self, number: int, packet: int, now_s: float) -> None:
        if packet * self._packets.bytes_ < self._operations[number].bytes_:
            heappush(self._heads, (now_s, number, packet, 0, 0.0))
