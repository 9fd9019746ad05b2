"""Compiled: which bytes of one sample the stages of a window exchange (twin: `exact/tensors.py exchange`)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.compiled import inner, kernel
from chipweave.ndarrays import Bools, Floats, Ints


class Tensors(NamedTuple):
    """Every tensor of a model once, by the unit that makes it (-1: the network input), ascending.

    `bytes_[t]` is its size; readers of tensor t are entries `starts[t]` to `starts[t + 1]` of `reader` (unit,
    ascending, not the maker) and `read` (bytes). `sink[t]` marks a network output. The tensors of unit u are
    `first_of_unit[u]` to `first_of_unit[u + 1]`.
    """

    unit: Ints
    bytes_: Floats
    sink: Bools
    starts: Ints
    reader: Ints
    read: Floats
    first_of_unit: Ints


class WindowBytes(NamedTuple):
    """Bytes of one sample that units i to j, as a stage of a window that holds units first to end - 1, exchange.

    Args:
        load: [i, j] from DRAM; store: [n + 1] to DRAM, as prefix sums; i, j are counted from the first unit.
        receive: [i, j] from earlier stages of the window; each tensor once.
        forward: [i, j] to later stages. Handed on stage by stage (`paper`) it is exact; else each tensor counts once
            however many stages read it: at most what is really sent.
    """

    first: int
    end: int
    load: Floats
    store: Floats
    receive: Floats
    forward: Floats


def window_bytes(tensors: Tensors, first: int, end: int, forwarding: bool) -> WindowBytes:
    """The bytes of a window; with `forwarding` every stage hands on what later ones need."""
    return WindowBytes(first, end, *_window_bytes(tensors, first, end, forwarding))


@kernel()
def _window_bytes(tensors: Tensors, a: int, b: int, forwarding: bool) -> tuple[Floats, Floats, Floats, Floats]:
    n = b - a
    load, store = np.zeros((n, n)), np.zeros(n + 1)
    receive, forward = np.zeros((n, n)), np.zeros((n, n))
    for t in range(len(tensors.unit)):
        maker = tensors.unit[t]
        if maker >= b:
            break
        if maker < a:
            _add_load(tensors, t, a, 0, load)
        else:
            _add_load(tensors, t, a, maker + 1 - a, receive)
            _add_output(tensors, t, a, b, forwarding, store, forward)
    for i in range(n):
        store[i + 1] += store[i]
    return load, store, receive, forward


@inner()
def _add_load(tensors: Tensors, t: int, a: int, since: int, load: Floats) -> None:
    """Tensor t, which an earlier window or a unit before `since` made, to each stage that reads it."""
    reader, read, end = tensors.reader, tensors.read, tensors.starts[t + 1]
    until = -1
    for at in range(tensors.starts[t], end):
        if reader[at] < a + len(load):
            until = reader[at] - a
    for i in range(since, until + 1):
        taken = 0.0
        at = tensors.starts[t]
        for j in range(i, len(load)):
            while at < end and reader[at] <= a + j:
                if reader[at] >= a + i:
                    taken += read[at]
                at += 1
            load[i, j] += min(tensors.bytes_[t], taken)


@inner()
def _add_output(tensors: Tensors, t: int, a: int, b: int, forwarding: bool, store: Floats, forward: Floats) -> None:
    """Tensor t, which the window makes, to later windows and to later stages."""
    reader, read, size, maker = tensors.reader, tensors.read, tensors.bytes_[t], tensors.unit[t] - a
    later = size if tensors.sink[t] else 0.0
    at = inside_end = tensors.starts[t]
    inside = 0.0
    for edge in range(at, tensors.starts[t + 1]):
        if reader[edge] >= b:
            later += read[edge]
        else:
            inside += read[edge]
            inside_end = edge + 1
    store[maker + 1] += min(size, later)
    for j in range(maker, b - a - 1):
        while at < inside_end and reader[at] <= a + j:
            inside -= read[at]
            at += 1
        if at == inside_end:
            break
        # With forwarding every stage that ends at j hands it on, else only the one that made it.
        for i in range((j if forwarding else maker) + 1):
            forward[i, j] += min(size, inside)
