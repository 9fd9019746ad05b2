"""Who hears that kernels are compiled, and a clock that stands still meanwhile.

The first run after an installation compiles them, for about a minute, and later ones read them. Searches that have 20
seconds would find little beside that, so it does not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Compiled:
    """Kernels compiled by this process so far, and seconds in which any was.

    Args:
        under_way: kernels that are being compiled: one has others compiled that it calls. (Threads do so in turn.)
        since_s: the first of these was begun.
    """

    kernels: int = 0
    seconds: float = 0.0
    under_way: int = 0
    since_s: float = 0.0


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
    if not SO_FAR.under_way:
        SO_FAR.since_s = time.monotonic()
    SO_FAR.under_way += 1
    told, _first = _first, _unheard
    told()


def end() -> None:
    """A kernel was compiled."""
    SO_FAR.kernels += 1
    if SO_FAR.under_way == 1:  # a thread that looks before the next line is told too little, and never too much
        SO_FAR.seconds += time.monotonic() - SO_FAR.since_s
    SO_FAR.under_way -= 1


def clock_s() -> float:
    """`time.monotonic()` without the seconds in which kernels were compiled: what time limits are kept by."""
    return (SO_FAR.since_s if SO_FAR.under_way else time.monotonic()) - SO_FAR.seconds
