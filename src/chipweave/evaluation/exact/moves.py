"""A tensor on its way between regions, or within one: worked out once for layers that are alike."""

from __future__ import annotations

from functools import lru_cache

from chipweave.evaluation.exact.layout import Held, Need
from chipweave.evaluation.exact.transfer import Network, transfer
from chipweave.evaluation.record import Transfer

KEPT = 4096
"""Transfers of some kilobytes each that are kept at most."""


@lru_cache(KEPT)
def moved(
    net: Network,
    owners: tuple[int, ...],
    readers: tuple[int, ...],
    held: Held,
    need: Need,
    entry_bytes: float,
    unicast: bool = False,
) -> Transfer:
    """What `owners` hold of a tensor and `readers` need of it, at so many bytes an entry.

    A network repeats its blocks, so the same parts move in the same regions again and again. Callers take `held` and
    `need` from `Cuts`, which gives the same object for the same parts.
    """
    return transfer(net, owners, readers, entry_bytes * need.held_by(held.boxes), entry_bytes * held.sizes, unicast)
