"""Cycles of a transfer as MAESTRO counts them, compiled."""

from __future__ import annotations

from chipweave.cost.compiled import inner


@inner
def quotient(a: int, b: int) -> int:
    """a / b toward zero, for b > 0."""
    return a // b if a >= 0 else -((-a) // b)


@inner
def delay(elements: int, bandwidth: int, latency: int) -> int:
    """Cycles of a transfer: latency + ceil(elements / bandwidth) - 1; a remainder adds one whatever its sign."""
    sends = quotient(elements, bandwidth)
    return latency + sends + (1 if sends * bandwidth != elements else 0) - 1
