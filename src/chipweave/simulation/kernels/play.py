"""Compiled: operations from the first start to the last end, and what each of them waited for last."""

from __future__ import annotations

import numpy as np

from chipweave.compiled import kernel
from chipweave.ndarrays import Floats, Ints
from chipweave.simulation.kernels.clock import BEGUN, Clock, end_round, open_clock
from chipweave.simulation.kernels.fluid import Flows, flow
from chipweave.simulation.kernels.packets import Heads, send
from chipweave.simulation.kernels.problem import Account, Operations, Ways
from chipweave.simulation.operations import NONE


@kernel()
def play(
    operations: Operations, ways: Ways, fluid: bool, flows: Flows, heads: Heads, clock: Clock, account: Account
) -> None:
    """All rounds; between them bytes move, as flows or as packets, until an operation ends."""
    ends, counts = clock.ends, clock.counts
    open_clock(operations, clock)
    while True:
        begun = clock.begun[: counts[BEGUN]]
        counts[BEGUN] = 0
        # Ends of one moment come before its bytes: nothing moves before they are handled.
        if fluid:
            flow(operations, ways, flows, begun, ends, account)
        else:
            send(operations, ways, heads, begun, ends, account)
        if ends.size[0] == 0:
            return
        now_s = ends.time_s[0]
        while ends.size[0] > 0 and ends.time_s[0] == now_s:
            end_round(operations, clock)


@kernel()
def latest(operations: Operations, end_s: Floats) -> tuple[Ints, Ints]:
    """Per operation, which ended last of `after`, and of all that it waited for; the lowest of equal ones, `NONE` where
    it waited for nothing."""
    first, room, before = operations.first, operations.room, operations.before
    of_after, of_all = np.full(len(room), NONE), np.full(len(room), NONE)
    for number in range(len(room)):
        found = NONE
        for place in range(first[number], first[number + 1]):
            other = before[place]
            if found < 0 or end_s[other] > end_s[found] or (end_s[other] == end_s[found] and other < found):
                found = other
            if place < room[number]:
                of_after[number] = found
        of_all[number] = found
    return of_after, of_all
