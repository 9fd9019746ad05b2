"""What a package costs to make: dies by yield and wafer, bonding, substrate or interposer, and the design of it all.

The model and its figures are those of Feng and Ma, "Chiplet Actuary: A Quantitative Cost Model and Multi-Chiplet
Architecture Exploration", DAC 2022 (arXiv 2203.12268), with the parameters of their public program. Its slips are
fields of `Rules`, so that both what it says and what it means can be had. docs/price.md has every equation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from chipweave.errors import InputError

if TYPE_CHECKING:
    from chipweave.hardware.package import Package

WAFER_MM, EDGE_MM, SCRIBE_MM = 300.0, 5.0, 0.2
"""Diameter of a wafer, the margin at its edge without dies, and the lane between dies."""
CRITICAL_LAYERS = 10
"""The exponent of the negative binomial yield of dies."""
RETICLE_MM2 = 858.0
"""The largest die that is exposed at once: 26 x 33 mm."""
REFERENCE_MM2 = 300.0
"""Area of the die that the design costs of a process are stated for."""
MODULE_SHARE, CHIP_SHARE = 0.5, 0.3
"""Of these costs, what goes with the area of the modules and with that of the chip; the rest is fixed (masks)."""
D2D_MODULE_MM2 = 20.0
"""A link's port is designed once for each process, as if it were a module of this area."""
LINK_PORTS_SHARE = 0.1
"""Area of the ports of links over that of the rest of a chiplet, as in the cases of the paper."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process: defects per square centimetre, price of a wafer, and design cost of a die of 300 mm2 with its first
    masks."""

    defects_cm2: float
    wafer_usd: float
    design_usd: float


PROCESSES: Mapping[int, Process] = MappingProxyType(
    {
        55: Process(0.07, 1937, 2.8e7),
        40: Process(0.07, 2274, 3.8e7),
        28: Process(0.07, 2891, 5.1e7),
        20: Process(0.07, 3677, 7e7),
        14: Process(0.08, 3984, 10.6e7),
        10: Process(0.08, 5992, 17.4e7),
        7: Process(0.09, 9346, 29.8e7),
        5: Process(0.11, 16988, 54.2e7),
        3: Process(0.2, 30000, 100e7),
    }
)
"""By name, nm. The figures of 3 nm are the authors' guess, as they say."""
ALIKE: Mapping[int, int] = MappingProxyType({65: 55, 45: 40, 22: 20, 16: 14, 12: 14, 6: 7, 4: 5})
"""Nodes without figures of their own, and the one whose figures they take."""


class Assembly(StrEnum):
    """How dies are joined."""

    ORGANIC = "organic"
    FAN_OUT = "fan-out"
    INTERPOSER = "interposer"


@dataclass(frozen=True, slots=True)
class Carrier:
    """A layer of wires between dies and substrate.

    Args:
        larger: its area over that of the dies.
        layers: exponent of its negative binomial yield.
        bond: yield of bonding one die to it.
        design_usd_mm2, fixed_usd: what its design costs; published_fixed_usd: what the program takes for the latter.
    """

    wafer_usd: float
    defects_cm2: float
    larger: float
    layers: int
    bond: float
    design_usd_mm2: float
    fixed_usd: float
    published_fixed_usd: float


SUBSTRATE_LARGER, SUBSTRATE_USD_MM2, SUBSTRATE_BOND = 4.0, 0.005, 0.99
"""An organic substrate: its area over that of what it carries, its price, and the yield of bonding one thing to it."""
SUBSTRATE_DESIGN_USD_MM2, SUBSTRATE_FIXED_USD = 3e3, 3e5
C4_BUMPS_USD_MM2, MICRO_BUMPS_USD_MM2 = 0.005, 0.01
"""Bumps by the area of a die or an interposer."""
LAYERED = ((30.0**2, 2.0), (17.0**2, 1.75), (0.0, 1.5))
"""A substrate that joins several dies has more layers: from these areas on it costs so many times as much."""

_INTERPOSER = PROCESSES[55]
CARRIERS: Mapping[Assembly, Carrier] = MappingProxyType(
    {
        Assembly.FAN_OUT: Carrier(
            1200, 0.05, 1.2, 3, 0.98, 0.5 * 1.5e7 / REFERENCE_MM2, 0.5 * 1.5e7, 0.5 * 1.5e7 / REFERENCE_MM2
        ),
        Assembly.INTERPOSER: Carrier(
            _INTERPOSER.wafer_usd,
            0.06,
            1.1,
            6,
            0.95,
            1.2 * CHIP_SHARE * _INTERPOSER.design_usd / REFERENCE_MM2,
            1.2 * (1 - MODULE_SHARE - CHIP_SHARE) * _INTERPOSER.design_usd,
            1.2 * (1 - MODULE_SHARE - CHIP_SHARE) * _INTERPOSER.design_usd,
        ),
    }
)
"""Redistribution layers of a fan-out package, and silicon of 55 nm, its design a fifth dearer than a chip's."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Which of the program's slips are kept.

    Args:
        bumps_once: on a carrier, the bumps of one die of each kind are paid, however many there are.
        carrier_design_by_price: the substrate under a carrier is designed at the price of making one, and without its
            fixed cost; half of a fan-out package's fixed cost is divided by 300, as if it went with the area.
    """

    bumps_once: bool = False
    carrier_design_by_price: bool = False


MENDED, PUBLISHED = Rules(), Rules(True, True)


@dataclass(frozen=True, slots=True)
class Die:
    """A kind of die: so many in the package, each of `area_mm2`, of which `ports_mm2` are ports of links.

    Args:
        name: shown in results; dies of different names are designed apart.
        die_yield: share of them that are good; None: by area and the defects of the node.
        place: file and line where it stands, for messages; of no effect.
    """

    name: str
    node_nm: int
    area_mm2: float
    count: int = 1
    ports_mm2: float = 0.0
    die_yield: float | None = None
    place: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        faults = []
        for key in ("area_mm2", "count"):
            if not (math.isfinite(getattr(self, key)) and getattr(self, key) > 0):
                faults.append((key, f"{getattr(self, key)} is not a positive number; give one"))
        if not 0 <= self.ports_mm2 <= self.area_mm2:
            wrong = f"{self.ports_mm2} is not in 0..area_mm2={self.area_mm2}"
            faults.append(("ports_mm2", f"{wrong}; give a number that is"))
        if self.die_yield is not None and not 0 < self.die_yield <= 1:
            faults.append(("die_yield", f"{self.die_yield} is no share of dies; give a number above 0 and at most 1"))
        if faults:
            raise InputError([f"{self.where}die '{self.name}': {key}={wrong}" for key, wrong in faults], fields=faults)
        if per_wafer(self.area_mm2) <= 1:
            too_large = f"no wafer holds one of {self.area_mm2:g} mm2; take smaller chiplets"
            raise InputError(f"{self.where}die '{self.name}': {too_large}")
        try:
            process(self.node_nm)
        except InputError as error:
            raise InputError(f"{self.where}die '{self.name}': {error}") from None

    @property
    def where(self) -> str:
        """The place in front of a message; empty where it is in no file."""
        return f"{self.place}: " if self.place else ""

    @property
    def good_share(self) -> float:
        """Of dies of this kind (the yield)."""
        if self.die_yield is not None:
            return self.die_yield
        return good_share(self.area_mm2, process(self.node_nm).defects_cm2, CRITICAL_LAYERS)

    @property
    def raw_usd(self) -> float:
        """A die as it comes from the wafer, good or not."""
        return process(self.node_nm).wafer_usd / per_wafer(self.area_mm2)

    @property
    def defects_usd(self) -> float:
        """What the bad ones add to the price of a good one."""
        return self.raw_usd / self.good_share - self.raw_usd


@dataclass(frozen=True, slots=True)
class Making:
    """What one good package costs to make, US dollars: dies with bumps, dies that are bad, the package, packages that
    are bad, and good dies that are lost in bad packages."""

    dies_usd: float
    bad_dies_usd: float
    package_usd: float
    bad_packages_usd: float
    lost_dies_usd: float

    @property
    def total_usd(self) -> float:
        """All of it."""
        return self.dies_usd + self.bad_dies_usd + self.package_usd + self.bad_packages_usd + self.lost_dies_usd


@dataclass(frozen=True, slots=True)
class Design:
    """What the design costs once, US dollars: of what is on the dies, of the dies, and of the package."""

    modules_usd: float
    dies_usd: float
    package_usd: float

    @property
    def total_usd(self) -> float:
        """All of it."""
        return self.modules_usd + self.dies_usd + self.package_usd


def process(node_nm: int) -> Process:
    """The figures of a node, of the nearest larger or smaller one where it has none (`ALIKE`).

    Raises:
        InputError: an unknown one, with the list.
    """
    known = PROCESSES.get(ALIKE.get(node_nm, node_nm))
    if known is None:
        nodes = ", ".join(map(str, sorted({*PROCESSES, *ALIKE}, reverse=True)))
        raise InputError(f"node_nm={node_nm} has no prices; known: {nodes}")
    return known


def packages_of(package: Package, ports_share: float = LINK_PORTS_SHARE) -> dict[tuple[Die, ...], int]:
    """The dies of each package on a board, and how many such packages there are; of what is one package, that one.

    Raises:
        InputError: as `dies_of`.
    """
    if not package.board:
        return {dies_of(package, ports_share): 1}
    kinds, found = dies_of(package, ports_share), dict[tuple[Die, ...], int]()
    for each in sorted(set(package.board)):
        counts = [0] * len(kinds)
        for chiplet, of in enumerate(package.board):
            counts[package.class_of[chiplet]] += of == each
        dies = tuple(replace(die, count=count) for die, count in zip(kinds, counts, strict=True) if count)
        found[dies] = found.get(dies, 0) + 1
    return found


def dies_of(package: Package, ports_share: float = LINK_PORTS_SHARE) -> tuple[Die, ...]:
    """A package's dies, or all on a board: one for each chiplet, of the area of its MACs and memories, and
    `ports_share` of that for the ports of links where there are several.

    Raises:
        InputError: a share that is negative or not a number, or a die that no wafer holds.
    """
    if not (math.isfinite(ports_share) and ports_share >= 0):
        raise InputError(f"ports={ports_share} is no share of a chiplet's area; give 0 or more, such as 0.1")
    count = len(package.chiplets)
    share = ports_share if count > 1 else 0.0
    places = package.chiplet_places if len(package.chiplet_places) == count else ("",) * count
    return tuple(
        Die(
            chiplet.name,
            chiplet.node_nm,
            chiplet.area_mm2 * (1 + share),
            package.class_counts[number],
            chiplet.area_mm2 * share,
            chiplet.die_yield,
            places[package.class_of.index(number)],
        )
        for number, chiplet in enumerate(package.classes)
    )


def package_usd(package: Package) -> float:
    """To make one package on an organic substrate, or all packages of a board, its design apart; US dollars.

    Raises:
        InputError: a die of a node without prices, or that no wafer holds.
    """
    return sum(count * making(dies, Assembly.ORGANIC).total_usd for dies, count in packages_of(package).items())


def costs_of(package: Package) -> dict[str, float | None]:
    """`price_usd` (`package_usd`) and `area_mm2` (of all dies) of a package; None where there is no such figure."""

    def known(figure: Callable[[], float]) -> float | None:
        try:
            return figure()
        except InputError:
            return None

    return {
        "price_usd": known(lambda: package_usd(package)),
        "area_mm2": known(lambda: dies_mm2(dies_of(package))),
    }


def per_wafer(area_mm2: float) -> float:
    """Dies of an area that a wafer holds, on average: its area over theirs, less those at the edge."""
    with_lane_mm2 = area_mm2 + 2 * SCRIBE_MM * math.sqrt(area_mm2) + SCRIBE_MM**2
    across_mm = WAFER_MM - 2 * EDGE_MM
    return math.pi * (across_mm / 2) ** 2 / with_lane_mm2 - math.pi * across_mm / math.sqrt(2 * with_lane_mm2)


def good_share(area_mm2: float, defects_cm2: float, layers: int) -> float:
    """The negative binomial yield of an area."""
    return (1 + defects_cm2 / 100 * area_mm2 / layers) ** -layers


def making(dies: Sequence[Die], assembly: Assembly, rules: Rules = MENDED) -> Making:
    """What one good package with these dies costs to make; dies are tested before they are bonded."""
    count = sum(die.count for die in dies)
    bad_usd = sum(die.count * die.defects_usd for die in dies)
    if assembly is Assembly.ORGANIC:
        dies_usd = sum(die.count * (die.raw_usd + die.area_mm2 * C4_BUMPS_USD_MM2) for die in dies)
        package_usd = _substrate_mm2(dies, assembly) * SUBSTRATE_USD_MM2 * _layers(dies)
        again = 1 / SUBSTRATE_BOND**count - 1
        return Making(dies_usd, bad_usd, package_usd, package_usd * again, (dies_usd + bad_usd) * again)
    carrier, area_mm2 = CARRIERS[assembly], carrier_mm2(dies, assembly)
    if per_wafer(area_mm2) <= 1:
        most = max(dies, key=lambda die: die.count * die.area_mm2)
        too_large = f"no wafer holds a carrier of {area_mm2:g} mm2; take assembly={Assembly.ORGANIC}"
        raise InputError(f"{most.where}{too_large}, or fewer or smaller dies than {most.count} x {most.name}")
    bumps = {die: 1 if rules.bumps_once else die.count for die in dies}
    dies_usd = sum(die.count * die.raw_usd + bumps[die] * die.area_mm2 * MICRO_BUMPS_USD_MM2 for die in dies)
    carrier_usd = carrier.wafer_usd / per_wafer(area_mm2) + area_mm2 * C4_BUMPS_USD_MM2
    substrate_usd = _substrate_mm2(dies, assembly) * SUBSTRATE_USD_MM2
    bonded = carrier.bond**count * SUBSTRATE_BOND
    good = good_share(area_mm2, carrier.defects_cm2, carrier.layers)
    bad_packages_usd = carrier_usd * (1 / (good * bonded) - 1) + substrate_usd * (1 / SUBSTRATE_BOND - 1)
    lost_dies_usd = (dies_usd + bad_usd) * (1 / bonded - 1)
    return Making(dies_usd, bad_usd, carrier_usd + substrate_usd, bad_packages_usd, lost_dies_usd)


def design(dies: Sequence[Die], assembly: Assembly, rules: Rules = MENDED) -> Design:
    """What all of it costs to design; a port of a link once for each node."""
    modules_usd = dies_usd = 0.0
    for die in dies:
        of_node = process(die.node_nm).design_usd
        modules_usd += MODULE_SHARE * of_node / REFERENCE_MM2 * (die.area_mm2 - die.ports_mm2)
        dies_usd += of_node * (CHIP_SHARE * die.area_mm2 / REFERENCE_MM2 + 1 - MODULE_SHARE - CHIP_SHARE)
    for node_nm in sorted({die.node_nm for die in dies if die.ports_mm2}):
        modules_usd += MODULE_SHARE * process(node_nm).design_usd / REFERENCE_MM2 * D2D_MODULE_MM2
    substrate_mm2 = _substrate_mm2(dies, assembly)
    if assembly is Assembly.ORGANIC:
        package_usd = substrate_mm2 * SUBSTRATE_DESIGN_USD_MM2 * _layers(dies) + SUBSTRATE_FIXED_USD
        return Design(modules_usd, dies_usd, package_usd)
    carrier = CARRIERS[assembly]
    package_usd = carrier_mm2(dies, assembly) * carrier.design_usd_mm2
    if rules.carrier_design_by_price:
        package_usd += carrier.published_fixed_usd + substrate_mm2 * SUBSTRATE_USD_MM2
    else:
        package_usd += carrier.fixed_usd + substrate_mm2 * SUBSTRATE_DESIGN_USD_MM2 + SUBSTRATE_FIXED_USD
    return Design(modules_usd, dies_usd, package_usd)


def dies_mm2(dies: Sequence[Die]) -> float:
    """Area of all dies together."""
    return sum(die.count * die.area_mm2 for die in dies)


def carrier_mm2(dies: Sequence[Die], assembly: Assembly) -> float:
    """Area of the carrier; 0 where dies sit on the substrate."""
    return 0.0 if assembly is Assembly.ORGANIC else CARRIERS[assembly].larger * dies_mm2(dies)


def _substrate_mm2(dies: Sequence[Die], assembly: Assembly) -> float:
    return SUBSTRATE_LARGER * (carrier_mm2(dies, assembly) or dies_mm2(dies))


def _layers(dies: Sequence[Die]) -> float:
    """How many times as much a substrate costs because dies are joined on it."""
    if sum(die.count for die in dies) == 1:
        return 1.0
    area_mm2 = _substrate_mm2(dies, Assembly.ORGANIC)
    return next(factor for least_mm2, factor in LAYERED if area_mm2 > least_mm2)
