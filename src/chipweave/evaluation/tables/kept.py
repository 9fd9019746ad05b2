"""Compiled: what an L2 keeps, and how long weights in blocks are waited for, for every stage of consecutive units.

The passes of `keep.py` and `streams.py`, which go on from units i to j - 1 to units i to j.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.compiled import inner, kernel
from chipweave.evaluation.keep import AGAIN, BACK, SLACK, WROTE, Around, Books, Layers, Uses
from chipweave.evaluation.streams import ARRIVAL
from chipweave.evaluation.tables.compiled_law import keep, streams
from chipweave.evaluation.tables.memory import Units
from chipweave.ndarrays import Bools, Floats, Ints


class Streamed(NamedTuple):
    """Per class and layer, [c, l]: seconds of a micro-batch, those that blocks take longer, seconds of the weights at
    the DRAM's pace, and how many blocks they are. `same`: per layer, the last one before it with the same weights
    (-1: none)."""

    compute_s: Floats
    blocks_s: Floats
    weights_s: Floats
    blocks: Ints
    same: Ints


class Kept(NamedTuple):
    """Stages of units i to j of a window by class, [c, entry] (`entry`): least room left; bytes that come back, that
    go, and that are read again; what blocks add to computing, when computing ends as weights arrive (`law.Demand`)."""

    slack: Floats
    back: Floats
    wrote: Floats
    again: Floats
    exposed_s: Floats
    arrival_s: Floats


@inner()
def entry(i: int, j: int, n: int) -> int:
    """Where units i to j stand, counted from the first of a window's n: as i <= j, half of a square is enough."""
    return i * (2 * n - i - 1) // 2 + j


@kernel(nogil=True)
def kept(
    units: Units,
    window: tuple[int, int],
    runs: tuple[Ints, Ints],
    uses: Uses,
    layers: Layers,
    streamed: Streamed,
    l2_bytes: Floats,
    stored: Bools,
) -> Kept:
    """The tables of a window that holds units window[0] to window[1] - 1, of stages from each of the units
    runs[0], ascending, up to the unit before the one beside it in runs[1].

    Args:
        layers: per class, [c, l]; stored: [tensor + 1] it goes to DRAM in any case.
    """
    first, last = units
    begins, ends = runs
    a, b = window
    n = b - a
    shape = (len(l2_bytes), entry(begins[len(begins) - 1] - a, n - 1, n) + 1)
    made = Kept(np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape))
    count, tensors = len(uses.start), len(uses.start) + 1
    books = Books(np.zeros(count), np.zeros(tensors, np.int64), np.zeros(tensors), np.zeros(tensors), np.zeros(4))
    state, whole = np.zeros(6), np.zeros(6)
    for c in range(len(l2_bytes)):
        own = Layers(layers.weights[c], layers.block[c], layers.grain[c])
        for number in range(len(begins)):
            i = begins[number]
            keep.open_books(books)
            streams.open_stream(state)
            streams.open_stream(whole)
            around = Around(first[i], first[a], l2_bytes[c], stored)
            for j in range(i, ends[number]):
                for layer in range(first[j], last[j] + 1):
                    keep.run_layer(layer, uses, own, around, books)
                    seconds, more_s = streamed.compute_s[c, layer], streamed.blocks_s[c, layer]
                    weights_s, blocks = streamed.weights_s[c, layer], streamed.blocks[c, layer]
                    streams.stream_layer(seconds + more_s, weights_s, blocks, state)
                    arrives_s = 0.0 if streamed.same[layer] >= first[i] else weights_s
                    streams.stream_layer(seconds, arrives_s, blocks, whole)
                at = (c, entry(i - a, j - a, n))
                made.slack[at], made.back[at] = books.sums[SLACK], books.sums[BACK]
                made.wrote[at], made.again[at] = books.sums[WROTE], books.sums[AGAIN]
                made.exposed_s[at], made.arrival_s[at] = streams.exposed_s(state), whole[ARRIVAL]
    return made
