"""Compiled: transfers as packets, first come, first served at every resource, heads far ahead of tails
(docs/simulation.md, "Packets")."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.compiled import inner
from chipweave.ndarrays import Floats, Ints
from chipweave.simulation.kernels.heap import Heap, heap_for, pop, push
from chipweave.simulation.kernels.problem import Account, Operations, Ways
from chipweave.simulation.operations import Packets


class Heads(NamedTuple):
    """Packets on their way. The packet p of an operation n is number n * `stride` + p; what is known of it stands in
    place slot[n] + p % in_flight, of which each operation has as many as it may have packets on their way.

    Args:
        heap: when which packet's head comes to the next resource.
        place: of that resource on the route; passed_s: when the packet has passed the one before.
        free_s: per resource, from when on it serves the next packet.
    """

    heap: Heap
    place: Ints
    passed_s: Floats
    free_s: Floats
    slot: Ints
    stride: int
    bytes_: float
    in_flight: int


def heads_for(operations: Operations, packets: Packets, resources: int) -> Heads:
    """No packet is on its way."""
    most = np.ceil(operations.bytes_ / packets.bytes_).astype(np.int64) + 1
    slot = np.zeros(len(most) + 1, np.int64)
    np.cumsum(np.minimum(most, packets.in_flight), out=slot[1:])
    slots = int(slot[-1])
    return Heads(
        heap_for(slots),
        np.zeros(slots, np.int64),
        np.zeros(slots),
        np.zeros(resources),
        slot,
        int(most.max(initial=1)),
        float(packets.bytes_),
        packets.in_flight,
    )


@inner()
def send(operations: Operations, ways: Ways, heads: Heads, begun: Ints, ends: Heap, account: Account) -> None:
    """Transfers begin; packets pass until an operation ends, and the ends of transfers whose last packet has passed are
    put down."""
    heap = heads.heap
    for number in begun:
        for packet in range(min(heads.in_flight, heads.slot[number + 1] - heads.slot[number])):
            _set_out(operations, heads, number, packet, account.start_s[number])
    while heap.size[0] > 0 and not (ends.size[0] > 0 and ends.time_s[0] <= heap.time_s[0]):
        _serve(operations, ways, heads, ends, account)


@inner()
def _serve(operations: Operations, ways: Ways, heads: Heads, ends: Heap, account: Account) -> None:
    """The next head passes its resource."""
    now_s = heads.heap.time_s[0]
    key = pop(heads.heap)
    account.events[0] += 1
    number, packet = key // heads.stride, key % heads.stride
    slot, route, size = heads.slot[number] + packet % heads.in_flight, operations.route[number], heads.bytes_
    at = ways.first[route] + heads.place[slot]
    resource = ways.resource[at]
    begins_s = now_s
    if heads.free_s[resource] > now_s:
        begins_s = heads.free_s[resource]
        account.waited_s[resource] += begins_s - now_s
        account.held_by[number] = resource
    bytes_ = min(size, operations.bytes_[number] - packet * size)
    passes_s = max(begins_s + bytes_ * (ways.share[route, resource] / ways.bytes_s[resource]), heads.passed_s[slot])
    heads.free_s[resource] = passes_s
    if at + 1 < ways.first[route + 1]:
        heads.place[slot] += 1
        heads.passed_s[slot] = passes_s
        push(heads.heap, begins_s, key)
        return
    if (packet + 1) * size >= operations.bytes_[number]:
        push(ends, passes_s + operations.seconds[number], number)
    _set_out(operations, heads, number, packet + heads.in_flight, passes_s)


@inner()
def _set_out(operations: Operations, heads: Heads, number: int, packet: int, now_s: float) -> None:
    """A packet, if the transfer has so many."""
    if packet * heads.bytes_ < operations.bytes_[number]:
        slot = heads.slot[number] + packet % heads.in_flight
        heads.place[slot], heads.passed_s[slot] = 0, 0.0
        push(heads.heap, now_s, number * heads.stride + packet)
