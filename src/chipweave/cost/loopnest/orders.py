"""Orders of loops, and what they come to (docs/cost-model/loopnest.md, "Reuse" and "What must fit")."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chipweave.cost.loopnest.kernel import REUSE
from chipweave.cost.loopnest.shape import LOOPS, RELEVANT

IRRELEVANT = {"W": "NYX", "I": "K", "O": "CRS"}
"""Per tensor the loops that repeat it; bit i of a mask of the kernel's reuse stands for the i-th."""

PIVOTS = {"Y": 1, "X": 2, "R": 3, "S": 4}
"""The kernel's numbers of the loops along which tiles of I overlap; 0 for others."""


def pivot(tensor: str, order: str, moving: str) -> str:
    """The innermost of the `moving` loops that is relevant to `tensor`; "" if there is none."""
    return next((loop for loop in reversed(order) if loop in moving and loop in RELEVANT[tensor]), "")


def free(tensor: str, order: str, moving: str) -> str:
    """The loops irrelevant to `tensor` that are inside its pivot, those that do not move among them."""
    at = pivot(tensor, order, moving)
    if not at:
        return IRRELEVANT[tensor]
    last = order.index(at)
    return "".join(loop for loop in IRRELEVANT[tensor] if order.index(loop) > last or loop not in moving)


def reuse_of(outer: str, moving: str, inner: str, moving_inside: str) -> NDArray[np.int64]:
    """The kernel's reuse of two orders.

    Args:
        moving: step loops with n > 1.
        moving_inside: loops with t > 1.
    """
    reuse = np.zeros(REUSE, dtype=np.int64)
    for at, tensor in enumerate("WIO"):
        reuse[at] = _mask(tensor, free(tensor, outer, moving))
        reuse[4 + at] = _mask(tensor, free(tensor, inner, moving_inside))
    reuse[3] = PIVOTS.get(pivot("I", outer, moving), 0)
    return reuse


def _mask(tensor: str, loops: str) -> int:
    return sum(1 << bit for bit, loop in enumerate(IRRELEVANT[tensor]) if loop in loops)


def inside_of(outer: str, moving: str) -> NDArray[np.int64]:
    """Per tensor and loop, is the loop inside the tensor's outermost irrelevant loop that moves; shape (3, 8)."""
    inside = np.zeros((3, len(LOOPS)), dtype=np.int64)
    for at, tensor in enumerate("WIO"):
        first = next((place for place, loop in enumerate(outer) if loop in IRRELEVANT[tensor] and loop in moving), None)
        if first is not None:
            for loop in outer[first + 1 :]:
                inside[at, LOOPS.index(loop)] = 1
    return inside


def moving(numbers: Sequence[int]) -> str:
    """The loops whose number (of steps, of iterations) is above one."""
    return "".join(loop for loop, number in zip(LOOPS, numbers, strict=True) if number > 1)
