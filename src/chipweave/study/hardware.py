"""The hardware of the 2x2 study, with every parameter that the papers leave open as a field."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.dataflow import Dataflow, Style, Tile
from chipweave.hardware.package import Package, Routing
from chipweave.plan.problem import Fidelity

PES, L2_BYTES = 4096, 10 * 2**20
"""Of one chiplet (SCAR, Fig. 2 and V-A)."""

STYLES = {"W": Style.NVDLA, "O": Style.SHIDIANNAO}
"""Weight stationary and output stationary (SCAR II-C)."""


class MappingText(StrEnum):
    """MAESTRO's mapping text, which no paper names.

    `fixed`: the official `kcp_ws` and `yxp_os`, clipped to the layer. `square`: the same, the output-stationary array
    as wide as high. `channels`: `kcp_ws` and the official `ykp_os`, which spreads output rows and channels over the
    output-stationary array. `auto`: per layer the best size (docs/cost-model/maestro.md).
    """

    FIXED = "fixed"
    SQUARE = "square"
    CHANNELS = "channels"
    AUTO = "auto"


YKP_OS = """
TemporalMap(16,16) K; SpatialMap(Sz(R),1) Y; TemporalMap(Sz(S),1) X; TemporalMap(1,1) C;
Cluster(16, P);
SpatialMap(1,1) K; TemporalMap(Sz(R),1) Y; TemporalMap(Sz(S),1) X;
TemporalMap(Sz(R),Sz(R)) R; TemporalMap(Sz(S),Sz(S)) S;
"""
"""As in MAESTRO's files (`data/mapping/*_ykp_os.m`) but for the last line: there R and S step by 7, which its own
parser refuses."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """What the papers leave open about the hardware and its cost.

    Args:
        fidelity: `paper` is SCAR III-E as printed.
        floor: MAESTRO's off-chip floor, elements per cycle; None: off. 64 is the figure of SCAR's Table II.
        mapping: see `MappingText`.
        noc_bandwidth: elements per cycle inside a chiplet.
        dram_bandwidth_bytes_s: of the package (Table II: 64 GB/s, of the package or of each of its four interfaces).
    """

    fidelity: Fidelity = Fidelity.PAPER
    floor: int | None = None
    mapping: MappingText = MappingText.FIXED
    noc_bandwidth: int = 256
    dram_bandwidth_bytes_s: float = 64e9

    @property
    def cost_model(self) -> MaestroCostModel:
        return MaestroCostModel(offchip_bandwidth=self.floor)


def chiplet(kind: str, hardware: Hardware, *, size: int = 1, noc_factor: int = 1) -> Chiplet:
    """A weight- ('W') or output-stationary ('O') chiplet; `size` multiplies PEs and L2, `noc_factor` the NoC."""
    pes = size * PES
    return Chiplet(
        f"{STYLES[kind]}-{pes}",
        _dataflow(kind, hardware.mapping, pes),
        num_pes=pes,
        l2_bytes=size * L2_BYTES,
        noc_bandwidth=noc_factor * hardware.noc_bandwidth,
    )


def _dataflow(kind: str, mapping: MappingText, pes: int) -> Dataflow:
    if kind == "O" and mapping == MappingText.CHANNELS:
        return Dataflow(Style.CUSTOM, mappings={"conv": YKP_OS})
    square = kind == "O" and mapping == MappingText.SQUARE
    tile = Tile.AUTO if mapping == MappingText.AUTO else Tile.FIXED
    return Dataflow(STYLES[kind], tile, cluster=math.isqrt(pes) if square else None)


def package(kinds: str, hardware: Hardware) -> Package:
    """A mesh of chiplets, kinds row by row: four letters make 2x2, two 1x2. Every column is an outer one, so every
    chiplet has an interface (SCAR Def. 3)."""
    rows = 2 if len(kinds) == 4 else 1
    columns = len(kinds) // rows
    return Package(
        kinds,
        tuple(chiplet(kind, hardware) for kind in kinds),
        topology.mesh(rows, columns),
        interfaces=tuple(range(len(kinds))),
        positions=topology.grid_positions(rows, columns),
        routing=Routing.XY,
        dram_bandwidth_bytes_s=hardware.dram_bandwidth_bytes_s,
    )


def monolithic(hardware: Hardware, noc_factor: int = 1) -> Package:
    """One output-stationary chip with the PEs and L2 of a whole 2x2 package."""
    return Package(
        "monolithic",
        (chiplet("O", hardware, size=4, noc_factor=noc_factor),),
        links=(),
        interfaces=(0,),
        dram_bandwidth_bytes_s=hardware.dram_bandwidth_bytes_s,
    )
