"""A chiplet: a PE array with its dataflow, memories and network."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from chipweave.errors import InputError
from chipweave.hardware import technology
from chipweave.hardware.dataflow import Dataflow
from chipweave.plain import settle

MAC_ENERGY_28NM_J = 0.23e-12 * 28 / 45
"""8-bit multiply (0.2 pJ) and add (0.03 pJ) at 45 nm and 0.9 V (Horowitz, ISSCC 2014, fig. 1.1.9), scaled to
28 nm by the capacitance, which goes with the feature size at equal voltage."""

MOST_BITS = 128
"""Of an operand or a partial sum."""


class AtWidth(NamedTuple):
    """A chiplet at one width of operands, and how many cycles of the chiplet itself one of its cycles takes."""

    chiplet: Chiplet
    cycles: int


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
        rates: (bits, multiply-accumulates per PE and cycle) by width of the wider operand, ascending: whole numbers, or
            one over whole numbers where a product takes several cycles; `simd_lanes` at `precision_bits`. A width
            between takes the next wider one's. Empty: every product counts as of `precision_bits`.
        die_yield: share of its dies that are good; None: by its area and the defects of its node (`hardware.price`).
        rates_place: file and line where they stand, for messages; of no effect.
        place: the same of the whole chiplet.

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
    rates: tuple[tuple[int, float], ...] = ()
    die_yield: float | None = None
    rates_place: str = field(default="", compare=False)
    place: str = field(default="", compare=False)

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
                faults.append((key, f"{value} is not a positive number; give one"))
        for key in ("noc_latency", "static_power_w"):
            value = getattr(self, key)
            if not (math.isfinite(value) and value >= 0):
                faults.append((key, f"{value} is negative or not a number; give 0 or more"))
        if self.stream_bytes is not None and self.stream_bytes > self.l2_bytes:
            wrong = f"{self.stream_bytes} is more than l2_bytes={self.l2_bytes}"
            faults.append(("stream_bytes", f"{wrong}; give at most that"))
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
            faults.append(("precision_bits", f"{self.precision_bits} is not in 1..{MOST_BITS}; give a number that is"))
        elif not self.precision_bits <= self.sum_bits <= MOST_BITS:
            wrong = f"{self.sum_bits} is not in {self.precision_bits}..{MOST_BITS}"
            faults.append(("sum_bits", f"{wrong}; give a sum as wide as an operand or wider"))
        if self.die_yield is not None and not 0 < self.die_yield <= 1:
            faults.append(("die_yield", f"{self.die_yield} is no share of dies; give a number above 0 and at most 1"))
        faults += [("rates", wrong) for wrong in self._rate_faults()]
        try:
            technology.node(self.node_nm)
        except InputError as error:
            faults += error.fields
        return faults

    def _rate_faults(self) -> list[str]:
        """What is wrong with the rates, one after another."""
        if not self.rates:
            return []
        for bits, rate in self.rates:
            times = rate if rate >= 1 else 1 / rate if rate > 0 else 0.0
            if not (1 <= bits <= MOST_BITS and 1 <= times < 2**31 and abs(times - round(times)) < 1e-9):
                remedy = f"give bits in 1..{MOST_BITS}, and a whole rate, or 0.5, 0.25, ..."
                return [f"{bits} bits at {rate:g} is no rate; {remedy}"]
        widths, values = zip(*self.rates, strict=True)
        if list(widths) != sorted(set(widths)):
            return ["a width is listed twice, or widths do not ascend; list each once, the narrowest first"]
        if list(values) != sorted(values, reverse=True):
            return ["a wider operand has a higher rate than a narrower one; lower the one or raise the other"]
        if dict(self.rates).get(self.precision_bits) != self.simd_lanes:
            own = f"a rate of {self.simd_lanes} (simd_lanes) at {self.precision_bits} bits (precision_bits)"
            return [f"lacks {own}; list it, or give simd_lanes and precision_bits a pair that is listed"]
        return []

    @property
    def where(self) -> str:
        """How messages about the chiplet begin: the file and line where it stands, if it stands in one."""
        return f"{self.place}: " if self.place else ""

    def at_bits(self, bits: int) -> AtWidth:
        """The chiplet as it computes with operands of this width: the narrowest that it has and that holds them.

        Where a product takes n cycles, of a clock of an n-th. The network moves as many bits a cycle, and a MAC costs
        what one of that width does at the node, by as much as the chiplet's own is dearer there.

        Args:
            bits: 0: as many as `precision_bits`.

        Raises:
            InputError: wider than all that it has.
        """
        bits = bits or self.precision_bits
        found = next(((width, rate) for width, rate in self.rates if width >= bits), None)
        if found is None:
            widest = max((width for width, _ in self.rates), default=0)
            place = f"{self.rates_place}: " if self.rates_place else ""
            lacks = f"has no rate for {bits} bits; its widest is for {widest}"
            raise InputError(f"{place}chiplet '{self.name}' {lacks}: list one")
        width, rate = found
        if width == self.precision_bits:
            return AtWidth(replace(self, rates=()), 1)
        cycles = 1 if rate >= 1 else round(1 / rate)
        wider = width / self.precision_bits
        mac_j = technology.mac_energy_j
        own_j = mac_j(self.precision_bits, self.precision_bits, self.node_nm)
        hop_j = self.noc_j_per_element_hop
        if hop_j is None:
            hop_j = technology.hop_energy_j(self.precision_bits, self.pe_pitch_mm)
        chiplet = replace(
            self,
            simd_lanes=round(rate) if rate >= 1 else 1,
            noc_bandwidth=max(1, math.floor(self.noc_bandwidth * cycles / wider)),
            noc_latency=-(-self.noc_latency // cycles),
            mac_energy_j=self.mac_energy_j * (mac_j(width, width, self.node_nm) / own_j),
            noc_j_per_element_hop=wider * hop_j,
            precision_bits=width,
            sum_bits=max(width, self.sum_bits),
            rates=(),
        )
        return AtWidth(chiplet, cycles)

    def macs_per_cycle(self, bits: int) -> float:
        """Multiply-accumulates per cycle with operands of this width, every lane busy.

        Raises:
            InputError: as `at_bits`.
        """
        at_width = self.at_bits(bits) if self.rates else AtWidth(self, 1)
        return at_width.chiplet.num_pes * at_width.chiplet.simd_lanes / at_width.cycles

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
