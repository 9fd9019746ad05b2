"""A chiplet: a PE array with its dataflow, memories and network."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from chipweave.errors import InputError
from chipweave.hardware import technology
from chipweave.hardware.dataflow import Dataflow
from chipweave.plain import settle

MAC_ENERGY_28NM_J = 0.23e-12 * 28 / 45
"""8-bit multiply (0.2 pJ) and add (0.03 pJ) at 45 nm and 0.9 V (Horowitz, ISSCC 2014, fig. 1.1.9), scaled to
28 nm by the capacitance, which goes with the feature size at equal voltage."""

MOST_BITS = 128
"""Of an operand or a partial sum."""


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
        mac_energy_j: joules of one MAC; all on-chiplet energies of `maestro` are multiples of it. At other widths
            or nodes: `technology.mac_energy_j`.
        static_power_w: drawn for the whole schedule (`detailed` only); the papers have none.
        array: rows and columns of the PEs; None: any split of `num_pes` (a tree or a reconfigurable array).
        precision_bits, sum_bits: of an operand and of a partial sum.
        node_nm: technology node, one of `technology.NODES`.
        l1_j_per_byte, l2_j_per_byte: joules of reading or writing a byte; None: from `technology`.
        noc_j_per_element_hop: joules of an operand from one PE to the next; None: from `technology`.
        stream_bytes: the block in which weights that do not stay in L2 come from DRAM; None: a tenth of `l2_bytes`.
        source: where the figures come from.
        assumed: which figures are not published, and how they were chosen, a sentence each.

    `maestro` does not look at the eight before `source`.
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
    array: tuple[int, int] | None = None
    precision_bits: int = 8
    sum_bits: int = 32
    node_nm: int = 28
    l1_j_per_byte: float | None = None
    l2_j_per_byte: float | None = None
    noc_j_per_element_hop: float | None = None
    stream_bytes: int | float | None = None
    source: str = ""
    assumed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        settle(self, "chiplet")
        faults = self._faults()
        if faults:
            raise InputError([f"chiplet '{self.name}': {key}={wrong}" for key, wrong in faults], fields=faults)

    def _faults(self) -> list[tuple[str, str]]:
        """Fields at fault, each with what is wrong with its value."""
        faults = []
        for key in (
            "num_pes",
            "clock_hz",
            "l2_bytes",
            "l1_bytes",
            "noc_bandwidth",
            "simd_lanes",
            "mac_energy_j",
            "l1_j_per_byte",
            "l2_j_per_byte",
            "noc_j_per_element_hop",
            "stream_bytes",
        ):
            value = getattr(self, key)
            if value is not None and not (math.isfinite(value) and value > 0):
                faults.append((key, f"{value} is not a positive number"))
        for key in ("noc_latency", "static_power_w"):
            value = getattr(self, key)
            if not (math.isfinite(value) and value >= 0):
                faults.append((key, f"{value} is negative or not a number"))
        if self.stream_bytes is not None and self.stream_bytes > self.l2_bytes:
            faults.append(("stream_bytes", f"{self.stream_bytes} is more than l2_bytes={self.l2_bytes}"))
        if self.array is not None:
            shown = " x ".join(map(str, self.array))
            if len(self.array) != 2 or min(self.array) < 1 or math.prod(self.array) != self.num_pes:
                wrong = f"{shown} is not num_pes={self.num_pes} in rows and columns"
                remedy = "make their product equal, or leave the array out for any split"
                faults.append(("array", f"{wrong}; {remedy}"))
        loops = self.dataflow.loops
        if self.array is None and loops is not None and len(loops.spread) > 1:
            wrong = f"loops {' and '.join(loops.spread)} are spread along its axes; give its rows and columns"
            faults.append(("array", f"{self.array}: {wrong}"))
        if not 1 <= self.precision_bits <= MOST_BITS:
            faults.append(("precision_bits", f"{self.precision_bits} is not in 1..{MOST_BITS}"))
        elif not self.precision_bits <= self.sum_bits <= MOST_BITS:
            wrong = f"{self.sum_bits} is not in {self.precision_bits}..{MOST_BITS}"
            faults.append(("sum_bits", f"{wrong}: a sum is at least as wide as an operand"))
        try:
            technology.node(self.node_nm)
        except InputError as error:
            faults += error.fields
        return faults

    @property
    def peak_macs_s(self) -> float:
        """Multiply-accumulates per second, every lane busy."""
        return self.num_pes * self.simd_lanes * self.clock_hz

    @property
    def block_bytes(self) -> float:
        """The block in which weights that do not stay in L2 come from DRAM."""
        return self.l2_bytes / 10 if self.stream_bytes is None else float(self.stream_bytes)

    @property
    def array_side(self) -> int:
        """Channels that fill the array: its longer side, or that of a square of as many PEs."""
        return round(math.sqrt(self.num_pes)) if self.array is None else max(self.array)

    @property
    def pe_area_mm2(self) -> float:
        """L1 and arithmetic of one PE; registers and control are not in it."""
        mac_mm2 = technology.mac_area_mm2(self.precision_bits, self.sum_bits, self.node_nm)
        return self.simd_lanes * mac_mm2 + technology.sram_area_mm2(self.l1_bytes, self.node_nm)

    @property
    def pe_pitch_mm(self) -> float:
        """From one PE to the next, were each a square."""
        return math.sqrt(self.pe_area_mm2)

    @property
    def area_mm2(self) -> float:
        """PEs and L2: memory and arithmetic alone, so a chiplet that is made is larger."""
        return self.num_pes * self.pe_area_mm2 + technology.sram_area_mm2(self.l2_bytes, self.node_nm)
