"""A bounded memory of arrays that take long to make: where room is short, what was made first goes first."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeVar

from chipweave.ndarrays import Bools, Floats, Ints

Arrays = TypeVar("Arrays", bound=Iterable[Floats | Ints | Bools])


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

    def get(self, key: Hashable, make: Callable[[], Arrays]) -> Arrays:
        """What `make` returns, made anew only if it is not on the shelf."""
        with self._lock:
            if key in self._kept:
                known: Arrays = self._kept[key]  # type: ignore[assignment]
                return known
        made = make()
        with self._lock:
            self._kept[key], self._bytes[key] = made, sum(each.nbytes for each in made)
            while sum(self._bytes.values()) > self.most_bytes:
                oldest = next(iter(self._kept))
                del self._kept[oldest], self._bytes[oldest]
        return made
