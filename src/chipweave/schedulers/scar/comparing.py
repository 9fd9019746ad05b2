"""What the labels of SEG's inner loop have in common: how they are compared, and what they may cost at most."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np

from chipweave.compiled import inner
from chipweave.evaluation.law import Rates
from chipweave.ndarrays import Floats, Ints, Shorts
from chipweave.schedulers.scar.energy_caps import Caps

Rows = TypeVar("Rows", Floats, Ints, Shorts)

NO_SLACK = np.zeros(4)
CARRIED = 6
"""Figures of a label: the four that are compared, then weights_s and last_s of `law.Passing`."""

# Rows are copied entry by entry throughout: slice assignments take numba many times longer to compile.


class Beat(NamedTuple):
    """A pipeline's micro-batches: how many, and the last one's share of a full one (`paper`: 1)."""

    number: int
    last: float
    rates: Rates


class Comparing(NamedTuple):
    """How labels are compared.

    Args:
        longest: stages at most.
        width: figures compared: 4, or 3 to leave DRAM bytes out.
        breadth: how many must beat a label before it is dropped; 1 keeps the front.
        slack: [4] how much worse than a label in sum part, slowest stage, joules and DRAM bytes another may be and
            still beat it.
        budget: labels made and compared at most.
    """

    beat: Beat
    longest: int
    width: int
    breadth: int
    slack: Floats
    budget: int


@inner()
def grown(rows: Rows, used: int) -> Rows:
    """Room for twice as many rows."""
    bigger = np.empty((2 * rows.shape[0], rows.shape[1]), dtype=rows.dtype)
    for i in range(used):
        for k in range(rows.shape[1]):
            bigger[i, k] = rows[i, k]
    return bigger


@inner()
def cap_at(latency_s: float, caps: Caps) -> float:
    """Most energy beside a latency; nothing past the last bin."""
    if latency_s <= caps.start_s or caps.step_s == np.inf:
        return float(caps.energy_j[0])
    bin_ = int((latency_s - caps.start_s) / caps.step_s)
    return float(caps.energy_j[bin_]) if bin_ < len(caps.energy_j) else -np.inf


@inner()
def beats(a: Floats, i: int, b: Floats, k: int, width: int, slack: Floats) -> bool:
    """Row i of `a` is at most `slack` worse than row k of `b` in every figure."""
    for f in range(width):  # noqa: SIM110 - a generator does not compile
        if a[i, f] > b[k, f] + slack[f]:
            return False
    return True
