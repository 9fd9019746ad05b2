"""Energy and area of a chiplet's parts at a technology node, from published figures (docs/hardware-parameters.md).

All at 0.9 V: what switches a gate or a memory costs in proportion to the node's feature length (capacitance), what
fills area to its square; a millimetre of wire costs the same at every node.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

from chipweave.errors import InputError


@dataclass(frozen=True, slots=True)
class TechnologyNode:
    """A technology node.

    Args:
        feature_nm: the length that capacitances scale with. To 28 nm the node's name; the names of later nodes are no
            lengths, so theirs is that of 28 nm shrunk as the side of the bit cell is.
        bit_cell_um2: high-density 6T cell.
        logic_share: area of logic over what follows from that length; less than 1 where a half node packs the same
            transistors closer.
    """

    feature_nm: float
    bit_cell_um2: float
    logic_share: float = 1.0


def _finfet(bit_cell_um2: float, logic_share: float = 1.0) -> TechnologyNode:
    return TechnologyNode(28 * sqrt(bit_cell_um2 / 0.127), bit_cell_um2, logic_share)


NODES = {
    65: TechnologyNode(65, 0.242 * (65 / 45) ** 2),
    45: TechnologyNode(45, 0.242),
    40: TechnologyNode(40, 0.242),
    28: TechnologyNode(28, 0.127),
    22: _finfet(0.092),
    16: _finfet(0.07),
    12: _finfet(0.07, 0.8),
    10: _finfet(0.042),
    7: _finfet(0.027),
    6: _finfet(0.027, 1 / 1.18),
    5: _finfet(0.021),
    4: _finfet(0.021),
    3: _finfet(0.0199),
}
"""By name, nm. TSMC's bit cells: 45 nm Cheng et al., IEDM 2007; 40 nm WikiChip; 28 nm VLSI Technology 2009; 16 nm Chen
et al., JSSC 50(1), 2015; 10 nm WikiChip Fuse, 2020; 7 nm Wu et al., IEDM 2016; 5 nm and 3 nm (N3B) WikiChip Fuse, 2019
and 2022, from ISSCC and IEDM. Intel's: 22 nm, Intel Developer Forum 2009 and WikiChip. That of 65 nm is the one of
45 nm enlarged as its features are. Half nodes: the cells of 12, 6 and 4 nm are assumed to be those of 16, 7 and 5 nm;
logic of 12 nm takes a fifth less (12FFC: AnandTech, 2017), of 6 nm is 18 % denser (N6: TSMC, 2019). What other sources
say, and why these are taken: docs/hardware-parameters.md."""

Points = tuple[tuple[float, float], ...]

MULTIPLY_J: Points = ((8, 0.2e-12), (32, 3.1e-12))
ADD_J: Points = ((8, 0.03e-12), (32, 0.1e-12))
SRAM_J: Points = ((8 * 2**10, 10e-12), (32 * 2**10, 20e-12), (2**20, 100e-12))
"""Integer arithmetic by bits, and a 64-bit access by the memory's bytes, at 45 nm and 0.9 V (Horowitz, ISSCC 2014,
fig. 1.1.9)."""

MULTIPLY_UM2: Points = ((8, 282), (32, 3495))
ADD_UM2: Points = ((8, 36), (32, 137))
"""By bits, synthesised for TSMC 45 nm (Hennessy and Patterson, Computer Architecture, 6th ed., 2019, fig. 1.13)."""

WIRE_J_PER_BIT_MM = 310e-12 / (256 * 10)
"""256 random bits over 10 mm cost 310 pJ at 40 nm and 0.9 V, and capacitance per mm stays about the same from node to
node (Keckler et al., IEEE Micro 31(5), 2011)."""

ARRAY_EFFICIENCY = 0.7
"""Bit cells' share of an SRAM's area: 31.8 Mib/mm2 of cells of 0.021 um2 (TSMC N3E as reported from IEDM 2022)."""


def node(node_nm: int) -> TechnologyNode:
    """The node of that name.

    Raises:
        InputError: an unknown one, with the list.
    """
    if node_nm not in NODES:
        known = ", ".join(map(str, NODES))
        wrong = f"{node_nm} is no technology node with known figures; known: {known}"
        raise InputError(f"node_nm={wrong}", fields=[("node_nm", wrong)])
    return NODES[node_nm]


def mac_energy_j(precision_bits: int, sum_bits: int, node_nm: int = 28) -> float:
    """Joules of one integer multiplication of `precision_bits` and one addition of `sum_bits`."""
    return (_between(MULTIPLY_J, precision_bits) + _between(ADD_J, sum_bits)) * _shrink(node_nm)


def sram_energy_j(capacity_bytes: int, word_bits: int = 64, node_nm: int = 28) -> float:
    """Joules of reading or writing one word; in proportion to its width, and never less for a larger memory.

    Above 1 MiB a memory is banks of 1 MiB and wires to them, as long as its side is longer than a bank's.
    """
    bank_bytes = min(capacity_bytes, 2**20)
    bank_j = _between(SRAM_J, bank_bytes) / 64 * _shrink(node_nm)
    way_mm = sqrt(sram_area_mm2(capacity_bytes, node_nm)) - sqrt(sram_area_mm2(bank_bytes, node_nm))
    return word_bits * (bank_j + WIRE_J_PER_BIT_MM * way_mm)


def hop_energy_j(element_bits: int, pitch_mm: float) -> float:
    """Joules of one element over the wire from a PE to the next, at any node."""
    return element_bits * WIRE_J_PER_BIT_MM * pitch_mm


def mac_area_mm2(precision_bits: int, sum_bits: int, node_nm: int = 28) -> float:
    """Multiplier of `precision_bits` and adder of `sum_bits`."""
    at_45_nm = _between(MULTIPLY_UM2, precision_bits) + _between(ADD_UM2, sum_bits)
    return at_45_nm * _shrink(node_nm) ** 2 * node(node_nm).logic_share * 1e-6


def sram_area_mm2(capacity_bytes: int, node_nm: int = 28) -> float:
    """Bit cells and what is around them."""
    return 8 * capacity_bytes * node(node_nm).bit_cell_um2 / ARRAY_EFFICIENCY * 1e-6


def _shrink(node_nm: int) -> float:
    """Feature length over that of 45 nm, the node of the published figures."""
    return node(node_nm).feature_nm / 45


def _between(points: Points, x: float) -> float:
    """The power laws from point to point; below the first and above the last the nearest one goes on."""
    i = next((i for i in range(1, len(points) - 1) if x <= points[i][0]), len(points) - 1)
    (x0, y0), (x1, y1) = points[i - 1], points[i]
    return float(y0 * (x / x0) ** (log(y1 / y0) / log(x1 / x0)))
