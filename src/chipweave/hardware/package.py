"""A package: chiplets on a graph of links, with memory interfaces and DRAM."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple, TypeVar

import numpy as np

from chipweave.errors import InputError
from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.links import OwnLink, Wiring, own_link_faults, wiring
from chipweave.hardware.memory import Stack, Together, at_interfaces, attachment_faults, together
from chipweave.ndarrays import Floats, Ints
from chipweave.plain import settle

BITS_PER_BYTE = 8
MOST_CHIPLETS = 1024
"""Hops and routes are kept for every pair of chiplets."""


MOST_STEPS = 2**27
"""Of all routes together, each as long as the longest: tables of them hold 8 bytes a step."""


DRAM_FIGURES = ("dram_bandwidth_bytes_s", "dram_latency_s", "dram_energy_j_per_bit")
"""Of a package; they follow from its memory stacks where it has some."""


class Routing(StrEnum):
    """`xy` (columns first, then rows; needs positions on a full grid), `shortest` path, lowest index first, or the
    `fastest`: of least latency, then shortest, then lowest index first."""

    XY = "xy"
    SHORTEST = "shortest"
    FASTEST = "fastest"


class DramWay(NamedTuple):
    """The way between a chiplet and its memory interface.

    Args:
        late, joules: its latency and energy in hops over the package's standard link.
        port: how many times as long as on the standard link a byte takes out of the chiplet; 0 where none needs to.
    """

    late: float
    joules: float
    port: float


class Delivery(StrEnum):
    """How often a byte leaves its owner: once for all who want it, or once for each (every copy a transfer)."""

    MULTICAST = "multicast"
    UNICAST = "unicast"


class Interfaces(StrEnum):
    """How much of the DRAM's bandwidth one memory interface has: all of it, or its own share."""

    SHARED = "shared"
    SPLIT = "split"


class Placement(StrEnum):
    """Where tensors lie: over all stacks, or each at one memory interface, near who reads or wrote it."""

    INTERLEAVED = "interleaved"
    NEAREST = "nearest"


@dataclass(frozen=True)
class Package:
    """Chiplets placed on a graph.

    Args:
        name: what users call it.
        chiplets: one class per place; the index is the chiplet's number everywhere.
        links: undirected pairs of neighbours; each carries traffic both ways.
        interfaces: chiplets with a memory interface (SCAR Def. 3: the left and right columns).
        positions: (row, column) per chiplet, where the package is drawn on a grid; required for `xy`.
        routing: how traffic between chiplets that are not neighbours travels.
        link_bandwidth_bytes_s: each way on each link, and at most that into and out of a chiplet
            (Table II: 100 GB/s per chiplet).
        hop_latency_s, nop_energy_j_per_bit: per hop (Table II: 35 ns, 2.04 pJ/bit; per hop is our reading).
        dram_bandwidth_bytes_s: of the whole package (Table II: 64 GB/s; 'of the package' is our reading).
        dram_latency_s, dram_energy_j_per_bit: Table II: 200 ns, 14.8 pJ/bit.
        conflict_delay_s: the delta of SCAR III-E, for which the paper gives no formula; 0.
        delivery: whether one transfer serves several readers (`multicast`, as in the papers), or each has its own
            (`unicast`), from DRAM, too.
        interface_bandwidth: whether a region's DRAM traffic, which passes one memory interface, has all of the DRAM's
            bandwidth there (`shared`, as in the papers), or what the stacks at that interface have (`split`; an even
            share where there are no stacks).
        source: where the figures come from.
        memory: stacks of DRAM, where tensors lie as `placement` says. The three figures of DRAM above then follow from
            them (`memory.together`), and are not to be given; without stacks the DRAM is of any capacity.
        assumed: which figures are not published, and how they were chosen, a sentence each.
        memory_place: file and line where its memory stands, for messages; of no effect.
        chiplet_places: the same of each chiplet, or of its class; empty where it is in no file.
        own_links: ways of links that have figures of their own, in place of the three above, by source and target. A
            chiplet then lets as much out and in as the fastest link that leaves or enters it.
        board: per chiplet, the number of the package that it is in, where several are on a board; empty: all in one.
        placement: where tensors lie: over all stacks, in proportion to their bandwidth, or `nearest`: weights, and what
            a stage writes, at its own memory interface, from which whoever reads it later fetches it.
            `interface_bandwidth` then is `split`.
        notes: what its file has that is of no effect, a sentence each; packages that differ in it alone are equal.

    Raises:
        InputError: naming each field at fault: quantities out of range, links to nowhere, isolated chiplets.
    """

    name: str
    chiplets: tuple[Chiplet, ...]
    links: tuple[tuple[int, int], ...]
    interfaces: tuple[int, ...]
    positions: tuple[tuple[int, int], ...] | None = None
    routing: Routing = Routing.SHORTEST
    link_bandwidth_bytes_s: float = 100e9
    hop_latency_s: float = 35e-9
    nop_energy_j_per_bit: float = 2.04e-12
    dram_bandwidth_bytes_s: float = 64e9
    dram_latency_s: float = 200e-9
    dram_energy_j_per_bit: float = 14.8e-12
    conflict_delay_s: float = 0.0
    source: str = ""
    notes: tuple[str, ...] = field(default=(), compare=False)
    memory: tuple[Stack, ...] = ()
    assumed: tuple[str, ...] = ()
    memory_place: str = field(default="", compare=False)
    chiplet_places: tuple[str, ...] = field(default=(), compare=False)
    delivery: Delivery = Delivery.MULTICAST
    interface_bandwidth: Interfaces = Interfaces.SHARED
    own_links: tuple[OwnLink, ...] = ()
    board: tuple[int, ...] = ()
    placement: Placement = Placement.INTERLEAVED

    def __post_init__(self) -> None:
        settle(self, "package")
        faults = self._dram_faults() or self._faults()
        if faults:
            raise InputError([f"package '{self.name}': {wrong}" for _, wrong in faults], fields=faults)
        object.__setattr__(self, "links", tuple(sorted((min(a, b), max(a, b)) for a, b in self.links)))
        if self.own_links:
            object.__setattr__(self, "own_links", tuple(sorted(self.own_links, key=lambda each: each.ends)))
        for key, value in self._of_memory().items():
            object.__setattr__(self, key, value)
        if self.placement is Placement.NEAREST:  # a tensor that lies at one interface finds what is attached there
            object.__setattr__(self, "interface_bandwidth", Interfaces.SPLIT)

    def _of_memory(self) -> dict[str, float]:
        """The figures of DRAM that follow from the stacks; none without stacks."""
        return dict(zip(DRAM_FIGURES, together(self.memory)[:3], strict=True)) if self.memory else {}

    def _dram_faults(self) -> list[tuple[str, str]]:
        """Figures of DRAM that are given beside stacks and do not follow from them."""
        return [
            (key, f"{key}={getattr(self, key)} does not go with `memory`, whose stacks come to {value}; leave it out")
            for key, value in self._of_memory().items()
            if getattr(self, key) not in (value, getattr(Package, key))
        ]

    def _faults(self) -> list[tuple[str, str]]:
        """Fields at fault, each with what is wrong."""
        count = len(self.chiplets)
        if not count:
            return [("chiplets", "has no chiplets; give it at least one")]
        if count > MOST_CHIPLETS:
            return [("chiplets", f"has {count} chiplets; at most {MOST_CHIPLETS} are supported: use fewer")]
        faults = []
        for key in ("link_bandwidth_bytes_s", "dram_bandwidth_bytes_s"):
            if not (math.isfinite(getattr(self, key)) and getattr(self, key) > 0):
                faults.append((key, f"{key}={getattr(self, key)} is not a positive number; give one"))
        latencies = ("hop_latency_s", "dram_latency_s", "conflict_delay_s")
        for key in (*latencies, "nop_energy_j_per_bit", "dram_energy_j_per_bit"):
            if not (math.isfinite(getattr(self, key)) and getattr(self, key) >= 0):
                faults.append((key, f"{key}={getattr(self, key)} is negative or not a number; give 0 or more"))
        for a, b in self.links:
            if not (0 <= a < count and 0 <= b < count) or a == b:
                faults.append(("links", f"link {a}-{b} joins no two of its chiplets 0 to {count - 1}; name two"))
        if len({frozenset(link) for link in self.links}) < len(self.links):
            faults.append(("links", "lists a link twice; links are undirected: leave one out"))
        if not self.interfaces:
            faults.append(("interfaces", "has no memory interface; name at least one chiplet under `interfaces`"))
        if len(set(self.interfaces)) < len(self.interfaces):
            faults.append(("interfaces", "lists a memory interface twice; name each chiplet once"))
        for i in self.interfaces:
            if not 0 <= i < count:
                faults.append(("interfaces", f"interface {i} is no chiplet; they are numbered 0 to {count - 1}"))
        if self.memory:
            faults += [("memory", wrong) for wrong in attachment_faults(self.memory, self.interfaces)]
        faults += self._board_faults()
        if self.positions is not None:
            if len(self.positions) != count:
                wrong = f"gives {len(self.positions)} positions for {count} chiplets"
                faults.append(("positions", f"{wrong}; give one each"))
            elif len(set(self.positions)) < count:
                faults.append(("positions", "places two chiplets on one position; give each its own"))
        if faults:
            return faults
        reached = topology.reachable(count, self.links, 0)
        isolated = [i for i in range(count) if i not in reached]
        if isolated:
            which, it = ("chiplets", "them") if len(isolated) > 1 else ("chiplet", "it")
            numbers = ", ".join(map(str, isolated))
            faults.append(("links", f"{which} {numbers} cannot be reached from chiplet 0; add a link to {it}"))
        elif count**2 * (longest := self._span()) > MOST_STEPS:
            most = MOST_STEPS // count**2
            faults.append(
                (
                    "links",
                    f"leave {longest} links between its ends; of {count} chiplets at most {most} are supported: lay "
                    "them out more squarely, or use fewer",
                )
            )
        elif self.routing is Routing.XY:
            key = "positions" if self.positions is None else "routing"
            faults += [(key, wrong) for wrong in topology.xy_problems(self.positions, self.links)]
        return faults

    def _board_faults(self) -> list[tuple[str, str]]:
        """As `_faults`, of links with figures of their own and of packages on a board."""
        faults = [("own_links", wrong) for wrong in own_link_faults(self.own_links, self.links)]
        if self.board and (len(self.board) != len(self.chiplets) or min(self.board) < 0):
            wrong = f"gives the packages of {len(self.board)} chiplets of {len(self.chiplets)}; number them from 0"
            faults.append(("board", wrong))
        return faults

    def _span(self) -> int:
        """Links of a long route; at least half of the longest."""
        count = len(self.chiplets)
        if self.routing is not Routing.FASTEST or not self.own_links:
            return topology.span(count, self.links)
        directed = [pair for a, b in self.links for pair in ((a, b), (b, a))]
        usual = self.link_bandwidth_bytes_s, self.hop_latency_s, self.nop_energy_j_per_bit
        latencies_s = wiring(directed, usual, {link.ends: link for link in self.own_links}).latencies_s
        following = topology.next_fastest(count, directed, latencies_s)
        return int(topology.along(following, directed, np.ones(len(directed))).max())

    @cached_property
    def interface_bytes_s(self) -> Mapping[int, float]:
        """Per memory interface, bytes per second of the DRAM that pass it at most."""
        if self.interface_bandwidth is Interfaces.SHARED:
            return dict.fromkeys(self.interfaces, self.dram_bandwidth_bytes_s)
        if not self.memory:
            return dict.fromkeys(self.interfaces, self.dram_bandwidth_bytes_s / len(self.interfaces))
        shares: dict[int, list[float]] = {interface: [] for interface in self.interfaces}
        for stack in self.memory:
            for interface in stack.interfaces:
                shares[interface].append(stack.bandwidth_bytes_s / len(stack.interfaces))
        return {interface: math.fsum(own) for interface, own in shares.items()}

    @cached_property
    def interface_memory(self) -> Mapping[int, Together]:
        """Per memory interface, what is attached to it as one memory, for tensors that lie there alone."""
        if self.memory:
            return at_interfaces(self.memory, self.interfaces)
        own_bytes_s = self.dram_bandwidth_bytes_s / len(self.interfaces)
        own = Together(own_bytes_s, self.dram_latency_s, self.dram_energy_j_per_bit, None)
        return dict.fromkeys(self.interfaces, own)

    @property
    def capacity_bytes(self) -> int | None:
        """What the memory holds; None where that is not known."""
        if not self.memory:
            return None
        if self.placement is Placement.INTERLEAVED:
            return together(self.memory).capacity_bytes
        every = [own.capacity_bytes for own in self.interface_memory.values()]
        return None if None in every else sum(filter(None, every))

    def with_memory(self, memory: tuple[Stack, ...]) -> Package:
        """The package with these stacks in place of its memory."""
        return replace(self, memory=memory, **{key: getattr(Package, key) for key in DRAM_FIGURES})

    @cached_property
    def neighbours(self) -> tuple[tuple[int, ...], ...]:
        """Per chiplet, the chiplets one link away, ascending."""
        return topology.neighbours(len(self.chiplets), self.links)

    @cached_property
    def directed_links(self) -> tuple[tuple[int, int], ...]:
        """(from, to) of every link, both ways; a link's number is its place here."""
        return tuple(pair for a, b in self.links for pair in ((a, b), (b, a)))

    @cached_property
    def wiring(self) -> Wiring:
        """The figures of all directed links."""
        usual = self.link_bandwidth_bytes_s, self.hop_latency_s, self.nop_energy_j_per_bit
        return wiring(self.directed_links, usual, {link.ends: link for link in self.own_links})

    @cached_property
    def hop_matrix(self) -> Ints:
        """Links between each two chiplets along the route, shape (chiplets, chiplets). XY routes are shortest too."""
        if self.routing is Routing.FASTEST and not self.wiring.equal:
            ones = np.ones(len(self.directed_links))
            return _fixed(topology.along(self.next_chiplet, self.directed_links, ones).astype(np.int64))
        return _fixed(topology.hops(len(self.chiplets), self.links))

    @cached_property
    def late_hops(self) -> Floats:
        """The latency of each route in hops over the standard link (`Wiring.standard`), shape (chiplets, chiplets)."""
        return self._along(self.wiring.late)

    @property
    def distance(self) -> Floats:
        """By what memory interfaces are near: the latency of routes where these are the fastest, else their links."""
        return self.late_hops if self.routing is Routing.FASTEST else self.hop_matrix.astype(np.float64)

    @cached_property
    def joule_hops(self) -> Floats:
        """The energy of a bit on each route in hops over the standard link."""
        return self._along(self.wiring.joules)

    @cached_property
    def slow_routes(self) -> Floats:
        """How many times as long as on the standard link a byte takes on the slowest link of each route; at least 1."""
        if self.wiring.equal:
            return _fixed(np.ones((len(self.chiplets), len(self.chiplets))))
        return _fixed(np.maximum(1.0, topology.along(self.next_chiplet, self.directed_links, self.wiring.slow, True)))

    @cached_property
    def slow_ports(self) -> tuple[Floats, Floats]:
        """Per chiplet how many times as long as on the standard link a byte takes out of it, and into it: as on the
        fastest link that leaves or enters it."""
        ports = np.full((2, len(self.chiplets)), np.inf)
        for link, slow in zip(self.directed_links, self.wiring.slow.tolist(), strict=True):
            for way, chiplet in enumerate(link):
                ports[way, chiplet] = min(ports[way, chiplet], slow)
        ports[np.isinf(ports)] = 1.0
        return ports[0], ports[1]

    def _along(self, shares: Floats) -> Floats:
        if self.wiring.equal:
            return _fixed(self.hop_matrix.astype(np.float64))
        return _fixed(topology.along(self.next_chiplet, self.directed_links, shares))

    def link_bytes_s(self, link: tuple[int, int]) -> float:
        """Bytes per second of a directed link."""
        return float(self.wiring.bytes_s[self.directed_links.index(link)])

    def port_bytes_s(self, chiplet: int) -> tuple[float, float]:
        """Bytes per second out of a chiplet, and into it."""
        standard_bytes_s = self.wiring.standard.bandwidth_bytes_s
        out, into = (standard_bytes_s / float(slow[chiplet]) for slow in self.slow_ports)
        return out, into

    @cached_property
    def next_chiplet(self) -> Ints:
        """`[a, b]`: where traffic at a goes next on its way to b; `[a, a]` is a. Shape (chiplets, chiplets)."""
        if self.routing is Routing.XY:
            assert self.positions is not None
            return _fixed(topology.next_xy(self.positions))
        if self.routing is Routing.FASTEST and not self.wiring.equal:
            return _fixed(topology.next_fastest(len(self.chiplets), self.directed_links, self.wiring.latencies_s))
        return _fixed(topology.next_shortest(self.hop_matrix, self.links))

    @cached_property
    def routes(self) -> Mapping[int, tuple[tuple[int, ...], ...]]:
        """`routes[a][b]`: the chiplets that traffic from a to b visits, both ends included."""
        return _Routes(self.next_chiplet)

    def hops(self, source: int, target: int) -> int:
        """Links between two chiplets along the route."""
        return int(self.hop_matrix[source, target])

    @cached_property
    def nearest_interface(self) -> tuple[int, ...]:
        """Per chiplet, the memory interface it uses: nearest, then lowest index."""
        ascending = sorted(self.interfaces)
        nearest = self.distance[:, ascending].argmin(axis=1)
        return tuple(ascending[i] for i in nearest)

    def dram_hops(self, chiplet: int) -> int:
        """Links between a chiplet and its memory interface."""
        return self.hops(chiplet, self.nearest_interface[chiplet])

    def dram_way(self, chiplet: int) -> DramWay:
        """The way between a chiplet and its memory interface; the mean of both directions where they differ."""
        near = self.nearest_interface[chiplet]
        late, joules = (
            float(hops[chiplet, near] + hops[near, chiplet]) / 2 for hops in (self.late_hops, self.joule_hops)
        )
        return DramWay(late, joules, float(self.slow_ports[0][chiplet]) if near != chiplet else 0.0)

    @cached_property
    def classes(self) -> tuple[Chiplet, ...]:
        """The distinct chiplet classes, in order of first appearance."""
        return tuple(dict.fromkeys(self.chiplets))

    @cached_property
    def class_of(self) -> tuple[int, ...]:
        """Per chiplet, the index of its class in `classes`."""
        return tuple(self.classes.index(chiplet) for chiplet in self.chiplets)

    @cached_property
    def class_counts(self) -> tuple[int, ...]:
        """Per class, how many chiplets are of it."""
        return tuple(map(self.class_of.count, range(len(self.classes))))


class _Routes(dict[int, tuple[tuple[int, ...], ...]]):
    """Routes by source and target; those from a source are made when first asked for."""

    def __init__(self, next_chiplet: Ints) -> None:
        self._next_chiplet = next_chiplet

    def __missing__(self, source: int) -> tuple[tuple[int, ...], ...]:
        targets = range(len(self._next_chiplet))
        self[source] = tuple(topology.walk(self._next_chiplet, source, target) for target in targets)
        return self[source]


Matrix = TypeVar("Matrix", Ints, Floats)


def _fixed(matrix: Matrix) -> Matrix:
    matrix.setflags(write=False)
    return matrix
