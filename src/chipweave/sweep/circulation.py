"""Mappings of layers that workers without a disk in common find, on their way to all others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

from chipweave.cost.loopnest import cache


@dataclass
class Circulation:
    """All mappings that this machine knows or has heard of, and how many of them each worker was given.

    A mapping goes by the digest of its question, so that it is the same wherever it was found.

    Args:
        known: entries of a cache, in the order in which they came.
    """

    known: dict[bytes, bytes] = field(default_factory=cache.entries)
    _given: dict[str, int] = field(default_factory=dict)

    def hear(self, found: Mapping[bytes, bytes]) -> None:
        """Take in what a worker found; what is new goes into this machine's cache, too."""
        new = {key: entry for key, entry in found.items() if key not in self.known}
        self.known |= new
        cache.add(new)

    def due(self, workers: Iterable[str]) -> dict[str, dict[bytes, bytes]]:
        """By worker what it has not been given yet, and counts as given from now on."""
        count = len(self.known)
        found = {
            worker: dict(islice(self.known.items(), self._given.get(worker, 0), None))
            for worker in workers
            if self._given.get(worker, 0) < count
        }
        self._given |= dict.fromkeys(found, count)
        return found
