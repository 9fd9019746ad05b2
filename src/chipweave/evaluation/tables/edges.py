"""Compiled: what the parts of a layer receive and need over each edge, on regions of every size."""

from __future__ import annotations

import numpy as np

from chipweave.compiled import kernel
from chipweave.evaluation.exact.boxes import entries, need, own
from chipweave.ndarrays import Floats, Ints

SAMPLED = 12
"""Of a region's parts, so many are looked at, evenly spaced; the largest transfer is taken from them."""


@kernel()
def edge_entries(
    rows: Ints,
    sizes: Ints,
    splits: Ints,
    maker: Ints,
    reader: Ints,
    operand: Ints,
    extents: Ints,
    micro_batch: int,
) -> tuple[Floats, Floats]:
    """Of each edge on regions of each size: the most entries that a part receives [e, s, maker's, reader's partition],
    and the most that a part needs [e, s, reader's partition].

    Args:
        rows: [d, 16] layers; splits: [d, s, 4]; maker (-1: the network's input), reader, operand: [e];
        extents: [e, 3].
    """
    received = np.zeros((len(maker), len(sizes), 2, 2))
    needed = np.zeros((len(maker), len(sizes), 2))
    want, have = np.zeros(8, np.int64), np.zeros(8, np.int64)
    for e in range(len(maker)):
        to = reader[e]
        for s in range(len(sizes)):
            step = max(1, sizes[s] // SAMPLED)
            for p in range(2):
                for part in range(0, sizes[s], step):
                    need(rows[to], operand[e], extents[e], p, splits[to, s], micro_batch, part, want)
                    all_of_it = entries(want)
                    needed[e, s, p] = max(needed[e, s, p], all_of_it)
                    if maker[e] < 0 or all_of_it == 0.0:
                        continue
                    for q in range(2):
                        own(rows[maker[e]], q, splits[maker[e], s], micro_batch, part, have)
                        for axis in range(4):
                            have[2 * axis] = max(have[2 * axis], want[2 * axis])
                            have[2 * axis + 1] = min(have[2 * axis + 1], want[2 * axis + 1])
                        received[e, s, q, p] = max(received[e, s, q, p], all_of_it - entries(have))
    return received, needed
