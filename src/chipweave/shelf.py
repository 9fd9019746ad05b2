"""Bounded memories of what takes long to make: of arrays, where what was made first goes first if room is short, and of
small things, by their number."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeVar

import numpy as np

Arrays = TypeVar("Arrays", bound=Iterable[object])
Key = TypeVar("Key", bound=Hashable)
Made = TypeVar("Made")

MOST_REMEMBERED = 30_000
"""Things in one memory, each of some kilobytes, at most; a search of minutes goes through millions."""

_NOTHING = object()


def remembered(memory: dict[Key, Made], key: Key, make: Callable[[], Made]) -> Made:
    """What `make` returned for the key, made anew only if the memory does not have it; a full one begins anew."""
    found = memory.get(key, _NOTHING)
    if found is _NOTHING:
        found = make()
        if len(memory) >= MOST_REMEMBERED:
            memory.clear()
        memory[key] = found
    return found  # type: ignore[return-value]


@dataclass
class Shelf:
    """What was made, by key; several threads may ask at once.

    Args:
        most_bytes: of all arrays that are kept.
    """

    most_bytes: int
    _kept: dict[Hashable, object] = field(default_factory=dict)
    _bytes: dict[Hashable, int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _sum: int = 0

    def get(self, key: Hashable, make: Callable[[], Arrays]) -> Arrays:
        """What `make` returns, made anew only if it is not on the shelf."""
        with self._lock:
            if key in self._kept:
                known: Arrays = self._kept[key]  # type: ignore[assignment]
                return known
        made = make()
        bytes_ = sum(each.nbytes for each in made if isinstance(each, np.ndarray))
        with self._lock:
            self._sum += bytes_ - self._bytes.get(key, 0)
            self._kept[key], self._bytes[key] = made, bytes_
            while self._sum > self.most_bytes:
                oldest = next(iter(self._kept))
                del self._kept[oldest]
                self._sum -= self._bytes.pop(oldest)
        return made
