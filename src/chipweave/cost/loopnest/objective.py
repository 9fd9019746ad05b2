"""What a layer's mapping minimises."""

from __future__ import annotations

from enum import StrEnum


class Objective(StrEnum):
    """Of one layer on its own: cycles, joules, or their product."""

    EDP = "edp"
    LATENCY = "latency"
    ENERGY = "energy"
