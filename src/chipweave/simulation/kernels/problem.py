"""Operations, resources and what is put down of them, as arrays for kernels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from chipweave.ndarrays import Floats, Ints
from chipweave.simulation.operations import NONE, Operation, Resources


class Operations(NamedTuple):
    """All operations, as columns.

    Args:
        seconds, bytes_, route, channels: as of an `Operation`.
        first, room, before: operation n waits for before[first[n] : first[n + 1]], of which those from room[n] on are
            its `room`.
    """

    seconds: Floats
    bytes_: Floats
    route: Ints
    channels: Ints
    first: Ints
    room: Ints
    before: Ints


class Ways(NamedTuple):
    """Resources and routes.

    Args:
        bytes_s: per resource.
        share: [route, resource] of the bytes of a transfer; 0 where it does not cross the resource.
        first, resource: route r crosses resource[first[r] : first[r + 1]], in this order.
        alone: per route, bytes per second of a transfer that shares nothing.
    """

    bytes_s: Floats
    share: Floats
    first: Ints
    resource: Ints
    alone: Floats


class Account(NamedTuple):
    """What a discipline puts down (`operations.Run`); `start_s`, when every operation started, it reads."""

    start_s: Floats
    waited_s: Floats
    held_by: Ints
    events: Ints


def columns_of(operations: Sequence[Operation]) -> Operations:
    """Operations as columns."""
    seconds, bytes_, route, after, room, channels = zip(*operations, strict=True) if operations else ((),) * 6
    of_after, of_room = (np.fromiter(map(len, each), np.int64, len(operations)) for each in (after, room))
    first = np.zeros(len(operations) + 1, np.int64)
    np.cumsum(of_after + of_room, out=first[1:])
    before = chain.from_iterable(chain.from_iterable(zip(after, room, strict=True)))
    return Operations(
        np.array(seconds, np.float64),
        np.array(bytes_, np.float64),
        np.array(route, np.int64),
        np.array(channels, np.int64),
        first,
        first[:-1] + of_after,
        np.fromiter(before, np.int64, int(first[-1])),
    )


def ways_of(resources: Resources) -> Ways:
    """The resources as arrays."""
    routes, bytes_s = resources.routes, np.array(resources.bytes_s)
    share, first = np.zeros((len(routes), len(bytes_s))), np.zeros(len(routes) + 1, np.int64)
    np.cumsum([len(route) for route in routes], out=first[1:])
    resource = np.array([number for route in routes for number, _ in route], np.int64)
    share[np.repeat(np.arange(len(routes)), np.diff(first)), resource] = [part for route in routes for _, part in route]
    crossed = share > 0.0
    alone = np.min(np.where(crossed, bytes_s / np.where(crossed, share, 1.0), np.inf), axis=1, initial=np.inf)
    return Ways(bytes_s, share, first, resource, alone)


def account_for(start_s: Floats, resources: int) -> Account:
    """Nothing has moved."""
    return Account(start_s, np.zeros(resources), np.full(len(start_s), NONE), np.zeros(1, np.int64))
