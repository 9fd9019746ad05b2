"""Who hears that kernels are compiled. The first run after an installation compiles them, and later ones read them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Compiled:
    """Kernels compiled by this process so far, and seconds from the first to the last, what lies between included."""

    kernels: int = 0
    began_s: float = 0.0
    ended_s: float = 0.0

    @property
    def seconds(self) -> float:
        return self.ended_s - self.began_s


SO_FAR = Compiled()


def _unheard() -> None: ...


_first: Callable[[], None] = _unheard


def hear_with(first: Callable[[], None]) -> None:
    """Hand in who hears, once, that the first kernel is about to be compiled."""
    global _first
    _first = first


def begin() -> None:
    """A kernel is about to be compiled."""
    global _first
    if not SO_FAR.began_s:
        SO_FAR.began_s = time.monotonic()
    told, _first = _first, _unheard
    told()


def end() -> None:
    """A kernel was compiled."""
    SO_FAR.kernels += 1
    SO_FAR.ended_s = time.monotonic()
