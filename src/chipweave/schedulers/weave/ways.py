"""Compiled: the cheapest way from every cut of a task to its end, by what pipelines pay."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.compiled import kernel
from chipweave.ndarrays import Floats, Ints


class Paid(NamedTuple):
    """What pipelines pay: for each second, [slot]; for each byte from and to DRAM; for each joule."""

    second: Floats
    byte: float
    joule: float


class Ways(NamedTuple):
    """Of every cut: what is paid from there to the end, and the first pipeline's end and slot."""

    paid: Floats
    end: Ints
    slot: Ints


@kernel(nogil=True)
def cheapest_ways(latency_s: Floats, energy_j: Floats, dram_bytes: Floats, each: Paid, begin: int) -> Ways:
    """The cheapest ways from the cuts from `begin` on, of pipelines [start, end, slot]; those that are not there take
    infinite seconds."""
    cuts, _, slots = latency_s.shape
    found = Ways(np.zeros(cuts), np.zeros(cuts, np.int64), np.zeros(cuts, np.int64))
    for at in range(cuts - 2, begin - 1, -1):
        least, found.end[at] = np.inf, at + 1
        for end in range(at + 1, cuts):
            seconds, joules, bytes_, rest = latency_s[at, end], energy_j[at, end], dram_bytes[at, end], found.paid[end]
            for q in range(slots):
                if seconds[q] < np.inf:
                    paid = each.second[q] * seconds[q] + each.byte * bytes_[q] + each.joule * joules[q] + rest
                    if paid < least:
                        least, found.end[at], found.slot[at] = paid, end, q
        found.paid[at] = least
    return found
