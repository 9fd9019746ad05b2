"""A chiplet: a PE array with its dataflow, memories and network."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from chipweave.errors import InputError
from chipweave.hardware.dataflow import Dataflow

MAC_ENERGY_28NM_J = 0.23e-12 * 28 / 45
"""8-bit multiply (0.2 pJ) and add (0.03 pJ) at 45 nm and 0.9 V (Horowitz, ISSCC 2014, fig. 1.1.9), scaled to
28 nm by the capacitance, which goes with the feature size at equal voltage."""


@dataclass(frozen=True)
class Chiplet:
    """One class of chiplet. Chiplets that compare equal are of one class.

    Args:
        name: class name, shown in results.
        dataflow: how loops map to PEs.
        num_pes: processing elements (SCAR V-A: 4096 datacenter, 256 AR/VR).
        clock_hz: SCAR states latencies at 500 MHz.
        l2_bytes: shared memory (SCAR V-A: 10 MB, taken as 10 * 2**20).
        l1_bytes: per PE; not enforced by the `maestro` cost model.
        noc_bandwidth: elements per cycle between L2 and the PEs (not in the papers; 256 at 4096 PEs).
        noc_latency: cycles, hops folded in.
        simd_lanes: multiply-accumulates per PE and cycle.
        mac_energy_j: joules of one MAC; all on-chiplet energies are multiples of it.
        static_power_w: drawn for the whole schedule (`detailed` only); the papers have none.
    """

    name: str
    dataflow: Dataflow = field(default_factory=Dataflow)
    num_pes: int = 4096
    clock_hz: float = 500e6
    l2_bytes: int = 10 * 2**20
    l1_bytes: int = 2**10
    noc_bandwidth: int = 256
    noc_latency: int = 1
    simd_lanes: int = 1
    mac_energy_j: float = MAC_ENERGY_28NM_J
    static_power_w: float = 0.0

    def __post_init__(self) -> None:
        problems = []
        for key in (
            "num_pes",
            "clock_hz",
            "l2_bytes",
            "l1_bytes",
            "noc_bandwidth",
            "simd_lanes",
            "mac_energy_j",
        ):
            value = getattr(self, key)
            if not (math.isfinite(value) and value > 0):
                problems.append(f"chiplet '{self.name}': {key}={value} is not a positive number")
        for key in ("noc_latency", "static_power_w"):
            value = getattr(self, key)
            if not (math.isfinite(value) and value >= 0):
                problems.append(f"chiplet '{self.name}': {key}={value} is negative or not a number")
        if problems:
            raise InputError(problems)
