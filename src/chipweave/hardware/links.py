"""Classes of links between dies: what one module of a class moves one way, how long a hop takes, what a bit costs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from chipweave.errors import InputError
from chipweave.plain import settle


@dataclass(frozen=True)
class LinkClass:
    """A class of links.

    Args:
        name: such as `ucie-advanced-32`.
        bandwidth_bytes_s: of one module, one way.
        latency_s: of a hop, both ends included.
        energy_j_per_bit: of a bit and hop, both ends included.

    Raises:
        InputError: naming each field at fault.
    """

    name: str
    bandwidth_bytes_s: float
    latency_s: float
    energy_j_per_bit: float

    def __post_init__(self) -> None:
        settle(self, "link class")
        faults = []
        if not (math.isfinite(self.bandwidth_bytes_s) and self.bandwidth_bytes_s > 0):
            faults.append(("bandwidth_bytes_s", f"{self.bandwidth_bytes_s} is not a positive number"))
        for key in ("latency_s", "energy_j_per_bit"):
            if not (math.isfinite(getattr(self, key)) and getattr(self, key) >= 0):
                faults.append((key, f"{getattr(self, key)} is negative or not a number"))
        if faults:
            raise InputError([f"link class '{self.name}': {key}: {wrong}" for key, wrong in faults], fields=faults)

    def of_package(self, modules: int) -> dict[str, float]:
        """The three figures that a package states of its links, where each has so many modules side by side."""
        return {
            "link_bandwidth_bytes_s": modules * self.bandwidth_bytes_s,
            "hop_latency_s": self.latency_s,
            "nop_energy_j_per_bit": self.energy_j_per_bit,
        }
