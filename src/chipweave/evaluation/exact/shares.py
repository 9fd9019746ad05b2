"""How an axis is shared out among chiplets: evenly, or in proportion to what each can do (docs/regions.md; ours).

Unequal parts end at multiples of a quantum, so that there are few sizes that a part may have (`sizes`): all of them are
costed, and proofs go through them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from chipweave.ndarrays import Floats, Ints

PIECES, PIECES_EACH = 24, 3
"""An axis has at least so many quanta, and at least so many for each chiplet, where it is long enough."""


def quantum(length: int, parts: int) -> int:
    """The largest power of two that goes often enough into an axis for so many parts; at least 1.

    Of more parts it divides that of fewer.
    """
    fits = length // max(PIECES, PIECES_EACH * parts)
    return 1 << (fits.bit_length() - 1) if fits else 1


def pieces(length: int, parts: int) -> int:
    """Quanta of an axis, the last of which may be shorter."""
    return -(-length // quantum(length, parts))


def ends(length: int, parts: int, weights: Sequence[int] = ()) -> Ints:
    """The ends of `parts` parts of an axis, shape (parts + 1,): part p is [p * length // parts, ...), or, by weights,
    ends at the last quantum that the chiplets up to it have earned together. Parts of little weight may be empty."""
    if not weights:
        return np.arange(parts + 1, dtype=np.int64) * length // parts
    sums = np.array(list(accumulate(weights, initial=0)), dtype=np.int64)
    found: Ints = np.minimum(length, quantum(length, parts) * (pieces(length, parts) * sums // sums[-1]))
    return found


def sizes(length: int, parts: int) -> list[int]:
    """Every size above 0 that a part of an axis may have by whatever weights, of up to `parts` parts; ascending."""
    step = quantum(length, parts)
    whole = range(step, length + 1, step)
    return sorted({*whole, *(length - size for size in whole if size < length), length})


def capacities(seconds: Sequence[Floats], chiplets: Sequence[int]) -> tuple[float, list[int]]:
    """The least time in which chiplets of several classes do all pieces of an axis together, and how many pieces a
    chiplet of each class does within it: of these and of any fewer none takes longer.

    Args:
        seconds: per class, of 1, 2, ... and all pieces; chiplets: per class, how many there are.
    """
    longest = [np.maximum.accumulate(each) for each in seconds]
    tried = np.unique(np.concatenate(longest))
    done = sum(many * np.searchsorted(each, tried, side="right") for each, many in zip(longest, chiplets, strict=True))
    time_s = float(tried[int(np.argmax(done >= len(seconds[0])))])
    return time_s, [int(np.searchsorted(each, time_s, side="right")) for each in longest]
