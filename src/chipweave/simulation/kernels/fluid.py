"""Compiled: transfers as fluid flows, which move all at once at max-min fair rates (docs/simulation.md, "Fluid")."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.compiled import inner
from chipweave.ndarrays import Floats, Ints
from chipweave.simulation.kernels.heap import Heap, push
from chipweave.simulation.kernels.problem import Account, Operations, Ways
from chipweave.simulation.operations import NONE

TIED = 1e-12
"""Flows of whose bytes no larger a part is left have ended: rounding must not part those that end together."""

AT_S, FIRST_S, NEXT_S = range(3)
"""Places of `Flows.times`."""


class Flows(NamedTuple):
    """The flows that have bytes left, `moving[0]` of them, in the order in which they began.

    Args:
        number: of the operation; left: bytes; rate: bytes per second, negative while there is none.
        held_by: the resource that holds the flow at its rate; lost: the part of its time that this costs.
        times: [3] until when bytes have moved; for how long they do at these rates, and when the first flow then ends.
        spare, wanted: per resource, bytes per second that are free, and shares of the flows without a rate.
        crossing: per resource, how many flows without a rate cross it; crossed: resources that flows cross.
    """

    moving: Ints
    number: Ints
    left: Floats
    rate: Floats
    held_by: Ints
    lost: Floats
    times: Floats
    spare: Floats
    wanted: Floats
    crossing: Ints
    crossed: Ints


def flows_for(most: int, resources: int) -> Flows:
    """No flows, and room for so many at once."""

    def numbers(size: int) -> Ints:
        return np.zeros(size, np.int64)

    return Flows(
        numbers(1), numbers(most), np.zeros(most), np.zeros(most), numbers(most), np.zeros(most),
        np.zeros(3), np.zeros(resources), np.zeros(resources), numbers(resources), numbers(resources),
    )  # fmt: skip


@inner()
def flow(operations: Operations, ways: Ways, flows: Flows, begun: Ints, ends: Heap, account: Account) -> None:
    """Transfers begin, all at one moment; bytes move until an operation ends, and the ends of transfers whose last
    bytes have passed are put down."""
    for number in begun:
        _begin(operations, flows, number, account)
    changed = len(begun) > 0
    while flows.moving[0] > 0:
        if changed:
            _share_out(operations, ways, flows, account)
        if ends.size[0] > 0 and ends.time_s[0] < flows.times[NEXT_S]:
            return
        _finish(operations, flows, ends, account)
        changed = True


@inner()
def _begin(operations: Operations, flows: Flows, number: int, account: Account) -> None:
    _advance(flows, account.start_s[number], account)
    place = flows.moving[0]
    flows.moving[0] += 1
    flows.number[place], flows.left[place] = number, operations.bytes_[number]
    flows.rate[place], flows.held_by[place], flows.lost[place] = 0.0, NONE, 0.0
    account.events[0] += 1


@inner()
def _advance(flows: Flows, now_s: float, account: Account) -> None:
    """Bytes move at the rates that hold since the last change."""
    seconds = now_s - flows.times[AT_S]
    flows.times[AT_S] = now_s
    if seconds > 0.0:
        for place in range(flows.moving[0]):
            flows.left[place] -= flows.rate[place] * seconds
            if flows.held_by[place] >= 0:
                account.waited_s[flows.held_by[place]] += seconds * flows.lost[place]


@inner()
def _finish(operations: Operations, flows: Flows, ends: Heap, account: Account) -> None:
    """The flows that end next have ended."""
    first_s, next_s = flows.times[FIRST_S], flows.times[NEXT_S]
    for place in range(flows.moving[0]):
        number = flows.number[place]
        if flows.left[place] - flows.rate[place] * first_s <= TIED * operations.bytes_[number]:
            push(ends, next_s + operations.seconds[number], number)
            flows.number[place] = NONE
    _advance(flows, next_s, account)
    kept = 0
    for place in range(flows.moving[0]):
        if flows.number[place] >= 0:
            flows.number[kept], flows.left[kept] = flows.number[place], flows.left[place]
            flows.rate[kept], flows.held_by[kept] = 0.0, NONE
            kept += 1
    flows.moving[0] = kept


@inner()
def _share_out(operations: Operations, ways: Ways, flows: Flows, account: Account) -> None:
    """New rates, and when the first flow ends at them."""
    crossed = _open(operations, ways, flows)
    count, without = flows.moving[0], flows.moving[0]
    first_s = np.inf
    while without > 0:
        narrowest = _narrowest(flows, crossed)
        rate = max(0.0, flows.spare[narrowest] / flows.wanted[narrowest])
        for place in range(count):
            number = flows.number[place]
            route = operations.route[number]
            if flows.rate[place] >= 0.0 or ways.share[route, narrowest] == 0.0:
                continue
            without -= 1
            lost = max(0.0, 1.0 - rate / ways.alone[route])
            flows.rate[place], flows.lost[place] = rate, lost
            flows.held_by[place] = narrowest if lost > 0.0 else NONE
            if lost > 0.0:
                account.held_by[number] = narrowest
            first_s = min(first_s, flows.left[place] / rate)
            for at in range(ways.first[route], ways.first[route + 1]):
                resource = ways.resource[at]
                share = ways.share[route, resource]
                flows.spare[resource] -= share * rate
                flows.wanted[resource] -= share
                flows.crossing[resource] -= 1
    flows.times[FIRST_S] = max(0.0, first_s)
    flows.times[NEXT_S] = flows.times[AT_S] + flows.times[FIRST_S]


@inner()
def _open(operations: Operations, ways: Ways, flows: Flows) -> int:
    """No flow has a rate; how many resources flows cross, which come first in `crossed`."""
    crossed = 0
    for place in range(flows.moving[0]):
        flows.rate[place] = -1.0
        route = operations.route[flows.number[place]]
        for at in range(ways.first[route], ways.first[route + 1]):
            resource = ways.resource[at]
            if flows.crossing[resource] == 0:
                flows.crossed[crossed] = resource
                crossed += 1
                flows.spare[resource], flows.wanted[resource] = ways.bytes_s[resource], 0.0
            flows.wanted[resource] += ways.share[route, resource]
            flows.crossing[resource] += 1
    return crossed


@inner()
def _narrowest(flows: Flows, crossed: int) -> int:
    """The resource that is used up first when all flows without a rate rise together; the lowest of equal ones."""
    found, least = -1, np.inf
    for place in range(crossed):
        resource = flows.crossed[place]
        if flows.crossing[resource] > 0:
            rate = flows.spare[resource] / flows.wanted[resource]
            if rate < least or (rate == least and resource < found):
                found, least = resource, rate
    return found
