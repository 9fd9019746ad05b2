"""Compiled: operations that end, and those that start because of it, round by round (docs/simulation.md, "The
engine")."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.compiled import inner
from chipweave.ndarrays import Floats, Ints
from chipweave.simulation.kernels.heap import Heap, heap_for, pop, push
from chipweave.simulation.kernels.problem import Operations
from chipweave.simulation.operations import NONE


class Clock(NamedTuple):
    """How far operations are.

    Args:
        ready_s, start_s, end_s: per operation.
        missing: per operation, how many others must still end before it is ready.
        first, follower: those that wait for operation n are follower[first[n] : first[n + 1]].
        ends: when which operation ends.
        free: per pool, channels that nobody holds.
        waits: per pool, the first operation that waits for a channel; behind: per operation, the next one that does.
        begun: transfers that have started and do not move yet.
        fresh: operations that became ready in this round.
        counts: [3] how many have ended, of `begun` and of `fresh`.
    """

    ready_s: Floats
    start_s: Floats
    end_s: Floats
    missing: Ints
    first: Ints
    follower: Ints
    ends: Heap
    free: Ints
    waits: Ints
    behind: Ints
    begun: Ints
    fresh: Ints
    counts: Ints


ENDED, BEGUN, FRESH = range(3)
"""Places of `counts`."""


def clock_for(operations: Operations, channels: tuple[int, ...]) -> Clock:
    """The clock at 0, before anything has started."""
    count = len(operations.seconds)
    missing = np.diff(operations.first)
    waiting = np.repeat(np.arange(count), missing)
    order = np.argsort(operations.before, kind="stable")
    first = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(operations.before, minlength=count), out=first[1:])
    pools = len(channels)
    return Clock(
        np.zeros(count),
        np.zeros(count),
        np.zeros(count),
        missing,
        first,
        waiting[order],
        heap_for(count),
        np.array(channels, np.int64),
        np.full(pools, NONE),
        np.full(count, NONE),
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
        np.zeros(3, np.int64),
    )


@inner()
def open_clock(operations: Operations, clock: Clock) -> None:
    """What waits for nothing starts at 0."""
    for number in range(len(clock.missing)):
        if clock.missing[number] == 0:
            clock.fresh[clock.counts[FRESH]] = number
            clock.counts[FRESH] += 1
    _start_fresh(operations, clock, 0.0)


@inner()
def end_round(operations: Operations, clock: Clock) -> None:
    """One round: all operations that end next end, and what that makes ready starts."""
    ends, counts = clock.ends, clock.counts
    now_s = ends.time_s[0]
    while ends.size[0] > 0 and ends.time_s[0] == now_s:
        number = pop(ends)
        clock.end_s[number] = now_s
        counts[ENDED] += 1
        if operations.channels[number] >= 0:
            clock.free[operations.channels[number]] += 1
        for place in range(clock.first[number], clock.first[number + 1]):
            follower = clock.follower[place]
            clock.missing[follower] -= 1
            if clock.missing[follower] == 0:
                clock.fresh[counts[FRESH]] = follower
                counts[FRESH] += 1
    _start_fresh(operations, clock, now_s)


@inner()
def _start_fresh(operations: Operations, clock: Clock, now_s: float) -> None:
    """Start what became ready, and what waits for a channel as far as there are any."""
    for place in range(clock.counts[FRESH]):
        number = clock.fresh[place]
        clock.ready_s[number] = now_s
        if operations.channels[number] < 0:
            _start(operations, clock, number, now_s)
        else:
            _wait(clock.waits, clock.behind, clock.ready_s, number, operations.channels[number])
    clock.counts[FRESH] = 0
    for pool in range(len(clock.free)):
        while clock.waits[pool] >= 0 and clock.free[pool] > 0:
            number = clock.waits[pool]
            clock.waits[pool] = clock.behind[number]
            clock.free[pool] -= 1
            _start(operations, clock, number, now_s)


@inner()
def _wait(waits: Ints, behind: Ints, ready_s: Floats, number: int, pool: int) -> None:
    """Into the queue of a pool, behind those that were ready before, and among equals by number."""
    ahead, at = -1, waits[pool]
    while at >= 0 and (ready_s[at] < ready_s[number] or at < number):
        ahead, at = at, behind[at]
    behind[number] = at
    if ahead < 0:
        waits[pool] = number
    else:
        behind[ahead] = number


@inner()
def _start(operations: Operations, clock: Clock, number: int, now_s: float) -> None:
    clock.start_s[number] = now_s
    if operations.bytes_[number] > 0.0:
        clock.begun[clock.counts[BEGUN]] = number
        clock.counts[BEGUN] += 1
    else:
        push(clock.ends, now_s + operations.seconds[number], number)
